"""Who sent an EDIFACT interchange: what an answer to it needs to know."""

from __future__ import annotations

import msgspec

from connectors.segments import Separators

DEFAULT_SEPARATORS = Separators(element="+", component=":", terminator="'", release="?")
"""What holds without UNA (ISO 9735, level A)."""

CHARSETS: dict[str, str] = {
    # 0001, syntax identifier
    "UNOA": "ascii",
    "UNOB": "ascii",
    "UNOC": "latin-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOF": "iso8859-7",
    "UNOG": "iso8859-3",
    "UNOH": "iso8859-4",
    "UNOI": "iso8859-6",
    "UNOJ": "iso8859-8",
    "UNOK": "iso8859-9",
    "UNOL": "iso8859-15",
    "UNOW": "utf-8",
    "UNOY": "utf-8",
}


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """The other side of an exchange, seen from us.

    Attributes:
        syntax: level (0001), `UNOC`; `syntax_version` (0002), `3`.
        identity: the partner's (0004) with its `qualifier` (0007); ours is `our_identity` (0010).
        control: of the interchange (0020).
        test: it is one (0035).
        separators: answers use the partner's own.
    """

    syntax: str = "UNOC"
    syntax_version: str = "3"
    identity: str
    qualifier: str = ""
    our_identity: str
    our_qualifier: str = ""
    control: str = ""
    test: bool = False
    separators: Separators = DEFAULT_SEPARATORS


class ElementNote(msgspec.Struct, frozen=True, kw_only=True):
    """A fault of an element, as UCD tells it (`code`: data element 0085)."""

    position: int
    component: int
    code: str


class SegmentNote(msgspec.Struct, frozen=True, kw_only=True):
    """A fault of a segment, as UCS tells it; UNH has position 1. Without a code UCDs have it."""

    position: int
    code: str
    elements: tuple[ElementNote, ...] = ()


class ReadMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it was read.

    Attributes:
        reference: its own (0062).
        identifier: what it is (S009): type, version, release, agency, association.
        document: the number of its order; None: it has none.
        code: what is wrong with UNH or UNT (0085), and in which of them (`service_tag`).
    """

    reference: str
    identifier: tuple[str, ...]
    document: str | None
    accepted: bool
    code: str = ""
    service_tag: str = ""
    segments: tuple[SegmentNote, ...] = ()


class ReadGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A functional group as it was read; without UNG `reference` is None."""

    reference: str | None
    sender: tuple[str, ...] = ()
    recipient: tuple[str, ...] = ()
    messages: tuple[ReadMessage, ...] = ()
    code: str = ""


class ReadInterchange(msgspec.Struct, frozen=True, kw_only=True):
    """An interchange as it was read."""

    partner: Partner
    groups: tuple[ReadGroup, ...] = ()
    code: str = ""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of EDIFACT was wrapped in."""

    interchanges: tuple[ReadInterchange, ...] = ()

    def sender_of(self, document: str) -> Partner:
        """Who sent an order's document.

        Raises:
            LookupError: no message of this file has that order.
        """
        for interchange in self.interchanges:
            for group in interchange.groups:
                if any(message.document == document for message in group.messages):
                    return interchange.partner
        raise LookupError(f"no message of this file tells of order {document!r}")

"""Who sent an X12 interchange: what an answer to it needs to know."""

from __future__ import annotations

import msgspec

from connectors.segments import Separators

DEFAULT_SEPARATORS = Separators(element="*", component=">", terminator="~")


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """The other side of an exchange, seen from us.

    Attributes:
        qualifier: of the interchange identity (ISA05); so is `our_qualifier` (ISA07).
        identity: the partner's (ISA06); ours is `our_identity` (ISA08).
        group_identity: the application's code of the partner (GS02); ours `our_group_identity`.
        version: of the interchange (ISA12), `00401`.
        release: of the transaction sets (GS08), `004010`.
        control: the interchange's control number (ISA13).
        usage: T test, P production (ISA15).
        separators: answers use the partner's own.
    """

    qualifier: str
    identity: str
    our_qualifier: str
    our_identity: str
    group_identity: str
    our_group_identity: str
    version: str = "00401"
    release: str = "004010"
    control: str = ""
    usage: str = "P"
    separators: Separators = DEFAULT_SEPARATORS


class ElementNote(msgspec.Struct, frozen=True, kw_only=True):
    """A fault of an element, as AK4 tells it (`code`: data element 723)."""

    position: int
    reference: str
    code: str
    value: str


class SegmentNote(msgspec.Struct, frozen=True, kw_only=True):
    """A fault of a segment, as AK3 tells it (`code`: data element 720); ST has position 1."""

    tag: str
    position: int
    code: str
    elements: tuple[ElementNote, ...] = ()


class ReadSet(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction set as it was read.

    Attributes:
        document: the number of its order; None: it has none, or it is no order.
        purchase_order: BEG03 or BCH03; so is `release_number` BEG04 or BCH04.
        accepted: it was taken, whatever is noted.
        codes: faults of the set as a whole (data element 718).
    """

    kind: str
    control: str
    document: str | None
    purchase_order: str = ""
    release_number: str = ""
    accepted: bool
    codes: tuple[str, ...] = ()
    segments: tuple[SegmentNote, ...] = ()


class ReadGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A functional group as it was read (`codes`: data element 716; `declared`: GE01)."""

    functional: str
    control: str
    partner: Partner
    declared: int
    sets: tuple[ReadSet, ...]
    codes: tuple[str, ...] = ()


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What a file of X12 was wrapped in."""

    groups: tuple[ReadGroup, ...] = ()

    def sender_of(self, document: str) -> tuple[Partner, ReadSet]:
        """Who sent an order's document, and what it was.

        Raises:
            LookupError: no transaction set of this file has that order.
        """
        for group in self.groups:
            for one in group.sets:
                if one.document == document:
                    return group.partner, one
        raise LookupError(f"no transaction set of this file tells of order {document!r}")

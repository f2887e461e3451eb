"""The nesting of EDIFACT: interchanges, groups, messages, and their counts and references.

Whatever is wrong with an envelope while its content can be read is a warning: the order is taken
and looked at. A message without its end is an error: nobody knows what is missing.
"""

from __future__ import annotations

import re

import msgspec

from connectors.edifact.partner import DEFAULT_SEPARATORS, Partner
from connectors.edifact.tags import ALL_TAGS
from connectors.faults import Faults, Level
from connectors.options import ReadOptions
from connectors.segments import (
    Scanner,
    Segment,
    Separators,
    Text,
)
from connectors.values import count

MAX_SEGMENTS = 250_000
_START = re.compile("UNA|UNB[^A-Za-z0-9 \r\n]|UNH[^A-Za-z0-9 \r\n]")
_ADVICE_CHARACTERS = 9
_LEVEL_B = Separators(element="\x1d", component="\x1f", terminator="\x1c")
_REPETITION_SINCE = "4"

MISSING, WRONG_REFERENCE, WRONG_COUNT = "13", "28", "29"
"""0085: missing, references do not match, control count does not match."""


class Message:
    """A message: UNH, what it says, UNT."""

    def __init__(self, header: Segment) -> None:
        self.header = header
        self.segments: list[Segment] = [header]
        self.faults = Faults(header)
        self.reference = header.get(1)
        self.identifier = header.components(2)
        self.kind = self.identifier[0] if self.identifier else ""
        self.document: str | None = None
        self.service_tag = ""

    @property
    def label(self) -> str:
        """What problems call it when no order number can be read in it."""
        return self.document or f"UNH {self.reference}".strip()


class Group:
    """A functional group: UNG, messages, UNE; or the messages of an interchange without groups."""

    def __init__(self, header: Segment | None) -> None:
        self.header = header
        self.messages: list[Message] = []
        self.references: set[str] = set()
        self.code = ""


class Interchange:
    """An interchange: UNB, groups or messages, UNZ."""

    def __init__(self, header: Segment | None, separators: Separators) -> None:
        self.header = header
        self.groups: list[Group] = []
        self.code = ""
        sender = header.components(2) if header is not None else ()
        recipient = header.components(3) if header is not None else ()
        syntax = header.components(1) if header is not None else ()
        self.sent = header.components(4) if header is not None else ()
        self.partner = Partner(
            syntax=syntax[0] if syntax and syntax[0] else "UNOC",
            syntax_version=syntax[1] if len(syntax) > 1 else "3",
            identity=sender[0] if sender else "",
            qualifier=sender[1] if len(sender) > 1 else "",
            our_identity=recipient[0] if recipient else "",
            our_qualifier=recipient[1] if len(recipient) > 1 else "",
            control=header.get(5) if header is not None else "",
            test=header.get(11) == "1" if header is not None else False,
            separators=separators,
        )


class Walk:
    """Goes through a file once and sorts its segments into interchanges, groups and messages.

    Attributes:
        interchanges: in the order of the bytes.
        faults: of what surrounds the messages.
    """

    def __init__(self, text: Text, options: ReadOptions) -> None:
        self.interchanges: list[Interchange] = []
        self.faults = Faults()
        self._options = options
        self._wrapped_told = False
        self._scanner = Scanner(text, ALL_TAGS)
        self._separators = DEFAULT_SEPARATORS
        self._advised = False
        self._interchange: Interchange | None = None
        self._group: Group | None = None
        self._message: Message | None = None
        self._messages = 0

    def run(self) -> None:
        """Read the file to its end, or to where it stops being one."""
        passed = self._scanner.skip_to(_START)
        if passed is None:
            self.faults.error(
                "interchange_missing",
                "no UNB segment is in this file, so it is no EDIFACT interchange",
                None,
                level=Level.INTERCHANGE,
            )
            return
        if passed.strip("\ufeff \t\r\n\x00"):
            self.faults.warning(
                "text_before_interchange",
                "something stands before UNA and UNB and was passed over",
                None,
                level=Level.INTERCHANGE,
                value=passed.strip(),
            )
        while not self._scanner.at_end(self._separators.terminator):
            if self._scanner.starts_with("UNA"):
                self._advice()
                continue
            segment = self._next()
            if segment is None or not self._sort(segment):
                return
        self._close_interchange(None)
        if not self.interchanges:
            self.faults.error(
                "interchange_missing",
                "nothing follows UNA: no UNB segment is in this file",
                None,
                level=Level.INTERCHANGE,
            )

    def _advice(self) -> None:
        """UNA: the separators of the interchange that follows."""
        marks = self._scanner.window(_ADVICE_CHARACTERS)
        length = _ADVICE_CHARACTERS
        distinct = len({marks[3:4], marks[4:5], marks[8:9]}) == len("+:'")
        if len(marks) < _ADVICE_CHARACTERS or not distinct or "\x00" in marks:
            self.faults.warning(
                "separators_unreadable",
                "UNA is cut off or names one character twice; the usual separators were tried",
                None,
                level=Level.INTERCHANGE,
                value=marks,
            )
            self._scanner.skip(len("UNA"))
            return
        terminator = marks[8]
        if terminator in "\r\n" and "'" in self._scanner.window(400):
            terminator, length = "'", _ADVICE_CHARACTERS - 1
        self._separators = Separators(
            component=marks[3],
            element=marks[4],
            decimal=marks[5],
            release=marks[6] if marks[6] != " " else None,
            repetition=marks[7] if marks[7] not in {" ", marks[3], marks[4]} else None,
            terminator=terminator,
        )
        self._advised = True
        self._scanner.skip(length)

    def _next(self) -> Segment | None:
        """The next segment; at UNB the separators change."""
        if self._scanner.starts_with("UNB"):
            self._interchange_separators()
        segment = self._scanner.take(self._separators)
        faults = self._message.faults if self._message is not None else self.faults
        if not segment.terminated:
            problem = (
                "the file ends without a segment terminator"
                if self._scanner.at_end()
                else "no terminator ends it; it was taken to end before the next segment"
            )
            faults.warning("terminator_missing", problem, segment, standard="18")
        if segment.too_long:
            faults.error("segment_too_long", "no segment is as long as this one", segment)
            self.faults.error("segment_too_long", "the file was not read further", segment)
            return None
        if segment.has_line_breaks:
            self._line_breaks(segment, faults)
        if segment.has_control_characters:
            faults.warning(
                "control_character",
                "characters that are no text stand in this segment; they became blanks",
                segment,
                standard="21",
            )
        return segment

    def _interchange_separators(self) -> None:
        if not self._advised:
            following = self._scanner.window(4)[3:]
            self._separators = _LEVEL_B if following == "\x1d" else DEFAULT_SEPARATORS
        version = self._scanner.window(16).partition(self._separators.component or ":")[2][:1]
        marks = self._separators
        if version < _REPETITION_SINCE:
            self._separators = msgspec.structs.replace(marks, repetition=None)
        elif marks.repetition is None and not self._advised:
            self._separators = msgspec.structs.replace(marks, repetition="*")
        self._advised = False

    def _line_breaks(self, segment: Segment, faults: Faults) -> None:
        """Lines break within a segment: usual in a file that is wrapped, suspicious in others."""
        if not self._scanner.is_wrapped:
            faults.warning(
                "line_break",
                "a line breaks within this segment, as if a terminator were missing; its parts"
                " were joined",
                segment,
                standard="21",
            )
        elif not self._wrapped_told:
            self._wrapped_told = True
            self.faults.note(
                "wrapped", "the file's lines break anywhere; they were joined", segment
            )

    def _sort(self, segment: Segment) -> bool:
        """Put a segment where it belongs; False: enough has been read."""
        if segment.number > MAX_SEGMENTS:
            self.faults.error(
                "too_many_segments", f"a file may have {MAX_SEGMENTS} segments", segment
            )
            return False
        match segment.tag:
            case "UNB":
                self._close_interchange(None)
                self._open_interchange(segment)
            case "UNG":
                self._close_group(None)
                return self._take_group(segment)
            case "UNH":
                self._close_message(None)
                return self._open_message(segment)
            case "UNT":
                self._close_message(segment)
            case "UNE":
                self._close_group(segment)
            case "UNZ":
                self._close_interchange(segment)
            case _ if self._message is not None:
                self._message.segments.append(segment)
            case _:
                self.faults.warning(
                    "segment_out_of_place",
                    "it stands outside of a message and was passed over",
                    segment,
                )
        return True

    def _take_group(self, segment: Segment) -> bool:
        groups = self._current().groups
        if len(groups) >= self._options.max_orders:
            self.faults.error(
                "too_many_groups", f"a file may have {self._options.max_orders} groups", segment
            )
            return False
        self._group = Group(segment)
        groups.append(self._group)
        return True

    def _open_interchange(self, segment: Segment | None) -> Interchange:
        opened = Interchange(segment, self._separators)
        self.interchanges.append(opened)
        self._interchange = opened
        if segment is not None and not opened.partner.identity:
            self.faults.warning(
                "mandatory_missing",
                "the sender of the interchange (UNB, S002) is missing",
                segment,
                level=Level.INTERCHANGE,
                element=2,
            )
            opened.code = MISSING
        return opened

    def _current(self) -> Interchange:
        """The interchange that is open; one without UNB where there is none."""
        if self._interchange is not None:
            return self._interchange
        self.faults.warning(
            "interchange_header_missing",
            "something stands outside of an interchange: UNB is missing",
            None,
            level=Level.INTERCHANGE,
        )
        return self._open_interchange(None)

    def _open_message(self, segment: Segment) -> bool:
        self._messages += 1
        if self._messages > self._options.max_orders:
            self.faults.error(
                "too_many_orders", f"a file may have {self._options.max_orders} messages", segment
            )
            return False
        interchange = self._current()
        group = self._group
        if group is None:
            if interchange.groups and interchange.groups[-1].header is None:
                group = interchange.groups[-1]
            else:
                group = Group(None)
                interchange.groups.append(group)
        opened = Message(segment)
        if opened.reference in group.references:
            opened.faults.warning(
                "control_number_twice",
                "another message has the same reference (UNH 0062)",
                segment,
                level=Level.MESSAGE,
                element=1,
                standard="26",
            )
        group.references.add(opened.reference)
        group.messages.append(opened)
        self._message = opened
        return True

    def _close_message(self, trailer: Segment | None) -> None:
        current, self._message = self._message, None
        if current is None:
            if trailer is not None:
                self.faults.warning(
                    "segment_out_of_place", "UNT ends a message that never began", trailer
                )
            return
        if trailer is None:
            current.service_tag = "UNT"
            current.faults.error(
                "trailer_missing",
                "UNT is missing: the message was cut off, and nobody knows what is missing",
                current.segments[-1],
                level=Level.MESSAGE,
                standard=MISSING,
                tag="UNT",
            )
            return
        current.segments.append(trailer)
        check_trailer(current, trailer)

    def _close_group(self, trailer: Segment | None) -> None:
        self._close_message(None)
        group, self._group = self._group, None
        if group is None or group.header is None:
            if trailer is not None:
                self.faults.warning(
                    "segment_out_of_place", "UNE ends a group that never began", trailer
                )
            return
        if trailer is None:
            group.code = MISSING
            self.faults.warning(
                "trailer_missing", "UNE is missing: nothing ends this group", group.header
            )
            return
        group.code = self._compare(
            trailer, ("UNE", "UNG", "messages"), len(group.messages), group.header.get(5)
        )

    def _close_interchange(self, trailer: Segment | None) -> None:
        self._close_group(None)
        interchange, self._interchange = self._interchange, None
        if interchange is None or interchange.header is None:
            if trailer is not None:
                self.faults.warning(
                    "segment_out_of_place", "UNZ ends an interchange that never began", trailer
                )
            return
        if trailer is None:
            interchange.code = MISSING
            self.faults.warning(
                "trailer_missing",
                "UNZ is missing: nothing ends this interchange",
                interchange.header,
            )
            return
        groups = [group for group in interchange.groups if group.header is not None]
        messages = sum(len(group.messages) for group in interchange.groups)
        interchange.code = self._compare(
            trailer,
            ("UNZ", "UNB", "groups" if groups else "messages"),
            len(groups) if groups else messages,
            interchange.header.get(5),
        )

    def _compare(
        self, trailer: Segment, names: tuple[str, str, str], there: int, reference: str
    ) -> str:
        """A trailer against what is there and against its header; what is wrong (0085)."""
        tag, header, things = names
        code = ""
        if count(trailer.get(1)) != there:
            code = WRONG_COUNT
            self.faults.warning(
                "count_wrong",
                f"{tag} counts {trailer.get(1) or 'no'} {things}, and {there} are there",
                trailer,
                level=Level.GROUP,
                element=1,
            )
        if trailer.get(2) != reference:
            code = WRONG_REFERENCE
            self.faults.warning(
                "control_number_wrong",
                f"{tag} has the reference {trailer.get(2)!r}, and {header} has {reference!r}",
                trailer,
                level=Level.GROUP,
                element=2,
            )
        return code


def check_trailer(current: Message, trailer: Segment) -> None:
    """UNT against what is there: the count of segments, the reference."""
    declared, actual = count(trailer.get(1)), len(current.segments)
    if declared != actual:
        current.service_tag = "UNT"
        current.faults.warning(
            "count_wrong",
            f"UNT counts {trailer.get(1) or 'no'} segments, and {actual} are there",
            trailer,
            level=Level.MESSAGE,
            element=1,
            standard=WRONG_COUNT,
        )
        if declared is not None and declared > actual:
            find_swallowed(current)
    if trailer.get(2) != current.reference:
        current.service_tag = "UNT"
        current.faults.warning(
            "control_number_wrong",
            f"UNT has the reference {trailer.get(2)!r}, and UNH has {current.reference!r}",
            trailer,
            level=Level.MESSAGE,
            element=2,
            standard=WRONG_REFERENCE,
        )


def find_swallowed(current: Message) -> None:
    """Segments are missing by UNT's count: find one that no terminator parts from the next."""
    for segment in current.segments:
        for at, value in enumerate(segment.elements[1:-1], start=1):
            tag = value[-3:]
            if tag in ALL_TAGS and tag != value and not value.endswith(f":{tag}"):
                current.faults.error(
                    "terminator_missing",
                    f"a terminator seems to be missing before {tag}: UNT counts more segments"
                    " than are there, and this element ends with a tag",
                    segment,
                    element=at,
                    standard="18",
                )
                return

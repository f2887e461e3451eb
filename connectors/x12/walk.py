"""The nesting of X12: interchanges, functional groups, transaction sets, and their counts.

Whatever is wrong with an envelope while its content can be read is a warning: the order is taken
and looked at. A transaction set without its end is an error: nobody knows what is missing.
"""

from __future__ import annotations

import re

from connectors.faults import Faults, Level
from connectors.options import ReadOptions
from connectors.segments import (
    Scanner,
    Segment,
    Separators,
    Text,
)
from connectors.values import count
from connectors.x12.interchange import header_at
from connectors.x12.partner import DEFAULT_SEPARATORS, Partner
from connectors.x12.tags import ALL_TAGS

MAX_SEGMENTS = 250_000
_START = re.compile("ISA[^A-Za-z0-9 \r\n]")


class TransactionSet:
    """A transaction set: ST, what it says, SE."""

    def __init__(self, header: Segment) -> None:
        self.header = header
        self.segments: list[Segment] = [header]
        self.faults = Faults(header)
        self.kind = header.get(1)
        self.control = header.get(2)
        self.document: str | None = None
        self.purchase_order = ""
        self.release_number = ""

    @property
    def label(self) -> str:
        """What problems call it when no order number can be read in it."""
        return self.document or f"ST {self.control}".strip()


class Group:
    """A functional group: GS, transaction sets, GE."""

    def __init__(self, header: Segment | None, partner: Partner) -> None:
        self.header = header
        self.partner = partner
        self.functional = header.get(1) if header is not None else ""
        self.control = header.get(6) if header is not None else ""
        self.sets: list[TransactionSet] = []
        self.controls: set[str] = set()
        self.declared: int | None = None
        self.codes: list[str] = []


class Walk:
    """Goes through a file once and sorts its segments into groups and transaction sets.

    Attributes:
        groups: of all interchanges, in the order of the bytes.
        faults: of what surrounds the transaction sets.
    """

    def __init__(self, text: Text, options: ReadOptions) -> None:
        self.groups: list[Group] = []
        self.faults = Faults()
        self._options = options
        self._wrapped_told = False
        self._scanner = Scanner(text, ALL_TAGS)
        self._separators: Separators | None = None
        self._interchange: Segment | None = None
        self._interchange_groups = 0
        self._group: Group | None = None
        self._set: TransactionSet | None = None
        self._sets = 0

    def run(self) -> None:
        """Read the file to its end, or to where it stops being one."""
        passed = self._scanner.skip_to(_START)
        if passed is None:
            self.faults.error(
                "interchange_missing",
                "no ISA segment is in this file, so it is no X12 interchange",
                None,
                level=Level.INTERCHANGE,
            )
            return
        if passed.strip("\ufeff \t\r\n\x00"):
            self.faults.warning(
                "text_before_interchange",
                "something stands before ISA and was passed over",
                None,
                level=Level.INTERCHANGE,
                value=passed.strip(),
            )
        while not self._scanner.at_end(self._separators.terminator if self._separators else ""):
            segment = self._next()
            if segment is None or not self._sort(segment):
                return
        self._close_interchange(None)

    def _next(self) -> Segment | None:
        """The next segment; at ISA the separators change."""
        length: int | None = None
        header = header_at(self._scanner) if self._scanner.starts_with("ISA") else None
        if header is not None:
            self._separators = header.separators
            length = None if header.terminated else header.length
        if self._separators is None:
            self.faults.error(
                "separators_unreadable",
                "the separators cannot be told from ISA: it has fewer than 16 elements, or"
                " nothing ends it",
                None,
                level=Level.INTERCHANGE,
                value=self._scanner.window(106),
            )
            return None
        segment = self._scanner.take(self._separators, length)
        faults = self._set.faults if self._set is not None else self.faults
        if not segment.terminated:
            self._unterminated(segment)
        if header is not None:
            if header.wrong_widths:
                self.faults.warning(
                    "interchange_width",
                    "ISA has fixed widths, and this element has another one; it was read by its"
                    " separators",
                    segment,
                    level=Level.INTERCHANGE,
                    element=header.wrong_widths[0],
                )
            if header.lacks_component:
                self.faults.warning(
                    "component_separator_missing",
                    "ISA16 is empty; components cannot be told apart",
                    segment,
                    level=Level.INTERCHANGE,
                    element=16,
                )
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
                standard="8",
            )
        return segment

    def _unterminated(self, segment: Segment) -> None:
        faults = self._set.faults if self._set is not None else self.faults
        if self._scanner.at_end():
            problem = "the file ends without a segment terminator"
        else:
            problem = "no segment terminator ends it; it was taken to end before the next segment"
        faults.warning("terminator_missing", problem, segment, standard="8")

    def _line_breaks(self, segment: Segment, faults: Faults) -> None:
        """Lines break within a segment: usual in a file that is wrapped, suspicious in others."""
        if not self._scanner.is_wrapped:
            faults.warning(
                "line_break",
                "a line breaks within this segment, as if a terminator were missing; its parts"
                " were joined",
                segment,
                standard="8",
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
            case "ISA":
                self._close_interchange(None)
                self._interchange = segment
                self._interchange_groups = 0
            case "GS":
                self._close_group(None)
                return self._take_group(segment)
            case "ST":
                self._close_set(None)
                return self._open_set(segment)
            case "SE":
                self._close_set(segment)
            case "GE":
                self._close_group(segment)
            case "IEA":
                self._close_interchange(segment)
            case "TA1" if self._set is None:
                self.faults.note("interchange_acknowledged", "TA1 was passed over", segment)
            case _ if self._set is not None:
                self._set.segments.append(segment)
            case _:
                self.faults.warning(
                    "segment_out_of_place",
                    "it stands outside of a transaction set and was passed over",
                    segment,
                )
        return True

    def _take_group(self, segment: Segment) -> bool:
        if len(self.groups) >= self._options.max_orders:
            self.faults.error(
                "too_many_groups", f"a file may have {self._options.max_orders} groups", segment
            )
            return False
        self._open_group(segment)
        return True

    def _open_group(self, segment: Segment | None) -> Group:
        header = self._interchange
        interchange = [header.get(at) if header is not None else "" for at in range(17)]
        names = [segment.get(at) if segment is not None else "" for at in range(9)]
        if segment is not None and header is None:
            self.faults.warning(
                "segment_out_of_place", "it stands outside of an interchange", segment
            )
        group = Group(
            segment,
            Partner(
                qualifier=interchange[5],
                identity=interchange[6],
                our_qualifier=interchange[7],
                our_identity=interchange[8],
                group_identity=names[2] or interchange[6],
                our_group_identity=names[3] or interchange[8],
                version=interchange[12] or "00401",
                release=names[8] or "004010",
                control=interchange[13],
                usage=interchange[15] or "P",
                separators=self._separators or DEFAULT_SEPARATORS,
            ),
        )
        self.groups.append(group)
        self._group = group
        self._interchange_groups += 1
        return group

    def _open_set(self, segment: Segment) -> bool:
        group = self._group
        if group is None:
            self.faults.warning(
                "group_header_missing", "it stands outside of a functional group", segment
            )
            group = self._open_group(None)
        self._sets += 1
        if self._sets > self._options.max_orders:
            self.faults.error(
                "too_many_orders",
                f"a file may have {self._options.max_orders} transaction sets",
                segment,
            )
            return False
        opened = TransactionSet(segment)
        if opened.control in group.controls:
            opened.faults.warning(
                "control_number_twice",
                "another transaction set of this group has the same control number",
                segment,
                level=Level.MESSAGE,
                element=2,
                standard="23",
            )
        group.controls.add(opened.control)
        group.sets.append(opened)
        self._set = opened
        return True

    def _close_set(self, trailer: Segment | None) -> None:
        current, self._set = self._set, None
        if current is None:
            if trailer is not None:
                self.faults.warning(
                    "segment_out_of_place", "SE ends a transaction set that never began", trailer
                )
            return
        if trailer is None:
            current.faults.error(
                "trailer_missing",
                "SE is missing: the transaction set was cut off, and nobody knows what is missing",
                current.segments[-1],
                level=Level.MESSAGE,
                standard="2",
                tag="SE",
            )
            return
        current.segments.append(trailer)
        check_trailer(current, trailer)

    def _close_group(self, trailer: Segment | None) -> None:
        self._close_set(None)
        group, self._group = self._group, None
        if group is None or group.header is None:
            if trailer is not None:
                self.faults.warning(
                    "segment_out_of_place", "GE ends a group that never began", trailer
                )
            return
        if trailer is None:
            group.codes.append("3")
            self.faults.warning(
                "trailer_missing", "GE is missing: nothing ends this group", group.header
            )
            return
        group.declared = count(trailer.get(1))
        if group.declared != len(group.sets):
            group.codes.append("5")
            self.faults.warning(
                "count_wrong",
                f"GE01 counts {trailer.get(1) or 'no'} transaction sets, and {len(group.sets)} are"
                " there",
                trailer,
                level=Level.GROUP,
                element=1,
            )
        if trailer.get(2) != group.control:
            group.codes.append("4")
            self.faults.warning(
                "control_number_wrong",
                f"GE02 is {trailer.get(2)!r}, and GS06 is {group.control!r}",
                trailer,
                level=Level.GROUP,
                element=2,
            )

    def _close_interchange(self, trailer: Segment | None) -> None:
        self._close_group(None)
        header, self._interchange = self._interchange, None
        if header is None:
            if trailer is not None:
                self.faults.warning(
                    "segment_out_of_place", "IEA ends an interchange that never began", trailer
                )
            return
        if trailer is None:
            self.faults.warning(
                "trailer_missing", "IEA is missing: nothing ends this interchange", header
            )
            return
        if count(trailer.get(1)) != self._interchange_groups:
            self.faults.warning(
                "count_wrong",
                f"IEA01 counts {trailer.get(1) or 'no'} groups, and {self._interchange_groups}"
                " are there",
                trailer,
                level=Level.INTERCHANGE,
                element=1,
            )
        if trailer.get(2) != header.get(13):
            self.faults.warning(
                "control_number_wrong",
                f"IEA02 is {trailer.get(2)!r}, and ISA13 is {header.get(13)!r}",
                trailer,
                level=Level.INTERCHANGE,
                element=2,
            )


def check_trailer(current: TransactionSet, trailer: Segment) -> None:
    """SE against what is there: the count of segments, the control number."""
    declared, actual = count(trailer.get(1)), len(current.segments)
    if declared != actual:
        current.faults.warning(
            "count_wrong",
            f"SE01 counts {trailer.get(1) or 'no'} segments, and {actual} are there",
            trailer,
            level=Level.MESSAGE,
            element=1,
            standard="4",
        )
        if declared is not None and declared > actual:
            find_swallowed(current)
    if trailer.get(2) != current.control:
        current.faults.warning(
            "control_number_wrong",
            f"SE02 is {trailer.get(2)!r}, and ST02 is {current.control!r}",
            trailer,
            level=Level.MESSAGE,
            element=2,
            standard="3",
        )


def find_swallowed(current: TransactionSet) -> None:
    """Segments are missing by SE's count: find one that a terminator does not part from the next.

    `DTM*002*20140804PO1*2*…` has a tag at the end of an element that others follow.
    """
    for segment in current.segments:
        for at, value in enumerate(segment.elements[1:-1], start=1):
            tag = next((value[-size:] for size in (3, 2) if value[-size:] in ALL_TAGS), value)
            if tag != value:
                current.faults.error(
                    "terminator_missing",
                    f"a terminator seems to be missing before {tag}: SE counts more segments than"
                    " are there, and this element ends with a tag",
                    segment,
                    element=at,
                    standard="8",
                )
                return

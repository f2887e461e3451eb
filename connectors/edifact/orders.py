"""Messages ORDERS and ORDCHG as orders.

Numbers: an ORDERS is called by its own number (BGM 1004). An ORDCHG has a number of its own there
and names the order in RFF+ON; without RFF+ON it is called by its own.

Functions (1225): 1 and 3 cancel; 4 changes; 5 replaces, as a whole order (ORDERS) or as a change
that names every line (ORDCHG). Others tell the order, or, in an ORDCHG, a change.

Versions: an order told for the first time has version 0. Everything else has the document's date
(DTM+137) in epoch milliseconds, taken as UTC; without one, the revision (BGM C106 1060) if it is a
number; without that, the interchange's time.
"""

from __future__ import annotations

from decimal import Decimal

from connectors.edifact.codes import (
    CANCELLATION,
    CHANGE,
    DOCUMENT_DATES,
    LINE_ACTIONS,
    ORIGINAL,
    REPLACEMENT,
)
from connectors.edifact.dates import milliseconds, moment
from connectors.edifact.lines import DECIMAL_MARKS, MAX_CODE_CHARACTERS, Dates, LineLoop
from connectors.edifact.parties import LOOP, PartyLoop, with_customer
from connectors.edifact.tags import ALL_TAGS, ORDER_TAGS
from connectors.edifact.walk import Group, Interchange, Message
from connectors.faults import Faults
from connectors.options import ReadOptions
from connectors.segments import Segment
from connectors.values import count, number
from domain.documents import DocumentKind, DocumentLine, LineAction, OrderDocument, Party

RUSH_ORDER, RUSH_PRIORITY = "224", 8
"""1001: a rush order; 8 is where planning begins to treat an order as one, unless told else."""

_LINES, _QUANTITIES = "2", "1"
"""6069, control: number of lines, total of the lines' quantities."""


class OrderReader:
    """Reads one message from BGM to UNT."""

    def __init__(
        self, current: Message, interchange: Interchange, group: Group, options: ReadOptions
    ) -> None:
        self._message = current
        self._interchange = interchange
        self._group = group
        self._options = options
        self._faults: Faults = current.faults
        self._is_change = current.kind == "ORDCHG"
        self._parties: list[Party] = []
        self._party: PartyLoop | None = None
        self._loops: list[LineLoop] = []
        self._line: LineLoop | None = None
        self._positions: set[str] = set()
        self._dates = Dates()
        self._notes: list[str] = []
        self._currency = ""
        self._references: dict[str, str] = {}
        self._in_summary = False
        self._in_subline = False
        self._line_segments = 0
        self._default_action = LineAction.CHANGE if self._is_change else LineAction.ADD
        self._passed_over: dict[str, int] = {}

    def read(self) -> OrderDocument | None:
        """The order; None: something is wrong that makes it unsure."""
        segments = self._message.segments
        header = segments[1] if len(segments) > 1 else None
        if header is None or header.tag != "BGM":
            self._faults.error(
                "mandatory_missing",
                "BGM must follow UNH, and it is missing",
                header if header is not None else segments[0],
                standard="13",
                tag="BGM",
            )
            return None
        number_there = header.component(2, 1)
        self._message.document = number_there[:MAX_CODE_CHARACTERS] or None
        if header.get(3) in CHANGE:
            self._default_action = LineAction.CHANGE
        body = segments[2:-1] if segments[-1].tag == "UNT" else segments[2:]
        for segment in body:
            if not self._take(segment):
                return None
        self._end_party()
        self._name(header, number_there)
        kind, replaces = self._purpose(header)
        lines = self._lines(kind)
        self._note_passed_over()
        if self._faults.has_errors or kind is None:
            return None
        return self._document(header, kind, replaces=replaces, lines=lines)

    def _name(self, header: Segment, number_there: str) -> None:
        """Which order it is about."""
        called = number_there
        if self._is_change:
            called = self._references.get("ON") or called
        if not called:
            self._faults.error(
                "mandatory_missing",
                "the order's number (BGM 1004) is missing",
                header,
                element=2,
                component=1,
                standard="13",
            )
        elif len(called) > MAX_CODE_CHARACTERS:
            self._faults.error(
                "too_long",
                f"an order number has {MAX_CODE_CHARACTERS} characters at most",
                header,
                element=2,
                component=1,
                standard="39",
            )
        self._message.document = called[:MAX_CODE_CHARACTERS] or None

    def _take(self, segment: Segment) -> bool:
        """Read one segment; False: enough has been read."""
        tag = segment.tag
        if tag not in ORDER_TAGS:
            self._faults.warning(
                "segment_unknown",
                f"{tag!r} is no segment of {self._message.kind}; it was passed over",
                segment,
                standard="15" if tag in ALL_TAGS else "18",
            )
        elif tag == "LIN":
            self._end_party()
            return self._open_line(segment)
        elif tag == "UNS":
            self._end_party()
            self._in_summary = segment.get(1) == "S"
        elif tag == "CNT":
            self._in_summary = True
            self._check_totals(segment)
        elif self._line is not None and not self._in_summary:
            if not self._in_subline:
                self._line.add(segment)
        else:
            self._take_header(segment)
        return True

    def _take_header(self, segment: Segment) -> None:
        if self._party is not None and segment.tag in LOOP:
            self._party.add(segment)
            return
        self._end_party()
        match segment.tag:
            case "NAD":
                self._party = PartyLoop(segment)
            case "DTM":
                self._dates.add(segment, self._faults)
            case "CUX":
                self._currency = self._currency or segment.component(1, 2)
            case "RFF":
                self._references.setdefault(segment.component(1, 1), segment.component(1, 2))
            case "FTX":
                text = " ".join(part for part in segment.components(4) if part)
                if text:
                    self._notes.append(text)
            case _:
                self._passed_over[segment.tag] = self._passed_over.get(segment.tag, 0) + 1

    def _end_party(self) -> None:
        if self._party is not None:
            self._parties.append(self._party.party())
            self._party = None

    def _open_line(self, segment: Segment) -> bool:
        """A line begins."""
        if self._in_summary:
            self._faults.warning(
                "segment_out_of_place", "a line stands behind the totals", segment, standard="15"
            )
            self._in_summary = False
        self._line_segments += 1
        if self._line_segments > self._options.max_lines:
            self._faults.error(
                "too_many_lines", f"an order may have {self._options.max_lines} lines", segment
            )
            return False
        self._in_subline = bool(segment.get(4))
        if self._in_subline:
            self._faults.warning(
                "detail_passed_over",
                "a sub-line (a part of another line) is not taken over",
                segment,
                element=4,
            )
            if self._line is not None:
                return True
            self._in_subline = False
        position = segment.get(1) or str(self._line_segments)
        if position in self._positions:
            self._faults.error(
                "position_twice",
                f"another line of this order has number {position!r}",
                segment,
                element=1,
                standard="12",
            )
        if len(position) > MAX_CODE_CHARACTERS or (self._is_change and not segment.get(1)):
            self._faults.error(
                "line_unnamed",
                "the line has no number, or a much too long one; nobody can say which it is",
                segment,
                element=1,
                standard="12",
            )
        self._positions.add(position)
        self._line = LineLoop(
            segment, position=position, action=self._action(segment), faults=self._faults
        )
        self._loops.append(self._line)
        return True

    def _action(self, segment: Segment) -> LineAction:
        """What LIN wants of its line (1229)."""
        code = segment.get(2)
        if not code:
            return self._default_action
        action = LINE_ACTIONS.get(code)
        if self._default_action is LineAction.ADD and action is LineAction.CHANGE:
            return LineAction.ADD
        if action is None or (
            self._default_action is LineAction.ADD and action is LineAction.CANCEL
        ):
            self._faults.error(
                "code_unknown",
                f"{code!r} is nothing that can be wanted of a line here",
                segment,
                element=2,
                standard="12",
            )
            return self._default_action
        return action

    def _check_totals(self, segment: Segment) -> None:
        """CNT: how many lines there are, and the sum of their quantities."""
        kind, text = segment.component(1, 1), segment.component(1, 2)
        told = number(text, decimal_marks=DECIMAL_MARKS)
        if kind == _LINES and told != len(self._loops) and told != self._line_segments:
            self._faults.warning(
                "count_wrong",
                f"CNT counts {text or 'no'} lines, and {len(self._loops)} are there",
                segment,
                element=1,
                component=2,
                standard="29",
            )
        if kind == _QUANTITIES and told is not None:
            everything = sum((loop.quantities for loop in self._loops), Decimal(0))
            ordered = sum((loop.ordered for loop in self._loops), Decimal(0))
            if told not in {everything, ordered}:
                self._faults.warning(
                    "total_wrong",
                    f"CNT has a total of {text}, and the quantities make {ordered}",
                    segment,
                    element=1,
                    component=2,
                    standard="29",
                )

    def _purpose(self, header: Segment) -> tuple[DocumentKind | None, bool]:
        """What the document wants, and whether it replaces what was before."""
        function = header.get(3)
        if function in CANCELLATION:
            return DocumentKind.CANCEL, False
        if function in CHANGE:
            return DocumentKind.CHANGE, False
        if function in REPLACEMENT or function in ORIGINAL:
            kind = DocumentKind.CHANGE if self._is_change else DocumentKind.ORDER
            return kind, function in REPLACEMENT
        self._faults.error(
            "code_unknown",
            f"{function!r} is no function of an order that is known here (BGM 1225)",
            header,
            element=3,
            standard="12",
        )
        return None, False

    def _lines(self, kind: DocumentKind | None) -> tuple[DocumentLine, ...]:
        lines = [line for loop in self._loops for line in loop.lines()]
        if not lines and kind is DocumentKind.ORDER:
            self._faults.error(
                "mandatory_missing",
                "the order has no line (LIN)",
                self._message.segments[-1],
                standard="13",
                tag="LIN",
            )
        currencies = {loop.currency for loop in self._loops if loop.currency}
        if not self._currency and len(currencies) == 1:
            self._currency = currencies.pop()
        elif currencies - {self._currency}:
            self._faults.warning(
                "currencies_differ",
                "lines have other currencies than the order; the prices are taken as they are",
                self._loops[0].segment,
            )
        self._notes += [note for loop in self._loops for note in loop.notes]
        return tuple(lines)

    def _note_passed_over(self) -> None:
        if self._passed_over:
            tags = ", ".join(
                f"{tag} ({times})" if times > 1 else tag
                for tag, times in sorted(self._passed_over.items())
            )
            self._faults.note(
                "passed_over", f"segments without a meaning here: {tags}", self._message.header
            )

    def _document(
        self,
        header: Segment,
        kind: DocumentKind,
        *,
        replaces: bool,
        lines: tuple[DocumentLine, ...],
    ) -> OrderDocument:
        partner = self._interchange.partner
        issued = self._dates.first(DOCUMENT_DATES)
        group = self._group.header.get(5) if self._group.header is not None else ""
        parts = (partner.control, group, self._message.reference)
        is_new = kind is DocumentKind.ORDER and not replaces
        return OrderDocument(
            kind=kind,
            source=self._options.source or f"edifact:{partner.identity}",
            number=self._message.document or "",
            version=0 if is_new else self._version(header),
            message="/".join(part for part in parts if part),
            issued=issued,
            parties=with_customer(self._parties, partner),
            currency=self._currency or None,
            customer_reference=self._references.get("CR") or None,
            due=self._dates.due(),
            lines=() if kind is DocumentKind.CANCEL else lines,
            complete=replaces and kind is DocumentKind.CHANGE,
            priority=RUSH_PRIORITY if header.component(1, 1) == RUSH_ORDER else None,
            notes=tuple(self._notes),
        )

    def _version(self, header: Segment) -> int:
        told = milliseconds(self._dates.first(DOCUMENT_DATES[:1]))
        if told:
            return told
        revision = count(header.component(2, 3))
        if revision is not None:
            return revision
        sent = self._interchange.sent
        text = "".join(sent[:2])
        return milliseconds(moment(text))

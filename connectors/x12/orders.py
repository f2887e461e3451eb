"""Transaction sets 850 and 860 as orders.

Numbers: an order is called by its purchase order number (BEG03, BCH03); a release against a
blanket order (BEG04, BCH04) is an order of its own, `4500001/7`.

Versions: an 850 has version 0, one that replaces an earlier one (BEG01 05) the time of its group
(GS04, GS05) in epoch milliseconds. An 860 has its change order sequence number (BCH05); without
one, the date of the change (BCH11, else BCH10) in epoch milliseconds, at the group's time of day
where it is the group's day; without a date, the group's time. A partner keeps to one way.

Purposes (BEG01, BCH01): 01 cancels, 04 changes, 05 replaces: as a whole order (850), or as a change
that names every line (860). All others tell an order.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from connectors.faults import Faults, Level
from connectors.options import ReadOptions
from connectors.segments import Segment
from connectors.values import count, number
from connectors.x12.codes import CANCELLATION, CHANGE, NEW_ORDER, REPLACEMENT
from connectors.x12.dates import milliseconds, moment
from connectors.x12.lines import (
    MAX_CODE_CHARACTERS,
    PO1,
    POC,
    Dates,
    LineLoop,
    action_of,
)
from connectors.x12.parties import LOOP, PartyLoop, with_customer
from connectors.x12.tags import ALL_TAGS, CHANGE_TAGS, PURCHASE_ORDER_TAGS
from connectors.x12.walk import Group, TransactionSet
from domain.documents import DocumentKind, DocumentLine, Due, LineAction, OrderDocument, Party

RUSH_PRIORITY = 8
"""Of rush orders (BEG02 RO): where planning begins to treat an order as one, unless told else."""

_SUMMARY = frozenset({"CTT", "AMT", "SE"})


class OrderReader:
    """Reads one transaction set from BEG or BCH to SE."""

    def __init__(self, current: TransactionSet, group: Group, options: ReadOptions) -> None:
        self._set = current
        self._group = group
        self._options = options
        self._faults: Faults = current.faults
        self._is_change = current.kind == "860"
        self._begin = ("BCH", "POC") if self._is_change else ("BEG", "PO1")
        self._known = CHANGE_TAGS if self._is_change else PURCHASE_ORDER_TAGS
        self._parties: list[Party] = []
        self._party: PartyLoop | None = None
        self._loops: list[LineLoop] = []
        self._line: LineLoop | None = None
        self._line_segments = 0
        self._hash = Decimal(0)
        self._dates = Dates()
        self._notes: list[str] = []
        self._currency = ""
        self._reference = ""
        self._positions: set[str] = set()
        self._default_action = LineAction.ADD
        self._in_summary = False
        self._passed_over: dict[str, int] = {}

    def read(self) -> OrderDocument | None:
        """The order; None: something is wrong that makes it unsure."""
        segments = self._set.segments
        header = segments[1] if len(segments) > 1 else None
        if header is None or header.tag != self._begin[0]:
            self._faults.error(
                "mandatory_missing",
                f"{self._begin[0]} must follow ST, and it is missing",
                header if header is not None else segments[0],
                standard="3",
                tag=self._begin[0],
            )
            return None
        self._name(header)
        if header.get(1) == CHANGE:
            self._default_action = LineAction.CHANGE
        body = segments[2:-1] if segments[-1].tag == "SE" else segments[2:]
        for segment in body:
            if not self._take(segment):
                return None
        self._end_party()
        kind, complete = self._purpose(header)
        lines = self._lines(kind)
        self._note_passed_over()
        if self._faults.has_errors or kind is None:
            return None
        return self._document(header, kind, complete=complete, lines=lines)

    def _name(self, header: Segment) -> None:
        """Which order it is about."""
        purchase_order, release = header.get(3), header.get(4)
        self._set.purchase_order, self._set.release_number = purchase_order, release
        if not purchase_order:
            self._faults.error(
                "mandatory_missing",
                f"{header.tag}03, the purchase order number, is missing",
                header,
                element=3,
                standard="1",
            )
            return
        if len(purchase_order) + len(release) > MAX_CODE_CHARACTERS:
            self._faults.error(
                "too_long",
                f"an order number has {MAX_CODE_CHARACTERS} characters at most",
                header,
                element=3,
                standard="5",
            )
            self._set.document = purchase_order[:MAX_CODE_CHARACTERS]
            return
        self._set.document = f"{purchase_order}/{release}" if release else purchase_order

    def _take(self, segment: Segment) -> bool:
        """Read one segment; False: enough has been read."""
        tag = segment.tag
        if tag not in self._known:
            self._unknown(segment)
        elif tag == self._begin[1]:
            self._end_party()
            return self._open_line(segment)
        elif tag in _SUMMARY:
            self._end_party()
            self._in_summary = True
            if tag == "CTT":
                self._check_totals(segment)
        elif self._line is not None and not self._in_summary:
            self._line.add(segment)
        else:
            self._take_header(segment)
        return True

    def _unknown(self, segment: Segment) -> None:
        self._faults.warning(
            "segment_unknown",
            f"{segment.tag!r} is no segment of {self._set.kind}; it was passed over",
            segment,
            standard="2" if segment.tag in ALL_TAGS else "1",
        )

    def _take_header(self, segment: Segment) -> None:
        if self._party is not None and segment.tag in LOOP and segment.tag != "N1":
            self._party.add(segment)
            return
        self._end_party()
        match segment.tag:
            case "N1":
                self._party = PartyLoop(segment, self._faults)
            case "DTM":
                self._dates.add(segment, self._faults)
            case "CUR":
                self._currency = self._currency or segment.get(2)
            case "REF" if segment.get(1) == "CO":
                self._reference = segment.get(2)
            case "MSG":
                if segment.get(1):
                    self._notes.append(segment.get(1))
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
                "segment_out_of_place", "a line stands behind the totals", segment, standard="7"
            )
            self._in_summary = False
        self._line_segments += 1
        if self._line_segments > self._options.max_lines:
            self._faults.error(
                "too_many_lines", f"an order may have {self._options.max_lines} lines", segment
            )
            return False
        columns = POC if self._is_change else PO1
        self._hash += number(segment.get(columns.quantity)) or Decimal(0)
        action = action_of(segment, self._faults) if self._is_change else self._default_action
        position = segment.get(1)
        if not position and self._is_change:
            self._faults.error(
                "mandatory_missing",
                "POC01 is missing: nobody can say which line is changed",
                segment,
                element=1,
                standard="1",
            )
        position = position or str(self._line_segments)
        if position in self._positions:
            self._faults.error(
                "position_twice",
                f"another line of this order has position {position!r}",
                segment,
                element=1,
                standard="7",
            )
        self._positions.add(position)
        self._line = LineLoop(
            segment,
            position=position,
            action=action or LineAction.CHANGE,
            columns=columns,
            faults=self._faults,
        )
        self._loops.append(self._line)
        return True

    def _check_totals(self, segment: Segment) -> None:
        """CTT: how many lines there are, and the sum of their quantities."""
        declared = count(segment.get(1))
        if declared != self._line_segments:
            self._faults.warning(
                "count_wrong",
                f"CTT01 counts {segment.get(1) or 'no'} lines, and {self._line_segments} are there",
                segment,
                element=1,
                standard="7" if segment.get(1) else "1",
            )
        total = segment.get(2)
        if total and number(total) != self._hash:
            self._faults.warning(
                "total_wrong",
                f"CTT02 is {total}, and the quantities make {self._hash.normalize():f}",
                segment,
                element=2,
                standard="7",
            )

    def _purpose(self, header: Segment) -> tuple[DocumentKind | None, bool]:
        """What the document wants, and whether it names every line."""
        match header.get(1):
            case code if code == CANCELLATION:
                return DocumentKind.CANCEL, False
            case code if code == CHANGE:
                return DocumentKind.CHANGE, False
            case code if code == REPLACEMENT:
                return (DocumentKind.CHANGE if self._is_change else DocumentKind.ORDER), True
            case code if code in NEW_ORDER:
                return (DocumentKind.CHANGE if self._is_change else DocumentKind.ORDER), False
            case code:
                self._faults.error(
                    "code_unknown" if code else "mandatory_missing",
                    f"{code!r} is no purpose of an order that is known here"
                    if code
                    else f"{header.tag}01, the purpose, is missing",
                    header,
                    element=1,
                    standard="7" if code else "1",
                )
                return None, False

    def _lines(self, kind: DocumentKind | None) -> tuple[DocumentLine, ...]:
        lines = [line for loop in self._loops for line in loop.lines()]
        if not lines and kind is DocumentKind.ORDER:
            self._faults.error(
                "mandatory_missing",
                f"the order has no line ({self._begin[1]})",
                self._set.segments[-1],
                standard="3",
                tag=self._begin[1],
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
                "passed_over", f"segments without a meaning here: {tags}", self._set.header
            )

    def _document(
        self,
        header: Segment,
        kind: DocumentKind,
        *,
        complete: bool,
        lines: tuple[DocumentLine, ...],
    ) -> OrderDocument:
        partner = self._group.partner
        return OrderDocument(
            kind=kind,
            source=self._options.source or f"x12:{partner.identity}",
            number=self._set.document or "",
            version=self._version(header, kind, replaces=complete),
            message=f"{partner.control}/{self._group.control}/{self._set.control}",
            issued=self._issued(header),
            parties=with_customer(self._parties, partner),
            currency=self._currency or None,
            customer_reference=self._customer_reference(),
            due=self._dates.due(),
            lines=() if kind is DocumentKind.CANCEL else lines,
            complete=complete and kind is DocumentKind.CHANGE,
            priority=RUSH_PRIORITY if header.get(2) == "RO" else None,
            notes=tuple(self._notes),
        )

    def _customer_reference(self) -> str | None:
        if self._set.release_number:
            return self._set.purchase_order
        return self._reference or None

    def _issued(self, header: Segment) -> Due | None:
        """The document's date: BEG05; of a change BCH11, BCH10 or else the order's, BCH06."""
        for element in (11, 10, 6) if self._is_change else (5,):
            if text := header.get(element):
                if (told := moment(text)) is not None:
                    return told
                self._bad_date(header, element)
        if not header.get(6 if self._is_change else 5):
            self._bad_date(header, 6 if self._is_change else 5)
        return None

    def _bad_date(self, header: Segment, element: int) -> None:
        text = header.get(element)
        self._faults.warning(
            "date_wrong" if text else "mandatory_missing",
            f"{text!r} is no date of the calendar (CCYYMMDD)" if text else "the date is missing",
            header,
            element=element,
            standard="8" if text else "1",
        )

    def _version(self, header: Segment, kind: DocumentKind, *, replaces: bool) -> int:
        group = self._group.header
        sent = moment(group.get(4), group.get(5)) if group is not None else None
        if not self._is_change:
            return milliseconds(sent) if replaces or kind is not DocumentKind.ORDER else 0
        sequence = count(header.get(5))
        if sequence is not None:
            return sequence
        asked = moment(header.get(11)) or moment(header.get(10))
        if asked is None:
            return milliseconds(sent)
        if isinstance(sent, datetime) and sent.date() == asked:
            return milliseconds(sent)
        return milliseconds(asked)


def check_functional_group(current: TransactionSet, group: Group) -> None:
    """Orders come in groups PO, changes in groups PC."""
    wanted = "PC" if current.kind == "860" else "PO"
    if group.header is not None and group.functional != wanted:
        current.faults.warning(
            "group_wrong",
            f"{current.kind} stands in a group {wanted}, not {group.functional!r}",
            current.header,
            level=Level.MESSAGE,
            element=1,
        )

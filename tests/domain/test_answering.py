"""Our word on an order, beside what its documents asked for: dates, quantities, units, statuses."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from domain.answering import Asked, Dispatch, Gone, LineNow, asked, order_answer, ship_notice
from domain.documents import (
    AnsweredLine,
    AnswerStatus,
    DocumentKind,
    DocumentLine,
    Format,
    LineAction,
    Name,
    NameScheme,
    OrderAnswer,
    OrderDocument,
)
from domain.outbound import DocumentKind as OutboundKind
from domain.outbound import digest, wanted
from domain.units import UNITS, code_of, unit_of

ZONE = ZoneInfo("Asia/Shanghai")
DUE = datetime(2026, 12, 11, 15, 59, 59, tzinfo=UTC)
"""The end of 2026-12-11 in Shanghai."""
AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def document(kind: DocumentKind = DocumentKind.ORDER, **more: Any) -> OrderDocument:
    given: dict[str, Any] = {"due": date(2026, 12, 11)} if kind is DocumentKind.ORDER else {}
    return OrderDocument(kind=kind, source="x12:1", number="PO-1", **{**given, **more})


def wish(position: str = "1", quantity: str | None = "120", **more: Any) -> DocumentLine:
    return DocumentLine(
        position=position, quantity=None if quantity is None else Decimal(quantity), **more
    )


def told_by(*documents: OrderDocument, spoken: Format = Format.X12) -> Asked:
    found = asked(spoken, documents)
    assert found is not None
    return found


def now(**more: Any) -> LineNow:
    given: dict[str, Any] = {
        "id": 7,
        "number": 1,
        "position": "1",
        "item": "BRACKET",
        "description": None,
        "quantity": Decimal(120),
        "unit": "pcs",
        "unit_as_told": "EA",
        "price": None,
        "price_basis": Decimal(1),
        "due": DUE,
        "promised": None,
        "expected": None,
        "state": "confirmed",
        "reason": None,
    }
    return LineNow(**{**given, **more})


def answer(told: Asked, *lines: LineNow) -> OrderAnswer:
    return order_answer(told, lines, our_number="SO-1", answered_at=AT, zone=ZONE, replaces=False)


def only(told: Asked, **more: Any) -> AnsweredLine:
    return answer(told, now(**more)).lines[0]


class TestDates:
    told = told_by(document(lines=(wish(),)))

    def test_a_day_that_was_not_moved_stays_the_documents_day(self) -> None:
        line = only(self.told)
        assert (line.status, line.confirmed_due) == (AnswerStatus.ACCEPTED, date(2026, 12, 11))

    @pytest.mark.parametrize(
        ("expected", "given", "status"),
        [
            (DUE - timedelta(days=3), date(2026, 12, 11), AnswerStatus.ACCEPTED),
            (DUE, date(2026, 12, 11), AnswerStatus.ACCEPTED),
            # one second later it is the next day in Shanghai, and still the 11th in UTC
            (DUE + timedelta(seconds=1), date(2026, 12, 12), AnswerStatus.CHANGED),
        ],
    )
    def test_a_plan_that_ends_on_a_later_day_is_told(
        self, expected: datetime, given: date, status: AnswerStatus
    ) -> None:
        line = only(self.told, expected=expected)
        assert (line.confirmed_due, line.status) == (given, status)

    def test_what_is_produced_is_not_late_any_more(self) -> None:
        line = only(self.told, expected=DUE + timedelta(days=9), state="produced")
        assert line.status is AnswerStatus.ACCEPTED

    def test_what_was_agreed_goes_before_what_is_wanted(self) -> None:
        promised = DUE + timedelta(days=2)
        line = only(self.told, promised=promised)
        assert (line.status, line.confirmed_due) == (AnswerStatus.CHANGED, promised)

    def test_a_document_without_a_date_is_told_ours(self) -> None:
        line = only(told_by(document(due=None, lines=(wish(),))))
        assert (line.status, line.confirmed_due) == (AnswerStatus.ACCEPTED, DUE)


class TestQuantities:
    def test_in_the_partners_unit_exactly(self) -> None:
        told = told_by(document(lines=(wish(quantity="30", unit="FT"),)))
        line = only(told, quantity=Decimal("9.144"), unit="m", unit_as_told="FT")
        assert (line.confirmed_quantity, line.unit, line.status) == (
            Decimal(30),
            "FT",
            AnswerStatus.ACCEPTED,
        )

    def test_what_has_no_exact_number_there_is_told_in_ours(self) -> None:
        told = told_by(document(lines=(wish(quantity="30", unit="FT"),)))
        line = only(told, quantity=Decimal(9), unit="m", unit_as_told="FT")
        assert (line.confirmed_quantity, line.unit) == (Decimal(9), "MR")
        assert line.status is AnswerStatus.CHANGED

    def test_the_newest_wish_counts(self) -> None:
        change = document(DocumentKind.CHANGE, lines=(wish(quantity="150"),))
        told = told_by(document(lines=(wish(),)), change)
        assert only(told, quantity=Decimal(150)).status is AnswerStatus.ACCEPTED
        assert only(told, quantity=Decimal(120)).status is AnswerStatus.CHANGED

    def test_what_a_change_leaves_out_stays(self) -> None:
        names = (Name(NameScheme.BUYER, "NW-1"),)
        change = document(DocumentKind.CHANGE, lines=(wish(quantity=None, due=date(2027, 1, 1)),))
        told = told_by(document(lines=(wish(names=names),)), change)
        line = told.lines["1"]
        assert (line.quantity, line.names, line.due) == (Decimal(120), names, date(2027, 1, 1))


class TestStatuses:
    def test_what_we_cancel_is_refused_and_what_they_cancel_is_not(self) -> None:
        mine = told_by(document(lines=(wish(),)))
        line = only(mine, state="cancelled", reason="not made any more")
        assert (line.status, line.confirmed_quantity, line.reason) == (
            AnswerStatus.REJECTED,
            Decimal(0),
            "not made any more",
        )
        cancel = wish(quantity=None, action=LineAction.CANCEL)
        change = document(DocumentKind.CHANGE, lines=(cancel,))
        theirs = told_by(document(lines=(wish(),)), change)
        assert only(theirs, state="cancelled").status is AnswerStatus.CHANGED
        whole = told_by(document(lines=(wish(),)), document(DocumentKind.CANCEL))
        assert only(whole, state="cancelled").status is AnswerStatus.CHANGED

    def test_an_order_is_what_all_its_lines_are(self) -> None:
        told = told_by(document(lines=(wish(), wish("2"))))
        both = (now(), now(id=8, number=2, position="2", state="cancelled"))
        assert answer(told, *both).status is AnswerStatus.CHANGED
        assert answer(told, both[0]).status is AnswerStatus.ACCEPTED
        assert answer(told, both[1]).status is AnswerStatus.REJECTED

    def test_a_change_alone_is_no_order(self) -> None:
        assert asked(Format.X12, [document(DocumentKind.CHANGE, lines=(wish(),))]) is None


class TestSameAgain:
    def test_the_time_and_that_it_replaces_are_nothing_new(self) -> None:
        told = answer(told_by(document(lines=(wish(),))), now())
        later = msgspec.structs.replace(told, answered_at=AT + timedelta(days=1), replaces=True)
        assert digest(told) == digest(later)
        other = answer(told_by(document(lines=(wish(),))), now(quantity=Decimal(119)))
        assert digest(told) != digest(other)


def test_a_shipment_is_told_in_the_partners_unit() -> None:
    told = told_by(document(lines=(wish(quantity="30", unit="FT"),)))
    line = now(quantity=Decimal("9.144"), unit="m", unit_as_told="FT")
    dispatch = Dispatch(
        number=2,
        shipped_at=AT,
        expected_at=None,
        carrier=None,
        tracking_number=None,
        gone=(Gone(line_id=7, quantity=Decimal("3.048")),),
    )
    notice = ship_notice(told, [line], dispatch, our_number="SO-1", replaces=False)
    (shipped,) = notice.lines
    assert (notice.shipment, notice.number) == ("SO-1-2", "PO-1")
    assert (shipped.quantity, shipped.ordered_quantity, shipped.unit) == (
        Decimal(10),
        Decimal(30),
        "FT",
    )
    assert shipped.names == (Name(NameScheme.SUPPLIER, "BRACKET"),)


def test_which_documents_there_are() -> None:
    assert wanted(Format.X12, None) == {OutboundKind.ORDER_ANSWER, OutboundKind.SHIP_NOTICE}
    assert wanted(Format.X12, ["ship_notice"]) == {OutboundKind.SHIP_NOTICE}
    assert wanted(Format.SAP_IDOC, None) == set(OutboundKind)
    assert wanted(Format.CSV, None) == frozenset()


@pytest.mark.parametrize("spoken", [Format.X12, Format.EDIFACT, Format.SAP_IDOC])
def test_a_units_code_means_the_unit(spoken: Format) -> None:
    for name in UNITS:
        code = code_of(name, spoken)
        assert unit_of(code, spoken) == name or code == name

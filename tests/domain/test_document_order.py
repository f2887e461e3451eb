"""Which document of an order wins, and what its values come to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import document_storage
from domain.document_order import Apply, Create, KnownOrder, Leave, Outcome, decide, digest
from domain.document_values import amount_of, day_of, faults, moment_of
from domain.documents import (
    DocumentKind,
    DocumentLine,
    Format,
    LineAction,
    Name,
    NameScheme,
    OrderDocument,
    Party,
    PartyRole,
)


def document(kind: DocumentKind = DocumentKind.ORDER, **more: Any) -> OrderDocument:
    line = DocumentLine(position="1", quantity=Decimal(5), place="segment 7")
    plain = OrderDocument(kind=kind, source="s", number="n", lines=(line,))
    return msgspec.structs.replace(plain, **more)


ORDER, CHANGE, CANCEL = DocumentKind.ORDER, DocumentKind.CHANGE, DocumentKind.CANCEL


class TestDeciding:
    @pytest.mark.parametrize(
        ("kind", "version", "known", "expected"),
        [
            (ORDER, 0, None, Create()),
            (ORDER, 7, None, Create()),
            (CHANGE, 2, None, Outcome.WAITING),
            (CANCEL, 2, None, Outcome.WAITING),
            (ORDER, 2, KnownOrder(version=1), Apply(whole=True)),
            (ORDER, 1, KnownOrder(version=2), Outcome.OUTDATED),
            (ORDER, 1, KnownOrder(version=1), Outcome.CONFLICT),
            (ORDER, 0, KnownOrder(version=0), Outcome.CONFLICT),
            (ORDER, 0, KnownOrder(version=9), Outcome.CONFLICT),
            (ORDER, 3, KnownOrder(version=None), Outcome.CONFLICT),
            (CHANGE, 2, KnownOrder(version=1), Apply(whole=False)),
            (CHANGE, 2, KnownOrder(version=None), Apply(whole=False)),
            (CHANGE, 1, KnownOrder(version=2), Outcome.OUTDATED),
            (CHANGE, 2, KnownOrder(version=2), Outcome.CONFLICT),
            (CHANGE, 0, KnownOrder(version=0), Apply(whole=False)),
            (CHANGE, 0, KnownOrder(version=0, unversioned_change=True), Outcome.CONFLICT),
            (CHANGE, 0, KnownOrder(version=3), Outcome.CONFLICT),
            (CANCEL, 4, KnownOrder(version=3), Apply(whole=False)),
        ],
    )
    def test_the_table(
        self,
        kind: DocumentKind,
        version: int,
        known: KnownOrder | None,
        expected: Create | Apply | Outcome,
    ) -> None:
        decision = decide(document(kind, version=version), known)
        if isinstance(decision, Leave):
            assert decision.outcome == expected
            assert decision.reason
        else:
            assert decision == expected

    @given(st.permutations([1, 2, 3, 4, 5]))
    def test_whatever_the_order_of_arrival_the_newest_stands(self, versions: list[int]) -> None:
        known: KnownOrder | None = None
        for version in versions:
            decision = decide(document(version=version), known)
            if isinstance(decision, Create | Apply):
                known = KnownOrder(version=version)
        assert known == KnownOrder(version=5)


class TestDigest:
    def test_the_envelope_does_not_count_and_the_content_does(self) -> None:
        one = document(message="1")
        moved = (msgspec.structs.replace(one.lines[0], place="segment 99"),)
        assert digest(one) == digest(document(message="2", lines=moved))
        more = (msgspec.structs.replace(one.lines[0], quantity=Decimal(6)),)
        assert digest(one) != digest(document(lines=more))


class TestDates:
    def test_a_day_ends_by_the_plants_clock(self) -> None:
        shanghai, berlin = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
        assert moment_of(date(2026, 11, 30), shanghai) == datetime(
            2026, 11, 30, 15, 59, 59, tzinfo=UTC
        )
        assert moment_of(date(2026, 7, 1), berlin) == datetime(2026, 7, 1, 21, 59, 59, tzinfo=UTC)
        assert moment_of(date(2026, 12, 1), berlin) == datetime(2026, 12, 1, 22, 59, 59, tzinfo=UTC)

    def test_a_time_without_an_offset_is_the_plants_and_one_with_means_itself(self) -> None:
        zone = ZoneInfo("Asia/Shanghai")
        naive = datetime(2026, 1, 2, 8, 0)  # noqa: DTZ001 - as documents have them
        assert moment_of(naive, zone) == datetime(2026, 1, 2, 0, 0, tzinfo=UTC)
        aware = datetime(2026, 1, 2, 20, 0, tzinfo=timezone(timedelta(hours=-5)))
        assert moment_of(aware, zone) == datetime(2026, 1, 3, 1, 0, tzinfo=UTC)
        assert day_of(aware, zone) == date(2026, 1, 3)


class TestAmounts:
    def test_zeros_and_exponents_do_not_matter(self) -> None:
        amount = amount_of(Decimal("1.500E+3"), None, "pcs", Format.X12)
        assert (str(amount.quantity), amount.unit, amount.problem) == ("1500", "pcs", None)

    def test_what_cannot_be_said_in_the_items_unit_stays_as_told(self) -> None:
        amount = amount_of(Decimal(4), "BX", "pcs", Format.X12)
        assert (amount.quantity, amount.unit) == (Decimal(4), "box")
        assert amount.problem is not None
        assert amount.problem[0] == "unit_not_convertible"

    def test_a_unit_of_the_items_own_needs_no_list(self) -> None:
        amount = amount_of(Decimal(4), "spool", "spool", Format.CSV)
        assert (amount.unit, amount.problem) == ("spool", None)


class TestFaults:
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"number": ""}, "number_unusable"),
            ({"number": "x" * 101}, "number_unusable"),
            ({"source": "a\x00b"}, "source_unusable"),
            ({"version": -1}, "version_unusable"),
            ({"version": 2**63}, "version_unusable"),
            ({"lines": ()}, "no_lines"),
            ({"due": date(1999, 1, 1)}, "date_unusable"),
            ({"priority": 2**31}, "priority_unusable"),
        ],
    )
    def test_what_no_row_holds_is_told(self, change: dict[str, Any], code: str) -> None:
        assert [fault.code for fault in faults(document(**change))] == [code]

    @pytest.mark.parametrize("text", ["0", "-1", "NaN", "Infinity", "1E+9", "0.0000001", "1E+999"])
    def test_quantities_that_are_none(self, text: str) -> None:
        line = DocumentLine(position="1", quantity=Decimal(text), place="row 3")
        (fault,) = faults(document(lines=(line,)))
        assert (fault.code, fault.place) == ("quantity_unusable", "row 3")

    def test_a_cancelled_line_needs_no_quantity(self) -> None:
        line = DocumentLine(position="1", action=LineAction.CANCEL)
        assert faults(document(DocumentKind.CHANGE, lines=(line,))) == []


class TestStorage:
    def test_a_document_comes_back_as_it_was(self) -> None:
        party = Party(
            role=PartyRole.SOLD_TO, role_code="BY", names=(Name(NameScheme.GLN, "4"),), name="A"
        )
        line = DocumentLine(
            position="1",
            quantity=Decimal("1.50"),
            due=datetime(2026, 1, 2, 8, 0),  # noqa: DTZ001 - as documents have them
        )
        told = document(
            parties=(party,),
            lines=(line,),
            issued=date(2026, 1, 1),
            due=datetime(2026, 1, 3, tzinfo=UTC),
            notes=("a", "b"),
        )
        stored = msgspec.json.decode(msgspec.json.encode(document_storage.written(told)))
        assert document_storage.read(stored) == told

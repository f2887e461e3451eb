"""What the audit log says of lines, in the shapes in which it is written."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec import UNSET
from report_cases import DAY, T0

from domain.reports.audit_trail import Entry, line_changes


def entry(before: dict[str, Any] | None, after: dict[str, Any] | None) -> Entry:
    return Entry(number=7, at_ms=T0, by_customer=True, before=before, after=after)


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat()


class TestLineChanges:
    def test_dates_and_quantities(self) -> None:
        old = {"number": 10, "quantity": 5, "due_at": iso(T0)}
        new = {**old, "quantity": 2.5, "due_at": iso(T0 + DAY).replace("+00:00", "Z")}
        found = line_changes(entry({"lines": [old]}, {"lines": [new]}))
        (change,) = found.changed.values()
        assert (change.number, change.at_ms, change.by_customer) == (7, T0, True)
        assert change.due == (T0, T0 + DAY)
        assert change.quantity == (Decimal(5), Decimal("2.5"))
        assert change.cancelled is UNSET

    def test_a_date_that_was_none(self) -> None:
        old = {"number": 1, "due_at": None}
        found = line_changes(
            entry({"lines": [old]}, {"lines": [{**old, "due_at": "2026-01-05T08:00:00+08:00"}]})
        )
        assert found.changed[1].due == (None, T0)

    def test_cancelled_and_added_lines(self) -> None:
        before = {"lines": [{"number": 1, "state": "confirmed"}]}
        after = {
            "lines": [
                {"number": 1, "state": "cancelled"},
                {"number": 2, "quantity": 3, "due_at": None, "added": True},
            ]
        }
        found = line_changes(entry(before, after))
        assert found.changed[1].cancelled == (False, True)
        assert found.added == {2}
        assert 2 not in found.changed

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (None, None),
            ({"priority": 1}, {"priority": 2}),
            ({"site": "a"}, {"site": "b"}),
            ({"lines": []}, {"lines": []}),
            (
                {"lines": [{"number": 1, "state": "confirmed", "quantity": 1}]},
                {"lines": [{"number": 1, "state": "on_hold", "quantity": 1}]},
            ),
        ],
    )
    def test_what_concerns_no_line_is_nothing(
        self, before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> None:
        found = line_changes(entry(before, after))
        assert (found.changed, found.added) == ({}, frozenset())

    @pytest.mark.parametrize("field", [("due_at", "2026-01-05T08:00:00"), ("quantity", "NaN")])
    def test_what_is_no_date_or_quantity_is_refused(self, field: tuple[str, str]) -> None:
        name, value = field
        before: dict[str, Any] = {"lines": [{"number": 1, "due_at": None, "quantity": 1}]}
        after: dict[str, Any] = {"lines": [{**before["lines"][0], name: value}]}
        with pytest.raises(ValueError, match=value):
            line_changes(entry(before, after))

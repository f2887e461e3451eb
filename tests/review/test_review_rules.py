"""The rules of review, one by one: what is odd, what is not, and in which words."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.review import (
    QUANTITY_SPREAD,
    SEVERITIES,
    Code,
    Finding,
    History,
    LineFacts,
    OrderFacts,
    Policy,
    Severity,
    Told,
    Twin,
    deviation,
    examine,
    explain,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LONG = tuple(float(one) for one in (90, 95, 100, 100, 105, 110, 100, 98))


def line(**changes: Any) -> LineFacts:
    """A line without anything odd about it."""
    facts = LineFacts(
        number=1,
        item="bracket",
        item_known=True,
        site="plant-1",
        deliverable=True,
        unit="pcs",
        item_unit="pcs",
        quantity=Decimal(100),
        due_at=NOW + timedelta(days=10),
    )
    return msgspec.structs.replace(facts, **changes)


def order(*lines: LineFacts, **changes: Any) -> OrderFacts:
    """An order without anything odd about it but its lines."""
    facts = OrderFacts(
        customer="acme", customer_known=True, priority=0, currency="EUR", lines=lines or (line(),)
    )
    return msgspec.structs.replace(facts, **changes)


def found(facts: OrderFacts, **policy: Any) -> list[Finding]:
    return examine(facts, Policy(**policy), NOW)


def only(facts: OrderFacts, **policy: Any) -> Finding:
    (finding,) = found(facts, **policy)
    words = explain(finding.code, finding.detail)
    assert "{" not in words.problem + words.advice
    assert "<" not in words.problem + words.advice
    return finding


def test_a_clean_order_has_no_findings() -> None:
    assert found(order()) == []


class TestUnknown:
    def test_customer(self) -> None:
        finding = only(order(customer="GLN 4012345", customer_known=False))
        assert (finding.code, finding.line) == (Code.UNKNOWN_CUSTOMER, None)
        assert finding.detail == {"customer": "GLN 4012345"}

    def test_item_and_nothing_else_about_it(self) -> None:
        finding = only(order(line(item_known=False, deliverable=False, item_unit="m")))
        assert (finding.code, finding.line) == (Code.UNKNOWN_ITEM, 1)
        assert finding.severity is Severity.ERROR

    def test_no_way_to_have_it_there(self) -> None:
        finding = only(order(line(deliverable=False, site="plant-2")))
        assert finding.code is Code.NO_ROUTING
        assert finding.detail == {"item": "bracket", "site": "plant-2"}

    def test_a_unit_that_cannot_be_converted(self) -> None:
        finding = only(order(line(unit="kg")))
        assert finding.code is Code.UNIT_NOT_CONVERTIBLE
        assert finding.detail == {"item": "bracket", "unit": "kg", "item_unit": "pcs"}


class TestPrice:
    def test_far_from_the_rule(self) -> None:
        facts = order(line(price=Decimal("11.50"), rule_price=Decimal(10)))
        finding = only(facts, price_percent=10.0)
        assert finding.code is Code.PRICE_OFF_RULE
        assert finding.detail["percent"] == 15.0
        assert found(facts, price_percent=15.0) == []

    def test_the_rules_own_tolerance_goes_before_the_policys(self) -> None:
        facts = order(line(price=Decimal(11), rule_price=Decimal(10), rule_percent=10.0))
        assert found(facts, price_percent=1.0) == []

    def test_a_rule_that_fits_silences_the_history(self) -> None:
        history = History(prices=[1.0] * 20)
        assert found(order(line(price=Decimal(10), rule_price=Decimal(10), history=history))) == []

    def test_far_from_what_was_paid(self) -> None:
        history = History(prices=[9.9, 10, 10, 10.1, 10, 10.05, 9.95, 10])
        finding = only(order(line(price=Decimal(100), own_history=history, history=history)))
        assert finding.code is Code.PRICE_OFF_HISTORY
        assert finding.detail["usual"] == 10
        assert finding.detail["whose"] == "customer"
        near = line(price=Decimal("10.40"), own_history=history, history=history)
        assert found(order(near)) == []

    def test_nothing_is_not_a_price_that_is_near(self) -> None:
        finding = only(order(line(price=Decimal(0), history=History(prices=[10.0] * 9))))
        assert finding.detail["deviations"] is None

    def test_too_little_history_says_nothing(self) -> None:
        assert found(order(line(price=Decimal(100), history=History(prices=[10.0] * 7)))) == []


class TestQuantity:
    def test_far_from_what_is_usual(self) -> None:
        history = History(quantities=LONG)
        finding = only(order(line(quantity=Decimal(10_000), history=history)))
        assert finding.code is Code.QUANTITY_OFF_HISTORY
        assert (finding.detail["usual"], finding.detail["whose"]) == (100, "all")

    def test_three_times_as_much_is_no_alarm(self) -> None:
        assert found(order(line(quantity=Decimal(300), history=History(quantities=LONG)))) == []

    def test_the_customers_own_history_goes_first(self) -> None:
        own = History(quantities=[10_000.0] * 8)
        everybody = History(quantities=LONG)
        usual_here = line(quantity=Decimal(10_000), own_history=own, history=everybody)
        assert found(order(usual_here)) == []


class TestDue:
    def test_a_date_that_is_over(self) -> None:
        finding = only(order(line(due_at=NOW - timedelta(hours=1))))
        assert (finding.code, finding.severity) == (Code.DUE_IN_PAST, Severity.WARNING)

    def test_a_date_that_cannot_be_reached(self) -> None:
        due = NOW + timedelta(days=1)
        earliest = NOW + timedelta(days=3)
        facts = order(line(due_at=due, earliest_at=earliest, earliest_by="lead_time"))
        finding = only(facts)
        assert finding.code is Code.DUE_NOT_REACHABLE
        assert finding.detail["late_hours"] == 48
        assert found(order(line(due_at=earliest, earliest_at=earliest))) == []


class TestOrder:
    def test_the_same_order_twice_is_told_once(self) -> None:
        twins = [
            Twin(number="SO-1", received_at=NOW, same="reference"),
            Twin(number="SO-1", received_at=NOW, same="lines"),
        ]
        finding = only(order(twins=twins))
        assert finding.code is Code.POSSIBLE_DUPLICATE
        assert finding.key == "possible_duplicate::SO-1"

    def test_what_the_document_said(self) -> None:
        warning = Told(code="date_odd", place="row 3", problem="the day is a Sunday")
        assert only(order(warnings=[warning])).code is Code.DOCUMENT_WARNING
        assert only(order(conflicts=[warning])).code is Code.VERSION_CONFLICT

    def test_a_rush_that_nobody_granted(self) -> None:
        assert only(order(priority=11)).code is Code.RUSH_BEYOND_POLICY
        assert found(order(priority=10)) == []
        assert found(order(priority=11), priority_at_most=20) == []


class TestPolicy:
    def test_a_rule_can_be_off_or_ask_for_something_else(self) -> None:
        facts = order(priority=99)
        assert found(facts, severities={Code.RUSH_BEYOND_POLICY: Severity.OFF}) == []
        strict = only(facts, severities={Code.RUSH_BEYOND_POLICY: Severity.ERROR})
        assert strict.severity is Severity.ERROR

    def test_every_code_has_a_severity_and_words(self) -> None:
        assert set(SEVERITIES) == set(Code)
        for code in Code:
            assert explain(code, {}).advice


@given(
    st.lists(st.floats(0.001, 1e6), min_size=1, max_size=40),
    st.floats(0.001, 1e6),
    st.floats(0.01, 100),
)
def test_deviation_does_not_depend_on_the_unit(
    history: list[float], value: float, factor: float
) -> None:
    here = deviation(value, history, least_spread=QUANTITY_SPREAD)
    there = deviation(
        value * factor, [one * factor for one in history], least_spread=QUANTITY_SPREAD
    )
    assert here is not None
    assert there is not None
    assert math.isclose(here.deviations, there.deviations, rel_tol=1e-6, abs_tol=1e-6)


@given(st.lists(st.floats(50, 200), min_size=8, max_size=40))
def test_one_outlier_in_the_history_hides_nothing(history: list[float]) -> None:
    away = deviation(1e6, [*history, 1e6], least_spread=QUANTITY_SPREAD)
    assert away is not None
    assert away.deviations > 4


@pytest.mark.parametrize("history", [[], [0.0, -1.0]])
def test_without_history_there_is_no_deviation(history: list[float]) -> None:
    assert deviation(1.0, history, least_spread=0.1) is None

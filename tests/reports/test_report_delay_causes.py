"""Shares of a delay: they add up to it, whatever is known of the order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_cases import HOUR, MINUTE, T0

from domain.reports.delay_causes import (
    OF_PLAN,
    RANK,
    Cause,
    Evidence,
    LateOrder,
    Planned,
    Share,
    attribute,
    by_cause,
    cause_shares,
    disjoint,
)
from domain.reports.periods import Span


def hours(begins: float, ends: float) -> Span:
    return Span(T0 + int(begins * HOUR), T0 + int(ends * HOUR))


def shares(**known: object) -> dict[tuple[str, str], float]:
    late = LateOrder(**{"order": 1, "first_due_ms": T0, "customer_due_ms": T0, **known})  # type: ignore[arg-type] # by name
    return {
        (each.cause.value, each.subject): each.share_ms / HOUR for each in attribute(late).shares
    }


moments = st.integers(-200 * HOUR, 200 * HOUR)
evidence = st.builds(
    lambda cause, begins, length, subject: Evidence(
        cause, Span(T0 + begins, T0 + begins + length), subject
    ),
    st.sampled_from(RANK),
    moments,
    st.integers(0, 50 * HOUR),
    st.sampled_from(["", "p/a/l/m1", "p/a/l/m2"]),
)
orders = st.builds(
    lambda due, moved, end, begun, planned, found: LateOrder(
        order=1,
        first_due_ms=T0 + due,
        customer_due_ms=T0 + due + moved,
        end_ms=T0 + end,
        planned_ms=None if begun is None else T0 + begun,
        planned=tuple(planned),
        evidence=tuple(found),
    ),
    moments,
    st.integers(-20 * HOUR, 20 * HOUR),
    moments,
    st.none() | moments,
    st.lists(
        st.builds(
            Planned,
            st.sampled_from([*OF_PLAN, "a word of a later planner"]),
            st.integers(0, 90 * HOUR),
            st.sampled_from(["", "p/a/l/m1"]),
        ),
        max_size=4,
    ),
    st.lists(evidence, max_size=6),
)


class TestByHand:
    def test_customer_then_plan_then_floor_then_what_nothing_explains(self) -> None:
        assert shares(
            customer_due_ms=T0 + 2 * HOUR,
            end_ms=T0 + 20 * HOUR,
            planned_ms=T0 - 10 * HOUR,
            planned=(Planned("machine_busy", 6 * HOUR, "m1"), Planned("setup", 2 * HOUR)),
            evidence=(Evidence(Cause.BREAKDOWN, hours(1, 6), "m1"),),
        ) == {
            ("customer", ""): 2,
            ("capacity", "m1"): 6,
            ("setup", ""): 2,
            ("breakdown", "m1"): 5,
            ("unexplained", ""): 5,
        }

    def test_more_evidence_than_delay_is_divided_by_its_lengths(self) -> None:
        assert shares(
            end_ms=T0 + 3 * HOUR,
            planned_ms=T0 - 10 * HOUR,
            evidence=(
                Evidence(Cause.BREAKDOWN, hours(-9, -5), "m1"),
                Evidence(Cause.MATERIAL, hours(-4, -2), "steel"),
            ),
        ) == {("breakdown", "m1"): 2, ("material", "steel"): 1}

    def test_a_moment_belongs_to_the_more_specific_cause(self) -> None:
        lengths = disjoint(
            [
                Evidence(Cause.STOP, hours(0, 4), "m1"),
                Evidence(Cause.MATERIAL, hours(1, 2), "steel"),
                Evidence(Cause.STOP, hours(3, 5), "m2"),
            ],
            hours(0, 10),
        )
        assert {key: ms / HOUR for key, ms in lengths.items()} == {
            (Cause.STOP, "m1"): 3,
            (Cause.MATERIAL, "steel"): 1,
            (Cause.STOP, "m2"): 1,
        }

    def test_an_order_in_time_has_no_shares(self) -> None:
        assert shares(end_ms=T0, evidence=(Evidence(Cause.STOP, hours(-1, 0)),)) == {}

    def test_what_the_customer_postponed_has_no_other_cause(self) -> None:
        assert shares(
            customer_due_ms=T0 + 9 * HOUR,
            end_ms=T0 + 8 * HOUR,
            evidence=(Evidence(Cause.STOP, hours(1, 8)),),
        ) == {("customer", ""): 8}

    def test_evidence_of_what_is_no_execution_is_refused(self) -> None:
        with pytest.raises(ValueError, match="customer"):
            disjoint([Evidence(Cause.CUSTOMER, hours(0, 1))], hours(0, 1))


class TestAlways:
    @settings(max_examples=300, deadline=None, derandomize=True)
    @given(orders)
    def test_shares_add_up_to_the_delay_to_the_millisecond(self, late: LateOrder) -> None:
        found = attribute(late)
        assert found.delay_ms == max(late.end_ms - late.first_due_ms, 0)
        assert sum(each.share_ms for each in found.shares) == found.delay_ms
        assert all(each.share_ms > 0 for each in found.shares)
        assert len({(each.cause, each.subject) for each in found.shares}) == len(found.shares)

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(orders)
    def test_no_cause_has_more_than_it_lasted_or_was_foreseen(self, late: LateOrder) -> None:
        end = max(late.end_ms, late.first_due_ms)
        begun = late.first_due_ms if late.planned_ms is None else late.planned_ms
        lasted = disjoint(late.evidence, Span(min(begun, end), end))
        for share in attribute(late).shares:
            if share.cause in RANK:
                foreseen = sum(
                    each.share_ms for each in late.planned if OF_PLAN.get(each.word) == share.cause
                )
                assert share.share_ms <= lasted.get((share.cause, share.subject), 0) + foreseen

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(st.lists(orders, max_size=5))
    def test_causes_of_many_orders_add_up(self, several: list[LateOrder]) -> None:
        found = [attribute(each) for each in several]
        assert sum(by_cause(found).values()) == sum(each.delay_ms for each in found)
        late = any(each.delay_ms for each in found)
        assert sum(cause_shares(found).values()) == (1 if late else 0)

    def test_shares_do_not_depend_on_the_order_of_evidence(self) -> None:
        some = (
            Evidence(Cause.STOP, hours(0, 7 * MINUTE / HOUR), "m2"),
            Evidence(Cause.QUALITY, hours(0, 3), "m1"),
        )
        found = [
            attribute(
                LateOrder(
                    order=1,
                    first_due_ms=T0,
                    customer_due_ms=T0,
                    end_ms=T0 + 4 * HOUR,
                    evidence=each,
                )
            )
            for each in (some, some[::-1])
        ]
        assert found[0] == found[1]
        assert found[0].shares[0] == Share(Cause.QUALITY, "m1", 3 * HOUR)

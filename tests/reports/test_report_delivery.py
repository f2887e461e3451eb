"""On time in full and fulfilment: by hand, additive, and never changed by what came later."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from report_cases import DAY, HOUR, T0, borders, pieces

from domain.reports.delivery import (
    Against,
    Delivered,
    Delivery,
    DeliveryPolicy,
    DueLine,
    LineResult,
    results,
)
from domain.reports.periods import Span
from domain.reports.ratios import Absent

WEEK = Span(T0, T0 + 7 * DAY)
LATER = T0 + 30 * DAY


def line(*left: tuple[float, int], order: int = 1, number: int = 1, due: float = 1) -> DueLine:
    """100 pieces due at a day; what left as (day, quantity)."""
    return DueLine(
        order=order,
        line=number,
        ordered=Decimal(100),
        first_due_ms=T0 + int((due - 1) * DAY),
        due_ms=T0 + int(due * DAY),
        deliveries=tuple(Delivered(T0 + int(day * DAY), Decimal(much)) for day, much in left),
    )


def told(
    *lines: DueLine,
    as_of_ms: int = LATER,
    against: Against = Against.CURRENT,
    policy: DeliveryPolicy | None = None,
) -> tuple[Delivery, list[LineResult]]:
    return results(lines, WEEK, as_of_ms=as_of_ms, against=against, policy=policy)


lines = st.lists(
    st.builds(
        DueLine,
        order=st.integers(1, 3),
        line=st.integers(1, 5),
        ordered=pieces(100),
        first_due_ms=st.none() | st.integers(T0 - HOUR, T0 + DAY),
        due_ms=st.none() | st.integers(T0 - HOUR, T0 + DAY),
        deliveries=st.lists(
            st.builds(
                Delivered,
                st.integers(T0 - 2 * HOUR, T0 + 2 * DAY),
                st.decimals(-20, 100, places=3),
            ),
            max_size=4,
        ).map(tuple),
    ),
    max_size=6,
)
policies = st.builds(
    DeliveryPolicy,
    late_ms=st.integers(0, 2 * HOUR),
    early_ms=st.none() | st.integers(0, DAY),
    under=st.decimals(0, Decimal("0.2"), places=2),
)


class TestByHand:
    def test_four_lines(self) -> None:
        found, each = told(
            line((0.5, 60), (0.9, 40)),
            line((0.5, 60), (1.5, 40), order=2),
            line((0.5, 60), order=3),
            line(order=4),
        )
        assert (found.lines, found.lines_on_time, found.lines_in_full) == (4, 2, 2)
        assert found.on_time_in_full.value == 0.25
        assert found.fulfilment.value == 220 / 400
        assert [one.order for one in each] == [3, 4, 2, 1]
        assert each[2].late_ms == DAY // 2

    def test_an_order_is_on_time_in_full_when_all_its_lines_are(self) -> None:
        found, _ = told(
            line((0.5, 100)),
            line((1.5, 100), number=2),
            line((0.5, 100), order=2),
        )
        assert found.orders_ratio.value == 0.5

    def test_the_first_date_and_the_one_that_holds_now(self) -> None:
        kept = line((0.5, 100))
        assert told(kept)[0].on_time_in_full.value == 1
        assert told(kept, against=Against.FIRST)[0].on_time_in_full.value == 0

    def test_tolerances_are_on_both_sides_and_of_the_quantity(self) -> None:
        late = DeliveryPolicy(late_ms=DAY, under=Decimal("0.05"))
        early = DeliveryPolicy(early_ms=DAY // 4)
        assert told(line((1.9, 95)), policy=late)[0].on_time_in_full.value == 1
        assert told(line((2.1, 95)), policy=late)[0].on_time_in_full.value == 0
        assert told(line((0.5, 100)), policy=early)[0].on_time_in_full.value == 0

    def test_what_came_back_is_missing_again(self) -> None:
        found, _ = told(line((0.5, 100), (2, -10)))
        assert found.lines_in_full == 0
        assert found.by_date == 100

    def test_a_line_is_judged_when_its_date_is_over_and_by_what_was_known(self) -> None:
        shipped_late = line((1.5, 100))
        assert told(shipped_late, as_of_ms=T0 + DAY)[0].on_time_in_full.absent is Absent.NOTHING_DUE
        assert told(shipped_late, as_of_ms=T0 + DAY + HOUR)[0].lines_in_full == 0
        assert told(shipped_late)[0].lines_in_full == 1


class TestAlways:
    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(lines, borders(), policies, st.sampled_from(Against), st.integers(0, 3 * DAY))
    def test_a_period_is_the_sum_of_its_parts_and_ratios_are_in_range(
        self,
        some: list[DueLine],
        cuts: list[int],
        policy: DeliveryPolicy,
        against: Against,
        later: int,
    ) -> None:
        def over(begins: int, ends: int) -> Delivery:
            return results(
                some, Span(begins, ends), as_of_ms=T0 + later, against=against, policy=policy
            )[0]

        whole = over(cuts[0], cuts[-1])
        days = [over(begins, ends) for begins, ends in pairwise(cuts)]
        for name in ("lines", "lines_on_time", "lines_in_full", "lines_on_time_in_full"):
            assert getattr(whole, name) == sum(getattr(each, name) for each in days)
        assert whole.by_date == sum(each.by_date for each in days)
        for ratio in (
            whole.on_time,
            whole.in_full,
            whole.on_time_in_full,
            whole.orders_ratio,
            whole.fulfilment,
        ):
            assert ratio.absent is not None or 0 <= (ratio.exact or 0) <= 1
        assert whole.lines_on_time_in_full <= min(whole.lines_on_time, whole.lines_in_full)

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(lines, policies, st.integers(0, 2 * DAY))
    def test_what_leaves_after_the_moment_changes_nothing(
        self, some: list[DueLine], policy: DeliveryPolicy, later: int
    ) -> None:
        moment = T0 + later
        by_then = [
            DueLine(
                order=each.order,
                line=each.line,
                ordered=each.ordered,
                first_due_ms=each.first_due_ms,
                due_ms=each.due_ms,
                deliveries=tuple(one for one in each.deliveries if one.at_ms < moment),
            )
            for each in some
        ]
        assert results(some, WEEK, as_of_ms=moment, policy=policy) == results(
            by_then, WEEK, as_of_ms=moment, policy=policy
        )

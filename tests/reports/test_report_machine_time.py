"""What a machine's time went into: by hand, and as properties over any past and calendar."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_cases import ALWAYS, HOUR, MINUTE, T0, borders, spans, stretches

from contracts.telemetry import MachineState
from domain.reports.machine_time import (
    MachineTime,
    Stretch,
    TimeClass,
    TimePolicy,
    classed,
    nothing,
    spent,
)
from domain.reports.oee import pareto, summed
from domain.reports.periods import Span

POLICY = TimePolicy(reasons={"lunch": TimeClass.PLANNED}, micro_stop_ms=10 * MINUTE)
DAY_SHIFT = [Span(T0 + 8 * HOUR, T0 + 16 * HOUR)]
WHOLE_DAY = Span(T0, T0 + 24 * HOUR)


def at(hour: float, until: float, state: MachineState, reason: str | None = None) -> Stretch:
    return Stretch(T0 + int(hour * HOUR), T0 + int(until * HOUR), state, reason)


def told(*some: Stretch, planned: list[Span] = DAY_SHIFT, period: Span = WHOLE_DAY) -> MachineTime:
    return spent(classed(some, POLICY), period, planned, ALWAYS)


class TestByHand:
    def test_a_shift_in_the_elements_of_the_standard(self) -> None:
        time = told(
            at(8, 8.5, MachineState.SETUP),
            at(8.5, 11, MachineState.RUNNING),
            at(11, 11.1, MachineState.IDLE),  # 6 minutes between production: a micro-stop
            at(11.1, 12, MachineState.RUNNING),
            at(12, 12.5, MachineState.IDLE, "lunch"),
            at(12.5, 14, MachineState.DOWN, "jam"),
            at(14, 15, MachineState.RUNNING),
            at(15, 16, MachineState.IDLE),
        )
        assert (time.operation_ms, time.planned_stop_ms, time.overtime_ms) == (
            8 * HOUR,
            HOUR // 2,
            0,
        )
        assert time.busy_ms == 7.5 * HOUR
        assert {each: ms / HOUR for each, ms in time.spent.items()} == {
            TimeClass.PRODUCTION: 4.4,
            TimeClass.SETUP: 0.5,
            TimeClass.DELAY: 1.5,
            TimeClass.MICRO_STOP: 0.1,
            TimeClass.IDLE: 1,
            TimeClass.UNKNOWN: 0,
        }
        assert (time.micro_stops, time.stops) == (1, 2)

    def test_work_outside_the_calendar_is_overtime_and_other_states_there_are_nothing(self) -> None:
        time = told(
            at(6, 7, MachineState.DOWN),
            at(7, 9, MachineState.RUNNING),
            at(9, 16, MachineState.IDLE),
            at(16, 24, MachineState.IDLE),
        )
        assert time.overtime_ms == HOUR
        assert time.busy_ms == 9 * HOUR
        assert time.spent[TimeClass.PRODUCTION] == 2 * HOUR
        assert time.spent[TimeClass.DELAY] == 0
        assert time.spent[TimeClass.IDLE] == 7 * HOUR

    def test_an_order_on_the_machine_makes_waiting_a_delay(self) -> None:
        waiting = [
            Stretch(T0 + 8 * HOUR, T0 + 9 * HOUR, MachineState.IDLE, None, has_order)
            for has_order in (True, False)
        ]
        with_order, without = (told(each) for each in waiting)
        assert with_order.spent[TimeClass.DELAY] == without.spent[TimeClass.IDLE] == HOUR

    def test_a_micro_stop_that_is_cut_by_midnight_stays_one(self) -> None:
        always = [Span(T0 - HOUR, T0 + HOUR)]
        past = [
            Stretch(T0 - HOUR, T0 - 3 * MINUTE, MachineState.RUNNING),
            Stretch(T0 - 3 * MINUTE, T0 + 3 * MINUTE, MachineState.DOWN),
            Stretch(T0 + 3 * MINUTE, T0 + HOUR, MachineState.RUNNING),
        ]
        before, after = (
            told(*past, planned=always, period=period)
            for period in (Span(T0 - HOUR, T0), Span(T0, T0 + HOUR))
        )
        assert before.spent[TimeClass.MICRO_STOP] == after.spent[TimeClass.MICRO_STOP] == 3 * MINUTE
        assert (before.micro_stops, after.micro_stops) == (1, 0)

    def test_time_that_is_not_known_yet_does_not_count(self) -> None:
        past = classed([at(8, 10, MachineState.RUNNING)], POLICY)
        time = spent(past, WHOLE_DAY, DAY_SHIFT, Span(T0 + 9 * HOUR, T0 + 10 * HOUR))
        assert time.operation_ms == time.production_ms == HOUR
        assert time.spent[TimeClass.UNKNOWN] == 0

    def test_stretches_that_overlap_are_refused(self) -> None:
        with pytest.raises(ValueError, match="begins before"):
            classed([at(8, 10, MachineState.RUNNING), at(9, 11, MachineState.IDLE)], TimePolicy())


class TestAlways:
    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(stretches(), spans(), borders())
    def test_the_elements_add_up_to_planned_busy_time(
        self, past: list[Stretch], planned: list[Span], cuts: list[int]
    ) -> None:
        period = Span(cuts[0], cuts[-1])
        time = spent(classed(past, POLICY), period, planned, ALWAYS)
        assert sum(time.spent.values()) == time.busy_ms
        assert min(time.spent.values()) >= 0
        assert 0 <= time.planned_stop_ms <= time.operation_ms <= period.length_ms
        assert 0 <= time.busy_ms <= period.length_ms

    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(stretches(), spans(), borders())
    def test_a_period_is_the_sum_of_its_parts(
        self, past: list[Stretch], planned: list[Span], cuts: list[int]
    ) -> None:
        some = classed(past, POLICY)
        whole = spent(some, Span(cuts[0], cuts[-1]), planned, ALWAYS)
        assert whole == summed(
            spent(some, Span(begins, ends), planned, ALWAYS) for begins, ends in pairwise(cuts)
        )

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(stretches(), spans(), st.integers(0, 20 * HOUR))
    def test_every_minute_is_counted_where_a_plain_count_puts_it(
        self, past: list[Stretch], planned: list[Span], known_until: int
    ) -> None:
        period = Span(T0, T0 + 6 * HOUR)
        known = Span(T0 - HOUR, T0 + known_until)
        some = classed(past, POLICY)
        expected = dict.fromkeys(nothing().spent, 0)
        edges = sorted(
            {period.from_ms, period.until_ms, known.from_ms, known.until_ms}
            | {moment for each in past for moment in (each.from_ms, each.until_ms)}
            | {moment for each in planned for moment in (each.from_ms, each.until_ms)}
        )
        for begins, ends in pairwise(edges):
            if not (period.holds(begins) and known.holds(begins)):
                continue
            working = any(each.holds(begins) for each in planned)
            time_class = next(
                (each.time_class for each in some if each.stretch.span.holds(begins)),
                TimeClass.UNKNOWN,
            )
            worked = time_class in (TimeClass.PRODUCTION, TimeClass.SETUP)
            if time_class is not TimeClass.PLANNED and (working or worked):
                expected[time_class] += ends - begins
        assert dict(spent(some, period, planned, known).spent) == expected


class TestPareto:
    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(st.lists(st.tuples(stretches(8), spans(3)), max_size=3), borders())
    def test_losses_add_up_to_what_was_not_production_and_shares_to_one(
        self, machines: list[tuple[list[Stretch], list[Span]]], cuts: list[int]
    ) -> None:
        period = Span(cuts[0], cuts[-1])
        known = [(classed(past, POLICY), planned) for past, planned in machines]
        losses = pareto(known, period, ALWAYS)
        time = summed(spent(some, period, planned, ALWAYS) for some, planned in known)
        assert sum(each.lost_ms for each in losses) == time.busy_ms - time.production_ms
        assert sum(each.share for each in losses) == (1 if losses else 0)
        assert all(each.lost_ms > 0 for each in losses)
        assert [each.lost_ms for each in losses] == sorted(
            (each.lost_ms for each in losses), reverse=True
        )
        if losses:
            assert losses[-1].cumulative == 1
        counted = (TimeClass.DELAY, TimeClass.IDLE)
        assert sum(each.count for each in losses if each.time_class in counted) <= time.stops

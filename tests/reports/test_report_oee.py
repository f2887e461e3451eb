"""The index and its factors: by hand, and what holds for any past."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from report_cases import ALWAYS, HOUR, MINUTE, borders, pieces, spans, stretches

from domain.reports.machine_time import (
    MachineTime,
    MicroStops,
    Stretch,
    TimeClass,
    TimePolicy,
    classed,
    nothing,
    spent,
)
from domain.reports.oee import Output, Quantity, oee, quantity
from domain.reports.periods import Span
from domain.reports.ratios import Absent

SHIFT = MachineTime(
    operation_ms=8 * HOUR,
    planned_stop_ms=HOUR // 2,
    spent={
        **nothing().spent,
        TimeClass.PRODUCTION: 6 * HOUR,
        TimeClass.MICRO_STOP: HOUR // 2,
        TimeClass.DELAY: HOUR,
    },
)
OUTPUTS = [
    Output(good=Decimal(270), scrap=Decimal(30), cycle_ms=MINUTE),
    Output(good=Decimal(10), scrap=Decimal(0), cycle_ms=6 * MINUTE, rework=True),
]

outputs = st.lists(
    st.builds(
        Output,
        good=pieces(),
        scrap=pieces(),
        cycle_ms=st.one_of(st.none(), st.integers(1, HOUR)),
        rework=st.booleans(),
    ),
    max_size=5,
)


class TestByHand:
    def test_a_shift(self) -> None:
        found = oee(SHIFT, quantity(OUTPUTS))
        assert found.availability.exact == Fraction(60, 75)
        assert found.effectiveness.exact == 1  # 300 x 1 min and 10 x 6 min in 360 min
        assert found.quality.exact == Fraction(9, 10)
        assert found.index.exact == Fraction(72, 100)
        assert found.quantity.reworked == 10

    def test_micro_stops_may_lower_performance_instead_with_the_same_index(self) -> None:
        found = oee(SHIFT, quantity(OUTPUTS), MicroStops.PERFORMANCE)
        assert found.availability.exact == Fraction(65, 75)
        assert found.effectiveness.exact == Fraction(60, 65)
        assert found.index.exact == Fraction(72, 100)

    def test_without_a_planned_run_time_there_is_no_effectiveness_and_the_reason_is_told(
        self,
    ) -> None:
        unrated = Output(good=Decimal(1), scrap=Decimal(0), cycle_ms=None)
        found = oee(SHIFT, quantity([*OUTPUTS, unrated]))
        assert found.effectiveness.value is None
        assert found.index.absent is Absent.NO_CYCLE_TIME
        assert found.availability.value == 0.8

    def test_what_was_to_work_and_did_not_has_an_index_of_zero(self) -> None:
        down = MachineTime(operation_ms=HOUR, spent={**nothing().spent, TimeClass.DELAY: HOUR})
        assert oee(down, Quantity()).index.exact == 0

    def test_what_told_nothing_has_no_index(self) -> None:
        silent = MachineTime(operation_ms=HOUR, spent={**nothing().spent, TimeClass.UNKNOWN: HOUR})
        found = oee(silent, Quantity())
        assert (found.index.value, found.index.absent) == (None, Absent.NOTHING_TOLD)
        assert found.coverage.exact == 0

    def test_a_day_without_work_has_no_index(self) -> None:
        found = oee(nothing(), Quantity())
        assert found.index.absent is found.availability.absent is Absent.NOT_PLANNED


class TestAlways:
    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(stretches(), spans(), borders(), outputs, st.sampled_from(MicroStops))
    def test_ratios_are_in_range_or_have_a_reason(
        self,
        past: list[Stretch],
        planned: list[Span],
        cuts: list[int],
        made: list[Output],
        micro: MicroStops,
    ) -> None:
        policy = TimePolicy(reasons={"lunch": TimeClass.PLANNED})
        time = spent(classed(past, policy), Span(cuts[0], cuts[-1]), planned, ALWAYS)
        found = oee(time, quantity(made), micro)
        for each in (found.availability, found.quality, found.coverage):
            assert each.absent is not None or 0 <= (each.exact or 0) <= 1
        for each in (found.effectiveness, found.index):
            assert (each.value is None) == (each.absent is not None)
            assert each.exact is None or each.exact >= 0
        factors = (found.availability, found.effectiveness, found.quality)
        if all(each.absent is None for each in factors):
            expected = Fraction(1)
            for each in factors:
                expected *= each.exact or 0
            assert found.index.exact == expected

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(outputs, outputs)
    def test_quantities_add_up(self, one: list[Output], other: list[Output]) -> None:
        assert quantity(one) + quantity(other) == quantity([*one, *other])

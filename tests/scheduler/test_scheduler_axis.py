"""The solver's time."""

from __future__ import annotations

import pytest
from scheduler_problems import MINUTE, NOW, at, pause

from scheduler.axis import Axis, common_spans, common_step_ms


class TestAxis:
    axis = Axis(NOW, step_ms=MINUTE, closed=pause((10, 15), (30, 40)))

    def test_time_stands_still_in_a_closed_span(self) -> None:
        assert [self.axis.at(at(minute)) for minute in (0, 9, 10, 12, 15, 16)] == [
            0,
            9,
            10,
            10,
            10,
            11,
        ]

    def test_all_spans_before_a_moment_are_cut_out(self) -> None:
        assert self.axis.at(at(50)) == 35

    def test_what_is_before_now_is_negative(self) -> None:
        assert self.axis.at(at(-3)) == -3

    def test_moments_are_rounded_down_or_up(self) -> None:
        assert self.axis.at(at(1.5)) == 1
        assert self.axis.at_least(at(1.5)) == 2

    def test_a_step_begins_behind_the_span_that_was_cut_out(self) -> None:
        assert [self.axis.moment_ms(step) for step in (9, 10, 25)] == [at(9), at(15), at(40)]


class TestStep:
    def test_it_is_the_common_measure(self) -> None:
        assert common_step_ms([90_000, 30_000], average_ms=60_000) == 30_000

    def test_it_is_never_more_than_a_minute(self) -> None:
        assert common_step_ms([7_200_000], average_ms=7_200_000) == MINUTE

    @pytest.mark.parametrize(
        ("average_ms", "step_ms"), [(3_600_000, 5_000), (60_000, 1_000), (1_000, 20), (1, 10)]
    )
    def test_without_a_measure_worth_having_it_is_a_small_part_of_an_operation(
        self, average_ms: float, step_ms: int
    ) -> None:
        assert common_step_ms([60_000, 60_013], average_ms=average_ms) == step_ms


class TestCommonSpans:
    def test_it_is_what_all_calendars_have(self) -> None:
        shared = common_spans(
            [pause((0, 10), (20, 30)), pause((5, 25)), pause((0, 100))], from_ms=NOW
        )
        assert shared == pause((5, 10), (20, 25))

    def test_the_past_is_left_out(self) -> None:
        assert common_spans([pause((-20, -10), (-5, 5))], from_ms=NOW) == pause((0, 5))

    def test_one_machine_that_always_works_leaves_nothing(self) -> None:
        assert common_spans([pause((0, 10)), ()], from_ms=NOW) == ()

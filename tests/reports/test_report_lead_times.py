"""Stages add up to the lead time."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from report_cases import DAY, HOUR, T0

from domain.reports.lead_times import (
    STAGES,
    Milestones,
    Stage,
    by_stage,
    ended_in,
    mean_lead,
    stage_shares,
    times,
    way,
)
from domain.reports.periods import Span
from domain.reports.ratios import Absent

known = st.builds(
    Milestones,
    order=st.integers(1, 9),
    line=st.integers(1, 9),
    received_ms=st.integers(T0 - DAY, T0 + DAY),
    reached=st.dictionaries(st.sampled_from(STAGES), st.integers(T0 - 2 * DAY, T0 + 9 * DAY)),
)


def milestones(**hours: float) -> Milestones:
    reached = {Stage(name): T0 + int(hour * HOUR) for name, hour in hours.items()}
    return Milestones(order=1, line=1, received_ms=T0, reached=reached)


class TestByHand:
    def test_each_stage_ends_with_its_milestone(self) -> None:
        found = way(milestones(confirmation=1, release=3, start=6, production=10, shipping=30))
        assert {stage.value: ms / HOUR for stage, ms in found.stages.items()} == {
            "confirmation": 1,
            "release": 2,
            "start": 3,
            "production": 4,
            "shipping": 20,  # nobody said when it was packed
        }
        assert found.lead_ms == 30 * HOUR

    def test_a_machine_that_began_before_the_release_was_entered(self) -> None:
        found = way(milestones(confirmation=1, release=5, start=2, production=10))
        assert found.stages[Stage.START] == 0
        assert found.stages[Stage.PRODUCTION] == 5 * HOUR

    def test_percentiles_are_by_nearest_rank(self) -> None:
        found = times(range(1, 11))
        assert (found.median_ms, found.p90_ms, found.longest_ms) == (5, 9, 10)
        assert found.mean.exact == Fraction(11, 2)
        assert times([]).mean.absent is Absent.NOTHING_ENDED

    def test_lines_belong_to_the_period_in_which_they_ended(self) -> None:
        line = milestones(confirmation=1, production=10, shipping=30)
        day = Span(T0 + 24 * HOUR, T0 + 48 * HOUR)
        (found,) = ended_in([line], day, Stage.SHIPPING, as_of_ms=T0 + DAY * 9)
        assert found.lead_ms == 30 * HOUR
        assert ended_in([line], day, Stage.SHIPPING, as_of_ms=T0 + 30 * HOUR) == []
        assert ended_in([line], day, Stage.PRODUCTION, as_of_ms=T0 + DAY * 9) == []


class TestAlways:
    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(known)
    def test_stages_add_up_to_the_lead_time(self, line: Milestones) -> None:
        found = way(line)
        assert sum(found.stages.values()) == found.lead_ms
        assert min(found.stages.values(), default=0) >= 0
        assert set(found.stages) == set(line.reached)

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(st.lists(known, max_size=8), st.sampled_from(STAGES))
    def test_over_many_lines(self, lines: list[Milestones], last: Stage) -> None:
        ways = ended_in(lines, Span(T0, T0 + 5 * DAY), last, as_of_ms=T0 + 9 * DAY)
        shares = stage_shares(ways)
        assert sum(shares.values()) == (1 if any(each.lead_ms for each in ways) else 0)
        lead = sum(each.lead_ms for each in ways)
        stages = by_stage(ways)
        assert sum((each.mean.exact or 0) * each.count for each in stages.values()) == lead
        assert mean_lead(ways).exact == (Fraction(lead, len(ways)) if ways else None)
        for each in ways:
            reached = {line.reached.get(last) for line in lines}
            assert each.ended_ms in reached or each.ended_ms == each.received_ms

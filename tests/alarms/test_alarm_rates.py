"""The standard's measures, against cases by hand and a plain count over every minute."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plant_facts import HOUR, MINUTE, NOW, SECOND

from domain.alarms.rates import Annunciation, Flood, Lasting, floods_of, rates
from domain.alarms.rules import AlarmPriority


def told(at_ms: int, cause: str = "c", priority: AlarmPriority = AlarmPriority.LOW) -> Annunciation:
    return Annunciation(at_ms, cause, "rule", priority)


class TestRates:
    def test_per_hour_and_operator(self) -> None:
        found = rates(
            [told(NOW + number * 10 * MINUTE) for number in range(48)],
            [],
            from_ms=NOW,
            until_ms=NOW + 4 * HOUR,
            operators=2,
        )
        assert (found.count, found.per_hour, found.worst_hour) == (24, 3.0, 6)
        assert found.floods == ()

    def test_priorities_and_the_most_frequent(self) -> None:
        events = [told(NOW + each * HOUR, "often") for each in range(3)]
        events.append(told(NOW, "seldom", AlarmPriority.HIGH))
        found = rates(events, [], from_ms=NOW, until_ms=NOW + 10 * HOUR)
        assert [(each.cause, each.count) for each in found.frequent] == [
            ("often", 3),
            ("seldom", 1),
        ]
        assert found.top_ten_percent == 100.0
        assert found.priorities[AlarmPriority.LOW] == 3
        assert found.priorities[AlarmPriority.HIGH] == 1

    def test_three_within_a_minute_chatter(self) -> None:
        quick = [told(NOW + each * 29 * SECOND, "quick") for each in range(3)]
        slow = [told(NOW + each * 30 * SECOND, "slow") for each in range(3)]
        found = rates(quick + slow, [], from_ms=NOW, until_ms=NOW + HOUR)
        assert found.chattering == ("quick",)

    def test_what_lasts_for_more_than_a_day_is_stale(self) -> None:
        until = NOW + 48 * HOUR
        lasting = [Lasting("old", until - 24 * HOUR - 1), Lasting("new", until - 24 * HOUR)]
        found = rates([], lasting, from_ms=NOW, until_ms=until)
        assert [each.cause for each in found.stale] == ["old"]

    @pytest.mark.parametrize(("until", "operators"), [(NOW, 1), (NOW + 1, 0)])
    def test_a_period_that_is_none_is_refused(self, until: int, operators: int) -> None:
        with pytest.raises(ValueError, match="period"):
            rates([], [], from_ms=NOW, until_ms=until, operators=operators)


class TestFloods:
    def test_ten_are_none_and_eleven_are_one(self) -> None:
        times = [NOW + each * SECOND for each in range(11)]
        assert floods_of(times[:10], until_ms=NOW + HOUR) == ()
        # The fifth from last is at 6 s, and leaves the window ten minutes later.
        assert floods_of(times, until_ms=NOW + HOUR) == (
            Flood(NOW, NOW + 6 * SECOND + 10 * MINUTE, 11, 11),
        )

    def test_it_goes_on_while_five_are_within_the_window(self) -> None:
        times = [NOW + each * SECOND for each in range(11)]
        times += [NOW + MINUTE + each * 110 * SECOND for each in range(20)]
        [flood] = floods_of(times, until_ms=NOW + 10 * HOUR)
        assert flood.count == 31
        assert flood.until_ms == times[-5] + 10 * MINUTE

    @given(
        st.lists(st.integers(0, 120 * 60), max_size=120).map(
            lambda seconds: sorted(NOW + each * SECOND for each in seconds)
        )
    )
    def test_against_a_count_over_every_second(self, times: list[int]) -> None:
        until = NOW + 3 * HOUR
        found = floods_of(times, until_ms=until)
        assert sum(each.count for each in found) <= len(times)
        for one, other in pairwise(found):
            assert one.until_ms <= other.from_ms or one.until_ms - other.from_ms <= 10 * MINUTE
        for each in found:
            within = [at for at in times if each.from_ms <= at < each.until_ms]
            assert each.peak > 10
            assert len(within) >= each.count
            # While it lasts, from its eleventh on, at least five are within the last ten minutes.
            eleventh = within[10]
            for second in range((each.until_ms - eleventh) // SECOND):
                at = eleventh + second * SECOND
                lately = sum(at - 10 * MINUTE < one <= at for one in times)
                assert lately >= 5

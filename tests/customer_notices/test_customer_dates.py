"""The decision whether a customer is told that a date moved: alone, with any times."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alarms.rotas import Hours
from domain.customer_notices.contacts import Counted, Way, Wishes, checked_address, masked
from domain.customer_notices.dates import (
    Basis,
    Decision,
    Known,
    Moves,
    Pace,
    Rests,
    Waits,
    date_of,
    decide,
)
from domain.tracking import Expectation, Stage

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOW = 1_800_000_000_000
TOLERANCE = 4 * HOUR
PACE = Pace(settle_ms=30_000, swing_ms=15 * MINUTE)


def beyond(earlier_ms: int, later_ms: int) -> bool:
    return later_ms - earlier_ms > TOLERANCE


def decided(
    known: Known, date_ms: int | None, now_ms: int = NOW, quiet_until_ms: int | None = None
) -> Decision:
    return decide(
        known, date_ms, beyond=beyond, pace=PACE, quiet_until_ms=quiet_until_ms, now_ms=now_ms
    )


def told(known: Known, dates: Sequence[tuple[int, int | None]]) -> list[Moves]:
    """What is told when a date is looked at: (after so many ms, the date), one by one."""
    messages, now_ms = [], NOW
    for after_ms, date_ms in dates:
        now_ms += after_ms
        decision = decided(known, date_ms, now_ms)
        known = decision.known
        if isinstance(decision, Moves):
            messages.append(decision)
    return messages


class TestDecide:
    def test_within_the_tolerance_nothing_is_told(self) -> None:
        known = Known(told_ms=NOW + DAY)
        for moved in (0, TOLERANCE, -TOLERANCE):
            assert decided(known, NOW + DAY + moved) == Rests(known=known)

    def test_it_is_told_once_it_stayed_beyond_for_a_while(self) -> None:
        known, date = Known(told_ms=NOW + DAY), NOW + 2 * DAY
        first = decided(known, date)
        assert isinstance(first, Waits)
        assert first.look_at_ms == NOW + PACE.settle_ms
        early = decided(first.known, date, NOW + PACE.settle_ms - 1)
        assert isinstance(early, Waits)
        then = decided(early.known, date, NOW + PACE.settle_ms)
        assert isinstance(then, Moves)
        assert (then.from_ms, then.to_ms) == (NOW + DAY, date)
        assert then.known.number == 1
        assert isinstance(decided(then.known, date, NOW + HOUR), Rests)

    def test_a_plan_that_improves_meanwhile_tells_its_last_word(self) -> None:
        [only] = told(
            Known(told_ms=NOW + DAY),
            [
                (0, NOW + 5 * DAY),
                (10_000, NOW + 3 * DAY),
                (20_000, NOW + 2 * DAY),
                (HOUR, NOW + 2 * DAY),
            ],
        )
        assert only.to_ms == NOW + 2 * DAY

    def test_one_that_comes_back_in_time_is_not_told(self) -> None:
        known, late = Known(told_ms=NOW + DAY), NOW + 2 * DAY
        assert told(known, [(0, late), (20_000, NOW + DAY), (0, late), (29_000, late)]) == []

    def test_earlier_again_is_told_later_than_later(self) -> None:
        known, late = Known(told_ms=NOW + DAY), NOW + 2 * DAY
        back = [(0, NOW + DAY), (PACE.settle_ms, NOW + DAY)]
        messages = told(known, [(0, late), (PACE.settle_ms, late), *back])
        assert [one.to_ms for one in messages] == [late]
        messages = told(
            known, [(0, late), (PACE.settle_ms, late), *back, (PACE.swing_ms, NOW + DAY)]
        )
        assert [one.to_ms for one in messages] == [late, NOW + DAY]

    def test_going_on_in_the_same_direction_waits_no_longer(self) -> None:
        messages = told(
            Known(told_ms=NOW + DAY),
            [
                (0, NOW + 2 * DAY),
                (PACE.settle_ms, NOW + 2 * DAY),
                (0, NOW + 3 * DAY),
                (PACE.settle_ms, NOW + 3 * DAY),
            ],
        )
        assert [one.to_ms for one in messages] == [NOW + 2 * DAY, NOW + 3 * DAY]

    def test_in_quiet_hours_it_waits_and_the_last_word_counts(self) -> None:
        known, late = Known(told_ms=NOW + DAY), NOW + 2 * DAY
        quiet = NOW + 8 * HOUR
        waiting = decided(known, late, quiet_until_ms=quiet)
        assert isinstance(waiting, Waits)
        assert waiting.look_at_ms == quiet
        again = decided(waiting.known, late + DAY, NOW + HOUR, quiet)
        assert isinstance(again, Waits)
        then = decided(again.known, late + 2 * DAY, quiet)
        assert isinstance(then, Moves)
        assert then.to_ms == late + 2 * DAY

    def test_without_a_date_there_is_nothing_to_tell(self) -> None:
        waiting = decided(Known(told_ms=NOW + DAY), NOW + 2 * DAY).known
        gone = decided(waiting, None, NOW + HOUR)
        assert gone == Rests(known=Known(told_ms=NOW + DAY))

    def test_the_first_date_is_taken_and_not_told(self) -> None:
        assert decided(Known(told_ms=None), NOW) == Rests(known=Known(told_ms=NOW))

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 3 * HOUR),
                st.one_of(st.none(), st.integers(NOW - 10 * DAY, NOW + 10 * DAY)),
            ),
            max_size=60,
        )
    )
    def test_messages_chain_and_each_is_worth_it(self, dates: list[tuple[int, int | None]]) -> None:
        """What one says from is what the one before said to; numbers rise by one."""
        start = NOW + DAY
        messages = told(Known(told_ms=start), dates)
        assert [one.known.number for one in messages] == list(range(1, len(messages) + 1))
        for one in messages:
            assert beyond(min(one.from_ms, one.to_ms), max(one.from_ms, one.to_ms))
        for before, after in pairwise(messages):
            assert after.from_ms == before.to_ms
        if messages:
            assert messages[0].from_ms == start

    @given(st.integers(1, 6 * HOUR), st.integers(TOLERANCE + 1, 20 * DAY))
    def test_one_that_swings_for_a_day_is_told_a_few_times(self, every: int, by: int) -> None:
        """However fast it swings: each turn has to hold twice as long as the one before."""
        looks = []
        at_ms = 0
        step = max(MINUTE, every // 3)
        while at_ms < DAY:
            late = (at_ms // every) % 2 == 0
            looks.append((step, NOW + DAY + (by if late else 0)))
            at_ms += step
        messages = told(Known(told_ms=NOW + DAY), looks)
        # 15 min, 30 min, 1 h, 2 h, 4 h, 8 h, 16 h: no more turns fit into a day.
        assert len(messages) <= 8

    @given(st.integers(-30 * DAY, 30 * DAY), st.integers(0, 100))
    def test_a_date_at_rest_is_told_at_most_once(self, by: int, looks: int) -> None:
        dates: list[tuple[int, int | None]] = [(10 * MINUTE, NOW + DAY + by)] * looks
        assert len(told(Known(told_ms=NOW + DAY), dates)) == (looks > 1 and abs(by) > TOLERANCE)


class TestDateOf:
    def test_what_was_promised_is_kept_by_being_early(self) -> None:
        early = Expectation(NOW - DAY, NOW)
        assert date_of(Basis.PROMISED, Stage.IN_PRODUCTION, early, NOW) == NOW
        assert date_of(Basis.SHOWN, Stage.IN_PRODUCTION, early, NOW) == NOW - DAY
        late = Expectation(NOW + DAY, None)
        assert date_of(Basis.PROMISED, Stage.SCHEDULED, late, NOW) == NOW + DAY

    def test_before_and_after_the_making_there_is_none(self) -> None:
        expected = Expectation(NOW, None)
        for stage in set(Stage) - {Stage.CONFIRMED, Stage.SCHEDULED, Stage.IN_PRODUCTION}:
            assert date_of(Basis.PROMISED, stage, expected, NOW) is None
            assert date_of(Basis.SHOWN, stage, expected, None) is None

    def test_nothing_agreed_is_what_is_expected(self) -> None:
        assert date_of(Basis.PROMISED, Stage.CONFIRMED, Expectation(None, None), NOW) == NOW
        assert date_of(Basis.PROMISED, Stage.CONFIRMED, Expectation(NOW, None), None) == NOW


class TestWishes:
    def test_a_tolerance_is_counted_on_the_clock_or_in_working_time(self) -> None:
        def nights_do_not_count(at_ms: int, work_ms: int) -> int:
            return at_ms + 3 * work_ms

        clock = Wishes(tolerance_minutes=240)
        working = Wishes(tolerance_minutes=240, counted=Counted.WORKING)
        assert clock.beyond(NOW, NOW + 5 * HOUR, nights_do_not_count)
        assert not working.beyond(NOW, NOW + 12 * HOUR, nights_do_not_count)
        assert working.beyond(NOW, NOW + 12 * HOUR + 1, nights_do_not_count)

    def test_quiet_hours_end_by_their_own_clock(self) -> None:
        nights = Wishes(quiet=(Hours(from_="22:00", until="07:00"),), time_zone="Asia/Shanghai")
        # 2026-11-23T15:30Z is 23:30 in Shanghai; its night ends at 23:00Z.
        at_ms = 1_795_447_800_000
        assert nights.quiet_until_ms(at_ms) == at_ms + 7 * HOUR + 30 * MINUTE
        assert nights.quiet_until_ms(at_ms + 8 * HOUR) is None

    def test_addresses_are_kept_in_one_way_of_writing(self) -> None:
        assert checked_address(Way.EMAIL, " Anna@ACME.example ") == "Anna@acme.example"
        assert checked_address(Way.SMS, "+49 (151) 234-56789") == "+4915123456789"
        for way, wrong in (
            (Way.EMAIL, "anna"),
            (Way.EMAIL, "anna@acme"),
            (Way.EMAIL, "a@b.example\nBcc: c@d.example"),
            (Way.EMAIL, f"{'a' * 60}@{'b' * 200}.example"),
            (Way.SMS, "0151 2345"),
        ):
            with pytest.raises(ValueError, match="is no"):
                checked_address(way, wrong)

    def test_a_masked_address_is_known_to_its_owner_alone(self) -> None:
        assert masked(Way.EMAIL, "anna@acme.example") == "a…@acme.example"
        assert masked(Way.SMS, "+4915123456789") == "…789"

"""Who is told of an alarm, when, and how much of it: rotas, escalations, quiet hours, floods."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plant_facts import HOUR, MINUTE, NOW

from domain.alarms.escalations import Counted, Due, Escalation, Step, Until, steps_due, told_by
from domain.alarms.recipients import (
    Address,
    Channel,
    Handling,
    Recipient,
    Sent,
    handle,
    is_flood,
    quiet_until_ms,
)
from domain.alarms.rotas import Hours, Layer, Override, Rota, on_call
from domain.alarms.rules import AlarmPriority
from domain.alarms.states import AlarmState

BERLIN = ZoneInfo("Europe/Berlin")
MOMENTS = st.integers(1_767_225_600, 1_830_297_600).map(
    lambda second: datetime.fromtimestamp(second, BERLIN)
)
"""Of the years 2026 and 2027."""


def moment(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


class TestRotas:
    WEEKLY = Rota(
        code="w",
        name="Weekly",
        time_zone="Europe/Berlin",
        layers=(Layer(members=("mei", "wang", "li"), first_day=date(2026, 11, 2)),),
    )

    @pytest.mark.parametrize(
        ("at", "who"),
        [
            ("2026-11-02T08:00", "mei"),
            ("2026-11-09T07:59", "mei"),
            ("2026-11-09T08:00", "wang"),
            ("2026-11-16T08:00", "li"),
            ("2026-11-23T08:00", "mei"),
            ("2026-11-02T07:59", "li"),
        ],
    )
    def test_turns_follow_each_other_and_go_on_before_the_first(self, at: str, who: str) -> None:
        assert on_call(self.WEEKLY, moment(at)) == who

    def test_the_hand_over_stays_at_its_time_when_the_clocks_change(self) -> None:
        spring = Rota(
            code="d",
            name="Daily",
            time_zone="Europe/Berlin",
            layers=(Layer(members=("a", "b"), first_day=date(2027, 3, 27), days=1),),
        )
        assert on_call(spring, datetime(2027, 3, 28, 5, 59, tzinfo=UTC)) == "a"
        assert on_call(spring, datetime(2027, 3, 28, 6, 0, tzinfo=UTC)) == "b"  # 08:00 CEST

    def test_the_first_layer_that_covers_the_moment_counts(self) -> None:
        night = Hours(from_="20:00", until="06:00", weekdays=(4,))
        rota = Rota(
            code="n",
            name="Nights",
            time_zone="Europe/Berlin",
            layers=(
                Layer(members=("owl",), first_day=date(2026, 1, 1), hours=(night,)),
                Layer(
                    members=("lark",),
                    first_day=date(2026, 1, 1),
                    hours=(Hours(from_="06:00", until="20:00"),),
                ),
            ),
        )
        assert on_call(rota, moment("2026-11-20T20:00")) == "owl"  # a Friday
        assert on_call(rota, moment("2026-11-21T05:59")) == "owl"
        assert on_call(rota, moment("2026-11-21T06:00")) == "lark"
        assert on_call(rota, moment("2026-11-21T21:00")) is None

    def test_whoever_stands_in_comes_first(self) -> None:
        rota = Rota(
            code="w",
            name="W",
            layers=self.WEEKLY.layers,
            overrides=(
                Override(
                    member="zhao",
                    from_=datetime(2026, 11, 3, tzinfo=UTC),
                    until=datetime(2026, 11, 4, tzinfo=UTC),
                ),
            ),
        )
        assert on_call(rota, datetime(2026, 11, 3, tzinfo=UTC)) == "zhao"
        assert on_call(rota, datetime(2026, 11, 4, tzinfo=UTC)) == "mei"

    @given(
        MOMENTS,
        st.integers(1, 30),
        st.integers(1, 5),
    )
    def test_somebody_has_every_moment_for_as_long_as_a_turn(
        self, at: datetime, days: int, count: int
    ) -> None:
        members = tuple(f"m{number}" for number in range(count))
        rota = Rota(
            code="r",
            name="R",
            time_zone="Europe/Berlin",
            layers=(Layer(members=members, first_day=date(2026, 6, 1), days=days),),
        )
        who = on_call(rota, at)
        assert who in members
        next_one = on_call(rota, at + timedelta(days=days))
        assert next_one == members[(members.index(who) + 1) % count]


LADDER = Escalation(
    code="e",
    name="E",
    steps=(
        Step(tell=("on-call:day", "mei")),
        Step(after_minutes=15, tell=("boss",)),
        Step(after_minutes=60, tell=("boss", "owner"), counted=Counted.SHIFT),
    ),
)


class TestEscalations:
    def test_steps_become_due_one_after_the_other(self) -> None:
        state = AlarmState.UNACKNOWLEDGED
        first = steps_due(LADDER, state, raised_ms=NOW, now_ms=NOW, done=())
        assert first.due == (Due(0, NOW),)
        assert first.next_ms == NOW + 15 * MINUTE
        later = steps_due(LADDER, state, raised_ms=NOW, now_ms=NOW + 20 * MINUTE, done=(0,))
        assert [each.step for each in later.due] == [1]

    @pytest.mark.parametrize(
        ("state", "goes_on"),
        [
            (AlarmState.UNACKNOWLEDGED, True),
            (AlarmState.RETURNED, False),
            (AlarmState.LATCHED_UNACKNOWLEDGED, True),
            (AlarmState.ACKNOWLEDGED, False),
            (AlarmState.NORMAL, False),
            (AlarmState.SHELVED, False),
            (AlarmState.SUPPRESSED, False),
            (AlarmState.OUT_OF_SERVICE, False),
        ],
    )
    def test_somebody_who_answers_ends_them_and_so_does_its_end(
        self, state: AlarmState, *, goes_on: bool
    ) -> None:
        found = steps_due(LADDER, state, raised_ms=NOW, now_ms=NOW + HOUR, done=())
        assert bool(found.due) is goes_on

    def test_some_go_on_until_it_is_over(self) -> None:
        ladder = Escalation(code="e", name="E", steps=LADDER.steps, until=Until.CLEARED)
        for state, goes_on in ((AlarmState.ACKNOWLEDGED, True), (AlarmState.RETURNED, False)):
            found = steps_due(ladder, state, raised_ms=NOW, now_ms=NOW, done=())
            assert bool(found.due) is goes_on

    def test_minutes_of_the_shift_wait_for_it(self) -> None:
        opens = NOW + 8 * HOUR

        def advance(at_ms: int, work_ms: int) -> int:
            return max(at_ms, opens) + work_ms

        now_ms = NOW + 2 * HOUR
        found = steps_due(
            LADDER,
            AlarmState.UNACKNOWLEDGED,
            raised_ms=NOW,
            now_ms=now_ms,
            done=(0, 1),
            advance=advance,
        )
        assert not found.due
        assert found.next_ms == opens + HOUR

    def test_a_rota_without_anybody_is_told(self) -> None:
        rota = Rota(
            code="day",
            name="Day",
            layers=(
                Layer(
                    members=("li",),
                    first_day=date(2026, 1, 1),
                    hours=(Hours(from_="00:00", until="12:00"),),
                ),
            ),
        )
        morning = int(datetime(2026, 11, 23, 9, tzinfo=UTC).timestamp() * 1000)
        told = told_by(LADDER.steps[0], {"day": rota}, morning)
        assert (told.recipients, told.uncovered) == (("li", "mei"), ())
        told = told_by(LADDER.steps[0], {"day": rota}, morning + 6 * HOUR)
        assert (told.recipients, told.uncovered) == (("mei",), ("day",))


MEI = Recipient(
    code="mei",
    name="Mei",
    time_zone="Europe/Berlin",
    addresses=(
        Address(channel=Channel.EMAIL, to="mei@example.com"),
        Address(channel=Channel.SMS, to="+49", least=AlarmPriority.HIGH),
    ),
    quiet=(Hours(from_="22:00", until="06:00"),),
)
NOON = int(moment("2026-11-23T12:00").timestamp() * 1000)
NIGHT = int(moment("2026-11-23T23:30").timestamp() * 1000)
MORNING = int(moment("2026-11-24T06:00").timestamp() * 1000)


class TestRecipients:
    def test_what_is_urgent_goes_more_ways(self) -> None:
        assert [each.channel for each in MEI.ways(AlarmPriority.MEDIUM)] == [Channel.EMAIL]
        assert [each.channel for each in MEI.ways(AlarmPriority.HIGH)] == [
            Channel.EMAIL,
            Channel.SMS,
        ]

    def test_by_night_it_is_held_until_the_morning(self) -> None:
        held = handle(MEI, AlarmPriority.HIGH, Sent(), NIGHT)
        assert (held.handling, held.because, held.until_ms) == (
            Handling.HOLD,
            "quiet_hours",
            MORNING,
        )
        assert handle(MEI, AlarmPriority.CRITICAL, Sent(), NIGHT).handling is Handling.SEND
        assert handle(MEI, AlarmPriority.LOW, Sent(), NOON).handling is Handling.SEND
        assert quiet_until_ms(MEI, MORNING) is None

    def test_the_eleventh_within_ten_minutes_begins_a_flood(self) -> None:
        ten = Sent(decided_ms=tuple(NOON - MINUTE for _ in range(10)))
        nine = Sent(decided_ms=ten.decided_ms[1:])
        assert handle(MEI, AlarmPriority.LOW, nine, NOON).handling is Handling.SEND
        flood = handle(MEI, AlarmPriority.LOW, ten, NOON)
        assert (flood.handling, flood.because) == (Handling.DIGEST, "flood")
        assert flood.until_ms == NOON + 10 * MINUTE
        assert handle(MEI, AlarmPriority.CRITICAL, ten, NOON).handling is Handling.SEND

    def test_a_flood_ends_below_five(self) -> None:
        lately = tuple(NOON - MINUTE for _ in range(4))
        assert is_flood(MEI, Sent(decided_ms=lately, flooded=True), NOON)
        assert not is_flood(MEI, Sent(decided_ms=lately, flooded=False), NOON)
        assert not is_flood(MEI, Sent(decided_ms=lately[1:], flooded=True), NOON)

    def test_more_than_the_limit_stands_in_the_digest(self) -> None:
        sparing = Recipient(code="s", name="S", per_hour=2)
        sent = Sent(sent_ms=(NOON - 50 * MINUTE, NOON - MINUTE), digest_ms=NOON - 4 * MINUTE)
        limited = handle(sparing, AlarmPriority.HIGH, sent, NOON)
        assert (limited.handling, limited.because) == (Handling.DIGEST, "limit")
        assert limited.until_ms == NOON + 6 * MINUTE
        assert (
            handle(sparing, AlarmPriority.HIGH, sent, NOON + 11 * MINUTE).handling is Handling.SEND
        )

    @given(MOMENTS)
    def test_quiet_hours_end_when_they_are_over(self, at: datetime) -> None:
        now_ms = int(at.timestamp() * 1000)
        until = quiet_until_ms(MEI, now_ms)
        local = datetime.fromtimestamp(now_ms / 1000, BERLIN)
        assert (until is not None) == (local.hour >= 22 or local.hour < 6)
        if until is not None:
            assert now_ms < until <= now_ms + 9 * HOUR
            assert quiet_until_ms(MEI, until) is None

    def test_a_flood_that_ends_before_it_begins_is_refused(self) -> None:
        with pytest.raises(ValueError, match="flood_ends"):
            Recipient(code="x", name="X", flood_begins=3, flood_ends=5)

"""Who is on call when: laid out turn by turn, the same as asked moment by moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.alarms.rotas import Hours, Layer, Override, Rota, on_call
from domain.alarms.turns import TooManyTurnsError, turns

CLOCKS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30]))
WEEKDAYS = st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True).map(tuple)
HOURS = st.builds(Hours, from_=CLOCKS, until=CLOCKS, weekdays=WEEKDAYS)
LAYERS = st.builds(
    Layer,
    members=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3).map(tuple),
    first_day=st.dates(date(2026, 3, 1), date(2026, 4, 30)),
    days=st.integers(1, 9),
    hand_over=CLOCKS,
    hours=st.lists(HOURS, max_size=2).map(tuple),
)
ROTAS = st.builds(
    Rota,
    code=st.just("rota"),
    name=st.just("Rota"),
    time_zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Shanghai", "Australia/Lord_Howe"]),
    layers=st.lists(LAYERS, max_size=2).map(tuple),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rota=ROTAS, day=st.sampled_from([date(2026, 3, 28), date(2026, 4, 4), date(2026, 10, 24)]))
def test_turns_say_what_each_moment_says(rota: Rota, day: date) -> None:
    """Also on the days on which the clocks change."""
    start = datetime(day.year, day.month, day.day, 3, 7, tzinfo=UTC)
    found = turns(rota, start, start + timedelta(days=3))
    assert found[0].start == start
    assert found[-1].end == start + timedelta(days=3)
    for before, after in pairwise(found):
        assert before.end == after.start
        assert before.member != after.member
    for turn in found:
        at = turn.start
        while at < turn.end:
            assert on_call(rota, at) == turn.member, at
            at += timedelta(minutes=5)


def test_who_stands_in_has_the_turn_meanwhile() -> None:
    start = datetime(2026, 11, 2, 8, tzinfo=UTC)
    rota = Rota(
        code="r",
        name="R",
        layers=(Layer(members=("wang", "li"), first_day=date(2026, 11, 2)),),
        overrides=(
            Override(
                member="chen", from_=start + timedelta(hours=30), until=start + timedelta(hours=40)
            ),
        ),
    )
    told = [
        (each.member, (each.end - each.start) // timedelta(hours=1))
        for each in turns(rota, start, start + timedelta(days=8))
    ]
    assert told == [("wang", 30), ("chen", 10), ("wang", 128), ("li", 24)]


def test_a_rota_without_anybody_is_a_gap() -> None:
    start = datetime(2026, 11, 2, tzinfo=UTC)
    [turn] = turns(Rota(code="r", name="R"), start, start + timedelta(days=1))
    assert turn.member is None


def test_what_changes_too_often_is_refused() -> None:
    hours = tuple(Hours(from_=f"{n // 60:02}:{n % 60:02}") for n in range(0, 1_440, 4))
    layer = Layer(members=("a",), first_day=date(2026, 11, 2), hours=hours)
    start = datetime(2026, 11, 2, tzinfo=UTC)
    with pytest.raises(TooManyTurnsError, match="fewer days"):
        turns(Rota(code="r", name="R", layers=(layer,)), start, start + timedelta(days=92))


_TOLD: Final[dict[str, Any]] = {
    "code": "r",
    "name": "R",
    "time_zone": "Asia/Shanghai",
    "layers": [{"members": ["wang", "li"], "first_day": "2026-11-02", "days": 1}],
}


class TestOverTheApi:
    async def test_a_rota_that_is_not_saved_is_laid_out(self, desk: httpx.AsyncClient) -> None:
        asked = {
            "rota": _TOLD,
            "start": "2026-11-02T00:00:00Z",
            "end": "2026-11-04T00:00:00Z",
        }
        answer = await desk.post("/v1/alarm-definitions/rotas/turns", json=asked)
        assert [each["member"] for each in answer.json()["items"]] == ["wang", "li"]

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"end": "2026-11-01T00:00:00Z"}, "start must lie before end"),
            ({"end": "2027-11-02T00:00:00Z"}, "92 days at most"),
            ({"rota": {"code": "r", "name": "R", "time_zone": "Mars/Base"}}, "no time zone"),
        ],
    )
    async def test_what_is_none_is_refused(
        self, desk: httpx.AsyncClient, change: dict[str, object], told: str
    ) -> None:
        asked = {
            "rota": _TOLD,
            "start": "2026-11-02T00:00:00Z",
            "end": "2026-11-04T00:00:00Z",
        } | change
        answer = await desk.post("/v1/alarm-definitions/rotas/turns", json=asked)
        assert answer.status_code == 422
        assert told in answer.text

"""Whether calendars' end can bind: certain only where the search for conflicts finds nothing."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.plan.conflicts import conflicts
from domain.plan.problem import (
    Interval,
    Job,
    Machine,
    Mode,
    Need,
    Operation,
    Pin,
    PinKind,
    Problem,
    Resource,
)
from scheduler.horizon import never_binds

HOUR = 3_600_000
DAY = 24 * HOUR


def _shop(*operations: Operation, idle: tuple[tuple[int, int], ...], days: int = 3) -> Problem:
    closed = tuple(Interval(start * HOUR, end * HOUR) for start, end in idle)
    return Problem(
        now_ms=0,
        machines=(Machine(id=1, unavailable=closed), Machine(id=2)),
        jobs=(Job(id=1),),
        operations=operations,
        horizon_ms=days * DAY,
    )


def _work(hours: int = 2, **kwargs: object) -> Operation:
    made = Operation(id=1, job=1, modes=(Mode(1, hours * HOUR),))
    return msgspec.structs.replace(made, **kwargs)


@pytest.mark.parametrize(
    ("operation", "idle", "certain"),
    [
        (_work(), ((0, 8), (20, 24)), True),
        (_work(release_ms=60 * HOUR), ((70, 80),), True),
        (_work(release_ms=71 * HOUR), ((70, 80),), False),
        (_work(release_ms=72 * HOUR), (), False),
        (_work(pin=Pin(kind=PinKind.LOCKED, machine=1, not_before_ms=80 * HOUR)), (), False),
        (_work(9, interruptible=False), ((8, 16), (24, 64)), False),
        (_work(8, interruptible=False), ((8, 16), (24, 64)), True),
        (_work(modes=(Mode(1, HOUR), Mode(3, HOUR))), (), False),
    ],
)
def test_what_is_certain(
    operation: Operation, idle: tuple[tuple[int, int], ...], *, certain: bool
) -> None:
    problem = _shop(operation, idle=idle)
    assert never_binds(problem) is certain
    if certain:
        assert conflicts(problem) == ()


def test_calendars_that_are_told_for_ever_never_bind() -> None:
    problem = msgspec.structs.replace(_shop(_work(release_ms=90 * HOUR), idle=()), horizon_ms=None)
    assert never_binds(problem)


@pytest.mark.parametrize(
    ("gone", "units", "certain"), [((0, 40), 1, True), ((30, 72), 1, False), ((0, 1), 2, False)]
)
def test_people_have_to_be_there_some_time(
    gone: tuple[int, int], units: int, *, certain: bool
) -> None:
    needy = _work(release_ms=31 * HOUR, modes=(Mode(1, HOUR, 0, (Need(7, units),)),))
    away = (Interval(gone[0] * HOUR, gone[1] * HOUR),)
    problem = msgspec.structs.replace(
        _shop(needy, idle=()), resources=(Resource(id=7, unavailable=away),)
    )
    assert never_binds(problem) is certain
    assert certain is (conflicts(problem) == ())


def test_of_shops_with_ovens_nothing_is_certain() -> None:
    problem = _shop(_work(), idle=())
    oven = msgspec.structs.replace(problem.machines[0], batch_units=3)
    problem = msgspec.structs.replace(problem, machines=(oven, *problem.machines[1:]))
    assert not never_binds(problem)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    idle=st.lists(st.integers(0, 80), min_size=0, max_size=6, unique=True),
    release=st.integers(0, 80),
    hours=st.integers(1, 30),
    whole=st.booleans(),
)
def test_where_it_is_certain_nothing_conflicts(
    idle: list[int], release: int, hours: int, *, whole: bool
) -> None:
    marks = sorted(idle)
    spans = tuple(zip(marks[::2], marks[1::2], strict=False))
    operation = _work(hours, release_ms=release * HOUR, interruptible=not whole)
    problem = _shop(operation, idle=spans)
    # There is one machine for it, so being certain and having a plan are the same.
    assert never_binds(problem) is (conflicts(problem) == ())

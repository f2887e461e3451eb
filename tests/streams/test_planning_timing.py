"""When a scope's projection is made anew, on a clock moved by hand."""

from __future__ import annotations

import math

import pytest

from streams.planning.timing import PROGRESS_S, REGULAR_S, ScopeTiming


@pytest.fixture
def timing() -> ScopeTiming:
    """A scope whose first round took from 100.0 to 100.1."""
    made = ScopeTiming()
    assert made.due_at() == -math.inf
    made.begin(100.0)
    made.end(100.1)
    return made


def test_nothing_is_due_where_nothing_happens(timing: ScopeTiming) -> None:
    assert timing.due_at() == math.inf


def test_progress_is_looked_at_once_a_second(timing: ScopeTiming) -> None:
    timing.mark(urgent=False)
    assert timing.due_at() == 100.0 + PROGRESS_S


def test_what_is_urgent_waits_for_a_part_of_what_the_last_round_took(
    timing: ScopeTiming,
) -> None:
    timing.mark(urgent=True)
    assert timing.due_at() == pytest.approx(100.125)
    timing.mark(urgent=False)
    assert timing.due_at() == pytest.approx(100.125)


def test_a_round_that_takes_longer_than_a_second_makes_progress_wait(
    timing: ScopeTiming,
) -> None:
    timing.begin(200.0)
    timing.end(203.0)
    timing.mark(urgent=False)
    assert timing.due_at() == 206.0


def test_while_a_plan_is_in_force_it_is_looked_at_regularly(timing: ScopeTiming) -> None:
    timing.in_force = True
    assert timing.due_at() == 100.0 + REGULAR_S


def test_it_is_looked_at_when_a_machine_reaches_its_threshold(timing: ScopeTiming) -> None:
    timing.in_force = True
    timing.look_at(104.5)
    assert timing.due_at() == 104.5
    timing.begin(104.5)
    timing.end(104.6)
    assert timing.due_at() == 104.5 + REGULAR_S


def test_what_is_heard_during_a_round_asks_for_another(timing: ScopeTiming) -> None:
    timing.mark(urgent=True)
    timing.begin(110.0)
    timing.mark(urgent=False)
    timing.end(110.1)
    assert timing.due_at() == 110.0 + PROGRESS_S

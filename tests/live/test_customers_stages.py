"""What a customer is told: stages, percent, expectation; and what an order waits for."""

from __future__ import annotations

from decimal import Decimal

import pytest

from contracts.telemetry import OperationState
from domain import tracking
from domain.orders import LineState
from domain.tracking import Expectation, LineShare, Stage, Step

NOW = 1_767_600_000_000
HOUR = 3_600_000


def line(state: LineState, *, good: int = 0, started: bool = False) -> LineShare:
    return LineShare(state, Decimal(100), Decimal(good), started)


@pytest.mark.parametrize(
    ("states", "stage"),
    [
        ([LineState.RECEIVED], Stage.RECEIVED),
        ([LineState.UNDER_REVIEW, LineState.RELEASED], Stage.RECEIVED),
        ([LineState.CONFIRMED, LineState.RELEASED], Stage.CONFIRMED),
        ([LineState.RELEASED, LineState.CANCELLED], Stage.SCHEDULED),
        ([LineState.RELEASED, LineState.IN_PRODUCTION], Stage.IN_PRODUCTION),
        ([LineState.RELEASED, LineState.PRODUCED], Stage.IN_PRODUCTION),
        ([LineState.PRODUCED, LineState.PRODUCED], Stage.PRODUCED),
        ([LineState.CANCELLED], Stage.CANCELLED),
        ([LineState.ON_HOLD], Stage.CONFIRMED),
    ],
)
def test_the_stage_follows_from_the_lines(states: list[LineState], stage: Stage) -> None:
    assert tracking.stage_of([line(state) for state in states]) is stage


def test_a_held_line_that_was_begun_is_in_production() -> None:
    assert tracking.stage_of([line(LineState.ON_HOLD, started=True)]) is Stage.IN_PRODUCTION


def test_the_timeline_has_one_current_stage() -> None:
    marks = tracking.timeline(Stage.SCHEDULED, {Stage.RECEIVED: 1, Stage.SCHEDULED: 3})
    assert [(mark.stage, mark.state, mark.at_ms) for mark in marks] == [
        (Stage.RECEIVED, "done", 1),
        (Stage.CONFIRMED, "done", None),
        (Stage.SCHEDULED, "current", 3),
        (Stage.IN_PRODUCTION, "ahead", None),
        (Stage.PRODUCED, "ahead", None),
        (Stage.PACKED, "ahead", None),
        (Stage.SHIPPED, "ahead", None),
    ]


def test_a_cancelled_order_shows_how_far_it_came() -> None:
    marks = tracking.timeline(Stage.CANCELLED, {Stage.RECEIVED: 1, Stage.CANCELLED: 9})
    assert [(mark.stage, mark.state) for mark in marks] == [
        (Stage.RECEIVED, "done"),
        (Stage.CANCELLED, "current"),
    ]


def test_percent_is_rounded_down_and_surplus_does_not_help() -> None:
    lines = [line(LineState.IN_PRODUCTION, good=99), line(LineState.PRODUCED, good=150)]
    assert tracking.percent(lines) == 99
    assert tracking.percent([*lines, line(LineState.CANCELLED)]) == 99
    assert tracking.percent([]) == 0


def expected(stage: Stage, projected: int | None, due: int | None) -> Expectation:
    return tracking.expectation(
        stage, projected_ms=projected, due_ms=due, produced_ms=NOW - 5, now_ms=NOW
    )


def test_the_promise_stands_until_work_begins_unless_it_cannot_be_kept() -> None:
    assert expected(Stage.SCHEDULED, NOW + 10, NOW + 99) == Expectation(NOW + 99, None)
    assert expected(Stage.SCHEDULED, NOW + 999, NOW + 99) == Expectation(NOW + 999, None)
    assert expected(Stage.RECEIVED, NOW + 999, None) == Expectation(None, None)


def test_in_production_the_projection_is_told_with_its_range() -> None:
    projected = NOW + 8 * HOUR
    assert expected(Stage.IN_PRODUCTION, projected, None) == Expectation(
        projected, projected + 2 * HOUR
    )
    soon = NOW + 60_000
    assert expected(Stage.IN_PRODUCTION, soon, None) == Expectation(soon, soon + HOUR)
    assert expected(Stage.IN_PRODUCTION, None, NOW + 99) == Expectation(NOW + 99, None)


def test_what_is_produced_or_cancelled_is_not_expected_any_more() -> None:
    assert expected(Stage.PRODUCED, None, NOW) == Expectation(NOW - 5, None)
    assert expected(Stage.CANCELLED, NOW, NOW) == Expectation(None, None)


def step(state: OperationState = OperationState.PLANNED, **fields: object) -> Step:
    values = {"machine": "p/a/l/m1", "machine_down": False, "machine_busy": False}
    return Step(state=state, **{**values, **fields})  # type: ignore[arg-type]  # fields of the struct


@pytest.mark.parametrize(
    ("state", "steps", "code"),
    [
        (LineState.PRODUCED, [], None),
        (LineState.RECEIVED, [], "release"),
        (LineState.ON_HOLD, [step()], "hold"),
        (LineState.RELEASED, [step()], "operator:p/a/l/m1"),
        (LineState.RELEASED, [step(machine_busy=True)], "machine:p/a/l/m1"),
        (LineState.RELEASED, [step(machine_down=True)], "machine:p/a/l/m1"),
        (LineState.RELEASED, [step(machine=None)], "machine"),
        (LineState.IN_PRODUCTION, [step(OperationState.PAUSED)], "operator:p/a/l/m1"),
        (LineState.IN_PRODUCTION, [step(), step(OperationState.RUNNING)], None),
        (
            LineState.IN_PRODUCTION,
            [step(OperationState.RUNNING, machine_down=True)],
            "machine:p/a/l/m1",
        ),
    ],
)
def test_what_an_order_waits_for(state: LineState, steps: list[Step], code: str | None) -> None:
    assert tracking.waits_for([line(state)], steps) == code

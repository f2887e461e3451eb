"""What a customer is told: stages, percent, an expected date with its range. Codes, no words."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from contracts.telemetry import OperationState
from domain.orders import LineState


class Stage(enum.StrEnum):
    """Where an order is, in a customer's terms."""

    RECEIVED = "received"
    CONFIRMED = "confirmed"
    SCHEDULED = "scheduled"
    IN_PRODUCTION = "in_production"
    PRODUCED = "produced"
    PACKED = "packed"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


STAGES: Final = (
    Stage.RECEIVED,
    Stage.CONFIRMED,
    Stage.SCHEDULED,
    Stage.IN_PRODUCTION,
    Stage.PRODUCED,
    Stage.PACKED,
    Stage.SHIPPED,
)
"""The way of every order that is not cancelled."""

_MADE: Final = (Stage.PRODUCED, Stage.PACKED, Stage.SHIPPED)
_SHARE_OF_REMAINING: Final = 4
_LEAST_RANGE_MS: Final = 3_600_000


class StageMark(msgspec.Struct, frozen=True):
    """A stage of the timeline; `state` is `done`, `current` or `ahead`."""

    stage: Stage
    state: str
    at_ms: int | None


class LineShare(msgspec.Struct, frozen=True):
    """What the stage and the percentage are made from."""

    state: LineState
    quantity: Decimal
    good: Decimal
    started: bool
    packed: Decimal = Decimal(0)
    shipped: Decimal = Decimal(0)


class Expectation(msgspec.Struct, frozen=True):
    """When an order is expected to be produced, and by when at the latest. Epoch milliseconds."""

    at_ms: int | None
    latest_ms: int | None


def stage_of(lines: Iterable[LineShare]) -> Stage:
    """The stage of an order from its lines; cancelled lines count only if there is nothing else.

    An order is in production from the first piece of work until the last line is produced. Before
    that, and again after it, it is where its least advanced line is: packed and shipped when all of
    it is, whatever was delivered of it before. A line on hold is where it was held.
    """
    stages = {
        _goods_stage(line) or _line_stage(line)
        for line in lines
        if line.state is not LineState.CANCELLED
    }
    if not stages:
        return Stage.CANCELLED
    least = min(stages, key=STAGES.index)
    if least not in _MADE and stages & {Stage.IN_PRODUCTION, *_MADE}:
        return Stage.IN_PRODUCTION
    return least


def _goods_stage(line: LineShare) -> Stage | None:
    """Where a line's goods are, if they are made: whether every piece was counted or not."""
    if line.shipped >= line.quantity:
        return Stage.SHIPPED
    if max(line.packed, line.shipped) >= line.quantity:
        return Stage.PACKED
    return None


def _line_stage(line: LineShare) -> Stage:
    match line.state:
        case LineState.RECEIVED | LineState.UNDER_REVIEW:
            return Stage.RECEIVED
        case LineState.RELEASED:
            return Stage.SCHEDULED
        case LineState.IN_PRODUCTION:
            return Stage.IN_PRODUCTION
        case LineState.PRODUCED:
            return Stage.PRODUCED
        case LineState.ON_HOLD:
            return Stage.IN_PRODUCTION if line.started else Stage.CONFIRMED
        case _:
            return Stage.CONFIRMED


def timeline(stage: Stage, reached_ms: Mapping[Stage, int]) -> list[StageMark]:
    """The stages in order, with the time each was reached where that is known.

    A cancelled order shows what it reached, and `cancelled` at the end instead of what is ahead.
    """
    if stage is Stage.CANCELLED:
        reached = [s for s in STAGES if s in reached_ms]
        marks = [StageMark(s, "done", reached_ms[s]) for s in reached]
        return [*marks, StageMark(stage, "current", reached_ms.get(stage))]
    here = STAGES.index(stage)
    marks = []
    for place, each in enumerate(STAGES):
        state = "done" if place < here else "current" if place == here else "ahead"
        marks.append(StageMark(each, state, reached_ms.get(each) if place <= here else None))
    return marks


def percent(lines: Sequence[LineShare]) -> int:
    """How much of an order is made, 0 to 100, rounded down; 100 only when all of it is.

    Lines of different units cannot be added up: each weighs the same. Surplus counts for nothing.
    """
    shares = [
        min(line.good / line.quantity, Decimal(1))
        for line in lines
        if line.state is not LineState.CANCELLED
    ]
    return int(100 * sum(shares, Decimal(0)) / len(shares)) if shares else 0


def expectation(
    stage: Stage,
    *,
    projected_ms: int | None,
    due_ms: int | None,
    produced_ms: int | None,
    now_ms: int,
    planned: bool = False,
) -> Expectation:
    """The expected date and its range.

    Once work has begun, or a plan holds all of it, the projection is told; its range is a quarter
    of the time that remains, and at least an hour. Before that the promise (the due date) stands,
    unless the projection is later still.
    """
    if stage is Stage.CANCELLED:
        return Expectation(None, None)
    if stage in _MADE:
        return Expectation(produced_ms, None)
    if stage is not Stage.IN_PRODUCTION and not planned:
        known = [at for at in (due_ms, projected_ms) if at is not None]
        return Expectation(max(known) if due_ms is not None else None, None)
    if projected_ms is None:
        return Expectation(due_ms, None)
    spread = max((projected_ms - now_ms) // _SHARE_OF_REMAINING, _LEAST_RANGE_MS)
    return Expectation(projected_ms, projected_ms + spread)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """An operation of an order that is not over, in the order in which the work is done."""

    state: OperationState
    machine: str | None
    machine_down: bool
    machine_busy: bool
    """Another operation is current on its machine."""


def waits_for(lines: Iterable[LineShare], steps: Sequence[Step]) -> str | None:
    """What an order waits for, as a code; None when it is being worked on, or is done.

    `hold`; `release` (nobody has handed it to the floor); `machine` (the next operation has none);
    `machine:<path>` (the machine is down, or busy with other work); `operator:<path>` (the machine
    is free: somebody has to start or resume the operation).
    """
    states = {line.state for line in lines}
    open_states = states - {LineState.CANCELLED, LineState.PRODUCED}
    if not open_states:
        return None
    for step in steps:
        if step.state is OperationState.RUNNING:
            return f"machine:{step.machine}" if step.machine_down else None
    if LineState.ON_HOLD in open_states:
        return "hold"
    if not steps:
        held = open_states <= {LineState.RECEIVED, LineState.UNDER_REVIEW, LineState.CONFIRMED}
        return "release" if held else None
    first = steps[0]
    if first.machine is None:
        return "machine"
    away = first.machine_down or first.machine_busy
    return f"{'machine' if away else 'operator'}:{first.machine}"

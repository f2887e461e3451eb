"""How a planning scope wants to be planned: weights, tolerances, and who publishes."""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec

_DAY_MS = 86_400_000
Span = Annotated[int, msgspec.Meta(ge=0, le=366 * _DAY_MS)]
Weight = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class PublishRule(enum.StrEnum):
    """Who puts a new plan in force."""

    AUTO = "auto"
    """The planner does, at once."""
    DRAFT = "draft"
    """It leaves a draft; a person publishes it."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scope's policy. Durations are milliseconds; weights are without unit.

    The objective is `tardiness * Σ weight·tardiness + reassignment * (operations on another
    machine) + setup * Σ set-up + move * Σ |start - start before| beyond move_tolerance_ms`, with
    times in minutes. (Efficiency and stability: Wu, Storer & Chang 1993.)

    Attributes:
        publish: who publishes.
        frozen_ms: what the plan in force starts within this time stays where it is.
        debounce_ms: so long after a disruption others are waited for, to be answered together.
        down_threshold_ms: a machine that is down for less has had a micro-stop.
        repair_ms: how long a breakdown is expected to last while nobody knows better.
        tolerance_ms: how far a projection may pass a promise or a successor's start.
        rush_priority: an order of this priority or a higher one is a rush order.
        improve_ms: how long the planner goes on improving after its first plan.
        move_tolerance_ms: to start an operation earlier or later by less costs nothing.
        tardiness, reassignment, move, setup: the objective's weights.
    """

    publish: PublishRule = PublishRule.AUTO
    frozen_ms: Span = 10 * 60_000
    debounce_ms: Annotated[int, msgspec.Meta(ge=0, le=60_000)] = 200
    down_threshold_ms: Span = 2 * 60_000
    repair_ms: Annotated[int, msgspec.Meta(ge=1_000, le=366 * _DAY_MS)] = 30 * 60_000
    tolerance_ms: Span = 10 * 60_000
    rush_priority: int = 8
    improve_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] = 2_000
    move_tolerance_ms: Span = 15 * 60_000
    tardiness: Weight = 20
    reassignment: Weight = 40
    move: Weight = 1
    setup: Weight = 1

"""How a planning scope wants to be planned: weights, tolerances, and who publishes."""

from __future__ import annotations

import enum
from typing import Annotated, Final

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


class Criterion(enum.StrEnum):
    """What a plan is judged by: each names a weight of the policy, and a sum over the plan."""

    TARDINESS = "tardiness"
    """Σ weight·tardiness of jobs, in minutes."""
    MAKESPAN = "makespan"
    """From now to the last end, in minutes."""
    SETUP = "setup"
    """Σ set-up, in minutes."""
    BALANCE = "balance"
    """By how much the busiest machine's work exceeds the machines' average, in minutes."""
    REASSIGNMENT = "reassignment"
    """Operations on another machine than before."""
    RESEQUENCING = "resequencing"
    """Operations behind another one than before on the machine where they were."""
    MOVE = "move"
    """Σ |start - start before| beyond the tolerance, in minutes."""


class Displacement(enum.StrEnum):
    """What a rush order may displace: make end later than without it."""

    NOTHING = "nothing"
    """It takes the time that is free."""
    LOWER = "lower"
    """Work of a lower priority class."""
    SAME = "same"
    """Work of its own priority class or a lower one."""
    ANY = "any"
    """All that is neither running nor frozen; what that costs decides."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scope's policy. Durations are milliseconds; weights are without unit.

    The objective is the sum of all criteria (`Criterion`), each times its weight: `tardiness *
    Σ weight·tardiness + reassignment * (operations on another machine) + setup * Σ set-up + move *
    Σ |start - start before| beyond move_tolerance_ms`, and so on, with times in minutes.
    (Efficiency and stability: Wu, Storer & Chang 1993.) With an `order`, criteria count one after
    the other: a later one only where all before are equal (`domain.plan.metrics.ranking`);
    searches that can only sum take `summed`.

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
        tardiness, reassignment, move, setup, makespan, balance, resequencing: the objective's
            weights.
        order: criteria in lexicographic order; empty for the weighted sum. Criteria that it does
            not name break ties, by their weights.
        displacement: what a rush order may displace.
        displaced: what a minute costs that a job ends later than it may be displaced to
            (`Job.keep_by_ms`); so high that it is done for nothing else.
        horizon_ms: so far ahead is planned: what cannot begin within this time for reasons of its
            own (its date, its material, calendars) is not yet planned. 0: everything is.
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
    makespan: Weight = 0
    balance: Weight = 0
    resequencing: Weight = 0
    order: Annotated[tuple[Criterion, ...], msgspec.Meta(max_length=len(Criterion))] = ()
    displacement: Displacement = Displacement.LOWER
    displaced: Weight = 10_000
    horizon_ms: Annotated[int, msgspec.Meta(ge=0, le=732 * _DAY_MS)] = 0


_STEPS: Final = (1_000_000, 10_000, 100)
"""What stands for an order where only sums are possible: the first criteria's weights."""


def summed(policy: Policy) -> Policy:
    """The policy with weights that stand for its order; itself when it has none.

    A unit of a criterion outweighs a hundred of the next one. So it is no exact order: it is for
    searches, and for a cost that is one number.
    """
    if not policy.order:
        return policy
    weights = dict.fromkeys(Criterion, 0)
    weights |= {each: 1 for each in Criterion if getattr(policy, each) and each not in policy.order}
    weights |= dict.fromkeys(policy.order, 1)
    weights |= dict(zip(policy.order, _STEPS, strict=False))
    return msgspec.structs.replace(
        policy, displaced=100 * _STEPS[0], **{str(each): weights[each] for each in Criterion}
    )


def may_displace(policy: Policy, rush_class: int, other_class: int) -> bool:
    """Whether work of one priority class may make work of another end later."""
    match policy.displacement:
        case Displacement.NOTHING:
            return False
        case Displacement.LOWER:
            return other_class < rush_class
        case Displacement.SAME:
            return other_class <= rush_class
        case Displacement.ANY:
            return True

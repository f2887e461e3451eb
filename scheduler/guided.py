"""Local search for shops with ovens: the kernel leads, the decoder decides.

The kernel knows no ovens. It searches the shop with its batches as they are (`scheduler.batches`).
What it finds is decoded in the real shop, and kept if better there. Where that leads nowhere any
more, the decoder searches by itself, which loads ovens otherwise, too.
"""

from __future__ import annotations

import time
from typing import Final

from domain.plan.decoder import decode
from domain.plan.indexed import Indexed, ProblemError
from domain.plan.metrics import ranking
from domain.plan.plan import Plan
from domain.plan.problem import Problem
from domain.plan.validator import violations
from scheduler.batches import Loaded, loaded, unloaded
from scheduler.reordering import reordered
from scheduler.repair import repaired
from scheduler.sequence import CyclicError, sequence_of
from scheduler.stopping import Stop

ROUNDS: Final = 4
"""The kernel gets such a part of the time; and once more, as long as it leads somewhere."""


def guided(
    problem: Problem,
    plan: Plan,
    *,
    limit_s: float,
    seed: int = 1,
    moves: int | None = None,
    stop: Stop | None = None,
) -> Plan:
    """A plan that ranks better, or the one given.

    Args:
        problem: what is planned; one that the kernel does not know.
        plan: a valid plan of it.
        limit_s: how long.
        seed: with `moves` the answer depends on it alone.
        moves: how many moves each thread tries in a round (the decoder makes a tenth as many
            plans); None for as many as the time allows.
        stop: who asks it to stop keeps what has been found.
    """
    began = time.perf_counter()
    indexed = Indexed(problem)
    for turn in range(ROUNDS):
        left_s = limit_s - (time.perf_counter() - began)
        if left_s <= 0 or (stop is not None and stop.asked):
            return plan
        led = _led(
            indexed, plan, limit_s=limit_s / ROUNDS, seed=seed + turn, moves=moves, stop=stop
        )
        if led is None:
            break
        plan = led
    left_s = limit_s - (time.perf_counter() - began)
    tries = None if moves is None else moves // 10
    return reordered(indexed, plan, limit_s=left_s, seed=seed, tries=tries, stop=stop)


def _led(
    indexed: Indexed,
    plan: Plan,
    *,
    limit_s: float,
    seed: int,
    moves: int | None,
    stop: Stop | None,
) -> Plan | None:
    """The plan that the kernel leads to; None if it is no better."""
    problem = indexed.problem
    simple = loaded(indexed, plan)
    try:
        found = repaired(
            simple.problem, simple.plan, limit_s=limit_s, seed=seed, moves=moves, stop=stop
        )
        if found is simple.plan:
            return None
        candidate = decoded_as(problem, simple, found, indexed=indexed)
    except (CyclicError, ProblemError):
        # Frozen work may have to wait for what is behind it in the simpler shop.
        return None
    if ranking(problem, candidate) >= ranking(problem, plan) or violations(problem, candidate):
        return None
    return candidate


def decoded_as(
    problem: Problem, simple: Loaded, found: Plan, *, indexed: Indexed | None = None
) -> Plan:
    """A plan of the shop with fixed batches, with the times of the real shop.

    What the plan in force has is not started earlier than that costs nothing, unless the plan does.
    Batches wait for all that is to go in.

    Args:
        problem: the real shop.
        simple: the one with fixed batches.
        found: a plan of that.
        indexed: the real shop indexed, when the caller has it.

    Raises:
        CyclicError, ProblemError: what the plan has is in no order that the real shop allows.
    """
    indexed = indexed or Indexed(problem)
    tolerance_ms = problem.policy.move_tolerance_ms
    waits = {
        each.operation: each.start_ms
        for each in found.assignments
        if each.operation in simple.batches
    }
    anchors = {
        each.operation: min(before.start_ms - tolerance_ms, each.start_ms)
        for each in found.assignments
        if (before := problem.baseline.get(each.operation)) is not None
    }
    order = unloaded(sequence_of(Indexed(simple.problem), found.assignments), simple.batches)
    plans = [
        decode(problem, order, not_before=not_before, indexed=indexed)
        for not_before in ({**anchors, **waits}, waits)
    ]
    return min(plans, key=lambda each: ranking(problem, each))

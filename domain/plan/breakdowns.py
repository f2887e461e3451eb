"""Breakdowns as causes: machines that are down for longer than the threshold, and their end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from contracts.plan import DisruptionKind
from domain.plan.cause import Cause
from domain.plan.policy import Policy
from domain.plan.problem import Problem

DOWN: Final = "down"
_WORKS: Final = ("running", "setup", "idle")


class Breakdown(msgspec.Struct, frozen=True):
    """The newest breakdown of a machine that was told.

    Attributes:
        since_ms: since when the machine was down.
        answered: whether a plan (or the decision to keep the one in force) has answered it.
        over: whether it was told that the machine works again.
    """

    since_ms: int
    answered: bool
    over: bool


class MachineStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What the floor says of a machine, and what was told of it."""

    machine: int
    state: str
    since_ms: int | None
    reason: str | None = None
    told: Breakdown | None = None


def useful_machines(problem: Problem) -> frozenset[int]:
    """The machines that there is work for; what becomes of the others makes no plan wrong."""
    return frozenset(mode.machine for each in problem.operations for mode in each.modes)


def machine_causes(machines: Iterable[MachineStanding], policy: Policy, now_ms: int) -> list[Cause]:
    """Machines that are down for longer than the threshold, and those that work again."""
    found = []
    for machine in machines:
        cause = _down(machine, policy, now_ms) or _up(machine, now_ms)
        if cause is not None:
            found.append(cause)
    return found


def _down(machine: MachineStanding, policy: Policy, now_ms: int) -> Cause | None:
    since_ms = machine.since_ms
    if machine.state != DOWN or since_ms is None or now_ms - since_ms < policy.down_threshold_ms:
        return None
    if machine.told is not None and machine.told.since_ms == since_ms:
        return None
    return Cause(
        kind=DisruptionKind.MACHINE_DOWN,
        key=f"{DisruptionKind.MACHINE_DOWN}:{machine.machine}:{since_ms}",
        occurred_ms=since_ms,
        machine=machine.machine,
        detail={"reason": machine.reason, "since": since_ms},
    )


def _up(machine: MachineStanding, now_ms: int) -> Cause | None:
    told = machine.told
    if told is None or not told.answered or told.over or machine.state not in _WORKS:
        return None
    since_ms = machine.since_ms if machine.since_ms is not None else now_ms
    return Cause(
        kind=DisruptionKind.MACHINE_UP,
        key=f"{DisruptionKind.MACHINE_UP}:{machine.machine}:{told.since_ms}",
        occurred_ms=since_ms,
        machine=machine.machine,
        detail={"since": told.since_ms},
    )


def threshold_ms(machines: Iterable[MachineStanding], policy: Policy, now_ms: int) -> int | None:
    """When the next machine that is down will have been so for the policy's threshold."""
    moments = [
        each.since_ms + policy.down_threshold_ms
        for each in machines
        if each.state == DOWN and each.since_ms is not None
    ]
    return min((moment for moment in moments if moment > now_ms), default=None)

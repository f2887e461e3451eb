"""Why a date moved, as far as a customer may know: no machine and no order but their own."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from contracts.plan import DisruptionKind


class PublicReason(enum.StrEnum):
    """What is said. There is nothing between these words and what we know."""

    ORDER_CHANGED = "order_changed"
    """The order itself was changed since: its quantity, or the date that was asked for."""
    MATERIAL = "material"
    MACHINE = "machine"
    MAINTENANCE = "maintenance"
    PROGRESS = "progress"
    """The work takes longer than planned."""
    CAPACITY = "capacity"
    """There is more to do than can be done until then."""
    RECOVERED = "recovered"
    """It goes faster again, or gained time."""


_RANKS: Final = tuple(PublicReason)
"""Of several reasons the first is told."""

_OF_CAUSE: Final[Mapping[str, PublicReason]] = {
    "material": PublicReason.MATERIAL,
    "work": PublicReason.PROGRESS,
}
"""By the root of the planner's why-chain (`domain.plan.plan.LateCause`); others are capacity."""

_OF_CLOSURE: Final[Mapping[str, PublicReason]] = {
    "down": PublicReason.MACHINE,
    "maintenance": PublicReason.MAINTENANCE,
}
"""Why a machine does not work (`domain.plan.problem.ClosureKind`)."""

_OF_DISRUPTION: Final[Mapping[str, PublicReason]] = {
    DisruptionKind.MACHINE_DOWN: PublicReason.MACHINE,
    DisruptionKind.MACHINE_UP: PublicReason.RECOVERED,
    DisruptionKind.OPERATION_LATE: PublicReason.PROGRESS,
    DisruptionKind.PROMISE_AT_RISK: PublicReason.PROGRESS,
    DisruptionKind.OPERATION_EARLY: PublicReason.RECOVERED,
    DisruptionKind.MATERIAL_LATE: PublicReason.MATERIAL,
    DisruptionKind.MAINTENANCE_PLANNED: PublicReason.MAINTENANCE,
}
"""Why a plan was made; orders of others, people, and what planners do are capacity."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of why a line's date is what it is.

    Attributes:
        later: whether it moved to later.
        changed: whether the order's own quantity or date was changed since the customer knew.
        machine_down: whether a machine that its open work is on is down.
        chain: the planner's why-chain, from the last link back to the root; empty: it is on time.
        disruptions: why the plans were made that moved it (`DisruptionKind`).
    """

    later: bool
    changed: bool = False
    machine_down: bool = False
    chain: Sequence[Mapping[str, Any]] = ()
    disruptions: Collection[str] = ()


def reason_of(evidence: Evidence) -> PublicReason:
    """The one reason that is told.

    What was done to the order itself comes first, then what is seen at its own machine, then the
    root of its chain. Why a plan was made counts only where it leaves no doubt, because a plan is
    made for a whole floor.
    """
    if evidence.changed:
        return PublicReason.ORDER_CHANGED
    if not evidence.later:
        return PublicReason.RECOVERED
    if evidence.machine_down:
        return PublicReason.MACHINE
    root = _of_root(evidence.chain)
    if root is not None and root is not PublicReason.CAPACITY:
        return root
    found = {_OF_DISRUPTION.get(each, PublicReason.CAPACITY) for each in evidence.disruptions}
    found.discard(PublicReason.RECOVERED)
    if len(found) == 1:
        return found.pop()
    return PublicReason.CAPACITY


def first_of(reasons: Collection[PublicReason]) -> PublicReason:
    """Of the reasons of an order's lines the one that is told."""
    return min(reasons, key=_RANKS.index)


def _of_root(chain: Sequence[Mapping[str, Any]]) -> PublicReason | None:
    if not chain:
        return None
    root = chain[-1]
    cause = str(root.get("cause"))
    if cause == "unavailable":
        return _OF_CLOSURE.get(str(root.get("closure")), PublicReason.CAPACITY)
    return _OF_CAUSE.get(cause, PublicReason.CAPACITY)

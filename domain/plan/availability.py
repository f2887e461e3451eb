"""When a machine that is down is expected to work again."""

from __future__ import annotations

from typing import Final

from domain.plan.policy import Policy

DOWN: Final = "down"
"""The one machine state that takes it out of planning; a stop or a set-up is part of the work."""


def expected_back_ms(state: str, since_ms: int | None, now_ms: int, policy: Policy) -> int | None:
    """When a machine is expected back; None while it counts as available.

    A shorter time than `policy.down_threshold_ms` is a micro-stop. Beyond it, a repair is expected
    to take `policy.repair_ms` from its beginning. One that is nearly over by that reckoning, or
    overdue, is given another quarter of it, so that no plan starts work on it at this very moment.

    Args:
        state: the machine's state.
        since_ms: when that began; None, when nobody knows, counts as now.
        now_ms: the moment of planning.
        policy: thresholds and the expected repair.
    """
    if state != DOWN:
        return None
    since_ms = now_ms if since_ms is None else since_ms
    if now_ms - since_ms < policy.down_threshold_ms:
        return None
    back = since_ms + policy.repair_ms
    if back > now_ms + policy.repair_ms // 10:
        return back
    return now_ms + max(policy.repair_ms // 4, 1_000)

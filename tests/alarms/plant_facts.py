"""A small plant's facts and rules, for tests of decisions about alarms."""

from __future__ import annotations

from typing import Any

from domain.alarms.conditions import Condition, MachineDown
from domain.alarms.facts import Facts, MachineFacts
from domain.alarms.rules import Rule

SITE = "plant-1"
LINE = f"{SITE}/cutting/line1"
M1, M2, M3 = (f"{LINE}/m0{number}" for number in (1, 2, 3))
OTHER = f"{SITE}/cutting/line2/m09"
NOW = 1_800_000_000_000
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000


def machine(path: str = M1, **fields: Any) -> MachineFacts:
    """A machine that runs and was heard of just now."""
    given: dict[str, Any] = {
        "id": int(path[-2:]),
        "name": path.rpartition("/")[2],
        "configured": True,
        "state": "running",
        "reason": None,
        "since_ms": NOW - HOUR,
        "last_seen_ms": NOW,
    }
    return MachineFacts(path=path, **{**given, **fields})


def down(path: str = M1, *, since_ms: int = NOW - SECOND, **fields: Any) -> MachineFacts:
    """A machine that is down."""
    return machine(path, state="down", since_ms=since_ms, **fields)


def alarm_rule(
    code: str = "machine-down", condition: Condition | None = None, **fields: Any
) -> Rule:
    """A rule."""
    return Rule(
        code=code,
        name=code,
        condition=condition if condition is not None else MachineDown(),
        response="Go and look.",
        **fields,
    )


def facts(*machines: MachineFacts, now_ms: int = NOW, **others: Any) -> Facts:
    """What is so."""
    return Facts(now_ms=now_ms, machines=machines, **others)

"""The join's rules once more, written to be read and not to be fast: sort everything, then fold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Result:
    operations: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    unassigned: dict[str, tuple[int, int]] = field(default_factory=dict)


def in_order(mine: list[tuple[str, dict[str, Any]]]) -> list[tuple[Any, str, dict[str, Any]]]:
    """One machine's objects with their places, sorted."""
    ordered = []
    for kind, obj in mine:
        e = max(
            other["t"]
            for _, other in mine
            if (other["source"], other["boot"]) == (obj["source"], obj["boot"])
            and other["seq"] <= obj["seq"]
        )
        ordered.append(((e, obj["source"], obj["boot"], obj["seq"]), kind, obj))
    return sorted(ordered, key=lambda entry: entry[0])


def state_changes(mine: list[tuple[str, dict[str, Any]]]) -> dict[tuple[int, int], Any]:
    """One machine's changes of state: (e, nth) -> (what it left, what it told)."""
    rows: dict[tuple[int, int], Any] = {}
    told: tuple[str | None, str | None] = (None, None)
    for (e_ms, *_), kind, obj in in_order(mine):
        now = (obj.get("state"), obj.get("reason"))
        if kind == "state" and now != told:
            rows[e_ms, sum(1 for other, _ in rows if other == e_ms)] = (told, now)
            told = now
    return rows


def slots(mine: list[tuple[str, dict[str, Any]]], slot_ms: int) -> dict[int, tuple[int, int]]:
    """One machine's pieces by slots of effective time."""
    chains: dict[tuple[str, str], int] = {}
    pieces: dict[int, tuple[int, int]] = {}
    for (e_ms, *_), kind, obj in in_order(mine):
        if kind != "count":
            continue
        counted = []
        for name in ("good", "scrap"):
            more = obj.get(name, 0)
            if (total := obj.get(f"{name}_total")) is not None:
                before = chains.get((obj["source"], name), total)
                more = total - before if total >= before else total
                chains[obj["source"], name] = total
            counted.append(more)
        if any(counted):
            good, scrap = pieces.get(e_ms - e_ms % slot_ms, (0, 0))
            pieces[e_ms - e_ms % slot_ms] = (good + counted[0], scrap + counted[1])
    return pieces


def solve(  # noqa: C901, PLR0912, PLR0915 - the rules from top to bottom, in one place
    accepted: list[tuple[str, str, dict[str, Any]]],
) -> Result:
    """Accepted objects as (machine path, kind, object with integer `t` and with `source`)."""
    result = Result()
    changes: dict[tuple[str, int], tuple[Any, str]] = {}

    def operation(key: tuple[str, int]) -> dict[str, Any]:
        return result.operations.setdefault(
            key, {"good": 0, "scrap": 0, "runs": 0, "state": "planned"}
        )

    def change(key: tuple[str, int], place: Any, state: str) -> None:
        operation(key)
        if key not in changes or changes[key][0] <= place:
            changes[key] = (place, state)

    for machine in sorted({machine for machine, _, _ in accepted}):
        ordered = in_order([(kind, obj) for path, kind, obj in accepted if path == machine])
        current: tuple[str, int] | None = None
        chains: dict[tuple[str, str], int] = {}
        good_left, scrap_left = 0, 0
        for place, kind, obj in ordered:
            at = (place[0], machine, *place[1:])
            if kind == "job":
                key = (obj["work_order"], obj["operation"])
                event = obj["event"]
                if event == "started":
                    if current is not None and current != key:
                        change(current, at, "interrupted")
                    operation(key)["runs"] += 1
                    change(key, at, "running")
                    current = key
                elif event in ("paused", "resumed"):
                    if current == key:
                        change(key, at, "paused" if event == "paused" else "running")
                else:
                    change(key, at, event)
                    if current == key:
                        current = None
            elif kind == "count":
                pieces = {}
                for name in ("good", "scrap"):
                    pieces[name] = obj.get(name, 0)
                    total = obj.get(f"{name}_total")
                    if total is not None:
                        chain = (obj["source"], name)
                        before = chains.get(chain)
                        chains[chain] = total
                        if before is None:
                            pieces[name] = 0
                        else:
                            pieces[name] = total - before if total >= before else total
                if pieces["good"] == 0 and pieces["scrap"] == 0:
                    continue
                key_or_none = (
                    (obj["work_order"], obj["operation"]) if "work_order" in obj else current
                )
                if key_or_none is None:
                    good_left += pieces["good"]
                    scrap_left += pieces["scrap"]
                else:
                    operation(key_or_none)["good"] += pieces["good"]
                    operation(key_or_none)["scrap"] += pieces["scrap"]
        if good_left or scrap_left:
            result.unassigned[machine] = (good_left, scrap_left)
    for key, (_, state) in changes.items():
        result.operations[key]["state"] = state
    return result

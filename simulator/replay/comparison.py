"""What the API shows against what a scenario expects. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from simulator.replay.scenario_file import Expectation


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What the API answers about a site.

    `dead_letters` is the increase since before the replay.
    """

    operations: list[dict[str, Any]]
    machines: list[dict[str, Any]]
    dead_letters: int


def differences(expect: Expectation, shown: Shown) -> list[str]:
    """A line for everything that is not as expected."""
    return (
        _operations(expect, shown.operations)
        + _unassigned(expect, shown.machines)
        + _dead_letters(expect, shown.dead_letters)
    )


def _operations(expect: Expectation, shown: Sequence[Mapping[str, Any]]) -> list[str]:
    wanted: dict[tuple[Any, Any], dict[str, object]] = {
        (one.work_order, one.operation): {
            "good_pieces": one.good,
            "scrap_pieces": one.scrap,
            "runs": one.runs,
            "state": one.state,
        }
        for one in expect.operations
    }
    keys = [(one.get("work_order"), one.get("operation")) for one in shown]
    found = dict(zip(keys, shown, strict=True))
    lines = []
    for key in wanted.keys() | found.keys():
        name = f"operation {key[0]} / {key[1]}"
        if key not in found:
            lines.append(f"{name}: missing; expected {_fields(wanted[key])}")
        elif key not in wanted:
            fields = ("good_pieces", "scrap_pieces", "runs", "state")
            has = _fields({field: found[key].get(field) for field in fields})
            lines.append(f"{name}: not expected, but shown with {has}")
        else:
            lines += [
                f"{name}: {field} is {found[key].get(field)!r}, expected {value!r}"
                for field, value in wanted[key].items()
                if not _same(found[key].get(field), value)
            ]
    if len(found) != len(keys):
        lines.append("operations: some are shown twice")
    if not lines and keys != sorted(keys):
        lines.append("operations: not sorted by work order and operation")
    return sorted(lines)


def _unassigned(expect: Expectation, shown: Sequence[Mapping[str, Any]]) -> list[str]:
    wanted = {one.machine: (one.good, one.scrap) for one in expect.unassigned}
    found: dict[Any, tuple[Any, Any]] = {}
    for machine in shown:
        pieces = machine.get("unassigned") or {}
        counted = pieces.get("good", 0), pieces.get("scrap", 0)
        if counted != (0, 0):
            found[machine.get("machine")] = counted
    return [
        f"unassigned of {machine}: good and scrap are {found.get(machine, (0, 0))},"
        f" expected {wanted.get(machine, (0, 0))}"
        for machine in sorted(wanted.keys() | found.keys(), key=str)
        if wanted.get(machine, (0, 0)) != found.get(machine, (0, 0))
    ]


def _dead_letters(expect: Expectation, shown: int) -> list[str]:
    if shown == expect.dead_letters:
        return []
    return [f"dead letters: {shown}, expected {expect.dead_letters}"]


def _same(shown: object, wanted: object) -> bool:
    """Equal, and no boolean or decimal where a whole number is meant."""
    return type(shown) is type(wanted) and shown == wanted


def _fields(values: Mapping[str, object]) -> str:
    return ", ".join(f"{field} {value}" for field, value in values.items())

"""Consumption of wire and terminals, from the `Counter` blocks.

A block shows per item what was used and how much of it went into good wires (wire in mm, terminals
in pieces), counted since the job was started; it follows the record whose job it belongs to. Both
Job.sdc and Producti.sdc have them: their readings form one chain per job and item in order of time.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import Final, NamedTuple

from contracts.ids import EpochMs
from simulator.replay.komax565.records import Record

_UNITS: Final = {"Wire": "mm", "Terminal": "pcs"}


class Used(NamedTuple):
    """What was consumed of an item since its reading before."""

    t_ms: EpochMs
    item: str
    quantity: int
    quantity_good: int
    unit: str
    job: str | None


class _Reading(NamedTuple):
    t_ms: EpochMs
    item: str
    unit: str
    used: int
    good: int
    job: str | None
    carries_on: bool
    """The record before does not begin a job: the counter may stand at what was used earlier."""


def consumption(job: list[Record], production: list[Record]) -> Iterator[Used]:
    """The increases of all chains. A lower reading is a counter that began anew."""
    chains: dict[tuple[str | None, str], tuple[int, int]] = {}
    known: set[str | None] = set()
    readings = merge(_readings(job), _readings(production), key=lambda reading: reading.t_ms)
    for reading in readings:
        key = (reading.job, reading.item)
        new = reading.job not in known and reading.carries_on and key not in chains
        before = (reading.used, reading.good) if new else chains.get(key, (0, 0))
        chains[key] = (reading.used, reading.good)
        if not reading.carries_on:
            known.add(reading.job)
        used, good = _increase(before[0], reading.used), _increase(before[1], reading.good)
        if used or good:
            yield Used(reading.t_ms, reading.item, used, good, reading.unit, reading.job)


def _increase(before: int, now: int) -> int:
    return now - before if now >= before else now


def _readings(records: list[Record]) -> Iterator[_Reading]:
    owner: Record | None = None
    for record in records:
        if record.section != "Counter":
            owner = record if record.get("Job") else owner
            continue
        if not record.whole:
            continue
        for key, value in record.fields:
            unit = _UNITS.get(key)
            parts = [part.strip() for part in value.rsplit(",", 2)]
            if unit is None or len(parts) != 3 or not all(map(_is_count, parts[1:])):  # noqa: PLR2004 - item, used, good
                continue
            job = owner.get("Job") if owner is not None else None
            begins = owner is not None and owner.section == "JobStarted"
            yield _Reading(
                record.t_ms, parts[0], unit, int(parts[1]), int(parts[2]), job, not begins
            )


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit()

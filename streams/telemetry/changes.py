"""What a batch changes of its machines: new told from repeated, and folded into their pasts."""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.floor.machine import WINDOW_FACTS, Machine, Publisher, Received
from domain.floor.past import NEVER_MS, Base, TooOldError, differing
from domain.floor.standing import SLOT_MS, OperationKey
from domain.intake import Accepted, Refusal, same_content
from store.database import Connection
from store.telemetry import KIND_CODES, reading
from streams.telemetry.intake import Intake


@dataclass
class Changed:
    """What a batch changed of one machine."""

    machine: Machine
    new: list[Received]
    publishers: dict[tuple[str, str], Publisher] = field(default_factory=dict)
    touched: set[OperationKey] = field(default_factory=set)
    slots_since_ms: int = NEVER_MS
    slots: dict[int, tuple[int, int]] = field(default_factory=dict)
    rebased: Base | None = None
    checkpoints: list[Base] = field(default_factory=list)


async def sort_in(
    connection: Connection, intake: Intake, machine: Machine, arrived: list[Received]
) -> Changed:
    """Tell new objects from repeated ones, and fold what is new into the machine's past."""
    found = machine.sort_out(arrived)
    repeats, conflicts = found.repeats, list(found.conflicts)
    if found.suspects:
        stored = await reading.stored_bodies(connection, machine, found.suspects)
        for suspect in found.suspects:
            if _is_repeat(suspect.object, stored):
                repeats += 1
            else:
                conflicts.append(suspect)
    for conflict in conflicts:
        message = conflict.object.message
        intake.refuse_received(
            conflict,
            Refusal.CONFLICT,
            f"seq {message.seq} of boot {message.boot!r} of source {message.source!r} was"
            " used before with other content; the first to arrive stands",
        )
    intake.count(machine.site, accepted=len(found.new), repeats=repeats)
    change = Changed(machine, found.new)
    if found.new:
        for received in found.new:
            message = received.object.message
            publisher = machine.mark_seen(received)
            change.publishers[message.source, message.boot] = publisher
        await _fold(connection, change)
    return change


def _is_repeat(
    suspect: Accepted, stored: dict[tuple[str, str, int, int], tuple[int, bytes]]
) -> bool:
    message = suspect.message
    row = stored.get((message.source, message.boot, message.seq, suspect.t_ms))
    return (
        row is not None
        and row[0] == KIND_CODES[suspect.kind]
        and same_content(row[1], suspect.body)
    )


async def _fold(connection: Connection, change: Changed) -> None:
    """Fold what is new; from an older base where it belongs before the one in memory."""
    machine = change.machine
    facts = [reading.fact_of(received.object) for received in change.new]
    try:
        machine.past.add(facts)
    except TooOldError:
        before = await reading.rebase(connection, machine, facts)
        change.rebased = machine.past.base
        machine.past.add(facts)
        change.touched = differing(before, machine.past.standing)
        since_ms = NEVER_MS
    else:
        change.touched, refolded_ms = machine.past.changes()
        since_ms = min(fact.t_ms for fact in facts)
        if refolded_ms is not None:
            since_ms = min(since_ms, refolded_ms)
    machine.past.changes()
    # Slots before the base are not in memory, and cannot have changed either.
    base = machine.past.base
    change.slots_since_ms = since_ms if base.place is None else max(since_ms, base.place.e_ms)
    first = change.slots_since_ms - change.slots_since_ms % SLOT_MS
    slots = machine.past.standing.slots
    change.slots = {slot: pieces for slot, pieces in slots.items() if slot >= first}
    _advance(change)


def _advance(change: Changed) -> None:
    """Keep the window bounded; every base passed on the way becomes a checkpoint."""
    machine = change.machine
    while len(machine.past) > WINDOW_FACTS:
        keep = max(WINDOW_FACTS // 2, len(machine.past) - WINDOW_FACTS // 2)
        base = machine.past.advance(keep)
        if base is None:
            break
        change.checkpoints.append(base)

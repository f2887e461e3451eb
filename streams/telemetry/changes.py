"""What a batch changes of its machines: new told from repeated, and folded into their pasts."""

from __future__ import annotations

from dataclasses import dataclass, field

from contracts.telemetry import Reading
from domain.floor.machine import WINDOW_FACTS, Machine, Publisher, Received
from domain.floor.metrics import Metric, measure
from domain.floor.past import Base, TooOldError, changed_slots, differing
from domain.floor.standing import MadeKey, OperationKey
from domain.floor.states import ChangedOperations, ChangedStates
from domain.intake import Accepted, Refusal, same_content
from store.database import Connection
from store.telemetry import KIND_CODES, reading
from streams.telemetry.intake import Intake


@dataclass
class Changed:
    """What a batch changed of one machine.

    `measured` says of each new object, in order, what it measured if it is a reading.
    """

    machine: Machine
    new: list[Received]
    measured: list[tuple[Metric, float] | None] = field(default_factory=list)
    publishers: dict[tuple[str, str], Publisher] = field(default_factory=dict)
    metrics: dict[str, Metric] = field(default_factory=dict)
    touched: set[OperationKey] = field(default_factory=set)
    slots_gone: list[int] = field(default_factory=list)
    slots: dict[int, tuple[int, int]] = field(default_factory=dict)
    made_gone: list[MadeKey] = field(default_factory=list)
    made: dict[MadeKey, tuple[int, int]] = field(default_factory=dict)
    states: ChangedStates | None = None
    operations: ChangedOperations | None = None
    rebased: Base | None = None
    checkpoints: list[Base] = field(default_factory=list)

    def times_ms(self) -> list[int]:
        """The times of rows that are to be written."""
        times: list[int] = [received.object.t_ms for received in self.new]
        times += self.slots
        if self.states is not None:
            times += [row.e_ms for row in self.states.rows]
        if self.operations is not None:
            times += [row.e_ms for row in self.operations.rows]
        return times

    def made_standing(self) -> dict[MadeKey, tuple[int, int]]:
        """Pieces by slot and operation that are new or other, and all of slots that lost some."""
        if not self.made_gone:
            return self.made
        lost = {slot for slot, _, _ in self.made_gone}
        standing = self.machine.past.standing.made
        return self.made | {key: pieces for key, pieces in standing.items() if key[0] in lost}

    def named(self) -> set[OperationKey]:
        """The operations that rows to be written name."""
        found = {(work_order, number) for _, work_order, number in self.made_standing()}
        if self.operations is not None:
            found |= {row.operation for row in self.operations.rows if row.operation is not None}
        return found

    def reported_since_ms(self) -> int | None:
        """The earliest time of pieces, states or operations that are other than they were."""
        times = [*self.slots, *self.slots_gone]
        times += [slot for slot, _, _ in (*self.made, *self.made_gone)]
        if self.states is not None:
            times.append(self.states.since_ms)
        if self.operations is not None:
            times.append(self.operations.since_ms)
        return min(times, default=None)

    def history_since_ms(self) -> int | None:
        """The earliest time of readings, pieces or states that are other than they were."""
        times = [*self.slots, *self.slots_gone]
        if self.states is not None:
            times.append(self.states.since_ms)
        times += [
            received.object.t_ms
            for received, measured in zip(self.new, self.measured, strict=True)
            if measured is not None
        ]
        return min(times, default=None)


async def sort_in(
    connection: Connection, intake: Intake, machine: Machine, arrived: list[Received]
) -> Changed:
    """Tell new objects from repeated ones, and fold what is new into the machine's past."""
    found = machine.sort_out(arrived)
    repeats, conflicts = found.repeats, list(found.conflicts)
    if found.suspects:
        repeated, differ = await _compare(connection, machine, found.suspects)
        repeats += repeated
        conflicts += differ
    for conflict in conflicts:
        message = conflict.object.message
        intake.refuse_received(
            conflict,
            Refusal.CONFLICT,
            f"seq {message.seq} of boot {message.boot!r} of source {message.source!r} was"
            " used before with other content; the first to arrive stands",
        )
    change = Changed(machine, found.new)
    if found.new:
        await _fold(connection, intake, change)
    told_by: tuple[str, str] | None = None
    for received in change.new:
        message = received.object.message
        key = (message.source, message.boot)
        if key != told_by:  # mostly all are of one
            told_by, publisher = key, machine.publisher(key)
            change.publishers[key] = publisher
        publisher.seen.add(message.seq)
        measured = None
        if type(message) is Reading:
            measured = measure(machine.metrics, message, received.object.t_ms, change.metrics)
        change.measured.append(measured)
    intake.count(machine.site, accepted=len(change.new), repeats=repeats)
    return change


async def _compare(
    connection: Connection, machine: Machine, suspects: list[Received]
) -> tuple[int, list[Received]]:
    """How many repeat what is stored, and which differ from it."""
    stored = await reading.stored_bodies(connection, machine, suspects)
    differ = [one for one in suspects if not _is_repeat(one.object, stored)]
    if differ and (kept_ms := await reading.kept_from_ms(connection, machine)) is not None:
        # What is kept no more cannot be compared.
        differ = [one for one in differ if one.object.t_ms >= kept_ms]
    return len(suspects) - len(differ), differ


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


async def _fold(connection: Connection, intake: Intake, change: Changed) -> None:
    """Fold what is new; from an older base where it belongs before the one in memory."""
    machine = change.machine
    facts = [reading.fact_of(received.object) for received in change.new]
    slots, made = dict(machine.past.standing.slots), dict(machine.past.standing.made)
    try:
        machine.past.add(facts)
    except TooOldError:
        await _refuse_too_late(connection, intake, change)
        if not change.new:
            return
        facts = [reading.fact_of(received.object) for received in change.new]
        before = await reading.rebase(connection, machine, facts)
        change.rebased = machine.past.base
        slots, made = dict(machine.past.standing.slots), dict(machine.past.standing.made)
        machine.past.add(facts)
        machine.past.changes()
        change.touched = differing(before, machine.past.standing)
    else:
        change.touched, _ = machine.past.changes()
    change.slots_gone, change.slots = changed_slots(slots, machine.past.standing.slots)
    change.made_gone, change.made = changed_slots(made, machine.past.standing.made)
    change.states = machine.past.state_changes()
    change.operations = machine.past.operation_changes()
    _advance(change)


async def _refuse_too_late(connection: Connection, intake: Intake, change: Changed) -> None:
    """Set aside what can be folded in no more, because what stood after it was deleted."""
    facts = {
        (one.object.message.source, one.object.message.boot, one.object.message.seq): one
        for one in change.new
    }
    late, kept_ms = await reading.too_late(
        connection, change.machine, [reading.fact_of(one.object) for one in change.new]
    )
    for fact in late:
        received = facts.pop((fact.source, fact.boot, fact.seq))
        intake.refuse_received(
            received,
            Refusal.TOO_LATE,
            f"t is {fact.t_ms} ms; what this machine sent is kept since {kept_ms} ms only, and"
            " what is older can be joined with it no more",
        )
    change.new = list(facts.values())


def _advance(change: Changed) -> None:
    """Keep the window bounded; every base passed on the way becomes a checkpoint."""
    machine = change.machine
    while len(machine.past) > WINDOW_FACTS:
        keep = max(WINDOW_FACTS // 2, len(machine.past) - WINDOW_FACTS // 2)
        base = machine.past.advance(keep)
        if base is None:
            break
        change.checkpoints.append(base)

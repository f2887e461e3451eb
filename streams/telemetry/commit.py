"""Writing what a group of batches came to, within its transaction."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from contracts.ids import SiteCode
from contracts.streams import (
    DEAD_LETTERS,
    FLOOR,
    GOODS,
    PARTITIONS,
    PROGRESS,
    DeadLettered,
    Event,
    GoodsMoved,
    MachineChanged,
    OperationProgressed,
    encode_events,
)
from contracts.topics import partition_of
from domain.floor.machine import Machine
from domain.floor.standing import OperationKey
from store.database import Connection
from store.history.notes import note_touched
from store.log import NewRecord, StreamLog
from store.reports.notes import note_machines
from store.telemetry import KIND_CODES, writing
from store.telemetry.history import (
    OperationSlots,
    Slots,
    put_operation_changes,
    put_operation_slots,
    put_slots,
    put_state_changes,
)
from store.telemetry.operations import Contribution, put_contributions
from streams.telemetry.changes import Changed
from streams.telemetry.goods import goods_key, goods_moved, portions
from streams.telemetry.intake import Intake

FRESH_MS: Final = 5 * 60_000
"""What is newer is not rolled up yet: roll-ups keep off the last ten minutes."""

_NOTHING: Final = (None, None)


async def write_group(
    connection: Connection, log: StreamLog, intakes: Sequence[Intake], changes: Sequence[Changed]
) -> None:
    """Write everything but the offsets; the events last, as the log demands."""
    letters = [letter for intake in intakes for letter in intake.letters]
    letter_ids = await writing.put_dead_letters(connection, letters)
    events: list[Event] = [
        DeadLettered(SiteCode(letter.site), letter_id, letter.code)
        for letter, letter_id in zip(letters, letter_ids, strict=True)
    ]
    await writing.put_publishers(connection, _new_publishers(changes))
    await writing.put_metrics(
        connection,
        [(one.machine.id, name, metric) for one in changes for name, metric in one.metrics.items()],
    )
    goods = list(goods_moved(changes))
    samples = list(_samples(changes))
    if len(samples) > writing.INSERT_SAMPLES:
        await writing.copy_samples(connection, samples)
        samples = []
    async with connection.pipeline():
        if samples:
            await writing.insert_samples(connection, samples)
        for intake in intakes:
            place = (intake.topic, intake.partition)
            if intake.totals:
                await writing.add_ingest_totals(connection, *place, intake.totals)
            if intake.positions:
                await writing.put_gateway_positions(connection, *place, intake.positions)
        if changes:
            events += await _write(connection, changes)
        records = sorted(
            [*_records(events), *_goods_records(goods)],
            key=lambda record: (record.topic, record.partition),
        )
        if records:
            await log.append_in(connection, records)


async def _write(connection: Connection, changes: Sequence[Changed]) -> list[Event]:
    """Write what machines came to; the questions go out together, the answers come at the end."""
    contributions = [
        Contribution(change.machine, key, change.machine.past.standing.tallies.get(key))
        for change in changes
        for key in sorted(change.touched)
    ]
    current = [
        (change.machine.site, change.machine.past.standing.current)
        for change in changes
        if change.machine.past.standing.current is not None
    ]
    current += [(change.machine.site, key) for change in changes for key in change.named()]
    await writing.put_seen(
        connection, (one for change in changes for one in change.publishers.values())
    )
    await writing.put_clock_back(connection, (change.machine for change in changes))
    await put_slots(
        connection, [Slots(one.machine.id, one.slots_gone, one.slots) for one in changes]
    )
    await put_state_changes(
        connection, [(one.machine.id, one.states) for one in changes if one.states is not None]
    )
    await note_touched(connection, _late(changes, Changed.history_since_ms))
    await note_machines(connection, _late(changes, Changed.reported_since_ms))
    progress = await put_contributions(connection, contributions, current)
    await _write_operations(connection, changes, progress.operation_ids)
    check = await writing.put_machine_states(
        connection, [_machine_row(change, progress.operation_ids) for change in changes]
    )
    for change in changes:
        if change.rebased is not None:
            await writing.drop_checkpoints_after(connection, change.machine, change.rebased)
        for base in change.checkpoints:
            await writing.put_checkpoint(connection, change.machine, base)
    await check()
    machines = [change.machine for change in changes]
    return [
        *progress.events,
        *(MachineChanged(one.site, one.id, one.path, one.version + 1) for one in machines),
    ]


async def _write_operations(
    connection: Connection,
    changes: Sequence[Changed],
    ids: dict[tuple[SiteCode, OperationKey], int],
) -> None:
    """Write what was made of which operation, and which was on the machine when."""
    await put_operation_slots(
        connection,
        [
            OperationSlots(
                change.machine.id,
                [slot for slot, _, _ in change.made_gone],
                {
                    (slot, operation_id): pieces
                    for (slot, work_order, number), pieces in change.made_standing().items()
                    if (operation_id := ids.get((change.machine.site, (work_order, number))))
                },
            )
            for change in changes
            if change.made or change.made_gone
        ],
    )
    await put_operation_changes(
        connection,
        [
            (
                change.machine.id,
                change.operations.gone,
                [
                    (
                        row.e_ms,
                        row.nth,
                        row.operation and ids.get((change.machine.site, row.operation)),
                    )
                    for row in change.operations.rows
                ],
            )
            for change in changes
            if change.operations is not None
        ],
    )


def _late(
    changes: Sequence[Changed], since_of: Callable[[Changed], int | None]
) -> list[tuple[int, int]]:
    """Machines whose past changed in times that may be rolled up or reckoned already."""
    settled_ms = time.time_ns() // 1_000_000 - FRESH_MS
    since = [(change.machine.id, since_of(change)) for change in changes]
    return [
        (machine_id, since_ms)
        for machine_id, since_ms in since
        if since_ms is not None and since_ms < settled_ms
    ]


def _machine_row(
    change: Changed, operation_ids: dict[tuple[SiteCode, OperationKey], int]
) -> writing.MachineRow:
    machine = change.machine
    current = machine.past.standing.current
    operation_id = None if current is None else operation_ids.get((machine.site, current))
    return writing.MachineRow(machine, operation_id, len(change.new))


def _new_publishers(changes: Iterable[Changed]) -> list[tuple[Machine, tuple[str, str]]]:
    return [
        (change.machine, key)
        for change in changes
        for key, publisher in change.publishers.items()
        if publisher.id is None
    ]


def _samples(changes: Iterable[Changed]) -> Iterable[writing.Sample]:
    for change in changes:
        for received, measured in zip(change.new, change.measured, strict=True):
            accepted = received.object
            message = accepted.message
            publisher = change.publishers[message.source, message.boot]
            if publisher.id is None:
                raise LookupError(f"{message.source}/{message.boot} has no row")
            metric, value = measured or _NOTHING
            yield (
                change.machine.id,
                accepted.t_ms,
                publisher.id,
                message.seq,
                KIND_CODES[accepted.kind],
                received.received_ms,
                None if metric is None else metric.id,
                value,
                accepted.body,
            )


def _records(events: Iterable[Event]) -> list[NewRecord]:
    """Events as full records, one per topic and partition."""
    grouped: dict[tuple[str, int], list[Event]] = defaultdict(list)
    for event in events:
        topic, key = _route(event)
        grouped[topic, partition_of(key, PARTITIONS)].append(event)
    return [
        NewRecord(topic, partition, None, encode_events(some))
        for (topic, partition), some in sorted(grouped.items())
    ]


def _goods_records(moves: Iterable[GoodsMoved]) -> Iterable[NewRecord]:
    grouped: dict[int, list[GoodsMoved]] = defaultdict(list)
    for move in moves:
        grouped[partition_of(goods_key(move), PARTITIONS)].append(move)
    for partition, some in grouped.items():
        for portion in portions(some):
            yield NewRecord(GOODS, partition, None, encode_events([*portion]))


def _route(event: Event) -> tuple[str, str]:
    if isinstance(event, OperationProgressed):
        if event.order_ids:
            return PROGRESS, str(event.order_ids[0])
        return PROGRESS, f"wo:{event.work_order_id}"
    if isinstance(event, MachineChanged):
        return FLOOR, event.path
    if isinstance(event, DeadLettered):
        return DEAD_LETTERS, event.site
    raise TypeError(f"the telemetry agent does not send {type(event).__name__}")

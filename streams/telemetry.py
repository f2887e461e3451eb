"""The telemetry agent: bundles become samples, contributions, machine states and events.

One transaction per batch and partition holds all of it (`store.effects`). The decisions are made by
`domain.intake` (what is accepted) and `domain.floor` (which operation a piece belongs to).
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec
import psycopg

from contracts.ids import MachinePath, SiteCode
from contracts.streams import (
    DEAD_LETTERS,
    FLOOR,
    PARTITIONS,
    PROGRESS,
    Arrival,
    Bundle,
    DeadLettered,
    Event,
    MachineChanged,
    OperationProgressed,
    decode_bundle,
    encode_events,
)
from contracts.topics import partition_key, partition_of, site_of
from domain.floor.machine import WINDOW_FACTS, Machine, Publisher, Received
from domain.floor.past import NEVER_MS, Base, TooOldError, differing
from domain.floor.standing import SLOT_MS, OperationKey
from domain.intake import Accepted, Refusal, Refused, judge, same_content
from runtime.settings import StreamsSettings
from store import effects
from store.database import Connection, Pool
from store.log import NewRecord, StreamLog
from store.telemetry import KIND_CODES, adoption, reading, writing
from store.telemetry.operations import Contribution, put_contributions
from streams.consumption import Fenced, Message
from streams.quarantine import quarantine

_log = logging.getLogger(__name__)

GROUP: Final = "gemba-streams"
MACHINES_IN_MEMORY: Final = 2_000

POISON: Final = (
    psycopg.DataError,
    psycopg.IntegrityError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
)
"""What a record's content can cause, as against a database that is away."""


class PoisonedError(Exception):
    """Too many records in a row could not be taken: somebody has to look."""

    def __init__(self, topic: str, partition: int, offset: int, count: int) -> None:
        super().__init__(
            f"{topic}[{partition}]: {count} poison records in a row up to offset {offset}; the"
            " partition stands still. See the dead letters for their reasons, then restart the"
            " stream worker to go on."
        )


class Origin(NamedTuple):
    """Where a message came from, for its dead letter."""

    mqtt_topic: str | None
    offset: int
    received_ms: int
    size: int


@dataclass
class Intake:
    """A batch after judging, before anything is compared with what is stored."""

    topic: str
    partition: int
    last_offset: int
    arrived: dict[MachinePath, list[Received]] = field(default_factory=lambda: defaultdict(list))
    letters: list[writing.DeadLetter] = field(default_factory=list)
    totals: dict[str, writing.SiteTotals] = field(
        default_factory=lambda: defaultdict(writing.SiteTotals)
    )
    positions: dict[str, int] = field(default_factory=dict)

    def refuse(self, origin: Origin, code: Refusal, reason: str, payload: bytes) -> None:
        """Set something aside as a dead letter."""
        site = site_of(origin.mqtt_topic or "")
        self.letters.append(
            writing.DeadLetter(
                site,
                origin.mqtt_topic,
                self.topic,
                self.partition,
                origin.offset,
                origin.received_ms,
                payload,
                origin.size,
                code.value,
                reason,
            )
        )
        self.count(site, refused=1)

    def refuse_received(self, received: Received, code: Refusal, reason: str) -> None:
        """Set an object aside that had been accepted so far."""
        origin = Origin(received.mqtt_topic, received.offset, received.received_ms, received.size)
        self.refuse(origin, code, reason, received.object.body)

    def count(self, site: str, **columns: int) -> None:
        """Add to a site's totals."""
        before = self.totals[site]
        self.totals[site] = before._replace(
            **{name: getattr(before, name) + more for name, more in columns.items()}
        )


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


class TelemetryAgent:
    """Handles batches of telemetry, warehouse and operations topics.

    Attributes:
        metrics: counters since the start, for the health report.
        stopped: which partitions stand still for poison, and why.
        trouble: why the last batch failed; None once one went well.
    """

    def __init__(self, *, pool: Pool, log: StreamLog, settings: StreamsSettings) -> None:
        self._pool = pool
        self._stream_log = log
        self._settings = settings
        self._machines: dict[MachinePath, Machine] = {}
        self._positions: dict[tuple[str, int], effects.Position] = {}
        self._offsets: dict[tuple[str, int], int] = {}
        self._gateways: dict[tuple[str, int], dict[str, int]] = {}
        self._poison: dict[tuple[str, int], int] = defaultdict(int)
        # Topics are partitioned alike: a machine's memory belongs to a partition number.
        self._locks = [asyncio.Lock() for _ in range(PARTITIONS)]
        self._samples = adoption.SamplePartitions()
        self.metrics: dict[str, float] = defaultdict(float)
        self.stopped: dict[tuple[str, int], str] = {}
        self.trouble: str | None = None

    async def on_assigned(self, topic: str, partition: int) -> None:
        """Raise the partition's epoch, and forget what was in memory of its machines."""
        async with self._locks[partition], self._pool.connection() as connection:
            position, offset = await effects.take_over(connection, GROUP, topic, partition)
            gateways = await writing.gateway_positions(connection, topic, partition)
            self._positions[topic, partition] = position
            self._offsets[topic, partition] = offset
            self._gateways[topic, partition] = gateways
            self._forget(partition)

    async def handle(self, batch: Sequence[Message]) -> None:
        """Make a batch's effects durable; records that were handled before are skipped.

        Raises:
            Fenced: another worker has the partition.
            PoisonedError: too many records in a row could not be taken.
        """
        topic, partition = batch[0].topic, batch[0].partition
        async with self._locks[partition]:
            done = self._offsets[topic, partition]
            records = [record for record in batch if record.offset > done]
            if not records:
                return
            try:
                await self._isolate(records)
            except effects.FencedError as error:
                raise Fenced(topic, partition) from error
            except BaseException as error:
                self._forget(partition)
                self.trouble = f"{topic}[{partition}]: {type(error).__name__}: {error}"
                raise
            self.trouble = None

    async def _isolate(self, records: Sequence[Message]) -> None:
        """Take the batch; if its content is poison, record by record, setting aside which it is."""
        try:
            await self._take(records)
        except POISON as error:
            self._forget(records[0].partition)
            if len(records) > 1:
                for record in records:
                    await self._isolate([record])
                return
            await self._set_aside(records[0], error)
        else:
            self._poison[records[0].topic, records[0].partition] = 0

    async def _set_aside(self, record: Message, error: Exception) -> None:
        key = (record.topic, record.partition)
        self._poison[key] += 1
        if self._poison[key] > self._settings.poison_limit:
            stop = PoisonedError(*key, record.offset, self._poison[key])
            self.stopped[key] = str(stop)
            raise stop
        _log.error("%s[%d]@%d is poison: %s", *key, record.offset, error)
        intake = Intake(record.topic, record.partition, record.offset)
        received_ms = int(record.timestamp * 1000)
        value = record.value or b""
        origin = Origin(None, record.offset, received_ms, len(value))
        intake.refuse(origin, Refusal.RECORD, f"{type(error).__name__}: {error}", value)
        await self._commit(intake, [])

    async def _take(self, records: Sequence[Message]) -> None:
        intake = self._judge(records)
        paths = list(intake.arrived)
        if paths:
            async with self._pool.connection() as connection:
                await self._prepare(connection, intake, paths)
                changes = [
                    await self._sort_in(connection, intake, path)
                    for path in paths
                    if intake.arrived[path]
                ]
        else:
            changes = []
        await self._commit(intake, [change for change in changes if change.new])

    def _judge(self, records: Sequence[Message]) -> Intake:
        first, last = records[0], records[-1]
        intake = Intake(first.topic, first.partition, last.offset)
        known = self._gateways[first.topic, first.partition]
        for record in records:
            bundle = self._decode(intake, record)
            if bundle is None:
                continue
            stored = intake.positions.get(bundle.gateway, known.get(bundle.gateway, -1))
            for arrival in bundle.arrivals:
                if bundle.gateway and arrival.id <= stored:
                    self.metrics["repeated_arrivals"] += 1
                    continue
                if bundle.gateway:
                    intake.positions[bundle.gateway] = arrival.id
                self._judge_arrival(intake, record, bundle.topics[arrival.topic], arrival)
        return intake

    def _decode(self, intake: Intake, record: Message) -> Bundle | None:
        value = record.value or b""
        try:
            return decode_bundle(value)
        except msgspec.DecodeError as error:
            received_ms = int(record.timestamp * 1000)
            origin = Origin(None, record.offset, received_ms, len(value))
            intake.refuse(origin, Refusal.RECORD, f"not a bundle: {error}", value)
            return None

    def _judge_arrival(self, intake: Intake, record: Message, topic: str, arrival: Arrival) -> None:
        origin = Origin(topic, record.offset, arrival.received_ms, arrival.size)
        intake.count(site_of(topic), arrivals=1)
        judged = judge(topic, arrival.payload, size=arrival.size, received_ms=arrival.received_ms)
        path = MachinePath(partition_key(topic))
        for one in judged:
            if isinstance(one, Refused):
                intake.refuse(origin, one.code, one.reason, one.payload)
            else:
                intake.arrived[path].append(
                    Received(one, arrival.received_ms, topic, record.offset, arrival.size)
                )

    async def _prepare(
        self, connection: Connection, intake: Intake, paths: list[MachinePath]
    ) -> None:
        """Apply the installation's policies, and have machines and partitions ready."""
        await quarantine(connection, self._settings, intake.arrived, intake.refuse_received)
        unknown = [path for path in paths if path not in self._machines and intake.arrived[path]]
        if unknown:
            await adoption.adopt_machines(connection, unknown)
            for path in unknown:
                self._machines[path] = await reading.load_machine(connection, path)
        months = {
            adoption.month_of(received.object.t_ms)
            for arrived in intake.arrived.values()
            for received in arrived
        }
        await self._samples.ensure(connection, months)

    async def _sort_in(self, connection: Connection, intake: Intake, path: MachinePath) -> Changed:
        """Tell new from repeated, and fold what is new into the machine's past."""
        machine = self._machines[path]
        found = machine.sort_out(intake.arrived[path])
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

    async def _commit(self, intake: Intake, changes: list[Changed]) -> None:
        key = (intake.topic, intake.partition)
        async with effects.transaction(
            self._pool, self._positions[key], intake.last_offset
        ) as connection:
            letter_ids = await writing.put_dead_letters(connection, intake.letters)
            events: list[Event] = [
                DeadLettered(SiteCode(letter.site), letter_id, letter.code)
                for letter, letter_id in zip(intake.letters, letter_ids, strict=True)
            ]
            await writing.put_publishers(connection, _new_publishers(changes))
            samples = list(_samples(changes))
            if len(samples) > writing.INSERT_SAMPLES:
                await writing.copy_samples(connection, samples)
                samples = []
            async with connection.pipeline():
                if samples:
                    await writing.insert_samples(connection, samples)
                if intake.totals:
                    await writing.add_ingest_totals(connection, *key, intake.totals)
                if intake.positions:
                    await writing.put_gateway_positions(connection, *key, intake.positions)
                if changes:
                    events += await _write(connection, changes)
                records = _records(events)
                if records:
                    await self._stream_log.append_in(connection, records)
        self._confirm(intake, changes)

    def _confirm(self, intake: Intake, changes: list[Changed]) -> None:
        """Memory follows what was committed."""
        key = (intake.topic, intake.partition)
        self._offsets[key] = intake.last_offset
        self._gateways[key].update(intake.positions)
        for change in changes:
            change.machine.version += 1
            for publisher in change.publishers.values():
                publisher.stored = dict(publisher.seen.ranges())
        self.metrics["batches"] += 1
        for totals in intake.totals.values():
            for name, value in totals._asdict().items():
                self.metrics[name] += value
        while len(self._machines) > MACHINES_IN_MEMORY:
            del self._machines[next(iter(self._machines))]

    def _forget(self, partition: int) -> None:
        """Drop the memory of a partition's machines: it is read again from the rows."""
        for path in [one for one in self._machines if partition_of(one, PARTITIONS) == partition]:
            del self._machines[path]


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


async def _write(connection: Connection, changes: list[Changed]) -> list[Event]:
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
    await writing.put_seen(
        connection, (one for change in changes for one in change.publishers.values())
    )
    await writing.put_clock_back(connection, (change.machine for change in changes))
    await writing.put_slots(
        connection,
        [writing.Slots(one.machine.id, one.slots_since_ms, one.slots) for one in changes],
    )
    progress = await put_contributions(connection, contributions, current)
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
        for received in change.new:
            accepted = received.object
            message = accepted.message
            publisher = change.publishers[message.source, message.boot]
            if publisher.id is None:
                raise LookupError(f"{message.source}/{message.boot} has no row")
            yield writing.Sample(
                change.machine.id,
                accepted.t_ms,
                publisher.id,
                message.seq,
                KIND_CODES[accepted.kind],
                received.received_ms,
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

"""The telemetry agent: bundles become samples, contributions, machine states and events.

The decisions are made by `domain.intake` (what is accepted) and `domain.floor` (which operation a
piece belongs to); the effects of a batch are one fenced transaction (`store.effects`). Batches of
several partitions that wait at the same time share a transaction (`streams.telemetry.group`).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import psycopg

from contracts.ids import MachinePath
from contracts.streams import PARTITIONS
from contracts.topics import partition_of
from domain.floor.machine import Machine
from runtime.settings import StreamsSettings
from store import effects
from store.database import Connection, Pool
from store.log import StreamLog
from store.log.identity import BehindError
from store.telemetry import adoption, reading, writing
from streams.consumption import Fenced, Message
from streams.repeats import new_records, proof_of
from streams.telemetry.changes import Changed, sort_in
from streams.telemetry.commit import write_group
from streams.telemetry.group import Batch, Groups
from streams.telemetry.intake import Intake
from streams.telemetry.policies import quarantine

_log = logging.getLogger(__name__)

GROUP: Final = "gemba-streams"
MACHINES_IN_MEMORY: Final = 2_000

POISON: Final = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
)
"""What a record's content can cause, as against a database that is away.

Two workers that write the same rows at the same moment (an operation that nobody planned goes while
another machine names it) can cause an IntegrityError too: it is believed the second time."""


class PoisonedError(Exception):
    """Too many records in a row could not be taken: somebody has to look."""

    def __init__(self, topic: str, partition: int, offset: int, count: int) -> None:
        super().__init__(
            f"{topic}[{partition}]: {count} poison records in a row up to offset {offset}; the"
            " partition stands still. See the dead letters for their reasons, then restart the"
            " stream worker to go on."
        )


class TelemetryAgent:
    """Handles batches of telemetry, warehouse and operations topics.

    Attributes:
        metrics: counters since the start, for the health report.
        stopped: which partitions stand still, and why: for poison, or because the database is older
            than the stream.
        trouble: why the last batch failed; None once one went well.
    """

    def __init__(self, *, pool: Pool, log: StreamLog, settings: StreamsSettings) -> None:
        self._pool = pool
        self._stream_log = log
        self._settings = settings
        self._machines: dict[MachinePath, Machine] = {}
        self._positions: dict[tuple[str, int], effects.Position] = {}
        self._done: dict[tuple[str, int], effects.Done] = {}
        self._gateways: dict[tuple[str, int], dict[str, int]] = {}
        self._unsure: set[tuple[str, int]] = set()
        """Where a transaction failed: it may have been committed before its connection died."""
        self._poison: dict[tuple[str, int], int] = defaultdict(int)
        # Topics are partitioned alike: a machine's memory belongs to a partition number.
        self._groups = Groups(self._handle_group)
        self._partitions = adoption.HistoryPartitions()
        self.metrics: dict[str, float] = defaultdict(float)
        self.stopped: dict[tuple[str, int], str] = {}
        self.trouble: str | None = None

    async def on_assigned(self, topic: str, partition: int) -> None:
        """Raise the partition's epoch, and forget what was in memory of its machines."""
        async with self._groups.alone(partition), self._pool.connection() as connection:
            position, done = await effects.take_over(connection, GROUP, topic, partition)
            gateways = await writing.gateway_positions(connection, topic, partition)
            self._positions[topic, partition] = position
            self._done[topic, partition] = done
            self._gateways[topic, partition] = gateways
            self._unsure.discard((topic, partition))
            self._forget(partition)

    async def handle(self, batch: Sequence[Message]) -> None:
        """Make a batch's effects durable; records that were handled before are skipped.

        Raises:
            Fenced: another worker has the partition.
            PoisonedError: too many records in a row could not be taken.
            BehindError: the database is older than the stream.
        """
        await self._groups.submit(batch)

    async def _handle_group(self, batches: Sequence[Batch]) -> list[Exception | None]:
        """Handle batches of different partitions together, or one by one if that fails."""
        if len(batches) > 1:
            try:
                await self._take(batches)
            except Exception as error:  # noqa: BLE001 - whose fault it is shows one by one
                _log.info("a group of %d batches failed: %s", len(batches), error)
                for batch in batches:
                    self._forget(batch[0].partition)
            else:
                self.trouble = None
                return [None] * len(batches)
        return [await self._alone(batch) for batch in batches]

    async def _alone(self, batch: Batch) -> Exception | None:
        topic, partition = batch[0].topic, batch[0].partition
        try:
            await self._isolate(batch)
        except effects.FencedError:
            return Fenced(topic, partition)
        except BehindError as error:
            self._forget(partition)
            self.stopped[topic, partition] = str(error)
            return error
        except Exception as error:  # noqa: BLE001 - the consumer logs it and tries again
            self._forget(partition)
            self.trouble = f"{topic}[{partition}]: {type(error).__name__}: {error}"
            if isinstance(error, psycopg.OperationalError):
                # The database went away: not one try for each connection that died with it.
                await self._pool.check()
            return error
        except BaseException:
            self._forget(partition)
            raise
        self.trouble = None
        return None

    async def _isolate(self, batch: Batch) -> None:
        """Take the batch; if its content is poison, record by record, setting aside which it is."""
        try:
            await self._take_surely(batch)
        except POISON as error:
            self._forget(batch[0].partition)
            if len(batch) > 1:
                for record in batch:
                    await self._isolate([record])
                return
            await self._set_aside(batch[0], error)
        else:
            self._poison[batch[0].topic, batch[0].partition] = 0

    async def _take_surely(self, batch: Batch) -> None:
        """Take the batch; once more if its rows collided, with what is stored by now."""
        try:
            await self._take([batch])
        except psycopg.IntegrityError as error:
            _log.info("%s[%d] collided: %s", batch[0].topic, batch[0].partition, error)
            self._forget(batch[0].partition)
            await self._take([batch])

    async def _set_aside(self, record: Message, error: Exception) -> None:
        key = (record.topic, record.partition)
        self._poison[key] += 1
        if self._poison[key] > self._settings.poison_limit:
            stop = PoisonedError(*key, record.offset, self._poison[key])
            self.stopped[key] = str(stop)
            raise stop
        _log.error("%s[%d]@%d is poison: %s", *key, record.offset, error)
        new, done = new_records([record], self._done[key])
        intake = Intake(*key, done, proof_of(new))
        intake.refuse_record(record, f"{type(error).__name__}: {error}")
        await self._commit([intake], [])

    async def _take(self, batches: Sequence[Batch]) -> None:
        await self._be_sure(batches)
        intakes = [intake for batch in batches if (intake := self._judge(batch)) is not None]
        changes: list[Changed] = []
        if any(intake.arrived for intake in intakes):
            async with self._pool.connection() as connection:
                for intake in intakes:
                    changes += await self._sort_in(connection, intake)
        if intakes:
            await self._commit(intakes, [change for change in changes if change.new])

    async def _be_sure(self, batches: Sequence[Batch]) -> None:
        """Learn what was done where the last transaction failed: it may have been committed."""
        unsure = {(batch[0].topic, batch[0].partition) for batch in batches} & self._unsure
        if not unsure:
            return
        async with self._pool.connection() as connection:
            for key in unsure:
                self._done[key] = await effects.stands_at(
                    connection, self._positions[key], at_least=self._done[key]
                )
                self._gateways[key] = await writing.gateway_positions(connection, *key)
                self._unsure.discard(key)

    def _judge(self, batch: Batch) -> Intake | None:
        """A batch's records that were not handled before, judged."""
        key = (batch[0].topic, batch[0].partition)
        records, done = new_records(batch, self._done[key])
        if done == self._done[key]:
            return None
        intake = Intake(*key, done, proof_of(records))
        for record in records:
            intake.take(record, self._gateways[key])
        return intake

    async def _sort_in(self, connection: Connection, intake: Intake) -> list[Changed]:
        """Apply the installation's policies, have machines and partitions ready, and fold."""
        await quarantine(connection, self._settings, intake.arrived, intake.refuse_received)
        arrived = {path: some for path, some in intake.arrived.items() if some}
        unknown = [path for path in arrived if path not in self._machines]
        if unknown:
            await adoption.adopt_machines(connection, unknown)
            for path in unknown:
                self._machines[path] = await reading.load_machine(connection, path)
        changes = [
            await sort_in(connection, intake, self._machines[path], some)
            for path, some in arrived.items()
        ]
        for change in changes:
            await self._partitions.ensure(connection, adoption.months_of(change.times_ms()))
        return changes

    async def _commit(self, intakes: Sequence[Intake], changes: Sequence[Changed]) -> None:
        keys = {(intake.topic, intake.partition) for intake in intakes}
        steps = {
            self._positions[key]: effects.Step(self._done[key], intake.done, intake.proof)
            for intake in intakes
            for key in ((intake.topic, intake.partition),)
        }
        self._unsure |= keys
        async with effects.transaction(self._pool, steps) as connection:
            await write_group(connection, self._stream_log, intakes, changes)
        self._unsure -= keys
        self._confirm(intakes, changes)

    def _confirm(self, intakes: Sequence[Intake], changes: Sequence[Changed]) -> None:
        """Memory follows what was committed."""
        for intake in intakes:
            key = (intake.topic, intake.partition)
            self._done[key] = intake.done
            self._gateways[key].update(intake.positions)
            for totals in intake.totals.values():
                for name, value in totals._asdict().items():
                    self.metrics[name] += value
        for change in changes:
            change.machine.version += 1
            for publisher in change.publishers.values():
                publisher.stored = dict(publisher.seen.ranges())
        self.metrics["batches"] += len(intakes)
        self.metrics["transactions"] += 1
        while len(self._machines) > MACHINES_IN_MEMORY:
            del self._machines[next(iter(self._machines))]

    def _forget(self, partition: int) -> None:
        """Drop the memory of a partition's machines: it is read again from the rows."""
        for path in [one for one in self._machines if partition_of(one, PARTITIONS) == partition]:
            del self._machines[path]

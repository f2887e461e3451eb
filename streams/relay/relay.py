"""The relay's loop: reads the outbox in order, sends to Kafka, notes what was acknowledged.

One relay works at a time, by lease; others stand by. Each partition has a lane of its own, with one
batch under way; what follows is read meanwhile. The position of a partition moves only after
Kafka's acknowledgement, so whoever comes after this relay sends again what may not have arrived,
and consumers skip what they have seen (`store.log.outbox`).

Before it sends anything a relay looks at what Kafka was told last. If that is none of this
database's, the database was restored to an older state, and the relay ends (`BehindError`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final, TypeAlias

from contracts.streams import TOPICS
from runtime import tasks
from store.database import Pool, build_pool
from store.log import LogError, NewRecord, Record, StreamLog, identity
from store.log.divergence import contradiction
from store.log.embedded import EmbeddedLog, TopicPartition
from store.log.kafka_told import Told
from store.log.outbox import GROUP, with_outbox_number
from store.log.timelines import Timelines
from streams.transport.lease import Lease, LeaseLostError, lease
from streams.transport.patience import ANSWER_S, AWAY, pause_s, said
from streams.transport.reader import Reader

logger = logging.getLogger(__name__)

BATCH_RECORDS: Final = 1_000
BATCH_BYTES: Final = 800_000
"""Values sent at once, so that with all that is around them they fit into one batch of Kafka's."""
LANE_RECORDS: Final = 2 * BATCH_RECORDS
LANE_BYTES: Final = 2 * BATCH_BYTES
"""A lane that holds so much is not read on: a batch under way, and another one."""
NOTE_S: Final = 0.02
"""Positions are noted at most so often: what is not noted is only sent again."""

LastTold: TypeAlias = Callable[
    [Collection[TopicPartition]], Awaitable[Mapping[TopicPartition, Told]]
]
"""What Kafka holds as a relay's last record in each partition; see `store.log.kafka_told`."""


class _Lane:
    """What of one partition is read and not yet acknowledged."""

    def __init__(self, at: TopicPartition, timelines: Timelines) -> None:
        self.at = at
        self._timelines = timelines
        self.arrived = asyncio.Event()
        self._waiting: deque[Record] = deque()
        self._bytes = 0

    @property
    def has_room(self) -> bool:
        return len(self._waiting) < LANE_RECORDS and self._bytes < LANE_BYTES

    def put(self, record: Record) -> None:
        self._waiting.append(record)
        self._bytes += len(record.value or b"")
        self.arrived.set()

    def batch(self) -> list[NewRecord]:
        """What is to be sent next; it stays here until it is acknowledged."""
        batch: list[NewRecord] = []
        size = 0
        for record in self._waiting:
            size += len(record.value or b"")
            if batch and (size > BATCH_BYTES or len(batch) == BATCH_RECORDS):
                break
            number = self._timelines.number(self.at, record.offset)
            headers = with_outbox_number(record.headers, number)
            batch.append(
                NewRecord(record.topic, record.partition, record.key, record.value, headers)
            )
        return batch

    def acknowledged(self, count: int) -> int:
        """Let go of the first records; answers the offset after the last of them."""
        after = 0
        for _ in range(count):
            record = self._waiting.popleft()
            self._bytes -= len(record.value or b"")
            after = record.offset + 1
        if not self._waiting:
            self.arrived.clear()
        return after


class Relay:
    """Sends the outbox on while it holds the lease, and stands by while another one does.

    Args:
        database_url: where the outbox is; its partitions exist.
        connect: makes a log on Kafka, not yet opened, for each time that the lease is held; its
            topics exist.
        last_told: looks at Kafka before anything is sent; None where it cannot hold anything that
            this database does not know.

    Attributes:
        active: whether it holds the lease.
        metrics: counters since the start, for the health report.
    """

    def __init__(
        self,
        *,
        database_url: str,
        connect: Callable[[], StreamLog],
        last_told: LastTold | None = None,
    ) -> None:
        self._url = database_url
        self._connect = connect
        self._last_told = last_told
        self._unseen: str | None = None
        """Why it is not known what Kafka was told."""
        self._reader = Reader()
        self._acknowledged: dict[TopicPartition, int] = {}
        self._unnoted = asyncio.Event()
        self._troubles: dict[TopicPartition, str] = {}
        self.active = False
        self.metrics: dict[str, float] = defaultdict(float)

    @property
    def trouble(self) -> str | None:
        """Why Kafka does not take the records; None when it does."""
        return self._unseen or next(iter(self._troubles.values()), None)

    async def run(self) -> None:
        """Relay until cancelled. Neither Kafka nor the database away ends it.

        Raises:
            BehindError: the database is older than what Kafka was told.
        """
        attempt = 0
        while True:
            try:
                async with lease(self._url, GROUP) as held:
                    attempt = 0
                    await self._relay_while(held)
            except (*AWAY, LeaseLostError) as error:
                level = logging.WARNING if attempt == 0 else logging.DEBUG
                logger.log(level, "relay: no lease, trying again: %s", said(error))
                await asyncio.sleep(pause_s(attempt))
                attempt += 1

    async def _relay_while(self, held: Lease) -> None:
        """Read and send until the lease is lost or the database does not answer."""
        # All of it anew with each lease: what an earlier turn had read or under way may be old.
        pool = build_pool(self._url, name=GROUP.removeprefix("gemba-"), max_size=3, check=False)
        await pool.open(wait=False)
        kafka = self._connect()
        await kafka.open()
        work = [
            asyncio.create_task(held.watch(self._reader.wake), name="relay-lease"),
            asyncio.create_task(self._relay(pool, kafka), name="relay-lanes"),
        ]
        self.active = True
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # neither ends but by raising
        finally:
            self.active = False
            await tasks.end(work)
            await kafka.close()
            await pool.close()
            self._troubles.clear()
            self._unseen = None

    async def _relay(self, pool: Pool, kafka: StreamLog) -> None:
        outbox = EmbeddedLog(pool)
        async with asyncio.timeout(ANSWER_S):
            positions = await _positions(outbox)
        timelines = await self._own_history(pool, positions)
        self._acknowledged = {}
        self._unnoted.clear()
        self._reader.assign(outbox, positions)
        lanes = {at: _Lane(at, timelines) for at in positions}
        logger.info("relay: sending what %d partitions of the outbox hold", len(lanes))
        work = [asyncio.create_task(self._send_on(lane, kafka)) for lane in lanes.values()]
        work.append(asyncio.create_task(self._note(outbox)))
        work.append(asyncio.create_task(self._read(lanes)))
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # none ends but by raising
        finally:
            self._reader.revoke()
            await tasks.end(work)

    async def _own_history(self, pool: Pool, partitions: Collection[TopicPartition]) -> Timelines:
        """The timelines, once it is known that Kafka was told nothing else than them.

        Raises:
            BehindError: it was.
        """
        told = await self._look(partitions)
        async with asyncio.timeout(ANSWER_S):
            extents = await EmbeddedLog(pool).extents(TOPICS)
            async with pool.connection() as connection:
                standing = await identity.standing_of(connection)
                if standing is not None and standing.phase is identity.Phase.BEHIND:
                    raise identity.BehindError
                timelines = await Timelines.load(connection)
                evidence = await contradiction(connection, extents, timelines, told)
                if evidence is not None:
                    await identity.fall_behind(connection)
                    raise identity.BehindError(evidence)
        return timelines

    async def _look(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, Told]:
        failures = 0
        while self._last_told is not None:
            try:
                told = await self._last_told(partitions)
            except LogError as error:
                self.metrics["failures"] += 1
                self._unseen = f"Kafka does not say what it was told: {error}"
                level = logging.WARNING if failures == 0 else logging.DEBUG
                logger.log(level, "relay: %s", self._unseen)
                await asyncio.sleep(pause_s(failures))
                failures += 1
            else:
                self._unseen = None
                return told
        return {}

    async def _read(self, lanes: dict[TopicPartition, _Lane]) -> None:
        """Read on in every lane that has room."""
        while True:
            wanted = {at for at, lane in lanes.items() if lane.has_room}
            async with asyncio.timeout(ANSWER_S):
                await self._reader.fetch(wanted)
            for at in wanted:
                for record in self._reader.hand_over((at,)):
                    lanes[at].put(record)

    async def _send_on(self, lane: _Lane, kafka: StreamLog) -> None:
        """Send a lane's records in order, each batch until it is acknowledged.

        Never the next one before that: after a failure nothing must stand behind a gap.
        """
        failures = 0
        while True:
            await lane.arrived.wait()
            batch = lane.batch()
            try:
                await kafka.append(batch)
            except LogError as error:
                self._failed(lane.at, error, failures)
                await asyncio.sleep(pause_s(failures))
                failures += 1
                continue
            failures = 0
            self._troubles.pop(lane.at, None)
            was_full = not lane.has_room
            self._acknowledged[lane.at] = lane.acknowledged(len(batch))
            self._unnoted.set()
            self.metrics["relayed"] += len(batch)
            self.metrics["batches"] += 1
            if was_full and lane.has_room:
                self._reader.wake(lane.at.topic)

    def _failed(self, at: TopicPartition, error: LogError, failures: int) -> None:
        self.metrics["failures"] += 1
        self._troubles[at] = f"Kafka does not take records of partition {at.partition}: {error}"
        level = logging.WARNING if failures == 0 else logging.DEBUG
        logger.log(level, "relay: %s", self._troubles[at])

    async def _note(self, outbox: EmbeddedLog) -> None:
        """Note what was acknowledged."""
        while True:
            await self._unnoted.wait()
            self._unnoted.clear()
            offsets, self._acknowledged = self._acknowledged, {}
            async with asyncio.timeout(ANSWER_S):
                await outbox.commit(GROUP, offsets)
            await asyncio.sleep(NOTE_S)


async def _positions(outbox: EmbeddedLog) -> dict[TopicPartition, int]:
    """From where each partition is to be sent: in a database without a relay so far, from its tail.

    What stands in the tables and was never told is told.
    """
    await outbox.register(GROUP, TOPICS)
    noted = await outbox.committed(GROUP, TOPICS)
    extents = await outbox.extents(TOPICS)
    positions: dict[TopicPartition, int] = {}
    for at, offset in noted.items():
        extent = extents[at]
        positions[at] = min(max(offset, extent.tail), extent.head)
        if positions[at] != offset:
            # Only hands at the tables or a restored backup bring this about.
            logger.error(
                "%s[%d]: the relay stands at %d, but the outbox holds %d to %d",
                at.topic, at.partition, offset, extent.tail, extent.head,
            )  # fmt: skip
    return positions

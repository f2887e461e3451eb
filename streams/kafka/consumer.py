"""Faust's consumer over Kafka: a member of the consumer group, from the offsets of the effects.

Where a partition begins is decided by what was done, not by what the group has committed: the lower
of Kafka's committed offset and the one after the last effects in the database (`App.effects`). So a
database that was restored from a backup catches up by itself, and nothing is skipped whatever the
engine has acknowledged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from faust.types import TP
from mode import Service

from runtime import tasks
from store.log import LogError
from store.log.embedded import TopicPartition
from store.log.kafka import KafkaLog
from store.log.kafka_address import KafkaAddress, parse
from streams.kafka.assignor import CopartitionedAssignor
from streams.kafka.positions import LostRecordsError, effects_done, start_positions
from streams.kafka.reader import KafkaReader
from streams.transport.delivery import Delivery, at_of, tp_of
from streams.transport.patience import AWAY, pause_s, said

logger = logging.getLogger(__name__)

SESSION_TIMEOUT_S: Final = 6.0
"""A worker that is silent for so long is out of the group: its partitions go to others."""
HEARTBEAT_S: Final = 1.0
REQUEST_TIMEOUT_S: Final = 15.0
COMMIT_S: Final = 3.0
"""A commit may take so long; it comes again."""
BEGIN_S: Final = 4.0
"""Where to begin must be known after so long: the session ends otherwise."""
REJOIN_S: Final = 10.0
"""A fenced partition that nobody assigns anew is asked for after so long."""
_NEVER_MS: Final = 24 * 60 * 60 * 1_000
"""An engine that takes nothing is the watchdog's to notice; aiokafka would leave the group."""

_BROKEN: Final = (KafkaError, LogError, TimeoutError, *AWAY)


class Consumer(Delivery):
    """Consumes its share of the group's partitions.

    A rebalance, the loss of the session, and any trouble with Kafka are a new assignment to the
    engine, with a new generation. No error is raised into the engine but `LostRecordsError`.
    """

    logger = logger
    _reader: KafkaReader

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._address: KafkaAddress = parse(self.app.stream_url)
        self._group: str = self.app.conf.id
        self._reader = KafkaReader()
        self._kafka: AIOKafkaConsumer | None = None
        self._subscription: frozenset[str] = frozenset()
        self._subscribed = asyncio.Event()
        self._broken: asyncio.Future[None] | None = None
        self._asking: set[asyncio.Task[None]] = set()

    # The group

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Consume these topics from now on. The assignment follows after this has returned."""
        self._subscription = frozenset(topics)
        self._subscribed.set()

    @Service.task  # type: ignore[untyped-decorator]
    async def _member(self) -> None:
        await self._subscribed.wait()
        attempt = 0
        while not self.should_stop:
            try:
                async with self._joined() as broken:
                    attempt = 0
                    await broken
            except LostRecordsError as error:
                await self.crash(error)
                return
            except _BROKEN as error:
                logger.warning("stream group %s: joining it anew: %s", self._group, said(error))
                await self.sleep(pause_s(attempt))
                attempt += 1

    @asynccontextmanager
    async def _joined(self) -> AsyncIterator[asyncio.Future[None]]:
        """A membership; the future that is yielded ends with what broke it."""
        self._subscribed.clear()
        kafka = AIOKafkaConsumer(
            group_id=self._group,
            client_id=f"{self._group}-worker",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(SESSION_TIMEOUT_S * 1_000),
            heartbeat_interval_ms=int(HEARTBEAT_S * 1_000),
            request_timeout_ms=int(REQUEST_TIMEOUT_S * 1_000),
            max_poll_interval_ms=_NEVER_MS,
            partition_assignment_strategy=(CopartitionedAssignor,),
            consumer_timeout_ms=50,
            **self._address.client_options(),
        )
        broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        changed = asyncio.create_task(self._subscribed.wait())
        changed.add_done_callback(lambda _: _end(broken))
        try:
            await kafka.start()
            self._kafka, self._broken = kafka, broken
            self._reader.connect(kafka)
            kafka.subscribe(sorted(self._subscription), listener=_Listener(self))
            yield broken
        finally:
            await tasks.end([changed, *self._asking])
            self._kafka = self._broken = None
            if not self.should_stop:
                await self._told_revoked()
            self._reader.disconnect()
            await kafka.stop()
            broken.cancel()

    def _break(self, error: BaseException) -> None:
        if self._broken is not None and not self._broken.done():
            self._broken.set_exception(error)

    async def revoked(self) -> None:
        """The group is rebalancing: everything is taken from this worker (aiokafka calls it)."""
        # What waits in front of the agents is of the old assignment; what is under way is fenced
        # by the database if another worker begins before it ends.
        await self._told_revoked()
        self.app.consumer_generation_id += 1

    async def assigned(self, kafka: AIOKafkaConsumer, partitions: Collection[Any]) -> None:
        """The group has given partitions to this worker (aiokafka calls it)."""
        try:
            async with asyncio.timeout(BEGIN_S):
                done = await effects_done(
                    self.app.embedded_log_url, self.app.effects, map(at_of, partitions)
                )
                positions = await start_positions(kafka, partitions, done)
            for at, offset in positions.items():
                kafka.seek(KafkaPartition(at.topic, at.partition), offset)
            self._reader.begin(positions)
            self._begin(positions)
            await self._told_assigned(positions)
        except _BROKEN as error:
            self._break(error)
            return
        logger.info(
            "stream group %s: consuming partitions %s",
            self._group,
            ", ".join(map(str, sorted({at.partition for at in positions}))) or "none",
        )

    def on_fenced(self, topic: str, partition: int) -> None:
        """Another worker has made effects in a partition that the group has given to this one.

        A worker that was paused may do so, and then finds out by itself that its session is over,
        which is a new assignment for everybody. If it has died instead, this one asks for one.
        """
        generation = self.app.consumer_generation_id

        async def ask() -> None:
            await asyncio.sleep(REJOIN_S)
            if self._kafka is not None and generation == self.app.consumer_generation_id:
                logger.warning(
                    "stream group %s: %s/%d was fenced and not assigned anew; joining again",
                    self._group, topic, partition,
                )  # fmt: skip
                self._break(LogError("fenced without a new assignment"))

        task = asyncio.create_task(ask(), name="rejoin")
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    # Fetching and committing

    async def _fetch(self, readable: set[TopicPartition]) -> bool:
        try:
            await self._reader.fetch(readable)
        except _BROKEN as error:
            self._break(error)
            await self.sleep(pause_s(0))
            return False
        return True

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit to Kafka. What fails is said again with the next commit, or told again."""
        kafka = self._kafka
        if kafka is None:
            return False
        try:
            async with asyncio.timeout(COMMIT_S):
                await kafka.commit(
                    {KafkaPartition(tp.topic, tp.partition): at for tp, at in offsets.items()}
                )
        except _BROKEN as error:
            logger.info("stream group %s: cannot commit now: %s", self._group, said(error))
            return False
        return True

    # Positions

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Where this assignment stands: it began at what was done, and nothing is told again."""
        return {tp: self._told_from(tp) for tp in self._assigned}

    def _told_from(self, tp: TP) -> int:
        pending = self._pending.get(tp)
        return pending[0] if pending else self._reader.position(at_of(tp)) or 0

    async def _seek(self, partition: TP, offset: int) -> None:
        if self._kafka is not None:
            self._kafka.seek(KafkaPartition(partition.topic, partition.partition), offset)
        await super()._seek(partition, offset)

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """The offsets that the next appended records get."""
        if self._kafka is None:
            return {}
        ends = await self._kafka.end_offsets([KafkaPartition(*tp) for tp in partitions])
        return {tp_of(at_of(partition)): offset for partition, offset in ends.items()}

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """The oldest offsets that are kept."""
        if self._kafka is None:
            return {}
        begins = await self._kafka.beginning_offsets([KafkaPartition(*tp) for tp in partitions])
        return {tp_of(at_of(partition)): offset for partition, offset in begins.items()}

    async def create_topic(self, topic: str, partitions: int, *_: Any, **__: Any) -> None:
        """Make a topic, with its settings."""
        await KafkaLog(self._address, None).create_topics([topic], partitions)


def _end(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka is untyped here
    """Passes the coordinator's calls on; what they raise would be logged and forgotten there."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._kafka = consumer._kafka  # noqa: SLF001 - a part of it

    async def on_partitions_revoked(self, revoked: Collection[Any]) -> None:
        """A rebalance begins."""
        logger.debug("revoked: %s", revoked)
        await self._consumer.revoked()

    async def on_partitions_assigned(self, assigned: Collection[Any]) -> None:
        """A rebalance is over."""
        await self._consumer.assigned(self._kafka, assigned)

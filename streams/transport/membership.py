"""Which partitions a worker consumes: all of its group's, while it holds the group's lease."""

from __future__ import annotations

import abc
import asyncio
import logging
from collections.abc import Iterable
from typing import Any, Final

from mode import Service

from runtime import tasks
from store.database import Pool, build_pool
from store.log.embedded import EmbeddedLog, TopicPartition
from streams.transport.delivery import Delivery
from streams.transport.lease import Lease, LeaseLostError, lease
from streams.transport.patience import ANSWER_S, AWAY, pause_s, said
from streams.transport.reader import Reader

logger = logging.getLogger(__name__)

TOPICS_INTERVAL_S: Final = 0.5


class Member(Delivery):
    """The part of the consumer that takes the lease, and tells the engine what is assigned.

    Losing the lease (also: the database restarts) is a rebalance to the engine: its partitions are
    revoked and, when the lease is held again, assigned with a new generation from the committed
    offsets. No error of the database is raised into the engine.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._url: str = self.app.embedded_log_url
        self._group: str = self.app.conf.id
        self._reader: Reader = Reader()
        self._log: EmbeddedLog | None = None
        """The log while the lease is held."""
        self._subscription: frozenset[str] = frozenset()
        self._subscribed = asyncio.Event()

    @abc.abstractmethod
    async def _start_positions(
        self, log: EmbeddedLog, topics: frozenset[str]
    ) -> dict[TopicPartition, int]:
        """From where each partition of the topics is to be consumed."""

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
                async with lease(self._url, self._group) as held:
                    attempt = 0
                    await self._consume_while(held)
            except (*AWAY, LeaseLostError) as error:
                level = logging.WARNING if attempt == 0 else logging.DEBUG
                logger.log(
                    level, "stream group %s: no lease, trying again: %s", self._group, said(error)
                )
                await self.sleep(pause_s(attempt))
                attempt += 1

    async def _consume_while(self, held: Lease) -> None:
        # A pool of its own for each lease: after a restart of the database it connects at once,
        # and does not go on with the back-off of a pool that saw it fall.
        pool: Pool = build_pool(
            self._url, name=f"log-{self._group}", min_size=1, max_size=4, check=False
        )
        await pool.open(wait=False)
        work = {
            asyncio.create_task(self._assign_all(EmbeddedLog(pool))),
            asyncio.create_task(held.watch(self._on_appended)),
        }
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # neither ends but by raising
        finally:
            await tasks.end(work)
            self._log = None
            if not self.should_stop:
                await self._told_revoked()
            await pool.close()

    def _on_appended(self, topic: str) -> None:
        if topic in self._subscription:
            self._reader.wake(topic)

    async def _assign_all(self, log: EmbeddedLog) -> None:
        """Assign what is subscribed, and again whenever the subscription changes."""
        while True:
            self._subscribed.clear()
            topics = self._subscription
            await self._topics_exist(log, topics)
            async with asyncio.timeout(ANSWER_S):
                positions = await self._start_positions(log, topics)
            await self._told_revoked()
            self._log = log
            self._reader.assign(log, positions)
            self._begin(positions)
            await self._told_assigned(positions)
            logger.info("stream group %s: consuming %s", self._group, ", ".join(sorted(topics)))
            await self._subscribed.wait()

    async def _topics_exist(self, log: EmbeddedLog, topics: frozenset[str]) -> None:
        told = False
        while missing := topics - {at.topic for at in await log.extents(topics)}:
            if not told:
                logger.warning("waiting for topics to be created: %s", ", ".join(sorted(missing)))
                told = True
            await asyncio.sleep(TOPICS_INTERVAL_S)

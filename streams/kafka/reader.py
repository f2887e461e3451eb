"""Reading Kafka: records through aiokafka, which fetches in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition

from store.log import Record
from store.log.embedded import TopicPartition
from streams.transport.ahead import Ahead

WAIT_S: Final = 0.1
"""Partitions that were held are looked at again after so long, if nothing else arrives."""
AT_ONCE: Final = 2_000
"""Records that are taken from aiokafka at once; what it has beyond them waits there."""


class KafkaReader(Ahead):
    """Reads the partitions that the group has given."""

    def __init__(self) -> None:
        super().__init__()
        self._kafka: AIOKafkaConsumer | None = None

    def connect(self, kafka: AIOKafkaConsumer) -> None:
        """Read through this consumer from now on."""
        self._kafka = kafka

    def disconnect(self) -> None:
        """Read nothing any more."""
        self.revoke()
        self._kafka = None

    async def fetch(self, wanted: Collection[TopicPartition]) -> None:
        """Read ahead in the wanted partitions; waits a moment for records.

        Raises:
            aiokafka.errors.KafkaError: the membership is broken.
        """
        if any(self._ahead.get(at) for at in wanted):
            return
        if self._kafka is None or not wanted:
            await self._wait()
            return
        # What is returned was taken at the position that aiokafka stands at now, whatever seek or
        # rebalance there was while it waited; a partition that is not ours is left out by `add`.
        found = await self._kafka.getmany(
            *(KafkaPartition(at.topic, at.partition) for at in wanted),
            timeout_ms=int(WAIT_S * 1_000),
            max_records=AT_ONCE,
        )
        for records in found.values():
            for record in records:
                self.add(_record(record))

    async def _wait(self) -> None:
        self._woken.clear()
        try:
            async with asyncio.timeout(WAIT_S):
                await self._woken.wait()
        except TimeoutError:
            return


def _record(record: Any) -> Record:
    return Record(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
    )

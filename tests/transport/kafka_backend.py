"""`workers.Backend` over a Kafka whose topics are made anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from pydantic import SecretStr

from contracts.streams import PARTITIONS, TOPICS
from runtime.settings import StreamsSettings
from store.log import StreamLog
from store.log.kafka import KafkaLog
from store.log.kafka_address import KafkaAddress, parse
from store.log.kafka_topics import administration


class KafkaBackend:
    """The installation's settings, and a log on its Kafka."""

    def __init__(self, url: str, log: StreamLog, database_url: str = "") -> None:
        self.settings = StreamsSettings(stream_url=url, database_url=SecretStr(database_url))
        self.log = log
        self._address = parse(url)

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """The next offset that a group wants, per partition that it has committed."""
        return await committed(self._address, group, topic)


async def committed(address: KafkaAddress, group: str, topic: str) -> dict[int, int]:
    """What a group has committed in Kafka."""
    async with administration(address) as admin:
        offsets = await admin.list_consumer_group_offsets(group)
    return {
        at.partition: told.offset
        for at, told in sorted(offsets.items())
        if at.topic == topic and told.offset >= 0
    }


async def delete_topics(address: KafkaAddress, topics: Iterable[str] = TOPICS) -> None:
    """Delete topics, with all that groups have committed in them, and wait until they are gone."""
    async with administration(address) as admin, asyncio.timeout(60):
        while existing := [name for name in await admin.list_topics() if name in set(topics)]:
            await admin.delete_topics(existing)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def kafka_backend(url: str, database_url: str = "") -> AsyncIterator[KafkaBackend]:
    """A backend with empty topics."""
    address = parse(url)
    await delete_topics(address)
    async with KafkaLog(address, None) as log:
        await log.create_topics(TOPICS, PARTITIONS)
        yield KafkaBackend(url, log, database_url)

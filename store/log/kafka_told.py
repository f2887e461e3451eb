"""Reading what the relay has told Kafka, to compare it with the outbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import KafkaError

from contracts.streams import TELEMETRY, WAREHOUSE
from store.log import LogAwayError
from store.log.embedded import TopicPartition
from store.log.kafka_address import KafkaAddress
from store.log.outbox import outbox_number

SHARED_TOPICS: Final = frozenset({TELEMETRY, WAREHOUSE})
"""What gateways append to as well: there the relay's last record is seldom the partition's."""
LOOK_BACK: Final = 500
"""So many of a shared partition's last records are looked at."""
_ANSWER_S: Final = 20.0
_POLL_MS: Final = 500


class Told(NamedTuple):
    """A record of the relay's in Kafka."""

    at: TopicPartition
    number: int
    key: bytes | None
    value: bytes | None


async def last_told(
    address: KafkaAddress, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, Told]:
    """The relay's last record of each partition, where there is one to be found.

    Raises:
        LogAwayError: no broker answers.
    """
    starts = {
        at: -LOOK_BACK if at.topic in SHARED_TOPICS else -1 for at in partitions
    }  # from the end
    return {told.at: told async for told in told_from(address, starts)}


async def told_from(
    address: KafkaAddress, starts: Mapping[TopicPartition, int]
) -> AsyncIterator[Told]:
    """The relay's records from offsets of Kafka on, up to what is there at the call.

    Args:
        address: the brokers.
        starts: per partition the first offset, or how many records before its end, negative.

    Raises:
        LogAwayError: no broker answers, or none has a record that should be there.
    """
    if not starts:
        return
    consumer = AIOKafkaConsumer(**address.client_options())
    try:
        async with asyncio.timeout(_ANSWER_S):
            await consumer.start()
            left = await _seek(consumer, starts)
        while left:
            async with asyncio.timeout(_ANSWER_S):
                # Nothing at all for so long: what should be there is not to be had.
                while not (batches := await consumer.getmany(timeout_ms=_POLL_MS)):
                    await asyncio.sleep(0)
                    if not await _unread(consumer, left):
                        return
            for partition, records in batches.items():
                at = TopicPartition(partition.topic, partition.partition)
                for record in records:
                    number = outbox_number(record.headers)
                    if number is not None and record.offset < left.get(partition, 0):
                        yield Told(at, number, record.key, record.value)
            left = await _unread(consumer, left)
            for partition in consumer.assignment() - left.keys():
                consumer.pause(partition)
    except (KafkaError, OSError, TimeoutError) as error:
        what = str(error) or type(error).__name__
        raise LogAwayError(f"{address} does not answer: {what}") from error
    finally:
        await consumer.stop()


async def _seek(consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, int]) -> dict[Any, int]:
    """Begin where it was said; answers the ends of the partitions that have something there."""
    wanted = {KafkaPartition(at.topic, at.partition): start for at, start in starts.items()}
    begins = await consumer.beginning_offsets(list(wanted))
    ends = await consumer.end_offsets(list(wanted))
    positions = {
        partition: max(begins[partition], start if start >= 0 else ends[partition] + start)
        for partition, start in wanted.items()
    }
    left = {at: ends[at] for at, position in positions.items() if position < ends[at]}
    consumer.assign(list(left))
    for partition in left:
        consumer.seek(partition, positions[partition])
    return left


async def _unread(consumer: AIOKafkaConsumer, left: Mapping[Any, int]) -> dict[Any, int]:
    return {at: end for at, end in left.items() if await consumer.position(at) < end}

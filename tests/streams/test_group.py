"""Group commit: nothing that is submitted is ever left waiting, and partitions never overlap."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence

import pytest
from stream_harness import Record

from streams.telemetry.group import Batch, Groups

PARTITIONS = 4


def batch(topic: str, partition: int, offset: int) -> Batch:
    return [Record(topic, partition, offset, None)]


async def test_many_lanes_are_all_served_in_order_and_never_two_of_a_partition_at_once() -> None:
    rng = random.Random(3)
    at_work: set[int] = set()
    handled: dict[tuple[str, int], list[int]] = defaultdict(list)
    sizes: list[int] = []

    async def handle(batches: Sequence[Batch]) -> list[Exception | None]:
        partitions = [one[0].partition for one in batches]
        assert len(set(partitions)) == len(partitions)
        assert at_work.isdisjoint(partitions)
        at_work.update(partitions)
        await asyncio.sleep(rng.choice([0, 0, 0.001]))
        for one in batches:
            handled[one[0].topic, one[0].partition].append(one[0].offset)
        at_work.difference_update(partitions)
        sizes.append(len(batches))
        return [None] * len(batches)

    groups = Groups(handle)

    async def lane(topic: str, partition: int) -> None:
        for offset in range(150):
            await groups.submit(batch(topic, partition, offset))
            for _ in range(rng.randint(0, 3)):
                await asyncio.sleep(0)

    async with asyncio.timeout(60), asyncio.TaskGroup() as lanes:
        for topic in ("a", "b", "c"):
            for partition in range(PARTITIONS):
                lanes.create_task(lane(topic, partition))
    assert all(offsets == list(range(150)) for offsets in handled.values())
    assert len(handled) == 3 * PARTITIONS
    assert max(sizes) == PARTITIONS


async def test_who_submits_while_runners_end_is_served() -> None:
    async def handle(batches: Sequence[Batch]) -> list[Exception | None]:
        return [None] * len(batches)

    groups = Groups(handle)
    async with asyncio.timeout(60):
        for offset in range(300):
            await asyncio.gather(*(groups.submit(batch("t", p, offset)) for p in range(PARTITIONS)))


async def test_a_failure_reaches_its_own_batch_only() -> None:
    async def handle(batches: Sequence[Batch]) -> list[Exception | None]:
        return [ValueError("poison") if one[0].partition == 1 else None for one in batches]

    groups = Groups(handle)
    results = await asyncio.gather(
        *(groups.submit(batch("t", p, 0)) for p in range(3)), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), ValueError, type(None)]


async def test_alone_keeps_batches_of_its_partition_waiting() -> None:
    handled: list[int] = []

    async def handle(batches: Sequence[Batch]) -> list[Exception | None]:
        handled.extend(one[0].partition for one in batches)
        return [None] * len(batches)

    groups = Groups(handle)
    async with groups.alone(2):
        waiting = asyncio.create_task(groups.submit(batch("t", 2, 0)))
        await groups.submit(batch("t", 1, 0))
        assert handled == [1]
    async with asyncio.timeout(60):
        await waiting
    assert handled == [1, 2]


async def test_handling_that_is_cancelled_cancels_who_waits() -> None:
    async def handle(_batches: Sequence[Batch]) -> list[Exception | None]:
        raise asyncio.CancelledError

    groups = Groups(handle)
    with pytest.raises(asyncio.CancelledError):
        await groups.submit(batch("t", 0, 0))

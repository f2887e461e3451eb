"""Trimming: what all groups have passed goes, what one has not stays and is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from runtime.tasks import end
from store.database import Pool, build_pool
from store.log import NewRecord
from store.log.embedded import EmbeddedLog, Extent, TopicPartition
from store.log.retention import Blocked, Retention, Trimmed, forget_group, keep_trimmed, trim

AT = TopicPartition("a", 0)
NOW = Retention(keep_minutes=0.0, unread_minutes=24 * 60)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with build_pool(database_url, name="test-retention", max_size=4) as pool:
        yield pool


@pytest.fixture
async def log(pool: Pool) -> EmbeddedLog:
    """Ten records of 1,000 bytes in `a/0`."""
    log = EmbeddedLog(pool)
    await log.create_topics(["a"], 1)
    await log.append([NewRecord("a", 0, b"key", bytes(1_000)) for _ in range(10)])
    return log


async def kept(log: EmbeddedLog) -> list[int]:
    return [r.offset for r in await log.read("a", 0, 0, limit_records=100, limit_bytes=10**6)]


async def test_what_all_groups_have_passed_goes_when_it_is_old(
    log: EmbeddedLog, pool: Pool
) -> None:
    await log.commit("fast", {AT: 10})
    await log.commit("slow", {AT: 4})
    assert (await trim(pool, Retention(keep_minutes=10))).records == 0
    trimmed = await trim(pool, NOW)
    blocked = Blocked(consumer_group="slow", topic="a", partition=0, records=6)
    assert trimmed == Trimmed(records=4, blocked=(blocked,))
    assert await kept(log) == [4, 5, 6, 7, 8, 9]
    assert await log.extents(["a"]) == {AT: Extent(tail=4, head=10)}


async def test_a_group_that_was_assigned_but_never_committed_holds_all_back(
    log: EmbeddedLog, pool: Pool
) -> None:
    await log.register("new", ["a"])
    await log.commit("fast", {AT: 10})
    trimmed = await trim(pool, NOW)
    assert trimmed.records == 0
    assert [b.consumer_group for b in trimmed.blocked] == ["new"]
    assert await forget_group(pool, "new") == 1
    assert await trim(pool, NOW) == Trimmed(records=10, blocked=())
    assert await log.append([NewRecord("a", 0, None, b"next")]) == [10]


async def test_size_lets_young_records_go_but_only_passed_ones(
    log: EmbeddedLog, pool: Pool
) -> None:
    small = Retention(keep_bytes=3_500)
    await log.commit("g", {AT: 5})
    trimmed = await trim(pool, small)
    assert trimmed.records == 5
    assert [b.records for b in trimmed.blocked] == [5]
    await log.commit("g", {AT: 10})
    assert (await trim(pool, small)).blocked == ()
    assert await kept(log) == [7, 8, 9]


async def test_a_topic_that_nobody_has_read_is_kept_for_long(log: EmbeddedLog, pool: Pool) -> None:
    assert await trim(pool, NOW) == Trimmed(records=0, blocked=())
    assert (await trim(pool, Retention(unread_minutes=0.0))).records == 10
    assert await kept(log) == []


async def test_a_round_ends_after_so_many_deletes_and_the_next_goes_on(
    log: EmbeddedLog, pool: Pool
) -> None:
    await log.append([NewRecord("a", 0, None, b"") for _ in range(2_500)])
    await log.commit("g", {AT: 2_510})
    assert (await trim(pool, NOW, max_deletes=2)).records == 2_000
    assert (await trim(pool, NOW, max_deletes=2)).records == 510
    assert await log.extents(["a"]) == {AT: Extent(tail=2_510, head=2_510)}


async def test_a_new_group_begins_behind_what_was_trimmed(log: EmbeddedLog, pool: Pool) -> None:
    await log.commit("g", {AT: 6})
    await trim(pool, NOW)
    await log.register("late", ["a"])
    assert (await log.committed("late", ["a"]))[AT] == 6


async def test_it_goes_on_trimming_until_it_is_cancelled_and_tells_once_who_holds_it_up(
    log: EmbeddedLog, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    rounds: list[int] = []
    twice = asyncio.Event()

    def note(trimmed: Trimmed) -> None:
        rounds.append(trimmed.records)
        if len(rounds) == 2:
            twice.set()

    await log.commit("slow", {AT: 8})
    task = asyncio.create_task(keep_trimmed(pool, NOW, interval_s=0.01, on_round=note))
    async with asyncio.timeout(60):
        await twice.wait()
    await end([task])
    assert task.cancelled()
    assert rounds[:2] == [8, 0]
    told = [message for message in caplog.messages if "nothing beyond that is trimmed" in message]
    assert told == ["group slow is 2 records behind in a/0: nothing beyond that is trimmed"]

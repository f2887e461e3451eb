"""The embedded log on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import psycopg
import pytest

from store.database import Pool, build_pool
from store.log import (
    MAX_VALUE_BYTES,
    LogError,
    NewRecord,
    RecordTooLargeError,
    UnknownTopicError,
    build_log,
)
from store.log.embedded import CHANNEL, STATEMENT_BYTES, EmbeddedLog, Extent, TopicPartition

ALL = {"limit_records": 100_000, "limit_bytes": 10**9}


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with build_pool(database_url, name="test-log", max_size=8) as pool:
        yield pool


@pytest.fixture
async def log(pool: Pool) -> EmbeddedLog:
    log = EmbeddedLog(pool)
    await log.create_topics(["a", "b"], 2)
    return log


def record(topic: str, partition: int, value: bytes) -> NewRecord:
    return NewRecord(topic, partition, b"key", value)


async def values(log: EmbeddedLog, topic: str, partition: int) -> list[bytes | None]:
    return [r.value for r in await log.read(topic, partition, 0, **ALL)]


class TestCreateTopics:
    async def test_repeats_and_races_do_no_harm(self, log: EmbeddedLog) -> None:
        await asyncio.gather(*(log.create_topics(["b", "a", "c"], 2) for _ in range(4)))
        assert len(await log.extents(["a", "b", "c"])) == 6

    async def test_another_number_of_partitions_is_refused(self, log: EmbeddedLog) -> None:
        with pytest.raises(LogError, match="topic a has 2 partitions, not 1"):
            await log.create_topics(["a"], 1)


class TestAppend:
    async def test_offsets_start_at_zero_and_come_in_the_order_given(
        self, log: EmbeddedLog
    ) -> None:
        records = [record("b", 1, b"0"), record("a", 0, b"1"), record("b", 1, b"2")]
        assert await log.append(records) == [0, 0, 1]
        assert await log.append([record("b", 1, b"3")]) == [2]
        assert await values(log, "b", 1) == [b"0", b"2", b"3"]

    async def test_a_record_comes_back_as_it_went_in(self, log: EmbeddedLog) -> None:
        headers = (("ce_type", b"x"), ("bytes", b"\x00\xff"))
        await log.append([NewRecord("a", 0, None, None, headers), NewRecord("a", 0, b"", b"")])
        first, second = await log.read("a", 0, 0, **ALL)
        assert (first.key, first.value, first.headers) == (None, None, headers)
        assert (second.key, second.value, second.headers) == (b"", b"", ())
        assert (first.topic, first.partition, first.offset, second.offset) == ("a", 0, 0, 1)
        assert first.timestamp_ms > 1_700_000_000_000

    async def test_more_than_a_statement_holds_keeps_its_order(self, log: EmbeddedLog) -> None:
        size = STATEMENT_BYTES // 10
        records = [record("ab"[i % 2], i // 2 % 2, bytes([i]) * size) for i in range(64)]
        offsets = await log.append(records)
        for topic in "ab":
            for partition in (0, 1):
                read = await values(log, topic, partition)
                expected = [
                    r.value for r in records if (r.topic, r.partition) == (topic, partition)
                ]
                assert read == expected
        assert sorted(offsets) == sorted(list(range(16)) * 4)

    async def test_nothing_of_a_refused_append_is_visible(self, log: EmbeddedLog) -> None:
        with pytest.raises(UnknownTopicError, match="zz/0") as error:
            await log.append([record("a", 0, b"x"), record("zz", 0, b"y")])
        assert error.value.partitions == (("zz", 0),)
        with pytest.raises(RecordTooLargeError):
            await log.append([record("a", 0, b"x"), record("a", 0, bytes(MAX_VALUE_BYTES))])
        assert await values(log, "a", 0) == []
        assert await log.append([record("a", 0, b"x")]) == [0]

    async def test_appending_nothing_is_nothing(self, log: EmbeddedLog) -> None:
        assert await log.append([]) == []


class TestAppendIn:
    async def test_it_is_visible_with_the_callers_commit_and_not_before(
        self, log: EmbeddedLog, pool: Pool
    ) -> None:
        async with pool.connection() as connection:
            async with connection.transaction():
                assert await log.append_in(connection, [record("a", 0, b"x")]) == [0]
                assert await values(log, "a", 0) == []
            assert await values(log, "a", 0) == [b"x"]

    async def test_a_rollback_takes_it_back_and_leaves_no_hole(
        self, log: EmbeddedLog, pool: Pool
    ) -> None:
        async with (
            pool.connection() as connection,
            connection.transaction(force_rollback=True),
        ):
            assert await log.append_in(connection, [record("a", 0, b"x")]) == [0]
        assert await log.append([record("a", 0, b"y")]) == [0]
        assert await values(log, "a", 0) == [b"y"]


class TestCommitOrderIsReadOrder:
    async def test_a_later_append_waits_for_an_earlier_transaction(
        self, log: EmbeddedLog, pool: Pool
    ) -> None:
        async with pool.connection() as connection:
            async with connection.transaction():
                await log.append_in(connection, [record("a", 0, b"first")])
                later = asyncio.create_task(log.append([record("a", 0, b"second")]))
                other = await log.append([record("a", 1, b"elsewhere")])
                done, _ = await asyncio.wait({later}, timeout=0.3)
                assert not done
                assert other == [0]
            assert await later == [1]
        assert await values(log, "a", 0) == [b"first", b"second"]

    async def test_a_reader_beside_many_appenders_never_skips(self, log: EmbeddedLog) -> None:
        random = Random(20261122)
        appended = 400

        async def append(name: int) -> None:
            for number in range(appended // 4):
                batch = [record("a", 0, b"%d-%d" % (name, number)), record("b", 1, b"-")]
                random.shuffle(batch)
                await log.append(batch)

        async def read() -> list[tuple[int, bytes | None]]:
            seen: list[tuple[int, bytes | None]] = []
            while len(seen) < appended:
                found = await log.read("a", 0, len(seen), limit_records=7, limit_bytes=10**6)
                seen += [(r.offset, r.value) for r in found]
            return seen

        async with asyncio.timeout(60):
            reading = asyncio.create_task(read())
            await asyncio.gather(*(append(name) for name in range(4)))
            seen = await reading
        assert [offset for offset, _ in seen] == list(range(appended))
        for name in range(4):
            mine = [value for _, value in seen if value and value.startswith(b"%d-" % name)]
            assert mine == [b"%d-%d" % (name, number) for number in range(appended // 4)]

    async def test_appenders_in_opposite_orders_do_not_deadlock(self, log: EmbeddedLog) -> None:
        forth = [record(topic, partition, b"-") for topic in "ab" for partition in (0, 1)]
        async with asyncio.timeout(60):
            await asyncio.gather(*(log.append(forth if i % 2 else forth[::-1]) for i in range(100)))
        assert await log.extents(["a"]) == {
            TopicPartition("a", 0): Extent(0, 100),
            TopicPartition("a", 1): Extent(0, 100),
        }


class TestRead:
    async def test_limits_hold_per_partition(self, log: EmbeddedLog) -> None:
        await log.append([record("a", i % 2, bytes(1_000)) for i in range(20)])
        positions = {TopicPartition("a", 0): 2, TopicPartition("a", 1): 0}
        few = await log.read_many(positions, limit_records=3, limit_bytes=10**6)
        assert [(r.partition, r.offset) for r in few] == [
            (0, 2), (0, 3), (0, 4), (1, 0), (1, 1), (1, 2),
        ]  # fmt: skip
        small = await log.read_many(positions, limit_records=100, limit_bytes=2_500)
        assert [(r.partition, r.offset) for r in small] == [
            (0, 2), (0, 3), (0, 4), (1, 0), (1, 1), (1, 2),
        ]  # fmt: skip

    async def test_a_record_larger_than_the_limit_is_read_alone(self, log: EmbeddedLog) -> None:
        await log.append([record("a", 0, bytes(500_000)), record("a", 0, b"x")])
        (big,) = await log.read("a", 0, 0, limit_records=10, limit_bytes=1)
        assert len(big.value or b"") == 500_000

    async def test_an_append_wakes_listeners(self, log: EmbeddedLog, database_url: str) -> None:
        connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            await log.append([record("b", 0, b"x")])
            woken = [n.payload async for n in connection.notifies(timeout=60, stop_after=1)]
        assert woken == ["b"]


class TestCommits:
    async def test_a_new_group_begins_with_what_is_kept(self, log: EmbeddedLog) -> None:
        await log.register("g", ["a"])
        assert await log.committed("g", ["a", "b"]) == {
            TopicPartition("a", 0): 0,
            TopicPartition("a", 1): 0,
        }
        assert await log.committed("unknown", ["a"]) == {}

    async def test_it_never_goes_back(self, log: EmbeddedLog) -> None:
        at = TopicPartition("a", 0)
        await log.commit("g", {at: 7})
        await log.commit("g", {at: 5})
        await log.register("g", ["a"])
        assert (await log.committed("g", ["a"]))[at] == 7
        await log.commit("g", {})


class TestBuildLog:
    async def test_the_scheme_decides(self, pool: Pool) -> None:
        async with build_log("embedded://", pool) as log:
            assert isinstance(log, EmbeddedLog)
        with pytest.raises(LogError, match="must be embedded:// or kafka://"):
            build_log("redis://localhost", pool)

    async def test_on_kafka_what_joins_a_transaction_goes_to_the_outbox(self, pool: Pool) -> None:
        await EmbeddedLog(pool).create_topics(["a"], 1)
        log = build_log("kafka://localhost:1;other:1", pool)
        async with pool.connection() as connection, connection.transaction():
            assert await log.append_in(connection, [record("a", 0, b"x")]) == [0]
        with pytest.raises(LogError, match="it needs a pool"):
            build_log("embedded://", None)

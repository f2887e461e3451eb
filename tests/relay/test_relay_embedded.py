"""The relay's loop from one database into another: an embedded log stands in for Kafka's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import psycopg
import pytest
from pydantic import SecretStr

from contracts.streams import DEAD_LETTERS, PARTITIONS, PROGRESS, TOPICS
from runtime import tasks
from runtime.clock import SystemClock
from runtime.settings import Installation
from store.database import Pool, build_pool
from store.effects import Done
from store.log import LogAwayError, LogError, NewRecord, Record
from store.log.embedded import EmbeddedLog, TopicPartition
from store.log.outbox import GROUP, AnyHeaders, backlog, outbox_number
from store.log.retention import Retention, trim
from streams.consumption import Message
from streams.relay import Relay, drain
from streams.relay.service import RelayService
from streams.repeats import new_records
from streams.transport.lease import LeaseLostError, lease

TARGET = {PROGRESS: "target-progress", DEAD_LETTERS: "target-letters"}
"""The stand-in for Kafka is in the same database, under names of its own."""


class Target(EmbeddedLog):
    """Takes what is sent; by a given chance it is away, or stores and does not say so."""

    def __init__(self, pool: Pool, chance: random.Random | None = None) -> None:
        super().__init__(pool)
        self._chance = chance

    async def append(self, records: Sequence[NewRecord]) -> list[int]:
        outcome = 1.0 if self._chance is None else self._chance.random()
        if outcome < 0.15:
            raise LogAwayError("away")
        moved = [
            NewRecord(TARGET[each.topic], each.partition, each.key, each.value, each.headers)
            for each in records
        ]
        offsets = await super().append(moved)
        if outcome < 0.3:
            raise LogAwayError("stored, and not said")
        return offsets


@dataclass
class Outbox:
    """The outbox, what was put into it, and what came out at the other end."""

    url: str
    pool: Pool
    log: EmbeddedLog
    put: dict[TopicPartition, list[bytes]] = field(default_factory=dict)

    async def append(self, count: int, topic: str = PROGRESS) -> None:
        records = []
        for number in range(count):
            at = TopicPartition(topic, number % PARTITIONS)
            values = self.put.setdefault(at, [])
            values.append(b"%s %d" % (topic.encode(), len(values)))
            records.append(
                NewRecord(topic, at.partition, b"key", values[-1], (("other", b"header"),))
            )
        async with self.pool.connection() as connection, connection.transaction():
            await self.log.append_in(connection, records)

    def relay(self, chance: random.Random | None = None) -> Relay:
        return Relay(database_url=self.url, connect=lambda: Target(self.pool, chance))

    async def arrived(self) -> dict[TopicPartition, list[Record]]:
        found: dict[TopicPartition, list[Record]] = {}
        for topic, target in TARGET.items():
            for partition in range(PARTITIONS):
                found[TopicPartition(topic, partition)] = await self.log.read(
                    target, partition, 0, limit_records=100_000, limit_bytes=1 << 30
                )
        return found

    async def taken(self) -> dict[TopicPartition, list[bytes]]:
        """What a consumer makes of it."""
        taken = {}
        for at, records in (await self.arrived()).items():
            new, _ = new_records([_message(record) for record in records], Done(-1))
            if new:
                taken[at] = [record.value or b"" for record in new]
        return taken

    async def until_all_arrived(self) -> None:
        async with asyncio.timeout(60):
            while True:
                async with self.pool.connection() as connection:
                    if (await backlog(connection)).records == 0:
                        return
                await asyncio.sleep(0.02)


@dataclass
class _Consumed:
    topic: str
    partition: int
    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: AnyHeaders


def _message(record: Record) -> Message:
    return _Consumed(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp_ms / 1_000,
        record.key,
        record.value,
        record.headers,
    )


@pytest.fixture
async def outbox(database_url: str) -> AsyncIterator[Outbox]:
    async with build_pool(database_url, name="test-relay", max_size=6) as pool:
        log = EmbeddedLog(pool)
        await log.create_topics([*TOPICS, *TARGET.values()], PARTITIONS)
        yield Outbox(database_url, pool, log)


class TestRelay:
    async def test_what_was_written_before_is_sent_in_order_with_its_number(
        self, outbox: Outbox
    ) -> None:
        await outbox.append(100)
        await outbox.append(7, DEAD_LETTERS)
        sent = await drain(
            outbox.pool, database_url=outbox.url, connect=lambda: Target(outbox.pool)
        )
        assert sent == 107
        for at, records in (await outbox.arrived()).items():
            assert [record.value for record in records] == outbox.put.get(at, [])
            numbers = [outbox_number(record.headers) for record in records]
            assert numbers == list(range(len(records)))
            for record in records:
                assert record.key == b"key"
                assert record.headers[1:] == (("other", b"header"),)

    async def test_nothing_is_sent_that_was_not_committed(self, outbox: Outbox) -> None:
        working = asyncio.create_task(outbox.relay().run())
        try:
            async with outbox.pool.connection() as connection:
                await connection.execute("BEGIN")
                await outbox.log.append_in(connection, [NewRecord(PROGRESS, 0, None, b"undone")])
                await outbox.append(1, DEAD_LETTERS)
                await outbox.until_all_arrived()
                await connection.execute("ROLLBACK")
            await outbox.append(4)
            await outbox.until_all_arrived()
        finally:
            await tasks.end([working])
        assert await outbox.taken() == outbox.put

    @pytest.mark.parametrize("seed", [1, 2, 3])
    async def test_a_log_that_is_away_or_says_nothing_loses_and_doubles_nothing(
        self, outbox: Outbox, seed: int
    ) -> None:
        chance = random.Random(seed)
        relay = outbox.relay(chance)
        working = asyncio.create_task(relay.run())
        try:
            for _ in range(30):
                await outbox.append(chance.randint(1, 40))
                await asyncio.sleep(chance.random() * 0.02)
            await outbox.until_all_arrived()
        finally:
            await tasks.end([working])
        assert relay.metrics["failures"] > 0
        arrived = sum(len(records) for records in (await outbox.arrived()).values())
        assert arrived > sum(len(values) for values in outbox.put.values())
        assert await outbox.taken() == outbox.put

    async def test_relays_that_end_and_relays_at_the_same_time(self, outbox: Outbox) -> None:
        """Each is broken off somewhere; the database ends leases in between, as when they pause."""
        chance = random.Random(4)
        working = [asyncio.create_task(outbox.relay(chance).run()) for _ in range(2)]
        try:
            for turn in range(12):
                await outbox.append(chance.randint(1, 40))
                await asyncio.sleep(chance.random() * 0.1)
                if turn % 2:
                    await tasks.end([working[turn % 4 == 1]])
                    working[turn % 4 == 1] = asyncio.create_task(outbox.relay(chance).run())
                else:
                    await _end_leases(outbox.url)
            await outbox.until_all_arrived()
        finally:
            await tasks.end(working)
        assert await outbox.taken() == outbox.put

    async def test_only_one_is_active_and_another_one_takes_over(self, outbox: Outbox) -> None:
        first, second = outbox.relay(), outbox.relay()
        working = [asyncio.create_task(first.run())]
        await _until(lambda: first.active)
        working.append(asyncio.create_task(second.run()))
        try:
            await outbox.append(8)
            await outbox.until_all_arrived()
            assert not second.active
            await tasks.end(working[:1])
            assert not first.active
            await _until(lambda: second.active)
            await outbox.append(8)
            await outbox.until_all_arrived()
        finally:
            await tasks.end(working)
        assert (first.metrics["relayed"], second.metrics["relayed"]) == (8, 8)
        assert await outbox.taken() == outbox.put

    async def test_it_says_why_kafka_takes_nothing_and_forgets_it_when_it_does(
        self, outbox: Outbox
    ) -> None:
        broken = True

        class Refusing(Target):
            async def append(self, records: Sequence[NewRecord]) -> list[int]:
                if broken:
                    raise LogError("Kafka lets this user not write there")
                return await super().append(records)

        relay = Relay(database_url=outbox.url, connect=lambda: Refusing(outbox.pool))
        working = asyncio.create_task(relay.run())
        try:
            await outbox.append(4)
            await _until(lambda: relay.trouble is not None)
            assert "lets this user not write" in str(relay.trouble)
            broken = False
            await outbox.until_all_arrived()
            await _until(lambda: relay.trouble is None)
        finally:
            await tasks.end([working])
        assert await outbox.taken() == outbox.put

    async def test_a_full_lane_is_read_on(self, outbox: Outbox) -> None:
        large = [NewRecord(PROGRESS, 1, None, bytes(300_000)) for _ in range(14)]
        await outbox.log.append(large)
        sent = await drain(
            outbox.pool, database_url=outbox.url, connect=lambda: Target(outbox.pool)
        )
        assert sent == 14
        numbers = [
            outbox_number(record.headers)
            for record in (await outbox.arrived())[TopicPartition(PROGRESS, 1)]
        ]
        assert numbers == list(range(14))


class TestLease:
    async def test_a_holder_that_stands_still_loses_it(
        self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its socket lives on (SIGSTOP, a paused machine), so the database has to end it."""
        monkeypatch.setattr("streams.transport.lease.SILENT_S", 3)
        async with lease(outbox.url, GROUP) as held, asyncio.timeout(60):
            async with lease(outbox.url, GROUP):
                pass
            with pytest.raises(LeaseLostError):
                await held.watch(lambda _topic: None)

    async def test_one_that_says_something_keeps_it(
        self, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("streams.transport.lease.SILENT_S", 5)
        relay = outbox.relay()
        working = asyncio.create_task(relay.run())
        try:
            await _until(lambda: relay.active)
            for _ in range(75):  # also while it is told something all the time
                await outbox.append(4)
                await asyncio.sleep(0.1)
                assert relay.active
        finally:
            await tasks.end([working])


class TestBacklog:
    async def test_how_many_wait_and_for_how_long(self, outbox: Outbox) -> None:
        async with outbox.pool.connection() as connection:
            assert await backlog(connection) == (0, 0.0)
            await outbox.append(5)
            await connection.execute(
                "UPDATE log_records SET timestamp_ms = timestamp_ms - 60000"
                ' WHERE topic = %s AND partition = 0 AND "offset" = 0',
                (PROGRESS,),
            )
            waiting = await backlog(connection)
            assert waiting.records == 5
            assert 59 < waiting.oldest_s < 90
            await outbox.log.register(GROUP, TOPICS)
            await outbox.log.commit(GROUP, {TopicPartition(PROGRESS, 0): 2})
            waiting = await backlog(connection)
            assert waiting.records == 3
            assert waiting.oldest_s < 30

    async def test_a_stopped_relay_holds_its_records_back_and_it_shows(
        self, outbox: Outbox
    ) -> None:
        await outbox.log.register(GROUP, TOPICS)
        await outbox.append(8)
        now = Retention(keep_minutes=0)
        trimmed = await trim(outbox.pool, now)
        assert trimmed.records == 0
        assert {block.consumer_group for block in trimmed.blocked} == {GROUP}
        await drain(outbox.pool, database_url=outbox.url, connect=lambda: Target(outbox.pool))
        trimmed = await trim(outbox.pool, Retention(keep_minutes=0))
        assert trimmed.records >= 8
        assert trimmed.blocked == ()


class TestService:
    def test_on_the_embedded_log_there_is_nothing_to_relay(self) -> None:
        with pytest.raises(LogError, match="needed on Kafka only"):
            RelayService(
                Installation(database_url=SecretStr("postgresql://x"), stream_url="embedded://"),
                clock=SystemClock(),
            )


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.02)


async def _end_leases(url: str) -> None:
    """What the database does with a relay that says nothing."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE application_name = %s AND datname = current_database()",
            (f"gemba-lease-{GROUP}",),
        )

"""Agents and relays on a real database that went back: who notices, and that nothing is skipped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, LiteralString

import pytest
from relay_model import Told

from contracts.streams import OPERATIONS, PARTITIONS, PROGRESS, TOPICS
from runtime import tasks
from runtime.clock import SystemClock
from runtime.settings import StreamsSettings
from store import effects
from store.database import Pool, build_pool
from store.effects import Done, FencedError, Step
from store.log import LogAwayError, NewRecord, identity
from store.log.divergence import compare, contradiction
from store.log.embedded import EmbeddedLog, TopicPartition
from store.log.identity import BehindError
from store.log.kafka_told import Told as InKafka
from store.log.outbox import GROUP, outbox_number
from store.log.timelines import ORIGIN_MS, Timelines, begin_timeline, number_of
from streams.consumption import Fenced, Message
from streams.progress import RollUpAgent
from streams.relay import Relay
from streams.relay.relay import LastTold
from streams.telemetry import TelemetryAgent

AT = TopicPartition(PROGRESS, 0)
NOW_MS = ORIGIN_MS + 470_000 * 60_000


class Rows:
    def __init__(self, url: str, pool: Pool) -> None:
        self.url = url
        self.pool = pool
        self.log = EmbeddedLog(pool)

    async def query(self, statement: LiteralString, *parameters: Any) -> list[tuple[Any, ...]]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement, parameters)
            return await cursor.fetchall()

    async def write(self, *values: bytes, topic: str = PROGRESS) -> None:
        await self.log.append([NewRecord(topic, 0, None, value) for value in values])

    async def begin(self, begins: Mapping[TopicPartition, int]) -> int:
        async with self.pool.connection() as connection, connection.transaction():
            return await begin_timeline(connection, begins, now_ms=NOW_MS)

    async def timelines(self) -> Timelines:
        async with self.pool.connection() as connection:
            return await Timelines.load(connection)

    async def phase(self) -> str:
        return str((await self.query("SELECT phase FROM stream_identity"))[0][0])

    async def roll_up(self) -> RollUpAgent:
        agent = RollUpAgent(
            pool=self.pool, log=self.log, clock=SystemClock(), on_changed=lambda _site, _order: None
        )
        await agent.on_assigned(PROGRESS, 0)
        return agent

    async def set_aside(self) -> list[bytes]:
        """What the roll-up cannot read is kept as it is: each record that it has taken."""
        letters = await self.query("SELECT payload FROM dead_letters ORDER BY id")
        return [payload for (payload,) in letters]


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Rows]:
    async with build_pool(database_url, name="test-restored", max_size=6) as pool:
        found = Rows(database_url, pool)
        await found.log.create_topics(TOPICS, PARTITIONS)
        await found.log.register(GROUP, TOPICS)
        yield found


def told(offset: int, number: int | None, value: bytes, topic: str = PROGRESS) -> Told:
    return Told(offset, number, topic, 0, 0.0, None, value)


class TestConsumers:
    async def test_what_the_outbox_has_not_given_yet_stops_everybody_and_is_not_taken(
        self, rows: Rows
    ) -> None:
        await rows.write(b"a", b"b")
        agent = await rows.roll_up()
        await agent.handle([told(0, 0, b"a"), told(1, None, b"by itself")])
        with pytest.raises(BehindError, match=r"gemba restored") as raised:
            await agent.handle([told(2, 1, b"b"), told(3, 2, b"of the lost future")])
        assert "gemba.progress.v1[0] holds the outbox's record 2, which is none" in str(
            raised.value
        )
        assert agent.stopped == {(PROGRESS, 0): str(raised.value)}
        assert await rows.set_aside() == [b"a", b"by itself"]
        # The outbox grows to the number: still nobody goes on, here or in a process begun anew.
        await rows.write(b"c", b"d")
        for _ in range(2):
            with pytest.raises(BehindError):
                await agent.handle([told(2, 1, b"b"), told(3, 2, b"of the lost future")])
            agent = await rows.roll_up()
        with pytest.raises(BehindError, match="gemba restored"):
            await rows.log.create_topics(TOPICS, PARTITIONS)
        assert await rows.set_aside() == [b"a", b"by itself"]

    async def test_what_the_outbox_has_given_to_another_record_by_now_stops_everybody_too(
        self, rows: Rows
    ) -> None:
        """Somebody was at work on the restored database before the worker came to it."""
        await rows.write(b"a", b"written since", b"and another")
        agent = await rows.roll_up()
        with pytest.raises(BehindError, match="gemba restored"):
            await agent.handle([told(0, 0, b"a"), told(1, 1, b"of the lost future")])
        assert await rows.set_aside() == []
        assert await rows.phase() == "behind"

    async def test_the_telemetry_agent_says_so_too(self, rows: Rows) -> None:
        await rows.write(b"first", topic=OPERATIONS)
        agent = TelemetryAgent(pool=rows.pool, log=rows.log, settings=StreamsSettings())
        await agent.on_assigned(OPERATIONS, 0)
        batch: list[Message] = [
            told(0, 0, b"no bundle", OPERATIONS),
            told(1, 1, b"of the lost future", OPERATIONS),
        ]
        with pytest.raises(BehindError):
            await agent.handle(batch)
        assert "record 1, which is none of this database" in agent.stopped[OPERATIONS, 0]
        assert await rows.set_aside() == []
        assert await rows.phase() == "behind"

    async def test_on_a_new_timeline_both_are_taken_once(self, rows: Rows) -> None:
        await rows.write(b"a", b"b")
        agent = await rows.roll_up()
        with pytest.raises(BehindError):
            await agent.handle([told(0, 0, b"a"), told(1, 1, b"b"), told(2, 2, b"future")])
        timeline = await rows.begin({AT: 2})
        async with rows.pool.connection() as connection:
            await identity.settle(connection, "embedded")
        await rows.write(b"c", b"d")
        agent = await rows.roll_up()
        await agent.handle([told(0, 0, b"a"), told(1, 1, b"b"), told(2, 2, b"future")])
        numbers = [(await rows.timelines()).number(AT, offset) for offset in range(4)]
        assert numbers == [0, 1, number_of(timeline, 2), number_of(timeline, 3)]
        values = [b"a", b"b", b"c", b"d"]
        # The relay tells everything, the last one twice; a zombie of the lost future tells late.
        await agent.handle(
            [told(3 + nth, numbers[nth], values[nth]) for nth in range(4)]
            + [told(7, 3, b"zombie"), told(8, numbers[3], b"d")]
        )
        # An event of the lost future names rows of that future: it is passed over.
        assert await rows.set_aside() == [b"a", b"b", b"c", b"d"]
        with pytest.raises(BehindError):  # restored once more, to what is here now
            await agent.handle([told(9, number_of(timeline, 4), b"another lost future")])

    async def test_what_a_bundle_of_the_lost_future_holds_is_recovered(self, rows: Rows) -> None:
        """A terminal's objects, and dead letters that were sent again, are content."""
        await rows.write(b"a", topic=OPERATIONS)
        timeline = await rows.begin({TopicPartition(OPERATIONS, 0): 1})
        await rows.write(b"b", topic=OPERATIONS)
        agent = TelemetryAgent(pool=rows.pool, log=rows.log, settings=StreamsSettings())
        await agent.on_assigned(OPERATIONS, 0)
        await agent.handle(
            [
                told(0, 0, b"a", OPERATIONS),
                told(1, 1, b"future", OPERATIONS),
                told(2, number_of(timeline, 1), b"b", OPERATIONS),
                told(3, 1, b"future, told late", OPERATIONS),
            ]
        )
        assert await rows.set_aside() == [b"a", b"future", b"b"]

    async def test_a_database_of_an_earlier_timeline_is_noticed(self, rows: Rows) -> None:
        await rows.write(b"a", b"b", b"c")
        agent = await rows.roll_up()
        with pytest.raises(BehindError):
            await agent.handle([told(0, number_of(470_000, 1), b"x")])

    async def test_a_database_that_goes_back_under_a_worker_fences_it(self, rows: Rows) -> None:
        """Else its next transaction would pass what the replica had not heard of."""
        agent = await rows.roll_up()
        await agent.handle([told(offset, None, b"%d" % offset) for offset in range(5)])
        await rows.query('UPDATE effect_offsets SET "offset" = 2 RETURNING 1')
        with pytest.raises(Fenced):
            await agent.handle([told(5, None, b"5")])
        with pytest.raises(Fenced):  # also when it asks where it stands
            await agent.handle([told(5, None, b"5")])
        assert await rows.query('SELECT "offset" FROM effect_offsets') == [(2,)]
        await agent.on_assigned(PROGRESS, 0)
        await agent.handle([told(offset, None, b"again %d" % offset) for offset in range(6)])
        assert (await rows.set_aside())[5:] == [b"again 3", b"again 4", b"again 5"]

    async def test_a_step_begins_where_the_partition_stands(self, rows: Rows) -> None:
        async with rows.pool.connection() as connection:
            position, done = await effects.take_over(connection, "g", PROGRESS, 0)
        async with effects.transaction(rows.pool, {position: Step(done, Done(4))}):
            pass
        with pytest.raises(FencedError, match="went back"):
            async with effects.transaction(rows.pool, {position: Step(Done(3), Done(5))}):
                pass


class Sink(EmbeddedLog):
    """Stands in for Kafka: keeps what it is sent."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.sent: list[NewRecord] = []

    async def append(self, records: Any) -> list[int]:
        self.sent += records
        return list(range(len(records)))


class TestRelay:
    async def test_it_sends_nothing_when_kafka_was_told_other_things(self, rows: Rows) -> None:
        await rows.write(b"a", b"ours")
        sink = Sink(rows.pool)
        for last in (InKafka(AT, 1, None, b"of the lost future"), InKafka(AT, 2, None, b"x")):
            relay = Relay(database_url=rows.url, connect=lambda: sink, last_told=_says(last))
            async with asyncio.timeout(60):
                with pytest.raises(BehindError, match=r"progress.*\[0\] of Kafka ends with"):
                    await relay.run()
            assert await rows.phase() == "behind"
            async with rows.pool.connection() as connection:
                await identity.settle(connection, "embedded")
        assert sink.sent == []

    async def test_it_goes_on_behind_what_it_knows_and_tells_the_new_timeline(
        self, rows: Rows
    ) -> None:
        await rows.write(b"a", b"b")
        timeline = await rows.begin({AT: 1})
        await rows.write(b"c")
        # A lost future is in Kafka, and known to be; at first Kafka does not answer.
        sink, says, asked = Sink(rows.pool), _says(InKafka(AT, 1, None, b"lost")), 0

        async def later(at: Collection[TopicPartition]) -> Mapping[TopicPartition, InKafka]:
            nonlocal asked
            asked += 1
            if asked == 1:
                raise LogAwayError("nobody is there")
            return await says(at)

        relay = Relay(database_url=rows.url, connect=lambda: sink, last_told=later)
        working = asyncio.create_task(relay.run())
        try:
            async with asyncio.timeout(60):
                while len(sink.sent) < 3:  # noqa: ASYNC110 - what is waited for tells nobody
                    await asyncio.sleep(0.02)
        finally:
            await tasks.end([working])
        assert [(outbox_number(one.headers), one.value) for one in sink.sent] == [
            (0, b"a"), (number_of(timeline, 1), b"b"), (number_of(timeline, 2), b"c")
        ]  # fmt: skip

    async def test_another_relay_ends_when_somebody_has_noticed(self, rows: Rows) -> None:
        async with rows.pool.connection() as connection:
            await identity.fall_behind(connection)
        relay = Relay(database_url=rows.url, connect=lambda: Sink(rows.pool))
        async with asyncio.timeout(60):
            with pytest.raises(BehindError):
                await relay.run()


def _says(last: InKafka) -> LastTold:
    async def say(_: Collection[TopicPartition]) -> Mapping[TopicPartition, InKafka]:
        return {last.at: last}

    return say


class TestComparing:
    async def test_what_agrees_contradicts_nothing(self, rows: Rows) -> None:
        await rows.write(b"a", b"b")
        extents = await rows.log.extents(TOPICS)
        async with rows.pool.connection() as connection:
            for record, agrees in (
                (InKafka(AT, 1, None, b"b"), True),
                (InKafka(AT, 1, b"key", b"b"), False),
                (InKafka(AT, 2, None, b"c"), False),
                (InKafka(TopicPartition("unknown", 0), 0, None, b"a"), False),
            ):
                said = await contradiction(connection, extents, Timelines(), {record.at: record})
                assert (said is None) is agrees, record
            await connection.execute("DELETE FROM log_records")
            trimmed = {AT: InKafka(AT, 0, None, b"long gone")}
            assert await contradiction(connection, extents, Timelines(), trimmed) is None

    async def test_the_first_record_that_differs_begins_the_timeline(self, rows: Rows) -> None:
        await rows.write(b"a", b"b", b"c", b"d")

        async def in_kafka() -> AsyncIterator[InKafka]:
            for number, value in enumerate([b"a", b"b", b"x", b"y", b"z"]):
                yield InKafka(AT, number, None, value)
            yield InKafka(AT, 1, None, b"nobody takes it a second time")

        async with rows.pool.connection() as connection:
            extents = await rows.log.extents(TOPICS)
            compared = await compare(connection, extents, Timelines(), {AT: 0}, in_kafka())
        assert {at: one.begins for at, one in compared.items()} == {AT: 2}
        assert compared[AT].differs

    async def test_timelines_are_minutes_and_rise_in_any_case(self, rows: Rows) -> None:
        assert [await rows.begin({AT: 0}) for _ in range(3)] == [470_000, 470_001, 470_002]
        assert (await rows.timelines()).newest == 470_002

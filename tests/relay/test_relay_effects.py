"""Agents on a real database, fed with what relays have told more than once."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, LiteralString

import pytest
from relay_model import RELAYS, Partition, Told

from contracts.ids import EpochMs, SiteCode
from contracts.streams import (
    GOODS,
    OPERATIONS,
    PARTITIONS,
    PROGRESS,
    TELEMETRY,
    TOPICS,
    Arrival,
    Bundle,
    DeadLettered,
    GoodsMoved,
    decode_events,
    encode_bundle,
    encode_events,
)
from contracts.topics import partition_key, partition_of
from runtime.clock import SystemClock
from runtime.settings import StreamsSettings
from store.database import Pool, build_pool
from store.log import NewRecord
from store.log.embedded import EmbeddedLog
from streams.consumption import Message
from streams.progress import RollUpAgent
from streams.telemetry import TelemetryAgent
from streams.warehouse import WarehouseAgent

SITE = "plant-r"
MACHINE = f"gemba/v1/{SITE}/cutting/line1/m01"
T0 = 1_772_431_200_000
PARTITION = partition_of(partition_key(f"{MACHINE}/job"), PARTITIONS)

HEAD = 1_000_000

Handle = Callable[[Sequence[Message]], Awaitable[None]]


class Rows:
    """The database, and the log that agents append to."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.log = EmbeddedLog(pool)

    async def query(self, statement: LiteralString, *parameters: Any) -> list[tuple[Any, ...]]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement, parameters)
            return await cursor.fetchall()

    async def telemetry(self) -> TelemetryAgent:
        agent = TelemetryAgent(pool=self.pool, log=self.log, settings=StreamsSettings())
        for topic in (TELEMETRY, OPERATIONS):
            await agent.on_assigned(topic, PARTITION)
        return agent

    async def roll_up(self) -> RollUpAgent:
        agent = RollUpAgent(
            pool=self.pool, log=self.log, clock=SystemClock(), on_changed=lambda _site, _order: None
        )
        await agent.on_assigned(PROGRESS, 0)
        return agent

    async def warehouse(self) -> WarehouseAgent:
        agent = WarehouseAgent(
            pool=self.pool, log=self.log, clock=SystemClock(), on_changed=lambda _site, _order: None
        )
        await agent.on_assigned(GOODS, 0)
        return agent


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Rows]:
    async with build_pool(database_url, name="test-relay", max_size=4) as pool:
        found = Rows(pool)
        await found.log.create_topics(TOPICS, PARTITIONS)
        # What the tests tell, this database has told.
        await found.query("UPDATE log_partitions SET head = %s RETURNING head", HEAD)
        yield found


def told_by_relays(
    topic: str, partition: int, outbox: Sequence[bytes], chance: random.Random
) -> list[Message]:
    """What Kafka holds when relays have told all of an outbox, some of it repeatedly."""
    model = Partition()
    while model.noted < len(outbox):
        name = chance.randrange(RELAYS)
        action = chance.choice(["acknowledged", "unacknowledged", "noted", "dies"])
        position = model.relays.get(name, model.noted)
        model.relay(name, action, chance.randint(0, min(6, len(outbox) - position)))
    found: list[Message] = []
    for one in model.told:
        assert one.number is not None
        found.append(
            Told(one.offset, one.number, topic, partition, T0 / 1_000, None, outbox[one.number])
        )
    assert len(found) > len(outbox), "nothing was told twice"
    return found


async def consume(
    records: Sequence[Message],
    assigned: Callable[[], Awaitable[Handle]],
    chance: random.Random,
) -> None:
    """Hand records over in batches; now and then a new worker begins before what is done."""
    handle = await assigned()
    at = 0
    while at < len(records):
        batch = records[at : at + chance.randint(1, 8)]
        await handle(batch)
        at += len(batch)
        if chance.random() < 0.2:
            handle = await assigned()
            at = max(0, at - chance.randint(0, 10))


def bundle(*messages: tuple[str, bytes]) -> bytes:
    """What the API writes: without a gateway, so nothing else tells a repeat."""
    topics = sorted({topic for topic, _ in messages})
    arrivals = [
        Arrival(0, topics.index(topic), EpochMs(T0 + 10**6), payload, len(payload))
        for topic, payload in messages
    ]
    return encode_bundle(Bundle("", topics, arrivals))


def job(seq: int, event: str) -> bytes:
    body = {"t": T0 + seq * 1_000, "boot": "terminal", "seq": seq, "event": event}
    body |= {"work_order": "WO-1", "operation": 10}
    return bundle((f"{MACHINE}/job", json.dumps(body).encode()))


@pytest.mark.parametrize("seed", range(4))
async def test_jobs_from_a_terminal_count_once_and_are_no_repeats(rows: Rows, seed: int) -> None:
    chance = random.Random(seed)
    events = ["started"] + ["paused", "resumed"] * 12 + ["completed"]
    outbox = [job(seq, event) for seq, event in enumerate(events)]
    records = told_by_relays(OPERATIONS, PARTITION, outbox, chance)

    async def assigned() -> Handle:
        return (await rows.telemetry()).handle

    await consume(records, assigned, chance)
    totals = await rows.query("SELECT arrivals, accepted, repeats, refused FROM ingest_totals")
    assert totals == [(len(events), len(events), 0, 0)]
    assert await rows.query("SELECT runs, state FROM operations") == [(1, "completed")]
    done = await rows.query(
        'SELECT "offset", relayed FROM effect_offsets WHERE topic = %s', OPERATIONS
    )
    assert done == [(len(records) - 1, len(outbox) - 1)]


@pytest.mark.parametrize("seed", range(3))
async def test_a_replayed_letter_that_is_refused_again_makes_one_letter(
    rows: Rows, seed: int
) -> None:
    """Nothing but the number in the outbox tells the repeat: a letter has no seq that counts."""
    chance = random.Random(seed)
    letters = [bundle((f"{MACHINE}/count", b"not json %d" % number)) for number in range(10)]
    letters += [b"no bundle at all %d" % number for number in range(10)]
    records = told_by_relays(TELEMETRY, PARTITION, letters, chance)

    async def assigned() -> Handle:
        return (await rows.telemetry()).handle

    await consume(records, assigned, chance)
    stored = await rows.query("SELECT payload FROM dead_letters ORDER BY payload")
    assert len(stored) == len(letters)
    assert len(set(stored)) == len(letters)
    assert sum(refused for (refused,) in await rows.query("SELECT refused FROM ingest_totals")) == (
        len(letters)
    )


async def test_a_repeat_among_poison_moves_the_number_on(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await rows.telemetry()
    poison, good = job(1, "started"), job(2, "paused")

    async def choke(_connection: object, intake: Any) -> list[Any]:
        if any(
            received.object.message.seq == 1 for one in intake.arrived.values() for received in one
        ):
            raise ValueError("cannot be taken")
        return await taking(_connection, intake)  # type: ignore[arg-type]  # what it was called with

    taking = agent._sort_in  # a fault of ours has no other way in
    monkeypatch.setattr(agent, "_sort_in", choke)
    values = {0: poison, 1: good}
    records: list[Message] = [
        Told(offset, number, OPERATIONS, PARTITION, T0 / 1_000, None, values[number])
        for offset, number in enumerate([0, 0, 1, 0, 1])
    ]
    await agent.handle(records)
    assert len(await rows.query("SELECT id FROM dead_letters")) == 1
    assert await rows.query("SELECT sum(accepted)::int, sum(repeats)::int FROM ingest_totals") == [
        (1, 0)
    ]
    assert await rows.query(
        'SELECT "offset", relayed FROM effect_offsets WHERE topic = %s', OPERATIONS
    ) == [(4, 1)]


async def test_goods_and_what_cannot_be_used_of_them_are_told_once(rows: Rows) -> None:
    chance = random.Random(5)
    # A device that has sent a move has its row.
    machine = await rows.telemetry()
    await machine.handle([Told(0, 0, TELEMETRY, PARTITION, T0 / 1_000, None, job(0, "started"))])
    ((device,),) = await rows.query("SELECT id FROM machines")

    def moved(seq: int, quantity: str) -> bytes:
        move = GoodsMoved(
            SiteCode(SITE), device, 1, seq, EpochMs(T0 + seq), "picked", "A", quantity,
            None, None, None, None, None, "SO-1",
        )  # fmt: skip
        return encode_events([move])

    outbox = [moved(seq, "-1" if seq % 3 == 0 else "2.5") for seq in range(24)]
    records = told_by_relays(GOODS, 0, outbox, chance)

    async def assigned() -> Handle:
        return (await rows.warehouse()).handle

    await consume(records, assigned, chance)
    assert await rows.query("SELECT count(*)::int FROM dead_letters") == [(8,)]
    assert await rows.query("SELECT count(*)::int, sum(quantity)::float FROM goods_moves") == [
        (16, 40.0)
    ]
    told = await rows.log.read(
        "gemba.dead-letters.v1",
        partition_of(SITE, PARTITIONS),
        0,
        limit_records=100,
        limit_bytes=1_000_000,
    )
    letters = [event for record in told for event in decode_events(record.value or b"")]
    assert sorted(event.dead_letter_id for event in letters if isinstance(event, DeadLettered)) == (
        sorted(letter_id for (letter_id,) in await rows.query("SELECT id FROM dead_letters"))
    )


async def test_the_roll_up_sets_aside_once(rows: Rows) -> None:
    chance = random.Random(6)
    outbox = [b"no events %d" % number for number in range(20)]
    records = told_by_relays(PROGRESS, 0, outbox, chance)

    async def assigned() -> Handle:
        return (await rows.roll_up()).handle

    await consume(records, assigned, chance)
    assert await rows.query("SELECT count(*)::int FROM dead_letters") == [(20,)]


async def test_a_batch_of_repeats_only_moves_the_offset_on(rows: Rows) -> None:
    """So that what a worker reads again after a restart does not grow."""
    agent = await rows.roll_up()
    first = [Told(offset, offset, PROGRESS, 0, 0.0, None, b"x") for offset in range(3)]
    again = [Told(3 + number, number, PROGRESS, 0, 0.0, None, b"x") for number in range(3)]
    await agent.handle([*first])
    await agent.handle([*again])
    assert await rows.query(
        'SELECT "offset", relayed FROM effect_offsets WHERE topic = %s', PROGRESS
    ) == [(5, 2)]
    assert await rows.query("SELECT count(*)::int FROM dead_letters") == [(3,)]


async def test_the_embedded_log_knows_no_numbers(rows: Rows) -> None:
    agent = await rows.roll_up()
    await rows.log.append([NewRecord(PROGRESS, 0, None, b"x")])
    (record,) = await rows.log.read(PROGRESS, 0, 0, limit_records=1, limit_bytes=1)
    await agent.handle([Told(record.offset, None, PROGRESS, 0, 0.0, None, record.value)])
    assert await rows.query(
        'SELECT "offset", relayed FROM effect_offsets WHERE topic = %s', PROGRESS
    ) == [(HEAD, -1)]

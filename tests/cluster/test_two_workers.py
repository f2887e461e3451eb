"""Two workers at once over the same database: sums exact, nothing dead, nothing overlooked."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from typing import Any

import psycopg
import pytest
from two_workers import (
    GATES,
    MACHINES,
    PATIENCE_S,
    SITE,
    T0,
    UNPLANNED,
    Bundles,
    Expected,
    Plant,
    Record,
    Worker,
    gate_messages,
    machine_messages,
)

from contracts.streams import PARTITIONS, TELEMETRY
from contracts.topics import partition_of
from runtime.clock import SystemClock
from store import effects
from store.goods_moves import lock
from store.roll_up import roll_up
from store.shipments import ship

HARMLESS = {"DeadlockDetected", "StaleMachineError", "CancelledError", "PoolTimeout"}
"""What may be tried again now and then; whatever else fails is a fault."""


def bundles(chance: random.Random, expected: Expected, *, count: int) -> Bundles:
    machines = [f"{SITE}/cutting/line1/m{number:02d}" for number in range(MACHINES)]
    gates = [f"{SITE}/warehouse/out/gate-{number}" for number in range(GATES)]
    return Bundles(
        chance,
        [machine_messages(chance, path, count, expected) for path in machines]
        + [gate_messages(chance, path, count // 4, expected) for path in gates],
    )


async def check(plant: Plant, expected: Expected) -> None:
    """Every figure is what the messages say, and nothing is left to be rolled up or shipped."""
    assert await plant.query("SELECT code, reason FROM dead_letters") == []
    rows = await plant.query(
        """
        SELECT w.number, o.number, o.good_pieces::bigint, o.scrap_pieces::bigint, o.runs
        FROM operations o JOIN work_orders w ON w.id = o.work_order_id
        """
    )
    assert Counter({row[:2]: row[2] for row in rows}) == expected.good
    assert Counter({row[:2]: row[3] for row in rows}) == expected.scrap
    assert Counter({row[:2]: row[4] for row in rows}) == expected.runs
    sources = await plant.query(
        "SELECT number, external_source, quantity_ordered::bigint FROM work_orders"
        " WHERE NOT planned"
    )
    steps = {
        work: max(step for name, step in expected.runs if name == work) for work, *_ in sources
    }
    assert sorted(sources) == sorted(
        (work, expected.named[work][2], 500 + steps[work])
        for work in expected.named
        if work.startswith("U-")
    )
    assert await plant.query("SELECT count(*) FROM goods_moves") == [(expected.moves,)]
    await check_orders(plant)


async def check_orders(plant: Plant) -> None:
    ids = [row[0] for row in await plant.query("SELECT id FROM orders")]
    now_ms = SystemClock().now_ms()
    async with plant.pool.connection() as connection, connection.transaction():
        await lock(connection)
        left = await roll_up(connection, order_ids=ids, work_order_ids=[], now_ms=now_ms)
        assert [order.order_id for order in left] == []
        assert [order.order_id for order in await ship(connection, ids)] == []
    moved = await plant.query(
        "SELECT sum(quantity) FILTER (WHERE event = 'shipped') FROM goods_moves"
    )
    assert await plant.query("SELECT sum(shipped) FROM shipment_lines") == moved


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_sums_are_exact_whoever_handles_what(database_url: str, seed: int) -> None:
    chance = random.Random(seed)
    expected = Expected()
    async with Plant.open(database_url, chance) as plant:
        await plant.orders()
        for partition in range(PARTITIONS):
            await plant.give(partition, plant.workers[partition % 2])
        said = bundles(chance, expected, count=60)
        number = 0
        while records := said.take(chance.randrange(10, 40)):
            await plant.log.append(records)
            number += 1
            if number % 3 == 0:
                await plant.tell_order()
            if number % 5 == 0:
                await plant.move()
            await asyncio.sleep(chance.random() * 0.05)
        await plant.settled()
        await check(plant, expected)
        assert set(plant.failures) <= HARMLESS, plant.failures
        assert plant.fenced > 0


async def test_work_orders_that_nobody_planned_are_made_by_both_at_once(
    database_url: str,
) -> None:
    """Every machine names every operation, in an order of its own, all at the same moment."""
    chance = random.Random(20261122)
    expected = Expected()
    async with Plant.open(database_url, chance) as plant:
        await plant.orders()
        said = bundles(chance, expected, count=120)
        while records := said.take(400):
            await plant.log.append(records)
        for partition in range(PARTITIONS):
            await plant.give(partition, plant.workers[partition % 2])
        await plant.settled()
        await check(plant, expected)
        assert await plant.query("SELECT count(*) FROM work_orders WHERE NOT planned") == [
            (UNPLANNED,)
        ]
        assert set(plant.failures) <= HARMLESS, plant.failures


async def test_a_commit_whose_answer_was_lost_is_not_made_twice(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection dies at the commit: whether it was made only the rows know."""
    chance = random.Random(7)
    transaction = effects.transaction
    lost = 0

    def unsure(*arguments: Any) -> Any:
        return _answer_lost(transaction(*arguments))

    class _answer_lost:  # noqa: N801 - a context manager
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        async def __aenter__(self) -> Any:
            return await self._inner.__aenter__()

        async def __aexit__(self, *error: object) -> None:
            nonlocal lost
            await self._inner.__aexit__(*error)
            if error[0] is None and chance.random() < 0.4:
                lost += 1
                raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(effects, "transaction", unsure)
    expected = Expected()
    async with Plant.open(database_url, chance) as plant:
        await plant.orders()
        said = bundles(chance, expected, count=20)
        while records := said.take(30):
            await plant.log.append(records)
        # What cannot be read is set aside, once.
        unreadable = [
            plant.unreadable(topic, partition)
            for topic in plant.topics
            for partition in range(PARTITIONS)
        ]
        await plant.log.append(unreadable)
        for partition in range(PARTITIONS):
            await plant.give(partition, plant.workers[partition % 2])
        await plant.settled()
        assert lost > 5
        assert "OperationalError" in plant.failures
        assert set(plant.failures) <= {"OperationalError", *HARMLESS}
        letters = await plant.query("SELECT origin_topic, code FROM dead_letters")
        assert Counter(letters) == Counter({(one, "record"): PARTITIONS for one in plant.topics})
        assert await plant.query("SELECT sum(arrivals) FROM ingest_totals") == [(said.arrivals,)]
        await plant.query("DELETE FROM dead_letters")
        await check(plant, expected)


async def test_a_work_order_is_summed_up_after_whoever_is_before(database_url: str) -> None:
    """Two machines name operations of one work order at the same moment: the earlier one gives it
    its source, whichever transaction ends first."""
    chance = random.Random(1)
    async with Plant.open(database_url, chance) as plant:
        one, other = plant.workers
        paths = [f"{SITE}/cutting/line1/m{number:02d}" for number in range(MACHINES)]
        first = paths[0]
        home = partition_of(first, PARTITIONS)
        second = next(path for path in paths if partition_of(path, PARTITIONS) != home)
        for worker in plant.workers:
            for partition in range(PARTITIONS):
                await worker.telemetry.on_assigned(TELEMETRY, partition)
        offsets = Counter[int]()

        async def starts(worker: Worker, path: str, operation: int, seq: int, t_ms: int) -> None:
            body = {"t": t_ms, "source": path[-3:], "boot": "b", "seq": seq, "event": "started"}
            body |= {"work_order": "U-0", "operation": operation}
            said = [(f"gemba/v1/{path}/job", json.dumps(body).encode())]
            (record,) = Bundles(chance, [said], repeats=False).take(1)
            offset = offsets[record.partition]
            offsets[record.partition] += 1
            await worker.telemetry.handle(
                [Record(TELEMETRY, record.partition, offset, record.value)]
            )

        # Both operations are there, named late.
        for place, path in enumerate((first, second)):
            await plant.workers[1].telemetry.on_assigned(TELEMETRY, partition_of(path, PARTITIONS))
            await starts(other, path, 10 * (place + 1), 9, T0 + 90_000)
        await one.telemetry.on_assigned(TELEMETRY, home)
        appending, going = asyncio.Event(), asyncio.Event()
        append_in = one.log.append_in

        async def gated(*arguments: Any) -> Any:
            appending.set()
            await going.wait()
            return await append_in(*arguments)

        one.log.append_in = gated  # type: ignore[method-assign,assignment] # the last thing before the commit
        before = asyncio.create_task(starts(one, first, 10, 1, T0 + 10_000))
        await asyncio.wait_for(appending.wait(), PATIENCE_S)
        after = asyncio.create_task(starts(other, second, 20, 1, T0 + 20_000))
        await asyncio.sleep(0.5)
        going.set()
        await asyncio.wait_for(asyncio.gather(before, after), PATIENCE_S)
        assert await plant.query("SELECT external_source FROM work_orders") == [(first[-3:],)]

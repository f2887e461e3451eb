"""Storing a plan and everybody else's writing keep out of each other's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from planning_rows import HOUR_MS, MINUTE_MS, NOW_MS, Rows
from planning_shop import SCOPE, Shop, solved

from contracts.plan import PlanState
from store.database import Connection, Pool
from store.planning import plans
from store.planning.projections import Projection, write_projections

LOCKED = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
    AND backend_type = 'client backend'  -- and no worker of TimescaleDB's
"""


@pytest.fixture
async def other(pool: Pool) -> AsyncIterator[Connection]:
    """A second connection that waits for no lock longer than a second."""
    async with pool.connection() as connection:
        await connection.execute("SET lock_timeout = '1s'")
        yield connection
        await connection.execute("SET lock_timeout = 0")


async def store(connection: Connection, shop: Shop, *, machine: int, operation: int) -> None:
    loaded = await shop.load()
    start = NOW_MS + HOUR_MS
    await plans.store_plan(
        connection,
        loaded,
        solved(loaded, (operation, machine, start, start + 20 * MINUTE_MS)),
        state=PlanState.PUBLISHED,
        waiting=None,
        reasons=[],
        disruption_ids=[],
        now_ms=NOW_MS,
    )


async def lock_as_telemetry(connection: Connection, operation: int) -> None:
    await connection.execute(
        "SELECT id FROM operations WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", ([operation],)
    )


async def somebody_waits(pool: Pool, waiting: asyncio.Task[None]) -> None:
    """Until a transaction of this database waits for a lock: that of the task, which goes on."""
    # Not on the shop's connection: the task reads on it meanwhile.
    async with pool.connection() as connection:
        rows = Rows(connection)
        while not await rows.one(LOCKED):
            if waiting.done():
                waiting.result()
                raise AssertionError("it waited for nobody")
            await asyncio.sleep(0.02)


async def test_progress_is_written_while_a_plan_is_being_stored(
    shop: Shop, pool: Pool, other: Connection
) -> None:
    """The plan refers to the operation and leaves it where it is: nobody waits for its commit."""
    _, _, [operation] = await shop.order(1)
    async with pool.connection() as connection, connection.transaction():
        await store(connection, shop, machine=shop.m1, operation=operation)
        async with other.transaction():
            await lock_as_telemetry(other, operation)
            await other.execute("UPDATE operations SET good_pieces = 5 WHERE id = %s", (operation,))

    published = await plans.published(shop.connection, SCOPE)
    assert published is not None
    assert await shop.rows.one("SELECT good_pieces FROM operations WHERE id = %s", operation) == 5


async def test_a_plan_is_stored_while_progress_is_being_written(
    shop: Shop, other: Connection, pool: Pool
) -> None:
    _, _, [operation] = await shop.order(1)
    async with pool.connection() as telemetry, telemetry.transaction():
        await lock_as_telemetry(telemetry, operation)
        await telemetry.execute("UPDATE operations SET good_pieces = 5")
        async with other.transaction():
            await store(other, shop, machine=shop.m1, operation=operation)

    published = await plans.published(shop.connection, SCOPE)
    assert published is not None
    assert published.number == 1


async def test_projections_are_written_while_a_plan_is_being_stored(
    shop: Shop, pool: Pool, other: Connection
) -> None:
    _, _, [operation] = await shop.order(1)
    row = Projection(machine=shop.m1, start_ms=NOW_MS, end_ms=NOW_MS + MINUTE_MS)
    async with pool.connection() as connection, connection.transaction():
        await store(connection, shop, machine=shop.m2, operation=operation)
        async with other.transaction():
            assert await write_projections(other, SCOPE, {operation: row}) == {operation}


async def test_an_operation_that_is_being_started_is_waited_for_and_stays(
    shop: Shop, pool: Pool
) -> None:
    _, _, [operation] = await shop.order(1)

    async def publish() -> None:
        async with pool.connection() as connection, connection.transaction():
            await store(connection, shop, machine=shop.m2, operation=operation)

    async with pool.connection() as telemetry, telemetry.transaction():
        await lock_as_telemetry(telemetry, operation)
        publishing = asyncio.create_task(publish())
        await somebody_waits(pool, publishing)
        await telemetry.execute("UPDATE operations SET state = 'running', runs = 1")
    await publishing

    assert await shop.rows.one("SELECT machine_id FROM operations") == shop.m1


async def test_an_order_that_is_being_changed_cannot_deadlock_with_a_plan(
    shop: Shop, pool: Pool
) -> None:
    """Both lock the order first, then its operations."""
    order, _, [operation] = await shop.order(1)

    async def publish() -> None:
        async with pool.connection() as connection, connection.transaction():
            await store(connection, shop, machine=shop.m2, operation=operation)

    async with pool.connection() as office, office.transaction():
        await office.execute("SELECT id FROM orders WHERE id = %s FOR UPDATE", (order,))
        publishing = asyncio.create_task(publish())
        await somebody_waits(pool, publishing)
        await office.execute("UPDATE operations SET quantity = 20 WHERE id = %s", (operation,))
    await publishing

    assert await shop.rows.one("SELECT machine_id FROM operations") == shop.m2

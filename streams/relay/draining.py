"""Sending the outbox on until it is empty, for commands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from runtime import tasks
from store.database import Pool
from store.log import StreamLog
from store.log.outbox import backlog
from streams.relay.relay import Relay

_LOOK_S: Final = 0.1


async def drain(pool: Pool, *, database_url: str, connect: Callable[[], StreamLog]) -> int:
    """Relay until Kafka has acknowledged everything; answers how many records were sent.

    Waits while another relay is at work, and for as long as Kafka is away: set a limit of time.

    Args:
        pool: an open pool on the database of the outbox.
        database_url: the same database.
        connect: makes a log on Kafka, not yet opened; its topics exist.

    Raises:
        psycopg.Error, psycopg_pool.PoolTimeout: the database is away.
        BehindError: the database was found to be older than its stream.
    """
    relay = Relay(database_url=database_url, connect=connect)
    working = asyncio.create_task(relay.run(), name="relay-drain")
    try:
        while await _waiting(pool):
            await asyncio.wait({working}, timeout=_LOOK_S)
            if working.done():
                working.result()  # it never ends but by raising
    finally:
        await tasks.end([working])
    return int(relay.metrics["relayed"])


async def _waiting(pool: Pool) -> int:
    async with pool.connection() as connection:
        return (await backlog(connection)).records

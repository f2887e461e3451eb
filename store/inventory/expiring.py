"""Goods whose last day is over become expired, also where nobody touches them.

What is expired is promised to nobody from the moment on at which the day ends at the site: every
question looks at the time. This only books it, so that the ledger says when and why.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final

from psycopg import OperationalError

from domain.inventory.books import Key
from runtime.clock import Clock
from store.database import Connection, Pool
from store.inventory.stock import Stock

_AT_ONCE: Final = 200
EVERY_S: Final = 60.0
_log = logging.getLogger(__name__)


async def expire_due(connection: Connection, *, now: datetime) -> int:
    """Book what has expired of up to 200 items; answers of how many. Within a transaction."""
    cursor = await connection.execute(
        """
        SELECT item_id, site_id FROM stock_heads WHERE expires_at <= %s
        ORDER BY expires_at LIMIT %s
        """,
        (now, _AT_ONCE),
    )
    keys = [Key(*row) for row in await cursor.fetchall()]
    if keys:
        await Stock.lock(connection, keys, now=now)
    return len(keys)


async def keep_expired(pool: Pool, clock: Clock) -> None:
    """Book what expires, again and again; ends when it is cancelled."""
    while True:
        try:
            async with pool.connection() as connection, connection.transaction():
                now = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
                booked = await expire_due(connection, now=now)
        except OperationalError as error:
            _log.warning("goods that have expired are booked later: %s", error)
            booked = 0
        if booked:
            _log.info("%d items have goods whose last day is over", booked)
        if booked < _AT_ONCE:
            await asyncio.sleep(EVERY_S)

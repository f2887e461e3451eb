"""Old plan versions: their contents go, their heads stay."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import psycopg
from psycopg_pool import PoolTimeout

from store.database import Connection, Pool

logger = logging.getLogger(__name__)

KEEP_DAYS: Final = 30
INTERVAL_S: Final = 3_600.0
_AT_ONCE: Final = 50
_PAUSE_S: Final = 1.0


async def prune(connection: Connection, *, keep_days: int = KEEP_DAYS) -> int:
    """Drop the contents of versions that have been out of force for so many days.

    Their heads stay: reasons and figures. Answers how many versions were emptied; a limited number
    at once, so that nobody waits for it: call it again until it says 0.
    """
    cursor = await connection.execute(
        """
        WITH old AS (
            SELECT p.id FROM plans p
            WHERE p.state IN ('superseded', 'discarded')
              AND coalesce(p.superseded_at, p.created_at) < now() - make_interval(days => %s)
              AND (EXISTS (SELECT FROM plan_operations o WHERE o.plan_id = p.id)
                   OR EXISTS (SELECT FROM plan_orders r WHERE r.plan_id = p.id))
            ORDER BY p.id LIMIT %s
        ), operations AS (
            DELETE FROM plan_operations WHERE plan_id IN (SELECT id FROM old)
        ), orders AS (
            DELETE FROM plan_orders WHERE plan_id IN (SELECT id FROM old)
        )
        SELECT count(*) FROM old
        """,
        (keep_days, _AT_ONCE),
    )
    row = await cursor.fetchone()
    return row[0] if row else 0


async def expire(connection: Connection) -> int:
    """Discard drafts that somebody thought of and nobody wanted in time; answers how many."""
    cursor = await connection.execute(
        """
        UPDATE plans SET state = 'discarded'
        WHERE state = 'draft' AND what_if IS NOT NULL AND expires_at < now()
        """
    )
    return cursor.rowcount


async def keep_pruned(
    pool: Pool, *, keep_days: int = KEEP_DAYS, interval_s: float = INTERVAL_S
) -> None:
    """Prune again and again until cancelled; a database that is away is tried again.

    Args:
        pool: the database.
        keep_days: how long versions that are out of force are kept whole.
        interval_s: between two rounds, when nothing is left to do.
    """
    while True:
        pause_s = interval_s
        try:
            async with pool.connection() as connection:
                await expire(connection)
                if await prune(connection, keep_days=keep_days) == _AT_ONCE:
                    pause_s = _PAUSE_S
        except (psycopg.OperationalError, PoolTimeout) as error:
            logger.warning("old plans cannot be pruned now: %s", error)
        except psycopg.errors.UndefinedColumn:
            # The tables are there, but migrations are still under way.
            pause_s = _PAUSE_S
        await asyncio.sleep(pause_s)

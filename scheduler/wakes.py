"""Hearing that disruptions were raised.

The embedded log says NOTIFY with each append. Where that cannot be heard (Kafka, a lost
connection), the planner's poll of open rows does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from psycopg import sql

from contracts.streams import DISRUPTIONS
from store.leases import AWAY, connect
from store.log.embedded import CHANNEL

logger = logging.getLogger(__name__)

RETRY_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses between attempts; the last one from then on."""
_CHECK_S: Final = 5.0


def pause_s(attempt: int) -> float:
    """How long to wait after the given failed attempt (from 0)."""
    return RETRY_S[min(attempt, len(RETRY_S) - 1)]


async def listen(url: str, on_raised: Callable[[], None]) -> None:
    """Call `on_raised` whenever something was appended to DISRUPTIONS, until cancelled.

    It is also called after every connect: nobody knows what was missed before.
    """
    attempt = 0
    while True:
        try:
            async with await connect(url, "scheduler-wakes") as connection:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
                attempt = 0
                on_raised()
                while True:
                    async for notify in connection.notifies(timeout=_CHECK_S):
                        if notify.payload == DISRUPTIONS:
                            on_raised()
                    async with asyncio.timeout(_CHECK_S):
                        await connection.execute("SELECT 1")
        except AWAY as error:
            logger.info("disruptions are not heard, only looked for: %s", str(error).strip())
        await asyncio.sleep(pause_s(attempt))
        attempt += 1

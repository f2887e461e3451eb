"""Hearing that something happened which alarms may be about.

The log says NOTIFY with each append, on Kafka too (there it is the outbox). Where that cannot be
heard the watch looks by itself every few seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final

from psycopg import sql

from contracts.streams import DEAD_LETTERS, DISRUPTIONS, FLOOR
from store.leases import AWAY, connect
from store.log.embedded import CHANNEL

_log = logging.getLogger(__name__)

TOPICS: Final = frozenset({FLOOR, DISRUPTIONS, DEAD_LETTERS})
_RETRY_S: Final = 2.0
_CHECK_S: Final = 5.0


async def listen(
    url: str,
    on_happened: Callable[[], None],
    *,
    topics: Collection[str] = TOPICS,
    name: str = "alarm-wakes",
    channel: str = CHANNEL,
) -> None:
    """Call `on_happened` whenever something was appended to one of the topics, until cancelled.

    It is also called after every connect: nobody knows what was missed before. On another channel
    than the log's the topics are the texts that come with its NOTIFY.
    """
    while True:
        try:
            async with await connect(url, name) as connection:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                on_happened()
                while True:
                    async for notify in connection.notifies(timeout=_CHECK_S):
                        if notify.payload in topics:
                            on_happened()
                    async with asyncio.timeout(_CHECK_S):
                        await connection.execute("SELECT 1")
        except AWAY as error:
            _log.info("what happens is not heard, only looked for: %s", str(error).strip())
        await asyncio.sleep(_RETRY_S)

"""A stream worker whose effects are rows in the database, in fenced transactions, for tests.

Each record of TELEMETRY becomes a row of `told`; told twice is an error that nobody could miss.
Arguments: consumer group. The installation comes from GEMBA_* variables.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from contracts.streams import TELEMETRY
from runtime.settings import StreamsSettings
from store.database import Connection, build_pool
from streams.app import build_app, run_worker
from streams.consumption import Message, consume
from streams.fenced import FencedPartitions

TABLE = """
CREATE TABLE told (
    partition integer, "offset" bigint, pid integer, PRIMARY KEY (partition, "offset")
)
"""


async def main(group: str) -> int:
    settings = StreamsSettings()
    app = build_app(settings, group=group, effects={TELEMETRY: (group,)})
    async with build_pool(settings.database_url.get_secret_value(), name="told") as pool:
        partitions = FencedPartitions(pool, group)

        async def make(connection: Connection, records: Sequence[Message]) -> None:
            async with connection.cursor() as cursor:
                await cursor.executemany(
                    "INSERT INTO told VALUES (%s, %s, %s)",
                    [(one.partition, one.offset, os.getpid()) for one in records],
                )
            await asyncio.sleep(0.01)  # so that a kill or a rebalance meets an open transaction

        async def handler(messages: Sequence[Message]) -> None:
            await partitions.commit(messages, make)

        @app.agent(app.topic(TELEMETRY, key_type=bytes, value_type=bytes))  # type: ignore[untyped-decorator]
        async def tell(stream: Any) -> None:
            await consume(stream, handler, on_assigned=partitions.on_assigned, max_records=20)

        return await run_worker(app, settings)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    sys.exit(asyncio.run(main(sys.argv[1])))

"""A worker that is present and has a transaction open, to be stopped: database URL, name, where.

It says `open` when the transaction stands.
"""

from __future__ import annotations

import asyncio
import sys

from runtime.clock import SystemClock
from store.database import Connection, build_pool
from streams.presence import Presence

LOCK = "UPDATE effect_offsets SET \"offset\" = 7 WHERE consumer_group = 'cluster-test'"


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def idle(connection: Connection) -> None:
    await connection.execute(LOCK)
    say("open")
    await asyncio.sleep(60)


async def copying(connection: Connection) -> None:
    await connection.execute(LOCK)
    async with (
        connection.cursor() as cursor,
        cursor.copy("COPY dead_letters (site) FROM STDIN") as copy,
    ):
        await copy.write_row(("a site",))
        say("open")
        await asyncio.sleep(60)


async def pipelined(connection: Connection) -> None:
    async with connection.pipeline():
        await connection.execute(LOCK)
        cursor = await connection.execute("SELECT 1")
        await cursor.fetchone()
        say("open")
        await asyncio.sleep(60)


async def main(url: str, worker: str, where: str) -> None:
    presence = Presence(url=url, worker=worker, clock=SystemClock(), at_work=lambda: True)
    async with build_pool(url, name=worker, max_size=2) as pool, asyncio.TaskGroup() as tasks:
        present = tasks.create_task(presence.run())
        if where == "leading":
            while presence.term is None:  # noqa: ASYNC110 - nothing says so
                await asyncio.sleep(0.01)
            say("open")
            await asyncio.sleep(60)
        hold = {"idle": idle, "copying": copying, "pipelined": pipelined}[where]
        async with pool.connection() as connection, connection.transaction():
            await hold(connection)
        present.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))

"""A projector in a process of its own, to be killed and stopped: database URL, Redis URL."""

from __future__ import annotations

import asyncio
import sys

from runtime.clock import SystemClock
from store.database import build_pool
from store.live_channels import connect_redis
from streams.live import LiveProjector


async def main(database_url: str, redis_url: str) -> None:
    async with (
        build_pool(database_url, name="projector", max_size=2) as pool,
        connect_redis(redis_url) as redis,
    ):
        await LiveProjector(pool=pool, redis=redis, clock=SystemClock()).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))

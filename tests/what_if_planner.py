"""A planner that answers what-if questions, beside the API under test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api_client import Api

from runtime import tasks
from scheduler.what_ifs import WhatIfs
from store.live_channels import connect_redis

PATIENCE_S = 30.0


@asynccontextmanager
async def thinking(api: Api) -> AsyncIterator[WhatIfs]:
    """A planner on the API's database and Redis, once it answers for every scope."""
    redis = connect_redis(api.context.settings.redis_url.get_secret_value())
    planner = WhatIfs(pool=api.context.pool, redis=redis, clock=api.context.clock, metrics={})
    task = asyncio.create_task(planner.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await planner.ready.wait()
        yield planner
    finally:
        await tasks.end([task], within_s=10.0)
        await redis.aclose()

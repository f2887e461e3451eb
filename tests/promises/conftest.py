"""API, stream worker and scheduler: as processes, without a gateway, or in the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from api_client import Api
from pydantic import SecretStr
from service_stack import ServiceStack, wait_for

from api.context import Context
from api.service import build
from contracts.streams import PARTITIONS, TOPICS
from runtime import tasks
from runtime.settings import ApiSettings
from scheduler.answering import Answering
from store.live_channels import connect_redis


@pytest.fixture
def stack(database_url: str, redis_url: str, data_dir: Path) -> Iterator[ServiceStack]:
    """The API is there; the test starts what else it needs."""
    made = ServiceStack(
        database_url=database_url,
        redis_url=redis_url,
        gateway_mqtt_url="mqtt://127.0.0.1:1",
        machine_mqtt_url="mqtt://127.0.0.1:1",
        data_dir=data_dir,
    )
    try:
        made.start("api")
        wait_for(made._answers, f"the API answers; {made.log_of('api')}")
        yield made
    finally:
        made.stop_all()


@pytest.fixture
async def api(database_url: str, redis_url: str, data_dir: Path) -> AsyncIterator[Api]:
    """The app in the test's own process."""
    app = build(
        ApiSettings(
            data_dir=data_dir,
            database_url=SecretStr(database_url),
            redis_url=SecretStr(redis_url),
            stream_url="embedded://",
            ui_dir=data_dir / "ui",
        )
    )
    async with AsyncExitStack() as stack, app.router.lifespan_context(app):
        context: Context = app.state.context
        await context.pool.wait(30)
        await context.log.create_topics(TOPICS, PARTITIONS)
        async with stack:
            yield Api(app, context, stack)


@pytest.fixture
async def planner(api: Api, redis_url: str) -> AsyncIterator[dict[str, float]]:
    """Whoever answers questions, in the test's own process; its figures."""
    metrics: dict[str, float] = {}
    redis = connect_redis(redis_url)
    answering = Answering(
        pool=api.context.pool, redis=redis, clock=api.context.clock, metrics=metrics
    )
    task = asyncio.create_task(answering.run())
    yield metrics
    await tasks.end([task])
    await redis.aclose()

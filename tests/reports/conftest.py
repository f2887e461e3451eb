"""A migrated database, and the API over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from api_client import Api
from pydantic import SecretStr
from report_orders import ReportPlant

from api.context import Context
from api.service import build
from contracts.streams import PARTITIONS, TOPICS
from runtime.settings import ApiSettings
from store.database import Pool, build_pool


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections to a database of the test's own."""
    found = build_pool(database_url, name="test", max_size=4)
    await found.open(wait=True, timeout=60)
    try:
        yield found
    finally:
        await found.close()


@pytest.fixture
async def orders(pool: Pool) -> ReportPlant:
    """A plant with two lines, two customers and two items, and no orders."""
    plant = ReportPlant(pool)
    await plant.build()
    return plant


@pytest.fixture
async def api(database_url: str, redis_url: str, data_dir: Path) -> AsyncIterator[Api]:
    """The API over the database."""
    settings = ApiSettings(
        data_dir=data_dir,
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        stream_url="embedded://",
        ui_dir=data_dir / "ui",
    )
    app = build(settings)
    async with AsyncExitStack() as stack, app.router.lifespan_context(app):
        context: Context = app.state.context
        await context.pool.wait(60)
        await context.log.create_topics(TOPICS, PARTITIONS)
        async with stack:
            yield Api(app, context, stack)

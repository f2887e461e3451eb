"""The API on real servers, with a plant that takes documents in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from intake_plant import Plant
from pydantic import SecretStr

from api.context import Context
from api.service import build
from contracts.streams import PARTITIONS, TOPICS
from runtime.settings import ApiSettings


@pytest.fixture
async def plant(database_url: str, redis_url: str, data_dir: Path) -> AsyncIterator[Plant]:
    """A running API with a site in Shanghai, machines, a customer and items."""
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
            plant = Plant(app, context, stack)
            await plant.furnish()
            yield plant

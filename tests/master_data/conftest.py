"""Master data on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from master_data_api import PLANT, Api, taken
from pydantic import SecretStr

from api.context import Context
from api.service import build
from contracts.streams import PARTITIONS, TOPICS
from runtime.settings import ApiSettings


@pytest.fixture
def settings(database_url: str, redis_url: str, data_dir: Path) -> ApiSettings:
    return ApiSettings(
        data_dir=data_dir,
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        stream_url="embedded://",
        ui_dir=data_dir / "ui",
    )


@pytest.fixture
async def api(settings: ApiSettings) -> AsyncIterator[Api]:
    """The app, its background work running and its topics made."""
    app = build(settings)
    async with AsyncExitStack() as stack, app.router.lifespan_context(app):
        context: Context = app.state.context
        await context.pool.wait(60)
        await context.log.create_topics(TOPICS, PARTITIONS)
        async with stack:
            yield Api(app, context, stack)


@pytest.fixture
async def admin(api: Api) -> httpx.AsyncClient:
    return await api.as_role()


@pytest.fixture
async def plant(admin: httpx.AsyncClient) -> httpx.AsyncClient:
    """An admin's client at an installation with the small plant."""
    await taken(admin, PLANT)
    return admin

"""A migrated database with alarm rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import psycopg
import pytest
from api_client import Api
from plant_facts import SITE, alarm_rule
from pydantic import SecretStr
from watched_plant import Plant

from api.context import Context
from api.service import build
from contracts.streams import PARTITIONS, TOPICS
from domain.access import Role
from runtime.settings import ApiSettings
from store.alarms import definitions
from store.database import Connection, build_pool
from store.leases import Leases
from store.live_channels import connect_redis
from store.log import build_log


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Connection]:
    """A connection to a database with a site and the rule `machine-down`."""
    connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
    async with connection:
        await connection.execute(
            "INSERT INTO sites (code, name, time_zone) VALUES (%s, 'Plant 1', 'Europe/Berlin')",
            (SITE,),
        )
        await definitions.put(connection, alarm_rule(), by="test")
        yield connection


@pytest.fixture
async def plant(database_url: str, redis_url: str) -> AsyncIterator[Plant]:
    """A plant with two machines that run."""
    pool = build_pool(database_url, name="test", max_size=6)
    redis = connect_redis(redis_url)
    leases = Leases(database_url, "test")
    await pool.open(wait=True, timeout=60)
    try:
        log = build_log("embedded://", pool)
        await log.create_topics(TOPICS, PARTITIONS)
        found = Plant(pool, redis, leases, database_url)
        await found.build()
        yield found
    finally:
        await leases.close()
        await redis.aclose()
        await pool.close()


@pytest.fixture
async def api(plant: Plant, redis_url: str, data_dir: Path) -> AsyncIterator[Api]:
    """The app over the plant."""
    settings = ApiSettings(
        data_dir=data_dir,
        database_url=SecretStr(plant.url),
        redis_url=SecretStr(redis_url),
        stream_url="embedded://",
        ui_dir=data_dir / "ui",
    )
    app = build(settings)
    async with AsyncExitStack() as stack, app.router.lifespan_context(app):
        context: Context = app.state.context
        await context.pool.wait(60)
        async with stack:
            yield Api(app, context, stack)


@pytest.fixture
async def desk(api: Api) -> httpx.AsyncClient:
    """An admin."""
    return await api.as_role(Role.ADMIN)

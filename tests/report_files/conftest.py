"""The API at a plant with a line of machines, and a bit of what reports tell of."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest
from api_client import MACHINE, SITE, Api
from psycopg import sql
from pydantic import SecretStr

from api.context import Context
from api.service import build
from contracts.streams import PARTITIONS, TOPICS
from domain.access import Role
from domain.reports.views import READER
from launch.backends.postgres import PostgresServer
from runtime.settings import ApiSettings
from store.database import Connection


@pytest.fixture
def superuser_url(request: pytest.FixtureRequest, database_url: str) -> str:
    """The superuser's address of the test's database, on whichever server that is.

    GEMBA_TEST_TIMESCALE_URL names a superuser itself: its databases are made and owned by it.
    """
    if os.environ.get("GEMBA_TEST_TIMESCALE_URL"):
        return database_url
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return urlunsplit(urlsplit(server.superuser_url)._replace(path=urlsplit(database_url).path))


@pytest.fixture
async def superuser(superuser_url: str) -> AsyncIterator[Connection]:
    """The superuser's connection to the test's database."""
    async with await psycopg.AsyncConnection.connect(superuser_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def reader(superuser: Connection) -> Connection:
    """Somebody with the role `gemba_reader` and no other right."""
    await superuser.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(READER)))
    return superuser


@pytest.fixture
async def api(database_url: str, redis_url: str, data_dir: Path) -> AsyncIterator[Api]:
    """The app, its background work running and its topics made."""
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


@pytest.fixture
async def desk(api: Api) -> httpx.AsyncClient:
    """An admin's client at two sites in different zones."""
    client = await api.as_role(Role.ADMIN)
    for path, body in (
        (f"/v1/sites/{SITE}", {"name": "Plant 1", "time_zone": "Europe/Berlin"}),
        ("/v1/sites/plant-2", {"name": "Plant 2", "time_zone": "Asia/Shanghai"}),
        (f"/v1/machines/{MACHINE}", {"name": "Saw"}),
    ):
        answer = await client.put(path, json=body)
        assert answer.status_code == 200, answer.text
    return client

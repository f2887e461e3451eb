"""A courier on a migrated database, and a mail server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from mail_server import MailServer
from post_office import PostOffice

from store.database import Pool, build_pool


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections to a database with a site."""
    found = build_pool(database_url, name="test", max_size=8)
    await found.open(wait=True, timeout=60)
    async with found.connection() as connection:
        await connection.execute(
            "INSERT INTO sites (code, name, time_zone) VALUES ('plant-1', 'Plant 1',"
            " 'Europe/Berlin')"
        )
    try:
        yield found
    finally:
        await found.close()


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    """A mail server that takes everything."""
    async with MailServer() as one:
        yield one


@pytest.fixture
async def office(pool: Pool, server: MailServer) -> AsyncIterator[PostOffice]:
    """A courier at work, with that server as its way."""
    found = PostOffice(pool)
    await found.way(server.port)
    await found.open()
    try:
        yield found
    finally:
        await found.close()

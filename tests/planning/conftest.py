"""A connection to a fresh database, as the services have them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from planning_rows import Rows
from planning_shop import Shop

from store.database import Connection, Pool, build_pool


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with build_pool(database_url, name="test", max_size=4) as opened:
        yield opened


@pytest.fixture
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    """An autocommit connection."""
    async with pool.connection() as one:
        yield one


@pytest.fixture
def rows(connection: Connection) -> Rows:
    return Rows(connection)


@pytest.fixture
async def shop(rows: Rows) -> Shop:
    """A site with two machines and an item."""
    return await Shop.build(rows)

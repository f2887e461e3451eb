"""A migrated database with a customer's orders."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from noticed_orders import Desk

from store.database import build_pool
from store.leases import Leases


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    """A site and a customer, without orders."""
    leases = Leases(database_url, "test")
    async with build_pool(database_url, name="test", max_size=6) as pool:
        found = Desk(pool, leases, database_url)
        await found.build()
        yield found
    await leases.close()

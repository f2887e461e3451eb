"""A floor with a past, on the flavour that the test run is for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from history_floor import Floor

from store.database import Pool, build_pool


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = build_pool(database_url, name="history-test")
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture
def floor(pool: Pool) -> Floor:
    return Floor(pool)

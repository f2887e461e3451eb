"""The warehouse's agents on a database of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from warehouse_floor import Warehouse


@pytest.fixture
async def warehouse(database_url: str) -> AsyncIterator[Warehouse]:
    warehouse = await Warehouse.open(database_url)
    yield warehouse
    await warehouse.close()

"""The warehouse's agents on a database of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from service_stack import running
from warehouse_floor import Warehouse
from warehouse_stack import Stack

from launch.backends.running import RunningBroker


@pytest.fixture
async def warehouse(database_url: str) -> AsyncIterator[Warehouse]:
    warehouse = await Warehouse.open(database_url)
    yield warehouse
    await warehouse.close()


@pytest.fixture
def stack(
    database_url: str, redis_url: str, mqtt_broker: RunningBroker, data_dir: Path
) -> Iterator[Stack]:
    """A running installation."""
    made = Stack(
        database_url=database_url,
        redis_url=redis_url,
        gateway_mqtt_url=mqtt_broker.url,
        machine_mqtt_url=mqtt_broker.machine_url,
        data_dir=data_dir,
    )
    with running(made) as stack:
        yield stack

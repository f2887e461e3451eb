"""The fixtures of the simulator and the Komax replay's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from installation_stack import Stack
from komax_logs import REFERENCE, LogWriter
from service_stack import running

from launch.backends.running import RunningBroker


@pytest.fixture(scope="session")
def reference() -> Path:
    """The reference logs; a user's checkout does not have them."""
    if not (REFERENCE / "truth.csv").is_file():
        pytest.skip("the reference data (../shared/data/komax565) is not beside the checkout")
    return REFERENCE


@pytest.fixture
def log(tmp_path: Path) -> LogWriter:
    """A day folder to write logs into."""
    return LogWriter(tmp_path / "2025-02-03")


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

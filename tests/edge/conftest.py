"""A running gateway for a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gateway_process import GatewayProcess

from launch.backends.running import RunningBroker
from launch.ports import free_port

GatewayFactory = Callable[..., GatewayProcess]


@pytest.fixture
def make_gateway(
    mqtt_broker: RunningBroker, database_url: str, redis_url: str, data_dir: Path
) -> Iterator[GatewayFactory]:
    """Starts a gateway on the test's servers and waits until it is connected; ends it afterwards.

    Takes settings by name (`outbox_max_bytes="1000"`), and other URLs in the same way.
    """
    made: list[GatewayProcess] = []

    def make(**settings: str) -> GatewayProcess:
        gateway = GatewayProcess(
            mqtt_url=mqtt_broker.url,
            database_url=database_url,
            redis_url=redis_url,
            data_dir=data_dir,
            settings={f"GEMBA_{name.upper()}": value for name, value in settings.items()},
        )
        made.append(gateway)
        gateway.start()
        gateway.wait_connected()
        return gateway

    yield make
    for gateway in made:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.kill()


@pytest.fixture
def unused_port() -> int:
    """A port that nobody listens on."""
    return free_port()

"""A server is killed, goes silent or changes, under load: nothing is lost, and health says so.

In CI each server is killed once. The rest takes minutes: GEMBA_TEST_SLOW=1.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from plant import Plant, lasting, running_plant
from plant_broker import PlantBroker
from resilience_servers import Server, port_of
from tcp_proxy import TcpProxy

from launch.backends.valkey import ValkeyServer
from runtime.secrets import secrets_dir

pytestmark = pytest.mark.mosquitto

SLOW: Final = pytest.mark.skipif(
    os.environ.get("GEMBA_TEST_SLOW") != "1", reason="takes minutes: set GEMBA_TEST_SLOW=1"
)
OUTAGE_S: Final = 2.0
KEEPALIVES_S: Final = 25.0
"""After so long `store.database` gives up a connection whose other side has vanished."""


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with running_plant(tmp_path_factory.mktemp("plant")) as made:
        yield made


def is_patient(proxy: TcpProxy, begin: float, *, in_a_second: int) -> None:
    """No second of an outage saw more attempts than that, once the first had failed."""
    attempts = proxy.attempts_since(begin)
    assert attempts
    fullest = max(sum(at <= other < at + 1.0 for other in attempts) for at in attempts)
    assert fullest <= in_a_second, f"{fullest} attempts to connect within a second"


class TestKilled:
    def test_the_broker(self, plant: Plant) -> None:
        with plant.flow() as flow:
            plant.flows_on(flow)
            begin = time.monotonic()
            plant.broker.kill()
            plant.becomes("edge", "degraded", "broker unreachable")
            lasting(OUTAGE_S)
            is_patient(plant.mqtt_proxy, begin, in_a_second=15)
            plant.broker.start()
            plant.is_well()
            plant.flows_on(flow)
            plant.counts(flow)

    def test_redis(self, plant: Plant) -> None:
        with plant.flow() as flow:
            plant.flows_on(flow)
            begin = time.monotonic()
            plant.valkey.kill()
            plant.becomes("redis", "failed", "does not answer")
            # Counting needs no Redis.
            plant.flows_on(flow)
            lasting(OUTAGE_S)
            is_patient(plant.redis_proxy, begin, in_a_second=60)
            plant.valkey.start()
            plant.is_well()
            plant.counts(flow)

    def test_the_database(self, plant: Plant) -> None:
        with plant.flow() as flow:
            plant.flows_on(flow)
            begin = time.monotonic()
            plant.postgres.kill()
            plant.becomes("database", "failed", "does not answer")
            plant.becomes("edge", "degraded", "stream unreachable")
            lasting(OUTAGE_S)
            is_patient(plant.database_proxy, begin, in_a_second=60)
            plant.postgres.start()
            plant.is_well()
            plant.flows_on(flow)
            plant.counts(flow)

    def test_none_of_them_is_told_a_secret_in_a_log(self, plant: Plant) -> None:
        plant.no_secret_in_any_log()


@SLOW
class TestSilent:
    """The connections stay open and lead nowhere, until their clients give them up."""

    def test_the_broker(self, plant: Plant) -> None:
        with plant.flow() as flow:
            plant.flows_on(flow)
            plant.mqtt_proxy.go_silent()
            plant.becomes("edge", "degraded", "broker unreachable")
            plant.mqtt_proxy.speak_again()
            plant.is_well()
            plant.flows_on(flow)
            plant.counts(flow)

    def test_redis(self, plant: Plant) -> None:
        with plant.flow() as flow:
            plant.flows_on(flow)
            plant.redis_proxy.go_silent()
            plant.becomes("redis", "failed", "does not answer")
            plant.flows_on(flow)
            plant.redis_proxy.speak_again()
            plant.is_well()
            plant.counts(flow)

    def test_the_database(self, plant: Plant) -> None:
        with plant.flow() as flow:
            plant.flows_on(flow)
            plant.database_proxy.go_silent()
            plant.becomes("database", "failed", "does not answer")
            plant.becomes("edge", "degraded", "stream unreachable")
            plant.database_proxy.speak_again()
            lasting(KEEPALIVES_S)
            plant.database_proxy.fail_keepalives()
            plant.flows_on(flow)
            plant.is_well()
            plant.flows_on(flow)
            plant.counts(flow)


@SLOW
class TestFailedOver:
    """Another server answers at the same address."""

    def test_to_a_broker_that_knows_no_session_and_no_receipt(
        self, plant: Plant, tmp_path: Path
    ) -> None:
        other = PlantBroker(tmp_path, plant.broker.secrets)
        other.start()
        try:
            with plant.flow() as flow:
                plant.flows_on(flow)
                plant.mqtt_proxy.switch(other.plain_port)
                plant.broker.kill()
                lasting(OUTAGE_S)
                plant.is_well()
                plant.flows_on(flow)
                plant.counts(flow)
        finally:
            plant.broker.start()
            plant.mqtt_proxy.switch(plant.broker.plain_port)
            other.kill()

    def test_to_a_redis_that_is_empty(self, plant: Plant, tmp_path: Path) -> None:
        password = (plant.folder / "valkey-data" / "secrets" / "valkey").read_text()
        (secrets_dir(tmp_path) / "valkey").write_text(password)  # as behind one address
        other = Server(ValkeyServer(tmp_path), tmp_path / "valkey.log")
        other.start()
        try:
            with plant.flow() as flow:
                plant.flows_on(flow)
                plant.redis_proxy.switch(port_of(other.backend.url))
                lasting(OUTAGE_S)
                plant.is_well()
                plant.flows_on(flow)
                plant.counts(flow)
        finally:
            plant.redis_proxy.switch(port_of(plant.valkey.backend.url))
            other.stop()

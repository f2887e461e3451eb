"""The way to the broker with TLS: who it is is verified, and what is wrong is said."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from plant_broker import PlantBroker, make_certificates, plant_broker
from redis import Redis
from service_stack import ServiceStack, wait_for

from contracts.ids import MachinePath
from contracts.topics import ack_topic
from edge import mqtt
from edge.mqtt import Connection, ConnectionLostError
from edge.packets import Publish
from launch.devices import Role
from launch.doctor import examine
from launch.ports import free_port
from runtime import health
from runtime.health import Health, HealthState
from runtime.mqtt_url import MqttUrlError, parse_mqtt_url
from runtime.settings import Installation as Settings
from simulator.connection import connected

pytestmark = pytest.mark.mosquitto

PRESS = MachinePath("plant-1/cutting/line-1/press-1")
TOPIC = f"gemba/v1/{PRESS}/count"


@dataclass
class Plant:
    """A running broker, the addresses of its users, and where the authority's certificate is."""

    broker: PlantBroker
    gateway: str
    press: str

    @property
    def ca(self) -> str:
        return str(self.broker.secrets / "ca.pem")


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with plant_broker(tmp_path / "plant") as broker:
        gateway = broker.register("gateway-1", Role.GATEWAY)
        press = broker.register("press", machines=[PRESS])
        broker.start()
        yield Plant(broker, gateway, press)


async def receive(url: str, count: int, ready: asyncio.Event) -> list[Publish]:
    """So many messages, as the gateway's own connection takes them."""
    messages: list[Publish] = []
    complete = asyncio.Event()

    def take(connection: Connection, read: list[Publish]) -> None:
        messages.extend(read)
        connection.acknowledge([one.packet_id for one in read if one.packet_id])
        if len(messages) >= count:
            complete.set()

    async with mqtt.connect(parse_mqtt_url(url), client_id="gw", receive=take) as connection:
        await connection.subscribe()
        ready.set()
        async with asyncio.timeout(60):
            await complete.wait()
    return messages


async def attempt(url: str) -> None:
    """Connect as the gateway does."""
    async with mqtt.connect(parse_mqtt_url(url), client_id="gw", receive=lambda *_: None):
        pass


async def test_large_and_many_messages_arrive_whole(plant: Plant) -> None:
    ready = asyncio.Event()
    payloads = [b"x" * 200_000, *(b'{"seq":%d}' % number for number in range(500))]
    async with asyncio.TaskGroup() as group:
        receiving = group.create_task(receive(plant.gateway, len(payloads), ready))
        await ready.wait()
        async with connected(
            parse_mqtt_url(plant.press), client_id="press", window_messages=40, timeout_s=20
        ) as client:
            await asyncio.gather(*(client.publish(TOPIC, one, qos=1) for one in payloads))
            await client.subscribe(ack_topic(PRESS), qos=1)
    assert sorted(one.payload for one in receiving.result()) == sorted(payloads)


async def test_a_broker_with_a_certificate_of_another_authority_is_refused(
    plant: Plant, tmp_path: Path
) -> None:
    strange = make_certificates(tmp_path / "elsewhere", "localhost") / "ca.pem"
    url = plant.gateway.replace(plant.ca, str(strange))
    with pytest.raises(ConnectionLostError, match=r"certificate is refused: .*maybe [?]ca= names"):
        await attempt(url)
    # Those of the machine do not vouch for it either.
    with pytest.raises(ConnectionLostError, match=r"certificate is refused"):
        await attempt(url.partition("?")[0])


async def test_a_certificate_for_another_host_is_refused(plant: Plant) -> None:
    gateway = plant.gateway.replace("@localhost:", "@127.0.0.1:")
    with pytest.raises(ConnectionLostError, match=r"certificate is refused: .*127[.]0[.]0[.]1"):
        await attempt(gateway)


async def test_a_port_without_tls_is_not_used_as_one_with_it_nor_the_reverse(plant: Plant) -> None:
    with pytest.raises(ConnectionLostError):
        await attempt(
            plant.gateway.replace(str(plant.broker.tls_port), str(plant.broker.plain_port))
        )
    plain = plant.gateway.partition("?")[0].replace("mqtts://", "mqtt://")
    with pytest.raises(ConnectionLostError):
        await attempt(plain)


async def test_a_wrong_password_is_called_so(plant: Plant) -> None:
    secret = parse_mqtt_url(plant.gateway).password or ""
    with pytest.raises(ConnectionLostError, match="refuses the user or the password") as caught:
        await attempt(plant.gateway.replace(secret, "guess"))
    assert "guess" not in str(caught.value)


async def test_a_file_without_authorities_is_named(plant: Plant, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for file, problem in ((tmp_path / "none.pem", "No such file"), (empty, "no certificate")):
        url = plant.gateway.replace(plant.ca, str(file))
        with pytest.raises(ConnectionLostError, match=f"{file.name} cannot be used: .*{problem}"):
            await attempt(url)


@pytest.mark.parametrize(
    "url",
    [
        "mqtts://broker?ca=",
        "mqtt://broker?ca=/ca.pem",
        "mqtts://broker?cert=/x.pem",
        "mqtts://broker/topic",
        "mqtts://broker?insecure=1",
    ],
)
def test_an_address_that_says_what_is_not_heeded_is_refused(url: str) -> None:
    with pytest.raises(MqttUrlError):
        parse_mqtt_url(url)


def test_names_are_verified_and_old_protocols_refused() -> None:
    context = parse_mqtt_url("mqtts://broker").tls_context()
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


class TestServices:
    """What the gateway says of itself, and the doctor of the broker."""

    def word(self, redis_url: str) -> Health | None:
        with Redis.from_url(redis_url) as redis:
            said = redis.get(health.KEY_PREFIX + "edge")
        return msgspec.json.decode(said, type=Health) if isinstance(said, bytes) else None

    def test_health_says_what_is_wrong_with_the_certificate_and_when_it_is_mended(
        self, plant: Plant, tmp_path: Path, database_url: str, redis_url: str, data_dir: Path
    ) -> None:
        strange = make_certificates(tmp_path / "elsewhere", "localhost") / "ca.pem"
        authorities = tmp_path / "trusted.pem"
        authorities.write_bytes(strange.read_bytes())
        url = plant.gateway.replace(plant.ca, str(authorities))
        stack = ServiceStack(
            database_url=database_url,
            redis_url=redis_url,
            gateway_mqtt_url=url,
            machine_mqtt_url=url,
            data_dir=data_dir,
        )
        try:
            stack.start("edge")

            def says(state: HealthState, text: str) -> bool:
                said = self.word(redis_url)
                return said is not None and said.state is state and text in (said.reason or "")

            wait_for(lambda: says(HealthState.DEGRADED, "certificate is refused"), "it is said")
            # The file is read at each attempt: who has put it right need not start anything anew.
            authorities.write_bytes(Path(plant.ca).read_bytes())
            wait_for(lambda: says(HealthState.OK, ""), "it is connected")
            assert stack.stop("edge") == 0
        finally:
            stack.stop_all()
        secret = parse_mqtt_url(plant.gateway).password or "-"
        assert secret not in (data_dir / "edge.log").read_text()

    async def test_the_doctor_looks_through_tls(
        self,
        plant: Plant,
        tmp_path: Path,
        redis_url: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        nowhere = f"postgresql://127.0.0.1:{free_port()}/none"
        monkeypatch.setenv("GEMBA_DATABASE_URL", nowhere)
        monkeypatch.setenv("GEMBA_REDIS_URL", redis_url)
        monkeypatch.setenv("GEMBA_DATA_DIR", str(tmp_path))
        for url, ok, text in (
            (plant.gateway, True, "lets us in, encrypted"),
            (plant.gateway.replace("@localhost:", "@127.0.0.1:"), False, "certificate is refused"),
        ):
            monkeypatch.setenv("GEMBA_MQTT_URL", url)
            found = {finding.name: finding for finding in await examine(Settings())}["mqtt"]
            assert (found.ok, text in found.detail) == (ok, True), found

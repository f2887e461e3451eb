"""Every service of docker-compose.yml, started with exactly the file's command and environment.

In boxes (see `boxes`): with their users, mounts, secrets and empty folders, on real servers that
listen under the names and ports of the file. With Kafka under the mark `kafka`.
"""

from __future__ import annotations

import json
import re
import ssl
import stat
import subprocess
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import servers
from boxes import PATIENCE_S, Box, Machine
from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

SERVICES = ("edge", "streams", "relay", "scheduler", "notify", "api")
PRESS = "plant-1/cutting/line-1/press-1"
API = "http://127.0.0.1:8000"
PIECES = 5

pytestmark = [pytest.mark.mosquitto, pytest.mark.redis_server, pytest.mark.timeout(300)]


def _get(machine: Machine, path: str, token: str) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    answer = machine.inside(lambda: httpx.get(f"{API}{path}", headers=headers, timeout=60))
    return answer.json() if answer.is_success else {}


def _until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)


class TestSecrets:
    def test_they_are_closed_to_others_and_made_once(self, compose_machine: Machine) -> None:
        folder = compose_machine.secrets
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        wanted = {
            compose_machine.file.secret_file(name) for name in compose_machine.file.raw["secrets"]
        }
        there = {path.name for path in folder.iterdir()}
        assert there == {*wanted, "ca.key"}
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        said = compose_machine.run("secrets", user=folder.stat().st_uid)
        assert said == "/secrets has everything\n"
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        assert stat.S_IMODE((folder / "ca.key").stat().st_mode) == 0o400

    def test_the_brokers_files_are_its_own(self, compose_machine: Machine) -> None:
        compose_machine.run("broker-files")
        folder = compose_machine.folder / "volumes" / "broker-files"
        for name in ("passwords", "acl", "server.key", "devices.json"):
            status = (folder / name).stat()
            assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (1883, 0o600), name
        password = (compose_machine.secrets / "mqtt_url").read_text().split(":")[2].split("@")[0]
        assert len(password) == 43
        for path in folder.iterdir():
            assert password not in path.read_text(encoding="utf-8"), path.name

    def test_a_new_certificate_takes_the_place_of_the_old_one(
        self, compose_machine: Machine
    ) -> None:
        compose_machine.run("broker-files")
        compose_machine.run("device", "add", "press-1", "--machine", PRESS)
        for name in ("server.pem", "server.key"):
            (compose_machine.secrets / name).unlink()
        admin = compose_machine.secrets.stat().st_uid
        compose_machine.run("secrets", "--host", "192.0.2.7", user=admin)
        compose_machine.run("broker-files")
        folder = compose_machine.folder / "volumes" / "broker-files"
        shown = subprocess.run(
            ["openssl", "x509", "-in", folder / "server.pem", "-noout", "-ext", "subjectAltName"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "IP Address:192.0.2.7" in shown
        assert "press-1" in (folder / "passwords").read_text(encoding="utf-8")


class TestStartedBeforeTheServers:
    """Each service waits for what it needs, says for what, and ends cleanly when told to."""

    def test_they_wait_and_say_so_and_end_with_0(self, compose_machine: Machine) -> None:
        started = [compose_machine.start(name) for name in SERVICES]
        for each in started:
            _until_it_names_a_server(each)
        healths = {name: compose_machine.health(name) for name in SERVICES}
        assert healths.pop("api") == (True, "ok")
        for name, (healthy, said) in healths.items():
            assert not healthy
            assert f"{name} cannot be heard" in said
        codes = {each.name: each.stop() for each in started}
        assert codes == dict.fromkeys(SERVICES, 0)
        for each in started:
            assert "Traceback" not in each.text, each.text
            for path in compose_machine.secrets.iterdir():
                secret = path.read_text(encoding="utf-8").strip().rpartition(" ")[2]
                assert secret not in each.text


class TestWithoutKafka:
    """All servers but Kafka are there: the API answers, the others wait for Kafka."""

    def test_each_service_waits_for_kafka(self, served_machine: Machine) -> None:
        started = {name: served_machine.start(name) for name in SERVICES}
        served_machine.until_healthy(started["api"])
        for name in ("streams", "relay", "scheduler"):
            _until_said(served_machine, started[name], "kafka://kafka:9092 does not answer")
        token = served_machine.run("gemba", "token", "--role", "admin").strip()
        # What needs no Kafka works: the API answers from its database, and knows who is missing.
        assert _get(served_machine, "/v1/sites", token) == {"items": [], "total": 0}
        ready = served_machine.inside(lambda: httpx.get(f"{API}/readyz", timeout=60))
        assert ready.json()["components"], ready.text
        assert {name: each.stop() for name, each in started.items()} == dict.fromkeys(SERVICES, 0)
        for each in started.values():
            assert "Traceback" not in each.text, each.text

    def test_a_first_administrator_can_be_made_and_signs_in(self, served_machine: Machine) -> None:
        served_machine.until_healthy(served_machine.start("api"))
        words = ("user", "add", "anna", "--role", "admin", "--password-stdin")
        said = served_machine.run("gemba", *words, told="a long enough pass phrase\n")
        assert said == "anna may sign in as admin\n"
        given = {"name": "anna", "password": "a long enough pass phrase"}
        signed_in = served_machine.inside(
            lambda: httpx.post(f"{API}/v1/session", json=given, timeout=60)
        )
        assert signed_in.json()["user"]["role"] == "admin", signed_in.text

    def test_running_migrate_again_does_no_harm(self, served_machine: Machine) -> None:
        said = served_machine.run("migrate")
        assert re.fullmatch(r"the schema is at \d{4}-[\w-]+\n", said)


def _until_it_names_a_server(started: Box) -> None:
    server = re.compile(r"(redis|kafka):\d+|connection to server at .* failed")
    started.until(lambda: server.search(started.text) is not None, "waiting")


def _until_said(machine: Machine, started: Box, words: str) -> None:
    """Wait until the service's health check says so; that is no failure: it works once it can."""
    found: list[tuple[bool, str]] = []

    def said() -> bool:
        found.append(machine.health(started.name))
        return words in found[-1][1]

    started.until(said, f"saying {words!r}")
    healthy, text = found[-1]
    assert healthy
    assert text.startswith("degraded: ")


@pytest.mark.kafka
class TestWithKafka:
    """Everything of the file runs."""

    def test_a_piece_told_by_tls_is_counted(self, compose_machine: Machine) -> None:
        servers.start_all(compose_machine, kafka=True)
        started = {name: compose_machine.start(name) for name in SERVICES}
        for each in started.values():
            _until_ok(compose_machine, each)
        password = json.loads(
            compose_machine.run("device", "add", "press-1", "--machine", PRESS, "--json")
        )["password"]
        _reload_broker(compose_machine)
        _publish(compose_machine, "press-1", password)
        token = compose_machine.run("gemba", "token", "--role", "admin").strip()

        def counted() -> bool:
            machines = _get(compose_machine, "/v1/machines", token).get("items", [])
            return [one["unassigned"]["good"] for one in machines] == [PIECES]

        _until(counted, lambda: "\n".join(each.text[-1_500:] for each in started.values()))
        assert {name: each.stop() for name, each in started.items()} == dict.fromkeys(SERVICES, 0)
        for each in started.values():
            assert "Traceback" not in each.text, each.text

    def test_two_stream_workers_are_healthy(self, compose_machine: Machine) -> None:
        servers.start_all(compose_machine, kafka=True)
        both = [compose_machine.start("streams"), compose_machine.start("streams")]
        for each in both:
            _until_ok(compose_machine, each)
        assert [each.stop() for each in both] == [0, 0]


def _until_ok(machine: Machine, started: Box) -> None:
    started.until(lambda: machine.health(started.name) == (True, "ok"), "ok")


def _reload_broker(machine: Machine) -> None:
    """`docker compose kill -s HUP mosquitto`."""
    broker = next(each for each in machine.boxes if each.name == "mosquitto")
    broker.process.send_signal(1)


def _publish(machine: Machine, user: str, password: str) -> None:
    """Pieces, told as a device would: by TLS on the published port, with its own user."""
    authority = machine.secrets / "ca.pem"

    def tell() -> None:
        client = Client(CallbackAPIVersion.VERSION2, client_id=user)
        client.tls_set_context(ssl.create_default_context(cafile=str(authority)))
        client.username_pw_set(user, password)
        # The file of passwords may still be on its way into the broker.
        _until(lambda: _connected(client), lambda: "the broker does not let the device in")
        sent: list[MQTTMessageInfo] = []
        for number in range(PIECES):
            body = {"t": time.time_ns() // 1_000_000, "boot": "b", "seq": number, "good": 1}
            sent.append(client.publish(f"gemba/v1/{PRESS}/count", json.dumps(body), qos=1))
        for each in sent:
            each.wait_for_publish(PATIENCE_S)
        client.disconnect()
        client.loop_stop()

    machine.inside(tell)


def _connected(client: Client) -> bool:
    if client.connect("localhost", 8883) is not MQTTErrorCode.MQTT_ERR_SUCCESS:
        return False
    client.loop_start()
    deadline = time.monotonic() + 5
    while not client.is_connected():
        if time.monotonic() > deadline:
            client.loop_stop()
            return False
        time.sleep(0.05)
    return True

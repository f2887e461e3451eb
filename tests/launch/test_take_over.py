"""A client that comes back before the broker has noticed that it was gone."""

from __future__ import annotations

import asyncio

from launch.backends.running import RunningBroker
from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import parse_mqtt_url

TIMES = 6


async def test_what_is_for_a_session_reaches_the_connection_that_took_it_over(
    mqtt_broker: RunningBroker,
) -> None:
    gateway = parse_mqtt_url(mqtt_broker.url)
    machine = parse_mqtt_url(mqtt_broker.machine_url)
    heard: list[bytes] = []
    clients: list[MqttClient] = []  # an old one stays open until the broker ends it
    async with MqttClient(
        machine.host, machine.port, username=machine.username, password=machine.password
    ) as publisher:
        for number in range(TIMES):
            client = MqttClient(
                gateway.host,
                gateway.port,
                username=gateway.username,
                password=gateway.password,
                identifier="gateway-taken-over",
                clean_session=False,
            )
            clients.append(client)
            await client.__aenter__()
            await client.subscribe("gemba/v1/#", qos=1)
            await publisher.publish("gemba/v1/a/b/c/d/count", str(number), qos=1)
            async with asyncio.timeout(60):
                async for message in client.messages:
                    if message.payload == str(number).encode():
                        heard.append(message.payload)
                        break
        for client in clients[:-1]:
            # The broker has ended it: leaving says so.
            await asyncio.gather(client.__aexit__(None, None, None), return_exceptions=True)
        await clients[-1].__aexit__(None, None, None)
    assert heard == [str(number).encode() for number in range(TIMES)]

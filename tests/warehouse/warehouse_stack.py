"""An installation that the test publishes to as a warehouse's devices would."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
from service_stack import ServiceStack
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import parse_mqtt_url


async def _views(socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    async for message in socket:
        told = json.loads(message)
        if told["op"] in ("snapshot", "delta") and told["data"].get("order"):
            yield told["data"]["order"]


class Stack(ServiceStack):
    """The services, a warehouse's devices and a customer's page."""

    async def publish(self, device: str, bodies: Sequence[dict[str, Any]]) -> None:
        """Publish objects of kind `move`, one message each, QoS 1."""
        address = parse_mqtt_url(self.machine_mqtt_url)
        async with MqttClient(
            address.host,
            address.port,
            username=address.username,
            password=address.password,
            protocol=aiomqtt.ProtocolVersion.V311,
        ) as client:
            for body in bodies:
                await client.publish(f"gemba/v1/{device}/move", json.dumps(body), qos=1)

    @asynccontextmanager
    async def page(self, token: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """What a customer's open page is told: the order's view, again whenever it changes."""
        async with self.api() as client:
            del client.headers["Authorization"]
            answer = await client.post(f"/v1/tracking/{token}/ticket", headers={"Origin": self.url})
        assert answer.is_success, answer.text
        address = f"{self.url.replace('http', 'ws')}/v1/live?ticket={answer.json()['ticket']}"
        async with connect(address, origin=Origin(self.url)) as socket:
            await socket.send(json.dumps({"op": "subscribe", "channel": f"tracking:{token}"}))
            yield _views(socket)

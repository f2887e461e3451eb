"""API, gateway and stream worker as processes; the test publishes as a warehouse device would."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import httpx
import msgspec
from redis import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin

from launch.ports import free_port
from launch.reach import token_of
from runtime import health
from runtime.mqtt_url import parse_mqtt_url

PATIENCE_S = 90.0
_STOP_S = 20.0


async def _views(socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    async for message in socket:
        told = json.loads(message)
        if told["op"] in ("snapshot", "delta") and told["data"].get("order"):
            yield told["data"]["order"]


@dataclass
class Stack:
    """The services of an installation, on servers of the test's."""

    database_url: str
    redis_url: str
    gateway_mqtt_url: str
    machine_mqtt_url: str
    data_dir: Path
    port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, service: str) -> None:
        others = {key: value for key, value in os.environ.items() if not key.startswith("GEMBA_")}
        environment = others | {
            "GEMBA_DATA_DIR": str(self.data_dir),
            "GEMBA_DATABASE_URL": self.database_url,
            "GEMBA_REDIS_URL": self.redis_url,
            "GEMBA_STREAM_URL": "embedded://",
            "GEMBA_MQTT_URL": self.gateway_mqtt_url,
            "GEMBA_HTTP_PORT": str(self.port),
        }
        with (self.data_dir / f"{service}.log").open("ab") as log:
            self.processes[service] = subprocess.Popen(
                [sys.executable, "-m", "launch", "run", service],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def start_all(self) -> None:
        for service in ("api", "edge", "streams"):
            self.start(service)
        deadline = time.monotonic() + PATIENCE_S
        while not self._up():
            assert time.monotonic() < deadline, "the services did not start"
            time.sleep(0.1)

    def _up(self) -> bool:
        with Redis.from_url(self.redis_url) as redis:
            word = redis.get(health.KEY_PREFIX + "edge")
        if not isinstance(word, bytes):
            return False
        connected = msgspec.json.decode(word, type=health.Health).metrics.get("connected") == 1
        try:
            return connected and httpx.get(f"{self.url}/healthz").is_success
        except httpx.TransportError:
            return False

    def kill_and_start(self, service: str) -> None:
        process = self.processes.pop(service)
        process.kill()
        process.wait(_STOP_S)
        self.start(service)

    def stop_all(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(_STOP_S)
        self.processes.clear()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def api(self) -> httpx.AsyncClient:
        token = token_of(self.data_dir, role="admin")
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30)

    async def publish(self, device: str, bodies: Sequence[dict[str, Any]]) -> None:
        """Publish objects of kind `move`, one message each, QoS 1."""
        address = parse_mqtt_url(self.machine_mqtt_url)
        async with aiomqtt.Client(
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

    async def until(self, path: str, wanted: Any, pick: Any, *, token: bool = True) -> Any:
        """Ask the API until what is picked from its answer is what is wanted."""
        seen: Any = None
        end = time.monotonic() + PATIENCE_S
        async with self.api() as client:
            if not token:
                del client.headers["Authorization"]
            while time.monotonic() < end:
                answer = await client.get(path)
                if answer.is_success:
                    seen = pick(answer.json())
                    if seen == wanted:
                        return answer.json()
                await asyncio.sleep(0.1)
        raise AssertionError(f"{path}: {seen!r} is still not {wanted!r}")

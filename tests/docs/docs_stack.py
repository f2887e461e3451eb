"""API, gateway and stream worker as processes, for the examples of the documentation to talk to."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
from redis import Redis

from launch.ports import free_port
from launch.reach import token_of
from runtime import health

PATIENCE_S = 90.0
_STOP_S = 20.0


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

    def kill(self, service: str) -> None:
        process = self.processes.pop(service)
        process.kill()
        process.wait(_STOP_S)

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

    async def until(self, path: str, pick: Callable[[Any], Any], wanted: object) -> Any:
        """Ask the API until what is picked from its answer is what is wanted."""
        seen: object = None
        end = time.monotonic() + PATIENCE_S
        async with self.api() as client:
            while time.monotonic() < end:
                answer = await client.get(path)
                if answer.is_success:
                    seen = pick(answer.json())
                    if seen == wanted:
                        return answer.json()
                await asyncio.sleep(0.1)
        raise AssertionError(f"{path}: {seen!r} is still not {wanted!r}")


@dataclass
class OwnBroker:
    """A broker of the user's own, and who may sign in."""

    port: int
    passwords: dict[str, str]

    def url(self, user: str, password: str | None = None) -> str:
        secret = quote(self.passwords[user] if password is None else password, safe="")
        return f"mqtt://{user}:{secret}@127.0.0.1:{self.port}"

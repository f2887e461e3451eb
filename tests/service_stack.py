"""API, gateway and stream worker as processes over the test's servers, to be killed and started."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
from redis import Redis

from launch.ports import free_port
from launch.reach import token_of
from runtime import health

PATIENCE_S = 90.0
_STOP_S = 60.0


def wait_for(condition: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.1)


@dataclass
class ServiceStack:
    """The services of an installation, on servers of the test's."""

    database_url: str
    redis_url: str
    gateway_mqtt_url: str
    machine_mqtt_url: str
    data_dir: Path
    stream_url: str = "embedded://"
    port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, service: str, **settings: str) -> None:
        others = {key: value for key, value in os.environ.items() if not key.startswith("GEMBA_")}
        mqtt_url = self.machine_mqtt_url if service == "simulator" else self.gateway_mqtt_url
        environment = others | {
            "GEMBA_DATA_DIR": str(self.data_dir),
            "GEMBA_DATABASE_URL": self.database_url,
            "GEMBA_REDIS_URL": self.redis_url,
            "GEMBA_STREAM_URL": self.stream_url,
            "GEMBA_MQTT_URL": mqtt_url,
            "GEMBA_HTTP_PORT": str(self.port),
            **settings,
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
        """Start the services, and wait until the API answers and the gateway is connected."""
        for service in ("api", "edge", "streams"):
            self.start(service)
        if self.stream_url.startswith("kafka"):
            self.start("relay")
        wait_for(self._answers, f"the API answers; {self.log_of('api')}")
        wait_for(self._connected, f"the gateway is connected; {self.log_of('edge')}")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz").is_success
        except httpx.TransportError:
            return False

    def _connected(self) -> bool:
        with Redis.from_url(self.redis_url) as redis:
            word = redis.get(health.KEY_PREFIX + "edge")
        if not isinstance(word, bytes):
            return False
        return msgspec.json.decode(word, type=health.Health).metrics.get("connected") == 1

    def kill(self, service: str) -> None:
        process = self.processes.pop(service)
        process.kill()
        process.wait(_STOP_S)

    def kill_and_start(self, service: str) -> None:
        self.kill(service)
        self.start(service)

    def stop(self, service: str) -> int:
        process = self.processes.pop(service)
        process.terminate()
        return process.wait(_STOP_S)

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

    def log_of(self, service: str) -> str:
        path = self.data_dir / f"{service}.log"
        return path.read_text(errors="replace")[-2_000:] if path.exists() else ""

    def token(self, role: str = "admin") -> str:
        return token_of(self.data_dir, role=role)

    def api(self) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self.token()}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=60)

    async def until(
        self, path: str, pick: Callable[[Any], Any], wanted: object, *, token: bool = True
    ) -> Any:
        """Ask the API until what is picked from its answer is what is wanted."""
        seen: object = None
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


Kind = TypeVar("Kind", bound=ServiceStack)


@contextmanager
def running(stack: Kind) -> Iterator[Kind]:
    """The stack, started; stopped in the end."""
    try:
        stack.start_all()
        yield stack
    finally:
        stack.stop_all()

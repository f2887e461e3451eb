"""Gateway, worker and API as processes over real servers; a test may kill and start them again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from launch.ports import free_port
from launch.reach import token_of

PATIENCE_S = 90.0
_STOP_S = 20.0


def wait_for(condition: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.1)


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
            "GEMBA_STREAM_URL": "embedded://",
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
        self.start("api")
        wait_for(self._answers, f"the API answers; {self.log_of('api')}")
        self.start("edge")
        self.start("streams")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz").is_success
        except httpx.TransportError:
            return False

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

    def get(self, path: str, **parameters: str | int) -> dict[str, Any]:
        response = httpx.get(
            f"{self.url}{path}",
            params=parameters,
            headers={"Authorization": f"Bearer {self.token()}"},
            timeout=30,
        )
        assert response.is_success, response.text
        answer = response.json()
        assert isinstance(answer, dict)
        return answer

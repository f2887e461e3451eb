"""A whole installation in processes of its own, to be used, watched and killed from tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx

from launch.installation import Addresses, InstallationError, read_installation
from launch.ports import free_port
from runtime.secrets import installation_key
from runtime.tokens import issue_token

T = TypeVar("T")

PATIENCE_S = 90.0
START_S = 240.0
"""All services import and warm up at once: on a busy machine that takes minutes."""


async def eventually(
    probe: Callable[[], Awaitable[T]], accept: Callable[[T], bool], *, seconds: float = PATIENCE_S
) -> T:
    """Ask until the answer is accepted. Services may be down in between."""
    end = time.monotonic() + seconds
    seen: object = None
    while time.monotonic() < end:
        with contextlib.suppress(httpx.HTTPError, OSError):
            answer = await probe()
            if accept(answer):
                return answer
            seen = answer
        await asyncio.sleep(0.1)
    raise AssertionError(f"not within {seconds:.0f} s; the last answer was {seen!r}")


class Installation:
    """`gemba up` (or `demo`) on a data directory of its own."""

    def __init__(
        self,
        data_dir: Path,
        *,
        broker: str,
        command: str = "up",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self._command = command
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("GEMBA_")
        } | {
            "GEMBA_DATA_DIR": str(data_dir),
            "GEMBA_MQTT_BROKER": broker,
            "GEMBA_HTTP_PORT": str(free_port()),
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        log = self.data_dir.parent / "up.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - started once, does not block
                [sys.executable, "-m", "launch", self._command],
                env=self._environment,
                stdout=out,
                stderr=out,
            )
        await eventually(self._ready, bool, seconds=START_S)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(100)

    def kill(self, service: str) -> int:
        """kill -9 a service; answers the pid it had."""
        pid = self.pid(service)
        os.kill(pid, signal.SIGKILL)
        return pid

    def pid(self, service: str) -> int:
        for process in read_installation(self.data_dir).processes:
            if process.name == service and process.pid is not None:
                return process.pid
        raise LookupError(f"{service} is not running")

    @property
    def addresses(self) -> Addresses:
        return read_installation(self.data_dir).addresses

    def token(self, role: str = "admin") -> str:
        return issue_token(installation_key(self.data_dir), role=role, sites=(), days=1)

    @contextlib.asynccontextmanager
    async def api(self, role: str = "admin") -> AsyncIterator[httpx.AsyncClient]:
        async with httpx.AsyncClient(
            base_url=self.addresses.http_url,
            headers={"Authorization": f"Bearer {self.token(role)}"},
            timeout=60.0,
        ) as client:
            yield client

    async def gemba(self, *arguments: str, stdin: str = "") -> tuple[int, str]:
        """Run a command of the installation; exit code and what it printed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "launch",
            *arguments,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        out, _ = await process.communicate(stdin.encode())
        return process.returncode or 0, out.decode()

    async def _ready(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError((self.data_dir.parent / "up.log").read_text())
        with contextlib.suppress(InstallationError):
            async with self.api() as api:
                return (await api.get("/readyz")).status_code == 200
        return False


async def operations(api: httpx.AsyncClient, site: str) -> list[dict[str, Any]]:
    answer = await api.get("/v1/operations", params={"site": site, "limit": 1000})
    if answer.status_code != 200:
        return []
    items: list[dict[str, Any]] = answer.json()["items"]
    return items

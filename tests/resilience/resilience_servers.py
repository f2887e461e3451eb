"""Servers of an installation that a test kills and starts again."""

from __future__ import annotations

import asyncio
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from launch.backends import Backend
from launch.programs import Program

_READY_S: Final = 60.0
_POLL_S: Final = 0.05


@dataclass
class Server:
    """A backend's process. From the main thread, and not on an event loop."""

    backend: Backend
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers, as often as that takes: a killed one may linger."""
        setup = self.backend.setup_program()
        if setup is not None:
            assert self._run(setup).wait(_READY_S) == 0, self.log.read_text()
        deadline = time.monotonic() + _READY_S
        self.process = self._run(self.backend.program())
        while not self._answers():
            assert time.monotonic() < deadline, self.log.read_text()[-2_000:]
            if self.process.poll() is not None:
                self.process = self._run(self.backend.program())
            time.sleep(_POLL_S)

    def kill(self) -> None:
        """As by `kill -9`, or a machine without power."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.backend.program().stop_signal)
            self.process.wait(_READY_S)

    def _run(self, program: Program) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                program.warded(),
                env=dict(program.environment),
                cwd=program.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _answers(self) -> bool:
        try:
            asyncio.run(self.backend.check())
        except Exception:  # noqa: BLE001 - whatever it is, it does not answer yet
            return False
        return True


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def through(url: str, port: int) -> str:
    """The same address by way of another port."""
    parts = urlsplit(url)
    credentials, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{credentials}{at}127.0.0.1:{port}"))

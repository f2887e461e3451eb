"""Run one backend and wait for it, without the supervisor: for tests and one-off commands."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from launch.backends import Backend, BackendError
from launch.backends.mqtt import BrokerKind

_SETUP_TIMEOUT_S = 120
_READY_TIMEOUT_S = 60
_POLL_S = 0.05
_STOP_TIMEOUT_S = 30


@dataclass(frozen=True, kw_only=True)
class RunningBroker:
    """An MQTT broker in use."""

    url: str
    """With the gateway's user and password."""
    machine_url: str
    """With the machines' user and password."""
    kind: BrokerKind
    pid: int


@contextmanager
def running(backend: Backend, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The backend's process, ready to serve; ended when the context is left. Blocks.

    From the main thread only (see `Program.warded`), and not on an event loop.

    Raises:
        BackendError: it did not come up; the message ends with its last words.
    """
    setup = backend.setup_program()
    with log.open("ab") as output:
        if setup is not None:
            code = subprocess.run(
                setup.warded(),
                check=False,
                env=dict(setup.environment),
                cwd=setup.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_SETUP_TIMEOUT_S,
            ).returncode
            if code != 0:
                raise BackendError(f"{setup.name} ended with {code}: {_last_words(log)}")
        program = backend.program()
        process = subprocess.Popen(
            program.warded(),
            env=dict(program.environment),
            cwd=program.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_ready(backend, process, log)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(program.stop_signal)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(backend: Backend, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while True:
        try:
            asyncio.run(backend.check())
        except Exception as error:
            if process.poll() is not None:
                raise BackendError(
                    f"{backend.name} ended with {process.returncode}: {_last_words(log)}"
                ) from error
            if time.monotonic() > deadline:
                raise BackendError(f"{backend.name} does not answer: {error}") from error
            time.sleep(_POLL_S)
        else:
            return


def _last_words(log: Path) -> str:
    return " | ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])

"""An installation of its own for a benchmark: started, waited for, measured and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import httpx
import psutil

from launch.installation import Addresses, read_installation


@contextlib.asynccontextmanager
async def running_installation(
    data_dir: Path, broker: str
) -> AsyncIterator[tuple[psutil.Process, Addresses]]:
    """`gemba up` on a data directory, serving; its supervisor's process and its addresses."""
    environment = os.environ | {
        "GEMBA_DATA_DIR": str(data_dir),
        "GEMBA_MQTT_BROKER": broker,
        "GEMBA_HTTP_PORT": str(_free_port()),
    }
    with running_program([sys.executable, "-m", "launch", "up"], environment) as supervisor:
        addresses: Addresses | None = None

        def up() -> bool:
            nonlocal addresses
            with contextlib.suppress(Exception):  # not yet written, not yet listening
                addresses = read_installation(data_dir).addresses
                return httpx.get(f"{addresses.http_url}/readyz").status_code == 200
            return False

        await until(up, 180.0)
        if addresses is None:
            raise RuntimeError("the installation did not come up")
        yield psutil.Process(supervisor.pid), addresses


@contextlib.contextmanager
def running_program(
    command: list[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is told to end afterwards, and killed when it does not."""
    program = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield program
    finally:
        program.terminate()
        try:
            program.wait(30)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()


async def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something.

    Raises:
        TimeoutError: it did not become true in time.
    """
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:.0f} s: {true}")
        await asyncio.sleep(0.05)


def cpu_seconds(program: psutil.Process) -> float:
    """CPU seconds of a process and all below it, ended children included."""
    total = 0.0
    for one in (program, *program.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""The servers under a system that is measured, and what their processes take."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg
from psycopg import sql

from benchmarks.installation import cpu_seconds
from launch.backends.mqtt import BrokerKind, MqttBroker
from launch.backends.postgres import PostgresServer
from launch.backends.running import running

PATIENCE_S: Final = 90.0
INFLIGHT: Final = 20_000
"""What Mosquitto sends a subscriber ahead of its PUBACKs, at most; the same for every system."""

_STOP_S: Final = 30.0
_MIB: Final = 1024 * 1024
_databases = count(1)


@dataclass
class Processes:
    """The processes of a system by what they are, generator and probes apart."""

    of: dict[str, psutil.Process] = field(default_factory=dict)

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds so far, by name."""
        return {name: cpu_seconds(process) for name, process in self.of.items()}

    def memory_mib(self) -> dict[str, float]:
        """Resident memory by name; pages that a server's processes share count once."""
        return {name: _resident(process) / _MIB for name, process in self.of.items()}

    def check(self) -> None:
        """Say so when one has ended.

        Raises:
            RuntimeError: one has.
        """
        for name, process in self.of.items():
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                raise RuntimeError(f"{name} has ended by itself")


class Broker(MqttBroker):
    """Mosquitto as an installation starts it, but for how much may be unacknowledged.

    Telegraf acknowledges what it has written, so the default of 1,000 would be its limit.
    """

    def _mosquitto_configuration(self) -> str:
        default = "max_inflight_messages 1000\n"
        text = super()._mosquitto_configuration()
        if default not in text:
            raise RuntimeError("the broker's configuration is another one now")
        return text.replace(default, f"max_inflight_messages {INFLIGHT}\n")


@contextlib.contextmanager
def broker(folder: Path, processes: Processes) -> Iterator[Broker]:
    """Mosquitto, running."""
    made = Broker(folder, kind=BrokerKind.MOSQUITTO)
    with running(made, folder / "mosquitto.log") as process:
        processes.of["mosquitto"] = psutil.Process(process.pid)
        yield made


@contextlib.contextmanager
def database(folder: Path, processes: Processes, server_url: str) -> Iterator[str]:
    """An empty database: on the server named, or on one of its own from the wheel."""
    if server_url:
        name = f"gemba_bench_{os.getpid()}_{next(_databases)}"
        with psycopg.connect(server_url, autocommit=True) as connection:
            backend = psutil.Process(connection.info.backend_pid)
            processes.of["postgres"] = backend.parent() or backend
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'").format(
                    sql.Identifier(name)
                )
            )
        try:
            yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
        finally:
            with psycopg.connect(server_url, autocommit=True) as connection:
                connection.execute(
                    sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
                )
        return
    server = PostgresServer(folder)
    with running(server, folder / "postgres.log") as process:
        processes.of["postgres"] = psutil.Process(process.pid)
        yield server.url


@contextlib.contextmanager
def kafka(folder: Path, processes: Processes) -> Iterator[str]:
    """A Kafka of one node; its URL. Needs `make kafka`, a JVM, and `tests` on PYTHONPATH."""
    from kafka_server import kafka_cluster  # noqa: PLC0415 - only where Kafka is measured

    (folder / "kafka").mkdir()
    with kafka_cluster(folder / "kafka") as cluster:
        process = cluster.nodes[0].process
        if process is None:
            raise RuntimeError("Kafka is not running")
        processes.of["kafka"] = psutil.Process(process.pid)
        yield cluster.url


@contextlib.contextmanager
def program(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A program with its output in a file; told to end afterwards, killed when it does not."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("GEMBA_")}
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env=inherited | dict(environment),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def tell(pipe: IO[bytes] | None, *lines: str) -> None:
    """Give a program lines on its standard input: what must not stand on a command line."""
    if pipe is None:
        raise ValueError("the program has no standard input")
    pipe.write("".join(f"{line}\n" for line in lines).encode())
    pipe.flush()


def wait_until(true: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
    """Wait for something.

    Raises:
        TimeoutError: it did not become true in time.
    """
    end = time.monotonic() + within_s
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within_s:.0f} s: {what}")
        time.sleep(0.1)


def folder_bytes(folder: Path) -> int:
    """What the files below a folder take on disk."""
    return sum(one.stat().st_blocks * 512 for one in folder.rglob("*") if one.is_file())


def _resident(process: psutil.Process) -> int:
    """Proportional memory of a process and all below it, resident where that is not told."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            try:
                total += one.memory_full_info().pss
            except psutil.AccessDenied:
                total += one.memory_info().rss
    return total

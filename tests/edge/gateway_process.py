"""A gateway in a process of its own, as the supervisor runs it, and the log it writes to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psycopg
from redis import Redis

from contracts.streams import Arrival, decode_bundle
from runtime.health import KEY_PREFIX, Health

_MAIN = """
from edge.service import run
from runtime.logging import configure_logging
from runtime.settings import EdgeSettings

configure_logging("edge")
run(EdgeSettings())
"""
_STOP_S = 60


@dataclass
class GatewayProcess:
    """The gateway's process, which can be killed and started again on the same outbox."""

    mqtt_url: str
    database_url: str
    redis_url: str
    data_dir: Path
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GEMBA_MQTT_URL": self.mqtt_url,
            "GEMBA_DATABASE_URL": self.database_url,
            "GEMBA_REDIS_URL": self.redis_url,
            "GEMBA_DATA_DIR": str(self.data_dir),
            **self.settings,
        }
        with (self.data_dir / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _MAIN], env=environment, stdout=log, stderr=log
            )

    def wait_connected(self) -> None:
        """Wait until this process has subscribed."""
        assert self.process is not None
        pid = self.process.pid

        def connected() -> bool:
            said = self.health()
            assert self.process is not None
            assert self.process.poll() is None, self.log_text()[-2_000:]
            return said is not None and said.pid == pid and said.metrics["connected"] == 1

        wait_until(connected, "the gateway connects")

    def metric(self, name: str) -> float:
        said = self.health()
        return -1.0 if said is None else said.metrics[name]

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def health(self) -> Health | None:
        """What it says of itself."""
        with Redis.from_url(self.redis_url) as redis:
            said = redis.get(KEY_PREFIX + "edge")
        return None if said is None else msgspec.json.decode(said, type=Health)

    def log_text(self) -> str:
        return (self.data_dir / "gateway.log").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Logged:
    """An arrival as it stands in the log."""

    stream_topic: str
    partition: int
    gateway: str
    topic: str
    arrival: Arrival


def logged(database_url: str) -> list[Logged]:
    """Every arrival in the log, by stream topic, partition and offset."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            'SELECT topic, partition, value FROM log_records ORDER BY topic, partition, "offset"'
        ).fetchall()
    return list(_arrivals(rows))


def _arrivals(rows: list[tuple[str, int, bytes]]) -> Iterator[Logged]:
    for stream_topic, partition, value in rows:
        bundle = decode_bundle(bytes(value))
        for arrival in bundle.arrivals:
            yield Logged(
                stream_topic, partition, bundle.gateway, bundle.topics[arrival.topic], arrival
            )


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    """Poll until it holds."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.05)

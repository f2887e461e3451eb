"""Mosquitto as a plant's IT runs it: the configuration of deploy/mosquitto, with TLS."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from contracts.ids import MachinePath
from launch import devices
from launch.backends.mqtt import mosquitto_binary
from launch.devices import Role
from launch.ports import free_port

DEPLOY = Path(__file__).resolve().parents[2] / "deploy" / "mosquitto"
_START_S = 60.0


def make_certificates(folder: Path, *names: str) -> Path:
    """The folder's `secrets`, with a certificate for the names by an authority of its own."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    secrets = folder / "secrets"
    script = [DEPLOY / "make-certificates.sh", "-a", folder / "authority", "-o", secrets, *names]
    made = subprocess.run(["sh", *map(str, script)], check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return secrets


@dataclass
class PlantBroker:
    """A Mosquitto in a folder of its own, which can be killed and started again."""

    folder: Path
    secrets: Path
    tls_port: int = field(default_factory=free_port)
    plain_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def register(
        self, name: str, role: Role = Role.DEVICE, machines: Sequence[MachinePath] = ()
    ) -> str:
        """A new user's address, by TLS."""
        return self.tls_url(name, devices.add(self.secrets, name, role, machines))

    def tls_url(self, user: str, password: str, *, host: str = "localhost") -> str:
        return f"mqtts://{user}:{password}@{host}:{self.tls_port}?ca={self.secrets / 'ca.pem'}"

    def plain_url(self, name: str, role: Role, *, port: int | None = None) -> str:
        """A new user's address, without TLS."""
        password = devices.add(self.secrets, name, role)
        return f"mqtt://{name}:{password}@127.0.0.1:{port or self.plain_port}"

    def start(self) -> None:
        binary = mosquitto_binary()
        assert binary is not None
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        text = (DEPLOY / "mosquitto.conf").read_text()
        for here, there in (
            ("/mosquitto/secrets", str(self.secrets)),
            ("/mosquitto/data", str(data)),
            ("listener 8883", f"listener {self.tls_port} 127.0.0.1"),
            ("listener 1883", f"listener {self.plain_port} 127.0.0.1"),
        ):
            assert here in text
            text = text.replace(here, there)
        if os.geteuid() == 0:
            text += "user root\n"
        (self.folder / "mosquitto.conf").write_text(text)
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen(
                [binary, "-c", self.folder / "mosquitto.conf"], stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_S
        while not (_listens(self.plain_port) and _listens(self.tls_port)):
            assert self.process.poll() is None, self.log_text()
            assert time.monotonic() < deadline, self.log_text()
            time.sleep(0.02)

    def reload(self) -> None:
        """Tell it to read passwords and ACL again, which it soon does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def log_text(self) -> str:
        return (self.folder / "mosquitto.log").read_text(errors="replace")


@contextmanager
def plant_broker(folder: Path) -> Iterator[PlantBroker]:
    """A broker that is not started yet, to be named `localhost`; ended afterwards."""
    folder.mkdir()
    broker = PlantBroker(folder, make_certificates(folder, "localhost"))
    try:
        yield broker
    finally:
        if broker.process is not None and broker.process.poll() is None:
            broker.kill()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

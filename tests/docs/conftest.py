"""What the documentation's examples run against."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs_stack import OwnBroker
from service_stack import ServiceStack, running

from launch.backends.mqtt import mosquitto_binary
from launch.backends.running import RunningBroker
from launch.ports import LOOPBACK, free_port, is_free

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "howto" / "examples"


@pytest.fixture
def stack(
    database_url: str, redis_url: str, mqtt_broker: RunningBroker, data_dir: Path
) -> Iterator[ServiceStack]:
    """A running installation."""
    made = ServiceStack(
        database_url=database_url,
        redis_url=redis_url,
        gateway_mqtt_url=mqtt_broker.url,
        machine_mqtt_url=mqtt_broker.machine_url,
        data_dir=data_dir,
    )
    with running(made) as stack:
        yield stack


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[OwnBroker]:
    """Mosquitto with the files that the text shows; only places and port are the test's."""
    passwords = {"gateway": "g w%", "press-1": "p1/@", "press-2": "p2"}
    file = tmp_path / "passwords"
    file.touch(mode=0o600)
    for user, password in passwords.items():
        subprocess.run(["mosquitto_passwd", "-b", file, user, password], check=True)
    acl = tmp_path / "acl"
    acl.write_text((EXAMPLES / "mosquitto.acl").read_text())
    acl.chmod(0o600)
    port = free_port()
    text = (EXAMPLES / "mosquitto.conf").read_text()
    for shown, ours in (
        ("listener 1883", f"listener {port} {LOOPBACK}"),
        ("/etc/mosquitto/gemba.passwords", str(file)),
        ("/etc/mosquitto/gemba.acl", str(acl)),
    ):
        assert shown in text
        text = text.replace(shown, ours)
    if os.geteuid() == 0:
        text += f"user {getpass.getuser()}\n"
    configuration = tmp_path / "mosquitto.conf"
    configuration.write_text(text)
    binary = mosquitto_binary()
    assert binary is not None
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [binary, "-c", configuration], cwd=tmp_path, stdout=log, stderr=log
        )
    try:
        while is_free(port):
            assert process.poll() is None, (tmp_path / "log").read_text()
        yield OwnBroker(port=port, passwords=passwords)
    finally:
        process.terminate()
        process.wait(60)

"""What a distributed installation has before its first start: secrets, certificates, broker files.

`docker-compose.yml` gives each secret as a file to the services that need it, and to no other. The
folder is closed to all but its owner (0700); the files in it can be read (0444), because a
container sees only the file that is mounted into it, as a user that the owner's machine does not
know.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from launch.certificates import (
    AUTHORITY,
    AUTHORITY_KEY,
    CERTIFICATE,
    KEY,
    make_certificates,
)
from launch.devices import Role, keep_own
from runtime.mqtt_url import parse_mqtt_url
from runtime.secrets import create_once, generate_secret, read_secret, replace_private

BROKER: Final = "mosquitto"
GATEWAY: Final = "gateway"
_FOLDER_MODE: Final = 0o700
_SECRET_MODE: Final = 0o444
_OWN_MODE: Final = 0o400
_CERTIFICATE_MODE: Final = 0o444
_CLUSTER_ID_BYTES: Final = 16
_HOSTS: Final = (BROKER, "localhost", "127.0.0.1")
"""How services, and programs on the broker's own machine, reach it."""


def make_secrets(directory: Path, hosts: Sequence[str] = ()) -> list[str]:
    """Make the secrets that are missing; the names of the files that were made.

    What is there stays as it is: the command can be given again at any time, and what the owner has
    put there (a managed database's address, certificates of the company) is kept.

    Args:
        directory: where, made when missing.
        hosts: names and addresses by which machines reach the broker, for its certificate.

    Raises:
        launch.certificates.CertificateError: the certificates cannot be made.
        ValueError: a file is there but empty.
    """
    directory.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    directory.chmod(_FOLDER_MODE)
    made: list[str] = []

    def keep(name: str, make: Callable[[], str] = generate_secret) -> str:
        path = directory / name
        if not path.exists():
            made.append(name)
        secret = create_once(path, lambda: make() + "\n")
        if path.stat().st_uid == os.geteuid():
            path.chmod(_SECRET_MODE)
        return secret

    keep("postgres_password")
    database = quote(keep("database_password"), safe="")
    keep("database_url", lambda: f"postgresql://gemba:{database}@timescaledb:5432/gemba")
    redis = keep("redis.conf", lambda: f"requirepass {generate_secret()}")
    password = quote(redis.partition(" ")[2], safe="")
    keep("redis_url", lambda: f"redis://:{password}@redis:6379/0")
    keep("mqtt_url", lambda: f"mqtt://{GATEWAY}:{generate_secret()}@{BROKER}:1883")
    keep("kafka_cluster_id", _cluster_id)
    keep("installation_key")
    made += make_certificates(directory, [*hosts, *_HOSTS])
    for name in (AUTHORITY, CERTIFICATE, KEY):
        (directory / name).chmod(_SECRET_MODE)
    if (directory / AUTHORITY_KEY).exists():
        (directory / AUTHORITY_KEY).chmod(_OWN_MODE)
    return made


def prepare_broker(directory: Path, certificates: Path, mqtt_url: str) -> None:
    """Bring into the broker's own directory what it reads: certificates, and the gateway's user.

    Safe to repeat: new certificates and a new password for the gateway take the place of the old
    ones, other users stay.

    Args:
        directory: the broker's, beside the register of its users (`gemba device`).
        certificates: where `ca.pem`, `server.pem` and `server.key` are.
        mqtt_url: the gateway's, with user and password.

    Raises:
        FileNotFoundError: a certificate is missing.
        launch.devices.DeviceError: the register cannot be changed.
        runtime.mqtt_url.MqttUrlError: the URL is none.
        ValueError: the URL names no user or no password, or a certificate's file is empty.
    """
    address = parse_mqtt_url(mqtt_url)
    if not address.username or not address.password:
        raise ValueError("GEMBA_MQTT_URL names no user or no password for the gateway")
    for name in (AUTHORITY, CERTIFICATE, KEY):
        replace_private(directory / name, read_secret(certificates / name) + "\n")
    (directory / AUTHORITY).chmod(_CERTIFICATE_MODE)
    keep_own(directory, {address.username: (Role.GATEWAY, address.password)})


def _cluster_id() -> str:
    """A new identity for a Kafka cluster: 16 random bytes in base 64, as its tools make them."""
    while True:
        text = base64.urlsafe_b64encode(secrets.token_bytes(_CLUSTER_ID_BYTES)).decode()
        # A leading dash would be taken for an option by the tool that formats the storage.
        if not text.startswith("-"):
            return text.rstrip("=")

"""The broker's address out of an MQTT URL."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class MqttUrlError(ValueError):
    """A URL that names no broker. Its text holds no credentials."""


class MqttAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a broker is and as whom to sign in."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        """Without the password: this ends up in logs."""
        scheme = "mqtts" if self.tls else "mqtt"
        user = f"{self.username}@" if self.username is not None else ""
        return f"{scheme}://{user}{self.host}:{self.port}"


def parse_mqtt_url(url: str) -> MqttAddress:
    """Parse `mqtt://user:password@host:1883` or, with TLS, `mqtts://…` (port 8883).

    User and password may be percent-encoded, and may be left out.

    Raises:
        MqttUrlError: the scheme is another one, the host is missing or the port is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise MqttUrlError(f"MQTT URL with scheme {parts.scheme!r}: must be mqtt:// or mqtts://")
    try:
        port = parts.port
    except ValueError as error:
        raise MqttUrlError(f"MQTT URL with a wrong port: {error}") from None
    if not parts.hostname:
        raise MqttUrlError("MQTT URL without a host; maybe mqtt://127.0.0.1:1883 is meant")
    return MqttAddress(
        host=parts.hostname,
        port=_PORTS[parts.scheme] if port is None else port,
        tls=parts.scheme == "mqtts",
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )

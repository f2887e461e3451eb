"""The broker's address out of an MQTT URL, and what a connection to it needs for TLS."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}


class MqttUrlError(ValueError):
    """A URL that names no broker. Its text holds no credentials."""


class _TidySocket(ssl.SSLSocket):
    """Closed when its handshake fails: the MQTT library leaves that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as in ssl
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


class MqttAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a broker is and as whom to sign in.

    Attributes:
        host: its name or address; with TLS its certificate must be made out to it.
        port: its port.
        tls: whether the connection is encrypted.
        ca: a file (PEM) with the only authorities to trust; None: those of the machine.
        username: the user, if any.
        password: the user's password, if any.
    """

    host: str
    port: int
    tls: bool = False
    ca: Path | None = None
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        """Without the password: this ends up in logs."""
        scheme = "mqtts" if self.tls else "mqtt"
        user = f"{self.username}@" if self.username is not None else ""
        return f"{scheme}://{user}{self.host}:{self.port}"

    def tls_context(self) -> ssl.SSLContext | None:
        """What TLS needs, made anew (the file may have been replaced); None without TLS.

        The broker's certificate and its name are verified, and TLS is 1.2 at least.

        Raises:
            MqttUrlError: the file with the authorities cannot be used.
        """
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=None if self.ca is None else str(self.ca))
        except OSError as error:  # ssl.SSLError is one: a file that holds no certificate
            what = error.strerror or "it holds no certificate"
            raise MqttUrlError(f"the file ?ca={self.ca} cannot be used: {what}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.sslsocket_class = _TidySocket
        return context


def parse_mqtt_url(url: str) -> MqttAddress:
    """Parse `mqtt://user:password@host:1883` or, with TLS, `mqtts://…` (port 8883).

    User and password may be percent-encoded, and may be left out. A broker with a certificate of
    the plant's own authority is told by `mqtts://…?ca=/path/to/ca.pem`.

    Raises:
        MqttUrlError: the scheme is another one, the host is missing, the port is none, or it says
            more than can be heeded.
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
    if parts.path not in ("", "/") or parts.fragment:
        raise MqttUrlError("MQTT URL with a path: it ends after the port, but for ?ca=FILE")
    tls = parts.scheme == "mqtts"
    return MqttAddress(
        host=parts.hostname,
        port=_PORTS[parts.scheme] if port is None else port,
        tls=tls,
        ca=_authorities(parts.query, tls=tls),
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def _authorities(query: str, *, tls: bool) -> Path | None:
    """The file that `?ca=` names.

    Raises:
        MqttUrlError: the query says anything else, or says it without TLS.
    """
    said = dict(parse_qsl(query, keep_blank_values=True))
    ca = said.pop("ca", None)
    if said:
        raise MqttUrlError(f"MQTT URL with ?{next(iter(said))}=: only ?ca=FILE is known")
    if ca is None:
        return None
    if not tls:
        raise MqttUrlError("MQTT URL with ?ca=, but without TLS: it must begin with mqtts://")
    if not ca:
        raise MqttUrlError("MQTT URL with an empty ?ca=: it names a file with certificates (PEM)")
    return Path(ca)


def connection_problem(error: BaseException) -> str:
    """Why a broker did not let us in, in words that say what to look at.

    Args:
        error: what the MQTT library raised; what it was raised from counts as well.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"the broker's certificate is refused: {cause.verify_message}; "
                "maybe ?ca= names another authority, or the certificate another host"
            )
        if isinstance(cause, ssl.SSLError):
            reason = (cause.reason or str(cause)).replace("_", " ").lower()
            return f"TLS fails: {reason}; maybe the port is not the one for TLS"
        cause = cause.__cause__ or cause.__context__
    text = str(error).strip() or type(error).__name__
    if "[code:4]" in text or "[code:5]" in text or "[code:134]" in text or "[code:135]" in text:
        return f"the broker refuses the user or the password ({text})"
    return text

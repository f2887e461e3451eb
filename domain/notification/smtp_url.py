"""A mail server as one setting: `smtps://`, `smtp://` (STARTTLS) or `smtp+plain://` (no TLS)."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from domain.notification.ways import Smtp, Tls

_TLS: Final = {
    "smtps": (Tls.IMPLICIT, 465),
    "smtp": (Tls.STARTTLS, 587),
    "smtp+plain": (Tls.NONE, 25),
}


class SmtpUrlError(ValueError):
    """A setting that names no mail server; its text holds no password."""


def read_smtp_url(url: str, *, sender: str) -> tuple[Smtp, str | None]:
    """The server, and the password if there is one.

    Args:
        url: `smtp://user:password@host:587`; what is special in a user or password is written
            percent-encoded.
        sender: the address mails come from.

    Raises:
        SmtpUrlError: it is no such address, or the sender is none.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SmtpUrlError("GEMBA_SMTP_URL is no address: smtp://user:password@host:587") from None
    if parts.scheme not in _TLS or not parts.hostname or parts.path.strip("/") or parts.query:
        raise SmtpUrlError(
            "GEMBA_SMTP_URL has to be smtps://, smtp:// or smtp+plain:// and"
            " user:password@host:port, without anything behind it"
        )
    tls, usual = _TLS[parts.scheme]
    told = {
        "host": parts.hostname,
        "port": port or usual,
        "tls": tls,
        "user": unquote(parts.username) if parts.username else None,
        "sender": sender,
    }
    try:
        settings = msgspec.convert(told, Smtp)
    except msgspec.ValidationError as error:
        raise SmtpUrlError(
            f"GEMBA_SMTP_URL and GEMBA_SMTP_FROM ({sender!r}) do not make a mail server: {error}"
        ) from error
    return settings, unquote(parts.password) if parts.password else None

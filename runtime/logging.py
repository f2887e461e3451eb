"""Logging of a service: lines on standard error, in UTC, with passwords taken out of addresses."""

from __future__ import annotations

import logging
import re
import time

_CREDENTIALS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^\s/@]*@", re.IGNORECASE)
_PASSWORD_WORD = re.compile(r"(?P<key>\bpassword\s*=\s*)\S+", re.IGNORECASE)
_QUIET = (
    "uvicorn.error",
    "httpx",
    "httpcore",
    "aiokafka",
    "asyncio",
    "faust",
    "mode",
    "psycopg.pool",
    "yoyo",
)


def without_credentials(text: str) -> str:
    """The text with user and password removed from every URL in it."""
    return _PASSWORD_WORD.sub(r"\g<key>***", _CREDENTIALS.sub(r"\g<scheme>***@", text))


class _Formatter(logging.Formatter):
    """One line per event; whatever an exception's text quotes is cleaned as well."""

    converter = time.gmtime  # type: ignore[assignment]  # typeshed takes it for a method
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        return without_credentials(super().format(record))


def configure_logging(service: str, level: str = "INFO") -> None:
    """Log to standard error from now on; libraries speak up from WARNING.

    Raises:
        ValueError: there is no such level.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(
        _Formatter(
            f"%(asctime)s %(levelname)s {service} %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S"
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    quiet = max(logging.WARNING, logging.getLogger().level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(quiet)

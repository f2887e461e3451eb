"""Where this installation's own API is reached."""

from __future__ import annotations

from typing import Final

_ANY_ADDRESS: Final = frozenset(("0.0.0.0", "::", ""))  # noqa: S104 - replaced, not bound


def api_url(host: str, port: int) -> str:
    """Where the API is reached that listens there."""
    host = "127.0.0.1" if host in _ANY_ADDRESS else host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

"""What the documentation's examples meet beside an installation: a broker of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass
class OwnBroker:
    """A broker of the user's own, and who may sign in."""

    port: int
    passwords: dict[str, str]

    def url(self, user: str, password: str | None = None) -> str:
        secret = quote(self.passwords[user] if password is None else password, safe="")
        return f"mqtt://{user}:{secret}@127.0.0.1:{self.port}"

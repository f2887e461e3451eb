"""The month as it was drawn, and the installation that was told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
from api_client import Api
from month_factory import FIRST, LAST, SITE, Month


@dataclass
class Told:
    """The month as it was drawn, and the installation that was told of it."""

    month: Month
    api: Api
    admin: httpx.AsyncClient
    judged_ms: int
    """Up to when what has not left was late when it was reckoned."""

    async def report(self, name: str, **asked: Any) -> dict[str, Any]:
        """A report on the month."""
        query = {"site": SITE, "from": str(FIRST), "to": str(LAST), **asked}
        answer = await self.admin.get(f"/v1/reports/{name}", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        assert not found["preliminary"], f"{name} waits for {found['notes']}"
        return found

"""The API under test, with a site, items, and short words for what tests do with stock."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from api.context import Context
from domain.access import Role
from runtime.tokens import issue_token
from store.inventory.reading import imbalances

SITE = "plant-1"
OTHER_SITE = "plant-2"
MACHINE = f"{SITE}/cutting/line1/m01"
OTHER_MACHINE = f"{SITE}/cutting/line1/m02"


@dataclass
class Api:
    """A running app and its clients."""

    app: FastAPI
    context: Context
    stack: AsyncExitStack
    clients: dict[Any, httpx.AsyncClient] = field(default_factory=dict)

    async def as_role(self, role: Role = Role.ADMIN, *sites: str) -> httpx.AsyncClient:
        """A program with a token of that role, limited to those sites."""
        key = (role, sites)
        if key not in self.clients:
            token = issue_token(
                self.context.signing_key, role=role, sites=sites, subject=f"a-{role}"
            )
            client = httpx.AsyncClient(
                transport=httpx.ASGITransport(self.app),
                base_url="http://gemba.test",
                headers={"Authorization": f"Bearer {token}"},
            )
            self.clients[key] = await self.stack.enter_async_context(client)
        return self.clients[key]

    async def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a query of the test's own says."""
        async with self.context.connection() as connection:
            cursor = await connection.execute(query.encode(), parameters)
            return await cursor.fetchall() if cursor.description else []

    async def imbalances(self) -> list[str]:
        """What does not add up in the books."""
        async with self.context.connection() as connection:
            return await imbalances(connection)


class Stockroom:
    """An admin at the plant: what tests do with stock, in short words."""

    def __init__(self, api: Api, client: httpx.AsyncClient) -> None:
        self.api = api
        self.client = client

    async def post(self, path: str, body: dict[str, Any], status: int = 201) -> Any:
        answer = await self.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str, status: int = 200, **query: Any) -> Any:
        answer = await self.client.get(path, params=query)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def receive(self, item: str, quantity: float | str, **line: Any) -> Any:
        lines = [{"item": item, "quantity": quantity, **line}]
        return await self.post("/v1/stock/receipts", {"site": SITE, "lines": lines})

    async def reserve(
        self,
        item: str,
        quantity: float | str,
        *,
        status: int = 201,
        kind: str = "hard",
        **more: Any,
    ) -> Any:
        body = {"site": SITE, "item": item, "quantity": quantity, "kind": kind, **more}
        return await self.post("/v1/reservations", body, status)

    async def sums(self, item: str, site: str = SITE) -> dict[str, Any]:
        answer = await self.get("/v1/stock/items", item=item, site=site)
        assert answer["total"] <= 1
        return dict(answer["items"][0]) if answer["items"] else {}

    async def lots(self, item: str) -> list[tuple[Any, ...]]:
        """(location, lot, status, quantity), in the order of the list."""
        answer = await self.get("/v1/stock", item=item, site=SITE)
        return [
            (lot["location"], lot["lot"], lot["status"], lot["quantity"]) for lot in answer["items"]
        ]

    async def ledger(self, item: str) -> list[tuple[Any, ...]]:
        """(kind, from, to, quantity), oldest first."""
        answer = await self.get("/v1/stock/movements", item=item)
        return [
            (row["kind"], row["from_account"], row["to_account"], row["quantity"])
            for row in reversed(answer["items"])
        ]

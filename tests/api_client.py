"""The API under test, and people and programs of every kind who ask it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from api.context import Context
from domain.access import Role
from runtime.tokens import issue_token
from store import access

SITE = "plant-1"
MACHINE = f"{SITE}/cutting/line1/m01"
OTHER_MACHINE = f"{SITE}/cutting/line1/m02"
ORIGIN = "http://gemba.test"
PASSWORD = "correct horse battery"


@dataclass
class Api:
    """A running app and its clients."""

    app: FastAPI
    context: Context
    stack: AsyncExitStack
    clients: dict[Any, httpx.AsyncClient] = field(default_factory=dict)

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A new client, not signed in."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url=ORIGIN, headers=headers
        )

    async def as_role(
        self, role: Role = Role.ADMIN, *sites: str, lines: tuple[str, ...] = (), customer: str = ""
    ) -> httpx.AsyncClient:
        """A program with a token of that role, limited to those sites and lines.

        A customer's is for that customer, who is made if there is none.
        """
        if role is Role.CUSTOMER:
            customer = customer or "acme"
            await self.rows(
                "INSERT INTO customers (code, name) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                customer,
                customer,
            )
        key = (role, sites, lines, customer)
        if key not in self.clients:
            token = issue_token(
                self.context.signing_key,
                role=role,
                sites=sites,
                lines=lines,
                customer=customer or None,
                subject=f"a-{role}",
            )
            client = self.client(Authorization=f"Bearer {token}")
            self.clients[key] = await self.stack.enter_async_context(client)
        return self.clients[key]

    async def user(self, name: str = "mei", role: Role = Role.PLANNER, *sites: str) -> None:
        """Make an account with PASSWORD."""
        async with self.context.connection() as connection:
            await access.create_user(
                connection, name=name, password=PASSWORD, role=role, sites=sites
            )

    async def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a query of the test's own says."""
        async with self.context.connection() as connection:
            cursor = await connection.execute(query.encode(), parameters)
            return await cursor.fetchall() if cursor.description else []

    async def records(self, topic: str) -> list[bytes]:
        """The values of a topic's records, partition by partition."""
        rows = await self.rows(
            'SELECT value FROM log_records WHERE topic = %s ORDER BY partition, "offset"', topic
        )
        return [bytes(row[0]) for row in rows]

"""A plant that takes documents in: the API, its rows, and a connector that reads plain JSON."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import msgspec
from fastapi import FastAPI
from psycopg import sql

from api.context import Context
from connectors.options import ReadOptions
from domain import document_storage
from domain.access import Role
from domain.documents import (
    DocumentKind,
    DocumentLine,
    LineAction,
    Name,
    NameScheme,
    OrderDocument,
    Party,
    PartyRole,
    Problem,
    Reading,
    Severity,
)
from runtime.tokens import issue_token

SITE = "plant-1"
SOURCE = "test:buyer-7"
MACHINE = f"{SITE}/cutting/line1/m01"
ORIGIN = "http://gemba.test"


@dataclass
class Plant:
    """A running app and its clients."""

    app: FastAPI
    context: Context
    stack: AsyncExitStack
    clients: dict[Any, httpx.AsyncClient] = field(default_factory=dict)

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A new client, not signed in."""
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)

    async def as_role(self, role: Role = Role.ADMIN, *sites: str) -> httpx.AsyncClient:
        """A program with a token of that role, limited to those sites."""
        key = (role, sites)
        if key not in self.clients:
            token = issue_token(
                self.context.signing_key, role=role, sites=sites, subject=f"a-{role}"
            )
            client = self.client(Authorization=f"Bearer {token}")
            self.clients[key] = await self.stack.enter_async_context(client)
        return self.clients[key]

    async def put(self, path: str, body: dict[str, Any]) -> None:
        """Make something, as an admin."""
        answer = await (await self.as_role()).put(path, json=body)
        assert answer.is_success, answer.text

    async def furnish(self) -> None:
        """A site, a machine, a customer and two items, one of them by the metre."""
        step = {"number": 10, "name": "Saw", "machine": MACHINE, "cycle_ms": 1000}
        routings = [{"site": SITE, "steps": [step]}]
        for path, body in (
            (f"/v1/sites/{SITE}", {"name": "Plant 1", "time_zone": "Asia/Shanghai"}),
            (f"/v1/machines/{MACHINE}", {"name": "Saw"}),
            ("/v1/customers/acme", {"name": "Acme Ltd"}),
            ("/v1/items/bracket", {"name": "Bracket A", "routings": routings}),
            ("/v1/items/wire", {"name": "Wire", "unit": "m", "routings": routings}),
        ):
            await self.put(path, body)

    async def send(
        self,
        content: bytes | str,
        spoken: str = "edifact",
        *,
        client: httpx.AsyncClient | None = None,
        status: int = 200,
        headers: dict[str, str] | None = None,
        **query: str | bool,
    ) -> dict[str, Any]:
        """Send documents in, and what came of it."""
        answer = await (client or await self.as_role()).post(
            f"/v1/intake/{spoken}", content=content, params=query, headers=headers
        )
        assert answer.status_code == status, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def get(self, path: str, **query: str | int) -> Any:
        """What an admin is told."""
        answer = await (await self.as_role()).get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a query of the test's own says."""
        async with self.context.connection() as connection:
            cursor = await connection.execute(query.encode(), parameters)
            return await cursor.fetchall() if cursor.description else []

    async def counts(self) -> dict[str, int]:
        """How many rows every table has."""
        tables = await self.rows(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = current_schema() AND relkind = 'r' ORDER BY relname"
        )
        found = {}
        async with self.context.connection() as connection:
            for (table,) in tables:
                cursor = await connection.execute(
                    sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
                )
                row = await cursor.fetchone()
                assert row is not None
                found[table] = int(row[0])
        return found


def line(
    position: str = "1", item: str = "bracket", quantity: str = "5", **more: Any
) -> DocumentLine:
    """A line of our own item code."""
    names = more.pop("names", (Name(NameScheme.SUPPLIER, item),))
    return DocumentLine(
        position=position,
        names=names,
        quantity=None if quantity == "" else Decimal(quantity),
        place=f"line {position}",
        **more,
    )


def document(
    number: str = "PO-1", *lines: DocumentLine, kind: DocumentKind = DocumentKind.ORDER, **more: Any
) -> OrderDocument:
    """A document of the customer acme, due at the end of the year."""
    buyer = Party(
        role=PartyRole.SOLD_TO,
        role_code="BY",
        names=(Name(NameScheme.BUYER, "acme"),),
        name="Acme Ltd",
    )
    given: dict[str, Any] = {
        "source": SOURCE,
        "parties": (buyer,),
        "due": date(2099, 12, 31),
        "lines": lines or ((line(),) if kind is DocumentKind.ORDER else ()),
    }
    return OrderDocument(kind=kind, number=number, **{**given, **more})


def change(number: str, *lines: DocumentLine, version: int, **more: Any) -> OrderDocument:
    """A change of lines."""
    return document(
        number, *lines, kind=DocumentKind.CHANGE, version=version, due=None, parties=(), **more
    )


def changed(position: str = "1", quantity: str = "", **more: Any) -> DocumentLine:
    """A line as a change names it: by its position."""
    return line(position, quantity=quantity, names=(), action=LineAction.CHANGE, **more)


def bytes_of(*documents: OrderDocument, problems: tuple[Problem, ...] = ()) -> bytes:
    """Documents as `read_plain` reads them."""
    told = [document_storage.written(one) for one in documents]
    return msgspec.json.encode({"documents": told, "problems": problems})


class _Plain(msgspec.Struct):
    documents: tuple[Any, ...]
    problems: tuple[Problem, ...] = ()


def read_plain(content: bytes, options: ReadOptions) -> Reading:
    """A connector for tests: documents as JSON."""
    try:
        plain = msgspec.json.decode(content, type=_Plain)
    except msgspec.DecodeError as error:
        problem = Problem(
            severity=Severity.ERROR, code="not_json", place="byte 0", problem=str(error)
        )
        return Reading(documents=(), problems=(problem,))
    documents = tuple(map(document_storage.read, plain.documents))
    if options.source is not None:
        documents = tuple(msgspec.structs.replace(one, source=options.source) for one in documents)
    return Reading(documents=documents, problems=plain.problems)


def outcomes(told: dict[str, Any]) -> list[str]:
    """The outcomes of what was sent."""
    return [document["outcome"] for document in told["documents"]]


def shown(value: Any) -> str:
    """JSON for a message of an assertion."""
    return json.dumps(value, indent=1)

"""Clients who compete for stock over real HTTP, and the serial model that judges the outcome.

The model knows nothing of the product's code. It takes what was committed in the order of the
item's versions, and asks of every answer whether the state it was judged by allowed it: what was
accepted must have been there, what was refused must not.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import httpx
import psycopg
from service_stack import ServiceStack

SITE = "plant-1"
HOT, DATED = "hot", "dated"
DAYS = 6
SUPPLIERS = 16
_ZERO = Decimal(0)


@dataclass(frozen=True)
class Ask:
    """One request, and what came back."""

    item: str
    reference: str
    quantity: Decimal
    kind: str
    day: int
    status: int
    version: int


@dataclass
class Contest:
    """Who competes, for how long, and what they were told."""

    stack: ServiceStack
    seconds: float
    clients: int
    seed: int
    began: datetime = field(
        default_factory=lambda: datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    )
    answers: list[Ask] = field(default_factory=list)
    receipts: int = 0
    unanswered: int = 0
    ends: float = 0.0

    def day(self, number: int) -> datetime:
        """A date in the future: day 1 is the day after tomorrow."""
        return self.began + timedelta(days=1 + number)

    async def run(self) -> None:
        """Compete until the time is up; then everybody has an answer."""
        most = self.clients + SUPPLIERS
        limits = httpx.Limits(max_connections=most, max_keepalive_connections=most)
        async with httpx.AsyncClient(
            base_url=self.stack.url,
            headers={"Authorization": f"Bearer {self.stack.token()}"},
            timeout=httpx.Timeout(30.0, pool=120.0),
            limits=limits,
        ) as http:
            await self._prepare(http)
            self.ends = time.monotonic() + self.seconds
            async with asyncio.TaskGroup() as group:
                for number in range(SUPPLIERS):
                    group.create_task(self._supply(http, number))
                for number in range(self.clients):
                    group.create_task(self._compete(http, number))

    async def _prepare(self, http: httpx.AsyncClient) -> None:
        for path in (f"/v1/sites/{SITE}", f"/v1/items/{HOT}", f"/v1/items/{DATED}"):
            answer = await http.put(path, json={"name": path})
            assert answer.status_code == HTTPStatus.OK, answer.text

    async def _compete(self, http: httpx.AsyncClient, number: int) -> None:
        rng = random.Random(f"{self.seed}/{number}")
        count = 0
        mine: list[int] = []
        while time.monotonic() < self.ends:
            count += 1
            if mine and rng.random() < 0.15:
                answer = await self._ask(http, "DELETE", f"/v1/reservations/{mine.pop()}", None)
                # Given up before the process was killed: it is given up.
                assert answer.status_code in (HTTPStatus.NO_CONTENT, HTTPStatus.CONFLICT)
                continue
            item = rng.choice((HOT, DATED))
            kind = "hard" if item == HOT or rng.random() < 0.3 else "soft"
            day = 0 if kind == "hard" else rng.randrange(1, DAYS + 1)
            quantity = Decimal(rng.randrange(1, 80)) / 10
            reference = f"c{number}-{count}"
            body: dict[str, Any] = {
                "site": SITE,
                "item": item,
                "quantity": str(quantity),
                "kind": kind,
                "reference": reference,
            }
            if day:
                body["need_at"] = self.day(day).isoformat()
            answer = await self._ask(http, "POST", "/v1/reservations", body)
            status = answer.status_code
            assert status in (HTTPStatus.CREATED, HTTPStatus.OK, HTTPStatus.CONFLICT), answer.text
            if status != HTTPStatus.CONFLICT:
                mine.append(answer.json()["id"])
            else:
                assert answer.json()["type"] == "urn:gemba:problem:not-available", answer.text
            version = int(answer.headers["gemba-stock-version"])
            self.answers.append(Ask(item, reference, quantity, kind, day, status, version))

    async def _supply(self, http: httpx.AsyncClient, supplier: int) -> None:
        """Receipts of both items, and purchases of one that will come some day."""
        rng = random.Random(f"{self.seed}/supply/{supplier}")
        count = 0
        while time.monotonic() < self.ends:
            count += 1
            self.receipts += 1
            item = rng.choice((HOT, DATED))
            quantity = str(Decimal(rng.randrange(20, 160)) / 10)
            line: dict[str, Any] = {"item": item, "quantity": quantity}
            name = f"{supplier}-{count}"
            path, body = "/v1/stock/receipts", {"site": SITE, "reference": name}
            if item == DATED and rng.random() < 0.6:
                line["due_at"] = self.day(rng.randrange(1, DAYS + 1)).isoformat()
                path, body = "/v1/purchases", {"site": SITE, "number": name}
            answer = await self._ask(http, "POST", path, {**body, "lines": [line]})
            assert answer.status_code in (HTTPStatus.CREATED, HTTPStatus.OK), answer.text
            await asyncio.sleep(0.05)

    async def _ask(
        self, http: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None
    ) -> httpx.Response:
        """Ask until there is an answer: what is asked twice counts once."""
        while True:
            try:
                answer = await http.request(method, path, json=body)
            except httpx.TransportError:
                self.unanswered += 1
            else:
                if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                    return answer
                self.unanswered += 1
            await asyncio.sleep(0.1)


@dataclass
class Model:
    """One item, seen by somebody who does one thing after the other."""

    stock: Decimal = _ZERO
    hard: Decimal = _ZERO
    soft: dict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    coming: dict[int, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def available(self, kind: str, day: int) -> Decimal:
        """What can be given: the least that is left on any day from then on."""
        first = 0 if kind == "hard" else day
        left = []
        for until in range(first, DAYS + 1):
            supply = sum((self.coming[d] for d in range(until + 1)), _ZERO)
            demand = sum((self.soft[d] for d in range(until + 1)), _ZERO)
            left.append(self.stock - self.hard + supply - demand)
        if kind == "hard":
            left.append(self.stock - self.hard)
        return min(left)

    def take(self, kind: str, day: int, quantity: Decimal) -> None:
        if kind == "hard":
            self.hard += quantity
        else:
            self.soft[day] += quantity


@dataclass
class Judgement:
    """How many answers the model has looked at."""

    accepted: int = 0
    refused: int = 0


def judge(database_url: str, contest: Contest) -> Judgement:
    """Replay what was committed, version by version, and hold every answer against it."""
    judgement = Judgement()
    with psycopg.connect(database_url) as connection:
        for item in (HOT, DATED):
            _judge_item(connection, contest, item, judgement)
    return judgement


def _judge_item(
    connection: psycopg.Connection[Any], contest: Contest, item: str, judgement: Judgement
) -> None:
    events, last = _events(connection, contest, item)
    refused: dict[int, list[Ask]] = defaultdict(list)
    accepted: dict[str, Ask] = {}
    for ask in contest.answers:
        if ask.item != item:
            continue
        if ask.status == HTTPStatus.CONFLICT:
            refused[ask.version].append(ask)
        else:
            assert ask.reference not in accepted
            accepted[ask.reference] = ask
    model = Model()
    stored: set[str] = set()
    for version in range(last + 1):
        for what, kind, day, quantity, reference in events.pop(version, ()):
            if what == "receipt":
                model.stock += quantity
            elif what == "purchase":
                model.coming[day] += quantity
            elif what == "release":
                model.take(kind, day, -quantity)
            else:
                allowed = model.available(kind, day)
                assert allowed >= quantity, f"{reference}: {quantity} of {allowed}: oversold"
                model.take(kind, day, quantity)
                stored.add(reference)
                judgement.accepted += 1
        for ask in refused.pop(version, ()):
            allowed = model.available(ask.kind, ask.day)
            assert allowed < ask.quantity, f"{ask}: {allowed} could have been given"
            judgement.refused += 1
    assert not events
    assert not refused
    assert stored == set(accepted), "what was answered and what is stored are not the same"
    assert model.available("hard", 0) >= 0


def _events(
    connection: psycopg.Connection[Any], contest: Contest, item: str
) -> tuple[dict[int, list[tuple[str, str, int, Decimal, str]]], int]:
    """What was committed, by the version that it made; and the last version."""
    events: dict[int, list[tuple[str, str, int, Decimal, str]]] = defaultdict(list)
    key = "(SELECT id FROM items WHERE code = %s)"

    def rows(query: str) -> Iterable[tuple[Any, ...]]:
        return connection.execute(query.replace("ITEM", key).encode(), (item,)).fetchall()

    for version, quantity in rows(
        "SELECT head_version, quantity FROM stock_ledger WHERE item_id = ITEM"
    ):
        events[version].append(("receipt", "", 0, quantity, ""))
    for version, closed, kind, need_at, quantity, reference in rows(
        "SELECT head_version, closed_version, kind, need_at, quantity, reference"
        " FROM reservations WHERE item_id = ITEM"
    ):
        day = 0 if kind == "hard" else (need_at - contest.day(0)).days
        events[version].append(("reserve", kind, day, quantity, reference))
        if closed is not None:
            events[closed].append(("release", kind, day, quantity, reference))
    ((last,),) = rows("SELECT version FROM stock_heads WHERE item_id = ITEM")
    # Each makes a version of its own, and gets its id under the item's lock: in the same order.
    purchases = list(
        rows("SELECT due_at, quantity FROM purchase_lines WHERE item_id = ITEM ORDER BY id")
    )
    silent = [version for version in range(1, last + 1) if version not in events]
    assert len(silent) == len(purchases), "a version that nobody accounts for"
    for version, (due_at, quantity) in zip(silent, purchases, strict=True):
        day = (due_at - contest.day(0)).days
        events[version].append(("purchase", "", day, quantity, ""))
    return events, last

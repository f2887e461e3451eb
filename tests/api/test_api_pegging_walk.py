"""Random changes, splits, merges, undoings and counted pieces: the rows are conserved all along."""

from __future__ import annotations

import random
from typing import Any

import httpx
import pytest
from api_client import SITE, Api

from store.roll_up import roll_up

_FAULTS = """
SELECT 'line ' || l.id || ': pegged with ' || sum(p.quantity) || ' of ' || l.quantity
FROM order_lines l JOIN pegs p ON p.order_line_id = l.id WHERE l.state <> 'cancelled'
GROUP BY l.id HAVING sum(p.quantity) <> l.quantity
UNION ALL
SELECT 'work order ' || w.number || ': ' || sum(p.quantity) || ' pegged of ' || w.quantity_ordered
FROM work_orders w JOIN pegs p ON p.work_order_id = w.id GROUP BY w.id
HAVING sum(p.quantity) > w.quantity_ordered
UNION ALL
SELECT 'work order ' || w.number || ': made ' || max(o.good_pieces) || ', told ' ||
       (sum(p.made) FILTER (WHERE l.state <> 'cancelled') + w.to_stock)
FROM work_orders w
JOIN LATERAL (SELECT good_pieces FROM operations WHERE work_order_id = w.id
              ORDER BY number DESC LIMIT 1) o ON true
LEFT JOIN pegs p ON p.work_order_id = w.id
LEFT JOIN order_lines l ON l.id = p.order_line_id
GROUP BY w.id
HAVING coalesce(sum(p.made) FILTER (WHERE l.state <> 'cancelled'), 0) + w.to_stock
       <> max(o.good_pieces)
UNION ALL
SELECT 'peg ' || id || ': made ' || made || ' of ' || quantity FROM pegs WHERE made > quantity
UNION ALL
SELECT 'line ' || l.id || ' has ' || l.good_quantity || ', its pegs ' || sum(p.made)
FROM order_lines l JOIN pegs p ON p.order_line_id = l.id
GROUP BY l.id HAVING sum(p.made) <> l.good_quantity
"""


class Walk:
    """Somebody who does anything that the API lets him do, and a floor that counts meanwhile."""

    def __init__(self, client: httpx.AsyncClient, api: Api, seed: int) -> None:
        self.client = client
        self.api = api
        self.random = random.Random(seed)
        self.done: dict[str, int] = {}

    async def step(self) -> None:
        name, action = self.random.choice(
            [
                ("order", self.order),
                ("split", self.split),
                ("split", self.split),
                ("merge", self.merge),
                ("change", self.change),
                ("change", self.change),
                ("cancel", self.cancel),
                ("count", self.count),
                ("count", self.count),
                ("undo", self.undo),
            ]
        )
        if await action():
            self.done[name] = self.done.get(name, 0) + 1
        async with self.api.context.transaction() as connection:
            rows = await connection.execute("SELECT id FROM work_orders")
            works = [row[0] for row in await rows.fetchall()]
            await roll_up(connection, order_ids=[], work_order_ids=works, now_ms=0)
        assert await self.api.rows(_FAULTS) == [], (name, self.done)

    async def order(self) -> bool:
        lines = [
            {
                "item": "bracket",
                "quantity": self.random.choice([7, 50, "100.5", 300]),
                "due_at": f"2026-12-{self.random.randint(1, 28):02d}T08:00:00Z",
            }
            for _ in range(self.random.randint(1, 2))
        ]
        body = {"site": SITE, "customer": "acme", "release": True, "lines": lines}
        return await self.sent("POST", "/v1/orders", body)

    async def split(self) -> bool:
        work = await self.one("SELECT id FROM work_orders WHERE cancelled_at IS NULL")
        size = self.random.choice([1, 20, "33.25", 120])
        how: dict[str, Any] = self.random.choice(
            [
                {"by": "quantities", "quantities": [size]},
                {"by": "order"},
                {"by": "batch", "batch_max": size},
            ]
        )
        return await self.apply({"action": "split", "work_order": work, **how})

    async def merge(self) -> bool:
        work = await self.one("SELECT id FROM work_orders WHERE cancelled_at IS NULL")
        alike = (await self.client.get(f"/v1/work-orders/{work}/pegs")).json()["alike"]
        chosen = self.random.sample(alike, min(2, len(alike)))
        return bool(chosen) and await self.apply(
            {"action": "merge", "work_orders": [work, *chosen]}
        )

    async def apply(self, wish: dict[str, Any]) -> bool:
        preview = await self.client.post("/v1/work-orders/preview", json={"wish": wish})
        assert preview.status_code in (200, 409), preview.text
        if preview.status_code == 409:
            return False
        body = {"wish": wish, "token": preview.json()["token"]}
        return await self.sent("POST", "/v1/work-orders/apply", body)

    async def change(self) -> bool:
        line = await self.one(
            "SELECT id FROM order_lines WHERE state NOT IN ('cancelled', 'produced')"
        )
        [(number, version, position)] = await self.api.rows(
            "SELECT o.number, o.version, l.number FROM order_lines l"
            " JOIN orders o ON o.id = l.order_id WHERE l.id = %s",
            line,
        )
        quantity = self.random.choice([1, 40, "77.75", 150, 400])
        change = {"version": version, "lines": [{"number": position, "quantity": quantity}]}
        return await self.sent("PATCH", f"/v1/orders/{number}", change)

    async def cancel(self) -> bool:
        order = await self.one("SELECT id FROM orders WHERE state NOT IN ('cancelled', 'produced')")
        [(number,)] = await self.api.rows("SELECT number FROM orders WHERE id = %s", order)
        running = self.random.choice(["stop", "to_stock"])
        await self.client.put(f"/v1/sites/{SITE}/work-order-policy", json={"running": running})
        return await self.sent("POST", f"/v1/orders/{number}/cancel", {"reason": "no need"})

    async def count(self) -> bool:
        work = await self.one("SELECT id FROM work_orders WHERE cancelled_at IS NULL")
        [(first, last)] = await self.api.rows(
            "SELECT max(good_pieces) FILTER (WHERE number = 10)::int,"
            " max(good_pieces) FILTER (WHERE number = 20)::int"
            " FROM operations WHERE work_order_id = %s",
            work,
        )
        first += self.random.randint(0, 60)
        last = min(first, last + self.random.randint(-5, 60))
        for number, good in ((10, first), (20, max(last, 0))):
            await self.api.rows(
                "UPDATE operations SET good_pieces = %s, runs = 1, state = 'running'"
                " WHERE work_order_id = %s AND number = %s",
                good,
                work,
                number,
            )
        return True

    async def undo(self) -> bool:
        done = await self.one("SELECT id FROM rearrangements WHERE undone_at IS NULL")
        return await self.sent("POST", f"/v1/rearrangements/{done}/undo", None)

    async def one(self, query: str) -> int:
        found = await self.api.rows(f"{query} ORDER BY id")
        return self.random.choice(found)[0] if found else 1

    async def sent(self, method: str, path: str, body: dict[str, Any] | None) -> bool:
        answer = await self.client.request(method, path, json=body)
        assert answer.status_code in (200, 201, 404, 409), (path, body, answer.text)
        return answer.is_success


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_happens_no_piece_is_lost_or_promised_twice(
    plant: httpx.AsyncClient, api: Api, seed: int
) -> None:
    walk = Walk(plant, api, seed)
    for _ in range(3):
        await walk.order()
    for _ in range(40):
        await walk.step()
    assert walk.done.keys() >= {"order", "split", "merge", "change", "count"}

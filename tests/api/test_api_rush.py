"""A rush order by its price: asked about, taken, and planned by the planner on a real database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from api_client import SITE, Api
from planned import store_plan
from what_if_planner import thinking

from domain.access import Role
from runtime import tasks
from scheduler.worker import PlanningWorker

PATIENCE_S = 90.0
MINUTE = timedelta(minutes=1)


def later(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).replace(microsecond=0).isoformat()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def released(client: httpx.AsyncClient, quantity: int, due: str, **order: Any) -> str:
    line = {"item": "bracket", "quantity": quantity, "due_at": due}
    body = {"site": SITE, "customer": "acme", "release": True, "lines": [line], **order}
    answer = await client.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    number: str = answer.json()["number"]
    return number


async def priced(client: httpx.AsyncClient, **wish: Any) -> dict[str, Any]:
    answer = await client.post(f"/v1/planning/{SITE}/rush-price", json=wish)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def at(price: dict[str, Any], order: str, **wish: Any) -> dict[str, Any]:
    """The body that takes an order at a price."""
    rushed = price["rushed"]
    return {"order": order, "plan_number": price["plan_number"], "end": rushed["end"],
            "cost": rushed["cost"], **wish}  # fmt: skip


async def plan_after(client: httpx.AsyncClient, number: int) -> dict[str, Any]:
    """The plan in force as soon as it is a newer one."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        told = (await client.get(f"/v1/planning/{SITE}")).json()
        if told["published"]["number"] > number and not told["open_disruptions"]:
            plan: dict[str, Any] = (await client.get(f"/v1/plans/{told['published']['id']}")).json()
            return plan
        await asyncio.sleep(0.1)
    raise AssertionError(told["open_disruptions"], told["published"]["number"])


@pytest.fixture
async def planner(plant: httpx.AsyncClient, api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who answers; nothing is frozen, and improving ends soon."""
    policy = {"frozen_ms": 0, "improve_ms": 500, "debounce_ms": 0}
    answer = await plant.put(f"/v1/planning/{SITE}/policy", json=policy)
    assert answer.status_code == 200, answer.text
    async with thinking(api):
        yield plant


@pytest.fixture
async def orders(planner: httpx.AsyncClient, api: Api) -> list[str]:
    """Three orders behind each other in the plan in force; the last one is to become a rush."""
    made = [
        await released(planner, 600, later(1)),
        await released(planner, 3_000, later(2)),
        await released(planner, 600, later(3)),
    ]
    await store_plan(api)
    return made


@pytest.fixture
async def worker(api: Api, database_url: str) -> AsyncIterator[PlanningWorker]:
    """The planner itself."""
    made = PlanningWorker(
        pool=api.context.pool,
        log=api.context.log,
        url=database_url,
        clock=api.context.clock,
        workers=1,
    )
    task = asyncio.create_task(made.run())
    yield made
    await tasks.end([task], within_s=10.0)


class TestTaking:
    async def test_the_plan_keeps_the_price_that_was_told_or_is_better(
        self, planner: httpx.AsyncClient, api: Api, orders: list[str], worker: PlanningWorker
    ) -> None:
        assert worker is not None
        before = (await planner.get(f"/v1/planning/{SITE}")).json()["published"]["number"]
        wish = {"priority": 9, "due": later(0.5)}
        price = await priced(planner, order=orders[2], **wish)
        assert moment(price["rushed"]["end"]) < moment(price["waiting"]["end"])
        sales = await api.as_role(Role.SALES)
        answer = await sales.post(
            f"/v1/planning/{SITE}/rush-orders", json=at(price, orders[2], **wish)
        )
        assert answer.status_code == 200, answer.text
        asked = await planner.post(f"/v1/planning/{SITE}/replan", json={"reason": "rush"})
        assert asked.status_code == 202, asked.text
        plan = await plan_after(planner, before)
        ends = {one["order"]: moment(one["end"]) for one in plan["orders"]}
        # What has passed since it was told is all that it may be later.
        passed = moment(plan["as_of"]) - moment(price["as_of"])
        assert ends[orders[2]] <= moment(price["rushed"]["end"]) + passed + MINUTE

    async def test_the_price_stands_in_the_orders_history(
        self, planner: httpx.AsyncClient, api: Api, orders: list[str]
    ) -> None:
        price = await priced(planner, order=orders[2], priority=9)
        body = at(price, orders[2], priority=9)
        answer = await planner.post(f"/v1/planning/{SITE}/rush-orders", json=body)
        assert answer.status_code == 200, answer.text
        assert (await planner.get(f"/v1/orders/{orders[2]}")).json()["priority"] == 9
        [(actor, before, after)] = await api.rows(
            "SELECT a.actor, a.before, a.after FROM audit_log a JOIN orders o ON o.id = a.order_id"
            " WHERE a.action = 'RushAccepted' AND o.number = %s",
            orders[2],
        )
        assert (actor, before["cost"]) == ("token a-admin", price["rushed"]["cost"])
        assert [one["order"] for one in after["price"]["later"]] == [
            one["order"] for one in price["rushed"]["later"]
        ]
        timeline = (await planner.get(f"/v1/orders/{orders[2]}/timeline")).json()
        assert "RushAccepted" in str(timeline)

    async def test_a_wish_for_an_earlier_date_is_the_orders_date_from_then_on(
        self, planner: httpx.AsyncClient, orders: list[str]
    ) -> None:
        due = later(0.5)
        price = await priced(planner, order=orders[2], priority=9, due=due)
        body = at(price, orders[2], priority=9, due=due)
        answer = await planner.post(f"/v1/planning/{SITE}/rush-orders", json=body)
        assert answer.status_code == 200, answer.text
        [line] = (await planner.get(f"/v1/orders/{orders[2]}")).json()["lines"]
        assert moment(line["due"]) == moment(due)

    async def test_by_another_plan_a_dearer_price_is_told_and_nothing_is_done(
        self, planner: httpx.AsyncClient, api: Api, orders: list[str]
    ) -> None:
        price = await priced(planner, order=orders[2], priority=9)
        await store_plan(api)
        cheaper = at(price, orders[2], priority=9)
        cheaper["end"] = (moment(price["rushed"]["end"]) - 30 * MINUTE).isoformat()
        answer = await planner.post(f"/v1/planning/{SITE}/rush-orders", json=cheaper)
        assert (answer.status_code, answer.json()["code"]) == (409, "price-changed")
        assert answer.json()["params"]["order"] == orders[2]
        assert (await planner.get(f"/v1/orders/{orders[2]}")).json()["priority"] == 0
        # As dear as it was told, it is taken by the other plan as well.
        again = await priced(planner, order=orders[2], priority=9)
        body = at(again, orders[2], priority=9)
        answer = await planner.post(f"/v1/planning/{SITE}/rush-orders", json=body)
        assert answer.status_code == 200, answer.text

    async def test_there_has_to_be_such_an_order(
        self, planner: httpx.AsyncClient, orders: list[str]
    ) -> None:
        price = await priced(planner, order=orders[2], priority=9)
        body = at(price, "SO-none", priority=9)
        answer = await planner.post(f"/v1/planning/{SITE}/rush-orders", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "order"

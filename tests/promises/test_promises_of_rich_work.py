"""Promises of work that needs people, an oven, transfer batches, or parts that could be waited for.

Hand-computed; planner and API in one process, on a real database and Redis.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from api_client import Api
from planned import store_plan

SITE = "plant-1"
SAW = f"{SITE}/hall/line1/saw"
PRESS = f"{SITE}/hall/line1/press"
OVEN = f"{SITE}/hall/line1/oven"
PATIENCE_S = 60.0


async def put(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    answer = await client.put(path, json=body)
    assert answer.is_success, answer.text


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.is_success, answer.text
    told: dict[str, Any] = answer.json()
    return told


def step(number: int, machine: str, minutes: float, **more: Any) -> dict[str, Any]:
    cycle_ms = round(minutes * 60_000)
    return {"number": number, "name": "Step", "machine": machine, "cycle_ms": cycle_ms, **more}


async def master(client: httpx.AsyncClient, **records: Any) -> None:
    await post(client, "/v1/master-data", records)


async def routing(client: httpx.AsyncClient, item: str, *steps: dict[str, Any]) -> None:
    await master(
        client,
        routings=[{"item": item, "site": SITE, "version": "1", "steps": list(steps)}],
    )


@pytest.fixture
async def sales(api: Api, planner: dict[str, float]) -> httpx.AsyncClient:
    """A plant with a saw, a press, an oven of ten pieces, and one welder."""
    client = await api.as_role()
    await put(client, f"/v1/sites/{SITE}", {"name": "Plant 1"})
    for machine in (SAW, PRESS, OVEN):
        await put(client, f"/v1/machines/{machine}", {"name": "M"})
    await put(client, "/v1/customers/acme", {"name": "Acme"})
    for item in ("frame", "panel", "table", "tube"):
        await put(client, f"/v1/items/{item}", {"name": item})
    await api.rows("UPDATE machines SET batch_capacity = 10 WHERE path = %s", OVEN)
    crew = {"site": SITE, "code": "li", "name": "Li", "kind": "operator", "skills": ["welder"]}
    await master(client, resources=[crew])
    assert planner == {}
    return client


async def order(client: httpx.AsyncClient, item: str, quantity: int) -> None:
    line = {"item": item, "quantity": quantity}
    made = await post(
        client, "/v1/orders", {"site": SITE, "customer": "acme", "release": True, "lines": [line]}
    )
    assert made["lines"][0]["state"] == "released", made


async def ask(client: httpx.AsyncClient, item: str, quantity: int, **more: Any) -> dict[str, Any]:
    """The answer as soon as a planner gives it; the work is released at once."""
    line = {"item": item, "quantity": quantity}
    question = {"site": SITE, "lines": [line], "release_within_minutes": 0, **more}
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        told = await post(client, "/v1/promises", question)
        if told["basis_because"] is None or told["basis_because"]["code"] != "no_planner":
            return told
        await asyncio.sleep(0.05)
    raise AssertionError(told)


def after(answer: dict[str, Any], at: str | None = None) -> Any:
    """Minutes from the moment of asking, by the plan; the planner's clock is a little later."""
    if at is None:
        assert answer["basis"] == "plan", answer["basis_because"]
        at = answer["without_harm"]
    assert at is not None
    moment = datetime.fromisoformat(at) - datetime.fromisoformat(answer["as_of"])
    return moment.total_seconds() / 60


def about(minutes: float) -> Any:
    return pytest.approx(minutes, abs=1.0)


async def purchase(client: httpx.AsyncClient, item: str, quantity: int, minutes: float) -> None:
    due = datetime.now(UTC) + timedelta(minutes=minutes)
    line = {"item": item, "quantity": quantity, "due_at": due.isoformat()}
    await post(client, "/v1/purchases", {"site": SITE, "number": f"PO-{item}", "lines": [line]})


async def test_who_welds_elsewhere_is_waited_for(api: Api, sales: httpx.AsyncClient) -> None:
    await routing(sales, "frame", step(10, SAW, 1, needs=["welder"]))
    await routing(sales, "panel", step(10, PRESS, 1, needs=["welder"]))
    await routing(sales, "table", step(10, PRESS, 1))
    await order(sales, "frame", 60)
    await store_plan(api)
    answer = await ask(sales, "panel", 10)
    assert after(answer) == about(70)
    [binding] = answer["lines"][0]["bindings"]
    assert (binding["kind"], binding["what"]) == ("resource", "welder")
    # The press itself is idle.
    assert after(await ask(sales, "table", 10)) == about(10)


async def test_one_of_two_is_away(api: Api, sales: httpx.AsyncClient) -> None:
    crew = {
        "site": SITE, "code": "li", "name": "Li", "kind": "operator",
        "skills": ["welder"], "quantity": 2,
    }  # fmt: skip
    await master(sales, resources=[crew])
    await routing(sales, "frame", step(10, SAW, 1, needs=["welder"]))
    await routing(sales, "panel", step(10, PRESS, 1, needs=["welder"]))
    await order(sales, "frame", 60)
    await store_plan(api)
    assert after(await ask(sales, "panel", 10)) == about(10)
    [[resource]] = await api.rows("SELECT id FROM resources")
    until = datetime.now(UTC) + timedelta(minutes=30)
    away = {"ends_at": until.isoformat(), "reason": "training", "quantity": 1}
    await post(sales, f"/v1/resources/{resource}/absences", away)
    assert after(await ask(sales, "panel", 10)) == about(40)


async def test_it_goes_into_the_oven_with_others(api: Api, sales: httpx.AsyncClient) -> None:
    await routing(sales, "frame", step(10, SAW, 5), step(20, OVEN, 60, batch_family="hot"))
    await routing(sales, "panel", step(10, OVEN, 60, batch_family="hot"))
    await routing(sales, "table", step(10, OVEN, 60, batch_family="cold"))
    await order(sales, "frame", 6)
    await store_plan(api)
    # Frames are baked from the 30th to the 90th minute; that leaves room for four.
    assert after(await ask(sales, "panel", 4)) == about(90)
    assert after(await ask(sales, "panel", 5)) == about(150)
    assert after(await ask(sales, "table", 4)) == about(150)
    # Eleven are two loads.
    assert after(await ask(sales, "table", 11)) == about(210)


async def test_pieces_are_handed_on_by_batches(sales: httpx.AsyncClient) -> None:
    await routing(sales, "table", step(10, SAW, 1, transfer_batch=10), step(20, PRESS, 1))
    assert after(await ask(sales, "table", 60)) == about(70)


class TestWaitOrMake:
    async def test_what_comes_sooner_is_waited_for(
        self, api: Api, sales: httpx.AsyncClient
    ) -> None:
        await routing(sales, "frame", step(10, SAW, 1))
        await routing(sales, "table", step(10, SAW, 1))
        await order(sales, "table", 240)
        await store_plan(api)
        await purchase(sales, "frame", 20, 120)
        answer = await ask(sales, "frame", 10)
        [line] = answer["lines"]
        assert (line["way"], line["from_stock"]) == ("wait", 10)
        assert after(answer, line["promised_at"]) == about(120)
        [choice] = line["choices"]
        assert choice["chosen"] == "wait"
        assert "frame is not made" in choice["reason"]

    async def test_what_is_made_sooner_is_made(self, sales: httpx.AsyncClient) -> None:
        await routing(sales, "frame", step(10, SAW, 1))
        await purchase(sales, "frame", 20, 120)
        answer = await ask(sales, "frame", 10)
        [line] = answer["lines"]
        assert (line["way"], line["to_make"]) == ("make", 10)
        assert after(answer) == about(10)
        [choice] = line["choices"]
        assert (choice["chosen"], choice["otherwise"]) == ("make", "wait")
        assert "frame is made" in choice["reason"]

    async def test_the_plan_decides_where_the_coarse_rule_is_wrong(
        self, api: Api, sales: httpx.AsyncClient
    ) -> None:
        """By its machine alone the frame could be made at once; but nobody is there to do it."""
        await routing(sales, "frame", step(10, SAW, 1, needs=["welder"]))
        await routing(sales, "panel", step(10, PRESS, 1, needs=["welder"]))
        await order(sales, "panel", 240)
        await store_plan(api)
        await purchase(sales, "frame", 20, 60)
        answer = await ask(sales, "frame", 10)
        assert answer["basis"] == "plan"
        assert answer["lines"][0]["way"] == "wait"
        assert after(answer, answer["promised_at"]) == about(60)

    @pytest.mark.parametrize(("comes", "ready", "chosen"), [(15, 25, "wait"), (50, 40, "make")])
    async def test_parts_are_waited_for_or_made(
        self, sales: httpx.AsyncClient, comes: int, ready: int, chosen: str
    ) -> None:
        """Ten tables of three frames each: thirty minutes of sawing, or a purchase."""
        await routing(sales, "frame", step(10, SAW, 1))
        await routing(sales, "table", step(10, PRESS, 1))
        lines = [{"component": "frame", "quantity": 3}]
        await master(sales, bills=[{"item": "table", "version": "1", "lines": lines}])
        await purchase(sales, "frame", 30, comes)
        answer = await ask(sales, "table", 10)
        assert after(answer) == about(ready)
        [choice] = answer["lines"][0]["choices"]
        assert (choice["item"], choice["chosen"]) == ("frame", chosen)


async def test_a_part_is_needed_at_the_step_that_the_bill_names(sales: httpx.AsyncClient) -> None:
    """The tube comes in an hour; sawing for thirty minutes does not wait for it."""
    await routing(sales, "table", step(10, SAW, 3), step(20, PRESS, 1))
    await purchase(sales, "tube", 10, 60)
    for where, ready in (({}, 60 + 30 + 10), ({"step": 20}, 60 + 10)):
        lines = [{"component": "tube", "quantity": 1, **where}]
        await master(sales, bills=[{"item": "table", "version": "1", "lines": lines}])
        assert after(await ask(sales, "table", 10)) == about(ready)

"""A date by the plan, ordered, released and planned; and what is said while no planner is there."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from service_stack import PATIENCE_S, ServiceStack

SITE = "plant-1"
MACHINES = tuple(f"{SITE}/hall/line1/m{number}" for number in range(1, 5))
RED, BLUE = "red", "blue"
_OPEN = timedelta(hours=1)
"""So long after now the plant begins to work: until then nothing drifts with the clock."""


async def put(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    end = time.monotonic() + PATIENCE_S
    answer = await client.put(path, json=body)
    while answer.status_code == 503 and time.monotonic() < end:  # its topics are being made
        await asyncio.sleep(0.2)
        answer = await client.put(path, json=body)
    assert answer.is_success, answer.text


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> Any:
    answer = await client.post(path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def build(client: httpx.AsyncClient, chance: random.Random) -> None:
    """A plant that begins in an hour, with four machines, families, and items of a few steps."""
    await put(client, f"/v1/sites/{SITE}", {"name": "Plant", "time_zone": "UTC"})
    for position, machine in enumerate(MACHINES):
        await put(client, f"/v1/machines/{machine}", {"name": machine[-2:], "position": position})
        setups = [
            {"from_family": one, "to_family": two, "setup_ms": chance.choice((3, 9)) * 60_000}
            for one, two in ((RED, BLUE), (BLUE, RED))
        ]
        await put(client, f"/v1/machines/{machine}/setups", {"setups": setups})
    await put(client, "/v1/customers/acme", {"name": "Acme"})
    for number in range(4):
        await put(client, f"/v1/items/part-{number}", item(chance, number))
    closed = {
        "starts_at": (datetime.now(UTC) - timedelta(days=1)).isoformat(),
        "ends_at": (datetime.now(UTC) + _OPEN).isoformat(),
        "working": False,
        "reason": "not open yet",
    }
    await put(client, f"/v1/sites/{SITE}/calendar", {"working_times": [], "exceptions": [closed]})


def item(chance: random.Random, number: int) -> dict[str, Any]:
    steps = []
    for step in range(chance.randint(1, 3)):
        first, *others = chance.sample(MACHINES, chance.randint(1, 3))
        way = {"cycle_ms": chance.randint(20, 90) * 1_000, "setup_ms": 120_000}
        steps.append(
            {
                "number": 10 * (step + 1),
                "name": f"Step {step}",
                "machine": first,
                **way,
                "alternatives": [{"machine": each, **way} for each in others],
            }
        )
    return {
        "name": f"Part {number}",
        "setup_family": chance.choice((RED, BLUE)),
        "routings": [{"site": SITE, "steps": steps}],
    }


async def order(
    client: httpx.AsyncClient, item: str, quantity: int, due: datetime, **more: Any
) -> str:
    made = await post(
        client,
        "/v1/orders",
        {
            "site": SITE,
            "customer": "acme",
            "release": True,
            "lines": [{"item": item, "quantity": quantity, "due_at": due.isoformat()}],
            **more,
        },
    )
    assert made["lines"][0]["state"] == "released", made
    return str(made["number"])


async def load(client: httpx.AsyncClient, chance: random.Random, orders: int) -> list[str]:
    opens = datetime.now(UTC) + _OPEN
    return [
        await order(
            client,
            f"part-{chance.randrange(4)}",
            chance.randint(5, 60),
            opens + timedelta(minutes=chance.randint(60, 900)),
        )
        for _ in range(orders)
    ]


async def plan_of(client: httpx.AsyncClient, orders: list[str]) -> dict[str, Any]:
    """The plan in force, once it holds all these orders and nothing is open any more."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        scope = (await client.get(f"/v1/planning/{SITE}")).json()
        published = scope["published"]
        if published is not None and not scope["open_disruptions"]:
            plan: dict[str, Any] = (await client.get(f"/v1/plans/{published['id']}")).json()
            if set(orders) <= {each["order"] for each in plan["orders"]}:
                return plan
        await asyncio.sleep(0.1)
    raise AssertionError(f"no plan of {orders}: {scope}")


def tardiness(plan: dict[str, Any]) -> dict[str, float]:
    return {each["order"]: max(each["lateness_minutes"] or 0, 0) for each in plan["orders"]}


async def promised(client: httpx.AsyncClient, **question: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await post(client, "/v1/promises", question)
    return answer


async def by_plan(client: httpx.AsyncClient, **question: Any) -> dict[str, Any]:
    """The answer once a planner gives it."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        answer = await promised(client, **question)
        if answer["basis"] == "plan" and not answer["plan"]["pending"]:
            return answer
        await asyncio.sleep(0.1)
    raise AssertionError(f"no promise by plan: {answer}")


@pytest.fixture
def planning(stack: ServiceStack) -> ServiceStack:
    for service in ("streams", "scheduler"):
        stack.start(service)
    return stack


@pytest.mark.parametrize("seed", range(2))
async def test_a_promise_is_kept_by_the_plan_that_follows_and_nobody_is_later(
    planning: ServiceStack, seed: int
) -> None:
    chance = random.Random(seed)
    async with planning.api() as client:
        await build(client, chance)
        orders = await load(client, chance, 12)
        before = await plan_of(client, orders)
        for _ in range(3):
            part, quantity = f"part-{chance.randrange(4)}", chance.randint(5, 40)
            line = {"item": part, "quantity": quantity}
            answer = await by_plan(client, site=SITE, lines=[line])
            assert answer["plan"]["number"] == before["number"]
            assert answer["without_harm"] == answer["promised_at"]
            date = datetime.fromisoformat(answer["without_harm"])
            new = await order(client, part, quantity, date)
            orders.append(new)
            after = await plan_of(client, orders)
            late = tardiness(after)
            assert late.pop(new) == 0, (answer, after)
            assert late == {name: min(late[name], by) for name, by in tardiness(before).items()}
            before = after


async def test_an_earlier_date_names_who_would_be_later(planning: ServiceStack) -> None:
    chance = random.Random(7)
    async with planning.api() as client:
        await build(client, chance)
        orders = await load(client, chance, 12)
        plan = await plan_of(client, orders)
        for number in range(4):
            answer = await by_plan(
                client, site=SITE, lines=[{"item": f"part-{number}", "quantity": 30}]
            )
            sooner = answer["with_cost"]
            if sooner is not None:
                break
        assert sooner is not None, answer
        assert sooner["at"] < answer["without_harm"]
        assert sooner["priority"] == 8
        assert sooner["cost"] > 0
        assert {each["order"] for each in sooner["later"]} <= set(orders)
        assert all(each["minutes"] > 0 for each in sooner["later"])
        assert plan["orders"]


async def test_without_a_planner_the_coarse_rule_answers_and_says_so(
    stack: ServiceStack,
) -> None:
    question = {"site": SITE, "lines": [{"item": "part-1", "quantity": 10}]}
    async with stack.api() as client:
        await build(client, random.Random(1))
        coarse = await promised(client, **question)
        assert coarse["basis"] == "capacity"
        assert coarse["basis_because"]["code"] == "no_planner"
        assert coarse["promised_at"] is not None
        assert (coarse["without_harm"], coarse["with_cost"], coarse["plan"]) == (None, None, None)


async def test_a_killed_planner_is_stood_in_for_and_then_replaced(planning: ServiceStack) -> None:
    question = {"site": SITE, "lines": [{"item": "part-1", "quantity": 10}]}
    async with planning.api() as client:
        await build(client, random.Random(2))
        first = await by_plan(client, **question)
        planning.kill("scheduler")
        coarse = await promised(client, **question)
        assert coarse["basis"] == "capacity"
        assert coarse["basis_because"]["code"] in {"no_planner", "no_answer"}
        assert coarse["promised_at"] is not None
        planning.start("scheduler")
        again = await by_plan(client, **question)
        assert again["without_harm"] >= first["without_harm"]


async def test_the_second_planner_takes_over(planning: ServiceStack) -> None:
    question = {"site": SITE, "lines": [{"item": "part-1", "quantity": 10}]}
    async with planning.api() as client:
        await build(client, random.Random(3))
        await by_plan(client, **question)
        first = planning.processes.pop("scheduler")
        planning.start("scheduler")
        await by_plan(client, **question)
        first.kill()
        first.wait(20)
        await by_plan(client, **question)


async def test_what_is_on_stock_needs_no_plan(stack: ServiceStack) -> None:
    async with stack.api() as client:
        await build(client, random.Random(4))
        await post(
            client,
            "/v1/stock/receipts",
            {"site": SITE, "lines": [{"item": "part-0", "quantity": 20}]},
        )
        answer = await promised(client, site=SITE, lines=[{"item": "part-0", "quantity": 5}])
        assert (answer["basis"], answer["basis_because"]) == ("stock", None)
        assert answer["without_harm"] == answer["promised_at"]

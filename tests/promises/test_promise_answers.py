"""What `POST /v1/promises` says by the plan, hand-computed; planner and API in one process."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from api_client import Api
from planned import breakdown, store_plan

from domain.access import Role

SITE = "plant-1"
SAW = f"{SITE}/hall/line1/saw"
PRESS = f"{SITE}/hall/line1/press"
PATIENCE_S = 60.0
NOT_YET = 15
"""Minutes: so long after the question nothing begins by default."""


async def put(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    answer = await client.put(path, json=body)
    assert answer.is_success, answer.text


def made(*steps: tuple[str, int]) -> dict[str, Any]:
    """An item with steps on machines, minutes a piece."""
    return {
        "name": "Item",
        "routings": [
            {
                "site": SITE,
                "steps": [
                    {
                        "number": 10 * number,
                        "name": "Step",
                        "machine": machine,
                        "cycle_ms": minutes * 60_000,
                    }
                    for number, (machine, minutes) in enumerate(steps, 1)
                ],
            }
        ],
    }


@pytest.fixture
async def sales(api: Api, planner: dict[str, float]) -> httpx.AsyncClient:
    """An admin at a plant with a saw and a press, and items that are made on them."""
    client = await api.as_role()
    await put(client, f"/v1/sites/{SITE}", {"name": "Plant 1"})
    for machine in (SAW, PRESS):
        await put(client, f"/v1/machines/{machine}", {"name": "M"})
    await put(client, "/v1/customers/acme", {"name": "Acme"})
    await put(client, "/v1/items/frame", made((SAW, 1)))
    await put(client, "/v1/items/table", made((SAW, 1), (PRESS, 2)))
    assert planner == {}
    return client


async def order(client: httpx.AsyncClient, quantity: int, **more: Any) -> str:
    line = {"item": "frame", "quantity": quantity, **more.pop("line", {})}
    body = {"site": SITE, "customer": "acme", "release": True, "lines": [line], **more}
    answer = await client.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["number"])


async def ask(
    client: httpx.AsyncClient, item: str = "frame", quantity: int = 10, **more: Any
) -> dict[str, Any]:
    """The answer by the plan: as soon as somebody answers."""
    line = {"item": item, "quantity": quantity, **more.pop("line", {})}
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        answer = await client.post("/v1/promises", json={"site": SITE, "lines": [line], **more})
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json()
        if told["basis_because"] is None or told["basis_because"]["code"] != "no_planner":
            return told
        await asyncio.sleep(0.05)
    raise AssertionError(told)


def after(answer: dict[str, Any], at: str | None) -> float:
    """Minutes from the moment of asking."""
    assert at is not None
    asked = datetime.fromisoformat(answer["as_of"])
    return (datetime.fromisoformat(at) - asked).total_seconds() / 60


def about(minutes: float) -> Any:
    """The planner's clock is some seconds after the question's."""
    return pytest.approx(minutes, abs=1.0)


async def test_an_idle_plant_promises_the_work_itself(sales: httpx.AsyncClient) -> None:
    answer = await ask(sales, "table", 10)
    assert (answer["basis"], answer["basis_because"], answer["with_cost"]) == ("plan", None, None)
    assert answer["plan"] == {**answer["plan"], "scope": SITE, "number": None, "pending": False}
    assert after(answer, answer["valid_until"]) == about(NOT_YET)
    assert after(answer, answer["without_harm"]) == about(NOT_YET + 30)
    assert answer["promised_at"] == answer["without_harm"]
    assert answer["lines"][0]["bindings"][0]["kind"] == "work"


async def test_it_waits_for_what_is_planned_and_says_for_which_machine(
    api: Api, sales: httpx.AsyncClient
) -> None:
    await order(sales, 120)
    plan = await store_plan(api)
    answer = await ask(sales, quantity=10, release_within_minutes=0)
    assert answer["plan"]["number"] == plan.number
    assert after(answer, answer["without_harm"]) == about(130)
    [binding] = answer["lines"][0]["bindings"]
    assert (binding["kind"], binding["what"]) == ("machine", SAW)
    assert after(answer, binding["until"]) == about(120)


async def test_a_rush_order_would_put_others_off(api: Api, sales: httpx.AsyncClient) -> None:
    """What starts within the frozen ten minutes stays; the second order would wait."""
    due = (datetime.now(UTC) + timedelta(minutes=100)).isoformat()
    first = await order(sales, 60, line={"due_at": due})
    second = await order(sales, 40, line={"due_at": due})
    await store_plan(api)
    answer = await ask(sales, quantity=10, release_within_minutes=0)
    assert after(answer, answer["without_harm"]) == about(110)
    sooner = answer["with_cost"]
    assert after(answer, sooner["at"]) == about(70)
    assert sooner["priority"] == 8
    assert sooner["cost"] >= 20 * 9
    [later] = sooner["later"]
    assert later == {**later, "order": second, "minutes": 10}
    assert later["late_minutes"] in (10, 11)
    assert first != second
    # In time without: nobody has to pay.
    late = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
    assert (await ask(sales, line={"due": late}))["with_cost"] is None
    # No rush: it may displace nobody.
    assert (await ask(sales, priority=0))["with_cost"] is None


async def test_whose_work_it_is_is_told_to_those_only_who_see_the_scope(
    api: Api, sales: httpx.AsyncClient
) -> None:
    await put(sales, "/v1/sites/plant-2", {"name": "Plant 2", "planning_scope": "both"})
    await put(sales, f"/v1/sites/{SITE}", {"name": "Plant 1", "planning_scope": "both"})
    await order(sales, 60)
    await order(sales, 60)
    await store_plan(api, scope="both")
    end = time.monotonic() + PATIENCE_S
    while (await ask(sales, release_within_minutes=0))["with_cost"] is None:
        assert time.monotonic() < end
        await asyncio.sleep(0.1)
    here = await api.as_role(Role.SALES, SITE)
    answer = await ask(here, release_within_minutes=0)
    assert (answer["basis"], answer["with_cost"]) == ("plan", None)
    assert answer["without_harm"] is not None


async def test_parts_are_made_before_what_they_are_for(sales: httpx.AsyncClient) -> None:
    """Five tables of two frames each: ten minutes for the frames, then five, then ten."""
    parts = [{"component": "frame", "quantity": 2}]
    bill = {"item": "table", "version": "1", "lines": parts}
    answer = await sales.post(
        "/v1/master-data", json={"bills": [bill]}, headers={"Content-Type": "application/json"}
    )
    assert answer.is_success, answer.text
    promised = await ask(sales, "table", 5, release_within_minutes=0)
    assert promised["basis"] == "plan"
    assert after(promised, promised["without_harm"]) == about(25)


async def test_lines_compete_for_the_machine(sales: httpx.AsyncClient) -> None:
    await ask(sales)
    lines = [{"item": "frame", "quantity": 10}, {"item": "frame", "quantity": 10}]
    answer = (await sales.post("/v1/promises", json={"site": SITE, "lines": lines})).json()
    assert [after(answer, line["promised_at"]) for line in answer["lines"]] == [
        about(NOT_YET + 10),
        about(NOT_YET + 20),
    ]


async def test_another_plan_on_its_way_is_told_and_then_answered_from(
    api: Api, sales: httpx.AsyncClient
) -> None:
    await order(sales, 60)
    first = await store_plan(api)
    assert (await ask(sales))["plan"]["number"] == first.number
    reason = await breakdown(api, SAW)
    pending = await ask(sales)
    assert pending["plan"] == {**pending["plan"], "number": first.number, "pending": True}
    second = await store_plan(api, reasons=[reason])
    answer = await ask(sales)
    assert answer["plan"] == {**answer["plan"], "number": second.number, "pending": False}


async def test_released_work_counts_before_any_plan_has_it(sales: httpx.AsyncClient) -> None:
    before = await ask(sales, release_within_minutes=0)
    assert after(before, before["without_harm"]) == about(10)
    await order(sales, 60)
    answer = await ask(sales, release_within_minutes=0)
    assert answer["plan"]["number"] is None
    assert after(answer, answer["without_harm"]) == about(70)


async def test_what_needs_people_whom_nobody_has_is_not_promised_by_the_plan(
    api: Api, sales: httpx.AsyncClient
) -> None:
    await api.rows("UPDATE routing_version_steps SET needs = '{welder}'")
    answer = await ask(sales)
    assert (answer["basis"], answer["basis_because"]["code"]) == ("capacity", "no_resource")
    assert "step 10 of frame" in answer["basis_because"]["detail"]
    assert answer["promised_at"] is not None
    assert answer["without_harm"] is None


async def test_what_calendars_are_not_told_for_is_not_guessed(sales: httpx.AsyncClient) -> None:
    answer = await ask(sales, quantity=200_000)
    assert (answer["basis"], answer["basis_because"]["code"]) == ("capacity", "too_long")
    assert "90 days" in answer["basis_because"]["detail"]


async def test_pieces_rest_and_are_not_interrupted(api: Api, sales: httpx.AsyncClient) -> None:
    await api.rows("UPDATE routing_version_steps SET wait_ms = 3600000 WHERE number = 10")
    answer = await ask(sales, "table", 10, release_within_minutes=0)
    assert after(answer, answer["without_harm"]) == about(10 + 60 + 20)

"""A released order that is put on hold: what nobody has begun leaves the plan until it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from api_client import MACHINE, SITE, Api
from planned import store_plan

from contracts.streams import ORDERS, OrderEvent, decode_events
from domain.access import Role
from domain.plan.order_changes import OrderChange, order_cause
from domain.plan.policy import Policy
from store.planning.problem import load_problem
from store.planning.standing import order_facts

FAR = "plant-2/cutting/line1/m09"


@pytest.fixture
async def orders(plant: httpx.AsyncClient) -> httpx.AsyncClient:
    """Two released orders of one item; `H-1` and `H-2`."""
    for number in ("H-1", "H-2"):
        await done(plant, "POST", "/v1/orders", {
            "site": SITE, "number": number, "customer": "acme", "release": True,
            "lines": [{"item": "bracket", "quantity": 10}],
        })  # fmt: skip
    return plant


async def done(
    client: httpx.AsyncClient, method: str, path: str, body: Mapping[str, Any] | None = None
) -> Any:
    answer = await client.request(method, path, json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def work_order_of(client: httpx.AsyncClient, order: str) -> str:
    """The number of an order's only work order."""
    told = await done(client, "GET", f"/v1/orders/{order}")
    number: str = told["lines"][0]["work_orders"][0]
    return number


async def planned(api: Api, scope: str = SITE) -> set[tuple[str, int]]:
    """What the planner reads: work orders with their operations' numbers."""
    async with api.context.connection() as connection:
        loaded = await load_problem(connection, scope, now_ms=api.context.clock.now_ms())
    inside = {each.id for each in loaded.problem.operations}
    return {
        (each.work_order, each.number) for id_, each in loaded.operations.items() if id_ in inside
    }


async def flags(client: httpx.AsyncClient, work_order: str) -> list[bool]:
    told = await done(client, "GET", f"/v1/operations?work_order={work_order}")
    return [each["on_hold"] for each in told["items"]]


async def last_cause(api: Api, site: str = SITE) -> str | None:
    """What the newest event of orders at a site means for its plan."""
    events = [
        event
        for record in await api.records(ORDERS)
        for event in decode_events(record)
        if isinstance(event, OrderEvent) and event.site == site
    ]
    newest = max(events, key=lambda event: (event.occurred_ms, event.version))
    async with api.context.connection() as connection:
        facts = (await order_facts(connection, [newest.order_id]))[newest.order_id]
    change = OrderChange(
        name=newest.name,
        order=facts.id,
        work_orders=newest.work_order_ids,
        version=newest.version,
        occurred_ms=newest.occurred_ms,
        released=facts.released,
    )
    cause = order_cause(change, Policy())
    return None if cause is None else f"{newest.name} {cause.kind}"


class TestHeld:
    async def test_what_nobody_has_begun_leaves_the_plan_and_comes_back(
        self, orders: httpx.AsyncClient, api: Api
    ) -> None:
        held, other = await work_order_of(orders, "H-1"), await work_order_of(orders, "H-2")
        both = {(held, 10), (held, 20), (other, 10), (other, 20)}
        assert await planned(api) == both
        await done(orders, "POST", "/v1/orders/H-1/hold", {"reason": "credit limit"})
        assert await planned(api) == {(other, 10), (other, 20)}
        assert await flags(orders, held) == [True, True]
        assert await flags(orders, other) == [False, False]
        assert await last_cause(api) == "OrderHeld order_changed"
        plan = await store_plan(api)
        operations = await done(orders, "GET", f"/v1/plans/{plan.id}/operations")
        assert {each["work_order"] for each in operations["items"]} == {other}
        told = await done(orders, "GET", f"/v1/plans/{plan.id}")
        assert {(each["work_order"], each["code"]) for each in told["unplanned"]} == {
            (held, "on_hold")
        }
        await done(orders, "POST", "/v1/orders/H-1/resume", {})
        assert await planned(api) == both
        assert await flags(orders, held) == [False, False]
        assert await last_cause(api) == "OrderResumed order_changed"

    async def test_what_runs_stays_with_a_flag_and_what_follows_it_does_not(
        self, orders: httpx.AsyncClient, api: Api
    ) -> None:
        held = await work_order_of(orders, "H-1")
        await _runs(api, held, 10)
        await store_plan(api)
        await done(orders, "POST", "/v1/orders/H-1/hold", {"reason": "credit limit"})
        assert {each for each in await planned(api) if each[0] == held} == {(held, 10)}
        plan = await store_plan(api)
        operations = (await done(orders, "GET", f"/v1/plans/{plan.id}/operations"))["items"]
        shown = {(each["work_order"], each["operation"]): each for each in operations}
        assert (shown[held, 10]["pin"], shown[held, 10]["on_hold"]) == ("running", True)
        assert (held, 20) not in shown
        # Nobody knows when the rest of it is made.
        told = await done(orders, "GET", f"/v1/plans/{plan.id}")
        assert "H-1" not in {each["order"] for each in told["orders"] if each["end"]}
        assert {each["on_hold"] for each in operations if each["work_order"] != held} == {False}

    async def test_work_that_somebody_else_waits_for_goes_on(
        self, orders: httpx.AsyncClient, api: Api
    ) -> None:
        merged = await _merge(orders, api)
        await done(orders, "POST", "/v1/orders/H-1/hold", {"reason": "credit limit"})
        assert await planned(api) == {(merged, 10), (merged, 20)}
        assert await flags(orders, merged) == [False, False]
        await done(orders, "POST", "/v1/orders/H-2/hold", {"reason": "credit limit"})
        assert await planned(api) == set()
        await done(orders, "POST", "/v1/orders/H-1/resume", {})
        assert await planned(api) == {(merged, 10), (merged, 20)}

    async def test_parts_for_held_work_are_held_with_it(
        self, orders: httpx.AsyncClient, api: Api
    ) -> None:
        part = await done(orders, "POST", "/v1/work-orders", {
            "site": SITE, "number": "PART", "item": "bracket", "quantity_ordered": 10,
            "operations": [{"number": 10, "machine": MACHINE, "cycle_ms": 1000}],
        })  # fmt: skip
        await api.rows(
            "INSERT INTO pegs (demand_work_order_id, work_order_id, quantity)"
            " SELECT w.id, %s, 10 FROM work_orders w WHERE w.number = %s",
            part["id"],
            await work_order_of(orders, "H-1"),
        )
        assert ("PART", 10) in await planned(api)
        await done(orders, "POST", "/v1/orders/H-1/hold", {"reason": "credit limit"})
        assert ("PART", 10) not in await planned(api)
        assert await flags(orders, "PART") == [True]
        await done(orders, "POST", "/v1/orders/H-1/resume", {})
        assert ("PART", 10) in await planned(api)

    async def test_every_site_that_makes_some_of_it_hears_of_it(
        self, orders: httpx.AsyncClient, api: Api
    ) -> None:
        step = {"number": 10, "name": "Saw", "machine": FAR, "cycle_ms": 1000}
        await done(orders, "PUT", "/v1/items/far", {
            "name": "Far", "routings": [
                {"site": "plant-2", "steps": [step]},
                {"site": SITE, "steps": [step | {"machine": MACHINE}]},
            ],
        })  # fmt: skip
        await done(orders, "POST", "/v1/orders", {
            "site": SITE, "number": "H-3", "customer": "acme",
            "lines": [{"item": "far", "quantity": 10}],
        })  # fmt: skip
        await done(orders, "POST", "/v1/orders/H-3/lines/1/site", {"site": "plant-2"})
        await done(orders, "POST", "/v1/orders/H-3/release")
        work_order = await work_order_of(orders, "H-3")
        assert await planned(api, "plant-2") == {(work_order, 10)}
        await done(orders, "POST", "/v1/orders/H-3/hold", {"reason": "credit limit"})
        assert await planned(api, "plant-2") == set()
        assert await last_cause(api, "plant-2") == "OrderHeld order_changed"


class TestReviewListBySite:
    async def test_it_finds_orders_by_the_sites_of_their_lines_too(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        step = {"number": 10, "name": "Saw", "machine": FAR, "cycle_ms": 1000}
        here = {"number": 10, "name": "Saw", "machine": MACHINE, "cycle_ms": 1000}
        await done(plant, "PUT", "/v1/items/both", {
            "name": "Both", "routings": [
                {"site": "plant-2", "steps": [step]}, {"site": SITE, "steps": [here]},
            ],
        })  # fmt: skip
        for number in ("R-1", "R-2"):
            await done(plant, "POST", "/v1/orders", {
                "site": SITE, "number": number, "customer": "acme",
                "lines": [{"item": "both", "quantity": 10}],
            })  # fmt: skip
        await done(plant, "POST", "/v1/orders/R-2/lines/1/site", {"site": "plant-2"})
        await api.rows("UPDATE order_lines SET state = 'under_review'")
        found = await done(plant, "GET", "/v1/review?site=plant-2")
        assert ([each["order"]["number"] for each in found["items"]], found["total"]) == (
            ["R-2"],
            1,
        )
        found = await done(plant, "GET", f"/v1/review?site={SITE}")
        assert [each["order"]["number"] for each in found["items"]] == ["R-1", "R-2"]
        # What somebody may see goes by the order's own site, as everywhere.
        far = await api.as_role(Role.PLANNER, "plant-2")
        assert (await done(far, "GET", "/v1/review"))["items"] == []


async def _runs(api: Api, work_order: str, operation: int) -> None:
    """The floor has begun an operation."""
    ((identity, machine),) = await api.rows(
        "UPDATE operations o SET state = 'running', runs = 1, started_ms = 1 FROM work_orders w"
        " WHERE w.id = o.work_order_id AND w.number = %s AND o.number = %s"
        " RETURNING o.id, o.machine_id",
        work_order,
        operation,
    )
    await api.rows(
        "INSERT INTO machine_states (machine_id, state, state_since_ms, operation_id)"
        " VALUES (%s, 'running', 1, %s) ON CONFLICT (machine_id)"
        " DO UPDATE SET state = 'running', operation_id = excluded.operation_id",
        machine,
        identity,
    )
    await api.rows(
        "INSERT INTO contributions (operation_id, machine_id, good, scrap, runs, named_e,"
        " named_source) VALUES (%s, %s, 0, 0, 1, 1, 'plc')",
        identity,
        machine,
    )


async def _merge(client: httpx.AsyncClient, api: Api) -> str:
    """One work order of those of both orders; answers its number."""
    ids = [identity for (identity,) in await api.rows("SELECT id FROM work_orders ORDER BY id")]
    wish = {"action": "merge", "work_orders": ids}
    preview = await done(client, "POST", "/v1/work-orders/preview", {"wish": wish})
    await done(client, "POST", "/v1/work-orders/apply", {"wish": wish, "token": preview["token"]})
    ((number,),) = await api.rows("SELECT number FROM work_orders WHERE cancelled_at IS NULL")
    return str(number)

"""A stored work order and work that is only asked about become the same operations.

Each of them comes from one routing of the master data: with people, an oven, transfer batches, a
wait, work that is not interrupted, and a part that a later step takes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import httpx
import msgspec
import pytest
from api_client import Api
from planned import store_plan
from what_if_planner import thinking

from domain.inventory.to_make import new_works
from domain.plan.problem import Operation, ReleaseKind
from store.inventory.production import book_production
from store.inventory.promise import Promiser
from store.planning.problem import load_problem
from store.planning.problem_rows import snapshot

SITE = "plant-1"
SAW = f"{SITE}/hall/line1/saw"
PRESS = f"{SITE}/hall/line1/press"
OVEN = f"{SITE}/hall/line1/oven"
MINUTE = 60_000
SPARE_MS = 90 * 24 * 60 * MINUTE
STEPS = [
    {
        "number": 10, "name": "Saw", "machine": SAW, "cycle_ms": 6 * MINUTE, "setup_ms": 5 * MINUTE,
        "alternatives": [{"machine": PRESS, "cycle_ms": 9 * MINUTE}],
        "transfer_batch": 4, "needs": ["welder", "fitter@setup"],
    },
    {"number": 20, "name": "Press", "machine": PRESS, "cycle_ms": 3 * MINUTE, "wait_ms": 7 * MINUTE,
     "interruptible": False},
    {"number": 30, "name": "Bake", "machine": OVEN, "cycle_ms": 60 * MINUTE, "batch_family": "hot",
     "batch_room": 2},
]  # fmt: skip


@pytest.fixture
async def planner(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A plant with all of that, nothing frozen, and somebody who answers what-if questions."""
    client = await api.as_role()
    await put(client, f"/v1/sites/{SITE}", {"name": "Plant 1"})
    for machine in (SAW, PRESS, OVEN):
        await put(client, f"/v1/machines/{machine}", {"name": "M"})
    await put(client, "/v1/customers/acme", {"name": "Acme"})
    for item in ("table", "frame", "tube"):
        await put(client, f"/v1/items/{item}", {"name": item, "setup_family": item})
    await api.rows("UPDATE machines SET batch_capacity = 12 WHERE path = %s", OVEN)
    await put(client, f"/v1/planning/{SITE}/policy", {"frozen_ms": 0})
    crew = [
        {"site": SITE, "code": code, "name": code, "kind": "operator", "skills": skills}
        for code, skills in (("li", ["welder", "fitter"]), ("wu", ["fitter"]))
    ]
    frame = {"number": 10, "name": "Saw", "machine": SAW, "cycle_ms": MINUTE, "needs": ["welder"]}
    records = {
        "resources": crew,
        "routings": [
            {"item": "table", "site": SITE, "version": "1", "steps": STEPS},
            {"item": "frame", "site": SITE, "version": "1", "steps": [frame]},
        ],
        "bills": [
            {
                "item": "table",
                "version": "1",
                "lines": [{"component": "tube", "quantity": 1, "step": 20}],
            }
        ],
    }
    answer = await client.post("/v1/master-data", json=records)
    assert answer.is_success, answer.text
    async with thinking(api):
        yield client


async def put(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    answer = await client.put(path, json=body)
    assert answer.is_success, answer.text


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.is_success, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def release(client: httpx.AsyncClient, item: str, quantity: int, **order: Any) -> str:
    line = {"item": item, "quantity": quantity}
    body = {"site": SITE, "customer": "acme", "release": True, "lines": [line], **order}
    made = await post(client, "/v1/orders", body)
    assert made["lines"][0]["state"] == "released", made
    return str(made["number"])


async def tube(client: httpx.AsyncClient, minutes: float) -> datetime:
    due = datetime.now(UTC) + timedelta(minutes=minutes)
    line = {"item": "tube", "quantity": 100, "due_at": due.isoformat()}
    await post(client, "/v1/purchases", {"site": SITE, "number": "PO-1", "lines": [line]})
    return due


def like(operation: Operation, first: int) -> Operation:
    """The operation as if its work's first one were this, and of no job."""
    own = operation.id - first
    after = tuple(
        msgspec.structs.replace(link, operation=link.operation - first) for link in operation.after
    )
    return msgspec.structs.replace(operation, id=own, job=0, after=after)


async def test_a_stored_work_order_and_a_question_are_the_same_operations(
    api: Api, planner: httpx.AsyncClient
) -> None:
    due = await tube(planner, 300)
    async with api.context.connection() as connection:
        [[site, table]] = await api.rows(
            "SELECT s.id, i.id FROM sites s CROSS JOIN items i WHERE i.code = 'table'"
        )
        found = await Promiser(connection, site, now=datetime.now(UTC)).promise(table, Decimal(10))
    assert found.work is not None
    await release(planner, "table", 10)
    async with api.context.transaction() as connection:
        works = [row[0] for row in await api.rows("SELECT id FROM work_orders")]
        # As the stream worker does: what it is made of is reserved.
        await book_production(connection, work_order_ids=works, now=datetime.now(UTC))
    now_ms = api.context.clock.now_ms()
    async with api.context.connection() as connection, snapshot(connection):
        loaded = await load_problem(connection, SITE, now_ms=now_ms, spare_ms=SPARE_MS)
    new = new_works(tuple(found.work.in_order()))
    [asked] = loaded.workshop.operations(new, jobs=[1], ids=count(1))
    stored = loaded.problem.operations
    assert [like(each, 1) for each in asked] == [like(each, stored[0].id) for each in stored]
    saw, press, bake = asked
    assert [mode.machine for mode in saw.modes] == sorted(mode.machine for mode in saw.modes)
    # "welder" alone, "fitter" alone or with Li, who can do both: by Hall's sets.
    assert all(len(mode.needs) >= 2 for mode in saw.modes)
    assert press.after[0].overlap is not None
    assert (press.after[0].overlap.first, press.after[0].overlap.last) == (4, 2)
    assert not press.interruptible
    assert bake.after[0].lag_ms == 7 * MINUTE
    # Ten pieces of two are twenty: two loads of an oven of twelve.
    assert bake.modes[0].duration_ms == 120 * MINUTE
    assert [each.release_kind for each in asked] == [
        ReleaseKind.ORDER,
        ReleaseKind.MATERIAL,
        ReleaseKind.ORDER,
    ]
    assert press.release_ms == round(due.timestamp() * 1_000)


async def test_an_order_that_is_thought_of_waits_for_people(
    api: Api, planner: httpx.AsyncClient
) -> None:
    """Li welds sixty frames for an hour; the saw of the table is the press then, with Li after."""
    await release(planner, "frame", 60)
    await store_plan(api)
    change = {
        "kind": "add_order", "name": "Thought of", "priority": 0,
        "lines": [{"item": "table", "quantity": 5}],
    }  # fmt: skip
    await tube(planner, 1)
    body = {"name": "what if", "improve_ms": 0, "settle": "shift", "changes": [change]}
    made = await post(planner, f"/v1/planning/{SITE}/drafts", body)
    saw, press, bake = made["what_if"]["added"]
    begins = datetime.fromisoformat(saw["start"]) - datetime.now(UTC)
    assert begins > timedelta(minutes=58)
    # The first four pieces go on before the fifth is sawn, if another machine presses them.
    if saw["machine"] == SAW:
        assert press["start"] < saw["end"]
    rested = datetime.fromisoformat(press["end"]) + timedelta(minutes=7)
    assert datetime.fromisoformat(bake["start"]) >= rested
    lasts = datetime.fromisoformat(bake["end"]) - datetime.fromisoformat(bake["start"])
    assert lasts == timedelta(minutes=60)


async def test_a_rush_order_that_needs_people_has_its_price(
    api: Api, planner: httpx.AsyncClient
) -> None:
    first = await release(planner, "frame", 30, priority=1)
    second = await release(planner, "frame", 30, priority=1)
    third = await release(planner, "frame", 30, priority=1)
    await store_plan(api)
    await tube(planner, 1)
    price = await post(
        planner,
        f"/v1/planning/{SITE}/rush-price",
        {"lines": [{"item": "table", "quantity": 2}], "priority": 9},
    )
    waiting, rushed = (datetime.fromisoformat(price[kind]["end"]) for kind in ("waiting", "rushed"))
    assert rushed < waiting
    assert {one["order"] for one in price["rushed"]["later"]} <= {first, second, third}
    assert price["rushed"]["later"]
    assert price["waiting"]["later"] == []
    # One that is there, and shares its welder with the others, of which one is about to begin.
    own = await post(planner, f"/v1/planning/{SITE}/rush-price", {"order": third, "priority": 9})
    assert datetime.fromisoformat(own["rushed"]["end"]) < datetime.fromisoformat(
        own["waiting"]["end"]
    )
    assert [one["order"] for one in own["rushed"]["later"]] == [second]

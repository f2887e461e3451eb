"""A shop through the API: machines, items of five steps, released orders and their plan."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

SITE: Final = "bench"
MACHINES: Final = 20
ITEMS: Final = 40
STEPS: Final = 5
FAMILIES: Final = ("red", "green", "blue")
_PLANNED_WITHIN_S: Final = 120.0
_STAFFED: Final = 0.5
"""The share of steps that need somebody, where there is a crew."""


async def build(client: httpx.AsyncClient, chance: random.Random, *, crew: int = 0) -> None:
    """Master data; with a crew, half the steps need one of them."""
    await _put(client, f"/v1/sites/{SITE}", {"name": "Bench", "time_zone": "Europe/Berlin"})
    machines = [f"{SITE}/hall/line1/m{number:02}" for number in range(MACHINES)]
    for position, machine in enumerate(machines):
        await _put(client, f"/v1/machines/{machine}", {"name": machine[-3:], "position": position})
        setups = [
            {"from_family": one, "to_family": two, "setup_ms": chance.randint(2, 20) * 60_000}
            for one in FAMILIES
            for two in FAMILIES
            if one != two
        ]
        await _put(client, f"/v1/machines/{machine}/setups", {"setups": setups})
    working = [
        {"shift": shift, "weekday": day, "start": start, "end": end}
        for day in range(5)
        for shift, start, end in (("early", "06:00", "14:00"), ("late", "14:00", "22:00"))
    ]
    calendar = {"working_times": working, "exceptions": []}
    await _put(client, f"/v1/sites/{SITE}/calendar", calendar)
    await _put(client, "/v1/customers/acme", {"name": "Acme"})
    items = {f"item-{number}": _item(chance, machines, number) for number in range(ITEMS)}
    routings = []
    for code, item in items.items():
        if crew:
            # Who is needed beside a machine, only master data say.
            for routing in item.pop("routings"):
                steps = [_staffed(chance, step) for step in routing["steps"]]
                routings.append({**routing, "item": code, "version": "1", "steps": steps})
        await _put(client, f"/v1/items/{code}", item)
    if crew:
        await _staff(client, crew, routings)


async def _staff(client: httpx.AsyncClient, crew: int, routings: list[dict[str, Any]]) -> None:
    """People, and the routings that need them."""
    people = {
        "site": SITE,
        "code": "setters",
        "name": "Setters",
        "kind": "operator",
        "quantity": crew,
        "skills": ["setter"],
    }
    body = {"resources": [people], "routings": routings}
    answer = await client.post("/v1/master-data", json=body)
    if answer.is_error:
        raise RuntimeError(f"POST /v1/master-data: {answer.text}")


def _staffed(chance: random.Random, step: dict[str, Any]) -> dict[str, Any]:
    return {**step, "needs": ["setter"]} if chance.random() < _STAFFED else step


def _item(chance: random.Random, machines: list[str], number: int) -> dict[str, Any]:
    steps = []
    for step in range(1, STEPS + 1):
        first, *others = chance.sample(machines, chance.randint(1, 3))
        cycle_ms = chance.randint(5, 30) * 1_000
        alternatives = [
            {"machine": each, "cycle_ms": round(cycle_ms * chance.uniform(1, 1.3)), "setup_ms": 0}
            for each in others
        ]
        steps.append(
            {
                "number": 10 * step,
                "name": f"Step {step}",
                "machine": first,
                "cycle_ms": cycle_ms,
                "setup_ms": 300_000,
                "alternatives": alternatives,
            }
        )
    return {
        "name": f"Item {number}",
        "setup_family": chance.choice(FAMILIES),
        "routings": [{"site": SITE, "steps": steps}],
    }


async def load(client: httpx.AsyncClient, chance: random.Random, operations: int) -> None:
    """Release orders with so many operations, and wait until they are all planned."""
    now = datetime.now(UTC)
    orders = [
        {
            "site": SITE,
            "customer": "acme",
            "release": True,
            "priority": chance.choice((0, 0, 0, 3)),
            "lines": [
                {
                    "item": f"item-{chance.randrange(ITEMS)}",
                    "quantity": chance.randint(50, 200),
                    "due_at": (now + timedelta(hours=chance.randint(48, 480))).isoformat(),
                }
            ],
        }
        for _ in range(-(-operations // STEPS))
    ]
    for at in range(0, len(orders), 50):
        answer = await client.post("/v1/orders/batch", json={"orders": orders[at : at + 50]})
        answer.raise_for_status()
    end = time.monotonic() + _PLANNED_WITHIN_S
    while time.monotonic() < end:
        scope = (await client.get(f"/v1/planning/{SITE}")).json()
        plan = scope["published"]
        if plan is not None and not scope["open_disruptions"]:
            answer = await client.get(f"/v1/plans/{plan['id']}/operations", params={"limit": 1})
            if answer.json()["total"] >= operations:
                return
        await asyncio.sleep(0.5)
    raise TimeoutError(f"no plan of {operations} operations: {scope}")


async def _put(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    answer = await client.put(path, json=body)
    if answer.is_error:
        raise RuntimeError(f"PUT {path}: {answer.text}")

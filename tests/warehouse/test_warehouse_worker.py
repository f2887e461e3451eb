"""From a scanner's message to the customer's page, through broker, gateway and stream worker."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import pytest
from warehouse_stack import Stack

SITE = "plant-v"
GATE = f"{SITE}/warehouse/outbound/gate-1"


async def ordered(stack: Stack, *numbers: str) -> None:
    """Orders of 100 brackets each."""
    async with stack.api() as client:
        calls: list[tuple[str, dict[str, Any]]] = [
            (f"/v1/sites/{SITE}", {"name": "Plant", "time_zone": "UTC"}),
            ("/v1/customers/acme", {"name": "Acme"}),
            ("/v1/items/bracket", {"name": "Bracket", "unit": "pcs"}),
        ]
        for path, body in calls:
            answer = await client.put(path, json=body)
            assert answer.is_success, answer.text
        for number in numbers:
            answer = await client.post(
                "/v1/orders",
                json={
                    "number": number,
                    "site": SITE,
                    "customer": "acme",
                    "lines": [{"item": "bracket", "quantity": "100"}],
                },
            )
            assert answer.status_code == 201, answer.text


def moves(number: str, *, first: int = 0) -> list[dict[str, Any]]:
    """Two partial deliveries, and one that is being picked: half of the moves name the unit."""
    began = int(time.time() * 1000) - 3_600_000
    steps = [
        ("picked", 30),
        ("picked", 30),
        ("packed", 60),
        ("shipped", 60),
        ("picked", 25.5),
        ("packed", 25.5),
        ("shipped", 25.5),
        ("picked", 14),
    ]
    return [
        {
            "t": began + place * 60_000,
            "source": number,
            "boot": "b1",
            "seq": first + place,
            "event": event,
            "item": "bracket",
            "quantity": quantity,
            "order": number,
            **({"unit": "pcs"} if place % 2 else {}),
        }
        for place, (event, quantity) in enumerate(steps)
    ]


DELIVERED = [
    ("shipped", 60, 60, 60),
    ("shipped", 25.5, 25.5, 25.5),
    ("picking", 14, 0, 0),
]


def told(answer: dict[str, Any]) -> list[Any]:
    return [
        (one["state"], one["picked"], one["packed"], one["shipped"]) for one in answer["deliveries"]
    ]


async def test_a_scan_moves_the_shipment_and_the_customers_page(stack: Stack) -> None:
    await ordered(stack, "SO-1")
    async with stack.api() as client:
        link = (await client.post("/v1/orders/SO-1/tracking-links")).json()
    page = f"/v1/tracking/{link['token']}"
    sent = moves("SO-1")
    await stack.publish(GATE, sent[:3])
    await stack.until(page, told, [("packed", 60, 60, 0)], token=False)
    await stack.publish(GATE, sent[3:])
    view = await stack.until(page, told, DELIVERED, token=False)
    assert [change["what"] for change in view["changes"][:4]] == [
        "shipped",
        "packed",
        "shipped",
        "packed",
    ]
    assert "warehouse" not in str(view)
    stray = {**sent[0], "order": "SO-X", "seq": 100}
    rest = {**sent[0], "event": "shipped", "quantity": 14.5, "seq": 8, "t": sent[0]["t"] + 900_000}
    await stack.publish(GATE, [stray, rest])
    view = await stack.until(page, lambda answer: answer["stage"], "shipped", token=False)
    assert {mark["stage"]: mark["state"] for mark in view["stages"]}["packed"] == "done"
    history = await stack.until(
        "/v1/orders/SO-1/events",
        lambda answer: answer["items"][0]["actor"],
        "warehouse",
    )
    strays = await stack.until(
        f"/v1/goods-moves/unmatched?site={SITE}",
        lambda answer: [one["reason"] for one in answer["items"]],
        ["unknown_order"],
    )
    assert (strays["total"], strays["items"][0]["order"]) == (1, "SO-X")
    assert strays["items"][0]["device"] == GATE
    assert history["items"][0]["action"] == "ShipmentShipped"
    assert history["items"][0]["origin"] == GATE


async def test_the_customers_open_page_hears_of_it_by_itself(stack: Stack) -> None:
    await ordered(stack, "SO-1")
    async with stack.api() as client:
        link = (await client.post("/v1/orders/SO-1/tracking-links")).json()
    sent = moves("SO-1")[:3]
    everything = {**sent[2], "event": "shipped", "quantity": 100, "seq": 3}
    async with asyncio.timeout(60), stack.page(link["token"]) as views:
        assert (await anext(views))["deliveries"] == []
        await stack.publish(GATE, sent)
        async for view in views:
            if told(view) == [("packed", 60, 60, 0)]:
                break
        await stack.publish(GATE, [everything])
        async for view in views:
            if view["stage"] == "shipped":
                break
    assert told(view) == [("shipped", 60, 60, 100)]
    assert view["changes"][0]["what"] == "shipped"
    assert view["changes"][0]["detail"] == {"shipment": 1, "quantity": "100", "unit": "pcs"}


@pytest.mark.kill
async def test_killed_workers_and_repeated_scans_change_nothing(stack: Stack) -> None:
    rng = random.Random(5)
    numbers = [f"SO-{place}" for place in range(6)]
    late = numbers[3:]
    await ordered(stack, *numbers[:3])
    everything = [body for number in numbers for body in moves(number)]
    rng.shuffle(everything)
    for place in range(0, len(everything), 12):
        await stack.publish(GATE, everything[place : place + 12])
        await stack.publish(GATE, rng.sample(everything[: place + 12], 5))
        if place in (12, 36):
            stack.kill_and_start("streams")
        if place == 24:
            await ordered(stack, *late)
            stack.kill_and_start("edge")
            await asyncio.sleep(1)
    for number in numbers:
        await stack.until(f"/v1/orders/{number}", told, DELIVERED)

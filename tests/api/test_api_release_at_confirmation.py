"""What review confirms by itself is released at confirmation, like what people confirm."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from api_client import SITE, Api
from test_api_review import DUE, codes, done, got, rejudged, told


@pytest.fixture
async def passing(plant: httpx.AsyncClient) -> httpx.AsyncClient:
    """A plant whose policies confirm what has no findings, and release what is confirmed."""
    for path, body in (
        ("/v1/review/policies", {"site": SITE, "auto_confirm": True}),
        (f"/v1/sites/{SITE}/work-order-policy", {"at_confirmation": True}),
    ):
        answer = await plant.put(path, json=body)
        assert answer.status_code == 200, answer.text
    return plant


async def work_of(api: Api) -> list[tuple[Any, ...]]:
    """The orders that there is work for, and how much."""
    return await api.rows(
        "SELECT o.number, w.quantity_ordered::float8 FROM work_orders w"
        " JOIN pegs p ON p.work_order_id = w.id JOIN order_lines l ON l.id = p.order_line_id"
        " JOIN orders o ON o.id = l.order_id ORDER BY 1, 2"
    )


async def actions(client: httpx.AsyncClient, number: str) -> list[str]:
    events = (await got(client, f"/v1/orders/{number}/events"))["items"]
    return [event["action"] for event in reversed(events)]


async def test_an_order_that_is_entered(passing: httpx.AsyncClient, api: Api) -> None:
    lines = [{"item": "bracket", "quantity": 7, "due_at": DUE}]
    body = {"site": SITE, "customer": "acme", "number": "E-1", "lines": lines}
    answer = await passing.post("/v1/orders", json=body)
    assert (answer.status_code, answer.json()["state"]) == (201, "released"), answer.text
    assert await work_of(api) == [("E-1", 7)]
    assert await actions(passing, "E-1") == ["OrderReceived", "OrderConfirmed", "OrderReleased"]


async def test_without_the_policy_it_stays_confirmed(plant: httpx.AsyncClient, api: Api) -> None:
    answer = await plant.put("/v1/review/policies", json={"site": SITE, "auto_confirm": True})
    assert answer.status_code == 200, answer.text
    lines = [{"item": "bracket", "quantity": 7, "due_at": DUE}]
    body = {"site": SITE, "customer": "acme", "number": "E-1", "lines": lines}
    assert (await done(plant, "/v1/orders", body))["state"] == "confirmed"
    assert await work_of(api) == []


async def test_a_change_that_settles_the_last_finding(passing: httpx.AsyncClient, api: Api) -> None:
    past = "2020-01-01T00:00:00Z"
    lines = [{"item": "bracket", "quantity": 7, "due_at": past}]
    body = {"site": SITE, "customer": "acme", "number": "E-1", "lines": lines}
    order = await done(passing, "/v1/orders", body)
    assert (order["state"], await work_of(api)) == ("under_review", [])
    wish = {"version": order["version"], "lines": [{"number": 1, "due_at": DUE}]}
    answer = await passing.patch("/v1/orders/E-1", json=wish)
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "released"
    assert await work_of(api) == [("E-1", 7)]


async def test_what_is_looked_at_again(passing: httpx.AsyncClient, api: Api) -> None:
    await told(api, "D-1", quantity=50)
    await told(api, "D-2", quantity=70)
    assert (await rejudged(passing))["confirmed"] == ["D-1", "D-2"]
    assert await work_of(api) == [("D-1", 50), ("D-2", 70)]
    assert (await actions(passing, "D-2"))[-2:] == ["OrderConfirmed", "OrderReleased"]


async def test_a_finding_that_somebody_settles(passing: httpx.AsyncClient, api: Api) -> None:
    await told(api, "D-1", priority=99)
    await rejudged(passing)
    assert await codes(passing, "D-1") == ["rush_beyond_policy"]
    (finding,) = (await got(passing, "/v1/orders/D-1/findings"))["items"]
    path = f"/v1/orders/D-1/findings/{finding['id']}/settle"
    order = await done(passing, path, {"reason": "agreed by phone"})
    assert order["state"] == "released"


async def test_an_item_that_somebody_assigns(passing: httpx.AsyncClient, api: Api) -> None:
    await told(api, "D-1", item="X-77")
    await rejudged(passing)
    answer = await passing.post(
        "/v1/orders/D-1/lines/1/item", json={"item": "bracket", "remember": True}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "released"
    assert len(await work_of(api)) == 1


async def test_master_data_that_make_an_item_known(passing: httpx.AsyncClient, api: Api) -> None:
    await told(api, "D-1")
    await api.rows("UPDATE items SET provisional = true WHERE code = 'bracket'")
    await rejudged(passing)
    assert await codes(passing, "D-1") == ["unknown_item"]
    answer = await passing.post(
        "/v1/master-data",
        content=b"items:\n- {code: bracket, name: Bracket A}\n",
        headers={"Content-Type": "application/yaml"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["judged_orders"] == 1
    assert (await got(passing, "/v1/orders/D-1"))["state"] == "released"

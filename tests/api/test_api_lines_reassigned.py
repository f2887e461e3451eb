"""An order that comes to another site, or a line to another item: what goes with the old one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from api_client import MACHINE, SITE, Api
from test_api_review import DUE, codes, done, got, told

FAR = "plant-2"
FAR_MACHINE = "plant-2/cutting/line1/m09"


async def put(client: httpx.AsyncClient, path: str, body: object) -> None:
    answer = await client.put(path, json=body)
    assert answer.status_code == 200, answer.text


async def acted(client: httpx.AsyncClient, action: object, number: str) -> dict[str, Any]:
    body = await done(client, "/v1/orders/actions", {"action": action, "numbers": [number]})
    (outcome,) = body["items"]
    assert outcome["done"], outcome
    shown: dict[str, Any] = outcome
    return shown


async def actions(client: httpx.AsyncClient, number: str) -> list[str]:
    events = (await got(client, f"/v1/orders/{number}/events"))["items"]
    return [event["action"] for event in reversed(events)]


async def routed(client: httpx.AsyncClient, item: str, *sites: str) -> None:
    """An item that is made at some sites."""
    machines = {SITE: MACHINE, FAR: FAR_MACHINE}
    routings = [
        {
            "site": site,
            "steps": [{"number": 10, "name": "Saw", "machine": machines[site], "cycle_ms": 1000}],
        }
        for site in sites
    ]
    await put(client, f"/v1/items/{item}", {"name": item.title(), "routings": routings})


async def ordered(client: httpx.AsyncClient, number: str, item: str = "bracket") -> dict[str, Any]:
    lines = [{"item": item, "quantity": 7, "due_at": DUE}]
    body = {"site": SITE, "customer": "acme", "number": number, "lines": lines}
    return await done(client, "/v1/orders", body)


@pytest.fixture
async def releasing(plant: httpx.AsyncClient) -> httpx.AsyncClient:
    """Both sites release what is confirmed; nothing is confirmed by itself."""
    for site in (SITE, FAR):
        await put(plant, f"/v1/sites/{site}/work-order-policy", {"at_confirmation": True})
    return plant


class TestReleasedAtConfirmation:
    async def test_what_goes_on_as_confirmed_is_released(
        self, releasing: httpx.AsyncClient
    ) -> None:
        await put(releasing, f"/v1/sites/{SITE}/work-order-policy", {})
        await ordered(releasing, "R-1")
        await acted(releasing, {"do": "confirm"}, "R-1")
        await acted(releasing, {"do": "hold", "reason": "credit limit"}, "R-1")
        await put(releasing, f"/v1/sites/{SITE}/work-order-policy", {"at_confirmation": True})
        assert (await acted(releasing, {"do": "resume"}, "R-1"))["state"] == "released"
        assert (await actions(releasing, "R-1"))[-2:] == ["OrderResumed", "OrderReleased"]

    async def test_what_was_held_before_it_was_confirmed_is_not(
        self, releasing: httpx.AsyncClient
    ) -> None:
        await ordered(releasing, "R-1")
        await acted(releasing, {"do": "hold", "reason": "credit limit"}, "R-1")
        assert (await acted(releasing, {"do": "resume"}, "R-1"))["state"] == "received"

    async def test_what_comes_confirmed_to_a_site_is_released_there(
        self, releasing: httpx.AsyncClient
    ) -> None:
        await put(releasing, f"/v1/sites/{SITE}/work-order-policy", {})
        await routed(releasing, "plate", SITE, FAR)
        await ordered(releasing, "M-1", "plate")
        assert (await acted(releasing, {"do": "confirm"}, "M-1"))["state"] == "confirmed"
        moved = await acted(releasing, {"do": "site", "site": FAR}, "M-1")
        assert moved["state"] == "released"
        works = await got(releasing, f"/v1/work-orders?site={FAR}")
        assert [work["item"] for work in works["items"]] == ["plate"]

    async def test_what_cannot_be_made_there_stays_and_says_why(
        self, releasing: httpx.AsyncClient
    ) -> None:
        await put(releasing, f"/v1/sites/{SITE}/work-order-policy", {})
        await ordered(releasing, "M-1")
        await acted(releasing, {"do": "confirm"}, "M-1")
        moved = await acted(releasing, {"do": "site", "site": FAR}, "M-1")
        assert moved["state"] == "under_review"
        assert "no_routing" in await codes(releasing, "M-1")


class TestSiteOfALine:
    async def test_what_was_found_for_the_old_site_is_looked_at_again(
        self, plant: httpx.AsyncClient
    ) -> None:
        await put(plant, "/v1/review/policies", {"site": SITE, "auto_confirm": True})
        await put(plant, f"/v1/sites/{SITE}/work-order-policy", {"at_confirmation": True})
        await routed(plant, "plate", FAR)
        order = await ordered(plant, "S-1", "plate")
        assert order["state"] == "under_review"
        assert "no_routing" in await codes(plant, "S-1")
        answer = await plant.post("/v1/orders/S-1/lines/1/site", json={"site": FAR})
        assert answer.status_code == 200, answer.text
        assert await codes(plant, "S-1") == []
        shown = await got(plant, "/v1/orders/S-1")
        assert shown["state"] == "released"
        assert answer.json()["version"] == shown["version"]
        told = await actions(plant, "S-1")
        assert told[-3:] == ["OrderConfirmed", "LineSiteAssigned", "OrderReleased"]
        assert (await got(plant, f"/v1/work-orders?site={FAR}"))["total"] == 1

    async def test_a_site_that_cannot_make_it_sends_it_back_to_review(
        self, plant: httpx.AsyncClient
    ) -> None:
        await ordered(plant, "S-1")
        await acted(plant, {"do": "confirm"}, "S-1")
        answer = await plant.post("/v1/orders/S-1/lines/1/site", json={"site": FAR})
        assert answer.status_code == 200, answer.text
        assert "no_routing" in await codes(plant, "S-1")
        assert (await got(plant, "/v1/orders/S-1"))["state"] == "under_review"


class TestItemOfALine:
    async def test_another_item_takes_the_promise_and_what_was_held_with_it(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1")
        await routed(plant, "plate", SITE)
        receipt = {"site": SITE, "lines": [{"item": "bracket", "location": "A", "quantity": 50}]}
        await done(plant, "/v1/stock/receipts", receipt)
        at = (datetime.now(UTC) + timedelta(days=20)).isoformat()
        held = {"site": SITE, "item": "bracket", "quantity": 50, "kind": "hard", "need_at": at}
        await done(plant, "/v1/reservations", {**held, "order": "D-1", "line": 1})
        await api.rows("UPDATE order_lines SET promised_at = %s", at)
        same = await plant.post("/v1/orders/D-1/lines/1/item", json={"item": "bracket"})
        assert same.status_code == 200, same.text
        assert await self._kept(api) == [(True, "open")]
        other = await plant.post("/v1/orders/D-1/lines/1/item", json={"item": "plate"})
        assert other.status_code == 200, other.text
        assert await self._kept(api) == [(False, "released")]
        (stock,) = (await got(plant, f"/v1/stock/items?site={SITE}"))["items"]
        assert (stock["item"], stock["free"]) == ("bracket", 50)

    @staticmethod
    async def _kept(api: Api) -> list[tuple[Any, ...]]:
        """Whether the line has a promised date still, and what became of its reservation."""
        return await api.rows(
            "SELECT l.promised_at IS NOT NULL, r.state FROM order_lines l"
            " JOIN reservations r ON r.order_line_id = l.id"
        )

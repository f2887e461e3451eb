"""Tracking links: what a customer sees, for how long, and how often somebody may guess."""

from __future__ import annotations

import hashlib

import httpx
import msgspec
from api_client import ORIGIN, SITE, Api

from api.orders.schemas import OrderOperation, OrderSummary
from api.tracking.schemas import Tracking
from contracts.live import OperationProgress, OrderView, TrackingView


async def linked(plant: httpx.AsyncClient) -> tuple[str, dict[str, str]]:
    order = {
        "site": SITE,
        "customer": "acme",
        "customer_reference": "PO 7",
        "release": True,
        "lines": [{"item": "bracket", "quantity": 480}],
    }
    number = (await plant.post("/v1/orders", json=order)).json()["number"]
    answer = await plant.post(f"/v1/orders/{number}/tracking-links", json={"days": 30})
    assert answer.status_code == 201, answer.text
    link: dict[str, str] = answer.json()
    return number, link


class TestTracking:
    async def test_shows_the_order_and_nothing_of_the_inside(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        number, link = await linked(plant)
        answer = await api.client().get(f"/v1/tracking/{link['token']}")
        assert answer.status_code == 200, answer.text
        view = answer.json()
        assert (view["number"], view["reference"], view["stage"]) == (number, "PO 7", "scheduled")
        assert (view["quantity_ordered"], view["percent"]) == (480, 0)
        assert view["time_zone"] == "Asia/Shanghai"
        assert [stage["state"] for stage in view["stages"]][:3] == ["done", "done", "current"]
        for inside in ("line1", "WO-", "machine", "token", "cutting"):
            assert inside not in answer.text

    async def test_the_link_is_unguessable_and_stored_as_a_hash(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        _, link = await linked(plant)
        assert link["url"] == f"{ORIGIN}/t/{link['token']}"
        assert len(link["token"]) >= 43
        hashed = hashlib.sha256(link["token"].encode()).digest()
        rows = await api.rows("SELECT token_hash, expires_at - created_at FROM tracking_links")
        assert bytes(rows[0][0]) == hashed
        assert rows[0][1].days == 30

    async def test_is_listed_without_its_token_and_can_be_revoked(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        number, link = await linked(plant)
        listed = await plant.get(f"/v1/orders/{number}/tracking-links")
        assert link["token"] not in listed.text
        assert listed.json()["items"][0]["revoked_at"] is None
        assert (await plant.delete(f"/v1/tracking-links/{link['id']}")).status_code == 204
        assert (await api.client().get(f"/v1/tracking/{link['token']}")).status_code == 404
        listed = await plant.get(f"/v1/orders/{number}/tracking-links")
        assert listed.json()["items"][0]["revoked_at"] is not None
        log = (await plant.get(f"/v1/orders/{number}/events")).json()["items"]
        assert [entry["action"] for entry in log][:2] == [
            "TrackingLinkRevoked",
            "TrackingLinkCreated",
        ]
        assert link["token"] not in str(log)
        assert (await plant.delete("/v1/tracking-links/77")).status_code == 404

    async def test_ends_by_itself(self, plant: httpx.AsyncClient, api: Api) -> None:
        _, link = await linked(plant)
        await api.rows("UPDATE tracking_links SET expires_at = now() - interval '1 second'")
        assert (await api.client().get(f"/v1/tracking/{link['token']}")).status_code == 404

    async def test_without_a_wish_lasts_ninety_days(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        number, _ = await linked(plant)
        await plant.post(f"/v1/orders/{number}/tracking-links")
        rows = await api.rows(
            "SELECT expires_at - created_at FROM tracking_links ORDER BY id DESC LIMIT 1"
        )
        assert rows[0][0].days == 90

    async def test_guessing_has_to_wait(self, plant: httpx.AsyncClient, api: Api) -> None:
        _, link = await linked(plant)
        client = api.client()
        statuses = [(await client.get(f"/v1/tracking/guess-{n}")).status_code for n in range(21)]
        assert statuses == [404] * 20 + [429]
        answer = await client.get(f"/v1/tracking/{link['token']}")
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0


class TestShapes:
    def test_rest_and_live_tell_the_same_fields(self) -> None:
        def fields(struct: type[msgspec.Struct]) -> set[str]:
            return {field.name for field in msgspec.structs.fields(struct)}

        assert fields(TrackingView) == set(Tracking.model_fields)
        assert fields(OperationProgress) == set(OrderOperation.model_fields)
        assert fields(OrderView) <= set(OrderSummary.model_fields)

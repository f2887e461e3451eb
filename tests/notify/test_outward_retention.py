"""What went outside is kept for so long; what has not arrived stays."""

from __future__ import annotations

from datetime import timedelta

import httpx
from api_client import SITE, Api
from outbound_floor import changed, confirmed, outbound, sample, shipped, taken, tending, told

from notify.tending import Tending
from store import outward


async def _aged(api: Api) -> None:
    """As if all that is there were 401 days old."""
    for query in (
        "UPDATE outward_events SET told_at = now() - interval '401 days'",
        "UPDATE webhook_deliveries SET made_at = now() - interval '401 days'",
        "UPDATE carrier_events SET told_at = now() - interval '401 days'",
        "UPDATE outbound_documents SET made_at = now() - interval '401 days'",
    ):
        await api.rows(query)


async def _order(desk: httpx.AsyncClient, number: str) -> None:
    made = await desk.post(
        "/v1/orders",
        json={
            "number": number,
            "site": SITE,
            "customer": "acme",
            "lines": [{"item": "bolt", "quantity": 5}],
        },
    )
    assert made.status_code == 201, made.text


async def test_events_that_arrived_are_dropped_and_the_numbers_go_on(
    api: Api, desk: httpx.AsyncClient
) -> None:
    await desk.post("/v1/webhooks", json={"name": "shop", "url": "https://shop.example/hook"})
    for number in range(6):
        await _order(desk, f"SO-{number}")
    await told(api)
    newest = (await desk.get("/v1/events", params={"after": 0})).json()["next"]
    await api.rows(
        "UPDATE webhook_deliveries SET state = CASE WHEN id %% 3 = 0 THEN 'waiting'"
        " WHEN id %% 3 = 1 THEN 'given_up' ELSE 'delivered' END"
    )
    waiting = await api.rows(
        "SELECT message_id FROM webhook_deliveries WHERE state = 'waiting' ORDER BY id"
    )
    await _aged(api)
    await tending(api).prune()
    assert await api.rows("SELECT message_id FROM webhook_deliveries ORDER BY id") == waiting
    kept = (await desk.get("/v1/events", params={"after": 0})).json()
    ids = [f"msg_{event['id'].replace('-', '')}" for event in kept["items"]]
    assert set(ids) >= {row[0] for row in waiting}
    assert int(kept["items"][-1]["sequence"]) == newest
    oldest = int(kept["items"][0]["sequence"])
    assert oldest > 1
    await _order(desk, "SO-new")
    await told(api)
    assert (await desk.get("/v1/events", params={"after": newest})).json()["next"] > newest
    gone = await desk.get("/v1/events", params={"after": 1})
    if oldest > 2:
        assert gone.status_code == 410
        assert f"after={oldest - 1}" in gone.json()["detail"]


async def test_whoever_asks_for_what_is_kept_no_longer_is_told(
    api: Api, desk: httpx.AsyncClient
) -> None:
    for number in range(3):
        await _order(desk, f"SO-{number}")
    await told(api)
    last = (await desk.get("/v1/events", params={"after": 0})).json()["next"]
    await _aged(api)
    await tending(api).prune()
    gone = await desk.get("/v1/events", params={"after": 1})
    assert gone.status_code == 410, gone.text
    assert gone.json()["code"] == "events-gone"
    assert (await desk.get("/v1/events", params={"after": last - 1})).status_code == 200
    async with api.context.connection() as connection:
        assert await outward.oldest(connection) == last


async def test_documents_that_wait_and_the_last_word_stay(
    api: Api, desk: httpx.AsyncClient
) -> None:
    order = (await taken(desk, sample("order-850.x12"), "x12"))["order"]
    await confirmed(desk, order)
    await told(api)
    for quantity in (100, 90, 80):
        await changed(desk, order, lines=[{"number": 1, "quantity": quantity}])
        await told(api)
    documents = await outbound(desk)
    assert len(documents) == 4
    for one in (documents[1], documents[3]):
        await desk.post(f"/v1/outbound/{one['id']}/acknowledge", json={"state": "taken"})
    failed = f"/v1/outbound/{documents[2]['id']}/acknowledge"
    await desk.post(failed, json={"state": "failed", "reason": "no partner"})
    await _aged(api)
    await tending(api).prune()
    kept = [(one["id"], one["state"]) for one in await outbound(desk)]
    first, _, third, fourth = (one["id"] for one in documents)
    assert kept == [(first, "made"), (third, "failed"), (fourth, "taken")]


async def test_carriers_words_stay_until_the_goods_are_there(
    api: Api, desk: httpx.AsyncClient
) -> None:
    order = (await taken(desk, sample("order-850.x12"), "x12"))["order"]
    await confirmed(desk, order)
    first, second = await shipped(desk, order, {1: 10}), await shipped(desk, order, {1: 10})
    for shipment, status in ((first, "in_transit"), (second, "in_transit"), (second, "delivered")):
        heard = await desk.post(
            f"/v1/orders/{order}/shipments/{shipment}/carrier-events",
            json={"status": status, "at": "2026-11-22T08:00:00Z"},
        )
        assert heard.status_code == 200, heard.text
    await _aged(api)
    await tending(api).prune()
    rows = await api.rows("SELECT number, status FROM carrier_events")
    assert rows == [(first, "in_transit")]


async def test_what_is_younger_stays(api: Api, desk: httpx.AsyncClient) -> None:
    await _order(desk, "SO-1")
    await _order(desk, "SO-2")
    await told(api)
    before = await api.rows("SELECT count(*) FROM outward_events")
    short = Tending(pool=api.context.pool, clock=api.context.clock, keep=timedelta(days=1))
    await short.prune()
    assert await api.rows("SELECT count(*) FROM outward_events") == before

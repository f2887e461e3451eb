"""Shipments by hand: from the plan to the return, with stock, audit and tracking."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
from api_client import SITE, Api

from contracts.ids import EpochMs, SiteCode
from contracts.streams import GoodsMoved
from domain.access import Role
from store import goods_moves
from store.database import Connection
from store.inventory.moves import book_moves
from store.inventory.reading import imbalances
from store.shipments import ship

_SHIPMENTS = "/v1/orders/SO-1/shipments"
_DEVICE = f"{SITE}/warehouse/outbound/scanner-1"


async def _post(client: httpx.AsyncClient, path: str, body: Any = None, status: int = 200) -> Any:
    answer = await client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def _left(client: httpx.AsyncClient, item: str) -> tuple[float, float]:
    """How much of an item is available, and in quality."""
    answer = await client.get("/v1/stock/items", params={"item": item, "site": SITE})
    (row,) = answer.json()["items"]
    return row["available"], row["quality"]


async def _balanced(api: Api) -> None:
    async with api.context.connection() as connection:
        assert await imbalances(connection) == []


async def _confirm(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/orders/SO-1")
    if answer.json()["state"] in ("received", "under_review"):
        await _post(client, "/v1/orders/SO-1/confirm", {"version": answer.json()["version"]})


async def test_an_order_leaves_in_two_parts_and_some_of_it_comes_back(
    api: Api, desk: httpx.AsyncClient
) -> None:
    await _confirm(desk)
    first = await _post(
        desk,
        _SHIPMENTS,
        {"lines": [{"line": 1, "quantity": 40}], "carrier": "DHL", "tracking_number": "JD-7"},
        201,
    )
    assert (first["number"], first["state"], first["by_hand"]) == (1, "picking", True)
    await _post(desk, f"{_SHIPMENTS}/1/pick", {"lines": [{"line": 1, "quantity": 38}]})
    packed = await _post(desk, f"{_SHIPMENTS}/1/pack")
    assert packed["state"] == "packed"
    shipped = await _post(desk, f"{_SHIPMENTS}/1/ship")
    assert [(one["planned"], one["shipped"]) for one in shipped["lines"]] == [(40, 38)]
    assert await _left(desk, "bolt") == (62, 0)
    state = (await desk.get("/v1/orders/SO-1/delivery")).json()
    assert state["delivery"] == "partly_shipped"

    second = await _post(desk, _SHIPMENTS, None, 201)
    assert [(one["line"], one["planned"]) for one in second["lines"]] == [(1, 22), (2, 4)]
    await _post(desk, f"{_SHIPMENTS}/2/ship")
    assert await _left(desk, "bolt") == (40, 0)
    refused = await desk.post(_SHIPMENTS, json={})
    assert refused.status_code == 409
    assert "nothing of 'SO-1' is left" in refused.json()["detail"]

    for number in (1, 2):
        await _post(desk, f"{_SHIPMENTS}/{number}/deliver")
    assert (await desk.get("/v1/orders/SO-1/delivery")).json()["delivery"] == "delivered"
    back = await _post(
        desk,
        f"{_SHIPMENTS}/1/return",
        {"lines": [{"line": 1, "quantity": 5}], "reason": "scratched"},
    )
    assert back["lines"][0]["returned"] == 5
    assert await _left(desk, "bolt") == (40, 5)
    lines = (await desk.get("/v1/orders/SO-1/delivery")).json()["items"]
    assert [one["delivery"] for one in lines] == ["partly_delivered", "delivered"]
    too_much = await desk.post(
        f"{_SHIPMENTS}/1/return", json={"lines": [{"line": 1, "quantity": 34}], "reason": "x"}
    )
    assert too_much.status_code == 409
    assert "34 are to come back, 33 are out" in too_much.json()["detail"]
    entries = (await desk.get("/v1/orders/SO-1/events")).json()["items"]
    told = [entry["action"] for entry in reversed(entries) if "Shipment" in entry["action"]]
    assert told == [
        "ShipmentPlanned", "ShipmentPicked", "ShipmentPacked", "ShipmentShipped",
        "ShipmentPlanned", "ShipmentShipped", "ShipmentDelivered", "ShipmentDelivered",
        "ShipmentReturned",
    ]  # fmt: skip
    await _balanced(api)


async def test_steps_out_of_order_are_refused_with_the_reason(desk: httpx.AsyncClient) -> None:
    await _confirm(desk)
    await _post(desk, _SHIPMENTS, {"lines": [{"line": 1, "quantity": 10}]}, 201)
    for step, body, words in (
        ("deliver", None, "it has not left"),
        ("ship", {"lines": [{"line": 1, "quantity": 11}]}, "11 are told, 10 are planned"),
        ("ship", {"lines": [{"line": 2, "quantity": 1}]}, "line 2 is not part of it"),
        ("return", {"lines": [{"line": 1, "quantity": 1}], "reason": "x"}, "has not left"),
    ):
        answer = await desk.post(f"{_SHIPMENTS}/1/{step}", json=body)
        assert answer.status_code == 409, answer.text
        assert words in answer.json()["detail"]
    await _post(desk, f"{_SHIPMENTS}/1/ship")
    again = await desk.post(f"{_SHIPMENTS}/1/ship")
    assert again.status_code == 409
    assert "it is shipped already" in again.json()["detail"]
    assert await _left(desk, "bolt") == (90, 0)


async def test_what_is_not_in_stock_does_not_leave_unless_somebody_insists(
    api: Api, desk: httpx.AsyncClient
) -> None:
    await _confirm(desk)
    await _post(
        desk,
        "/v1/stock/issues",
        {"site": SITE, "lines": [{"item": "bolt", "quantity": 70}]},
        201,
    )
    await _post(desk, _SHIPMENTS, {"lines": [{"line": 1, "quantity": 60}]}, 201)
    short = await desk.post(f"{_SHIPMENTS}/1/ship")
    assert short.status_code == 409
    assert (await desk.get(f"{_SHIPMENTS}/1")).json()["state"] == "picking"
    await _post(desk, f"{_SHIPMENTS}/1/ship", {"insist": True})
    await _balanced(api)


async def test_a_repeat_with_an_idempotency_key_ships_once(desk: httpx.AsyncClient) -> None:
    await _confirm(desk)
    await _post(desk, _SHIPMENTS, {"lines": [{"line": 1, "quantity": 10}]}, 201)
    answers = [
        await desk.post(f"{_SHIPMENTS}/1/ship", headers={"Idempotency-Key": "k-1"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert await _left(desk, "bolt") == (90, 0)


async def test_a_carriers_newest_word_by_its_own_time_is_shown(desk: httpx.AsyncClient) -> None:
    await _confirm(desk)
    await _post(desk, _SHIPMENTS, {"carrier": "DHL", "tracking_number": "JD-7"}, 201)
    await _post(desk, f"{_SHIPMENTS}/1/ship")
    for status, at in (
        ("in_transit", "2026-11-22T10:00:00Z"),
        ("picked_up", "2026-11-22T08:00:00Z"),
        ("in_transit", "2026-11-22T10:00:00Z"),
    ):
        body = {"status": status, "at": at, "place": "Leipzig"}
        seen = await _post(desk, f"{_SHIPMENTS}/1/carrier-events", body)
        assert seen["carrier_status"] == "in_transit"
    assert [one["status"] for one in seen["carrier_events"]] == ["picked_up", "in_transit"]
    link = await _post(desk, "/v1/orders/SO-1/tracking-links", {}, 201)
    tracked = (await desk.get(f"/v1/tracking/{link['token']}")).json()
    (shipment,) = tracked["deliveries"]
    assert (shipment["carrier"], shipment["carrier_status"]) == ("DHL", "in_transit")
    done = {"status": "delivered", "at": "2026-11-22T12:00:00Z"}
    delivered = await _post(desk, f"{_SHIPMENTS}/1/carrier-events", done)
    assert delivered["state"] == "delivered"
    assert delivered["delivered_at"] == "2026-11-22T12:00:00Z"


async def test_only_those_who_ship_may_and_only_at_their_sites(
    api: Api, desk: httpx.AsyncClient
) -> None:
    await _confirm(desk)
    planner = await api.as_role(Role.PLANNER)
    assert (await planner.post(_SHIPMENTS, json={})).status_code == 403
    elsewhere = await api.as_role(Role.WAREHOUSE, "plant-9")
    assert (await elsewhere.post(_SHIPMENTS, json={})).status_code == 404


class TestDevicesAndPeopleTellOfTheSameGoods:
    async def test_a_scan_after_the_desk_takes_nothing_twice(
        self, api: Api, desk: httpx.AsyncClient
    ) -> None:
        await _confirm(desk)
        await _post(desk, _SHIPMENTS, {"lines": [{"line": 1, "quantity": 40}]}, 201)
        await _post(desk, f"{_SHIPMENTS}/1/ship")
        await _scanned(api, [(1, "25"), (2, "10")])
        assert await _left(desk, "bolt") == (60, 0)
        await _scanned(api, [(3, "8")])  # 43 scanned, 40 told
        assert await _left(desk, "bolt") == (57, 0)
        await _scanned(api, [(3, "8")])  # a repeat
        assert await _left(desk, "bolt") == (57, 0)
        shipments = (await desk.get(_SHIPMENTS)).json()["items"]
        assert [one["shipped"] for one in shipments] == [40]
        await _balanced(api)

    async def test_the_desk_cannot_tell_shipments_that_devices_tell(
        self, api: Api, desk: httpx.AsyncClient
    ) -> None:
        await _confirm(desk)
        await _scanned(api, [(1, "25")])
        refused = await desk.post(_SHIPMENTS, json={})
        assert refused.status_code == 409
        assert "told by the warehouse's devices" in refused.json()["detail"]
        await _post(desk, f"{_SHIPMENTS}/1/deliver")
        await _post(
            desk,
            f"{_SHIPMENTS}/1/return",
            {"lines": [{"line": 1, "quantity": 5}], "reason": "scratched"},
        )
        assert await _left(desk, "bolt") == (75, 5)
        await _balanced(api)


async def _scanned(api: Api, moves: list[tuple[int, str]]) -> None:
    """Devices' moves as the warehouse agent takes them, in one transaction."""
    async with api.context.transaction() as connection:
        device_id, publisher_id = await _device(connection)
        told = [
            GoodsMoved(
                site=SiteCode(SITE),
                device_id=device_id,
                publisher_id=publisher_id,
                seq=seq,
                t_ms=EpochMs(1_767_600_000_000 + seq),
                event="shipped",
                item="bolt",
                quantity=quantity,
                unit=None,
                lot=None,
                from_=None,
                to=None,
                work_order=None,
                order="SO-1",
            )
            for seq, quantity in moves
        ]
        await goods_moves.lock(connection)
        new = await goods_moves.put_moves(connection, told)
        ids = await goods_moves.join(connection, new=new, order_ids=(), work_order_ids=())
        await ship(connection, ids)
        await book_moves(connection, told, now=datetime.now(UTC))


async def _device(connection: Connection) -> tuple[int, int]:
    """A scanner and its boot."""
    await connection.execute(
        "INSERT INTO machines (site_id, path, area, line, name)"
        " SELECT id, %s, 'warehouse', 'outbound', 'scanner-1' FROM sites WHERE code = %s"
        " ON CONFLICT DO NOTHING",
        (_DEVICE, SITE),
    )
    await connection.execute(
        "INSERT INTO publishers (machine_id, source, boot) SELECT id, 'main', 'b' FROM machines"
        " WHERE path = %s ON CONFLICT DO NOTHING",
        (_DEVICE,),
    )
    cursor = await connection.execute(
        "SELECT m.id, p.id FROM machines m JOIN publishers p ON p.machine_id = m.id"
        " WHERE m.path = %s",
        (_DEVICE,),
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]

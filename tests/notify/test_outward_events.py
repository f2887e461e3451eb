"""Everything that the outside is told: of every type, as the exported contract says, once each."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import msgspec
import pytest
from api_client import MACHINE, SITE, Api
from outbound_floor import changed, confirmed, shipped, tending, told
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from contracts import export, outward
from domain.outward import EVENT_OF, EVENT_TYPES
from store.roll_up import roll_up

BASE = "https://contracts.example/"


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("contracts")
    return {path.name: json.loads(path.read_text()) for path in export.write(folder)}


def validator(documents: dict[str, Any], message: str) -> jsonschema.Draft202012Validator:
    """What a message of the AsyncAPI document has to be like."""
    schema = documents["asyncapi.json"]["components"]["messages"][message]["payload"]["schema"]
    name = "outward.schema.json"
    registry: Registry[Any] = Registry().with_resource(
        BASE + name, DRAFT202012.create_resource(documents[name])
    )
    return jsonschema.Draft202012Validator(
        {**schema, "$id": BASE + "asyncapi.json"},
        registry=registry,
        format_checker=jsonschema.FormatChecker(),
    )


def assert_known_fields(data: dict[str, Any], struct: type[msgspec.Struct]) -> None:
    """Nothing is said that the contract does not have."""
    msgspec.convert(
        data,
        msgspec.defstruct(
            "Strict", [], bases=(struct,), forbid_unknown_fields=True, frozen=True, kw_only=True
        ),
        strict=False,
    )


async def test_every_type_of_event_is_sent_and_fits_its_contract(
    api: Api, desk: httpx.AsyncClient, documents: dict[str, Any]
) -> None:
    assert set(EVENT_OF.values()) < EVENT_TYPES
    hook = await desk.post(
        "/v1/webhooks", json={"name": "all", "url": "https://receiver.example/gemba"}
    )
    assert hook.status_code == 201
    await _a_day_at_the_plant(api, desk)
    seen = (await desk.get("/v1/events", params={"after": 0, "limit": 1000})).json()["items"]
    assert {event["type"] for event in seen} == EVENT_TYPES
    assert [int(event["sequence"]) for event in seen] == list(range(1, len(seen) + 1))
    for event in seen:
        validator(documents, f"event.{event['type']}").validate(event)
        assert_known_fields(event["data"], outward.DATA[event["type"]])
    await desk.post(f"/v1/webhooks/{hook.json()['id']}/test")
    address = f"/v1/webhooks/{hook.json()['id']}/deliveries"
    sent = (await desk.get(address, params={"limit": 1000})).json()["items"]
    assert {one["event_type"] for one in sent} == EVENT_TYPES | {outward.WEBHOOK_TEST}
    for one in sent:
        body = json.loads(one["body"])
        validator(documents, f"webhook.{one['event_type']}").validate(body)


def test_the_contract_refuses_what_is_not_so(documents: dict[str, Any]) -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/gemba",
        "type": "stock.shortage",
        "subject": "bolt",
        "time": "2026-11-22T10:00:00Z",
        "datacontenttype": "application/json",
        "sequence": "1",
        "data": {
            "item": "bolt",
            "unit": "pcs",
            "needed": "5",
            "missing": "2",
            "need_at": "2026-11-23T10:00:00Z",
        },
    }
    judge = validator(documents, "event.stock.shortage")
    judge.validate(event)
    assert not judge.is_valid({**event, "type": "order.received"})
    assert not judge.is_valid({**event, "data": {"item": "bolt"}})
    assert not validator(documents, "event.order.progressed").is_valid(event)


async def _a_day_at_the_plant(api: Api, desk: httpx.AsyncClient) -> None:
    """One order from its arrival to its return, others that end early, an item that runs short."""
    step = {"number": 10, "name": "Saw", "machine": MACHINE, "cycle_ms": 1000}
    for path, body in (
        (f"/v1/machines/{MACHINE}", {"name": "Saw"}),
        (
            "/v1/items/bolt",
            {"name": "Bolt", "routings": [{"site": SITE, "steps": [step]}]},
        ),
    ):
        answer = await desk.put(path, json=body)
        assert answer.status_code == 200, answer.text
    for number in ("SO-1", "SO-2", "SO-3"):
        await _ordered(desk, number)
    refused = await desk.post("/v1/orders/SO-2/reject", json={"reason": "not made any more"})
    assert refused.status_code == 200, refused.text
    await confirmed(desk, "SO-1")
    await confirmed(desk, "SO-3")
    await changed(desk, "SO-3", lines=[{"number": 1, "quantity": 6}])
    for step_, body in (
        ("hold", {"reason": "unpaid"}),
        ("resume", {"reason": "paid"}),
        ("cancel", {"reason": "not wanted"}),
    ):
        answer = await desk.post(f"/v1/orders/SO-3/{step_}", json=body)
        assert answer.status_code == 200, answer.text
    released = await desk.post("/v1/orders/SO-1/release", json={})
    assert released.status_code == 200, released.text
    await _moved(api, "SO-1")
    await _made(api, "SO-1", 2)
    await told(api)
    assert await tending(api).tell_progress() == 1
    await _made(api, "SO-1", 5)
    await told(api)
    shipment = await shipped(desk, "SO-1", {1: 2})
    await _shipment_to_its_end(desk, "SO-1", shipment)
    await _corrected(api, "SO-1")
    reserved = await desk.post(
        "/v1/reservations",
        json={
            "site": SITE,
            "item": "wire",
            "quantity": 5,
            "kind": "soft",
            "need_at": "2099-01-01T00:00:00Z",
        },
    )
    if reserved.status_code != 201:
        await _short(api)
    await tending(api).tell_shortages()
    await told(api)


async def _ordered(desk: httpx.AsyncClient, number: str) -> None:
    answer = await desk.post(
        "/v1/orders",
        json={
            "number": number,
            "site": SITE,
            "customer": "acme",
            "customer_reference": f"PO {number}",
            "lines": [{"item": "bolt", "quantity": 5, "due_at": "2099-12-31T10:00:00Z"}],
        },
    )
    assert answer.status_code == 201, answer.text


async def _made(api: Api, order: str, good: int) -> None:
    """So many were counted, and rolled up as the stream worker does."""
    state = "completed" if good >= 5 else "running"
    works = await api.rows(
        """
        UPDATE operations o SET good_pieces = %s, runs = 1, state = %s, started_ms = 1
        FROM pegs p JOIN order_lines l ON l.id = p.order_line_id JOIN orders r ON r.id = l.order_id
        WHERE o.work_order_id = p.work_order_id AND r.number = %s RETURNING o.work_order_id
        """,
        good,
        state,
        order,
    )
    async with api.context.transaction() as connection:
        await roll_up(
            connection,
            order_ids=[],
            work_order_ids=[row[0] for row in works],
            now_ms=int(datetime.now(UTC).timestamp() * 1000),
        )


async def _shipment_to_its_end(desk: httpx.AsyncClient, order: str, shipment: int) -> None:
    other = (await desk.post(f"/v1/orders/{order}/shipments", json={})).json()["number"]
    for path, body in (
        (f"{other}/pack", {}),
        (f"{shipment}/carrier-events", {"status": "in_transit", "at": "2026-11-22T08:00:00Z"}),
        (f"{shipment}/deliver", {}),
        (f"{shipment}/return", {"lines": [{"line": 1, "quantity": 1}], "reason": "scratched"}),
    ):
        answer = await desk.post(f"/v1/orders/{order}/shipments/{path}", json=body)
        assert answer.status_code == 200, (path, answer.text)


async def _moved(api: Api, order: str) -> None:
    """As the scheduler writes it when a plan moves the end of an order."""
    await _entry(
        api,
        order,
        "ExpectedDateMoved",
        '{"from": "2026-12-01T10:00:00.000Z", "to": "2026-12-03T10:00:00.000Z", "plan": 2}',
    )


async def _corrected(api: Api, order: str) -> None:
    """As the warehouse agent writes it when a late scan says otherwise."""
    after = (
        '{"shipment": 1, "state": "shipped", "quantity": "2", "unit": "pcs",'
        ' "at": "2026-11-22T10:00:00.000Z"}'
    )
    await _entry(api, order, "ShipmentCorrected", after)


async def _entry(api: Api, order: str, action: str, after: str) -> None:
    await api.rows(
        """
        WITH entry AS (INSERT INTO audit_log (actor, origin, site_id, order_id, action, after)
            SELECT 'test', 'test', o.site_id, o.id, %s, %s::jsonb FROM orders o WHERE o.number = %s
            RETURNING id)
        INSERT INTO outward_queue SELECT id FROM entry
        """,
        action,
        after,
        order,
    )


async def _short(api: Api) -> None:
    """A need that nothing covers, as a release leaves it."""
    await api.rows(
        """
        INSERT INTO reservations (item_id, site_id, quantity, kind, need_at, state, head_version,
            created_by)
        SELECT i.id, s.id, 5, 'soft', '2099-01-01', 'open', 1, 'test' FROM items i, sites s
        WHERE i.code = 'wire' AND s.code = %s
        """,
        SITE,
    )


async def test_progress_is_told_once_in_a_while_and_production_once(
    api: Api, desk: httpx.AsyncClient
) -> None:
    step = {"number": 10, "name": "Saw", "machine": MACHINE, "cycle_ms": 1000}
    await desk.put(f"/v1/machines/{MACHINE}", json={"name": "Saw"})
    await desk.put(
        "/v1/items/bolt", json={"name": "Bolt", "routings": [{"site": SITE, "steps": [step]}]}
    )
    await _ordered(desk, "SO-1")
    await confirmed(desk, "SO-1")
    assert (await desk.post("/v1/orders/SO-1/release", json={})).status_code == 200
    rounds = tending(api)
    for good in (1, 2, 3):
        await _made(api, "SO-1", good)
        assert await rounds.tell_progress() == (1 if good == 1 else 0)
    soon = tending(api, progress_of_one=0.0)
    assert await soon.tell_progress() == 1
    assert await soon.tell_progress() == 0
    await _made(api, "SO-1", 5)
    await told(api)
    await told(api)
    assert await soon.tell_progress() == 0
    seen = (
        await desk.get(
            "/v1/events", params={"after": 0, "types": "order.progressed,order.produced"}
        )
    ).json()["items"]
    figures = [
        (event["type"], event["data"]["lines"][0]["good"], event["data"]["lines"][0]["state"])
        for event in seen
    ]
    assert figures == [
        ("order.progressed", "1", "in_production"),
        ("order.progressed", "3", "in_production"),
        ("order.produced", "5", "produced"),
    ]
    assert seen[0]["data"]["customer_reference"] == "PO SO-1"


async def test_a_shortage_is_told_once_and_again_when_it_is_worse(
    api: Api, desk: httpx.AsyncClient
) -> None:
    await _short(api)
    for needed in (5, 5, 3, 6, 0, 6):  # none: it is over, and comes back
        await api.rows("UPDATE reservations SET quantity = %s", needed)
        await tending(api).tell_shortages()
    seen = (await desk.get("/v1/events?after=0&types=stock.shortage")).json()["items"]
    assert [event["data"]["missing"] for event in seen] == ["5", "6", "6"]
    assert [event["subject"] for event in seen] == ["wire"] * 3
    assert seen[0]["source"] == f"/gemba/{SITE}"

"""Orders over HTTP: intake, change, release, cancellation, lists and the audit log."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from api_client import MACHINE, SITE, Api

from contracts.streams import ORDERS, OrderEvent, decode_events
from domain.access import Role


def new_order(**changes: Any) -> dict[str, Any]:
    return {
        "site": SITE,
        "customer": "acme",
        "lines": [{"item": "bracket", "quantity": 480, "due_at": "2026-12-01T08:00:00Z"}],
        **changes,
    }


async def taken_in(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/v1/orders", json=new_order(**changes))
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = answer.json()
    return order


async def events(api: Api) -> list[OrderEvent]:
    found = [event for value in await api.records(ORDERS) for event in decode_events(value)]
    assert all(isinstance(event, OrderEvent) for event in found)
    return [event for event in found if isinstance(event, OrderEvent)]


class TestTakingIn:
    async def test_draws_a_number_when_none_is_given(self, plant: httpx.AsyncClient) -> None:
        first, second = await taken_in(plant), await taken_in(plant)
        assert (first["number"], second["number"]) == ("SO-000001", "SO-000002")
        assert first["state"] == "received"
        assert first["waits_for"] == "release"
        assert first["version"] == 1

    async def test_draws_another_number_when_somebody_used_the_next_by_hand(
        self, plant: httpx.AsyncClient
    ) -> None:
        await taken_in(plant, number="SO-000001")
        assert (await taken_in(plant))["number"] == "SO-000002"

    async def test_a_number_with_a_slash_can_be_asked_for(self, plant: httpx.AsyncClient) -> None:
        await taken_in(plant, number="2026/0815")
        for path in ("/v1/orders/2026/0815", "/v1/orders/2026%2F0815"):
            assert (await plant.get(path)).json()["number"] == "2026/0815"
        released = await plant.post("/v1/orders/2026%2F0815/release")
        assert released.json()["state"] == "released"

    async def test_the_same_external_order_again_is_the_same_order(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        wanted = new_order(external_source="sap", external_id="45/1")
        first = await plant.post("/v1/orders", json=wanted)
        same = {**wanted, "lines": [{**wanted["lines"][0], "quantity": "480.0"}]}
        second = await plant.post("/v1/orders", json=same)
        assert (first.status_code, second.status_code) == (201, 200)
        assert second.json()["number"] == first.json()["number"]
        assert len(await events(api)) == 1

    async def test_it_stays_the_same_order_after_it_was_changed(
        self, plant: httpx.AsyncClient
    ) -> None:
        wanted = new_order(external_source="sap", external_id="7")
        order = (await plant.post("/v1/orders", json=wanted)).json()
        await plant.patch(f"/v1/orders/{order['number']}", json={"version": 1, "priority": 9})
        again = await plant.post("/v1/orders", json=wanted)
        assert again.status_code == 200
        assert again.json()["priority"] == 9

    async def test_the_same_external_id_with_another_content_is_a_conflict(
        self, plant: httpx.AsyncClient
    ) -> None:
        await taken_in(plant, external_source="sap", external_id="7")
        other = new_order(external_source="sap", external_id="7", priority=1)
        answer = await plant.post("/v1/orders", json=other)
        assert answer.status_code == 409
        assert answer.headers["content-type"] == "application/problem+json"

    async def test_many_at_once_make_one_order(self, plant: httpx.AsyncClient, api: Api) -> None:
        wanted = new_order(external_source="shop", external_id="1")
        answers = await asyncio.gather(*(plant.post("/v1/orders", json=wanted) for _ in range(8)))
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
        assert len({answer.json()["number"] for answer in answers}) == 1
        assert await api.rows("SELECT count(*) FROM orders") == [(1,)]

    async def test_a_number_is_given_once(self, plant: httpx.AsyncClient) -> None:
        await taken_in(plant, number="A-1")
        answer = await plant.post("/v1/orders", json=new_order(number="A-1"))
        assert answer.status_code == 409

    @pytest.mark.parametrize(
        ("sent", "told"),
        [(480, "480"), ("0.1", "0.1"), (12.5, "12.5"), ("123456789.125", "123456789.125")],
    )
    async def test_quantities_are_exact(
        self, plant: httpx.AsyncClient, api: Api, sent: object, told: str
    ) -> None:
        lines = [{"item": "wire", "quantity": sent}]
        answer = await plant.post("/v1/orders", json=new_order(lines=lines))
        assert f'"quantity":{told},"unit":"m"' in answer.text
        assert [(str(row[0])) for row in await api.rows("SELECT quantity FROM order_lines")] == [
            told
        ]

    async def test_names_the_field_that_is_wrong(self, plant: httpx.AsyncClient) -> None:
        line = {"item": "bracket", "quantity": 1}
        for changes, field in (
            ({"site": "nowhere"}, "site"),
            ({"customer": "nobody"}, "customer"),
            ({"lines": [line, {"item": "x", "quantity": 1}]}, "lines[1].item"),
            ({"lines": [{**line, "quantity": 0}]}, "lines[0].quantity"),
            ({"lines": [{**line, "quantity": True}]}, "lines[0].quantity"),
            ({"lines": [{**line, "quantity": "NaN"}]}, "lines[0].quantity"),
            ({"lines": [{**line, "quantity": "0.0000001"}]}, "lines[0].quantity"),
            ({"lines": [{**line, "unit": "kg"}]}, "lines[0].unit"),
            ({"lines": [{**line, "due_at": "2026-12-01"}]}, "lines[0].due_at"),
            ({"lines": []}, "lines"),
            ({"number": "a\x00b"}, "number"),
            ({"priority": "high"}, "priority"),
            ({"priority": 2**40}, "priority"),
            ({"misspelt": 1}, "misspelt"),
            ({"external_source": "sap"}, "body"),
        ):
            answer = await plant.post("/v1/orders", json=new_order(**changes))
            assert answer.status_code == 422, answer.text
            problem = answer.json()
            assert [error["field"] for error in problem["errors"]] == [field]
            assert problem["status"] == 422

    async def test_a_refused_order_leaves_nothing_behind(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        lines = [{"item": "bracket", "quantity": 1}, {"item": "wire", "quantity": 1}]
        answer = await plant.post("/v1/orders", json=new_order(lines=lines, release=True))
        assert answer.status_code == 409
        assert "wire" in answer.json()["detail"]
        assert await api.rows(
            "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM order_lines),"
            " (SELECT count(*) FROM work_orders), (SELECT count(*) FROM operations),"
            " (SELECT count(*) FROM audit_log WHERE order_id IS NOT NULL)"
        ) == [(0, 0, 0, 0, 0)]
        assert await events(api) == []

    async def test_row_audit_and_event_are_one_transaction(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        # The event is appended last: when that fails, the order and its audit entry are gone too.
        await api.rows(
            "ALTER TABLE log_records ADD CONSTRAINT full_disk CHECK (topic <> 'gemba.orders.v1')"
        )
        answer = await plant.post("/v1/orders", json=new_order())
        assert answer.status_code == 500
        assert "full_disk" not in answer.text
        assert await api.rows("SELECT count(*) FROM orders") == [(0,)]
        assert await api.rows("SELECT count(*) FROM audit_log WHERE order_id IS NOT NULL") == [(0,)]


class TestReleasing:
    async def test_makes_a_work_order_per_line_from_the_routing(
        self, plant: httpx.AsyncClient
    ) -> None:
        lines = [{"item": "bracket", "quantity": 480}, {"item": "bracket", "quantity": 20}]
        number = (await taken_in(plant, lines=lines))["number"]
        order = (await plant.post(f"/v1/orders/{number}/release")).json()
        assert order["state"] == "released"
        assert [(peg["line"], peg["work_order"], peg["quantity"]) for peg in order["pegs"]] == [
            (1, "WO-000001", 480),
            (2, "WO-000002", 20),
        ]
        assert [
            (operation["work_order"], operation["operation"], operation["machine"])
            for operation in order["operations"]
        ][:2] == [("WO-000001", 10, MACHINE), ("WO-000001", 20, f"{SITE}/cutting/line1/m02")]

    async def test_tells_of_the_work_orders_in_the_event(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        order = await taken_in(plant, release=True)
        received, released = await events(api)
        assert (received.name, released.name) == ("OrderReceived", "OrderReleased")
        assert released.work_order_ids == [peg["work_order_id"] for peg in order["pegs"]]
        assert released.version == order["version"] == 2

    async def test_twice_is_a_conflict(self, plant: httpx.AsyncClient) -> None:
        number = (await taken_in(plant, release=True))["number"]
        answer = await plant.post(f"/v1/orders/{number}/release")
        assert answer.status_code == 409
        assert "released cannot be released" in answer.json()["detail"]

    async def test_skips_a_number_that_the_floor_has_named_already(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await api.rows(
            "INSERT INTO work_orders (site_id, number, planned)"
            " SELECT id, 'WO-000001', false FROM sites WHERE code = 'plant-1'"
        )
        order = await taken_in(plant, release=True)
        assert order["pegs"][0]["work_order"] == "WO-000002"


class TestChanging:
    async def test_changes_quantity_date_and_priority(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        order = await taken_in(plant, release=True)
        answer = await plant.patch(
            f"/v1/orders/{order['number']}",
            json={
                "version": 2,
                "priority": 5,
                "reason": "they called",
                "lines": [
                    {"number": 1, "quantity": "500.5", "due_at": "2026-12-02T08:00:00+08:00"}
                ],
            },
        )
        assert answer.status_code == 200, answer.text
        changed = answer.json()
        assert (changed["version"], changed["priority"]) == (3, 5)
        assert changed["lines"][0]["quantity"] == 500.5
        assert changed["lines"][0]["due"] == "2026-12-02T00:00:00Z"
        assert changed["pegs"][0]["quantity"] == 500.5
        work_orders = (await plant.get("/v1/work-orders")).json()["items"]
        assert work_orders[0]["quantity_ordered"] == 500.5
        assert [o["quantity"] for o in work_orders[0]["operations"]] == [500.5, 500.5]
        assert (await events(api))[-1].name == "OrderChanged"

    async def test_only_what_is_named_changes(self, plant: httpx.AsyncClient) -> None:
        order = await taken_in(plant)
        path = f"/v1/orders/{order['number']}"
        lines: list[dict[str, int | None]] = [{"number": 1, "quantity": 1}]
        changed = (await plant.patch(path, json={"version": 1, "lines": lines})).json()
        assert changed["lines"][0]["due"] == "2026-12-01T08:00:00Z"
        lines = [{"number": 1, "due_at": None}]
        changed = (await plant.patch(path, json={"version": 2, "lines": lines})).json()
        assert (changed["lines"][0]["due"], changed["lines"][0]["quantity"]) == (None, 1)

    async def test_a_stale_version_is_a_conflict(self, plant: httpx.AsyncClient) -> None:
        path = f"/v1/orders/{(await taken_in(plant))['number']}"
        assert (await plant.patch(path, json={"version": 1, "priority": 1})).status_code == 200
        answer = await plant.patch(path, json={"version": 1, "priority": 2})
        assert answer.status_code == 409
        assert "version 2, not 1" in answer.json()["detail"]

    async def test_of_two_at_once_one_wins(self, plant: httpx.AsyncClient) -> None:
        path = f"/v1/orders/{(await taken_in(plant))['number']}"
        answers = await asyncio.gather(
            *(plant.patch(path, json={"version": 1, "priority": n}) for n in range(1, 5))
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]

    async def test_nothing_to_change_makes_no_version(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        path = f"/v1/orders/{(await taken_in(plant))['number']}"
        lines = [{"number": 1, "quantity": 480}]
        answer = await plant.patch(path, json={"version": 1, "lines": lines, "priority": 0})
        assert answer.json()["version"] == 1
        assert len(await events(api)) == 1

    async def test_what_is_produced_stays(self, plant: httpx.AsyncClient, api: Api) -> None:
        path = f"/v1/orders/{(await taken_in(plant))['number']}"
        await api.rows("UPDATE order_lines SET state = 'produced'")
        lines = [{"number": 1, "quantity": 1}]
        answer = await plant.patch(path, json={"version": 1, "lines": lines})
        assert answer.status_code == 409

    async def test_an_unknown_line_is_named(self, plant: httpx.AsyncClient) -> None:
        path = f"/v1/orders/{(await taken_in(plant))['number']}"
        answer = await plant.patch(path, json={"version": 1, "lines": [{"number": 7}]})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "lines[0].number"


class TestCancelling:
    async def test_reaches_operations_that_never_started(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        number = (await taken_in(plant, release=True))["number"]
        answer = await plant.post(f"/v1/orders/{number}/cancel", json={"reason": "no need"})
        assert answer.status_code == 200, answer.text
        cancelled = answer.json()
        assert cancelled["order"]["state"] == "cancelled"
        assert cancelled["still_running"] == []
        operations = (await plant.get("/v1/operations")).json()["items"]
        assert [operation["state"] for operation in operations] == ["cancelled", "cancelled"]
        work_orders = (await plant.get("/v1/work-orders?state=cancelled")).json()
        assert work_orders["total"] == 1
        event = (await events(api))[-1]
        assert event.name == "OrderCancelled"
        assert event.work_order_ids == [work_orders["items"][0]["id"]]

    async def test_leaves_what_runs_and_names_it(self, plant: httpx.AsyncClient, api: Api) -> None:
        number = (await taken_in(plant, release=True))["number"]
        await api.rows("UPDATE operations SET state = 'running', runs = 1 WHERE number = 10")
        answer = await plant.post(f"/v1/orders/{number}/cancel", json={"reason": "no need"})
        running = answer.json()["still_running"]
        assert [(o["operation"], o["state"]) for o in running] == [(10, "running")]
        states = {o["operation"]: o["state"] for o in answer.json()["order"]["operations"]}
        assert states == {10: "running", 20: "cancelled"}

    async def test_work_that_somebody_else_waits_for_goes_on(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        first = await taken_in(plant, release=True)
        second = await taken_in(plant)
        await api.rows(
            "INSERT INTO pegs (order_line_id, work_order_id, quantity)"
            " SELECT l.id, %s, 5 FROM order_lines l JOIN orders o ON o.id = l.order_id"
            " WHERE o.number = %s",
            first["pegs"][0]["work_order_id"],
            second["number"],
        )
        await plant.post(f"/v1/orders/{first['number']}/cancel", json={"reason": "no need"})
        work_order = (await plant.get("/v1/work-orders")).json()["items"][0]
        assert work_order["state"] == "planned"

    async def test_twice_is_a_conflict_and_a_reason_is_needed(
        self, plant: httpx.AsyncClient
    ) -> None:
        path = f"/v1/orders/{(await taken_in(plant))['number']}/cancel"
        assert (await plant.post(path, json={})).status_code == 422
        stale = await plant.post(path, json={"reason": "x", "version": 7})
        assert stale.status_code == 409
        assert (await plant.post(path, json={"reason": "x"})).status_code == 200
        assert (await plant.post(path, json={"reason": "x"})).status_code == 409


class TestLists:
    async def test_filters_by_state_customer_and_text(self, plant: httpx.AsyncClient) -> None:
        await plant.put("/v1/customers/zeta", json={"name": "Zeta 100% GmbH"})
        first = await taken_in(plant, customer_reference="PO_77")
        second = await taken_in(plant, customer="zeta", release=True)

        async def numbers(query: str) -> list[str]:
            answer = await plant.get(f"/v1/orders?{query}")
            assert answer.status_code == 200, answer.text
            assert answer.json()["total"] == len(answer.json()["items"])
            return [order["number"] for order in answer.json()["items"]]

        both = [second["number"], first["number"]]
        assert await numbers("") == both
        assert await numbers("state=received") == [first["number"]]
        assert await numbers("state=released") == [second["number"]]
        assert await numbers("customer=zeta") == [second["number"]]
        assert await numbers("search=po_77") == [first["number"]]
        assert await numbers("search=ZETA") == [second["number"]]
        assert await numbers(f"site={SITE}&search=so-0000") == both
        assert await numbers("site=plant-2") == []

    async def test_a_search_text_is_only_text(self, plant: httpx.AsyncClient) -> None:
        await taken_in(plant)
        for text in (
            "'; DROP TABLE orders; --",
            "%",
            "_",
            "\\",
            "%(site)s",
            "{where}",
            "' OR '1'='1",
            "100%%",
        ):
            for name in ("search", "customer", "site"):
                answer = await plant.get("/v1/orders", params={name: text})
                assert (answer.status_code, answer.json()["total"]) == (200, 0)
        assert (await plant.get("/v1/orders")).json()["total"] == 1

    async def test_a_text_that_no_row_holds_is_refused(self, plant: httpx.AsyncClient) -> None:
        answer = await plant.get("/v1/orders?search=a%00b")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "search"

    async def test_pages_are_parts_of_the_whole(self, plant: httpx.AsyncClient) -> None:
        for _ in range(5):
            await taken_in(plant)
        page = (await plant.get("/v1/orders?limit=2&offset=1")).json()
        assert [order["number"] for order in page["items"]] == ["SO-000004", "SO-000003"]
        assert page["total"] == 5
        for query in ("limit=-1", "limit=10001", "limit=x", "offset=-1"):
            assert (await plant.get(f"/v1/orders?{query}")).status_code == 422

    async def test_an_unknown_order_is_not_found(self, plant: httpx.AsyncClient) -> None:
        for path in ("/v1/orders/none", "/v1/orders/none/events"):
            answer = await plant.get(path)
            assert answer.status_code == 404
            assert answer.json()["detail"] == "There is no order 'none'."


class TestAudit:
    async def test_says_who_when_from_where_before_after_and_why(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        path = f"/v1/orders/{(await taken_in(plant))['number']}"
        planner = await api.as_role(Role.PLANNER)
        lines = [{"number": 1, "quantity": 500}]
        await planner.patch(path, json={"version": 1, "lines": lines, "reason": "more"})
        await plant.post(f"{path}/cancel", json={"reason": "no need"})
        log = (await plant.get(f"{path}/events")).json()
        assert log["total"] == 3
        assert [entry["action"] for entry in log["items"]] == [
            "OrderCancelled",
            "OrderChanged",
            "OrderReceived",
        ]
        cancelled, changed, received = log["items"]
        assert (changed["actor"], changed["origin"]) == ("token a-planner", "token 127.0.0.1")
        assert changed["reason"] == "more"
        assert changed["before"]["lines"][0]["quantity"] == 480
        assert changed["after"]["lines"][0]["quantity"] == 500
        assert cancelled["reason"] == "no need"
        assert received["before"] is None

    async def test_pages_through_a_long_log(self, plant: httpx.AsyncClient) -> None:
        path = f"/v1/orders/{(await taken_in(plant))['number']}"
        await plant.patch(path, json={"version": 1, "priority": 2})
        page = (await plant.get(f"{path}/events?limit=1&offset=1")).json()
        assert ([entry["action"] for entry in page["items"]], page["total"]) == (
            ["OrderReceived"],
            2,
        )

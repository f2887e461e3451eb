"""Review before release, over the API: what waits, why, and what people do about it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from api_client import SITE, Api

from domain.access import Role

DUE = (datetime.now(UTC) + timedelta(days=30)).isoformat()


async def told(
    api: Api,
    number: str,
    *,
    item: str = "bracket",
    customer: str = "acme",
    quantity: float = 50,
    priority: int = 0,
    reference: str | None = None,
) -> None:
    """An order as a document told of it, which nobody has looked at yet."""
    await api.rows(
        "INSERT INTO customers (code, name, provisional) VALUES (%s, %s, true)"
        " ON CONFLICT (code) DO NOTHING",
        customer,
        customer,
    )
    await api.rows(
        "INSERT INTO items (code, name, provisional) VALUES (%s, %s, true)"
        " ON CONFLICT (code) DO NOTHING",
        item,
        item,
    )
    await api.rows(
        "INSERT INTO orders (site_id, customer_id, number, priority, source_version,"
        " customer_reference, external_source, external_id)"
        " SELECT s.id, c.id, %s, %s, 0, %s, 'test', %s FROM sites s, customers c"
        " WHERE s.code = %s AND c.code = %s",
        number,
        priority,
        reference,
        number,
        SITE,
        customer,
    )
    await api.rows(
        "INSERT INTO order_lines (order_id, number, item_id, quantity, unit, due_at, state,"
        " source_position) SELECT o.id, 1, i.id, %s, i.unit, %s, 'received', '10'"
        " FROM orders o, items i WHERE o.number = %s AND i.code = %s",
        quantity,
        DUE,
        number,
        item,
    )
    await api.rows(
        "INSERT INTO intake_files (sha256, format, size, content)"
        " VALUES (sha256(%s), 'csv', 0, '')",
        number.encode(),
    )
    document = {"lines": [{"position": "10", "names": [{"scheme": "buyer", "value": f"B {item}"}]}]}
    await api.rows(
        "INSERT INTO intake_documents (source, number, kind, version, sha256, outcome, order_id,"
        " format, file_id, document, received_by)"
        " SELECT 'test', o.number, 'order', 0, f.sha256, 'created', o.id, 'csv', f.id, %s, 'test'"
        " FROM orders o, intake_files f WHERE o.number = %s AND f.sha256 = sha256(%s)",
        json.dumps(document),
        number,
        number.encode(),
    )


async def done(client: httpx.AsyncClient, path: str, body: object = None) -> dict[str, Any]:
    answer = await client.post(path, json=body if body is not None else {})
    assert answer.is_success, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def got(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    answer = await client.get(path)
    assert answer.is_success, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def rejudged(client: httpx.AsyncClient, *numbers: str) -> dict[str, Any]:
    return await done(client, "/v1/review/rejudge", {"numbers": list(numbers)} if numbers else {})


async def codes(client: httpx.AsyncClient, number: str) -> list[str]:
    """Codes of an order's open findings."""
    shown = await got(client, f"/v1/orders/{number}/findings?settled=false")
    return [finding["code"] for finding in shown["items"]]


class TestWaiting:
    async def test_what_is_unknown_waits_with_its_reasons(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1", item="X-77", customer="4012345000009", priority=99)
        assert (await rejudged(plant, "D-1"))["under_review"] == ["D-1"]
        waiting = await got(plant, "/v1/review")
        assert waiting["codes"] == {
            "rush_beyond_policy": 1,
            "unknown_customer": 1,
            "unknown_item": 1,
        }
        (item,) = waiting["items"]
        assert item["order"]["state"] == "under_review"
        assert (item["order"]["findings"], item["order"]["errors"]) == (3, 2)
        finding = next(f for f in item["findings"] if f["code"] == "unknown_item")
        assert finding["line"] == 1
        assert "X-77" in finding["problem"]
        assert finding["advice"]
        assert (await got(plant, "/v1/review?code=no_routing"))["total"] == 0
        assert (await got(plant, "/v1/review?code=unknown_item"))["total"] == 1

    async def test_it_is_neither_released_nor_confirmed_and_the_refusal_says_why(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1", item="X-77")
        await rejudged(plant)
        for verb in ("release", "confirm"):
            answer = await plant.post(f"/v1/orders/D-1/{verb}", json={})
            assert answer.status_code == 409, verb
            assert "'X-77' is not in the master data" in answer.json()["detail"]

    async def test_a_clean_one_waits_for_somebody_unless_the_policy_passes_it(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1")
        assert (await rejudged(plant, "D-1"))["under_review"] == ["D-1"]
        assert (await got(plant, "/v1/orders/D-1"))["findings"] == 0
        put = await plant.put("/v1/review/policies", json={"site": SITE, "auto_confirm": True})
        assert put.status_code == 200, put.text
        await told(api, "D-2", quantity=70)
        assert (await rejudged(plant))["confirmed"] == ["D-1", "D-2"]
        order = await got(plant, "/v1/orders/D-2")
        assert order["state"] == "confirmed"
        assert order["confirmed"] is not None
        events = (await got(plant, "/v1/orders/D-2/events"))["items"]
        assert (events[0]["action"], events[0]["actor"]) == ("OrderConfirmed", "token a-admin")

    async def test_the_same_order_under_another_number_is_suspected(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1", reference="PO 9")
        await told(api, "D-2", reference="PO 9", quantity=51)
        await told(api, "D-3")
        await rejudged(plant)
        assert await codes(plant, "D-1") == []
        assert await codes(plant, "D-2") == ["possible_duplicate"]
        (finding,) = (await got(plant, "/v1/orders/D-3/findings"))["items"]
        assert finding["detail"]["order"] == "D-1"
        assert finding["detail"]["same"] == "lines"

    async def test_a_quantity_far_from_what_is_usual(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        line = {"item": "bracket", "due_at": DUE}
        for n in range(8):
            body = {"site": SITE, "customer": "acme", "lines": [{**line, "quantity": 100 + n}]}
            answer = await plant.post("/v1/orders", json=body)
            assert answer.status_code == 201, answer.text
            assert answer.json()["state"] == "received"
        await told(api, "D-1", quantity=50_000)
        await rejudged(plant, "D-1")
        (finding,) = (await got(plant, "/v1/orders/D-1/findings"))["items"]
        assert finding["code"] == "quantity_off_history"
        assert (finding["detail"]["whose"], finding["detail"]["history"]) == ("customer", 8)

    async def test_a_date_that_the_work_alone_does_not_allow(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1", quantity=10_000_000)
        await told(api, "D-2", quantity=200_000)
        await api.rows(
            "UPDATE order_lines SET due_at = now() + interval '6 days' WHERE order_id = 2"
        )
        await rejudged(plant)
        (work,) = (await got(plant, "/v1/orders/D-1/findings"))["items"]
        assert (work["code"], work["detail"]["by"]) == ("due_not_reachable", "routing")
        (promise,) = (await got(plant, "/v1/orders/D-2/findings"))["items"]
        assert (promise["code"], promise["detail"]["by"]) == ("due_not_reachable", "promise")
        await api.rows(
            "INSERT INTO lead_time_rules (item_id, days) SELECT id, 2 FROM items"
            " WHERE code = 'bracket'"
        )
        await rejudged(plant)
        assert await codes(plant, "D-1") == []

    async def test_a_document_that_warned_or_contradicts(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1")
        problem = {
            "severity": "warning",
            "code": "date_odd",
            "place": "row 2",
            "problem": "the day is a holiday",
        }
        await api.rows("UPDATE intake_documents SET problems = %s", json.dumps([problem]))
        await rejudged(plant)
        assert await codes(plant, "D-1") == ["document_warning"]
        await api.rows(
            "INSERT INTO intake_documents (source, number, kind, version, sha256, outcome,"
            " order_id, format, file_id, reason, received_by)"
            " SELECT source, number, 'change', 0, 'x', 'conflict', order_id, format, file_id,"
            " 'nobody can say which is newer', 'test' FROM intake_documents"
        )
        await rejudged(plant)
        assert await codes(plant, "D-1") == ["version_conflict", "document_warning"]


class TestDeciding:
    async def test_confirming_in_spite_of_errors_needs_a_reason(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1", reference="PO 9")
        await told(api, "D-2", reference="PO 9", priority=50)
        await rejudged(plant)
        order = await done(plant, "/v1/orders/D-2/confirm", {"overrule": "they mean it"})
        assert (order["state"], order["findings"]) == ("confirmed", 0)
        settled = (await got(plant, "/v1/orders/D-2/findings"))["items"]
        assert {(f["code"], f["settled_how"]) for f in settled} == {
            ("possible_duplicate", "overruled"),
            ("rush_beyond_policy", "confirmed"),
        }
        assert {f["settled_reason"] for f in settled} == {"they mean it"}
        await rejudged(plant)
        assert (await got(plant, "/v1/orders/D-2"))["state"] == "confirmed"
        released = await done(plant, "/v1/orders/D-2/release")
        assert released["state"] == "released"

    async def test_a_stale_version_is_refused(self, plant: httpx.AsyncClient, api: Api) -> None:
        await told(api, "D-1")
        await rejudged(plant)
        version = (await got(plant, "/v1/orders/D-1"))["version"]
        stale = await plant.post("/v1/orders/D-1/confirm", json={"version": version - 1})
        assert stale.status_code == 409
        await done(plant, "/v1/orders/D-1/confirm", {"version": version})

    async def test_many_at_once_each_with_its_outcome(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1")
        await told(api, "D-2", item="X-77")
        await rejudged(plant)
        wanted = {"numbers": ["D-1", "D-2", "nobody's"]}
        outcomes = await done(plant, "/v1/orders/confirm", wanted)
        assert outcomes["done"] == 1
        by_number = {one["number"]: one for one in outcomes["items"]}
        assert by_number["D-1"]["state"] == "confirmed"
        assert "X-77" in by_number["D-2"]["problem"]
        assert by_number["nobody's"]["problem"] == 'There is no order "nobody\'s".'
        again = await done(plant, "/v1/orders/confirm", {"filter": {"state": "under_review"}})
        assert (again["total"], again["done"]) == (1, 0)
        by_filter = {"filter": {"finding": "unknown_item"}, "overrule": "make it anyway"}
        assert (await done(plant, "/v1/orders/confirm", by_filter))["done"] == 1

    async def test_a_finding_settled_by_hand_does_not_come_back(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1", priority=50)
        await rejudged(plant)
        (finding,) = (await got(plant, "/v1/orders/D-1/findings"))["items"]
        place = f"/v1/orders/D-1/findings/{finding['id']}/settle"
        order = await done(plant, place, {"reason": "the boss granted it"})
        assert order["findings"] == 0
        await rejudged(plant)
        assert await codes(plant, "D-1") == []
        assert (await plant.post(place, json={"reason": "again"})).status_code == 404
        await api.rows("UPDATE orders SET priority = 60 WHERE number = 'D-1'")
        await rejudged(plant)
        assert await codes(plant, "D-1") == ["rush_beyond_policy"]

    async def test_rejecting_cancels_and_keeps_the_reason(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1")
        await rejudged(plant)
        order = await done(plant, "/v1/orders/D-1/reject", {"reason": "we do not make that"})
        assert order["state"] == "cancelled"
        assert order["lines"][0]["rejected_reason"] == "we do not make that"
        again = await plant.post("/v1/orders/D-1/reject", json={"reason": "x"})
        assert again.status_code == 409

    async def test_a_hold_keeps_it_and_resuming_goes_on_from_there(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1")
        await rejudged(plant)
        await done(plant, "/v1/orders/D-1/confirm")
        held = await done(plant, "/v1/orders/D-1/hold", {"reason": "credit limit"})
        assert held["state"] == "on_hold"
        assert held["lines"][0]["held_from"] == "confirmed"
        assert held["lines"][0]["hold_reason"] == "credit limit"
        for verb, body in (("release", {}), ("confirm", {}), ("hold", {"reason": "again"})):
            assert (await plant.post(f"/v1/orders/D-1/{verb}", json=body)).status_code == 409
        order = await done(plant, "/v1/orders/D-1/resume", {"reason": "paid"})
        assert order["state"] == "confirmed"
        assert order["lines"][0]["held_from"] is None


class TestAssigning:
    async def test_an_item_is_assigned_and_its_name_remembered(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1", item="X-77")
        await told(api, "D-2", item="X-77", quantity=7)
        await rejudged(plant)
        order = await done(plant, "/v1/orders/D-1/lines/1/item", {"item": "bracket"})
        assert order["lines"][0]["item"] == "bracket"
        assert order["lines"][0]["item_known"]
        assert order["findings"] == 0
        assert (await got(plant, "/v1/orders/D-2"))["lines"][0]["item"] == "bracket"
        names = await api.rows(
            "SELECT n.scheme, n.value, c.code, i.code FROM item_names n"
            " JOIN items i ON i.id = n.item_id LEFT JOIN customers c ON c.id = n.customer_id"
        )
        assert names == [("buyer", "B X-77", "acme", "bracket")]
        assert await api.rows("SELECT FROM items WHERE code = 'X-77'") == []

    async def test_only_what_the_master_data_has_can_be_meant(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1", item="X-77")
        for item in ("nothing", "X-77"):
            answer = await plant.post("/v1/orders/D-1/lines/1/item", json={"item": item})
            assert answer.status_code == 422, item
        answer = await plant.post("/v1/orders/D-1/lines/9/item", json={"item": "bracket"})
        assert answer.status_code == 404

    async def test_a_customer_is_assigned_with_all_their_orders(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1", customer="4012345000009")
        await told(api, "D-2", customer="4012345000009", quantity=3)
        await api.rows(
            "INSERT INTO customer_names (customer_id, scheme, value)"
            " SELECT id, 'gln', '4012345000009' FROM customers WHERE provisional"
        )
        await rejudged(plant)
        order = await done(plant, "/v1/orders/D-1/customer", {"customer": "acme"})
        assert (order["customer_code"], order["customer_known"]) == ("acme", True)
        assert await codes(plant, "D-2") == []
        named = await api.rows(
            "SELECT c.code FROM customer_names n JOIN customers c ON c.id = n.customer_id"
        )
        assert named == [("acme",)]
        again = await plant.post("/v1/orders/D-1/customer", json={"customer": "acme"})
        assert again.status_code == 409

    async def test_master_data_that_comes_later_settles_it_by_itself(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1", item="X-77")
        await rejudged(plant)
        await api.rows("UPDATE items SET provisional = false, kind = 'bought' WHERE code = 'X-77'")
        await rejudged(plant)
        (finding,) = (await got(plant, "/v1/orders/D-1/findings"))["items"]
        assert finding["settled_how"] == "gone"


class TestPolicies:
    async def test_the_most_special_says_field_by_field(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        for policy in (
            {"priority_at_most": 1},
            {"site": SITE, "auto_confirm": True, "priority_at_most": 20},
            {"customer": "acme", "severities": {"rush_beyond_policy": "error"}},
        ):
            put = await plant.put("/v1/review/policies", json=policy)
            assert put.status_code == 200, put.text
        listed = await got(plant, "/v1/review/policies")
        assert listed["items"][0]["site"] is None
        assert listed["defaults"]["history_at_least"] == 8
        await told(api, "D-1", priority=20)
        await told(api, "D-2", priority=21, quantity=3)
        assert (await rejudged(plant))["confirmed"] == ["D-1"]
        (finding,) = (await got(plant, "/v1/orders/D-2/findings"))["items"]
        assert finding["severity"] == "error"

    async def test_without_fields_it_is_taken_away(self, plant: httpx.AsyncClient) -> None:
        await plant.put("/v1/review/policies", json={"site": SITE, "auto_confirm": True})
        taken = await plant.put("/v1/review/policies", json={"site": SITE})
        assert taken.json()["items"] == []

    @pytest.mark.parametrize(
        "policy",
        [
            {"site": "nowhere"},
            {"customer": "nobody"},
            {"site": SITE, "customer": "acme"},
            {"history_at_least": 0},
            {"severities": {"colour": "error"}},
        ],
    )
    async def test_nonsense_is_refused(
        self, plant: httpx.AsyncClient, policy: dict[str, Any]
    ) -> None:
        assert (await plant.put("/v1/review/policies", json=policy)).status_code == 422


class TestWhoMay:
    async def test_other_sites_orders_are_not_there(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await told(api, "D-1", item="X-77")
        await rejudged(plant)
        stranger = await api.as_role(Role.SALES, "plant-2")
        assert (await got(stranger, "/v1/review"))["total"] == 0
        assert (await got(stranger, "/v1/review"))["codes"] == {}
        for path, body in (
            ("confirm", {}),
            ("hold", {"reason": "x"}),
            ("reject", {"reason": "x"}),
            ("lines/1/item", {"item": "bracket"}),
        ):
            answer = await stranger.post(f"/v1/orders/D-1/{path}", json=body)
            assert answer.status_code == 404, path
        outcomes = await done(stranger, "/v1/orders/confirm", {"numbers": ["D-1"]})
        assert outcomes["done"] == 0
        assert (await rejudged(stranger))["judged"] == 0

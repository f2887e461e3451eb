"""The order desk's list: filters, saved views, things done to many, files, and one's timeline."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import openpyxl
from api_client import SITE, Api

from domain.access import Role

NOW = datetime.now(UTC)


async def order(client: httpx.AsyncClient, number: str, **changes: Any) -> dict[str, Any]:
    """An order of one line; `due` in days from now."""
    item, due = changes.pop("item", "bracket"), changes.pop("due", None)
    line = {
        "item": item,
        "quantity": changes.pop("quantity", 5),
        "due_at": None if due is None else (NOW + timedelta(days=due)).isoformat(),
    }
    body = {"number": number, "site": SITE, "customer": "acme", "lines": [line], **changes}
    answer = await client.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def listed(client: httpx.AsyncClient, **query: str) -> list[str]:
    answer = await client.get("/v1/orders", params=query)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["total"], body["total_is_estimate"]) == (len(body["items"]), False)
    return [item["number"] for item in body["items"]]


async def acted(client: httpx.AsyncClient, action: object, *numbers: str) -> dict[str, Any]:
    answer = await client.post(
        "/v1/orders/actions", json={"action": action, "numbers": list(numbers)}
    )
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


class TestFilters:
    async def test_by_item_source_dates_and_what_review_found(
        self, plant: httpx.AsyncClient
    ) -> None:
        await order(plant, "A", due=5, external_source="shop", external_id="1")
        await order(plant, "B", item="wire", due=50, quantity=6)
        await order(plant, "C", due=-5, quantity=7)
        assert await listed(plant, item="wire") == ["B"]
        assert await listed(plant, source="shop") == ["A"]
        assert await listed(plant, due_from=NOW.isoformat()) == ["B", "A"]
        until = (NOW + timedelta(days=20)).isoformat()
        assert await listed(plant, due_until=until) == ["C", "A"]
        assert await listed(plant, due_from=NOW.isoformat(), due_until=until) == ["A"]
        assert await listed(plant, received_until=(NOW - timedelta(days=1)).isoformat()) == []
        assert await listed(plant, finding="due_in_past") == ["C"]
        assert await listed(plant, channel="none such") == []
        assert await listed(plant, search="ACME") == ["C", "B", "A"]
        assert await listed(plant, sort="waiting") == ["A", "B", "C"]

    async def test_a_filter_that_is_none_is_said(self, plant: httpx.AsyncClient) -> None:
        for query in ({"finding": "colour"}, {"due_from": "soon"}, {"state": "lost"}):
            assert (await plant.get("/v1/orders", params=query)).status_code == 422

    async def test_beyond_a_bound_the_total_is_an_estimate_and_says_so(
        self, plant: httpx.AsyncClient, monkeypatch: Any
    ) -> None:
        for number in "ABC":
            await order(plant, number, quantity=ord(number))
        monkeypatch.setattr("store.order_lists.COUNTED", 2)
        body = (await plant.get("/v1/orders?late=false")).json()
        assert body["total_is_estimate"]
        assert body["total"] >= 3


class TestViews:
    async def test_a_view_is_kept_found_and_forgotten(self, plant: httpx.AsyncClient) -> None:
        view = {
            "filter": {"state": "under_review", "site": SITE},
            "sort": "waiting",
            "columns": ["number", "due"],
        }
        put = await plant.put("/v1/orders/views/To look at", json=view)
        assert put.status_code == 200, put.text
        shown = (await plant.get("/v1/orders/views/To look at")).json()
        assert shown["view"]["filter"]["state"] == "under_review"
        assert (shown["own"], shown["shared"]) == (True, False)
        assert (await plant.delete("/v1/orders/views/To look at")).status_code == 204
        assert (await plant.delete("/v1/orders/views/To look at")).status_code == 404
        assert (await plant.get("/v1/orders/views")).json()["total"] == 0

    async def test_others_see_it_when_it_is_shared_and_cannot_change_it(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        sales = await api.as_role(Role.SALES)
        await plant.put("/v1/orders/views/Mine", json={})
        assert (await sales.get("/v1/orders/views/Mine")).status_code == 404
        await plant.put("/v1/orders/views/Mine", json={"shared": True, "sort": "due"})
        shown = (await sales.get("/v1/orders/views/Mine")).json()
        assert (shown["own"], shown["owner"]) == (False, "a-admin")
        assert (await sales.delete("/v1/orders/views/Mine")).status_code == 404
        other = await sales.delete("/v1/orders/views/Mine?owner=a-admin")
        assert other.status_code == 404
        await sales.put("/v1/orders/views/Mine", json={"sort": "priority"})
        assert (await plant.get("/v1/orders/views/Mine")).json()["view"]["sort"] == "due"

    async def test_a_view_of_nonsense_is_refused(self, plant: httpx.AsyncClient) -> None:
        answer = await plant.put("/v1/orders/views/x", json={"filter": {"colour": "red"}})
        assert answer.status_code == 422


class TestMany:
    async def test_each_order_has_its_own_outcome(self, plant: httpx.AsyncClient) -> None:
        await order(plant, "A")
        await order(plant, "B", quantity=6)
        cancelled = await acted(plant, {"do": "cancel", "reason": "x"}, "B")
        (there,) = cancelled["items"]
        assert (there["number"], there["done"], there["state"]) == ("B", True, "cancelled")
        assert (there["problem"], there["code"], there["errors"]) == (None, None, None)
        released = await acted(plant, {"do": "release"}, "A", "B", "nobody's")
        assert [one["done"] for one in released["items"]] == [True, False, False]
        refused, unknown = released["items"][1:]
        assert "cancelled" in refused["problem"]
        assert refused["code"] == "order-refused"
        assert refused["params"] == {"order": "B", "action": "released"}
        (line,) = refused["errors"]
        assert (line["field"], line["code"]) == ("lines[1]", "line-state")
        assert line["params"] == {"line": 1, "state": "cancelled"}
        assert unknown["code"] == "not-found"

    async def test_hold_resume_priority_and_site(self, plant: httpx.AsyncClient) -> None:
        await order(plant, "A")
        held = await acted(plant, {"do": "hold", "reason": "x"}, "A")
        assert held["items"][0]["state"] == "on_hold"
        resumed = await acted(plant, {"do": "resume"}, "A")
        assert resumed["items"][0]["state"] == "received"
        await acted(plant, {"do": "priority", "priority": 7}, "A")
        assert (await plant.get("/v1/orders/A")).json()["priority"] == 7
        moved = await acted(plant, {"do": "site", "site": "plant-2"}, "A")
        assert moved["done"] == 1
        there = (await plant.get("/v1/orders/A")).json()
        assert there["site"] == "plant-2"
        assert there["state"] == "under_review"  # nothing makes it there
        nowhere = await acted(plant, {"do": "site", "site": "nowhere"}, "A")
        assert "no such site" in nowhere["items"][0]["problem"]

    async def test_a_filter_means_what_the_list_shows(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        for number in "ABC":
            await order(plant, number, quantity=ord(number), priority=ord(number) - 65)
        wanted = {"action": {"do": "confirm"}, "filter": {"priority_at_least": 1}}
        body = (await plant.post("/v1/orders/actions", json=wanted)).json()
        assert [one["number"] for one in body["items"]] == ["B", "C"]
        stranger = await api.as_role(Role.SALES, "plant-2")
        none = (await stranger.post("/v1/orders/actions", json=wanted)).json()
        assert none["total"] == 0

    async def test_numbers_or_a_filter_and_a_known_action(self, plant: httpx.AsyncClient) -> None:
        for body in (
            {"action": {"do": "release"}},
            {"action": {"do": "release"}, "numbers": ["A"], "filter": {}},
            {"action": {"do": "dance"}, "numbers": ["A"]},
            {"action": {"do": "hold"}, "numbers": ["A"]},
            {"action": {"do": "release"}, "numbers": []},
        ):
            assert (await plant.post("/v1/orders/actions", json=body)).status_code == 422


class TestFiles:
    async def test_csv_has_the_lists_rows_and_no_formula(self, plant: httpx.AsyncClient) -> None:
        await order(plant, "A", due=5, customer_reference='=HYPERLINK("http://x")')
        await order(plant, "B", quantity=6, priority=-3, customer_reference="采购 7")
        answer = await plant.get("/v1/orders/export?sort=due")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert 'filename="orders.csv"' in answer.headers["content-disposition"]
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [row["Number"] for row in rows] == ["B", "A"]
        assert rows[1]["Customer's reference"] == '\'=HYPERLINK("http://x")'
        assert (rows[0]["Customer's reference"], rows[0]["Priority"]) == ("采购 7", "-3")
        assert (rows[0]["Quantity"], rows[0]["Unit"], rows[0]["State"]) == ("6", "pcs", "received")
        few = await plant.get("/v1/orders/export?priority_at_least=0")
        assert [r["Number"] for r in csv.DictReader(io.StringIO(few.text.lstrip("\ufeff")))] == [
            "A"
        ]

    async def test_xlsx_keeps_texts_as_texts(self, plant: httpx.AsyncClient) -> None:
        await order(plant, "A", due=5, customer_reference="=1+1")
        answer = await plant.get("/v1/orders/export?format=xlsx")
        assert answer.status_code == 200
        sheet = openpyxl.load_workbook(io.BytesIO(answer.content))["Orders"]
        heads = [cell.value for cell in sheet[1]]
        row = dict(zip(heads, sheet[2], strict=True))
        assert row["Number"].value == "A"
        reference = row["Customer's reference"]
        assert (reference.value, reference.data_type) == ("=1+1", "s")
        assert isinstance(row["Due (UTC)"].value, datetime)
        assert row["Quantity"].value == 5

    async def test_other_sites_orders_are_not_in_it(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await order(plant, "A")
        stranger = await api.as_role(Role.VIEWER, "plant-2")
        answer = await stranger.get("/v1/orders/export")
        assert len(answer.text.splitlines()) == 1


class TestTimeline:
    async def test_from_receipt_to_shipment_in_order_of_time(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await order(plant, "A", due=-1)
        await plant.post("/v1/orders/A/confirm", json={"overrule": "agreed"})
        released = await plant.post("/v1/orders/A/release", json={})
        assert released.status_code == 200, released.text
        released_ms = int(datetime.now(UTC).timestamp() * 1000)
        await api.rows(
            "UPDATE operations SET state = 'completed', good_pieces = 5, runs = 1,"
            " started_ms = %s, ended_ms = %s WHERE number = 10",
            released_ms + 600_000,
            released_ms + 1_200_000,
        )
        await api.rows(
            "INSERT INTO contributions (operation_id, machine_id, good, scrap, runs, started_ms,"
            " named_e, named_source) SELECT id, machine_id, 5, 0, 1, started_ms, 0, 'x'"
            " FROM operations WHERE number = 10"
        )
        await api.rows(
            "INSERT INTO shipments (order_id, number, state, picking_ms, shipped_ms, device)"
            " SELECT id, 1, 'shipped', %s, %s, 'd' FROM orders WHERE number = 'A'",
            released_ms + 2_000_000,
            released_ms + 3_000_000,
        )
        body = (await plant.get("/v1/orders/A/timeline")).json()
        kinds = [entry["kind"] for entry in body["items"]]
        assert body["total"] == len(kinds)
        for earlier, later in (
            ("received", "released"),
            ("confirmed", "released"),
            ("released", "operation_started"),
            ("operation_started", "operation_ended"),
            ("operation_ended", "shipment_picking"),
            ("shipment_picking", "shipment_shipped"),
        ):
            assert kinds.index(earlier) < kinds.index(later), (earlier, later)
        assert {"finding", "finding_settled", "reviewed"} <= set(kinds)
        ended = next(entry for entry in body["items"] if entry["kind"] == "operation_ended")
        assert (ended["operation"], ended["detail"]["good_pieces"]) == (10, 5)
        settled = next(entry for entry in body["items"] if entry["kind"] == "finding_settled")
        assert settled["reason"] == "agreed"
        only = (await plant.get("/v1/orders/A/timeline?kind=received&kind=released")).json()
        assert [entry["kind"] for entry in only["items"]] == ["received", "released"]
        page = (await plant.get("/v1/orders/A/timeline?limit=2&offset=1")).json()
        assert [entry["kind"] for entry in page["items"]] == kinds[1:3]
        assert page["total"] == body["total"]

    async def test_an_order_that_is_not_there(self, plant: httpx.AsyncClient, api: Api) -> None:
        await order(plant, "A")
        stranger = await api.as_role(Role.VIEWER, "plant-2")
        assert (await stranger.get("/v1/orders/A/timeline")).status_code == 404
        assert (await plant.get("/v1/orders/none/timeline")).status_code == 404

"""Lists of orders: which ones, in which order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from api_client import SITE, Api
from planned import later, store_plan

from domain.access import Role
from store.planning.plans import StoredPlan

NOW = datetime.now(UTC)


async def order(client: httpx.AsyncClient, number: str, **changes: Any) -> dict[str, Any]:
    """An order that is released; `due` in hours from now, or one for each line."""
    dues = changes.pop("due", None)
    lines = [
        {
            "item": "bracket",
            "quantity": 60,
            "due_at": None if due is None else (NOW + timedelta(hours=due)).isoformat(),
        }
        for due in (dues if isinstance(dues, list) else [dues])
    ]
    body = {"number": number, "site": SITE, "customer": "acme", "release": True, "lines": lines}
    answer = await client.post("/v1/orders", json={**body, **changes})
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def listed(client: httpx.AsyncClient, query: str) -> list[str]:
    """The numbers of a list, which says how many there are."""
    answer = await client.get(f"/v1/orders?{query}")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["total"] == len(body["items"])
    return [item["number"] for item in body["items"]]


async def produced(api: Api, number: str, *, line: int | None = None) -> None:
    await api.rows(
        "UPDATE order_lines l SET state = 'produced', produced_at = now() FROM orders o"
        " WHERE o.id = l.order_id AND o.number = %s AND l.number = coalesce(%s, l.number)",
        number,
        line,
    )


async def project(api: Api, stored: StoredPlan) -> None:
    """What the projection writes when everything goes as planned."""
    await api.rows(
        "INSERT INTO operation_projections (operation_id, machine_id, start_ms, end_ms, plan_id)"
        " SELECT operation_id, machine_id, start_ms, end_ms, plan_id FROM plan_operations"
        " WHERE plan_id = %s",
        stored.id,
    )


class TestSorting:
    async def test_newest_first_unless_asked(self, plant: httpx.AsyncClient) -> None:
        for number in ("A", "C", "B"):
            await order(plant, number)
        assert await listed(plant, "") == ["B", "C", "A"]
        assert await listed(plant, "sort=received") == ["B", "C", "A"]

    async def test_by_the_next_due_date_of_what_is_open(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await order(plant, "none")
        await order(plant, "done", due=1)
        await order(plant, "far", due=50)
        await order(plant, "near", due=2)
        await order(plant, "partly", due=[1, 9, 5])
        await order(plant, "given up", due=3)
        await plant.post("/v1/orders/given up/cancel", json={"reason": "x"})
        await produced(api, "done")
        await produced(api, "partly", line=1)
        expected = ["near", "partly", "far", "given up", "done", "none"]
        assert await listed(plant, "sort=due") == expected
        page = (await plant.get("/v1/orders?sort=due&limit=2&offset=1")).json()
        assert [item["number"] for item in page["items"]] == expected[1:3]
        assert page["total"] == 6

    async def test_by_priority_the_highest_first(self, plant: httpx.AsyncClient) -> None:
        for number, priority in (("A", 0), ("rush", 9), ("B", 5), ("C", 5), ("low", -1)):
            shown = await order(plant, number, priority=priority)
            assert shown["priority"] == priority
        assert await listed(plant, "sort=priority") == ["rush", "C", "B", "A", "low"]
        assert await listed(plant, "priority_at_least=5") == ["C", "B", "rush"]
        assert await listed(plant, "priority_at_least=5&sort=priority&search=r") == ["rush"]

    async def test_by_lateness_the_worst_first(self, plant: httpx.AsyncClient, api: Api) -> None:
        await order(plant, "unknown")
        await order(plant, "early", due=90)
        await order(plant, "late", due=1)
        await order(plant, "overdue", due=-3)
        await order(plant, "one line late", due=[2, 99])
        await project(api, await store_plan(api, change=later(300)))
        expected = ["overdue", "late", "one line late", "early", "unknown"]
        assert await listed(plant, "sort=lateness") == expected

    async def test_a_way_to_sort_that_is_none_is_said(self, plant: httpx.AsyncClient) -> None:
        answer = await plant.get("/v1/orders?sort=colour")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "sort"


class TestFilters:
    async def test_late_is_what_the_list_shows_as_late(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        for number, due in (
            ("none", None),
            ("far", 99),
            ("near", 3),
            ("nearer", [100, 1]),
            ("past", -2),
        ):
            await order(plant, number, due=due)
        await order(plant, "made", due=-9)
        await produced(api, "made")
        await project(api, await store_plan(api, change=later(240)))
        late = await listed(plant, "late=true")
        assert late == ["past", "nearer", "near"]
        assert await listed(plant, "late=false") == ["made", "far", "none"]
        assert await listed(plant, "late=true&sort=lateness") == ["past", "nearer", "near"]
        assert await listed(plant, "late=true&sort=due") == ["past", "nearer", "near"]
        shown = (await plant.get("/v1/orders")).json()["items"]
        open_ones = [each for each in shown if each["state"] != "produced"]
        assert {each["number"] for each in open_ones if (each["lateness_minutes"] or 0) > 0} == set(
            late
        )

    async def test_what_is_overdue_is_late_also_without_a_plan(
        self, plant: httpx.AsyncClient
    ) -> None:
        await order(plant, "overdue", due=-1, release=False)
        await order(plant, "not yet", due=1, release=False)
        assert await listed(plant, "late=true") == ["overdue"]

    async def test_open_is_what_has_something_left_to_be_made(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        for number in ("open", "half", "made", "given up"):
            await order(plant, number, due=[1, 2])
        await produced(api, "half", line=1)
        await produced(api, "made")
        await plant.post("/v1/orders/given up/cancel", json={"reason": "x"})
        assert await listed(plant, "open=true") == ["half", "open"]
        assert await listed(plant, "open=false") == ["given up", "made"]

    async def test_go_together_with_the_others(self, plant: httpx.AsyncClient, api: Api) -> None:
        await order(plant, "A-1", due=-1, priority=9)
        await order(plant, "A-2", due=-2)
        await order(plant, "B-1", due=-3, priority=9)
        query = "late=true&open=true&priority_at_least=9&search=a-&customer=acme&state=released"
        assert await listed(plant, f"{query}&site={SITE}&sort=lateness") == ["A-1"]
        there = await api.as_role(Role.ADMIN, "plant-2")
        assert await listed(there, "late=true") == []


class TestShipments:
    async def test_are_told_by_number(self, plant: httpx.AsyncClient, api: Api) -> None:
        number = (await order(plant, "S"))["number"]
        assert (await plant.get(f"/v1/orders/{number}/shipments")).json() == {
            "items": [],
            "total": 0,
        }
        for shipment, state in ((1, "shipped"), (2, "picking")):
            await api.rows(
                "INSERT INTO shipments (order_id, number, state, picking_ms, shipped_ms, device)"
                " SELECT id, %s, %s, 1767225600000,"
                " CASE WHEN %s = 'shipped' THEN 1767229200000 END, 'd' FROM orders",
                shipment,
                state,
                state,
            )
            await api.rows(
                "INSERT INTO shipment_lines"
                " (order_id, number, order_line_id, picked, packed, shipped)"
                " SELECT order_id, %s, id, 20.5, 10, 5 FROM order_lines",
                shipment,
            )
        answer = (await plant.get(f"/v1/orders/{number}/shipments")).json()
        assert answer["total"] == 2
        assert answer["items"][0] == {
            "number": 1,
            "state": "shipped",
            "picked": 20.5,
            "packed": 10,
            "shipped": 5,
            "unit": "pcs",
            "picking": "2026-01-01T00:00:00Z",
            "packed_at": None,
            "shipped_at": "2026-01-01T01:00:00Z",
            "delivered_at": None,
            "expected_at": None,
            "carrier": None,
            "carrier_at": None,
            "carrier_status": None,
            "returned": 0,
            "tracking_number": None,
        }
        assert answer["items"][1]["state"] == "picking"
        shown = (await plant.get(f"/v1/orders/{number}")).json()
        assert shown["deliveries"] == answer["items"]
        link = (await plant.post(f"/v1/orders/{number}/tracking-links")).json()["token"]
        tracking = (await api.client().get(f"/v1/tracking/{link}")).json()
        assert tracking["deliveries"] == answer["items"]

    async def test_an_order_has_to_be_there(self, plant: httpx.AsyncClient) -> None:
        assert (await plant.get("/v1/orders/none/shipments")).status_code == 404


class TestDates:
    @pytest.mark.parametrize("late", [True, False])
    async def test_come_from_the_plan_with_the_reason(
        self, plant: httpx.AsyncClient, api: Api, *, late: bool
    ) -> None:
        await order(plant, "S", due=-1 if late else 9)
        stored = await store_plan(api)
        await project(api, stored)
        shown = (await plant.get("/v1/orders/S")).json()
        assert shown["planned_end"] is not None
        assert (shown["lateness_minutes"] > 0) == late
        assert bool(shown["late_because"]) == late
        saw = shown["operations"][0]
        assert saw["planned_machine"] == saw["machine"]
        assert saw["projected_start"] is not None
        assert saw["planned_start"] is not None
        [planned] = (await plant.get(f"/v1/plans/{stored.id}")).json()["orders"]
        assert planned["because"] == shown["late_because"]

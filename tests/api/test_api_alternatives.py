"""Other machines that can do the same: named in routings and work orders, kept by operations."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from api_client import MACHINE, OTHER_MACHINE, SITE, Api
from planned import store_plan

from contracts.plan import PlanState
from contracts.streams import DISRUPTIONS
from store.planning.problem import load_problem

ELSEWHERE = "plant-2/cutting/line1/m09"


def item(*alternatives: dict[str, Any], **changes: Any) -> dict[str, Any]:
    step = {
        "number": 10,
        "name": "Saw",
        "machine": MACHINE,
        "cycle_ms": 1000,
        "setup_ms": 500,
        "alternatives": list(alternatives),
    }
    body = {"name": "Bracket A", "setup_family": "steel"}
    return {**body, "routings": [{"site": SITE, "steps": [step]}], **changes}


def other(**changes: Any) -> dict[str, Any]:
    return {"machine": OTHER_MACHINE, "cycle_ms": 1500, "setup_ms": 0, **changes}


class TestItems:
    async def test_come_back_as_they_were_put(self, plant: httpx.AsyncClient) -> None:
        answer = await plant.put("/v1/items/bracket", json=item(other()))
        assert answer.status_code == 200, answer.text
        shown = answer.json()
        assert shown["setup_family"] == "steel"
        assert shown["routings"] == item(other())["routings"]
        listed = (await plant.get("/v1/items")).json()["items"]
        assert shown in listed
        assert [each["setup_family"] for each in listed] == ["steel", None]

    async def test_a_new_routing_replaces_them(self, plant: httpx.AsyncClient, api: Api) -> None:
        await plant.put("/v1/items/bracket", json=item(other()))
        await plant.put("/v1/items/bracket", json=item(setup_family=None))
        assert await api.rows("SELECT count(*) FROM routing_alternatives") == [(0,)]
        shown = (await plant.get("/v1/items")).json()["items"][0]
        assert shown["setup_family"] is None
        assert shown["routings"][0]["steps"][0]["alternatives"] == []

    @pytest.mark.parametrize(
        ("alternatives", "field"),
        [
            ([other(machine=ELSEWHERE)], "alternatives[0].machine"),
            ([other(machine="a/b/c/d")], "alternatives[0].machine"),
            ([other(machine=MACHINE)], "alternatives[0].machine"),
            ([other(cycle_ms=0)], "alternatives[0].cycle_ms"),
            ([other(), other()], "alternatives"),
            ([other(speed=2)], "alternatives[0].speed"),
        ],
    )
    async def test_names_the_field_that_is_wrong(
        self,
        plant: httpx.AsyncClient,
        api: Api,
        alternatives: list[dict[str, Any]],
        field: str,
    ) -> None:
        answer = await plant.put("/v1/items/bracket", json=item(*alternatives))
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == f"routings[0].steps[0].{field}"
        assert await api.rows("SELECT count(*) FROM routing_alternatives") == [(0,)]


class TestReleasedOrders:
    async def test_another_setup_family_makes_the_plans_wrong_that_hold_work_on_it(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await plant.put("/v1/items/bracket", json=item())
        assert await api.rows("SELECT count(*) FROM disruptions") == [(0,)]
        lines = [{"item": "bracket", "quantity": 60}]
        body = {"site": SITE, "customer": "acme", "release": True, "lines": lines}
        await plant.post("/v1/orders", json=body)
        for family, told in (("steel", 0), ("brass", 1), ("brass", 1), (None, 2)):
            await plant.put("/v1/items/bracket", json=item(setup_family=family))
            rows = await api.rows("SELECT scope, kind, detail FROM disruptions")
            detail = {"by": "token a-admin", "what": "setup_family", "item": "bracket"}
            assert rows == [(SITE, "calendar_changed", detail)] * told
            assert len(await api.records(DISRUPTIONS)) == told

    async def test_an_operation_keeps_every_machine_that_may_do_it(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await plant.put("/v1/items/bracket", json=item(other()))
        lines = [{"item": "bracket", "quantity": 60}]
        body = {"site": SITE, "customer": "acme", "release": True, "lines": lines}
        assert (await plant.post("/v1/orders", json=body)).status_code == 201
        await plant.put("/v1/items/bracket", json=item())
        [operation] = (await plant.get("/v1/operations")).json()["items"]
        assert operation["alternatives"] == [
            {"machine": MACHINE, "cycle_ms": 1000, "setup_ms": 500},
            other(),
        ]
        [work_order] = (await plant.get("/v1/work-orders")).json()["items"]
        assert work_order["setup_family"] == "steel"
        assert work_order["operations"] == [operation]
        async with api.context.connection() as connection:
            loaded = await load_problem(connection, SITE, now_ms=api.context.clock.now_ms())
        [planned] = loaded.problem.operations
        assert sorted(mode.duration_ms for mode in planned.modes) == [60_000, 90_000]
        assert planned.family == "steel"

    async def test_a_published_plan_moves_the_operation_and_its_choice_stays(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await plant.put("/v1/items/bracket", json=item(other()))
        lines = [{"item": "bracket", "quantity": 60}]
        body = {"site": SITE, "customer": "acme", "release": True, "lines": lines}
        await plant.post("/v1/orders", json=body)
        draft = await store_plan(api, state=PlanState.DRAFT)
        await api.rows(
            "UPDATE plan_operations SET machine_id = m.id FROM machines m WHERE m.path = %s",
            OTHER_MACHINE,
        )
        answer = await plant.post(f"/v1/plans/{draft.id}/publish")
        assert answer.status_code == 200, answer.text
        [operation] = (await plant.get("/v1/operations")).json()["items"]
        assert (operation["machine"], operation["cycle_ms"], operation["setup_ms"]) == (
            OTHER_MACHINE,
            1500,
            0,
        )
        assert len(operation["alternatives"]) == 2

    async def test_without_a_choice_nothing_is_kept(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        lines = [{"item": "bracket", "quantity": 60}]
        body = {"site": SITE, "customer": "acme", "release": True, "lines": lines}
        await plant.post("/v1/orders", json=body)
        assert await api.rows("SELECT count(*) FROM operation_alternatives") == [(0,)]
        operations = (await plant.get("/v1/operations")).json()["items"]
        assert [each["alternatives"] for each in operations] == [[], []]


class TestWorkOrders:
    def work(self, *alternatives: dict[str, Any], **changes: Any) -> dict[str, Any]:
        operation = {
            "number": 10,
            "machine": MACHINE,
            "cycle_ms": 1000,
            "alternatives": list(alternatives),
            **changes,
        }
        return {
            "site": SITE,
            "number": "W-1",
            "item": "bracket",
            "quantity_ordered": 5,
            "operations": [operation],
        }

    async def test_take_them_likewise(self, plant: httpx.AsyncClient) -> None:
        answer = await plant.post("/v1/work-orders", json=self.work(other()))
        assert answer.status_code == 201, answer.text
        [operation] = answer.json()["operations"]
        assert operation["alternatives"] == [
            {"machine": MACHINE, "cycle_ms": 1000, "setup_ms": 0},
            other(),
        ]
        again = await plant.post("/v1/work-orders", json=self.work(other()))
        assert again.status_code == 200
        without = await plant.post("/v1/work-orders", json=self.work())
        assert without.status_code == 409

    async def test_one_of_before_there_were_alternatives_is_still_the_same(
        self, plant: httpx.AsyncClient
    ) -> None:
        wanted = self.work()
        del wanted["operations"][0]["alternatives"]
        assert (await plant.post("/v1/work-orders", json=wanted)).status_code == 201
        assert (await plant.post("/v1/work-orders", json=self.work())).status_code == 200

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"machine": None}, "operations[0]"),
            ({"cycle_ms": None}, "operations[0]"),
            ({"machine": OTHER_MACHINE}, "operations[0].alternatives[0].machine"),
        ],
    )
    async def test_stand_beside_a_machine_and_its_time(
        self, plant: httpx.AsyncClient, changes: dict[str, Any], field: str
    ) -> None:
        answer = await plant.post("/v1/work-orders", json=self.work(other(), **changes))
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field

    async def test_what_the_floor_named_first_gets_them_too(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await api.rows(
            "INSERT INTO work_orders (site_id, number, planned)"
            " SELECT id, 'W-1', false FROM sites WHERE code = %s",
            SITE,
        )
        await api.rows(
            "INSERT INTO operations (work_order_id, number, planned, state, runs)"
            " SELECT id, 10, false, 'running', 1 FROM work_orders"
        )
        answer = await plant.post("/v1/work-orders", json=self.work(other()))
        assert answer.status_code == 201, answer.text
        assert len(answer.json()["operations"][0]["alternatives"]) == 2

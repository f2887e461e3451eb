"""Plan versions: what is in them, how they differ, who puts them in force."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from api_client import MACHINE, OTHER_MACHINE, SITE, Api
from planned import breakdown, later, machine_id, store_plan

from contracts.plan import PlanState
from contracts.streams import PLANS, PlanStored, decode_events
from domain.access import Role
from domain.plan.plan import Assignment
from store.planning.plan_contents import note_bound


async def released(client: httpx.AsyncClient, **line: Any) -> str:
    """An order of 60 brackets, saw and press, that is released; answers its number."""
    order = {
        "site": SITE,
        "customer": "acme",
        "release": True,
        "lines": [{"item": "bracket", "quantity": 60, **line}],
    }
    answer = await client.post("/v1/orders", json=order)
    assert answer.status_code == 201, answer.text
    number: str = answer.json()["number"]
    return number


async def in_force(api: Api) -> list[PlanStored]:
    told = [event for value in await api.records(PLANS) for event in decode_events(value)]
    return [event for event in told if isinstance(event, PlanStored)]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


class TestPlans:
    async def test_tell_why_they_were_made_and_how_good_they_are(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant)
        reason = await breakdown(api, MACHINE)
        first = await store_plan(api)
        second = await store_plan(api, reasons=[reason])
        answer = (await plant.get(f"/v1/planning/{SITE}/plans")).json()
        assert answer["total"] == 2
        assert [item["id"] for item in answer["items"]] == [second.id, first.id]
        newest = answer["items"][0]
        assert (newest["number"], newest["base_number"], newest["base_id"]) == (2, 1, first.id)
        assert (newest["state"], newest["published_by"]) == ("published", "planner")
        assert newest["reasons"] == [
            {
                "disruption": reason.disruption,
                "kind": "machine_down",
                "machine": MACHINE,
                "work_order": None,
                "operation": None,
                "order": None,
                "occurred": newest["reasons"][0]["occurred"],
                "detail": {"reason": "jam"},
            }
        ]
        assert newest["metrics"]["makespan"] == 3
        assert newest["waiting"] == newest["metrics"]
        assert (newest["late_orders"], newest["unplanned"]) == (0, [])
        assert answer["items"][1]["superseded_at"] is not None
        page = (await plant.get(f"/v1/planning/{SITE}/plans?limit=1&offset=1")).json()
        assert [item["id"] for item in page["items"]] == [first.id]
        scope = (await plant.get(f"/v1/planning/{SITE}")).json()
        assert scope["published"] == newest
        assert scope["draft"] is None

    async def test_say_how_good_they_are_known_to_be(
        self, api: Api, plant: httpx.AsyncClient
    ) -> None:
        stored = await store_plan(api)
        assert (await plant.get(f"/v1/plans/{stored.id}")).json()["bound"] is None
        for cost, bound, told in ((400, 390, (390, 2.5)), (400, 400, (400, 0)), (0, 0, (0, 0))):
            async with api.context.transaction() as connection:
                await note_bound(connection, stored.id, cost=cost, bound=bound)
            found = (await plant.get(f"/v1/plans/{stored.id}")).json()["bound"]
            assert found == {"cost": cost, "at_least": told[0], "gap_percent": told[1]}

    async def test_hold_each_operation_with_its_names(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        number = await released(plant)
        stored = await store_plan(api)
        answer = (await plant.get(f"/v1/plans/{stored.id}/operations")).json()
        assert answer["total"] == 2
        saw, press = answer["items"]
        assert (saw["operation"], saw["name"], saw["machine"]) == (10, "Saw", MACHINE)
        assert (press["operation"], press["order"], press["machine"]) == (
            20,
            number,
            OTHER_MACHINE,
        )
        assert moment(saw["end"]) - moment(saw["start"]) == timedelta(minutes=1)
        assert moment(press["start"]) >= moment(saw["end"])
        assert moment(press["start"]) - moment(press["setup_start"]) == timedelta(minutes=1)
        assert press["pin"] is None
        page = (await plant.get(f"/v1/plans/{stored.id}/operations?limit=1&offset=1")).json()
        assert page["items"] == [press]

    async def test_say_which_orders_are_late_and_why(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        due = datetime.now(UTC) - timedelta(hours=1)
        late = await released(plant, due_at=due.isoformat())
        punctual = await released(plant, due_at=(due + timedelta(days=9)).isoformat())
        stored = await store_plan(api)
        shown = (await plant.get(f"/v1/plans/{stored.id}")).json()
        assert shown["late_orders"] == 1
        assert [order["order"] for order in shown["orders"]] == [late, punctual]
        first, second = shown["orders"]
        assert (first["customer"], first["site"]) == ("Acme Ltd", SITE)
        assert 60 <= first["lateness_minutes"] <= 70
        cause = first["because"][0]
        assert (cause["machine"], cause["operation"]) == (OTHER_MACHINE, 20)
        assert second["lateness_minutes"] < 0
        assert second["because"] == []

    async def test_what_could_not_be_planned_is_named(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        work = {"site": SITE, "number": "W-1", "quantity_ordered": 5}
        await plant.post("/v1/work-orders", json={**work, "operations": [{"number": 1}]})
        stored = await store_plan(api)
        [left_out] = (await plant.get(f"/v1/plans/{stored.id}")).json()["unplanned"]
        assert (left_out["work_order"], left_out["operation"]) == ("W-1", 1)
        assert left_out["code"] == "no_machine"

    @pytest.mark.parametrize("path", ["", "/operations", "/differences"])
    async def test_there_has_to_be_one(self, plant: httpx.AsyncClient, path: str) -> None:
        answer = await plant.get(f"/v1/plans/77{path}")
        assert answer.status_code == 404
        assert answer.json()["detail"] == "There is no plan '77'."
        assert (await plant.get(f"/v1/plans/0{path}")).status_code == 422
        assert (await plant.get(f"/v1/plans/{2**63}{path}")).status_code == 422


class TestDifferences:
    async def test_the_first_plan_adds_everything(self, plant: httpx.AsyncClient, api: Api) -> None:
        number = await released(plant)
        stored = await store_plan(api)
        told = (await plant.get(f"/v1/plans/{stored.id}/differences")).json()
        assert (told["against"], told["against_number"], told["number"]) == (None, None, 1)
        assert [(each["kind"], each["operation"]) for each in told["operations"]] == [
            ("added", 10),
            ("added", 20),
        ]
        added = told["operations"][0]
        assert (added["from_machine"], added["from_start"], added["minutes"]) == (None, None, None)
        assert (added["to_machine"], added["order"]) == (MACHINE, number)
        [order] = told["orders"]
        assert (order["order"], order["from_end"], order["minutes"]) == (number, None, None)

    async def test_work_that_moves_is_told_with_from_and_to(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        number = await released(plant)
        await store_plan(api)
        async with api.context.connection() as connection:
            other = await machine_id(connection, OTHER_MACHINE)

        def change(assignment: Assignment) -> Assignment:
            moved = later(30)(assignment)
            return msgspec.structs.replace(moved, machine=other)

        stored = await store_plan(api, change=change)
        told = (await plant.get(f"/v1/plans/{stored.id}/differences")).json()
        saw, press = told["operations"]
        assert (saw["kind"], saw["from_machine"], saw["to_machine"]) == (
            "reassigned",
            MACHINE,
            OTHER_MACHINE,
        )
        assert press["kind"] == "later"
        for each in (saw, press):
            assert 29 <= each["minutes"] <= 31
            assert (each["work_order"], each["order"]) == (saw["work_order"], number)
        [order] = told["orders"]
        assert (order["customer"], order["due"]) == ("Acme Ltd", None)
        assert 29 <= order["minutes"] <= 31
        assert moment(order["to_end"]) > moment(order["from_end"])

    async def test_any_two_plans_of_a_scope_can_be_compared(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant)
        first = await store_plan(api)
        await store_plan(api, change=later(60))
        third = await store_plan(api, change=later(-30))
        path = f"/v1/plans/{third.id}/differences"
        assert {each["kind"] for each in (await plant.get(path)).json()["operations"]} == {
            "earlier"
        }
        told = (await plant.get(f"{path}?against={first.id}")).json()
        assert (told["against"], told["against_number"]) == (first.id, 1)
        assert {each["kind"] for each in told["operations"]} == {"later"}
        elsewhere = await store_plan(api, scope="plant-2")
        for wanted, problem in ((elsewhere.id, "plant-2"), (999, "no such plan")):
            answer = await plant.get(f"{path}?against={wanted}")
            assert answer.status_code == 422
            [error] = answer.json()["errors"]
            assert (error["field"], error["value"]) == ("against", str(wanted))
            assert problem in error["problem"]

    async def test_what_the_floor_did_is_not_the_plans_doing(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        done, begun, given_up = [await released(plant) for _ in range(3)]
        await store_plan(api)
        hour_ago = api.context.clock.now_ms() - 3_600_000
        for number, state in ((done, "completed"), (begun, "running")):
            await api.rows(
                "UPDATE operations o SET state = %s, runs = 1, started_ms = %s, ended_ms = %s"
                " FROM pegs p JOIN order_lines l ON l.id = p.order_line_id"
                " JOIN orders r ON r.id = l.order_id"
                " WHERE p.work_order_id = o.work_order_id AND r.number = %s"
                " AND (o.number = 10 OR %s)",
                state,
                hour_ago,
                hour_ago + 60_000 if state == "completed" else None,
                number,
                state == "completed",
            )
        await api.rows(
            "UPDATE order_lines l SET state = 'produced' FROM orders r"
            " WHERE r.id = l.order_id AND r.number = %s",
            done,
        )
        await plant.post(f"/v1/orders/{given_up}/cancel", json={"reason": "changed their mind"})
        stored = await store_plan(api)
        told = (await plant.get(f"/v1/plans/{stored.id}/differences")).json()
        assert {(each["kind"], each["order"]) for each in told["operations"]} == {
            ("removed", given_up)
        }
        removed = [order for order in told["orders"] if order["to_end"] is None]
        assert [order["order"] for order in removed] == [given_up]

    async def test_what_moves_within_the_tolerance_stays(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant)
        await store_plan(api)
        stored = await store_plan(api, change=later(5))
        told = (await plant.get(f"/v1/plans/{stored.id}/differences")).json()
        assert told["operations"] == []
        assert [order["minutes"] for order in told["orders"]] == [5]

    async def test_an_old_version_that_is_not_kept_in_full_tells_no_operations(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant)
        await store_plan(api)
        stored = await store_plan(api, change=later(60))
        await api.rows("DELETE FROM plan_operations WHERE plan_id <> %s", stored.id)
        told = (await plant.get(f"/v1/plans/{stored.id}/differences")).json()
        assert told["operations"] == []
        assert len(told["orders"]) == 1


class TestPublishing:
    async def test_a_draft_takes_force_and_everybody_is_told(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant)
        base = await store_plan(api)
        draft = await store_plan(api, state=PlanState.DRAFT, change=later(60))
        assert (await plant.get(f"/v1/planning/{SITE}")).json()["draft"]["id"] == draft.id
        planner = await api.as_role(Role.PLANNER)
        answer = await planner.post(f"/v1/plans/{draft.id}/publish")
        assert answer.status_code == 200, answer.text
        shown = answer.json()
        assert (shown["state"], shown["published_by"]) == ("published", "token a-planner")
        assert shown["published_at"] is not None
        assert len(shown["orders"]) == 1
        states = dict(await api.rows("SELECT id, state FROM plans"))
        assert states == {base.id: "superseded", draft.id: "published"}
        told = (await in_force(api))[-1]
        assert (told.plan_id, told.state, told.scope) == (draft.id, "published", SITE)
        assert len(told.order_ids) == 1
        [row] = await api.rows("SELECT actor, after FROM audit_log WHERE action = 'PlanPublished'")
        assert row == ("token a-planner", {"scope": SITE, "plan": 2, "id": draft.id})
        moved = await api.rows("SELECT actor FROM audit_log WHERE action = 'ExpectedDateMoved'")
        assert moved == [("token a-planner",)]

    async def test_a_draft_on_a_plan_that_is_gone_is_stale(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await released(plant)
        await store_plan(api)
        draft = await store_plan(api, state=PlanState.DRAFT)
        await store_plan(api)
        # The planner discards what waits; this one was brought back behind its back.
        await api.rows("UPDATE plans SET state = 'draft' WHERE id = %s", draft.id)
        answer = await plant.post(f"/v1/plans/{draft.id}/publish")
        assert answer.status_code == 409
        assert answer.json()["detail"] == (
            f"plan 2 of '{SITE}' stands on plan 1, but plan 3 is in force: ask for a new plan"
        )
        assert (await plant.get(f"/v1/plans/{draft.id}")).json()["state"] == "draft"

    async def test_what_is_in_force_stays_so_and_cannot_be_discarded(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        stored = await store_plan(api)
        again = await plant.post(f"/v1/plans/{stored.id}/publish")
        assert (again.status_code, again.json()["state"]) == (200, "published")
        answer = await plant.post(f"/v1/plans/{stored.id}/discard")
        assert answer.status_code == 409
        assert answer.json()["detail"] == (
            f"plan 1 of '{SITE}' is published: only a draft can be discarded"
        )
        assert len(await in_force(api)) == 1
        assert await api.rows("SELECT FROM audit_log WHERE action = 'PlanPublished'") == []

    async def test_what_was_in_force_does_not_come_back(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        old = await store_plan(api)
        await store_plan(api)
        answer = await plant.post(f"/v1/plans/{old.id}/publish")
        assert answer.status_code == 409
        assert answer.json()["detail"] == (
            f"plan 1 of '{SITE}' is superseded: only a draft can be published"
        )

    async def test_a_draft_is_discarded(self, plant: httpx.AsyncClient, api: Api) -> None:
        base = await store_plan(api)
        reason = await breakdown(api, MACHINE)
        draft = await store_plan(api, state=PlanState.DRAFT, reasons=[reason])
        answer = await plant.post(f"/v1/plans/{draft.id}/discard")
        assert answer.json()["state"] == "discarded"
        told = (await in_force(api))[-1]
        assert (told.plan_id, told.state) == (draft.id, "discarded")
        assert await api.rows("SELECT id FROM plans WHERE state = 'published'") == [(base.id,)]
        assert await api.rows("SELECT actor FROM audit_log WHERE action = 'PlanDiscarded'") == [
            ("token a-admin",)
        ]
        assert (await plant.post(f"/v1/plans/{draft.id}/publish")).status_code == 409

    async def test_two_at_once_publish_once(self, plant: httpx.AsyncClient, api: Api) -> None:
        draft = await store_plan(api, state=PlanState.DRAFT)
        answers = await asyncio.gather(
            *(plant.post(f"/v1/plans/{draft.id}/publish") for _ in range(4))
        )
        assert [answer.status_code for answer in answers] == [200] * 4
        assert [event.state for event in await in_force(api)] == ["draft", "published"]

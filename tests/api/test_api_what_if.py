"""What-if over the API with a real planner: drafts, drags, why late, prices, plans compared."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from api_client import MACHINE, OTHER_MACHINE, SITE, Api
from planned import store_plan
from what_if_planner import thinking

from domain.access import Role
from store.planning.retention import expire


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def later(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


async def released(client: httpx.AsyncClient, quantity: int = 60, **order: Any) -> str:
    """An order of brackets that is released; answers its number. 60 are sawn in a minute."""
    line = {"item": "bracket", "quantity": quantity, "due_at": order.pop("due", None)}
    body = {"site": SITE, "customer": "acme", "release": True, "lines": [line], **order}
    answer = await client.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    number: str = answer.json()["number"]
    return number


async def planned_operations(client: httpx.AsyncClient, plan: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get(f"/v1/plans/{plan}/operations")).json()["items"]
    return items


async def operation(
    client: httpx.AsyncClient, plan: int, order: str, number: int
) -> dict[str, Any]:
    return next(
        each
        for each in await planned_operations(client, plan)
        if each["order"] == order and each["operation"] == number
    )


async def draft(client: httpx.AsyncClient, *changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"name": "what if", "improve_ms": 0, "changes": list(changes), **more}
    answer = await client.post(f"/v1/planning/{SITE}/drafts", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


@pytest.fixture
async def planner(plant: httpx.AsyncClient, api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """The plant's client, with somebody who answers what-if questions; nothing is frozen."""
    answer = await plant.put(f"/v1/planning/{SITE}/policy", json={"frozen_ms": 0})
    assert answer.status_code == 200, answer.text
    async with thinking(api):
        yield plant


class TestDrafts:
    async def test_a_machine_that_stands_still_makes_its_orders_later(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(planner)
        base = await store_plan(api)
        made = await draft(
            planner,
            {"kind": "machine_down", "machine": MACHINE, "starts_at": later(-1),
             "ends_at": later(2)},
        )  # fmt: skip
        assert (made["state"], made["base_id"]) == ("draft", base.id)
        assert (made["name"], made["created_by"]) == ("what if", "token a-admin")
        [change] = made["what_if"]["changes"]
        assert (change["kind"], change["machine"], change["assumed"]) == (
            "machine_down",
            MACHINE,
            True,
        )
        [shift] = made["compared"]["later"]
        assert shift["order"] == order
        assert 118 <= shift["minutes"] <= 150  # from the plan's moment to this one, too
        assert made["compared"]["earlier"] == []
        # The plan in force is as it was, and the planner's own draft is none of these.
        scope = (await planner.get(f"/v1/planning/{SITE}")).json()
        assert (scope["published"]["id"], scope["draft"]) == (base.id, None)

    async def test_any_number_of_them_stand_beside_each_other(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        first, second = await released(planner), await released(planner)
        await store_plan(api)
        gone = await draft(planner, {"kind": "remove_order", "order": first}, name="gone")
        rushed = await draft(planner, {"kind": "priority", "order": second, "priority": 9})
        listed = (await planner.get(f"/v1/planning/{SITE}/drafts")).json()
        assert [item["id"] for item in listed["items"]] == [rushed["id"], gone["id"]]
        assert [order["order"] for order in gone["orders"]] == [second]
        assert gone["compared"]["removed"] == [first]
        answer = await planner.post(f"/v1/plans/{gone['id']}/discard")
        assert answer.status_code == 200, answer.text
        listed = (await planner.get(f"/v1/planning/{SITE}/drafts")).json()
        assert [item["id"] for item in listed["items"]] == [rushed["id"]]

    async def test_an_order_that_is_only_thought_of_has_its_place_and_its_date(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        await released(planner)
        await store_plan(api)
        made = await draft(
            planner,
            {"kind": "add_order", "name": "Rush of Li", "priority": 9, "due": later(1),
             "lines": [{"item": "bracket", "quantity": 120}]},
        )  # fmt: skip
        steps = made["what_if"]["added"]
        assert [(step["operation"], step["machine"]) for step in steps] == [
            (10, MACHINE),
            (20, OTHER_MACHINE),
        ]
        assert moment(steps[0]["end"]) - moment(steps[0]["start"]) == timedelta(minutes=2)
        [added] = made["what_if"]["added_orders"]
        assert (added["order"], added["end"]) == ("Rush of Li", steps[1]["end"])
        assert added["lateness_minutes"] < 0
        assert not made["what_if"]["publishable"]

    async def test_what_publishing_cannot_enter_is_refused_by_name(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(planner)
        await store_plan(api)
        made = await draft(planner, {"kind": "remove_order", "order": order})
        assert not made["what_if"]["publishable"]
        answer = await planner.post(f"/v1/plans/{made['id']}/publish")
        assert answer.status_code == 409
        problem = answer.json()
        assert problem["code"] == "draft-assumes"
        assert problem["errors"][0]["field"] == "changes[0]"
        assert "cancel the order" in problem["errors"][0]["problem"]
        assert problem["errors"][0]["params"]["zh"] == "请先取消订单"
        assert "make it so, then rebase" in problem["detail"]

    async def test_its_base_has_to_be_in_force_and_a_rebase_makes_it_so(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(planner)
        base = await store_plan(api)
        made = await draft(planner, {"kind": "priority", "order": order, "priority": 9})
        assert made["what_if"]["publishable"]
        newer = await store_plan(api)
        stale = await planner.post(f"/v1/plans/{made['id']}/publish")
        assert (stale.status_code, stale.json()["code"]) == (409, "stale-base")
        [listed] = (await planner.get(f"/v1/planning/{SITE}/drafts")).json()["items"]
        assert listed["what_if"]["stale"]
        answer = await planner.post(f"/v1/plans/{made['id']}/rebase")
        assert answer.status_code == 201, answer.text
        again = answer.json()
        assert (again["base_id"], again["name"]) == (newer.id, "what if")
        assert base.id != newer.id
        before = (await planner.get(f"/v1/plans/{made['id']}")).json()
        assert before["state"] == "discarded"
        answer = await planner.post(f"/v1/plans/{again['id']}/publish")
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == "published"

    async def test_other_objectives_can_be_tried(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        await released(planner)
        await store_plan(api)
        made = await draft(planner, {"kind": "policy", "fields": {"setup": 50, "tardiness": 1}})
        assert made["what_if"]["changes"][0]["fields"] == {"setup": 50, "tardiness": 1}
        wrong = await planner.post(
            f"/v1/planning/{SITE}/drafts",
            json={"name": "x", "changes": [{"kind": "policy", "fields": {"setup": -1}}]},
        )
        assert wrong.status_code == 422
        assert wrong.json()["errors"][0]["field"] == "changes[0].fields"

    async def test_they_expire(self, planner: httpx.AsyncClient, api: Api) -> None:
        order = await released(planner)
        await store_plan(api)
        made = await draft(planner, {"kind": "remove_order", "order": order})
        left = moment(made["expires_at"]) - datetime.now(UTC)
        assert timedelta(hours=23) < left <= timedelta(hours=24)
        await api.rows(
            "UPDATE plans SET expires_at = now() - interval '1 second' WHERE id = %s", made["id"]
        )
        async with api.context.transaction() as connection:
            assert await expire(connection) == 1
        assert (await planner.get(f"/v1/plans/{made['id']}")).json()["state"] == "discarded"

    async def test_who_thought_of_what_stands_in_the_audit_log(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(planner)
        await store_plan(api)
        made = await draft(planner, {"kind": "remove_order", "order": order}, name="without it")
        rows = await api.rows(
            "SELECT actor, object_kind, object_key, reason, after->>'id' FROM audit_log"
            " WHERE action = 'DraftMade'"
        )
        key = f"{SITE}/{made['number']}"
        assert rows == [("token a-admin", "plan", key, "without it", str(made["id"]))]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"kind": "remove_order", "order": "SO-none"}, "changes[0].order"),
            ({"kind": "move", "operation": 1, "machine": "plant-2/cutting/line1/m09",
              "start": "2027-01-01T00:00:00Z"}, "changes[0].machine"),
            ({"kind": "move", "operation": 99_999, "machine": MACHINE,
              "start": "2027-01-01T00:00:00Z"}, "changes[0]"),
            ({"kind": "material", "operation": 99_999, "at": "2027-01-01T00:00:00Z"},
             "changes[0]"),
            ({"kind": "add_order", "name": "x", "lines": [{"item": "none", "quantity": 1}]},
             "changes[0].lines[0].item"),
            ({"kind": "overtime", "machine": MACHINE, "starts_at": "2020-01-01T00:00:00Z",
              "ends_at": "2020-01-02T00:00:00Z"}, "changes[0]"),
        ],
    )  # fmt: skip
    async def test_what_cannot_be_thought_of_is_told(
        self, planner: httpx.AsyncClient, api: Api, change: dict[str, Any], field: str
    ) -> None:
        await released(planner)
        await store_plan(api)
        answer = await planner.post(
            f"/v1/planning/{SITE}/drafts", json={"name": "x", "changes": [change]}
        )
        assert answer.status_code == 422, answer.text
        assert [error["field"] for error in answer.json()["errors"]] == [field]
        assert (await planner.get(f"/v1/planning/{SITE}/drafts")).json()["total"] == 0

    async def test_without_a_planner_it_is_said_at_once(self, plant: httpx.AsyncClient) -> None:
        order = await released(plant)
        answer = await plant.post(
            f"/v1/planning/{SITE}/drafts",
            json={"name": "x", "changes": [{"kind": "remove_order", "order": order}]},
        )
        assert (answer.status_code, answer.json()["code"]) == (503, "no_planner")
        assert "gemba run scheduler" in answer.json()["detail"]


class TestDrags:
    async def test_what_it_does_to_others_is_told_at_once(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        first, second = await released(planner, 600), await released(planner, 1_200)
        base = await store_plan(api)
        saw = await operation(planner, base.id, second, 10)
        other = await operation(planner, base.id, first, 10)
        assert other["start"] < saw["start"]
        answer = await planner.post(
            f"/v1/planning/{SITE}/drags",
            json={"operation": saw["operation_id"], "machine": MACHINE,
                  "before": other["operation_id"]},
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        made = answer.json()
        # On the press both keep their turns: so the one that was dragged waits there, too. What
        # has passed since the plan was made counts as well.
        shifts = {one["order"]: one["minutes"] for one in made["compared"]["later"]}
        assert shifts.keys() == {first, second}
        assert all(20 <= minutes <= 50 for minutes in shifts.values())
        moved = await operation(planner, made["id"], second, 10)
        behind = await operation(planner, made["id"], first, 10)
        assert moved["pin"] == "locked"
        assert moved["end"] <= behind["start"]
        [change] = made["what_if"]["changes"]
        assert (change["kind"], change["assumed"]) == ("move", False)
        assert change["before"]["work_order"] == other["work_order"]

    async def test_further_drags_build_on_it_and_the_last_place_counts(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(planner, 600)
        base = await store_plan(api)
        saw = await operation(planner, base.id, order, 10)
        made: dict[str, Any] = {}
        for hours in (3, 5):
            body = {"operation": saw["operation_id"], "machine": MACHINE, "start": later(hours)}
            if made:
                body["on"] = made["id"]
            answer = await planner.post(f"/v1/planning/{SITE}/drags", json=body)
            assert answer.status_code == 201, answer.text
            made = answer.json()
        assert len(made["what_if"]["changes"]) == 1
        placed = await operation(planner, made["id"], order, 10)
        assert moment(placed["start"]) - datetime.now(UTC) > timedelta(hours=4, minutes=50)
        assert (await planner.get(f"/v1/planning/{SITE}/drafts")).json()["total"] == 1

    async def test_published_it_is_locked_where_it_was_put(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(planner, 600)
        base = await store_plan(api)
        saw = await operation(planner, base.id, order, 10)
        start = later(3)
        body = {"operation": saw["operation_id"], "machine": MACHINE, "start": start}
        made = (await planner.post(f"/v1/planning/{SITE}/drags", json=body)).json()
        answer = await planner.post(f"/v1/plans/{made['id']}/publish")
        assert answer.status_code == 200, answer.text
        rows = await api.rows(
            "SELECT operation_id, m.path, locked_by FROM operation_locks JOIN machines m"
            " ON m.id = machine_id"
        )
        assert rows == [(saw["operation_id"], MACHINE, "token a-admin")]

    async def test_it_has_to_go_where_it_can_be_done(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(planner)
        base = await store_plan(api)
        saw = await operation(planner, base.id, order, 10)
        body = {"operation": saw["operation_id"], "machine": OTHER_MACHINE, "start": later(1)}
        answer = await planner.post(f"/v1/planning/{SITE}/drags", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "no_mode")
        assert OTHER_MACHINE in answer.json()["detail"]


class TestWhy:
    async def test_shares_add_up_and_helps_were_tried(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        first = await released(planner, 3_600, due=later(0.05))
        second = await released(planner, 60, due=later(0.1))
        base = await store_plan(api)
        answer = await planner.get(f"/v1/plans/{base.id}/why/{second}")
        assert answer.status_code == 200, answer.text
        why = answer.json()
        assert why["delay_minutes"] > 30
        assert sum(share["share_minutes"] for share in why["shares"]) == why["delay_minutes"]
        assert why["shares"][0]["cause"] == "machine_busy"
        assert why["chain"][0]["work_order"]
        helped = {one["kind"]: one for one in why["helps"]}
        assert helped["ahead"]["minutes"] > 30
        tried = await draft(planner, helped["ahead"]["change"], settle="shift")
        sooner = {one["order"]: one["minutes"] for one in tried["compared"]["earlier"]}
        assert sooner[second] <= -30
        assert [one["order"] for one in helped["ahead"]["later"]] == [first]
        plan = (await planner.get(f"/v1/plans/{base.id}")).json()
        told = next(one for one in plan["orders"] if one["order"] == second)
        assert sum(share["share_minutes"] for share in told["shares"]) == told["lateness_minutes"]

    async def test_of_a_draft_its_own_changes_count(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(planner, due=later(1))
        await store_plan(api)
        made = await draft(
            planner,
            {"kind": "machine_down", "machine": MACHINE, "starts_at": later(-1),
             "ends_at": later(3)},
        )  # fmt: skip
        why = (await planner.get(f"/v1/plans/{made['id']}/why/{order}")).json()
        assert {share["cause"] for share in why["shares"]} >= {"unavailable"}
        assert any(one["kind"] == "overtime" for one in why["helps"])

    async def test_an_order_in_time_has_no_reasons(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(planner, due=later(48))
        base = await store_plan(api)
        why = (await planner.get(f"/v1/plans/{base.id}/why/{order}")).json()
        assert why["delay_minutes"] < 0
        assert (why["chain"], why["shares"], why["helps"]) == ([], [], [])

    async def test_there_have_to_be_a_plan_and_an_order(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(planner)
        base = await store_plan(api)
        assert (await planner.get(f"/v1/plans/{base.id}/why/none")).status_code == 404
        assert (await planner.get(f"/v1/plans/77/why/{order}")).status_code == 404


class TestSplits:
    async def test_part_of_it_on_another_machine(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        order = await released(planner, 600)
        saw = await api.rows(
            "INSERT INTO operation_alternatives (operation_id, machine_id, cycle_ms, setup_ms)"
            " SELECT o.id, m.id, 1000, 0 FROM operations o CROSS JOIN machines m"
            " WHERE o.number = 10 AND m.path IN (%s, %s)"
            " ON CONFLICT (operation_id, machine_id) DO UPDATE SET cycle_ms = 1000"
            " RETURNING operation_id",
            MACHINE,
            OTHER_MACHINE,
        )
        base = await store_plan(api)
        placed = await operation(planner, base.id, order, 10)
        other = OTHER_MACHINE if placed["machine"] == MACHINE else MACHINE
        made = await draft(planner, {"kind": "split", "operation": saw[0][0], "machine": other})
        [part] = made["what_if"]["parts"]
        assert (part["operation"], part["machine"], part["pieces"]) == (10, other, 300)
        assert moment(part["end"]) - moment(part["start"]) == timedelta(minutes=5)
        left = await operation(planner, made["id"], order, 10)
        assert moment(left["end"]) - moment(left["start"]) == timedelta(minutes=5)
        answer = await planner.post(f"/v1/plans/{made['id']}/publish")
        assert (answer.status_code, answer.json()["code"]) == (409, "draft-assumes")
        assert "split the work order" in answer.json()["errors"][0]["problem"]


class TestCompare:
    async def test_side_by_side(self, planner: httpx.AsyncClient, api: Api) -> None:
        first, second = await released(planner, 600), await released(planner, 600)
        base = await store_plan(api)
        one = await draft(planner, {"kind": "remove_order", "order": first}, name="one")
        two = await draft(
            planner,
            {"kind": "machine_down", "machine": MACHINE, "starts_at": later(-1),
             "ends_at": later(2)},
            name="two",
        )  # fmt: skip
        ids = f"{base.id},{one['id']},{two['id']}"
        answer = await planner.get("/v1/plans/compare", params={"ids": ids})
        assert answer.status_code == 200, answer.text
        plans = answer.json()["plans"]
        assert [plan["name"] for plan in plans] == [None, "one", "two"]
        assert plans[0]["compared"] is None
        assert plans[1]["compared"]["removed"] == [first]
        assert {shift["order"] for shift in plans[2]["compared"]["later"]} == {first, second}
        orders = {order["order"]: order for order in answer.json()["orders"]}
        assert orders[first]["ends"][1] is None
        assert len(orders[second]["ends"]) == 3

    async def test_five_drafts_at_once_and_as_a_table(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        first, second = await released(planner, 600), await released(planner, 600)
        base = await store_plan(api)
        down = {"kind": "machine_down", "machine": MACHINE, "starts_at": later(-1)}
        names = ["=one", "two", "three", "four", "five"]
        made = await asyncio.gather(
            *(
                draft(planner, down | {"ends_at": later(hours)}, name=name)
                for hours, name in enumerate(names, start=1)
            )
        )
        ids = ",".join(str(id_) for id_ in (base.id, *(one["id"] for one in made)))
        answer = await planner.get("/v1/plans/compare", params={"ids": ids})
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert [plan["name"] for plan in told["plans"]] == [None, *names]
        for plan in told["plans"][1:]:
            compared = plan["compared"]
            assert {shift["order"] for shift in compared["later"]} == {first, second}
            assert sum(compared["moved"].values()) == len(compared["operations"]) == 4
            later_by = [each["minutes"] for each in compared["operations"]]
            assert later_by == sorted(later_by, reverse=True)
            assert compared["metrics"]["makespan"] > 0
            assert compared["metrics"]["setup"] == compared["setup_minutes"]
        saw, press = told["machines"]
        assert (saw["machine"], press["machine"]) == (MACHINE, OTHER_MACHINE)
        assert saw["run_minutes"] == [20] * 6
        assert press["setup_minutes"] == [2] * 6
        ends = [moment(end) for end in saw["ends"]]
        assert ends == sorted(ends)
        assert {order["order"] for order in told["orders"]} == {first, second}
        table = await planner.get("/v1/plans/compare.csv", params={"ids": ids})
        assert table.headers["content-type"] == "text/csv; charset=utf-8"
        rows = list(csv.reader(io.StringIO(table.text)))
        assert rows[0][:4] == ["kind", "name", "what", "1"]
        assert all(len(row) == 9 for row in rows)
        [costs] = [row for row in rows if row[1] == "cost"]
        assert costs[3:] == [str(plan["plan"]["metrics"]["cost"]) for plan in told["plans"]]
        assert ["machine", MACHINE, "run_minutes", *["20"] * 6] in rows

    async def test_only_of_one_scope(self, planner: httpx.AsyncClient, api: Api) -> None:
        await released(planner)
        base = await store_plan(api)
        other = await store_plan(api, scope="plant-2")
        answer = await planner.get("/v1/plans/compare", params={"ids": f"{base.id},{other.id}"})
        assert answer.status_code == 422
        assert "not of 'plant-1'" in answer.json()["errors"][0]["problem"]
        for ids in ("", "1", "1,x", "1,2,3,4,5,6,7,8,9", f"{base.id},{2**63}"):
            answer = await planner.get("/v1/plans/compare", params={"ids": ids})
            assert answer.status_code == 422, ids


class TestRushPrice:
    async def test_who_pays_for_it_is_told_before_it_is_accepted(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        await released(planner, 600, due=later(1))
        planned = await released(planner, 3_000, due=later(2))
        behind = await released(planner, 600, due=later(3))
        await store_plan(api)
        answer = await planner.post(
            f"/v1/planning/{SITE}/rush-price",
            json={"order": behind, "priority": 9, "due": later(0.5)},
        )
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert (told["priority"], told["displacement"]) == (9, "lower")
        assert told["waiting"]["later"] == []
        assert moment(told["rushed"]["end"]) < moment(told["waiting"]["end"])
        assert [one["order"] for one in told["rushed"]["later"]] == [planned]
        assert told["rushed"]["cost"] >= 0
        assert moment(told["planned_end"]) > moment(told["rushed"]["end"])

    async def test_of_an_order_that_is_not_there_yet(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        await released(planner, 600)
        await store_plan(api)
        sales = await api.as_role(Role.SALES)
        answer = await sales.post(
            f"/v1/planning/{SITE}/rush-price",
            json={"lines": [{"item": "bracket", "quantity": 60}]},
        )
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["planned_end"] is None
        assert told["plan_number"] == 1
        assert moment(told["rushed"]["end"]) <= moment(told["waiting"]["end"])
        before = await api.rows("SELECT count(*) FROM plans")
        assert before == [(1,)]

    async def test_it_has_to_be_about_something(self, planner: httpx.AsyncClient) -> None:
        order = await released(planner)
        for body in ({}, {"order": order, "lines": [{"item": "bracket", "quantity": 1}]}):
            answer = await planner.post(f"/v1/planning/{SITE}/rush-price", json=body)
            assert answer.status_code == 422
        answer = await planner.post(f"/v1/planning/{SITE}/rush-price", json={"order": "none"})
        assert answer.json()["errors"][0]["field"] == "order"


SHOP: dict[str, Any] = {
    "now_ms": 1_700_000_000_000,
    "machines": [{"id": 1}, {"id": 2}],
    "jobs": [{"id": 1, "due_ms": 1_700_000_100_000}, {"id": 2}],
    "operations": [
        {"id": 1, "job": 1, "modes": [{"machine": 1, "duration_ms": 60_000}]},
        {
            "id": 2,
            "job": 1,
            "modes": [{"machine": 2, "duration_ms": 60_000}],
            "after": [{"operation": 1}],
        },
        {"id": 3, "job": 2, "modes": [{"machine": 1, "duration_ms": 60_000}]},
    ],
}


class TestProblemsOfTheCallersOwn:
    async def test_are_solved_without_being_kept(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        body = {"problem": SHOP, "time_limit_ms": 50}
        answer = await planner.post("/v1/problems/solve", json=body)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["outcome"] == "solved"
        ends = {each["operation"]: each["end_ms"] for each in told["plan"]["assignments"]}
        assert ends[2] == 1_700_000_120_000
        assert [late["job"] for late in told["late"]] == [1]
        assert await api.rows("SELECT count(*) FROM plans") == [(0,)]

    async def test_facts_that_contradict_each_other_are_told(
        self, planner: httpx.AsyncClient
    ) -> None:
        first, second, third = SHOP["operations"]
        problem = {**SHOP, "operations": [{**first, "after": [{"operation": 2}]}, second, third]}
        answer = await planner.post(
            "/v1/problems/solve", json={"problem": problem, "time_limit_ms": 0}
        )
        assert answer.json()["outcome"] == "infeasible", answer.text
        conflicts = answer.json()["conflicts"]
        assert conflicts
        assert "job 1/1 comes after job 1/2" in answer.json()["words"]
        assert "job 1/1 须在 job 1/2 之后" in answer.json()["words_zh"]
        # The third has nothing to do with it.
        assert {each["operation"] for each in conflicts} <= {1, 2}

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"now_ms": -1}, "problem.now_ms"),
            ({"machines": [{"id": 1}, {"id": 1}, {"id": 2}]}, "problem.machines"),
            ({"jobs": [{"id": 1}]}, "problem.operations[2].job"),
            ({"machines": [{"id": 1, "unavailable": [{"start_ms": 2, "end_ms": 1}]}, {"id": 2}]},
             "problem.machines[0].unavailable[0]"),
            ({"operations": [{"id": 1, "job": 1, "modes": []}]}, "problem.operations[0].modes"),
            ({"operations": [{"id": "x"}]}, "problem"),
        ],
    )  # fmt: skip
    async def test_what_is_no_problem_is_told(
        self, planner: httpx.AsyncClient, change: dict[str, Any], field: str
    ) -> None:
        answer = await planner.post("/v1/problems/solve", json={"problem": {**SHOP, **change}})
        assert answer.status_code == 422, answer.text
        assert field in [error["field"] for error in answer.json()["errors"]]

    async def test_the_schema_is_published(self, plant: httpx.AsyncClient) -> None:
        schema = (await plant.get("/v1/problems/schema")).json()
        assert schema["$schema"].startswith("https://json-schema.org/")
        assert {"Problem", "Operation", "Solved", "Infeasible", "Outcome"} <= schema["$defs"].keys()

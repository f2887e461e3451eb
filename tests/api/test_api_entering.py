"""Publishing a draft enters what it takes for granted: calendars, absences, policy, priorities."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from api_client import MACHINE, SITE, Api
from planned import store_plan
from what_if_planner import thinking


def later(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).replace(microsecond=0).isoformat()


def stop(**more: Any) -> dict[str, Any]:
    return {"kind": "machine_down", "machine": MACHINE, "starts_at": later(1),
            "ends_at": later(3)} | more  # fmt: skip


async def released(client: httpx.AsyncClient, **order: Any) -> str:
    line = {"item": "bracket", "quantity": 60}
    body = {"site": SITE, "customer": "acme", "release": True, "lines": [line], **order}
    answer = await client.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    number: str = answer.json()["number"]
    return number


async def draft(client: httpx.AsyncClient, *changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"name": "Tuesday", "improve_ms": 0, "changes": list(changes), **more}
    answer = await client.post(f"/v1/planning/{SITE}/drafts", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def published(client: httpx.AsyncClient, plan: int) -> dict[str, Any]:
    answer = await client.post(f"/v1/plans/{plan}/publish")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def entries(client: httpx.AsyncClient, plan: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get(f"/v1/plans/{plan}/entries")).json()["items"]
    return items


async def calendar(api: Api) -> list[tuple[Any, ...]]:
    return await api.rows("SELECT working, reason FROM calendar_exceptions ORDER BY starts_at, id")


async def operator(admin: httpx.AsyncClient, api: Api, quantity: int = 1) -> int:
    """Somebody whom the saw needs; answers the resource's id."""
    await api.rows(
        "INSERT INTO resources (site_id, code, name, kind, quantity)"
        " SELECT id, 'sawyer', 'Li Wei', 'operator', %s FROM sites WHERE code = %s",
        quantity,
        SITE,
    )
    await api.rows("UPDATE machines SET needs = '{sawyer}' WHERE path = %s", MACHINE)
    [row] = (await admin.get("/v1/resources")).json()["items"]
    assert row["name"] == "Li Wei"
    id_: int = row["id"]
    return id_


@pytest.fixture
async def planner(plant: httpx.AsyncClient, api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """The plant's client, with an order in the plan in force and somebody who answers."""
    answer = await plant.put(f"/v1/planning/{SITE}/policy", json={"frozen_ms": 0})
    assert answer.status_code == 200, answer.text
    await released(plant, number="SO-1")
    await store_plan(api)
    async with thinking(api):
        yield plant


class TestPreview:
    async def test_tells_what_would_be_entered_before_anything_is(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        made = await draft(planner, stop(), {"kind": "priority", "order": "SO-1", "priority": 9})
        assert made["what_if"]["publishable"]
        assert [(one["kind"], one["state"]) for one in made["enters"]] == [
            ("maintenance", "to_enter"),
            ("priority", "to_enter"),
        ]
        assert made["enters"][0]["machine"] == MACHINE
        assert made["enters"][1]["before"] == {"priority": 0}
        assert await entries(planner, made["id"]) == made["enters"]
        assert await calendar(api) == []

    async def test_of_what_is_closed_already_only_the_rest_is_entered(
        self, planner: httpx.AsyncClient
    ) -> None:
        kept = {"starts_at": later(2), "ends_at": later(2.5), "reason": "oil"}
        answer = await planner.post(f"/v1/machines/{MACHINE}/maintenance", json=kept)
        assert answer.status_code == 201, answer.text
        made = await draft(planner, stop())
        first, second = made["enters"]
        assert datetime.fromisoformat(first["ends_at"]) == datetime.fromisoformat(kept["starts_at"])
        assert datetime.fromisoformat(second["starts_at"]) == datetime.fromisoformat(
            kept["ends_at"]
        )

    async def test_overtime_does_not_go_over_maintenance(self, planner: httpx.AsyncClient) -> None:
        kept = {"starts_at": later(2), "ends_at": later(5), "reason": "oil"}
        answer = await planner.post(f"/v1/machines/{MACHINE}/maintenance", json=kept)
        assert answer.status_code == 201, answer.text
        made = await draft(planner, stop(kind="overtime"))
        [refused] = made["enters"]
        assert (refused["kind"], refused["state"]) == ("overtime", "refused")
        assert MACHINE in refused["problem"]
        assert "例外" in refused["problem_zh"]
        answer = await planner.post(f"/v1/plans/{made['id']}/publish")
        assert (answer.status_code, answer.json()["code"]) == (409, "draft-assumes")


class TestPublishing:
    async def test_a_stop_becomes_maintenance_in_the_plans_transaction(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        made = await draft(planner, stop())
        told = await published(planner, made["id"])
        assert told["state"] == "published"
        [reason] = told["reasons"]
        assert (reason["kind"], reason["machine"]) == ("maintenance_planned", MACHINE)
        [row] = (await planner.get(f"/v1/machines/{MACHINE}/maintenance")).json()["items"]
        assert row["reason"] == "Tuesday"
        assert [(one["kind"], one["state"]) for one in await entries(planner, made["id"])] == [
            ("maintenance", "entered")
        ]
        # The plan is the answer to it: nothing is left for the planner to do.
        assert await api.rows(
            "SELECT outcome, plan_id FROM disruptions WHERE kind = 'maintenance_planned'"
        ) == [("planned", made["id"])]
        audited = await api.rows(
            "SELECT action, actor, object_kind, object_key, reason FROM audit_log"
            " WHERE action IN ('MaintenancePlanned', 'PlanPublished') ORDER BY id"
        )
        assert audited == [
            ("MaintenancePlanned", "token a-admin", "machine", MACHINE, "Tuesday"),
            ("PlanPublished", "token a-admin", "plan", f"{SITE}/{told['number']}", None),
        ]

    async def test_overtime_becomes_an_extra_shift_where_the_calendar_is_closed(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        now = datetime.now(UTC)
        body = {
            "working_times": [
                {"shift": "day", "weekday": weekday, "start": "00:00", "end": "24:00"}
                for weekday in range(7)
                if weekday not in (now.weekday(), (now + timedelta(days=1)).weekday())
            ],
            "exceptions": [],
        }
        answer = await planner.put(f"/v1/sites/{SITE}/calendar", json=body)
        assert answer.status_code == 200, answer.text
        await store_plan(api)
        made = await draft(planner, stop(kind="overtime"))
        await published(planner, made["id"])
        assert await calendar(api) == [(True, "Tuesday")]
        again = await draft(planner, stop(kind="overtime", ends_at=later(2)))
        assert (again["enters"], again["what_if"]["changes"][0]["assumed"]) == ([], False)

    async def test_who_is_away_is_told(self, planner: httpx.AsyncClient, api: Api) -> None:
        sawyer = await operator(planner, api)
        await store_plan(api)
        away = {"kind": "resource_away", "resource": sawyer, "starts_at": later(-1),
                "ends_at": later(2)}  # fmt: skip
        made = await draft(planner, away)
        [change] = made["what_if"]["changes"]
        assert (change["resource"], change["assumed"], change["entered"]) == ("Li Wei", True, True)
        [shift] = made["compared"]["later"]
        assert shift["minutes"] >= 118
        await published(planner, made["id"])
        [told] = (await planner.get(f"/v1/resources/{sawyer}")).json()["absences"]
        assert told["reason"] == "Tuesday"
        again = await draft(planner, away | {"ends_at": later(1.9)})
        assert not again["what_if"]["changes"][0]["assumed"]

    async def test_policy_and_priority_are_put_in_place(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        made = await draft(
            planner,
            {"kind": "policy", "fields": {"setup": 7, "frozen_ms": 0}},
            {"kind": "priority", "order": "SO-1", "priority": 9},
        )
        await published(planner, made["id"])
        policy = (await planner.get(f"/v1/planning/{SITE}")).json()["policy"]
        assert policy["setup"] == 7
        assert (await planner.get("/v1/orders/SO-1")).json()["priority"] == 9
        told = await entries(planner, made["id"])
        assert [(one["kind"], one["before"], one["after"]) for one in told] == [
            ("policy", {"setup": 1}, {"setup": 7}),
            ("priority", {"priority": 0}, {"priority": 9}),
        ]
        actions = await api.rows(
            "SELECT action FROM audit_log WHERE reason = 'Tuesday' AND action <> 'DraftMade'"
            " ORDER BY action"
        )
        assert actions == [("OrderChanged",), ("PolicyChanged",)]

    async def test_asked_four_times_at_once_it_is_entered_once(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        made = await draft(planner, stop())
        answers = await asyncio.gather(
            *(planner.post(f"/v1/plans/{made['id']}/publish") for _ in range(4))
        )
        assert [answer.status_code for answer in answers] == [200] * 4
        assert await calendar(api) == [(False, "Tuesday")]

    async def test_what_has_changed_since_is_a_conflict_and_a_rebase_settles_it(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        made = await draft(planner, stop())
        kept = {"starts_at": later(5), "ends_at": later(6), "reason": "oil"}
        answer = await planner.post(f"/v1/machines/{MACHINE}/maintenance", json=kept)
        assert answer.status_code == 201, answer.text
        answer = await planner.post(f"/v1/plans/{made['id']}/publish")
        assert (answer.status_code, answer.json()["code"]) == (409, "calendar-changed")
        assert answer.json()["params"]["parts"] == "calendar"
        assert answer.json()["params"]["by"] == "token a-admin"
        assert await calendar(api) == [(False, "oil")]
        again = (await planner.post(f"/v1/plans/{made['id']}/rebase")).json()
        await published(planner, again["id"])
        assert await calendar(api) == [(False, "Tuesday"), (False, "oil")]

    async def test_what_was_changed_and_changed_back_is_as_it_was(
        self, planner: httpx.AsyncClient
    ) -> None:
        made = await draft(planner, stop())
        kept = {"starts_at": later(5), "ends_at": later(6), "reason": "oil"}
        answer = await planner.post(f"/v1/machines/{MACHINE}/maintenance", json=kept)
        path = f"/v1/machines/{MACHINE}/maintenance/{answer.json()['id']}"
        assert (await planner.delete(path)).status_code == 204
        await published(planner, made["id"])


class TestTakingBack:
    async def test_everything_that_was_entered_is_taken_back_and_a_plan_is_asked_for(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        made = await draft(
            planner,
            stop(),
            {"kind": "policy", "fields": {"setup": 7}},
            {"kind": "priority", "order": "SO-1", "priority": 9},
        )
        await published(planner, made["id"])
        answer = await planner.delete(f"/v1/plans/{made['id']}/entries")
        assert answer.status_code == 200, answer.text
        assert [one["state"] for one in answer.json()["items"]] == ["taken_back"] * 3
        assert await calendar(api) == []
        assert (await planner.get(f"/v1/planning/{SITE}")).json()["policy"]["setup"] == 1
        assert (await planner.get("/v1/orders/SO-1")).json()["priority"] == 0
        still_open = await api.rows(
            "SELECT kind, detail->>'given_up' FROM disruptions"
            " WHERE handled_at IS NULL AND plan_id IS NULL AND kind = 'maintenance_planned'"
        )
        assert still_open == [("maintenance_planned", "true")]
        again = await planner.delete(f"/v1/plans/{made['id']}/entries")
        assert again.json() == answer.json()
        audited = await api.rows("SELECT 1 FROM audit_log WHERE action = 'EntriesTakenBack'")
        assert len(audited) == 1

    async def test_what_has_begun_ends_now(self, planner: httpx.AsyncClient, api: Api) -> None:
        made = await draft(planner, stop(starts_at=later(-1)))
        await published(planner, made["id"])
        answer = await planner.delete(f"/v1/plans/{made['id']}/entries")
        assert [one["state"] for one in answer.json()["items"]] == ["taken_back"]
        assert await api.rows("SELECT ends_at <= now() FROM calendar_exceptions") == [(True,)]

    async def test_what_somebody_has_changed_since_is_left_alone(
        self, planner: httpx.AsyncClient
    ) -> None:
        made = await draft(planner, stop(), {"kind": "policy", "fields": {"setup": 7}})
        await published(planner, made["id"])
        [row] = (await planner.get(f"/v1/machines/{MACHINE}/maintenance")).json()["items"]
        await planner.delete(f"/v1/machines/{MACHINE}/maintenance/{row['id']}")
        await planner.put(f"/v1/planning/{SITE}/policy", json={"setup": 9})
        answer = await planner.delete(f"/v1/plans/{made['id']}/entries")
        assert [one["state"] for one in answer.json()["items"]] == ["changed", "changed"]
        assert (await planner.get(f"/v1/planning/{SITE}")).json()["policy"]["setup"] == 9

    async def test_a_calendar_that_was_stored_again_as_it_was_still_has_it(
        self, planner: httpx.AsyncClient, api: Api
    ) -> None:
        made = await draft(planner, stop())
        await published(planner, made["id"])
        told = (await planner.get(f"/v1/sites/{SITE}/calendar")).json()
        body = {name: told[name] for name in ("working_times", "exceptions")}
        answer = await planner.put(f"/v1/sites/{SITE}/calendar", json=body)
        assert answer.status_code == 200, answer.text
        answer = await planner.delete(f"/v1/plans/{made['id']}/entries")
        assert [one["state"] for one in answer.json()["items"]] == ["taken_back"]
        assert await calendar(api) == []

    async def test_where_nothing_was_entered_there_is_nothing_to_take_back(
        self, planner: httpx.AsyncClient
    ) -> None:
        for plan in (1, (await draft(planner, stop()))["id"]):
            answer = await planner.delete(f"/v1/plans/{plan}/entries")
            assert (answer.status_code, answer.json()["code"]) == (409, "nothing-entered")

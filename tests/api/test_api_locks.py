"""What planners decide: locks on operations, who is away, maintenance. Each makes a new plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from api_client import MACHINE, OTHER_MACHINE, SITE, Api

from contracts.streams import DISRUPTIONS, DisruptionRaised, decode_events
from domain.access import Role
from store.planning.notes import CHANNEL

CREW = f"""resources:
- {{site: {SITE}, code: li, name: Li Na, kind: operator, skills: [press licence]}}
- {{site: {SITE}, code: die-7, name: Die 7, kind: tool, quantity: 2}}
- {{site: plant-2, code: wu, name: Wu, kind: operator, skills: [press licence]}}
"""
DUE = "2030-03-01T12:00:00Z"


async def raised(api: Api) -> list[dict[str, Any]]:
    """The disruptions, each of which has woken the planner."""
    rows = await api.rows(
        "SELECT id, kind, machine_id, operation_id, detail FROM disruptions ORDER BY id"
    )
    events = [event for value in await api.records(DISRUPTIONS) for event in decode_events(value)]
    told = {event.disruption_id for event in events if isinstance(event, DisruptionRaised)}
    assert told == {row[0] for row in rows}
    return [
        {"kind": kind, "machine": machine is not None, "operation": operation, "detail": detail}
        for _, kind, machine, operation, detail in rows
    ]


async def audited(api: Api) -> list[tuple[str, Any, Any]]:
    """The newest entries of the audit log: action, before and after."""
    return await api.rows("SELECT action, before, after FROM audit_log ORDER BY id DESC LIMIT 2")


async def work(plant: httpx.AsyncClient, number: str = "W-1") -> dict[str, Any]:
    """An operation that either machine can do."""
    answer = await plant.post(
        "/v1/work-orders",
        json={
            "site": SITE,
            "number": number,
            "quantity_ordered": 10,
            "operations": [
                {
                    "number": 10,
                    "machine": MACHINE,
                    "cycle_ms": 1000,
                    "alternatives": [{"machine": OTHER_MACHINE, "cycle_ms": 2000}],
                }
            ],
        },
    )
    assert answer.status_code == 201, answer.text
    operation: dict[str, Any] = answer.json()["operations"][0]
    return operation


class TestLocks:
    async def test_an_operation_stays_where_a_planner_says(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        operation = await work(plant)
        assert operation["lock"] is None

        answer = await plant.put(
            f"/v1/operations/{operation['id']}/lock",
            json={"machine": OTHER_MACHINE, "not_before": DUE, "turn": 2, "reason": "die is there"},
        )

        assert answer.status_code == 200, answer.text
        lock = answer.json()["lock"]
        assert lock.pop("locked_at")
        assert lock == {
            "machine": OTHER_MACHINE,
            "not_before": DUE,
            "turn": 2,
            "reason": "die is there",
            "locked_by": "token a-admin",
        }
        [told] = await raised(api)
        assert told == {
            "kind": "operation_locked",
            "machine": True,
            "operation": operation["id"],
            "detail": {
                "by": "token a-admin",
                "to": OTHER_MACHINE,
                "not_before": "2030-03-01T12:00:00+00:00",
            },
        }
        (action, before, after), _ = await audited(api)
        assert (action, before) == ("OperationLocked", None)
        assert after["operation"] == "W-1/10"

    async def test_the_same_again_changes_nothing_and_freeing_is_told(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        operation = await work(plant)
        address = f"/v1/operations/{operation['id']}/lock"
        for _ in range(2):
            await plant.put(address, json={"machine": MACHINE})

        freed = await plant.delete(address)
        again = await plant.delete(address)

        assert (freed.status_code, again.status_code) == (204, 404)
        assert [(each["kind"], each["detail"]["to"]) for each in await raised(api)] == [
            ("operation_locked", MACHINE),
            ("operation_locked", None),
        ]
        [one] = (await plant.get("/v1/operations")).json()["items"]
        assert one["lock"] is None

    async def test_a_machine_that_cannot_do_it_is_refused_with_those_that_can(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        operation = await work(plant)

        answer = await plant.put(
            f"/v1/operations/{operation['id']}/lock",
            json={"machine": "plant-2/cutting/line1/m09"},
        )

        assert answer.status_code == 422
        assert MACHINE in answer.json()["errors"][0]["problem"]
        assert await raised(api) == []

    @pytest.mark.parametrize(
        ("state", "code"), [("running", "operation-begun"), ("completed", "operation-over")]
    )
    async def test_what_has_begun_or_is_over_stays(
        self, plant: httpx.AsyncClient, api: Api, state: str, code: str
    ) -> None:
        operation = await work(plant)
        await api.rows("UPDATE operations SET state = %s", state)

        answer = await plant.put(
            f"/v1/operations/{operation['id']}/lock", json={"machine": MACHINE}
        )

        assert answer.status_code == 409
        assert answer.json()["code"] == code

    async def test_who_does_not_see_the_site_knows_of_no_operation(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        operation = await work(plant)
        elsewhere = await api.as_role(Role.PLANNER, "plant-2")

        for number in (operation["id"], operation["id"] + 1):
            answer = await elsewhere.put(f"/v1/operations/{number}/lock", json={"machine": MACHINE})
            assert answer.status_code == 404


class TestAbsences:
    @pytest.fixture
    async def crew(self, plant: httpx.AsyncClient, api: Api) -> dict[str, int]:
        answer = await plant.post(
            "/v1/master-data", content=CREW, headers={"Content-Type": "application/yaml"}
        )
        assert answer.status_code == 200, answer.text
        rows = await api.rows("SELECT code, id FROM resources")
        await api.rows("DELETE FROM disruptions WHERE kind = 'calendar_changed'")
        return dict(rows)

    async def test_people_and_tools_are_listed_with_what_they_are_good_for(
        self, plant: httpx.AsyncClient, api: Api, crew: dict[str, int]
    ) -> None:
        found = (await plant.get("/v1/resources", params={"site": SITE})).json()

        assert found["total"] == 2
        assert [(one["code"], one["kind"], one["quantity"]) for one in found["items"]] == [
            ("die-7", "tool", 2),
            ("li", "operator", 1),
        ]
        skilled = (await plant.get("/v1/resources", params={"skill": "press licence"})).json()
        assert [one["code"] for one in skilled["items"]] == ["li", "wu"]
        elsewhere = await api.as_role(Role.VIEWER, "plant-2")
        assert [one["code"] for one in (await elsewhere.get("/v1/resources")).json()["items"]] == [
            "wu"
        ]
        assert (await elsewhere.get(f"/v1/resources/{crew['li']}")).status_code == 404

    async def test_who_is_away_is_told_and_comes_back(
        self, plant: httpx.AsyncClient, api: Api, crew: dict[str, int]
    ) -> None:
        address = f"/v1/resources/{crew['li']}/absences"
        answer = await plant.post(address, json={"ends_at": DUE, "reason": "ill"})
        assert answer.status_code == 201, answer.text
        absence = answer.json()
        [away] = (await plant.get(f"/v1/resources/{crew['li']}")).json()["absences"]
        assert (away["id"], away["ends_at"], away["reason"]) == (absence["id"], DUE, "ill")

        back = await plant.delete(f"{address}/{absence['id']}")

        assert back.status_code == 204
        assert (await plant.get(f"/v1/resources/{crew['li']}")).json()["absences"] == []
        told = [
            (each["kind"], each["detail"]["name"], each["detail"]["back"])
            for each in await self._absent(api)
        ]
        assert told == [
            ("resource_absent", "Li Na", False),
            ("resource_absent", "Li Na", True),
        ]

    async def test_one_of_several_is_away(
        self, plant: httpx.AsyncClient, api: Api, crew: dict[str, int]
    ) -> None:
        """There are two of die 7: one may be away, both are all of it, and three are too many."""
        address = f"/v1/resources/{crew['die-7']}/absences"
        one, both, three = [
            await plant.post(address, json={"ends_at": DUE, "reason": "repair", "quantity": many})
            for many in (1, 2, 3)
        ]

        assert (one.status_code, one.json()["quantity"]) == (201, 1)
        assert (both.status_code, both.json()["quantity"]) == (201, None)
        assert three.status_code == 422
        [problem] = three.json()["errors"]
        assert (problem["field"], problem["value"]) == ("quantity", "3")
        assert "there are 2" in problem["problem"]
        shown = (await plant.get(f"/v1/resources/{crew['die-7']}")).json()["absences"]
        assert [each["quantity"] for each in shown] == [1, None]
        told = [
            (each["detail"]["quantity"], each["detail"]["of"]) for each in await self._absent(api)
        ]
        assert told == [(1, 2), (None, 2)]
        [[after]] = await api.rows(
            "SELECT after FROM audit_log WHERE action = 'AbsenceTold' ORDER BY id LIMIT 1"
        )
        assert (after["resource"], after["quantity"]) == ("die-7", 1)

    async def test_an_absence_that_has_not_begun_never_was(
        self, plant: httpx.AsyncClient, api: Api, crew: dict[str, int]
    ) -> None:
        address = f"/v1/resources/{crew['die-7']}/absences"
        answer = await plant.post(address, json={"starts_at": DUE, "reason": "grinding"})

        assert (await plant.delete(f"{address}/{answer.json()['id']}")).status_code == 204
        assert await api.rows("SELECT count(*) FROM resource_absences") == [(0,)]
        assert (await plant.delete(f"{address}/{answer.json()['id']}")).status_code == 404

    async def test_what_is_over_already_is_no_absence(
        self, plant: httpx.AsyncClient, crew: dict[str, int]
    ) -> None:
        past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()

        answer = await plant.post(
            f"/v1/resources/{crew['li']}/absences",
            json={"starts_at": "2020-01-01T00:00:00Z", "ends_at": past, "reason": "ill"},
        )

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "ends_at"

    async def _absent(self, api: Api) -> list[dict[str, Any]]:
        rows = await api.rows(
            "SELECT kind, detail FROM disruptions WHERE kind = 'resource_absent' ORDER BY id"
        )
        return [{"kind": kind, "detail": detail} for kind, detail in rows]


class TestMaintenance:
    async def test_it_closes_the_machine_in_the_calendar_until_it_is_given_up(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        address = f"/v1/machines/{MACHINE}/maintenance"
        wanted = {"starts_at": DUE, "ends_at": "2030-03-01T14:00:00Z", "reason": "oil"}

        planned = await plant.post(address, json=wanted)

        assert planned.status_code == 201, planned.text
        assert (await plant.get(address)).json()["items"] == [
            {"id": planned.json()["id"], **wanted}
        ]
        [closed] = (await plant.get(f"/v1/sites/{SITE}/calendar")).json()["exceptions"]
        assert (closed["machine"], closed["working"], closed["reason"]) == (MACHINE, False, "oil")
        over = await plant.post(address, json=wanted | {"starts_at": "2030-03-01T13:00:00Z"})
        assert (over.status_code, over.json()["code"]) == (409, "maintenance-overlaps")

        gone = await plant.delete(f"{address}/{planned.json()['id']}")

        assert gone.status_code == 204
        assert (await plant.get(address)).json()["items"] == []
        assert [(each["kind"], each["detail"]["given_up"]) for each in await raised(api)] == [
            ("maintenance_planned", False),
            ("maintenance_planned", True),
        ]
        assert (await plant.delete(f"{address}/{planned.json()['id']}")).status_code == 404

    async def test_nobody_else_s_machine_is_closed(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        del plant
        elsewhere = await api.as_role(Role.PLANNER, "plant-2")

        answer = await elsewhere.post(
            f"/v1/machines/{MACHINE}/maintenance",
            json={"starts_at": DUE, "ends_at": "2030-03-01T14:00:00Z", "reason": "oil"},
        )

        assert answer.status_code == 404


async def test_a_purchase_that_comes_later_has_its_scope_looked_at(
    plant: httpx.AsyncClient, api: Api, database_url: str
) -> None:
    lines = [{"item": "wire", "quantity": 5, "due_at": DUE}]
    await plant.post("/v1/purchases", json={"number": "P-1", "site": SITE, "lines": lines})
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as listening:
        await listening.execute(f"LISTEN {CHANNEL}".encode())
        answer = await plant.patch(
            "/v1/purchases/P-1",
            json={"version": 1, "lines": [{"number": 1, "due_at": "2030-04-01T12:00:00Z"}]},
        )
        assert answer.status_code == 200, answer.text

        notes = [note.payload async for note in listening.notifies(timeout=30, stop_after=1)]

    assert notes == [f'[["ScopeMoved","{SITE}",true]]']
    assert await raised(api) == []

"""Planning scopes, their policies, asking for a plan, and the feed of disruptions."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest
from api_client import MACHINE, OTHER_MACHINE, SITE, Api
from planned import breakdown, store_plan

from api.planning.schemas import Policy
from contracts.plan import DisruptionOutcome, PlanState
from contracts.streams import DISRUPTIONS, DisruptionRaised, decode_events
from domain.access import Role
from domain.plan import policy as domain
from store.planning import disruptions

DEFAULT = msgspec.json.decode(msgspec.json.encode(domain.Policy()))
POLICY = f"/v1/planning/{SITE}/policy"
REPLAN = f"/v1/planning/{SITE}/replan"


async def events(api: Api) -> list[DisruptionRaised]:
    told = [event for value in await api.records(DISRUPTIONS) for event in decode_events(value)]
    assert all(isinstance(event, DisruptionRaised) for event in told)
    return [event for event in told if isinstance(event, DisruptionRaised)]


async def together(client: httpx.AsyncClient, *codes: str, scope: str | None = "west") -> None:
    """Plan sites together."""
    for code in codes:
        site = (await client.get(f"/v1/sites/{code}")).json()
        body = {"name": site["name"], "time_zone": site["time_zone"], "planning_scope": scope}
        answer = await client.put(f"/v1/sites/{code}", json=body)
        assert answer.status_code == 200, answer.text


class TestScopes:
    async def test_a_site_is_a_scope_of_its_own(self, plant: httpx.AsyncClient) -> None:
        answer = (await plant.get("/v1/planning")).json()
        assert answer["total"] == 2
        assert answer["items"][0] == {
            "scope": SITE,
            "sites": [SITE],
            "policy": DEFAULT,
            "published": None,
            "draft": None,
            "open_disruptions": 0,
        }
        assert (await plant.get(f"/v1/planning/{SITE}")).json() == answer["items"][0]
        page = (await plant.get("/v1/planning?limit=1&offset=1")).json()
        assert [item["scope"] for item in page["items"]] == ["plant-2"]
        assert page["total"] == 2

    async def test_sites_of_one_scope_are_planned_together(self, plant: httpx.AsyncClient) -> None:
        await together(plant, SITE, "plant-2")
        answer = (await plant.get("/v1/planning")).json()
        assert [(item["scope"], item["sites"]) for item in answer["items"]] == [
            ("west", [SITE, "plant-2"])
        ]
        assert (await plant.get(f"/v1/planning/{SITE}")).status_code == 404

    async def test_whoever_does_not_see_every_site_does_not_see_the_scope(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await together(plant, SITE, "plant-2")
        stored = await store_plan(api, scope="west")
        await breakdown(api, MACHINE, scope="west")
        both = await api.as_role(Role.PLANNER, SITE, "plant-2")
        here = await api.as_role(Role.PLANNER, SITE)
        for path in (
            "/v1/planning/west",
            "/v1/planning/west/plans",
            f"/v1/plans/{stored.id}",
            f"/v1/plans/{stored.id}/operations",
            f"/v1/plans/{stored.id}/differences",
            "/v1/disruptions?scope=west",
        ):
            assert (await both.get(path)).status_code == 200, path
            assert (await here.get(path)).status_code == 404, path
        for client, seen in ((both, 1), (here, 0)):
            assert (await client.get("/v1/planning")).json()["total"] == seen
            found = (await client.get("/v1/disruptions?open=true")).json()
            assert [item["machine"] for item in found["items"]].count(MACHINE) == seen
            assert found["total"] == len(found["items"]) >= seen
        for path in ("publish", "discard"):
            assert (await here.post(f"/v1/plans/{stored.id}/{path}")).status_code == 404

    async def test_there_has_to_be_one(self, plant: httpx.AsyncClient) -> None:
        for path in ("/v1/planning/nowhere", "/v1/planning/nowhere/plans"):
            answer = await plant.get(path)
            assert answer.status_code == 404
            assert answer.json()["detail"] == "There is no planning scope 'nowhere'."


class TestChangingScopes:
    async def test_both_scopes_get_a_new_plan(self, plant: httpx.AsyncClient, api: Api) -> None:
        await together(plant, SITE, "plant-2")
        await api.rows("DELETE FROM disruptions")
        await together(plant, SITE, scope=None)
        rows = await api.rows("SELECT scope, kind, detail->>'what' FROM disruptions ORDER BY scope")
        assert rows == [
            (SITE, "calendar_changed", "scope"),
            ("west", "calendar_changed", "scope"),
        ]

    async def test_a_scope_without_sites_has_no_plan_in_force(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        old = await store_plan(api)
        draft = await store_plan(api, state=PlanState.DRAFT)
        await breakdown(api, MACHINE)
        await together(plant, SITE)
        states = dict(await api.rows("SELECT id, state FROM plans"))
        assert states == {old.id: "superseded", draft.id: "discarded"}
        rows = await api.rows("SELECT scope, outcome FROM disruptions ORDER BY id")
        assert rows == [(SITE, "no_change"), ("west", None)]

    async def test_what_one_may_not_see_one_does_not_plan_with(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        here = await api.as_role(Role.PLANNER, SITE)
        body = {"name": "Plant 1", "planning_scope": "plant-2"}
        answer = await here.put(f"/v1/sites/{SITE}", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "planning_scope"
        await together(plant, SITE, "plant-2")
        answer = await here.put(f"/v1/sites/{SITE}", json={**body, "planning_scope": None})
        assert answer.status_code == 422
        answer = await here.put(f"/v1/sites/{SITE}", json={**body, "planning_scope": "west"})
        assert answer.status_code == 200, answer.text

    async def test_another_time_zone_moves_the_shifts(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        body = {"name": "Renamed", "time_zone": "Asia/Shanghai"}
        await plant.put(f"/v1/sites/{SITE}", json=body)
        assert await api.rows("SELECT count(*) FROM disruptions") == [(0,)]
        await plant.put(f"/v1/sites/{SITE}", json={**body, "time_zone": "Europe/Berlin"})
        assert await api.rows("SELECT detail->>'what' FROM disruptions") == [("time_zone",)]

    async def test_a_scope_is_one_level_of_a_name(self, plant: httpx.AsyncClient) -> None:
        body = {"name": "Plant 1", "planning_scope": "a/b"}
        answer = await plant.put(f"/v1/sites/{SITE}", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "planning_scope"


class TestPolicies:
    def test_are_those_of_the_planner(self) -> None:
        assert Policy().model_dump() == DEFAULT
        schema = msgspec.json.schema(domain.Policy)["$defs"]["Policy"]["properties"]
        mine = Policy.model_json_schema()["properties"]
        for field, wanted in schema.items():
            assert mine[field]["description"], field
            for bound in ("minimum", "maximum"):
                if bound in wanted:
                    assert mine[field][bound] == wanted[bound], (field, bound)
                    outside = wanted[bound] + (1 if bound == "maximum" else -1)
                    with pytest.raises(msgspec.ValidationError):
                        msgspec.convert({field: outside}, domain.Policy)

    async def test_a_change_is_kept_audited_and_makes_the_plan_wrong(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        wanted = {"publish": "draft", "frozen_ms": 1_200_000}
        answer = await plant.put(POLICY, json=wanted)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {**DEFAULT, **wanted}
        assert (await plant.get(f"/v1/planning/{SITE}")).json()["policy"] == answer.json()
        [(action, before, after)] = await api.rows(
            "SELECT action, before, after FROM audit_log WHERE after ? 'tardiness'"
        )
        assert action == "PolicyChanged"
        assert before == {**DEFAULT, "scope": SITE}
        assert after == {**answer.json(), "scope": SITE}
        [(kind, detail, by)] = await api.rows(
            "SELECT d.kind, d.detail, p.changed_by FROM disruptions d, planning_policies p"
        )
        assert (kind, by) == ("calendar_changed", "token a-admin")
        assert detail == {"by": by, "what": "policy", "fields": ["publish", "frozen_ms"]}
        assert [event.scope for event in await events(api)] == [SITE]

    async def test_the_same_again_changes_nothing_and_what_is_absent_is_default(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        for wanted, raised in (({}, 0), ({"move": 5}, 1), ({"move": 5}, 1), ({}, 2)):
            answer = await plant.put(POLICY, json=wanted)
            assert answer.json() == {**DEFAULT, **wanted}
            assert len(await events(api)) == raised

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("publish", "sometimes"),
            ("frozen_ms", -1),
            ("frozen_ms", 1.5),
            ("debounce_ms", 60_001),
            ("repair_ms", 999),
            ("improve_ms", 600_001),
            ("tardiness", True),
            ("move", -1),
            ("rush_priority", 2**31),
            ("speed", 1),
        ],
    )
    async def test_what_is_out_of_bounds_is_named(
        self, plant: httpx.AsyncClient, field: str, value: Any
    ) -> None:
        answer = await plant.put(POLICY, json={field: value})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field

    async def test_only_planners_make_them(self, plant: httpx.AsyncClient, api: Api) -> None:
        del plant
        for role, status in ((Role.PLANNER, 200), (Role.SUPERVISOR, 403), (Role.SALES, 403)):
            client = await api.as_role(role)
            assert (await client.put(POLICY, json={})).status_code == status, role


class TestAskingForAPlan:
    async def test_raises_what_the_planner_answers(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        answer = await plant.post(REPLAN, json={"reason": "The night shift is ill"})
        assert answer.status_code == 202, answer.text
        told = answer.json()["disruption"]
        assert (told["kind"], told["scope"], told["site"]) == ("requested", SITE, SITE)
        assert told["detail"] == {"by": "token a-admin", "reason": "The night shift is ill"}
        assert (told["handled"], told["outcome"]) == (None, None)
        assert [event.disruption_id for event in await events(api)] == [told["id"]]
        [row] = await api.rows("SELECT actor, reason FROM audit_log WHERE action = 'PlanRequested'")
        assert row == ("token a-admin", "The night shift is ill")

    async def test_each_time_anew(self, plant: httpx.AsyncClient, api: Api) -> None:
        for _ in range(2):
            await plant.post(REPLAN, json={"reason": "again"})
        assert len(await events(api)) == 2
        shown = (await plant.get(f"/v1/planning/{SITE}")).json()
        assert shown["open_disruptions"] == 2

    @pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "a\x00b"}])
    async def test_says_why(self, plant: httpx.AsyncClient, body: dict[str, Any]) -> None:
        answer = await plant.post(REPLAN, json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "reason"


class TestDisruptions:
    async def test_are_told_newest_first_with_what_became_of_them(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        first = await breakdown(api, MACHINE)
        second = await breakdown(api, OTHER_MACHINE)
        await breakdown(api, "plant-2/cutting/line1/m09", scope="plant-2")
        plan = await store_plan(api, reasons=[first])
        answer = (await plant.get("/v1/disruptions")).json()
        assert answer["total"] == 3
        newest = answer["items"][0]
        assert newest["scope"] == "plant-2"
        oldest = answer["items"][-1]
        assert oldest == {
            "id": first.disruption,
            "scope": SITE,
            "site": None,
            "kind": "machine_down",
            "machine": MACHINE,
            "work_order": None,
            "operation": None,
            "order_number": None,
            "occurred": oldest["occurred"],
            "raised": oldest["raised"],
            "detail": {"reason": "jam"},
            "handled": oldest["handled"],
            "outcome": "planned",
            "plan_id": plan.id,
            "plan_number": 1,
        }
        assert oldest["handled"] is not None
        for query, found in (
            (f"?scope={SITE}", [second.disruption, first.disruption]),
            (f"?scope={SITE}&open=true", [second.disruption]),
            (f"?scope={SITE}&open=false", [first.disruption]),
            (f"?scope={SITE}&limit=1", [second.disruption]),
            (f"?scope={SITE}&offset=1", [first.disruption]),
            ("?kind=requested", []),
            (f"?site={SITE}", []),
        ):
            answer = (await plant.get(f"/v1/disruptions{query}")).json()
            assert [item["id"] for item in answer["items"]] == found, query
        assert (await plant.get(f"/v1/disruptions?scope={SITE}&limit=1")).json()["total"] == 2

    async def test_that_no_plan_answers_say_so(self, plant: httpx.AsyncClient, api: Api) -> None:
        reason = await breakdown(api, MACHINE)
        async with api.context.transaction() as connection:
            await disruptions.answer(
                connection, [reason.disruption], outcome=DisruptionOutcome.NO_CHANGE
            )
        [told] = (await plant.get("/v1/disruptions")).json()["items"]
        assert (told["outcome"], told["plan_id"], told["plan_number"]) == ("no_change", None, None)

    async def test_what_does_not_exist_is_said(self, plant: httpx.AsyncClient) -> None:
        assert (await plant.get("/v1/disruptions?scope=nowhere")).status_code == 404
        answer = await plant.get("/v1/disruptions?kind=earthquake")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "kind"


async def test_no_address_of_its_own_hides_a_scope(admin: httpx.AsyncClient, api: Api) -> None:
    """A scope may have any name: nothing else stands where its name does."""
    own = [
        address
        for address in api.app.openapi()["paths"]
        if address.startswith("/v1/planning/") and not address.startswith("/v1/planning/{scope}")
    ]
    assert own == []
    for name in ("schema", "solve", "compare", "drafts"):
        answer = await admin.put(f"/v1/sites/{name}", json={"name": name})
        assert answer.status_code == 200, answer.text
        assert (await admin.get(f"/v1/planning/{name}")).json()["scope"] == name
        assert (await admin.get(f"/v1/planning/{name}/drafts")).json()["total"] == 0

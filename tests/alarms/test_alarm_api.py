"""Alarms over the API: who sees and does what, rules with versions, rates, the past."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_client import Api
from plant_facts import LINE, M1, M2, MINUTE, SITE, alarm_rule
from test_alarm_watch import late_order, make_month
from watched_plant import Plant

from domain.access import Role
from domain.alarms.states import AlarmEvent
from notify.alarm_watch import AlarmWatch
from runtime.clock import SystemClock

SAMPLES = Path(__file__).parents[2] / "docs" / "howto" / "samples"
RULE: dict[str, Any] = {
    "name": "Machine down",
    "condition": {"kind": "machine_down"},
    "response": "Go and look.",
    "priority": "high",
}


@pytest.fixture
async def watch(plant: Plant) -> AlarmWatch:
    """A watch whose rule is in force, at the present time."""
    await plant.define(alarm_rule(shelve_minutes=60))
    plant.clock.at_ms = SystemClock().now_ms()
    return plant.watch()


@pytest.fixture
async def broken(plant: Plant, watch: AlarmWatch) -> int:
    """A machine is down: the alarm's id."""
    await plant.becomes(M1, "down", "jam")
    [raised] = await watch.look()
    return raised.id


async def ok(answer: httpx.Response) -> dict[str, Any]:
    """What a call answers that has to succeed."""
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


class TestList:
    async def test_what_an_alarm_tells(self, desk: httpx.AsyncClient, broken: int) -> None:
        [alarm] = (await ok(await desk.get("/v1/alarms")))["items"]
        assert alarm["id"] == broken
        assert (alarm["subject_kind"], alarm["subject"], alarm["site"]) == ("machine", M1, SITE)
        assert (alarm["state"], alarm["response"]) == ("unacknowledged", "Go and look.")
        assert alarm["detail"]["reason"] == "jam"
        one = await ok(await desk.get(f"/v1/alarms/{broken}"))
        assert one["messages"] == []
        assert one["steps"] == []

    async def test_a_step_says_whom_it_did_not_reach(
        self, desk: httpx.AsyncClient, plant: Plant, broken: int
    ) -> None:
        async with plant.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO alarm_steps (alarm_id, occurrence, raised_at, step, due_at, made_at,"
                " uncovered) VALUES (%s, 1, now(), 0, now(), now(), '{night}')",
                (broken,),
            )
        [step] = (await ok(await desk.get(f"/v1/alarms/{broken}")))["steps"]
        assert (step["step"], step["uncovered"]) == (0, ["night"])

    async def test_the_journal_is_searched(self, desk: httpx.AsyncClient, broken: int) -> None:
        del broken
        for words, count in (("m01", 1), ("m02", 0)):
            told = await ok(await desk.get("/v1/alarms/history", params={"search": words}))
            assert told["total"] == count

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ({}, 1),
            ({"site": SITE}, 1),
            ({"state": "shelved"}, 0),
            ({"state": ["shelved", "unacknowledged"]}, 1),
            ({"priority": "high"}, 0),
            ({"subject": M1, "subject_kind": "machine"}, 1),
            ({"rule": "machine-down"}, 1),
            ({"search": "m01"}, 1),
            ({"search": "m02"}, 0),
            ({"assigned_to": "mei"}, 0),
        ],
    )
    async def test_filters(
        self, desk: httpx.AsyncClient, broken: int, query: dict[str, Any], count: int
    ) -> None:
        del broken
        assert (await ok(await desk.get("/v1/alarms", params=query)))["total"] == count

    async def test_of_another_site_there_are_none(
        self, api: Api, desk: httpx.AsyncClient, broken: int
    ) -> None:
        del desk
        other = await api.as_role(Role.SUPERVISOR, "plant-2")
        assert (await ok(await other.get("/v1/alarms")))["total"] == 0
        assert (await ok(await other.get("/v1/alarms/history")))["total"] == 0
        assert (await other.get(f"/v1/alarms/{broken}")).status_code == 404
        body = {"alarms": [{"id": broken, "occurrence": 1}]}
        told = await ok(await other.post("/v1/alarms/acknowledge", json=body))
        assert told == {"acknowledged": [], "refused": [broken]}
        shelf = {"minutes": 5, "reason": "x"}
        assert (await other.post(f"/v1/alarms/{broken}/shelve", json=shelf)).status_code == 404
        line = await api.as_role(Role.OPERATOR, SITE, lines=(f"{SITE}/cutting/line2",))
        assert (await ok(await line.get("/v1/alarms")))["total"] == 0


class TestPeople:
    async def test_acknowledged_as_it_was_seen(
        self, api: Api, plant: Plant, watch: AlarmWatch, broken: int
    ) -> None:
        operator = await api.as_role(Role.OPERATOR)
        await plant.becomes(M1, "running")
        await watch.look()
        await plant.becomes(M1, "down")
        await watch.look()
        for occurrence, done in ((1, []), (2, [broken]), (2, [])):
            body = {"alarms": [{"id": broken, "occurrence": occurrence}], "reason": "on my way"}
            told = await ok(await operator.post("/v1/alarms/acknowledge", json=body))
            assert told["acknowledged"] == done
        history = (await ok(await operator.get("/v1/alarms/history")))["items"]
        assert [each["event"] for each in history] == ["acknowledge", "raise", "clear", "raise"]
        assert (history[0]["actor"], history[0]["reason"]) == ("token a-operator", "on my way")

    async def test_shelved_for_as_long_as_the_rule_allows(
        self, desk: httpx.AsyncClient, broken: int
    ) -> None:
        address = f"/v1/alarms/{broken}/shelve"
        long = await desk.post(address, json={"minutes": 61, "reason": "lunch"})
        assert long.status_code == 409
        assert long.json()["code"] == "shelved-too-long"
        shelved = await ok(await desk.post(address, json={"minutes": 60, "reason": "lunch"}))
        assert (shelved["state"], shelved["shelved_by"]) == ("shelved", "token a-admin")
        again = await desk.post(address, json={"minutes": 5, "reason": "lunch"})
        assert (again.status_code, again.json()["code"]) == (409, "alarm-state")
        back = await ok(await desk.post(f"/v1/alarms/{broken}/unshelve", json={}))
        assert back["state"] == "unacknowledged"

    async def test_out_of_service_and_back(self, desk: httpx.AsyncClient, broken: int) -> None:
        out = await ok(await desk.post(f"/v1/alarms/{broken}/remove", json={"reason": "repair"}))
        assert (out["state"], out["active"]) == ("out_of_service", True)
        back = await ok(await desk.post(f"/v1/alarms/{broken}/return", json={}))
        assert back["state"] == "unacknowledged"

    async def test_what_is_not_latched_is_not_reset(
        self, desk: httpx.AsyncClient, broken: int
    ) -> None:
        answer = await desk.post(f"/v1/alarms/{broken}/reset", json={})
        assert answer.status_code == 409
        assert "has to be latched" in answer.json()["detail"]

    async def test_assigned(self, desk: httpx.AsyncClient, broken: int) -> None:
        alarm = await ok(await desk.post(f"/v1/alarms/{broken}/assign", json={"to": "mei"}))
        assert alarm["assigned_to"] == "mei"

    @pytest.mark.parametrize("role", [Role.VIEWER, Role.FINANCE])
    async def test_who_only_looks_changes_nothing(self, api: Api, broken: int, role: Role) -> None:
        client = await api.as_role(role)
        body = {"alarms": [{"id": broken, "occurrence": 1}]}
        assert (await client.post("/v1/alarms/acknowledge", json=body)).status_code == 403


class TestRates:
    async def test_measures_stand_beside_their_targets(
        self, desk: httpx.AsyncClient, plant: Plant, watch: AlarmWatch, broken: int
    ) -> None:
        del broken
        for _ in range(2):
            await plant.becomes(M1, "running")
            await watch.look()
            await plant.becomes(M1, "down")
            await watch.look()
        end = datetime.now(UTC) + timedelta(minutes=1)
        query = {"from": (end - timedelta(hours=1)).isoformat(), "to": end.isoformat()}
        told = await ok(await desk.get("/v1/alarms/rates", params=query))
        assert told["count"] == 3
        assert told["measures"]["per_hour"] == {"value": 3.0, "target": 6.0, "met": True}
        assert told["measures"]["chattering"]["met"] is False
        assert told["chattering"] == [f"machine_down:machine:{M1}"]
        assert told["frequent"][0]["count"] == 3

    async def test_a_time_that_is_none(self, desk: httpx.AsyncClient) -> None:
        now = datetime.now(UTC).isoformat()
        answer = await desk.get("/v1/alarms/rates", params={"from": now, "to": now})
        assert answer.status_code == 422


class TestDefinitions:
    ADDRESS = "/v1/alarm-definitions/rules/stopped"

    async def test_each_change_is_a_version(self, desk: httpx.AsyncClient) -> None:
        made = await ok(await desk.put(self.ADDRESS, json={"body": RULE, "reason": "new"}))
        assert (made["version"], made["body"]["code"]) == (1, "stopped")
        stricter = {"body": {**RULE, "priority": "critical"}, "version": 1}
        changed = await ok(await desk.put(self.ADDRESS, json=stricter))
        assert [each["version"] for each in changed["versions"]] == [2, 1]
        assert changed["versions"][1]["body"]["priority"] == "high"
        stale = await desk.put(self.ADDRESS, json=stricter)
        assert (stale.status_code, stale.json()["code"]) == (409, "stale-version")
        gone = await ok(await desk.delete(self.ADDRESS))
        assert gone["retired_at"] is not None
        listed = await ok(await desk.get("/v1/alarm-definitions/rules"))
        assert listed["total"] == 0
        again = await ok(await desk.put(self.ADDRESS, json={"body": RULE}))
        assert (again["version"], again["retired_at"]) == (4, None)

    async def test_what_is_none_is_refused_with_the_field(self, desk: httpx.AsyncClient) -> None:
        wrong = {"body": {**RULE, "condition": {"kind": "pace_below", "percent": 500}}}
        answer = await desk.put(self.ADDRESS, json=wrong)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "condition.percent"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": "a\x00"},
            {"name": "a\ud800"},
            {"response": ""},
            {"where": ["plant-1/\x00"]},
            {"where": ["a/b/c/d/e"]},
            {"suppressed_by": ["\x00"]},
            {"condition": {"kind": "reading_outside", "metric": "t\x00", "low": 1}},
            {"condition": {"kind": "reading_outside", "metric": "t", "low": float("nan")}},
            {"condition": {"kind": "machine_down", "reasons": ["\udfff"]}},
            {"condition": {"kind": "order_late", "priority_at_least": 10**30}},
            {"condition": {}},
            {"condition": 5},
            {"on_delay_s": -1},
            {"colour": "red"},
        ],
    )
    async def test_what_cannot_be_stored_is_refused(
        self, desk: httpx.AsyncClient, wrong: dict[str, Any]
    ) -> None:
        content = json.dumps({"body": {**RULE, **wrong}})
        answer = await desk.put(
            self.ADDRESS, content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 422, answer.text
        assert "regex" not in answer.text

    async def test_what_others_need_is_not_retired(self, desk: httpx.AsyncClient) -> None:
        await ok(await desk.put(self.ADDRESS, json={"body": RULE}))
        other = {
            "body": {
                **RULE,
                "condition": {"kind": "machine_silent"},
                "suppressed_by": ["stopped"],
            }
        }
        await ok(await desk.put("/v1/alarm-definitions/rules/silent", json=other))
        answer = await desk.delete(self.ADDRESS)
        assert answer.status_code == 422
        assert "there is no rule 'stopped'" in answer.json()["detail"]

    async def test_an_import_says_where_what_is_wrong(self, desk: httpx.AsyncClient) -> None:
        text = b"rules:\n  - {code: a, name: A, response: R, condition: {kind: order_lat}}\n"
        answer = await desk.post("/v1/alarm-definitions/import", content=text)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "alarms.yaml:2:55"
        dry = {"dry_run": "true"}
        told = await ok(await desk.post("/v1/alarm-definitions/import", content=text, params=dry))
        assert told["faults"][0]["problem"].startswith("is no kind, maybe 'order_late'")

    async def test_faults_of_the_whole_have_a_place_too(self, desk: httpx.AsyncClient) -> None:
        text = b"""rules:
  - {code: a, name: A, response: R, escalation: night, condition: {kind: order_late}}
"""
        answer = await desk.post("/v1/alarm-definitions/import", content=text)
        [error] = answer.json()["errors"]
        assert error["field"] == "alarms.yaml:2:5"
        assert error["problem"] == "escalation: there is no escalation 'night'"

    async def test_what_is_exported_is_imported_again(self, desk: httpx.AsyncClient) -> None:
        await ok(await desk.put(self.ADDRESS, json={"body": RULE}))
        text = (await desk.get("/v1/alarm-definitions/export")).content
        told = await ok(await desk.post("/v1/alarm-definitions/import", content=text))
        [change] = told["changes"]
        assert (change["kind"], change["code"]) == ("rules", "stopped")
        assert change["change"] == "unchanged"

    async def test_the_how_tos_sample_is_taken(self, desk: httpx.AsyncClient) -> None:
        text = (SAMPLES / "alarms.yaml").read_bytes()
        told = await ok(await desk.post("/v1/alarm-definitions/import", content=text))
        assert {each["change"] for each in told["changes"]} == {"added"}
        assert {each["kind"] for each in told["changes"]} == {
            "rules",
            "escalations",
            "rotas",
            "recipients",
        }

    async def test_a_dry_run_writes_nothing(self, desk: httpx.AsyncClient) -> None:
        text = b"rules:\n  - {code: a, name: A, response: R, condition: {kind: order_late}}\n"
        dry = {"dry_run": "true"}
        told = await ok(await desk.post("/v1/alarm-definitions/import", content=text, params=dry))
        [change] = told["changes"]
        assert (change["kind"], change["code"], change["change"]) == ("rules", "a", "added")
        assert change["body"]["condition"] == {
            "kind": "order_late",
            "minutes": 1,
            "priority_at_least": None,
        }, "what is by default is told as well: a form shows it"
        assert (await ok(await desk.get("/v1/alarm-definitions/rules")))["total"] == 0

    async def test_addresses_are_for_who_configures(
        self, api: Api, desk: httpx.AsyncClient, plant: Plant
    ) -> None:
        body = {
            "body": {"name": "Mei", "addresses": [{"channel": "email", "to": "mei@example.com"}]}
        }
        await ok(await desk.put("/v1/alarm-definitions/recipients/mei", json=body))
        viewer = await api.as_role(Role.VIEWER)
        assert (await viewer.get("/v1/alarm-definitions/recipients")).status_code == 403
        assert (await viewer.get("/v1/alarm-definitions/rules")).status_code == 200
        [(after,)] = await plant.rows(
            "SELECT after::text FROM audit_log WHERE action = 'AlarmRecipientChanged'"
        )
        assert "mei@example.com" not in after
        assert "email" in after

    async def test_who_is_limited_to_a_site_changes_no_rules(self, api: Api) -> None:
        limited = await api.as_role(Role.ADMIN, SITE)
        assert (await limited.put(self.ADDRESS, json={"body": RULE})).status_code == 403

    async def test_the_schema_names_every_condition(self, desk: httpx.AsyncClient) -> None:
        told = await ok(await desk.get("/v1/alarm-definitions/schema"))
        assert "MachineDown" in told["$defs"]


async def states(plant: Plant, *changes: tuple[int, str, str]) -> int:
    """Tell states of machines, so many minutes after an hour ago; answers that hour."""
    began = SystemClock().now_ms() - 60 * MINUTE
    await make_month(plant, began)
    await make_month(plant, began + 60 * MINUTE)
    for minutes, path, state in changes:
        await plant.rows(
            "INSERT INTO state_changes (machine_id, e_ms, nth, state) VALUES (%s, %s, 0, %s)",
            plant.machines[path],
            began + minutes * MINUTE,
            state,
        )
    return began


class TestPast:
    ADDRESS = "/v1/alarm-definitions/rules/preview"

    def asked(self, began: int, **fields: Any) -> dict[str, Any]:
        return {
            "rule": {**RULE, "code": "x", **fields},
            "start": datetime.fromtimestamp(began / 1000, UTC).isoformat(),
            "end": datetime.fromtimestamp(began / 1000 + 3_600, UTC).isoformat(),
        }

    async def test_what_would_have_been_raised(self, desk: httpx.AsyncClient, plant: Plant) -> None:
        began = await states(
            plant,
            (-5, M1, "running"),
            (10, M1, "down"),
            (12, M1, "running"),
            (20, M1, "down"),
            (30, M1, "running"),
            (40, M2, "down"),
        )
        told = await ok(await desk.post(self.ADDRESS, json=self.asked(began)))
        minutes = [
            (
                round((datetime.fromisoformat(each["raised"]).timestamp() * 1000 - began) / MINUTE),
                each["subject"],
                each["cleared"] is None,
            )
            for each in told["episodes"]
        ]
        assert minutes == [(10, M1, False), (20, M1, False), (40, M2, True)]
        delayed = self.asked(began, on_delay_s=300, where=[LINE])
        told = await ok(await desk.post(self.ADDRESS, json=delayed))
        raised = [datetime.fromisoformat(each["raised"]) for each in told["episodes"]]
        assert [round((each.timestamp() * 1000 - began) / MINUTE) for each in raised] == [25, 45]

    async def test_a_rule_that_matches_everything_is_seen_for_what_it_is(
        self, desk: httpx.AsyncClient, plant: Plant
    ) -> None:
        changes = [(minute, M1, "running" if minute % 2 else "down") for minute in range(1, 50)]
        began = await states(plant, *changes)
        everything = {"kind": "machine_down", "states": ["running", "down"]}
        told = await ok(await desk.post(self.ADDRESS, json=self.asked(began, condition=everything)))
        assert told["total"] == 1
        either = await ok(await desk.post(self.ADDRESS, json=self.asked(began)))
        assert (either["total"], either["floods"]) == (24, 0)
        assert either["per_hour"] > 6

    async def test_it_raises_what_the_watch_raised(
        self, desk: httpx.AsyncClient, plant: Plant
    ) -> None:
        """The same floor, live and afterwards."""
        await plant.define(alarm_rule(on_delay_s=90, off_delay_s=30))
        watch = plant.watch()
        changes = ((1, "down"), (2, "running"), (4, "down"), (9, "running"), (11, "down"))
        began = await states(plant, (0, M1, "running"), *((at, M1, to) for at, to in changes))
        live = []
        for second in range(0, 15 * 60, 10):
            plant.clock.at_ms = began + second * 1_000
            for minute, state in changes:
                if minute * 60 == second:
                    await plant.becomes(M1, state)
            live += [(each.event, second) for each in await watch.look()]
        rule = {"on_delay_s": 90, "off_delay_s": 30}
        told = await ok(await desk.post(self.ADDRESS, json=self.asked(began, **rule)))
        past = []
        for each in told["episodes"]:
            for event, at in (("raise", each["raised"]), ("clear", each["cleared"])):
                if at is not None:
                    seconds = datetime.fromisoformat(at).timestamp() - began / 1000
                    past.append((event, round(seconds)))
        assert past == live
        assert past == [("raise", 330), ("clear", 570), ("raise", 750)]

    @pytest.mark.parametrize(
        "condition",
        [
            {"kind": "scrap_rate", "percent": 5},
            {"kind": "order_late"},
            {"kind": "dead_letters"},
            {"kind": "plan_infeasible"},
            {"kind": "reading_outside", "metric": "temp", "high": 80},
            {"kind": "line_down"},
            {"kind": "pace_below", "percent": 50},
            {"kind": "order_at_risk"},
        ],
    )
    async def test_what_is_kept_can_be_tried(
        self, desk: httpx.AsyncClient, condition: dict[str, Any]
    ) -> None:
        began = SystemClock().now_ms() - 60 * MINUTE
        told = await ok(await desk.post(self.ADDRESS, json=self.asked(began, condition=condition)))
        assert (told["total"], told["looked_at"]) == (0, 0)

    @pytest.mark.parametrize(
        "condition",
        [{"kind": "machine_silent"}, {"kind": "shortage"}, {"kind": "gateway_offline"}],
    )
    async def test_what_is_not_kept_is_said(
        self, desk: httpx.AsyncClient, condition: dict[str, Any]
    ) -> None:
        began = SystemClock().now_ms() - 60 * MINUTE
        answer = await desk.post(self.ADDRESS, json=self.asked(began, condition=condition))
        assert (answer.status_code, answer.json()["code"]) == (422, "past-not-kept")

    async def test_plans_of_the_past(self, desk: httpx.AsyncClient, plant: Plant) -> None:
        """Late by the plan from minute 5, on time by the one of minute 15, then late for good."""
        began = SystemClock().now_ms() - 60 * MINUTE
        await late_order(plant, due_ms=began + 40 * MINUTE, ends_ms=began)
        for number, (minute, late) in enumerate(((5, 90), (15, 0), (25, 120)), 1):
            await plant.rows(
                """
                WITH p AS (
                    INSERT INTO plans (scope, number, state, as_of_ms, published_at, superseded_at,
                                       method, solve_ms, reasons, metrics)
                    VALUES (%s, %s, 'superseded', 0, to_timestamp(%s), to_timestamp(%s), 'm', 1,
                            '[]', '{}') RETURNING id)
                INSERT INTO plan_orders (plan_id, order_id, end_ms, due_ms)
                SELECT p.id, o.id, %s, %s FROM p, orders o
                """,
                SITE,
                number,
                (began + minute * MINUTE) / 1000,
                (began + (minute + 10) * MINUTE) / 1000,
                began + (40 + late) * MINUTE,
                began + 40 * MINUTE,
            )
        asked = self.asked(began, condition={"kind": "order_at_risk", "minutes": 60})
        told = await ok(await desk.post(self.ADDRESS, json=asked))
        minutes = [
            [round((datetime.fromisoformat(at).timestamp() * 1000 - began) / MINUTE) for at in span]
            for span in ((each["raised"], each["cleared"]) for each in told["episodes"])
        ]
        assert minutes == [[5, 15], [25, 40]]

    async def test_paces_of_the_past(self, desk: httpx.AsyncClient, plant: Plant) -> None:
        """An operation of 10 s a piece: half as fast as it should be until it is made."""
        now_ms = SystemClock().now_ms()
        began = now_ms - now_ms % 300_000 - 60 * MINUTE
        await states(plant, (-30, M1, "running"))
        await make_month(plant, began - 60 * MINUTE)
        await plant.rows(
            """
            WITH w AS (INSERT INTO work_orders (site_id, number, planned)
                       SELECT id, 'WO-9', true FROM sites RETURNING id)
            INSERT INTO operations (work_order_id, number, planned, machine_id, cycle_ms,
                                    started_ms, ended_ms, state)
            SELECT id, 10, true, %s, 10000, %s, %s, 'completed' FROM w
            """,
            plant.machines[M1],
            began,
            began + 30 * MINUTE,
        )
        for slot in range(6):
            await plant.rows(
                "INSERT INTO piece_slots VALUES (%s, %s, 15, 0)",
                plant.machines[M1],
                began + slot * 5 * MINUTE,
            )
        asked = self.asked(began, condition={"kind": "pace_below", "percent": 70})
        [episode] = (await ok(await desk.post(self.ADDRESS, json=asked)))["episodes"]
        raised = datetime.fromisoformat(episode["raised"]).timestamp() * 1000
        cleared = datetime.fromisoformat(episode["cleared"]).timestamp() * 1000
        assert ((raised - began) / MINUTE, (cleared - began) / MINUTE) == (10, 30)
        assert episode["value"] == 50.0

    async def test_scrap_of_the_past(self, desk: httpx.AsyncClient, plant: Plant) -> None:
        now_ms = SystemClock().now_ms()
        slot = now_ms - now_ms % 300_000 - 60 * MINUTE
        await make_month(plant, slot)
        await plant.rows(
            "INSERT INTO piece_slots VALUES (%s, %s, 70, 30)", plant.machines[M1], slot
        )
        condition = {"kind": "scrap_rate", "percent": 5, "window_minutes": 30}
        asked = self.asked(slot, condition=condition)
        [episode] = (await ok(await desk.post(self.ADDRESS, json=asked)))["episodes"]
        assert (episode["value"], episode["limit"]) == (30.0, 5.0)
        raised = datetime.fromisoformat(episode["raised"]).timestamp() * 1000
        cleared = datetime.fromisoformat(episode["cleared"]).timestamp() * 1000
        assert (raised - slot, cleared - slot) == (5 * MINUTE, 35 * MINUTE)


async def test_a_removed_alarm_stays_out_of_the_list(
    plant: Plant, desk: httpx.AsyncClient, broken: int
) -> None:
    await plant.do(broken, AlarmEvent.REMOVE)
    assert (await ok(await desk.get("/v1/alarms")))["total"] == 0
    out = {"state": "out_of_service"}
    assert (await ok(await desk.get("/v1/alarms", params=out)))["total"] == 1

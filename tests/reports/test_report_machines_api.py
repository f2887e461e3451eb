"""Reports of machines over the API: figures, reasons by hand, who sees what, past moments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from api_client import Api
from machine_floor import MACHINE, OTHER, Floor, at, keep, opened, sent, shift
from report_cases import HOUR, MINUTE

from domain.access import Role

DAY_1 = "from=2026-01-05&to=2026-01-05"


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Floor]:
    floor = await opened(database_url)
    await floor.send(shift())
    await floor.send(
        [
            sent("state", 0, 8, machine=OTHER, state="running"),
            sent("count", 1, 9, machine=OTHER, good=7, scrap=1),
            sent("state", 2, 14, machine=OTHER, state="down", reason="belt"),
            sent("state", 3, 16, machine=OTHER, state="idle"),
        ]
    )
    await keep(floor)
    yield floor
    await floor.close()


async def ok(answer: httpx.Response) -> dict[str, Any]:
    """What a call answers that has to succeed."""
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def report(client: httpx.AsyncClient, name: str, query: str = "") -> dict[str, Any]:
    return await ok(await client.get(f"/v1/reports/{name}?{DAY_1}&{query}"))


def numbers(figures: dict[str, Any], *codes: str) -> list[float | None]:
    return [figures[code]["value"] for code in codes]


def by_key(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["key"]: row["figures"] for row in found["rows"]}


def moment(hour: float) -> str:
    return datetime.fromtimestamp(at(hour) / 1_000, UTC).isoformat()


def entry(first: float, last: float, reason: str | None, machine: str = MACHINE) -> dict[str, Any]:
    return {"machine": machine, "from": moment(first), "until": moment(last), "reason": reason}


@pytest.mark.usefixtures("floor")
class TestOee:
    async def test_a_machine_by_hand(self, api: Api) -> None:
        """8 h planned; 10–12, 13–13:30, 13:33–16 produced: 4.95 h of 8; 135 of 297 minutes."""
        found = await report(await api.as_role(Role.VIEWER), "oee", f"machine={MACHINE}")
        totals = found["totals"]
        assert numbers(totals, "busy_ms", "production_ms") == [8 * HOUR, 4.95 * HOUR]
        assert totals["availability"]["value"] == pytest.approx(4.95 / 8)
        assert totals["effectiveness"]["value"] == pytest.approx(135 / 297)
        assert totals["quality_ratio"]["value"] == pytest.approx(90 / 95)
        assert totals["oee"]["value"] == pytest.approx(4.95 / 8 * 135 / 297 * 90 / 95)
        assert numbers(totals, "micro_stops", "stops", "coverage") == [1, 1, 1]
        assert {each["code"] for each in found["definitions"]} >= {"oee", "coverage", "micro_stops"}
        assert found["preliminary"] is False
        assert found["revision_at"] <= found["as_of"]
        assert [point["figures"]["busy_ms"]["value"] for point in found["series"]] == [8 * HOUR]

    async def test_rows_add_up_to_the_total(self, api: Api) -> None:
        client = await api.as_role(Role.ADMIN)
        for by in ("site", "line", "machine", "shift", "order"):
            found = await report(client, "oee", f"by={by}")
            for code in ("busy_ms", "production_ms", "good", "delay_ms"):
                whole = sum(row["figures"][code]["value"] for row in found["rows"])
                assert whole == found["totals"][code]["value"], (by, code)
        orders = by_key(await report(client, "oee", "by=order"))
        assert orders["A1"]["good"]["value"] == 50
        assert orders["A2"]["delay_ms"]["value"] == HOUR
        # The other line counts without naming an operation: no order, and no planned run time.
        assert orders[""]["effectiveness"]["absent"] == "no_cycle_time"
        assert (await report(client, "oee", "by=order&language=zh"))["rows"]

    async def test_words_follow_the_language(self, api: Api) -> None:
        client = await api.as_role(Role.ADMIN)
        found = await report(client, "oee", "by=shift&language=zh")
        assert "设备综合效率 OEE" in {each["name"] for each in found["definitions"]}

    async def test_another_day_has_no_plan(self, api: Api) -> None:
        client = await api.as_role(Role.ADMIN)
        query = "/v1/reports/oee?from=2025-12-01&to=2025-12-02"
        totals = (await ok(await client.get(query)))["totals"]
        assert (totals["oee"]["value"], totals["oee"]["absent"]) == (None, "not_planned")

    async def test_what_cannot_be_asked(self, api: Api) -> None:
        client = await api.as_role(Role.ADMIN)
        assert (await client.get("/v1/reports/oee?by=colour")).status_code == 422
        assert (await client.get(f"/v1/reports/oee?machine={MACHINE}x")).status_code == 404
        assert (await client.get("/v1/reports/oee?site=none")).status_code == 404


class TestKnowledge:
    async def test_late_data_change_the_newest_answer_only(self, api: Api, floor: Floor) -> None:
        client = await api.as_role(Role.ADMIN)
        before = await report(client, "oee", f"by=machine&machine={MACHINE}")
        # A stop of half an hour that nobody had told of.
        await floor.send(
            [
                sent("state", 0, 14.5, boot="c", state="down"),
                sent("state", 1, 15, boot="c", state="running"),
            ]
        )
        waiting = await report(client, "oee", f"machine={MACHINE}")
        assert waiting["preliminary"] is True
        await keep(floor)
        now = await report(client, "oee", f"by=machine&machine={MACHINE}")
        assert now["totals"]["delay_ms"]["value"] == 2 * HOUR
        again = await report(
            client,
            "oee",
            f"by=machine&machine={MACHINE}&as_of={before['as_of'].replace('+', '%2B')}",
        )
        assert again == before
        assert before["totals"]["delay_ms"]["value"] == 3 * HOUR / 2
        assert now["revision_at"] > before["revision_at"]


class TestLosses:
    @pytest.mark.usefixtures("floor")
    async def test_a_pareto_by_reason_adds_up(self, api: Api) -> None:
        found = await report(await api.as_role(Role.ADMIN), "losses")
        assert [row["key"] for row in found["rows"]] == [
            "delay:belt", "idle:", "delay:tool", "delay:", "micro_stop:",
        ]  # fmt: skip
        rows = by_key(found)
        assert numbers(rows["delay:belt"], "lost_time", "count") == [2 * HOUR, 1]
        assert numbers(rows["micro_stop:"], "lost_time", "count") == [3 * MINUTE, 1]
        assert rows["micro_stop:"]["cumulative"]["value"] == 1
        assert found["totals"]["lost_time"]["value"] == sum(
            row["lost_time"]["value"] for row in rows.values()
        )
        assert [row["label"] for row in found["rows"]][2] == "Tool change (delay)"
        classes = by_key(await report(await api.as_role(Role.ADMIN), "losses", "by=class"))
        assert classes["delay"]["lost_time"]["value"] == 7 * HOUR / 2


class TestReasonsByHand:
    async def test_given_told_undone(self, api: Api, floor: Floor) -> None:
        client = await api.as_role(Role.SUPERVISOR)
        query = f"machine={MACHINE}"
        listed = await ok(await client.get(f"/v1/reports/stops?{DAY_1}&{query}"))
        told = [(each["time_class"], each["reason"], each["order"]) for each in listed["items"]]
        assert told == [
            ("delay", None, "A2"), ("micro_stop", None, "A2"), ("delay", "tool", "A2"),
            ("delay", None, "A1"), ("idle", None, None),
        ]  # fmt: skip
        given = await ok(
            await client.post(
                "/v1/reports/stops",
                json={"entries": [entry(12, 12.5, "break"), entry(9.5, 10, "no_operator")]},
            )
        )
        await keep(floor)
        totals = (await report(client, "oee", query))["totals"]
        assert numbers(totals, "planned_stop_ms", "busy_ms") == [HOUR / 2, 7.5 * HOUR]
        rows = by_key(await report(client, "losses", query))
        assert rows["delay:no_operator"]["lost_time"]["value"] == HOUR / 2
        stops = await ok(await client.get(f"/v1/reports/stops?{DAY_1}&{query}&time_class=planned"))
        (stop,) = stops["items"]
        assert (stop["reason"], stop["own_reason"], stop["reason_words"]) == (
            "break", "tool", "Break",
        )  # fmt: skip
        assert stop["by_hand"]["id"] == given["items"][0]["id"]
        undone = await client.post("/v1/reports/stops/undo", json={"ids": [stop["by_hand"]["id"]]})
        assert undone.status_code == 200
        await keep(floor)
        totals = (await report(client, "oee", query))["totals"]
        assert numbers(totals, "planned_stop_ms", "busy_ms") == [0, 8 * HOUR]
        twice = await client.post("/v1/reports/stops/undo", json={"ids": [stop["by_hand"]["id"]]})
        assert (twice.status_code, twice.json()["code"]) == (409, "stop-reason-undone")
        audited = await api.rows(
            "SELECT action, object_key, jsonb_array_length(after -> 'entries') FROM audit_log"
            " WHERE starts_with(action, 'StopReasons') ORDER BY id"
        )
        assert audited == [("StopReasonsGiven", MACHINE, 2), ("StopReasonsUndone", MACHINE, 1)]

    @pytest.mark.usefixtures("floor")
    async def test_what_is_refused(self, api: Api) -> None:
        client = await api.as_role(Role.OPERATOR)
        for body, status in (
            (entry(12, 13, "gossip"), 422),
            (entry(13, 12, "break"), 422),
            (entry(12, 12 + 24 * 40, "break"), 422),
            (entry(12, 13, "break", f"{MACHINE}x"), 404),
            (entry(24 * 10_000, 24 * 10_000 + 1, "break"), 422),
        ):
            answer = await client.post("/v1/reports/stops", json={"entries": [body]})
            assert answer.status_code == status, answer.text
        viewer = await api.as_role(Role.VIEWER)
        answer = await viewer.post("/v1/reports/stops", json={"entries": [entry(12, 13, "break")]})
        assert answer.status_code == 403
        assert await api.rows("SELECT count(*) FROM stop_reasons") == [(0,)]

    async def test_a_reason_that_counts_as_something_else(self, api: Api, floor: Floor) -> None:
        client = await api.as_role(Role.ADMIN)
        before = await report(client, "oee")
        body = {"name_en": "Belt", "name_zh": "皮带", "counts_as": "planned", "site": "plant"}
        await ok(await client.put("/v1/reports/stop-reasons/belt", json=body))
        await keep(floor)
        found = await report(client, "oee")
        assert found["totals"]["planned_stop_ms"]["value"] == 2 * HOUR
        as_of = before["as_of"].replace("+", "%2B")
        assert (await report(client, "oee", f"as_of={as_of}"))["totals"] == before["totals"]
        listed = await ok(await client.get("/v1/reports/stop-reasons?site=plant&language=zh"))
        assert ("belt", "皮带") in {(each["code"], each["name"]) for each in listed["items"]}

    async def test_another_policy_of_micro_stops(self, api: Api, floor: Floor) -> None:
        client = await api.as_role(Role.ADMIN)
        policy = await ok(await client.get("/v1/reports/time-policies/plant"))
        assert (policy["micro_stop_ms"], policy["since"]) == (5 * MINUTE, None)
        body = {"micro_stop_ms": 2 * MINUTE, "micro_stops": "performance"}
        await ok(await client.put("/v1/reports/time-policies/plant", json=body))
        await keep(floor)
        totals = (await report(client, "oee", f"machine={MACHINE}"))["totals"]
        assert numbers(totals, "micro_stops", "micro_stop_ms", "stops") == [0, 0, 2]


class TestLoadAndScrap:
    async def test_the_past_from_facts_and_the_future_from_the_plan(
        self, api: Api, floor: Floor
    ) -> None:
        client = await api.as_role(Role.ADMIN)
        found = await report(client, "load")
        assert [row["key"] for row in found["rows"]] == [OTHER, MACHINE]
        rows = by_key(found)
        assert numbers(rows[OTHER], "used_ms", "working_ms") == [6 * HOUR, 8 * HOUR]
        assert rows[OTHER]["load"]["value"] == 0.75
        # The next Monday but one, from 8 to 16: half a shift and half an hour beyond it.
        today = datetime.now(UTC).date()
        monday = today.fromordinal(today.toordinal() + 14 - today.weekday())
        morning = int(datetime.fromisoformat(f"{monday}T08:00:00+01:00").timestamp() * 1_000)
        if monday.month in range(4, 11):
            morning -= HOUR
        await floor.query(
            """
            WITH p AS (
                INSERT INTO plans (scope, number, state, as_of_ms, method, solve_ms, reasons,
                    metrics, published_at, published_by)
                VALUES ('plant', 1, 'published', 0, 'test', 0, '[]', '{}', now(), 'test')
                RETURNING id
            )
            INSERT INTO plan_operations
                (plan_id, operation_id, machine_id, setup_start_ms, start_ms, end_ms)
            SELECT p.id, o.id, m.id, %s, %s, %s FROM p, machines m, operations o
            JOIN work_orders w ON w.id = o.work_order_id
            WHERE m.path = %s AND w.number = 'W1' RETURNING plan_id
            """,
            morning, morning, morning + 6 * HOUR, MACHINE,
        )  # fmt: skip
        ahead = await ok(await client.get(f"/v1/reports/load?from={monday}&to={monday}&by=machine"))
        rows = by_key(ahead)
        assert numbers(rows[MACHINE], "planned_ms", "working_ms") == [6 * HOUR, 8 * HOUR]
        assert rows[MACHINE]["load"]["value"] == 0.75
        assert rows[MACHINE]["utilization"]["absent"] == "no_capacity"
        assert rows[OTHER]["load"]["value"] == 0

    @pytest.mark.usefixtures("floor")
    async def test_scrap_in_pieces_and_money_as_of(self, api: Api) -> None:
        client = await api.as_role(Role.ADMIN)
        found = await report(client, "scrap", "by=item")
        assert numbers(found["totals"], "scrap", "produced", "uncosted") == [6, 103, 6]
        assert found["totals"]["scrap_cost"]["absent"] == "no_cost"
        await ok(
            await client.post(
                "/v1/reports/item-costs",
                json={
                    "costs": [
                        {
                            "item": "gear",
                            "valid_from": "2026-01-01",
                            "currency": "EUR",
                            "cost": "2.5",
                        },
                        {"item": "gear", "valid_from": "2026-01-06", "currency": "EUR", "cost": 9},
                    ]
                },
            )
        )
        now = await report(client, "scrap", "by=item")
        assert now["totals"]["uncosted"]["value"] == 1
        assert now["totals"]["scrap_cost:EUR"] == by_key(now)["gear"]["scrap_cost:EUR"]
        assert now["totals"]["scrap_cost:EUR"]["part"] == "12.5"
        assert now["totals"]["scrap_cost:EUR"]["currency"] == "EUR"
        as_of = found["as_of"].replace("+", "%2B")
        again = await report(client, "scrap", f"by=item&as_of={as_of}")
        assert again == found | {"as_of": again["as_of"]}


@pytest.mark.usefixtures("floor")
class TestWhoSeesWhat:
    async def test_customers_see_nothing_and_lines_limit(self, api: Api) -> None:
        customer = await api.as_role(Role.CUSTOMER, customer="acme")
        gateway = await api.as_role(Role.GATEWAY)
        for name in ("oee", "losses", "load", "scrap", "stops", "stop-reasons", "item-costs"):
            for client in (customer, gateway):
                answer = await client.get(f"/v1/reports/{name}?{DAY_1}")
                assert answer.status_code in {401, 403}, name

    async def test_who_is_limited_to_a_line_sees_its_machines(self, api: Api) -> None:
        client = await api.as_role(Role.SUPERVISOR, lines=("plant/a/l1",))
        for name in ("oee", "losses", "load", "scrap"):
            found = await report(client, name, "by=machine")
            assert [row["key"] for row in found["rows"]] == [MACHINE], name
        found = await report(client, "oee")
        assert found["totals"]["busy_ms"]["value"] == 8 * HOUR
        stops = await ok(await client.get(f"/v1/reports/stops?{DAY_1}"))
        assert {each["machine"] for each in stops["items"]} == {MACHINE}
        for query in (f"machine={OTHER}", "line=plant/a/l2"):
            answer = await client.get(f"/v1/reports/oee?{DAY_1}&{query}")
            assert answer.status_code == 404
        body = {"entries": [entry(14, 15, "break", OTHER)]}
        assert (await client.post("/v1/reports/stops", json=body)).status_code == 404
        everywhere = {"name_en": "X", "name_zh": "X", "counts_as": "idle"}
        planner = await api.as_role(Role.PLANNER, "plant")
        answer = await planner.put("/v1/reports/stop-reasons/x", json=everywhere)
        assert answer.status_code == 403

"""Work orders, operations, machines, the terminal, dead letters and ingest totals over HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from api_client import MACHINE, OTHER_MACHINE, SITE, Api

from contracts.streams import (
    FLOOR,
    OPERATIONS,
    ORDERS,
    PARTITIONS,
    TELEMETRY,
    MachineChanged,
    OrderEvent,
    decode_bundle,
    decode_events,
)
from contracts.topics import partition_of
from domain.access import Role


def new_work_order(**changes: Any) -> dict[str, Any]:
    return {
        "site": SITE,
        "number": "W-1",
        "quantity_ordered": 100,
        "operations": [
            {"number": 20, "machine": OTHER_MACHINE},
            {"number": 10, "name": "Saw", "machine": MACHINE, "cycle_ms": 500, "quantity": 105},
        ],
        **changes,
    }


async def planned(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/v1/work-orders", json=new_work_order(**changes))
    assert answer.status_code == 201, answer.text
    work_order: dict[str, Any] = answer.json()
    return work_order


async def unplanned(api: Api, number: str = "W-1") -> None:
    """What the telemetry agent writes when the floor names a work order that nobody planned."""
    await api.rows(
        "INSERT INTO work_orders (site_id, number, external_source, planned)"
        " SELECT id, %s, 'plc', false FROM sites WHERE code = %s",
        number,
        SITE,
    )
    await api.rows(
        "INSERT INTO operations (work_order_id, number, planned, state, runs, good_pieces,"
        " scrap_pieces, requested)"
        " SELECT id, 10, false, 'running', 1, 40, 2, 50 FROM work_orders WHERE number = %s",
        number,
    )


class TestPlanning:
    async def test_a_work_order_has_its_operations_in_order(self, plant: httpx.AsyncClient) -> None:
        work_order = await planned(plant, item="bracket")
        assert work_order["state"] == "planned"
        assert (work_order["item"], work_order["quantity_ordered"]) == ("bracket", 100)
        assert [
            (o["operation"], o["name"], o["machine"], o["quantity"], o["released"])
            for o in work_order["operations"]
        ] == [(10, "Saw", MACHINE, 105, True), (20, None, OTHER_MACHINE, 100, True)]

    async def test_the_same_again_is_the_same_and_another_is_a_conflict(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        wanted = new_work_order(external_source="sap", external_id="9")
        answers = await asyncio.gather(
            *(plant.post("/v1/work-orders", json=wanted) for _ in range(5))
        )
        assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201]
        assert len(await api.records(ORDERS)) == 1
        for other in (
            {**wanted, "quantity_ordered": 1},
            {**wanted, "number": "W-2"},
            {**wanted, "external_id": "10"},
        ):
            assert (await plant.post("/v1/work-orders", json=other)).status_code == 409

    async def test_what_the_floor_named_first_becomes_planned(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await unplanned(api)
        listed = (await plant.get("/v1/work-orders")).json()["items"][0]
        assert (listed["planned"], listed["external_id"], listed["quantity_ordered"]) == (
            False,
            "W-1",
            50,
        )
        work_order = await planned(plant)
        assert work_order["planned"]
        operation = work_order["operations"][0]
        assert (operation["state"], operation["good_pieces"]) == ("running", 40)
        assert (operation["planned"], operation["quantity"]) == (True, 105)

    async def test_it_can_be_for_an_order_line(self, plant: httpx.AsyncClient) -> None:
        order = {"site": SITE, "customer": "acme", "lines": [{"item": "wire", "quantity": 9}]}
        number = (await plant.post("/v1/orders", json=order)).json()["number"]
        await planned(plant, order_line={"order": number, "line": 1})
        shown = (await plant.get(f"/v1/orders/{number}")).json()
        assert (shown["state"], shown["version"]) == ("released", 2)
        assert [(peg["work_order"], peg["quantity"]) for peg in shown["pegs"]] == [("W-1", 100)]
        log = (await plant.get(f"/v1/orders/{number}/events")).json()["items"]
        assert (log[0]["action"], log[0]["work_order"]) == ("WorkOrderPlanned", "W-1")

    async def test_names_the_field_that_is_wrong(self, plant: httpx.AsyncClient, api: Api) -> None:
        elsewhere = "plant-2/cutting/line1/m09"
        for changes, field in (
            ({"site": "nowhere"}, "site"),
            ({"item": "nothing"}, "item"),
            ({"operations": []}, "operations"),
            ({"operations": [{"number": 1}, {"number": 1}]}, "operations"),
            ({"operations": [{"number": 1, "machine": "a/b/c/d"}]}, "operations[0].machine"),
            ({"operations": [{"number": 1, "machine": elsewhere}]}, "operations[0].machine"),
            ({"operations": [{"number": 1.5}]}, "operations[0].number"),
            ({"operations": [{"number": True}]}, "operations[0].number"),
            ({"order_line": {"order": "none", "line": 1}}, "order_line.order"),
        ):
            answer = await plant.post("/v1/work-orders", json=new_work_order(**changes))
            assert answer.status_code == 422, answer.text
            assert answer.json()["errors"][0]["field"] == field
        assert await api.rows("SELECT count(*) FROM work_orders") == [(0,)]


class TestWorkOrders:
    async def test_good_is_the_last_operations_and_scrap_the_sum(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await planned(plant, external_source="sap", external_id="9")
        await api.rows(
            "UPDATE operations SET good_pieces = CASE number WHEN 10 THEN 60 ELSE 50 END,"
            " scrap_pieces = 3, runs = 1,"
            " state = CASE number WHEN 10 THEN 'completed' ELSE 'running' END"
        )
        answer = (await plant.get("/v1/work-orders?external_source=sap")).json()
        work_order = answer["items"][0]
        assert answer["total"] == 1
        assert (work_order["external_id"], work_order["quantity_ordered"]) == ("9", 100)
        assert (work_order["good_pieces"], work_order["scrap_pieces"]) == (50, 6)
        assert work_order["state"] == "running"
        assert (await plant.get("/v1/work-orders?external_source=x")).json()["total"] == 0
        assert (await plant.get("/v1/work-orders?state=planned")).json()["total"] == 0
        assert (await plant.get("/v1/work-orders?state=running")).json()["total"] == 1

    async def test_more_pieces_than_fit_into_64_bits_are_told(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await planned(plant)
        await api.rows("UPDATE operations SET good_pieces = 36893488147419103232")
        assert (await plant.get("/v1/work-orders")).json()["items"][0]["good_pieces"] == 2**65

    async def test_cancelling_leaves_what_runs_and_names_it(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        work_order = await planned(plant)
        await api.rows("UPDATE operations SET state = 'paused', runs = 1 WHERE number = 10")
        path = f"/v1/work-orders/{work_order['id']}/cancel"
        answer = await plant.post(path, json={"reason": "broken tool"})
        assert [o["operation"] for o in answer.json()["still_running"]] == [10]
        states = [o["state"] for o in answer.json()["work_order"]["operations"]]
        assert states == ["paused", "cancelled"]
        assert (await plant.post(path, json={"reason": "again"})).status_code == 409

    async def test_a_cancellation_is_told_to_the_orders_it_was_for(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        order = {"site": SITE, "customer": "acme", "lines": [{"item": "wire", "quantity": 9}]}
        number = (await plant.post("/v1/orders", json=order)).json()["number"]
        work_order = await planned(plant, order_line={"order": number, "line": 1})
        await plant.post(f"/v1/work-orders/{work_order['id']}/cancel", json={"reason": "x"})
        found = [event for value in await api.records(ORDERS) for event in decode_events(value)]
        assert all(isinstance(event, OrderEvent) for event in found)
        last = found[-1]
        assert isinstance(last, OrderEvent)
        order_id = (await api.rows("SELECT id FROM orders"))[0][0]
        assert (last.name, last.order_id) == ("WorkOrderCancelled", order_id)
        assert last.work_order_ids == [work_order["id"]]

    async def test_an_unknown_one_is_not_found(self, plant: httpx.AsyncClient) -> None:
        assert (await plant.get("/v1/work-orders/77")).status_code == 404
        assert (await plant.get("/v1/work-orders/x")).status_code == 422
        assert (await plant.get(f"/v1/work-orders/{2**70}")).status_code == 422
        answer = await plant.post("/v1/work-orders/77/cancel", json={"reason": "x"})
        assert answer.status_code == 404


class TestOperations:
    async def test_are_sorted_by_work_order_and_number(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        for number in ("b", "B", "a10", "a9", "Ä"):
            await planned(plant, number=number)
        await unplanned(api, "WO-0")
        answer = (await plant.get(f"/v1/operations?site={SITE}&limit=10000")).json()
        found = [(o["work_order"], o["operation"]) for o in answer["items"]]
        assert found == sorted(found)
        assert (len(found), answer["total"]) == (11, 11)
        shown = {key: answer["items"][2][key] for key in ("good_pieces", "scrap_pieces", "runs")}
        assert found[2] == ("WO-0", 10)
        assert shown == {"good_pieces": 40, "scrap_pieces": 2, "runs": 1}
        assert answer["items"][2]["state"] == "running"

    async def test_can_be_asked_for_by_machine_state_and_work_order(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await planned(plant)
        await unplanned(api, "W-2")
        await api.rows(
            "INSERT INTO contributions (operation_id, machine_id, good, scrap, runs, named_e,"
            " named_source) SELECT o.id, m.id, 40, 2, 1, 0, 'plc' FROM operations o, machines m"
            " WHERE o.state = 'running' AND m.path = %s",
            OTHER_MACHINE,
        )

        async def found(**query: str) -> list[tuple[str, int]]:
            answer = (await plant.get("/v1/operations", params=query)).json()
            assert answer["total"] == len(answer["items"])
            return [(o["work_order"], o["operation"]) for o in answer["items"]]

        assert await found(machine=MACHINE) == [("W-1", 10)]
        assert await found(machine=OTHER_MACHINE) == [("W-1", 20), ("W-2", 10)]
        assert await found(state="running") == [("W-2", 10)]
        assert await found(state="planned", work_order="W-1") == [("W-1", 10), ("W-1", 20)]
        assert await found(site="nowhere") == []
        running = (await plant.get("/v1/operations?state=running")).json()["items"][0]
        assert running["machine"] == OTHER_MACHINE
        assert (await plant.get("/v1/operations?state=dancing")).status_code == 422


class TestMachines:
    async def test_show_what_they_are_doing(self, plant: httpx.AsyncClient, api: Api) -> None:
        await planned(plant)
        await api.rows(
            "INSERT INTO machine_states (machine_id, version, state, reason, state_since_ms,"
            " last_seen_ms, operation_id, operator, unassigned_good, unassigned_scrap)"
            " SELECT m.id, 4, 'down', 'no wire', 1772431200000, 1772431200123, o.id, 'Li', 7, 1"
            " FROM machines m, operations o WHERE m.path = %s AND o.number = 10",
            MACHINE,
        )
        answer = (await plant.get(f"/v1/machines?site={SITE}")).json()
        assert answer["total"] == 2
        assert answer["items"][0] == {
            "machine": MACHINE,
            "site": SITE,
            "name": "Saw",
            "area": "cutting",
            "line": "line1",
            "position": 1,
            "configured": True,
            "state": "down",
            "reason": "no wire",
            "state_since": "2026-03-02T06:00:00Z",
            "last_seen": "2026-03-02T06:00:00.123000Z",
            "operator": "Li",
            "operation": {
                "work_order": "W-1",
                "operation": 10,
                "name": "Saw",
                "state": "planned",
            },
            "unassigned": {"good": 7, "scrap": 1},
        }
        assert (await plant.get(f"/v1/machines/{MACHINE}")).json() == answer["items"][0]
        assert answer["items"][1]["state"] == "offline"

    async def test_putting_one_tells_the_screens(self, plant: httpx.AsyncClient, api: Api) -> None:
        assert (await plant.get(f"/v1/machines/{MACHINE}")).status_code == 200
        events = [event for value in await api.records(FLOOR) for event in decode_events(value)]
        assert {event.path for event in events if isinstance(event, MachineChanged)} >= {MACHINE}

    async def test_an_adopted_machine_becomes_configured_by_being_put(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await api.rows("UPDATE machines SET configured = false")
        answer = await plant.put(f"/v1/machines/{MACHINE}", json={"name": "Säge 1", "position": 3})
        assert (answer.json()["configured"], answer.json()["name"]) == (True, "Säge 1")

    async def test_a_path_outside_the_grammar_is_refused(self, plant: httpx.AsyncClient) -> None:
        for path in ("warehouse/a/b", "a/b", "a/b/c/d", "a b/c/d", "a/+/d", "a//d"):
            answer = await plant.put(f"/v1/machines/{SITE}/{path}", json={"name": "x"})
            assert answer.status_code == 422, path

    async def test_a_machine_needs_its_site(self, plant: httpx.AsyncClient) -> None:
        answer = await plant.put("/v1/machines/nowhere/a/b/c", json={"name": "x"})
        assert answer.status_code == 422
        assert (await plant.get("/v1/machines/nowhere/a/b/c")).status_code == 404


class TestTerminal:
    async def test_a_report_becomes_a_native_message_in_the_stream(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await planned(plant)
        operator = await api.as_role(Role.OPERATOR, SITE)
        report = {"event": "started", "work_order": "W-1", "operation": 10, "requested": 5}
        answer = await operator.post(f"/v1/machines/{MACHINE}/job", json=report)
        assert answer.status_code == 202, answer.text
        [row] = await api.rows(
            "SELECT partition, key, value FROM log_records WHERE topic = %s", OPERATIONS
        )
        assert (row[0], bytes(row[1])) == (partition_of(MACHINE, PARTITIONS), MACHINE.encode())
        bundle = decode_bundle(bytes(row[2]))
        assert (bundle.gateway, bundle.topics) == ("", [f"gemba/v1/{MACHINE}/job"])
        [arrival] = bundle.arrivals
        sent = json.loads(arrival.payload)
        assert (arrival.received_ms, arrival.size) == (sent["t"], len(arrival.payload))
        assert sent == {key: value for key, value in answer.json().items() if value is not None}
        installation = str((await api.rows("SELECT id FROM installation"))[0][0])
        assert (sent["source"], sent["boot"], sent["seq"]) == ("terminal", installation, 0)
        assert {key: sent[key] for key in report} == report
        audit = await api.rows(
            "SELECT actor, after->>'event' FROM audit_log WHERE action = 'JobReported'"
        )
        assert audit == [("token a-operator", "started")]

    async def test_numbers_rise_without_a_gap_in_the_order_of_the_log(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        async def report(machine: str) -> None:
            body = {"event": "paused", "work_order": "W", "operation": 1}
            answer = await plant.post(f"/v1/machines/{machine}/job", json=body)
            assert answer.status_code == 202

        await asyncio.gather(*(report(m) for m in [MACHINE] * 10 + [OTHER_MACHINE] * 5))
        numbers: dict[str, list[int]] = {}
        for value in await api.records(OPERATIONS):
            bundle = decode_bundle(value)
            numbers.setdefault(bundle.topics[0], []).append(
                json.loads(bundle.arrivals[0].payload)["seq"]
            )
        assert numbers == {
            f"gemba/v1/{MACHINE}/job": list(range(10)),
            f"gemba/v1/{OTHER_MACHINE}/job": list(range(5)),
        }

    async def test_a_report_that_is_not_stored_uses_no_number(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        body = {"event": "paused", "work_order": "W", "operation": 1}
        await api.rows("ALTER TABLE log_records ADD CONSTRAINT disk CHECK (false) NOT VALID")
        assert (await plant.post(f"/v1/machines/{MACHINE}/job", json=body)).status_code == 500
        await api.rows("ALTER TABLE log_records DROP CONSTRAINT disk")
        answer = await plant.post(f"/v1/machines/{MACHINE}/job", json=body)
        assert answer.json()["seq"] == 0

    async def test_cancelled_work_cannot_be_started_but_can_be_ended(
        self, plant: httpx.AsyncClient
    ) -> None:
        work_order = await planned(plant)
        await plant.post(f"/v1/work-orders/{work_order['id']}/cancel", json={"reason": "x"})
        body = {"event": "started", "work_order": "W-1", "operation": 10}
        path = f"/v1/machines/{MACHINE}/job"
        assert (await plant.post(path, json=body)).status_code == 409
        assert (await plant.post(path, json={**body, "event": "aborted"})).status_code == 202

    async def test_names_the_field_that_is_wrong(self, plant: httpx.AsyncClient, api: Api) -> None:
        for changes, field in (
            ({"event": "danced"}, "event"),
            ({"work_order": ""}, "work_order"),
            ({"work_order": 7}, "work_order"),
            ({"operation": "10"}, "operation"),
            ({"operation": True}, "operation"),
            ({"operation": 1.0}, "operation"),
            ({"operation": 2**63}, "operation"),
            ({"requested": -1}, "requested"),
        ):
            body = {"event": "started", "work_order": "W", "operation": 1, **changes}
            answer = await plant.post(f"/v1/machines/{MACHINE}/job", json=body)
            assert answer.status_code == 422
            assert [error["field"] for error in answer.json()["errors"]] == [field]
        assert await api.records(OPERATIONS) == []

    async def test_an_unknown_machine_is_not_found(self, plant: httpx.AsyncClient) -> None:
        body = {"event": "started", "work_order": "W", "operation": 1}
        answer = await plant.post(f"/v1/machines/{SITE}/a/b/c/job", json=body)
        assert answer.status_code == 404


async def dead_letter(api: Api, payload: bytes, topic: str | None, site: str = SITE) -> int:
    rows = await api.rows(
        "INSERT INTO dead_letters (site, mqtt_topic, origin_topic, origin_partition,"
        " origin_offset, received_ms, payload, size, code, reason)"
        " VALUES (%s, %s, %s, 2, 11, 1772431200123, %s, %s, 'not_json', 'this is no JSON')"
        " RETURNING id",
        site,
        topic,
        TELEMETRY,
        payload,
        len(payload),
    )
    identifier: int = rows[0][0]
    return identifier


class TestDeadLetters:
    async def test_show_bytes_and_reason(self, plant: httpx.AsyncClient, api: Api) -> None:
        topic = f"gemba/v1/{MACHINE}/count"
        first = await dead_letter(api, "{wörld".encode(), topic)
        second = await dead_letter(api, b"\xff\xfe\x00", None, site="")
        answer = (await plant.get("/v1/dead-letters")).json()
        assert (answer["total"], [item["id"] for item in answer["items"]]) == (2, [second, first])
        raw, text = answer["items"]
        assert (raw["payload"], raw["encoding"], raw["topic"]) == ("//4A", "base64", None)
        assert (text["payload"], text["encoding"], text["topic"]) == ("{wörld", "text", topic)
        assert text["received_at"] == "2026-03-02T06:00:00.123000Z"
        assert (text["code"], text["reason"]) == ("not_json", "this is no JSON")
        assert (text["replayed_at"], text["size"]) == (None, 7)
        of_site = (await plant.get(f"/v1/dead-letters?site={SITE}")).json()
        assert (of_site["total"], of_site["items"][0]["id"]) == (1, first)

    async def test_a_list_shows_the_beginning_and_the_one_shows_all(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        payload = "a" + "ö" * 100_000
        identifier = await dead_letter(api, payload.encode(), f"gemba/v1/{MACHINE}/count")
        listed = (await plant.get("/v1/dead-letters")).json()["items"][0]
        assert (listed["payload"], listed["payload_cut"]) == ("a" + "ö" * 2047, True)
        shown = (await plant.get(f"/v1/dead-letters/{identifier}")).json()
        assert (shown["payload"], shown["payload_cut"]) == (payload, False)

    async def test_a_replay_sends_it_round_again_as_it_came(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        topic = f"gemba/v1/{MACHINE}/count"
        identifier = await dead_letter(api, b"{", topic)
        supervisor = await api.as_role(Role.SUPERVISOR)
        answer = await supervisor.post(f"/v1/dead-letters/{identifier}/replay")
        assert answer.status_code == 200, answer.text
        assert answer.json()["replayed_by"] == "token a-supervisor"
        [value] = await api.records(TELEMETRY)
        bundle = decode_bundle(value)
        assert (bundle.gateway, bundle.topics) == ("", [topic])
        [arrival] = bundle.arrivals
        assert (arrival.payload, arrival.received_ms, arrival.size) == (b"{", 1772431200123, 1)
        audit = await api.rows("SELECT actor FROM audit_log WHERE action = 'DeadLetterReplayed'")
        assert audit == [("token a-supervisor",)]
        for query, total in (("replayed=true", 1), ("replayed=false", 0)):
            assert (await plant.get(f"/v1/dead-letters?{query}")).json()["total"] == total

    async def test_each_is_replayed_once_also_by_two_at_once(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        identifier = await dead_letter(api, b"{", f"gemba/v1/{MACHINE}/count")
        path = f"/v1/dead-letters/{identifier}/replay"
        answers = await asyncio.gather(*(plant.post(path) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
        assert len(await api.records(TELEMETRY)) == 1

    async def test_a_record_that_made_no_sense_goes_back_to_its_partition(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        identifier = await dead_letter(api, b"\x01\x02", None)
        assert (await plant.post(f"/v1/dead-letters/{identifier}/replay")).status_code == 200
        rows = await api.rows(
            "SELECT partition, value FROM log_records WHERE topic = %s", TELEMETRY
        )
        assert [(row[0], bytes(row[1])) for row in rows] == [(2, b"\x01\x02")]

    async def test_an_unknown_one_is_not_found(self, plant: httpx.AsyncClient) -> None:
        assert (await plant.get("/v1/dead-letters/7")).status_code == 404
        assert (await plant.post("/v1/dead-letters/7/replay")).status_code == 404


class TestIngest:
    async def test_sums_a_sites_partitions(self, admin: httpx.AsyncClient, api: Api) -> None:
        nothing = {"site": SITE, "arrivals": 0, "accepted": 0, "repeats": 0, "refused": 0}
        assert (await admin.get(f"/v1/ingest?site={SITE}")).json() == nothing
        await api.rows(
            "INSERT INTO ingest_totals VALUES ('plant-1', 't', 0, 10, 20, 3, 1),"
            " ('plant-1', 't', 1, 1, 2, 0, 0), ('plant-2', 't', 0, 9, 9, 9, 9)"
        )
        assert (await admin.get(f"/v1/ingest?site={SITE}")).json() == {
            "site": SITE,
            "arrivals": 11,
            "accepted": 22,
            "repeats": 3,
            "refused": 1,
        }

    async def test_needs_a_site(self, admin: httpx.AsyncClient) -> None:
        assert (await admin.get("/v1/ingest")).status_code == 422


class TestCatalogue:
    async def test_an_item_shows_its_routings(self, plant: httpx.AsyncClient) -> None:
        items = (await plant.get("/v1/items")).json()
        assert [item["code"] for item in items["items"]] == ["bracket", "wire"]
        [routing] = items["items"][0]["routings"]
        assert [step["number"] for step in routing["steps"]] == [10, 20]

    async def test_a_routing_replaces_the_one_before(self, plant: httpx.AsyncClient) -> None:
        steps = [{"number": 5, "name": "Cut", "machine": MACHINE, "cycle_ms": 9}]
        body = {"name": "Bracket B", "routings": [{"site": SITE, "steps": steps}]}
        answer = await plant.put("/v1/items/bracket", json=body)
        [routing] = answer.json()["routings"]
        assert routing == {
            "site": SITE,
            "steps": [{**steps[0], "setup_ms": 0, "alternatives": []}],
        }

    async def test_a_step_stands_on_a_machine_of_its_site(self, plant: httpx.AsyncClient) -> None:
        steps = [{"number": 5, "name": "Cut", "machine": MACHINE, "cycle_ms": 9}]
        body = {"name": "B", "routings": [{"site": "plant-2", "steps": steps}]}
        answer = await plant.put("/v1/items/bracket", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "routings[0].steps[0].machine"

    async def test_customers_and_sites_are_listed_by_code(self, plant: httpx.AsyncClient) -> None:
        await plant.put("/v1/customers/aa", json={"name": "AA"})
        customers = (await plant.get("/v1/customers")).json()
        assert [customer["code"] for customer in customers["items"]] == ["aa", "acme"]
        sites = (await plant.get("/v1/sites")).json()
        assert sites["items"][0] == {
            "code": SITE,
            "name": "Plant 1",
            "time_zone": "Asia/Shanghai",
            "planning_scope": None,
        }
        assert (await plant.get("/v1/sites/plant-2")).json()["time_zone"] == "UTC"

    @pytest.mark.parametrize("zone", ["Mars/Base", "../etc/passwd", ""])
    async def test_a_time_zone_has_to_exist(self, plant: httpx.AsyncClient, zone: str) -> None:
        answer = await plant.put(f"/v1/sites/{SITE}", json={"name": "P", "time_zone": zone})
        assert answer.status_code == 422

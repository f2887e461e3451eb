"""Importing and exporting over the API: as a whole, all or nothing, and the same again."""

from __future__ import annotations

import asyncio
import io
import zipfile
from typing import Any

import httpx
import pytest
from master_data_api import CSV, PLANT, ZIP, Api, counts, take, taken

from domain.access import Role
from domain.master_data.kinds import KINDS


def is_a_no_op(outcome: dict[str, Any]) -> bool:
    return (outcome["total_changes"], outcome["faults"]) == (0, [])


class TestImport:
    async def test_everything_is_there_afterwards(self, admin: httpx.AsyncClient) -> None:
        outcome = await taken(admin, PLANT)
        assert outcome["applied"]
        assert outcome["faults"] == []
        assert {kind for kind, told in counts(outcome).items() if told[0]} == {
            kind.name for kind in KINDS
        }
        item = (await admin.get("/v1/items/bracket")).json()
        assert item["family"] == "brackets"
        assert item["gtin"] == "4006381333931"
        assert item["batch_max"] == 500
        assert item["bills"][0]["lines"] == [
            {"component": "screw", "quantity": 4, "scrap_factor": 0, "step": None},
            {"component": "tube", "quantity": 0.35, "scrap_factor": 0.02, "step": None},
        ]
        assert item["names"] == [{"customer": "acme", "scheme": "buyer", "value": "X-100"}]
        assert [step["machine"] for step in item["routings"][0]["steps"]] == [
            "plant-1/cutting/line1/m01",
            "plant-1/cutting/line1/m03",
            "plant-1/cutting/line1/m04",
        ]
        assert item["routings"][0]["steps"][0]["alternatives"] == [
            {"machine": "plant-1/cutting/line1/m02", "cycle_ms": 1000, "setup_ms": 5000}
        ]
        assert (await admin.get("/v1/items/tube")).json()["used_in"] == ["bracket"]
        tube = (await admin.get("/v1/items/tube")).json()["sites"]
        assert [(one["supplier"], one["min_stock"]) for one in tube] == [("steel", 100)]
        calendar = (await admin.get("/v1/sites/plant-1/calendar")).json()
        assert len(calendar["working_times"]) == 8
        assert {"24:00"} == {
            time["end"] for time in calendar["working_times"] if time["machine"] is not None
        }

    async def test_the_same_again_changes_nothing(self, plant: httpx.AsyncClient, api: Api) -> None:
        before = await api.rows("SELECT count(*) FROM audit_log")
        assert is_a_no_op(await taken(plant, PLANT, "?remove_missing=true"))
        assert await api.rows("SELECT count(*) FROM audit_log") == before

    async def test_what_is_left_out_stays_and_nothing_clears(
        self, plant: httpx.AsyncClient
    ) -> None:
        outcome = await taken(plant, "items:\n- {code: bracket, name: Bracket B, gtin: ~}\n")
        assert outcome["changes"] == [
            {
                "kind": "items",
                "name": "item bracket",
                "change": "changed",
                "before": {"name": "Bracket A", "gtin": "4006381333931"},
                "after": {"name": "Bracket B", "gtin": None},
            }
        ]
        item = (await plant.get("/v1/items/bracket")).json()
        assert (item["name"], item["gtin"], item["family"]) == ("Bracket B", None, "brackets")

    async def test_a_dry_run_says_what_would_happen_and_writes_nothing(
        self, plant: httpx.AsyncClient
    ) -> None:
        text = "items:\n- {code: bracket, name: Bracket B}\n- {code: new, name: New}\n"
        outcome = await taken(plant, text, "?dry_run=true")
        assert not outcome["applied"]
        assert counts(outcome) == {"items": (1, 1, 0, 0)}
        assert (await plant.get("/v1/items/new")).status_code == 404
        assert (await plant.get("/v1/items/bracket")).json()["name"] == "Bracket A"

    async def test_a_bad_file_changes_nothing_and_names_each_fault_by_line(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        text = (
            "items:\n"
            "- code: good\n"
            "  name: Good\n"
            "- code: bad\n"
            "  name: Bad\n"
            "  batch_max: -5\n"
            "item_sites:\n"
            "- item: good\n"
            "  site: nowhere\n"
            "  source: make\n"
        )
        before = await api.rows("SELECT count(*) FROM audit_log")
        answer = await take(plant, text, "?file=plm.yaml")
        assert answer.status_code == 422
        assert answer.json()["errors"] == [
            {
                "field": "plm.yaml:6:14",
                "value": "-5",
                "problem": "batch_max must be more than 0",
            },
            {
                "field": "plm.yaml:9:9",
                "value": "nowhere",
                "problem": "there is no site 'nowhere'; add it to sites",
            },
        ]
        assert "Nothing was changed" in answer.json()["detail"]
        assert (await plant.get("/v1/items/good")).status_code == 404
        assert await api.rows("SELECT count(*) FROM audit_log") == before
        dry = await taken(plant, text, "?dry_run=true")
        assert [(one["line"], one["column"]) for one in dry["faults"]] == [(6, 14), (9, 9)]

    async def test_a_table_of_one_kind(self, plant: httpx.AsyncClient) -> None:
        text = "code;name;unit\r\nnut;Nut M6;pcs\r\nbolt;=Bolt;pcs\r\n"
        answer = await plant.post("/v1/master-data?kind=items", content=text.encode(), headers=CSV)
        assert counts(answer.json()) == {"items": (2, 0, 0, 0)}
        assert (await plant.get("/v1/items/bolt")).json()["name"] == "=Bolt"

    async def test_a_table_has_to_say_whose_it_is(self, plant: httpx.AsyncClient) -> None:
        answer = await plant.post("/v1/master-data", content=b"code\nx\n", headers=CSV)
        assert answer.status_code == 422
        assert "?kind=items" in answer.json()["detail"]
        answer = await plant.post("/v1/master-data?kind=gadgets", content=b"code\nx\n", headers=CSV)
        assert answer.status_code == 422
        assert "known are sites" in answer.json()["detail"]

    async def test_what_nobody_can_read_is_refused(self, plant: httpx.AsyncClient) -> None:
        answer = await plant.post(
            "/v1/master-data", content=b"x", headers={"Content-Type": "image/png"}
        )
        assert answer.status_code == 415
        answer = await plant.post("/v1/master-data", content=b"PK", headers=ZIP)
        assert answer.status_code == 422

    async def test_two_imports_at_once_wait_for_each_other(self, plant: httpx.AsyncClient) -> None:
        texts = [
            f"items:\n- {{code: tube, name: Tube {turn}}}\n- {{code: i{turn}, name: x}}\n"
            for turn in range(6)
        ]
        answers = await asyncio.gather(*(take(plant, text) for text in texts))
        assert {answer.status_code for answer in answers} == {200}
        names = {f"i{turn}" for turn in range(6)}
        listed = {item["code"] for item in (await plant.get("/v1/items")).json()["items"]}
        assert names <= listed

    async def test_changes_stand_in_the_audit_log(self, plant: httpx.AsyncClient, api: Api) -> None:
        await taken(plant, "items:\n- {code: tube, name: Tube 22 mm}\n", "?reason=Catalogue%202027")
        entries = await api.rows(
            "SELECT action, actor, reason, before, after FROM audit_log ORDER BY id DESC LIMIT 2"
        )
        assert entries == [
            (
                "MasterDataImported",
                "token a-admin",
                "Catalogue 2027",
                None,
                {"file": "master-data.yaml", "items changed": 1},
            ),
            (
                "ItemChanged",
                "token a-admin",
                "Catalogue 2027",
                {"of": "item tube", "name": "Tube 20 mm"},
                {"of": "item tube", "name": "Tube 22 mm"},
            ),
        ]

    async def test_a_thousand_items_with_bills_and_routings_are_taken_at_once(
        self, plant: httpx.AsyncClient
    ) -> None:
        lines = ["items:"]
        lines += [f"- {{code: I{n}, name: Item {n}, kind: both}}" for n in range(1000)]
        lines += ["bills:"]
        for n in range(1000):
            lines += [
                f"- item: I{n}",
                "  version: A",
                "  lines:",
                "  - {component: tube, quantity: 0.5}",
                *(
                    f"  - {{component: I{other}, quantity: 2}}"
                    for other in range(n + 1, min(n + 4, 1000))
                ),
            ]
        lines += ["routings:"]
        for n in range(1000):
            lines += [
                f"- item: I{n}",
                "  site: plant-1",
                "  version: A",
                "  steps:",
                "  - {number: 10, name: Saw, capability: saw, cycle_ms: 900}",
                "  - {number: 20, name: Press, machine: plant-1/cutting/line1/m03, cycle_ms: 700}",
            ]
        outcome = await taken(plant, "\n".join(lines))
        assert counts(outcome) == {
            "items": (1000, 0, 0, 0),
            "bills": (1000, 0, 0, 0),
            "routings": (1000, 0, 0, 0),
        }


class TestRemoving:
    async def test_what_a_kind_holds_no_more_is_given_up(self, plant: httpx.AsyncClient) -> None:
        outcome = await taken(
            plant,
            "price_rules:\n- {item: bracket, currency: EUR, price: 12}\n",
            "?remove_missing=1",
        )
        assert counts(outcome) == {"price_rules": (0, 0, 1, 2)}
        assert (await plant.get("/v1/price-rules")).json()["total"] == 1

    async def test_what_something_else_needs_cannot_be_left_out(
        self, plant: httpx.AsyncClient
    ) -> None:
        answer = await take(
            plant,
            "items:\n- {code: bracket, name: Bracket A}\n- {code: tube, name: T}\n",
            "?remove_missing=1",
        )
        assert answer.status_code == 422
        assert answer.json()["errors"] == [
            {
                "field": "master-data.yaml:1:1",
                "value": "screw",
                "problem": "leaves out the item 'screw', which bill of material bracket / A needs;"
                " keep it, or change that too",
            }
        ]

    async def test_a_retired_item_stays_and_may_come_back(self, plant: httpx.AsyncClient) -> None:
        await taken(plant, "items:\n- {code: nut, name: Nut}\n")
        kept = "items:\n" + "".join(
            f"- {{code: {code}, name: x}}\n" for code in ("bracket", "tube", "screw")
        )
        outcome = await taken(plant, kept, "?remove_missing=1")
        assert counts(outcome)["items"][3] == 1
        assert (await plant.get("/v1/items/nut")).json()["retired"]
        exported = (await plant.get("/v1/master-data?kinds=items")).text
        assert "nut" not in exported
        outcome = await taken(plant, "items:\n- {code: nut, name: Nut M6}\n")
        assert counts(outcome)["items"] == (1, 0, 0, 0)
        assert not (await plant.get("/v1/items/nut")).json()["retired"]

    async def test_a_version_that_is_given_up_held_until_then(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        outcome = await taken(
            plant,
            "bills:\n- item: bracket\n  version: B\n  lines:\n"
            "  - {component: screw, quantity: 6}\n",
            "?remove_missing=1",
        )
        assert counts(outcome) == {"bills": (1, 0, 0, 1)}
        assert await api.rows("SELECT version, retired_at IS NULL FROM bills ORDER BY version") == [
            ("A", False),
            ("B", True),
        ]
        bills = (await plant.get("/v1/bills?item=bracket")).json()
        assert [bill["version"] for bill in bills["items"]] == ["B"]


class TestExport:
    async def test_what_is_exported_changes_nothing_when_it_is_imported(
        self, plant: httpx.AsyncClient
    ) -> None:
        exported = await plant.get("/v1/master-data")
        assert exported.headers["content-type"] == "application/yaml"
        assert is_a_no_op(await taken(plant, exported.content, "?remove_missing=1"))
        packed = await plant.get("/v1/master-data?format=csv-zip")
        answer = await plant.post(
            "/v1/master-data?remove_missing=1", content=packed.content, headers=ZIP
        )
        assert answer.status_code == 200, answer.text
        assert is_a_no_op(answer.json())
        with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
            assert set(archive.namelist()) == {f"{kind.name}.csv" for kind in KINDS}

    async def test_only_some_kinds(self, plant: httpx.AsyncClient) -> None:
        text = (await plant.get("/v1/master-data?kinds=items,suppliers")).text
        assert [line for line in text.splitlines() if line.endswith(":")] == [
            "suppliers:",
            "items:",
        ]
        answer = await plant.get("/v1/master-data?kinds=gadgets")
        assert answer.status_code == 422
        assert "gadgets" in answer.json()["detail"]

    @pytest.mark.usefixtures("plant")
    async def test_whoever_is_limited_to_a_site_sees_that_site(self, api: Api) -> None:
        planner = await api.as_role(Role.PLANNER, "plant-2")
        text = (await planner.get("/v1/master-data")).text
        assert "plant-1/cutting" not in text
        assert "plant-2" in text
        answer = await take(planner, "machines:\n- {path: plant-1/a/b/c, name: Mine}\n")
        assert answer.status_code == 422
        assert "there is no site 'plant-1' for you" in answer.json()["detail"]
        answer = await take(planner, "items: []\n", "?remove_missing=1")
        assert answer.status_code == 403


class TestConsequences:
    async def test_the_planner_hears_of_calendars_setups_and_families(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await api.rows("UPDATE disruptions SET handled_at = now(), outcome = 'no_change'")
        await taken(
            plant,
            "calendars:\n"
            "- site: plant-1\n"
            "  shifts:\n"
            "  - {shift: early, weekdays: [mon], start: 07:00, end: 15:00}\n"
            "setups:\n"
            "- machine: plant-1/cutting/line1/m03\n"
            "  from_family: large\n"
            "  to_family: small\n"
            "  setup_ms: 90000\n"
            "sites:\n"
            "- {code: plant-2, name: Plant 2, time_zone: Europe/Warsaw}\n",
        )
        found = await api.rows(
            "SELECT kind, scope, detail ->> 'what' FROM disruptions WHERE handled_at IS NULL"
            " ORDER BY id"
        )
        assert found == [
            ("calendar_changed", "plant-2", "time_zone"),
            ("calendar_changed", "plant-1", "calendar"),
            ("calendar_changed", "plant-1", "setups"),
        ]

    async def test_work_on_an_item_of_another_setup_family_is_planned_anew(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        answer = await plant.post(
            "/v1/orders",
            json={
                "site": "plant-1",
                "customer": "acme",
                "release": True,
                "lines": [{"item": "bracket", "quantity": 10}],
            },
        )
        assert answer.status_code == 201, answer.text
        await api.rows("UPDATE disruptions SET handled_at = now(), outcome = 'no_change'")
        await taken(plant, "items:\n- {code: bracket, name: B, setup_family: large}\n")
        assert await api.rows(
            "SELECT scope, detail ->> 'what', detail ->> 'item' FROM disruptions"
            " WHERE handled_at IS NULL"
        ) == [("plant-1", "setup_family", "bracket")]

    async def test_what_only_orders_named_becomes_definite(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await api.rows("INSERT INTO items (code, name, provisional) VALUES ('Q-1', 'Q-1', true)")
        answer = await take(
            plant,
            "bills:\n- item: Q-1\n  version: A\n  lines:\n  - {component: tube, quantity: 1}\n",
        )
        assert answer.status_code == 422
        assert "there is no item 'Q-1'" in answer.json()["detail"]
        outcome = await taken(plant, "items:\n- {code: Q-1, name: Quadrant}\n")
        assert outcome["definite"] == ["item Q-1"]
        assert not (await plant.get("/v1/items/Q-1")).json()["provisional"]

    async def test_orders_that_wait_for_what_is_known_now_are_judged_again(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        answer = await plant.post(
            "/v1/orders",
            json={
                "site": "plant-1",
                "customer": "acme",
                "lines": [{"item": "bracket", "quantity": 10}],
            },
        )
        assert answer.status_code == 201, answer.text
        await api.rows("UPDATE order_lines SET state = 'under_review'")
        await api.rows("UPDATE items SET provisional = true WHERE code = 'bracket'")
        outcome = await taken(plant, "items:\n- {code: bracket, name: Bracket A}\n")
        assert (outcome["definite"], outcome["judged_orders"]) == (["item bracket"], 1)
        outcome = await taken(plant, "items:\n- {code: screw, name: Screw M6}\n")
        assert outcome["judged_orders"] == 0

    async def test_machines_are_shown_as_they_are_now(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await taken(plant, "machines:\n- {path: plant-1/cutting/line1/m01, name: Old saw}\n")
        machine = (await plant.get("/v1/machines/plant-1/cutting/line1/m01")).json()
        assert (machine["name"], machine["position"]) == ("Old saw", 1)
        assert await api.rows(
            "SELECT array_agg(capability) FROM machine_capabilities c"
            " JOIN machines m ON m.id = c.machine_id WHERE m.name = 'Old saw'"
        ) == [(["saw"],)]


class TestOneThing:
    async def test_a_supplier(self, plant: httpx.AsyncClient) -> None:
        answer = await plant.put(
            "/v1/suppliers/glass", json={"name": "Glass AG", "country": "CH", "lead_days": "3.5"}
        )
        assert answer.status_code == 200, answer.text
        assert (await plant.get("/v1/suppliers/glass")).json()["lead_days"] == 3.5
        await plant.put("/v1/suppliers/glass", json={"name": "Glass & Co"})
        supplier = (await plant.get("/v1/suppliers/glass")).json()
        assert (supplier["name"], supplier["country"]) == ("Glass & Co", "CH")
        listed = (await plant.get("/v1/suppliers")).json()
        assert (listed["total"], listed["items"][0]["code"]) == (2, "glass")
        answer = await plant.put("/v1/suppliers/glass", json={"name": "x", "country": "ch"})
        assert answer.json()["errors"][0]["field"] == "country"
        assert (await plant.get("/v1/suppliers/nobody")).status_code == 404

    async def test_a_customer(self, plant: httpx.AsyncClient, api: Api) -> None:
        await api.rows(
            "INSERT INTO customers (code, name, provisional) VALUES ('new', 'new', true)"
        )
        assert (await plant.get("/v1/customers/new")).json()["provisional"]
        answer = await plant.put(
            "/v1/customers/new", json={"name": "New Ltd", "default_site": "plant-2"}
        )
        assert answer.status_code == 200, answer.text
        customer = (await plant.get("/v1/customers/new")).json()
        assert (customer["provisional"], customer["default_site"]) == (False, "plant-2")
        answer = await plant.put("/v1/customers/new", json={"name": "x", "default_site": "nowhere"})
        assert answer.json()["errors"][0]["field"] == "default_site"
        acme = (await plant.get("/v1/customers/acme")).json()
        assert acme["names"] == [{"scheme": "gln", "value": "4012345000009"}]
        assert acme["over_percent"] == 2.5

    async def test_an_item_keeps_what_a_put_does_not_name(self, plant: httpx.AsyncClient) -> None:
        answer = await plant.put("/v1/items/bracket", json={"name": "B", "batch_max": 800})
        assert answer.status_code == 200, answer.text
        item = (await plant.get("/v1/items/bracket")).json()
        assert (item["family"], item["batch_max"], item["setup_family"]) == ("brackets", 800, None)
        answer = await plant.put("/v1/items/bracket", json={"name": "B", "batch_min": 900})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "batch_min"

    async def test_rules_that_hold_for_an_item(self, plant: httpx.AsyncClient) -> None:
        prices = (await plant.get("/v1/price-rules?item=bracket")).json()
        assert prices["total"] == 3
        prices = (await plant.get("/v1/price-rules?item=bracket&customer=acme")).json()
        assert [(one["family"], one["price"]) for one in prices["items"]] == [("brackets", 10)]
        times = (await plant.get("/v1/lead-time-rules?item=bracket&site=plant-1")).json()
        assert [one["days"] for one in times["items"]] == [3]
        assert (await plant.get("/v1/lead-time-rules")).json()["total"] == 2


async def test_yaml_and_json_are_the_same_language(plant: httpx.AsyncClient) -> None:
    answer = await plant.post(
        "/v1/master-data",
        content=b'{"items": [{"code": "nut", "name": "Nut", "lot_size": 0.5, "gtin": null}]}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    assert (await plant.get("/v1/items/nut")).json()["lot_size"] == 0.5

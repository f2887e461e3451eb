"""Operators, tools, ovens and what steps need: told in files, judged, kept from release on."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from master_data_api import CSV, Api, take, taken

from domain.master_data.needs import Needed, read_need

PRESS = "plant-1/cutting/line1/m03"
OVEN = "plant-1/cutting/line1/m04"
TABLE = """site,code,name,kind,quantity,skills,place,pattern
plant-1,li,Li Na,operator,1,press licence; setter,plant-1/cutting,
plant-1,wang,Wang,operator,,press licence,,two-shift
"""
STEP = """routings:
- item: screw
  site: plant-1
  version: B
  steps:
  - number: 10
    name: Press
    machine: plant-1/cutting/line1/m03
    cycle_ms: 2000
"""


def problems(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [each["problem"] for each in answer.json()["errors"]]


class TestNeeds:
    @pytest.mark.parametrize(
        ("text", "need"),
        [
            ("welder", Needed(skill="welder")),
            (" welder = 2 ", Needed(skill="welder", count=2)),
            ("setter@setup", Needed(skill="setter", during="setup")),
            ("die 7=3@run", Needed(skill="die 7", count=3, during="run")),
            ("welder=1@both", Needed(skill="welder")),
        ],
    )
    def test_what_is_written_is_read(self, text: str, need: Needed) -> None:
        assert read_need(text) == need
        assert read_need(str(need)) == need

    @pytest.mark.parametrize("text", ["", "=2", "a=0", "a=x", "a@night", "a@", "a=1=2", "a;b"])
    def test_what_says_nothing_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"must|is empty"):
            read_need(text)


class TestImport:
    async def test_a_table_says_the_same(self, plant: httpx.AsyncClient) -> None:
        answer = await take(plant, TABLE, "?kind=resources", **CSV)

        assert answer.status_code == 200, answer.text
        assert answer.json()["total_changes"] == 1
        found = (await plant.get("/v1/resources", params={"skill": "press licence"})).json()
        assert [(one["code"], one["quantity"]) for one in found["items"]] == [
            ("li", 1),
            ("nights", 3),
            ("wang", 1),
        ]

    async def test_other_people_make_the_plan_anew(self, plant: httpx.AsyncClient) -> None:
        await taken(plant, "resources: [{site: plant-1, code: li, name: Li, kind: operator}]")
        unchanged = await plant.get("/v1/disruptions")
        await taken(plant, f"machines: [{{path: {OVEN}, batch_capacity: 20}}]")

        told = (await plant.get("/v1/disruptions")).json()["items"]

        assert len(told) == unchanged.json()["total"] + 1
        assert told[0]["detail"]["what"] == "resources"

    async def test_what_is_retired_is_gone_and_may_come_back(
        self, plant: httpx.AsyncClient
    ) -> None:
        one = "resources: [{site: plant-1, code: crane, name: Crane, kind: tool}]"
        await taken(plant, one)
        await taken(plant, one, "?remove=true")
        gone = (await plant.get("/v1/resources", params={"skill": "crane"})).json()
        await taken(plant, one)
        back = (await plant.get("/v1/resources", params={"skill": "crane"})).json()

        assert (gone["total"], back["total"]) == (0, 1)


class TestJudging:
    @pytest.mark.parametrize(
        ("more", "problem"),
        [
            ("    needs: [presser licence]", "maybe 'press licence'"),
            ("    needs: [die-7=3]", "there are 2 of 'die-7'"),
            ("    needs: [die-7@night]", "must end in '@setup' or '@run'"),
            ("    batch_family: hot", "give one of its machines a batch_capacity"),
            ("    transfer_batch: 0", "must be more than 0"),
        ],
    )
    async def test_a_step_that_cannot_be_done_is_at_fault(
        self, plant: httpx.AsyncClient, more: str, problem: str
    ) -> None:
        [found] = problems(await take(plant, f"{STEP}{more}\n"))

        assert problem in found

    async def test_a_load_comes_out_at_once(self, plant: httpx.AsyncClient) -> None:
        told = STEP.replace(PRESS, OVEN) + "    batch_family: hot\n    transfer_batch: 5\n"

        assert "a load comes out at once" in problems(await take(plant, told))[0]

    @pytest.mark.parametrize(
        ("record", "problem"),
        [
            ("code: saw blade, kind: tool, pattern: nights", "is for operators"),
            ("code: wu, kind: operator, place: plant-2", "does not lie at the site"),
            ("code: wu, kind: operator, place: plant-1/cuttin", "maybe 'plant-1/cutting'"),
            ("code: wu, kind: operator, pattern: night", "maybe 'nights'"),
            ("code: wu, kind: operator, skills: [die-7]", "people and tools share none"),
            ("code: wu, kind: robot", "must be operator or tool"),
            ("code: wu, kind: operator, quantity: 0", "from 1 to 1000"),
            ("code: wu, kind: operator, skills: [a@b]", "must not hold"),
        ],
    )
    async def test_a_resource_that_makes_no_sense_is_at_fault(
        self, plant: httpx.AsyncClient, record: str, problem: str
    ) -> None:
        told = f"resources: [{{site: plant-1, name: N, {record}}}]"

        found = problems(await take(plant, told))

        assert any(problem in each for each in found), found

    @pytest.mark.parametrize(
        ("told", "query", "problem"),
        [
            ("resources: [{site: plant-1, code: die-7, quantity: 1}]", "", "leaves 1 of 'die-7'"),
            ("resources: [{site: plant-1, code: li, skills: []}]", "", "leaves 0 of 'setter'"),
            ("resources: [{site: plant-1, code: die-7}]", "?remove=true", "leaves out"),
            ("shift_patterns: [{code: nights}]", "?remove=true", "needs"),
        ],
    )
    async def test_what_is_needed_stays(
        self, plant: httpx.AsyncClient, told: str, query: str, problem: str
    ) -> None:
        found = problems(await take(plant, told, query))

        assert any(problem in each for each in found), found


class TestFromReleaseOn:
    async def _released(self, plant: httpx.AsyncClient) -> list[dict[str, Any]]:
        order = {
            "site": "plant-1",
            "number": "SO-77",
            "customer": "acme",
            "lines": [{"item": "bracket", "quantity": 40, "due_at": "2030-01-01T12:00:00Z"}],
            "release": True,
        }
        answer = await plant.post("/v1/orders", json=order)
        assert answer.is_success, answer.text
        found = (await plant.get("/v1/operations", params={"site": "plant-1"})).json()["items"]
        return [one for one in found if one["released"]]

    async def test_an_operation_keeps_how_its_step_was_done(self, plant: httpx.AsyncClient) -> None:
        _, press, heat = await self._released(plant)

        assert press["handling"] == {
            "interruptible": False,
            "transfer_batch": 25,
            "wait_ms": 600_000,
            "batch_family": None,
            "batch_room": 1,
            "needs": ["die-7=2", "setter@setup"],
        }
        assert heat["handling"]["batch_family"] == "200 C"
        assert heat["handling"]["batch_room"] == 0.05

    async def test_another_routing_by_hand_keeps_how_steps_are_done(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        body = (await plant.get("/v1/items/bracket")).json()
        [routing] = body["routings"]
        routing["steps"][1]["cycle_ms"] = 1_500
        answer = await plant.put(
            "/v1/items/bracket", json={"name": "Bracket A", "routings": [routing]}
        )
        assert answer.is_success, answer.text

        rows = await api.rows(
            "SELECT cycle_ms, transfer_batch, needs FROM routing_version_steps WHERE number = 20"
        )

        assert [(cycle, int(batch), needs) for cycle, batch, needs in rows] == [
            (1_500, 25, ["die-7=2", "setter@setup"])
        ]

    async def test_a_work_order_says_itself_how_it_is_done(self, plant: httpx.AsyncClient) -> None:
        wanted: dict[str, Any] = {
            "site": "plant-1",
            "number": "W-1",
            "quantity_ordered": 4,
            "not_before": "2030-01-01T12:00:00Z",
            "operations": [
                {
                    "number": 10,
                    "machine": PRESS,
                    "cycle_ms": 1_000,
                    "handling": {"interruptible": False, "needs": ["die-7 = 2"]},
                }
            ],
        }
        first = await plant.post("/v1/work-orders", json=wanted)
        again = await plant.post("/v1/work-orders", json=wanted)
        wanted["number"] = "W-2"
        wanted["operations"][0]["handling"]["needs"] = ["die-7=3"]
        refused = await plant.post("/v1/work-orders", json=wanted)

        assert first.status_code == 201, first.text
        assert again.json()["id"] == first.json()["id"]
        assert first.json()["not_before"] == "2030-01-01T12:00:00Z"
        [operation] = first.json()["operations"]
        assert operation["handling"]["needs"] == ["die-7=2"]
        assert refused.status_code == 422, refused.text
        assert refused.json()["errors"][0]["field"] == "operations[0].handling.needs[0]"

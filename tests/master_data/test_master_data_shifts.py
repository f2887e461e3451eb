"""Shift patterns: told in files, worked by the planner, edited over the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from master_data_api import CSV, Api, take, taken

from domain.access import Role
from store.planning.calendar_reading import read_calendars

CUTTING = "plant-1/cutting"
SAW = "plant-1/cutting/line1/m01"
PRESS = "plant-1/cutting/line1/m03"

TABLE = """code,name,shift,weekdays,weeks,start,end,breaks
one,One shift,day,mon; tue; wed; thu,,07:00,16:00,09:30-09:45; 12:00-12:45
one,One shift,friday,fri,,07:00,13:00,09:30-09:45
"""


async def shifts(client: httpx.AsyncClient, at: str, first: str, last: str) -> dict[str, Any]:
    answer = await client.get(
        "/v1/sites/plant-1/shifts", params={"at": at, "from": first, "to": last}
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def worked_hours(api: Api, path: str, start: datetime, end: datetime) -> float:
    """How long the planner lets a machine work between two moments."""
    first, last = (round(moment.timestamp() * 1000) for moment in (start, end))
    async with api.context.connection() as connection:
        cursor = await connection.execute(
            "SELECT id, site_id FROM machines WHERE path = %s", (path,)
        )
        row = await cursor.fetchone()
        assert row is not None
        calendars = await read_calendars(connection, [row[1]], since_ms=first)
    closed = calendars.unavailable(first, last)[row[0]]
    return (last - first - sum(each.end_ms - each.start_ms for each in closed)) / 3_600_000


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    assert answer.status_code == 422, answer.text
    return [(each["field"], each["problem"]) for each in answer.json()["errors"]]


class TestImport:
    async def test_a_table_says_the_same(self, plant: httpx.AsyncClient) -> None:
        answer = await take(plant, TABLE, "?kind=shift_patterns", **CSV)
        assert answer.status_code == 200, answer.text
        assert answer.json()["total_changes"] == 1
        found = (await plant.get("/v1/shift-patterns/one")).json()
        assert [(one["shift"], one["weekdays"], one["breaks"]) for one in found["shifts"]] == [
            ("day", ["mon", "tue", "wed", "thu"], ["09:30-09:45", "12:00-12:45"]),
            ("friday", ["fri"], ["09:30-09:45"]),
        ]

    @pytest.mark.parametrize(
        ("text", "place", "problem"),
        [
            (
                (
                    "shift_patterns:\n- {code: x, name: X, rotation_weeks: 2, shifts:"
                    " [{shift: a, weekdays: [mon], start: 06:00, end: 14:00}]}\n"
                ),
                "2:38",
                "needs first_day",
            ),
            (
                (
                    "shift_patterns:\n- code: x\n  name: X\n  first_day: 2026-01-06\n  shifts:\n"
                    "  - {shift: a, weekdays: [mon], start: 06:00, end: 14:00}\n"
                ),
                "4:14",
                "is no Monday",
            ),
            (
                (
                    "shift_patterns:\n- code: x\n  name: X\n  shifts:\n"
                    "  - {shift: a, weekdays: [mon], weeks: [2], start: 06:00, end: 14:00}\n"
                ),
                "5:40",
                "names week 2 of a rotation of 1",
            ),
            (
                (
                    "shift_patterns:\n- code: x\n  name: X\n  shifts:\n"
                    "  - {shift: a, weekdays: [mon], start: 06:00, end: 14:00,"
                    " breaks: [13:50-14:10]}\n"
                ),
                "5:67",
                "must lie within the shift",
            ),
            (
                (
                    "shift_patterns:\n- code: x\n  name: X\n  shifts:\n"
                    "  - {shift: a, weekdays: [mon], start: 22:00, end: 06:00}\n"
                    "  - {shift: b, weekdays: [tue], start: 05:00, end: 13:00}\n"
                ),
                "6:40",
                "overlaps 'a'",
            ),
            ("shift_plans:\n- {at: plant-1/cuting, pattern: nights}\n", "2:8", "maybe"),
            ("shift_plans:\n- {at: plant-2, pattern: night}\n", "2:26", "maybe 'nights'"),
            (
                (
                    "shift_plans:\n- {at: plant-1/cutting, pattern: nights, valid_from: 2027-02-01,"
                    " valid_to: 2027-03-01}\n"
                ),
                "2:54",
                "holds on days on which shift plan plant-1/cutting / 2027-01-01 holds too",
            ),
            (
                "special_days:\n- {at: plant-1, day: 2027-01-01, working: true, reason: X}\n",
                "2:43",
                "needs start and end",
            ),
        ],
    )
    async def test_faults_are_named_by_place(
        self, plant: httpx.AsyncClient, text: str, place: str, problem: str
    ) -> None:
        found = faults(await take(plant, text))
        assert [field.partition(":")[2] for field, _ in found] == [place]
        assert problem in found[0][1]

    async def test_what_is_planned_cannot_be_given_up(self, plant: httpx.AsyncClient) -> None:
        answer = await plant.delete("/v1/shift-patterns/nights")
        needing = " ".join(problem for _, problem in faults(answer))
        assert "shift plan plant-1/cutting" in needing
        assert "resource plant-1 / nights" in needing


class TestPlanner:
    @pytest.mark.usefixtures("plant")
    async def test_obeys_rotation_breaks_and_special_days(self, api: Api) -> None:
        # In plant-1's zone, UTC+8; 4 January 2027 is 52 weeks after the rotation began.
        monday = datetime(2027, 1, 3, 16, tzinfo=UTC)
        assert await worked_hours(api, SAW, monday, monday.replace(day=10)) == 5 * 7.25
        second = monday.replace(day=10)
        assert await worked_hours(api, SAW, second, second.replace(day=17)) == 5 * 8
        holidays = datetime(2027, 4, 30, 16, tzinfo=UTC)
        assert await worked_hours(api, SAW, holidays, holidays.replace(month=5, day=3)) == 0
        saturday = datetime(2027, 6, 4, 16, tzinfo=UTC)
        assert await worked_hours(api, SAW, saturday, saturday.replace(day=5)) == 4
        # Weekly times of its own come after patterns of its own, before those of its area.
        assert await worked_hours(api, PRESS, monday, monday.replace(day=10)) == 24

    async def test_hears_of_a_changed_pattern_where_it_is_worked(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        before = await api.rows("SELECT count(*) FROM disruptions")
        answer = await plant.put(
            "/v1/shift-patterns/nights",
            json={"name": "Nights at weekends"},
            params={"reason": "renamed"},
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["plans"] == [
            {"at": CUTTING, "valid_from": "2027-07-01", "valid_to": None}
        ]
        after = await api.rows("SELECT count(*) FROM disruptions")
        assert after[0][0] == before[0][0] + 1
        told = await api.rows(
            "SELECT action, reason FROM audit_log WHERE action = 'ShiftPatternChanged'"
        )
        assert told == [("ShiftPatternChanged", "renamed")]


class TestRest:
    async def test_a_pattern_is_made_planned_and_given_up(self, plant: httpx.AsyncClient) -> None:
        shift = {"shift": "day", "weekdays": ["mon"], "start": "08:00", "end": "16:00"}
        made = await plant.put(
            "/v1/shift-patterns/short", json={"name": "Short", "shifts": [shift]}
        )
        assert made.status_code == 200, made.text
        assert made.json()["shifts"] == [{**shift, "weeks": [], "breaks": []}]
        plan = {"at": SAW, "pattern": "short", "valid_from": "2027-01-01", "valid_to": None}
        assert (await plant.put("/v1/shift-plans", json=plan)).json() == plan
        found = await shifts(plant, SAW, "2027-01-04", "2027-01-06")
        assert [(one["day"], one["pattern"], one["worked_minutes"]) for one in found["shifts"]] == [
            ("2027-01-04", "short", 480)
        ]
        assert found["shifts"][0]["starts_at"] == "2027-01-04T00:00:00Z"
        gone = await plant.delete("/v1/shift-plans", params={"at": SAW, "valid_from": "2027-01-01"})
        assert gone.status_code == 204, gone.text
        assert (await plant.delete("/v1/shift-patterns/short")).status_code == 204
        assert (await plant.get("/v1/shift-patterns/short")).status_code == 404

    async def test_a_holiday_is_said_and_taken_back(self, plant: httpx.AsyncClient) -> None:
        day = {"at": CUTTING, "day": "2027-02-01", "reason": "Retooling"}
        assert (await plant.put("/v1/special-days", json=day)).status_code == 200
        found = await shifts(plant, SAW, "2027-02-01", "2027-02-01")
        assert [each["reason"] for each in found["special_days"]] == ["Retooling"]
        listed = await plant.get("/v1/special-days", params={"site": "plant-1"})
        assert listed.json()["total"] == 3
        gone = await plant.delete("/v1/special-days", params={"at": CUTTING, "day": "2027-02-01"})
        assert gone.status_code == 204, gone.text

    @pytest.mark.usefixtures("plant")
    async def test_hours_of_another_site_are_not_changed(self, api: Api) -> None:
        planner = await api.as_role(Role.PLANNER, "plant-2")
        assert (await planner.get("/v1/shift-patterns/nights")).json()["plans"] == []
        answer = await planner.put("/v1/shift-patterns/nights", json={"name": "Mine"})
        assert "not yours" in faults(answer)[0][1]
        answer = await planner.put("/v1/shift-plans", json={"at": CUTTING, "pattern": "nights"})
        assert "no site 'plant-1' for you" in faults(answer)[0][1]
        assert (await planner.get("/v1/shift-plans")).json()["total"] == 0


class TestRecords:
    async def test_any_kind_is_searched_and_paged(self, plant: httpx.AsyncClient, api: Api) -> None:
        async def listed(client: httpx.AsyncClient, **query: object) -> tuple[list[str], int]:
            answer = await client.get(
                "/v1/master-data/records",
                params={name: str(value) for name, value in query.items()},
            )
            assert answer.status_code == 200, answer.text
            return [each["name"] for each in answer.json()["items"]], answer.json()["total"]

        assert await listed(plant, kind="machines", search="saw") == (
            ["machine plant-1/cutting/line1/m01", "machine plant-1/cutting/line1/m02"],
            2,
        )
        assert await listed(plant, kind="items", limit=1, offset=1) == (["item screw"], 3)
        assert await listed(plant, kind="items", search="100%") == ([], 0)
        elsewhere = await api.as_role(Role.VIEWER, "plant-2")
        assert await listed(elsewhere, kind="machines") == ([], 0)
        assert await listed(elsewhere, kind="bills") == (["bill of material bracket / A"], 1)
        answer = await plant.get("/v1/master-data/records", params={"kind": "nothing"})
        assert answer.status_code == 422

    async def test_records_are_given_up_by_their_keys(self, plant: httpx.AsyncClient) -> None:
        text = "lead_time_rules:\n- {family: brackets, site: plant-1}\n"
        outcome = await taken(plant, text, "?remove=true&reason=gone")
        assert [(one["change"], one["kind"]) for one in outcome["changes"]] == [
            ("retired", "lead_time_rules")
        ]
        again = faults(await take(plant, text, "?remove=true"))
        assert "there is no lead-time rule brackets / plant-1" in again[0][1]
        needed = faults(await take(plant, "items:\n- code: screw\n", "?remove=true"))
        assert "bill of material bracket / A needs" in needed[0][1]

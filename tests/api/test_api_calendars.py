"""Calendars and setup matrices: read, replaced, refused when they contradict themselves."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest
from api_client import MACHINE, OTHER_MACHINE, SITE, Api

from api.calendars.schemas import minutes_of, time_of_day
from contracts.streams import DISRUPTIONS, DisruptionRaised, decode_events
from domain.access import Role

CALENDAR = f"/v1/sites/{SITE}/calendar"
SETUPS = f"/v1/machines/{MACHINE}/setups"


def shift(**changes: Any) -> dict[str, Any]:
    return {"shift": "early", "weekday": 0, "start": "06:00", "end": "14:00", **changes}


def closed(**changes: Any) -> dict[str, Any]:
    return {
        "starts_at": "2026-12-24T00:00:00Z",
        "ends_at": "2026-12-27T00:00:00Z",
        "reason": "Christmas",
        **changes,
    }


async def put(
    client: httpx.AsyncClient,
    times: list[dict[str, Any]],
    exceptions: list[dict[str, Any]] | None = None,
) -> httpx.Response:
    return await client.put(CALENDAR, json={"working_times": times, "exceptions": exceptions or []})


async def raised(api: Api) -> list[tuple[str, dict[str, Any]]]:
    """The kinds and details of the disruptions, each of which has woken the planner."""
    rows = await api.rows("SELECT id, scope, kind, detail FROM disruptions ORDER BY id")
    events = [event for value in await api.records(DISRUPTIONS) for event in decode_events(value)]
    told = {event.disruption_id for event in events if isinstance(event, DisruptionRaised)}
    assert told == {row[0] for row in rows}
    return [(kind, detail) for _, _, kind, detail in rows]


class TestTimesOfDay:
    @pytest.mark.parametrize(
        ("text", "minutes"), [("00:00", 0), ("06:30", 390), ("23:59", 1439), ("24:00", 1440)]
    )
    def test_are_minutes_since_midnight(self, text: str, minutes: int) -> None:
        assert minutes_of(text) == minutes
        assert time_of_day(minutes) == text

    def test_beyond_midnight_they_are_of_the_next_day(self) -> None:
        assert time_of_day(1440 + 360) == "06:00"


class TestCalendars:
    async def test_a_site_works_always_until_somebody_says_otherwise(
        self, plant: httpx.AsyncClient
    ) -> None:
        assert (await plant.get(CALENDAR)).json() == {
            "site": SITE,
            "time_zone": "Asia/Shanghai",
            "working_times": [],
            "exceptions": [],
        }

    async def test_what_is_put_comes_back(self, plant: httpx.AsyncClient, api: Api) -> None:
        times = [
            shift(machine=None),
            shift(machine=None, shift="night", start="22:00", end="06:00"),
            shift(machine=MACHINE, weekday=6, start="00:00", end="24:00"),
        ]
        exceptions = [
            closed(machine=None, working=False),
            closed(machine=MACHINE, working=True, reason="They work through"),
        ]
        answer = await put(plant, times, exceptions)
        assert answer.status_code == 200, answer.text
        assert answer.json()["working_times"] == times
        assert answer.json()["exceptions"] == exceptions
        assert (await plant.get(CALENDAR)).json() == answer.json()
        spans = await api.rows(
            "SELECT weekday, start_minute, end_minute FROM working_times ORDER BY id"
        )
        assert spans == [(0, 360, 840), (0, 1320, 1800), (6, 0, 1440)]

    async def test_a_change_is_audited_and_makes_the_plan_wrong(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        await put(plant, [shift()])
        [(kind, detail)] = await raised(api)
        assert (kind, detail) == ("calendar_changed", {"by": "token a-admin", "what": "calendar"})
        [(before, after)] = await api.rows(
            "SELECT before, after FROM audit_log WHERE action = 'CalendarChanged'"
        )
        assert before == {"working_times": [], "exceptions": []}
        assert after["working_times"] == [shift(machine=None)]

    async def test_the_same_again_changes_nothing(self, plant: httpx.AsyncClient, api: Api) -> None:
        times = [shift(weekday=1), shift(weekday=0)]
        await put(plant, times)
        again = await put(plant, list(reversed(times)))
        assert again.status_code == 200
        assert len(await raised(api)) == 1
        assert await api.rows("SELECT count(*) FROM working_times") == [(2,)]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"start": "6:00"}, "working_times[0].start"),
            ({"start": "25:00"}, "working_times[0].start"),
            ({"end": "24:30"}, "working_times[0].end"),
            ({"start": "06:00\n"}, "working_times[0].start"),
            ({"start": "٠٦:٠٠"}, "working_times[0].start"),
            ({"weekday": 7}, "working_times[0].weekday"),
            ({"weekday": True}, "working_times[0].weekday"),
            ({"start": "06:00", "end": "06:00"}, "working_times[0]"),
            ({"start": "24:00", "end": "06:00"}, "working_times[0]"),
            ({"shift": ""}, "working_times[0].shift"),
            ({"machine": "a/b/c/d"}, "working_times[0].machine"),
            ({"machine": "plant-2/cutting/line1/m09"}, "working_times[0].machine"),
            ({"break": "12:00"}, "working_times[0].break"),
        ],
    )
    async def test_a_working_time_that_is_none_is_named(
        self, plant: httpx.AsyncClient, api: Api, changes: dict[str, Any], field: str
    ) -> None:
        answer = await put(plant, [shift(**changes)])
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field
        assert await api.rows("SELECT count(*) FROM working_times") == [(0,)]
        assert await raised(api) == []

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"ends_at": "2026-12-24T00:00:00Z"}, "exceptions[0]"),
            ({"ends_at": "2026-12-25T00:00:00"}, "exceptions[0].ends_at"),
            ({"reason": ""}, "exceptions[0].reason"),
            ({"working": "yes"}, "exceptions[0].working"),
            ({"machine": "plant-2/cutting/line1/m09"}, "exceptions[0].machine"),
        ],
    )
    async def test_an_exception_that_is_none_is_named(
        self, plant: httpx.AsyncClient, changes: dict[str, Any], field: str
    ) -> None:
        answer = await put(plant, [], [closed(**changes)])
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (shift(), shift(shift="late", start="13:59", end="22:00")),
            (shift(), shift()),
            (shift(weekday=1), shift(weekday=0, start="22:00", end="06:01")),
            (shift(weekday=0), shift(weekday=6, start="22:00", end="06:01")),
            (shift(machine=MACHINE), shift(machine=MACHINE, start="05:00", end="15:00")),
        ],
    )
    async def test_working_times_that_overlap_are_refused(
        self, plant: httpx.AsyncClient, one: dict[str, Any], other: dict[str, Any]
    ) -> None:
        far = shift(weekday=3)
        for times in itertools.permutations([one, far, other]):
            answer = await put(plant, list(times))
            assert answer.status_code == 422, answer.text
            first, second = sorted((times.index(one), 2 - times[::-1].index(other)))
            [problem] = answer.json()["errors"]
            assert problem["field"] == f"working_times[{second}].start"
            assert problem["value"] == times[second]["start"]
            assert f"working_times[{first}]" in problem["problem"]

    async def test_touching_ones_and_those_of_others_do_not_overlap(
        self, plant: httpx.AsyncClient
    ) -> None:
        answer = await put(
            plant,
            [
                shift(),
                shift(start="14:00", end="22:00"),
                shift(start="22:00", end="06:00"),
                shift(weekday=1),
                shift(weekday=6, start="22:00", end="06:00"),
                shift(machine=MACHINE),
                shift(machine=OTHER_MACHINE, start="07:00", end="15:00"),
            ],
        )
        assert answer.status_code == 200, answer.text

    async def test_a_site_has_to_be_there(self, plant: httpx.AsyncClient) -> None:
        for answer in (
            await plant.get("/v1/sites/nowhere/calendar"),
            await plant.put(
                "/v1/sites/nowhere/calendar", json={"working_times": [], "exceptions": []}
            ),
        ):
            assert answer.status_code == 404
            assert "'nowhere'" in answer.json()["detail"]

    async def test_both_lists_have_to_be_named(self, plant: httpx.AsyncClient) -> None:
        answer = await plant.put(CALENDAR, json={"working_times": []})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "exceptions"


class TestSetups:
    async def test_what_is_put_comes_back_by_family(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        red = {"from_family": "red", "to_family": "blue", "setup_ms": 900_000}
        blue = {"from_family": "blue", "to_family": "red", "setup_ms": 60_000}
        answer = await plant.put(SETUPS, json={"setups": [red, blue]})
        assert answer.json() == {"machine": MACHINE, "setups": [blue, red]}
        assert (await plant.get(SETUPS)).json() == answer.json()
        [(kind, detail)] = await raised(api)
        assert (kind, detail["what"]) == ("calendar_changed", "setups")
        about = await api.rows(
            "SELECT m.path FROM disruptions d JOIN machines m ON m.id = d.machine_id"
        )
        assert about == [(MACHINE,)]

    async def test_the_same_again_changes_nothing(self, plant: httpx.AsyncClient, api: Api) -> None:
        setups = [{"from_family": "a", "to_family": "b", "setup_ms": 1}]
        for _ in range(2):
            answer = await plant.put(SETUPS, json={"setups": setups})
            assert answer.status_code == 200
        assert len(await raised(api)) == 1
        await plant.put(SETUPS, json={"setups": []})
        assert len(await raised(api)) == 2
        assert (await plant.get(SETUPS)).json()["setups"] == []

    @pytest.mark.parametrize(
        ("setup", "field"),
        [
            ({"from_family": "a", "to_family": "b"}, "setups[1].setup_ms"),
            ({"from_family": "a", "to_family": "b", "setup_ms": -1}, "setups[1].setup_ms"),
            ({"from_family": "", "to_family": "b", "setup_ms": 1}, "setups[1].from_family"),
            ({"from_family": "x", "to_family": "y", "setup_ms": 1}, "setups"),
        ],
    )
    async def test_names_the_field_that_is_wrong(
        self, plant: httpx.AsyncClient, setup: dict[str, Any], field: str
    ) -> None:
        first = {"from_family": "x", "to_family": "y", "setup_ms": 5}
        answer = await plant.put(SETUPS, json={"setups": [first, setup]})
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field

    async def test_a_machine_has_to_be_there(self, plant: httpx.AsyncClient) -> None:
        path = f"/v1/machines/{SITE}/cutting/line1/none/setups"
        assert (await plant.get(path)).status_code == 404
        assert (await plant.put(path, json={"setups": []})).status_code == 404

    async def test_whoever_may_read_sees_them_and_does_not_change_them(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        del plant
        viewer = await api.as_role(Role.VIEWER)
        assert (await viewer.get(SETUPS)).status_code == 200
        assert (await viewer.put(SETUPS, json={"setups": []})).status_code == 403

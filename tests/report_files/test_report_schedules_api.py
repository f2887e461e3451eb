"""Schedules over the API: made, judged, changed, taken away, limited to what people may see."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from api_client import SITE, Api

from domain.access import Role

BERLIN = ZoneInfo("Europe/Berlin")
DAILY: dict[str, Any] = {
    "code": "daily",
    "name": "Daily report",
    "reports": ["delivery"],
    "site": SITE,
    "recipients": ["mei@a.example"],
    "every": "day",
    "minute": 390,
}


async def made(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/report-schedules", json=DAILY | more)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_a_schedule_says_when_it_is_sent_next_on_the_plant_s_clock(
    desk: httpx.AsyncClient,
) -> None:
    told = await made(desk)
    at = datetime.fromisoformat(told["next"]["at"]).astimezone(BERLIN)
    assert (at.hour, at.minute) == (6, 30)
    assert (at.date() - datetime.fromisoformat(told["next"]["first"]).date()).days == 1
    assert told["formats"] == ["pdf", "xlsx"]
    assert told["zone"] == "Europe/Berlin"
    listed = (await desk.get("/v1/report-schedules")).json()
    assert (listed["total"], listed["items"]) == (1, [told])
    assert (await desk.get("/v1/report-schedules/daily")).json() == told


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"recipients": []}, "recipients"),
        ({"recipients": ["mei"]}, "recipients[0]"),
        ({"recipients": ["a@b.example\nBcc: c@d.example"]}, "recipients[0]"),
        ({"recipients": ["a@b.example", "A@b.example"]}, "recipients"),
        ({"reports": ["weather"]}, "reports[0]"),
        ({"reports": ["oee", "oee"]}, "reports"),
        ({"minute": 1440}, "minute"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"line": "plant-2/cutting/line1"}, "line"),
        ({"line": f"{SITE}/cutting/line9"}, "line"),
        ({"site": None, "line": f"{SITE}/cutting/line1"}, "line"),
        ({"site": None}, "time_zone"),
        ({"site": "nowhere"}, "site"),
    ],
)
async def test_what_does_not_go_together_is_named(
    desk: httpx.AsyncClient, more: dict[str, Any], field: str
) -> None:
    answer = await desk.post("/v1/report-schedules", json=DAILY | more)
    assert answer.status_code == 422, answer.text
    assert field in {error["field"] for error in answer.json()["errors"]}


async def test_all_sites_need_a_clock(desk: httpx.AsyncClient) -> None:
    told = await made(desk, site=None, time_zone="Asia/Shanghai")
    assert (told["site"], told["zone"]) == (None, "Asia/Shanghai")


async def test_a_code_is_taken_once_and_free_again(desk: httpx.AsyncClient) -> None:
    await made(desk)
    answer = await desk.post("/v1/report-schedules", json=DAILY)
    assert answer.status_code == 409
    assert (await desk.delete("/v1/report-schedules/daily")).status_code == 204
    assert (await desk.get("/v1/report-schedules/daily")).status_code == 404
    await made(desk)


async def test_changes_need_the_version_that_was_seen_and_are_audited(
    api: Api, desk: httpx.AsyncClient
) -> None:
    told = await made(desk)
    body = {key: value for key, value in DAILY.items() if key != "code"}
    wanted = body | {"minute": 0, "active": False, "version": told["version"]}
    answer = await desk.put("/v1/report-schedules/daily", json=wanted)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["next"], answer.json()["version"]) == (None, 2)
    again = await desk.put("/v1/report-schedules/daily", json=wanted)
    assert (again.status_code, again.json()["code"]) == (409, "stale-version")
    await desk.delete("/v1/report-schedules/daily", params={"reason": "nobody reads it"})
    entries = await api.rows(
        "SELECT action, reason, after ->> 'minute' FROM audit_log"
        " WHERE object_kind = 'report_schedule' AND object_key = 'daily' ORDER BY id"
    )
    assert entries == [
        ("ReportScheduleCreated", None, "390"),
        ("ReportScheduleChanged", None, "0"),
        ("ReportScheduleRemoved", "nobody reads it", None),
    ]


async def test_who_is_limited_makes_and_sees_their_own_only(
    api: Api, desk: httpx.AsyncClient
) -> None:
    await made(desk)
    await made(desk, code="all", site=None, time_zone="UTC")
    other = await api.as_role(Role.PLANNER, "plant-2")
    assert (await other.get("/v1/report-schedules")).json()["total"] == 0
    assert (await other.get("/v1/report-schedules/daily")).status_code == 404
    assert (await other.get("/v1/report-schedules/all")).status_code == 404
    answer = await other.post("/v1/report-schedules", json=DAILY | {"code": "x"})
    assert answer.status_code == 404
    answer = await other.post(
        "/v1/report-schedules", json=DAILY | {"code": "x", "site": None, "time_zone": "UTC"}
    )
    assert answer.status_code == 422
    of_line = await api.as_role(Role.PLANNER, lines=(f"{SITE}/cutting/line1",))
    answer = await of_line.post("/v1/report-schedules", json=DAILY | {"code": "x"})
    assert answer.status_code == 422
    await made(of_line, code="x", line=f"{SITE}/cutting/line1")
    listed = (await of_line.get("/v1/report-schedules")).json()
    assert [one["code"] for one in listed["items"]] == ["x"]
    viewer = await api.as_role(Role.VIEWER)
    assert (await viewer.get("/v1/report-schedules")).status_code == 403


async def test_send_now_goes_to_the_account_s_own_address(
    api: Api, desk: httpx.AsyncClient
) -> None:
    await made(desk, language="zh-CN")
    answer = await desk.post("/v1/report-schedules/daily/send", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "no-address")
    await api.user("mei")
    await api.rows("UPDATE users SET email = 'mei@own.example' WHERE name = 'mei'")
    async with api.client(Origin="http://gemba.test") as browser:
        await browser.post("/v1/session", json={"name": "mei", "password": "correct horse battery"})
        answer = await browser.post(
            "/v1/report-schedules/daily/send",
            json={"first": "2026-11-01", "last": "2026-11-07"},
        )
        assert answer.status_code == 202, answer.text
        told = answer.json()
        wrong = await browser.post(
            "/v1/report-schedules/daily/send",
            json={"first": "2026-11-08", "last": "2026-11-07"},
        )
        assert wrong.status_code == 422
    assert (told["address"], told["first"]) == ("mei@own.example", "2026-11-01")
    rows = await api.rows(
        "SELECT message_id::text, address, language, state, why, body ->> 'last'"
        " FROM report_letters"
    )
    assert rows == [
        (told["message_id"], "mei@own.example", "zh-CN", "waiting", "now", "2026-11-07")
    ]
    assert (await desk.get("/v1/report-schedules/daily/sendings")).json()["total"] == 0
    entries = await api.rows(
        "SELECT actor, object_key, after ->> 'first' FROM audit_log WHERE action = 'ReportSentNow'"
    )
    assert entries == [("mei", "daily", "2026-11-01")]

"""The report on deliveries over the API: figures, who sees what, as of a past moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from api_client import Api
from report_cases import DAY, HOUR, T0
from report_orders import M1, M2, ReportPlant

from domain.access import Role

PERIOD = "from=2026-01-05&to=2026-01-11"


async def ok(answer: httpx.Response) -> dict[str, Any]:
    """What a call answers that has to succeed."""
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def delivery(client: httpx.AsyncClient, query: str = "") -> dict[str, Any]:
    return await ok(await client.get(f"/v1/reports/delivery?{PERIOD}&{query}"))


def told(figures: dict[str, Any], code: str) -> tuple[str, str]:
    """A figure's two parts."""
    return figures[code]["part"], figures[code]["whole"]


@pytest.fixture
async def due(orders: ReportPlant) -> ReportPlant:
    """Three orders due on Monday, one on Tuesday; one of Monday's left a day late, one not yet."""
    day = T0 + 12 * HOUR
    first = await orders.order("A1", due_ms=day, made_on=M1)
    late = await orders.order("A2", due_ms=day, made_on=M2, customer="bolt")
    await orders.order("A3", due_ms=day, item="axle")
    tuesday = await orders.order("A4", due_ms=day + DAY, made_on=M1)
    await orders.ship(first, at_ms=day - HOUR)
    await orders.ship(late, at_ms=day + DAY)
    await orders.ship(tuesday, at_ms=day, quantity=60)
    await orders.ship(tuesday, at_ms=day + DAY, quantity=40, number=2)
    await orders.keep()
    return orders


class TestFigures:
    @pytest.mark.usefixtures("due")
    async def test_totals_rows_and_series(self, api: Api) -> None:
        admin = await api.as_role(Role.ADMIN)
        report = await delivery(admin, "site=plant&by=line")
        assert told(report["totals"], "on_time_in_full") == ("2", "4")
        assert told(report["totals"], "in_full") == ("3", "4")
        assert told(report["totals"], "fulfilment_rate") == ("200", "400")
        assert report["totals"]["on_time_in_full"]["value"] == 0.5
        rows = {row["key"]: row["figures"] for row in report["rows"]}
        assert told(rows["plant/a/l1"], "on_time_in_full") == ("2", "2")
        assert told(rows["plant/a/l2"], "on_time_in_full") == ("0", "1")
        assert told(rows[""], "due_lines") == ("1", "1")
        assert [point["first"] for point in report["series"]] == [
            f"2026-01-{day:02}" for day in range(5, 12)
        ]
        assert told(report["series"][0]["figures"], "on_time_in_full") == ("1", "3")
        nothing = report["series"][2]["figures"]["on_time_in_full"]
        assert (nothing["value"], nothing["absent"]) == (None, "nothing_due")
        assert nothing["absent_words"] == "nothing was due"

    async def test_a_moved_date_is_judged_by_the_one_that_is_asked_for(
        self, api: Api, orders: ReportPlant
    ) -> None:
        due = T0 + 12 * HOUR
        order = await orders.order("A1", due_ms=due)
        await orders.move_date(order, due, due + DAY, at_ms=T0)
        await orders.ship(order, at_ms=due + HOUR)
        await orders.keep()
        admin = await api.as_role(Role.ADMIN)
        for against, part in (("current", "1"), ("first", "0")):
            report = await delivery(admin, f"against={against}")
            assert told(report["totals"], "on_time_in_full") == (part, "1")

    async def test_quantities_of_two_units_are_not_added(
        self, api: Api, orders: ReportPlant
    ) -> None:
        await orders.order("A1", due_ms=T0)
        await orders.order("A2", due_ms=T0, unit="m")
        await orders.keep()
        report = await delivery(await api.as_role(Role.ADMIN), "by=unit")
        assert report["totals"]["fulfilment_rate"]["absent"] == "mixed_units"
        assert {row["key"]: told(row["figures"], "fulfilment_rate") for row in report["rows"]} == {
            "m": ("0", "100"),
            "pcs": ("0", "100"),
        }

    @pytest.mark.usefixtures("due")
    async def test_definitions_and_reasons_in_chinese(self, api: Api) -> None:
        admin = await api.as_role(Role.ADMIN)
        report = await ok(
            await admin.get(
                f"/v1/reports/delivery?{PERIOD}", headers={"Accept-Language": "zh-CN,en;q=0.5"}
            )
        )
        names = {each["code"]: each["name"] for each in report["definitions"]}
        assert names["on_time_in_full"] == "准时足量交付率"
        assert set(names) == set(report["totals"])
        assert report["series"][3]["figures"]["on_time"]["absent_words"] == "期间内没有到期的订单"

    async def test_days_are_the_plants(self, api: Api, orders: ReportPlant) -> None:
        await orders.run("UPDATE sites SET time_zone = 'Asia/Shanghai' WHERE code = 'plant'")
        await orders.order("A1", due_ms=T0 + 15 * HOUR)
        await orders.order("A2", due_ms=T0 + 16 * HOUR)
        await orders.keep()
        report = await delivery(await api.as_role(Role.ADMIN), "site=plant")
        assert report["period"]["time_zone"] == "Asia/Shanghai"
        assert report["period"]["from"] == "2026-01-04T16:00:00Z"
        lines = [told(each["figures"], "due_lines")[0] for each in report["series"]]
        assert lines == ["1", "1", "0", "0", "0", "0", "0"]
        both = await delivery(await api.as_role(Role.ADMIN))
        assert both["period"]["time_zone"] is None


class TestKnowledge:
    async def test_asked_again_as_of_the_same_moment_the_answer_is_the_same(
        self, api: Api, due: ReportPlant
    ) -> None:
        admin = await api.as_role(Role.ADMIN)
        before = await delivery(admin, "by=line")
        assert not before["preliminary"]
        (late,) = await api.rows("SELECT id FROM orders WHERE number = 'A3'")
        await due.ship(late[0], at_ms=T0 + 11 * HOUR)
        waiting = await delivery(admin, "by=line")
        assert waiting["preliminary"]
        assert waiting["totals"] == before["totals"]
        await due.keep()
        after = await delivery(admin, "by=line")
        assert told(after["totals"], "on_time_in_full") == ("3", "4")
        again = await admin.get(
            "/v1/reports/delivery",
            params={
                "from": "2026-01-05", "to": "2026-01-11", "by": "line", "as_of": before["as_of"]
            },
        )  # fmt: skip
        assert await ok(again) == before

    async def test_before_anything_was_recorded_the_audit_log_tells(
        self, api: Api, orders: ReportPlant
    ) -> None:
        due = T0 + 12 * HOUR
        order = await orders.order("A1", due_ms=due)
        await orders.ship(order, at_ms=due - HOUR)
        await orders.move_date(order, due, due - 2 * HOUR, at_ms=T0 + 30 * DAY)
        await orders.order("A2", due_ms=due)
        await orders.keep()
        admin = await api.as_role(Role.ADMIN)
        now = await delivery(admin)
        assert told(now["totals"], "on_time_in_full") == ("0", "2")
        assert now["notes"] == []
        then = await delivery(admin, "as_of=2026-01-20T00:00:00Z")
        assert told(then["totals"], "on_time_in_full") == ("1", "2")
        assert told(then["series"][0]["figures"], "due_lines") == ("2", "1")
        assert [note["code"] for note in then["notes"]] == ["before_revisions"]

    @pytest.mark.usefixtures("due")
    async def test_a_moment_to_come_is_now(self, api: Api) -> None:
        report = await delivery(await api.as_role(Role.ADMIN), "as_of=2100-01-01T00:00:00Z")
        assert datetime.fromisoformat(report["as_of"]) <= datetime.now(UTC)


class TestWhoSeesWhat:
    @pytest.mark.usefixtures("due")
    async def test_others_sites_do_not_exist(self, api: Api) -> None:
        other = await api.as_role(Role.VIEWER, "other")
        answer = await other.get("/v1/reports/delivery?site=plant")
        assert answer.status_code == 404
        assert told((await delivery(other))["totals"], "due_lines") == ("0", "1")
        answer = await other.get("/v1/reports/delivery?line=plant/a/l1")
        assert answer.status_code == 404

    @pytest.mark.usefixtures("due")
    async def test_of_lines_only_what_was_made_there(self, api: Api) -> None:
        limited = await api.as_role(Role.VIEWER, lines=("plant/a/l2",))
        report = await delivery(limited, "by=line")
        assert report["scope"]["sites"] == ["plant"]
        assert [row["key"] for row in report["rows"]] == ["plant/a/l2"]
        assert told(report["totals"], "due_lines") == ("1", "1")
        assert (await limited.get("/v1/reports/delivery?line=plant/a/l1")).status_code == 404
        assert (await limited.get("/v1/reports/delivery?line=plant/a/l2")).is_success

    @pytest.mark.usefixtures("due")
    async def test_customers_see_none(self, api: Api) -> None:
        customer = await api.as_role(Role.CUSTOMER, customer="acme")
        assert (await customer.get("/v1/reports/delivery")).status_code == 403

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("from=2026-01-05&to=2026-01-04", "period"),
            ("from=2001-01-01&to=2026-01-04&grain=day", "period"),
            ("from=1999-01-01&to=2001-01-01", "period"),
            ("by=colour", "by"),
        ],
    )
    @pytest.mark.usefixtures("due")
    async def test_what_cannot_be_is_refused(self, api: Api, query: str, code: str) -> None:
        admin = await api.as_role(Role.ADMIN)
        answer = await admin.get(f"/v1/reports/delivery?{query}")
        assert answer.status_code == 422
        assert answer.json()["code"] == code


class TestTargets:
    @pytest.mark.usefixtures("due")
    async def test_a_sites_own_comes_before_the_one_for_all(self, api: Api) -> None:
        planner = await api.as_role(Role.PLANNER)
        entered = await ok(
            await planner.put(
                "/v1/reports/targets",
                json={
                    "targets": [
                        {"code": "on_time_in_full", "valid_from": "2026-01-01", "target": 0.9},
                        {
                            "code": "on_time_in_full",
                            "site": "plant",
                            "valid_from": "2026-01-01",
                            "target": 0.95,
                        },
                    ]
                },
            )
        )
        assert [each["target"] for each in entered["items"]] == [0.9, 0.95]
        of_all = await delivery(planner)
        assert of_all["totals"]["on_time_in_full"]["target"] == 0.9
        assert (await delivery(planner, "site=plant"))["totals"]["on_time_in_full"]["target"] == (
            0.95
        )
        back = {"code": "on_time_in_full", "site": "plant", "valid_from": "2026-01-01"}
        await ok(
            await planner.put("/v1/reports/targets", json={"targets": [{**back, "target": None}]})
        )
        assert (await delivery(planner, "site=plant"))["totals"]["on_time_in_full"]["target"] == 0.9
        answer = await planner.get(
            "/v1/reports/delivery",
            params={"from": "2026-01-05", "to": "2026-01-11", "as_of": of_all["as_of"]},
        )
        assert (await ok(answer))["totals"] == of_all["totals"]
        [entry] = await api.rows(
            "SELECT count(*) FROM audit_log WHERE action = 'ReportTargetsChanged'"
        )
        assert entry == (2,)

    @pytest.mark.usefixtures("due")
    async def test_who_may_enter_them(self, api: Api) -> None:
        entry = {"code": "on_time", "valid_from": "2026-01-01", "target": 1}
        viewer = await api.as_role(Role.VIEWER)
        answer = await viewer.put("/v1/reports/targets", json={"targets": [entry]})
        assert answer.status_code == 403
        limited = await api.as_role(Role.PLANNER, "other")
        for site, status in ((None, 403), ("plant", 404), ("other", 200)):
            answer = await limited.put(
                "/v1/reports/targets", json={"targets": [{**entry, "site": site}]}
            )
            assert answer.status_code == status
        answer = await limited.put(
            "/v1/reports/targets", json={"targets": [{**entry, "code": "luck"}]}
        )
        assert answer.status_code == 422

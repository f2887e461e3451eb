"""Reports of orders over the API: lead times, causes, forecasts, turns, answers, the overview."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import httpx
import pytest
from api_client import Api
from report_cases import DAY, HOUR, T0
from report_orders import M1, M2, ReportPlant, at

from api.reports import answering
from domain.access import Role
from domain.reports.periods import Span
from domain.reports.turns import Movement, stock
from runtime.clock import SystemClock

PERIOD = {"from": "2026-01-05", "to": "2026-01-11"}
DUE = T0 + 10 * HOUR


async def ask(client: httpx.AsyncClient, name: str, **query: Any) -> dict[str, Any]:
    """A report, or the lines behind one."""
    answer = await client.get(f"/v1/reports/{name}", params={**PERIOD, **query})
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def parts(figures: dict[str, Any], *codes: str) -> list[str]:
    return [figures[code]["part"] for code in codes]


def by_key(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["key"]: row["figures"] for row in report["rows"]}


@pytest.fixture
async def desk(api: Api) -> httpx.AsyncClient:
    return await api.as_role(Role.VIEWER)


@pytest.fixture
async def late(orders: ReportPlant) -> ReportPlant:
    """Two late orders with several causes, one in time, and one that is not complete."""
    first = await orders.order(
        "A1", due_ms=DUE, started_ms=T0 + 2 * HOUR, produced_ms=T0 + 14 * HOUR, made_on=M1
    )
    second = await orders.order(
        "A2", due_ms=DUE + DAY, customer="bolt", started_ms=T0, produced_ms=DUE, made_on=M2
    )
    third = await orders.order("A3", due_ms=DUE + DAY)
    await orders.order("A4", due_ms=DUE + 2 * DAY)
    share = {"cause": "machine_busy", "machine": M1, "share_minutes": 60}
    await orders.plan({first: DUE + HOUR}, published_ms=T0, shares=[share])
    await orders.states(
        M1, (T0 + HOUR, "running"), (T0 + 4 * HOUR, "down"), (T0 + 6 * HOUR, "running")
    )
    await orders.ship(first, at_ms=T0 + 16 * HOUR)
    await orders.ship(second, at_ms=DUE + DAY + 2 * HOUR)
    await orders.ship(third, at_ms=DUE)
    await orders.keep()
    return orders


@pytest.mark.usefixtures("late")
class TestDelayCauses:
    @pytest.mark.parametrize("by", ["cause", "subject", "line", "site", "customer", "item"])
    async def test_rows_and_days_add_up_to_the_delay(
        self, desk: httpx.AsyncClient, by: str
    ) -> None:
        report = await ask(desk, "delay-causes", by=by)
        whole = int(report["totals"]["delay"]["part"])
        assert whole > 8 * HOUR
        assert sum(int(row["figures"]["delay"]["part"]) for row in report["rows"]) == whole
        assert sum(int(each["figures"]["delay"]["part"]) for each in report["series"]) == whole
        delays = [int(row["figures"]["delay"]["part"]) for row in report["rows"]]
        assert delays == sorted(delays, reverse=True)
        assert report["rows"][-1]["figures"]["cumulative_share"]["value"] == 1

    async def test_each_cause_has_its_own(self, desk: httpx.AsyncClient) -> None:
        days = {"from": "2026-01-05", "to": "2026-01-06"}
        found = by_key(await ask(desk, "delay-causes", by="subject", **days))
        assert {key: figures["delay"]["part"] for key, figures in found.items()} == {
            f"capacity:{M1}": str(HOUR),
            f"breakdown:{M1}": str(2 * HOUR),
            "shipping:": str(2 * HOUR + 2 * HOUR),
            "unexplained:": str(HOUR),
        }
        labels = {row["label"] for row in (await ask(desk, "delay-causes", by="cause"))["rows"]}
        assert "Waited for shipping" in labels

    async def test_behind_every_bar_are_the_orders_that_make_it_up(
        self, desk: httpx.AsyncClient
    ) -> None:
        for by in ("cause", "subject", "customer", "line"):
            report = await ask(desk, "delay-causes", by=by)
            for row in report["rows"]:
                behind = await ask(
                    desk, "lines", report="delay-causes", by=by, key=row["key"],
                    as_of=report["as_of"],
                )  # fmt: skip
                figures = row["figures"]
                assert sum(line["value_ms"] for line in behind["items"]) == int(
                    figures["delay"]["part"]
                )
                assert str(behind["total"]) == figures["late_orders"]["part"]
                for line in behind["items"]:
                    assert sum(share["ms"] for share in line["shares"]) == line["delay_ms"]


@pytest.mark.usefixtures("late")
class TestLines:
    async def test_pages_fit_together(self, desk: httpx.AsyncClient) -> None:
        whole = await ask(desk, "lines", report="delivery")
        assert [line["order"] for line in whole["items"]] == ["A4", "A1", "A2", "A3"]
        assert (whole["total"], whole["next"]) == (4, None)
        found, cursor = [], None
        for _ in range(4):
            page = await ask(
                desk, "lines", report="delivery", limit=1, as_of=whole["as_of"],
                **({} if cursor is None else {"cursor": cursor}),
            )  # fmt: skip
            found += page["items"]
            cursor = page["next"]
        assert found == whole["items"]

    @pytest.mark.parametrize(
        ("outcome", "expected"),
        [
            ("on_time_in_full", ["A3"]),
            ("missed", ["A4", "A1", "A2"]),
            ("late", ["A1", "A2"]),
            ("incomplete", ["A4"]),
        ],
    )
    async def test_only_some_outcomes(
        self, desk: httpx.AsyncClient, outcome: str, expected: list[str]
    ) -> None:
        page = await ask(desk, "lines", report="delivery", outcome=outcome)
        assert [line["order"] for line in page["items"]] == expected

    async def test_of_a_lead_times_stage(self, desk: httpx.AsyncClient) -> None:
        page = await ask(desk, "lines", report="lead-times", by="stage", key="production")
        assert [(line["order"], line["value_ms"]) for line in page["items"]] == [
            ("A1", 12 * HOUR),
            ("A2", 10 * HOUR),
        ]
        page = await ask(desk, "lines", report="lead-times", by="customer", key="bolt")
        assert [line["order"] for line in page["items"]] == ["A2"]

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ({"report": "delivery", "key": "x"}, "by"),
            ({"report": "delivery", "by": "cause"}, "by"),
            ({"report": "delivery", "cursor": "nonsense"}, "cursor"),
            ({"report": "luck"}, "invalid"),
        ],
    )
    async def test_what_cannot_be_is_refused(
        self, desk: httpx.AsyncClient, query: dict[str, str], code: str
    ) -> None:
        answer = await desk.get("/v1/reports/lines", params=query)
        assert answer.status_code == 422
        assert answer.json()["code"] == code

    async def test_of_lines_one_may_not_see_nothing_is_told(self, api: Api) -> None:
        limited = await api.as_role(Role.VIEWER, lines=("plant/a/l2",))
        page = await ask(limited, "lines", report="delivery")
        assert [line["order"] for line in page["items"]] == ["A2"]


class TestLeadTimes:
    @pytest.mark.usefixtures("late")
    async def test_stages_add_up_to_the_whole(self, desk: httpx.AsyncClient) -> None:
        report = await ask(desk, "lead-times", by="stage")
        lead = report["totals"]["lead_time"]
        assert lead["whole"] == "3"
        stages = by_key(report)
        assert list(stages) == [
            "confirmation", "release", "start", "production", "packing", "shipping"
        ]  # fmt: skip
        whole = sum(int(figures["lead_time"]["part"]) for figures in stages.values())
        assert str(whole) == lead["part"]
        shares = [figures["stage_share"] for figures in stages.values()]
        assert sum(int(share["part"]) for share in shares) == int(shares[0]["whole"])
        assert stages["release"]["lead_time"]["absent"] == "nothing_ended"
        assert report["totals"]["order_processing_time"]["value"] == DAY
        lengths = sorted([9 * DAY + 16 * HOUR, 9 * DAY + 34 * HOUR + 2 * HOUR, 9 * DAY + 10 * HOUR])
        assert parts(report["totals"], "lead_time_median", "lead_time_p90") == [
            str(lengths[1]),
            str(lengths[2]),
        ]

    @pytest.mark.usefixtures("late")
    async def test_by_customer_and_day(self, desk: httpx.AsyncClient) -> None:
        report = await ask(desk, "lead-times", by="customer")
        found = by_key(report)
        assert [found[key]["ended_lines"]["part"] for key in ("acme", "bolt")] == ["2", "1"]
        ended = [each["figures"]["ended_lines"]["part"] for each in report["series"]]
        assert ended == ["2", "1", "0", "0", "0", "0", "0"]
        made = await ask(desk, "lead-times", stage="production")
        assert made["totals"]["ended_lines"]["part"] == "2"


class TestForecasts:
    async def test_promised_and_planned(self, desk: httpx.AsyncClient, orders: ReportPlant) -> None:
        order = await orders.order(
            "A1", due_ms=T0 + 2 * DAY, confirmed_ms=T0 - 8 * DAY, produced_ms=T0 + 4 * DAY
        )
        await orders.plan({order: T0 + 3 * DAY}, published_ms=T0)
        await orders.ship(order, at_ms=T0 + 4 * DAY)
        early = await orders.order("A2", due_ms=T0 + 3 * DAY, confirmed_ms=T0)
        await orders.ship(early, at_ms=T0 + DAY)
        await orders.keep()
        report = await ask(desk, "forecasts", by="horizon")
        assert parts(report["totals"], "forecasts", "late_forecasts") == ["2", "1"]
        assert report["totals"]["forecast_error"]["value"] == 2 * DAY
        assert (report["totals"]["forecast_wape"]["part"]) == str(4 * DAY)
        assert (report["totals"]["forecast_wape"]["whole"]) == str(13 * DAY)
        assert report["totals"]["forecast_bias"]["part"] == "0"
        found = by_key(report)
        assert list(found) == ["promised:3", "promised:14", "planned:1", "planned:3"]
        assert found["planned:3"]["forecast_error"]["value"] == DAY
        assert found["promised:3"]["forecast_mape"]["value"] == 2
        for key, count in (("promised:3", 1), ("planned:1", 1)):
            behind = await ask(desk, "lines", report="forecasts", by="horizon", key=key)
            assert behind["total"] == count
        kinds = by_key(await ask(desk, "forecasts", by="kind"))
        assert parts(kinds["planned"], "forecasts") == ["2"]


class TestTurns:
    async def moved(
        self, orders: ReportPlant, item: str, *moves: tuple[int, str, str, int]
    ) -> None:
        """Goods from an account to another: (when, from, to, quantity)."""
        await orders.run(
            """
            INSERT INTO locations (site_id, code)
            SELECT id, 'shelf' FROM sites WHERE code = 'plant'
            ON CONFLICT DO NOTHING
            """
        )
        lot = await orders.one(
            """
            INSERT INTO stock_lots (item_id, site_id, location_id, status, quantity)
            SELECT i.id, l.site_id, l.id, 'available', 0 FROM items i, locations l
            WHERE i.code = %s AND l.code = 'shelf' RETURNING id
            """,
            item,
        )
        for at_ms, source, target, quantity in moves:
            await orders.run(
                """
                WITH posting AS (
                    INSERT INTO stock_postings (site_id, kind, actor, origin, occurred_at)
                    SELECT id, 'receipt', 't', 't', %s FROM sites WHERE code = 'plant'
                    RETURNING id, site_id)
                INSERT INTO stock_ledger (posting_id, item_id, site_id, quantity, from_account,
                    from_lot_id, to_account, to_lot_id, head_version)
                SELECT p.id, i.id, p.site_id, %s, %s, %s, %s, %s, 1
                FROM posting p, items i WHERE i.code = %s
                """,
                at(at_ms), quantity, source, lot if source == "stock" else None, target,
                lot if target == "stock" else None, item,
            )  # fmt: skip

    async def test_items_in_their_units_and_the_whole_in_money(
        self, desk: httpx.AsyncClient, orders: ReportPlant
    ) -> None:
        moves = [
            (T0 - 3 * DAY, "supplier", "stock", 70),
            (T0 + HOUR, "stock", "customer", 20),
            (T0 + 2 * DAY, "stock", "production", 10),
            (T0 + 3 * DAY, "stock", "use", 5),
            (T0 + 4 * DAY, "production", "stock", 30),
            (T0 + 8 * DAY, "stock", "customer", 1),
        ]
        await self.moved(orders, "gear", *moves)
        await self.moved(orders, "axle", (T0 + DAY, "supplier", "stock", 4))
        week = Span(T0, T0 + 7 * DAY)
        expected = stock(
            Decimal(70),
            [
                Movement(
                    at_ms,
                    Decimal(quantity if target == "stock" else -quantity),
                    used=target in ("customer", "production"),
                )
                for at_ms, _, target, quantity in moves[1:-1]
            ],
            week,
        )
        report = await ask(desk, "turns", by="item")
        gear = by_key(report)["gear"]
        assert gear["inventory_turns"]["value"] == expected.turns.value
        assert gear["inventory_days"]["value"] == expected.days.value
        assert gear["stock_average"]["value"] == expected.average.value
        assert by_key(report)["axle"]["stock_average"]["value"] == pytest.approx(24 / 7)
        assert report["totals"]["inventory_turns"]["absent"] == "no_cost"
        assert [note["code"] for note in report["notes"]] == ["no_cost"]
        await orders.run(
            """
            INSERT INTO item_costs (item_id, valid_from, currency, cost, recorded_by)
            SELECT id, '2026-01-01', 'CNY', 3, 't' FROM items
            """
        )
        valued = await ask(desk, "turns", by="site")
        average = valued["totals"]["stock_average"]
        assert average["currency"] == "CNY"
        whole = (expected.level_ms + 6 * DAY * 4) * 3 / (7 * DAY)
        assert average["value"] == pytest.approx(float(whole))
        assert by_key(valued)["plant"]["stock_average"] == average
        assert by_key(valued)["other"]["stock_average"]["value"] is None
        again = await ask(desk, "turns", by="item", as_of=report["as_of"])
        assert again == {**report, "preliminary": again["preliminary"]}

    async def test_days_add_up_to_the_week(
        self, desk: httpx.AsyncClient, orders: ReportPlant
    ) -> None:
        await self.moved(
            orders,
            "gear",
            (T0 + HOUR, "supplier", "stock", 10),
            (T0 + 30 * HOUR, "stock", "customer", 4),
        )
        await orders.run(
            """
            INSERT INTO item_costs (item_id, valid_from, currency, cost, recorded_by)
            SELECT id, '2026-01-01', 'CNY', 1, 't' FROM items
            """
        )
        report = await ask(desk, "turns")
        days = [Fraction(each["figures"]["stock_average"]["part"]) for each in report["series"]]
        assert sum(days) == Fraction(report["totals"]["stock_average"]["part"])
        assert days[0] == 10 * 23 * HOUR


class TestAnswers:
    @pytest.mark.usefixtures("late")
    async def test_what_was_asked_is_counted_and_written(
        self, api: Api, desk: httpx.AsyncClient
    ) -> None:
        assert (await desk.get("/v1/orders/A1/status")).is_success
        assert (await desk.get("/v1/orders/nobody/status")).status_code == 404
        assert (await api.client().get("/v1/orders/A1/status")).status_code == 401
        counts = api.context.metrics.answers
        since = SystemClock().now_ms()
        await answering.write(api.context.pool, counts, since)
        await answering.write(api.context.pool, counts, since)
        counts.count("GET", "/v1/orders/{number:path}/status", 500, 0.01)
        counts.count("GET", "/v1/orders/{number:path}", 200, 7.0)
        await answering.write(api.context.pool, counts, since)
        today = at(since).date().isoformat()
        report = await ask(desk, "service-level", by="question", **{"from": today, "to": today})
        found = by_key(report)
        level = found["order_status"]["service_level"]
        assert (level["part"], level["whole"]) == ("2", "3")
        assert found["order"]["service_level"]["value"] == 0
        assert report["totals"]["answers"]["part"] == "4"

    async def test_what_cannot_be_written_is_counted_on(self, api: Api, late: ReportPlant) -> None:
        counts = answering.AnswerCounts()
        counts.count("GET", "/v1/tracking/{token}", 200, 0.05)
        await late.run("ALTER TABLE api_answers RENAME TO api_answers_away")
        await answering.write(api.context.pool, counts, 0)
        await late.run("ALTER TABLE api_answers_away RENAME TO api_answers")
        counts.count("GET", "/v1/tracking/{token}", 200, 3.0)
        assert counts.take()["tracking"].within == {
            100: 1, 500: 0, 1_000: 0, 2_000: 0, 5_000: 1, 10_000: 0
        }  # fmt: skip


@pytest.mark.usefixtures("late")
class TestOverview:
    async def test_every_figure_with_target_and_before(self, api: Api) -> None:
        planner = await api.as_role(Role.PLANNER)
        answer = await planner.put(
            "/v1/reports/targets",
            json={
                "targets": [{"code": "lead_time", "valid_from": "2026-01-01", "target": 5 * DAY}]
            },
        )
        assert answer.is_success
        report = await ask(planner, "overview", **{"from": "2026-01-06", "to": "2026-01-06"})
        totals = report["totals"]
        assert totals["on_time_in_full"]["value"] == 0.5
        assert totals["on_time_in_full"]["previous"] == 0
        assert totals["lead_time"]["target"] == 5 * DAY
        assert totals["inventory_turns"]["absent"] == "no_stock"
        assert {each["code"] for each in report["definitions"]} == set(totals)
        delivery = await ask(planner, "delivery", **{"from": "2026-01-06", "to": "2026-01-06"})
        for code, figure in delivery["totals"].items():
            assert totals[code]["part"] == figure["part"]

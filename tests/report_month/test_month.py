"""A month with 10,000 orders: every report says what an independent computation says."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import month_booking
import month_books as books
import month_money as money
import pytest
from month_told import Told

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


def parts(figure: dict[str, Any]) -> tuple[Fraction, Fraction]:
    """Part and whole, exactly."""
    return Fraction(figure["part"]), Fraction(figure["whole"])


def told_as(figures: dict[str, Any], expected: dict[str, tuple[int, int]]) -> None:
    """All of these figures have just these parts."""
    found = {code: parts(figures[code]) for code in expected}
    assert found == {code: (Fraction(a), Fraction(b)) for code, (a, b) in expected.items()}


@pytest.mark.parametrize("against", ["first", "current"])
async def test_deliveries(told: Told, against: str) -> None:
    report = await told.report("delivery", against=against, by="customer", grain="day")
    told_as(report["totals"], books.delivery(told.month, against))
    by_customer = books.delivery_by(told.month, against, "customer")
    assert {row["key"] for row in report["rows"]} == by_customer.keys()
    for row in report["rows"]:
        told_as(row["figures"], by_customer[row["key"]])
    # Clocks go back within the month: its days are 745 hours long together.
    codes = ("on_time_in_full", "fulfilment_rate")
    for code in codes:
        summed = [parts(point["figures"][code]) for point in report["series"]]
        whole = parts(report["totals"][code])
        assert (sum(part for part, _ in summed), sum(all_ for _, all_ in summed)) == whole


async def test_lead_times(told: Told) -> None:
    report = await told.report("lead-times", by="stage", grain="week")
    expected = books.lead_times(told.month)
    told_as(report["totals"], {"lead_time": expected.pop("lead_time")})
    for row in report["rows"]:
        told_as(row["figures"], {"lead_time": expected.pop(row["key"])})
    assert expected == {}


async def test_causes_of_delay(told: Told) -> None:
    report = await told.report("delay-causes", by="cause")
    late = books.delays(told.month, told.judged_ms)
    delay = sum(each.delay_ms for each in late)
    assert parts(report["totals"]["delay"])[0] == delay
    assert parts(report["totals"]["late_orders"])[0] == len(late)
    assert sum(parts(row["figures"]["delay"])[0] for row in report["rows"]) == delay
    causes = {cause for each in late for cause in each.shares}
    assert {row["key"] for row in report["rows"]} == causes
    for row in report["rows"]:
        having = [each.shares[row["key"]] for each in late if row["key"] in each.shares]
        # Shares are whole milliseconds: where several divide one delay, a remainder is somebody's.
        assert abs(parts(row["figures"]["delay"])[0] - sum(having)) <= len(late), row["key"]
        assert abs(parts(row["figures"]["late_orders"])[0] - len(having)) <= 1, row["key"]


async def test_promised_and_planned_dates(told: Told) -> None:
    report = await told.report("forecasts", by="horizon")
    found = books.promised(told.month)
    told_as(report["totals"], _errors(found))
    rows = {row["key"]: row["figures"] for row in report["rows"]}
    planned = {days: books.foreseen(told.month, days) for days in (1, 3, 7, 14, 28)}
    assert planned[1]["count"] > 1_000
    for days, expected in planned.items():
        if expected["count"]:
            told_as(rows.pop(f"planned:{days}"), _errors(expected))
    assert not [key for key in rows if key.startswith("planned:")]


def _errors(found: dict[str, int]) -> dict[str, tuple[int, int]]:
    return {
        "forecast_wape": (found["absolute"], found["lead"]),
        "forecast_bias": (found["error"], found["lead"]),
        "forecast_error": (found["absolute"], found["count"]),
        "late_forecasts": (found["late"], found["count"]),
    }


@pytest.mark.parametrize("by", ["machine", "line", "shift"])
async def test_effectiveness_of_equipment(told: Told, by: str) -> None:
    report = await told.report("oee", by=by, grain="day")
    spent, made = books.spent(told.month), books.pieces(told.month)
    assert rates(report["totals"]) == books.oee(spent, made)
    for table in (spent, made):
        table["line"] = table["machine"].str.rsplit("/", n=1).str[0]
    rows = {row["key"]: row["figures"] for row in report["rows"]}
    assert rows.keys() >= set(spent[by].unique()) - {""}
    for key, some in spent.groupby(by):
        if key:
            assert rates(rows[str(key)]) == books.oee(some, made[made[by] == key]), key


def rates(figures: dict[str, Any]) -> dict[str, Fraction]:
    """The index and its factors, exactly."""
    found = {}
    for code in ("availability", "effectiveness", "quality_ratio"):
        part, whole = parts(figures[code])
        found[code] = part / whole
    product = found["availability"] * found["effectiveness"] * found["quality_ratio"]
    assert figures["oee"]["value"] == pytest.approx(float(product))
    return found | {"oee": product}


async def test_losses(told: Told) -> None:
    report = await told.report("losses", by="reason")
    expected = {
        f"{label}:{reason or ''}": ms
        for (label, reason), ms in books.losses(books.spent(told.month)).items()
    }
    found = {row["key"]: int(row["figures"]["lost_time"]["part"]) for row in report["rows"]}
    assert found == expected
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert sum(parts(row["figures"]["share"])[0] for row in report["rows"]) == 1


async def test_scrap(told: Told) -> None:
    report = await told.report("scrap", by="item")
    made = books.pieces(told.month)
    produced = int((made["good"] + made["scrap"]).sum())
    told_as(report["totals"], {"scrap_ratio": (int(made["scrap"].sum()), produced)})
    by_item = {
        str(item): (int(some["scrap"].sum()), int((some["good"] + some["scrap"]).sum()))
        for item, some in made.groupby("item")
    }
    assert {row["key"] for row in report["rows"]} == by_item.keys()
    for row in report["rows"]:
        told_as(row["figures"], {"scrap_ratio": by_item[row["key"]]})


async def test_scrap_costs(told: Told) -> None:
    report = await told.report("scrap", by="item")
    expected = money.scrap_costs(books.pieces(told.month))
    assert {row["key"]: _scrapped(row["figures"]) for row in report["rows"]} == expected
    assert _scrapped(report["totals"]) == (
        sum(cost for cost, _ in expected.values()),
        sum(without for _, without in expected.values()),
    )
    # Both kinds are there: what has a cost, and what has none.
    assert all(sum(column) > 0 for column in zip(*expected.values(), strict=True))


def _scrapped(figures: dict[str, Any]) -> tuple[Fraction, int]:
    """What scrap cost, and how many pieces have no cost."""
    cost = figures.get(f"scrap_cost:{money.CURRENCY}")
    return parts(cost)[0] if cost else Fraction(0), int(figures["uncosted"]["part"])


async def test_inventory_turns(told: Told) -> None:
    async with told.api.context.connection() as connection:
        ledger = await month_booking.ledger(connection)
    for item in money.MATERIALS:
        drawn = [each for each in money.moved() if each.item == item]
        some = ledger[ledger["item"] == item].sort_values("at_ms")
        assert list(zip(some["at_ms"], some["change"], some["used"], strict=True)) == [
            (each.at_ms, each.change, each.quantity if each.what in money.USED else 0)
            for each in drawn
        ], item
    stocks = money.kept(ledger)
    report = await told.report("turns", by="item")
    assert {row["key"]: _turned(row["figures"]) for row in report["rows"]} == {
        item: money.turns(stock) for item, stock in stocks.items()
    }
    whole, without = money.in_money(stocks)
    assert whole.used > 0
    assert without > 0
    assert _turned(report["totals"]) == money.turns(whole)
    assert [note["code"] for note in report["notes"]] == ["no_cost"]


def _turned(figures: dict[str, Any]) -> dict[str, Fraction | None]:
    """Turns, days and average, exactly; None: told as absent."""
    found: dict[str, Fraction | None] = {}
    for code in ("inventory_turns", "inventory_days", "stock_average"):
        part, whole = parts(figures[code])
        found[code] = None if figures[code].get("absent") else part / whole
    return found


async def test_service_level(told: Told) -> None:
    report = await told.report("service-level", by="question")
    expected = money.service(money.asked())
    rows = {row["key"]: row["figures"] for row in report["rows"]}
    assert rows.keys() == expected.keys() == money.QUESTIONS.keys()
    for question, figures in rows.items():
        told_as(figures, {"service_level": expected[question]})
    good, count = (sum(column) for column in zip(*expected.values(), strict=True))
    told_as(report["totals"], {"service_level": (good, count)})
    assert 0 < good < count

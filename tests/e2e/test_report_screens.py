"""Reports in Chromium: the API's figures, what is behind bars, files, reasons of stops, Chinese."""

from __future__ import annotations

import asyncio
import io
from typing import Any
from urllib.parse import parse_qs, urlparse

import openpyxl
import pypdf
import pytest
from browsing import GENEROUS_MS, new_page, sign_in
from installation import Installation, eventually
from playwright.async_api import Browser, Page, expect
from report_plant import MACHINE, PASSWORD, SITE, build, last_week, moment

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]

MONDAY, SUNDAY = last_week()
WEEK = f"period=custom&from={MONDAY}&to={SUNDAY}"
PERIOD = {"site": SITE, "from": MONDAY.isoformat(), "to": SUNDAY.isoformat(), "grain": "day"}
WEDNESDAY = moment(2, 12).date().isoformat()
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def plant(installation: Installation) -> Installation:
    """A plant with a week behind it."""
    asyncio.run(build(installation))
    return installation


async def opened(
    plant: Installation,
    browser: Browser,
    address: str,
    *,
    name: str = "rena",
    language: str = "en",
    phone: bool = False,
) -> Page:
    page = await new_page(browser, phone=phone, language=language)
    await sign_in(page, plant, name, PASSWORD)
    await page.goto(f"{plant.addresses.http_url}{address}")
    return page


async def report(plant: Installation, name: str, **query: str) -> dict[str, Any]:
    async with plant.api() as api:
        answer = await api.get(f"/v1/reports/{name}", params={**PERIOD, **query})
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def asked(page: Page) -> dict[str, str]:
    """What stands in the address."""
    return {name: values[0] for name, values in parse_qs(urlparse(page.url).query).items()}


async def test_figures_are_those_of_the_api_and_bars_lead_to_their_orders(
    plant: Installation, browser: Browser
) -> None:
    page = await opened(plant, browser, f"/reports?{WEEK}")
    totals = (await report(plant, "overview"))["totals"]
    assert totals["on_time_in_full"]["value"] == pytest.approx(0.4)
    for code in ("on_time_in_full", "delay", "lead_time", "quality_ratio", "availability"):
        tile = page.get_by_test_id(f"kpi-{code}")
        await expect(tile).to_be_visible()
        shown = await tile.get_attribute("data-value")
        assert float(shown or "nan") == pytest.approx(totals[code]["value"]), code
    await expect(page.get_by_test_id("kpi-on_time_in_full")).to_contain_text("40.0 %")

    # What it means stands beside it.
    await page.get_by_test_id("kpi-on_time_in_full").get_by_role("button", name="What").click()
    await expect(page.get_by_test_id("kpi-on_time_in_full")).to_contain_text(
        "order lines due in the period"
    )
    await page.keyboard.press("Escape")

    causes = await report(plant, "delay-causes", by="cause")
    chart = page.get_by_test_id("chart-delay-causes")
    bars = chart.locator("[data-mark]")
    await expect(bars).to_have_count(len(causes["rows"]))
    first = causes["rows"][0]
    await bars.first.focus()
    await expect(bars.first).to_have_attribute("data-mark", first["key"])
    await expect(chart.locator(".tip")).to_contain_text(first["label"])
    if len(causes["rows"]) > 1:
        await page.keyboard.press("ArrowRight")
        await expect(bars.nth(1)).to_be_focused()
        await page.keyboard.press("Home")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    behind = await report(plant, "lines", report="delay-causes", by="cause", key=first["key"])
    await expect(dialog).to_contain_text(first["label"])
    await expect(dialog.get_by_test_id("report-lines").locator("tbody tr")).to_have_count(
        behind["total"]
    )
    assert asked(page)["behind"] == f"delay-causes:cause:{first['key']}"
    order = behind["items"][0]["order"]
    await dialog.get_by_role("link", name=order).first.click()
    await page.wait_for_url(f"**/orders/{order}")
    await page.go_back()
    await expect(page.get_by_role("dialog")).to_contain_text(first["label"])
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert "behind" not in asked(page)


async def test_the_address_holds_what_is_asked(plant: Installation, browser: Browser) -> None:
    page = await opened(plant, browser, "/reports")
    await page.get_by_test_id("period-month").click()
    await expect(page.get_by_test_id("period-month")).to_have_attribute("aria-pressed", "true")
    assert asked(page) == {"period": "month"}
    await page.get_by_test_id("period-custom").click()
    await page.fill("input[name=from]", MONDAY.isoformat())
    await page.fill("input[name=to]", SUNDAY.isoformat())
    await page.select_option("select[name=grain]", "week")
    await page.select_option("select[name=line]", f"{SITE}/press/line-1")
    await expect(page.get_by_test_id("kpi-late_orders")).to_have_attribute("data-value", "3")
    address = page.url
    assert asked(page) == {
        "period": "custom",
        "from": MONDAY.isoformat(),
        "to": SUNDAY.isoformat(),
        "grain": "week",
        "line": f"{SITE}/press/line-1",
    }
    # The same address is the same page, for somebody else, too.
    other = await new_page(browser)
    await sign_in(other, plant, "vito", PASSWORD)
    await other.goto(address)
    await expect(other.get_by_test_id("kpi-late_orders")).to_have_attribute("data-value", "3")
    await expect(other.locator("select[name=grain]")).to_have_value("week")
    await expect(other.get_by_test_id("target-on_time_in_full")).to_have_count(0)

    # Before all of it was told nothing was known of that week.
    await page.fill("input[name=as_of]", f"{MONDAY.isoformat()}T00:00")
    await expect(page.get_by_test_id("as-of")).to_be_visible()
    await expect(page.get_by_test_id("kpi-on_time_in_full")).to_have_attribute("data-value", "")
    past = await report(plant, "overview", as_of=asked(page)["as_of"])
    assert past["totals"]["on_time_in_full"]["value"] is None
    await page.get_by_test_id("as-of").get_by_role("button").click()
    await expect(page.get_by_test_id("kpi-late_orders")).to_have_attribute("data-value", "3")


async def test_a_target_is_set_where_it_stands(plant: Installation, browser: Browser) -> None:
    page = await opened(plant, browser, f"/reports?{WEEK}")
    tile = page.get_by_test_id("kpi-on_time_in_full")
    await page.get_by_test_id("target-on_time_in_full").press("Enter")
    await page.keyboard.type("ninety")
    await expect(tile.get_by_role("alert")).to_contain_text("number")
    await page.keyboard.press("ControlOrMeta+A")
    await page.keyboard.type("95")
    await page.keyboard.press("Enter")
    await expect(tile).to_have_attribute("data-met", "false")
    await expect(tile).to_contain_text("Target 95.0 %: missed")
    await expect(page.get_by_test_id("chart-delivery").first).to_contain_text("Target 95.0 %")
    async with plant.api() as api:
        told = (await api.get("/v1/audit", params={"action": "ReportTargetsChanged"})).json()
    assert told["items"][0]["actor"].endswith("rena")


async def taken(page: Page, testid: str, kind: str) -> bytes:
    """The file that an entry of an export menu gives."""
    menu = page.get_by_test_id(testid).first
    async with page.expect_download() as started:
        await menu.get_by_role("button").first.click()
        await menu.get_by_test_id(f"{testid}-{kind}").click()
    download = await started.value
    return (await download.path()).read_bytes()


async def test_a_chart_is_taken_along(plant: Installation, browser: Browser) -> None:
    page = await opened(plant, browser, f"/reports?{WEEK}")
    await expect(page.get_by_test_id("chart-delay-causes")).to_be_visible()
    causes = await report(plant, "delay-causes", by="cause")
    label = causes["rows"][0]["label"]

    assert (await taken(page, "export-delay-causes", "png")).startswith(PNG)
    picture = (await taken(page, "export-delay-causes", "svg")).decode()
    assert "<svg" in picture
    assert "Causes of delay" in picture
    assert label.split()[0] in picture
    assert "data-mark" not in picture
    assert "var(--" not in picture, "a file has no page to take its colours from"

    text = (await taken(page, "export-delay-causes", "csv")).decode("utf-8-sig")
    assert label in text
    book = openpyxl.load_workbook(
        io.BytesIO(await taken(page, "export-delay-causes", "xlsx")), read_only=True
    )
    cells = [cell for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row]
    assert label in cells
    pdf = pypdf.PdfReader(io.BytesIO(await taken(page, "export-delay-causes", "pdf")))
    assert label.split()[0] in "".join(each.extract_text() for each in pdf.pages).replace("\0", "")

    # The same figures as numbers, for whoever does not see charts.
    await page.get_by_test_id("table-delay-causes").click()
    await expect(page.get_by_test_id("figures-delay-causes").locator("tbody tr")).to_have_count(
        len(causes["rows"])
    )


async def test_a_loss_leads_to_the_machines_day_and_gets_its_reason(
    plant: Installation, browser: Browser
) -> None:
    page = await opened(plant, browser, f"/reports?{WEEK}", name="olaf")
    losses = await report(plant, "losses", by="reason")
    [unexplained] = [row for row in losses["rows"] if row["key"] == "delay:"]
    assert unexplained["figures"]["lost_time"]["value"] == 3_600_000
    await page.get_by_test_id("chart-losses").locator("[data-mark='delay:']").press("Enter")
    table = page.get_by_test_id("report-stretches")
    await expect(table.locator("tbody tr")).to_have_count(1)
    await table.get_by_role("link", name="Press 1").click()
    await page.wait_for_url("**/reports/stops?**")
    assert asked(page) == {"machine": MACHINE, "day": WEDNESDAY}

    strip = page.get_by_test_id("strip")
    await expect(strip.locator("[data-mark]")).to_have_count(3)
    stop = page.get_by_test_id("stops").locator("tbody tr", has_text="10:00")
    await expect(stop).to_contain_text("none told")
    await strip.locator("[data-mark]").first.focus()
    await page.keyboard.press("Enter")
    reasons = page.get_by_test_id("reasons")
    await expect(reasons).to_contain_text("10:00–11:00 (1 h)")
    await expect(reasons.get_by_role("button").first).to_be_visible()
    place = 1 + await reasons.locator("[data-testid^='reason-']").evaluate_all(
        "all => all.findIndex((one) => one.dataset.testid === 'reason-jammed')"
    )
    assert 0 < place <= 9
    await reasons.locator(".reason-button").first.focus()
    await page.keyboard.press(str(place))
    await expect(stop).to_contain_text("Material jam")
    await expect(stop).to_contain_text("olaf")

    async def lost() -> dict[str, float]:
        rows = (await report(plant, "losses", by="reason"))["rows"]
        return {row["key"]: row["figures"]["lost_time"]["value"] for row in rows}

    told = await eventually(lost, lambda found: "delay:jammed" in found)
    assert told["delay:jammed"] == 3_600_000
    assert "delay:" not in told

    await page.get_by_role("status").get_by_role("button", name="Undo").click()
    await expect(stop).to_contain_text("none told")
    assert "delay:" in await eventually(lost, lambda found: "delay:jammed" not in found)


async def test_chinese_on_a_phone(plant: Installation, browser: Browser) -> None:
    page = await opened(
        plant, browser, f"/reports?{WEEK}", name="vito", language="zh-CN", phone=True
    )
    tile = page.get_by_test_id("kpi-on_time_in_full")
    await expect(tile).to_contain_text("准时足量交付率")
    await expect(tile).to_contain_text("40.0%")
    await expect(page.get_by_test_id("chart-delay-causes")).to_be_visible()
    await expect(page.get_by_test_id("card-delay-causes")).to_contain_text("等待发运")
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, "nothing is wider than the phone"
    # No words of a chart are cut by its edge.
    cut = await page.evaluate(
        """() => [...document.querySelectorAll('.plot svg text')].filter((text) => {
            const own = text.getBoundingClientRect();
            const svg = text.ownerSVGElement.getBoundingClientRect();
            return own.left < svg.left - 2 || own.right > svg.right + 14;
        }).map((text) => text.textContent)"""
    )
    assert cut == []
    await page.get_by_test_id("filters-fold").click()
    await page.get_by_test_id("period-quarter").click()
    await expect(page.get_by_test_id("report-period")).to_contain_text("至")
    await page.goto(f"{plant.addresses.http_url}/reports/stops?machine={MACHINE}&day={WEDNESDAY}")
    await expect(page.get_by_test_id("stops").locator("tbody tr")).to_have_count(3)
    await expect(page.get_by_test_id("stops").get_by_role("button")).to_have_count(0)
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


async def test_a_schedule_is_made_changed_and_deleted(
    plant: Installation, browser: Browser
) -> None:
    page = await opened(plant, browser, "/reports/schedules")
    await page.get_by_test_id("schedule-new").press("Enter")
    dialog = page.get_by_role("dialog")
    await dialog.locator("input[name=name]").fill("Screens weekly")
    await dialog.locator("input[name=report-delivery]").check()
    await dialog.locator("select[name=site]").select_option(SITE)
    await dialog.locator("select[name=every]").select_option("week")
    await dialog.locator("select[name=weekday]").select_option("2")
    await dialog.locator("input[name=time]").fill("06:45")
    await dialog.locator("textarea[name=recipients]").fill("one@example.com; two@example.com")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0, timeout=GENEROUS_MS)
    row = page.get_by_test_id("schedule-screens-weekly")
    await expect(row).to_contain_text("Wednesday at 06:45")
    await expect(row).to_contain_text("two@example.com")
    async with plant.api() as api:
        told = (await api.get("/v1/report-schedules/screens-weekly")).json()
    assert (told["minute"], told["weekday"], told["every"]) == (405, 2, "week")
    assert told["reports"] == ["overview", "delivery"]

    await page.get_by_test_id("edit-screens-weekly").click()
    await dialog.locator("input[name=active]").uncheck()
    await dialog.get_by_role("button", name="Save").click()
    await expect(row).to_contain_text("paused")
    await page.get_by_test_id("sendings-screens-weekly").click()
    await expect(dialog).to_contain_text("Nothing was sent yet")
    await dialog.get_by_role("button", name="Close").click()
    await page.get_by_test_id("drop-screens-weekly").click()
    await page.get_by_test_id("confirm").click()
    await expect(row).to_have_count(0)

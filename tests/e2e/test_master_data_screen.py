"""Master data in Chromium: files looked at and taken in, lists searched, a field changed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from browsing import GENEROUS_MS, new_page, sign_in
from installation import Installation
from playwright.async_api import Browser, Page, expect

PASSWORD = "a long enough password"

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]

PLANT = """\
sites:
- {code: md, name: Master works, time_zone: Europe/Berlin}
machines:
- {path: md/turning/line-1/lathe-1, name: Lathe 1, capabilities: [turn]}
items:
- {code: MD-SHAFT, name: Shaft, family: shafts}
- {code: MD-BAR, name: Bar 20 mm, unit: m, kind: bought}
bills:
- item: MD-SHAFT
  version: A
  lines:
  - {component: MD-BAR, quantity: 0.4}
shift_patterns:
- code: md-two
  name: Two shifts
  shifts:
  - {shift: early, weekdays: [mon, tue, wed, thu, fri], start: '06:00', end: '14:00', breaks: ['09:00-09:15']}
  - {shift: late, weekdays: [mon, tue, wed, thu, fri], start: '14:00', end: '22:00'}
shift_plans:
- {at: md/turning, pattern: md-two}
"""  # noqa: E501 - as people write it

BROKEN = "code,name,kind\nMD-PIN,Pin,made\nMD-NUT,Nut,bougt\n"
MENDED = BROKEN.replace("bougt", "bought")


@pytest.fixture(scope="module")
def works(installation: Installation) -> Installation:
    """An installation with somebody who plans."""
    asyncio.run(_prepared(installation))
    return installation


async def _prepared(installation: Installation) -> None:
    code, said = await installation.gemba(
        "user", "add", "mandy", "--role", "planner", "--password-stdin", stdin=PASSWORD
    )
    assert code == 0, said
    async with installation.api() as api:
        answer = await api.post(
            "/v1/master-data", content=PLANT, headers={"Content-Type": "application/yaml"}
        )
    assert answer.is_success, answer.text


async def _planner(works: Installation, browser: Browser, address: str, language: str) -> Page:
    page = await new_page(browser, language=language)
    await sign_in(page, works, "mandy", PASSWORD)
    await page.goto(f"{works.addresses.http_url}{address}")
    return page


async def test_files_are_looked_at_and_taken_in(
    works: Installation, browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "items.csv"
    file.write_text(BROKEN)
    page = await _planner(works, browser, "/master-data?view=import", "en")
    await page.set_input_files("[data-testid=master-file]", file)
    await expect(page.get_by_test_id("master-faults")).to_contain_text("items.csv:3:3")
    await expect(page.get_by_test_id("master-apply")).to_have_count(0)

    file.write_text(MENDED)
    await page.set_input_files("[data-testid=master-file]", file)
    await expect(page.get_by_test_id("master-dry")).to_contain_text("2 records would change")
    await expect(page.get_by_test_id("master-changes")).to_contain_text("MD-PIN")
    async with works.api() as api:
        assert (await api.get("/v1/items/MD-PIN")).status_code == 404, "a preview writes nothing"
    await page.fill("input[name=reason]", "fasteners are ours now")
    await page.get_by_test_id("master-apply").click()
    await expect(page.get_by_test_id("master-applied")).to_contain_text("2 records were changed")
    async with works.api() as api:
        assert (await api.get("/v1/items/MD-NUT")).json()["kind"] == "bought"
        told = await api.get("/v1/audit", params={"action": "MasterDataImported"})
    assert told.json()["items"][0]["reason"] == "fasteners are ours now"


async def test_a_record_is_found_and_changed_by_keyboard(
    works: Installation, browser: Browser
) -> None:
    page = await _planner(works, browser, "/master-data", "en")
    await page.get_by_test_id("master-search").fill("shaf")
    await expect(page.get_by_test_id("master-total")).to_have_text("1 record")
    await page.get_by_role("button", name="Open MD-SHAFT").focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Bill of material, version A")
    await page.get_by_test_id("master-edit").press("Enter")
    await dialog.locator("input[name=batch_max]").fill("-5")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_contain_text("batch_max must be more than 0")
    await dialog.locator("input[name=batch_max]").fill("500")
    await dialog.locator("input[name=reason]").fill("new trays")
    await page.keyboard.press("Enter")
    await expect(dialog).to_have_count(0, timeout=GENEROUS_MS)
    async with works.api() as api:
        assert (await api.get("/v1/items/MD-SHAFT")).json()["batch_max"] == 500


async def test_a_shift_pattern_is_drawn_and_changed_in_chinese(
    works: Installation, browser: Browser
) -> None:
    page = await _planner(works, browser, "/master-data?kind=shift_patterns", "zh-CN")
    await page.get_by_role("button", name="打开 md-two").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator(".md-span")).to_have_count(15)
    await page.get_by_test_id("master-edit").click()
    await page.get_by_test_id("add-shift").click()
    await dialog.locator("input[name=shift-2]").fill("周六加班")
    await dialog.locator("input[name=start-2]").fill("08:00")
    await dialog.locator("input[name=end-2]").fill("12:00")
    days = dialog.get_by_role("group", name="星期").last
    for day in ("周一", "周二", "周三", "周四", "周五", "周六"):
        await days.get_by_role("button", name=day).click()
    await dialog.get_by_role("button", name="保存").click()
    await expect(dialog).to_have_count(0, timeout=GENEROUS_MS)
    async with works.api() as api:
        answer = await api.get("/v1/sites/md/shifts?at=md/turning/line-1/lathe-1&from=2027-01-09")
    saturday = answer.json()["shifts"][0]
    assert (saturday["shift"], saturday["starts_at"]) == ("周六加班", "2027-01-09T07:00:00Z")

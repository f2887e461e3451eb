"""What-if in Chromium: several changes in one draft, lanes of people and tools, oven loads."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from browsing import GENEROUS_MS, new_page, sign_in
from installation import Installation, eventually
from playwright.async_api import Browser, Locator, Page, expect

SITE = "thinking"
LINE = f"{SITE}/hall/line-1"
WELDERS, OVEN = (f"{LINE}/cell-1", f"{LINE}/cell-2"), f"{LINE}/oven"
ORDERS = ("THINK-1", "THINK-2", "THINK-3")
NAME = "thea"
PASSWORD = "a long enough password"

PLANT = f"""
sites: [{{code: {SITE}, name: Thinking, time_zone: Europe/Warsaw}}]
machines:
- {{path: {WELDERS[0]}, name: Cell 1, position: 1}}
- {{path: {WELDERS[1]}, name: Cell 2, position: 2}}
- {{path: {OVEN}, name: Oven, position: 3, batch_capacity: 1000}}
resources:
- {{site: {SITE}, code: anna, name: Anna, kind: operator, skills: [welder]}}
- {{site: {SITE}, code: bert, name: Bert, kind: operator, skills: [welder]}}
- {{site: {SITE}, code: jig, name: Jig 7, kind: tool}}
items: [{{code: frame, name: Frame, unit: pcs}}]
routings:
- item: frame
  site: {SITE}
  version: A
  steps:
  - number: 10
    name: Weld
    machine: {WELDERS[0]}
    cycle_ms: 60000
    alternatives: [{{machine: {WELDERS[1]}, cycle_ms: 60000, setup_ms: 0}}]
    needs: [welder]
  - number: 20
    name: Anneal
    machine: {OVEN}
    cycle_ms: 3600000
    batch_family: hot
    needs: [jig]
"""

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(600),
    # An event loop for all of them: the browser is started once.
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest.fixture(scope="module")
def plant(installation: Installation) -> Installation:
    """Two welding cells and an oven with two welders, three orders and a planner."""
    asyncio.run(_prepared(installation))
    return installation


async def _prepared(installation: Installation) -> None:
    code, said = await installation.gemba(
        "user", "add", NAME, "--role", "planner", "--password-stdin", stdin=PASSWORD
    )
    assert code == 0, said
    async with installation.api() as api:
        answer = await api.post(
            "/v1/master-data", content=PLANT, headers={"Content-Type": "application/yaml"}
        )
        assert answer.is_success, answer.text
        answer = await api.put("/v1/customers/thinkco", json={"name": "Think Co"})
        assert answer.is_success, answer.text
        for number, hours in zip(ORDERS, (9, 10, 11), strict=True):
            due = datetime.now(UTC) + timedelta(hours=hours)
            line = {"item": "frame", "quantity": 120, "due_at": due.isoformat()}
            order = {
                "number": number,
                "site": SITE,
                "customer": "thinkco",
                "release": True,
                "lines": [line],
            }
            answer = await api.post("/v1/orders", json=order)
            assert answer.status_code == 201, answer.text
        await eventually(lambda: _planned(api), lambda found: len(found) == 2 * len(ORDERS))


async def _planned(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    """The operations of the plan in force."""
    published = (await api.get(f"/v1/planning/{SITE}")).json()["published"]
    if published is None:
        return []
    found = (await api.get(f"/v1/plans/{published['id']}/operations")).json()
    items: list[dict[str, Any]] = found["items"]
    return items


async def _opened(page: Page, plant: Installation, query: str = "") -> Locator:
    await sign_in(page, plant, NAME, PASSWORD)
    await page.goto(f"{plant.addresses.http_url}/plan?scope={SITE}{query}")
    await expect(page.get_by_test_id("plan-summary")).to_be_visible(timeout=GENEROUS_MS)
    chart = page.get_by_test_id("gantt")
    await expect(chart).to_be_visible()
    return chart


def _local(hours: int) -> str:
    """A time of the plant's clock, so many hours from now, as a field takes it."""
    at = datetime.now(ZoneInfo("Europe/Warsaw")) + timedelta(hours=hours)
    return at.strftime("%Y-%m-%dT%H:%M")


async def test_several_changes_are_one_draft_and_more_comes_on_top(
    plant: Installation, browser: Browser
) -> None:
    page = await new_page(browser)
    await _opened(page, plant)
    await page.get_by_test_id("open-ask").click()
    await page.get_by_test_id("ask-work").click()
    await expect(page.get_by_test_id("ask")).to_contain_text("Choose a machine or a line.")
    # Both cells are down, the oven of their line is not. The times are the same for both.
    begin, end = _local(0), _local(5)
    for cell in ("Cell 1", "Cell 2"):
        await page.select_option("select[name=wish-kind]", "machine_down")
        await page.select_option("select[name=wish-where]", label=cell)
        await page.fill("input[name=wish-from]", begin)
        await page.fill("input[name=wish-until]", end)
        await page.get_by_test_id("ask-add").click()
    stack = page.get_by_test_id("ask-stack")
    await expect(stack.get_by_role("listitem")).to_have_count(2)
    # What is filled in counts as well; it is taken out of the list, and comes again.
    await stack.get_by_role("button").last.click()
    await expect(stack.get_by_role("listitem")).to_have_count(1)
    await page.select_option("select[name=wish-where]", label="Cell 2")
    await page.fill("input[name=wish-from]", begin)
    await page.fill("input[name=wish-until]", end)
    await page.fill("input[name=ask-name]", "Both cells down")
    await page.get_by_test_id("ask-work").click()
    draft = page.get_by_test_id("whatif")
    await expect(draft).to_contain_text("Draft: Both cells down")
    await expect(page.get_by_test_id("whatif-later")).to_contain_text(ORDERS[0])
    await expect(draft.get_by_role("list", name="What is changed")).to_contain_text("Cell 2")
    # A second thought on top of it, another policy. The stops are told as one; the last step can be
    # undone.
    first = await draft.get_attribute("data-draft")
    await page.get_by_test_id("whatif-more").click()
    await expect(page.get_by_test_id("ask")).to_contain_text("On top of the draft")
    await page.select_option("select[name=wish-kind]", "policy")
    await page.select_option("select[name=wish-goal-1]", "tardiness")
    await page.fill("input[name=wish-moveTolerance]", "30")
    await page.get_by_test_id("ask-work").click()
    await expect(draft).not_to_have_attribute("data-draft", str(first))
    changes = draft.get_by_role("list", name="What is changed")
    await expect(changes).to_contain_text("no start moves for less than 30 min")
    await expect(changes.get_by_role("listitem")).to_have_count(2)
    await page.get_by_test_id("gantt").focus()
    await page.keyboard.press("Control+z")
    await expect(changes.get_by_role("listitem")).to_have_count(1)
    await page.get_by_test_id("whatif-discard").click()
    await expect(draft).to_have_count(0)
    await page.context.close()


async def test_people_and_tools_have_lanes_and_who_is_away_is_told(
    plant: Installation, browser: Browser
) -> None:
    page = await new_page(browser)
    await _opened(page, plant, "&rows=resource")
    await expect(page.get_by_role("list", name="Legend")).to_contain_text("away")
    # The card of a bar says what it needs.
    await page.get_by_test_id("gantt").focus()
    await page.keyboard.press("Shift+ArrowRight")
    await expect(page.get_by_test_id("gantt-card")).to_contain_text("Needs")
    # The same lanes as a table: who there is, what they are needed for, and since now who is away.
    await page.get_by_test_id("gantt-table").click()
    table = page.get_by_role("region", name="The plan as a table")
    await expect(table.get_by_role("row", name="welder")).to_contain_text(["Anna, Bert"])
    await expect(table).to_contain_text("Jig 7")
    async with plant.api() as api:
        crew = {one["code"]: one["id"] for one in (await api.get("/v1/resources")).json()["items"]}
        answer = await api.post(
            f"/v1/resources/{crew['bert']}/absences",
            json={"starts_at": _moment(20), "ends_at": _moment(30), "reason": "training"},
        )
        assert answer.status_code == 201, answer.text
    await expect(table).to_contain_text("Bert is away: training")
    await page.context.close()


async def test_what_an_oven_takes_at_once_is_one_bar(plant: Installation, browser: Browser) -> None:
    async with plant.api() as api:
        loads = [each for each in await _planned(api) if each["machine"] == OVEN]
    alike = {(each["start"], each["end"]) for each in loads}
    assert len(alike) < len(loads), "the plan puts some of it into the oven together"
    page = await new_page(browser)
    await _opened(page, plant)
    chart = page.get_by_test_id("gantt")
    await chart.focus()
    card = page.get_by_test_id("gantt-card")
    await page.keyboard.press("Shift+ArrowRight")
    for _ in range(2):
        await page.keyboard.press("Shift+ArrowDown")
    # The row is entered where time stands: to its first bar, and from there to the right.
    for _ in loads:
        await page.keyboard.press("Shift+ArrowLeft")
    for _ in loads:
        if await card.get_by_text("Together with").count():
            break
        await page.keyboard.press("Shift+ArrowRight")
    await expect(card).to_contain_text("Together with")
    await page.context.close()


def _moment(hours: int) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()

"""The planner's tool in Chromium: drag, compare, publish, lock, explain, price a rush order."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from browsing import GENEROUS_MS, new_page, sign_in
from installation import Installation, eventually
from playwright.async_api import Browser, Page, expect

SITE = "dragging"
MACHINES = tuple(f"{SITE}/turning/line-1/lathe-{n}" for n in (1, 2))
ORDERS = ("DRAG-1", "DRAG-2", "DRAG-3")
NAME = "dagmar"
PASSWORD = "a long enough password"

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(600),
    # An event loop for all of them: the browser is started once.
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest.fixture(scope="module")
def plant(installation: Installation) -> Installation:
    """Two lathes with three orders, the last of which is late, and a planner."""
    asyncio.run(_prepared(installation))
    return installation


async def _prepared(installation: Installation) -> None:
    code, said = await installation.gemba(
        "user", "add", NAME, "--role", "planner", "--password-stdin", stdin=PASSWORD
    )
    assert code == 0, said
    first, second = (
        {"machine": machine, "cycle_ms": 60_000, "setup_ms": 300_000} for machine in MACHINES
    )
    steps = [{"number": 10, "name": "Turn", **first, "alternatives": [second]}]
    async with installation.api() as api:
        for path, body in (
            (f"sites/{SITE}", {"name": "Dragging", "time_zone": "Europe/Warsaw"}),
            # What is seen on the page stays where it is until somebody changes it.
            (f"planning/{SITE}/policy", {"improve_ms": 0}),
            *(
                (f"machines/{path}", {"name": f"Lathe {n}", "position": n})
                for n, path in enumerate(MACHINES, start=1)
            ),
            ("customers/dragco", {"name": "Drag Co"}),
            (
                "items/axle",
                {"name": "Axle", "unit": "pcs", "routings": [{"site": SITE, "steps": steps}]},
            ),
        ):
            answer = await api.put(f"/v1/{path}", json=body)
            assert answer.is_success, answer.text
        for number, minutes in zip(ORDERS, (240, 240, 130), strict=True):
            await _order(api, number, minutes)
        await eventually(lambda: _planned(api), lambda found: len(found) == len(ORDERS))


async def _order(api: httpx.AsyncClient, number: str, minutes: int) -> None:
    """Two hours of work, due in so many minutes."""
    due = datetime.now(UTC) + timedelta(minutes=minutes)
    line = {"item": "axle", "quantity": 120, "due_at": due.isoformat()}
    order = {
        "number": number,
        "site": SITE,
        "customer": "dragco",
        "release": True,
        "lines": [line],
    }
    answer = await api.post("/v1/orders", json=order)
    assert answer.status_code == 201, answer.text


async def _planned(api: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    """The operations of the plan in force by order."""
    published = (await api.get(f"/v1/planning/{SITE}")).json()["published"]
    if published is None:
        return {}
    found = (await api.get(f"/v1/plans/{published['id']}/operations")).json()
    return {each["order"]: each for each in found["items"]}


async def _opened(plant: Installation, browser: Browser, *, language: str = "en") -> Page:
    page = await new_page(browser, language=language)
    await sign_in(page, plant, NAME, PASSWORD)
    await page.goto(f"{plant.addresses.http_url}/plan?scope={SITE}")
    await expect(page.get_by_test_id("plan-summary")).to_be_visible(timeout=GENEROUS_MS)
    return page


async def _on(page: Page, plant: Installation, order: str) -> None:
    """Go to an order's bar with the keyboard."""
    await page.goto(f"{plant.addresses.http_url}/plan?scope={SITE}&order={order}")
    await expect(page.get_by_test_id("plan-summary")).to_be_visible(timeout=GENEROUS_MS)
    chart = page.get_by_test_id("gantt")
    await chart.focus()
    await chart.press("Shift+ArrowRight")
    await expect(page.get_by_test_id("gantt-card")).to_contain_text(order)


async def test_what_is_moved_by_keys_is_a_draft_that_is_compared_and_published(
    plant: Installation, browser: Browser
) -> None:
    page = await _opened(plant, browser)
    chart = page.get_by_test_id("gantt")
    await _on(page, plant, ORDERS[0])
    await chart.press("m")
    await expect(page.get_by_test_id("gantt-held")).to_contain_text("Enter puts it there")
    for _ in range(5):
        await chart.press("Shift+ArrowRight")
    await expect(page.get_by_test_id("gantt-held")).to_contain_text("5 h later")
    await chart.press("Enter")
    draft = page.get_by_test_id("whatif")
    await expect(page.get_by_test_id("whatif-effect")).to_contain_text("later")
    await expect(page.get_by_test_id("whatif-later")).to_contain_text(ORDERS[0])
    # A second step, taken back; then it is looked at beside the plan.
    await expect(draft).to_have_attribute("aria-busy", "false")
    first = await draft.get_attribute("data-draft")
    await chart.press("m")
    await chart.press("ArrowRight")
    await chart.press("Enter")
    await expect(draft).not_to_have_attribute("data-draft", str(first))
    await page.get_by_test_id("whatif-undo").click()
    await expect(page.get_by_test_id("whatif-undo")).to_have_count(0)
    await draft.get_by_role("link", name="Compare").click()
    await expect(page.get_by_test_id("compare-metrics")).to_contain_text("Draft")
    await expect(page.get_by_test_id("compare-orders")).to_contain_text(ORDERS[0])
    await page.go_back()
    await page.get_by_test_id("whatif-publish").click()
    await page.get_by_test_id("confirm").click()
    await expect(draft).to_have_count(0)
    async with plant.api() as api:
        found = await eventually(
            lambda: _planned(api), lambda found: found[ORDERS[0]]["pin"] == "locked"
        )
    assert datetime.fromisoformat(found[ORDERS[0]]["start"]) > datetime.now(UTC) + timedelta(
        hours=4
    )
    # What was put somewhere is locked there, until it is freed.
    await _on(page, plant, ORDERS[0])
    await expect(page.get_by_test_id("gantt-card")).to_contain_text("Locked")
    await chart.press("l")
    async with plant.api() as api:
        await eventually(lambda: _planned(api), lambda found: found[ORDERS[0]]["pin"] != "locked")
    await page.context.close()


async def test_a_bar_is_dragged_with_the_mouse_and_put_aside(
    plant: Installation, browser: Browser
) -> None:
    page = await _opened(plant, browser)
    await page.get_by_role("button", name="All", exact=True).click()
    box = await page.get_by_test_id("gantt").bounding_box()
    assert box is not None
    card = page.get_by_test_id("gantt-card")
    # Where the bar is: the pointer looks for it along the rows.
    x, y = await _found(page, ORDERS[1], box)
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + 60, y, steps=4)
    await page.mouse.move(x + 240, y, steps=8)
    await expect(page.get_by_test_id("gantt-held")).to_contain_text("later")
    await page.mouse.up()
    draft = page.get_by_test_id("whatif")
    await expect(draft).to_contain_text("to Lathe")
    # Meanwhile another plan comes into force: the same change is made to that one.
    async with plant.api() as api:
        await _order(api, "DRAG-5", 900)
        await eventually(lambda: _planned(api), lambda found: "DRAG-5" in found)
    await expect(draft).to_contain_text("Another plan is in force")
    await page.get_by_test_id("whatif-rebase").click()
    await expect(page.get_by_test_id("whatif-publish")).to_be_enabled()
    await expect(draft).not_to_contain_text("Another plan is in force")
    await page.get_by_test_id("whatif-discard").click()
    await expect(draft).to_have_count(0)
    await expect(card).to_be_attached()
    await page.context.close()


async def _found(page: Page, order: str, box: Any) -> tuple[float, float]:
    """A point on an order's bar, away from its ends."""
    card = page.get_by_test_id("gantt-card")
    await page.get_by_test_id("gantt").press("Escape")
    for row in range(2):
        y = box["y"] + 48 + 28 + 48 * row + 30
        for step in range(24, 150):
            x = box["x"] + step * box["width"] / 150
            await page.mouse.move(x, y)
            if await card.is_visible() and order in await card.inner_text():
                await page.mouse.move(x + 12, y)
                return x + 12, y
    message = f"the pointer did not find {order}"
    raise AssertionError(message)


async def _explained_as_late(page: Page, plant: Installation, numbers: list[str]) -> str:
    """Ask why the last of these orders is late; which one that is changes while plans improve."""
    why = page.get_by_test_id("whylate")

    async def asked() -> str | None:
        async with plant.api() as api:
            found = await _planned(api)
        last = max(numbers, key=lambda number: str(found[number]["end"]))
        await page.goto(f"{plant.addresses.http_url}/orders/{last}")
        await page.get_by_test_id("why-helps").click()
        await expect(why).to_contain_text("Work order")
        return last if re.search(r"late \d", await why.inner_text()) else None

    last = await eventually(asked, lambda last: last is not None)
    assert last is not None
    return last


async def test_why_an_order_is_late_is_one_click_away_and_a_help_is_tried(
    plant: Installation, browser: Browser
) -> None:
    # More than two lathes can make in time: some wait for others.
    numbers = [f"WAIT-{n}" for n in range(1, 5)]
    async with plant.api() as api:
        for number in numbers:
            await _order(api, number, 200)
        await eventually(lambda: _planned(api), lambda found: set(numbers) <= found.keys())
    page = await _opened(plant, browser)
    last = await _explained_as_late(page, plant, numbers)
    await expect(page.get_by_test_id("whylate-chain")).to_contain_text("busy with")
    await expect(page.get_by_test_id("whylate-shares")).to_contain_text("Lathe")
    # The first proposal is thought through as a draft, in which this order ends earlier.
    await page.get_by_test_id("whylate-try").first.click()
    await expect(page.get_by_test_id("whatif")).to_contain_text(f"Help for {last}")
    await expect(page.get_by_test_id("whatif-earlier")).to_contain_text(last)
    await page.get_by_test_id("whatif-discard").click()
    await expect(page.get_by_test_id("whatif")).to_have_count(0)
    await page.context.close()


async def test_a_rush_order_tells_its_price_and_becomes_a_draft(
    plant: Installation, browser: Browser
) -> None:
    page = await _opened(plant, browser)
    await page.get_by_test_id("open-rush").click()
    await page.get_by_role("button", name="A new order").click()
    await page.fill("input[name=rush-item]", "axle")
    await page.fill("input[name=rush-quantity]", "60")
    await page.get_by_test_id("rush-ask").click()
    await expect(page.get_by_test_id("rush-waiting")).to_contain_text("Nobody gets later")
    await expect(page.get_by_test_id("rush-rushed")).to_contain_text("Ready")
    await page.get_by_test_id("rush-draft").click()
    draft = page.get_by_test_id("whatif")
    await expect(draft).to_contain_text("Rush: axle")
    # It takes an order for granted that is not there: it cannot be put in force.
    await expect(draft).to_contain_text("takes for granted")
    await expect(page.get_by_test_id("whatif-publish")).to_be_disabled()
    await page.get_by_test_id("whatif-discard").click()
    await expect(draft).to_have_count(0)
    await page.context.close()


async def test_in_chinese(plant: Installation, browser: Browser) -> None:
    page = await _opened(plant, browser, language="zh-CN")
    await page.get_by_test_id("open-rush").click()
    await expect(page.get_by_role("dialog")).to_contain_text("插单代价")
    await page.keyboard.press("Escape")
    await page.get_by_test_id("open-drafts").click()
    await expect(page.get_by_role("dialog")).to_contain_text(re.compile("发布之前均不执行"))
    await page.context.close()

"""The plan's page: reached by keyboard alone, and a draft that a planner publishes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from browsing import GENEROUS_MS, new_page, sign_in
from installation import Installation, eventually
from playwright.async_api import Browser, expect

SITE = "drawing"
MACHINE = f"{SITE}/drawing/line-1/press-1"
PASSWORD = "a long enough password"

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(300),
    # An event loop for all of them: the browser is started once.
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def orders(installation: Installation) -> list[dict[str, Any]]:
    """Two orders on one press, released and planned."""
    code, said = await installation.gemba(
        "user", "add", "polly", "--role", "planner", "--password-stdin", stdin=PASSWORD
    )
    assert code == 0, said
    step = {"number": 10, "name": "Press", "machine": MACHINE, "cycle_ms": 9_000, "setup_ms": 0}
    async with installation.api() as api:
        for path, body in (
            (f"sites/{SITE}", {"name": "Drawing", "time_zone": "Europe/Warsaw"}),
            (f"machines/{MACHINE}", {"name": "Press 1", "position": 1}),
            ("customers/acme", {"name": "Acme Ltd"}),
            (
                "items/cup",
                {"name": "Cup", "unit": "pcs", "routings": [{"site": SITE, "steps": [step]}]},
            ),
        ):
            answer = await api.put(f"/v1/{path}", json=body)
            assert answer.is_success, answer.text
        made = [await _order(api, minutes=minutes) for minutes in (30, 600)]

        async def planned() -> int:
            scope = (await api.get(f"/v1/planning/{SITE}")).json()
            if scope["published"] is None:
                return 0
            plan = (await api.get(f"/v1/plans/{scope['published']['id']}/operations")).json()
            return int(plan["total"])

        await eventually(planned, lambda total: total == len(made))
    return made


async def _order(api: httpx.AsyncClient, *, minutes: int) -> dict[str, Any]:
    """An order for an hour's work, due in so many minutes, released."""
    due = datetime.now(UTC) + timedelta(minutes=minutes)
    line = {"item": "cup", "quantity": 400, "due_at": due.isoformat()}
    answer = await api.post(
        "/v1/orders", json={"site": SITE, "customer": "acme", "release": True, "lines": [line]}
    )
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = answer.json()
    return order


async def test_every_operation_is_reached_by_keyboard(
    installation: Installation, browser: Browser, orders: list[dict[str, Any]]
) -> None:
    page = await new_page(browser)
    await sign_in(page, installation, "polly", PASSWORD)
    await page.goto(f"{installation.addresses.http_url}/plan?scope={SITE}")
    chart = page.get_by_test_id("gantt")
    await chart.focus()
    card = page.get_by_test_id("gantt-card")
    # The first of them is late, and the card says so in words.
    await chart.press("Shift+ArrowDown")
    await expect(card).to_contain_text(orders[0]["number"], timeout=GENEROUS_MS)
    await expect(card).to_contain_text("Press 1")
    await expect(card).to_contain_text(re.compile(r"late \d+ min"))
    await chart.press("Shift+ArrowRight")
    await expect(card).to_contain_text(orders[1]["number"], timeout=GENEROUS_MS)
    await chart.press("Enter")
    await expect(page.get_by_test_id("lit-order")).to_contain_text(orders[1]["number"])
    await chart.press("Escape")
    await expect(page.get_by_test_id("lit-order")).to_have_count(0)
    await chart.press("Shift+ArrowRight")
    await chart.press("Enter")
    await expect(page.get_by_test_id("lit-order")).to_be_visible()
    await chart.press("Enter")
    await page.wait_for_url(re.compile(r"/orders/"))
    await page.context.close()


async def test_a_draft_is_looked_at_and_published(
    installation: Installation, browser: Browser, orders: list[dict[str, Any]]
) -> None:
    assert orders
    page = await new_page(browser)
    await sign_in(page, installation, "polly", PASSWORD)
    await page.goto(f"{installation.addresses.http_url}/plan?scope={SITE}")
    summary = page.get_by_test_id("plan-summary")
    await expect(summary).to_be_visible(timeout=GENEROUS_MS)
    before = int(await summary.get_attribute("data-number") or 0)

    await page.get_by_role("button", name="Policy").click()
    await page.check("input[name=publish][value=draft]")
    await page.get_by_role("button", name="Save policy").click()
    await expect(page.get_by_role("dialog")).to_have_count(0, timeout=GENEROUS_MS)
    # Nothing has changed but who publishes: the planner looks, and leaves the plan as it is.
    await page.get_by_role("button", name="Plan again").click()
    await page.fill("textarea[name=reason]", "The night shift works today")
    await page.get_by_role("dialog").get_by_role("button", name="Plan again").click()
    asked = page.get_by_test_id("feed").get_by_role("listitem").filter(has_text="night shift")
    await expect(asked).to_have_attribute("data-state", "no_change", timeout=GENEROUS_MS)
    await expect(asked).to_contain_text("polly asked for a new plan")

    # Another order has to be planned: that is a draft.
    async with installation.api() as api:
        number = (await _order(api, minutes=900))["number"]
    draft = page.get_by_test_id("plan-draft")
    await expect(draft).to_contain_text(f"{number} was released", timeout=GENEROUS_MS)
    await expect(summary).to_have_attribute("data-number", str(before))
    await draft.get_by_role("button", name="Look and publish").click()
    await page.get_by_test_id("publish").click()
    await expect(draft).to_have_count(0, timeout=GENEROUS_MS)
    await expect(summary).not_to_have_attribute("data-number", str(before), timeout=GENEROUS_MS)
    await expect(summary).to_contain_text("published")
    version_number = await summary.get_attribute("data-number")

    await page.get_by_role("link", name="History").click()
    version = page.get_by_test_id(f"plan-{version_number}")
    await expect(version).to_have_attribute("data-state", "published", timeout=GENEROUS_MS)
    await expect(version).to_contain_text("by polly")
    await version.get_by_role("link").click()
    await expect(page.get_by_test_id("plan-reasons")).to_contain_text(f"{number} was released")
    await expect(page.get_by_test_id("operation-difference")).to_contain_text("is new: on Press 1")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download as CSV").click()
    assert (await download.value).suggested_filename == f"plan-{version_number}.csv"
    await page.context.close()

"""Ways through the desk in Chromium: many sites, a phone's menu, from a thing to what it needs."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from browsing import GENEROUS_MS, new_page, sign_in
from installation import Installation, eventually
from playwright.async_api import Browser, Page, expect

SITES = tuple(f"ways-{letter}" for letter in "abcdef")
SITE = SITES[0]
MACHINE = f"{SITE}/cutting/line-1/saw-1"
PASSWORD = "a long enough password"
SAMPLE = Path(__file__).parents[2] / "docs" / "howto" / "samples" / "order-850.x12"

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest.fixture(scope="module")
def desk(installation: Installation) -> Installation:
    """Six sites, an item that is made of a bought one, a customer, and somebody who plans."""
    asyncio.run(_prepared(installation))
    return installation


async def _prepared(installation: Installation) -> None:
    step = {"number": 10, "name": "Saw", "machine": MACHINE, "cycle_ms": 2000, "setup_ms": 0}
    routing = {"site": SITE, "steps": [step]}
    async with installation.api() as api:
        for code in SITES:
            body = {"name": f"Works {code[-1].upper()} of the valley", "time_zone": "Europe/Warsaw"}
            assert (await api.put(f"/v1/sites/{code}", json=body)).is_success
        things: dict[str, dict[str, Any]] = {
            f"machines/{MACHINE}": {"name": "Saw 1", "position": 1},
            "customers/wayco": {"name": "Way Co"},
            "items/frame": {"name": "Frame", "unit": "pcs", "routings": [routing]},
        }
        for path, thing in things.items():
            answer = await api.put(f"/v1/{path}", json=thing)
            assert answer.is_success, answer.text
        rules = (
            "items:\n- {code: glue, name: Glue, unit: kg, kind: bought}\n"
            "suppliers:\n- {code: glueco, name: Glue Co, lead_days: 2}\n"
            f"item_sites:\n- {{item: glue, site: {SITE}, source: buy, supplier: glueco,"
            " min_stock: 5}\n"
            "bills:\n- {item: frame, version: '1', lines: [{component: glue,"
            " quantity: 2}]}\n"
        )
        answer = await api.post(
            "/v1/master-data", content=rules, headers={"Content-Type": "application/yaml"}
        )
        assert answer.is_success, answer.text
    sites = itertools.chain.from_iterable(("--site", code) for code in SITES)
    for name, role, limits in (("wanda", "planner", tuple(sites)), ("petra", "purchasing", ())):
        ended, said = await installation.gemba(
            *("user", "add", name, "--role", role, *limits, "--password-stdin"), stdin=PASSWORD
        )
        assert ended == 0, said


_QUANTITIES = itertools.count(41)


async def _order(desk: Installation, **fields: Any) -> str:
    due = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    lines = [{"item": "frame", "quantity": next(_QUANTITIES), "due_at": due}]
    body = {"site": SITE, "customer": "wayco", "lines": lines, **fields}
    async with desk.api() as api:
        answer = await api.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    number: str = answer.json()["number"]
    return number


async def _of(desk: Installation, number: str) -> dict[str, Any]:
    async with desk.api() as api:
        found: dict[str, Any] = (await api.get(f"/v1/orders/{number}")).json()
    return found


async def _signed_in(
    desk: Installation, browser: Browser, name: str = "wanda", **options: Any
) -> Page:
    page = await new_page(browser, **options)
    await sign_in(page, desk, name, PASSWORD)
    return page


async def _in_sight(page: Page) -> list[str]:
    """Links of the navigation that are cut by the edge of the screen or by their own box."""
    cut: list[str] = await page.evaluate(
        """() => [...document.querySelectorAll('.bar a, .bar button')]
            .filter((each) => each.checkVisibility())
            .filter((each) => {
                const box = each.getBoundingClientRect();
                const at = document.elementFromPoint(box.left + box.width / 2, box.top + 8);
                const there = each.contains(at) || at?.contains(each);
                return box.left < 0 || box.right > innerWidth || !there;
            }).map((each) => each.textContent)"""
    )
    return cut


async def test_everything_is_in_sight_with_many_sites(desk: Installation, browser: Browser) -> None:
    page = await _signed_in(desk, browser)
    await page.goto(f"{desk.addresses.http_url}/orders")
    await expect(page.get_by_test_id("sites")).to_be_visible()
    for width in (1920, 1440, 1024, 800):
        await page.set_viewport_size({"width": width, "height": 800})
        assert await _in_sight(page) == [], width
        bar = await page.evaluate("document.querySelector('.bar').scrollWidth")
        assert bar <= width


async def test_the_sites_are_one_menu_that_keys_reach(desk: Installation, browser: Browser) -> None:
    page = await _signed_in(desk, browser)
    await page.goto(f"{desk.addresses.http_url}/orders")
    button = page.get_by_test_id("sites").get_by_role("button")
    await expect(button).to_have_attribute("aria-expanded", "false")
    await expect(page.get_by_role("link", name="Works F of the valley")).to_have_count(0)
    await button.focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("link", name="Works A of the valley")).to_be_focused()
    await page.keyboard.press("End")
    await expect(page.get_by_role("link", name="Works F of the valley")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(button).to_be_focused()
    await expect(button).to_have_attribute("aria-expanded", "false")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="Works C of the valley").press("Enter")
    await page.wait_for_url(f"**/floor/{SITES[2]}")
    await expect(button).to_have_attribute("aria-expanded", "false")
    await expect(button).to_have_attribute("data-status", "active")
    # Whoever goes on to the next link has left the menu.
    await button.click()
    await page.get_by_role("link", name="Orders", exact=True).focus()
    await expect(button).to_have_attribute("aria-expanded", "false")


async def test_a_phone_has_all_ways_in_a_menu(desk: Installation, browser: Browser) -> None:
    page = await _signed_in(desk, browser, phone=True)
    await page.goto(f"{desk.addresses.http_url}/orders")
    menu = page.get_by_test_id("menu")
    await menu.get_by_role("button").first.click()
    for name in ("Works F of the valley", "Master data", "Outbound", "Plan"):
        await expect(menu.get_by_role("link", name=name, exact=True)).to_be_visible()
    assert await _in_sight(page) == []
    await menu.get_by_role("link", name="Stock", exact=True).click()
    await page.wait_for_url("**/stock")
    await expect(menu.get_by_role("link", name="Stock", exact=True)).to_have_count(0)
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    await menu.get_by_role("button").first.click()
    await menu.get_by_role("button", name="Sign out").click()
    await page.wait_for_url("**/login")


async def test_priorities_of_many_go_back_to_what_they_were(
    desk: Installation, browser: Browser
) -> None:
    numbers = [
        await _order(desk, customer_reference="way back", priority=priority) for priority in (1, 3)
    ]
    page = await _signed_in(desk, browser)
    await page.goto(f"{desk.addresses.http_url}/orders?search=way back")
    for number in numbers:
        await page.get_by_test_id(f"choose-{number}").check()
    await page.get_by_test_id("bulk-priority").click()
    await page.get_by_role("dialog").get_by_role("button", name="Priority").click()
    await expect(page.get_by_test_id("outcomes").get_by_role("listitem")).to_have_count(2)
    assert [(await _of(desk, number))["priority"] for number in numbers] == [5, 5]
    await page.get_by_test_id("undo-priority").click()
    await expect(page.locator(".toast")).to_contain_text("2 orders have their priorities back")
    assert [(await _of(desk, number))["priority"] for number in numbers] == [1, 3]


async def test_what_cancelling_reaches_is_told_before(desk: Installation, browser: Browser) -> None:
    released = await _order(desk, customer_reference="far reaching", release=True)
    gone = await _order(desk, customer_reference="far reaching")
    async with desk.api() as api:
        body = {"reason": "before"}
        assert (await api.post(f"/v1/orders/{gone}/cancel", json=body)).is_success
    page = await _signed_in(desk, browser)
    await page.goto(f"{desk.addresses.http_url}/orders?search=far reaching")
    for number in (released, gone):
        await page.get_by_test_id(f"choose-{number}").check()
    await page.get_by_test_id("bulk-cancel").click()
    told = page.get_by_test_id("consequences")
    await expect(told).to_contain_text("1 order (1 line) of 1 customer will be cancelled.")
    await expect(told).to_contain_text(f"One cannot be cancelled any more: {gone}.")
    await expect(told).to_contain_text("1 work order that nobody has begun is removed.")
    assert (await _of(desk, released))["state"] == "released", "it is only told"
    dialog = page.get_by_role("dialog")
    await dialog.locator("textarea[name=reason]").fill("Ordered twice")
    await dialog.get_by_role("button", name="Cancel", exact=True).click()
    await expect(page.get_by_test_id("outcomes").get_by_role("listitem")).to_have_count(2)
    assert (await _of(desk, released))["state"] == "cancelled"


async def test_orders_are_moved_to_another_site_together(
    desk: Installation, browser: Browser
) -> None:
    number = await _order(desk, customer_reference="to move")
    page = await _signed_in(desk, browser)
    await page.goto(f"{desk.addresses.http_url}/orders?search=to move")
    await page.get_by_test_id(f"choose-{number}").check()
    await page.get_by_test_id("bulk-site").click()
    await page.get_by_role("dialog").locator("select[name=site]").select_option(SITES[1])
    await page.get_by_role("dialog").get_by_role("button", name="Move site").click()
    await expect(page.get_by_test_id("outcomes")).to_contain_text("Under review")
    assert (await _of(desk, number))["site"] == SITES[1]


async def test_a_shortage_leads_to_its_order_and_to_the_proposal(
    desk: Installation, browser: Browser
) -> None:
    number = await _order(desk, release=True)
    page = await _signed_in(desk, browser, "petra")
    base = desk.addresses.http_url
    await page.goto(f"{base}/stock?tab=shortages&site={SITE}")
    row = page.get_by_test_id("shortage-glue").filter(has_text=number)
    await expect(row).to_contain_text("nobody knows when")
    await row.get_by_test_id("proposal-of-glue").click()
    await page.wait_for_url("**tab=replenishment**")
    await page.get_by_test_id("propose").click()
    await expect(page.get_by_test_id("accept-glue")).to_be_visible()
    await page.goto(f"{base}/stock?tab=shortages&site={SITE}")
    await expect(row.get_by_test_id("proposal-of-glue")).to_contain_text("Purchase: ")
    await row.get_by_role("link", name=number).click()
    await page.wait_for_url(f"**/orders/{number}")


async def test_a_document_for_a_partner_is_read_fetched_and_sent_again(
    desk: Installation, browser: Browser
) -> None:
    content = SAMPLE.read_text().replace("PO-48213", "PO-WAYS-1").replace("000000101", "000000771")
    async with desk.api() as api:
        taken = await api.post("/v1/intake/x12", params={"site": SITE}, content=content.encode())
        assert taken.is_success, taken.text
        (document,) = taken.json()["documents"]
        number = document["order"]
        body = {"overrule": "agreed by phone"}
        answer = await api.post(f"/v1/orders/{number}/confirm", json=body)
        assert answer.is_success, answer.text

        async def made() -> list[dict[str, Any]]:
            found = await api.get("/v1/outbound", params={"order": number})
            items: list[dict[str, Any]] = found.json()["items"]
            return items

        (told,) = await eventually(made, bool)
        taken_by = {"state": "failed", "reason": "our system was down"}
        path = f"/v1/outbound/{told['id']}"
        assert (await api.post(f"{path}/acknowledge", json=taken_by)).is_success
    page = await _signed_in(desk, browser)
    await page.goto(f"{desk.addresses.http_url}/outbound?state=failed&search={number}")
    row = page.get_by_test_id(f"document-{told['id']}")
    await expect(row).to_contain_text("our system was down")
    await page.get_by_test_id(f"show-{told['id']}").click()
    text = page.get_by_test_id("document-content")
    await expect(text).to_contain_text("BAK*")
    assert "PO-WAYS-1" in await text.inner_text()
    async with page.expect_download() as started:
        await page.get_by_role("dialog").get_by_role("link", name="Fetch").click()
    fetched = await asyncio.to_thread((await (await started.value).path()).read_bytes)
    assert fetched.startswith(b"ISA*")
    await page.keyboard.press("Escape")
    await page.get_by_test_id(f"again-{told['id']}").click()
    await expect(page.locator(".toast")).to_contain_text("waits to be fetched again")
    await expect(row).to_have_count(0, timeout=GENEROUS_MS)
    async with desk.api() as api:
        assert (await api.get(path)).json()["state"] == "made"

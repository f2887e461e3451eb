"""The order desk in Chromium: import a file, review it, confirm many orders, promise, stock."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from browsing import GENEROUS_MS, new_page, sign_in
from installation import Installation
from playwright.async_api import Browser, Page, expect

SITE = "desk"
MACHINE = f"{SITE}/cutting/line-1/saw-1"
PASSWORD = "a long enough password"

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]

FILE = """Order;Customer;Item;Quantity;Due
PO-71;deskco;rod;40;2031-12-10
PO-71;deskco;Odd rod;5;2031-12-10
PO-72;deskco;rod;10;2031-12-12
PO-73;deskco;rod;many;2031-12-12
"""


@pytest.fixture(scope="module")
def desk(installation: Installation) -> Installation:
    """A site with an item that it can make, a customer, and somebody who sells."""
    asyncio.run(_prepared(installation))
    return installation


async def _prepared(installation: Installation) -> None:
    for name, role in (("sina", "sales"), ("vera", "finance")):
        code, said = await installation.gemba(
            "user", "add", name, "--role", role, "--site", SITE, "--password-stdin", stdin=PASSWORD
        )
        assert code == 0, said
    step = {"number": 10, "name": "Saw", "machine": MACHINE, "cycle_ms": 2000, "setup_ms": 0}
    async with installation.api() as api:
        for path, body in (
            (f"sites/{SITE}", {"name": "Desk", "time_zone": "Europe/Warsaw"}),
            (f"machines/{MACHINE}", {"name": "Saw 1", "position": 1}),
            ("customers/deskco", {"name": "Desk Co"}),
            (
                "items/rod",
                {"name": "Rod", "unit": "pcs", "routings": [{"site": SITE, "steps": [step]}]},
            ),
        ):
            answer = await api.put(f"/v1/{path}", json=body)
            assert answer.is_success, answer.text


async def _seller(desk: Installation, browser: Browser, *, language: str = "en") -> Page:
    page = await new_page(browser, language=language)
    await sign_in(page, desk, "sina", PASSWORD)
    return page


async def test_a_file_is_looked_at_taken_in_and_reviewed(
    desk: Installation, browser: Browser, tmp_path: Path
) -> None:
    base = desk.addresses.http_url
    file = tmp_path / "orders.csv"
    file.write_text(FILE)
    page = await _seller(desk, browser)
    await page.goto(f"{base}/import")
    await page.set_input_files("[data-testid=import-file]", file)
    await expect(page.get_by_test_id("dry-run")).to_contain_text("2 documents would be taken in")
    await expect(page.get_by_test_id("problems")).to_contain_text("many")
    async with desk.api() as api:
        listed = await api.get("/v1/orders", params={"site": SITE})
    assert listed.json()["total"] == 0, "a preview writes nothing"
    await page.get_by_test_id("take-in").click()
    await expect(page.get_by_test_id("taken")).to_contain_text("2 documents taken in")
    await page.get_by_test_id("import-orders").get_by_role("link").first.click()

    finding = page.get_by_test_id("finding-unknown_item")
    await expect(finding).to_contain_text("Odd rod")
    await finding.get_by_role("button", name="Assign item").click()
    await page.select_option("select[name=meant]", "rod")
    await page.get_by_role("button", name="Assign", exact=True).click()
    await expect(finding).to_have_count(0, timeout=GENEROUS_MS)
    await expect(page.get_by_test_id("event-document").first).to_be_visible()


async def test_orders_are_chosen_by_keyboard_and_confirmed_together(
    desk: Installation, browser: Browser
) -> None:
    page = await _seller(desk, browser)
    async with desk.api() as api:
        for _ in range(2):
            answer = await api.post(
                "/v1/orders",
                json={
                    "site": SITE,
                    "customer": "deskco",
                    "customer_reference": "together",
                    "lines": [{"item": "rod", "quantity": 3}],
                },
            )
            assert answer.status_code == 201, answer.text
    await page.goto(f"{desk.addresses.http_url}/orders?search=together")
    grid = page.get_by_test_id("orders-grid")
    await expect(grid.locator("[aria-selected]")).to_have_count(2)
    await grid.focus()
    for key in ("ArrowDown", "Space", "Shift+ArrowDown"):
        await page.keyboard.press(key)
    await expect(page.get_by_test_id("bulk")).to_contain_text("2 orders chosen")
    await page.get_by_test_id("bulk-priority").click()
    await page.get_by_role("dialog").get_by_role("button", name="Priority").click()
    await expect(page.get_by_test_id("outcomes").get_by_role("listitem")).to_have_count(2)
    async with desk.api() as api:
        found = (await api.get("/v1/orders", params={"search": "together"})).json()
    assert [each["priority"] for each in found["items"]] == [5, 5]
    await page.get_by_role("button", name="Close").click()

    await page.get_by_test_id("save-view").click()
    await page.fill("input[name=view]", "Ours")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.goto(f"{desk.addresses.http_url}/orders")
    await page.get_by_test_id("views").select_option(label="Ours")
    await page.wait_for_url("**search=together")


async def test_a_date_is_promised_and_ordered_by_keyboard(
    desk: Installation, browser: Browser
) -> None:
    async with desk.api() as api:
        answer = await api.post(
            "/v1/stock/receipts", json={"site": SITE, "lines": [{"item": "rod", "quantity": 30}]}
        )
        assert answer.status_code == 201, answer.text
    page = await _seller(desk, browser)
    await page.goto(f"{desk.addresses.http_url}/promise")
    await page.focus("input[name=customer]")
    await page.keyboard.type("deskco")
    await page.focus("input[name=item-0]")
    await page.keyboard.type("rod")
    await page.focus("input[name=quantity-0]")
    await page.keyboard.type("20")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("promise")).to_contain_text("20 from stock")
    await page.get_by_test_id("make-order").press("Enter")
    await page.wait_for_url("**/orders/SO-*")
    await page.goto(f"{desk.addresses.http_url}/stock")
    await expect(page.get_by_test_id("stock-items")).to_contain_text("30 pieces")


async def test_whoever_only_reads_is_offered_nothing_to_do(
    desk: Installation, browser: Browser
) -> None:
    page = await new_page(browser, language="zh-CN")
    await sign_in(page, desk, "vera", PASSWORD)
    await page.goto(f"{desk.addresses.http_url}/orders")
    await expect(page.get_by_test_id("orders-grid")).to_be_visible()
    await expect(page.get_by_test_id("rush-order")).to_have_count(0)
    await expect(page.locator("[data-testid^='choose-']")).to_have_count(0)
    await expect(page.get_by_role("link", name="导入", exact=True)).to_have_count(0)
    await page.goto(f"{desk.addresses.http_url}/import")
    await expect(page.get_by_test_id("forbidden")).to_be_visible()

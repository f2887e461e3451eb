"""Who is told when a date moves, in Chromium: at the customer, and with one's own orders."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from browsing import new_page, sign_in
from installation import Installation
from playwright.async_api import Browser, expect

PASSWORD = "a long enough password"
CUSTOMER = "CT-ACME"

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest.fixture(scope="module")
def works(installation: Installation) -> Installation:
    """An installation with a customer, somebody of theirs, and somebody who plans."""
    asyncio.run(_prepared(installation))
    return installation


async def _prepared(installation: Installation) -> None:
    async with installation.api() as api:
        answer = await api.put(f"/v1/customers/{CUSTOMER}", json={"name": "Contact Acme Ltd"})
        assert answer.is_success, answer.text
    for name, more in (("conny", ()), ("carl", ("--customer", CUSTOMER))):
        role = "customer" if more else "planner"
        code, said = await installation.gemba(
            "user", "add", name, "--role", role, *more, "--password-stdin", stdin=PASSWORD
        )
        assert code == 0, said


async def test_a_contact_is_put_in_changed_and_forgotten_by_keyboard(
    works: Installation, browser: Browser, tmp_path: Path
) -> None:
    page = await new_page(browser, language="zh-CN")
    await sign_in(page, works, "conny", PASSWORD)
    await page.goto(f"{works.addresses.http_url}/master-data?kind=customers&search={CUSTOMER}")
    await page.get_by_role("button", name=f"打开 {CUSTOMER}").press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("尚无联系人")
    await page.get_by_test_id("contact-add").press("Enter")
    form = page.get_by_test_id("contact-form")
    await form.locator("input[name=name]").fill("林女士")
    await form.locator("input[name=address]").fill("lin@ct-acme.example")
    await form.locator("select[name=tolerance]").select_option("480")
    await form.locator("select[name=counted]").select_option("working")
    await form.locator("input[name=quiet_from]").fill("22:00")
    await form.locator("input[name=quiet_until]").fill("07:00")
    await page.screenshot(path=tmp_path / "contact-form-zh.png")
    await form.locator("input[name=name]").press("Enter")
    row = page.get_by_test_id("contact-lin@ct-acme.example")
    await expect(row).to_contain_text("超过 8 小时 (工厂工作时间)")
    await expect(row).to_contain_text("免打扰 22:00 至 07:00")
    await expect(row).to_contain_text("接收通知")
    await page.screenshot(path=tmp_path / "contact-listed-zh.png")
    await row.get_by_role("button", name="修改: 林女士").press("Enter")
    await form.locator("select[name=tolerance]").select_option("1440")
    await form.locator("input[name=name]").press("Enter")
    await expect(row).to_contain_text("超过 1 天")
    await row.get_by_role("button", name="移除: 林女士").press("Enter")
    await page.get_by_test_id("confirm").press("Enter")
    await expect(row).to_have_count(0)
    async with works.api() as api:
        assert (await api.get(f"/v1/customers/{CUSTOMER}/contacts")).json()["total"] == 0
    await page.context.close()


async def test_ones_own_people_on_a_phone(
    works: Installation, browser: Browser, tmp_path: Path
) -> None:
    page = await new_page(browser, phone=True)
    await sign_in(page, works, "carl", PASSWORD)
    await page.goto(f"{works.addresses.http_url}/own")
    await page.get_by_test_id("contact-add").click()
    form = page.get_by_test_id("contact-form")
    await form.locator("input[name=name]").fill("Carl")
    await form.locator("input[name=address]").fill("carl@ct-acme.example")
    await form.locator("input[name=order]").fill("SO-nowhere")
    await form.locator("input[name=order]").press("Enter")
    await expect(form.get_by_role("alert")).to_contain_text("SO-nowhere")
    await form.locator("input[name=order]").fill("")
    await page.screenshot(path=tmp_path / "own-form.png", full_page=True)
    await form.locator("input[name=order]").press("Enter")
    row = page.get_by_test_id("contact-carl@ct-acme.example")
    await expect(row).to_contain_text("Asked, not confirmed yet")
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    await page.screenshot(path=tmp_path / "own-listed.png", full_page=True)
    async with works.api() as api:
        [told] = (await api.get(f"/v1/customers/{CUSTOMER}/contacts")).json()["items"]
    assert (told["state"], told["created_by"]) == ("asked", "carl")
    await page.context.close()

"""The promise screen in Chromium: a date by the plan, and who would be later for an earlier one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from browsing import new_page, sign_in
from installation import Installation, eventually
from playwright.async_api import Browser, Page, expect

SITE = "promising"
MACHINE = f"{SITE}/cutting/line-1/saw-1"
PASSWORD = "a long enough password"

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest.fixture(scope="module")
def plant(installation: Installation) -> Installation:
    """A saw with two orders planned, and somebody who sells."""
    asyncio.run(_prepared(installation))
    return installation


async def _prepared(installation: Installation) -> None:
    code, said = await installation.gemba(
        "user",
        "add",
        "philippa",
        "--role",
        "sales",
        "--site",
        SITE,
        "--password-stdin",
        stdin=PASSWORD,
    )
    assert code == 0, said
    step = {"number": 10, "name": "Saw", "machine": MACHINE, "cycle_ms": 60_000, "setup_ms": 0}
    async with installation.api() as api:
        for path, body in (
            (f"sites/{SITE}", {"name": "Promising", "time_zone": "Europe/Warsaw"}),
            (f"machines/{MACHINE}", {"name": "Saw 1", "position": 1}),
            ("customers/deskco", {"name": "Desk Co"}),
            (
                "items/beam",
                {"name": "Beam", "unit": "pcs", "routings": [{"site": SITE, "steps": [step]}]},
            ),
        ):
            answer = await api.put(f"/v1/{path}", json=body)
            assert answer.is_success, answer.text
        for number in ("PROM-1", "PROM-2"):
            order = {
                "number": number,
                "site": SITE,
                "customer": "deskco",
                "release": True,
                "lines": [{"item": "beam", "quantity": 600}],
            }
            answer = await api.post("/v1/orders", json=order)
            assert answer.status_code == 201, answer.text

        async def told() -> dict[str, Any]:
            question = {"site": SITE, "lines": [{"item": "beam", "quantity": 10}]}
            promise: dict[str, Any] = (await api.post("/v1/promises", json=question)).json()
            return promise

        await eventually(
            told,
            lambda one: (
                one["basis"] == "plan" and one["plan"]["number"] is not None and one["with_cost"]
            ),
        )


async def _asked(plant: Installation, browser: Browser, language: str) -> Page:
    page = await new_page(browser, language=language)
    await sign_in(page, plant, "philippa", PASSWORD)
    await page.goto(f"{plant.addresses.http_url}/promise")
    await page.fill("input[name=customer]", "deskco")
    await page.fill("input[name=item-0]", "beam")
    await page.fill("input[name=quantity-0]", "10")
    await page.keyboard.press("Enter")
    return page


async def test_both_dates_are_shown_and_who_would_be_later(
    plant: Installation, browser: Browser
) -> None:
    page = await _asked(plant, browser, "en")
    await expect(page.get_by_test_id("basis")).to_contain_text("nobody else gets later")
    sooner = page.get_by_test_id("sooner")
    await expect(sooner).to_contain_text("As an order of priority 8")
    await expect(sooner.get_by_role("link", name="PROM-2")).to_be_visible()
    await expect(sooner).to_contain_text("later")
    await page.get_by_test_id("make-order").click()
    await page.wait_for_url("**/orders/SO-*")


async def test_in_chinese(plant: Installation, browser: Browser) -> None:
    page = await _asked(plant, browser, "zh-CN")
    await expect(page.get_by_test_id("basis")).to_contain_text("不影响其他订单")
    await expect(page.get_by_test_id("sooner")).to_contain_text("须让路")

"""A rush order from the screen: who is displaced hears of it, and who may publish does."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from browsing import GENEROUS_MS, new_page, sign_in
from installation import Installation, eventually
from playwright.async_api import Browser, Page, expect

SITE = "rush"
PRESS = f"{SITE}/pressing/line-1/press-1"
ITEM = "rush-plate"
QUANTITY = 1_200
"""Twenty minutes of the press."""
MINUTE_MS = 60_000
PASSWORD = "a long enough password"
POLICY = {"frozen_ms": 0, "tolerance_ms": 5 * MINUTE_MS, "improve_ms": 0}

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]


@dataclass
class Shop:
    """One press and three orders that wait for it, each with time to spare."""

    installation: Installation
    api: httpx.AsyncClient
    orders: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    async def get(self, path: str, **parameters: Any) -> Any:
        answer = await self.api.get(f"/v1/{path}", params=parameters)
        return answer.raise_for_status().json()

    async def put(self, path: str, body: dict[str, Any]) -> None:
        answer = await self.api.put(f"/v1/{path}", json=body)
        assert answer.is_success, answer.text

    async def order(self, *, minutes: int, priority: int = 0) -> str:
        """Order and release; answers the number."""
        due = datetime.now(UTC) + timedelta(minutes=minutes)
        line = {"item": ITEM, "quantity": QUANTITY, "due_at": due.isoformat()}
        body = {"site": SITE, "customer": "acme", "release": True, "priority": priority}
        answer = await self.api.post("/v1/orders", json=body | {"lines": [line]})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["number"])

    async def settled(self) -> dict[str, Any]:
        """The scope once nothing is open."""

        async def look() -> dict[str, Any]:
            scope: dict[str, Any] = await self.get(f"planning/{SITE}")
            return scope

        return await eventually(
            look, lambda seen: seen["open_disruptions"] == 0 and seen["published"] is not None
        )

    async def planned(self, *orders: str) -> tuple[dict[str, Any], dict[str, datetime]]:
        """The plan in force once it holds these orders, and when it has each order done."""

        async def look() -> tuple[dict[str, Any], dict[str, datetime]]:
            scope = await self.settled()
            plan = await self.get(f"plans/{scope['published']['id']}")
            return plan, {
                one["order"]: datetime.fromisoformat(one["end"]) for one in plan["orders"]
            }

        return await eventually(look, lambda seen: set(orders) <= seen[1].keys())


@contextlib.asynccontextmanager
async def shop(installation: Installation) -> AsyncIterator[Shop]:
    for name, role in (("rosa", "planner"), ("rolf", "supervisor")):
        code, said = await installation.gemba(
            "user", "add", name, "--role", role, "--password-stdin", stdin=PASSWORD
        )
        assert code == 0, said
    async with installation.api() as api:
        made = Shop(installation, api)
        step = {"number": 10, "name": "Press", "machine": PRESS, "cycle_ms": 1_000, "setup_ms": 0}
        await made.put(f"sites/{SITE}", {"name": "Rush", "time_zone": "UTC"})
        await made.put(f"planning/{SITE}/policy", POLICY)
        await made.put(f"machines/{PRESS}", {"name": "Press 1"})
        await made.put("customers/acme", {"name": "Acme Ltd"})
        await made.put(
            f"items/{ITEM}",
            {"name": "Rush plate", "routings": [{"site": SITE, "steps": [step]}]},
        )
        for minutes in (120, 160, 200):
            number = await made.order(minutes=minutes)
            made.orders.append(number)
            answer = await api.post(f"/v1/orders/{number}/tracking-links", json={})
            made.links.append(answer.raise_for_status().json()["url"])
        yield made


async def _push_in(page: Page, base: str, *, minutes: int) -> str:
    """What a planner does with a customer on the telephone; answers the order's number."""
    await page.goto(f"{base}/orders")
    await page.get_by_test_id("rush-order").click()
    form = page.get_by_role("dialog")
    await form.get_by_role("combobox", name="Customer").select_option(label="Acme Ltd")
    site = form.get_by_role("combobox", name="Site")
    await form.get_by_role("combobox", name="Item").select_option(label="Rush plate")
    if await site.count():  # with one site there is nothing to choose
        await site.select_option(label="Rush")
    await form.get_by_label(re.compile("^Quantity")).fill(str(QUANTITY))
    due = datetime.now(UTC) + timedelta(minutes=minutes)
    await form.get_by_label("Due (UTC)").fill(due.strftime("%Y-%m-%dT%H:%M"))
    await form.get_by_role("button", name="Push it in").click()
    await page.wait_for_url(re.compile(r"/orders/[^/?]+$"))
    return page.url.rsplit("/", 1)[1]


def _clock(*moments: datetime) -> re.Pattern[str]:
    """One of these moments as screens write them: to the minute."""
    return re.compile("|".join(each.astimezone(UTC).strftime("%H:%M") for each in moments))


async def test_a_rush_order_is_planned_told_and_drafted(  # noqa: PLR0915 - one story
    installation: Installation, browser: Browser
) -> None:
    base = installation.addresses.http_url
    async with shop(installation) as made:
        _, ends = await made.planned(*made.orders)
        # What should have begun by now stays in front: the second one is displaced.
        waiting = sorted(made.orders, key=lambda number: ends[number])[1]
        planner, supervisor = await new_page(browser), await new_page(browser)
        await sign_in(planner, installation, "rosa", PASSWORD)
        await sign_in(supervisor, installation, "rolf", PASSWORD)
        customer = await new_page(browser, phone=True)
        await customer.goto(made.links[made.orders.index(waiting)])
        expected = customer.get_by_test_id("tracking-expected")
        await expect(expected).to_be_visible(timeout=GENEROUS_MS)
        told_before = await expected.get_attribute("data-expected")
        main = customer.locator("main")
        await expect(main).not_to_contain_text("Expected date changed")

        # Pushed in, and planned first: its own page shows when.
        rush = await _push_in(planner, base, minutes=25)
        plan, after = await made.planned(rush)
        assert after[rush] < after[waiting]
        assert after[waiting] - ends[waiting] > timedelta(minutes=10)
        await expect(planner.get_by_test_id("order-projected")).to_contain_text(
            re.compile(r"\d\d:\d\d"), timeout=GENEROUS_MS
        )
        shown = await made.get(f"orders/{rush}")
        assert datetime.fromisoformat(shown["planned_end"]) == after[rush].replace(microsecond=0)

        # Whom it displaced hears of it, with what was told before.
        await expect(expected).not_to_have_attribute(
            "data-expected", told_before or "", timeout=GENEROUS_MS
        )
        change = main.locator(".changes li", has_text="Expected date changed").first
        await expect(change).to_contain_text(_clock(ends[waiting]), timeout=GENEROUS_MS)
        await expect(change).to_contain_text(_clock(after[waiting]))
        assert rush not in await main.inner_text()

        # The history says why.
        await planner.goto(f"{base}/plan/history?scope={SITE}")
        version = planner.get_by_test_id(f"plan-{plan['number']}")
        await expect(version).to_contain_text(
            f"rush order {rush}", ignore_case=True, timeout=GENEROUS_MS
        )
        await version.get_by_role("link").first.click()
        await expect(planner.get_by_test_id("plan-reasons")).to_contain_text(rush)
        await expect(
            planner.get_by_test_id("order-difference").filter(has_text=waiting)
        ).to_have_count(1)

        # A supervisor sees plan and feed, and changes neither.
        await supervisor.goto(f"{base}/plan?scope={SITE}")
        summary = supervisor.get_by_test_id("plan-summary")
        await expect(summary).to_have_attribute(
            "data-number", str(plan["number"]), timeout=GENEROUS_MS
        )
        await expect(supervisor.get_by_test_id("gantt")).to_be_visible()
        await expect(supervisor.get_by_test_id("feed")).to_contain_text(rush)
        await _may_not_plan(supervisor)

        # From now on plans wait for a person.
        await made.put(f"planning/{SITE}/policy", POLICY | {"publish": "draft"})
        in_force = (await made.settled())["published"]["number"]
        told = await expected.get_attribute("data-expected")
        changes = await main.locator(".changes li").all_inner_texts()
        second = await made.order(minutes=25, priority=9)
        await planner.goto(f"{base}/plan?scope={SITE}")
        draft = planner.get_by_test_id("plan-draft")
        await expect(draft).to_contain_text(second, timeout=GENEROUS_MS)
        await expect(supervisor.get_by_test_id("plan-draft")).to_be_visible(timeout=GENEROUS_MS)
        await _may_not_plan(supervisor)
        scope = await made.settled()
        assert scope["published"]["number"] == in_force
        assert scope["draft"] is not None
        assert scope["draft"]["number"] > in_force
        await asyncio.sleep(2.0)  # whatever would tell the customer has had its time
        assert await main.locator(".changes li").all_inner_texts() == changes
        assert _minutes(told, await expected.get_attribute("data-expected")) < 5

        # The planner looks at what it changes, and publishes.
        await draft.get_by_role("button", name="Look and publish").click()
        await planner.get_by_test_id("publish").click()
        await expect(draft).to_have_count(0, timeout=GENEROUS_MS)
        published, finally_ = await made.planned(second)
        assert published["number"] > in_force
        assert published["published_by"] == "rosa"
        assert finally_[waiting] - after[waiting] > timedelta(minutes=10)
        # Moves within a minute are told as one, from what was told first.
        await expect(change).to_contain_text(_clock(finally_[waiting]), timeout=GENEROUS_MS)
        await expect(change).to_contain_text(_clock(ends[waiting], after[waiting]))
        # What is expected and what has changed come one after the other.
        await expect(expected).not_to_have_attribute(
            "data-expected", told or "", timeout=GENEROUS_MS
        )
        assert _minutes(told, await expected.get_attribute("data-expected")) > 10
        await expect(summary).to_have_attribute(
            "data-number", str(published["number"]), timeout=GENEROUS_MS
        )
        for page in (planner, supervisor, customer):
            await page.context.close()


async def _may_not_plan(page: Page) -> None:
    """Nothing on the plan's page lets somebody change it."""
    for name in ("Plan again", "Discard", "Look and publish"):
        await expect(page.get_by_role("button", name=name)).to_have_count(0)
    await page.get_by_role("button", name="Policy").click()
    policy = page.get_by_role("dialog")
    await expect(policy).to_contain_text("Frozen", ignore_case=True)
    await expect(policy.locator("input, select")).to_have_count(0)
    await policy.get_by_role("button", name="Close").click()
    await expect(policy).to_have_count(0)
    look = page.get_by_role("button", name="See the differences")
    if await look.count():
        await look.click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_be_visible()
        await expect(dialog.get_by_test_id("publish")).to_have_count(0)
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)


def _minutes(before: str | None, after: str | None) -> float:
    assert before is not None
    assert after is not None
    moved = datetime.fromisoformat(after) - datetime.fromisoformat(before)
    return abs(moved.total_seconds()) / 60

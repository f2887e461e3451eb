"""A counted piece on its way to the screens: `mosquitto_pub` and an operator's touch."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from browsing import GENEROUS_MS, new_page, sign_in
from installation import Installation, eventually
from playwright.async_api import Browser, Page, expect

SITE = "screens"
MACHINE = f"{SITE}/cutting/line-1/press-1"
PASSWORD = "a long enough password"
IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(300),
    # An event loop for all of them: the browser is started once.
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest.fixture(scope="module")
def order(installation: Installation) -> dict[str, Any]:
    """An order for 40 brackets on one press, released, with a tracking link."""
    return asyncio.run(_order(installation))


async def _order(installation: Installation) -> dict[str, Any]:
    for name, role in (("olga", "operator"), ("sven", "supervisor")):
        code, said = await installation.gemba(
            "user", "add", name, "--role", role, "--password-stdin", stdin=PASSWORD
        )
        assert code == 0, said
    due = datetime.now(UTC) + timedelta(hours=4)
    async with installation.api() as api:
        for path, body in (
            (f"sites/{SITE}", {"name": "Screens", "time_zone": "Europe/Warsaw"}),
            (f"machines/{MACHINE}", {"name": "Press 1", "position": 1}),
            ("customers/acme", {"name": "Acme Ltd"}),
            (
                "items/bracket",
                {
                    "name": "Bracket A",
                    "unit": "pcs",
                    "routings": [
                        {
                            "site": SITE,
                            "steps": [
                                {
                                    "number": 10,
                                    "name": "Press",
                                    "machine": MACHINE,
                                    "cycle_ms": 2000,
                                    "setup_ms": 0,
                                }
                            ],
                        }
                    ],
                },
            ),
        ):
            answer = await api.put(f"/v1/{path}", json=body)
            assert answer.is_success, answer.text
        line = {"item": "bracket", "quantity": 40, "due_at": due.isoformat()}
        answer = await api.post(
            "/v1/orders",
            json={"site": SITE, "customer": "acme", "release": True, "lines": [line]},
        )
        assert answer.status_code == 201, answer.text
        order: dict[str, Any] = answer.json()
        answer = await api.post(f"/v1/orders/{order['number']}/tracking-links", json={})
        assert answer.is_success, answer.text
        return order | {"link": answer.json()["url"]}


async def _publish(installation: Installation, kind: str, body: str) -> None:
    """What a person at a shell would type."""
    url = urlsplit(installation.addresses.machine_mqtt_url)
    program = shutil.which("mosquitto_pub")
    assert program is not None
    process = await asyncio.create_subprocess_exec(
        program,
        *("-h", str(url.hostname), "-p", str(url.port), "-q", "1"),
        *("-u", str(url.username), "-P", str(url.password), "-i", "shell"),
        *("-t", f"gemba/v1/{MACHINE}/{kind}", "-m", body),
        stderr=subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.mosquitto
async def test_a_touch_starts_the_operation_and_every_screen_follows_the_machine(
    installation: Installation, browser: Browser, order: dict[str, Any]
) -> None:
    base = installation.addresses.http_url
    terminal = await new_page(browser)
    await sign_in(terminal, installation, "olga", PASSWORD)
    await terminal.goto(f"{base}/terminal/{MACHINE}")
    await terminal.get_by_test_id("start").first.click()
    await expect(terminal.get_by_test_id("pause")).to_be_visible(timeout=GENEROUS_MS)

    board = await new_page(browser)
    await sign_in(board, installation, "sven", PASSWORD)
    await board.goto(f"{base}/floor/{SITE}")
    customer = await new_page(browser, phone=True, language="zh-CN")
    await customer.goto(order["link"])
    details = await new_page(browser)
    await sign_in(details, installation, "sven", PASSWORD)
    await details.goto(f"{base}/orders/{order['number']}")

    good = board.get_by_test_id(f"tile-{MACHINE}").get_by_test_id("good")
    await expect(good).to_have_text("0", timeout=GENEROUS_MS)
    for seq, (pieces, total) in enumerate([(7, "7"), (5, "12")]):
        body = f'{{"t":"{_now()}","boot":"shell","seq":{seq},"good":{pieces}}}'
        await _publish(installation, "count", body)
        await expect(good).to_have_text(total, timeout=GENEROUS_MS)
        await expect(details.get_by_test_id("order-good")).to_contain_text(
            total, timeout=GENEROUS_MS
        )
        await expect(customer.get_by_test_id("tracking-good")).to_contain_text(
            total, timeout=GENEROUS_MS
        )
    text = await customer.locator("body").inner_text()
    assert "Press 1" not in text
    assert MACHINE not in text

    await terminal.get_by_test_id("pause").click()
    await expect(terminal.get_by_test_id("resume")).to_be_visible(timeout=GENEROUS_MS)


@pytest.mark.mosquitto
async def test_a_refused_message_is_seen_with_its_reason(
    installation: Installation, browser: Browser, order: dict[str, Any]
) -> None:
    assert order["number"]
    await _publish(
        installation, "count", '{"t":"1999-01-01T00:00:00Z","boot":"x","seq":0,"good":1}'
    )
    page = await new_page(browser)
    await sign_in(page, installation, "sven", PASSWORD)
    await page.goto(f"{installation.addresses.http_url}/dead-letters")
    await expect(page.get_by_text("before 2000-01-01").first).to_be_visible(timeout=GENEROUS_MS)


@pytest.mark.timeout(600)  # pictures take their time
async def test_the_demo_factory_fills_the_board(
    demo: Installation, browser: Browser, demo_passwords: dict[str, str]
) -> None:
    page = await new_page(browser)
    await page.set_viewport_size({"width": 1600, "height": 900})
    await sign_in(page, demo, "supervisor", demo_passwords["supervisor"])
    running = page.locator("[data-testid^='tile-'][data-state='running']")
    await expect(running).not_to_have_count(0, timeout=GENEROUS_MS)
    tiles = page.locator("[data-testid^='tile-']")
    async with demo.api() as api:
        answer = await api.get("/v1/machines", params={"site": page.url.rsplit("/", 1)[1]})
    # What scans in a warehouse is no machine on the board.
    machines = [
        each for each in answer.raise_for_status().json()["items"] if each["area"] != "warehouse"
    ]
    assert len(machines) >= 6
    await expect(tiles).to_have_count(len(machines), timeout=GENEROUS_MS)
    before = await page.get_by_test_id("good").all_inner_texts()

    async def moved() -> bool:
        return await page.get_by_test_id("good").all_inner_texts() != before

    for _ in range(600):
        if await moved():
            break
        await asyncio.sleep(0.1)
    assert await moved(), f"no figure on the board moved within a minute: {before}"
    if os.environ.get("GEMBA_SCREENSHOTS"):
        await asyncio.sleep(120.0)  # a board with some history is a better picture
        await _pictures_of_a_breakdown(demo, browser, page, demo_passwords["planner"])


async def _pictures_of_a_breakdown(
    demo: Installation, browser: Browser, board: Page, password: str
) -> None:
    """Board, plan and a customer's page when a breakdown is answered."""
    code, said = await demo.gemba("simulate", "break", "press-01", "--minutes", "10")
    assert code == 0, said

    async def answered() -> dict[str, Any]:
        async with demo.api() as api:
            found = await api.get("/v1/disruptions", params={"kind": "machine_down", "open": False})
        items = found.raise_for_status().json()["items"]
        return next((one for one in items if one["plan_id"] is not None), {})

    disruption = await eventually(answered, bool, seconds=240.0)
    async with demo.api() as api:
        plan = (await api.get(f"/v1/plans/{disruption['plan_id']}/differences")).json()
        moved = max(plan["orders"], key=lambda one: one["minutes"] or 0)
        answer = await api.post(f"/v1/orders/{moved['order']}/tracking-links", json={})
        link = answer.raise_for_status().json()["url"]
    planner = await new_page(browser)
    await sign_in(planner, demo, "planner", password)
    await planner.set_viewport_size({"width": 1600, "height": 900})
    await planner.goto(f"{demo.addresses.http_url}/plan")
    await expect(planner.get_by_test_id("gantt")).to_be_visible(timeout=GENEROUS_MS)
    await expect(planner.get_by_test_id("feed")).to_contain_text("answered by plan")
    customer = await new_page(browser, phone=True)
    await customer.goto(link)
    await expect(customer.locator("main")).to_contain_text(
        "Expected date changed", timeout=GENEROUS_MS
    )
    await asyncio.sleep(2.0)  # drawn to the end
    IMAGES.mkdir(exist_ok=True)
    await board.screenshot(path=IMAGES / "board.png")
    await planner.screenshot(path=IMAGES / "plan.png")
    await customer.screenshot(path=IMAGES / "phone.png")

"""Every hand that the desk has, in Chromium: split, merge, hold, accept, export, import."""

from __future__ import annotations

import asyncio
import io
import itertools
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from browsing import new_page, sign_in
from installation import Installation
from playwright.async_api import Browser, Download, Page, expect

SITE = "hands"
MACHINE = f"{SITE}/cutting/line-1/saw-1"
PASSWORD = "a long enough password"
SAMPLES = Path(__file__).parents[2] / "docs" / "howto" / "samples"

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest.fixture(scope="module")
def desk(installation: Installation) -> Installation:
    """A site with an item that it makes and one that it buys, two customers, and their people."""
    asyncio.run(_prepared(installation))
    return installation


async def _prepared(installation: Installation) -> None:
    people = (
        ("pia", "planner", ()),
        ("paul", "purchasing", ()),
        ("kim", "customer", ("--customer", "handco")),
    )
    step = {"number": 10, "name": "Saw", "machine": MACHINE, "cycle_ms": 2000, "setup_ms": 600_000}
    routing = {"site": SITE, "steps": [step]}
    async with installation.api() as api:
        for path, body in (
            (f"sites/{SITE}", {"name": "Hands", "time_zone": "Europe/Warsaw"}),
            (f"machines/{MACHINE}", {"name": "Saw 1", "position": 1}),
            ("customers/handco", {"name": "Hand Co"}),
            ("customers/otherco", {"name": "Other Co"}),
            ("items/hook", {"name": "Hook", "unit": "pcs", "routings": [routing]}),
            ("items/coil", {"name": "Coil", "unit": "pcs", "routings": []}),
        ):
            answer = await api.put(f"/v1/{path}", json=body)
            assert answer.is_success, answer.text
    for name, role, more in people:
        site = () if role == "customer" else ("--site", SITE)
        code, said = await installation.gemba(
            *("user", "add", name, "--role", role, *site, *more, "--password-stdin"),
            stdin=PASSWORD,
        )
        assert code == 0, said


# No two orders of a customer are the same: else the review asks whether one is a duplicate.
_QUANTITIES = itertools.count(41)


async def _order(desk: Installation, *, quantity: int | None = None, **fields: Any) -> str:
    due = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    body = {
        "site": SITE,
        "customer": "handco",
        "lines": [{"item": "hook", "quantity": quantity or next(_QUANTITIES), "due_at": due}],
        **fields,
    }
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
    desk: Installation, browser: Browser, name: str, *, language: str = "en", phone: bool = False
) -> Page:
    page = await new_page(browser, language=language, phone=phone)
    await sign_in(page, desk, name, PASSWORD)
    return page


async def _content(download: Download) -> bytes:
    return await asyncio.to_thread((await download.path()).read_bytes)


async def _text(download: Download) -> str:
    return (await _content(download)).decode("utf-8-sig")


async def test_a_work_order_is_split_merged_with_a_chosen_one_and_both_are_undone(
    desk: Installation, browser: Browser
) -> None:
    number = await _order(desk, quantity=40, release=True)
    other = await _order(desk, customer="otherco", release=True)
    base = desk.addresses.http_url
    page = await _signed_in(desk, browser, "pia")
    await page.goto(f"{base}/orders/{number}")
    await page.get_by_test_id("rearrange").click()
    await page.fill("input[name=how-much]", "15")
    await page.get_by_test_id("preview").click()
    preview = page.get_by_test_id("rearrangement")
    await expect(preview).to_contain_text("1 → 2")
    await expect(preview).to_contain_text("40 → 25 pieces")
    assert len((await _of(desk, number))["pegs"]) == 1, "a preview changes nothing"
    await page.get_by_test_id("apply").click()
    toast = page.locator(".toast")
    await expect(toast).to_contain_text("2 work orders")
    assert len((await _of(desk, number))["pegs"]) == 2
    await toast.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("undone by pia")).to_be_visible()
    assert len((await _of(desk, number))["pegs"]) == 1

    # Of those that make the same, the planner takes the one that is meant.
    (theirs,) = {peg["work_order"] for peg in (await _of(desk, other))["pegs"]}
    await page.get_by_test_id("rearrange").click()
    await page.get_by_test_id("how").select_option("merge")
    await expect(page.get_by_test_id("preview")).to_be_disabled()
    await page.get_by_test_id(f"merge-{theirs}").check()
    await page.get_by_test_id("preview").click()
    await expect(preview).to_contain_text("2 → 1")
    await expect(page.get_by_test_id("setup-saved")).to_contain_text("10 min")
    await expect(page.get_by_test_id("rearranged-lines")).to_contain_text(other)
    await page.get_by_test_id("apply").click()
    await expect(page.get_by_test_id("rearrangement")).to_have_count(0)
    pegs = [
        peg["work_order"] for each in (number, other) for peg in (await _of(desk, each))["pegs"]
    ]
    assert len(set(pegs)) == 1
    # The way back stands on the page, also when the message has gone.
    row = page.get_by_test_id("rearrangements").get_by_role("listitem").filter(has_text="Merge")
    await row.get_by_role("button", name="Undo").click()
    await page.get_by_test_id("confirm").click()
    await expect(row).to_contain_text("undone by pia")
    after = {
        peg["work_order"] for each in (number, other) for peg in (await _of(desk, each))["pegs"]
    }
    assert theirs in after
    assert len(after) == 2


async def test_orders_are_held_resumed_confirmed_released_and_cancelled_together(
    desk: Installation, browser: Browser
) -> None:
    first = await _order(desk, customer_reference="in bulk 1")
    second = await _order(desk, customer_reference="in bulk 2")
    page = await _signed_in(desk, browser, "pia")

    async def acts(what: str, button: str, *, reason: str | None = None) -> None:
        await page.goto(f"{desk.addresses.http_url}/orders?search=in bulk")
        for number in (first, second):
            await page.get_by_test_id(f"choose-{number}").check()
        await page.get_by_test_id(f"bulk-{what}").click()
        dialog = page.get_by_role("dialog")
        if reason is not None:
            await dialog.locator("textarea[name=reason]").fill(reason)
        await dialog.get_by_role("button", name=button, exact=True).click()
        await expect(page.get_by_test_id("outcomes").get_by_role("listitem")).to_have_count(2)

    async def states() -> list[str]:
        return [(await _of(desk, number))["state"] for number in (first, second)]

    await acts("hold", "Hold", reason="Customer asks to wait")
    assert await states() == ["on_hold"] * 2
    await page.get_by_test_id("undo-hold").click()
    await expect(page.locator(".toast")).to_contain_text("2 orders go on")
    assert "on_hold" not in await states()
    await acts("confirm", "Confirm")
    assert await states() == ["confirmed"] * 2
    await acts("release", "Release")
    assert await states() == ["released"] * 2
    await acts("cancel", "Cancel", reason="Ordered twice")
    assert await states() == ["cancelled"] * 2
    # Done once more it cannot be done, and everybody is told why in their language.
    await page.get_by_role("button", name="Close").click()
    await page.get_by_role("button", name="Switch to Chinese").click()
    await expect(page.get_by_role("heading", name="订单")).to_be_visible()
    await page.goto(f"{desk.addresses.http_url}/orders?search=in bulk")
    await page.get_by_test_id(f"choose-{first}").check()
    await page.get_by_test_id("bulk-release").click()
    await page.get_by_role("dialog").get_by_role("button", name="下达", exact=True).click()
    await expect(page.get_by_test_id("outcomes")).to_contain_text(f"订单 {first} 无法下达")
    await expect(page.get_by_test_id("outcomes")).to_contain_text("第 1 行当前为“已取消”")


async def test_an_order_is_held_and_goes_on_from_its_own_page(
    desk: Installation, browser: Browser
) -> None:
    number = await _order(desk)
    page = await _signed_in(desk, browser, "pia")
    await page.goto(f"{desk.addresses.http_url}/orders/{number}")
    await page.get_by_role("button", name="Hold", exact=True).click()
    await page.fill("textarea[name=reason]", "Drawing is missing")
    await page.get_by_role("dialog").get_by_role("button", name="Hold", exact=True).click()
    await expect(page.get_by_test_id("order-stage")).to_have_text("On hold")
    await expect(page.get_by_test_id("events")).to_contain_text("Drawing is missing")
    await page.get_by_role("button", name="Resume", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Resume", exact=True).click()
    await expect(page.get_by_test_id("order-stage")).not_to_have_text("On hold")


async def test_a_promise_is_held_given_up_and_becomes_the_orders_own(
    desk: Installation, browser: Browser
) -> None:
    async with desk.api() as api:
        goods = {"site": SITE, "lines": [{"item": "hook", "quantity": 30}]}
        assert (await api.post("/v1/stock/receipts", json=goods)).status_code == 201
    page = await _signed_in(desk, browser, "pia")
    await page.goto(f"{desk.addresses.http_url}/promise")
    await page.fill("input[name=customer]", "handco")
    await page.fill("input[name=item-0]", "hook")
    await page.fill("input[name=quantity-0]", "20")
    await page.keyboard.press("Enter")

    async def held() -> list[dict[str, Any]]:
        async with desk.api() as api:
            found = await api.get(
                "/v1/reservations", params={"site": SITE, "item": "hook", "state": "open"}
            )
        return [each for each in found.json()["items"] if each["origin"] == "promise"]

    await page.get_by_test_id("hold").click()
    await expect(page.get_by_test_id("held")).to_contain_text("1 reservation")
    assert [each["quantity"] for each in await held()] == [20]
    await page.get_by_test_id("give-up").click()
    await expect(page.get_by_test_id("hold")).to_be_visible()
    assert await held() == []
    await page.get_by_test_id("hold").click()
    await expect(page.get_by_test_id("held")).to_be_visible()
    (before,) = await held()
    await page.get_by_test_id("make-order").click()
    await page.wait_for_url("**/orders/SO-*")
    (after,) = await held()
    assert after["id"] == before["id"], "it was never given back in between"
    assert after["order"] == page.url.rsplit("/", 1)[-1]
    assert after["expires_at"] is None


async def test_a_proposal_is_accepted_and_another_dismissed(
    desk: Installation, browser: Browser
) -> None:
    rules = (
        f"items:\n- {{code: coil, name: Coil, unit: pcs, kind: bought}}\n"
        f"suppliers:\n- {{code: coilco, name: Coil Co}}\n"
        f"item_sites:\n"
        f"- {{item: coil, site: {SITE}, source: buy, supplier: coilco, min_stock: 50}}\n"
        f"- {{item: hook, site: {SITE}, source: make, min_stock: 5000}}\n"
    )
    async with desk.api() as api:
        answer = await api.post(
            "/v1/master-data", content=rules, headers={"Content-Type": "application/yaml"}
        )
        assert answer.is_success, answer.text
    page = await _signed_in(desk, browser, "paul")
    await page.goto(f"{desk.addresses.http_url}/stock?tab=replenishment")
    await page.get_by_test_id("propose").click()
    await page.get_by_test_id("accept-coil").click()
    await expect(page.get_by_test_id("accept-coil")).to_have_count(0)
    await page.get_by_test_id("dismiss-hook").click()
    await expect(page.get_by_test_id("dismiss-hook")).to_have_count(0)
    async with desk.api() as api:
        found = (await api.get("/v1/replenishment", params={"site": SITE})).json()["items"]
        states = {each["item"]: each["state"] for each in found}
        assert states == {"coil": "accepted", "hook": "dismissed"}
        (bought,) = (await api.get("/v1/purchases", params={"site": SITE})).json()["items"]
    assert bought["supplier"] == "coilco"


async def test_lists_are_had_as_files(desk: Installation, browser: Browser) -> None:
    number = await _order(desk, customer_reference="as a file")
    base = desk.addresses.http_url
    page = await _signed_in(desk, browser, "pia")
    await page.goto(f"{base}/orders?search=as a file")
    await expect(page.get_by_test_id(f"order-{number}")).to_be_visible()
    async with page.expect_download() as started:
        await page.get_by_test_id("export-csv").click()
    rows = (await _text(await started.value)).splitlines()
    assert len(rows) == 2
    assert number in rows[1]
    async with page.expect_download() as started:
        await page.get_by_test_id("export-xlsx").click()
    book = openpyxl.load_workbook(io.BytesIO(await _content(await started.value)))
    assert number in [cell.value for row in book.worksheets[0].iter_rows() for cell in row]
    async with desk.api() as api:
        goods = {"site": SITE, "lines": [{"item": "coil", "quantity": 1.5, "lot": "=1+1"}]}
        assert (await api.post("/v1/stock/receipts", json=goods)).status_code == 201
    for tab, wanted in (("items", "coil"), ("lots", "'=1+1"), ("movements", "coil")):
        await page.goto(f"{base}/stock?tab={tab}&item=coil")
        async with page.expect_download() as started:
            await page.get_by_test_id("export-csv").click()
        assert wanted in await _text(await started.value), tab


@pytest.mark.parametrize(
    ("name", "kind"),
    [("sap-orders05.xml", "SAP IDoc"), ("order-850.x12", "X12"), ("orders.edi", "EDIFACT")],
)
async def test_documents_of_other_systems_are_looked_at_and_taken_in(
    desk: Installation, browser: Browser, name: str, kind: str
) -> None:
    page = await _signed_in(desk, browser, "pia")
    await page.goto(f"{desk.addresses.http_url}/import")
    await page.set_input_files("[data-testid=import-file]", SAMPLES / name)
    await expect(page.get_by_test_id("dry-run")).to_contain_text("would be taken in")
    chosen = page.get_by_test_id("import-format").locator("option:checked")
    await expect(chosen).to_have_text(kind)
    await page.get_by_test_id("take-in").click()
    await expect(page.get_by_test_id("taken")).to_contain_text("taken in")
    await page.get_by_test_id("import-orders").get_by_role("link").first.click()
    await expect(page.get_by_test_id("order-stage")).to_be_visible()
    await expect(page.locator("a[data-testid^=document-]")).to_have_count(1)


async def test_a_workbook_is_mapped_and_its_mapping_remembered(
    desk: Installation, browser: Browser, tmp_path: Path
) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (("Ref", "Who", "What", "How many"), ("WB-1", "handco", "hook", 7)):
        book.active.append(row)
    file = tmp_path / "table.xlsx"
    book.save(file)
    page = await _signed_in(desk, browser, "pia")
    await page.goto(f"{desk.addresses.http_url}/import")
    await page.set_input_files("[data-testid=import-file]", file)
    await page.get_by_test_id("mapping").click()
    for field, heading in (
        ("order_number", "Ref"),
        ("customer", "Who"),
        ("item", "What"),
        ("quantity", "How many"),
    ):
        await page.get_by_test_id(f"column-{field}").select_option(heading)
    await page.fill("input[name=mapping]", "Hand’s table")
    await page.get_by_test_id("save-mapping").click()
    await expect(page.locator(".toast")).to_contain_text("is remembered")
    await expect(page.get_by_test_id("dry-run")).to_contain_text("1 document would be taken in")
    await page.get_by_test_id("take-in").click()
    await expect(page.get_by_test_id("taken")).to_contain_text("1 document taken in")
    async with desk.api() as api:
        kept = (await api.get("/v1/intake/mappings")).json()["items"]
    assert "Hand’s table" in [each["name"] for each in kept]


async def test_a_customer_sees_the_own_order_move_without_a_reload(
    desk: Installation, browser: Browser
) -> None:
    number = await _order(desk, customer_reference="MINE-1")
    theirs = await _order(desk, customer="otherco")
    page = await _signed_in(desk, browser, "kim", phone=True)
    base = desk.addresses.http_url
    await page.goto(f"{base}/own")
    card = page.get_by_test_id(f"own-{number}")
    await expect(card).to_contain_text("MINE-1")
    await expect(page.get_by_test_id(f"own-{theirs}")).to_have_count(0)
    async with desk.api() as api:
        assert (await api.post(f"/v1/orders/{number}/release", json={})).is_success
    # The list is asked for again after a minute only: this comes over the live channel.
    await expect(card).to_contain_text("Scheduled", timeout=30_000)
    await card.get_by_role("link").click()
    await expect(page.get_by_test_id("own-stage")).to_contain_text("scheduled")
    async with desk.api() as api:
        body = {"reason": "no longer wanted"}
        assert (await api.post(f"/v1/orders/{number}/cancel", json=body)).is_success
    await expect(page.get_by_test_id("own-stage")).to_contain_text("cancelled")
    await page.goto(f"{base}/own/{theirs}")
    await expect(page.get_by_test_id("failed")).to_be_visible()


async def test_a_phone_folds_its_filters_and_shows_cards(
    desk: Installation, browser: Browser
) -> None:
    number = await _order(desk, customer_reference="on the phone")
    base = desk.addresses.http_url
    page = await _signed_in(desk, browser, "pia", phone=True)
    await page.goto(f"{base}/orders?search=on the phone")
    fold = page.get_by_test_id("filters-fold")
    await expect(fold.locator("select").first).to_be_hidden()
    await fold.locator("summary").click()
    await fold.locator("select").first.select_option("received")
    await page.wait_for_url("**state=received**")
    await expect(fold.locator("summary")).to_have_text("Filters (1 set)")
    for path in (f"orders/{number}", "stock", "review", "promise", "import", "orders"):
        await page.goto(f"{base}/{path}")
        await expect(page.locator("main h1")).to_be_visible()
        wide = await page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"{path} is {wide} px too wide"


async def test_keys_are_told_and_lead_on(desk: Installation, browser: Browser) -> None:
    page = await _signed_in(desk, browser, "pia", language="zh-CN")
    await page.goto(f"{desk.addresses.http_url}/orders")
    await expect(
        page.get_by_test_id("orders-grid").or_(page.get_by_test_id("empty"))
    ).to_be_visible()
    await page.keyboard.press("?")
    await expect(page.get_by_test_id("keys-help")).to_contain_text("订单列表")
    await page.keyboard.press("Escape")
    await expect(page.get_by_test_id("keys-help")).to_have_count(0)
    await page.keyboard.press("/")
    await page.keyboard.type("g s ?")
    await page.wait_for_url(re.compile(r"search=g"))
    await page.keyboard.press("Tab")
    await page.locator("main").focus()
    await page.keyboard.press("g")
    await page.keyboard.press("s")
    await page.wait_for_url("**/stock")

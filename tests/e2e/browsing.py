"""Pages in Chromium, as the tests of screens use them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from installation import Installation
from playwright.async_api import Browser, Page, async_playwright, expect

GENEROUS_MS = 60_000
expect.set_options(timeout=GENEROUS_MS)  # by default it is 5 s


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser without a screen."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[
                "--no-sandbox",  # CI is root
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield browser
        await browser.close()


async def new_page(browser: Browser, *, phone: bool = False, language: str = "en") -> Page:
    """A page of its own, without anybody's cookies."""
    size = {"width": 390, "height": 844} if phone else {"width": 1920, "height": 1080}
    context = await browser.new_context(viewport=size, locale=language)  # type: ignore[arg-type] # playwright's TypedDict
    page = await context.new_page()
    page.set_default_timeout(GENEROUS_MS)
    return page


async def sign_in(page: Page, installation: Installation, name: str, password: str) -> None:
    """Sign a member of staff in."""
    await page.goto(f"{installation.addresses.http_url}/login")
    await page.fill("input[name=name]", name)
    await page.fill("input[name=password]", password)
    await page.click("button[type=submit]")
    await page.wait_for_url(lambda url: not url.endswith("/login"))

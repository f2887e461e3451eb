"""Signing in with an OpenID provider, clicked through in Chromium, in both languages."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import openid_server
import pytest
import uvicorn
from api_client import Api
from openid_server import OpenIdServer
from playwright.async_api import Page, async_playwright

from launch.ports import free_port
from runtime.settings import ApiSettings

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "realtime_ui" / "dist"
HOWTO = ROOT / "docs" / "howto"


def _lacking() -> str | None:
    if shutil.which("chromium") is None:
        return "chromium is not installed"
    if not (PAGES / "index.html").exists():
        return "the pages are not built (npm run build in realtime_ui)"
    return openid_server.missing()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def origin(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def provider(tmp_path: Path, origin: str) -> Iterator[OpenIdServer]:
    if (lacking := _lacking()) is not None:
        if os.environ.get("GEMBA_TEST_FORBID_SKIP") == "1":
            pytest.fail(f"{lacking}, and GEMBA_TEST_FORBID_SKIP=1 forbids skipping")
        pytest.skip(lacking)
    with openid_server.openid_server(tmp_path) as server:
        server.set_up(f"{origin}/v1/session/oidc/callback")
        yield server


def settings_shown(page: str) -> dict[str, str]:
    """The settings of the how-to's samples, as a shell reads them."""
    text = (HOWTO / page).read_text(encoding="utf-8")
    shown = {}
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("GEMBA_"):
                name, _, value = shlex.split(line, comments=True)[0].partition("=")
                shown[name] = value
    return shown


@pytest.fixture(params=["sign-in-and-roles.md", "sign-in-and-roles.zh-CN.md"])
def page_of_howto(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def settings(  # noqa: PLR0917 - fixtures
    settings: ApiSettings,
    provider: OpenIdServer,
    page_of_howto: str,
    origin: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> ApiSettings:
    """Those of the how-to, with this provider in place of the example's."""
    secret = tmp_path / "oidc_client_secret"
    secret.write_text(openid_server.SECRET, encoding="utf-8")
    shown = settings_shown(page_of_howto)
    ours = {
        "GEMBA_PUBLIC_URL": origin,
        "GEMBA_OIDC_ISSUER": provider.issuer,
        "GEMBA_OIDC_CLIENT_SECRET_FILE": str(secret),
        # It tells no groups.
        "GEMBA_OIDC_ROLE_CLAIM": "email",
        "GEMBA_OIDC_ROLES": json.dumps({openid_server.EMAIL: "supervisor"}),
        "GEMBA_OIDC_SITES_CLAIM": "",
    }
    assert ours.keys() < shown.keys()
    for name, value in (shown | ours).items():
        monkeypatch.setenv(name, value)
    given = settings.model_dump(include={"data_dir", "database_url", "redis_url", "stream_url"})
    return ApiSettings(**given, ui_dir=PAGES, oidc_scopes="openid")


@pytest.fixture
async def served(api: Api, port: int, origin: str) -> AsyncIterator[str]:
    """The API's address, with its pages."""
    server = uvicorn.Server(
        uvicorn.Config(api.app, host="127.0.0.1", port=port, lifespan="off", log_level="warning")
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # signals are pytest's
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.02)
    yield origin
    server.should_exit = True
    await task


async def sign_in_there(page: Page) -> None:
    """What a person does at the provider's own pages."""
    await page.wait_for_url(re.compile(r"login\.html"))
    await page.fill("#username", openid_server.PERSON)
    await page.fill("#password", openid_server.PASSWORD)
    await page.click("#loginbut")
    await page.get_by_role("button", name="Continue").click()


WORDS = {
    "sign-in-and-roles.md": ("en", "Sign in with Example Corp"),
    "sign-in-and-roles.zh-CN.md": ("zh-CN", "使用 Example Corp 登录"),
}


async def test_somebody_clicks_through_with_the_settings_of_the_howto(
    served: str, api: Api, page_of_howto: str
) -> None:
    language, button = WORDS[page_of_howto]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = await (await browser.new_context(locale=language)).new_page()
        page.set_default_timeout(60_000)
        # Whoever is not signed in is led to the sign-in page, and on to where they wanted to go.
        await page.goto(f"{served}/orders")
        await page.wait_for_url(re.compile(r"/login\?next="))
        assert await page.inner_text("[data-testid=oidc]") == button
        await page.click("[data-testid=oidc]")
        await sign_in_there(page)
        await page.wait_for_url(re.compile(rf"^{re.escape(served)}/orders"))
        await page.locator("header.bar").wait_for()
        told = await page.evaluate("fetch('/v1/session').then((answer) => answer.json())")
        assert (told["user"]["display_name"], told["user"]["role"]) == ("Anna Ant", "supervisor")
        cookies = {cookie["name"]: cookie for cookie in await page.context.cookies(served)}
        assert cookies["gemba_session"]["httpOnly"] is True
        await browser.close()
    rows = await api.rows("SELECT display_name, role FROM users WHERE issuer IS NOT NULL")
    assert rows == [("Anna Ant", "supervisor")]
    actions = await api.rows("SELECT action FROM audit_log ORDER BY id")
    assert actions[-1] == ("SignedIn",)

"""Notifications in Chromium: the switch subscribes, and the service worker shows what is sent.

There is no push service on this machine: what a browser would get from one is stood in for, and
messages come in by the browser's own tools for developers.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from browsing import new_page, sign_in
from installation import Installation, eventually
from playwright.async_api import Browser, CDPSession, Page, expect

USER = "pushkin"
PASSWORD = "a long enough password"

# What `PushManager` answers where a push service can be reached: an address and keys of its own.
STAND_IN = """
(() => {
  const state = { made: null };
  const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const bytes = (word) => Uint8Array.from(
    atob(word.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
  PushManager.prototype.getSubscription = async () => state.made;
  PushManager.prototype.subscribe = async (options) => {
    const pair = await crypto.subtle.generateKey(
      { name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
    const key = await crypto.subtle.exportKey("raw", pair.publicKey);
    const endpoint = "https://push.invalid/p/1";
    const keys = { p256dh: text(key), auth: text(new Uint8Array(16).fill(7)) };
    state.made = {
      endpoint,
      options: { applicationServerKey: bytes(options.applicationServerKey).buffer },
      toJSON: () => ({ endpoint, keys }),
      unsubscribe: async () => { state.made = null; return true; },
    };
    return state.made;
  };
})();
"""

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.timeout(600),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest.fixture(scope="module")
def plant(installation: Installation) -> Installation:
    """An installation with somebody who wants to be told."""
    command = ("user", "add", USER, "--role", "planner", "--password-stdin")
    code, said = asyncio.run(installation.gemba(*command, stdin=PASSWORD))
    assert code == 0, said
    return installation


async def signed_in(browser: Browser, plant: Installation) -> Page:
    page = await new_page(browser)
    origin = plant.addresses.http_url
    await page.context.grant_permissions(["notifications"], origin=origin)
    await page.add_init_script(STAND_IN)
    await sign_in(page, plant, USER, PASSWORD)
    return page


async def subscriptions(page: Page) -> list[dict[str, Any]]:
    told: dict[str, Any] = await page.evaluate("fetch('/v1/push').then((answer) => answer.json())")
    found: list[dict[str, Any]] = told["subscriptions"]
    return found


async def shown(page: Page) -> list[dict[str, Any]]:
    """The notifications that the browser shows."""
    found: list[dict[str, Any]] = await page.evaluate(
        """async () => {
          const registration = await navigator.serviceWorker.ready;
          const notifications = await registration.getNotifications();
          return notifications.map(({ title, body, tag, data, lang, requireInteraction }) =>
            ({ title, body, tag, data, lang, requireInteraction }));
        }"""
    )
    return found


async def registration_of(session: CDPSession) -> str:
    """The service worker's id, as the tools for developers call it."""
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def heard(event: dict[str, Any]) -> None:
        for each in event["registrations"]:
            if not found.done():
                found.set_result(each["registrationId"])

    session.on("ServiceWorker.workerRegistrationUpdated", heard)
    await session.send("ServiceWorker.enable")
    async with asyncio.timeout(60):
        return await found


async def until_shown(page: Page, count: int) -> list[dict[str, Any]]:
    return await eventually(lambda: shown(page), lambda found: len(found) == count)


async def test_one_press_subscribes_this_browser_and_one_press_ends_it(
    browser: Browser, plant: Installation
) -> None:
    page = await signed_in(browser, plant)
    switch = page.get_by_role("switch", name="Notify me on this device")
    await expect(switch).to_have_attribute("aria-checked", "false")
    await switch.click()
    await expect(switch).to_have_attribute("aria-checked", "true")
    await expect(page.get_by_text("A notification comes to try it.")).to_be_visible()
    (found,) = await subscriptions(page)
    assert (found["host"], found["language"]) == ("push.invalid", "en")
    assert "Chrome" in found["device"]
    await switch.click()
    await expect(switch).to_have_attribute("aria-checked", "false")
    assert await subscriptions(page) == []
    await page.context.close()


async def test_what_is_sent_is_shown_once(browser: Browser, plant: Installation) -> None:
    page = await signed_in(browser, plant)
    await page.get_by_role("switch", name="Notify me on this device").click()
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    session = await page.context.new_cdp_session(page)
    registration = await registration_of(session)
    origin = plant.addresses.http_url

    async def deliver(data: str) -> None:
        await session.send(
            "ServiceWorker.deliverPushMessage",
            {"origin": origin, "registrationId": registration, "data": data},
        )

    message = {
        "id": "6d6f3e4e-1111-4222-8333-444455556666",
        "title": "机床停机：锯 2",
        "body": "请前往查看。",
        "link": "https://gemba.example/alarms/7?of=us",
        "priority": "critical",
        "language": "zh-CN",
    }
    await deliver(json.dumps(message))
    await deliver(json.dumps(message))
    (told,) = await until_shown(page, 1)
    assert told == {
        "title": "机床停机：锯 2",
        "body": "请前往查看。",
        "tag": message["id"],
        "data": {"link": "https://gemba.example/alarms/7?of=us"},
        "lang": "zh-CN",
        "requireInteraction": True,
    }
    await deliver("no message of ours")
    titles = {each["title"] for each in await until_shown(page, 2)}
    assert titles == {"机床停机：锯 2", "gemba"}
    await page.context.close()

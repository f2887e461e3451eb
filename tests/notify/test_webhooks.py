"""Webhooks from the change to the receiver, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from api_client import SITE, Api
from webhook_receiver import Receiver

from domain.access import Role
from domain.outward import Policy
from notify.worker import NotifyWorker
from runtime import tasks


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(90):
        while not await true():  # noqa: ASYNC110 - what is waited for happens behind HTTP
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _working(
    api: Api, *, private: bool = True, policy: Policy | None = None
) -> AsyncIterator[NotifyWorker]:
    """A worker at work."""
    worker = NotifyWorker(
        pool=api.context.pool,
        clock=api.context.clock,
        installation_key=api.context.signing_key,
        timeout_s=15.0,
        private=private,
        policy=policy,
        pause_s=0.05,
    )
    running = [
        asyncio.create_task(worker.keep_telling()),
        asyncio.create_task(worker.keep_sending()),
    ]
    try:
        yield worker
    finally:
        await tasks.end(running)


async def _hook(client: httpx.AsyncClient, url: str, **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/webhooks", json={"name": "shop", "url": url, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def _order(client: httpx.AsyncClient, number: str) -> None:
    answer = await client.post(
        "/v1/orders",
        json={
            "number": number,
            "site": SITE,
            "customer": "acme",
            "lines": [{"item": "bolt", "quantity": 5}],
        },
    )
    assert answer.status_code == 201, answer.text


async def _deliveries(client: httpx.AsyncClient, hook: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/webhooks/{hook['id']}/deliveries")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def _is(client: httpx.AsyncClient, hook: dict[str, Any], *states: str) -> bool:
    return [one["state"] for one in await _deliveries(client, hook)] == list(states)


async def _due_now(api: Api) -> None:
    """As if the time until the next attempt had passed."""
    async with api.context.connection() as connection:
        await connection.execute("UPDATE webhook_deliveries SET next_at = now()")


async def test_an_order_is_told_signed_and_once(
    api: Api, desk: httpx.AsyncClient, receiver: Receiver
) -> None:
    hook = await _hook(desk, receiver.url, event_types=["order.received"])
    async with _working(api):
        await _order(desk, "SO-1")
        await _until(lambda: _is(desk, hook, "delivered"))
    (message,) = receiver.messages
    assert message.is_signed_with(hook["secret"])
    assert message.content["type"] == "order.received"
    assert message.content["data"]["order"] == "SO-1"
    assert message.content["data"]["customer"] == "acme"
    assert message.headers["host"] == httpx.URL(receiver.url).netloc.decode()
    assert "secret" not in (await desk.get(f"/v1/webhooks/{hook['id']}")).json()


async def test_a_failed_message_is_sent_again_under_the_same_id(
    api: Api, desk: httpx.AsyncClient, receiver: Receiver
) -> None:
    receiver.statuses = [500, 302, 200]
    receiver.location = receiver.url
    hook = await _hook(desk, receiver.url, event_types=["order.received"])
    async with _working(api):
        await _order(desk, "SO-1")
        for attempts, status in ((1, 500), (2, 302)):

            async def failed(wanted: int = attempts, status: int = status) -> bool:
                found = await _deliveries(desk, hook)
                return (
                    any(
                        one["attempts"] == wanted
                        and one["last_status"] == status
                        and one["next_at"] > one["last_at"]
                        for one in found
                    )
                    and len(receiver.messages) == wanted
                )

            await _until(failed)
            assert (await desk.get(f"/v1/webhooks/{hook['id']}")).json()["failures"] == attempts
            await _due_now(api)
        await _until(lambda: _is(desk, hook, "delivered"))
        (delivery,) = await _deliveries(desk, hook)
        replayed = await desk.post(f"/v1/webhooks/{hook['id']}/deliveries/{delivery['id']}/replay")
        assert replayed.status_code == 202
        await _until(lambda: _count(receiver, 4))
    assert len({message.id for message in receiver.messages}) == 1
    assert len({message.body for message in receiver.messages}) == 1
    assert all(message.is_signed_with(hook["secret"]) for message in receiver.messages)
    assert (await desk.get(f"/v1/webhooks/{hook['id']}")).json()["failures"] == 0


async def _count(receiver: Receiver, wanted: int) -> bool:
    return len(receiver.messages) == wanted


async def test_killed_between_sending_and_noting_it_is_sent_again_under_the_same_id(
    api: Api, desk: httpx.AsyncClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = await _hook(desk, receiver.url, event_types=["order.received"])
    await _order(desk, "SO-1")
    worker = NotifyWorker(
        pool=api.context.pool,
        clock=api.context.clock,
        installation_key=api.context.signing_key,
        timeout_s=15.0,
        private=True,
    )

    class KilledError(Exception):
        pass

    async def killed(*_: object) -> None:
        raise KilledError

    monkeypatch.setattr(worker, "_settle", killed)  # ends here as kill -9 does
    telling = asyncio.create_task(worker.keep_telling())
    sending = asyncio.create_task(worker.keep_sending())
    async with asyncio.timeout(90):
        await asyncio.wait([sending])
    assert isinstance(sending.exception(), KilledError)
    await tasks.end([telling])
    assert await _is(desk, hook, "waiting")
    await _due_now(api)  # the lease is over
    async with _working(api):
        await _until(lambda: _is(desk, hook, "delivered"))
    assert len(receiver.messages) == 2
    assert len({message.id for message in receiver.messages}) == 1


async def test_an_endpoint_that_keeps_failing_is_disabled_and_can_be_enabled(
    api: Api, desk: httpx.AsyncClient, receiver: Receiver
) -> None:
    receiver.statuses = [503]
    hook = await _hook(desk, receiver.url, event_types=["order.received"])
    address = f"/v1/webhooks/{hook['id']}"
    policy = Policy(attempts=12, failures=3, failing_for=timedelta(0))
    async with _working(api, policy=policy):
        for number in range(3):
            await _order(desk, f"SO-{number}")

        async def disabled() -> bool:
            return bool((await desk.get(address)).json()["state"] == "disabled")

        await _until(disabled)
        seen = (await desk.get(address)).json()
        assert "3 attempts in a row have failed" in seen["disabled_reason"]
        assert "503" in seen["disabled_reason"]
        log = (await desk.get("/v1/audit", params={"action": "WebhookDisabled"})).json()
        assert [entry["object_key"] for entry in log["items"]] == ["shop"]
        count = len(receiver.messages)
        await _due_now(api)
        receiver.statuses = [200]
        enabled = await desk.patch(address, json={"version": seen["version"], "state": "active"})
        assert enabled.status_code == 200, enabled.text
        assert enabled.json()["disabled_reason"] is None
        await _until(lambda: _is(desk, hook, "delivered", "delivered", "delivered"))
        assert len(receiver.messages) == count + 3


async def test_a_receiver_that_is_gone_is_disabled_at_once(
    api: Api, desk: httpx.AsyncClient, receiver: Receiver
) -> None:
    receiver.statuses = [410]
    hook = await _hook(desk, receiver.url)
    async with _working(api):
        tried = await desk.post(f"/v1/webhooks/{hook['id']}/test")
        assert tried.status_code == 202

        async def disabled() -> bool:
            seen = (await desk.get(f"/v1/webhooks/{hook['id']}")).json()
            return bool(seen["state"] == "disabled")

        await _until(disabled)
    assert receiver.messages[0].content["type"] == "webhook.test"


async def test_private_addresses_are_not_reached(
    api: Api, desk: httpx.AsyncClient, receiver: Receiver
) -> None:
    port = httpx.URL(receiver.url).port
    for number, host in enumerate(("127.0.0.1", "localhost", "[::1]", "2130706433")):
        made = await desk.post(
            "/v1/webhooks",
            json={"name": f"hook-{number}", "url": f"https://{host}:{port}/hook"},
        )
        assert made.status_code == 201, made.text
        hook = made.json()
        async with _working(api, private=False):
            await desk.post(f"/v1/webhooks/{hook['id']}/test")

            async def refused(its: dict[str, Any] = hook) -> bool:
                (delivery,) = await _deliveries(desk, its)
                return "RefusedAddressError" in (delivery["last_error"] or "")

            await _until(refused)
    assert receiver.messages == []


async def test_webhooks_of_a_site_are_its_administrators_only(
    api: Api, desk: httpx.AsyncClient
) -> None:
    hook = await _hook(desk, "https://shop.example/hook", site=SITE)
    elsewhere = await api.as_role(Role.ADMIN, "plant-9")
    assert (await elsewhere.get(f"/v1/webhooks/{hook['id']}")).status_code == 404
    assert (await elsewhere.get("/v1/webhooks")).json()["total"] == 0
    all_sites = await elsewhere.post("/v1/webhooks", json={"name": "x", "url": "https://x.example"})
    assert all_sites.status_code == 422
    for url in ("ftp://x.example/", "https://", "https://u:p@x.example/", "nothing at all"):
        refused = await desk.post("/v1/webhooks", json={"name": "y", "url": url})
        assert refused.status_code == 422, url
    assert (await desk.delete(f"/v1/webhooks/{hook['id']}")).status_code == 204
    assert (await desk.get(f"/v1/webhooks/{hook['id']}")).status_code == 404


class TestEvents:
    async def test_events_come_once_each_in_order_whatever_the_page(
        self, api: Api, desk: httpx.AsyncClient
    ) -> None:
        async with _working(api):
            await asyncio.gather(*(_order(desk, f"SO-{number}") for number in range(12)))
            found: list[dict[str, Any]] = []
            after = 0

            async def all_of_them() -> bool:
                nonlocal after
                answer = await desk.get(
                    "/v1/events",
                    params={"after": after, "limit": 5, "types": "order.received", "wait_s": 1},
                )
                assert answer.status_code == 200, answer.text
                found.extend(answer.json()["items"])
                after = answer.json()["next"]
                return len(found) >= 12

            await _until(all_of_them)
        assert sorted(one["subject"] for one in found) == sorted(f"SO-{n}" for n in range(12))
        assert {one["specversion"] for one in found} == {"1.0"}
        numbers = [int(one["sequence"]) for one in found]
        assert numbers == sorted(set(numbers))
        again = (
            await desk.get("/v1/events", params={"after": 0, "types": "order.received"})
        ).json()
        assert [one["id"] for one in again["items"]] == [one["id"] for one in found]

    async def test_somebody_limited_to_sites_sees_theirs(
        self, api: Api, desk: httpx.AsyncClient
    ) -> None:
        async with _working(api):
            await _order(desk, "SO-1")

            async def told() -> bool:
                answer = await desk.get("/v1/events", params={"after": 0})
                return bool(answer.json()["items"])

            await _until(told)
        elsewhere = await api.as_role(Role.SALES, "plant-9")
        seen = (await elsewhere.get("/v1/events", params={"after": 0})).json()
        assert seen["items"] == []
        here = await api.as_role(Role.SALES, SITE)
        seen = (await here.get("/v1/events", params={"after": 0})).json()
        assert {one["source"] for one in seen["items"]} == {f"/gemba/{SITE}"}

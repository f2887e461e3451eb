"""Documents pushed to a channel's address: signed, in an order's order, tried again, given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
from api_client import SITE, Api
from outbound_floor import changed, confirmed, content, outbound, sample, taken, told
from webhook_receiver import Receiver

from domain.outward import Policy
from notify.worker import NotifyWorker
from runtime import tasks

SETTINGS = "/v1/channels/north/outbound"


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(90):
        while not await true():  # noqa: ASYNC110 - what is waited for happens behind HTTP
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _pushing(api: Api, *, policy: Policy | None = None) -> AsyncIterator[None]:
    worker = NotifyWorker(
        pool=api.context.pool,
        clock=api.context.clock,
        installation_key=api.context.signing_key,
        timeout_s=15.0,
        private=True,
        policy=policy,
        pause_s=0.05,
    )
    running = [asyncio.create_task(one) for one in worker.loops()]
    try:
        yield
    finally:
        await tasks.end(running)


async def _channel(desk: httpx.AsyncClient, url: str) -> dict[str, Any]:
    made = await desk.put("/v1/channels/north", json={"format": "x12", "site": SITE})
    assert made.status_code == 200, made.text
    saved = await desk.put(SETTINGS, json={"url": url})
    assert saved.status_code == 200, saved.text
    settings: dict[str, Any] = saved.json()
    return settings


async def _answered(api: Api, desk: httpx.AsyncClient) -> str:
    order: str = (await taken(desk, sample("order-850.x12"), "x12", channel="north"))["order"]
    await confirmed(desk, order)
    await told(api)
    return order


async def _is(desk: httpx.AsyncClient, *states: str) -> bool:
    return [one["state"] for one in await outbound(desk)] == list(states)


async def test_a_document_is_pushed_signed_and_under_the_same_id_again(
    api: Api, desk: httpx.AsyncClient, receiver: Receiver
) -> None:
    secret = (await _channel(desk, receiver.url))["secret"]
    assert secret.startswith("whsec_")
    assert "secret" not in (await desk.get(SETTINGS)).json()
    assert (await desk.put(SETTINGS, json={"url": receiver.url})).json()["secret"] is None
    receiver.statuses = [503, 200]
    await _answered(api, desk)
    async with _pushing(api):

        async def failed() -> bool:
            (one,) = await outbound(desk)
            return bool(one["attempts"] == 1 and one["last_status"] == 503)

        await _until(failed)
        assert (await desk.get(SETTINGS)).json()["failures"] == 1
        await api.rows("UPDATE outbound_documents SET next_at = now()")
        await _until(lambda: _is(desk, "sent"))
        (one,) = await outbound(desk)
        await desk.post(f"/v1/outbound/{one['id']}/resend")

        async def thrice() -> bool:
            return len(receiver.messages) == 3

        await _until(thrice)
        await _until(lambda: _is(desk, "sent"))
    assert len({message.id for message in receiver.messages}) == 1
    assert {message.body for message in receiver.messages} == {await content(desk, one)}
    first = receiver.messages[0]
    assert first.is_signed_with(secret)
    assert first.headers["content-type"] == "application/edi-x12"
    assert first.headers["gemba-document"] == str(one["id"])
    assert first.id.startswith("doc_")
    assert (await desk.get(SETTINGS)).json()["failures"] == 0


async def test_an_orders_next_document_waits_for_the_one_before_it(
    api: Api, desk: httpx.AsyncClient, receiver: Receiver
) -> None:
    await _channel(desk, receiver.url)
    receiver.statuses = [500, 200]
    order = await _answered(api, desk)
    await changed(desk, order, lines=[{"number": 1, "quantity": 100}])
    await told(api)
    async with _pushing(api):

        async def failed() -> bool:
            return bool((await outbound(desk))[0]["last_status"] == 500)

        await _until(failed)
        assert [one["attempts"] for one in await outbound(desk)] == [1, 0]
        await api.rows("UPDATE outbound_documents SET next_at = now()")
        await _until(lambda: _is(desk, "sent", "sent"))
    documents = [await content(desk, one) for one in await outbound(desk)]
    assert [message.body for message in receiver.messages] == [documents[0], *documents]


async def test_an_address_that_keeps_failing_is_stopped_told_and_enabled_again(
    api: Api, desk: httpx.AsyncClient, receiver: Receiver
) -> None:
    await _channel(desk, receiver.url)
    receiver.statuses = [500]
    await _answered(api, desk)
    policy = Policy(attempts=12, failures=1, failing_for=timedelta(0))
    async with _pushing(api, policy=policy):

        async def disabled() -> bool:
            return bool((await desk.get(SETTINGS)).json()["state"] == "disabled")

        await _until(disabled)
        assert "500" in (await desk.get(SETTINGS)).json()["disabled_reason"]
        log = (await desk.get("/v1/audit", params={"action": "OutboundDisabled"})).json()
        assert [entry["object_key"] for entry in log["items"]] == ["north"]
        receiver.statuses = [200]
        await api.rows("UPDATE outbound_documents SET next_at = now()")
        assert (await desk.put(SETTINGS, json={"url": receiver.url})).json()["state"] == "active"
        await _until(lambda: _is(desk, "sent"))


async def test_a_document_is_given_up_and_can_be_sent_again(
    api: Api, desk: httpx.AsyncClient, receiver: Receiver
) -> None:
    await _channel(desk, receiver.url)
    receiver.statuses = [500, 200]
    await _answered(api, desk)
    async with _pushing(api, policy=Policy(attempts=1)):
        await _until(lambda: _is(desk, "given_up"))
        (one,) = await outbound(desk)
        assert one["last_error"] == "the receiver answered 500"
        await desk.post(f"/v1/outbound/{one['id']}/resend")
        await _until(lambda: _is(desk, "sent"))


async def test_without_an_address_what_waits_is_fetched(
    api: Api, desk: httpx.AsyncClient, receiver: Receiver
) -> None:
    await _channel(desk, receiver.url)
    await _answered(api, desk)
    assert [one["pushed"] for one in await outbound(desk)] == [True]
    assert (await desk.put(SETTINGS, json={})).json()["url"] is None
    assert [one["pushed"] for one in await outbound(desk)] == [False]
    assert receiver.messages == []

"""kill -9 while notify tells: nothing is lost, nothing gets another id, documents are made once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_client import SITE, Api
from notify_process import NotifyProcess
from outbound_floor import confirmed, outbound, sample, taken
from webhook_receiver import Message, Receiver

_AT_A_TIME = 4
"""So many messages to one endpoint are under way at a time (docs/howto/receive-webhooks.md)."""
_ORDERS = 30
_KILLED_AT = (2, 7, 13, 24)
"""How many messages have come when it is killed, the newest of them not yet answered."""


@pytest.fixture
def process(
    database_url: str, redis_url: str, data_dir: Path, tmp_path: Path
) -> Iterator[NotifyProcess]:
    one = NotifyProcess(database_url, redis_url, data_dir, tmp_path / "notify.log")
    yield one
    one.close()


async def _until(true: Callable[[], Awaitable[bool]], seconds: float = 200) -> None:
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)


async def _killed_while_it_sends(
    process: NotifyProcess, receiver: Receiver, under_way: Callable[[], Awaitable[set[str]]]
) -> set[str]:
    """Start and kill, again and again; answers what was under way then."""
    interrupted: set[str] = set()
    for wanted in _KILLED_AT:
        process.start()

        async def come(enough: int = wanted) -> bool:
            return len(receiver.messages) >= enough

        await _until(come)
        process.kill()
        interrupted |= await under_way()
    assert interrupted
    process.start()
    return interrupted


def _by_id(messages: list[Message]) -> dict[str, list[Message]]:
    found: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        found[message.id].append(message)
    return found


async def test_each_event_arrives_under_one_id_in_order(
    api: Api, desk: httpx.AsyncClient, receiver: Receiver, process: NotifyProcess
) -> None:
    receiver.delay_s = 0.25
    hook = (await desk.post("/v1/webhooks", json={"name": "shop", "url": receiver.url})).json()
    for number in range(_ORDERS):
        made = await desk.post(
            "/v1/orders",
            json={
                "number": f"SO-{number}",
                "site": SITE,
                "customer": "acme",
                "lines": [{"item": "bolt", "quantity": 5}],
            },
        )
        assert made.status_code == 201, made.text

    async def under_way() -> set[str]:
        rows = await api.rows(
            "SELECT message_id FROM webhook_deliveries WHERE state = 'waiting' AND attempts > 0"
        )
        return {row[0] for row in rows}

    interrupted = await _killed_while_it_sends(process, receiver, under_way)

    async def all_delivered() -> bool:
        rows = await api.rows(
            "SELECT (SELECT count(*) FROM outward_queue),"
            " count(*) FILTER (WHERE state = 'delivered'), count(*) FROM webhook_deliveries"
        )
        waiting, delivered, deliveries = rows[0]
        return bool(waiting == 0 and delivered == deliveries >= _ORDERS)

    await _until(all_delivered)
    seen = await desk.get("/v1/events", params={"after": 0, "limit": 1000})
    events = [f"msg_{event['id'].replace('-', '')}" for event in seen.json()["items"]]
    orders = {event["subject"] for event in seen.json()["items"]}
    assert orders == {f"SO-{number}" for number in range(_ORDERS)}
    came = _by_id(receiver.messages)
    assert set(came) == set(events)
    assert all(message.is_signed_with(hook["secret"]) for message in receiver.messages)
    for id_, messages in came.items():
        assert len({message.body for message in messages}) == 1
        assert len(messages) == 1 or id_ in interrupted
    _assert_in_order(receiver.messages, [id_ for id_ in events if id_ not in interrupted])


def _assert_in_order(messages: list[Message], wanted: list[str]) -> None:
    """Messages came in the order of events, but for those that were under way together."""
    place = {id_: number for number, id_ in enumerate(wanted)}
    came = [place[message.id] for message in messages if message.id in place]
    assert sorted(came) == list(range(len(wanted)))
    for number, one in enumerate(came):
        assert abs(one - number) < _AT_A_TIME


async def test_each_document_is_made_once_and_arrives(
    api: Api, desk: httpx.AsyncClient, receiver: Receiver, process: NotifyProcess
) -> None:
    receiver.delay_s = 0.2
    await desk.put("/v1/channels/north", json={"format": "x12", "site": SITE})
    saved = await desk.put("/v1/channels/north/outbound", json={"url": receiver.url})
    assert saved.status_code == 200, saved.text
    secret = saved.json()["secret"]
    content = sample("order-850.x12")
    orders = []
    for number in range(_ORDERS):
        one = content.replace(b"PO-48213", b"PO-%05d" % number)
        document = await taken(desk, one, "x12", channel="north")
        orders.append(document["order"])
        await confirmed(desk, document["order"])

    async def under_way() -> set[str]:
        rows = await api.rows(
            "SELECT 'doc_' || replace(message_id::text, '-', '') FROM outbound_documents"
            " WHERE state = 'made' AND attempts > 0"
        )
        return {row[0] for row in rows}

    interrupted = await _killed_while_it_sends(process, receiver, under_way)

    async def all_sent() -> bool:
        sent = await api.rows("SELECT count(*) FROM outbound_documents WHERE state = 'sent'")
        return bool(sent == [(_ORDERS,)])

    await _until(all_sent)
    documents: list[dict[str, Any]] = await outbound(desk)
    assert sorted(one["order"] for one in documents) == sorted(orders)
    rows = await api.rows("SELECT count(*), count(DISTINCT control) FROM outbound_documents")
    assert rows == [(_ORDERS, _ORDERS)]
    assert await api.rows("SELECT count(*) FROM outbound_tasks") == [(0,)]
    came = _by_id(receiver.messages)
    assert len(came) == _ORDERS
    for id_, messages in came.items():
        assert all(message.is_signed_with(secret) for message in messages)
        assert len({message.body for message in messages}) == 1
        assert len(messages) == 1 or id_ in interrupted
        assert messages[0].headers["content-type"] == "application/edi-x12"

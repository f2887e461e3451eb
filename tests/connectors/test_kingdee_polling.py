"""The client of Kingdee, against a server that behaves like its WebAPI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal

import httpx
import pytest
from aiohttp import web
from erp_servers import Kingdee, serving

from connectors.kingdee import read
from connectors.options import ReadOptions
from connectors.polling import (
    KingdeeAccount,
    KingdeeClient,
    Position,
    RefusedError,
    UnreachableError,
    poll,
)
from domain.documents import DocumentKind, OrderDocument

SINCE = Position(since=datetime.fromisoformat("2026-11-20T00:00:00"))
OPTIONS = ReadOptions(source="kingdee:acct")


class Polled:
    """A client of a running server, what it delivered, and for how long it waited."""

    def __init__(self, server: Kingdee, url: str, http: httpx.AsyncClient) -> None:
        self.server = server
        self.http = http
        self.account = KingdeeAccount(
            url=f"{url}/k3cloud/", account="acct", user="gemba", app_id="app", secret=server.secret
        )
        self.bodies: list[bytes] = []
        self.waits: list[float] = []

    async def deliver(self, body: bytes) -> None:
        self.bodies.append(body)

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def client(self, account: KingdeeAccount | None = None, page: int = 2) -> KingdeeClient:
        return KingdeeClient(self.http, account or self.account, page=page, sleep=self.wait)

    def orders(self) -> list[OrderDocument]:
        """What the connector reads of everything that was delivered."""
        readings = [read(body, OPTIONS) for body in self.bodies]
        assert all(reading.problems == () for reading in readings)
        return [order for reading in readings for order in reading.documents]


@pytest.fixture
async def polled() -> AsyncIterator[Polled]:
    server = Kingdee()
    async with serving(server.app) as url, httpx.AsyncClient(timeout=0.5) as http:
        yield Polled(server, url, http)


async def test_it_signs_in_and_reads_every_page(polled: Polled) -> None:
    for identity in range(1, 6):
        polled.server.put(identity, f"2026-11-21T10:00:0{identity}")
    round_ = await poll(polled.client(), SINCE, polled.deliver)
    assert round_.delivered == 5
    assert [order.number for order in polled.orders()] == [f"XS-{one}" for one in range(1, 6)]
    assert polled.server.sign_ins == [["acct", "gemba", "app", "app-secret", 2052]]
    assert len(polled.server.queries) == 3
    assert polled.server.queries[0]["FormId"] == "SAL_SaleOrder"


async def test_a_password_signs_in_where_there_is_no_app(polled: Polled) -> None:
    account = KingdeeAccount(
        url=polled.account.url, account="acct", user="gemba", secret=polled.server.secret
    )
    assert (await poll(polled.client(account), SINCE, polled.deliver)).delivered == 0
    assert polled.server.sign_ins == [["acct", "gemba", "app-secret", 2052]]


async def test_a_wrong_secret_is_told_once_and_without_the_secret(polled: Polled) -> None:
    account = KingdeeAccount(
        url=polled.account.url, account="acct", user="gemba", app_id="app", secret="not-it"
    )
    with pytest.raises(RefusedError, match="应用密钥不正确") as caught:
        await poll(polled.client(account), SINCE, polled.deliver)
    assert len(polled.server.sign_ins) == 1
    assert "not-it" not in str(caught.value) + repr(account)


async def test_a_lost_session_is_made_anew_in_the_midst_of_a_round(polled: Polled) -> None:
    client = polled.client()
    polled.server.put(1, "2026-11-21T10:00:00")
    await poll(client, SINCE, polled.deliver)
    polled.server.sessions.clear()
    assert (await poll(client, SINCE, polled.deliver)).delivered == 1
    assert len(polled.server.sign_ins) == 2


async def test_a_session_that_is_never_good_is_not_asked_for_forever(polled: Polled) -> None:
    polled.http.cookies.clear()
    polled.server.sessions = Nothing()
    with pytest.raises(RefusedError, match="signed in, but"):
        await poll(polled.client(), SINCE, polled.deliver)
    assert len(polled.server.sign_ins) == 2


class Nothing(set[str]):
    """Sessions of which none is remembered."""

    def add(self, element: str) -> None:
        """Forget it."""


async def test_an_order_changed_between_two_rounds_arrives_as_a_newer_one(polled: Polled) -> None:
    client = polled.client()
    polled.server.put(1, "2026-11-21T10:00:00")
    polled.server.put(2, "2026-11-21T10:00:00")
    first = await poll(client, SINCE, polled.deliver)
    bill = polled.server.put(1, "2026-11-21T11:00:00")
    bill["SaleOrderEntry"][0]["Qty"] = 44
    polled.bodies.clear()
    second = await poll(client, first.position, polled.deliver)
    changed = next(order for order in polled.orders() if order.number == "XS-1")
    assert changed.lines[0].quantity == Decimal(44)
    assert changed.version == 1_795_230_000_000
    assert second.position.since > first.position.since


async def test_a_cancelled_bill_arrives_as_a_cancellation(polled: Polled) -> None:
    polled.server.put(1, "2026-11-21T10:00:00", DocumentStatus="Z", CancelStatus="B")
    polled.server.put(2, "2026-11-21T10:00:00", DocumentStatus="Z")
    await poll(polled.client(), SINCE, polled.deliver)
    assert [(order.number, order.kind) for order in polled.orders()] == [
        ("XS-1", DocumentKind.CANCEL)
    ]


async def test_what_stays_as_it_is_is_read_twice_and_then_no_more(polled: Polled) -> None:
    client = polled.client()
    polled.server.put(1, "2026-11-21T10:00:00")
    position, delivered = SINCE, []
    for _ in range(4):
        round_ = await poll(client, position, polled.deliver)
        position = round_.position
        delivered.append(round_.delivered)
    assert delivered == [1, 1, 0, 0]


async def test_what_was_written_late_is_found_by_the_overlap(polled: Polled) -> None:
    client = polled.client()
    polled.server.put(1, "2026-11-21T10:00:00")
    first = await poll(client, SINCE, polled.deliver)
    polled.server.put(2, "2026-11-21T09:58:00")
    polled.bodies.clear()
    await poll(client, first.position, polled.deliver)
    assert "XS-2" in {order.number for order in polled.orders()}


async def test_a_fault_and_a_slow_answer_are_asked_again(polled: Polled) -> None:
    polled.server.put(1, "2026-11-21T10:00:00")
    polled.server.failures = [web.Response(status=503), 1.5]
    assert (await poll(polled.client(), SINCE, polled.deliver)).delivered == 1
    assert len(polled.waits) == 2
    assert polled.waits[1] > 0


async def test_what_the_server_says_of_waiting_is_done(polled: Polled) -> None:
    polled.server.put(1, "2026-11-21T10:00:00")
    polled.server.failures = [web.Response(status=429, headers={"Retry-After": "17"})]
    await poll(polled.client(), SINCE, polled.deliver)
    assert polled.waits == [17.0]


async def test_a_server_that_stays_away_ends_the_round(polled: Polled) -> None:
    polled.server.failures = [web.Response(status=502) for _ in range(20)]
    with pytest.raises(UnreachableError, match="answers 502"):
        await poll(polled.client(), SINCE, polled.deliver)
    assert polled.bodies == []


async def test_a_field_that_is_not_there_is_told(polled: Polled) -> None:
    status = {"IsSuccess": False, "Errors": [{"Message": "字段FModifyDate不存在"}]}
    told = [[{"Result": {"ResponseStatus": status}}]]
    polled.server.failures = [web.json_response(told)]
    with pytest.raises(RefusedError, match="FModifyDate"):
        await poll(polled.client(), SINCE, polled.deliver)


async def test_a_bill_deleted_meanwhile_is_counted_as_gone(polled: Polled) -> None:
    polled.server.put(1, "2026-11-21T10:00:00")
    client = polled.client()
    (change,) = [one async for one in client.changed(SINCE.since)]
    del polled.server.bills[1]
    assert await client.order(change) is None


async def test_a_delivery_that_fails_leaves_the_position(polled: Polled) -> None:
    polled.server.put(1, "2026-11-21T10:00:00")

    async def fail(_body: bytes) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await poll(polled.client(), SINCE, fail)
    assert (await poll(polled.client(), SINCE, polled.deliver)).delivered == 1

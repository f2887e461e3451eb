"""The client of YonBIP, against a server that behaves like its OpenAPI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal

import httpx
import pytest
from aiohttp import web
from erp_servers import Yonyou, serving

from connectors.options import ReadOptions
from connectors.polling import (
    Position,
    RefusedError,
    UnreachableError,
    YonyouAccount,
    YonyouClient,
    poll,
)
from connectors.polling.yonyou import signature
from connectors.yonyou import read
from domain.documents import OrderDocument

SINCE = Position(since=datetime.fromisoformat("2026-11-20T00:00:00"))
OPTIONS = ReadOptions(source="yonyou:tenant7")


class Polled:
    """A client of a running server, what it delivered, and for how long it waited."""

    def __init__(self, server: Yonyou, url: str, http: httpx.AsyncClient) -> None:
        self.server = server
        self.url = url
        self.http = http
        self.bodies: list[bytes] = []
        self.waits: list[float] = []

    async def deliver(self, body: bytes) -> None:
        self.bodies.append(body)

    async def wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def client(self, secret: str | None = None, tenant: str = "tenant/7") -> YonyouClient:
        account = YonyouAccount(
            tenant=tenant, app_key="key&1", secret=secret or self.server.secret, url=self.url
        )
        return YonyouClient(
            self.http, account, page=2, now_ms=lambda: self.server.now_ms, sleep=self.wait
        )

    def orders(self) -> list[OrderDocument]:
        """What the connector reads of everything that was delivered."""
        readings = [read(body, OPTIONS) for body in self.bodies]
        assert all(reading.problems == () for reading in readings)
        return [order for reading in readings for order in reading.documents]


@pytest.fixture
async def polled() -> AsyncIterator[Polled]:
    server = Yonyou()
    async with serving(server.app) as url, httpx.AsyncClient(timeout=0.5) as http:
        yield Polled(server, url, http)


def test_the_signature_is_that_of_a_known_example() -> None:
    # Computed with `printf appKeyabctimestamp1600000000000 | openssl dgst -sha256 -hmac s3cret
    # -binary | base64`.
    told = signature({"timestamp": "1600000000000", "appKey": "abc"}, "s3cret")
    assert told == "E7MLmRjiX6muWQfxsb5ZEOHRZpnknDI1turfuBtabFI="


async def test_it_looks_its_addresses_up_signs_in_and_reads_every_page(polled: Polled) -> None:
    for identity in range(1, 6):
        polled.server.put(identity, f"2026-11-21 10:00:0{identity}")
    round_ = await poll(polled.client(), SINCE, polled.deliver)
    assert round_.delivered == 5
    assert [order.number for order in polled.orders()] == [f"UO-{one}" for one in range(1, 6)]
    assert (polled.server.looked_up, len(polled.server.sign_ins)) == (1, 1)


async def test_many_signatures_are_right_whatever_has_to_be_escaped(polled: Polled) -> None:
    for _ in range(30):
        polled.server.now_ms += 1
        assert (await poll(polled.client(), SINCE, polled.deliver)).delivered == 0
    assert any("%2B" in query for query in polled.server.sign_ins)
    assert any("%2F" in query for query in polled.server.sign_ins)


async def test_a_wrong_secret_is_told_once_and_without_the_secret(polled: Polled) -> None:
    with pytest.raises(RefusedError, match="签名错误") as caught:
        await poll(polled.client(secret="not-it"), SINCE, polled.deliver)
    assert len(polled.server.sign_ins) == 1
    assert "not-it" not in str(caught.value)


async def test_an_unknown_tenant_is_told(polled: Polled) -> None:
    with pytest.raises(RefusedError, match="addresses of tenant 'nobody'"):
        await poll(polled.client(tenant="nobody"), SINCE, polled.deliver)


@pytest.mark.parametrize("plain", [False, True])
async def test_a_token_that_expired_is_asked_for_anew(polled: Polled, *, plain: bool) -> None:
    client = polled.client()
    polled.server.put(1, "2026-11-21 10:00:00")
    await poll(client, SINCE, polled.deliver)
    if plain:
        polled.server.failures = [web.Response(text="非法token")]
    else:
        polled.server.tokens.clear()
    assert (await poll(client, SINCE, polled.deliver)).delivered == 1
    assert len(polled.server.sign_ins) == 2
    assert polled.server.looked_up == 1


async def test_an_order_changed_between_two_rounds_arrives_as_a_newer_one(polled: Polled) -> None:
    client = polled.client()
    polled.server.put(1, "2026-11-21 10:00:00")
    first = await poll(client, SINCE, polled.deliver)
    order = polled.server.put(1, "2026-11-21 11:00:00")
    order["orderDetails"][1]["qty"] = 130.25
    polled.bodies.clear()
    second = await poll(client, first.position, polled.deliver)
    (changed,) = polled.orders()
    assert changed.lines[1].quantity == Decimal("130.25")
    assert changed.version == 1_795_230_000_000
    assert second.position.since > first.position.since


async def test_being_asked_too_often_is_waited_out(polled: Polled) -> None:
    polled.server.put(1, "2026-11-21 10:00:00")
    busy = {"code": "310046", "message": "触发了API级限流"}
    polled.server.failures = [web.json_response(busy), web.json_response(busy)]
    assert (await poll(polled.client(), SINCE, polled.deliver)).delivered == 1
    assert len(polled.waits) == 2


async def test_a_fault_and_a_slow_answer_are_asked_again(polled: Polled) -> None:
    polled.server.put(1, "2026-11-21 10:00:00")
    fault = {"code": "310504", "message": "请求超时"}
    polled.server.failures = [web.json_response(fault), 1.5]
    assert (await poll(polled.client(), SINCE, polled.deliver)).delivered == 1
    assert len(polled.waits) == 2


async def test_a_refusal_is_told_and_not_asked_again(polled: Polled) -> None:
    told = {"code": "310037", "message": "API未被授权"}
    polled.server.failures = [web.json_response(told)]
    with pytest.raises(RefusedError, match="API未被授权"):
        await poll(polled.client(), SINCE, polled.deliver)
    assert (polled.server.calls, polled.waits) == (1, [])


async def test_a_list_that_shrinks_while_it_is_read_is_read_again(polled: Polled) -> None:
    for identity in range(1, 6):
        polled.server.put(identity, "2026-11-21 10:00:00")
    # Deleted after the first page: without another look, order 3 would slip onto that page.
    polled.server.vanishing = [1]
    await poll(polled.client(), SINCE, polled.deliver)
    assert {order.number for order in polled.orders()} == {"UO-2", "UO-3", "UO-4", "UO-5"}


async def test_errors_do_not_tell_the_token(polled: Polled) -> None:
    client = polled.client()
    await poll(client, SINCE, polled.deliver)
    polled.server.failures = [web.Response(status=500) for _ in range(20)]
    with pytest.raises(UnreachableError) as caught:
        await poll(client, SINCE, polled.deliver)
    assert "token" not in str(caught.value).lower()

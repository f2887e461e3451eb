"""How people, programs and customers come by a ticket, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from live_rows import Factory
from live_stack import Server
from websockets.exceptions import ConnectionClosed

from contracts.live import CloseCode
from domain.access import Role
from runtime.tokens import issue_token
from store import access
from store.database import Pool

SIGNING_KEY = "k" * 32


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.origin) as client:
        yield client


def bearer(role: str, *sites: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_token(SIGNING_KEY, role=role, sites=sites)}"}


async def ticket(http: httpx.AsyncClient, path: str = "/v1/live/ticket", **options: object) -> str:
    answer = await http.post(path, **options)  # type: ignore[arg-type]  # httpx's own options
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["expires_in_s"] == 30
    return str(answer.json()["ticket"])


async def test_nobody_gets_no_ticket(http: httpx.AsyncClient) -> None:
    assert (await http.post("/v1/live/ticket")).status_code == 401
    wrong = {"Authorization": "Bearer invented"}
    assert (await http.post("/v1/live/ticket", headers=wrong)).status_code == 401
    assert (await http.post("/v1/tracking/invented/ticket")).status_code == 404


@pytest.mark.usefixtures("factory", "projector")
async def test_a_program_gets_in_with_its_bearer_tokens_ticket(
    http: httpx.AsyncClient, server: Server
) -> None:
    async with server.client(word=await ticket(http, headers=bearer("viewer"))) as client:
        await client.subscribe("floor:plant-1")
        assert (await client.receive())["op"] == "snapshot"
    elsewhere = await ticket(http, headers=bearer("viewer", "plant-2"))
    async with server.client(word=elsewhere) as client:
        await client.subscribe("floor:plant-1")
        assert (await client.receive())["code"] == "not_found"
    async with server.client(word=await ticket(http, headers=bearer("gateway"))) as client:
        await client.subscribe("floor:plant-1")
        assert (await client.receive())["code"] == "forbidden"


async def test_LIVE_11_a_persons_socket_ends_when_they_sign_out(  # noqa: N802 - the rule's id
    http: httpx.AsyncClient, server: Server, pool: Pool
) -> None:
    async with pool.connection() as connection:
        user = await access.create_user(
            connection, name="li", password="long enough", role=Role.SUPERVISOR
        )
        session = await access.open_session(connection, user, lasting=timedelta(hours=1))
    http.cookies.set("gemba_session", session)
    foreign = await http.post("/v1/live/ticket", headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    word = await ticket(http, headers={"Origin": server.origin})
    async with server.client(word=word, origin=server.origin) as client:
        await server.hub.refresh()
        await client.send(op="ping")
        assert (await client.receive())["op"] == "pong"
        async with pool.connection() as connection:
            await access.close_session(connection, session)
        await server.hub.refresh()
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == CloseCode.SIGNED_OUT


@pytest.mark.usefixtures("projector")
async def test_a_customer_follows_a_link_until_it_is_revoked(
    http: httpx.AsyncClient, server: Server, pool: Pool, factory: Factory
) -> None:
    async with pool.connection() as connection:
        link, token = await access.create_link(
            connection, factory.order, created_by="li", lasting=timedelta(days=1)
        )
    word = await ticket(http, f"/v1/tracking/{token}/ticket")
    async with server.client(word=word, origin=server.origin) as client:
        await client.subscribe(f"tracking:{token}")
        assert (await client.receive())["data"]["order"]["number"] == "SO-1"
        async with pool.connection() as connection:
            await access.revoke_link(connection, link.id)
        assert (await http.post(f"/v1/tracking/{token}/ticket")).status_code == 404
        await server.hub.refresh()
        assert (await client.receive())["code"] == "not_found"

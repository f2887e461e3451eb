"""From committed rows to a client's socket, with real servers all the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from live_rows import M1, M2, Factory, Rows
from live_stack import PATIENCE_S, Client, Server, serving, task_running
from redis.asyncio import Redis
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.live import tickets
from api.live.hub import LiveHub
from contracts.live import CloseCode
from runtime.clock import SystemClock
from runtime.health import HealthState
from store.database import Pool, build_pool
from store.live_views import OrderPicture
from streams.live import LiveProjector

FLOOR = "floor:plant-1"


@pytest.fixture
async def board(
    server: Server,
    projector: LiveProjector,  # noqa: ARG001 - has to run
    factory: Factory,  # noqa: ARG001 - has to be there
) -> AsyncIterator[Client]:
    """A board that has its first snapshot."""
    async with server.client() as client:
        await client.subscribe(FLOOR)
        first = await client.receive()
        assert first["op"] == "snapshot"
        yield client


async def count(rows: Rows, factory: Factory, projector: LiveProjector, good: int) -> None:
    """What the telemetry agent does when pieces were counted."""
    await rows.progress(factory.operation, good)
    projector.machine_changed("plant-1", factory.m1)
    projector.order_changed("plant-1", factory.order)


def good_of(state: dict[str, Any], machine: str = M1) -> int:
    operation = state[FLOOR][machine]["operation"]
    return int(operation["good_pieces"]) if operation else 0


async def test_LIVE_01_a_subscription_is_answered_with_a_snapshot(  # noqa: N802 - the rule's id
    board: Client,
) -> None:
    tiles = board.state[FLOOR]
    assert set(tiles) == {M1, M2, "summary"}
    assert tiles[M1]["operation"]["work_order"] == "WO-1"
    assert tiles["summary"]["machines"] == 2
    assert tiles["summary"]["running"] == 1


async def test_LIVE_02_a_committed_change_reaches_the_board_as_a_delta(  # noqa: N802
    board: Client, rows: Rows, factory: Factory, projector: LiveProjector
) -> None:
    await count(rows, factory, projector, 312)
    await board.until(lambda state: good_of(state) == 312)
    assert board.messages[-1]["op"] == "delta"
    assert M2 not in board.messages[-1]["data"]


async def test_LIVE_03_a_channel_tells_at_most_ten_times_a_second(  # noqa: N802
    board: Client, rows: Rows, factory: Factory, projector: LiveProjector
) -> None:
    began = asyncio.get_running_loop().time()
    for good in range(1, 61):
        await count(rows, factory, projector, good)
        await asyncio.sleep(0.01)
    await board.until(lambda state: good_of(state) == 60)
    took = asyncio.get_running_loop().time() - began
    # The summary may come in a message of its own once a second.
    assert len(board.messages) - 1 <= took * 11 + 3


async def test_LIVE_04_a_client_that_resumes_gets_what_it_missed_and_no_snapshot(  # noqa: N802
    server: Server, board: Client, rows: Rows, factory: Factory, projector: LiveProjector
) -> None:
    position = dict(board.positions[FLOOR])
    for good in (1, 2, 3):
        await count(rows, factory, projector, good)
        await board.until(lambda state, good=good: good_of(state) == good)  # type: ignore[misc]  # the default binds the value
    async with server.client() as again:
        again.state = {FLOOR: {}}
        again.positions = {FLOOR: position}
        await again.subscribe(FLOOR, since=position)
        assert (await again.receive())["op"] == "subscribed"
        await again.until(lambda state: M1 in state[FLOOR] and good_of(state) == 3)
        assert {message["op"] for message in again.messages[1:]} == {"delta"}
        # The summary may still come, to one after the other.
        while again.positions[FLOOR] != board.positions[FLOOR]:
            behind = min(again, board, key=lambda one: one.positions[FLOOR]["offset"])
            assert (await behind.receive())["op"] == "delta"


async def test_LIVE_05_a_client_of_another_epoch_gets_a_snapshot(  # noqa: N802
    server: Server, board: Client
) -> None:
    async with server.client() as again:
        await again.subscribe(FLOOR, since={"epoch": "long ago", "offset": 3})
        assert (await again.receive())["op"] == "snapshot"
        assert again.state == board.state


async def test_all_channels_of_one_order_move_together(
    server: Server, rows: Rows, factory: Factory, projector: LiveProjector
) -> None:
    hashed = await rows.link(factory.order, "secret-link")
    link = "tracking:secret-link"
    async with server.client() as staff, server.client(kind="link", origin=server.origin) as guest:
        await staff.subscribe("order:SO-1")
        await staff.subscribe(f"machine:{M1}")
        await guest.subscribe(link)
        await staff.until(lambda state: len(state) == 2)
        await guest.until(lambda state: link in state)
        assert staff.state[f"machine:{M1}"]["queue"]["operations"][0]["work_order"] == "WO-1"
        assert "operation/WO-1/10" in staff.state["order:SO-1"]
        await rows.run("UPDATE order_lines SET good_quantity = 120, state = 'in_production'")
        await count(rows, factory, projector, 120)
        await staff.until(lambda state: state["order:SO-1"]["order"]["good_pieces"] == 120)
        await staff.until(
            lambda state: (
                state[f"machine:{M1}"]["machine"]["operation"]["good_pieces"] == 120
                and state["order:SO-1"]["operation/WO-1/10"]["good_pieces"] == 120
            )
        )
        await guest.until(lambda state: state[link]["order"]["percent"] == 25)
        told = repr(guest.messages)
        assert hashed not in told
        assert "m01" not in told
        assert "WO-1" not in told


async def test_LIVE_06_a_lost_redis_is_rebuilt_and_every_client_converges(  # noqa: N802
    board: Client, redis: Redis, rows: Rows, factory: Factory, projector: LiveProjector
) -> None:
    await redis.flushall()
    await count(rows, factory, projector, 77)
    await board.until(lambda state: good_of(state) == 77)
    assert "snapshot" in [message["op"] for message in board.messages[1:]]


async def test_LIVE_07_a_socket_is_opened_by_a_ticket_once(server: Server) -> None:  # noqa: N802
    word = await server.ticket()
    async with server.client(word=word) as client:
        await client.send(op="ping")
        assert (await client.receive())["op"] == "pong"
    for refused in (word, "", "invented"):
        with pytest.raises(InvalidStatus) as refusal:
            async with server.client(word=refused):
                pass
        assert refusal.value.response.status_code == 403


async def test_a_ticket_expires(server: Server, redis: Redis) -> None:
    await server.ticket()
    (key,) = await redis.keys("gemba:ticket:*")
    assert 0 < await redis.ttl(key) <= tickets.LIFETIME_S


async def test_LIVE_08_a_foreign_page_is_refused_and_does_not_use_the_ticket_up(  # noqa: N802
    server: Server,
) -> None:
    word = await server.ticket(kind="user")
    with pytest.raises(InvalidStatus) as refusal:
        async with server.client(word=word, origin="https://evil.example"):
            pass
    assert refusal.value.response.status_code == 403
    async with server.client(word=word, origin=server.origin):
        pass
    async with server.client(kind="user", origin="https://board.example"):
        pass


async def test_a_socket_without_origin_needs_the_ticket_of_a_program(server: Server) -> None:
    for kind in ("user", "link"):
        with pytest.raises(InvalidStatus):
            async with server.client(kind=kind):
                pass


@pytest.mark.usefixtures("factory")
async def test_LIVE_09_what_somebody_may_not_see_does_not_exist(  # noqa: N802
    server: Server, rows: Rows
) -> None:
    other = await rows.site("plant-2")
    await rows.machine(other, "plant-2/a/l/m1")
    await rows.order(other, "SO-2")
    async with server.client(sites=["plant-1"]) as client:
        for channel, code in {
            "floor:plant-2": "not_found",
            "machine:plant-2/a/l/m1": "not_found",
            "order:SO-2": "not_found",
            "floor:nowhere": "not_found",
            "tracking:invented": "not_found",
            "plan:plant-2": "not_found",
            "plan:nowhere": "not_found",
            "alarms:plant-2": "not_found",
            "alarms:nowhere": "not_found",
            "alarms:#": "not_found",
            "shop:plant-1": "bad_channel",
        }.items():
            await client.subscribe(channel)
            answer = await client.receive()
            assert (answer["op"], answer["code"], answer["channel"]) == ("error", code, channel)
    async with server.client(role="gateway") as gateway:
        await gateway.subscribe(FLOOR)
        assert (await gateway.receive())["code"] == "forbidden"


@pytest.mark.usefixtures("projector")
async def test_a_link_opens_its_own_channel_only(
    server: Server, rows: Rows, factory: Factory
) -> None:
    await rows.link(factory.order, "mine")
    await rows.link(factory.order, "theirs")
    fields = {"kind": "link", "role": None, "channel": "tracking:mine", "origin": server.origin}
    async with server.client(**fields) as guest:
        for channel in (FLOOR, "order:SO-1", "tracking:theirs"):
            await guest.subscribe(channel)
            assert (await guest.receive())["code"] == "forbidden"
        await guest.subscribe("tracking:mine")
        assert (await guest.receive())["op"] == "snapshot"


@pytest.mark.usefixtures("projector")
async def test_LIVE_10_a_revoked_link_is_not_served_any_more(  # noqa: N802
    server: Server, rows: Rows, factory: Factory
) -> None:
    await rows.link(factory.order, "mine")
    async with server.client(kind="link", channel="tracking:mine", origin=server.origin) as guest:
        await guest.subscribe("tracking:mine")
        assert (await guest.receive())["op"] == "snapshot"
        await rows.run("UPDATE tracking_links SET revoked_at = now()")
        await server.hub.refresh()
        assert (await guest.receive())["code"] == "not_found"
        await guest.subscribe("tracking:mine")
        assert (await guest.receive())["code"] == "not_found"


async def test_LIVE_11_a_socket_ends_with_its_session(  # noqa: N802
    server: Server, rows: Rows
) -> None:
    await rows.run(
        """
        INSERT INTO users (name, display_name, password_hash, role)
        VALUES ('a', 'A', 'x', 'viewer')
        """
    )
    await rows.run(
        """
        INSERT INTO sessions (token_hash, user_id, expires_at)
        SELECT '\\x1234', id, now() + interval '1 hour' FROM users
        """
    )
    fields = {"kind": "user", "session": "1234", "origin": server.origin}
    async with server.client(**fields) as client:
        await server.hub.refresh()
        await client.send(op="ping")
        assert (await client.receive())["op"] == "pong"
        await rows.run("DELETE FROM sessions")
        await server.hub.refresh()
        with pytest.raises(ConnectionClosed) as closed:
            await client.receive()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == CloseCode.SIGNED_OUT


async def test_LIVE_12_a_message_that_is_none_is_answered_and_a_flood_closes(  # noqa: N802
    server: Server,
) -> None:
    async with server.client() as client:
        await client.connection.send("{")
        assert (await client.receive())["code"] == "bad_message"
        await client.connection.send('{"op":"dance"}')
        assert (await client.receive())["code"] == "bad_message"
        with pytest.raises(ConnectionClosed) as closed:
            await _flood(client)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == CloseCode.BAD_MESSAGE
    for oversized in ("x" * 5_000, b"bytes"):
        async with server.client() as client:
            await client.connection.send(oversized)
            with pytest.raises(ConnectionClosed):
                await client.receive()


async def _flood(client: Client) -> None:
    for _ in range(200):
        await client.send(op="ping")
        await client.receive()


async def test_an_unsubscribed_client_hears_no_more(
    board: Client, rows: Rows, factory: Factory, projector: LiveProjector
) -> None:
    await board.send(op="unsubscribe", channel=FLOOR)
    await board.send(op="ping")
    while (await board.receive())["op"] != "pong":
        pass
    await count(rows, factory, projector, 9)
    await asyncio.sleep(0.3)
    await board.send(op="ping")
    assert (await board.receive())["op"] == "pong"


@pytest.mark.usefixtures("factory")
async def test_too_many_subscriptions_are_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.live.socket.MAX_SUBSCRIPTIONS", 1)
    async with server.client() as client:
        await client.subscribe(FLOOR)
        await client.subscribe("order:SO-1")
        while (answer := await client.receive())["op"] != "error":
            pass
        assert answer["code"] == "too_many"


@pytest.mark.usefixtures("factory")
async def test_a_channel_that_nobody_projects_says_so_and_comes_when_it_can(
    server: Server,
    pool: Pool,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.live.hub._NOT_READY_S", 0.1)
    async with server.client() as client:
        await client.subscribe(FLOOR)
        assert (await client.receive())["code"] == "not_ready"
        late = LiveProjector(pool=pool, redis=redis, clock=SystemClock())
        async with task_running(late.run()):
            assert (await client.receive())["op"] == "snapshot"


@pytest.mark.usefixtures("projector", "factory")
async def test_a_feed_ends_with_its_last_subscriber(pool: Pool, redis: Redis) -> None:
    async with serving(pool, redis) as server:
        async with server.client() as one, server.client() as two:
            for client in (one, two):
                await client.subscribe(FLOOR)
                await client.receive()
            assert server.hub.sockets == 2
        async with asyncio.timeout(PATIENCE_S):
            while server.hub.sockets or _feeds(server.hub):  # noqa: ASYNC110 - closing takes a moment
                await asyncio.sleep(0.01)


def _feeds(hub: LiveHub) -> int:
    return len(hub._feeds)


async def test_boards_that_all_come_back_at_once_are_all_served(
    board: Client, server: Server
) -> None:
    async def come() -> None:
        async with server.client() as client:
            await client.subscribe(FLOOR)
            assert (await client.receive())["op"] == "snapshot"
            assert client.state == board.state

    async with asyncio.TaskGroup() as group:
        for _ in range(120):
            group.create_task(come())


@pytest.fixture
def broken_order_view(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: OrderPicture) -> None:
        raise ValueError("a row that nobody foresaw")

    monkeypatch.setattr(OrderPicture, "view", broken)


@pytest.mark.usefixtures("broken_order_view")
async def test_a_view_that_fails_does_not_stop_the_others(
    board: Client, server: Server, rows: Rows, factory: Factory, projector: LiveProjector
) -> None:
    async with server.client() as client:
        await client.subscribe("order:SO-1")
        await count(rows, factory, projector, 17)
        await board.until(lambda state: good_of(state) == 17)
        async with asyncio.timeout(PATIENCE_S):
            while not projector.metrics["failed_views"]:  # noqa: ASYNC110 - it says nothing
                await asyncio.sleep(0.02)
        assert projector.health[0] is HealthState.DEGRADED
        await count(rows, factory, projector, 18)
        await board.until(lambda state: good_of(state) == 18)


@pytest.mark.usefixtures("projector", "factory")
async def test_a_subscription_that_meets_no_database_is_tried_again(
    server: Server, pool: Pool, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.live.socket.RETRY_S", 0.1)
    away = build_pool(f"postgresql://x:x@127.0.0.1:{free_port}/x", name="away")
    away.timeout = 1.0
    await away.open(wait=False)
    try:
        server.hub.pool = away
        async with server.client() as client:
            await client.subscribe(FLOOR)
            await client.send(op="ping")
            assert (await client.receive())["op"] == "pong"
            assert (await client.receive())["code"] == "unavailable"
            server.hub.pool = pool
            await client.until(lambda state: FLOOR in state)
    finally:
        await away.close()

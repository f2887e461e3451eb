"""Connections that are open and lead nowhere, one by one: who waits on them notices."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator

import psycopg
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from resilience_servers import port_of, through
from tcp_proxy import TcpProxy, tcp_proxy

from store import database, live_channels
from store.database import CHECK_S, Connection, build_pool
from store.live_channels import LiveChannels


@pytest.fixture
def redis_proxy(redis_url: str) -> Iterator[TcpProxy]:
    with tcp_proxy(port_of(redis_url)) as proxy:
        yield proxy


async def test_who_listens_for_wake_ups_notices_that_nothing_can_come(
    redis_url: str, redis_proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_channels, "_LISTEN_S", 1.0)
    url = through(redis_url, redis_proxy.port)
    async with Redis.from_url(url, health_check_interval=1, socket_timeout=5) as redis:
        channels = LiveChannels(redis)
        async with channels.listen("wake") as messages:
            async with Redis.from_url(redis_url) as other:
                await other.publish("wake", b"1")
            async with asyncio.timeout(60):
                assert await anext(messages) == ("wake", b"1")
            # A quiet connection that answers is left alone, for longer than it takes to notice.
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(4.0):
                    await anext(messages)
        async with channels.listen("wake") as messages:
            redis_proxy.go_silent()
            with pytest.raises(RedisError, match="not answered"):
                async with asyncio.timeout(60):
                    await anext(messages)


async def test_the_databases_side_of_a_lost_connection_is_noticed_within_half_a_minute(
    database_url: str,
) -> None:
    async with build_pool(database_url, name="test", max_size=1) as pool, pool.connection() as one:
        for setting, seconds in (
            ("tcp_keepalives_idle", 10),
            ("tcp_keepalives_interval", 5),
            ("tcp_keepalives_count", 3),
        ):
            cursor = await one.execute("SELECT current_setting(%s)::int", (setting,))
            assert await cursor.fetchone() == (seconds,)
        parameters = one.info.get_parameters()
        assert parameters["tcp_user_timeout"] == "25000"


@pytest.mark.skipif(
    os.environ.get("GEMBA_TEST_SLOW") != "1",
    reason="the driver gives up after 10 s: set GEMBA_TEST_SLOW=1",
)
async def test_one_lost_connection_puts_all_of_them_in_question(database_url: str) -> None:
    with tcp_proxy(port_of(database_url)) as proxy:
        url = through(database_url, proxy.port)
        async with build_pool(url, name="test", min_size=6, max_size=6, check=False) as pool:
            await pool.wait(60)
            proxy.go_silent()
            with pytest.raises((TimeoutError, psycopg.Error)):
                async with asyncio.timeout(0.5), pool.connection() as connection:
                    await connection.execute("SELECT 1")
            proxy.speak_again()
            async with asyncio.timeout(60):
                for _ in range(12):
                    async with pool.connection() as connection:
                        await connection.execute("SELECT 2")
            assert proxy.lost <= 1  # the request to cancel, which the driver gave up


async def test_a_connection_that_answered_while_the_program_stood_still_is_handed_out_whole(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "CHECK_S", 0.3)
    monkeypatch.setattr(database, "_FRESH_S", 0.0)
    async with build_pool(database_url, name="test", max_size=1) as pool:
        await pool.wait(60)
        check = pool.check_connection

        async def check_and_stand_still(connection: Connection) -> None:
            asking = asyncio.ensure_future(check(connection))
            await asyncio.sleep(0)
            time.sleep(0.5)  # noqa: ASYNC251 - the answer comes, and nobody reads it
            await asking

        monkeypatch.setattr(pool, "check_connection", check_and_stand_still)
        for _ in range(3):
            async with pool.connection() as connection:
                await connection.execute("SELECT 1")


async def test_a_checked_connection_that_leads_nowhere_is_not_handed_out(
    database_url: str,
) -> None:
    with tcp_proxy(port_of(database_url)) as proxy:
        url = through(database_url, proxy.port)
        async with build_pool(url, name="test", min_size=4, max_size=4) as pool:
            await pool.wait(60)
            proxy.go_silent()
            proxy.speak_again()
            begin = asyncio.get_running_loop().time()
            async with asyncio.timeout(60), pool.connection(timeout=59) as connection:
                cursor = await connection.execute("SELECT 2")
                assert await cursor.fetchone() == (2,)
            # Not one after the other.
            assert asyncio.get_running_loop().time() - begin < 3.5 * CHECK_S

"""A database, a Redis, a projector and a hub behind a real HTTP server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from live_rows import Factory, Rows, small_factory
from live_stack import Server, serving, task_running
from redis.asyncio import Redis

from launch import ports
from runtime.clock import SystemClock
from store import live_channels
from store.database import Pool, build_pool
from store.live_channels import connect_redis
from streams.live import LiveProjector


@pytest.fixture(autouse=True)
def _patient_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A projector whose machine stands still for two seconds keeps its turn here."""
    monkeypatch.setattr(live_channels, "TURN_LIFETIME_MS", 5_000)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with build_pool(database_url, name="test", max_size=4) as opened:
        yield opened


@pytest.fixture
def rows(pool: Pool) -> Rows:
    return Rows(pool)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with connect_redis(redis_url) as client:
        yield client


@pytest.fixture
async def projector(pool: Pool, redis: Redis) -> AsyncIterator[LiveProjector]:
    """A running projector."""
    live = LiveProjector(pool=pool, redis=redis, clock=SystemClock())
    async with task_running(live.run()):
        yield live


@pytest.fixture
async def server(pool: Pool, redis: Redis) -> AsyncIterator[Server]:
    async with serving(pool, redis) as running:
        yield running


@pytest.fixture
async def factory(rows: Rows) -> Factory:
    """One site, two machines, an order with one work order on the first machine."""
    return await small_factory(rows)


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    return ports.free_port()

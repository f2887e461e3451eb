"""A floor in a fresh database, and planning workers on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from scheduler_floor import Floor

from contracts.streams import PARTITIONS, TOPICS
from runtime import tasks
from runtime.clock import SystemClock
from scheduler.worker import PlanningWorker
from store.database import Pool, build_pool
from store.log import build_log


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with build_pool(database_url, name="test", max_size=6) as opened:
        yield opened


@pytest.fixture
async def floor(pool: Pool) -> Floor:
    log = build_log("embedded://", pool)
    await log.create_topics(TOPICS, PARTITIONS)
    return Floor(pool, log)


@pytest.fixture
async def start_worker(
    pool: Pool, database_url: str
) -> AsyncIterator[Callable[[], PlanningWorker]]:
    """Starts a worker; each has connections of its own for wake-ups and leases."""
    running: list[asyncio.Task[None]] = []

    def start() -> PlanningWorker:
        worker = PlanningWorker(
            pool=pool,
            log=build_log("embedded://", pool),
            url=database_url,
            clock=SystemClock(),
            workers=2,
        )
        running.append(asyncio.create_task(worker.run()))
        return worker

    yield start
    await tasks.end(running, within_s=10.0)
    for task in running:
        assert task.cancelled(), task

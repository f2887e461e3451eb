"""The whole stream worker, from a machine's message to a disruption; what stays in the log."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from live_rows import M1
from planning_floor import SITE, Shop, eventually, now_ms, open_log
from redis.asyncio import Redis

from contracts.ids import EpochMs
from contracts.plan import DisruptionKind, PlanState
from contracts.streams import (
    DISRUPTIONS,
    PARTITIONS,
    PLANS,
    TELEMETRY,
    Arrival,
    Bundle,
    encode_bundle,
)
from contracts.topics import partition_key, partition_of
from runtime import health
from store.database import Pool
from store.log import NewRecord, StreamLog
from store.log.retention import Retention, trim
from store.planning.plans import StoredPlan, record


@asynccontextmanager
async def worker(database_url: str, redis_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from runtime.settings import StreamsSettings\n"
        "from streams.service import run\n"
        "run(StreamsSettings())",
        env=os.environ | {"GEMBA_DATABASE_URL": database_url, "GEMBA_REDIS_URL": redis_url},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
async def log(pool: Pool) -> AsyncIterator[StreamLog]:
    async with open_log(pool) as opened:
        yield opened


@pytest.fixture
async def shop(pool: Pool, log: StreamLog) -> Shop:
    """A shop with a plan in force, where every stop is a breakdown."""
    made = Shop(pool, log)
    await made.make()
    await made.policy(down_threshold_ms=0)
    await made.publish()
    return made


def state(seq: int, what: str) -> NewRecord:
    """A machine's message as a gateway bundles it."""
    topic = f"gemba/v1/{M1}/state"
    body = {"t": now_ms(), "boot": "b", "seq": seq, "state": what, "reason": "jam"}
    payload = json.dumps(body).encode()
    arrival = Arrival(seq + 1, 0, EpochMs(now_ms()), payload, len(payload))
    value = encode_bundle(Bundle("gateway", [topic], [arrival]))
    return NewRecord(TELEMETRY, partition_of(partition_key(topic), PARTITIONS), None, value)


async def metrics_of(redis: Redis) -> dict[str, float]:
    """The figures of a worker that is well; none while it is not."""
    word = await redis.get(health.KEY_PREFIX + "streams")
    if word is None:
        return {}
    told = msgspec.json.decode(word, type=health.Health)
    return told.metrics if told.state is health.HealthState.OK else {}


async def test_a_breakdown_is_told_although_the_worker_was_killed(
    database_url: str, redis_url: str, shop: Shop, log: StreamLog
) -> None:
    async def projected() -> int:
        return len(await shop.projected())

    async with worker(database_url, redis_url) as process:
        await eventually(projected, 3)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    await log.append([state(0, "running"), state(1, "down")])
    async with worker(database_url, redis_url) as process, Redis.from_url(redis_url) as redis:
        await eventually(shop.disruptions, [(DisruptionKind.MACHINE_DOWN, shop.m1, None)])

        async def counted() -> bool:
            metrics = await metrics_of(redis)
            rounds = metrics.get("planning_rounds", 0) > 0
            return rounds and metrics.get("planning_disruptions_raised") == 1

        await eventually(counted, wanted=True)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_what_planning_says_does_not_stay_in_the_log_for_ever(
    database_url: str, redis_url: str, shop: Shop, log: StreamLog, pool: Pool
) -> None:
    async with worker(database_url, redis_url):
        stored = await shop.publish()
        plan = StoredPlan(
            id=stored.plan_id,
            scope=SITE,
            number=stored.number,
            state=PlanState(stored.state),
            moved_orders=stored.order_ids,
        )
        await log.append([record(plan), state(0, "running"), state(1, "down")])

        async def kept() -> dict[str, int]:
            await trim(pool, Retention(keep_minutes=0.0))
            async with pool.connection() as connection:
                cursor = await connection.execute(
                    "SELECT topic, count(*) FROM log_records WHERE topic = ANY(%s) GROUP BY topic",
                    ([DISRUPTIONS, PLANS],),
                )
                return dict(await cursor.fetchall())

        await eventually(shop.kinds, [DisruptionKind.MACHINE_DOWN])
        await eventually(kept, {})

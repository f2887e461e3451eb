"""The whole worker as a process: Faust, its agents, health, and what kill -9 does to it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from redis.asyncio import Redis

from contracts.ids import EpochMs
from contracts.streams import PARTITIONS, TELEMETRY, TOPICS, Arrival, Bundle, encode_bundle
from contracts.topics import partition_key, partition_of
from runtime import health
from store.database import Pool, build_pool
from store.log import NewRecord, StreamLog, build_log

SITE = "plant-s"
MACHINES = 6
T0 = 1_772_431_200_000


async def eventually(probe: Callable[[], Awaitable[object]], wanted: object) -> None:
    """Wait, generously, until a probe gives what is wanted."""
    seen: object = None
    for _ in range(600):
        seen = await probe()
        if seen == wanted:
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"after a minute {seen!r} is still not {wanted!r}")


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
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with build_pool(database_url, name="test") as pool:
        yield pool


@pytest.fixture
async def log(pool: Pool) -> AsyncIterator[StreamLog]:
    async with build_log("embedded://", pool) as log:
        await log.create_topics(TOPICS, PARTITIONS)
        yield log


def bundles(*, first: int, number: int) -> list[NewRecord]:
    """A start per machine at seq 0 and a piece for every further seq, as bundles per partition."""
    records = []
    for machine in range(MACHINES):
        path = f"{SITE}/area/line/m{machine}"
        topics = [f"gemba/v1/{path}/job", f"gemba/v1/{path}/count"]
        arrivals = []
        for seq in range(first, first + number):
            body: dict[str, object] = {"t": T0 + seq * 100, "boot": "b", "seq": seq}
            if seq == 0:
                body |= {"event": "started", "work_order": f"WO-{machine}", "operation": 10}
            else:
                body |= {"good": 1}
            payload = json.dumps(body).encode()
            arrivals.append(
                Arrival(seq + 1, int(seq > 0), EpochMs(T0 + 10**9), payload, len(payload))
            )
        partition = partition_of(partition_key(topics[0]), PARTITIONS)
        value = encode_bundle(Bundle(f"gateway-{machine}", topics, arrivals))
        records.append(NewRecord(TELEMETRY, partition, None, value))
    return records


async def test_every_piece_counts_once_although_the_worker_is_killed_again_and_again(
    database_url: str, redis_url: str, pool: Pool, log: StreamLog
) -> None:
    async def good() -> object:
        async with pool.connection() as connection:
            cursor = await connection.execute("SELECT sum(good_pieces)::bigint FROM operations")
            row = await cursor.fetchone()
            return row[0] if row else None

    sent = 0
    for round_ in range(4):
        async with worker(database_url, redis_url) as process:
            for _ in range(10):
                await log.append(bundles(first=sent, number=20))
                sent += 20
            if round_ < 3:
                await asyncio.sleep(1.0 + 0.7 * round_)
                process.send_signal(signal.SIGKILL)
                await process.wait()
                continue
            await eventually(good, MACHINES * (sent - 1))
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 60) == 0
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT sum(accepted)::bigint, sum(repeats)::bigint, sum(refused)::bigint"
            " FROM ingest_totals"
        )
        assert await cursor.fetchone() == (MACHINES * sent, 0, 0)


async def test_it_says_how_it_is(database_url: str, redis_url: str, log: StreamLog) -> None:
    await log.append(bundles(first=0, number=5))
    async with worker(database_url, redis_url), Redis.from_url(redis_url) as redis:

        async def accepted() -> object:
            word = await redis.get(health.KEY_PREFIX + "streams")
            if word is None:
                return None
            told = msgspec.json.decode(word, type=health.Health)
            return told.state, told.metrics.get("accepted")

        await eventually(accepted, (health.HealthState.OK, 5.0 * MACHINES))

"""From the machine's messages to an answer about its past, late ones included, on both flavours."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from stream_harness import Floor

from store.history.buckets import Resolution
from store.history.reading import Asked, Bucket, buckets, metrics_of
from store.history.rollups import alone, finished_ms, rollups_of

T0 = 1_772_431_200_000  # 2026-03-02T06:00:00Z
HOUR_MS = 3_600_000
MACHINE = "plant/cutting/line1/m1"
STATES = ("running", "idle", "down", "setup")


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Floor]:
    floor = await Floor.open(database_url)
    yield floor
    await floor.close()


def day(rng: random.Random) -> list[tuple[str, dict[str, Any]]]:
    """A day and a half of a machine whose clock never stops for long and never goes back."""
    objects: list[tuple[str, dict[str, Any]]] = []
    at = T0
    for seq in range(400):
        at += rng.choice((0, 1, 1_000, 300_000, 600_000))
        if rng.random() < 0.1:
            at = -(-at // HOUR_MS) * HOUR_MS  # at a border
        where = {"t": at, "boot": "b", "seq": seq}
        match rng.randrange(3):
            case 0:
                more = {"name": "force", "value": rng.randrange(800) / 4}
                objects.append(("reading", where | more))
            case 1:
                objects.append(("count", where | {"good": rng.randrange(9), "scrap": 1}))
            case _:
                told = {"state": rng.choice(STATES)} | rng.choice(({}, {"reason": "jam"}))
                objects.append(("state", where | told))
    return objects


def expected(objects: list[tuple[str, dict[str, Any]]], bucket: Bucket) -> dict[str, Any]:
    start, end = bucket.start_ms, bucket.end_ms
    within = [(kind, one) for kind, one in objects if start <= one["t"] < end]
    values = [one["value"] for kind, one in within if kind == "reading"]
    states = [
        (one["t"], one["state"], one.get("reason")) for kind, one in objects if kind == "state"
    ]
    spent: dict[tuple[str, str | None], int] = defaultdict(int)
    untils = [*(since for since, _, _ in states[1:]), 2**60][: len(states)]
    for (since, state, reason), until in zip(states, untils, strict=True):
        lasted = min(end, until) - max(start, since)
        if lasted > 0:
            spent[state, reason] += lasted
    return {
        "good": sum(one["good"] for kind, one in within if kind == "count"),
        "scrap": sum(1 for kind, _ in within if kind == "count"),
        "states": dict(spent),
        "force": (len(values), sum(values), min(values), max(values)) if values else None,
    }


def told(bucket: Bucket) -> dict[str, Any]:
    readings = [(one.n, one.mean * one.n, one.min, one.max) for one in bucket.readings]
    return {
        "good": bucket.good,
        "scrap": bucket.scrap,
        "states": {(one.state, one.reason): one.ms for one in bucket.states},
        "force": pytest.approx(readings[0]) if readings else None,
    }


async def refresh(floor: Floor) -> None:
    async with floor.pool.connection() as connection, alone(connection) as is_alone:
        assert is_alone
        until_ms = finished_ms(T0 + 60 * 24 * HOUR_MS)
        refreshed = await (await rollups_of(connection)).refresh(connection, until_ms)
        assert refreshed.rolled_ms == until_ms


@pytest.mark.parametrize("seed", [1, 2])
async def test_hist_10_any_order_of_arrival_is_rolled_up_to_the_same(
    floor: Floor, seed: int
) -> None:
    rng = random.Random(seed)
    objects = day(rng)
    await refresh(floor)  # the watermark is ahead: everything comes late
    batches: list[list[tuple[str, dict[str, Any]]]] = [[] for _ in range(6)]
    for one in objects:
        rng.choice(batches).append(one)
    for batch in batches:
        rng.shuffle(batch)
        await floor.send(
            [(f"gemba/v1/{MACHINE}/{kind}", json.dumps(body).encode()) for kind, body in batch]
        )
        await refresh(floor)
    async with floor.pool.connection() as connection:
        cursor = await connection.execute("SELECT id FROM machines WHERE path = %s", (MACHINE,))
        row = await cursor.fetchone()
        assert row is not None
        asked = Asked(
            machine_id=row[0],
            zone=ZoneInfo("Asia/Shanghai"),
            from_ms=T0,
            to_ms=objects[-1][1]["t"] + 1,
            now_ms=2**52,
            metrics=await metrics_of(connection, row[0]),
        )
        for resolution in (Resolution.MINUTES_5, Resolution.HOUR, Resolution.DAY):
            found = await buckets(connection, asked, resolution)
            assert [told(one) for one in found] == [expected(objects, one) for one in found]

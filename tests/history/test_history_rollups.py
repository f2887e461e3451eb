"""Roll-ups and what is read of them, against an oracle; the same suite on both flavours."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime

import pytest
from history_floor import (
    DAY_MS,
    HOUR_MS,
    SLOT_MS,
    Facts,
    Floor,
    Machine,
    actual,
    asked,
    expected,
    local_dates,
    until_written,
)

from store.database import Pool
from store.history.buckets import Resolution
from store.history.extents import Refreshed, is_plain
from store.history.reading import buckets, single
from store.history.rollups import alone, rollups_of

BEGIN_MS = int(datetime(2026, 3, 27, tzinfo=UTC).timestamp() * 1_000)
"""Two days before clocks change in Berlin."""
STATES = ("running", "idle", "setup", "down", "planned_stop", "offline")
REASONS = (None, None, "jam", "no material")


async def refresh(pool: Pool, until_ms: int) -> Refreshed:
    async with pool.connection() as connection, alone(connection) as is_alone:
        assert is_alone
        return await (await rollups_of(connection)).refresh(connection, until_ms)


def some_facts(rng: random.Random, start: int, end: int, count: int, metrics: list[str]) -> Facts:
    """Facts at any time, many at borders of buckets, many in the same millisecond."""
    facts = Facts()

    def moment() -> int:
        at = rng.randrange(start, end)
        match rng.randrange(4):
            case 0:
                return at // SLOT_MS * SLOT_MS - rng.randrange(2)
            case 1:
                return at // HOUR_MS * HOUR_MS
            case _:
                return at

    for _ in range(count):
        at = moment()
        for _ in range(rng.choice((1, 1, 3))):
            match rng.randrange(3):
                case 0:
                    value = rng.randrange(-400, 400) / 4  # sums are exact
                    facts.readings.append((at, rng.choice(metrics), value))
                case 1:
                    facts.pieces.append((at, rng.randrange(20), rng.randrange(3)))
                case _:
                    facts.states.append((at, rng.choice(STATES), rng.choice(REASONS)))
    facts.states.sort(key=lambda told: told[0])
    return facts


async def compare(
    pool: Pool, machine: Machine, start: int, end: int, *, zone: str, now_ms: int
) -> int:
    """Every resolution tells what the oracle says; answers how many buckets were looked at."""
    looked = 0
    async with pool.connection() as connection:
        wanted = await asked(connection, machine, start, end, zone=zone, now_ms=now_ms)
        for resolution in (Resolution.MINUTES_5, Resolution.HOUR, Resolution.DAY):
            found = await buckets(connection, wanted, resolution)
            assert found[0].start_ms <= start < found[0].end_ms
            assert found[-1].start_ms < end <= found[-1].end_ms
            for bucket in found:
                assert actual(bucket) == expected(machine, bucket, now_ms), (resolution, bucket)
                if resolution is Resolution.DAY:
                    before, first, last = local_dates(bucket, zone)
                    assert before < first == last
            looked += len(found)
        every = await single(connection, wanted, limit=10**6)
        assert not every.truncated
        assert sorted((one.t_ms, one.metric, one.value) for one in every.values) == sorted(
            one for one in machine.readings if start <= one[0] < end
        )
    return looked


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu", "America/Santiago"])
async def test_any_order_of_batches_and_refreshes_tells_the_same(
    pool: Pool, floor: Floor, zone: str
) -> None:
    rng = random.Random(f"rollups {zone}")
    machines = [await floor.machine(f"m{n}", ("speed", "temperature")) for n in range(3)]
    until_ms = BEGIN_MS - DAY_MS
    for _ in range(6):
        for machine in machines:
            if rng.random() < 0.7:
                start = BEGIN_MS + rng.randrange(4) * DAY_MS
                length = rng.choice((HOUR_MS, 6 * HOUR_MS, 2 * DAY_MS))
                count = rng.choice((3, 40))
                facts = some_facts(rng, start, start + length, count, list(machine.metrics))
                await floor.tell(machine, facts)
        until_ms += rng.randrange(0, 36) * HOUR_MS
        refreshed = await refresh(pool, until_ms)
        assert refreshed.rolled_ms == until_ms
        for machine in machines:
            start = BEGIN_MS + rng.randrange(-DAY_MS, 5 * DAY_MS)
            end = start + rng.randrange(1, 3 * DAY_MS)
            now_ms = rng.choice((start + rng.randrange(2 * DAY_MS), 2**52))
            assert await compare(pool, machine, start, end, zone=zone, now_ms=now_ms) > 1


async def test_what_is_above_the_watermark_is_there_without_a_refresh(
    pool: Pool, floor: Floor
) -> None:
    rng = random.Random("above")
    machine = await floor.machine("m")
    for _ in range(3):
        start = BEGIN_MS + DAY_MS
        facts = some_facts(rng, start, start + 4 * HOUR_MS, 30, ["speed"])
        await floor.tell(machine, facts)
        await compare(pool, machine, BEGIN_MS, BEGIN_MS + 2 * DAY_MS, zone="UTC", now_ms=2**52)
        await refresh(pool, BEGIN_MS)


async def test_a_late_sample_changes_what_it_touches_and_nothing_else(
    pool: Pool, floor: Floor
) -> None:
    machine, other = await floor.machine("m"), await floor.machine("other")
    readings = [(BEGIN_MS + n * 60_000, "speed", n / 4) for n in range(3_000)]
    await floor.tell(machine, Facts(readings=readings, states=[(BEGIN_MS, "running", None)]))
    await floor.tell(other, Facts(readings=readings[:50]))
    first = await refresh(pool, BEGIN_MS + 2 * DAY_MS)
    again = await refresh(pool, BEGIN_MS + 2 * DAY_MS)
    assert again == Refreshed(rolled_ms=first.rolled_ms, touched=again.touched and 0)
    late = BEGIN_MS + HOUR_MS + 17
    await floor.tell(machine, Facts([(late, "speed", 99.0)], [(late, 5, 1)], [(late, "down", "x")]))
    refreshed = await refresh(pool, BEGIN_MS + 2 * DAY_MS)
    async with pool.connection() as connection:
        assert refreshed.touched == (1 if await is_plain(connection) else None)
    for one in (machine, other):
        await compare(pool, one, BEGIN_MS, BEGIN_MS + 3 * DAY_MS, zone="UTC", now_ms=2**52)


async def test_a_replay_of_a_log_of_years_ago_is_rolled_up(pool: Pool, floor: Floor) -> None:
    rng = random.Random("replay")
    today, old = await floor.machine("today"), await floor.machine("old")
    await floor.tell(today, some_facts(rng, BEGIN_MS, BEGIN_MS + DAY_MS, 50, ["speed"]))
    await refresh(pool, BEGIN_MS + DAY_MS)
    long_ago = int(datetime(2017, 10, 28, tzinfo=UTC).timestamp() * 1_000)
    for day in range(3):
        start = long_ago + day * DAY_MS
        await floor.tell(old, some_facts(rng, start, start + DAY_MS, 60, ["speed"]))
        await refresh(pool, BEGIN_MS + DAY_MS)
    for zone in ("Europe/Berlin", "Asia/Kolkata"):
        await compare(pool, old, long_ago, long_ago + 4 * DAY_MS, zone=zone, now_ms=2**52)


async def test_values_too_large_to_sum_are_left_out_and_stop_nothing(
    pool: Pool, floor: Floor
) -> None:
    machine = await floor.machine("m")
    huge = [(BEGIN_MS + n, "speed", 1.7e308) for n in range(3)]
    await floor.tell(machine, Facts(readings=[*huge, (BEGIN_MS + 9, "speed", 2.0)]))
    await refresh(pool, BEGIN_MS + DAY_MS)
    async with pool.connection() as connection:
        wanted = await asked(connection, machine, BEGIN_MS, BEGIN_MS + 1)
        (bucket,) = await buckets(connection, wanted, Resolution.HOUR)
        every = await single(connection, wanted, limit=10)
    assert actual(bucket)["readings"] == {"speed": (1, 2.0, 2.0, 2.0)}
    assert [one.value for one in every.values] == [1.7e308]


class TestWritersMeetTheWatermark:
    """A transaction that is open while the watermark moves is not overlooked."""

    async def test_one_that_began_before_is_waited_for(self, pool: Pool, floor: Floor) -> None:
        async with pool.connection() as connection:
            plain = await is_plain(connection)
        machine = await floor.machine("m")
        await floor.tell(machine, Facts([(BEGIN_MS, "speed", 1.0)], [(BEGIN_MS, 1, 0)]))
        hold = asyncio.Event()
        late = Facts([(BEGIN_MS + 1, "speed", 3.0)], [(BEGIN_MS + 1, 2, 0)])
        writing = asyncio.create_task(floor.tell(machine, late, hold=hold))
        await until_written(pool)
        refreshing = asyncio.create_task(refresh(pool, BEGIN_MS + DAY_MS))
        await asyncio.sleep(0.3)
        assert not plain or not refreshing.done()
        hold.set()
        await writing
        assert (await refreshing).rolled_ms == BEGIN_MS + DAY_MS
        if not plain:  # TimescaleDB does not wait: it notes
            await refresh(pool, BEGIN_MS + DAY_MS)
        await compare(pool, machine, BEGIN_MS, BEGIN_MS + HOUR_MS, zone="UTC", now_ms=2**52)

    async def test_one_that_does_not_end_keeps_the_watermark_where_it_is(
        self, pool: Pool, floor: Floor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with pool.connection() as connection:
            if not await is_plain(connection):
                return  # TimescaleDB has no such step
        monkeypatch.setattr("store.history.plain._WAIT_S", 0.2)
        machine = await floor.machine("m")
        hold = asyncio.Event()
        facts = Facts([(BEGIN_MS + 1, "speed", 3.0)])
        writing = asyncio.create_task(floor.tell(machine, facts, hold=hold))
        await until_written(pool)
        refreshed = await refresh(pool, BEGIN_MS + DAY_MS)
        assert refreshed.waiting
        assert refreshed.rolled_ms < BEGIN_MS + DAY_MS
        hold.set()
        await writing
        await compare(pool, machine, BEGIN_MS, BEGIN_MS + HOUR_MS, zone="UTC", now_ms=2**52)
        assert not (await refresh(pool, BEGIN_MS + DAY_MS)).waiting
        await compare(pool, machine, BEGIN_MS, BEGIN_MS + HOUR_MS, zone="UTC", now_ms=2**52)

    async def test_many_at_once_while_it_moves(self, pool: Pool, floor: Floor) -> None:
        rng = random.Random("soak")
        machines = [await floor.machine(f"m{n}") for n in range(3)]
        writers = [asyncio.create_task(_write_much(floor, one, rng.random())) for one in machines]
        rounds = 0
        while not all(writer.done() for writer in writers):
            rounds += 1
            await refresh(pool, BEGIN_MS + rounds * HOUR_MS)
            await asyncio.sleep(0.02)
        await asyncio.gather(*writers)
        assert rounds > 2
        await refresh(pool, BEGIN_MS + rounds * HOUR_MS)
        for machine in machines:
            await compare(pool, machine, BEGIN_MS, BEGIN_MS + 2 * DAY_MS, zone="UTC", now_ms=2**52)


async def _write_much(floor: Floor, machine: Machine, seed: float) -> None:
    """Batches around the moving watermark, each open for a moment."""
    rng = random.Random(seed)
    for number in range(25):
        start = BEGIN_MS + max(0, number - rng.randrange(6)) * HOUR_MS
        facts = some_facts(rng, start, start + HOUR_MS, 4, ["speed"])
        hold = asyncio.Event()
        asyncio.get_running_loop().call_later(rng.random() * 0.06, hold.set)
        await floor.tell(machine, facts, hold=hold)

"""Old history goes by a machine's own time; the same suite on both flavours."""

from __future__ import annotations

import asyncio
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
    until_written,
)

from runtime.clock import SystemClock
from runtime.tasks import end
from store.database import Connection, Pool
from store.history.buckets import Resolution
from store.history.keep import History, Round
from store.history.reading import buckets
from store.history.retention import Keep, Part, drop_old, parts
from store.history.rollups import alone, rollups_of

NOW_MS = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1_000)
OLD_MS = int(datetime(2025, 2, 10, 6, tzinfo=UTC).timestamp() * 1_000)
KEEP = Keep(samples_days=90, piece_slots_days=90, state_changes_days=90)


def day_of(start_ms: int) -> Facts:
    """A day's facts, an hour apart."""
    hours = [start_ms + n * HOUR_MS for n in range(24)]
    return Facts(
        readings=[(at + 1, "speed", n / 4) for n, at in enumerate(hours)],
        pieces=[(at + 2, n, 1) for n, at in enumerate(hours)],
        states=[(at + 3, ("running", "idle")[n % 2], None) for n, at in enumerate(hours)],
    )


async def at(pool: Pool, machine: Machine, newest_ms: int, *, checkpoint_ms: int | None) -> None:
    """Say how far a machine has come, and from where its past can be folded."""
    async with pool.connection() as connection:
        await connection.execute(
            """
            INSERT INTO machine_states (machine_id, last_seen_ms) VALUES (%s, %s)
            ON CONFLICT (machine_id) DO UPDATE SET last_seen_ms = excluded.last_seen_ms
            """,
            (machine.id, newest_ms),
        )
        if checkpoint_ms is not None:
            await connection.execute(
                "INSERT INTO checkpoints VALUES (%s, %s, 'main', 'b', 1, '')",
                (machine.id, checkpoint_ms),
            )


async def keep_once(pool: Pool, keep: Keep = KEEP) -> list[Part]:
    """A refresh, then retention, as the keeper does it."""
    async with pool.connection() as connection, alone(connection) as is_alone:
        assert is_alone
        await (await rollups_of(connection)).refresh(connection, NOW_MS)
        return await drop_old(connection, keep)


async def samples_of(connection: Connection, machine: Machine) -> int:
    cursor = await connection.execute(
        "SELECT count(*) FROM samples WHERE machine_id = %s", (machine.id,)
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def told(pool: Pool, machine: Machine, start_ms: int, days: int) -> None:
    """The roll-ups by hours and days still say what the oracle says."""
    async with pool.connection() as connection:
        wanted = await asked(connection, machine, start_ms, start_ms + days * DAY_MS)
        for resolution in (Resolution.HOUR, Resolution.DAY):
            found = await buckets(connection, wanted, resolution)
            assert [actual(one) for one in found] == [
                expected(machine, one, wanted.now_ms) for one in found
            ]


async def test_a_part_goes_and_its_roll_ups_stay(pool: Pool, floor: Floor) -> None:
    machine = await floor.machine("m")
    await floor.tell(machine, day_of(OLD_MS))
    await floor.tell(machine, day_of(NOW_MS - 2 * DAY_MS))
    await at(pool, machine, NOW_MS - DAY_MS, checkpoint_ms=NOW_MS - 3 * DAY_MS)
    gone = await keep_once(pool)
    assert {part.relation for part in gone} == {"samples", "piece_slots", "state_changes"}
    async with pool.connection() as connection:
        assert await samples_of(connection, machine) == 24
        cursor = await connection.execute("SELECT raw_from_ms FROM history_horizons")
        assert OLD_MS < (await cursor.fetchall())[0][0] < NOW_MS - 90 * DAY_MS
    await told(pool, machine, OLD_MS - DAY_MS, 3)
    await told(pool, machine, NOW_MS - 4 * DAY_MS, 4)
    assert await keep_once(pool) == []
    await told(pool, machine, OLD_MS - DAY_MS, 3)


async def test_what_arrives_in_a_dropped_time_is_kept_and_added(pool: Pool, floor: Floor) -> None:
    machine, other = await floor.machine("m"), await floor.machine("other")
    await floor.tell(machine, Facts(day_of(OLD_MS).readings, day_of(OLD_MS).pieces))
    await at(pool, machine, NOW_MS, checkpoint_ms=NOW_MS)
    assert await keep_once(pool)
    late = OLD_MS + 5 * HOUR_MS + 2 * SLOT_MS
    machine.pieces, before = [], machine.pieces  # the slots that are gone are not written again
    await floor.tell(machine, Facts([(late, "speed", 40.0)], [(late, 7, 0)]))
    machine.pieces += before
    await floor.tell(other, day_of(OLD_MS + HOUR_MS))
    await at(pool, other, OLD_MS + DAY_MS, checkpoint_ms=None)
    for _ in range(2):
        await keep_once(pool)
        await told(pool, machine, OLD_MS - DAY_MS, 3)
        await told(pool, other, OLD_MS - DAY_MS, 3)


async def test_a_very_old_log_that_is_replayed_is_not_thrown_away(pool: Pool, floor: Floor) -> None:
    machine, old = await floor.machine("m"), await floor.machine("old")
    await floor.tell(machine, day_of(NOW_MS - 2 * DAY_MS))
    await at(pool, machine, NOW_MS - DAY_MS, checkpoint_ms=NOW_MS - 3 * DAY_MS)
    await floor.tell(old, day_of(OLD_MS))
    await at(pool, old, OLD_MS + DAY_MS, checkpoint_ms=OLD_MS + DAY_MS)
    assert await keep_once(pool) == []
    async with pool.connection() as connection:
        assert await samples_of(connection, old) == 24
    await told(pool, old, OLD_MS - DAY_MS, 3)


@pytest.mark.parametrize("checkpoint_ms", [None, OLD_MS + 3 * HOUR_MS])
async def test_samples_that_a_fold_needs_stay(
    pool: Pool, floor: Floor, checkpoint_ms: int | None
) -> None:
    machine = await floor.machine("m")
    await floor.tell(machine, day_of(OLD_MS))
    await at(pool, machine, NOW_MS, checkpoint_ms=checkpoint_ms)
    assert "samples" not in {part.relation for part in await keep_once(pool)}
    async with pool.connection() as connection:
        assert await samples_of(connection, machine) == 24


async def test_a_part_in_use_is_left_for_the_next_time(pool: Pool, floor: Floor) -> None:
    machine = await floor.machine("m")
    await floor.tell(machine, Facts(day_of(OLD_MS).readings))
    await at(pool, machine, NOW_MS, checkpoint_ms=NOW_MS)
    hold = asyncio.Event()
    late = Facts([(OLD_MS + 7, "speed", 1.0)])
    async with pool.connection() as connection:
        await (await rollups_of(connection)).refresh(connection, NOW_MS)
    writing = asyncio.create_task(floor.tell(machine, late, hold=hold))
    await until_written(pool)
    async with pool.connection() as connection, alone(connection):
        assert await drop_old(connection, KEEP) == []
    hold.set()
    await writing
    assert [part.relation for part in await keep_once(pool)] == ["samples"]
    await told(pool, machine, OLD_MS - DAY_MS, 3)


async def test_ranges_that_touch_become_one(pool: Pool, floor: Floor) -> None:
    machine = await floor.machine("m")
    for week in range(12):
        start_ms = OLD_MS + week * 7 * DAY_MS
        await floor.tell(machine, Facts([(start_ms, "speed", 1.0)]))
    await at(pool, machine, NOW_MS, checkpoint_ms=NOW_MS)
    while await keep_once(pool):
        pass
    async with pool.connection() as connection:
        assert not [
            part for part in await parts(connection, "samples") if part.to_ms < NOW_MS - 90 * DAY_MS
        ]
        cursor = await connection.execute("SELECT from_ms, to_ms FROM history_dropped")
        ((from_ms, to_ms),) = await cursor.fetchall()
    assert from_ms <= OLD_MS < OLD_MS + 77 * DAY_MS < to_ms
    await told(pool, machine, OLD_MS, 80)


async def test_one_process_keeps_it_and_the_others_stand_by(pool: Pool, floor: Floor) -> None:
    machine = await floor.machine("m")
    await floor.tell(machine, day_of(NOW_MS - 2 * DAY_MS))
    one, other = History(pool, keep=KEEP), History(pool, keep=KEEP)
    done = await one.round()
    assert done.refreshed is not None
    assert await other.round() == Round()  # it was done just now
    assert {"refresh_seconds", "behind_seconds"} <= done.figures(SystemClock().now_ms()).keys()
    async with pool.connection() as connection, alone(connection) as is_alone:
        assert is_alone
        assert await other.round(interval_s=0) == Round()  # it is being done
    assert (await other.round(interval_s=0)).refreshed is not None


async def test_it_goes_on_until_it_is_cancelled(pool: Pool) -> None:
    rounds: list[Round] = []
    enough = asyncio.Event()

    def note(done: Round) -> None:
        rounds.append(done)
        if sum(one.refreshed is not None for one in rounds) == 3:
            enough.set()

    history = History(pool)
    keeping = asyncio.create_task(history.run(interval_s=0.01, on_round=note))
    await asyncio.wait_for(enough.wait(), 60)
    await end([keeping])
    assert keeping.cancelled()
    assert history.trouble is None
    assert history.metrics["behind_seconds"] == 0
    assert history.metrics["failures"] == 0

"""Machines with a past in the database, written as the telemetry agent writes it; and an oracle.

The oracle knows what was told and nothing of roll-ups, watermarks or changes: it goes through every
fact for every question.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from store.database import Connection, Pool
from store.history.notes import note_touched
from store.history.reading import Asked, Bucket, Metric, metrics_of
from store.telemetry.adoption import HistoryPartitions, month_of

SLOT_MS: Final = 300_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
READING: Final = 4


@dataclass
class Machine:
    """A machine and everything that it ever told."""

    id: int
    publisher: int
    metrics: dict[str, int]
    next_seq: int = 0
    readings: list[tuple[int, str, float]] = field(default_factory=list)
    pieces: list[tuple[int, int, int]] = field(default_factory=list)
    states: list[tuple[int, str, str | None]] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass
class Facts:
    """What one batch brings: readings (t, metric, value), pieces (e, good, scrap), told states."""

    readings: list[tuple[int, str, float]] = field(default_factory=list)
    pieces: list[tuple[int, int, int]] = field(default_factory=list)
    states: list[tuple[int, str, str | None]] = field(default_factory=list)

    def times(self) -> list[int]:
        return [one[0] for some in (self.readings, self.pieces, self.states) for one in some]


class Floor:
    """A site's machines."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.partitions = HistoryPartitions()

    async def machine(self, name: str, metrics: Iterable[str] = ("speed",)) -> Machine:
        async with self.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO sites (code, name) VALUES ('plant', 'Plant') ON CONFLICT DO NOTHING"
            )
            machine_id = await _id(
                connection,
                "INSERT INTO machines (site_id, path, area, line, name)"
                " SELECT id, 'plant/a/l/' || %s, 'a', 'l', %s FROM sites RETURNING id",
                (name, name),
            )
            publisher = await _id(
                connection,
                "INSERT INTO publishers (machine_id, source, boot)"
                " VALUES (%s, 'main', 'b') RETURNING id",
                (machine_id,),
            )
            made = {
                metric: await _id(
                    connection,
                    "INSERT INTO metrics (machine_id, name, unit) VALUES (%s, %s, 'm/s')"
                    " RETURNING id",
                    (machine_id, metric),
                )
                for metric in metrics
            }
        return Machine(machine_id, publisher, made)

    async def tell(
        self, machine: Machine, facts: Facts, *, hold: asyncio.Event | None = None
    ) -> None:
        """Write a batch in one transaction; it stays open until `hold` is set."""
        async with machine.lock, self.pool.connection() as connection:
            months = {month_of(t_ms) for t_ms in facts.times()}
            await self.partitions.ensure(connection, months)
            async with connection.transaction():
                await _write(connection, machine, facts)
                if hold is not None:
                    await hold.wait()


async def _write(connection: Connection, machine: Machine, facts: Facts) -> None:
    machine.readings += facts.readings
    machine.pieces += facts.pieces
    machine.states += facts.states
    machine.states.sort(key=lambda told: told[0])  # stable: as they came within a millisecond
    seqs = range(machine.next_seq, machine.next_seq + len(facts.readings))
    machine.next_seq += len(facts.readings)
    cursor = connection.cursor()
    await cursor.executemany(
        """
        INSERT INTO samples (machine_id, t_ms, publisher_id, seq, kind, received_ms, body,
            metric_id, value) VALUES (%s, %s, %s, %s, %s, %s, '', %s, %s)
        """,
        [
            (machine.id, t_ms, machine.publisher, seq, READING, t_ms, machine.metrics[name], value)
            for seq, (t_ms, name, value) in zip(seqs, facts.readings, strict=True)
        ],
    )
    if facts.pieces:
        since_ms = min(one[0] for one in facts.pieces) // SLOT_MS * SLOT_MS
        slots: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for e_ms, good, scrap in machine.pieces:
            if e_ms >= since_ms:
                slots[e_ms // SLOT_MS * SLOT_MS][0] += good
                slots[e_ms // SLOT_MS * SLOT_MS][1] += scrap
        await connection.execute(
            "DELETE FROM piece_slots WHERE machine_id = %s AND slot_ms >= %s",
            (machine.id, since_ms),
        )
        await cursor.executemany(
            "INSERT INTO piece_slots (machine_id, slot_ms, good, scrap) VALUES (%s, %s, %s, %s)",
            [(machine.id, slot, good, scrap) for slot, (good, scrap) in slots.items()],
        )
    if facts.states:
        await _write_states(connection, machine, min(one[0] for one in facts.states))
    if facts.times():
        await note_touched(connection, [(machine.id, min(facts.times()))])


async def _write_states(connection: Connection, machine: Machine, since_ms: int) -> None:
    await connection.execute(
        "DELETE FROM state_changes WHERE machine_id = %s AND e_ms >= %s", (machine.id, since_ms)
    )
    before: tuple[str | None, str | None] = (None, None)
    rows: list[tuple[object, ...]] = []
    nth: dict[int, int] = defaultdict(int)
    for e_ms, state, reason in machine.states:
        if (state, reason) == before:
            continue
        if e_ms >= since_ms:
            rows.append((machine.id, e_ms, nth[e_ms], *before, state, reason))
        nth[e_ms] += 1
        before = (state, reason)
    await connection.cursor().executemany(
        "INSERT INTO state_changes VALUES (%s, %s, %s, %s, %s, %s, %s)", rows
    )


async def _id(connection: Connection, query: str, parameters: tuple[object, ...]) -> int:
    cursor = await connection.execute(query.encode(), parameters)
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def asked(
    connection: Connection,
    machine: Machine,
    from_ms: int,
    to_ms: int,
    *,
    zone: str = "UTC",
    now_ms: int = 2**52,
) -> Asked:
    metrics: list[Metric] = await metrics_of(connection, machine.id)
    return Asked(
        machine_id=machine.id,
        zone=ZoneInfo(zone),
        from_ms=from_ms,
        to_ms=to_ms,
        now_ms=now_ms,
        metrics=metrics,
    )


async def until_written(pool: Pool) -> None:
    """Until another connection of the test waits within a transaction that has written.

    Seen at two looks: a transaction that is only between two statements soon ends.
    """
    before: set[str] = set()
    async with asyncio.timeout(60), pool.connection() as connection:
        while True:
            cursor = await connection.execute(
                "SELECT backend_xid::text FROM pg_stat_activity WHERE datname = current_database()"
                " AND state = 'idle in transaction' AND backend_xid IS NOT NULL"
            )
            waiting = {xid for (xid,) in await cursor.fetchall()}
            if waiting & before:
                return
            before = waiting
            await asyncio.sleep(0.3)


# The oracle --------------------------------------------------------------------------------------


def expected(machine: Machine, bucket: Bucket, now_ms: int) -> dict[str, object]:
    """What the bucket should hold."""
    start, end = bucket.start_ms, bucket.end_ms
    pieces = [one for one in machine.pieces if start <= one[0] < end]
    readings = {}
    for name in machine.metrics:
        values = [v for t, n, v in machine.readings if n == name and start <= t < end]
        if values:
            readings[name] = (len(values), sum(values) / len(values), min(values), max(values))
    return {
        "good": sum(one[1] for one in pieces),
        "scrap": sum(one[2] for one in pieces),
        "readings": readings,
        "states": _expected_states(machine, start, min(end, now_ms)),
    }


def _expected_states(machine: Machine, start: int, end: int) -> dict[tuple[str, str | None], int]:
    spent: dict[tuple[str, str | None], int] = defaultdict(int)
    first = max(0, bisect_right([one[0] for one in machine.states], start) - 1)
    for index in range(first, len(machine.states)):
        e_ms, state, reason = machine.states[index]
        if e_ms >= end:
            break
        until = machine.states[index + 1][0] if index + 1 < len(machine.states) else end
        lasted = min(until, end) - max(e_ms, start)
        if lasted > 0:
            spent[state, reason] += lasted
    return dict(spent)


def actual(bucket: Bucket) -> dict[str, object]:
    """A bucket of an answer, in the oracle's shape."""
    return {
        "good": bucket.good,
        "scrap": bucket.scrap,
        "readings": {one.metric: (one.n, one.mean, one.min, one.max) for one in bucket.readings},
        "states": {(one.state, one.reason): one.ms for one in bucket.states},
    }


def local_dates(bucket: Bucket, zone: str) -> tuple[str, str, str]:
    """The dates in a zone of the moment before a bucket, of its first and of its last one."""
    return (
        _date(bucket.start_ms - 1, zone),
        _date(bucket.start_ms, zone),
        _date(bucket.end_ms - 1, zone),
    )


def _date(at_ms: int, zone: str) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, ZoneInfo(zone)).date().isoformat()

"""What a machine did between two times, at a resolution: pieces, states and readings.

Everything of one answer is read in one snapshot, mostly from the roll-ups; pieces and states by
less than hours from their own rows. Days that do not begin at full hours of UTC (India, Nepal) are
made of 5 minutes instead of hours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from store.database import Connection
from store.history import rows
from store.history.buckets import (
    MINUTES_5_MS,
    MOST_READINGS,
    Resolution,
    TooManyBucketsError,
    edges,
    finest_suitable,
)
from store.history.states import Told, times_by_bucket

SUITABLE_VALUES: Final = 2_000
"""`auto` tells single values where a range of a few days has no more."""

_NO_LIMIT: Final = 2**31
_NEVER_MS: Final = 2**62


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine reports readings of."""

    id: int
    name: str
    unit: str | None


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A metric's readings within a bucket."""

    metric: str
    n: int
    mean: float
    min: float
    max: float


class TimeInState(msgspec.Struct, frozen=True, kw_only=True):
    """How long a machine was in a state, for the reason that it told."""

    state: str
    reason: str | None
    ms: int


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine did within a stretch of time."""

    start_ms: int
    end_ms: int
    good: int
    scrap: int
    states: list[TimeInState]
    readings: list[Reading]


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """A single reading."""

    t_ms: int
    metric: str
    value: float


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """A state that a machine told, from a time on."""

    e_ms: int
    state: str
    reason: str | None


class PieceSlot(msgspec.Struct, frozen=True, kw_only=True):
    """Pieces of five minutes."""

    slot_ms: int
    good: int
    scrap: int


class Single(msgspec.Struct, frozen=True, kw_only=True):
    """Everything as it was told, up to `to_ms`: earlier than asked for if there is too much.

    Attributes:
        to_ms: up to where the answer is complete; go on from here.
        values: readings by time.
        changes: states by time; the first is what was there at the beginning, if told by then.
        slots: pieces, by slots of five minutes.
        truncated: there is more.
    """

    to_ms: int
    values: list[Value]
    changes: list[StateChange]
    slots: list[PieceSlot]
    truncated: bool


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Whose past is asked for, and which part of it.

    Attributes:
        machine_id: the machine.
        zone: its site's, for days.
        from_ms: the beginning, epoch ms.
        to_ms: the end, after the beginning.
        now_ms: no state lasts longer.
        metrics: which readings.
    """

    machine_id: int
    zone: ZoneInfo
    from_ms: int
    to_ms: int
    now_ms: int
    metrics: Sequence[Metric]


async def metrics_of(connection: Connection, machine_id: int) -> list[Metric]:
    """What a machine has ever reported readings of, by name."""
    cursor = await connection.execute(
        "SELECT id, name, unit FROM metrics WHERE machine_id = %s ORDER BY name", (machine_id,)
    )
    return [Metric(id=row[0], name=row[1], unit=row[2]) for row in await cursor.fetchall()]


async def suitable(connection: Connection, asked: Asked) -> Resolution:
    """The finest resolution that a chart can show: see SUITABLE_BUCKETS and SUITABLE_VALUES."""
    resolution = finest_suitable(asked.from_ms, asked.to_ms)
    if resolution is not Resolution.MINUTES_5:
        return resolution
    cursor = await connection.execute(
        """
        SELECT coalesce(sum(n), 0) FROM readings_5m
        WHERE machine_id = %s AND metric_id = ANY(%s) AND bucket_ms >= %s AND bucket_ms < %s
        """,
        (
            asked.machine_id,
            [metric.id for metric in asked.metrics],
            asked.from_ms - asked.from_ms % MINUTES_5_MS,
            asked.to_ms,
        ),
    )
    row = await cursor.fetchone()
    few = row is not None and row[0] <= SUITABLE_VALUES
    return Resolution.RAW if few else resolution


async def buckets(connection: Connection, asked: Asked, resolution: Resolution) -> list[Bucket]:
    """The past by buckets, empty ones too; the range is widened to whole ones.

    A bucket's time in states ends at `now_ms`. Time before the machine told any is left out.

    Raises:
        TooManyBucketsError: there are more than MOST_BUCKETS, or than MOST_READINGS together.
    """
    borders = edges(resolution, asked.from_ms, asked.to_ms, asked.zone)
    if (len(borders) - 1) * len(asked.metrics) > MOST_READINGS:
        raise TooManyBucketsError(resolution)
    async with _one_moment(connection):
        pieces = await rows.pieces(connection, asked.machine_id, borders)
        states = await _states(connection, asked, borders)
        readings = await _readings(connection, asked, borders)
    return [
        Bucket(
            start_ms=start_ms,
            end_ms=end_ms,
            good=pieces.get(index, (0, 0))[0],
            scrap=pieces.get(index, (0, 0))[1],
            states=[
                TimeInState(state=state, reason=reason, ms=ms)
                for (state, reason), ms in sorted(
                    states[index].items(), key=lambda entry: (entry[0][0], entry[0][1] or "")
                )
            ],
            readings=readings.get(index, []),
        )
        for index, (start_ms, end_ms) in enumerate(pairwise(borders))
    ]


async def _states(
    connection: Connection, asked: Asked, borders: Sequence[int]
) -> list[dict[Told, int]]:
    before = await rows.told_before(connection, asked.machine_id, borders[0])
    changes = await rows.changes(connection, asked.machine_id, borders, asked.now_ms)
    return times_by_bucket(borders, asked.now_ms, before, changes)


async def _readings(
    connection: Connection, asked: Asked, borders: Sequence[int]
) -> dict[int, list[Reading]]:
    names = {metric.id: metric.name for metric in asked.metrics}
    readings: dict[int, list[Reading]] = {}
    for bucket, metric_id, n, total, least, most in await rows.readings(
        connection, asked.machine_id, list(names), borders
    ):
        reading = Reading(
            metric=names[metric_id], n=int(n), mean=total / int(n), min=least, max=most
        )
        readings.setdefault(bucket, []).append(reading)
    for some in readings.values():
        some.sort(key=lambda reading: reading.metric)
    return readings


async def single(connection: Connection, asked: Asked, *, limit: int) -> Single:
    """The past as it was told, each value by itself.

    Args:
        connection: outside of any transaction.
        asked: what of. Of pieces the slots that begin within.
        limit: so many values, changes and slots at most; the answer ends before what is too much.
            More than these only when all of them have the same time.
    """
    async with _one_moment(connection):
        ids = [metric.id for metric in asked.metrics]
        range_ms = (asked.from_ms, asked.to_ms)
        found = await rows.singly(connection, asked.machine_id, ids, range_ms, limit + 1)
        to_ms = min(asked.to_ms, *(_cut_ms(times, limit) for times in found.times()))
        if to_ms <= asked.from_ms:
            to_ms = asked.from_ms + 1
            range_ms = (asked.from_ms, to_ms)
            found = await rows.singly(connection, asked.machine_id, ids, range_ms, _NO_LIMIT)
        before = await rows.told_before(connection, asked.machine_id, asked.from_ms)
    changes = [
        StateChange(e_ms=e_ms, state=state, reason=reason)
        for e_ms, state, reason in found.changes
        if e_ms < to_ms
    ]
    if before is not None and (not changes or changes[0].e_ms > asked.from_ms):
        changes.insert(0, StateChange(e_ms=asked.from_ms, state=before[0], reason=before[1]))
    names = {metric.id: metric.name for metric in asked.metrics}
    return Single(
        to_ms=to_ms,
        values=[
            Value(t_ms=t_ms, metric=names[metric_id], value=value)
            for t_ms, metric_id, value in found.values
            if t_ms < to_ms
        ],
        changes=changes,
        slots=[
            PieceSlot(slot_ms=slot_ms, good=int(good), scrap=int(scrap))
            for slot_ms, good, scrap in found.slots
            if slot_ms < to_ms
        ],
        truncated=to_ms < asked.to_ms,
    )


def _cut_ms(times_ms: Sequence[int], limit: int) -> int:
    """The time of what is one too many; everything before it fits."""
    return times_ms[limit] if len(times_ms) > limit else _NEVER_MS


@asynccontextmanager
async def _one_moment(connection: Connection) -> AsyncIterator[None]:
    """A transaction whose statements all see the same rows."""
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield

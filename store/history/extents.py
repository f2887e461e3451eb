"""The history's relations, their roll-ups, and which times of them are there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from store.database import Connection

HOUR_MS: Final = 3_600_000
TIMEOUT: Final = "15min"
"""Of a statement that rolls up: the first time it is a whole past."""

VIEWS: Final[dict[str, tuple[str, ...]]] = {
    "samples": ("readings_5m", "readings_1h"),
    "piece_slots": ("pieces_1h",),
    "state_changes": ("states_1h",),
    "operation_slots": (),
    "operation_changes": (),
}
"""The roll-ups of each relation, in the order in which they are made; reports keep their own."""


class Refreshed(msgspec.Struct, frozen=True, kw_only=True):
    """What a refresh did.

    Attributes:
        rolled_ms: everything before is rolled up.
        touched: machines of which something was rolled up again; None: TimescaleDB does not say.
        waiting: transactions older than the announcement did not end: the watermark stayed.
    """

    rolled_ms: int
    touched: int | None = None
    waiting: bool = False


async def is_plain(connection: Connection) -> bool:
    """Whether the history is cut into partitions of PostgreSQL's own."""
    cursor = await connection.execute(
        "SELECT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = 'samples'::regclass)"
    )
    return await cursor.fetchone() == (True,)


async def dropped(connection: Connection, relation: str) -> list[tuple[int, int]]:
    """The times of a relation that retention dropped, in order."""
    cursor = await connection.execute(
        "SELECT from_ms, to_ms FROM history_dropped WHERE relation = %s ORDER BY from_ms",
        (relation,),
    )
    return [(start, end) for start, end in await cursor.fetchall()]


def kept(ranges: Iterable[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """What of a range of times lies outside of these ranges (which are in order)."""
    windows = []
    for gone_from, gone_to in ranges:
        if gone_to <= start:
            continue
        if gone_from >= end:
            break
        if start < gone_from:
            windows.append((start, gone_from))
        start = gone_to
    if start < end:
        windows.append((start, end))
    return windows

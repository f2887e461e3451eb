"""What was written below the roll-ups' watermark: its writer says so, in the same transaction.

Plain PostgreSQL only; TimescaleDB notices by itself, and the statement finds nothing to note.
"""

from __future__ import annotations

from collections.abc import Collection

from store.database import Connection


async def note_touched(connection: Connection, touched: Collection[tuple[int, int]]) -> None:
    """Note machines whose readings, pieces or states changed, each with the earliest time of it.

    Only what lies below the announced watermark is noted; what lies above it is not rolled up yet.
    The transaction must have written something before this statement: by its number
    `store.history.rollups` knows of transactions that may not have seen an announcement yet.

    Args:
        connection: in the transaction that changes the history.
        touched: machine ids and times (epoch ms).
    """
    if not touched:
        return
    earliest: dict[int, int] = {}
    for machine_id, since_ms in touched:
        earliest[machine_id] = min(since_ms, earliest.get(machine_id, since_ms))
    await connection.execute(
        """
        INSERT INTO history_touched AS h (machine_id, since_ms)
        SELECT t.machine_id, t.since_ms
        FROM unnest(%s::integer[], %s::bigint[]) AS t (machine_id, since_ms), rollup_state r
        WHERE t.since_ms < r.announced_ms
        ORDER BY t.machine_id
        ON CONFLICT (machine_id) DO UPDATE SET since_ms = least(h.since_ms, excluded.since_ms)
        """,
        (list(earliest), list(earliest.values())),
    )

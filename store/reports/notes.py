"""What makes a machine's shifts be reckoned again: noted in the transaction that changes it."""

from __future__ import annotations

from collections.abc import Collection

from store.database import Connection


async def note_machines(connection: Connection, touched: Collection[tuple[int, int]]) -> None:
    """Note machines whose pieces, states, operations or reasons of stops changed.

    Args:
        connection: in the transaction that changes them.
        touched: machine ids, and since when (epoch ms) something is other than it was.
    """
    if not touched:
        return
    await connection.execute(
        """
        INSERT INTO report_machine_notes (machine_id, since_ms)
        SELECT * FROM unnest(%s::integer[], %s::bigint[])
        """,
        ([machine for machine, _ in touched], [since_ms for _, since_ms in touched]),
    )

"""Disruptions that no plan can answer: closed with the facts that contradict each other."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from psycopg.types.json import Jsonb

from contracts.plan import DisruptionOutcome
from domain.plan.plan import Conflict
from store.database import Connection
from store.planning.disruptions import answer


async def fail(
    connection: Connection, ids: Collection[int], conflicts: Sequence[Conflict]
) -> list[int]:
    """Close disruptions that are open as failed; their detail gets the `conflicts`.

    Answers which ones these were.
    """
    closed = await answer(connection, ids, outcome=DisruptionOutcome.FAILED)
    await connection.execute(
        "UPDATE disruptions SET detail = detail || %s WHERE id = ANY(%s)",
        (Jsonb({"conflicts": msgspec.to_builtins(list(conflicts))}), closed),
    )
    return closed

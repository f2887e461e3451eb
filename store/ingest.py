"""How much was stored, per site."""

from __future__ import annotations

import msgspec
from psycopg.rows import class_row

from store.database import Connection


class IngestRow(msgspec.Struct, frozen=True, kw_only=True):
    """Messages (arrivals) and objects (the rest) of a site that are stored so far."""

    arrivals: int
    accepted: int
    repeats: int
    refused: int


async def totals(connection: Connection, site: str) -> IngestRow:
    """A site's totals; zeros where nothing has arrived."""
    cursor = connection.cursor(row_factory=class_row(IngestRow))
    await cursor.execute(
        """
        SELECT coalesce(sum(arrivals), 0)::bigint AS arrivals,
               coalesce(sum(accepted), 0)::bigint AS accepted,
               coalesce(sum(repeats), 0)::bigint AS repeats,
               coalesce(sum(refused), 0)::bigint AS refused
        FROM ingest_totals WHERE site = %s
        """,
        (site,),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate without GROUP BY gives a row
    return row

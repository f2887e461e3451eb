"""What figures are to reach: entries that are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

import msgspec
from psycopg.rows import class_row

from store.database import Connection


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a figure is to reach from a day on.

    Attributes:
        site: a site's code; None: every site without one of its own.
        target: in the figure's own unit (a ratio: 0.95); None: taken back.
    """

    code: str
    site: str | None
    valid_from: date
    target: Decimal | None
    recorded_at: datetime
    recorded_by: str


class NewTarget(msgspec.Struct, frozen=True, kw_only=True):
    """An entry to add."""

    code: str
    site_id: int | None
    valid_from: date
    target: Decimal | None


async def targets(connection: Connection, as_of: datetime | None = None) -> list[Target]:
    """Those that hold: of each figure, site and day the one entered last before a moment."""
    cursor = connection.cursor(row_factory=class_row(Target))
    await cursor.execute(
        """
        SELECT * FROM (
            SELECT DISTINCT ON (t.code, s.code, t.valid_from) t.code, s.code AS site, t.valid_from,
                   t.target, t.recorded_at, t.recorded_by
            FROM report_targets t LEFT JOIN sites s ON s.id = t.site_id
            WHERE %(as_of)s::timestamptz IS NULL OR t.recorded_at <= %(as_of)s
            ORDER BY t.code, s.code, t.valid_from, t.id DESC) newest
        ORDER BY code COLLATE "C", site COLLATE "C" NULLS FIRST, valid_from
        """,
        {"as_of": as_of},
    )
    return await cursor.fetchall()


async def add_targets(
    connection: Connection, entries: Sequence[NewTarget], *, recorded_by: str
) -> None:
    """Add entries; what held before stays on record."""
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            INSERT INTO report_targets (code, site_id, valid_from, target, recorded_by)
            VALUES (%s, %s, %s, %s, %s)
            """,
            [
                (each.code, each.site_id, each.valid_from, each.target, recorded_by)
                for each in entries
            ],
        )

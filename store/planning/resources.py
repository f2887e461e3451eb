"""Operators and tools: who there is, what they are good for, and when they are not there."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from store.database import Connection
from store.filters import Filters, Page


class ResourceRow(msgspec.Struct, frozen=True, kw_only=True):
    """An operator or a tool, or several alike; see `domain.master_data.records.Resource`."""

    id: int
    site_id: int
    site: str
    code: str
    name: str
    kind: str
    quantity: int
    skills: list[str]
    place: str | None
    pattern: str | None


class AbsenceRow(msgspec.Struct, frozen=True, kw_only=True):
    """When a resource is not there; `ends_at` None: until further notice.

    Attributes:
        quantity: how many of several alike; None: all of it.
    """

    id: int
    resource_id: int
    starts_at: datetime
    ends_at: datetime | None
    reason: str
    told_by: str
    told_at: datetime
    quantity: int | None


_SELECT: Final = sql.SQL(
    """
    SELECT r.id, r.site_id, s.code AS site, r.code, r.name, r.kind, r.quantity,
           ARRAY(SELECT k.skill FROM resource_skills k WHERE k.resource_id = r.id
                 ORDER BY k.skill COLLATE "C") AS skills,
           r.place, p.code AS pattern
    FROM resources r
    JOIN sites s ON s.id = r.site_id
    LEFT JOIN shift_patterns p ON p.id = r.pattern_id
    """
)


async def listed(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    kind: str | None = None,
    skill: str | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[ResourceRow], int]:
    """Resources by site and code, and how many there are.

    Args:
        connection: where to read.
        page: which part.
        site: of this site only.
        kind: `operator` or `tool`.
        skill: only those that have it; their own code counts as one.
        limited_to: only of these sites; empty: of all.
    """
    filters = Filters()
    filters.add("r.retired_at IS NULL")
    filters.add("s.code = %(site)s", site=site)
    filters.add("r.kind = %(kind)s", kind=kind)
    filters.add(
        "(r.code = %(skill)s OR EXISTS (SELECT FROM resource_skills k"
        " WHERE k.resource_id = r.id AND k.skill = %(skill)s))",
        skill=skill,
    )
    filters.limit_to_sites(limited_to)
    cursor = connection.cursor(row_factory=class_row(ResourceRow))
    await cursor.execute(
        _SELECT
        + filters.where
        + sql.SQL(' ORDER BY s.code, r.code COLLATE "C" LIMIT %(limit)s OFFSET %(offset)s'),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM resources r JOIN sites s ON s.id = r.site_id")
        + filters.where,
        filters.parameters,
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def by_id(
    connection: Connection, resource_id: int, *, for_update: bool = False
) -> ResourceRow | None:
    """A resource by its id; None: there is none, or it was given up."""
    lock = sql.SQL(" FOR NO KEY UPDATE OF r" if for_update else "")
    cursor = connection.cursor(row_factory=class_row(ResourceRow))
    await cursor.execute(
        _SELECT + sql.SQL(" WHERE r.id = %s AND r.retired_at IS NULL") + lock, (resource_id,)
    )
    return await cursor.fetchone()


async def skills_at(connection: Connection, site_id: int) -> dict[str, int]:
    """How many there are of each skill at a site; codes are skills, too."""
    cursor = await connection.execute(
        """
        SELECT k.skill, sum(r.quantity) FROM resources r
        CROSS JOIN LATERAL (
            SELECT skill FROM resource_skills WHERE resource_id = r.id UNION SELECT r.code
        ) AS k
        WHERE r.site_id = %s AND r.retired_at IS NULL GROUP BY k.skill
        """,
        (site_id,),
    )
    return {skill: int(quantity) for skill, quantity in await cursor.fetchall()}


async def absences(
    connection: Connection, resource_ids: Collection[int], *, since: datetime | None = None
) -> dict[int, list[AbsenceRow]]:
    """When resources are not there, by resource; with `since` only what ends after it."""
    cursor = connection.cursor(row_factory=class_row(AbsenceRow))
    await cursor.execute(
        """
        SELECT id, resource_id, starts_at, ends_at, reason, told_by, told_at, quantity
        FROM resource_absences
        WHERE resource_id = ANY(%(ids)s)
          AND (%(since)s::timestamptz IS NULL OR ends_at IS NULL OR ends_at > %(since)s)
        ORDER BY resource_id, starts_at, id
        """,
        {"ids": list(resource_ids), "since": since},
    )
    found: dict[int, list[AbsenceRow]] = {id_: [] for id_ in resource_ids}
    for row in await cursor.fetchall():
        found[row.resource_id].append(row)
    return found


async def add_absence(
    connection: Connection,
    resource_id: int,
    *,
    starts_at: datetime,
    ends_at: datetime | None,
    reason: str,
    told_by: str,
    quantity: int | None = None,
) -> AbsenceRow:
    """Note that a resource, or so many of it, is not there."""
    cursor = connection.cursor(row_factory=class_row(AbsenceRow))
    await cursor.execute(
        """
        INSERT INTO resource_absences
            (resource_id, starts_at, ends_at, reason, told_by, quantity)
        VALUES (%s, %s, %s, %s, %s, %s)
        RETURNING id, resource_id, starts_at, ends_at, reason, told_by, told_at, quantity
        """,
        (resource_id, starts_at, ends_at, reason, told_by, quantity),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - RETURNING of an insertion gives a row
    return row


async def end_absence(
    connection: Connection, resource_id: int, absence_id: int, *, ends_at: datetime
) -> AbsenceRow | None:
    """Let an absence end, or, if it would not have begun by then, be none; answers what it was."""
    cursor = connection.cursor(row_factory=class_row(AbsenceRow))
    await cursor.execute(
        """
        SELECT id, resource_id, starts_at, ends_at, reason, told_by, told_at, quantity
        FROM resource_absences WHERE (resource_id, id) = (%s, %s) FOR UPDATE
        """,
        (resource_id, absence_id),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    if row.starts_at < ends_at:
        await connection.execute(
            "UPDATE resource_absences SET ends_at = least(ends_at, %s) WHERE id = %s",
            (ends_at, absence_id),
        )
    else:
        await connection.execute("DELETE FROM resource_absences WHERE id = %s", (absence_id,))
    return row

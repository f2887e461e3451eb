"""The planning board's people and tools: who there is, and when they are not there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec
from psycopg.rows import class_row

from contracts.live import PlanResource
from store.database import Connection
from store.live_plan import Board
from store.live_times import rfc3339_ms
from store.planning.resources import AbsenceRow, absences

_Away: TypeAlias = tuple[int, int, str, tuple[str, ...]]


class _ResourceRow(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    code: str
    name: str
    site: str
    kind: str
    quantity: int
    skills: list[str]


async def plan_resources(connection: Connection, board: Board) -> list[PlanResource]:
    """A scope's people and tools by site and code, as far as working times are told."""
    async with connection.cursor(row_factory=class_row(_ResourceRow)) as cursor:
        await cursor.execute(
            """
            SELECT r.id, r.code, r.name, s.code AS site, r.kind, r.quantity,
                   ARRAY(SELECT k.skill FROM resource_skills k WHERE k.resource_id = r.id
                         ORDER BY k.skill COLLATE "C") AS skills
            FROM resources r JOIN sites s ON s.id = r.site_id
            WHERE r.site_id = ANY(%s) AND r.retired_at IS NULL
            ORDER BY s.code, r.code COLLATE "C"
            """,
            (board.site_ids,),
        )
        rows = await cursor.fetchall()
    since = datetime.fromtimestamp(board.horizon.start_ms / 1_000, UTC)
    away = await absences(connection, [row.id for row in rows], since=since)
    return [
        PlanResource(
            id=row.id,
            code=row.code,
            name=row.name,
            site=row.site,
            kind=row.kind,
            quantity=row.quantity,
            skills=row.skills,
            unavailable=_away(board, row.id, away[row.id]),
        )
        for row in rows
    ]


def _away(board: Board, resource: int, absent: Sequence[AbsenceRow]) -> list[list[str]]:
    """When one is not there by shift or by absence, by begin."""
    spans: list[_Away] = [
        (off.start_ms, off.end_ms, "closed", ()) for off in board.off.get(resource, ())
    ]
    spans += [_absence(each, board) for each in absent]
    return [
        [rfc3339_ms(start_ms) or "", rfc3339_ms(end_ms) or "", why, *count]
        for start_ms, end_ms, why, count in sorted(spans)
        if end_ms > start_ms
    ]


def _absence(absence: AbsenceRow, board: Board) -> _Away:
    """Until further notice: as far as the board is told."""
    end_ms = board.horizon.end_ms
    if absence.ends_at is not None:
        end_ms = min(round(absence.ends_at.timestamp() * 1_000), end_ms)
    count = () if absence.quantity is None else (str(absence.quantity),)
    start_ms = round(absence.starts_at.timestamp() * 1_000)
    return start_ms, end_ms, f"absent:{absence.reason}", count

"""Causes of delay: shares of late orders as they were known."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from psycopg import sql

from store.database import Connection
from store.reports.scope import Part, Scope, group_word, groups, known

OF_SHARES: Final = ("cause", "subject")
"""Dimensions that divide an order's delay; the others divide orders."""


class DelaySums(msgspec.Struct, frozen=True, kw_only=True):
    """Late orders, or those in whose delay something has a share, and how long (ms)."""

    part: Part
    orders: int
    delay_ms: int


async def delay_causes(connection: Connection, scope: Scope, *, by: str) -> list[DelaySums]:
    """Delay of the orders whose first date lies in the periods; parts add up to the total."""
    of_lines = "" if by in OF_SHARES else by
    cursor = await connection.execute(
        known("l.first_due_ms", by=of_lines, also="l.makes_late AND l.ordered > 0")
        + sql.SQL(
            """
            SELECT {group}, bucket, {key}, min(label), count(DISTINCT order_id),
                   coalesce(sum(delay_ms), 0)::bigint
            FROM known GROUP BY {groups}
            """
        ).format(
            group=group_word(of_lines),
            key=sql.SQL("key" if of_lines else "NULL"),
            groups=groups(of_lines),
        ),
        scope.parameters,
    )
    sums = [_sums(row) for row in await cursor.fetchall()]
    return [*sums, *await _shares(connection, scope, by)] if by in OF_SHARES else sums


async def _shares(connection: Connection, scope: Scope, by: str) -> list[DelaySums]:
    cursor = await connection.execute(
        known("l.first_due_ms", also="l.makes_late AND l.ordered > 0")
        + sql.SQL(
            """
            , shares AS (
                SELECT k.order_id, s.cause, {subject} AS subject, s.ms
                FROM known k
                CROSS JOIN LATERAL unnest(k.share_causes, k.share_subjects, k.share_ms)
                    AS s (cause, subject, ms))
            SELECT 'row', NULL::integer, cause || coalesce(':' || subject, ''), subject,
                   count(DISTINCT order_id), sum(ms)::bigint
            FROM shares GROUP BY cause, subject
            """
        ).format(subject=sql.SQL("s.subject" if by == "subject" else "NULL::text")),
        scope.parameters,
    )
    return [_sums(row) for row in await cursor.fetchall()]


def _sums(row: tuple[Any, ...]) -> DelaySums:
    of, bucket, key, label, orders, delay_ms = row
    return DelaySums(
        part=Part(of=of, bucket=bucket, key=key, label=label), orders=orders, delay_ms=delay_ms
    )

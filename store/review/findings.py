"""Findings as rows: written by review, settled by people, read for screens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

import msgspec
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.review import Code, Finding, Severity, explain
from store.database import Connection

Settlement: TypeAlias = Literal["gone", "by_hand", "overruled", "confirmed"]
"""How a finding was settled; see the table."""


class FindingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A finding of an order, open or settled."""

    id: int
    order_id: int
    line_number: int | None
    code: str
    severity: str
    detail: dict[str, Any]
    found_at: datetime
    settled_at: datetime | None
    settled_by: str | None
    settled_how: str | None
    settled_reason: str | None

    @property
    def is_error(self) -> bool:
        """Whether it has to be settled or overruled before the order is confirmed."""
        return self.severity == Severity.ERROR.value

    @property
    def words(self) -> tuple[str, str]:
        """What is odd, and what to do about it."""
        words = explain(Code(self.code), self.detail)
        return words.problem, words.advice


class OpenCount(msgspec.Struct, frozen=True):
    """How many findings of an order are open, and how many of them are errors."""

    findings: int = 0
    errors: int = 0


async def findings_of(
    connection: Connection, order_ids: Collection[int], *, settled: bool = False
) -> dict[int, list[FindingRow]]:
    """The findings of orders, errors first, then by line; also the settled ones if asked."""
    found: dict[int, list[FindingRow]] = defaultdict(list)
    cursor = connection.cursor(row_factory=class_row(FindingRow))
    await cursor.execute(
        """
        SELECT id, order_id, line_number, code, severity, detail, found_at, settled_at, settled_by,
               settled_how, settled_reason
        FROM review_findings
        WHERE order_id = ANY(%s) AND (%s OR settled_at IS NULL)
        ORDER BY order_id, settled_at IS NOT NULL, severity, line_number NULLS FIRST, id
        """,
        (list(order_ids), settled),
    )
    for row in await cursor.fetchall():
        found[row.order_id].append(row)
    return found


async def reasons(connection: Connection, order_id: int) -> str:
    """Why an order waits for people, in one sentence."""
    rows = (await findings_of(connection, [order_id]))[order_id]
    told = [
        f"line {row.line_number}: {row.words[0]}" if row.line_number is not None else row.words[0]
        for row in rows
    ]
    return " ".join(told) or "Somebody has to confirm it."


async def keep(
    connection: Connection, found: Iterable[tuple[int, Finding]], *, now: datetime
) -> None:
    """Write findings by order. One that is there keeps its time, and stays settled if it was.

    One that was gone is open again. A finding is told once per key.
    """
    distinct = {(order_id, finding.key): finding for order_id, finding in found}
    if not distinct:
        return
    await connection.execute(
        """
        INSERT INTO review_findings AS f
            (order_id, line_number, code, severity, key, detail, found_at)
        SELECT n.order_id, n.line_number, n.code, n.severity, n.key, n.detail, %s
        FROM jsonb_to_recordset(%s) AS n (
            order_id bigint, line_number integer, code text, severity text, key text, detail jsonb)
        ORDER BY n.order_id, n.line_number NULLS FIRST
        ON CONFLICT (order_id, key) DO UPDATE
        SET severity = excluded.severity, detail = excluded.detail,
            found_at = CASE WHEN f.settled_how = 'gone' THEN excluded.found_at
                            ELSE f.found_at END,
            settled_at = CASE WHEN f.settled_how <> 'gone' THEN f.settled_at END,
            settled_by = CASE WHEN f.settled_how <> 'gone' THEN f.settled_by END,
            settled_reason = CASE WHEN f.settled_how <> 'gone' THEN f.settled_reason END,
            settled_how = CASE WHEN f.settled_how <> 'gone' THEN f.settled_how END
        """,
        (now, Jsonb(_rows(distinct), dumps=msgspec.json.encode)),
    )


def _rows(found: Mapping[tuple[int, str], Finding]) -> list[dict[str, Any]]:
    """Findings as one JSON value: arrays of texts take far longer on their way."""
    return [
        {
            "order_id": order_id,
            "line_number": finding.line,
            "code": finding.code,
            "severity": finding.severity,
            "key": key,
            "detail": finding.detail,
        }
        for (order_id, key), finding in found.items()
    ]


async def let_go(
    connection: Connection,
    order_ids: Sequence[int],
    found: Iterable[tuple[int, Finding]],
    *,
    now: datetime,
) -> None:
    """Settle what is open of these orders and was not found any more."""
    still = {(order_id, finding.key) for order_id, finding in found}
    await connection.execute(
        """
        UPDATE review_findings f SET settled_at = %s, settled_by = 'review', settled_how = 'gone'
        WHERE f.order_id = ANY(%s) AND f.settled_at IS NULL AND NOT EXISTS (
            SELECT FROM unnest(%s::bigint[], %s::text[]) AS n (order_id, key)
            WHERE (n.order_id, n.key) = (f.order_id, f.key))
        """,
        (now, list(order_ids), [order_id for order_id, _ in still], [key for _, key in still]),
    )


async def settle(
    connection: Connection,
    finding_ids: Sequence[int],
    *,
    how: Settlement,
    by: str,
    reason: str | None,
    now: datetime,
) -> None:
    """Settle open findings."""
    await connection.execute(
        """
        UPDATE review_findings
        SET settled_at = %s, settled_by = %s, settled_how = %s, settled_reason = %s
        WHERE id = ANY(%s) AND settled_at IS NULL
        """,
        (now, by, how, reason, list(finding_ids)),
    )


async def open_counts(
    connection: Connection, order_ids: Sequence[int]
) -> defaultdict[int, OpenCount]:
    """How many findings of each order are open; none of an order that has none."""
    cursor = await connection.execute(
        """
        SELECT order_id, count(*), count(*) FILTER (WHERE severity = 'error')
        FROM review_findings WHERE order_id = ANY(%s) AND settled_at IS NULL GROUP BY order_id
        """,
        (list(order_ids),),
    )
    counts: defaultdict[int, OpenCount] = defaultdict(OpenCount)
    for order_id, findings, errors in await cursor.fetchall():
        counts[order_id] = OpenCount(findings, errors)
    return counts


async def codes_open(
    connection: Connection, limited_to: Collection[str], site: str | None
) -> dict[str, int]:
    """How many orders that are not closed have open findings of each code."""
    cursor = await connection.execute(
        """
        SELECT f.code, count(DISTINCT f.order_id)
        FROM review_findings f JOIN orders o ON o.id = f.order_id JOIN sites s ON s.id = o.site_id
        WHERE f.settled_at IS NULL AND o.state = 'under_review'
          AND (%(all)s OR s.code = ANY(%(sites)s))
          AND (%(site)s::text IS NULL OR s.code = %(site)s OR EXISTS (
              SELECT FROM order_lines l JOIN sites t ON t.id = l.site_id
              WHERE l.order_id = o.id AND l.state <> 'cancelled' AND t.code = %(site)s))
        GROUP BY f.code ORDER BY f.code
        """,
        {"all": not limited_to, "sites": list(limited_to), "site": site},
    )
    return dict(await cursor.fetchall())

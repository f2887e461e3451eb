"""What makes plans wrong: rows that stay open until a plan's transaction answers them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from contracts.live import DisruptionView, PlanReason
from contracts.plan import DisruptionKind, DisruptionOutcome
from contracts.streams import DISRUPTIONS, PARTITIONS, DisruptionRaised, encode_events
from contracts.topics import partition_of
from store.database import Connection
from store.filters import Filters, Page
from store.live_times import rfc3339, rfc3339_ms
from store.log import NewRecord


class NewDisruption(msgspec.Struct, frozen=True, kw_only=True):
    """A disruption to be told.

    Attributes:
        scope: whose plan it makes wrong.
        kind: what it is.
        key: names the cause: the same cause is told once, however often it is seen.
        occurred_ms: when it happened, by the floor's clock.
        site_id, machine_id, operation_id, order_id: what it is about, as far as that is known.
        detail: see `contracts.plan.DisruptionKind`.
    """

    scope: str
    kind: DisruptionKind
    key: str
    occurred_ms: int
    site_id: int | None = None
    machine_id: int | None = None
    operation_id: int | None = None
    order_id: int | None = None
    detail: dict[str, Any] = {}


class DisruptionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A disruption with the names of what it is about. `outcome` is null while it is open."""

    id: int
    scope: str
    key: str
    kind: str
    site: str | None
    machine_id: int | None
    machine: str | None
    operation_id: int | None
    work_order: str | None
    operation: int | None
    order_id: int | None
    order: str | None
    occurred_ms: int
    raised_at: datetime
    detail: dict[str, Any]
    handled_at: datetime | None
    outcome: str | None
    plan_id: int | None
    plan_number: int | None

    @property
    def reason(self) -> PlanReason:
        """The disruption as a plan's history tells it."""
        return PlanReason(
            disruption=self.id,
            kind=self.kind,
            machine=self.machine,
            work_order=self.work_order,
            operation=self.operation,
            order=self.order,
            occurred=rfc3339_ms(self.occurred_ms),
            detail=self.detail,
        )

    @property
    def view(self) -> DisruptionView:
        """The disruption as screens show it."""
        return DisruptionView(
            id=self.id,
            site=self.site,
            kind=self.kind,
            machine=self.machine,
            work_order=self.work_order,
            operation=self.operation,
            order_number=self.order,
            occurred=rfc3339_ms(self.occurred_ms) or "",
            raised=rfc3339(self.raised_at) or "",
            detail=self.detail,
            handled=rfc3339(self.handled_at),
            outcome=self.outcome,
            plan_number=self.plan_number,
        )


_FROM: Final = sql.SQL(
    """
    FROM disruptions d
    LEFT JOIN sites s ON s.id = d.site_id
    LEFT JOIN machines m ON m.id = d.machine_id
    LEFT JOIN operations o ON o.id = d.operation_id
    LEFT JOIN work_orders w ON w.id = o.work_order_id
    LEFT JOIN orders c ON c.id = d.order_id
    LEFT JOIN plans p ON p.id = d.plan_id
    """
)
_SELECT: Final = (
    sql.SQL(
        """
        SELECT d.id, d.scope, d.key, d.kind, s.code AS site, d.machine_id, m.path AS machine,
               d.operation_id, w.number AS work_order, o.number AS operation, d.order_id,
               c.number AS order, d.occurred_ms, d.raised_at, d.detail, d.handled_at, d.outcome,
               d.plan_id, p.number AS plan_number
        """
    )
    + _FROM
)


async def raise_disruptions(
    connection: Connection, new: Sequence[NewDisruption]
) -> list[DisruptionRow]:
    """Store disruptions whose cause was not told yet, open; answers only those, by id.

    The caller appends their `record`s to the log in the same transaction.
    """
    if not new:
        return []
    # In the order of the unique index: two writers of the same causes cannot block each other.
    rows = sorted({(one.scope, one.key): one for one in new}.items())
    cursor = await connection.execute(
        """
        INSERT INTO disruptions
            (scope, key, kind, site_id, machine_id, operation_id, order_id, occurred_ms, detail)
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::integer[], %s::integer[],
            %s::bigint[], %s::bigint[], %s::bigint[], %s::jsonb[])
        ON CONFLICT (scope, key) DO NOTHING RETURNING id
        """,
        [
            list(column)
            for column in zip(
                *(
                    (
                        one.scope,
                        one.key,
                        one.kind.value,
                        one.site_id,
                        one.machine_id,
                        one.operation_id,
                        one.order_id,
                        one.occurred_ms,
                        Jsonb(one.detail),
                    )
                    for _, one in rows
                ),
                strict=True,
            )
        ],
    )
    ids = [row[0] for row in await cursor.fetchall()]
    return await _of_ids(connection, ids) if ids else []


async def _of_ids(connection: Connection, ids: Collection[int]) -> list[DisruptionRow]:
    cursor = connection.cursor(row_factory=class_row(DisruptionRow))
    await cursor.execute(_SELECT + sql.SQL(" WHERE d.id = ANY(%s) ORDER BY d.id"), (list(ids),))
    return await cursor.fetchall()


async def open_disruptions(connection: Connection, scope: str) -> list[DisruptionRow]:
    """What no plan of the scope has answered yet, oldest first."""
    cursor = connection.cursor(row_factory=class_row(DisruptionRow))
    await cursor.execute(
        _SELECT + sql.SQL(" WHERE d.scope = %s AND d.handled_at IS NULL ORDER BY d.id"), (scope,)
    )
    return await cursor.fetchall()


async def scopes_with_open(connection: Connection) -> list[str]:
    """The scopes whose plans something makes wrong, by name."""
    cursor = await connection.execute(
        "SELECT DISTINCT scope FROM disruptions WHERE handled_at IS NULL"
    )
    return sorted(row[0] for row in await cursor.fetchall())


async def open_count(connection: Connection, scope: str) -> int:
    """How many disruptions of a scope are open."""
    cursor = await connection.execute(
        "SELECT count(*) FROM disruptions WHERE scope = %s AND handled_at IS NULL", (scope,)
    )
    row = await cursor.fetchone()
    return row[0] if row else 0


async def answer(
    connection: Connection,
    ids: Collection[int],
    *,
    outcome: DisruptionOutcome,
    plan_id: int | None = None,
) -> list[int]:
    """Close disruptions that are open; answers which ones these were."""
    cursor = await connection.execute(
        """
        UPDATE disruptions d SET handled_at = now(), outcome = %s, plan_id = %s
        FROM (SELECT id FROM disruptions WHERE id = ANY(%s) AND handled_at IS NULL
              ORDER BY id FOR NO KEY UPDATE) AS still_open
        WHERE d.id = still_open.id RETURNING d.id
        """,
        (outcome.value, plan_id, list(ids)),
    )
    return sorted(row[0] for row in await cursor.fetchall())


async def disruptions(
    connection: Connection,
    page: Page,
    *,
    scope: str | None = None,
    site: str | None = None,
    kind: str | None = None,
    is_open: bool | None = None,
    scopes: Collection[str] | None = None,
) -> tuple[list[DisruptionRow], int]:
    """Disruptions, newest first, and how many there are.

    Args:
        connection: where to read.
        page: which part.
        scope: of this scope only.
        site: about this site only.
        kind: of this kind only.
        is_open: answered ones only, or open ones only.
        scopes: only of these scopes; None: of all.
    """
    filters = Filters()
    filters.add("d.scope = %(scope)s", scope=scope)
    filters.add("s.code = %(site)s", site=site)
    filters.add("(d.handled_at IS NULL) = %(is_open)s", is_open=is_open)
    filters.add("d.kind = %(kind)s", kind=kind)
    filters.add("d.scope = ANY(%(scopes)s)", scopes=None if scopes is None else list(scopes))
    cursor = connection.cursor(row_factory=class_row(DisruptionRow))
    await cursor.execute(
        _SELECT + filters.where + sql.SQL(" ORDER BY d.id DESC LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM disruptions d LEFT JOIN sites s ON s.id = d.site_id")
        + filters.where,
        filters.parameters,
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


def record(row: DisruptionRow) -> NewRecord:
    """The record that wakes the planner of the row's scope."""
    return NewRecord(
        DISRUPTIONS,
        partition_of(row.scope, PARTITIONS),
        row.scope.encode(),
        encode_events([DisruptionRaised(row.scope, row.id, row.kind)]),
    )

"""Proposals to order or make: from the items' rules and the projection, kept until decided."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from domain.inventory.available import project
from domain.inventory.books import Key
from domain.inventory.replenishment import Proposal, Reason, Rules, propose
from store.database import Connection
from store.filters import Filters, Page
from store.inventory import supplies

_MAKING: Final = timedelta(days=1)
"""Expected time from a work order to its goods where nobody said how long it takes."""


class ProposalRow(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal; `order_by` in the past: it comes too late whatever is done.

    `reason` is as it is stored: `because` says what it means.
    """

    id: int
    item_id: int
    item: str
    unit: str
    site_id: int
    site: str
    kind: str
    supplier_id: int | None
    supplier: str | None
    quantity: Decimal
    need_at: datetime
    order_by: datetime
    reason: str
    state: str
    purchase: str | None
    work_order: str | None
    created_at: datetime
    decided_at: datetime | None
    decided_by: str | None

    @property
    def because(self) -> Reason | None:
        """Why it is proposed; None: an earlier release wrote it, in words only (`reason`)."""
        try:
            return msgspec.json.decode(self.reason, type=Reason)
        except msgspec.DecodeError:
            return None


class _Ruled(msgspec.Struct, frozen=True, kw_only=True):
    item_id: int
    site_id: int
    buys: bool
    supplier_id: int | None
    min_stock: Decimal | None
    max_stock: Decimal | None
    reorder_point: Decimal | None
    order_multiple: Decimal | None
    lot_size: Decimal | None
    lead_days: Decimal | None
    safety_days: Decimal

    @property
    def rules(self) -> Rules:
        """The item's rules, in the domain's terms."""
        days = self.lead_days if self.lead_days is not None else Decimal(_MAKING.days)
        return Rules(
            minimum=self.min_stock or Decimal(0),
            maximum=self.max_stock,
            reorder_point=self.reorder_point,
            lot_size=self.lot_size,
            order_multiple=self.order_multiple,
            lead_time=timedelta(days=float(days + self.safety_days)),
        )


async def refresh(
    connection: Connection,
    *,
    now: datetime,
    site: str | None = None,
    limited_to: Collection[str] = (),
) -> int:
    """Judge every item anew that has rules or promises; answers how many proposals are open.

    Open proposals that are not needed any more are superseded; those that are become what is
    needed now.
    """
    # One at a time: two of them would propose everything twice.
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    ruled = await _ruled(connection, site, limited_to)
    keys = [Key(one.item_id, one.site_id) for one in ruled]
    free = await supplies.free(connection, keys, now=now)
    coming = await supplies.changes(connection, keys, now=now)
    wanted: list[tuple[_Ruled, Proposal]] = []
    for one, key in zip(ruled, keys, strict=True):
        proposal = propose(one.rules, project(free[key], coming.get(key, ()), now))
        if proposal is not None:
            wanted.append((one, proposal))
    await _write(connection, keys, wanted, now)
    return len(wanted)


_LOCK: Final = 0x67656D62_00000019


async def _ruled(
    connection: Connection, site: str | None, limited_to: Collection[str]
) -> list[_Ruled]:
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.limit_to_sites(limited_to)
    cursor = connection.cursor(row_factory=class_row(_Ruled))
    await cursor.execute(
        sql.SQL(
            """
            SELECT i.id AS item_id, s.id AS site_id,
                   coalesce(r.source = 'buy', i.kind = 'bought') AS buys, r.supplier_id,
                   r.min_stock, r.max_stock, r.reorder_point, r.order_multiple, i.lot_size,
                   coalesce(r.supplier_lead_days, nullif(v.lead_days, 0), t.days, v.lead_days)
                       AS lead_days,
                   coalesce(r.safety_days, 0) AS safety_days
            FROM (SELECT item_id, site_id FROM item_sites
                  UNION SELECT item_id, site_id FROM stock_heads) k
            JOIN items i ON i.id = k.item_id
            JOIN sites s ON s.id = k.site_id
            LEFT JOIN item_sites r ON (r.item_id, r.site_id) = (k.item_id, k.site_id)
            LEFT JOIN suppliers v ON v.id = r.supplier_id
            LEFT JOIN LATERAL (
                SELECT l.days FROM lead_time_rules l
                WHERE (l.site_id = s.id OR l.site_id IS NULL)
                  AND (l.item_id = i.id OR (l.item_id IS NULL AND (l.family = i.family
                                                                  OR l.family IS NULL)))
                ORDER BY l.item_id NULLS LAST, l.family NULLS LAST, l.site_id NULLS LAST LIMIT 1
            ) t ON true
            """
        )
        + filters.where
        + sql.SQL(" ORDER BY i.id, s.id"),
        filters.parameters,
    )
    return await cursor.fetchall()


async def _write(
    connection: Connection,
    keys: Sequence[Key],
    wanted: Sequence[tuple[_Ruled, Proposal]],
    now: datetime,
) -> None:
    still = {Key(one.item_id, one.site_id) for one, _ in wanted}
    gone = [key for key in keys if key not in still]
    await connection.execute(
        """
        UPDATE replenishment_proposals p SET state = 'superseded', decided_at = %s
        FROM unnest(%s::integer[], %s::integer[]) AS n (item_id, site_id)
        WHERE p.state = 'open' AND (p.item_id, p.site_id) = (n.item_id, n.site_id)
        """,
        (now, [key.item_id for key in gone], [key.site_id for key in gone]),
    )
    await connection.cursor().executemany(
        """
        INSERT INTO replenishment_proposals
            (item_id, site_id, kind, supplier_id, quantity, need_at, order_by, reason)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (item_id, site_id) WHERE state = 'open' DO UPDATE
        SET kind = excluded.kind, supplier_id = excluded.supplier_id,
            quantity = excluded.quantity, need_at = excluded.need_at,
            order_by = excluded.order_by, reason = excluded.reason
        """,
        [
            (
                one.item_id,
                one.site_id,
                "purchase" if one.buys else "work_order",
                one.supplier_id,
                proposal.quantity,
                proposal.need_at,
                proposal.order_by,
                msgspec.json.encode(proposal.reason).decode(),
            )
            for one, proposal in wanted
        ],
    )


_SELECT: Final = sql.SQL(
    """
    SELECT p.id, p.item_id, i.code AS item, i.unit, p.site_id, s.code AS site, p.kind,
           p.supplier_id, v.code AS supplier, p.quantity, p.need_at, p.order_by, p.reason, p.state,
           u.number AS purchase, w.number AS work_order, p.created_at, p.decided_at, p.decided_by
    FROM replenishment_proposals p
    JOIN items i ON i.id = p.item_id
    JOIN sites s ON s.id = p.site_id
    LEFT JOIN suppliers v ON v.id = p.supplier_id
    LEFT JOIN purchases u ON u.id = p.purchase_id
    LEFT JOIN work_orders w ON w.id = p.work_order_id
    """
)


async def lock(connection: Connection, proposal_id: int) -> ProposalRow | None:
    """A proposal by its id, locked."""
    cursor = connection.cursor(row_factory=class_row(ProposalRow))
    await cursor.execute(_SELECT + sql.SQL(" WHERE p.id = %s FOR UPDATE OF p"), (proposal_id,))
    return await cursor.fetchone()


async def decide(
    connection: Connection,
    proposal_id: int,
    *,
    state: str,
    decided_by: str,
    now: datetime,
    purchase_id: int | None = None,
    work_order_id: int | None = None,
) -> None:
    """Note what became of a proposal."""
    await connection.execute(
        """
        UPDATE replenishment_proposals
        SET state = %s, decided_by = %s, decided_at = %s, purchase_id = %s, work_order_id = %s
        WHERE id = %s
        """,
        (state, decided_by, now, purchase_id, work_order_id, proposal_id),
    )


async def listed(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    item: str | None = None,
    state: str | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[ProposalRow], int]:
    """Proposals by when they have to be ordered, and how many there are."""
    filters = Filters()
    filters.add("s.code = %(site)s", site=site)
    filters.add("i.code = %(item)s", item=item)
    filters.add("p.state = %(state)s", state=state)
    filters.limit_to_sites(limited_to)
    cursor = connection.cursor(row_factory=class_row(ProposalRow))
    await cursor.execute(
        _SELECT
        + filters.where
        + sql.SQL(" ORDER BY p.order_by, p.id LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL(
            "SELECT count(*) FROM replenishment_proposals p JOIN items i ON i.id = p.item_id"
            " JOIN sites s ON s.id = p.site_id"
        )
        + filters.where,
        filters.parameters,
    )
    total: Any = await counted.fetchone()
    return rows, total[0] if total else 0

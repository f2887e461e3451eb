"""Reserving in one statement, where a glance at the sums is enough to say yes.

When so much is free after *every* promise was subtracted, whatever its date, and without any
supply, it is free at each moment from now on (`domain.inventory.available`): nobody is robbed, and
the projection needs no look, unless goods leave before they are needed. The sums stand in one row;
the condition is part of its update, so whoever comes second is judged by what the first has left.
What this cannot say yes to is judged under the lock (`store.inventory.reservations`), which answers
the same, and exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.inventory.words import ReservationKind
from store.audit import Actor
from store.database import Connection
from store.inventory.reservations import ReservationRow, typed


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation for no order, by names.

    Attributes:
        unit: None: the item's own. One that is converted is not judged here.
        need_at: from when on; a hard one holds from `now` on.
        told: what the audit log tells of it.
    """

    site: str
    item: str
    quantity: Decimal
    unit: str | None
    kind: ReservationKind
    need_at: datetime
    expires_at: datetime | None
    customer: str | None
    reference: str | None
    digest: bytes
    note: str | None
    told: Mapping[str, Any]


async def reserve(
    connection: Connection, wanted: Wanted, *, actor: Actor, now: datetime
) -> ReservationRow | None:
    """Reserve, with its entry in the audit log. None: it has to be judged under the lock.

    That is so too when a name or the reference is not what it should be: who judges says why.
    """
    cursor = connection.cursor(row_factory=class_row(ReservationRow))
    try:
        await cursor.execute(
            _RESERVE,
            {
                **{name: getattr(wanted, name) for name in _FIELDS},
                "kind": wanted.kind.value,
                "now": now,
                "actor": actor.name,
                "origin": actor.origin,
                "told": Jsonb(wanted.told),
            },
        )
    except UniqueViolation:
        return None
    row = await cursor.fetchone()
    return None if row is None else typed(row)


_FIELDS: Final = (
    "site",
    "item",
    "quantity",
    "unit",
    "need_at",
    "expires_at",
    "customer",
    "reference",
    "digest",
    "note",
)
_RESERVE: Final = """
WITH named AS (
    SELECT s.id AS site_id, s.code AS site, i.id AS item_id, i.code AS item, i.unit,
           c.id AS customer_id, c.code AS customer
    FROM sites s CROSS JOIN items i LEFT JOIN customers c ON c.code = %(customer)s::text
    WHERE s.code = %(site)s AND i.code = %(item)s AND coalesce(%(unit)s::text, i.unit) = i.unit
      AND (%(customer)s::text IS NULL OR c.id IS NOT NULL)
), head AS (
    UPDATE stock_heads h
    SET hard_reserved = h.hard_reserved
            + CASE WHEN %(kind)s::text = 'hard' THEN %(quantity)s::numeric ELSE 0 END,
        soft_reserved = h.soft_reserved
            + CASE WHEN %(kind)s::text = 'soft' THEN %(quantity)s::numeric ELSE 0 END,
        version = h.version + 1
    FROM named n
    WHERE h.item_id = n.item_id AND h.site_id = n.site_id
      AND h.available - h.hard_reserved - h.soft_reserved - h.shortfall >= %(quantity)s::numeric
      AND (h.expires_at IS NULL OR h.expires_at > greatest(%(now)s, %(need_at)s))
    RETURNING n.*, h.version
), made AS (
    INSERT INTO reservations (item_id, site_id, quantity, kind, origin, need_at, expires_at,
        customer_id, reference, digest, note, head_version, created_by)
    SELECT item_id, site_id, %(quantity)s, %(kind)s, 'request', %(need_at)s, %(expires_at)s,
           customer_id, %(reference)s, %(digest)s, %(note)s, version, %(actor)s
    FROM head
    RETURNING *
), told AS (
    INSERT INTO audit_log (actor, origin, site_id, object_kind, object_key, action, after)
    SELECT %(actor)s, %(origin)s, site_id, 'reservation', id::text, 'StockReserved',
           jsonb_build_object('reservation', id) || %(told)s::jsonb
    FROM made
)
SELECT m.id, m.item_id, h.item, h.unit, m.site_id, h.site, m.quantity, m.consumed, m.kind, m.state,
       m.origin, m.need_at, m.expires_at, m.order_line_id, NULL AS order, NULL::integer AS line,
       m.work_order_id, NULL AS work_order, h.customer, m.reference, m.digest, m.note,
       m.head_version, m.created_at, m.created_by, m.closed_at
FROM made m CROSS JOIN head h
"""

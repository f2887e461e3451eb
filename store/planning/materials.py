"""From when on work orders have the material that they begin with.

Released work orders have reserved their components softly (`store.inventory.production`). Stock and
what comes are dealt out to all such needs by their dates; what a work order of the same scope makes
is no date but work that has to be done before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from psycopg.rows import class_row

from domain.inventory.books import Key
from domain.inventory.coverage import Cover, covers
from domain.inventory.shortages import Demand, Supply
from domain.inventory.words import SupplyKind
from store.database import Connection
from store.inventory import supplies


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one step of a work order waits for.

    Attributes:
        step: its number, as the bill has it; None: the first one.
        at_ms: when the last of what is known to come is there; None: it waits for work only.
        makers: the work orders of the same problem that make some of it.
    """

    step: int | None = None
    at_ms: int | None = None
    makers: tuple[int, ...] = ()


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """What a work order waits for.

    Attributes:
        at_ms: when the last of what is known to come is there; None: it waits for work only.
        item, item_id: which component that is.
        reference: what brings it: a purchase's or a work order's number.
        makers: the work orders of the same problem that make some of it.
        lacking: components that nothing brings which is known. They bind nothing: a plan cannot
            wait for what nobody has ordered.
        parts: the same step by step.
    """

    at_ms: int | None = None
    item: str | None = None
    item_id: int | None = None
    reference: str | None = None
    makers: tuple[int, ...] = ()
    lacking: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


class _Need(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    id: int
    item_id: int
    site_id: int
    item: str
    work_order_id: int | None
    quantity: Decimal
    need_at: datetime
    step: int | None


async def materials(
    connection: Connection,
    work_order_ids: Sequence[int],
    *,
    here: Mapping[tuple[int, str], int],
    now_ms: int,
) -> dict[int, Material]:
    """What work orders wait for, by id; those that have everything are left out.

    Args:
        connection: where to read.
        work_order_ids: of these.
        here: the work orders that are planned together with them, by site and number.
        now_ms: the moment.
    """
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    needs = await _needs(connection, work_order_ids, now)
    if not needs:
        return {}
    keys: dict[Key, list[_Need]] = defaultdict(list)
    for need in needs:
        keys[Key(need.item_id, need.site_id)].append(need)
    free = await supplies.free(connection, keys, now=now)
    coming = await supplies.changes(connection, keys, now=now)
    found: dict[int, list[tuple[_Need, Cover]]] = defaultdict(list)
    for key, some in keys.items():
        come = [
            Supply(at=one.at, quantity=one.quantity, reference=f"{one.kind}:{one.reference}")
            for one in coming.get(key, ())
            if one.quantity > 0
        ]
        demands = [Demand(id=one.id, at=one.need_at, quantity=one.quantity) for one in some]
        covered = covers(free[key], demands, come)
        for one in some:
            if one.work_order_id is not None:
                found[one.work_order_id].append((one, covered[one.id]))
    wanted = set(work_order_ids)
    waiting = {id_: _material(each, here) for id_, each in found.items() if id_ in wanted}
    return {id_: one for id_, one in waiting.items() if one != Material()}


def _material(
    parts: Sequence[tuple[_Need, Cover]], here: Mapping[tuple[int, str], int]
) -> Material:
    """What one work order waits for, of what covers each of its components."""
    makers: dict[int | None, set[int]] = defaultdict(set)
    comes: dict[int | None, int] = {}
    last: tuple[datetime, _Need, str] | None = None
    for need, cover in parts:
        for supply in cover.supplies:
            kind, _, reference = supply.reference.partition(":")
            maker = here.get((need.site_id, reference))
            if kind == SupplyKind.WORK_ORDER and maker is not None:
                makers[need.step].add(maker)
                continue
            at_ms = round(supply.at.timestamp() * 1000)
            comes[need.step] = max(comes.get(need.step, at_ms), at_ms)
            if last is None or supply.at > last[0]:
                last = (supply.at, need, reference)
    steps = sorted(makers.keys() | comes.keys(), key=lambda step: step or 0)
    return Material(
        at_ms=round(last[0].timestamp() * 1000) if last is not None else None,
        item=last[1].item if last is not None else None,
        item_id=last[1].item_id if last is not None else None,
        reference=last[2] if last is not None else None,
        makers=tuple(sorted(set().union(*makers.values()))),
        lacking=tuple(sorted({need.item for need, cover in parts if cover.missing > 0})),
        parts=tuple(
            Part(step=step, at_ms=comes.get(step), makers=tuple(sorted(makers.get(step, ()))))
            for step in steps
        ),
    )


async def _needs(
    connection: Connection, work_order_ids: Sequence[int], now: datetime
) -> list[_Need]:
    """The open soft needs of every item that one of the work orders needs, whoever has them."""
    cursor = connection.cursor(row_factory=class_row(_Need))
    await cursor.execute(
        """
        WITH wanted AS (
            SELECT DISTINCT item_id, site_id FROM reservations
            WHERE work_order_id = ANY(%(works)s) AND origin = 'work_order' AND kind = 'soft'
              AND state = 'open'
        )
        SELECT r.id, r.item_id, r.site_id, i.code AS item,
               CASE r.origin WHEN 'work_order' THEN r.work_order_id END AS work_order_id,
               r.quantity - r.consumed AS quantity, r.need_at, c.step
        FROM wanted k
        JOIN reservations r ON (r.item_id, r.site_id) = (k.item_id, k.site_id)
        JOIN items i ON i.id = r.item_id
        LEFT JOIN work_order_components c
            ON r.origin = 'work_order' AND (c.work_order_id, c.item_id)
                = (r.work_order_id, r.item_id)
        WHERE r.state = 'open' AND r.kind = 'soft'
          AND (r.expires_at IS NULL OR r.expires_at > %(now)s)
        ORDER BY r.id
        """,
        {"works": work_order_ids, "now": now},
    )
    return await cursor.fetchall()

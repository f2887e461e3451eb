"""Whose dates may have moved, and what there is to know for deciding it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from psycopg.rows import class_row

from domain import tracking
from domain.customer_notices.dates import Basis, Known, date_of
from domain.customer_notices.reasons import Evidence
from domain.tracking import Expectation, Stage
from store.customer_notices import contacts
from store.customer_notices.contacts import ContactRow
from store.database import Connection
from store.live_dates import OrderDates, epoch_ms
from store.live_order_rows import LineRow, OrderRows, read_order_rows

_BEFORE_MS: Final = 3_600_000
"""What moved a date happened within so long before it was seen to move."""


class Pair(msgspec.Struct, frozen=True):
    """Somebody, and a line whose date they may have to be told."""

    contact_id: int
    line_id: int
    order_id: int


class LineStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Where a line stands, as its tracking page would show it."""

    id: int
    number: int
    item: str
    item_name: str
    quantity: Decimal
    unit: str
    stage: Stage
    expected: Expectation
    agreed_ms: int | None
    received_at: datetime
    machine_down: bool
    chain: list[dict[str, Any]]


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody and a line: what they know, and how it is."""

    contact: ContactRow
    line: LineStanding
    known: Known
    known_since_ms: int
    date_ms: int | None
    new: bool
    """Nothing is kept of it yet."""


class OrderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says of an order."""

    id: int
    number: str
    reference: str | None
    site: str
    time_zone: str
    customer: str


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one order."""

    order: OrderFacts
    watched: list[Watched]


# Cheap, and never too narrow: whoever's date moved is among them. What is exact follows from rows.
_PAIRS: Final = """
    WITH told AS (
        -- Who is told of all orders is not told of one of them besides.
        SELECT DISTINCT ON (l.id, c.channel, c.address)
               c.id AS contact_id, l.id AS line_id, l.order_id, c.basis, c.tolerance_minutes,
               l.state, coalesce(l.promised_at, l.due_at) AS agreed_at, l.due_at
        FROM customer_contacts c
        JOIN orders o ON o.customer_id = c.customer_id
            AND (c.order_id IS NULL OR c.order_id = o.id)
        JOIN order_lines l ON l.order_id = o.id
            AND (c.line_number IS NULL OR c.line_number = l.number)
        WHERE c.confirmed_at IS NOT NULL AND c.unsubscribed_at IS NULL
          AND l.state IN ('confirmed', 'released', 'in_production', 'on_hold')
        ORDER BY l.id, c.channel, c.address, c.order_id NULLS FIRST, c.line_number NULLS FIRST, c.id
    ), ends AS (
        SELECT p.order_line_id AS line_id, max(e.end_ms) AS end_ms,
               bool_or(e.end_ms IS NULL) AS unknown
        FROM (SELECT DISTINCT line_id FROM told) t
        JOIN pegs p ON p.order_line_id = t.line_id
        JOIN operations w ON w.work_order_id = p.work_order_id
            AND w.state NOT IN ('completed', 'aborted', 'cancelled')
        LEFT JOIN operation_projections e ON e.operation_id = w.id
        GROUP BY p.order_line_id
    ), found AS (
        SELECT t.*, d.contact_id IS NULL AS new, d.told_ms, d.moving_ms, e.unknown,
               (extract(epoch FROM t.agreed_at) * 1000)::bigint AS agreed_ms,
               greatest(e.end_ms, CASE WHEN e.end_ms IS NOT NULL THEN %(now)s::bigint END)
                   AS end_ms,
               t.tolerance_minutes * 60000::bigint AS tolerance_ms
        FROM told t LEFT JOIN ends e USING (line_id)
        LEFT JOIN customer_dates d
            ON d.contact_id = t.contact_id AND d.order_line_id = t.line_id
    )
    SELECT contact_id, line_id, order_id FROM found
    WHERE new OR moving_ms IS NOT NULL
       OR told_ms IS NULL AND coalesce(agreed_ms, end_ms) IS NOT NULL
       OR unknown AND state = 'in_production'
       OR basis = 'promised' AND abs(greatest(agreed_ms, end_ms) - told_ms) > tolerance_ms - 60000
       OR basis = 'shown' AND (abs(end_ms - told_ms) > tolerance_ms - 60000
            OR (end_ms IS NULL OR unknown)
               AND abs((extract(epoch FROM due_at) * 1000)::bigint - told_ms)
                   > tolerance_ms - 60000)
    ORDER BY order_id, contact_id, line_id
"""


async def pairs(connection: Connection, *, now_ms: int) -> list[Pair]:
    """Everybody and every line that has to be looked at, by order."""
    cursor = connection.cursor(row_factory=class_row(Pair))
    await cursor.execute(_PAIRS, {"now": now_ms})
    return await cursor.fetchall()


async def look(connection: Connection, wanted: Sequence[Pair], *, now_ms: int) -> list[Looked]:
    """What there is to decide of, by order."""
    people = await contacts.of_ids(connection, {each.contact_id for each in wanted})
    known = await _known(connection, wanted)
    by_order: dict[int, list[Pair]] = defaultdict(list)
    for each in wanted:
        by_order[each.order_id].append(each)
    found = await read_order_rows(connection, sorted(by_order), now_ms=now_ms, audit=False)
    looked = []
    for order_id, rows in found.items():
        lines = {line.id: standing_of(rows, line, now_ms) for line in rows.lines}
        watched = [
            _watched(people[pair.contact_id], lines[pair.line_id], known.get(_key(pair)), now_ms)
            for pair in by_order[order_id]
            # Whoever left, or what was removed, in between.
            if pair.contact_id in people and pair.line_id in lines
        ]
        order = rows.order
        looked.append(
            Looked(
                order=OrderFacts(
                    id=order.id,
                    number=order.number,
                    reference=order.customer_reference,
                    site=order.site,
                    time_zone=order.time_zone,
                    customer=order.customer,
                ),
                watched=watched,
            )
        )
    return looked


def standing_of(rows: OrderRows, line: LineRow, now_ms: int) -> LineStanding:
    """Where one line of an order stands."""
    operations = [each for each in rows.operations if each.line_id == line.id]
    dates = OrderDates(
        OrderRows(rows.order, lines=[line], operations=operations, slots=rows.slots), now_ms
    )
    stage = tracking.stage_of([line.share])
    agreed_at = line.promised_at or line.due_at
    return LineStanding(
        id=line.id,
        number=line.number,
        item=line.item,
        item_name=line.item_name,
        quantity=line.quantity,
        unit=line.unit,
        stage=stage,
        expected=tracking.expectation(
            stage,
            projected_ms=dates.projected_ms(),
            due_ms=dates.due_ms(),
            produced_ms=None,
            now_ms=now_ms,
            planned=dates.planned(),
        ),
        agreed_ms=epoch_ms(agreed_at) if agreed_at is not None else None,
        received_at=rows.order.received_at,
        machine_down=any(
            each.machine_state == "down" and not each.figures(None, now_ms).over
            for each in operations
        ),
        chain=rows.planned.chain if rows.planned is not None else [],
    )


async def evidence(connection: Connection, order_id: int, each: Watched, to_ms: int) -> Evidence:
    """What is known of why a line's date moved since somebody knew it."""
    told_ms, moving_ms = each.known.told_ms, each.known.moving_ms
    since_ms = each.known_since_ms
    if moving_ms is not None:
        since_ms = max(since_ms, moving_ms - _BEFORE_MS)
    cursor = await connection.execute(
        """
        SELECT action, reason, before, after FROM audit_log
        WHERE order_id = %s AND action IN ('OrderChanged', 'ExpectedDateMoved') AND at >= %s
        """,
        (order_id, datetime.fromtimestamp(since_ms / 1000, UTC)),
    )
    disruptions: set[str] = set()
    changed = False
    for action, reason, before, after in await cursor.fetchall():
        if action == "ExpectedDateMoved":
            disruptions.update((reason or "").split(","))
        else:
            changed = changed or _changes(before, after, each.line.number)
    return Evidence(
        later=told_ms is None or to_ms > told_ms,
        changed=changed,
        machine_down=each.line.machine_down,
        chain=each.line.chain,
        disruptions=disruptions - {""},
    )


def _changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, line: int) -> bool:
    """Whether a change of an order changed what a line's date follows from."""
    old = _line(before, line)
    new = _line(after, line)
    return any(
        field in new and new[field] != old.get(field) for field in ("quantity", "due_at", "item")
    )


def _line(content: Mapping[str, Any] | None, number: int) -> Mapping[str, Any]:
    lines = (content or {}).get("lines") or []
    found: list[Mapping[str, Any]] = [each for each in lines if each.get("number") == number]
    return found[0] if found else {}


def _watched(
    contact: ContactRow, line: LineStanding, known: tuple[Known, int] | None, now_ms: int
) -> Watched:
    basis = Basis(contact.basis)
    date_ms = date_of(basis, line.stage, line.expected, line.agreed_ms)
    fresh = known is None
    if known is None:
        told_ms = date_ms
        new = line.received_at >= contact.created_at
        if basis is Basis.PROMISED and new and line.agreed_ms is not None:
            # They were promised that; of orders that were there before they know what is now.
            told_ms = line.agreed_ms
        known = Known(told_ms=told_ms), epoch_ms(line.received_at) if new else now_ms
    return Watched(
        contact=contact,
        line=line,
        known=known[0],
        known_since_ms=known[1],
        date_ms=date_ms,
        new=fresh,
    )


def _key(pair: Pair) -> tuple[int, int]:
    return pair.contact_id, pair.line_id


async def _known(
    connection: Connection, wanted: Sequence[Pair]
) -> dict[tuple[int, int], tuple[Known, int]]:
    cursor = await connection.execute(
        """
        SELECT d.contact_id, d.order_line_id, d.told_ms, d.number, d.direction, d.turns,
               d.noticed_ms, d.moving_ms, d.moving, d.known_ms
        FROM unnest(%s::bigint[], %s::bigint[]) AS w (contact_id, order_line_id)
        JOIN customer_dates d USING (contact_id, order_line_id)
        """,
        ([each.contact_id for each in wanted], [each.line_id for each in wanted]),
    )
    return {
        (row[0], row[1]): (
            Known(
                told_ms=row[2],
                number=row[3],
                direction=row[4],
                turns=row[5],
                noticed_ms=row[6],
                moving_ms=row[7],
                moving=row[8],
            ),
            row[9],
        )
        for row in await cursor.fetchall()
    }

"""The facts that review judges by, read for many orders at once: a query per kind of fact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from psycopg.rows import class_row

from domain.documents import Problem
from domain.documents import Severity as ProblemSeverity
from domain.orders import LineState
from domain.review import History, LineFacts, OrderFacts, Policy, Told, Twin
from store.database import Connection
from store.inventory.promise import earliest
from store.review.policies import policies

_PROMISES: Final = 10
"""So many lines of what came together are asked for a promise; it looks at stock and plan."""
_HISTORY: Final = 100
"""So many of the newest lines of an item are its history."""
_DAY_MS: Final = 86_400_000
_FAR_DAYS: Final = 36_500.0
_TO_PROMISE: Final = (LineState.RECEIVED, LineState.UNDER_REVIEW, LineState.CONFIRMED)
_OWN_RULES: Final = frozenset(
    {"unknown_item", "unknown_customer", "unit_unknown", "unit_not_convertible"}
)
"""Problems that intake notes in a document, and that a rule of review tells better."""


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order as review reads it. `entered`: by one of ours; no document told of it."""

    id: int
    number: str
    site_id: int
    site: str
    customer_id: int
    customer: str
    customer_known: bool
    channel_id: int | None
    priority: int
    currency: str | None
    received_at: datetime
    version: int
    entered: bool


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line as review reads it; cancelled ones included."""

    id: int
    order_id: int
    number: int
    item_id: int
    item: str
    item_known: bool
    item_unit: str
    bought: bool
    site_id: int
    site: str
    unit: str
    quantity: Decimal
    price: Decimal | None
    due_at: datetime | None
    stored_state: str
    rule_price: Decimal | None
    rule_percent: Decimal | None
    lead_days: Decimal | None

    @property
    def state(self) -> LineState:
        """Where the line stands."""
        return LineState(self.stored_state)


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """An order with its lines, its facts and the policy that holds for it."""

    order: OrderRow
    lines: list[LineRow]
    facts: OrderFacts
    policy: Policy


async def read_facts(
    connection: Connection,
    order_ids: Collection[int],
    *,
    now: datetime,
    portions: Mapping[int, int] | None = None,
) -> dict[int, Read]:
    """What is known of orders, by id; ids that do not exist are left out.

    Args:
        connection: the caller's transaction.
        order_ids: which ones.
        now: the time of reading.
        portions: which orders came together, by a number of the caller's: what is done of so many
            lines only is done for each portion. None: all came together.
    """
    ids = list(order_ids)
    async with connection.cursor(row_factory=class_row(OrderRow)) as cursor:
        await cursor.execute(_ORDERS, (ids,))
        orders = {row.id: row for row in await cursor.fetchall()}
    lines: dict[int, list[LineRow]] = defaultdict(list)
    async with connection.cursor(row_factory=class_row(LineRow)) as cursor:
        await cursor.execute(_LINES, {"orders": ids, "now": now})
        for row in await cursor.fetchall():
            lines[row.order_id].append(row)
    rules = await policies(connection)
    of = {
        row.id: rules.of(
            site_id=row.site_id, channel_id=row.channel_id, customer_id=row.customer_id
        )
        for row in orders.values()
    }
    judged = [line for each in lines.values() for line in each]
    items = sorted({line.item_id for line in judged if line.item_known})
    ways = await _ways(connection, items, now)
    promised = await _promised(connection, _urgent(judged, orders, of, now, portions or {}), now)
    histories = await _histories(connection, items, ids)
    twins = await _twins(connection, ids, of)
    told = await _told(connection, ids)
    return {
        order.id: Read(
            order=order,
            lines=lines[order.id],
            policy=of[order.id],
            facts=OrderFacts(
                customer=order.customer,
                customer_known=order.customer_known,
                priority=order.priority,
                currency=order.currency,
                lines=[
                    _line_facts(line, order, histories, ways, _earliest(line, ways, promised, now))
                    for line in lines[order.id]
                    if line.state is not LineState.CANCELLED
                ],
                warnings=told[order.id].warnings,
                conflicts=told[order.id].conflicts,
                twins=twins[order.id],
            ),
        )
        for order in orders.values()
    }


class _Ways(msgspec.Struct, frozen=True, kw_only=True):
    """Where items can be had, by (item, site): from stock or a supplier, and made.

    `made` says how many milliseconds a lot and a unit of it take at least, all steps together.
    """

    at_hand: set[tuple[int, int]]
    made: dict[tuple[int, int], tuple[int, int]]


class _Earliest(msgspec.Struct, frozen=True):
    """When a line can be there at the earliest, and what says so."""

    at: datetime
    by: str


def _earliest(
    line: LineRow, ways: _Ways, promised: Mapping[int, datetime], now: datetime
) -> _Earliest | None:
    """What is known of it, the most exact first; the lead time rule is the company's own word."""
    key = (line.item_id, line.site_id)
    if line.lead_days is not None:
        return _Earliest(_after(now, float(line.lead_days)), "lead_time")
    if line.id in promised:
        return _Earliest(promised[line.id], "promise")
    if line.bought or key in ways.at_hand or key not in ways.made or line.unit != line.item_unit:
        return None
    lot_ms, unit_ms = ways.made[key]
    return _Earliest(_after(now, (lot_ms + float(line.quantity) * unit_ms) / _DAY_MS), "routing")


def _after(now: datetime, days: float) -> datetime:
    """So many days later, or as late as anybody would say."""
    return now + timedelta(days=min(days, _FAR_DAYS))


def _urgent(
    lines: Sequence[LineRow],
    orders: Mapping[int, OrderRow],
    of: Mapping[int, Policy],
    now: datetime,
    portions: Mapping[int, int],
) -> list[LineRow]:
    """Lines that are wanted soon; of each portion the most urgent few.

    Whoever enters an order asks for the promise at the time of entry.
    """
    urgent = [
        line
        for line in lines
        if line.due_at is not None
        and now < line.due_at <= now + timedelta(days=of[line.order_id].promise_days)
        and line.state in _TO_PROMISE
        and line.item_known
        and line.unit == line.item_unit
        and line.lead_days is None
        and not orders[line.order_id].entered
    ]
    urgent.sort(key=lambda line: (line.due_at or now, line.id))
    chosen: dict[int, list[LineRow]] = defaultdict(list)
    for line in urgent:
        portion = chosen[portions.get(line.order_id, 0)]
        if len(portion) < _PROMISES:
            portion.append(line)
    return [line for portion in chosen.values() for line in portion]


async def _promised(
    connection: Connection, lines: Sequence[LineRow], now: datetime
) -> dict[int, datetime]:
    """When lines can be promised, by line id."""
    found = {}
    for line in lines:
        promise = await earliest(connection, line.item_id, line.site_id, line.quantity, now=now)
        if promise.at is not None:
            found[line.id] = promise.at
    return found


def _line_facts(
    line: LineRow,
    order: OrderRow,
    histories: Mapping[int, Sequence[_Past]],
    ways: _Ways,
    earliest_: _Earliest | None,
) -> LineFacts:
    key = (line.item_id, line.site_id)
    past = histories.get(line.item_id, ())
    return LineFacts(
        number=line.number,
        item=line.item,
        item_known=line.item_known,
        site=line.site,
        deliverable=line.bought or key in ways.at_hand or key in ways.made,
        unit=line.unit,
        item_unit=line.item_unit,
        quantity=line.quantity,
        price=line.price,
        due_at=line.due_at,
        own_history=_history([p for p in past if p.customer_id == order.customer_id], order),
        history=_history(past, order),
        rule_price=line.rule_price,
        rule_percent=None if line.rule_percent is None else float(line.rule_percent),
        earliest_at=earliest_.at if earliest_ else None,
        earliest_by=earliest_.by if earliest_ else None,
    )


class _Past(msgspec.Struct, frozen=True, kw_only=True):
    """Earlier lines of an item by one customer, in one currency."""

    item_id: int
    customer_id: int
    currency: str | None
    quantities: list[float]
    prices: list[float | None]


class _Documents(msgspec.Struct, kw_only=True):
    """What an order's documents say that people should know."""

    warnings: list[Told] = []
    conflicts: list[Told] = []


def _history(past: Iterable[_Past], order: OrderRow) -> History:
    quantities: list[float] = []
    prices: list[float] = []
    for one in past:
        quantities += one.quantities
        if one.currency == order.currency:
            prices += [price for price in one.prices if price is not None]
    return History(quantities=tuple(quantities), prices=tuple(prices))


async def _ways(connection: Connection, items: Sequence[int], now: datetime) -> _Ways:
    ways = _Ways(at_hand=set(), made={})
    if items:
        cursor = await connection.execute(_WAYS, {"items": list(items), "now": now})
        for item_id, site_id, lot_ms, unit_ms in await cursor.fetchall():
            if lot_ms is None:
                ways.at_hand.add((item_id, site_id))
            else:
                ways.made[item_id, site_id] = (lot_ms, unit_ms)
    return ways


async def _histories(
    connection: Connection, items: Sequence[int], order_ids: Sequence[int]
) -> dict[int, list[_Past]]:
    found: dict[int, list[_Past]] = defaultdict(list)
    if not items:
        return found
    async with connection.cursor(row_factory=class_row(_Past)) as cursor:
        await cursor.execute(
            _HISTORIES, {"items": list(items), "orders": list(order_ids), "most": _HISTORY}
        )
        for row in await cursor.fetchall():
            found[row.item_id].append(row)
    return found


async def _twins(
    connection: Connection, order_ids: Sequence[int], of: Mapping[int, Policy]
) -> dict[int, list[Twin]]:
    found: dict[int, list[Twin]] = defaultdict(list)
    wanted = [order_id for order_id in order_ids if order_id in of]
    cursor = await connection.execute(
        _TWINS, (wanted, [of[order_id].duplicate_days for order_id in wanted])
    )
    for order_id, number, received_at, same in await cursor.fetchall():
        if all(number != twin.number for twin in found[order_id]):
            found[order_id].append(Twin(number=number, received_at=received_at, same=same))
    return found


async def _told(connection: Connection, order_ids: Sequence[int]) -> dict[int, _Documents]:
    """Warnings of the newest document that was applied, and contradictions that came after it."""
    found: dict[int, _Documents] = defaultdict(_Documents)
    cursor = await connection.execute(_DOCUMENTS, (list(order_ids),))
    for order_id, outcome, version, reason, problems in await cursor.fetchall():
        if outcome == "conflict":
            told = Told(
                code="conflict", place=f"version {version}", problem=reason or "it contradicts"
            )
            found[order_id].conflicts.append(told)
        else:
            found[order_id] = _Documents(warnings=_warnings(problems))
    return found


def _warnings(problems: object) -> list[Told]:
    return [
        Told(code=one.code, place=one.place, problem=one.problem, value=one.value)
        for one in msgspec.convert(problems, list[Problem])
        if one.severity is ProblemSeverity.WARNING and one.code not in _OWN_RULES
    ]


_ORDERS: Final = """
SELECT o.id, o.number, o.site_id, s.code AS site, o.customer_id, c.code AS customer,
       NOT c.provisional AS customer_known, o.channel_id, o.priority, o.currency, o.received_at,
       o.version, o.source_version IS NULL AND o.channel_id IS NULL AS entered
FROM orders o JOIN sites s ON s.id = o.site_id JOIN customers c ON c.id = o.customer_id
WHERE o.id = ANY(%s)
"""

# The price that a rule says: the item's own rule before its family's, a customer's before that of
# all, the one for the most that is ordered, the youngest. Likewise the days that delivery takes.
_LINES: Final = """
SELECT l.id, l.order_id, l.number, l.item_id, i.code AS item, NOT i.provisional AS item_known,
       i.unit AS item_unit, i.kind IN ('bought', 'both') AS bought, s.id AS site_id,
       s.code AS site, l.unit, l.quantity,
       l.price / l.price_basis * coalesce(l.quantity_as_told, l.quantity) / l.quantity AS price,
       l.due_at, l.state AS stored_state, p.price AS rule_price, p.percent AS rule_percent,
       d.days AS lead_days
FROM order_lines l
JOIN orders o ON o.id = l.order_id
JOIN items i ON i.id = l.item_id
JOIN sites s ON s.id = coalesce(l.site_id, o.site_id)
LEFT JOIN LATERAL (
    SELECT r.price / r.price_basis AS price, r.tolerance_percent AS percent
    FROM price_rules r
    WHERE (r.item_id = l.item_id OR r.family = i.family)
      AND (r.customer_id IS NULL OR r.customer_id = o.customer_id)
      AND r.currency = o.currency AND r.from_quantity <= l.quantity
      AND daterange(r.valid_from, r.valid_to, '[]') @>
          (%(now)s::timestamptz AT TIME ZONE s.time_zone)::date
    ORDER BY r.item_id IS NULL, r.customer_id IS NULL, r.from_quantity DESC,
             r.valid_from DESC NULLS LAST LIMIT 1) p ON l.price IS NOT NULL
LEFT JOIN LATERAL (
    SELECT r.days + coalesce(l.quantity / r.units_per_day, 0) AS days
    FROM lead_time_rules r
    WHERE (r.item_id IS NULL OR r.item_id = l.item_id) AND (r.family IS NULL OR r.family = i.family)
      AND (r.site_id IS NULL OR r.site_id = s.id)
    ORDER BY r.item_id IS NULL, r.family IS NULL, r.site_id IS NULL LIMIT 1) d
    ON l.due_at IS NOT NULL
WHERE l.order_id = ANY(%(orders)s) ORDER BY l.order_id, l.number
"""

_WAYS: Final = """
SELECT item_id, site_id, sum(lot_ms)::bigint AS lot_ms, sum(unit_ms)::bigint AS unit_ms
FROM (SELECT item_id, site_id, number, min(setup_ms) AS lot_ms, min(cycle_ms) AS unit_ms
      FROM routing_ways(%(now)s, %(items)s) GROUP BY item_id, site_id, number) AS steps
GROUP BY item_id, site_id
UNION ALL
SELECT item_id, site_id, NULL, NULL FROM item_sites
WHERE item_id = ANY(%(items)s) AND source = 'buy'
UNION ALL
SELECT item_id, site_id, NULL, NULL FROM stock_lots
WHERE item_id = ANY(%(items)s) AND quantity > 0
"""

# The newest lines are cut out first: what is under review is no history yet, and a heap of it must
# not make this read a whole table.
_HISTORIES: Final = """
SELECT i.item_id, p.customer_id, p.currency, array_agg(p.quantity) AS quantities,
       array_agg(p.price) AS prices
FROM unnest(%(items)s::integer[]) AS i (item_id)
CROSS JOIN LATERAL (
    SELECT o.customer_id, o.currency, n.quantity::float8 AS quantity,
           (n.price / n.price_basis * coalesce(n.quantity_as_told, n.quantity) / n.quantity)::float8
               AS price
    FROM (SELECT * FROM order_lines l WHERE l.item_id = i.item_id
          ORDER BY l.order_id DESC LIMIT %(most)s) n
    JOIN orders o ON o.id = n.order_id
    WHERE n.state NOT IN ('under_review', 'cancelled') AND o.id <> ALL(%(orders)s)) p
GROUP BY i.item_id, p.customer_id, p.currency
"""

_TWINS: Final = """
SELECT o.id, t.number, t.received_at, t.same
FROM unnest(%s::bigint[], %s::integer[]) AS w (id, days)
JOIN orders o ON o.id = w.id
CROSS JOIN LATERAL (
    (SELECT d.number, d.received_at, 'reference' AS same FROM orders d
     WHERE d.customer_id = o.customer_id AND d.customer_reference = o.customer_reference
       AND d.id < o.id AND d.state <> 'cancelled' ORDER BY d.id DESC LIMIT 1)
    UNION ALL
    (SELECT d.number, d.received_at, 'lines' FROM orders d
     WHERE d.customer_id = o.customer_id AND d.lines_digest = o.lines_digest AND d.id < o.id
       AND d.received_at >= o.received_at - make_interval(days => w.days)
     ORDER BY d.id DESC LIMIT 1)) t
ORDER BY o.id, t.same DESC
"""

_DOCUMENTS: Final = """
SELECT order_id, outcome, version, reason, problems
FROM intake_documents
WHERE order_id = ANY(%s) AND outcome IN ('created', 'changed', 'cancelled', 'conflict')
ORDER BY order_id, id
"""

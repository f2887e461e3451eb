"""A year of orders straight into the tables: the same for the same number, but for today's date."""

from __future__ import annotations

import asyncio
import time
from typing import Final, LiteralString

import psycopg

from store.telemetry.adoption import HistoryPartitions, month_of

SITE: Final = "bench"
DAYS: Final = 365
_DAY_MS: Final = 86_400_000
_NUMBERS: Final = {"site": SITE, "customers": 500, "items": 200, "machines": 50, "days": DAYS}

_MASTER_DATA: Final = """
WITH site AS (
    INSERT INTO sites (code, name, time_zone) VALUES (%(site)s, 'Bench', 'Europe/Berlin')
    RETURNING id
), made AS (
    INSERT INTO machines (site_id, path, area, line, name, configured)
    SELECT id, %(site)s || '/area/line' || n / 10 || '/m' || to_char(n, 'FM00'), 'area',
           'line' || n / 10, n::text, true
    FROM site, generate_series(0, %(machines)s - 1) n
), shelf AS (
    INSERT INTO locations (site_id, code) SELECT id, 'shelf' FROM site
), buying AS (
    INSERT INTO customers (code, name)
    SELECT 'c' || n, 'Customer ' || n FROM generate_series(1, %(customers)s) n
)
INSERT INTO items (code, name) SELECT 'i' || n, 'Item ' || n FROM generate_series(1, %(items)s) n
"""
# An order an hour or so, due three weeks later; every 20th without a word of confirmation.
_ORDERS: Final = """
INSERT INTO orders (site_id, customer_id, number, received_at, confirmed_at)
SELECT s.id, c.first + n %% %(customers)s, 'R-' || n, t.at,
       CASE WHEN n %% 20 <> 0 THEN t.at + (n %% 30) * interval '1 hour' END
FROM generate_series(1, %(orders)s) n
CROSS JOIN LATERAL (
    SELECT now() - interval '21 days' - (%(orders)s - n) * (
        %(days)s * interval '1 day' / %(orders)s) AS at) t,
     (SELECT id FROM sites WHERE code = %(site)s) s, (SELECT min(id) AS first FROM customers) c
"""
# A quarter is made after its date, by up to four days.
_LINES: Final = """
INSERT INTO order_lines (order_id, number, item_id, quantity, unit, due_at, state, started_at,
                         produced_at)
SELECT o.id, 10 * l.n, i.first + (o.id * 7 + l.n) %% %(items)s, 10 + o.id %% 90, 'pcs',
       o.received_at + interval '21 days', 'released', o.received_at + interval '15 days',
       o.received_at + CASE WHEN o.id %% 4 = 0 THEN interval '21 days' ELSE interval '18 days' END
           + (o.id * 31 %% 96) * interval '1 hour'
FROM orders o
CROSS JOIN LATERAL generate_series(1, CASE WHEN o.id %% 4 = 1 THEN 2 ELSE 1 END) l (n),
     (SELECT min(id) AS first FROM items) i
"""
_CHANGES: Final = """
INSERT INTO audit_log (at, actor, origin, site_id, order_id, action, before, after)
SELECT o.received_at + interval '2 days', 'bench', 'bench', o.site_id, o.id, 'OrderChanged',
       jsonb_build_object('lines', jsonb_build_array(jsonb_build_object(
           'number', 10, 'due_at', l.due_at - (1 + o.id %% 3) * interval '1 day'))),
       jsonb_build_object('asked_by_customer', o.id %% 10 = 0, 'lines', jsonb_build_array(
           jsonb_build_object('number', 10, 'due_at', l.due_at)))
FROM orders o JOIN order_lines l ON l.order_id = o.id AND l.number = 10 WHERE o.id %% 5 = 0
"""
_RELEASES: Final = """
INSERT INTO audit_log (at, actor, origin, site_id, order_id, action)
SELECT o.received_at + interval '3 days', 'bench', 'bench', o.site_id, o.id, 'OrderReleased'
FROM orders o
"""
_WORK: Final[tuple[LiteralString, ...]] = (
    """
    INSERT INTO work_orders (site_id, number, item_id, quantity_ordered, planned, created_at)
    SELECT o.site_id, 'W-' || l.id, l.item_id, l.quantity, true, o.received_at + interval '3 days'
    FROM order_lines l JOIN orders o ON o.id = l.order_id
    """,
    """
    INSERT INTO pegs (order_line_id, work_order_id, quantity)
    SELECT l.id, w.id, l.quantity FROM order_lines l JOIN work_orders w ON w.number = 'W-' || l.id
    """,
    """
    INSERT INTO operations (work_order_id, number, planned, machine_id, cycle_ms, quantity, state,
                            started_ms, ended_ms)
    SELECT w.id, 10 * n, true, m.first + (w.id + n) %% %(machines)s, 2000, l.quantity, 'completed',
           t.begins + (n - 1) * (t.ends - t.begins) / 2, t.begins + n * (t.ends - t.begins) / 2
    FROM work_orders w JOIN pegs p ON p.work_order_id = w.id
    JOIN order_lines l ON l.id = p.order_line_id
    CROSS JOIN LATERAL (
        SELECT (extract(epoch FROM l.started_at) * 1000)::bigint AS begins,
               (extract(epoch FROM l.produced_at) * 1000)::bigint AS ends) t
    CROSS JOIN generate_series(1, 2) n,
         (SELECT min(id) AS first FROM machines) m
    """,
)
_SHIPPED: Final[tuple[LiteralString, ...]] = (
    """
    INSERT INTO shipments (order_id, number, state, packed_ms, shipped_ms, delivered_ms, device)
    SELECT o.id, 1, 'delivered', t.ms + 1800000, t.ms + 3600000 * (1 + o.id %% 30),
           t.ms + 3600000 * (25 + o.id %% 30), 'bench'
    FROM orders o CROSS JOIN LATERAL (
        SELECT (extract(epoch FROM max(l.produced_at)) * 1000)::bigint AS ms
        FROM order_lines l WHERE l.order_id = o.id) t
    WHERE t.ms < extract(epoch FROM now()) * 1000 - 3600000 * 60
    """,
    """
    INSERT INTO shipment_lines (order_id, number, order_line_id, picked, packed, shipped)
    SELECT l.order_id, 1, l.id, l.quantity, l.quantity,
           CASE WHEN l.order_id %% 50 = 0 THEN l.quantity - 1 ELSE l.quantity END
    FROM order_lines l JOIN shipments s ON s.order_id = l.order_id
    """,
)
# A plan a week, of what was taken in that week.
_PLANS: Final[tuple[LiteralString, ...]] = (
    """
    INSERT INTO plans (scope, number, state, as_of_ms, created_at, published_at, superseded_at,
                       method, solve_ms, reasons, metrics)
    SELECT %(site)s, n, 'superseded', 0, t.at, t.at, t.at + interval '7 days', 'bench', 0, '[]',
           '{}'
    FROM generate_series(0, %(days)s / 7 + 2) n
    CROSS JOIN LATERAL (
        SELECT now() - interval '14 days' + (n * 7 - %(days)s) * interval '1 day' AS at) t
    """,
    """
    INSERT INTO plan_orders (plan_id, order_id, end_ms, shares)
    SELECT v.id, o.id, (extract(epoch FROM o.received_at) * 1000)::bigint
               + (18 + o.id %% 5) * 86400000::bigint,
           CASE WHEN o.id %% 4 = 0 THEN '[{"cause": "machine_busy", "machine": "m",
               "share_minutes": 300}, {"cause": "setup", "machine": "m", "share_minutes": 60}]'
               ::jsonb END
    FROM plans v JOIN orders o
        ON o.received_at >= v.published_at - interval '7 days' AND o.received_at < v.published_at
    """,
)
# Every four hours a machine changes its state; one in six stands still.
_STATES: Final = """
INSERT INTO state_changes (machine_id, e_ms, nth, state)
SELECT m.id, %(from_ms)s + n * 14400000::bigint + m.id * 60000, 0,
       CASE (n + m.id) %% 6 WHEN 0 THEN 'down' WHEN 3 THEN 'idle' ELSE 'running' END
FROM machines m, generate_series(0, %(days)s * 6 - 1) n
"""
_STOCK: Final[tuple[LiteralString, ...]] = (
    """
    INSERT INTO stock_lots (item_id, site_id, location_id, status)
    SELECT i.id, l.site_id, l.id, 'available' FROM items i, locations l
    """,
    """
    INSERT INTO stock_postings (site_id, kind, reference, actor, origin, occurred_at)
    SELECT o.site_id, k.kind, l.id::text, 'bench', 'bench',
           CASE k.kind WHEN 'production' THEN l.produced_at
                ELSE to_timestamp(s.shipped_ms / 1000.0) END
    FROM order_lines l JOIN orders o ON o.id = l.order_id
    JOIN shipments s ON s.order_id = o.id
    CROSS JOIN (VALUES ('production'), ('shipment')) k (kind)
    """,
    """
    INSERT INTO stock_ledger (posting_id, item_id, site_id, quantity, from_account, from_lot_id,
                              to_account, to_lot_id, head_version)
    SELECT p.id, l.item_id, p.site_id, l.quantity,
           CASE p.kind WHEN 'production' THEN 'production' ELSE 'stock' END,
           CASE p.kind WHEN 'shipment' THEN t.id END,
           CASE p.kind WHEN 'production' THEN 'stock' ELSE 'customer' END,
           CASE p.kind WHEN 'production' THEN t.id END, 1
    FROM stock_postings p JOIN order_lines l ON l.id = p.reference::bigint
    JOIN stock_lots t ON t.item_id = l.item_id AND t.site_id = p.site_id
    """,
    """
    INSERT INTO item_costs (item_id, valid_from, currency, cost, recorded_by)
    SELECT id, '2020-01-01', 'EUR', 1 + id %% 40, 'bench' FROM items
    """,
)


def fill(database_url: str, orders: int) -> dict[str, int]:
    """Write it all; answers how many rows there are."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        asyncio.run(_partitions(database_url))
        numbers = {**_NUMBERS, "orders": orders, "from_ms": _now_ms() - (DAYS + 21) * _DAY_MS}
        for statement in (
            _MASTER_DATA, _ORDERS, _LINES, *_WORK, *_SHIPPED, *_PLANS, _STATES, *_STOCK, _CHANGES,
            _RELEASES,
        ):  # fmt: skip
            connection.execute(statement, numbers)
        connection.execute("VACUUM ANALYZE")
        return {
            table: _count(connection, query)
            for table, query in (
                ("orders", "SELECT count(*) FROM orders"),
                ("order_lines", "SELECT count(*) FROM order_lines"),
                ("operations", "SELECT count(*) FROM operations"),
                ("state_changes", "SELECT count(*) FROM state_changes"),
                ("plan_orders", "SELECT count(*) FROM plan_orders"),
                ("stock_ledger", "SELECT count(*) FROM stock_ledger"),
            )
        }


def waiting(database_url: str) -> int:
    """Notes that the reports' job has not looked at yet."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        return _count(connection, "SELECT count(*) FROM report_order_notes") + _count(
            connection, "SELECT count(*) FROM report_plan_notes"
        )


def revisions(database_url: str) -> int:
    """Rows of the order lines' revisions; their statistics are brought up to date."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE report_order_lines")
        return _count(connection, "SELECT count(*) FROM report_order_lines")


async def _partitions(database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        now = _now_ms()
        months = {month_of(now - day * _DAY_MS) for day in range(0, DAYS + 40, 20)}
        await HistoryPartitions().ensure(connection, months | {month_of(now)})


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _count(connection: psycopg.Connection[tuple[int]], query: LiteralString) -> int:
    row = connection.execute(query).fetchone()
    return 0 if row is None else row[0]

"""Orders straight into the tables: there is no time to take 100,000 in one by one."""

from __future__ import annotations

from typing import Final

import psycopg

SITE: Final = "bench"
CUSTOMERS: Final = 500
ITEMS: Final = 200
MACHINES: Final = 50
OPERATIONS: Final = 5
"""Of a work order; an order has two lines with a work order each."""

_BEFORE: Final = """
WITH site AS (
    INSERT INTO sites (code, name, time_zone) VALUES (%(site)s, 'Bench', 'Europe/Berlin')
    ON CONFLICT (code) DO UPDATE SET name = excluded.name RETURNING id
), made AS (
    INSERT INTO machines (site_id, path, area, line, name, configured)
    SELECT id, %(site)s || '/area/line/m' || to_char(n, 'FM00'), 'area', 'line', n::text, true
    FROM site, generate_series(0, %(machines)s - 1) n ON CONFLICT (path) DO NOTHING
), buying AS (
    INSERT INTO customers (code, name)
    SELECT 'c' || n, 'Customer ' || n FROM generate_series(1, %(customers)s) n
)
INSERT INTO items (code, name) SELECT 'i' || n, 'Item ' || n FROM generate_series(1, %(items)s) n
"""
# All but one of 400 are done, as they are after some months; those few are what is planned.
_ORDERS: Final = """
INSERT INTO orders (site_id, customer_id, number, customer_reference, priority, received_at)
SELECT s.id, c.first + n %% %(customers)s, 'B-' || n, 'PO-' || n, n %% 3,
       now() - (%(orders)s - n) * interval '1 minute'
FROM generate_series(1, %(orders)s) n,
     (SELECT id FROM sites WHERE code = %(site)s) s,
     (SELECT min(id) AS first FROM customers WHERE code = 'c1') c
"""
_LINES: Final = """
INSERT INTO order_lines (order_id, number, item_id, quantity, unit, due_at, state, good_quantity,
                         started_at, produced_at)
SELECT o.id, l.n, i.first + (o.id + l.n) %% %(items)s, 500, 'pcs',
       o.received_at + interval '90 days',
       CASE o.id %% 400 WHEN 1 THEN 'in_production' ELSE 'produced' END,
       CASE o.id %% 400 WHEN 1 THEN 120 ELSE 500 END, o.received_at + interval '2 days',
       CASE WHEN o.id %% 400 <> 1 THEN o.received_at + interval '5 days' END
FROM orders o, generate_series(1, 2) AS l (n),
     (SELECT min(id) AS first FROM items WHERE code = 'i1') i
WHERE o.number LIKE 'B-%%'
"""
_WORK_ORDERS: Final = """
INSERT INTO work_orders (site_id, number, item_id, quantity_ordered, due_at, planned)
SELECT o.site_id, 'W-' || l.id, l.item_id, l.quantity, l.due_at, true
FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE o.number LIKE 'B-%'
"""
_PEGS: Final = """
INSERT INTO pegs (order_line_id, work_order_id, quantity)
SELECT l.id, w.id, l.quantity
FROM order_lines l JOIN work_orders w ON w.number = 'W-' || l.id
"""
_OPERATIONS: Final = """
INSERT INTO operations (work_order_id, number, name, planned, machine_id, cycle_ms, setup_ms,
                        quantity, state, good_pieces, runs, started_ms, ended_ms)
SELECT w.id, n * 10, 'Step ' || n, true, m.first + (w.id + n) %% %(machines)s, 2000, 60000, 500,
       CASE WHEN l.state = 'produced' OR n = 1 THEN 'completed' WHEN n = 2 THEN 'interrupted'
            ELSE 'planned' END,
       CASE WHEN l.state = 'produced' OR n = 1 THEN 500 WHEN n = 2 THEN 120 ELSE 0 END,
       CASE WHEN l.state = 'produced' OR n < 3 THEN 1 ELSE 0 END,
       CASE WHEN l.state = 'produced' OR n < 3 THEN 1760000000000 + w.id END,
       CASE WHEN l.state = 'produced' OR n = 1 THEN 1760001000000 + w.id END
FROM work_orders w
JOIN pegs p ON p.work_order_id = w.id
JOIN order_lines l ON l.id = p.order_line_id
CROSS JOIN generate_series(1, %(operations)s) n,
     (SELECT min(id) AS first FROM machines WHERE path LIKE %(site)s || '/area/line/m%%') m
"""


def fill(database_url: str, orders: int) -> dict[str, int]:
    """Write master data, orders, work orders and operations; answers how many rows there are."""
    numbers = {
        "site": SITE,
        "orders": orders,
        "customers": CUSTOMERS,
        "items": ITEMS,
        "machines": MACHINES,
        "operations": OPERATIONS,
    }
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_BEFORE, numbers)
        connection.execute(_ORDERS, numbers)
        connection.execute(_LINES, numbers)
        connection.execute(_WORK_ORDERS)
        connection.execute(_PEGS)
        connection.execute(_OPERATIONS, numbers)
        connection.execute("VACUUM ANALYZE")
        return {
            "orders": _count(connection, "SELECT count(*) FROM orders"),
            "operations": _count(connection, "SELECT count(*) FROM operations"),
        }


def _count(connection: psycopg.Connection[tuple[int]], query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return 0 if row is None else row[0]

"""A floor for the tests of machines' reports: objects through a real telemetry agent."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "streams"))

from report_cases import HOUR, T0
from stream_harness import Floor

from store.reports.keeping import keep_all
from store.reports.machine_shifts import keep_machine_shifts
from store.reports.writing import known_at

__all__ = ["MACHINE", "OTHER", "SITE", "Floor", "at", "keep", "opened", "sent", "shift"]

SITE = "plant"
MACHINE = f"{SITE}/a/l1/m"
OTHER = f"{SITE}/a/l2/m"
"""On another line."""


def at(hour: float) -> int:
    """An hour of Monday, 5 January 2026, by Berlin's clock: 1 hour before UTC."""
    return T0 - HOUR + int(hour * HOUR)


def sent(
    kind: str, seq: int, hour: float, *, machine: str = MACHINE, boot: str = "b", **more: Any
) -> tuple[str, bytes]:
    """An object of a machine's, with its topic."""
    body = {"t": at(hour), "boot": boot, "seq": seq} | more
    return f"gemba/v1/{machine}/{kind}", json.dumps(body).encode()


def shift() -> list[tuple[str, bytes]]:
    """A Monday: idle, two orders, an hour down for its tool, and three minutes of a micro-stop."""
    return [
        sent("state", 0, 7, state="idle"),
        sent("job", 1, 9.5, event="started", work_order="W1", operation=10),
        sent("state", 2, 10, state="running"),
        sent("count", 3, 11, good=50, scrap=5),
        sent("job", 4, 11.5, event="completed", work_order="W1", operation=10),
        sent("job", 5, 11.5, event="started", work_order="W2", operation=10),
        sent("state", 6, 12, state="down", reason="tool"),
        sent("state", 7, 13, state="running"),
        sent("state", 8, 13.5, state="idle"),
        sent("state", 9, 13.55, state="running"),
        sent("count", 10, 14, good=40),
        sent("state", 11, 16, state="idle"),
    ]


async def opened(database_url: str) -> Floor:
    """A site in Berlin that works from 8 to 16 on Mondays; orders A1 and A2 for W1 and W2."""
    floor = await Floor.open(database_url)
    async with floor.pool.connection() as connection:
        await connection.execute(
            """
            INSERT INTO sites (code, name, time_zone) VALUES ('plant', 'Plant', 'Europe/Berlin');
            INSERT INTO working_times (site_id, shift, weekday, start_minute, end_minute)
                SELECT id, 'day', 0, 480, 960 FROM sites;
            INSERT INTO customers (code, name) VALUES ('acme', 'Acme');
            INSERT INTO items (code, name) VALUES ('gear', 'Gear'), ('axle', 'Axle');
            WITH w AS (
                INSERT INTO work_orders (site_id, number, planned, item_id)
                SELECT s.id, 'W' || n, true, i.id FROM sites s, unnest(ARRAY[1, 2]) AS n
                JOIN items i ON i.code = CASE n WHEN 1 THEN 'gear' ELSE 'axle' END
                RETURNING id, number
            )
            INSERT INTO operations (work_order_id, number, planned, cycle_ms)
            SELECT id, 10, true, CASE number WHEN 'W1' THEN 60000 ELSE 120000 END FROM w;
            INSERT INTO orders (site_id, customer_id, number)
                SELECT s.id, c.id, 'A' || n FROM sites s, customers c, generate_series(1, 2) n;
            INSERT INTO order_lines (order_id, number, item_id, quantity, unit, state)
                SELECT o.id, 10, i.id, 100, 'pcs', 'released' FROM orders o
                JOIN items i ON i.code = CASE o.number WHEN 'A1' THEN 'gear' ELSE 'axle' END;
            INSERT INTO pegs (order_line_id, work_order_id, quantity)
                SELECT l.id, w.id, 100 FROM order_lines l JOIN orders o ON o.id = l.order_id
                JOIN work_orders w ON right(w.number, 1) = right(o.number, 1);
            """
        )
    return floor


async def keep(floor: Floor) -> datetime:
    """Reckon everything; a moment at which it is known."""
    await keep_all(floor.pool, [keep_machine_shifts])
    async with floor.pool.connection() as connection:
        return await known_at(connection)

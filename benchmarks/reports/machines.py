"""`python -m benchmarks.reports.machines`: reports of machines over a year of shifts.

100 machines of a site, three shifts a day, three operations a shift, four losses each; and for
every revision three that it superseded (a shift that runs gets one an hour). Measured is the API
within its process: signing in, reading, arithmetic and JSON are in it, the network is not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from psycopg import sql
from pydantic import SecretStr

from api.service import build
from launch.backends.postgres import ROLE, PostgresServer
from launch.backends.running import running
from launch.backends.valkey import ValkeyServer
from runtime.secrets import installation_key
from runtime.settings import ApiSettings
from runtime.tokens import issue_token
from store.migrate import migrate

DAYS: Final = 365
_FILL: Final = (
    """
    INSERT INTO sites (code, name, time_zone) VALUES ('bench', 'Bench', 'UTC')
    """,
    """
    INSERT INTO machines (site_id, path, area, line, name)
    SELECT id, 'bench/a/l' || n / 10 || '/m' || to_char(n, 'FM000'), 'a', 'l' || n / 10, 'm' || n
    FROM sites, generate_series(0, %(machines)s - 1) n
    """,
    """
    INSERT INTO working_times (site_id, shift, weekday, start_minute, end_minute)
    SELECT id, (ARRAY['early', 'late', 'night'])[s + 1], d, 360 + s * 480, 840 + s * 480
    FROM sites, generate_series(0, 6) d, generate_series(0, 2) s
    """,
    """
    INSERT INTO items (code, name) SELECT 'i' || n, 'Item ' || n FROM generate_series(1, 200) n
    """,
    """
    INSERT INTO item_costs (item_id, valid_from, currency, cost, recorded_by, recorded_at)
    SELECT id, '2020-01-01', 'EUR', 1 + id %% 40, 'bench', now() - interval '2 years' FROM items
    """,
    """
    INSERT INTO work_orders (site_id, number, planned, item_id)
    SELECT s.id, 'W' || n, true, 1 + n %% 200 FROM sites s, generate_series(1, 20000) n
    """,
    """
    INSERT INTO operations (work_order_id, number, planned, cycle_ms)
    SELECT id, 10 * n, true, 2000 FROM work_orders, generate_series(1, 3) n
    """,
    """
    INSERT INTO customers (code, name) VALUES ('c', 'C')
    """,
    """
    INSERT INTO orders (site_id, customer_id, number)
    SELECT s.id, c.id, 'A' || n FROM sites s, customers c, generate_series(1, 20000) n
    """,
    """
    INSERT INTO order_lines (order_id, number, item_id, quantity, unit, state)
    SELECT id, 10, 1 + id %% 200, 100, 'pcs', 'released' FROM orders
    """,
    """
    INSERT INTO pegs (order_line_id, work_order_id, quantity) SELECT id, id, 100 FROM order_lines
    """,
    """
    INSERT INTO report_machine_shifts (machine_id, day, shift, from_ms, until_ms, counted_ms,
        operation_id, recorded_at, superseded_at, operation_ms, planned_stop_ms, overtime_ms,
        production_ms, setup_ms, delay_ms, micro_stop_ms, idle_ms, unknown_ms, micro_stops, stops,
        good, scrap, reworked_good, reworked_scrap, run_ms, unrated)
    SELECT m.id, b.day, (ARRAY['early', 'late', 'night'])[s + 1], t.ms, t.ms + 28800000,
           t.ms + 28800000,
           CASE o WHEN 0 THEN NULL ELSE 1 + (m.id * 7 + d * 31 + s * 3 + o) %% 60000 END,
           to_timestamp(t.ms / 1000.0) + interval '8 hours' + r * interval '1 minute',
           CASE WHEN r < 3 THEN to_timestamp(t.ms / 1000.0) + interval '8 hours'
                + (r + 1) * interval '1 minute' END,
           9600000, 600000, 0, 6000000 + d * 100, 600000, 1200000 - d * 100, 300000, 600000,
           300000, 2, 3, 300 + d %% 7, CASE o WHEN 1 THEN 4 ELSE 0 END, 0, 0, 610000, 0
    FROM machines m, generate_series(1, %(days)s) d, generate_series(0, 2) s,
         generate_series(0, 2) o, generate_series(0, 3) r
    CROSS JOIN LATERAL (SELECT current_date - d AS day) b
    CROSS JOIN LATERAL (SELECT (extract(epoch FROM b.day) * 1000)::bigint + 21600000
        + s * 28800000::bigint AS ms) t
    ORDER BY d DESC, s, m.id, r, o
    """,
    """
    INSERT INTO report_machine_losses (shift_id, time_class, reason, lost_ms, count)
    SELECT id, c.time_class, c.reason, 300000, 1 FROM report_machine_shifts
    CROSS JOIN (VALUES ('delay', 'tool'), ('delay', NULL), ('idle', NULL), ('setup', NULL))
        c (time_class, reason)
    """,
    "UPDATE report_machine_state SET reckoned_ms = (extract(epoch FROM now()) * 1000)::bigint",
)
_ASKED: Final = (
    *(("oee", by) for by in ("", "machine", "line", "shift", "order")),
    *(("losses", by) for by in ("reason", "machine")),
    ("load", "machine"),
    *(("scrap", by) for by in ("item", "machine")),
)


def main() -> None:
    """Measure as the options say and print the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports.machines")
    parser.add_argument("--machines", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gemba-bench-") as name:
        folder = Path(name)
        valkey = ValkeyServer(folder)
        server = PostgresServer(folder, durable=False, shared_buffers_mb=256)
        with (
            running(valkey, folder / "valkey.log"),
            running(server, folder / "postgres.log"),
        ):
            with psycopg.connect(server.superuser_url, autocommit=True) as connection:
                connection.execute(
                    sql.SQL("CREATE DATABASE bench OWNER {}").format(sql.Identifier(ROLE))
                )
            url = urlunsplit(urlsplit(server.url)._replace(path="/bench"))
            migrate(url)
            rows = _fill(url, options.machines)
            seconds = asyncio.run(_measure(folder, url, valkey.url, options.runs))
    print(
        json.dumps(
            {
                "rows": rows,
                "seconds": seconds,
                "load_1_5_15": [round(each, 1) for each in os.getloadavg()],
            },
            indent=1,
        )
    )


def _fill(url: str, machines: int) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _FILL:
            connection.execute(statement.encode(), {"machines": machines, "days": DAYS})
        connection.execute("VACUUM ANALYZE")
        row = connection.execute("SELECT count(*) FROM report_machine_shifts").fetchone()
        return 0 if row is None else int(row[0])


async def _measure(folder: Path, url: str, redis_url: str, runs: int) -> dict[str, float]:
    data_dir = folder / "var"
    data_dir.mkdir()
    settings = ApiSettings(
        data_dir=data_dir,
        database_url=SecretStr(url),
        redis_url=SecretStr(redis_url),
        stream_url="embedded://",
        ui_dir=data_dir / "ui",
    )
    app = build(settings)
    token = issue_token(installation_key(data_dir), role="viewer")
    today = datetime.now(UTC).date()
    found: dict[str, float] = {}
    async with AsyncExitStack() as stack, app.router.lifespan_context(app):
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://bench",
                headers={"Authorization": f"Bearer {token}"},
                timeout=120.0,
            )
        )
        for name, by in _ASKED:
            for title, days in (("year", DAYS - 1), ("month", 30)):
                query: dict[str, Any] = {
                    "from": str(today - timedelta(days=days)),
                    "to": str(today),
                }
                query |= {"by": by} if by else {}
                times = []
                for _ in range(runs):
                    began = time.monotonic()
                    answer = await client.get(f"/v1/reports/{name}", params=query)
                    answer.raise_for_status()
                    times.append(time.monotonic() - began)
                found[f"{name} {by} {title}"] = round(statistics.median(times), 3)
    return found


if __name__ == "__main__":
    main()

"""`python -m benchmarks.loop --json`: how long the loop takes with many open operations.

A machine with planned work says over MQTT that it is down. Measured from the publish: until a plan
that answers it is in force (its row is committed), and until the customer's page, in Chromium,
shows the date that this plan gives to an order whose work it moved. Then the machine works again.

The threshold after which a stop counts as a breakdown is 0 here; in life it is a policy's choice
and waited for. The debounce (200 ms by default) is in the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiomqtt
import httpx
import psycopg
from playwright.async_api import Page, async_playwright

from benchmarks.installation import cpu_seconds, running_installation
from benchmarks.loop import factory
from launch.backends.mqtt import BrokerKind
from launch.installation import read_installation
from runtime.mqtt_url import parse_mqtt_url
from runtime.secrets import installation_key
from runtime.tokens import issue_token

PATIENCE_S = 60.0
QUIET_S = 1.0
MOST_TRIES = 4
POLICY = {"down_threshold_ms": 0, "repair_ms": 4 * 3_600_000, "tolerance_ms": 3_600_000}

# Every date the page has shown, with the time it was shown.
_WATCH = """
() => {
  window.shown = [];
  const look = () => {
    const date = document.querySelector('[data-testid="tracking-expected"]')?.dataset.expected;
    const last = window.shown.at(-1);
    if (date && (!last || last.date !== date)) window.shown.push({date, at: Date.now()});
  };
  look();
  new MutationObserver(look).observe(
    document.body, {subtree: true, childList: true, attributes: true, characterData: true});
}
"""


def main() -> None:
    """Measure as the options say and print the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument("--operations", type=int, default=1_000, help="open operations")
    parser.add_argument(
        "--rounds", type=int, default=20, help="breakdowns that change a customer's date"
    )
    parser.add_argument("--improve-ms", type=int, help="the policy's time for improving")
    parser.add_argument("--broker", choices=[kind.value for kind in BrokerKind], default="amqtt")
    options = parser.parse_args()
    result = asyncio.run(_measure(options))
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for figure, value in result.items():
        print(f"{figure:<28} {value}")


async def _measure(options: argparse.Namespace) -> dict[str, Any]:
    policy = POLICY | ({} if options.improve_ms is None else {"improve_ms": options.improve_ms})
    with tempfile.TemporaryDirectory(prefix="gemba-loop-") as folder:
        data_dir = Path(folder) / "var"
        async with running_installation(data_dir, options.broker) as (supervisor, addresses):
            token = issue_token(installation_key(data_dir), role="admin", sites=(), days=1)
            async with (
                httpx.AsyncClient(
                    base_url=addresses.http_url,
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=60.0,
                ) as api,
                await psycopg.AsyncConnection.connect(
                    addresses.database_url, autocommit=True
                ) as rows,
                _machines(addresses.machine_mqtt_url) as machines,
                async_playwright() as playwright,
            ):
                browser = await playwright.chromium.launch(
                    executable_path=shutil.which("chromium"),
                    args=["--no-sandbox", "--disable-gpu"],
                )
                page = await (
                    await browser.new_context(viewport={"width": 390, "height": 844})
                ).new_page()
                await factory.make(api, operations=options.operations, policy=policy)
                await _answered(rows)
                planned = await _one(
                    rows,
                    "SELECT count(*) FROM plan_operations o JOIN plans p ON p.id = o.plan_id"
                    " WHERE p.scope = %s AND p.state = 'published'",
                    factory.SITE,
                )
                before = cpu_seconds(supervisor)
                broken: list[str] = []
                rounds: list[dict[str, Any]] = []
                # An order whose work finds another machine in time keeps its date: not counted.
                while sum(one["page_s"] is not None for one in rounds) < options.rounds:
                    if len(rounds) >= MOST_TRIES * options.rounds:
                        raise RuntimeError(f"too few dates changed in {len(rounds)} breakdowns")
                    rounds.append(
                        await _round(
                            len(rounds),
                            broken=broken,
                            api=api,
                            rows=rows,
                            machines=machines,
                            page=page,
                        )
                    )
                cpu_s = cpu_seconds(supervisor) - before
                await browser.close()
            services = [one.name for one in read_installation(data_dir).processes]
    plans = [one["plan_s"] for one in rounds]
    pages = [one["page_s"] for one in rounds if one["page_s"] is not None]
    return {
        "options": vars(options),
        "services": services,
        "open_operations": planned,
        "breakdowns": len(rounds),
        **_figures("breakdown_to_plan", plans),
        **_figures("breakdown_to_page", pages),
        "dates_unchanged": len(rounds) - len(pages),
        "moved_operations_median": statistics.median(one["moved"] for one in rounds),
        "solve_ms_median": statistics.median(one["solve_ms"] for one in rounds),
        "cpu_s_per_round": round(cpu_s / len(rounds), 2),
    }


async def _round(
    number: int,
    *,
    broken: list[str],
    api: httpx.AsyncClient,
    rows: psycopg.AsyncConnection[Any],
    machines: aiomqtt.Client,
    page: Page,
) -> dict[str, Any]:
    """Break a machine that has work beyond the frozen zone; mend it again."""
    path, order, plan_id = await _next_order(rows, broken)
    broken.append(path)
    link = (await api.post(f"/v1/orders/{order}/tracking-links", json={})).raise_for_status()
    tracking = f"/v1/tracking/{link.json()['token']}"
    await page.goto(link.json()["url"])
    await page.get_by_test_id("tracking-live").wait_for(timeout=PATIENCE_S * 1_000)
    await page.evaluate(_WATCH)
    began = time.time()
    await _say(machines, path, "down", number * 2, reason="drive overload")
    answered = await _answering_plan(rows, path, plan_id)
    planned_s = time.time() - began
    shown_s = await _shown(api, page, tracking, began)
    await _say(machines, path, "running", number * 2 + 1)
    await asyncio.sleep(QUIET_S)
    await _answered(rows)
    return {
        "plan_s": planned_s,
        # Never before the plan: what a page shows sooner is the projection.
        "page_s": None if shown_s is None else max(shown_s, planned_s),
        "moved": answered["moved"],
        "solve_ms": answered["solve_ms"],
    }


async def _next_order(
    rows: psycopg.AsyncConnection[Any], broken: Sequence[str]
) -> tuple[str, str, int]:
    """A machine that was not broken yet, an order whose work there can move, and the plan.

    The work is planned beyond the frozen zone and before the repair would be over.
    """
    cursor = await rows.execute(
        """
        SELECT m.path, r.number, p.id
        FROM plans p
        JOIN plan_operations a ON a.plan_id = p.id
        JOIN machines m ON m.id = a.machine_id
        JOIN operations o ON o.id = a.operation_id
        JOIN pegs g ON g.work_order_id = o.work_order_id
        JOIN order_lines l ON l.id = g.order_line_id
        JOIN orders r ON r.id = l.order_id
        WHERE p.scope = %s AND p.state = 'published' AND a.pin IS NULL
          AND a.start_ms BETWEEN extract(epoch FROM now()) * 1000 + 660000
                             AND extract(epoch FROM now()) * 1000 + %s
        ORDER BY cardinality(array_positions(%s::text[], m.path)), a.start_ms LIMIT 1
        """,
        (factory.SITE, POLICY["repair_ms"] * 3 // 4, list(broken)),
    )
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("no machine has work that could move")
    return row[0], row[1], row[2]


async def _answering_plan(
    rows: psycopg.AsyncConnection[Any], path: str, before: int
) -> dict[str, Any]:
    """The first plan in force after `before` that answers the machine's breakdown."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        cursor = await rows.execute(
            """
            SELECT p.solve_ms, coalesce((p.metrics->>'reassigned')::int, 0)
            FROM disruptions d JOIN plans p ON p.id = d.plan_id
            JOIN machines m ON m.id = d.machine_id
            WHERE d.kind = 'machine_down' AND m.path = %s AND d.plan_id > %s
            """,
            (path, before),
        )
        row = await cursor.fetchone()
        if row is not None:
            return {"solve_ms": row[0], "moved": row[1]}
        await asyncio.sleep(0.005)
    raise TimeoutError(f"no plan answered the breakdown of {path}")


async def _shown(api: httpx.AsyncClient, page: Page, tracking: str, began: float) -> float | None:
    """When the page first showed the date it ends up with; None when that is the old one."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        await asyncio.sleep(QUIET_S)
        told = (await api.get(tracking)).raise_for_status().json()["expected"]
        shown: list[dict[str, Any]] = await page.evaluate("() => window.shown")
        if shown and shown[-1]["date"] == told:
            return float(shown[-1]["at"]) / 1_000 - began if len(shown) > 1 else None
    raise TimeoutError(f"the page never showed {told}, but {shown[-1:]}")


async def _answered(rows: psycopg.AsyncConnection[Any]) -> None:
    """Wait until every disruption has been answered, and no new one came for a moment."""
    end = time.monotonic() + PATIENCE_S
    quiet = 0
    while quiet < 2:
        open_ = await _one(
            rows,
            "SELECT count(*) FROM disruptions WHERE scope = %s AND handled_at IS NULL",
            factory.SITE,
        )
        quiet = quiet + 1 if open_ == 0 else 0
        if time.monotonic() > end:
            raise TimeoutError(f"{open_} disruptions are not answered")
        await asyncio.sleep(0.5)


async def _one(rows: psycopg.AsyncConnection[Any], query: str, *values: object) -> int:
    row = await (await rows.execute(query, values)).fetchone()
    return int(row[0]) if row else 0


def _machines(url: str) -> aiomqtt.Client:
    broker = parse_mqtt_url(url)
    return aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        identifier="bench-loop",
    )


async def _say(machines: aiomqtt.Client, path: str, state: str, seq: int, **more: str) -> None:
    body = {"t": time.time_ns() // 1_000_000, "boot": "bench", "seq": seq, "state": state, **more}
    await machines.publish(f"gemba/v1/{path}/state", json.dumps(body), qos=1)


def _figures(name: str, seconds: Sequence[float]) -> dict[str, float]:
    if len(seconds) < 2:
        return {}
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return {
        f"{name}_median_ms": round(statistics.median(seconds) * 1_000),
        f"{name}_p95_ms": round(cuts[18] * 1_000),
        f"{name}_worst_ms": round(max(seconds) * 1_000),
    }


if __name__ == "__main__":
    main()

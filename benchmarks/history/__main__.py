"""`python -m benchmarks.history --json`: how long a machine's past takes to be told.

A year of one machine (readings of two metrics every 10 seconds, pieces in two shifts, a change of
state about every 10 minutes) among 20 others. Measured is `GET /v1/machines/…/history` within the
API's process, at automatic resolution: signing in, reading, arithmetic and JSON are in it, the
network is not. On plain PostgreSQL from the wheel, and on TimescaleDB where --timescale or
GEMBA_TEST_TIMESCALE_URL names a server; there once more after compression.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
from psycopg import sql
from pydantic import SecretStr

from api.service import build
from benchmarks.history import filling
from domain.access import Role
from launch.backends.postgres import PostgresServer
from launch.backends.running import running
from launch.backends.valkey import ValkeyServer
from runtime.settings import ApiSettings
from runtime.tokens import issue_token
from store.database import build_pool
from store.history.keep import History
from store.migrate import migrate

CALLS = 20
RANGES = {"year": 365, "month": 30, "day": 1}


def main() -> None:
    """Measure as the options say and print the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--days", type=int, default=365, help="of the one machine's past")
    parser.add_argument("--timescale", default=os.environ.get("GEMBA_TEST_TIMESCALE_URL", ""))
    parser.add_argument("--only", choices=["plain", "timescale"], help="only this flavour")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="gemba-bench-") as folder:
        valkey = ValkeyServer(Path(folder))
        with running(valkey, Path(folder) / "valkey.log"):
            if options.only != "timescale":
                result["plain"] = plain(Path(folder), valkey.url, options.days)
            if options.timescale and options.only != "plain":
                result["timescale"] = timescale(
                    Path(folder), valkey.url, options.days, options.timescale
                )
    print(json.dumps(result, indent=2) if options.json else table(result))


def plain(folder: Path, redis_url: str, days: int) -> dict[str, Any]:
    """On PostgreSQL from the wheel; started anew before it is measured."""
    server = PostgresServer(folder)
    with running(server, folder / "postgres.log"):
        migrate(server.url)
        found = asyncio.run(prepare(server.url, days))
    with running(server, folder / "postgres.log"):
        found["calls"] = asyncio.run(measure(folder, server.url, redis_url, days))
    return found


def timescale(folder: Path, redis_url: str, days: int, server_url: str) -> dict[str, Any]:
    """On a TimescaleDB that is there, in a database of our own; before and after compression."""
    with fresh_database(server_url) as url:
        migrate(url)
        found = asyncio.run(prepare(url, days))
        found["calls"] = asyncio.run(measure(folder, url, redis_url, days))
        started = time.monotonic()
        asyncio.run(filling.compress(url))
        found["compress_s"] = round(time.monotonic() - started, 1)
        found["compressed_mb"] = asyncio.run(filling.sizes(url))
        found["compressed_calls"] = asyncio.run(measure(folder, url, redis_url, days))
    return found


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """A database on a server that is there; dropped afterwards."""
    name = f"gemba_bench_{os.getpid()}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'").format(
                sql.Identifier(name)
            )
        )
        try:
            yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
        finally:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )


def last_midnight() -> datetime:
    """Where the past ends: the last midnight of UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


async def prepare(url: str, days: int) -> dict[str, Any]:
    """Fill, and roll up: the first time all of it, then again with nothing to do."""
    end = last_midnight()
    rows, fill_s = await timed(
        lambda: filling.fill(url, end_ms=int(end.timestamp()) * 1_000, days=days)
    )
    async with build_pool(url, name="bench") as pool:
        history = History(pool)
        _, first_s = await timed(lambda: history.round(0))
        _, again_s = await timed(lambda: history.round(0))
    await filling.vacuum(url)
    return {
        "rows": rows,
        "fill_s": round(fill_s, 1),
        "first_refresh_s": round(first_s, 2),
        "idle_refresh_s": round(again_s, 3),
        "mb": await filling.sizes(url),
    }


async def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What some work answers, and the seconds that it took."""
    started = time.monotonic()
    answer = await work()
    return answer, time.monotonic() - started


async def measure(folder: Path, url: str, redis_url: str, days: int) -> dict[str, Any]:
    """Ask for a year, a month and a day: the first call, and CALLS warm ones (ms)."""
    settings = ApiSettings(
        data_dir=folder,
        database_url=SecretStr(url),
        redis_url=SecretStr(redis_url),
        stream_url="embedded://",
        ui_dir=folder / "ui",
    )
    app = build(settings)
    found: dict[str, Any] = {}
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        await app.state.context.pool.wait(30)
        token = issue_token(
            app.state.context.signing_key, role=Role.VIEWER, sites=(), subject="bench"
        )
        client = await stack.enter_async_context(
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://bench",
                headers={"Authorization": f"Bearer {token}"},
            )
        )
        for name, length in RANGES.items():
            if length <= days:
                found[name] = await calls(client, length)
    return found


async def calls(client: httpx.AsyncClient, length: int) -> dict[str, Any]:
    """One range, asked for again and again."""
    end = last_midnight()
    parameters = {"from": (end - timedelta(days=length)).isoformat(), "to": end.isoformat()}
    took: list[float] = []
    answer = None
    cpu_s = time.process_time()
    for _ in range(CALLS + 1):
        started = time.perf_counter()
        answer = await client.get(
            f"/v1/machines/{filling.MACHINE}/history", params=parameters, timeout=120
        )
        took.append((time.perf_counter() - started) * 1_000)
        answer.raise_for_status()
    if answer is None:
        raise RuntimeError("nothing was asked")
    past = answer.json()
    warm = sorted(took[1:])
    return {
        "resolution": past["resolution"],
        "buckets": len(past["buckets"]),
        "kb": round(len(answer.content) / 1_000),
        "first_ms": round(took[0], 1),
        "median_ms": round(statistics.median(warm), 1),
        "p95_ms": round(warm[int(len(warm) * 0.95) - 1], 1),
        # Of the API alone; on a busy machine it says more than the clock does.
        "api_cpu_ms": round((time.process_time() - cpu_s) * 1_000 / len(took), 1),
        "load": round(os.getloadavg()[0], 1),
    }


def table(result: dict[str, Any]) -> str:
    """The result as lines."""
    lines = []
    for flavour, found in result.items():
        lines.append(f"{flavour}: {found['rows']}, first refresh {found['first_refresh_s']} s")
        for key in ("calls", "compressed_calls"):
            for name, one in found.get(key, {}).items():
                lines.append(f"  {key} {name}: {one}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""`python -m benchmarks.reports`: see the package's docstring, and `--help`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.installation import running_installation
from benchmarks.reports.filling import SITE, fill, revisions, waiting
from runtime.secrets import installation_key
from runtime.tokens import issue_token

_QUESTIONS: Final = (
    ("delivery", ("", "line", "customer", "item")),
    ("lead-times", ("stage", "line", "customer", "item")),
    ("delay-causes", ("cause", "subject", "customer", "item")),
    ("forecasts", ("kind", "horizon", "customer")),
    ("turns", ("item", "site")),
    ("service-level", ("question",)),
    ("overview", ("",)),
)
_BEHIND: Final = (
    {"report": "delivery", "outcome": "missed"},
    {"report": "lead-times"},
    {"report": "delay-causes", "by": "cause", "key": "breakdown"},
    {"report": "forecasts"},
)
_DAYS: Final = {"year": 364, "month": 30, "week": 7}


def main() -> None:
    """Measure as the options say and print the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reports", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3, help="the median of so many is told")
    parser.add_argument("--broker", default="mosquitto", choices=["mosquitto", "amqtt"])
    options = parser.parse_args()
    result = asyncio.run(_measure(options))
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for name, seconds in result["seconds"].items():
        print(f"{name:>40} {seconds}")
    print(f"worst {result['worst_s']} s; {result['installation']}; {result['kept']}")


async def _measure(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="gemba-bench-") as folder:
        data_dir = Path(folder) / "var"
        async with running_installation(data_dir, options.broker) as (_, addresses):
            rows = await asyncio.to_thread(fill, addresses.database_url, options.orders)
            _say(f"{rows}")
            kept = await _kept(addresses.database_url)
            _say(f"{kept}")
            token = issue_token(installation_key(data_dir), role="viewer")
            async with httpx.AsyncClient(
                base_url=addresses.http_url,
                headers={"Authorization": f"Bearer {token}"},
                timeout=60.0,
            ) as client:
                seconds = await _asked(client, options.runs)
    worst = max(seconds, key=lambda name: seconds[name][-1])
    return {
        "options": vars(options),
        "installation": rows,
        "kept": kept,
        "load_1_5_15": [round(each, 1) for each in os.getloadavg()],
        "seconds": {name: statistics.median(runs) for name, runs in seconds.items()},
        "worst": worst,
        "worst_s": seconds[worst][-1],
    }


async def _kept(database_url: str) -> dict[str, Any]:
    """Wait until the stream worker has judged every order."""
    began = time.monotonic()
    while left := await asyncio.to_thread(waiting, database_url):
        _say(f"{left} notes wait after {time.monotonic() - began:.0f} s")
        await asyncio.sleep(10)
    seconds = time.monotonic() - began
    return {
        "revisions": await asyncio.to_thread(revisions, database_url),
        "seconds": round(seconds, 1),
    }


async def _asked(client: httpx.AsyncClient, runs: int) -> dict[str, list[float]]:
    """Every report by every dimension: seconds of its runs, in order."""
    today = datetime.now(UTC).date()
    found: dict[str, list[float]] = {}
    for period, days in _DAYS.items():
        dates = {"from": str(today - timedelta(days=days)), "to": str(today), "site": SITE}
        asked = [
            (f"{name} {by} {period}", name, {**dates, **({"by": by} if by else {})})
            for name, dimensions in _QUESTIONS
            for by in dimensions
        ] + [
            (f"lines {behind['report']} {period}", "lines", {**dates, **behind})
            for behind in _BEHIND
        ]
        for title, name, query in asked:
            found[title] = sorted([await _once(client, name, query) for _ in range(runs)])
            _say(f"{title}: {found[title]}")
    return found


async def _once(client: httpx.AsyncClient, name: str, query: dict[str, str]) -> float:
    began = time.monotonic()
    answer = await client.get(f"/v1/reports/{name}", params=query)
    answer.raise_for_status()
    return round(time.monotonic() - began, 3)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

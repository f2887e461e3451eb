"""`python -m benchmarks.promise`: see the package's docstring, and `--help`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from benchmarks.installation import cpu_seconds, running_installation
from benchmarks.promise.shop import ITEMS, SITE, build, load
from launch.installation import read_installation
from launch.reach import token_of

WARM_QUESTIONS: Final = 5
_PARTS: Final = ("api", "scheduler")


def main() -> None:
    """Measure as the options say and print the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promise", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument("--operations", type=int, default=1_000, help="open and planned")
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--lines", type=int, default=1, help="lines of a question")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--crew", type=int, default=0, help="half the steps need one of so many people; 0: none"
    )
    options = parser.parse_args()
    result = asyncio.run(_measure(options))
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for name, value in result.items():
        print(f"{name:>24} {value}")


async def _measure(options: argparse.Namespace) -> dict[str, Any]:
    chance = random.Random(options.seed)  # noqa: S311 - a benchmark, no secret
    with tempfile.TemporaryDirectory(prefix="gemba-bench-") as folder:
        data_dir = Path(folder) / "var"
        async with running_installation(data_dir, "amqtt") as (_, addresses):
            headers = {"Authorization": f"Bearer {token_of(data_dir, role='admin')}"}
            async with httpx.AsyncClient(
                base_url=addresses.http_url, headers=headers, timeout=60
            ) as client:
                await build(client, chance, crew=options.crew)
                await load(client, chance, options.operations)
                for _ in range(WARM_QUESTIONS):
                    await _ask(client, chance, options.lines)
                before, began = _cpu(data_dir), time.monotonic()
                answers = [
                    await _ask(client, chance, options.lines) for _ in range(options.questions)
                ]
                seconds = time.monotonic() - began
                spent = {name: end - before[name] for name, end in _cpu(data_dir).items()}
    latencies = [latency_s for latency_s, _ in answers]
    return {
        "operations": options.operations,
        "questions": options.questions,
        "lines": options.lines,
        "seed": options.seed,
        "crew": options.crew,
        "p50_ms": _quantile(latencies, 50),
        "p99_ms": _quantile(latencies, 99),
        "worst_ms": round(max(latencies) * 1_000, 1),
        "cpu_ms_per_answer": {
            name: round(cpu_s / options.questions * 1_000, 1) for name, cpu_s in spent.items()
        },
        "asked_per_s": round(options.questions / seconds, 1),
        "basis": dict(Counter(answer["basis"] for _, answer in answers)),
        "with_cost": sum(answer["with_cost"] is not None for _, answer in answers),
        "load_average": round(os.getloadavg()[0], 2),
    }


async def _ask(
    client: httpx.AsyncClient, chance: random.Random, lines: int
) -> tuple[float, dict[str, Any]]:
    """Ask once; answers how long it took and what was said."""
    wanted = [
        {"item": f"item-{chance.randrange(ITEMS)}", "quantity": chance.randint(20, 120)}
        for _ in range(lines)
    ]
    began = time.perf_counter()
    answer = await client.post("/v1/promises", json={"site": SITE, "lines": wanted})
    took_s = time.perf_counter() - began
    if answer.is_error:
        raise RuntimeError(f"{answer.status_code}: {answer.text}")
    told: dict[str, Any] = answer.json()
    return took_s, told


def _cpu(data_dir: Path) -> dict[str, float]:
    """CPU seconds of the API and of the scheduler."""
    return {
        one.name: cpu_seconds(psutil.Process(one.pid))
        for one in read_installation(data_dir).processes
        if one.pid is not None and one.name in _PARTS
    }


def _quantile(latencies: list[float], percent: int) -> float:
    cuts = statistics.quantiles(latencies, n=100, method="inclusive")
    return round(float(cuts[percent - 1]) * 1_000, 1)


if __name__ == "__main__":
    main()

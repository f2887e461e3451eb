"""`python -m benchmarks.planner`: see the package's docstring, and `--help`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from benchmarks.installation import running_installation
from benchmarks.promise.shop import build, load
from launch.installation import read_installation
from launch.reach import token_of

SMALL: Final = "2 2\n0 3 1 4\n1 2 0 5\n"
LEAST_S: Final = 0.1
_WARM_UP: Final = "from scheduler import kernel; print(kernel.warm_up())"
_MEASURED: Final = """
import resource, runpy, sys
try:
    runpy.run_module("launch", run_name="__main__")
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def main() -> None:
    """Measure as the options say and print the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planner", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="instances: .txt below jobshop or fjsp")
    parser.add_argument("--seconds", type=float, default=10.0, help="of search on each file")
    parser.add_argument("--warm", action="store_true", help="use the user's cache; nothing cold")
    parser.add_argument("--operations", type=int, default=1_000, help="the scheduler's; 0: none")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    options = parser.parse_args()
    result = _measured(options)
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for name, values in result.items():
        print(f"{name:>28} {values}")


def _measured(options: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {"load_average_before": round(os.getloadavg()[0], 2)}
    with tempfile.TemporaryDirectory(prefix="gemba-bench-") as folder:
        small = Path(folder) / "small.txt"
        small.write_text(SMALL)
        cache = dict(os.environ) if options.warm else os.environ | {"NUMBA_CACHE_DIR": folder}
        for kind in ("warm",) if options.warm else ("cold", "warm"):
            found[f"solve_{kind}"] = _solve(small, "jobshop", LEAST_S, cache)
        for kind in ("warm",) if options.warm else ("cold", "warm"):
            # Cold: all but what solving a file has compiled already.
            found[f"service_warm_up_{kind}"] = _run([sys.executable, "-c", _WARM_UP], cache)[0]
        for file in options.files:
            kind = {"fjsp": "fjsp", "fjsp_sdst": "fjsp-sdst"}.get(file.parent.name, "jobshop")
            found[f"solve_{file.stem}"] = _solve(file, kind, options.seconds, cache)
    if options.operations:
        found["scheduler"] = asyncio.run(_scheduler(options.operations))
    return found | {"load_average_after": round(os.getloadavg()[0], 2)}


def _solve(file: Path, kind: str, limit_s: float, environment: dict[str, str]) -> dict[str, Any]:
    """One `gemba solve`: what it cost, what it says of itself, and its peak memory."""
    words = ["solve", str(file), "--format", kind, "--time-limit", str(limit_s), "--json"]
    told, program = _run([sys.executable, "-c", _MEASURED, *words], environment)
    answer = json.loads(program.stdout)
    return told | {
        "limit_s": limit_s,
        "wall_of_search_s": answer["wall_s"],
        "loading_s": answer["ready_s"],
        "objective": answer["objective"],
        "peak_mib": round(int(program.stderr.split()[-1]) / 1_024),
    }


def _run(
    command: list[str], environment: dict[str, str]
) -> tuple[dict[str, Any], subprocess.CompletedProcess[str]]:
    """A program to its end: seconds of the clock and of processors."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    program = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    wall_s = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": round(wall_s, 2), "cpu_s": round(cpu_s, 2)}, program


async def _scheduler(operations: int) -> dict[str, Any]:
    """The scheduler of an installation, once so many operations are planned."""
    chance = random.Random(1)  # noqa: S311 - a benchmark, no secret
    with tempfile.TemporaryDirectory(prefix="gemba-bench-") as folder:
        data_dir = Path(folder) / "var"
        async with running_installation(data_dir, "amqtt") as (_, addresses):
            headers = {"Authorization": f"Bearer {token_of(data_dir, role='admin')}"}
            idle = _memory(data_dir)
            async with httpx.AsyncClient(
                base_url=addresses.http_url, headers=headers, timeout=60
            ) as client:
                await build(client, chance)
                await load(client, chance, operations)
            planned = _memory(data_dir)
    return {
        "operations": operations,
        "rss_mib_at_start": idle["rss_mib"],
        "rss_mib_planned": planned["rss_mib"],
        "peak_mib": planned["peak_mib"],
        "cpu_s_in_all": planned["cpu_s"],
    }


def _memory(data_dir: Path) -> dict[str, float]:
    """Memory now and at its most, of the scheduler's process."""
    pid = next(one.pid for one in read_installation(data_dir).processes if one.name == "scheduler")
    process = psutil.Process(pid)
    times = process.cpu_times()
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return {
        "rss_mib": round(process.memory_info().rss / 2**20),
        "peak_mib": round(int(peak.split()[1]) / 1_024),
        "cpu_s": round(times.user + times.system, 1),
    }


if __name__ == "__main__":
    main()

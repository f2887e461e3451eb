"""`python -m benchmarks.status`: see the package's docstring, and `--help`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from benchmarks.installation import cpu_seconds, running_installation
from benchmarks.status.filling import CUSTOMERS, MACHINES, SITE, fill
from launch.installation import Addresses, read_installation
from runtime.secrets import installation_key
from runtime.tokens import issue_token

WARM_S = 5.0


def main() -> None:
    """Measure as the options say and print the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.status", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument("--orders", type=int, default=100_000, help="with 10 operations each")
    parser.add_argument("--rate", type=float, default=300.0, help="questions a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--runs", type=int, default=3, help="the median of so many is told")
    parser.add_argument("--samples", type=int, default=1_000, help="samples a second over MQTT")
    parser.add_argument("--broker", default="mosquitto", choices=["mosquitto", "amqtt"])
    options = parser.parse_args()
    result = asyncio.run(_measure(options))
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for who, figures in result["answers"].items():
        print(f"{who:>10} {figures}")
    print(f"      also {result['installation']}")


async def _measure(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="gemba-bench-") as folder:
        data_dir = Path(folder) / "var"
        async with running_installation(data_dir, options.broker) as (process, addresses):
            began = time.monotonic()
            rows = await asyncio.to_thread(fill, addresses.database_url, options.orders)
            filled_s = time.monotonic() - began
            _say(f"{rows} after {filled_s:.0f} s")
            key = installation_key(data_dir)
            asked = {
                "staff": ("/v1/orders/{}/status", issue_token(key, role="customer_service"), 1),
                # The orders of one customer are every CUSTOMERS-th.
                "customer": (
                    "/v1/own/orders/{}",
                    issue_token(key, role="customer", customer="c1"),
                    CUSTOMERS,
                ),
            }
            answers = {}
            for who, (path, token, step) in asked.items():
                measured = _Measured(options, addresses, process, data_dir)
                runs = [await measured.run(path, token, step, seed) for seed in range(options.runs)]
                answers[who] = _told(runs)
                _say(f"{who}: {answers[who]}")
    return {
        "options": vars(options),
        "installation": {**rows, "filled_s": round(filled_s, 1)},
        "answers": answers,
    }


class _Measured:
    """Runs against one installation."""

    def __init__(
        self,
        options: argparse.Namespace,
        addresses: Addresses,
        process: psutil.Process,
        data_dir: Path,
    ) -> None:
        self._options, self._addresses = options, addresses
        self._process, self._data_dir = process, data_dir

    async def run(self, path: str, token: str, step: int, seed: int) -> dict[str, Any]:
        """Telemetry flows, then questions are asked, the first seconds of them for nothing."""
        options = self._options
        load = asyncio.create_task(_load(self._addresses.machine_mqtt_url, options))
        asking: list[object] = ["--url", self._addresses.http_url, "--path", path]
        asking += ["--step", step, "--orders", options.orders, "--rate", options.rate]
        await _child("asking", token, *asking, "--seconds", WARM_S, "--seed", 1_000 + seed)
        before, before_by_part = cpu_seconds(self._process), _cpu_by_part(self._data_dir)
        told = await _child("asking", token, *asking, "--seconds", options.seconds, "--seed", seed)
        told["cpu_s_of_all"] = cpu_seconds(self._process) - before
        told["cpu_s_by_part"] = {
            part: seconds - before_by_part.get(part, 0.0)
            for part, seconds in _cpu_by_part(self._data_dir).items()
        }
        told["load"] = await load
        return told


def _told(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The median run by its 99th percentile, and that figure of all of them."""
    by_p99 = sorted(runs, key=lambda run: _quantile(run, 99))
    middle = by_p99[len(by_p99) // 2]
    answers: Counter[str] = Counter()
    for run in runs:
        answers.update(run["answers"])
    return {
        "p50_ms": _quantile(middle, 50),
        "p99_ms": _quantile(middle, 99),
        "worst_ms": round(max(middle["latency_s"]) * 1_000, 1),
        "p99_ms_of_runs": [_quantile(run, 99) for run in runs],
        "asked_per_s": round(middle["asked"] / middle["seconds"], 1),
        "answers_by_status": dict(answers),
        "samples_per_s": round(middle["load"]["samples"] / middle["load"]["seconds"]),
        "api_cpu_ms_per_answer": round(middle["cpu_s_by_part"]["api"] / middle["asked"] * 1_000, 2),
        "cores_busy": round(middle["cpu_s_of_all"] / middle["seconds"], 2),
        "cores_busy_by_part": {
            part: round(seconds / middle["seconds"], 3)
            for part, seconds in middle["cpu_s_by_part"].items()
        },
        "cores_busy_asking": round(middle["cpu_s"] / middle["seconds"], 2),
    }


def _quantile(run: dict[str, Any], percent: int) -> float:
    cuts = statistics.quantiles(run["latency_s"], n=100, method="inclusive")
    return round(float(cuts[percent - 1]) * 1_000, 1)


async def _load(mqtt_url: str, options: argparse.Namespace) -> dict[str, float]:
    """Counted pieces over MQTT for the whole of a run and its warm-up."""
    seconds = options.seconds + WARM_S + 3.0
    arguments = ("--site", SITE, "--machines", MACHINES, "--rate", options.samples)
    return await _child("load", mqtt_url, *arguments, "--array", 1, "--seconds", seconds)


async def _child(name: str, told: str, *arguments: object) -> dict[str, Any]:
    """Run a module of the benchmarks with a line on its standard input; answers its JSON."""
    room = "pipeline" if name == "load" else "status"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"benchmarks.{room}.{name}",
        *map(str, arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ.copy(),
    )
    out, _ = await process.communicate(told.encode() + b"\n")
    if process.returncode:
        raise RuntimeError(f"benchmarks.{room}.{name} ended with {process.returncode}")
    parsed: dict[str, Any] = json.loads(out)
    return parsed


def _cpu_by_part(data_dir: Path) -> dict[str, float]:
    """CPU seconds of every supervised process, by its name."""
    return {
        one.name: cpu_seconds(psutil.Process(one.pid))
        for one in read_installation(data_dir).processes
        if one.pid is not None
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

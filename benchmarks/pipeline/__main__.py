"""`python -m benchmarks.pipeline`: see the package's docstring, and `--help`."""

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
from pathlib import Path
from typing import Any

import aiomqtt
import psutil
import psycopg

from benchmarks.installation import cpu_seconds, running_installation, running_program, until
from benchmarks.pipeline.probe import Probes, idle_board
from launch.backends.mqtt import BrokerKind, MqttBroker
from launch.backends.postgres import PostgresServer
from launch.backends.running import running
from launch.installation import Addresses, read_installation
from runtime.mqtt_url import parse_mqtt_url
from runtime.secrets import installation_key
from runtime.tokens import issue_token
from store.migrate import migrate

SITE = "bench"
MACHINES = 50
STORED_S = 180.0


def main() -> None:
    """Measure as the options say and print the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument("--rate", type=int, default=1_000, help="messages a second")
    parser.add_argument("--array", type=int, default=1, help="samples in a message")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--boards", type=int, default=1, help="boards that watch the floor")
    parser.add_argument(
        "--broker", choices=[kind.value for kind in BrokerKind], default="mosquitto"
    )
    parser.add_argument("--no-naive", action="store_true", help="leave the peer out")
    options = parser.parse_args()
    result: dict[str, Any] = {"options": vars(options), "gemba": asyncio.run(_gemba(options))}
    if not options.no_naive:
        result["naive"] = _naive(options)
        result["cpu_ratio_naive_to_gemba"] = round(
            result["naive"]["cpu_s_per_1000_messages"] / result["gemba"]["cpu_s_per_1000_messages"],
            2,
        )
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for name in ("gemba", "naive"):
        for figure, value in result.get(name, {}).items():
            print(f"{name:>6} {figure:<34} {value}")


async def _gemba(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="gemba-bench-") as folder:
        data_dir = Path(folder) / "var"
        async with running_installation(data_dir, options.broker) as (process, addresses):
            token = issue_token(installation_key(data_dir), role="admin", sites=(), days=1)
            probes = Probes(site=SITE, machines=4, database_url=addresses.database_url)
            # Machines are adopted, caches are warm, and the site exists before a board asks for it.
            await _publish_probes(probes, addresses, 1.0)
            watching = [
                asyncio.create_task(probes.watch_rows()),
                asyncio.create_task(probes.watch_board(addresses.http_url, token, SITE)),
            ]
            boards = [
                asyncio.create_task(idle_board(addresses.http_url, token, SITE))
                for _ in range(options.boards - 1)
            ]
            await until(probes.complete)
            probes.committed_s.clear()
            probes.shown_s.clear()
            before = cpu_seconds(process)
            cpu_before = _cpu_by_service(data_dir)
            async with asyncio.TaskGroup() as group:
                load = group.create_task(_load(addresses.machine_mqtt_url, SITE, options))
                group.create_task(_publish_probes(probes, addresses, options.seconds))
            stored_s = await _stored(addresses.database_url, load.result()["samples"])
            await until(probes.complete)
            cpu_s = cpu_seconds(process) - before
            cpu_after = _cpu_by_service(data_dir)
            for task in (*boards, *watching):
                task.cancel()
            shown = await asyncio.gather(*boards, *watching, return_exceptions=True)
            counted = await _counted(addresses.database_url)
    sent = load.result()
    return {
        "samples_sent": sent["samples"],
        "samples_per_s": round(sent["samples"] / (sent["seconds"] + stored_s)),
        "drained_after_s": round(stored_s, 3),
        "lost": max(0, sent["samples"] - counted),
        "doubled": max(0, counted - sent["samples"]),
        **_quantiles("publish_to_row", probes.committed_s),
        **_quantiles("publish_to_socket", probes.shown_s),
        "board_updates_per_s": _rate([one for one in shown if isinstance(one, int)], options),
        "generator_cpu_s": round(sent["cpu_s"], 2),
        "cpu_s_per_1000_messages": round(cpu_s / sent["messages"] * 1_000, 4),
        "cores_busy": round(cpu_s / (sent["seconds"] + stored_s), 2),
        "cpu_s_by_service": {
            name: round(after - cpu_before.get(name, 0.0), 2) for name, after in cpu_after.items()
        },
    }


def _naive(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="gemba-naive-") as folder:
        data_dir = Path(folder)
        postgres = PostgresServer(data_dir)
        broker = MqttBroker(data_dir, kind=BrokerKind(options.broker))
        with (
            running(postgres, data_dir / "postgres.log") as database,
            running(broker, data_dir / "broker.log") as mqtt,
        ):
            migrate(postgres.url)
            environment = os.environ | {
                "NAIVE_DATABASE_URL": postgres.url,
                "NAIVE_MQTT_URL": broker.url,
            }
            with running_program(
                [sys.executable, "-m", "benchmarks.pipeline.naive"], environment
            ) as peer:
                time.sleep(5.0)  # until the peer is ready
                pids = (database.pid, mqtt.pid, peer.pid)
                before = sum(cpu_seconds(psutil.Process(pid)) for pid in pids)
                sent = asyncio.run(_load(broker.machine_url, "naive", options))
                stored_s = _settled(postgres.url)
                cpu_s = sum(cpu_seconds(psutil.Process(pid)) for pid in pids) - before
                with psycopg.connect(postgres.url) as connection:
                    row = connection.execute(
                        "SELECT count(*), count(DISTINCT (machine, seq)) FROM naive_samples"
                    ).fetchone()
    rows, distinct = row or (0, 0)
    return {
        "samples_sent": sent["samples"],
        "samples_per_s": round(distinct / (sent["seconds"] + stored_s)),
        "drained_after_s": round(stored_s, 3),
        "lost": sent["samples"] - distinct,
        "doubled": rows - distinct,
        "cpu_s_per_1000_messages": round(cpu_s / sent["messages"] * 1_000, 4),
    }


async def _load(mqtt_url: str, site: str, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.pipeline.load", "--site", site]
    for name, value in (
        ("machines", MACHINES),
        ("rate", options.rate),
        ("array", options.array),
        ("seconds", options.seconds),
    ):
        command += [f"--{name}", str(value)]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    out, _ = await process.communicate(mqtt_url.encode() + b"\n")
    parsed: dict[str, float] = json.loads(out)
    return parsed


async def _publish_probes(probes: Probes, addresses: Addresses, seconds: float) -> None:
    broker = parse_mqtt_url(addresses.machine_mqtt_url)
    async with aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password,
        identifier="bench-probe",
    ) as client:
        await probes.publish(client, seconds)


async def _stored(database_url: str, samples: float) -> float:
    """How long it took after the last publish until all of the load was committed."""
    started = time.monotonic()
    async with asyncio.timeout(STORED_S):
        while await _counted(database_url) < samples:  # noqa: ASYNC110 - rows in a database
            await asyncio.sleep(0.02)
    return time.monotonic() - started


async def _counted(database_url: str) -> int:
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        cursor = await connection.execute(
            """
            SELECT coalesce(sum(s.unassigned_good), 0)::bigint FROM machine_states s
            JOIN machines m ON m.id = s.machine_id WHERE m.path LIKE %s
            """,
            (f"{SITE}/area/line/%",),
        )
        row = await cursor.fetchone()
        return int(row[0]) if row else 0


def _settled(database_url: str) -> float:
    """How long until the naive table has not grown for two seconds."""
    started = grown = time.monotonic()
    rows = -1
    while time.monotonic() - started < STORED_S and time.monotonic() - grown < 2.0:
        with psycopg.connect(database_url) as connection:
            row = connection.execute("SELECT count(*) FROM naive_samples").fetchone()
        if row is not None and row[0] != rows:
            rows, grown = row[0], time.monotonic()
        time.sleep(0.2)
    return grown - started


def _cpu_by_service(data_dir: Path) -> dict[str, float]:
    return {
        one.name: cpu_seconds(psutil.Process(one.pid))
        for one in read_installation(data_dir).processes
        if one.pid is not None
    }


def _quantiles(name: str, latencies_s: list[float]) -> dict[str, float]:
    if len(latencies_s) < 2:
        return {}
    cuts = statistics.quantiles(latencies_s, n=100, method="inclusive")
    return {
        f"{name}_p50_ms": round(cuts[49] * 1_000, 1),
        f"{name}_p99_ms": round(cuts[98] * 1_000, 1),
        f"{name}_probes": len(latencies_s),
    }


def _rate(counts: list[int], options: argparse.Namespace) -> float | None:
    return round(statistics.median(counts) / options.seconds, 1) if counts else None


if __name__ == "__main__":
    main()

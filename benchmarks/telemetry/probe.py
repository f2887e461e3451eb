"""Probes: single readings of machines of their own, timed from publish to the committed row.

They go the way of the load, behind it in the same queues, so the latest ones also say how far a
system is behind. `python -m benchmarks.telemetry.probe QUERY --seconds S`: the URLs of broker and
database come by standard input, a line each. Prints `ready`, and in the end a list of
`[seconds since the start, latency in seconds or null]` as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import Final

import aiomqtt
import psycopg

from contracts.streams import PARTITIONS
from contracts.topics import partition_of
from runtime.mqtt_url import parse_mqtt_url

INTERVAL_S: Final = 0.05
LINE: Final = "probe"
SITE: Final = "bench"
_POLL_S: Final = 0.005

QUERIES: Final = {
    "gemba": """
        SELECT s.t_ms FROM samples s
        WHERE s.t_ms >= %s AND s.machine_id = ANY(ARRAY(
            SELECT id FROM machines WHERE path LIKE 'bench/area/probe/%%'))
    """,
    "naive": """
        SELECT t_ms FROM naive_samples
        WHERE t_ms >= %s AND machine LIKE 'bench/area/probe/%%'
    """,
    "telegraf": """
        SELECT (extract(epoch FROM "time" AT TIME ZONE 'UTC') * 1000)::bigint FROM readings
        WHERE "time" >= to_timestamp(%s / 1000.0) AT TIME ZONE 'UTC' AND line = 'probe'
    """,
}
"""Per system: the times of the probes from a time on that are committed."""


def probe_paths() -> list[str]:
    """A machine in each partition of the stream."""
    paths: dict[int, str] = {}
    number = 0
    while len(paths) < PARTITIONS:
        path = f"{SITE}/area/{LINE}/p{number}"
        paths.setdefault(partition_of(path, PARTITIONS), path)
        number += 1
    return [paths[partition] for partition in range(PARTITIONS)]


class Probes:
    """Publishes probes and notes when each was committed; a probe's `t` is its name."""

    def __init__(self, query: str, *, patience_s: float) -> None:
        self._query = QUERIES[query]
        self._patience_s = patience_s
        self._open: dict[int, float] = {}
        self._sent = asyncio.Event()
        self._ended = False
        self.latencies: list[tuple[float, float | None]] = []

    async def publish(self, client: aiomqtt.Client, seconds: float) -> None:
        """Publish a probe of each machine in turn, every INTERVAL_S."""
        paths = probe_paths()
        began = time.time()
        boot = f"probe-{began:.3f}"
        number = 0
        while (elapsed := time.time() - began) < seconds:
            t_ms = time.time_ns() // 1_000_000
            payload = (
                f'{{"t":{t_ms},"boot":"{boot}","seq":{number // len(paths)},'
                '"name":"temperature","value":20.5,"unit":"Cel"}'
            )
            self._open[t_ms] = elapsed
            self._sent.set()
            await client.publish(f"gemba/v1/{paths[number % len(paths)]}/reading", payload, qos=1)
            number += 1
            await asyncio.sleep(max(0.0, began + number * INTERVAL_S - time.time()))
        self._ended = True
        self._sent.set()

    async def watch(self, connection: psycopg.AsyncConnection[tuple[int]]) -> None:
        """Ask for the open probes until all are answered, or patience after the last is over."""
        deadline: float | None = None
        while True:
            if self._ended and deadline is None:
                deadline = time.monotonic() + self._patience_s
            if not self._open:
                if self._ended:
                    return
                self._sent.clear()
                await self._sent.wait()
                continue
            cursor = await connection.execute(self._query, (min(self._open),), prepare=True)
            rows = await cursor.fetchall()
            now_ms = time.time_ns() / 1_000_000
            for (t_ms,) in rows:
                sent = self._open.pop(t_ms, None)
                if sent is not None:
                    self.latencies.append((sent, (now_ms - t_ms) / 1_000))
            if deadline is not None and time.monotonic() > deadline:
                self.latencies += [(sent, None) for sent in self._open.values()]
                return
            await asyncio.sleep(_POLL_S)


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("query", choices=sorted(QUERIES))
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--patience", type=float, default=60.0)
    options = parser.parse_args()
    broker = parse_mqtt_url(sys.stdin.readline().strip())
    database_url = sys.stdin.readline().strip()
    probes = Probes(options.query, patience_s=options.patience)
    async with (
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection,
        aiomqtt.Client(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password,
            identifier="bench-probe",
        ) as client,
        asyncio.TaskGroup() as group,
    ):
        print("ready", flush=True)
        group.create_task(probes.publish(client, options.seconds))
        group.create_task(probes.watch(connection))
    print(json.dumps(sorted(probes.latencies)))


if __name__ == "__main__":
    asyncio.run(_main())

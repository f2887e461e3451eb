"""Feeding the telemetry agent with records, as the stream would, and reading what it came to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.ids import EpochMs
from contracts.streams import (
    PARTITIONS,
    TELEMETRY,
    TOPICS,
    WAREHOUSE,
    Arrival,
    Bundle,
    encode_bundle,
)
from contracts.topics import partition_key, partition_of
from runtime.settings import StreamsSettings
from store.database import Pool, build_pool
from store.log import StreamLog, build_log
from store.log.outbox import AnyHeaders
from streams.telemetry import TelemetryAgent

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass
class Record:
    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: float = 1_790_000_000.0
    headers: AnyHeaders = None


class Floor:
    """An agent with a log of its own making."""

    def __init__(self, pool: Pool, log: StreamLog, **settings: Any) -> None:
        self.pool = pool
        self.log = log
        self.settings = StreamsSettings(**settings)
        self.offsets: dict[tuple[str, int], int] = {}
        self.arrival_id = 0
        self.agent = TelemetryAgent(pool=pool, log=log, settings=self.settings)

    @classmethod
    async def open(cls, url: str, **settings: Any) -> Floor:
        pool = build_pool(url, name="test", max_size=4)
        await pool.open()
        log = build_log("embedded://", pool)
        await log.open()
        await log.create_topics(TOPICS, PARTITIONS)
        floor = cls(pool, log, **settings)
        await floor.assign()
        return floor

    async def close(self) -> None:
        await self.log.close()
        await self.pool.close()

    async def assign(self) -> None:
        for topic in (TELEMETRY, WAREHOUSE):
            for partition in range(PARTITIONS):
                await self.agent.on_assigned(topic, partition)

    async def restart(self) -> None:
        """A new worker takes over, with nothing in memory."""
        self.agent = TelemetryAgent(pool=self.pool, log=self.log, settings=self.settings)
        await self.assign()

    def record(
        self, messages: list[tuple[str, bytes]], *, partition: int, received_ms: int
    ) -> Record:
        topics = sorted({topic for topic, _ in messages})
        arrivals = []
        for topic, payload in messages:
            self.arrival_id += 1
            arrivals.append(
                Arrival(
                    self.arrival_id,
                    topics.index(topic),
                    EpochMs(received_ms),
                    payload,
                    len(payload),
                )
            )
        value = encode_bundle(Bundle("gateway-test", topics, arrivals))
        return self.append(TELEMETRY, partition, value)

    def append(self, topic: str, partition: int, value: bytes | None) -> Record:
        offset = self.offsets.get((topic, partition), -1) + 1
        self.offsets[topic, partition] = offset
        return Record(topic, partition, offset, value)

    async def send(
        self, messages: list[tuple[str, bytes]], *, received_ms: int = 1_790_000_000_000
    ) -> list[Record]:
        """Handle messages as one batch per partition; answers the records."""
        grouped: dict[int, list[tuple[str, bytes]]] = {}
        for topic, payload in messages:
            partition = partition_of(partition_key(topic), PARTITIONS)
            grouped.setdefault(partition, []).append((topic, payload))
        records = []
        for partition, some in sorted(grouped.items()):
            record = self.record(some, partition=partition, received_ms=received_ms)
            await self.agent.handle([record])
            records.append(record)
        return records

    async def query(self, statement: Any, *parameters: Any) -> list[tuple[Any, ...]]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement, parameters)
            return await cursor.fetchall()

    async def operations(self, site: str) -> list[tuple[Any, ...]]:
        """(work order, operation, good, scrap, runs, state), sorted by the first two."""
        return await self.query(
            """
            SELECT w.number, o.number, o.good_pieces::bigint, o.scrap_pieces::bigint, o.runs,
                   o.state
            FROM operations o JOIN work_orders w ON w.id = o.work_order_id
            JOIN sites s ON s.id = w.site_id WHERE s.code = %s
            ORDER BY w.number COLLATE "C", o.number
            """,
            site,
        )

    async def unassigned(self, site: str) -> list[tuple[Any, ...]]:
        return await self.query(
            """
            SELECT m.path, ms.unassigned_good::bigint, ms.unassigned_scrap::bigint
            FROM machine_states ms JOIN machines m ON m.id = ms.machine_id
            JOIN sites s ON s.id = m.site_id
            WHERE s.code = %s AND (ms.unassigned_good > 0 OR ms.unassigned_scrap > 0)
            ORDER BY m.path COLLATE "C"
            """,
            site,
        )

    async def dead_letters(self, site: str) -> list[tuple[Any, ...]]:
        return await self.query(
            "SELECT code, reason FROM dead_letters WHERE site = %s ORDER BY id", site
        )


def payload_of(message: dict[str, Any]) -> bytes:
    if "raw" in message:
        return str(message["raw"]).encode()
    return json.dumps(message["payload"]).encode()

"""Both agents on a real log: what the telemetry agent appends, the warehouse agent handles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts.ids import EpochMs
from contracts.streams import (
    GOODS,
    ORDERS,
    PARTITIONS,
    TELEMETRY,
    TOPICS,
    WAREHOUSE,
    Arrival,
    Bundle,
    Event,
    OrderEvent,
    encode_bundle,
    encode_events,
)
from contracts.topics import partition_key, partition_of
from runtime.clock import SystemClock
from runtime.settings import StreamsSettings
from store.database import Pool, build_pool
from store.log import NewRecord, StreamLog, build_log
from store.log.outbox import AnyHeaders
from streams.telemetry import TelemetryAgent
from streams.warehouse import WarehouseAgent

SITE = "plant-w"
GATE = f"{SITE}/warehouse/outbound/gate-1"
T0 = 1_767_600_000_000
MINUTE = 60_000


@dataclass
class Record:
    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: float = T0 / 1000
    headers: AnyHeaders = None


def move(
    seq: int, event: str, quantity: float, *, minutes: float | None = None, **fields: Any
) -> dict[str, Any]:
    """A move of item A of order SO-1, `minutes` (or `seq` minutes) after T0."""
    at_ms = T0 + round((seq if minutes is None else minutes) * MINUTE)
    body: dict[str, Any] = {"t": at_ms, "boot": "b", "seq": seq, "event": event}
    body |= {"item": "A", "quantity": quantity, "order": "SO-1"} | fields
    return {name: value for name, value in body.items() if value is not None}


class Warehouse:
    """The agents, and what they have read of the log so far."""

    def __init__(self, pool: Pool, log: StreamLog) -> None:
        self.pool = pool
        self.log = log
        self.changed: list[tuple[str, int]] = []
        self._telemetry = TelemetryAgent(pool=pool, log=log, settings=StreamsSettings())
        self.agent = self._new_agent()
        self._arrivals = 0
        self._offset = 0

    @classmethod
    async def open(cls, url: str) -> Warehouse:
        pool = build_pool(url, name="test", max_size=6)
        await pool.open()
        log = build_log("embedded://", pool)
        await log.open()
        await log.create_topics(TOPICS, PARTITIONS)
        warehouse = cls(pool, log)
        for partition in range(PARTITIONS):
            await warehouse._telemetry.on_assigned(WAREHOUSE, partition)
            await warehouse._telemetry.on_assigned(TELEMETRY, partition)
        await warehouse.restart()
        return warehouse

    async def close(self) -> None:
        await self.log.close()
        await self.pool.close()

    def _new_agent(self) -> WarehouseAgent:
        return WarehouseAgent(
            pool=self.pool,
            log=self.log,
            clock=SystemClock(),
            on_changed=lambda site, order_id: self.changed.append((site, order_id)),
        )

    async def restart(self) -> None:
        """A new worker takes over."""
        self.agent = self._new_agent()
        for topic in (GOODS, ORDERS):
            for partition in range(PARTITIONS):
                await self.agent.on_assigned(topic, partition)

    async def send(self, *bodies: dict[str, Any], device: str = GATE) -> None:
        """Publish moves as one array, and let both agents work."""
        await self.store(*bodies, device=device)
        await self.settle()

    async def store(self, *bodies: dict[str, Any], device: str = GATE) -> None:
        """Publish moves as one array; only the telemetry agent works."""
        topic = f"gemba/v1/{device}/move"
        payload = json.dumps(bodies).encode()
        self._arrivals += 1
        arrival = Arrival(self._arrivals, 0, EpochMs(T0 + 10**9), payload, len(payload))
        partition = partition_of(partition_key(topic), PARTITIONS)
        value = encode_bundle(Bundle("gateway-w", [topic], [arrival]))
        self._offset += 1
        await self._telemetry.handle([Record(WAREHOUSE, partition, self._offset, value)])

    async def machine(self, path: str, kind: str, *bodies: dict[str, Any]) -> None:
        """What a machine that is no warehouse device says; only the telemetry agent works."""
        topic = f"gemba/v1/{path}/{kind}"
        payload = json.dumps(bodies).encode()
        self._arrivals += 1
        arrival = Arrival(self._arrivals, 0, EpochMs(T0 + 10**9), payload, len(payload))
        partition = partition_of(partition_key(topic), PARTITIONS)
        value = encode_bundle(Bundle("gateway-m", [topic], [arrival]))
        self._offset += 1
        await self._telemetry.handle([Record(TELEMETRY, partition, self._offset, value)])

    async def records(self, topic: str) -> list[Record]:
        """What stands in a topic of the log."""
        rows = await self.query(
            'SELECT partition, "offset", value FROM log_records WHERE topic = %s'
            ' ORDER BY partition, "offset"',
            topic,
        )
        return [Record(topic, partition, offset, value) for partition, offset, value in rows]

    async def settle(self, topics: Sequence[str] = (GOODS, ORDERS)) -> None:
        """Hand the agent everything that the log holds; it skips what it has had."""
        for topic in topics:
            for record in await self.records(topic):
                await self.agent.handle([record])

    async def tell(self, name: str, order_id: int, *work_order_ids: int) -> None:
        """What the API appends when an order came or changed."""
        events: list[Event] = [
            OrderEvent(SITE, name, order_id, list(work_order_ids), 1, EpochMs(T0))  # type: ignore[arg-type]  # a site's code
        ]
        partition = partition_of(str(order_id), PARTITIONS)
        await self.log.append([NewRecord(ORDERS, partition, None, encode_events(events))])
        await self.settle()

    async def query(self, statement: Any, *values: Any) -> list[tuple[Any, ...]]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement, values)
            return await cursor.fetchall() if cursor.description else []

    async def one(self, statement: Any, *values: Any) -> Any:
        ((value,),) = await self.query(statement, *values)
        return value

    # Rows ---------------------------------------------------------------------------------------

    async def order(
        self,
        number: str = "SO-1",
        *,
        lines: Sequence[tuple[str, int, str]] = (("A", 100, "pcs"),),
        state: str = "released",
    ) -> int:
        """An order with lines of (item, quantity, unit), as the API stores it; nobody is told."""
        await self.query(
            "INSERT INTO sites (code, name) VALUES (%s, 'Plant') ON CONFLICT DO NOTHING", SITE
        )
        await self.query(
            "INSERT INTO customers (code, name) VALUES ('acme', 'Acme') ON CONFLICT DO NOTHING"
        )
        order_id = await self.one(
            """
            INSERT INTO orders (site_id, customer_id, number)
            SELECT s.id, c.id, %s FROM sites s, customers c WHERE s.code = %s RETURNING id
            """,
            number,
            SITE,
        )
        for place, (item, quantity, unit) in enumerate(lines, 1):
            await self.query(
                "INSERT INTO items (code, name) VALUES (%s, %s) ON CONFLICT DO NOTHING", item, item
            )
            await self.query(
                """
                INSERT INTO order_lines (order_id, number, item_id, quantity, unit, state)
                SELECT %s, %s, id, %s, %s, %s FROM items WHERE code = %s
                """,
                order_id,
                place,
                quantity,
                unit,
                state,
                item,
            )
        return int(order_id)

    async def work_order(self, number: str, *order_ids: int) -> int:
        """A work order that is pegged to the first lines of orders."""
        work_order_id = await self.one(
            """
            INSERT INTO work_orders (site_id, number, planned) SELECT id, %s, true FROM sites
            WHERE code = %s RETURNING id
            """,
            number,
            SITE,
        )
        await self.query(
            """
            INSERT INTO pegs (order_line_id, work_order_id, quantity)
            SELECT id, %s, quantity FROM order_lines WHERE number = 1 AND order_id = ANY(%s)
            """,
            work_order_id,
            list(order_ids),
        )
        return int(work_order_id)

    # What came of it ----------------------------------------------------------------------------

    async def shipments(self, order_id: int) -> list[tuple[Any, ...]]:
        """(number, state, picked, packed, shipped) over all lines."""
        return await self.query(
            """
            SELECT s.number, s.state, sum(l.picked)::float, sum(l.packed)::float,
                   sum(l.shipped)::float
            FROM shipments s JOIN shipment_lines l USING (order_id, number)
            WHERE s.order_id = %s GROUP BY 1, 2 ORDER BY 1
            """,
            order_id,
        )

    async def unmatched(self) -> list[tuple[Any, ...]]:
        return await self.query(
            "SELECT seq, unmatched FROM goods_moves WHERE unmatched IS NOT NULL ORDER BY seq"
        )

    async def audited(self, order_id: int) -> list[tuple[Any, ...]]:
        return await self.query(
            "SELECT action, reason FROM audit_log WHERE order_id = %s ORDER BY id", order_id
        )

"""Puts a month into an installation: master data by the API, what machines told by the telemetry
agent, and orders, plans and shipments as rows with times of their own, as the API only knows now.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import yaml
from month_factory import (
    CUSTOMERS,
    FIRST,
    ITEMS,
    MACHINES,
    SHIFTS,
    SITE,
    ZONE,
    Month,
    Order,
)
from month_money import MATERIALS
from psycopg.types.json import Jsonb

from contracts.streams import (
    PARTITIONS,
    PROGRESS,
    TELEMETRY,
    WAREHOUSE,
    Arrival,
    Bundle,
    encode_bundle,
)
from contracts.streams import TOPICS as LOG_TOPICS
from contracts.topics import partition_key, partition_of
from runtime.clock import SystemClock
from runtime.settings import StreamsSettings
from store.database import Connection, Pool
from store.log import build_log
from store.log.outbox import AnyHeaders
from streams.progress import RollUpAgent
from streams.telemetry import TelemetryAgent

_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_AT_ONCE: Final = 2_000


async def write_master_data(client: httpx.AsyncClient) -> None:
    """Site, shifts, machines, items and customers."""
    shifts = [
        {
            "shift": name,
            "weekdays": list(_WEEKDAYS[:days]),
            "start": f"{begins:02}:00",
            "end": f"{ends:02}:00",
        }
        for name, begins, ends, days in SHIFTS
    ]
    document = {
        "sites": [{"code": SITE, "name": "Month", "time_zone": str(ZONE)}],
        "machines": [{"path": path, "name": path.rsplit("/", 1)[1]} for path in MACHINES],
        "shift_patterns": [{"code": "month", "name": "Month", "shifts": shifts}],
        "shift_plans": [{"at": SITE, "pattern": "month", "valid_from": str(FIRST)}],
        "items": [{"code": item, "name": item, "unit": "pcs"} for item in (*ITEMS, *MATERIALS)],
        "customers": [{"code": customer, "name": customer} for customer in CUSTOMERS],
    }
    answer = await client.post(
        "/v1/master-data",
        content=yaml.safe_dump(document, sort_keys=False),
        headers={"Content-Type": "application/yaml"},
    )
    assert answer.is_success, answer.text


async def write_orders(connection: Connection, month: Month) -> None:
    """Orders with their work orders and operations, as released; what was changed besides."""
    numbers = await _ids(connection)
    await _orders(connection, month.orders, numbers)
    await _works(connection, month, numbers)
    await _entries(connection, month.orders)


async def write_plans(connection: Connection, month: Month) -> None:
    """The plans that were in force, one after the other."""
    cursor = connection.cursor()
    orders = await _numbers(connection, "SELECT number, id FROM orders")
    for number, plan in enumerate(month.plans, start=1):
        after = month.plans[number].published_ms if number < len(month.plans) else None
        found = await connection.execute(
            """
            INSERT INTO plans (scope, number, state, as_of_ms, created_at, published_at,
                               published_by, superseded_at, method, solve_ms, reasons, metrics)
            VALUES (%s, %s, %s, %s, %s, %s, 'planner', %s, 'rules', 1, '[]', '{}') RETURNING id
            """,
            (
                SITE,
                number,
                "published" if after is None else "superseded",
                plan.published_ms,
                moment(plan.published_ms),
                moment(plan.published_ms),
                None if after is None else moment(after),
            ),
        )
        row = await found.fetchone()
        assert row is not None
        async with cursor.copy(
            "COPY plan_orders (plan_id, order_id, end_ms, shares) FROM STDIN"
        ) as to:
            for each in plan.orders:
                shares = [{"cause": cause, "share_minutes": ms} for cause, ms in each.shares]
                await to.write_row((row[0], orders[each.order], each.end_ms, Jsonb(shares)))


async def write_shipments(connection: Connection, month: Month) -> None:
    """What left, a shipment for each time a line did."""
    orders = await _numbers(connection, "SELECT number, id FROM orders")
    lines = await _numbers(
        connection,
        "SELECT o.number || '-' || l.number, l.id FROM order_lines l"
        " JOIN orders o ON o.id = l.order_id",
    )
    rows = [
        (orders[order.number], number, lines[f"{order.number}-{line.number}"], left)
        for order in month.orders
        for number, (line, left) in enumerate(
            ((line, left) for line in order.lines for left in line.shipped), start=1
        )
    ]
    cursor = connection.cursor()
    async with cursor.copy(
        "COPY shipments (order_id, number, state, packed_ms, shipped_ms, device) FROM STDIN"
    ) as to:
        for order, number, _, (at_ms, _, _) in rows:
            await to.write_row((order, number, "shipped", at_ms - 300_000, at_ms, "gate"))
    async with cursor.copy(
        "COPY shipment_lines (order_id, number, order_line_id, picked, packed, shipped, returned)"
        " FROM STDIN"
    ) as to:
        for order, number, line, (_, quantity, returned) in rows:
            await to.write_row((order, number, line, quantity, quantity, quantity, returned))


async def tell(pool: Pool, month: Month) -> int:
    """Everything that machines told, through the telemetry agent; answers how many objects."""
    log = build_log("embedded://", pool)
    await log.open()
    await log.create_topics(LOG_TOPICS, PARTITIONS)
    agent = TelemetryAgent(pool=pool, log=log, settings=StreamsSettings())
    for topic in (TELEMETRY, WAREHOUSE):
        for partition in range(PARTITIONS):
            await agent.on_assigned(topic, partition)
    offsets: dict[int, int] = {}
    told = 0
    try:
        for partition, bundle in _bundles(month):
            offset = offsets[partition] = offsets.get(partition, -1) + 1
            await agent.handle([_Record(TELEMETRY, partition, offset, encode_bundle(bundle))])
            told += len(bundle.arrivals)
    finally:
        await log.close()
    return told


async def roll_up(pool: Pool) -> None:
    """Order lines follow what their operations came to, by the progress agent."""
    log = build_log("embedded://", pool)
    await log.open()
    agent = RollUpAgent(
        pool=pool, log=log, clock=SystemClock(), on_changed=lambda _site, _order: None
    )
    try:
        for partition in range(PARTITIONS):
            await agent.on_assigned(PROGRESS, partition)
            async with pool.connection() as connection:
                cursor = await connection.execute(
                    'SELECT "offset", value FROM log_records'
                    ' WHERE topic = %s AND partition = %s ORDER BY "offset"',
                    (PROGRESS, partition),
                )
                rows = await cursor.fetchall()
            records = [_Record(PROGRESS, partition, offset, bytes(value)) for offset, value in rows]
            for some in _some(records, _AT_ONCE):
                await agent.handle(some)
    finally:
        await log.close()


@dataclass
class _Record:
    """A record of the stream."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: float = 1_790_000_000.0
    headers: AnyHeaders = None


def _bundles(month: Month) -> Iterator[tuple[int, Bundle]]:
    """What each machine told, by its partition, some at once and in order."""
    arrival = 0
    for path, told in month.told.items():
        partition = partition_of(partition_key(f"gemba/v1/{path}/state"), PARTITIONS)
        for some in _some(told, _AT_ONCE):
            topics = sorted({f"gemba/v1/{path}/{kind}" for kind, _ in some})
            arrivals = []
            for kind, content in some:
                arrival += 1
                payload = json.dumps(content).encode()
                place = topics.index(f"gemba/v1/{path}/{kind}")
                arrivals.append(
                    Arrival(arrival, place, content["t"] + 1_000, payload, len(payload))
                )
            yield partition, Bundle("gateway-month", topics, arrivals)


def _some(some: list[Any], size: int) -> Iterator[list[Any]]:
    """Cut a list; `itertools.batched` begins with Python 3.12."""
    for at in range(0, len(some), size):
        yield some[at : at + size]


def moment(ms: int) -> datetime:
    """Epoch ms as a moment."""
    return datetime.fromtimestamp(ms / 1_000, UTC)


async def _numbers(connection: Connection, query: str) -> dict[str, int]:
    cursor = await connection.execute(query.encode())
    return dict(await cursor.fetchall())


async def _ids(connection: Connection) -> dict[str, int]:
    return {
        **await _numbers(connection, "SELECT 'site', id FROM sites WHERE code = 'month'"),
        **await _numbers(connection, "SELECT path, id FROM machines"),
        **await _numbers(connection, "SELECT code, id FROM items"),
        **await _numbers(connection, "SELECT code, id FROM customers"),
    }


async def _orders(connection: Connection, orders: Iterable[Order], numbers: dict[str, int]) -> None:
    cursor = connection.cursor()
    async with cursor.copy(
        "COPY orders (site_id, customer_id, number, received_at, confirmed_at) FROM STDIN"
    ) as to:
        for order in orders:
            await to.write_row(
                (
                    numbers["site"],
                    numbers[order.customer],
                    order.number,
                    moment(order.received_ms),
                    moment(order.confirmed_ms),
                )
            )
    ids = await _numbers(connection, "SELECT number, id FROM orders")
    async with cursor.copy(
        "COPY order_lines (order_id, number, item_id, quantity, unit, due_at, state) FROM STDIN"
    ) as to:
        for order in orders:
            for line in order.lines:
                state = "cancelled" if line.cancelled else "released"
                await to.write_row(
                    (
                        ids[order.number],
                        line.number,
                        numbers[line.item],
                        line.quantity,
                        "pcs",
                        moment(line.due_ms),
                        state,
                    )
                )


async def _works(connection: Connection, month: Month, numbers: dict[str, int]) -> None:
    cursor = connection.cursor()
    lines = {line.work_order: (order, line) for order in month.orders for line in order.lines}
    async with cursor.copy(
        "COPY work_orders (site_id, number, item_id, quantity_ordered, due_at, planned, created_at)"
        " FROM STDIN"
    ) as to:
        for number, (order, line) in lines.items():
            await to.write_row(
                (
                    numbers["site"],
                    number,
                    numbers[line.item],
                    line.quantity,
                    moment(line.due_ms),
                    True,
                    moment(order.released_ms),
                )
            )
    works = await _numbers(connection, "SELECT number, id FROM work_orders")
    async with cursor.copy(
        "COPY operations (work_order_id, number, planned, machine_id, cycle_ms, setup_ms, quantity,"
        " state) FROM STDIN"
    ) as to:
        for each in month.operations:
            await to.write_row(
                (
                    works[each.work_order],
                    each.number,
                    True,
                    numbers[each.machine],
                    each.cycle_ms,
                    each.setup_ms,
                    each.quantity,
                    "released",
                )
            )
    await connection.execute(
        """
        INSERT INTO pegs (order_line_id, work_order_id, quantity)
        SELECT l.id, w.id, l.quantity FROM order_lines l
        JOIN orders o ON o.id = l.order_id
        JOIN work_orders w ON w.number = 'W' || o.number || '-' || l.number
        """
    )


async def _entries(connection: Connection, orders: Iterable[Order]) -> None:
    """The audit log: received, confirmed, released, changed and cancelled."""
    ids = await _numbers(connection, "SELECT number, id FROM orders")
    entries: list[tuple[int, int, str, str, dict[str, Any] | None, dict[str, Any] | None]] = []
    for order in orders:
        id_ = ids[order.number]
        for at_ms, action in (
            (order.received_ms, "OrderReceived"),
            (order.confirmed_ms, "OrderConfirmed"),
            (order.released_ms, "OrderReleased"),
        ):
            entries.append((at_ms, id_, action, "planner", None, None))
        for change in order.changes:
            was = {"lines": [{"number": change.line, **_told(change.before)}]}
            now: dict[str, Any] = {"lines": [{"number": change.line, **_told(change.after)}]}
            if change.by_customer:
                now["asked_by_customer"] = True
            entries.append((change.at_ms, id_, change.action, "sales", was, now))
    entries.sort(key=lambda each: each[0])
    cursor = connection.cursor()
    async with cursor.copy(
        "COPY audit_log (at, actor, origin, order_id, action, before, after) FROM STDIN"
    ) as to:
        for at_ms, order_id, action, actor, before, after in entries:
            await to.write_row(
                (
                    moment(at_ms),
                    actor,
                    "test",
                    order_id,
                    action,
                    None if before is None else Jsonb(before),
                    None if after is None else Jsonb(after),
                )
            )


def _told(change: dict[str, Any]) -> dict[str, Any]:
    """A change's fields as the audit log has them."""
    if "due_ms" in change:
        return {"due_at": moment(change["due_ms"]).isoformat()}
    return {"state": "cancelled" if change["cancelled"] else "released"}

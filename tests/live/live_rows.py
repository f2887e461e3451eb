"""A small factory as rows: what the planning and the telemetry agents would have written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from store.database import Connection, Pool
from store.log.outbox import AnyHeaders
from store.telemetry.adoption import HistoryPartitions, months_of

SLOT_MS = 300_000
M1 = "plant-1/cutting/line1/m01"
M2 = "plant-1/cutting/line1/m02"


class Rows:
    """Writes rows the short way. Every method is one committed change."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def one(self, query: str, *values: Any) -> Any:
        async with self._pool.connection() as connection:
            return await _one(connection, query, *values)

    async def run(self, query: str, *values: Any) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(query.encode(), values)

    async def site(self, code: str, *, time_zone: str = "UTC") -> int:
        return int(
            await self.one(
                "INSERT INTO sites (code, name, time_zone) VALUES (%s, %s, %s) RETURNING id",
                code,
                code.title(),
                time_zone,
            )
        )

    async def machine(self, site_id: int, path: str, *, position: int = 0) -> int:
        _, area, line, name = path.split("/")
        return int(
            await self.one(
                """
                INSERT INTO machines (site_id, path, area, line, name, position, configured)
                VALUES (%s, %s, %s, %s, %s, %s, true) RETURNING id
                """,
                site_id,
                path,
                area,
                line,
                name,
                position,
            )
        )

    async def machine_state(self, machine_id: int, **values: Any) -> None:
        columns = ", ".join(values)
        places = ", ".join(["%s"] * len(values))
        updates = ", ".join(f"{name} = excluded.{name}" for name in values)
        await self.run(
            f"INSERT INTO machine_states (machine_id, {columns}) VALUES (%s, {places})"  # noqa: S608 - names of this file's callers
            f" ON CONFLICT (machine_id) DO UPDATE SET {updates}",
            machine_id,
            *values.values(),
        )

    async def order(
        self, site_id: int, number: str, *, customer: str = "Acme Ltd", received: str = "2026-01-05"
    ) -> int:
        customer_id = await self.one(
            """
            INSERT INTO customers (code, name) VALUES (%s, %s)
            ON CONFLICT (code) DO UPDATE SET name = excluded.name RETURNING id
            """,
            customer.lower(),
            customer,
        )
        return int(
            await self.one(
                """
                INSERT INTO orders (site_id, customer_id, number, received_at, customer_reference)
                VALUES (%s, %s, %s, %s, 'PO-77') RETURNING id
                """,
                site_id,
                customer_id,
                number,
                datetime.fromisoformat(received).replace(tzinfo=UTC),
            )
        )

    async def line(
        self,
        order_id: int,
        number: int,
        quantity: int,
        *,
        state: str = "released",
        due: datetime | None = None,
        item: str = "Bracket A",
    ) -> int:
        item_id = await self.one(
            """
            INSERT INTO items (code, name) VALUES (%s, %s)
            ON CONFLICT (code) DO UPDATE SET name = excluded.name RETURNING id
            """,
            item.lower(),
            item,
        )
        return int(
            await self.one(
                """
                INSERT INTO order_lines (order_id, number, item_id, quantity, unit, due_at, state)
                VALUES (%s, %s, %s, %s, 'pcs', %s, %s) RETURNING id
                """,
                order_id,
                number,
                item_id,
                quantity,
                due,
                state,
            )
        )

    async def work_order(
        self, site_id: int, number: str, quantity: int, *, due: datetime | None = None
    ) -> int:
        return int(
            await self.one(
                """
                INSERT INTO work_orders (site_id, number, quantity_ordered, due_at, planned,
                    item_text)
                VALUES (%s, %s, %s, %s, true, 'Bracket A') RETURNING id
                """,
                site_id,
                number,
                quantity,
                due,
            )
        )

    async def peg(self, line_id: int, work_order_id: int, quantity: int) -> None:
        await self.run(
            "INSERT INTO pegs (order_line_id, work_order_id, quantity) VALUES (%s, %s, %s)",
            line_id,
            work_order_id,
            quantity,
        )

    async def operation(
        self, work_order_id: int, number: int, machine_id: int | None, *, cycle_ms: int = 10_000
    ) -> int:
        return int(
            await self.one(
                """
                INSERT INTO operations (work_order_id, number, name, planned, machine_id, cycle_ms)
                VALUES (%s, %s, 'Cut', true, %s, %s) RETURNING id
                """,
                work_order_id,
                number,
                machine_id,
                cycle_ms,
            )
        )

    async def progress(
        self,
        operation_id: int,
        good: int,
        *,
        scrap: int = 0,
        state: str = "running",
        started_ms: int | None = 1_767_600_000_000,
        ended_ms: int | None = None,
    ) -> None:
        await self.run(
            """
            UPDATE operations SET state = %s, good_pieces = %s, scrap_pieces = %s, runs = 1,
                   started_ms = %s, ended_ms = %s, version = version + 1
            WHERE id = %s
            """,
            state,
            good,
            scrap,
            started_ms,
            ended_ms,
            operation_id,
        )

    async def pieces(self, machine_id: int, at_ms: int, good: int, scrap: int = 0) -> None:
        async with self._pool.connection() as connection:
            await HistoryPartitions().ensure(connection, months_of([at_ms]))
        await self.run(
            """
            INSERT INTO piece_slots (machine_id, slot_ms, good, scrap) VALUES (%s, %s, %s, %s)
            ON CONFLICT (machine_id, slot_ms) DO UPDATE SET good = excluded.good,
                scrap = excluded.scrap
            """,
            machine_id,
            at_ms - at_ms % SLOT_MS,
            good,
            scrap,
        )

    async def link(self, order_id: int, token: str) -> str:
        """A tracking link; answers the hash of its token in hex."""
        hashed = hashlib.sha256(token.encode()).digest()
        await self.run(
            """
            INSERT INTO tracking_links (token_hash, order_id, created_by, expires_at)
            VALUES (%s, %s, 'test', now() + interval '1 day')
            """,
            hashed,
            order_id,
        )
        return hashed.hex()


async def _one(connection: Connection, query: str, *values: Any) -> Any:
    cursor = await connection.execute(query.encode(), values)
    row = await cursor.fetchone()
    assert row is not None
    return row[0]


@dataclass
class Record:
    """A record as the engine hands it on."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: float = 1_767_600_000.0
    headers: AnyHeaders = None


class Factory:
    """One site, two machines, an order with one work order on the first machine."""

    site: int
    m1: int
    m2: int
    order: int
    line: int
    work: int
    operation: int


async def small_factory(rows: Rows) -> Factory:
    made = Factory()
    made.site = await rows.site("plant-1")
    made.m1 = await rows.machine(made.site, M1)
    made.m2 = await rows.machine(made.site, M2, position=1)
    made.order = await rows.order(made.site, "SO-1")
    made.line = await rows.line(made.order, 1, 480)
    made.work = await rows.work_order(made.site, "WO-1", 480)
    await rows.peg(made.line, made.work, 480)
    made.operation = await rows.operation(made.work, 10, made.m1)
    await rows.machine_state(made.m1, state="running", operation_id=made.operation)
    return made

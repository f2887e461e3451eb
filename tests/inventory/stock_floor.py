"""Rows of the floor and the warehouse as the agents write them, and what becomes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from contracts.ids import EpochMs, SiteCode
from contracts.streams import GoodsMoved
from store.database import Pool, build_pool
from store.inventory.moves import book_moves
from store.inventory.production import book_production
from store.inventory.reading import imbalances

SITE = "plant-s"
DEVICE = f"{SITE}/warehouse/inbound/scanner-1"
T0 = 1_767_600_000_000


class Floor:
    """A plant with items by code, and short words for what happens there."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.ids: dict[str, int] = {}
        self._site = 0
        self._device = 0
        self._publisher = 0

    @classmethod
    async def open(cls, url: str) -> Floor:
        pool = build_pool(url, name="test", max_size=6)
        await pool.open()
        floor = cls(pool)
        floor._site = await floor.one(
            "INSERT INTO sites (code, name) VALUES (%s, 'Plant') RETURNING id", SITE
        )
        floor._device = await floor.one(
            "INSERT INTO machines (site_id, path, area, line, name)"
            " VALUES (%s, %s, 'warehouse', 'inbound', 'scanner-1') RETURNING id",
            floor._site,
            DEVICE,
        )
        floor._publisher = await floor.one(
            "INSERT INTO publishers (machine_id, source, boot) VALUES (%s, 'main', 'b')"
            " RETURNING id",
            floor._device,
        )
        return floor

    async def query(self, statement: Any, *values: Any) -> list[tuple[Any, ...]]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(statement, values)
            return await cursor.fetchall() if cursor.description else []

    async def one(self, statement: Any, *values: Any) -> Any:
        ((value,),) = await self.query(statement, *values)
        return value

    async def item(self, code: str, unit: str = "pcs", **parts: tuple[str, str]) -> int:
        """An item; parts: (quantity per piece, scrap factor) by the component's code."""
        self.ids[code] = await self.one(
            "INSERT INTO items (code, name, unit) VALUES (%s, %s, %s) RETURNING id",
            code,
            code,
            unit,
        )
        if parts:
            bill = await self.one(
                "INSERT INTO bills (item_id, version) VALUES (%s, '1') RETURNING id",
                self.ids[code],
            )
            for number, (part, (quantity, scrap)) in enumerate(parts.items(), 1):
                await self.query(
                    "INSERT INTO bill_lines (bill_id, number, component_item_id, quantity_per,"
                    " scrap_factor) VALUES (%s, %s, %s, %s, %s)",
                    bill,
                    number,
                    self.ids[part],
                    Decimal(quantity),
                    Decimal(scrap),
                )
        return self.ids[code]

    async def work_order(self, number: str, item: str, quantity: int) -> int:
        """A planned work order of two operations."""
        work = await self.one(
            "INSERT INTO work_orders (site_id, number, item_id, quantity_ordered, planned)"
            " VALUES (%s, %s, %s, %s, true) RETURNING id",
            self._site,
            number,
            self.ids[item],
            quantity,
        )
        for operation in (10, 20):
            await self.query(
                "INSERT INTO operations (work_order_id, number, planned, quantity)"
                " VALUES (%s, %s, true, %s)",
                work,
                operation,
                quantity,
            )
        return int(work)

    async def order_line(self, number: str, item: str, quantity: int) -> int:
        """A released order of one line."""
        await self.query(
            "INSERT INTO customers (code, name) VALUES ('acme', 'Acme') ON CONFLICT DO NOTHING"
        )
        order = await self.one(
            "INSERT INTO orders (site_id, customer_id, number)"
            " SELECT %s, id, %s FROM customers RETURNING id",
            self._site,
            number,
        )
        line = await self.one(
            "INSERT INTO order_lines (order_id, number, item_id, quantity, unit, state)"
            " VALUES (%s, 1, %s, %s, 'pcs', 'released') RETURNING id",
            order,
            self.ids[item],
            quantity,
        )
        return int(line)

    async def count(self, work: int, *, good: int, scrap: int = 0, first_scrap: int = 0) -> None:
        """What the floor has counted so far: at the last operation, and scrap at the first."""
        await self.query(
            "UPDATE operations SET good_pieces = %s, scrap_pieces = %s, state = 'running',"
            " runs = 1 WHERE work_order_id = %s AND number = 20",
            good,
            scrap,
            work,
        )
        await self.query(
            "UPDATE operations SET scrap_pieces = %s WHERE work_order_id = %s AND number = 10",
            first_scrap,
            work,
        )
        await self.book(work)

    async def book(self, *works: int) -> int:
        """What the roll-up does of stock."""
        async with self.pool.connection() as connection, connection.transaction():
            return await book_production(connection, work_order_ids=works, now=datetime.now(UTC))

    def move(self, seq: int, event: str, item: str, quantity: str, **fields: Any) -> GoodsMoved:
        """A move that the warehouse's device told, `seq` minutes after T0."""
        return GoodsMoved(
            site=SiteCode(SITE),
            device_id=self._device,
            publisher_id=self._publisher,
            seq=seq,
            t_ms=EpochMs(T0 + 60_000 * int(fields.pop("minute", seq))),
            event=event,
            item=item,
            quantity=quantity,
            unit=fields.get("unit"),
            lot=fields.get("lot"),
            from_=fields.get("source"),
            to=fields.get("to"),
            work_order=fields.get("work_order"),
            order=fields.get("order"),
        )

    async def moved(self, *moves: GoodsMoved) -> tuple[int, int]:
        """What the warehouse agent does of stock."""
        async with self.pool.connection() as connection, connection.transaction():
            return await book_moves(connection, moves, now=datetime.now(UTC))

    async def lots(self, item: str) -> list[tuple[str, str, float]]:
        """(location, lot, quantity) of what lies there."""
        rows = await self.query(
            "SELECT c.code, l.lot, l.quantity FROM stock_lots l"
            " JOIN locations c ON c.id = l.location_id"
            " WHERE l.item_id = %s AND l.quantity <> 0 ORDER BY 1, 2",
            self.ids[item],
        )
        return [(location, lot, float(quantity)) for location, lot, quantity in rows]

    async def head(self, item: str) -> tuple[float, ...]:
        """(available, hard reserved, soft reserved, shortfall)."""
        ((available, hard, soft, shortfall),) = await self.query(
            "SELECT available, hard_reserved, soft_reserved, shortfall FROM stock_heads"
            " WHERE item_id = %s",
            self.ids[item],
        )
        return float(available), float(hard), float(soft), float(shortfall)

    async def balance(self) -> list[str]:
        async with self.pool.connection() as connection:
            return await imbalances(connection)

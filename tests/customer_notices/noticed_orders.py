"""Orders of a customer on a real database, with dates that tests move, and a watch over them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from domain.customer_notices.contacts import Way, Wishes
from domain.customer_notices.dates import Basis, Pace
from notify.customer_watch import CustomerWatch
from store.customer_notices import contacts
from store.customer_notices.contacts import ContactRow, NewContact
from store.database import Pool
from store.leases import Leases

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOW = 1_795_447_800_000
"""2026-11-23T15:30Z."""
KEY = "k" * 43
PACE = Pace(settle_ms=30_000, swing_ms=15 * MINUTE)


def moment(at_ms: int) -> datetime:
    """A time as rows have it."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC)


@dataclass
class HeldClock:
    """A clock that stands until it is set forth."""

    at_ms: int = NOW

    def now_ms(self) -> int:
        """The moment."""
        return self.at_ms

    def monotonic(self) -> float:
        """The same in seconds."""
        return self.at_ms / 1_000


@dataclass
class Desk:
    """A site, a machine, a customer; orders by number with their lines' operations."""

    pool: Pool
    leases: Leases
    url: str
    clock: HeldClock = field(default_factory=HeldClock)
    site: int = 0
    customer: int = 0
    item: int = 0
    machine: int = 0
    operations: dict[tuple[str, int], int] = field(default_factory=dict)

    async def one(self, query: str, *values: object) -> int:
        """The number that a statement gives."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(query, values)
            row = await cursor.fetchone()
        assert row is not None
        found: int = row[0]
        return found

    async def run(self, query: str, *values: object) -> None:
        """A statement of its own."""
        async with self.pool.connection() as connection:
            await connection.execute(query, values)

    async def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """What a query gives."""
        async with self.pool.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(query, values)
            return await cursor.fetchall()

    async def build(self) -> None:
        """Everything but orders."""
        self.site = await self.one(
            "INSERT INTO sites (code, name, time_zone) VALUES ('plant-1', 'P', 'Europe/Berlin')"
            " RETURNING id"
        )
        self.customer = await self.one(
            "INSERT INTO customers (code, name) VALUES ('ACME', 'Acme Ltd') RETURNING id"
        )
        self.item = await self.one(
            "INSERT INTO items (code, name) VALUES ('BR-A', 'Bracket A') RETURNING id"
        )
        self.machine = await self.one(
            "INSERT INTO machines (site_id, path, area, line, name, configured) VALUES"
            " (%s, 'plant-1/cutting/line1/m01', 'cutting', 'line1', 'M1', true) RETURNING id",
            self.site,
        )
        await self.run(
            "INSERT INTO machine_states (machine_id, state) VALUES (%s, 'running')", self.machine
        )

    async def order(
        self, number: str, *due_ms: int, state: str = "released", received_ms: int = NOW
    ) -> int:
        """An order with a line per due date, each with an operation planned to end then."""
        order = await self.one(
            "INSERT INTO orders (site_id, customer_id, number, customer_reference, received_at)"
            " VALUES (%s, %s, %s, 'PO-7', %s) RETURNING id",
            self.site,
            self.customer,
            number,
            moment(received_ms),
        )
        for place, due in enumerate(due_ms, 1):
            line = await self.one(
                "INSERT INTO order_lines (order_id, number, item_id, quantity, unit, due_at, state)"
                " VALUES (%s, %s, %s, 480, 'pcs', %s, %s) RETURNING id",
                order,
                place,
                self.item,
                moment(due),
                state,
            )
            work = await self.one(
                "INSERT INTO work_orders (site_id, number, item_id, quantity_ordered, planned)"
                " VALUES (%s, %s, %s, 480, true) RETURNING id",
                self.site,
                f"WO-{number}-{place}",
                self.item,
            )
            await self.run(
                "INSERT INTO pegs (order_line_id, work_order_id, quantity) VALUES (%s, %s, 480)",
                line,
                work,
            )
            self.operations[number, place] = await self.one(
                "INSERT INTO operations (work_order_id, number, planned, machine_id, cycle_ms,"
                " quantity, state) VALUES (%s, 10, true, %s, 60000, 480, 'released') RETURNING id",
                work,
                self.machine,
            )
            await self.ends(number, due, line=place)
        return order

    async def ends(self, number: str, end_ms: int, *, line: int = 1) -> None:
        """What the plan in force projects a line's work to end."""
        await self.run(
            """
            INSERT INTO operation_projections (operation_id, machine_id, start_ms, end_ms)
            VALUES (%s, %s, %s, %s)
            ON CONFLICT (operation_id) DO UPDATE SET end_ms = excluded.end_ms,
                start_ms = excluded.start_ms
            """,
            self.operations[number, line],
            self.machine,
            end_ms - HOUR,
            end_ms,
        )

    async def contact(
        self,
        address: str = "anna@acme.example",
        *,
        order: int | None = None,
        line: int | None = None,
        basis: Basis = Basis.PROMISED,
        confirmed_by: str | None = "sales",
        wishes: Wishes | None = None,
        since_ms: int = NOW - DAY,
    ) -> ContactRow:
        """Somebody who is told."""
        async with self.pool.connection() as connection:
            made = await contacts.add(
                connection,
                NewContact(
                    customer_id=self.customer,
                    order_id=order,
                    line=line,
                    name="Anna",
                    way=Way.EMAIL,
                    address=address,
                    wishes=wishes or Wishes(),
                    basis=basis,
                    confirmed_by=confirmed_by,
                    created_by="test",
                ),
            )
            await connection.execute(
                "UPDATE customer_contacts SET created_at = %s WHERE id = %s",
                (moment(since_ms), made.id),
            )
        return made

    def watch(self) -> CustomerWatch:
        """A watch that looks when it is told to."""
        return CustomerWatch(
            pool=self.pool,
            leases=self.leases,
            clock=self.clock,
            url=self.url,
            installation_key=KEY,
            pace=PACE,
            keep=timedelta(days=400),
        )

    async def look(self, after_ms: int = 0) -> int:
        """Look once; answers how many messages were made."""
        self.clock.at_ms += after_ms
        return await self.watch().look()

    async def settled(self) -> int:
        """Look twice, with the settling time between."""
        return await self.look() + await self.look(PACE.settle_ms)

    async def notices(self) -> list[dict[str, Any]]:
        """The messages, oldest first, with what they say."""
        return await self.rows("SELECT * FROM customer_notices ORDER BY id")

    async def happened(
        self, order: int, action: str, reason: str | None = None, **content: Any
    ) -> None:
        """An entry of the audit log."""
        await self.run(
            "INSERT INTO audit_log (at, actor, origin, order_id, action, reason, before, after)"
            " VALUES (%s, 'test', 'test', %s, %s, %s, %s, %s)",
            moment(self.clock.at_ms),
            order,
            action,
            reason,
            Jsonb(content.get("before")),
            Jsonb(content.get("after")),
        )

"""Orders in rows for the tests of reports: what came, was made, stood still and left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb
from report_cases import DAY, HOUR, T0

from store.database import Pool
from store.reports.keeping import keep_all
from store.telemetry.adoption import HistoryPartitions, month_of

SITE = "plant"
M1 = f"{SITE}/a/l1/m1"
M2 = f"{SITE}/a/l2/m2"


def at(ms: int) -> datetime:
    """Epoch milliseconds as a time."""
    return datetime.fromtimestamp(ms / 1_000, UTC)


class ReportPlant:
    """Writes rows as the product does, with times of the test's choosing."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._plans = 0

    async def build(self) -> None:
        """A site whose clock is UTC, that works always."""
        async with self.pool.connection() as connection:
            await HistoryPartitions().ensure(connection, {month_of(T0)})
            await connection.execute(
                """
                INSERT INTO sites (code, name) VALUES ('plant', 'Plant'), ('other', 'Other');
                INSERT INTO machines (site_id, path, area, line, name)
                    SELECT id, 'plant/a/l' || n || '/m' || n, 'a', 'l' || n, 'm' || n
                    FROM sites, generate_series(1, 2) n WHERE code = 'plant';
                INSERT INTO customers (code, name) VALUES ('acme', 'Acme'), ('bolt', 'Bolt');
                INSERT INTO items (code, name) VALUES ('gear', 'Gear'), ('axle', 'Axle');
                """
            )

    async def one(self, query: str, *parameters: object) -> Any:
        """The first column of the only row."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(query.encode(), parameters)
            found = await cursor.fetchone()
            assert found is not None
            return found[0]

    async def run(self, query: str, *parameters: object) -> None:
        """A statement without an answer."""
        async with self.pool.connection() as connection:
            await connection.execute(query.encode(), parameters)

    async def keep(self) -> None:
        """Do the reports' job until nothing is left."""
        await keep_all(self.pool)

    async def order(
        self,
        number: str,
        *,
        due_ms: int | None,
        received_ms: int = T0 - 9 * DAY,
        confirmed_ms: int | None = T0 - 8 * DAY,
        quantity: int = 100,
        customer: str = "acme",
        item: str = "gear",
        site: str = SITE,
        unit: str = "pcs",
        produced_ms: int | None = None,
        started_ms: int | None = None,
        made_on: str | None = None,
    ) -> int:
        """An order with a line 10; `made_on`: a machine that made it in one operation."""
        order: int = await self.one(
            """
            INSERT INTO orders (site_id, customer_id, number, received_at, confirmed_at)
            SELECT s.id, c.id, %s, %s, %s FROM sites s, customers c
            WHERE s.code = %s AND c.code = %s RETURNING id
            """,
            number, at(received_ms), None if confirmed_ms is None else at(confirmed_ms), site,
            customer,
        )  # fmt: skip
        await self.line(
            order, due_ms=due_ms, quantity=quantity, item=item, unit=unit, started_ms=started_ms,
            produced_ms=produced_ms, made_on=made_on,
        )  # fmt: skip
        await self.told(order, "OrderReceived", at_ms=received_ms)
        return order

    async def line(
        self,
        order: int,
        *,
        due_ms: int | None,
        number: int = 10,
        quantity: int = 100,
        item: str = "gear",
        unit: str = "pcs",
        started_ms: int | None = None,
        produced_ms: int | None = None,
        made_on: str | None = None,
    ) -> int:
        """A line of an order."""
        line: int = await self.one(
            """
            INSERT INTO order_lines (order_id, number, item_id, quantity, unit, due_at, state,
                                     started_at, produced_at)
            SELECT %s, %s, id, %s, %s, %s, 'released', %s, %s FROM items WHERE code = %s
            RETURNING id
            """,
            order, number, quantity, unit, None if due_ms is None else at(due_ms),
            None if started_ms is None else at(started_ms),
            None if produced_ms is None else at(produced_ms), item,
        )  # fmt: skip
        if made_on is not None:
            await self.made(line, made_on, started_ms=started_ms, ended_ms=produced_ms)
        return line

    async def made(
        self, line: int, machine: str, *, started_ms: int | None, ended_ms: int | None
    ) -> int:
        """A work order of one operation that makes a line; answers the work order."""
        work: int = await self.one(
            """
            INSERT INTO work_orders (site_id, number, planned, created_at)
            SELECT site_id, 'w' || %s::text, true, %s FROM machines WHERE path = %s RETURNING id
            """,
            line, at(T0 - 5 * DAY), machine,
        )  # fmt: skip
        await self.run(
            "INSERT INTO pegs (order_line_id, work_order_id, quantity) VALUES (%s, %s, 100)",
            line,
            work,
        )
        await self.run(
            """
            INSERT INTO operations
                (work_order_id, number, planned, machine_id, started_ms, ended_ms)
            SELECT %s, 10, true, id, %s, %s FROM machines WHERE path = %s
            """,
            work, started_ms, ended_ms, machine,
        )  # fmt: skip
        return work

    async def told(
        self,
        order: int,
        action: str,
        *,
        at_ms: int,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
        actor: str = "planner",
    ) -> None:
        """An entry of the audit log."""
        await self.run(
            """
            INSERT INTO audit_log (at, actor, origin, order_id, action, before, after)
            VALUES (%s, %s, 'test', %s, %s, %s, %s)
            """,
            at(at_ms), actor, order, action, Jsonb(before), Jsonb(after),
        )  # fmt: skip

    async def move_date(
        self, order: int, from_ms: int, to_ms: int, *, at_ms: int, asked_by_customer: bool = False
    ) -> None:
        """Another date for line 10, with its entry."""
        await self.run(
            "UPDATE order_lines SET due_at = %s WHERE order_id = %s AND number = 10",
            at(to_ms),
            order,
        )
        after: dict[str, Any] = {"lines": [{"number": 10, "due_at": at(to_ms).isoformat()}]}
        if asked_by_customer:
            after["asked_by_customer"] = True
        await self.told(
            order,
            "OrderChanged",
            at_ms=at_ms,
            before={"lines": [{"number": 10, "due_at": at(from_ms).isoformat()}]},
            after=after,
        )

    async def ship(
        self, order: int, *, at_ms: int, quantity: int = 100, number: int = 1, line: int = 10
    ) -> None:
        """A shipment of a line."""
        await self.run(
            "INSERT INTO shipments (order_id, number, state, packed_ms, shipped_ms, device)"
            " VALUES (%s, %s, 'shipped', %s, %s, 'd')",
            order,
            number,
            at_ms - HOUR // 2,
            at_ms,
        )
        await self.run(
            """
            INSERT INTO shipment_lines (order_id, number, order_line_id, picked, packed, shipped)
            SELECT order_id, %s, id, %s, %s, %s FROM order_lines WHERE order_id = %s AND number = %s
            """,
            number, quantity, quantity, quantity, order, line,
        )  # fmt: skip

    async def states(self, machine: str, *states: tuple[int, str]) -> None:
        """What a machine told: from when on it was in which state."""
        before = None
        for e_ms, state in states:
            await self.run(
                """
                INSERT INTO state_changes (machine_id, e_ms, nth, left_state, state)
                SELECT id, %s, 0, %s, %s FROM machines WHERE path = %s
                """,
                e_ms, before, state, machine,
            )  # fmt: skip
            before = state

    async def plan(
        self,
        ends: Mapping[int, int],
        *,
        published_ms: int,
        shares: Sequence[Mapping[str, Any]] = (),
    ) -> int:
        """A plan in force from a moment on, with the orders' ends; it supersedes the one before."""
        self._plans += 1
        await self.run(
            "UPDATE plans SET state = 'superseded', superseded_at = %s WHERE state = 'published'",
            at(published_ms),
        )
        plan: int = await self.one(
            """
            INSERT INTO plans (scope, number, state, as_of_ms, created_at, published_at, method,
                               solve_ms, reasons, metrics)
            VALUES ('plant', %s, 'published', %s, %s, %s, 'test', 1, '[]', '{}') RETURNING id
            """,
            self._plans, published_ms, at(published_ms), at(published_ms),
        )  # fmt: skip
        for order, end_ms in ends.items():
            await self.run(
                "INSERT INTO plan_orders (plan_id, order_id, end_ms, shares)"
                " VALUES (%s, %s, %s, %s)",
                plan,
                order,
                end_ms,
                Jsonb(list(shares)) if shares else None,
            )
        return plan

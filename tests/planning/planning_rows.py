"""A factory as rows, written by SQL: what the API and the telemetry agents would have written.

`seed_factory` makes one of any size in a few statements. `Rows` adds to it, a row at a time.
Everything is the same in every run: no chance, no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from store.database import Connection
from store.telemetry.adoption import HistoryPartitions, months_of

NOW_MS = 1_772_438_400_000
"""Monday, 2026-03-02, 08:00 UTC."""
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000


def at(moment_ms: int) -> datetime:
    """Epoch milliseconds as the database takes them."""
    return datetime.fromtimestamp(moment_ms / 1000, UTC)


@dataclass
class Factory:
    """What was seeded. Lists are in the order of making; operations by work order and number."""

    scope: str
    sites: list[int] = field(default_factory=list)
    machines: list[int] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    orders: list[int] = field(default_factory=list)
    order_numbers: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    work_orders: list[int] = field(default_factory=list)
    operations: list[int] = field(default_factory=list)
    running: list[int] = field(default_factory=list)


async def seed_factory(
    connection: Connection,
    *,
    operations: int = 1_000,
    machines: int = 20,
    steps: int = 5,
    alternatives: int = 2,
    families: int = 4,
    quantity: int = 60,
    cycle_ms: int = 30_000,
    setup_ms: int = 10 * MINUTE_MS,
    running: int = 0,
    load: float = 0.8,
    sites: Sequence[str] = ("plant-1",),
    scope: str | None = None,
    time_zone: str = "UTC",
    shifts: Sequence[tuple[int, int]] = (),
    now_ms: int = NOW_MS,
) -> Factory:
    """Make sites, machines, items with routings, and released orders with work orders.

    A work order has `steps` operations on successive machines and is pegged to an order of its own.

    Args:
        connection: in a transaction or not.
        operations: how many, all open.
        machines: over all sites.
        steps: operations per work order.
        alternatives: other machines that can do an operation, a tenth slower each.
        families: setup families; items take turns. 0: none, and no setup matrix.
        quantity: pieces per work order (work orders vary by up to a half).
        cycle_ms, setup_ms: standard times; the matrix has a third of `setup_ms` between families.
        running: so many machines have their first operation started, half of it done.
        load: due dates leave each work order the time that the whole factory needs up to it at
            this load; lower is more relaxed.
        sites: their codes.
        scope: a planning scope for all of them; None: each its own.
        time_zone: the sites'.
        shifts: from and to minute of each weekday; empty: day and night.
        now_ms: the moment it is made for.
    """
    made = Factory(scope=scope or sites[0])
    made.sites = await _ids(
        connection,
        """
        INSERT INTO sites (code, name, time_zone, planning_scope)
        SELECT code, code, %s, %s FROM unnest(%s::text[]) WITH ORDINALITY AS c (code, n)
        ORDER BY n RETURNING id
        """,
        time_zone,
        scope,
        list(sites),
    )
    await _machines(connection, made, sites, machines)
    await _items(connection, made, families or 1, with_families=families > 0)
    await _work(
        connection,
        made,
        operations=operations,
        steps=steps,
        quantity=quantity,
        cycle_ms=cycle_ms,
        setup_ms=setup_ms,
        slack_ms=int(steps * quantity * cycle_ms / max(machines, 1) / load),
        now_ms=now_ms,
    )
    if alternatives:
        await _alternatives(connection, made, alternatives)
    if families:
        await _setups(connection, made, setup_ms // 3)
    for begin, end in shifts:
        await connection.execute(
            """
            INSERT INTO working_times (site_id, shift, weekday, start_minute, end_minute)
            SELECT s, 'shift', d, %s, %s FROM unnest(%s::integer[]) AS s, generate_series(0, 4) AS d
            """,
            (begin, end, made.sites),
        )
    rows = Rows(connection)
    for machine in made.machines[:running]:
        await rows.start_first(made, machine, quantity=quantity, now_ms=now_ms)
    for table in ("machines", "orders", "order_lines", "pegs", "work_orders", "operations"):
        await connection.execute(f"ANALYZE {table}".encode())
    return made


async def _machines(
    connection: Connection, made: Factory, sites: Sequence[str], machines: int
) -> None:
    paths = [
        f"{sites[number % len(sites)]}/hall/line{number // 5}/m{number:03d}"
        for number in range(machines)
    ]
    made.paths = paths
    made.machines = await _ids(
        connection,
        """
        INSERT INTO machines (site_id, path, area, line, name, position, configured)
        SELECT s.id, p.path, 'hall', split_part(p.path, '/', 3), split_part(p.path, '/', 4), p.n,
               true
        FROM unnest(%s::text[]) WITH ORDINALITY AS p (path, n)
        JOIN sites s ON s.code = split_part(p.path, '/', 1)
        ORDER BY p.n RETURNING id
        """,
        paths,
    )
    await connection.execute(
        """
        INSERT INTO machine_states (machine_id, state, state_since_ms)
        SELECT id, 'idle', 0 FROM unnest(%s::integer[]) AS id
        """,
        (made.machines,),
    )


async def _items(connection: Connection, made: Factory, items: int, *, with_families: bool) -> None:
    made.items = await _ids(
        connection,
        """
        INSERT INTO items (code, name, setup_family)
        SELECT 'item-' || n, 'Item ' || n, CASE WHEN %s THEN 'family-' || n END
        FROM generate_series(0, %s - 1) AS n ORDER BY n RETURNING id
        """,
        with_families,
        items,
    )
    await connection.execute(
        "INSERT INTO customers (code, name) VALUES ('acme', 'Acme Ltd') ON CONFLICT DO NOTHING"
    )


async def _work(
    connection: Connection,
    made: Factory,
    *,
    operations: int,
    steps: int,
    quantity: int,
    cycle_ms: int,
    setup_ms: int,
    slack_ms: int,
    now_ms: int,
) -> None:
    count = -(-operations // steps)
    by_site: dict[int, list[int]] = {index: [] for index in range(len(made.sites))}
    for index, machine in enumerate(made.machines):
        by_site[index % len(made.sites)].append(machine)
    site_of = [index % len(made.sites) for index in range(count)]
    amounts = [quantity * (4 + number % 3) // 4 for number in range(count)]
    dues = [
        at(now_ms + steps * quantity * cycle_ms * 3 // 2 + number * slack_ms)
        for number in range(count)
    ]
    made.order_numbers = [f"SO-{number:05d}" for number in range(count)]
    sites = [made.sites[index] for index in site_of]
    items = [made.items[number % len(made.items)] for number in range(count)]
    made.orders = await _ids(
        connection,
        """
        INSERT INTO orders (site_id, customer_id, number, priority)
        SELECT n.site, c.id, n.number, n.priority
        FROM unnest(%s::integer[], %s::text[], %s::integer[]) WITH ORDINALITY
            AS n (site, number, priority, place)
        JOIN customers c ON c.code = 'acme' ORDER BY n.place RETURNING id
        """,
        sites,
        made.order_numbers,
        [number % 4 for number in range(count)],
    )
    made.lines = await _ids(
        connection,
        """
        INSERT INTO order_lines (order_id, number, item_id, quantity, unit, due_at, state)
        SELECT n.id, 1, n.item, n.quantity, 'pcs', n.due, 'released'
        FROM unnest(%s::bigint[], %s::integer[], %s::numeric[], %s::timestamptz[])
            WITH ORDINALITY AS n (id, item, quantity, due, place)
        ORDER BY n.place RETURNING id
        """,
        made.orders,
        items,
        amounts,
        dues,
    )
    made.work_orders = await _ids(
        connection,
        """
        INSERT INTO work_orders (site_id, number, item_id, quantity_ordered, due_at, planned)
        SELECT n.site, 'WO-' || lpad((n.place - 1)::text, 5, '0'), n.item, n.quantity, n.due, true
        FROM unnest(%s::integer[], %s::integer[], %s::numeric[], %s::timestamptz[])
            WITH ORDINALITY AS n (site, item, quantity, due, place)
        ORDER BY n.place RETURNING id
        """,
        sites,
        items,
        amounts,
        dues,
    )
    await connection.execute(
        """
        INSERT INTO pegs (order_line_id, work_order_id, quantity)
        SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::numeric[])
        """,
        (made.lines, made.work_orders, amounts),
    )
    wanted = [(number, step) for number in range(count) for step in range(steps)][:operations]
    made.operations = await _ids(
        connection,
        """
        INSERT INTO operations
            (work_order_id, number, name, planned, machine_id, cycle_ms, setup_ms)
        SELECT n.id, n.number, 'Step ' || n.number, true, n.machine, %s, %s
        FROM unnest(%s::bigint[], %s::bigint[], %s::integer[])
            WITH ORDINALITY AS n (id, number, machine, place)
        ORDER BY n.place RETURNING id
        """,
        cycle_ms,
        setup_ms,
        [made.work_orders[number] for number, _ in wanted],
        [10 * (step + 1) for _, step in wanted],
        [
            by_site[site_of[number]][(number * 7 + step * 3) % len(by_site[site_of[number]])]
            for number, step in wanted
        ],
    )


async def _alternatives(connection: Connection, made: Factory, alternatives: int) -> None:
    """The operation's own machine, and the next ones of its site, each a tenth slower."""
    await connection.execute(
        """
        WITH placed AS (
            SELECT id, site_id, row_number() OVER (PARTITION BY site_id ORDER BY id) - 1 AS place,
                   count(*) OVER (PARTITION BY site_id) AS machines
            FROM machines WHERE id = ANY(%s)
        )
        INSERT INTO operation_alternatives (operation_id, machine_id, cycle_ms, setup_ms)
        SELECT o.id, other.id, o.cycle_ms * (10 + k) / 10, o.setup_ms
        FROM operations o
        JOIN placed own ON own.id = o.machine_id
        CROSS JOIN generate_series(0, %s) AS k
        JOIN placed other ON other.site_id = own.site_id
             AND other.place = (own.place + k) %% own.machines
        WHERE o.id = ANY(%s)
        ON CONFLICT DO NOTHING
        """,
        (made.machines, alternatives, made.operations),
    )


async def _setups(connection: Connection, made: Factory, setup_ms: int) -> None:
    await connection.execute(
        """
        INSERT INTO setup_times (machine_id, from_family, to_family, setup_ms)
        SELECT m, a.setup_family, b.setup_family, %s
        FROM unnest(%s::integer[]) AS m, items a, items b
        WHERE a.id = ANY(%s) AND b.id = ANY(%s) AND a.setup_family <> b.setup_family
        """,
        (setup_ms, made.machines, made.items, made.items),
    )


class Rows:
    """Adds to a factory, the short way. Columns that are not given have the schema's defaults."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def one(self, query: str, *values: Any) -> Any:
        """The first column of the first row."""
        cursor = await self.connection.execute(query.encode(), values)
        row = await cursor.fetchone()
        assert row is not None
        return row[0]

    async def run(self, query: str, *values: Any) -> None:
        """A statement whose answer nobody needs."""
        await self.connection.execute(query.encode(), values)

    async def site(
        self, code: str, *, time_zone: str = "UTC", planning_scope: str | None = None
    ) -> int:
        return int(
            await self.one(
                """
                INSERT INTO sites (code, name, time_zone, planning_scope) VALUES (%s, %s, %s, %s)
                RETURNING id
                """,
                code,
                code,
                time_zone,
                planning_scope,
            )
        )

    async def machine(
        self, path: str, *, state: str = "idle", state_since_ms: int = 0, reason: str | None = None
    ) -> int:
        """A machine, configured and known to telemetry; its site must be there."""
        site, area, line, name = path.split("/")
        machine = int(
            await self.one(
                """
                INSERT INTO machines (site_id, path, area, line, name, configured)
                SELECT id, %s, %s, %s, %s, true FROM sites WHERE code = %s RETURNING id
                """,
                path,
                area,
                line,
                name,
                site,
            )
        )
        await self.state(machine, state, since_ms=state_since_ms, reason=reason)
        return machine

    async def state(
        self,
        machine: int,
        state: str,
        *,
        since_ms: int = 0,
        reason: str | None = None,
        operation: int | None = None,
    ) -> None:
        """What a machine is doing now, and on what."""
        await self.run(
            """
            INSERT INTO machine_states AS m
                (machine_id, state, state_since_ms, reason, operation_id, version)
            VALUES (%s, %s, %s, %s, %s, 1)
            ON CONFLICT (machine_id) DO UPDATE
            SET state = excluded.state, state_since_ms = excluded.state_since_ms,
                reason = excluded.reason, operation_id = excluded.operation_id,
                version = m.version + 1
            """,
            machine,
            state,
            since_ms,
            reason,
            operation,
        )

    async def item(self, code: str, *, family: str | None = None) -> int:
        return int(
            await self.one(
                """
                INSERT INTO items (code, name, setup_family) VALUES (%s, %s, %s)
                ON CONFLICT (code) DO UPDATE SET setup_family = excluded.setup_family RETURNING id
                """,
                code,
                code,
                family,
            )
        )

    async def order(
        self,
        site: int,
        number: str,
        *,
        item: int,
        quantity: int = 10,
        due_ms: int | None = None,
        priority: int = 0,
        state: str = "released",
        customer: str = "acme",
    ) -> tuple[int, int]:
        """An order with one line; answers both ids."""
        customer_id = await self.one(
            """
            INSERT INTO customers (code, name) VALUES (%s, %s)
            ON CONFLICT (code) DO UPDATE SET name = excluded.name RETURNING id
            """,
            customer,
            customer.title(),
        )
        order = await self.one(
            """
            INSERT INTO orders (site_id, customer_id, number, priority) VALUES (%s, %s, %s, %s)
            RETURNING id
            """,
            site,
            customer_id,
            number,
            priority,
        )
        return order, await self.line(
            order, 1, item=item, quantity=quantity, due_ms=due_ms, state=state
        )

    async def line(
        self,
        order: int,
        number: int,
        *,
        item: int,
        quantity: int = 10,
        due_ms: int | None = None,
        state: str = "released",
    ) -> int:
        return int(
            await self.one(
                """
                INSERT INTO order_lines (order_id, number, item_id, quantity, unit, due_at, state)
                VALUES (%s, %s, %s, %s, 'pcs', %s, %s) RETURNING id
                """,
                order,
                number,
                item,
                quantity,
                None if due_ms is None else at(due_ms),
                state,
            )
        )

    async def work_order(
        self,
        site: int,
        number: str,
        *,
        item: int | None = None,
        quantity: int | None = 10,
        due_ms: int | None = None,
        planned: bool = True,
        lines: Sequence[int] = (),
    ) -> int:
        """A work order, pegged to order lines."""
        work_order = int(
            await self.one(
                """
                INSERT INTO work_orders
                    (site_id, number, item_id, quantity_ordered, due_at, planned)
                VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
                """,
                site,
                number,
                item,
                quantity,
                None if due_ms is None else at(due_ms),
                planned,
            )
        )
        for line in lines:
            await self.run(
                "INSERT INTO pegs (order_line_id, work_order_id, quantity) VALUES (%s, %s, %s)",
                line,
                work_order,
                quantity,
            )
        return work_order

    async def operation(
        self,
        work_order: int,
        number: int,
        machine: int | None,
        *,
        cycle_ms: int | None = MINUTE_MS,
        setup_ms: int = 0,
        quantity: int | None = None,
        planned: bool = True,
        alternatives: dict[int, tuple[int, int]] | None = None,
    ) -> int:
        """An operation; `alternatives` are (cycle_ms, setup_ms) by machine, its own included."""
        operation = int(
            await self.one(
                """
                INSERT INTO operations
                    (work_order_id, number, name, planned, machine_id, cycle_ms, setup_ms, quantity)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
                """,
                work_order,
                number,
                f"Step {number}",
                planned,
                machine,
                cycle_ms,
                setup_ms,
                quantity,
            )
        )
        for other, (cycle, setup) in (alternatives or {}).items():
            await self.run(
                "INSERT INTO operation_alternatives VALUES (%s, %s, %s, %s)",
                operation,
                other,
                cycle,
                setup,
            )
        return operation

    async def start(
        self,
        operation: int,
        machine: int,
        *,
        good: int = 0,
        state: str = "running",
        started_ms: int = NOW_MS - HOUR_MS,
        changed_ms: int | None = None,
        requested: int | None = None,
        on_machine: bool = True,
    ) -> None:
        """What the telemetry agent writes when the floor starts (pauses, interrupts) an operation.

        With `on_machine` it is the machine's current one.
        """
        await self.run(
            """
            INSERT INTO contributions
                (operation_id, machine_id, good, scrap, runs, requested, requested_ms, started_ms,
                 change_e, change_source, change_boot, change_seq, state, named_e, named_source)
            VALUES (%s, %s, %s, 0, 1, %s, %s, %s, %s, 'plc', 'b1', 1, %s, %s, 'plc')
            ON CONFLICT (operation_id, machine_id) DO UPDATE
            SET good = excluded.good, change_e = excluded.change_e, state = excluded.state
            """,
            operation,
            machine,
            Decimal(good),
            requested,
            started_ms,
            started_ms,
            started_ms if changed_ms is None else changed_ms,
            state,
            started_ms,
        )
        await self.run(
            """
            UPDATE operations
            SET state = %s, runs = 1, good_pieces = %s, started_ms = %s, requested = %s,
                version = version + 1
            WHERE id = %s
            """,
            state,
            good,
            started_ms,
            requested,
            operation,
        )
        if on_machine:
            await self.state(
                machine,
                "running" if state == "running" else "idle",
                since_ms=started_ms,
                operation=operation,
            )

    async def end(self, operation: int, machine: int, *, ended_ms: int = NOW_MS) -> None:
        """What the agent writes when an operation is completed."""
        await self.run(
            """
            UPDATE operations SET state = 'completed', ended_ms = %s, version = version + 1
            WHERE id = %s
            """,
            ended_ms,
            operation,
        )
        await self.run(
            "UPDATE contributions SET state = 'completed', change_e = %s WHERE operation_id = %s",
            ended_ms,
            operation,
        )
        await self.state(machine, "idle", since_ms=ended_ms)

    async def start_first(self, made: Factory, machine: int, *, quantity: int, now_ms: int) -> None:
        """Start the first work order's first step on a machine, half done."""
        operation = await self.one(
            """
            SELECT coalesce((
                SELECT o.id FROM operations o
                WHERE o.machine_id = %s AND o.id = ANY(%s) AND o.state = 'planned'
                  AND o.number = (SELECT min(number) FROM operations
                                  WHERE work_order_id = o.work_order_id)
                ORDER BY o.id LIMIT 1), 0)
            """,
            machine,
            made.operations,
        )
        if operation:
            await self.start(
                operation, machine, good=quantity // 2, started_ms=now_ms - quantity * 15_000
            )
            made.running.append(operation)

    async def pieces(self, machine: int, at_ms: int, good: int) -> None:
        """Good pieces of a machine in the slot that holds a moment."""
        await HistoryPartitions().ensure(self.connection, months_of([at_ms]))
        await self.run(
            """
            INSERT INTO piece_slots (machine_id, slot_ms, good, scrap) VALUES (%s, %s, %s, 0)
            ON CONFLICT (machine_id, slot_ms) DO UPDATE SET good = excluded.good
            """,
            machine,
            at_ms - at_ms % 300_000,
            good,
        )


async def _ids(connection: Connection, query: str, *values: Any) -> list[int]:
    cursor = await connection.execute(query.encode(), values)
    return [row[0] for row in await cursor.fetchall()]

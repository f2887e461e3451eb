"""A factory of four machines to which things happen, by chance and with fixed seeds."""

from __future__ import annotations

import random

from planning_rows import HOUR_MS, MINUTE_MS, NOW_MS, Rows
from planning_shop import SCOPE


class Walk:
    """A factory of four machines to which things happen."""

    def __init__(self, rows: Rows, seed: int) -> None:
        self.rows = rows
        self.chance = random.Random(seed)
        self.now_ms = NOW_MS
        self.site = 0
        self.machines: list[int] = []
        self.items: list[int] = []
        self.works: list[int] = []
        self.current: dict[int, int] = {}
        self.orders = 0
        self.operations = 0

    async def begin(self) -> None:
        self.site = await self.rows.site(SCOPE)
        self.machines = [
            await self.rows.machine(f"{SCOPE}/hall/line1/m{number}") for number in range(4)
        ]
        self.items = [await self.rows.item(f"item-{n}", family=f"family-{n}") for n in range(3)]
        await self.rows.run(
            """
            INSERT INTO setup_times SELECT m, a.setup_family, b.setup_family, 600000
            FROM unnest(%s::integer[]) m, items a, items b WHERE a.id <> b.id
            """,
            self.machines,
        )
        await self.rows.run(
            """
            INSERT INTO working_times (site_id, shift, weekday, start_minute, end_minute)
            SELECT %s, 'day', d, 360, 1320 FROM generate_series(0, 5) AS d
            """,
            self.site,
        )
        for _ in range(6):
            await self.release()

    async def step(self) -> None:
        self.now_ms += self.chance.randrange(20) * MINUTE_MS
        happens = self.chance.choice(
            [self.start] * 5
            + [self.progress] * 3
            + [self.leave] * 4
            + [self.stop] * 2
            + [self.release, self.add_step, self.call_off]
        )
        await happens()

    async def release(self) -> None:
        """An order with a work order of one to four steps."""
        self.orders += 1
        due = self.now_ms + self.chance.randrange(1, 12) * HOUR_MS
        item = self.chance.choice(self.items)
        _, line = await self.rows.order(
            self.site,
            f"SO-{self.orders}",
            item=item,
            due_ms=due,
            priority=self.chance.randrange(10),
        )
        work = await self.rows.work_order(
            self.site,
            f"WO-{self.orders}",
            item=item,
            quantity=self.chance.randrange(1, 60),
            lines=[line],
        )
        self.works.append(work)
        for number in range(self.chance.randrange(1, 5)):
            await self.operation(work, 100 * (number + 1))

    async def operation(self, work: int, number: int) -> None:
        choice = self.chance.sample(self.machines, self.chance.randrange(1, 4))
        times = {machine: (self.chance.randrange(1, 90) * 1_000, 300_000) for machine in choice}
        self.operations += 1
        lacking = self.operations % 9 == 0
        await self.rows.operation(
            work,
            number,
            None if lacking else choice[0],
            cycle_ms=times[choice[0]][0],
            setup_ms=300_000,
            alternatives=None if lacking else times,
        )

    async def add_step(self) -> None:
        """A step is put in between, also before what is running or frozen."""
        await self.operation(self.chance.choice(self.works), self.chance.randrange(1, 500) * 3 + 1)

    async def start(self) -> None:
        """Somebody starts an operation, in order or not, on its machine or another."""
        machine = self.chance.choice(self.machines)
        operation = await self.rows.one(
            """
            SELECT coalesce((SELECT id FROM operations WHERE state IN ('planned', 'interrupted')
                             AND machine_id IS NOT NULL ORDER BY md5(id || %s) LIMIT 1), 0)
            """,
            str(self.chance.random()),
        )
        if not operation:
            return
        if machine in self.current:
            await self.mark(self.current.pop(machine), machine, "interrupted")
        await self.rows.start(
            operation, machine, started_ms=self.now_ms - MINUTE_MS, changed_ms=self.now_ms
        )
        self.current[machine] = operation

    async def progress(self) -> None:
        for machine, operation in self.current.items():
            good = self.chance.randrange(15)
            await self.rows.run(
                "UPDATE operations SET good_pieces = good_pieces + %s WHERE id = %s",
                good,
                operation,
            )
            await self.rows.pieces(machine, self.now_ms, good)

    async def leave(self) -> None:
        """An operation is completed, aborted, or paused."""
        if not self.current:
            return
        machine = self.chance.choice(sorted(self.current))
        state = self.chance.choice(["completed", "completed", "aborted", "paused"])
        if state == "paused":
            await self.mark(self.current[machine], machine, state)
            return
        await self.mark(self.current.pop(machine), machine, state)
        await self.rows.state(machine, "idle", since_ms=self.now_ms)

    async def mark(self, operation: int, machine: int, state: str) -> None:
        await self.rows.run("UPDATE operations SET state = %s WHERE id = %s", state, operation)
        await self.rows.run(
            """
            UPDATE contributions SET state = %s, change_e = %s
            WHERE operation_id = %s AND machine_id = %s
            """,
            state,
            self.now_ms,
            operation,
            machine,
        )

    async def stop(self) -> None:
        machine = self.chance.choice(self.machines)
        await self.rows.state(
            machine,
            self.chance.choice(["down", "down", "running", "idle"]),
            since_ms=self.now_ms - self.chance.randrange(60) * MINUTE_MS,
            operation=self.current.get(machine),
        )

    async def call_off(self) -> None:
        await self.rows.run(
            "UPDATE work_orders SET cancelled_at = now() WHERE id = %s",
            self.chance.choice(self.works),
        )

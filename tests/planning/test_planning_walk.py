"""Whatever happens on the floor and in the office: what is loaded can be planned and stored.

A walk at random (with fixed seeds) through starts, pauses, ends, breakdowns, cancellations, new
work, and new plans. After every few steps the problem is loaded; right-shift and a dispatch rule
must answer it with plans that the independent validator accepts, and one of them is put in force.
"""

from __future__ import annotations

import random

import pytest
from planning_rows import HOUR_MS, MINUTE_MS, NOW_MS, Rows
from planning_shop import SCOPE

from contracts.plan import PlanState
from domain.plan.dispatch import RULES, dispatch
from domain.plan.lateness import late_jobs
from domain.plan.metrics import metrics
from domain.plan.plan import Plan, Solved
from domain.plan.policy import Policy
from domain.plan.problem import PinKind
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations
from store.database import Connection
from store.planning import plans, policies
from store.planning.loaded import Loaded
from store.planning.problem import load_problem

STEPS = 60


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


def answer(loaded: Loaded, chance: random.Random) -> Solved:
    """Right-shift or a rule's plan, whichever chance picks; both have to be valid."""
    rule = chance.choice(list(RULES))
    found: dict[str, Plan] = {
        "right_shift": right_shift(loaded.problem),
        "dispatch": dispatch(loaded.problem, rule),
    }
    for method, plan in found.items():
        assert violations(loaded.problem, plan) == [], (method, rule)
    method = chance.choice(sorted(found))
    return Solved(
        plan=found[method],
        metrics=metrics(loaded.problem, found[method]),
        late=late_jobs(loaded.problem, found[method]),
        method=method,
        solve_ms=0,
    )


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_there_is_a_plan(
    rows: Rows, connection: Connection, seed: int
) -> None:
    walk = Walk(rows, seed)
    await walk.begin()
    frozen_ms = walk.chance.choice([0, 10 * MINUTE_MS, 2 * HOUR_MS])
    await policies.put_policy(connection, SCOPE, Policy(frozen_ms=frozen_ms), changed_by="test")
    pins: set[PinKind] = set()
    codes: set[str] = set()
    for number in range(STEPS):
        await walk.step()
        if number % 3:
            continue
        loaded = await load_problem(connection, SCOPE, now_ms=walk.now_ms)
        solved = answer(loaded, walk.chance)
        async with connection.transaction():
            stored = await plans.store_plan(
                connection,
                loaded,
                solved,
                state=PlanState.PUBLISHED,
                waiting=None,
                reasons=[],
                disruption_ids=[],
                now_ms=walk.now_ms,
            )
        pins |= {each.pin.kind for each in loaded.problem.operations if each.pin}
        codes |= {each.code for each in loaded.unplanned}
        assert await plans.assignments(connection, stored.id) == {
            each.operation: each for each in solved.plan.assignments
        }
        moved = await rows.one(
            """
            SELECT count(*) FROM plan_operations p JOIN operations o ON o.id = p.operation_id
            WHERE p.plan_id = %s AND o.state = 'planned' AND o.machine_id <> p.machine_id
            """,
            stored.id,
        )
        assert moved == 0
    assert PinKind.RUNNING in pins
    assert (PinKind.FROZEN in pins) or not frozen_ms
    assert "no_machine" in codes

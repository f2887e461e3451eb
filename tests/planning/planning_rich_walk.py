"""The walk of `planning_walk` through a factory with everything that a plan has to keep to.

Two sites that are planned together, with the way between them; an oven; people by skill with shifts
and absences, a tool; transfer batches; work that must not be interrupted, that cools down, that
waits for material or for another work order; locks to machines, dates and turns; maintenance; and
policies, weighted and in order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from planning_rows import HOUR_MS, MINUTE_MS, Rows, at
from planning_shop import SCOPE
from planning_walk import Walk

from contracts.plan import DisruptionKind
from domain.plan.policy import Criterion, Displacement, Policy
from domain.plan.problem import PinKind, Problem, ReleaseKind, ResourceKind

DAY_MS = 24 * HOUR_MS
SKILLS = ("weld", "fit")
MOST_OPEN = 26
"""So many operations are open at once: then nothing is released."""
Event = Callable[[], Awaitable[DisruptionKind]]


class RichWalk(Walk):
    """One disruption after the other."""

    def __init__(self, rows: Rows, seed: int) -> None:
        super().__init__(rows, seed)
        self.other_site = 0
        self.oven = 0
        self.people: list[int] = []

    async def begin(self) -> None:
        self.other_site = await self.rows.site("plant-2", planning_scope=SCOPE)
        await super().begin()
        self.machines.append(await self.rows.machine("plant-2/hall/line1/m4"))
        self.oven = await self.rows.machine(f"{SCOPE}/hall/line1/oven")
        await self.rows.run("UPDATE machines SET batch_capacity = 40 WHERE id = %s", self.oven)
        await self.rows.run(
            "INSERT INTO transport_times (from_site_id, to_site_id, hours)"
            " VALUES (%s, %s, 1), (%s, %s, 2)",
            *(self.site, self.other_site, self.other_site, self.site),
        )
        for code, kind, quantity, skills in (
            ("li", "operator", 1, ("weld",)),
            ("wang", "operator", 1, ("weld", "fit")),
            ("team", "operator", 2, ("fit",)),
            ("die", "tool", 1, ()),
        ):
            for site in (self.site, self.other_site):
                resource = await self.rows.one(
                    """
                    INSERT INTO resources (site_id, code, name, kind, quantity)
                    VALUES (%s, %s, %s, %s, %s) RETURNING id
                    """,
                    site,
                    code,
                    code.title(),
                    kind,
                    quantity,
                )
                self.people.append(resource)
                for skill in skills:
                    await self.rows.run(
                        "INSERT INTO resource_skills VALUES (%s, %s)", resource, skill
                    )

    async def disrupt(self) -> DisruptionKind:
        """Time passes, and something happens that plans have to answer."""
        self.now_ms += self.chance.randrange(15) * MINUTE_MS
        for _ in range(self.chance.randrange(3)):
            await self.chance.choice((self.start, self.progress, self.progress, self.leave))()
        events: list[Event] = [
            *[self.break_down] * 3,
            *[self.new_work] * 3,
            self.change,
            self.give_up,
            self.lock,
            self.lock,
            self.away,
            self.maintain,
            self.material,
            self.put_in,
        ]
        return await self.chance.choice(events)()

    # What happens

    async def break_down(self) -> DisruptionKind:
        before = await self.rows.one("SELECT count(*) FROM machine_states WHERE state = 'down'")
        await self.stop()
        after = await self.rows.one("SELECT count(*) FROM machine_states WHERE state = 'down'")
        return DisruptionKind.MACHINE_UP if after < before else DisruptionKind.MACHINE_DOWN

    async def new_work(self) -> DisruptionKind:
        count = await self.rows.one(
            "SELECT count(*) FROM operations WHERE state NOT IN ('completed', 'aborted')"
        )
        while count > MOST_OPEN:
            count -= await self.finish_one()
        await self.release()
        return DisruptionKind.WORK_RELEASED

    async def finish_one(self) -> int:
        """The oldest work order is over; answers how many operations that were."""
        work = await self.rows.one(
            """
            SELECT min(work_order_id) FROM operations WHERE state NOT IN ('completed', 'aborted')
            """
        )
        gone = await self.rows.one(
            """
            WITH gone AS (
                UPDATE operations SET state = 'completed', ended_ms = %s
                WHERE work_order_id = %s AND state NOT IN ('completed', 'aborted') RETURNING id
            ), left_ AS (
                UPDATE machine_states SET state = 'idle', operation_id = NULL
                WHERE operation_id IN (SELECT id FROM gone) RETURNING machine_id
            )
            SELECT count(*) FROM gone
            """,
            self.now_ms,
            work,
        )
        known = await self.rows.connection.execute(
            "SELECT machine_id FROM machine_states WHERE operation_id IS NOT NULL"
        )
        still = {row[0] for row in await known.fetchall()}
        self.current = {m: o for m, o in self.current.items() if m in still}
        return int(gone)

    async def change(self) -> DisruptionKind:
        """An order is due at another time, or has another priority."""
        await self.rows.run(
            """
            UPDATE order_lines SET due_at = %s WHERE order_id = (
                SELECT id FROM orders ORDER BY id DESC LIMIT 1 OFFSET %s)
            """,
            at(self.now_ms + self.chance.randrange(1, 20) * HOUR_MS),
            self.chance.randrange(5),
        )
        await self.rows.run(
            "UPDATE orders SET priority = %s WHERE id = (SELECT max(id) FROM orders)",
            self.chance.randrange(10),
        )
        return DisruptionKind.ORDER_CHANGED

    async def give_up(self) -> DisruptionKind:
        await self.rows.run(
            "UPDATE work_orders SET cancelled_at = now() WHERE id = %s",
            self.chance.choice(self.works[-8:]),
        )
        return DisruptionKind.ORDER_CANCELLED

    async def lock(self) -> DisruptionKind:
        """Somebody locks an operation where it can be done, with a date or a turn, or frees one."""
        if self.chance.random() < 0.3:
            await self.rows.run(
                "DELETE FROM operation_locks WHERE operation_id = ("
                "SELECT min(operation_id) FROM operation_locks)"
            )
            return DisruptionKind.OPERATION_LOCKED
        wanted = self.now_ms + self.chance.randrange(1, 10) * HOUR_MS
        await self.rows.run(
            """
            INSERT INTO operation_locks (operation_id, machine_id, not_before, turn, locked_by)
            SELECT a.operation_id, a.machine_id, %s, %s, 'ann'
            FROM operation_alternatives a JOIN operations o ON o.id = a.operation_id
            WHERE o.state = 'planned' ORDER BY md5(a.operation_id || %s) LIMIT 1
            ON CONFLICT (operation_id) DO UPDATE
            SET machine_id = excluded.machine_id, not_before = excluded.not_before,
                turn = excluded.turn
            """,
            self.chance.choice((None, at(wanted))),
            self.chance.choice((None, None, self.chance.randrange(5))),
            str(self.chance.random()),
        )
        return DisruptionKind.OPERATION_LOCKED

    async def away(self) -> DisruptionKind:
        start = self.now_ms + self.chance.randrange(-60, 120) * MINUTE_MS
        await self.rows.run(
            """
            INSERT INTO resource_absences (resource_id, starts_at, ends_at, reason, told_by)
            VALUES (%s, %s, %s, 'ill', 'ann')
            """,
            self.chance.choice(self.people),
            at(start),
            at(start + self.chance.randrange(1, 12) * HOUR_MS),
        )
        return DisruptionKind.RESOURCE_ABSENT

    async def maintain(self) -> DisruptionKind:
        machine = self.chance.choice([*self.machines, self.oven])
        start = self.now_ms + self.chance.randrange(-10, 90) * MINUTE_MS
        await self.rows.run(
            """
            INSERT INTO calendar_exceptions (site_id, machine_id, starts_at, ends_at, reason)
            SELECT site_id, id, %s, %s, 'oil' FROM machines WHERE id = %s
            """,
            at(start),
            at(start + self.chance.randrange(10, 240) * MINUTE_MS),
            machine,
        )
        return DisruptionKind.MAINTENANCE_PLANNED

    async def material(self) -> DisruptionKind:
        """Work waits for what a purchase brings, at another time than was told."""
        work = await self.rows.one(
            """
            SELECT coalesce(max(work_order_id), 0) FROM operations WHERE work_order_id IN (
                SELECT work_order_id FROM operations GROUP BY work_order_id
                HAVING bool_and(state = 'planned'))
            """
        )
        if not work:
            return DisruptionKind.REQUESTED
        item = await self.rows.item(f"part-of-{work}")
        site = await self.rows.one("SELECT site_id FROM work_orders WHERE id = %s", work)
        comes = at(self.now_ms + self.chance.randrange(1, 30) * HOUR_MS)
        known = await self.rows.one("SELECT count(*) FROM reservations WHERE item_id = %s", item)
        if known:
            await self.rows.run(
                "UPDATE purchase_lines SET due_at = %s WHERE item_id = %s", comes, item
            )
            return DisruptionKind.MATERIAL_LATE
        await self.rows.run(
            "INSERT INTO stock_heads (item_id, site_id) VALUES (%s, %s)", item, site
        )
        await self.rows.run(
            """
            INSERT INTO reservations (item_id, site_id, quantity, kind, origin, need_at,
                                      work_order_id, head_version, created_by)
            VALUES (%s, %s, 10, 'soft', 'work_order', %s, %s, 0, 'floor')
            """,
            *(item, site, at(self.now_ms), work),
        )
        purchase = await self.rows.one(
            "INSERT INTO purchases (number, site_id, created_by) VALUES (%s, %s, 'ann')"
            " RETURNING id",
            *(f"PO-{work}", site),
        )
        await self.rows.run(
            """
            INSERT INTO purchase_lines (purchase_id, number, item_id, site_id, quantity, due_at)
            VALUES (%s, 1, %s, %s, 10, %s)
            """,
            *(purchase, item, site, comes),
        )
        return DisruptionKind.MATERIAL_LATE

    async def put_in(self) -> DisruptionKind:
        await self.add_step()
        return DisruptionKind.ORDER_CHANGED

    # What work is like

    async def release(self) -> None:
        """A work order, of which some steps need people, an oven, or hand pieces on."""
        await super().release()
        work, chance = self.works[-1], self.chance
        if chance.random() < 0.2 and len(self.works) > 1:
            await self.rows.run(
                """
                INSERT INTO pegs (demand_work_order_id, work_order_id, quantity)
                VALUES (%s, %s, 10)
                """,
                work,
                self.works[-2],
            )
        if chance.random() < 0.2:
            await self.rows.run(
                "UPDATE work_orders SET not_before = %s WHERE id = %s",
                at(self.now_ms + chance.randrange(1, 8) * HOUR_MS),
                work,
            )

    async def operation(self, work: int, number: int) -> None:
        await super().operation(work, number)
        chance = self.chance
        operation = await self.rows.one("SELECT max(id) FROM operations")
        if self.oven and chance.random() < 0.2:
            await self._in_the_oven(operation)
            return
        fields: dict[str, Any] = {
            "needs": chance.choice(
                ([], [], ["weld"], ["fit=2"], ["weld", "die@setup"], ["die"], ["fit", "weld"])
            ),
            "interruptible": chance.random() < 0.8,
            "transfer_batch": chance.choice((None, None, 1, 5)),
            "wait_ms": chance.choice((0, 0, 0, 20 * MINUTE_MS)),
        }
        await self.rows.run(
            """
            UPDATE operations SET needs = %s, interruptible = %s, transfer_batch = %s, wait_ms = %s
            WHERE id = %s
            """,
            *(*fields.values(), operation),
        )

    async def _in_the_oven(self, operation: int) -> None:
        await self.rows.run("DELETE FROM operation_alternatives WHERE operation_id = %s", operation)
        await self.rows.run(
            """
            UPDATE operations SET machine_id = %s, cycle_ms = 1200000, batch_family = %s,
                   batch_room = %s
            WHERE id = %s
            """,
            *(self.oven, self.chance.choice(("hot", "hot", "cold")), 0.3, operation),
        )
        await self.rows.run(
            "INSERT INTO operation_alternatives VALUES (%s, %s, 1200000, 300000)",
            *(operation, self.oven),
        )

    def policy(self) -> Policy:
        """Some policy: weighted, or in order."""
        chance = self.chance
        order = chance.sample(list(Criterion), chance.randrange(4)) if chance.random() < 0.4 else []
        return Policy(
            frozen_ms=chance.choice((0, 10, 60, 180)) * MINUTE_MS,
            move_tolerance_ms=chance.choice((0, 15 * MINUTE_MS)),
            setup=chance.choice((0, 1, 5)),
            makespan=chance.choice((0, 0, 1)),
            balance=chance.choice((0, 0, 1)),
            resequencing=chance.choice((0, 0, 3)),
            order=tuple(order),
            displacement=chance.choice(list(Displacement)),
            improve_ms=0,
        )


def features(problem: Problem) -> set[str]:
    """What is in a problem, of all that can be."""
    found = {"order"} if problem.policy.order else set()
    found |= {f"displacement:{problem.policy.displacement}"}
    found |= {"transport"} if problem.transports else set()
    found |= {f"closed:{each.kind}" for one in problem.machines for each in one.closures}
    for resource in problem.resources:
        found.add(str(ResourceKind(resource.kind)))
        found |= {"short"} if resource.short else set()
        found |= {"nobody"} if resource.unavailable else set()
    for job in problem.jobs:
        found |= {"kept"} if job.keep_by_ms is not None else set()
    for operation in problem.operations:
        found |= {"handed on"} if any(link.overlap for link in operation.after) else set()
        found |= {"joined"} if len(operation.after) > 1 else set()
        found |= {"cools"} if any(link.lag_ms for link in operation.after) else set()
        found |= {"whole"} if not operation.interruptible else set()
        found |= {"baked"} if operation.batch_family is not None else set()
        found |= {f"needed:{n.phase}" for mode in operation.modes for n in mode.needs}
        if operation.release_ms:
            found.add(f"release:{ReleaseKind(operation.release_kind)}")
        if (pin := operation.pin) is not None:
            found.add(str(PinKind(pin.kind)))
            found |= {"dated"} if pin.not_before_ms is not None else set()
            found |= {"turned"} if pin.turn is not None else set()
    return found


EVERYTHING = frozenset(
    {
        *("order", "transport", "tool", "operator", "short", "nobody", "handed on", "cools"),
        *("whole", "baked", "running", "frozen", "locked", "dated", "turned", "joined"),
        *("closed:down", "closed:maintenance", "release:order", "release:material"),
        *("needed:setup", "needed:both"),
        *(f"displacement:{each}" for each in Displacement),
    }
)
"""What a long walk comes across."""

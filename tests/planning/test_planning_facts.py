"""What binds work beside machines and calendars, from rows to the problem, case by case."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from planning_rows import HOUR_MS, MINUTE_MS, NOW_MS, Rows, at
from planning_shop import SCOPE, Shop
from psycopg import sql

from domain.plan.conflicts import conflicts
from domain.plan.plan import Plan
from domain.plan.policy import Displacement, Policy
from domain.plan.problem import (
    Closure,
    ClosureKind,
    Interval,
    Job,
    Need,
    Operation,
    Overlap,
    Phase,
    Pin,
    PinKind,
    Precedence,
    ReleaseKind,
    Resource,
    ResourceKind,
    Shortfall,
    Transport,
)
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations
from store.planning import policies
from store.planning.fact_rows import Absence
from store.planning.loaded import Loaded, Unplanned
from store.planning.problem import load_problem

DAY_MS = 24 * HOUR_MS


class Facts:
    """Adds what binds work to a shop."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.rows = shop.rows

    async def resource(
        self,
        code: str,
        *skills: str,
        kind: str = "operator",
        quantity: int = 1,
        place: str | None = None,
        pattern: int | None = None,
    ) -> int:
        """An operator or a tool."""
        resource = int(
            await self.rows.one(
                """
                INSERT INTO resources (site_id, code, name, kind, quantity, place, pattern_id)
                VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id
                """,
                self.shop.site,
                code,
                code.title(),
                kind,
                quantity,
                place,
                pattern,
            )
        )
        for skill in skills:
            await self.rows.run("INSERT INTO resource_skills VALUES (%s, %s)", resource, skill)
        return resource

    async def absent(
        self, resource: int, start_ms: int, end_ms: int | None, quantity: int | None = None
    ) -> None:
        """They are away, or so many of them."""
        await self.rows.run(
            """
            INSERT INTO resource_absences
                (resource_id, starts_at, ends_at, reason, told_by, quantity)
            VALUES (%s, %s, %s, 'ill', 'ann', %s)
            """,
            resource,
            at(start_ms),
            None if end_ms is None else at(end_ms),
            quantity,
        )

    async def handle(self, operation: int, **columns: Any) -> None:
        """How an operation is done."""
        for column, value in columns.items():
            await self.rows.connection.execute(
                sql.SQL("UPDATE operations SET {} = %s WHERE id = %s").format(
                    sql.Identifier(column)
                ),
                (value, operation),
            )

    async def lock(
        self,
        operation: int,
        machine: int,
        *,
        not_before_ms: int | None = None,
        turn: int | None = None,
    ) -> None:
        """A planner's word."""
        await self.rows.run(
            """
            INSERT INTO operation_locks (operation_id, machine_id, not_before, turn, locked_by)
            VALUES (%s, %s, %s, %s, 'ann')
            """,
            operation,
            machine,
            None if not_before_ms is None else at(not_before_ms),
            turn,
        )

    async def needs_component(
        self,
        work: int,
        item: int,
        quantity: int,
        *,
        need_ms: int = NOW_MS,
        step: int | None = None,
    ) -> None:
        """A work order has its component reserved softly; the bill may name its step."""
        if step is not None:
            await self.at_step(work, item, step)
        await self.rows.run(
            """
            INSERT INTO stock_heads (item_id, site_id) VALUES (%s, %s) ON CONFLICT DO NOTHING
            """,
            item,
            self.shop.site,
        )
        await self.rows.run(
            """
            INSERT INTO reservations (item_id, site_id, quantity, kind, origin, need_at,
                                      work_order_id, head_version, created_by)
            VALUES (%s, %s, %s, 'soft', 'work_order', %s, %s, 0, 'floor')
            """,
            item,
            self.shop.site,
            quantity,
            at(need_ms),
            work,
        )

    async def at_step(self, work: int, item: int, step: int) -> None:
        """A work order takes a component at a step."""
        await self.rows.run(
            """
            INSERT INTO work_order_stock (work_order_id, item_id, site_id) VALUES (%s, %s, %s)
            ON CONFLICT DO NOTHING
            """,
            work,
            self.shop.item,
            self.shop.site,
        )
        await self.rows.run(
            """
            INSERT INTO work_order_components (work_order_id, item_id, quantity_per, step)
            VALUES (%s, %s, 1, %s)
            """,
            work,
            item,
            step,
        )

    async def purchase(self, number: str, item: int, quantity: int, due_ms: int) -> None:
        """It is ordered, and comes then."""
        purchase = await self.rows.one(
            "INSERT INTO purchases (number, site_id, created_by) VALUES (%s, %s, 'ann')"
            " RETURNING id",
            number,
            self.shop.site,
        )
        await self.rows.run(
            """
            INSERT INTO purchase_lines (purchase_id, number, item_id, site_id, quantity, due_at)
            VALUES (%s, 1, %s, %s, %s, %s)
            """,
            purchase,
            item,
            self.shop.site,
            quantity,
            at(due_ms),
        )

    async def in_stock(self, item: int, quantity: int) -> None:
        """So much lies there."""
        await self.rows.run(
            """
            INSERT INTO stock_heads (item_id, site_id, available) VALUES (%s, %s, %s)
            ON CONFLICT (item_id, site_id) DO UPDATE SET available = excluded.available
            """,
            item,
            self.shop.site,
            quantity,
        )


@pytest.fixture
def facts(shop: Shop) -> Facts:
    return Facts(shop)


async def single(shop: Shop, number: int = 1, **columns: Any) -> int:
    """A work order of ten pieces with one operation on the first machine."""
    work = await shop.rows.work_order(shop.site, f"WO-{number}", item=shop.item)
    return await shop.rows.operation(work, 10, shop.m1, **columns)


def found(loaded: Loaded, operation: int) -> Operation:
    return next(each for each in loaded.problem.operations if each.id == operation)


class TestPeopleAndTools:
    async def test_a_need_is_of_those_who_have_the_skill(self, shop: Shop, facts: Facts) -> None:
        await facts.resource("li", "weld")
        await facts.resource("wang", "weld", "inspect")
        await facts.resource("die-7", kind="tool", quantity=2)
        operation = await single(shop)
        await facts.handle(operation, needs=["weld", "die-7=2@setup"])

        loaded = await shop.load()

        by_skill = {each.skill: each for each in loaded.problem.resources}
        assert by_skill == {
            "die-7": Resource(
                id=by_skill["die-7"].id, kind=ResourceKind.TOOL, capacity=2, skill="die-7"
            ),
            "weld": Resource(
                id=by_skill["weld"].id, kind=ResourceKind.OPERATOR, capacity=2, skill="weld"
            ),
        }
        [mode] = found(loaded, operation).modes
        assert set(mode.needs) == {
            Need(by_skill["weld"].id),
            Need(by_skill["die-7"].id, 2, Phase.SETUP),
        }
        assert loaded.resources == {each.id: each.skill for each in loaded.problem.resources}

    async def test_what_a_machine_needs_is_its_modes_alone(self, shop: Shop, facts: Facts) -> None:
        await facts.resource("li", "press")
        await facts.rows.run("UPDATE machines SET needs = '{press}' WHERE id = %s", shop.m2)
        operation = await single(shop, alternatives={shop.m1: (1_000, 0), shop.m2: (1_000, 0)})

        first, second = found(await shop.load(), operation).modes

        assert (first.needs, len(second.needs)) == ((), 1)

    async def test_what_nobody_can_do_is_told_and_not_planned(
        self, shop: Shop, facts: Facts
    ) -> None:
        await facts.resource("li", "weld")
        operation = await single(shop)
        await facts.handle(operation, needs=["weld=2"])

        loaded = await shop.load()

        assert loaded.problem.operations == ()
        assert loaded.unplanned == [Unplanned(operation_id=operation, code="no_resource")]

    async def test_some_of_several_are_away(self, shop: Shop, facts: Facts) -> None:
        """Of five two are away for two hours, one more in the second, and all in the fifth."""
        crew = await facts.resource("crew", "weld", quantity=5)
        await facts.absent(crew, NOW_MS, NOW_MS + 2 * HOUR_MS, 2)
        await facts.absent(crew, NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS, 1)
        await facts.absent(crew, NOW_MS + 4 * HOUR_MS, NOW_MS + 5 * HOUR_MS)
        operation = await single(shop)
        await facts.handle(operation, needs=["weld=3"])

        loaded = await shop.load()

        [resource] = loaded.problem.resources
        assert (resource.capacity, resource.short) == (
            5,
            (
                Shortfall(start_ms=NOW_MS, end_ms=NOW_MS + HOUR_MS, units=2),
                Shortfall(start_ms=NOW_MS + HOUR_MS, end_ms=NOW_MS + 2 * HOUR_MS, units=3),
            ),
        )
        assert resource.unavailable == (Interval(NOW_MS + 4 * HOUR_MS, NOW_MS + 5 * HOUR_MS),)
        plan = right_shift(loaded.problem)
        assert violations(loaded.problem, plan) == []
        early = Plan(
            tuple(
                msgspec.structs.replace(
                    each,
                    setup_start_ms=each.setup_start_ms + HOUR_MS,
                    start_ms=each.start_ms + HOUR_MS,
                    end_ms=each.end_ms + HOUR_MS,
                )
                for each in plan.assignments
            )
        )
        assert [one.code for one in violations(loaded.problem, early)] == ["resource_short"]

    async def test_no_more_are_away_than_there_are(self, shop: Shop, facts: Facts) -> None:
        crew = await facts.resource("crew", "weld", quantity=2)
        for _ in range(3):
            await facts.absent(crew, NOW_MS + HOUR_MS, None, 1)
        operation = await single(shop)
        await facts.handle(operation, needs=["weld"])

        [resource] = (await shop.load()).problem.resources

        assert resource.short == ()
        assert resource.unavailable[0].start_ms == NOW_MS + HOUR_MS

    async def test_an_absence_that_is_only_thought_of(self, shop: Shop, facts: Facts) -> None:
        crew = await facts.resource("crew", "weld", quantity=2)
        operation = await single(shop)
        await facts.handle(operation, needs=["weld"])
        away = {crew: [Absence(NOW_MS, NOW_MS + HOUR_MS, 1)]}

        loaded = await load_problem(shop.rows.connection, SCOPE, now_ms=NOW_MS, away=away)

        [resource] = loaded.problem.resources
        assert resource.short == (Shortfall(start_ms=NOW_MS, end_ms=NOW_MS + HOUR_MS, units=1),)

    async def test_operators_work_their_shifts_and_are_away_when_they_are(
        self, shop: Shop, facts: Facts
    ) -> None:
        """The site works from 6 to 14 on weekdays; it is Monday, 8 o'clock."""
        await shop.rows.run(
            """
            INSERT INTO working_times (site_id, shift, weekday, start_minute, end_minute)
            SELECT %s, 'early', d, 360, 840 FROM generate_series(0, 4) AS d
            """,
            shop.site,
        )
        li = await facts.resource("li", "weld")
        await facts.absent(li, NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS)
        operation = await single(shop)
        await facts.handle(operation, needs=["weld"])

        [welders] = (await shop.load()).problem.resources

        assert welders.unavailable[:2] == (
            Interval(NOW_MS + HOUR_MS, NOW_MS + 2 * HOUR_MS),
            Interval(NOW_MS + 6 * HOUR_MS, NOW_MS + 22 * HOUR_MS),
        )

    async def test_a_pattern_of_one_s_own_goes_before_the_site_s(
        self, shop: Shop, facts: Facts
    ) -> None:
        pattern = await shop.rows.one(
            "INSERT INTO shift_patterns (code, name) VALUES ('late', 'Late') RETURNING id"
        )
        await shop.rows.run(
            """
            INSERT INTO shift_pattern_shifts (pattern_id, number, shift, weekdays, starts, ends)
            VALUES (%s, 1, 'late', '{mon,tue}', '14:00', '22:00')
            """,
            pattern,
        )
        await facts.resource("li", "weld", pattern=pattern)
        await facts.handle(await single(shop), needs=["weld"])

        [welders] = (await shop.load()).problem.resources

        assert welders.unavailable[:2] == (
            Interval(NOW_MS, NOW_MS + 6 * HOUR_MS),
            Interval(NOW_MS + 14 * HOUR_MS, NOW_MS + 30 * HOUR_MS),
        )

    async def test_who_is_away_until_further_notice_is_missed_as_far_as_is_looked(
        self, shop: Shop, facts: Facts
    ) -> None:
        await facts.absent(await facts.resource("li", "weld"), NOW_MS - DAY_MS, None)
        await facts.resource("wang", "weld")
        await facts.handle(await single(shop), needs=["weld"])

        [welders] = (await shop.load()).problem.resources

        assert welders.unavailable == ()
        [missing] = welders.short
        assert (missing.start_ms, missing.units) == (NOW_MS, 1)
        assert missing.end_ms >= NOW_MS + 14 * DAY_MS

    async def test_who_was_given_up_is_nobody(self, shop: Shop, facts: Facts) -> None:
        gone = await facts.resource("li", "weld")
        await shop.rows.run("UPDATE resources SET retired_at = now() WHERE id = %s", gone)
        operation = await single(shop)
        await facts.handle(operation, needs=["weld"])

        assert (await shop.load()).unplanned[0].code == "no_resource"


class TestHowStepsAreDone:
    async def test_pieces_go_on_in_transfer_batches(self, shop: Shop, facts: Facts) -> None:
        work = await shop.rows.work_order(shop.site, "WO-1", quantity=100)
        saw = await shop.rows.operation(work, 10, shop.m1)
        drill = await shop.rows.operation(work, 20, shop.m2)
        await facts.handle(saw, transfer_batch=30, wait_ms=5 * MINUTE_MS)

        loaded = await shop.load()

        assert found(loaded, drill).after == (
            Precedence(saw, 5 * MINUTE_MS, Overlap(first=30, last=10)),
        )
        assert found(loaded, saw).pieces == 100

    async def test_what_was_made_of_the_first_batch_counts(self, shop: Shop, facts: Facts) -> None:
        work = await shop.rows.work_order(shop.site, "WO-1", quantity=100)
        saw = await shop.rows.operation(work, 10, shop.m1)
        drill = await shop.rows.operation(work, 20, shop.m2)
        await facts.handle(saw, transfer_batch=25)
        await shop.rows.start(saw, shop.m1, good=40)

        [before] = found(await shop.load(), drill).after

        assert before.overlap == Overlap(first=0, last=25)

    async def test_a_batch_of_everything_is_none(self, shop: Shop, facts: Facts) -> None:
        work = await shop.rows.work_order(shop.site, "WO-1", quantity=10)
        saw = await shop.rows.operation(work, 10, shop.m1)
        drill = await shop.rows.operation(work, 20, shop.m2)
        await facts.handle(saw, transfer_batch=10)

        assert found(await shop.load(), drill).after == (Precedence(saw),)

    async def test_what_cools_since_it_ended_is_waited_for(self, shop: Shop, facts: Facts) -> None:
        work = await shop.rows.work_order(shop.site, "WO-1")
        cast = await shop.rows.operation(work, 10, shop.m1)
        mill = await shop.rows.operation(work, 20, shop.m2)
        await facts.handle(cast, wait_ms=2 * HOUR_MS)
        await shop.rows.start(cast, shop.m1, good=10)
        await shop.rows.end(cast, shop.m1, ended_ms=NOW_MS - HOUR_MS)

        waiting = found(await shop.load(), mill)

        assert (waiting.release_ms, waiting.release_kind) == (NOW_MS + HOUR_MS, ReleaseKind.ORDER)
        assert found(await shop.load(NOW_MS + HOUR_MS), mill).release_ms == 0

    async def test_work_that_must_not_be_interrupted_says_so(
        self, shop: Shop, facts: Facts
    ) -> None:
        operation = await single(shop)
        await facts.handle(operation, interruptible=False)

        assert not found(await shop.load(), operation).interruptible

    async def test_an_oven_takes_a_load_at_once_and_its_cycle_is_the_load_s(
        self, shop: Shop, facts: Facts
    ) -> None:
        await shop.rows.run("UPDATE machines SET batch_capacity = 12.5 WHERE id = %s", shop.m1)
        operation = await single(shop, cycle_ms=HOUR_MS)
        await facts.handle(operation, batch_family="200C", batch_room=0.5)

        loaded = await shop.load()

        oven = next(each for each in loaded.problem.machines if each.id == shop.m1)
        assert oven.batch_units == 12_500
        heated = found(loaded, operation)
        assert (heated.units, heated.batch_family) == (5_000, "200C")
        assert heated.modes[0].duration_ms == HOUR_MS

    async def test_what_does_not_fit_takes_several_loads_in_the_oven_that_needs_fewest(
        self, shop: Shop, facts: Facts
    ) -> None:
        await shop.rows.run("UPDATE machines SET batch_capacity = 3 WHERE id = %s", shop.m1)
        await shop.rows.run("UPDATE machines SET batch_capacity = 4 WHERE id = %s", shop.m2)
        operation = await single(
            shop, alternatives={shop.m1: (HOUR_MS, 0), shop.m2: (2 * HOUR_MS, 0)}
        )
        await facts.handle(operation, batch_family="200C")

        heated = found(await shop.load(), operation)

        assert [(mode.machine, mode.duration_ms) for mode in heated.modes] == [
            (shop.m2, 6 * HOUR_MS)
        ]
        assert heated.units == 4_000

    async def test_what_began_in_an_oven_together_is_one_batch(
        self, shop: Shop, facts: Facts
    ) -> None:
        await shop.rows.run("UPDATE machines SET batch_capacity = 20 WHERE id = %s", shop.m1)
        began = NOW_MS - HOUR_MS
        operations = []
        for number, later in enumerate((0, 2 * MINUTE_MS, 30 * MINUTE_MS)):
            operation = await single(shop, number, cycle_ms=2 * HOUR_MS)
            await facts.handle(operation, batch_family="200C")
            await shop.rows.start(
                operation,
                shop.m1,
                state="interrupted" if number else "running",
                started_ms=began + later,
                on_machine=not number,
            )
            operations.append(operation)

        loaded = await shop.load()

        pins = [found(loaded, each).pin for each in operations]
        assert [pin and pin.started_ms for pin in pins] == [began, began, began + 30 * MINUTE_MS]
        assert found(loaded, operations[0]).modes[0].duration_ms == HOUR_MS

    async def test_maintenance_and_holidays_are_told_apart(self, shop: Shop) -> None:
        await single(shop)
        for machine, hours in ((shop.m1, 1), (None, 3)):
            await shop.rows.run(
                """
                INSERT INTO calendar_exceptions (site_id, machine_id, starts_at, ends_at, reason)
                VALUES (%s, %s, %s, %s, 'closed')
                """,
                shop.site,
                machine,
                at(NOW_MS + hours * HOUR_MS),
                at(NOW_MS + (hours + 1) * HOUR_MS),
            )

        [closed] = (await shop.load()).problem.machines

        assert [each.start_ms for each in closed.unavailable] == [
            NOW_MS + HOUR_MS,
            NOW_MS + 3 * HOUR_MS,
        ]
        assert closed.closures == (
            Closure(
                start_ms=NOW_MS + HOUR_MS,
                end_ms=NOW_MS + 2 * HOUR_MS,
                kind=ClosureKind.MAINTENANCE,
            ),
            Closure(
                start_ms=NOW_MS + 3 * HOUR_MS,
                end_ms=NOW_MS + 4 * HOUR_MS,
                kind=ClosureKind.HOLIDAY,
            ),
        )


class TestLocks:
    async def test_a_locked_operation_has_one_machine_and_a_date(
        self, shop: Shop, facts: Facts
    ) -> None:
        _, _, [operation] = await shop.order(1)
        await facts.lock(operation, shop.m2, not_before_ms=NOW_MS + HOUR_MS, turn=3)

        locked = found(await shop.load(), operation)

        assert [mode.machine for mode in locked.modes] == [shop.m2]
        assert locked.pin == Pin(
            kind=PinKind.LOCKED, machine=shop.m2, not_before_ms=NOW_MS + HOUR_MS, turn=3
        )

    async def test_a_date_that_is_over_binds_nothing(self, shop: Shop, facts: Facts) -> None:
        _, _, [operation] = await shop.order(1)
        await facts.lock(operation, shop.m2, not_before_ms=NOW_MS)

        pin = found(await shop.load(), operation).pin

        assert pin == Pin(kind=PinKind.LOCKED, machine=shop.m2)

    @pytest.mark.parametrize(("elsewhere", "later"), [(True, None), (False, 20)])
    async def test_a_planner_s_word_goes_before_the_frozen_zone(
        self, shop: Shop, facts: Facts, *, elsewhere: bool, later: int | None
    ) -> None:
        _, _, [first, second] = await shop.order(1, steps=2)
        start = NOW_MS + 5 * MINUTE_MS
        await shop.publish(
            (first, shop.m1, start, start + 10 * MINUTE_MS),
            (second, shop.m1, start + 10 * MINUTE_MS, start + 20 * MINUTE_MS),
        )
        await facts.lock(
            first,
            shop.m2 if elsewhere else shop.m1,
            not_before_ms=None if later is None else NOW_MS + later * MINUTE_MS,
        )

        loaded = await shop.load()

        pin = found(loaded, first).pin
        assert pin is not None
        assert pin.kind is PinKind.LOCKED
        # What comes after it cannot keep its place before what is free.
        assert found(loaded, second).pin is None

    async def test_frozen_where_it_is_locked_stays_frozen(self, shop: Shop, facts: Facts) -> None:
        _, _, [operation] = await shop.order(1)
        start = NOW_MS + 5 * MINUTE_MS
        await shop.publish((operation, shop.m2, start, start + 20 * MINUTE_MS))
        await facts.lock(operation, shop.m2)

        pin = found(await shop.load(), operation).pin

        assert pin is not None
        assert pin.kind is PinKind.FROZEN

    async def test_a_lock_that_cannot_be_kept_is_told(self, shop: Shop, facts: Facts) -> None:
        operation = await single(shop)
        await facts.lock(operation, shop.m2)

        assert (await shop.load()).unplanned == [
            Unplanned(operation_id=operation, code="lock_impossible")
        ]


class TestMaterial:
    async def test_work_waits_for_the_last_of_what_it_lacks(self, shop: Shop, facts: Facts) -> None:
        tube = await shop.rows.item("tube")
        operation = await single(shop)
        work = found(await shop.load(), operation).job
        await facts.in_stock(tube, 4)
        await facts.needs_component(work, tube, 10)
        await facts.purchase("PO-1", tube, 3, NOW_MS + DAY_MS)
        await facts.purchase("PO-2", tube, 10, NOW_MS + 2 * DAY_MS)

        loaded = await shop.load()

        waiting = found(loaded, operation)
        assert waiting.release_ms == NOW_MS + 2 * DAY_MS
        assert waiting.release_kind is ReleaseKind.MATERIAL
        material = loaded.materials[work]
        assert (material.item, material.reference) == ("tube", "PO-2")

    async def test_stock_goes_to_whom_needs_it_first(self, shop: Shop, facts: Facts) -> None:
        tube = await shop.rows.item("tube")
        late, early = await single(shop, 1), await single(shop, 2)
        await facts.in_stock(tube, 10)
        await facts.purchase("PO-1", tube, 10, NOW_MS + DAY_MS)
        for operation, need_ms in ((late, NOW_MS + 9 * DAY_MS), (early, NOW_MS + HOUR_MS)):
            job = found(await shop.load(), operation).job
            await facts.needs_component(job, tube, 10, need_ms=need_ms)

        loaded = await shop.load()

        assert found(loaded, early).release_ms == 0
        # Though it is needed much later: it cannot begin earlier than that.
        assert found(loaded, late).release_ms == NOW_MS + DAY_MS

    async def test_what_nothing_brings_is_told_and_binds_nothing(
        self, shop: Shop, facts: Facts
    ) -> None:
        tube = await shop.rows.item("tube")
        operation = await single(shop)
        work = found(await shop.load(), operation).job
        await facts.needs_component(work, tube, 10)

        loaded = await shop.load()

        assert found(loaded, operation).release_ms == 0
        assert loaded.materials[work].lacking == ("tube",)

    async def test_what_has_begun_waits_for_nothing(self, shop: Shop, facts: Facts) -> None:
        tube = await shop.rows.item("tube")
        work = await shop.rows.work_order(shop.site, "WO-1")
        first = await shop.rows.operation(work, 10, shop.m1)
        second = await shop.rows.operation(work, 20, shop.m2)
        await shop.rows.start(first, shop.m1)
        await facts.needs_component(work, tube, 10)
        await facts.purchase("PO-1", tube, 10, NOW_MS + DAY_MS)

        loaded = await shop.load()

        assert [found(loaded, each).release_ms for each in (first, second)] == [0, 0]

    async def test_a_component_is_needed_at_the_step_that_the_bill_names(
        self, shop: Shop, facts: Facts
    ) -> None:
        """Ten, twenty and thirty: the tube at 20, paint at 25 which is none of them, so at 30."""
        tube, paint, bolt = [await shop.rows.item(code) for code in ("tube", "paint", "bolt")]
        work = await shop.rows.work_order(shop.site, "WO-1", item=shop.item)
        steps = [await shop.rows.operation(work, number, shop.m1) for number in (10, 20, 30)]
        await facts.needs_component(work, bolt, 10)
        await facts.needs_component(work, tube, 10, step=20)
        await facts.needs_component(work, paint, 10, step=25)
        await facts.purchase("PO-1", bolt, 10, NOW_MS + HOUR_MS)
        await facts.purchase("PO-2", tube, 10, NOW_MS + DAY_MS)
        await facts.purchase("PO-3", paint, 10, NOW_MS + 2 * DAY_MS)

        loaded = await shop.load()

        assert [(found(loaded, each).release_ms - NOW_MS) / HOUR_MS for each in steps] == [
            1,
            24,
            48,
        ]
        # Whoever is told of the work order as a whole is told of the last of it.
        assert loaded.materials[work].reference == "PO-3"

    async def test_what_has_begun_still_waits_for_what_its_later_steps_take(
        self, shop: Shop, facts: Facts
    ) -> None:
        tube = await shop.rows.item("tube")
        work = await shop.rows.work_order(shop.site, "WO-1", item=shop.item)
        first = await shop.rows.operation(work, 10, shop.m1)
        second = await shop.rows.operation(work, 20, shop.m2)
        await shop.rows.start(first, shop.m1)
        await facts.needs_component(work, tube, 10, step=20)
        await facts.purchase("PO-1", tube, 10, NOW_MS + DAY_MS)

        loaded = await shop.load()

        assert [found(loaded, each).release_ms for each in (first, second)] == [
            0,
            NOW_MS + DAY_MS,
        ]

    async def test_a_part_that_is_made_here_is_waited_for_at_its_step(
        self, shop: Shop, facts: Facts
    ) -> None:
        tube = await shop.rows.item("tube")
        maker = await shop.rows.work_order(shop.site, "WO-9", item=tube, due_ms=NOW_MS + DAY_MS)
        last = await shop.rows.operation(maker, 10, shop.m1)
        work = await shop.rows.work_order(shop.site, "WO-1", item=shop.item)
        first = await shop.rows.operation(work, 10, shop.m1)
        second = await shop.rows.operation(work, 20, shop.m2)
        await facts.needs_component(work, tube, 10, step=20)

        loaded = await shop.load()

        assert found(loaded, first).after == ()
        assert {link.operation for link in found(loaded, second).after} == {first, last}

    async def test_a_pegged_work_order_is_waited_for_at_its_step(
        self, shop: Shop, facts: Facts
    ) -> None:
        tube = await shop.rows.item("tube")
        maker = await shop.rows.work_order(shop.site, "WO-9", item=tube)
        last = await shop.rows.operation(maker, 10, shop.m1)
        work = await shop.rows.work_order(shop.site, "WO-1", item=shop.item)
        first = await shop.rows.operation(work, 10, shop.m1)
        second = await shop.rows.operation(work, 20, shop.m2)
        await facts.at_step(work, tube, 20)
        await shop.rows.run(
            "INSERT INTO pegs (demand_work_order_id, work_order_id, quantity) VALUES (%s, %s, 10)",
            work,
            maker,
        )

        loaded = await shop.load()

        assert found(loaded, first).after == ()
        assert {link.operation for link in found(loaded, second).after} == {first, last}

    async def test_what_a_work_order_of_the_scope_makes_is_done_before(
        self, shop: Shop, facts: Facts
    ) -> None:
        tube = await shop.rows.item("tube")
        consumer = await single(shop)
        job = found(await shop.load(), consumer).job
        maker = await shop.rows.work_order(shop.site, "WO-9", item=tube, due_ms=NOW_MS + DAY_MS)
        await shop.rows.operation(maker, 10, shop.m1)
        last = await shop.rows.operation(maker, 20, shop.m2)
        await facts.needs_component(job, tube, 10)

        waiting = found(await shop.load(), consumer)

        assert waiting.after == (Precedence(last),)
        assert waiting.release_ms == 0

    async def test_pegged_work_orders_join(self, shop: Shop) -> None:
        assembly = await single(shop)
        job = found(await shop.load(), assembly).job
        lasts = []
        for number in (8, 9):
            part = await shop.rows.work_order(shop.site, f"WO-{number}")
            lasts.append(await shop.rows.operation(part, 10, shop.m2))
            await shop.rows.run(
                """
                INSERT INTO pegs (demand_work_order_id, work_order_id, quantity)
                VALUES (%s, %s, 10)
                """,
                job,
                part,
            )

        assert found(await shop.load(), assembly).after == tuple(map(Precedence, lasts))

    async def test_behind_a_part_that_cannot_be_planned_nothing_is(self, shop: Shop) -> None:
        assembly = await single(shop)
        job = found(await shop.load(), assembly).job
        part = await shop.rows.work_order(shop.site, "WO-9")
        homeless = await shop.rows.operation(part, 10, None)
        await shop.rows.run(
            "INSERT INTO pegs (demand_work_order_id, work_order_id, quantity) VALUES (%s, %s, 10)",
            job,
            part,
        )

        codes = {each.operation_id: each.code for each in (await shop.load()).unplanned}

        assert codes == {assembly: "behind_unplanned", homeless: "no_machine"}

    async def test_a_part_from_another_scope_comes_when_it_is_expected_and_has_travelled(
        self, shop: Shop
    ) -> None:
        far = await shop.rows.site("plant-2")
        press = await shop.rows.machine("plant-2/hall/line1/m1")
        assembly = await single(shop)
        job = found(await shop.load(), assembly).job
        part = await shop.rows.work_order(far, "WO-9", due_ms=NOW_MS + DAY_MS)
        await shop.rows.operation(part, 10, press)
        await shop.rows.run(
            "INSERT INTO pegs (demand_work_order_id, work_order_id, quantity) VALUES (%s, %s, 10)",
            job,
            part,
        )
        await shop.rows.run("INSERT INTO transport_times VALUES (%s, %s, 12.5)", far, shop.site)

        waiting = found(await shop.load(), assembly)

        assert waiting.release_ms == NOW_MS + DAY_MS + 45 * 1_000_000
        assert waiting.release_kind is ReleaseKind.MATERIAL


class TestDates:
    async def test_nothing_of_a_work_order_begins_before_its_date(self, shop: Shop) -> None:
        _, work, operations = await shop.order(1, steps=2)
        await shop.rows.run(
            "UPDATE work_orders SET not_before = %s WHERE id = %s", at(NOW_MS + HOUR_MS), work
        )

        loaded = await shop.load()

        for operation in operations:
            one = found(loaded, operation)
            assert (one.release_ms, one.release_kind) == (NOW_MS + HOUR_MS, ReleaseKind.ORDER)

    async def test_sites_planned_together_have_ways_between_them(self, rows: Rows) -> None:
        sites = {
            code: await rows.site(code, planning_scope="region") for code in ("north", "south")
        }
        for code, site in sites.items():
            machine = await rows.machine(f"{code}/hall/line1/m1")
            await rows.operation(await rows.work_order(site, f"WO-{code}"), 10, machine)
        await rows.run(
            "INSERT INTO transport_times VALUES (%s, %s, 2)", sites["north"], sites["south"]
        )

        problem = (await load_problem(rows.connection, "region", now_ms=NOW_MS)).problem

        assert problem.transports == (Transport(sites["north"], sites["south"], 2 * HOUR_MS),)
        assert {machine.site for machine in problem.machines} == set(sites.values())

    @pytest.mark.parametrize(
        ("displacement", "kept"), [(Displacement.NOTHING, True), (Displacement.ANY, False)]
    )
    async def test_while_a_rush_order_is_new_what_it_may_not_displace_keeps_its_end(
        self, shop: Shop, *, displacement: Displacement, kept: bool
    ) -> None:
        await policies.put_policy(
            shop.connection, "plant-1", Policy(displacement=displacement), changed_by="ann"
        )
        _, planned, [operation] = await shop.order(1)
        end = NOW_MS + 2 * HOUR_MS
        await shop.publish((operation, shop.m1, NOW_MS + HOUR_MS, end))
        _, rush, _ = await shop.order(2)
        await shop.rows.run("UPDATE orders SET priority = 9 WHERE number = 'SO-2'")

        jobs = {job.id: job for job in (await shop.load()).problem.jobs}

        assert jobs[planned] == Job(id=planned, keep_by_ms=end if kept else None)
        assert jobs[rush] == Job(id=rush, weight=10, priority_class=9)


def test_moments_of_these_tests_are_what_they_say() -> None:
    assert at(NOW_MS).isoformat() == "2026-03-02T08:00:00+00:00"
    assert at(NOW_MS + DAY_MS) - at(NOW_MS) == timedelta(days=1)


class TestHorizon:
    async def test_what_cannot_begin_before_it_is_not_planned_yet(
        self, shop: Shop, facts: Facts
    ) -> None:
        policy = Policy(horizon_ms=3 * DAY_MS)
        await policies.put_policy(shop.rows.connection, SCOPE, policy, changed_by="ann")
        near, far, closed = await single(shop, 1), await single(shop, 2), await single(shop, 3)
        behind = await shop.rows.operation(found(await shop.load(), closed).job, 20, shop.m1)
        await shop.rows.run(
            "UPDATE work_orders SET not_before = %s WHERE number = 'WO-2'", at(NOW_MS + 4 * DAY_MS)
        )
        await facts.handle(closed, machine_id=shop.m2)
        await shop.rows.run(
            """
            INSERT INTO calendar_exceptions
                (site_id, machine_id, starts_at, ends_at, working, reason)
            VALUES (%s, %s, %s, %s, false, 'moved')
            """,
            shop.site,
            shop.m2,
            at(NOW_MS - DAY_MS),
            at(NOW_MS + 5 * DAY_MS),
        )

        loaded = await shop.load()

        assert loaded.problem.horizon_ms == NOW_MS + 3 * DAY_MS
        assert [each.id for each in loaded.problem.operations] == [near]
        assert {each.operation_id: each.code for each in loaded.unplanned} == {
            far: "beyond_horizon",
            behind: "behind_unplanned",
            closed: "beyond_horizon",
        }
        assert conflicts(loaded.problem) == ()

    async def test_without_one_everything_is_planned(self, shop: Shop) -> None:
        far = await single(shop)
        await shop.rows.run("UPDATE work_orders SET not_before = %s", at(NOW_MS + 400 * DAY_MS))

        loaded = await shop.load()

        assert loaded.problem.horizon_ms is None
        assert [each.id for each in loaded.problem.operations] == [far]

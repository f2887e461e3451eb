"""A scope's rows as a problem, case by case."""

from __future__ import annotations

import pytest
from planning_rows import HOUR_MS, MINUTE_MS, NOW_MS, Rows, seed_factory
from planning_shop import Shop
from psycopg import IsolationLevel

from domain.plan.policy import Policy
from domain.plan.problem import (
    Interval,
    Mode,
    Operation,
    Pin,
    PinKind,
    Placed,
    Precedence,
    SetupTime,
)
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations
from store.database import Connection, Pool
from store.planning import policies
from store.planning.loaded import Unplanned
from store.planning.problem import load_problem


class TestScope:
    async def test_a_scope_without_sites_has_an_empty_problem(self, connection: Connection) -> None:
        loaded = await load_problem(connection, "nowhere", now_ms=NOW_MS)

        assert loaded.problem.operations == ()
        assert loaded.sites == []
        assert loaded.base is None

    async def test_sites_of_a_scope_are_planned_together_and_others_are_not(
        self, rows: Rows, connection: Connection
    ) -> None:
        sites = [
            await rows.site("north", planning_scope="region"),
            await rows.site("south", planning_scope="region"),
            await rows.site("west"),
        ]
        operations = []
        for site, code in zip(sites, ("north", "south", "west"), strict=True):
            machine = await rows.machine(f"{code}/hall/line1/m1")
            work = await rows.work_order(site, f"WO-{code}")
            operations.append(await rows.operation(work, 10, machine))

        loaded = await load_problem(connection, "region", now_ms=NOW_MS)

        assert [site.code for site in loaded.sites] == ["north", "south"]
        assert [operation.id for operation in loaded.problem.operations] == operations[:2]
        assert set(loaded.machines.values()) == {"north/hall/line1/m1", "south/hall/line1/m1"}

    async def test_the_policy_of_the_scope_is_the_problems(self, shop: Shop) -> None:
        await policies.put_policy(
            shop.connection, "plant-1", Policy(frozen_ms=HOUR_MS), changed_by="ann"
        )

        assert (await shop.load()).problem.policy == Policy(frozen_ms=HOUR_MS)

    async def test_a_transaction_of_the_callers_is_used(self, shop: Shop, pool: Pool) -> None:
        """What is committed after the transaction began is not in it."""
        async with pool.connection() as connection:
            await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            async with connection.transaction():
                await connection.execute("SELECT 1")
                work = await shop.rows.work_order(shop.site, "WO-1")
                await shop.rows.operation(work, 10, shop.m1)
                loaded = await load_problem(connection, "plant-1", now_ms=NOW_MS)
            await connection.set_isolation_level(None)

        assert loaded.problem.operations == ()
        assert len((await shop.load()).problem.operations) == 1


class TestWork:
    async def test_a_duration_is_the_time_of_the_pieces_that_are_left(self, shop: Shop) -> None:
        work = await shop.rows.work_order(shop.site, "WO-1", item=shop.item, quantity=7)
        operation = await shop.rows.operation(work, 10, shop.m1, cycle_ms=1_500, setup_ms=60_000)

        assert await shop.operation(operation) == Operation(
            id=operation,
            job=work,
            modes=(Mode(shop.m1, 10_500, 60_000),),
            family="steel",
            pieces=7,
        )

    async def test_an_operations_own_quantity_goes_before_the_work_orders(self, shop: Shop) -> None:
        work = await shop.rows.work_order(shop.site, "WO-1", quantity=7)
        operation = await shop.rows.operation(work, 10, shop.m1, cycle_ms=1_000, quantity=3)

        assert (await shop.operation(operation)).modes[0].duration_ms == 3_000

    async def test_every_machine_that_may_do_it_is_a_mode_with_its_own_times(
        self, shop: Shop
    ) -> None:
        work = await shop.rows.work_order(shop.site, "WO-1", quantity=10)
        operation = await shop.rows.operation(
            work, 10, shop.m1, alternatives={shop.m1: (1_000, 0), shop.m2: (2_000, 5_000)}
        )

        modes = (await shop.operation(operation)).modes

        assert modes == (Mode(shop.m1, 10_000, 0), Mode(shop.m2, 20_000, 5_000))

    async def test_machines_of_other_scopes_are_no_choice(self, shop: Shop) -> None:
        await shop.rows.site("plant-2")
        far = await shop.rows.machine("plant-2/hall/line1/m1")
        work = await shop.rows.work_order(shop.site, "WO-1", quantity=10)
        operation = await shop.rows.operation(
            work, 10, shop.m1, alternatives={shop.m1: (1_000, 0), far: (500, 0)}
        )

        assert (await shop.operation(operation)).modes == (Mode(shop.m1, 10_000, 0),)

    async def test_operations_follow_each_other_within_a_work_order_by_number(
        self, shop: Shop
    ) -> None:
        first = await shop.rows.work_order(shop.site, "WO-1")
        last = await shop.rows.operation(first, 30, shop.m1)
        middle = await shop.rows.operation(first, 20, shop.m2)
        done = await shop.rows.operation(first, 10, shop.m1)
        await shop.rows.start(done, shop.m1, good=10)
        await shop.rows.end(done, shop.m1)
        other = await shop.rows.operation(
            await shop.rows.work_order(shop.site, "WO-2"), 10, shop.m1
        )

        after = {each.id: each.after for each in (await shop.load()).problem.operations}

        assert after == {last: (Precedence(middle),), middle: (), other: ()}

    async def test_what_is_over_or_called_off_is_not_in_it(self, shop: Shop) -> None:
        gone = await shop.rows.work_order(shop.site, "WO-1")
        await shop.rows.operation(gone, 10, shop.m1)
        await shop.rows.run("UPDATE work_orders SET cancelled_at = now() WHERE id = %s", gone)
        aborted = await shop.rows.operation(
            await shop.rows.work_order(shop.site, "WO-2"), 10, shop.m1
        )
        await shop.rows.start(aborted, shop.m1, on_machine=False)
        await shop.rows.run("UPDATE operations SET state = 'aborted' WHERE id = %s", aborted)

        loaded = await shop.load()

        assert loaded.problem.operations == ()
        assert loaded.problem.jobs == ()
        assert loaded.unplanned == []

    async def test_setups_of_the_scopes_machines_are_the_matrix(self, shop: Shop) -> None:
        await shop.rows.run(
            "INSERT INTO setup_times VALUES (%s, 'steel', 'brass', 1200000)", shop.m1
        )

        loaded = await shop.load()

        assert loaded.problem.setups == (SetupTime(shop.m1, "steel", "brass", 1_200_000),)


class TestUnplanned:
    async def test_what_lacks_something_is_told_with_what_comes_after_it(self, shop: Shop) -> None:
        rows = shop.rows
        work = await rows.work_order(shop.site, "WO-1", quantity=5)
        before = await rows.operation(work, 10, shop.m1)
        homeless = await rows.operation(work, 20, None)
        behind = await rows.operation(work, 30, shop.m2)
        timeless = await rows.operation(
            await rows.work_order(shop.site, "WO-2"), 10, shop.m1, cycle_ms=None
        )
        endless = await rows.operation(
            await rows.work_order(shop.site, "WO-3", quantity=None), 10, shop.m1
        )
        absurd = await rows.operation(
            await rows.work_order(shop.site, "WO-4", quantity=10**12), 10, shop.m1
        )

        loaded = await shop.load()

        assert [each.id for each in loaded.problem.operations] == [before]
        assert loaded.unplanned == [
            Unplanned(operation_id=homeless, code="no_machine"),
            Unplanned(operation_id=behind, code="behind_unplanned"),
            Unplanned(operation_id=timeless, code="no_cycle"),
            Unplanned(operation_id=endless, code="no_quantity"),
            Unplanned(operation_id=absurd, code="too_long"),
        ]
        assert loaded.operations[behind].work_order == "WO-1"

    async def test_an_order_of_which_work_is_unplanned_has_no_end(self, shop: Shop) -> None:
        order, line = await shop.rows.order(shop.site, "SO-1", item=shop.item)
        whole = await shop.rows.work_order(shop.site, "WO-1", lines=[line])
        await shop.rows.operation(whole, 10, shop.m1)
        part = await shop.rows.work_order(shop.site, "WO-2", lines=[line])
        await shop.rows.operation(part, 10, shop.m1)
        await shop.rows.operation(part, 20, None)

        loaded = await shop.load()

        assert loaded.orders[order].jobs == (whole, part)
        assert not loaded.orders[order].complete

    async def test_what_the_floor_began_without_anybody_planning_it_holds_its_machine(
        self, shop: Shop
    ) -> None:
        work = await shop.rows.work_order(shop.site, "X-1", quantity=None, planned=False)
        operation = await shop.rows.operation(work, 10, None, cycle_ms=None, planned=False)
        await shop.rows.start(operation, shop.m2)
        named = await shop.rows.operation(work, 20, None, cycle_ms=None, planned=False)

        loaded = await shop.load()

        assert [each.id for each in loaded.problem.operations] == [operation]
        assert loaded.problem.operations[0].modes == (Mode(shop.m2, 0),)
        assert loaded.unplanned == [Unplanned(operation_id=operation, code="no_quantity")]
        assert named not in loaded.operations

    async def test_of_it_the_quantity_that_the_floor_asked_for_counts(self, shop: Shop) -> None:
        work = await shop.rows.work_order(shop.site, "X-1", quantity=None, planned=False)
        operation = await shop.rows.operation(work, 10, None, cycle_ms=1_000, planned=False)
        await shop.rows.start(operation, shop.m2, requested=50, good=20)

        loaded = await shop.load()

        assert loaded.problem.operations[0].modes == (Mode(shop.m2, 30_000),)
        assert loaded.unplanned == []


class TestStarted:
    async def test_it_stays_on_the_machine_that_it_runs_on_with_what_is_left(
        self, shop: Shop
    ) -> None:
        work = await shop.rows.work_order(shop.site, "WO-1", quantity=10)
        operation = await shop.rows.operation(
            work,
            10,
            shop.m1,
            setup_ms=60_000,
            alternatives={shop.m1: (1_000, 60_000), shop.m2: (3_000, 60_000)},
        )
        await shop.rows.start(operation, shop.m2, good=4, started_ms=NOW_MS - 5_000)

        problem = await shop.operation(operation)

        assert problem.modes == (Mode(shop.m2, 18_000, 0),)
        assert problem.pin == Pin(
            kind=PinKind.RUNNING, machine=shop.m2, place=0, started_ms=NOW_MS - 5_000
        )

    async def test_enough_pieces_tell_its_pace(self, shop: Shop) -> None:
        work = await shop.rows.work_order(shop.site, "WO-1", quantity=100)
        operation = await shop.rows.operation(work, 10, shop.m1, cycle_ms=60_000)
        started = NOW_MS - 20 * MINUTE_MS
        await shop.rows.start(operation, shop.m1, good=10, started_ms=started)
        await shop.rows.pieces(shop.m1, started, 5)
        await shop.rows.pieces(shop.m1, NOW_MS - MINUTE_MS, 5)

        [mode] = (await shop.operation(operation)).modes

        assert mode.duration_ms == 90 * 2 * MINUTE_MS

    async def test_standing_still_is_not_a_slower_pace(self, shop: Shop) -> None:
        """Ten pieces in twenty minutes, then down for twenty: two minutes a piece, not four."""
        work = await shop.rows.work_order(shop.site, "WO-1", quantity=100)
        operation = await shop.rows.operation(work, 10, shop.m1, cycle_ms=60_000)
        started, stopped = NOW_MS - 40 * MINUTE_MS, NOW_MS - 20 * MINUTE_MS
        await shop.rows.start(operation, shop.m1, good=10, started_ms=started)
        await shop.rows.pieces(shop.m1, started, 5)
        await shop.rows.pieces(shop.m1, stopped - MINUTE_MS, 5)
        await shop.rows.state(shop.m1, "down", since_ms=stopped, operation=operation)

        [mode] = (await shop.operation(operation)).modes

        assert mode.duration_ms == 90 * 2 * MINUTE_MS

    async def test_more_than_was_ordered_leaves_nothing_to_do(self, shop: Shop) -> None:
        work = await shop.rows.work_order(shop.site, "WO-1", quantity=10)
        operation = await shop.rows.operation(work, 10, shop.m1)
        await shop.rows.start(operation, shop.m1, good=12)

        assert (await shop.operation(operation)).modes == (Mode(shop.m1, 0),)

    @pytest.mark.parametrize("state", ["paused", "interrupted"])
    async def test_what_stands_still_stays_too_behind_what_runs(
        self, shop: Shop, state: str
    ) -> None:
        work = await shop.rows.work_order(shop.site, "WO-1", quantity=10)
        still = await shop.rows.operation(work, 10, shop.m1)
        await shop.rows.start(still, shop.m1, state=state, changed_ms=NOW_MS - 5, on_machine=False)
        older = await shop.rows.operation(
            await shop.rows.work_order(shop.site, "WO-2"), 10, shop.m1
        )
        await shop.rows.start(older, shop.m1, state=state, changed_ms=NOW_MS - 9, on_machine=False)
        runs = await shop.rows.operation(await shop.rows.work_order(shop.site, "WO-3"), 10, shop.m1)
        await shop.rows.start(runs, shop.m1, changed_ms=NOW_MS - 10)

        pins = {each.id: each.pin for each in (await shop.load()).problem.operations}

        places = {operation: pin.place for operation, pin in pins.items() if pin is not None}
        assert places == {runs: 0, still: 1, older: 2}

    async def test_what_was_begun_out_of_order_waits_for_nothing(self, shop: Shop) -> None:
        work = await shop.rows.work_order(shop.site, "WO-1", quantity=10)
        skipped = await shop.rows.operation(work, 10, shop.m1)
        begun = await shop.rows.operation(work, 20, shop.m2)
        last = await shop.rows.operation(work, 30, shop.m1)
        await shop.rows.start(begun, shop.m2)

        loaded = await shop.load()

        after = {each.id: each.after for each in loaded.problem.operations}
        assert after == {
            skipped: (),
            begun: (),
            last: (Precedence(skipped), Precedence(begun)),
        }
        assert violations(loaded.problem, right_shift(loaded.problem)) == []

    async def test_it_is_on_the_machine_that_has_it_now_wherever_it_was_before(
        self, shop: Shop
    ) -> None:
        work = await shop.rows.work_order(shop.site, "WO-1", quantity=10)
        operation = await shop.rows.operation(work, 10, shop.m1)
        await shop.rows.start(operation, shop.m2, changed_ms=NOW_MS - 1, on_machine=False)
        await shop.rows.start(operation, shop.m1, changed_ms=NOW_MS - 9)

        pin = (await shop.operation(operation)).pin

        assert pin is not None
        assert pin.machine == shop.m1

    async def test_of_cancelled_work_only_what_is_on_a_machine_goes_on(self, shop: Shop) -> None:
        order, line = await shop.rows.order(shop.site, "SO-1", item=shop.item, due_ms=NOW_MS)
        work = await shop.rows.work_order(
            shop.site, "WO-1", quantity=10, due_ms=NOW_MS, lines=[line]
        )
        on_machine = await shop.rows.operation(work, 10, shop.m1)
        interrupted = await shop.rows.operation(work, 20, shop.m2)
        await shop.rows.operation(work, 30, shop.m2)
        await shop.rows.start(on_machine, shop.m1, good=4)
        await shop.rows.start(interrupted, shop.m2, state="interrupted", on_machine=False)
        await shop.rows.run("UPDATE work_orders SET cancelled_at = now()")

        loaded = await shop.load()

        assert [each.id for each in loaded.problem.operations] == [on_machine]
        assert [(job.due_ms, job.weight) for job in loaded.problem.jobs] == [(None, 1)]
        assert order not in loaded.orders


class TestFrozen:
    async def test_what_starts_soon_by_the_plan_in_force_keeps_its_machine_and_place(
        self, shop: Shop
    ) -> None:
        both = {shop.m1: (60_000, 0), shop.m2: (60_000, 0)}
        ids = []
        for number in range(3):
            work = await shop.rows.work_order(shop.site, f"WO-{number}", quantity=5)
            ids.append(await shop.rows.operation(work, 10, shop.m1, alternatives=both))
        late, early, later = ids
        await shop.publish(
            (late, shop.m2, NOW_MS + 9 * MINUTE_MS, NOW_MS + 14 * MINUTE_MS),
            (early, shop.m2, NOW_MS + 4 * MINUTE_MS, NOW_MS + 9 * MINUTE_MS),
            (later, shop.m2, NOW_MS + 14 * MINUTE_MS, NOW_MS + 19 * MINUTE_MS),
        )

        loaded = await shop.load()
        operations = {each.id: each for each in loaded.problem.operations}

        assert operations[early].pin == Pin(kind=PinKind.FROZEN, machine=shop.m2, place=0)
        assert operations[late].pin == Pin(kind=PinKind.FROZEN, machine=shop.m2, place=1)
        assert operations[early].modes == (Mode(shop.m2, 300_000),)
        assert operations[later].pin is None
        assert len(operations[later].modes) == 2
        assert loaded.problem.baseline[later] == Placed(shop.m2, NOW_MS + 14 * MINUTE_MS)
        assert loaded.base is not None
        assert loaded.base.number == 1

    async def test_frozen_work_comes_behind_what_runs(self, shop: Shop) -> None:
        frozen = await shop.rows.operation(
            await shop.rows.work_order(shop.site, "WO-1"), 10, shop.m1
        )
        runs = await shop.rows.operation(await shop.rows.work_order(shop.site, "WO-2"), 10, shop.m1)
        await shop.publish(
            (frozen, shop.m1, NOW_MS, NOW_MS + MINUTE_MS),
            (runs, shop.m1, NOW_MS + MINUTE_MS, NOW_MS + 2 * MINUTE_MS),
        )
        await shop.rows.start(runs, shop.m1)

        pins = {each.id: each.pin for each in (await shop.load()).problem.operations}

        assert pins[frozen] == Pin(kind=PinKind.FROZEN, machine=shop.m1, place=1)

    async def test_nothing_is_frozen_behind_work_that_is_free(self, shop: Shop) -> None:
        """Somebody put a step before it since: on one machine the two would block each other."""
        work = await shop.rows.work_order(shop.site, "WO-1")
        frozen = await shop.rows.operation(work, 20, shop.m1)
        await shop.publish((frozen, shop.m1, NOW_MS, NOW_MS + MINUTE_MS))
        added = await shop.rows.operation(work, 10, shop.m1)

        loaded = await shop.load()

        assert [each.pin for each in loaded.problem.operations] == [None, None]
        assert added not in loaded.problem.baseline
        assert violations(loaded.problem, right_shift(loaded.problem)) == []

    async def test_a_machine_that_may_no_longer_do_it_does_not_keep_it(self, shop: Shop) -> None:
        operation = await shop.rows.operation(
            await shop.rows.work_order(shop.site, "WO-1"), 10, shop.m1
        )
        await shop.publish((operation, shop.m1, NOW_MS, NOW_MS + MINUTE_MS))
        await shop.rows.run("UPDATE operations SET machine_id = %s", shop.m2)

        problem = await shop.operation(operation)

        assert problem.pin is None
        assert problem.modes[0].machine == shop.m2


class TestJobs:
    async def test_a_work_orders_own_date_goes_before_its_lines(self, shop: Shop) -> None:
        _, early = await shop.rows.order(shop.site, "SO-1", item=shop.item, due_ms=NOW_MS + 1_000)
        _, late = await shop.rows.order(shop.site, "SO-2", item=shop.item, due_ms=NOW_MS + 2_000)
        dated = await shop.rows.work_order(
            shop.site, "WO-1", due_ms=NOW_MS + 9_000, lines=[late, early]
        )
        undated = await shop.rows.work_order(shop.site, "WO-2", lines=[late, early])
        nobodys = await shop.rows.work_order(shop.site, "WO-3")
        for work in (dated, undated, nobodys):
            await shop.rows.operation(work, 10, shop.m1)

        dues = {job.id: job.due_ms for job in (await shop.load()).problem.jobs}

        assert dues == {dated: NOW_MS + 9_000, undated: NOW_MS + 1_000, nobodys: None}

    async def test_lines_that_wait_for_nothing_any_more_have_no_date(self, shop: Shop) -> None:
        order, made = await shop.rows.order(
            shop.site, "SO-1", item=shop.item, due_ms=NOW_MS + 1_000, state="produced"
        )
        open_line = await shop.rows.line(order, 2, item=shop.item, due_ms=NOW_MS + 5_000)
        whole, _ = await shop.rows.order(shop.site, "SO-2", item=shop.item, state="produced")
        both = await shop.rows.work_order(shop.site, "WO-1", lines=[made, open_line])
        await shop.rows.operation(both, 10, shop.m1)

        loaded = await shop.load()

        assert [job.due_ms for job in loaded.problem.jobs] == [NOW_MS + 5_000]
        assert loaded.orders[order].due_ms == NOW_MS + 5_000
        assert whole not in loaded.orders

    async def test_the_weight_is_that_of_the_most_urgent_order_still_wanted(
        self, shop: Shop
    ) -> None:
        _, calm = await shop.rows.order(shop.site, "SO-1", item=shop.item, priority=2)
        _, rush = await shop.rows.order(shop.site, "SO-2", item=shop.item, priority=8)
        _, gone = await shop.rows.order(
            shop.site, "SO-3", item=shop.item, priority=9, state="cancelled"
        )
        _, low = await shop.rows.order(shop.site, "SO-4", item=shop.item, priority=-3)
        urgent = await shop.rows.work_order(shop.site, "WO-1", lines=[calm, rush, gone])
        lowly = await shop.rows.work_order(shop.site, "WO-2", lines=[low])
        for work in (urgent, lowly):
            await shop.rows.operation(work, 10, shop.m1)

        loaded = await shop.load()

        assert {job.id: job.weight for job in loaded.problem.jobs} == {urgent: 9, lowly: 1}
        assert sorted(order.number for order in loaded.orders.values()) == ["SO-1", "SO-2", "SO-4"]

    async def test_an_order_has_its_work_orders_and_its_earliest_date(self, shop: Shop) -> None:
        order, line = await shop.rows.order(
            shop.site, "SO-1", item=shop.item, due_ms=NOW_MS + 9_000, priority=4
        )
        other = await shop.rows.line(order, 2, item=shop.item, due_ms=NOW_MS + 4_000)
        works = [
            await shop.rows.work_order(shop.site, f"WO-{each}", lines=[each])
            for each in (line, other)
        ]
        for work in works:
            await shop.rows.operation(work, 10, shop.m1)

        [found] = (await shop.load()).orders.values()

        assert (found.number, found.jobs, found.due_ms) == ("SO-1", tuple(works), NOW_MS + 4_000)
        assert found.complete
        assert found.priority == 4


class TestMachines:
    async def test_one_that_is_down_is_unavailable_until_it_is_expected_back(
        self, shop: Shop
    ) -> None:
        await shop.rows.operation(await shop.rows.work_order(shop.site, "WO-1"), 10, shop.m1)
        since = NOW_MS - 5 * MINUTE_MS
        await shop.rows.state(shop.m1, "down", since_ms=since)

        loaded = await shop.load()

        [machine] = loaded.problem.machines
        assert machine.unavailable == (Interval(NOW_MS, since + 30 * MINUTE_MS),)
        assert loaded.down == {shop.m1: since}

    async def test_a_micro_stop_changes_nothing(self, shop: Shop) -> None:
        await shop.rows.operation(await shop.rows.work_order(shop.site, "WO-1"), 10, shop.m1)
        await shop.rows.state(shop.m1, "down", since_ms=NOW_MS - MINUTE_MS)

        loaded = await shop.load()

        assert loaded.problem.machines[0].unavailable == ()
        assert loaded.down == {}

    async def test_a_breakdown_comes_on_top_of_the_calendar(self, shop: Shop) -> None:
        await shop.rows.operation(await shop.rows.work_order(shop.site, "WO-1"), 10, shop.m1)
        await shop.rows.run(
            """
            INSERT INTO calendar_exceptions (site_id, starts_at, ends_at, reason)
            VALUES (%s, to_timestamp(%s), to_timestamp(%s), 'break')
            """,
            shop.site,
            (NOW_MS + 20 * MINUTE_MS) // 1_000,
            (NOW_MS + 60 * MINUTE_MS) // 1_000,
        )
        await shop.rows.state(shop.m1, "down", since_ms=NOW_MS - 5 * MINUTE_MS)

        [machine] = (await shop.load()).problem.machines

        assert machine.unavailable == (Interval(NOW_MS, NOW_MS + 60 * MINUTE_MS),)

    async def test_one_is_set_up_for_what_is_on_it_else_for_what_was_there_last(
        self, shop: Shop
    ) -> None:
        brass = await shop.rows.item("brass", family="brass")
        ended = await shop.rows.operation(
            await shop.rows.work_order(shop.site, "WO-1", item=brass), 10, shop.m1
        )
        await shop.rows.start(ended, shop.m1)
        await shop.rows.end(ended, shop.m1, ended_ms=NOW_MS - 1_000)
        older = await shop.rows.operation(
            await shop.rows.work_order(shop.site, "WO-2", item=shop.item), 10, shop.m1
        )
        await shop.rows.start(older, shop.m1)
        await shop.rows.end(older, shop.m1, ended_ms=NOW_MS - 2_000)
        runs = await shop.rows.operation(
            await shop.rows.work_order(shop.site, "WO-3", item=shop.item), 10, shop.m2
        )
        await shop.rows.start(runs, shop.m2)
        await shop.rows.operation(await shop.rows.work_order(shop.site, "WO-4"), 10, shop.m1)

        families = {each.id: each.family for each in (await shop.load()).problem.machines}

        assert families == {shop.m1: "brass", shop.m2: "steel"}

    async def test_calendars_are_told_for_as_long_as_the_work_takes(
        self, connection: Connection
    ) -> None:
        """40 hours a week: the plan of three months' work knows the weekends of all three."""
        made = await seed_factory(
            connection,
            operations=40,
            machines=2,
            alternatives=0,
            quantity=100,
            cycle_ms=15 * MINUTE_MS,
            shifts=[(480, 960)],
        )

        loaded = await load_problem(connection, made.scope, now_ms=NOW_MS)
        plan = right_shift(loaded.problem)

        end_ms = max(each.end_ms for each in plan.assignments)
        told_ms = min(machine.unavailable[-1].end_ms for machine in loaded.problem.machines)
        assert end_ms - NOW_MS > 90 * 24 * HOUR_MS
        assert told_ms > end_ms


@pytest.mark.parametrize("shifts", [(), [(360, 840), (840, 1320)]])
async def test_what_is_loaded_can_be_planned(
    connection: Connection, shifts: list[tuple[int, int]]
) -> None:
    made = await seed_factory(connection, operations=300, machines=8, running=6, shifts=shifts)

    loaded = await load_problem(connection, made.scope, now_ms=NOW_MS)

    assert violations(loaded.problem, right_shift(loaded.problem)) == []

"""The frozen zone from rows: what cannot begin in it is not kept from going elsewhere."""

from __future__ import annotations

import pytest
from planning_rows import HOUR_MS, MINUTE_MS, NOW_MS, at
from planning_shop import Shop

from domain.plan.policy import Policy
from domain.plan.problem import PinKind
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations
from store.planning import policies


async def kinds(shop: Shop) -> dict[int, PinKind | None]:
    """How each operation is pinned; whatever it is, there is a plan that keeps to it."""
    problem = (await shop.load()).problem
    assert violations(problem, right_shift(problem)) == []
    return {each.id: each.pin.kind if each.pin else None for each in problem.operations}


async def soon(shop: Shop, *, on: int | None = None) -> int:
    """An operation that the plan in force starts in five minutes."""
    _, _, [operation] = await shop.order(1)
    start = NOW_MS + 5 * MINUTE_MS
    await shop.publish((operation, on or shop.m1, start, start + 10 * MINUTE_MS))
    return operation


async def down(shop: Shop, machine: int, *, since_minutes: int) -> None:
    await shop.rows.state(machine, "down", since_ms=NOW_MS - since_minutes * MINUTE_MS)


async def closed(shop: Shop, machine: int, from_minutes: int, until_minutes: int) -> None:
    await shop.rows.run(
        """
        INSERT INTO calendar_exceptions (site_id, machine_id, starts_at, ends_at, reason)
        VALUES (%s, %s, %s, %s, 'oil')
        """,
        shop.site,
        machine,
        at(NOW_MS + from_minutes * MINUTE_MS),
        at(NOW_MS + until_minutes * MINUTE_MS),
    )


async def test_on_a_machine_that_works_it_is_frozen(shop: Shop) -> None:
    operation = await soon(shop)
    assert await kinds(shop) == {operation: PinKind.FROZEN}


async def test_on_a_machine_that_is_down_for_longer_than_the_zone_it_is_free(shop: Shop) -> None:
    operation = await soon(shop)
    await down(shop, shop.m1, since_minutes=5)
    assert await kinds(shop) == {operation: None}
    [problem] = [each for each in (await shop.load()).problem.operations if each.id == operation]
    assert {mode.machine for mode in problem.modes} == {shop.m1, shop.m2}


async def test_on_a_machine_that_is_expected_back_within_the_zone_it_stays(shop: Shop) -> None:
    """Then machine and turn are kept, and its start shifts."""
    policy = Policy(repair_ms=10 * MINUTE_MS)
    await policies.put_policy(shop.connection, "plant-1", policy, changed_by="ann")
    operation = await soon(shop)
    await down(shop, shop.m1, since_minutes=4)
    assert await kinds(shop) == {operation: PinKind.FROZEN}
    [placed] = right_shift((await shop.load()).problem).assignments
    assert (placed.machine, placed.start_ms) == (shop.m1, NOW_MS + 6 * MINUTE_MS)


@pytest.mark.parametrize(
    ("span", "kind"), [((-5, 60), None), ((-5, 8), PinKind.FROZEN), ((20, 60), PinKind.FROZEN)]
)
async def test_maintenance_frees_what_it_leaves_no_time_for(
    shop: Shop, span: tuple[int, int], kind: PinKind | None
) -> None:
    operation = await soon(shop)
    await closed(shop, shop.m1, *span)
    assert await kinds(shop) == {operation: kind}


async def test_behind_running_work_that_is_stuck_it_is_free(shop: Shop) -> None:
    _, _, [running, behind] = await shop.order(1, steps=2)
    _, _, [other] = await shop.order(2)
    start = NOW_MS + 5 * MINUTE_MS
    await shop.publish(
        (running, shop.m1, NOW_MS, start),
        (behind, shop.m2, start, start + 20 * MINUTE_MS),
        (other, shop.m2, start + HOUR_MS, start + 2 * HOUR_MS),
    )
    await shop.rows.start(running, shop.m1, good=9)
    assert (await kinds(shop))[behind] is PinKind.FROZEN

    await shop.rows.state(shop.m1, "down", since_ms=NOW_MS - 5 * MINUTE_MS, operation=running)

    assert await kinds(shop) == {running: PinKind.RUNNING, behind: None, other: None}


class TestSetUpUnderWay:
    """Half an hour of set-up, of which a machine has done some."""

    SETUP_MS = 30 * MINUTE_MS

    async def begun(self, shop: Shop, *, minutes: int, frozen: bool = True) -> int:
        """A machine is being set up since so many minutes."""
        work = await shop.rows.work_order(shop.site, "WO-1", item=shop.item)
        operation = await shop.rows.operation(work, 10, shop.m1, setup_ms=self.SETUP_MS)
        start = NOW_MS + (5 if frozen else 60) * MINUTE_MS
        await shop.publish((operation, shop.m1, start, start + 10 * MINUTE_MS))
        await shop.rows.state(shop.m1, "setup", since_ms=NOW_MS - minutes * MINUTE_MS)
        return operation

    async def starts(self, shop: Shop) -> int:
        """Minutes until the first operation begins in a plan that is valid."""
        problem = (await shop.load()).problem
        plan = right_shift(problem)
        assert violations(problem, plan) == []
        first = min(plan.assignments, key=lambda each: each.start_ms)
        return (first.start_ms - NOW_MS) // MINUTE_MS

    @pytest.mark.parametrize(("minutes", "left"), [(0, 30), (20, 10), (40, 5)])
    async def test_only_the_rest_of_it_is_waited_for(
        self, shop: Shop, minutes: int, left: int
    ) -> None:
        await self.begun(shop, minutes=minutes)
        assert await self.starts(shop) == left

    async def test_a_family_that_the_machine_is_set_up_for_is_known(self, shop: Shop) -> None:
        await self.begun(shop, minutes=20)
        machines = {each.id: each for each in (await shop.load()).problem.machines}
        assert machines[shop.m1].family == "steel"

    async def test_what_is_not_frozen_may_be_set_up_for_elsewhere(self, shop: Shop) -> None:
        operation = await self.begun(shop, minutes=20, frozen=False)
        [problem] = [
            each for each in (await shop.load()).problem.operations if each.id == operation
        ]
        assert problem.modes[0].setup_ms == self.SETUP_MS

    async def test_behind_what_runs_nothing_is_set_up_for(self, shop: Shop) -> None:
        operation = await self.begun(shop, minutes=20)
        other = await shop.rows.operation(
            await shop.rows.work_order(shop.site, "WO-2", item=shop.item), 10, shop.m1
        )
        await shop.rows.start(other, shop.m1)
        await shop.rows.state(shop.m1, "setup", since_ms=NOW_MS - 20 * MINUTE_MS, operation=other)
        [problem] = [
            each for each in (await shop.load()).problem.operations if each.id == operation
        ]
        assert problem.modes[0].setup_ms == self.SETUP_MS

"""What stability costs, in the words that a planner thinks in, and how few plans a storm makes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scheduler_floor import SCOPE, Floor, now_ms, until
from scheduler_problems import MINUTE, NOW, Shop

from contracts.plan import DisruptionKind
from contracts.streams import PARTITIONS, TOPICS
from domain.plan.policy import Policy
from domain.plan.problem import Pin, PinKind, Placed
from scheduler.decision import holds
from scheduler.solve import First, first_plan, improve
from scheduler.worker import PlanningWorker
from store.planning.disruptions import NewDisruption, open_count, raise_disruptions, record

Start = Callable[[], PlanningWorker]
STORM = 1_000
DEBOUNCE_S = 0.2
NOT_FOR_LESS = 15
"""Minutes that a move has to save somebody whose order has the weight 1."""
POLICY = Policy(frozen_ms=0, tardiness=20, reassignment=NOT_FOR_LESS * 20, move=0, improve_ms=0)


def _delayed(minutes: int) -> Shop:
    """An operation behind one that runs, which makes it late by so much; a machine is idle."""
    shop = Shop(policy=POLICY)
    (runs,) = shop.job({1: minutes}, due=None)
    shop.change(runs, pin=Pin(kind=PinKind.RUNNING, machine=1, started_ms=NOW - MINUTE))
    (waits,) = shop.job({1: 10, 2: 10}, due=10)
    shop.baseline = {
        runs: Placed(1, NOW - MINUTE),
        waits: Placed(1, NOW + minutes * MINUTE),
    }
    return shop


@pytest.mark.parametrize(
    ("saves", "machine"), [(1, 1), (NOT_FOR_LESS - 1, 1), (NOT_FOR_LESS + 1, 2), (60, 2)]
)
def test_nothing_is_moved_for_less_than_it_has_to_save(saves: int, machine: int) -> None:
    problem = _delayed(saves).problem()

    first = first_plan(problem)

    assert isinstance(first, First)
    for solved in (first.solved, improve(problem, first.solved, limit_ms=300)):
        placed = {each.operation: each.machine for each in solved.plan.assignments}
        assert placed == {1: 1, 2: machine}


@pytest.mark.parametrize(("later", "stays"), [(14, True), (16, False)])
def test_a_plan_that_shifts_by_less_than_the_tolerance_is_still_true(
    later: int, *, stays: bool
) -> None:
    shop = _delayed(30)
    shop.policy = Policy(frozen_ms=0, move_tolerance_ms=15 * MINUTE)
    first = first_plan(shop.problem())
    assert isinstance(first, First)
    told = {each.operation: each for each in first.shifted.assignments}
    shop.change(1, modes=_delayed(30 + later).problem().operations[0].modes)
    shifted = first_plan(shop.problem())
    assert isinstance(shifted, First)

    assert holds(shop.problem(), told, shifted.shifted) is stays


async def test_a_storm_of_disruptions_is_answered_by_few_plans(
    floor: Floor, start_worker: Start
) -> None:
    await floor.log.create_topics(TOPICS, PARTITIONS)
    await floor.build(4)
    for number in range(20):
        await floor.work(f"{number}", [floor.machines, floor.machines[::-1]], due_minutes=30)
    await floor.change_policy(debounce_ms=round(DEBOUNCE_S * 1_000))
    worker = start_worker()
    await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))

    for start in range(0, STORM, 10):
        new = [
            NewDisruption(
                scope=SCOPE,
                kind=DisruptionKind.OPERATION_LATE,
                key=f"storm:{number}",
                occurred_ms=now_ms(),
            )
            for number in range(start, start + 10)
        ]
        async with floor.pool.connection() as connection, connection.transaction():
            rows = await raise_disruptions(connection, new)
            await floor.log.append_in(connection, [record(row) for row in rows])

    async def quiet() -> bool | None:
        async with floor.pool.connection() as connection:
            return True if await open_count(connection, SCOPE) == 0 else None

    await until(quiet, "an answer to the storm")
    answered = await floor.one(
        "SELECT count(*) FROM disruptions WHERE kind = 'operation_late' AND handled_at IS NOT NULL"
    )
    assert answered == STORM
    # However long the storm was: each answer has waited for a debounce at least.
    lasted_s = await floor.one(
        "SELECT extract(epoch FROM max(handled_at) - min(raised_at)) FROM disruptions"
        " WHERE kind = 'operation_late'"
    )
    rounds = await floor.one(
        "SELECT count(DISTINCT handled_at) FROM disruptions WHERE kind = 'operation_late'"
    )
    assert rounds <= 2 + float(lasted_s) / DEBOUNCE_S
    assert len(await floor.versions()) <= 1 + rounds
    assert worker.metrics["no_change"] + worker.metrics["plans_published"] <= 1 + rounds

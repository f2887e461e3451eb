"""What planners and suppliers do to a plan: answered as breakdowns are, by policy, and kept to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from scheduler_floor import MINUTE, Floor, now_ms
from scheduler_process import SchedulerProcess

from contracts.plan import DisruptionKind, PlanState
from domain.plan.policy import PublishRule
from scheduler.worker import PlanningWorker
from store.planning import plans

Start = Callable[[], PlanningWorker]
HOUR = 60 * MINUTE


def at(moment_ms: int) -> datetime:
    return datetime.fromtimestamp(moment_ms / 1000, UTC)


async def lock(floor: Floor, operation: int, machine: int, not_before_ms: int | None) -> None:
    await floor.run(
        """
        INSERT INTO operation_locks (operation_id, machine_id, not_before, locked_by)
        VALUES (%s, %s, %s, 'ann')
        """,
        operation,
        machine,
        None if not_before_ms is None else at(not_before_ms),
    )


async def welder(floor: Floor, operation: int) -> int:
    """The one person who can do an operation."""
    await floor.run("UPDATE operations SET needs = '{weld}' WHERE id = %s", operation)
    resource = int(
        await floor.one(
            """
            INSERT INTO resources (site_id, code, name, kind) VALUES (%s, 'li', 'Li', 'operator')
            RETURNING id
            """,
            floor.site,
        )
    )
    await floor.run("INSERT INTO resource_skills VALUES (%s, 'weld')", resource)
    return resource


async def absent(floor: Floor, resource: int, until_ms: int) -> None:
    await floor.run(
        """
        INSERT INTO resource_absences (resource_id, starts_at, ends_at, reason, told_by)
        VALUES (%s, now() - interval '1 minute', %s, 'ill', 'ann')
        """,
        resource,
        at(until_ms),
    )


async def maintain(floor: Floor, machine: int, until_ms: int) -> None:
    await floor.run(
        """
        INSERT INTO calendar_exceptions (site_id, machine_id, starts_at, ends_at, reason)
        VALUES (%s, %s, now() - interval '1 minute', %s, 'oil')
        """,
        floor.site,
        machine,
        at(until_ms),
    )


async def starts(floor: Floor, number: int) -> dict[int, int]:
    """When a plan starts operations."""
    plan = await floor.version(number)
    async with floor.pool.connection() as connection:
        placed = await plans.assignments(connection, plan.id)
    return {operation: each.start_ms for operation, each in placed.items()}


class TestKeptTo:
    async def test_a_locked_operation_goes_where_and_when_it_was_locked_to(
        self, floor: Floor, start_worker: Start
    ) -> None:
        await floor.build(2)
        m1, m2 = floor.machines
        (operation,) = await floor.work("1", [[m1, m2]])
        start_worker()
        await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        wanted = now_ms() + HOUR
        await lock(floor, operation, m2, wanted)

        locked = await floor.disturb(DisruptionKind.OPERATION_LOCKED, operation_id=operation)

        assert (await floor.answered(locked)).outcome == "planned"
        plan = await floor.version(2)
        assert await floor.machine_of(plan.id) == {operation: m2}
        assert (await starts(floor, 2))[operation] >= wanted

    async def test_what_nobody_can_do_waits_for_who_is_away(
        self, floor: Floor, start_worker: Start
    ) -> None:
        await floor.build(1)
        (operation,) = await floor.work("1", [floor.machines])
        resource = await welder(floor, operation)
        start_worker()
        await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        back = now_ms() + 2 * HOUR
        await absent(floor, resource, back)

        told = await floor.disturb(DisruptionKind.RESOURCE_ABSENT)

        assert (await floor.answered(told)).outcome == "planned"
        assert (await starts(floor, 2))[operation] >= back

    async def test_a_machine_in_maintenance_is_gone_round(
        self, floor: Floor, start_worker: Start
    ) -> None:
        await floor.build(2)
        m1, m2 = floor.machines
        (running,) = await floor.work("0", [[m1]])
        await floor.start(running, m1)
        (operation,) = await floor.work("1", [[m1, m2]], due_minutes=60)
        await floor.run(
            "UPDATE operation_alternatives SET cycle_ms = 180000 WHERE machine_id = %s", m2
        )
        start_worker()
        await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        before = await floor.machine_of((await floor.version(1)).id)
        assert before == {running: m1, operation: m1}
        await maintain(floor, m1, now_ms() + 8 * HOUR)

        told = await floor.disturb(DisruptionKind.MAINTENANCE_PLANNED, machine_id=m1)

        assert (await floor.answered(told)).outcome == "planned"
        after = await floor.machine_of((await floor.version(2)).id)
        assert after == {running: m1, operation: m2}


@pytest.mark.parametrize("kind", list(DisruptionKind))
async def test_where_policy_says_so_every_trigger_waits_for_a_human(
    floor: Floor, start_worker: Start, kind: DisruptionKind
) -> None:
    await floor.build(1)
    await floor.work("1", [floor.machines])
    start_worker()
    await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
    await floor.change_policy(publish=PublishRule.DRAFT)
    await floor.work("2", [floor.machines])

    answered = await floor.answered(await floor.disturb(kind))

    assert (answered.outcome, answered.plan_number) == ("planned", 2)
    in_force, draft = await floor.versions()
    assert in_force.state is PlanState.PUBLISHED
    assert (draft.state, draft.base_id, draft.published_at) == (PlanState.DRAFT, in_force.id, None)
    assert [reason.kind for reason in draft.reasons] == [kind]


@pytest.mark.kill
class TestKilled:
    @pytest.fixture
    def process(
        self, database_url: str, redis_url: str, tmp_path: Path
    ) -> Iterator[SchedulerProcess]:
        scheduler = SchedulerProcess(database_url, redis_url, tmp_path)
        yield scheduler
        scheduler.close()

    async def test_what_was_told_while_the_planner_was_dead_is_answered_and_kept_to(
        self, floor: Floor, process: SchedulerProcess
    ) -> None:
        await floor.build(2)
        m1, m2 = floor.machines
        (locked,) = await floor.work("1", [[m1, m2]])
        (welded,) = await floor.work("2", [[m1]])
        resource = await welder(floor, welded)
        process.start()
        await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        process.kill()
        back = now_ms() + 2 * HOUR
        await lock(floor, locked, m2, None)
        await absent(floor, resource, back)
        await maintain(floor, m2, now_ms() + HOUR)

        raised = [
            await floor.disturb(DisruptionKind.OPERATION_LOCKED, operation_id=locked),
            await floor.disturb(DisruptionKind.RESOURCE_ABSENT),
            await floor.disturb(DisruptionKind.MAINTENANCE_PLANNED, machine_id=m2),
            await floor.disturb(DisruptionKind.MATERIAL_LATE, operation_id=welded),
        ]
        [in_force] = await floor.versions()
        assert in_force.state is PlanState.PUBLISHED
        process.start()

        rows = [await floor.answered(each) for each in raised]
        assert {row.outcome for row in rows} == {"planned"}
        plan = await floor.version(2)
        assert sorted(reason.disruption for reason in plan.reasons) == raised
        assert await floor.machine_of(plan.id) == {locked: m2, welded: m1}
        begun = await starts(floor, 2)
        assert begun[welded] >= back
        assert process.stop() == 0

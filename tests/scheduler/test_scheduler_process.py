"""The scheduler as a process: killed, replaced, watched and told to end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis
from scheduler_floor import SCOPE, Floor, until
from scheduler_process import SchedulerProcess

from contracts.plan import DisruptionKind, PlanState
from contracts.streams import PLANS, PlanStored
from runtime.health import KEY_PREFIX, Health, HealthState
from store.migrate import migrate

OPERATIONS = 1_200


async def _state(redis_url: str) -> HealthState | None:
    """What the scheduler says of itself now."""
    async with Redis.from_url(redis_url) as redis:
        value = await redis.get(KEY_PREFIX + "scheduler")
    return msgspec.json.decode(value, type=Health).state if value else None


@pytest.fixture
def process(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[SchedulerProcess]:
    scheduler = SchedulerProcess(database_url, redis_url, tmp_path)
    yield scheduler
    scheduler.close()


async def _large(floor: Floor) -> None:
    """A site whose plan takes a while: one work order of one operation, many times over."""
    await floor.build(20)
    await floor.work("0", [floor.machines[:2]], due_minutes=60)
    await floor.run(
        """
        WITH made AS (
            INSERT INTO work_orders (site_id, number, item_id, quantity_ordered, due_at, planned)
            SELECT w.site_id, 'WO-X' || n, w.item_id, 10, w.due_at, true
            FROM work_orders w, generate_series(2, %s) AS n RETURNING id
        ), placed AS (
            INSERT INTO operations (work_order_id, number, name, planned, machine_id, cycle_ms)
            SELECT id, 10, 'Step', true, %s + id %% 20, 60000 FROM made RETURNING id, machine_id
        )
        INSERT INTO operation_alternatives
        SELECT id, machine_id + k, 60000, 0
        FROM placed, generate_series(0, 1) AS k WHERE machine_id + k <= %s
        """,
        OPERATIONS,
        floor.machines[0],
        floor.machines[-1],
    )


@pytest.mark.kill
class TestKilled:
    async def test_between_reading_and_writing_nothing_is_lost_or_answered_twice(
        self, floor: Floor, process: SchedulerProcess
    ) -> None:
        await _large(floor)
        process.start()
        first = await floor.disturb(DisruptionKind.WORK_RELEASED)
        assert (await floor.answered(first)).plan_number == 1
        process.solving.unlink(missing_ok=True)
        process.hold.touch()
        await floor.break_down(floor.machines[0])
        second = await floor.disturb(DisruptionKind.MACHINE_DOWN, machine_id=floor.machines[0])

        async def solving() -> bool | None:
            return True if process.solving.exists() else None

        await until(solving, "the process to solve")
        process.kill()
        process.hold.unlink()
        assert (await floor.row(second)).handled_at is None
        (in_force,) = await floor.versions()
        assert in_force.state is PlanState.PUBLISHED

        process.start()
        answered = await floor.answered(second)
        assert (answered.outcome, answered.plan_number) == ("planned", 2)
        assert process.stop() == 0
        before, after = await floor.versions()
        assert (before.id, before.state) == (in_force.id, PlanState.SUPERSEDED)
        assert (after.state, after.base_id) == (PlanState.PUBLISHED, in_force.id)
        assert [reason.disruption for reason in after.reasons] == [second]
        told = [each for each in await floor.events(PLANS) if isinstance(each, PlanStored)]
        assert [each.number for each in told] == [1, 2]

    async def test_at_any_moment_every_disruption_is_answered_once(
        self, floor: Floor, process: SchedulerProcess
    ) -> None:
        await floor.build(4)
        raised = []
        for number, wait_s in enumerate((0.6, 0.75, 0.9, 1.1, 1.4)):
            await floor.work(f"{number}", [floor.machines])
            raised.append(await floor.disturb(DisruptionKind.WORK_RELEASED))
            process.start()
            await asyncio.sleep(wait_s)
            process.kill()
        process.start()
        # The killed ones may have answered all that came before: this one the last one has to.
        await floor.work("last", [floor.machines])
        raised.append(await floor.disturb(DisruptionKind.WORK_RELEASED))
        rows = [await floor.answered(disruption) for disruption in raised]
        assert process.stop() == 0
        versions = await floor.versions()
        named = [reason.disruption for plan in versions for reason in plan.reasons]
        assert sorted(named) == raised
        assert all(row.outcome == "planned" for row in rows)
        told = [each for each in await floor.events(PLANS) if isinstance(each, PlanStored)]
        assert [each.number for each in told] == [plan.number for plan in versions]
        assert [plan.state for plan in versions].count(PlanState.PUBLISHED) == 1


class TestService:
    async def test_it_tells_its_health_and_ends_cleanly(
        self, floor: Floor, process: SchedulerProcess, redis_url: str
    ) -> None:
        await floor.build(1)
        await floor.work("1", [floor.machines])
        process.start()
        await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        async with Redis.from_url(redis_url) as redis:

            async def told() -> Health | None:
                value = await redis.get(KEY_PREFIX + "scheduler")
                health = msgspec.json.decode(value, type=Health) if value else None
                published = health is not None and health.metrics["plans_published"] == 1
                return health if published else None

            health = await until(told, "its health")
        assert process.process is not None
        assert (health.state, health.pid) == (HealthState.OK, process.process.pid)
        assert health.metrics["last_solve_ms"] >= health.metrics["last_first_plan_ms"] > 0
        assert process.stop() == 0
        assert f"scope {SCOPE}: plan 1 published in " in process.log
        assert "Traceback" not in process.log

    async def test_it_waits_for_a_database_that_is_not_migrated_yet(
        self, empty_database_url: str, redis_url: str, tmp_path: Path
    ) -> None:
        process = SchedulerProcess(empty_database_url, redis_url, tmp_path)
        process.start()
        try:
            async with Redis.from_url(redis_url) as redis:

                async def told() -> str | None:
                    value = await redis.get(KEY_PREFIX + "scheduler")
                    return msgspec.json.decode(value, type=Health).reason if value else None

                assert "not ready" in await until(told, "its health")
            await asyncio.to_thread(migrate, empty_database_url)

            async def ready() -> bool | None:
                state = await _state(redis_url)
                return True if state is HealthState.OK else None

            await until(ready, "good health")
            assert process.stop() == 0
        finally:
            process.close()

    async def test_it_ends_cleanly_while_it_improves(
        self, floor: Floor, process: SchedulerProcess
    ) -> None:
        await floor.build(4)
        await floor.change_policy(improve_ms=300_000)
        for number in range(16):
            await floor.work(f"{number}", [floor.machines, floor.machines[::-1]], due_minutes=1)
        process.start()
        await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        await asyncio.sleep(1.5)
        assert process.stop() == 0

"""The planning worker on real rows: what it answers, and what it does when things go wrong."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import msgspec
import psycopg
import pytest
from scheduler_floor import MINUTE, QUICK, SCOPE, Floor, now_ms, until

from contracts.plan import DisruptionKind, PlanState
from contracts.streams import DISRUPTIONS, PLANS, DisruptionRaised, PlanStored
from domain.plan.facts import Fact
from domain.plan.metrics import metrics
from domain.plan.plan import Conflict, Infeasible, Solved
from domain.plan.policy import PublishRule
from domain.plan.problem import Problem
from runtime.health import HealthState
from runtime.tasks import end
from scheduler import scope
from scheduler.solve import First, improve
from scheduler.solve import first_plan as real_first_plan
from scheduler.worker import PlanningWorker
from store.planning import plans
from store.planning.policies import policy_of
from store.planning.problem import load_problem

Start = Callable[[], PlanningWorker]
IMPROVERS = {"cp_sat", "local_search"}
"""Local search needs the compiled code, which may not be ready here."""


class TestAnswers:
    async def test_new_work_gets_a_plan(self, floor: Floor, start_worker: Start) -> None:
        await floor.build(2)
        one, two = await floor.work("1", [floor.machines, floor.machines])
        worker = start_worker()
        disruption = await floor.disturb(DisruptionKind.WORK_RELEASED)
        answered = await floor.answered(disruption)
        assert (answered.outcome, answered.plan_number) == ("planned", 1)
        (plan,) = await floor.versions()
        assert (plan.state, plan.published_by) == (PlanState.PUBLISHED, None)
        assert [reason.disruption for reason in plan.reasons] == [disruption]
        assert (await floor.machine_of(plan.id)).keys() == {one, two}
        (event,) = await floor.events(PLANS)
        assert isinstance(event, PlanStored)
        assert (event.plan_id, event.state) == (plan.id, "published")
        await _counted(worker, "plans_published", 1)
        await _well(worker)

    async def test_after_a_breakdown_work_goes_to_an_idle_machine(
        self, floor: Floor, start_worker: Start
    ) -> None:
        await floor.build(2)
        m1, m2 = floor.machines
        (running,) = await floor.work("0", [[m1]])
        await floor.start(running, m1)
        (moves,) = await floor.work("1", [[m1, m2]], due_minutes=25)
        (stays,) = await floor.work("2", [[m2]], due_minutes=60)
        # On m2 it takes half an hour, so m1 is the better one for it while that works.
        await floor.run(
            "UPDATE operation_alternatives SET cycle_ms = 180000 WHERE operation_id = %s"
            " AND machine_id = %s",
            moves,
            m2,
        )
        start_worker()
        await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        (before,) = await floor.versions()
        assert await floor.machine_of(before.id) == {running: m1, moves: m1, stays: m2}

        await floor.break_down(m1)
        disruption = await floor.disturb(DisruptionKind.MACHINE_DOWN, machine_id=m1)
        assert (await floor.answered(disruption)).outcome == "planned"
        before, after = await floor.versions()
        assert before.state is PlanState.SUPERSEDED
        assert after.base_id == before.id
        assert await floor.machine_of(after.id) == {running: m1, moves: m2, stays: m2}
        assert after.waiting is not None
        assert after.metrics.tardiness < after.waiting.tardiness
        assert after.metrics.cost < after.waiting.cost
        assert [reason.kind for reason in after.reasons] == ["machine_down"]
        moved_to = await floor.one("SELECT machine_id FROM operations WHERE id = %s", moves)
        assert moved_to == m2

    async def test_when_nothing_changes_the_plan_in_force_stays(
        self, floor: Floor, start_worker: Start
    ) -> None:
        await floor.build(2)
        await floor.work("1", [[floor.machines[0]]])
        worker = start_worker()
        await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        second = await floor.disturb(DisruptionKind.REQUESTED)
        answered = await floor.answered(second)
        assert (answered.outcome, answered.plan_id) == ("no_change", None)
        assert len(await floor.versions()) == 1
        await _counted(worker, "no_change", 1)
        # Screens are told to look at the row again: once raised, once answered.
        told = [
            event.disruption_id
            for event in await floor.events(DISRUPTIONS)
            if isinstance(event, DisruptionRaised)
        ]
        assert told.count(second) == 2

    async def test_new_work_makes_a_version_though_nothing_else_moves(
        self, floor: Floor, start_worker: Start
    ) -> None:
        await floor.build(2)
        await floor.work("1", [[floor.machines[0]]])
        start_worker()
        await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        await floor.work("2", [[floor.machines[1]]])
        answered = await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        assert (answered.outcome, answered.plan_number) == ("planned", 2)

    async def test_cancelled_work_leaves_the_plan(self, floor: Floor, start_worker: Start) -> None:
        await floor.build(1)
        (keeps,) = await floor.work("1", [floor.machines])
        (goes,) = await floor.work("2", [floor.machines])
        start_worker()
        await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        await floor.run("UPDATE work_orders SET cancelled_at = now() WHERE number = 'WO-2'")
        answered = await floor.answered(await floor.disturb(DisruptionKind.ORDER_CANCELLED))
        assert answered.outcome == "planned"
        first, second = await floor.versions()
        assert (await floor.machine_of(first.id)).keys() == {keeps, goes}
        assert (await floor.machine_of(second.id)).keys() == {keeps}

    async def test_another_due_date_makes_a_version(
        self, floor: Floor, start_worker: Start
    ) -> None:
        await floor.build(1)
        await floor.work("1", [floor.machines], due_minutes=600)
        start_worker()
        await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        await floor.run("UPDATE order_lines SET due_at = due_at + interval '1 day'")
        answered = await floor.answered(await floor.disturb(DisruptionKind.ORDER_CHANGED))
        assert (answered.outcome, answered.plan_number) == ("planned", 2)

    async def test_work_that_cannot_be_planned_is_told_by_a_version(
        self, floor: Floor, start_worker: Start
    ) -> None:
        await floor.build(1)
        (operation,) = await floor.work("1", [floor.machines])
        await floor.run("UPDATE operations SET machine_id = NULL")
        await floor.run("DELETE FROM operation_alternatives")
        start_worker()
        answered = await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        assert answered.outcome == "planned"
        (plan,) = await floor.versions()
        assert [(each.operation_id, each.code) for each in plan.unplanned] == [
            (operation, "no_machine")
        ]

    async def test_a_scope_without_work_has_nothing_to_plan(
        self, floor: Floor, start_worker: Start
    ) -> None:
        await floor.build(1)
        start_worker()
        answered = await floor.answered(await floor.disturb(DisruptionKind.REQUESTED))
        assert answered.outcome == "no_change"
        assert not await floor.versions()

    async def test_by_the_draft_rule_a_person_decides(
        self, floor: Floor, start_worker: Start
    ) -> None:
        await floor.build(2, policy=msgspec.structs.replace(QUICK, publish=PublishRule.DRAFT))
        await floor.work("1", [floor.machines])
        start_worker()
        first = await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        second = await floor.answered(await floor.disturb(DisruptionKind.REQUESTED))
        assert (first.outcome, second.outcome) == ("planned", "planned")
        discarded, draft = await floor.versions()
        assert (discarded.state, draft.state) == (PlanState.DISCARDED, PlanState.DRAFT)
        assert [reason.disruption for reason in draft.reasons] == [first.id, second.id]
        assert draft.published_by is None

    async def test_what_cannot_be_planned_is_answered_with_the_reason(
        self, floor: Floor, start_worker: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await floor.build(1)
        (operation,) = await floor.work("1", [floor.machines])
        found = (
            Conflict(code=Fact.NO_MACHINE, operation=operation),
            Conflict(code="contradiction", operation=operation),
        )
        monkeypatch.setattr(scope, "first_plan", lambda _: Infeasible(conflicts=found))
        worker = start_worker()
        answered = await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        assert answered.outcome == "failed"
        assert [each["code"] for each in answered.detail["conflicts"]] == [
            "no_machine",
            "contradiction",
        ]
        assert not await floor.versions()
        trouble = (
            f"scope {SCOPE} cannot be planned: no machine can do WO-1/10; the planner made a"
            f" mistake about WO-1/10; its log says which [contradiction (operation {operation})]"
        )

        async def says() -> bool | None:
            return True if worker.health == (HealthState.DEGRADED, trouble) else None

        await until(says, "bad health")
        monkeypatch.undo()
        await floor.answered(await floor.disturb(DisruptionKind.REQUESTED))
        await _well(worker)

    async def test_the_log_tells_what_happened_and_what_waiting_would_have_cost(
        self, floor: Floor, start_worker: Start, caplog: pytest.LogCaptureFixture
    ) -> None:
        await floor.build(1)
        await floor.work("1", [floor.machines])
        with caplog.at_level(logging.INFO, logger="scheduler"):
            start_worker()
            await floor.answered(
                await floor.disturb(DisruptionKind.MACHINE_UP, machine_id=floor.machines[0])
            )

            async def said() -> str | None:
                lines = [each.getMessage() for each in caplog.records]
                return next((line for line in lines if "plan 1 published" in line), None)

            line = await until(said, "a line in the log")
        assert line.startswith(f"scope {SCOPE}: plan 1 published in ")
        assert "machine_up m1; " in line
        assert "waiting would have cost" in line


class TestDebounce:
    async def test_a_burst_is_answered_by_one_plan(self, floor: Floor, start_worker: Start) -> None:
        await floor.build(2)
        await floor.change_policy(debounce_ms=3_000)  # all come within it on a busy machine, too
        await floor.work("1", [floor.machines])
        start_worker()
        raised = [await floor.disturb(DisruptionKind.WORK_RELEASED) for _ in range(8)]
        for disruption in raised:
            assert (await floor.answered(disruption)).plan_number == 1
        (plan,) = await floor.versions()
        assert [reason.disruption for reason in plan.reasons] == raised

    async def test_a_stream_of_disruptions_does_not_postpone_the_plan_for_ever(
        self, floor: Floor, start_worker: Start
    ) -> None:
        await floor.build(2)
        await floor.change_policy(debounce_ms=200)
        await floor.work("1", [floor.machines])
        start_worker()
        first = await floor.disturb(DisruptionKind.WORK_RELEASED)
        rain = asyncio.create_task(self._rain(floor))
        try:
            answered = await asyncio.wait_for(floor.answered(first), 60)
            assert not rain.done()
        finally:
            await end([rain])
        assert answered.outcome == "planned"

    async def _rain(self, floor: Floor) -> None:
        while True:
            await floor.disturb(DisruptionKind.REQUESTED)
            await asyncio.sleep(0.03)

    async def test_what_comes_during_a_solve_is_answered_by_the_next_plan(
        self, floor: Floor, start_worker: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await floor.build(2)
        await floor.work("1", [floor.machines])
        solving, go_on = _held(monkeypatch)
        start_worker()
        first = await floor.disturb(DisruptionKind.WORK_RELEASED)
        await asyncio.to_thread(solving.wait, 60)
        await floor.work("2", [floor.machines])
        second = await floor.disturb(DisruptionKind.WORK_RELEASED)
        go_on.set()
        assert (await floor.answered(first)).plan_number == 1
        assert (await floor.answered(second)).plan_number == 2


class TestCompetition:
    async def test_a_plan_whose_ground_moved_is_made_again(
        self, floor: Floor, start_worker: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await floor.build(2)
        await floor.work("1", [floor.machines])
        solving, go_on = _held(monkeypatch)
        worker = start_worker()
        disruption = await floor.disturb(DisruptionKind.WORK_RELEASED)
        await asyncio.to_thread(solving.wait, 60)
        other = await _publish(floor)
        await floor.work("2", [floor.machines])
        go_on.set()
        answered = await floor.answered(disruption)
        assert worker.metrics["stale"] == 1
        _, plan = await floor.versions()
        assert answered.plan_id == plan.id
        assert plan.base_id == other

    async def test_two_workers_answer_once(self, floor: Floor, start_worker: Start) -> None:
        await floor.build(2)
        await floor.work("1", [floor.machines])
        first, second = start_worker(), start_worker()
        for number in range(1, 6):
            await floor.work(f"1{number}", [floor.machines])
            disruption = await floor.disturb(DisruptionKind.WORK_RELEASED)
            assert (await floor.answered(disruption)).plan_number == number
        assert len(await floor.versions()) == 5

        async def published() -> bool | None:
            both = first.metrics["plans_published"] + second.metrics["plans_published"]
            return True if both == 5 else None

        await until(published, "five plans by both")
        assert first.metrics["stale"] == second.metrics["stale"] == 0


class TestImproving:
    async def test_a_better_plan_follows_with_the_same_reasons(
        self, floor: Floor, start_worker: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await _two_late_orders(floor)
        _lazy(monkeypatch)
        worker = start_worker()
        disruption = await floor.disturb(DisruptionKind.WORK_RELEASED)
        better = await floor.version(2)
        first = (await floor.versions())[0]
        assert (first.state, better.state) == (PlanState.SUPERSEDED, PlanState.PUBLISHED)
        assert better.method in IMPROVERS
        assert better.base_id == first.id
        assert better.reasons == first.reasons
        assert better.metrics.tardiness < first.metrics.tardiness
        assert (await floor.row(disruption)).plan_id == first.id
        assert [each.state for each in await floor.events(PLANS) if isinstance(each, PlanStored)]
        await _counted(worker, "plans_improved", 1)

        async def proven() -> plans.PlanRow | None:
            row = (await floor.versions())[1]
            return row if row.cost_bound is not None else None

        row = await until(proven, "what is proven of the better plan")
        assert row.id == better.id
        assert row.cost_bound == row.searched_cost  # so few operations are solved together
        assert (await floor.versions())[0].cost_bound is None

    async def test_a_better_draft_takes_the_drafts_place(
        self, floor: Floor, start_worker: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await _two_late_orders(floor)
        await floor.change_policy(publish=PublishRule.DRAFT)
        _lazy(monkeypatch)
        start_worker()
        disruption = await floor.disturb(DisruptionKind.WORK_RELEASED)
        better = await floor.version(2)
        first = (await floor.versions())[0]
        assert (first.state, better.state) == (PlanState.DISCARDED, PlanState.DRAFT)
        assert (await floor.row(disruption)).plan_id == better.id

    async def test_something_newer_ends_it(
        self, floor: Floor, start_worker: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await floor.build(4)
        await floor.change_policy(improve_ms=300_000)
        for number in range(16):
            await floor.work(f"{number}", [floor.machines, floor.machines[::-1]], due_minutes=1)
        searching = threading.Event()
        real = improve

        def noticed(*arguments: object, **options: object) -> Solved:
            searching.set()
            return real(*arguments, **options)  # type: ignore[arg-type]  # handed on as they are

        monkeypatch.setattr(scope, "improve", noticed)
        start_worker()
        await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        await asyncio.to_thread(searching.wait, 60)
        await floor.work("new", [floor.machines])
        second = await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        assert (second.outcome, second.plan_number) == ("planned", 2)
        assert IMPROVERS.isdisjoint([plan.method for plan in await floor.versions()])

    async def test_a_plan_that_somebody_replaced_meanwhile_stays_replaced(
        self, floor: Floor, start_worker: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await _two_late_orders(floor)
        _lazy(monkeypatch)
        searching, go_on = threading.Event(), threading.Event()
        real = improve

        def held(*arguments: object, **options: object) -> Solved:
            searching.set()
            go_on.wait(60)
            return real(*arguments, **options)  # type: ignore[arg-type]  # handed on as they are

        monkeypatch.setattr(scope, "improve", held)
        worker = start_worker()
        await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        await asyncio.to_thread(searching.wait, 60)
        other = await _publish(floor)
        go_on.set()

        async def given_up() -> bool | None:
            return True if worker.metrics["stale"] else None

        await until(given_up, "the improved plan to be given up")
        assert (await floor.versions())[-1].id == other


class TestTrouble:
    async def test_lost_connections_are_made_again(
        self, floor: Floor, start_worker: Start, database_url: str
    ) -> None:
        await floor.build(1)
        await floor.work("1", [floor.machines])
        worker = start_worker()
        await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
        for number in range(3):
            async with await psycopg.AsyncConnection.connect(database_url) as other:
                await other.execute(
                    """
                    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                    """
                )
            await floor.work(f"1{number}", [floor.machines])
            answered = await floor.answered(await floor.disturb(DisruptionKind.WORK_RELEASED))
            assert answered.outcome == "planned"

        await _well(worker)

    async def test_a_planner_that_breaks_off_says_so_and_tries_again(
        self, floor: Floor, start_worker: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await floor.build(1)
        await floor.work("1", [floor.machines])
        tries = 0

        def broken(problem: Problem) -> First | Infeasible:
            nonlocal tries
            tries += 1
            if tries <= 2:
                raise ZeroDivisionError
            return real_first_plan(problem)

        monkeypatch.setattr(scope, "first_plan", broken)
        worker = start_worker()
        disruption = await floor.disturb(DisruptionKind.WORK_RELEASED)

        async def sick() -> str | None:
            return worker.health[1]

        assert "ZeroDivisionError" in await until(sick, "bad health")
        assert (await floor.answered(disruption)).outcome == "planned"
        assert worker.metrics["broken_off"] == 2

        await _well(worker)


async def _well(worker: PlanningWorker) -> None:
    """Wait until the worker says that it is well: its rows tell of an answer before it does."""

    async def well() -> bool | None:
        return True if worker.health == (HealthState.OK, None) else None

    await until(well, "good health")


async def _counted(worker: PlanningWorker, name: str, number: int) -> None:
    """Wait until the worker has counted what its rows tell already."""

    async def counted() -> bool | None:
        return True if worker.metrics[name] == number else None

    await until(counted, f"{name} = {number}")


def _held(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Hold the first solve: it says that it has begun, and waits to go on."""
    solving, go_on = threading.Event(), threading.Event()

    def held(problem: Problem) -> First | Infeasible:
        solving.set()
        assert go_on.wait(60)
        return real_first_plan(problem)

    monkeypatch.setattr(scope, "first_plan", held)
    return solving, go_on


def _lazy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let first plans be right-shift's, so that there is something to improve."""

    def lazy(problem: Problem) -> First | Infeasible:
        first = real_first_plan(problem)
        assert isinstance(first, First)
        solved = msgspec.structs.replace(
            first.solved, plan=first.shifted, metrics=first.waiting, method="right_shift"
        )
        return msgspec.structs.replace(first, solved=solved)

    monkeypatch.setattr(scope, "first_plan", lazy)


async def _two_late_orders(floor: Floor) -> None:
    """One machine, three jobs that are due now: by due date, the longest goes first."""
    await floor.build(1)
    await floor.change_policy(improve_ms=30_000)
    for number, minutes in enumerate((240, 60, 10)):
        await floor.work(f"{number}", [floor.machines], minutes=minutes, due_minutes=number - 5)


async def _publish(floor: Floor) -> int:
    """Put right-shift in force, as another process would; returns the plan's id."""
    async with floor.pool.connection() as connection:
        loaded = await load_problem(connection, SCOPE, now_ms=_later_ms())
        policy = await policy_of(connection, SCOPE)
        assert loaded.problem.policy == policy
        first = real_first_plan(loaded.problem)
        assert isinstance(first, First)
        solved = msgspec.structs.replace(
            first.solved, plan=first.shifted, metrics=metrics(loaded.problem, first.shifted)
        )
        async with connection.transaction():
            stored = await plans.store_plan(
                connection,
                loaded,
                solved,
                state=PlanState.PUBLISHED,
                waiting=None,
                reasons=[],
                disruption_ids=[],
                now_ms=_later_ms(),
                published_by="somebody",
            )
    return stored.id


def _later_ms() -> int:
    return now_ms() + MINUTE

"""What would help a late job: each kind by hand, and what holds of every answer."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_problems import HOUR, MINUTE, NOW, at, breaks, random_problem

from domain.plan.decoder import decode
from domain.plan.helps import SHOWN, Help, HelpKind, helps
from domain.plan.lateness import late_jobs
from domain.plan.metrics import job_ends
from domain.plan.plan import Plan
from domain.plan.problem import (
    Job,
    Machine,
    Mode,
    Need,
    Operation,
    Pin,
    PinKind,
    Problem,
    ReleaseKind,
    Resource,
)
from domain.plan.right_shift import right_shift
from domain.plan.turns import turns_of
from domain.plan.validator import violations


def operation(id_: int, *modes: tuple[int, int], **more: Any) -> Operation:
    """An operation of a job of its own; modes are (machine, minutes)."""
    ways = tuple(Mode(machine, minutes * MINUTE) for machine, minutes in modes)
    return Operation(id=id_, job=id_, modes=ways, **more)


def problem(*operations: Operation, due: dict[int, int], **more: Any) -> Problem:
    more.setdefault("machines", (Machine(id=1), Machine(id=2)))
    return Problem(
        now_ms=NOW,
        jobs=tuple(
            Job(id=each.id, due_ms=at(due[each.id]) if each.id in due else None)
            for each in operations
        ),
        operations=operations,
        **more,
    )


def found(made: Problem, **more: Any) -> dict[HelpKind, Help]:
    """What would help the latest job of the plan in the operations' order, by kind."""
    plan = decode(made, [(each.id, each.modes[0].machine) for each in made.operations])
    late = late_jobs(made, plan)[0]
    return {each.kind: each for each in helps(made, plan, late, **more)}


class TestKinds:
    def test_the_turn_before_what_is_waited_for(self) -> None:
        told = found(problem(operation(1, (1, 50)), operation(2, (1, 30)), due={2: 30}))
        ahead = told[HelpKind.AHEAD]
        assert (ahead.operation, ahead.machine, ahead.behind) == (2, 1, 1)
        assert (ahead.gain_ms, ahead.end_ms) == (50 * MINUTE, at(30))
        assert [(each.job, each.by_ms) for each in ahead.later] == [(1, 30 * MINUTE)]
        assert ahead.later_jobs == 1

    def test_another_machine(self) -> None:
        told = found(problem(operation(1, (1, 50)), operation(2, (1, 30), (2, 40)), due={2: 30}))
        other = told[HelpKind.OTHER_MACHINE]
        assert (other.machine, other.from_machine, other.gain_ms) == (2, 1, 40 * MINUTE)
        assert other.later == ()

    def test_an_overtime_shift(self) -> None:
        machines = (Machine(id=1, unavailable=breaks((20, 140))), Machine(id=2))
        told = found(problem(operation(1, (1, 60)), due={1: 60}, machines=machines))
        overtime = told[HelpKind.OVERTIME]
        assert (overtime.machine, overtime.from_ms, overtime.until_ms) == (1, at(20), at(140))
        assert overtime.gain_ms == 120 * MINUTE

    def test_overtime_is_no_longer_than_a_shift(self) -> None:
        machines = (Machine(id=1, unavailable=breaks((20, 20 + 24 * 60))), Machine(id=2))
        told = found(problem(operation(1, (1, 60)), due={1: 60}, machines=machines))
        overtime = told[HelpKind.OVERTIME]
        assert overtime.until_ms is not None
        assert overtime.from_ms is not None
        assert overtime.until_ms - overtime.from_ms == 8 * HOUR

    def test_a_machine_that_is_down_works_no_overtime(self) -> None:
        machines = (Machine(id=1, unavailable=breaks((0, 60))), Machine(id=2))
        made = problem(operation(1, (1, 30)), due={1: 30}, machines=machines)
        assert found(made)[HelpKind.OVERTIME].gain_ms == 60 * MINUTE
        assert found(made, down={1}) == {}

    def test_material_that_is_there(self) -> None:
        waits = operation(1, (1, 30), release_ms=at(40), release_kind=ReleaseKind.MATERIAL)
        earlier = found(problem(waits, due={1: 30}))[HelpKind.EARLIER_MATERIAL]
        assert (earlier.from_ms, earlier.until_ms) == (NOW, at(40))
        assert earlier.gain_ms == 40 * MINUTE

    def test_one_more_of_a_tool(self) -> None:
        need = (Need(1),)
        made = problem(
            Operation(id=1, job=1, modes=(Mode(1, 50 * MINUTE, needs=need),)),
            Operation(id=2, job=2, modes=(Mode(2, 30 * MINUTE, needs=need),)),
            due={2: 30},
            resources=(Resource(id=1),),
        )
        more = found(made)[HelpKind.MORE_OF_RESOURCE]
        assert (more.resource, more.gain_ms) == (1, 50 * MINUTE)

    def test_half_of_it_on_another_machine(self) -> None:
        split = found(problem(operation(1, (1, 60), (2, 60), pieces=10), due={1: 30}))
        assert split[HelpKind.SPLIT].gain_ms == 30 * MINUTE
        assert split[HelpKind.SPLIT].machine == 2

    def test_nothing_but_a_new_plan(self) -> None:
        made = problem(operation(1, (1, 30)), due={1: 30})
        plan = decode(made, [(1, 1)], not_before={1: at(20)})
        [told] = helps(made, plan, late_jobs(made, plan)[0])
        assert (told.kind, told.gain_ms) == (HelpKind.CLOSE_UP, 20 * MINUTE)

    def test_nothing_goes_before_what_runs(self) -> None:
        running = Pin(kind=PinKind.RUNNING, machine=1, started_ms=at(-5))
        made = problem(operation(1, (1, 50), pin=running), operation(2, (1, 30)), due={2: 30})
        assert found(made) == {}

    def test_it_ends_when_there_is_no_time(self) -> None:
        made = problem(operation(1, (1, 50)), operation(2, (1, 30)), due={2: 30})
        assert found(made, enough=lambda: True) == {}


class TestAnyPlan:
    @given(st.integers(0, 10**6))
    @settings(max_examples=100, deadline=None, derandomize=True)
    def test_every_help_is_a_gain_and_they_are_sorted(self, seed: int) -> None:
        made = random_problem(seed, jobs=8)
        plan = right_shift(made)
        for late in late_jobs(made, plan)[:3]:
            told = helps(made, plan, late)
            assert len(told) <= SHOWN
            assert [each.gain_ms for each in told] == sorted(
                (each.gain_ms for each in told), reverse=True
            )
            for each in told:
                assert each.gain_ms >= MINUTE
                assert each.end_ms <= late.end_ms - each.gain_ms
                assert len(each.later) <= each.later_jobs

    @given(st.integers(0, 10**6))
    @settings(max_examples=100, deadline=None, derandomize=True)
    def test_turns_decode_to_a_valid_plan_that_is_no_later(self, seed: int) -> None:
        made = random_problem(seed, jobs=8)
        plan = right_shift(made)
        again: Plan = decode(made, turns_of(made, plan).sequence(made))
        assert violations(made, again) == []
        ends, before = job_ends(made, again), job_ends(made, plan)
        assert all(ends[job] <= before[job] for job in before)

    def test_a_seed_with_several_helps(self) -> None:
        """So that the properties above are not true of nothing."""
        kinds: set[HelpKind] = set()
        for seed in range(40):
            made = msgspec.structs.replace(random_problem(seed, jobs=8))
            plan = right_shift(made)
            for late in late_jobs(made, plan)[:2]:
                kinds |= {each.kind for each in helps(made, plan, late)}
        assert len(kinds) >= 4

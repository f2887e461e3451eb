"""Resources, ovens, transfer batches and sites, for the stages of the planner and their model."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.plan.indexed import Indexed
from domain.plan.metrics import cost
from domain.plan.policy import Policy
from domain.plan.problem import (
    Job,
    Machine,
    Mode,
    Need,
    Operation,
    Overlap,
    Precedence,
    Problem,
    Resource,
)
from domain.plan.validator import violations
from scheduler import kernel
from scheduler.model import Model
from scheduler.sequence import sequence_of
from scheduler.solve import First, first_plan, improve
from scheduler.stopping import Stop

MINUTE = 60_000
NOW = 1_700_000_040_000


def _problems() -> Any:
    """The generators of the domain's tests."""
    path = Path(__file__).parents[1] / "plan" / "plan_problems.py"
    spec = importlib.util.spec_from_file_location("plan_problems_for_scheduler", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


random_problem = _problems().random_problem


def _first(problem: Problem) -> First:
    first = first_plan(problem)
    assert isinstance(first, First)
    return first


def _model(problem: Problem, window: set[int] | None = None) -> Model:
    placed = {each.operation: each for each in _first(problem).solved.plan.assignments}
    return Model(Indexed(problem), placed, window=window)


class TestModel:
    @pytest.mark.parametrize("seed", range(12))
    def test_every_plan_is_a_complete_and_feasible_hint(self, seed: int) -> None:
        problem = random_problem(seed, jobs=8, rich=True)
        assert _model(problem).cp.hint_holds()
        window = {operation.id for operation in problem.operations[:6]}
        assert _model(problem, window).cp.hint_holds()

    def test_one_tool_bounds_what_is_possible(self) -> None:
        # Three operations of 10 on machines of their own, and one tool: 10 + 20 + 30.
        problem = _shop(
            *(Operation(id=name, job=name, modes=(_mode(name, 10),)) for name in (1, 2, 3))
        )
        found = _model(problem).solve(limit_s=20.0, stop=Stop())
        assert found is not None
        assert found.optimal
        assert found.bound == 60

    def test_transfer_batches_let_the_follower_start(self) -> None:
        # Ten pieces of 10 minutes each; the second machine starts 10 later and ends 10 later.
        link = Precedence(1, 0, Overlap(1, 1))
        problem = _shop(
            Operation(id=1, job=1, modes=(Mode(1, 100 * MINUTE),), pieces=10),
            Operation(id=2, job=2, modes=(Mode(2, 100 * MINUTE),), pieces=10, after=(link,)),
        )
        found = _model(problem).solve(limit_s=20.0, stop=Stop())
        assert found is not None
        assert found.bound == 100 + 110


def _mode(machine: int, minutes: int) -> Mode:
    return Mode(machine, minutes * MINUTE, 0, (Need(7),))


def _shop(*operations: Operation) -> Problem:
    """Everything is due now, a minute of tardiness costs 1."""
    policy = Policy(tardiness=1, reassignment=0, move=0, setup=0, move_tolerance_ms=0)
    return Problem(
        now_ms=NOW,
        machines=tuple(Machine(id=machine) for machine in (1, 2, 3)),
        jobs=tuple(Job(id=operation.job, due_ms=NOW) for operation in operations),
        operations=operations,
        resources=(Resource(id=7),),
        policy=policy,
    )


class TestStages:
    def test_local_search_takes_part_where_the_kernel_is_loaded(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(kernel, "is_ready", lambda _: True)
        problem = random_problem(5, jobs=40, operations=5, machines=8, rich=True)
        first = _first(problem)
        better = improve(problem, first.solved, limit_ms=2_000)
        assert violations(problem, better.plan) == []
        assert cost(problem, better.plan) <= cost(problem, first.solved.plan)

    @pytest.mark.parametrize("seed", range(6))
    def test_every_stage_leaves_a_valid_plan_that_is_no_worse(self, seed: int) -> None:
        problem = random_problem(seed, jobs=8, rich=True)
        first = _first(problem)
        assert violations(problem, first.solved.plan) == []
        better = improve(problem, first.solved, limit_ms=400)
        assert violations(problem, better.plan) == []
        assert cost(problem, better.plan) <= cost(problem, first.solved.plan)
        if better.bound is not None:
            assert better.bound <= better.metrics.cost

    def test_the_sequence_of_a_plan_has_what_shares_an_oven_by_length(self) -> None:
        problem = Problem(
            now_ms=NOW,
            machines=(Machine(id=1, batch_units=9),),
            jobs=(Job(id=1, due_ms=NOW),),
            operations=tuple(
                Operation(id=name, job=1, modes=(Mode(1, name * MINUTE),), batch_family="hot")
                for name in (1, 2, 3)
            ),
        )
        plan = _first(problem).solved.plan
        assert {each.end_ms for each in plan.assignments} == {NOW + 3 * MINUTE}
        found = sequence_of(Indexed(problem), plan.assignments)
        assert found == [(3, 1), (2, 1), (1, 1)]

    def test_the_makespan_counts_where_the_policy_says_so(self) -> None:
        # Nothing is due: only the makespan can send the second operation to the slower machine.
        modes = (Mode(1, 10 * MINUTE), Mode(2, 15 * MINUTE))
        operations = tuple(Operation(id=name, job=1, modes=modes) for name in (1, 2))
        problem = msgspec.structs.replace(_shop(*operations), jobs=(Job(id=1),), resources=())
        policy = msgspec.structs.replace(problem.policy, makespan=1)
        problem = msgspec.structs.replace(problem, policy=policy)
        found = _model(problem).solve(limit_s=20.0, stop=Stop())
        assert found is not None
        assert found.bound == 15

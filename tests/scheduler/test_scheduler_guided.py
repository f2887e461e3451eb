"""The kernel leads in shops that it does not know; what is worse there is not kept."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.plan.decoder import decode
from domain.plan.indexed import Indexed
from domain.plan.metrics import cost, ranking
from domain.plan.plan import Plan
from domain.plan.policy import Criterion, Policy
from domain.plan.problem import (
    Job,
    Machine,
    Mode,
    Need,
    Operation,
    Precedence,
    Problem,
    Resource,
)
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations
from scheduler.batches import loaded
from scheduler.floor_arrays import supported
from scheduler.guided import decoded_as, guided
from scheduler.reordering import reordered

MINUTE = 60_000
NOW = 1_700_000_040_000


def _problems() -> Any:
    """The generators of the domain's tests."""
    path = Path(__file__).parents[1] / "plan" / "plan_problems.py"
    spec = importlib.util.spec_from_file_location("plan_problems_for_guided", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


random_problem = _problems().random_problem


def _shop() -> Problem:
    """Eight operations that share one tool, of which the shortest weigh most; all are due now."""
    return Problem(
        now_ms=NOW,
        machines=(Machine(id=1), Machine(id=2)),
        jobs=tuple(Job(id=name, due_ms=NOW, weight=name) for name in range(1, 9)),
        operations=tuple(
            Operation(
                id=name,
                job=name,
                modes=(Mode(1, (90 - 10 * name) * MINUTE, 0, (Need(7),)),),
            )
            for name in range(1, 9)
        ),
        resources=(Resource(id=7),),
        policy=Policy(tardiness=1, reassignment=0, move=0, setup=0),
    )


def test_what_the_kernel_finds_is_found_in_the_real_shop() -> None:
    problem = _shop()
    worst = decode(problem, [(name, 1) for name in range(1, 9)])
    better = guided(problem, worst, limit_s=600.0, moves=2_000)
    assert violations(problem, better) == []
    # Smith's rule: the most weight per minute first.
    assert [each.operation for each in better.assignments] == list(range(8, 0, -1))


@pytest.mark.parametrize("seed", range(4))
def test_the_decoder_searches_by_itself(seed: int) -> None:
    problem = random_problem(seed, jobs=12, rich=True)
    shifted = right_shift(problem)
    indexed = Indexed(problem)
    better = reordered(indexed, shifted, limit_s=600.0, tries=60)
    assert violations(problem, better) == []
    assert ranking(problem, better) < ranking(problem, shifted)
    assert better == reordered(indexed, shifted, limit_s=600.0, tries=60)


@pytest.mark.parametrize("seed", range(8))
def test_it_never_makes_a_plan_worse_or_wrong(seed: int) -> None:
    problem = random_problem(seed, jobs=9, rich=True)
    shifted = right_shift(problem)
    better = guided(problem, shifted, limit_s=600.0, moves=300)
    assert violations(problem, better) == []
    assert cost(problem, better) <= cost(problem, shifted)


def test_plans_are_compared_by_the_order_of_criteria() -> None:
    policy = Policy(order=(Criterion.MAKESPAN, Criterion.TARDINESS))
    problem = msgspec.structs.replace(random_problem(3, jobs=9, rich=True), policy=policy)
    shifted = right_shift(problem)
    better = guided(problem, shifted, limit_s=600.0, moves=300)
    assert ranking(problem, better) <= ranking(problem, shifted)


@pytest.mark.parametrize("seed", range(12))
def test_a_shop_with_its_batches_is_one_that_the_kernel_knows(seed: int) -> None:
    problem = random_problem(seed, jobs=12, rich=True)
    plan = right_shift(problem)
    simple = loaded(Indexed(problem), plan)
    assert not supported(problem)
    assert supported(simple.problem)
    again = decoded_as(problem, simple, simple.plan)
    assert violations(problem, again) == []
    assert lots(problem, again) == lots(problem, plan)


def test_batches_are_searched_as_one() -> None:
    problem = _bakery()
    first = decode(problem, [(1, 1), (2, 1), (3, 1), (11, 2), (12, 2), (13, 2)])
    assert len(lots(problem, first)) == 1
    simple = loaded(Indexed(problem), first)
    (joint,) = (each for each in simple.problem.operations if each.id in simple.batches)
    assert {link.operation for link in joint.after} == {1, 2, 3}
    better = guided(problem, first, limit_s=600.0, moves=500)
    assert violations(problem, better) == []
    assert ranking(problem, better) <= ranking(problem, first)


def _bakery() -> Problem:
    """Three pieces are cut one after the other, and baked together."""
    cut = tuple(Operation(id=name, job=name, modes=(Mode(1, 10 * MINUTE),)) for name in range(1, 4))
    bake = tuple(
        Operation(
            id=10 + name,
            job=name,
            modes=(Mode(2, 60 * MINUTE),),
            after=(Precedence(name),),
            batch_family="bread",
            release_ms=NOW + 30 * MINUTE,
        )
        for name in range(1, 4)
    )
    return Problem(
        now_ms=NOW,
        machines=(Machine(id=1), Machine(id=2, batch_units=3)),
        jobs=tuple(Job(id=name, due_ms=NOW, weight=name) for name in range(1, 4)),
        operations=(*cut, *bake),
    )


def lots(problem: Problem, plan: Plan) -> set[frozenset[int]]:
    """What is in the oven together."""
    ovens = {each.id for each in problem.machines if each.batch_units is not None}
    found: dict[tuple[int, int, int, int], set[int]] = {}
    for each in plan.assignments:
        if each.machine in ovens:
            key = each.machine, each.setup_start_ms, each.start_ms, each.end_ms
            found.setdefault(key, set()).add(each.operation)
    return {frozenset(lot) for lot in found.values() if len(lot) > 1}

"""The compiled first plan is the domain's: right-shift, rules, figures, and what it cannot say."""

from __future__ import annotations

import time

import msgspec
import pytest
import search_problems
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.plan.decoder import DecodeError
from domain.plan.dispatch import RULES, dispatch
from domain.plan.indexed import Indexed, ProblemError
from domain.plan.metrics import metrics
from domain.plan.plan import Assignment, Plan
from domain.plan.problem import Need, Precedence, Problem, Resource
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations
from scheduler import kernel
from scheduler.floor_arrays import arrays_of, supported
from scheduler.floor_plans import figures, found_of, plan_of
from scheduler.repair import timed
from scheduler.replanning import disturbed
from scheduler.rules import RIGHT_SHIFT, candidates
from scheduler.solve import CP_SAT, LOCAL, First, first_plan, improve

LONG_S = 600.0


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    kernel.warm_up()


def by_operation(plan: Plan) -> dict[int, Assignment]:
    assert len({each.operation for each in plan.assignments}) == len(plan.assignments)
    return {each.operation: each for each in plan.assignments}


@settings(max_examples=80, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_right_shift_rules_and_figures_are_the_domain_s(seed: int) -> None:
    are_the_domain_s(search_problems.problem(seed))


@settings(max_examples=120, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_with_people_tools_transfer_batches_and_sites_they_are_too(seed: int) -> None:
    are_the_domain_s(search_problems.crewed(seed))


def are_the_domain_s(problem: Problem) -> None:
    """Right-shift, the rules and their figures are what the domain's planning says."""
    arrays = arrays_of(problem)
    indexed = Indexed(problem)
    found = candidates(arrays, deadline=time.perf_counter() + LONG_S)
    shifted = right_shift(problem, indexed=indexed)
    expected = {RIGHT_SHIFT: shifted}
    for rule in RULES:
        try:
            expected[rule.name] = dispatch(problem, rule, indexed=indexed, shifted=shifted)
        except DecodeError:
            continue
    assert [each.method for each in found] == list(expected)
    for each in found:
        plan = plan_of(arrays, each.at, each.order)
        assert by_operation(plan) == by_operation(expected[each.method]), each.method
        assert violations(problem, plan) == []
        assert figures(arrays, each.at) == metrics(problem, plan)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_a_plan_goes_to_arrays_and_comes_back(seed: int) -> None:
    problem = search_problems.problem(seed)
    arrays = arrays_of(problem)
    plan = right_shift(problem)
    at, order = timed(arrays, found_of(arrays, plan))
    again = plan_of(arrays, at, order)
    assert violations(problem, again) == []
    assert metrics(problem, again).cost <= metrics(problem, plan).cost


def test_the_first_plan_is_compiled_and_judged() -> None:
    problem = search_problems.problem(7)
    first = first_plan(problem)
    assert isinstance(first, First)
    assert first.arrays is not None
    assert first.waiting == metrics(problem, first.shifted)
    assert first.solved.metrics == metrics(problem, first.solved.plan)


def test_improving_begins_with_local_search() -> None:
    problem = disturbed(200, 104, moves=0)
    first = first_plan(problem)
    assert isinstance(first, First)
    better = improve(problem, first.solved, limit_ms=4_000)
    assert better.metrics.cost < first.solved.metrics.cost
    assert better.method in {LOCAL, CP_SAT}
    assert violations(problem, better.plan) == []
    assert better.metrics == metrics(problem, better.plan)


def test_without_a_due_date_and_without_work_there_is_a_plan_too() -> None:
    problem = search_problems.problem(7)
    idle = msgspec.structs.replace(problem, jobs=(), operations=(), baseline={})
    assert isinstance(first_plan(idle), First)
    undated = msgspec.structs.replace(
        problem, jobs=tuple(msgspec.structs.replace(each, due_ms=None) for each in problem.jobs)
    )
    first = first_plan(undated)
    assert isinstance(first, First)
    assert first.arrays is not None
    assert first.solved.metrics == metrics(undated, first.solved.plan)


def test_ovens_are_what_the_arrays_cannot_say() -> None:
    problem = search_problems.crewed(7)
    assert supported(problem)
    oven = msgspec.structs.replace(problem.machines[0], batch_units=3)
    assert not supported(msgspec.structs.replace(problem, machines=(oven, *problem.machines[1:])))


def test_an_operation_that_needs_more_than_there_is_has_no_plan() -> None:
    problem = search_problems.problem(7)
    last = problem.operations[-1]
    ways = tuple(msgspec.structs.replace(mode, needs=(Need(1, 2),)) for mode in last.modes)
    last = msgspec.structs.replace(last, modes=ways, pin=None)
    needy = msgspec.structs.replace(problem, operations=(*problem.operations[:-1], last))
    with pytest.raises(ProblemError, match="has no machine"):
        arrays_of(msgspec.structs.replace(needy, resources=(Resource(id=1),)))
    with pytest.raises(ProblemError, match="not in the problem"):
        arrays_of(needy)


def test_a_contradiction_is_named() -> None:
    problem = search_problems.problem(7)
    one = msgspec.structs.replace(problem.operations[0], after=(Precedence(99_999),))
    with pytest.raises(ProblemError, match="99999"):
        arrays_of(msgspec.structs.replace(problem, operations=(one, *problem.operations[1:])))


def test_a_circle_is_found() -> None:
    problem = search_problems.problem(7)
    last = problem.operations[-1].id
    first = problem.operations[-2]
    linked = {each.operation for each in problem.operations[-1].after}
    assert linked
    operations = tuple(
        msgspec.structs.replace(each, after=(Precedence(last),), pin=None)
        if each.id in linked
        else each
        for each in problem.operations
    )
    assert first.id != last
    with pytest.raises(ProblemError, match="wait for each other"):
        arrays_of(msgspec.structs.replace(problem, operations=operations))

"""The validator kills every mutant: each constraint broken by one small change, by its code."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from plan_mutants import BETWEEN
from plan_problems import MINUTE, random_plan, random_problem

from domain.plan import validator
from domain.plan.calendar import WorkingTime, merged
from domain.plan.plan import Assignment, Plan
from domain.plan.problem import (
    Interval,
    Job,
    Machine,
    Mode,
    Operation,
    Pin,
    PinKind,
    Placed,
    Problem,
)
from domain.plan.right_shift import right_shift
from domain.plan.validator import Violation, violations

SEEDS = range(40)
_replace = msgspec.structs.replace
Case = tuple[Problem, Plan]
Mutants = Iterator[tuple[Case, int]]
"""Mutated cases, each with the operation that is to blame."""


def _with(plan: Plan, changed: Assignment) -> Plan:
    return Plan(
        tuple(changed if one.operation == changed.operation else one for one in plan.assignments)
    )


def _problem_with(problem: Problem, changed: Operation) -> Problem:
    return _replace(
        problem,
        operations=tuple(changed if one.id == changed.id else one for one in problem.operations),
    )


def _closed(problem: Problem, machine: int, start_ms: int, end_ms: int) -> Problem:
    """The problem with one more break on a machine."""
    return _replace(
        problem,
        machines=tuple(
            _replace(one, unavailable=merged([*one.unavailable, Interval(start_ms, end_ms)]))
            if one.id == machine
            else one
            for one in problem.machines
        ),
    )


def _placed(
    problem: Problem, plan: Plan, *kinds: PinKind | None
) -> Iterator[tuple[Operation, Assignment]]:
    """Operations with their place; only those pinned like that."""
    wanted = kinds or (None, *PinKind)
    at = {one.id: one for one in problem.operations}
    for each in plan.assignments:
        operation = at[each.operation]
        if (operation.pin.kind if operation.pin else None) in wanted:
            yield operation, each


_STARTABLE = (None, PinKind.LOCKED, PinKind.FROZEN)


def _duration(operation: Operation, each: Assignment) -> int:
    return next(mode.duration_ms for mode in operation.modes if mode.machine == each.machine)


def _machine(problem: Problem, each: Assignment) -> Machine:
    return next(one for one in problem.machines if one.id == each.machine)


def missing(problem: Problem, plan: Plan) -> Mutants:
    for each in plan.assignments:
        left = tuple(one for one in plan.assignments if one is not each)
        yield (problem, Plan(left)), each.operation


def duplicated(problem: Problem, plan: Plan) -> Mutants:
    for each in plan.assignments:
        yield (problem, Plan((*plan.assignments, each))), each.operation


def unknown_operation(problem: Problem, plan: Plan) -> Mutants:
    stranger = _replace(plan.assignments[0], operation=-1)
    yield (problem, Plan((*plan.assignments, stranger))), -1


def wrong_machine(problem: Problem, plan: Plan) -> Mutants:
    for operation, each in _placed(problem, plan):
        able = {mode.machine for mode in operation.modes}
        for machine in (*(one.id for one in problem.machines if one.id not in able), -1):
            yield (problem, _with(plan, _replace(each, machine=machine))), each.operation


def pin_moved(problem: Problem, plan: Plan) -> Mutants:
    for operation, each in _placed(problem, plan, *PinKind):
        for machine in problem.machines:
            if machine.id != each.machine:
                extra = _replace(operation.modes[0], machine=machine.id)
                able = _replace(operation, modes=(*operation.modes, extra))
                moved = _with(plan, _replace(each, machine=machine.id))
                yield (_problem_with(problem, able), moved), each.operation


def started_moved(problem: Problem, plan: Plan) -> Mutants:
    for _, each in _placed(problem, plan, PinKind.RUNNING):
        for by in (-1, 1):
            moved = _replace(each, start_ms=each.start_ms + by, setup_start_ms=each.start_ms + by)
            yield (problem, _with(plan, moved)), each.operation
        early = _replace(each, setup_start_ms=each.setup_start_ms - 1)
        yield (problem, _with(plan, early)), each.operation


def frozen_overtaken(problem: Problem, plan: Plan) -> Mutants:
    """The last operation of a machine was frozen; or the first two had the other order."""
    lanes: dict[int, list[tuple[Operation, Assignment]]] = {}
    for operation, each in _placed(problem, plan):
        lanes.setdefault(each.machine, []).append((operation, each))
    for lane in lanes.values():
        (one, before), (other, after) = lane[-2:] if len(lane) > 1 else (lane[0], lane[0])
        if before.end_ms < after.end_ms and (one.pin is None or one.pin.kind is PinKind.LOCKED):
            frozen = _replace(other, pin=Pin(kind=PinKind.FROZEN, machine=after.machine))
            yield (_problem_with(problem, frozen), plan), after.operation
        pinned = [
            (operation, each, operation.pin)
            for operation, each in lane
            if operation.pin is not None and operation.pin.kind is PinKind.FROZEN
        ]
        for (_, before, _), (other, after, pin) in pairwise(pinned):
            if before.end_ms < after.end_ms:
                first = _replace(other, pin=_replace(pin, place=-1))
                yield (_problem_with(problem, first), plan), after.operation


def frozen_early(problem: Problem, plan: Plan) -> Mutants:
    for _, each in _placed(problem, plan, PinKind.FROZEN):
        later = Placed(each.machine, each.start_ms + 1)
        baseline = problem.baseline | {each.operation: later}
        yield (_replace(problem, baseline=baseline), plan), each.operation


def overlap(problem: Problem, plan: Plan) -> Mutants:
    """What is before it on the machine ended later, or its set-up began earlier."""
    able = {each.operation for _, each in _placed(problem, plan, *_STARTABLE)}
    for before, each in pairwise(plan.assignments):
        if each.machine == before.machine and each.operation in able:
            begun = _replace(each, setup_start_ms=before.end_ms - 1)
            yield (problem, _with(plan, begun)), each.operation
            if each.setup_start_ms + 1 < each.end_ms and before.setup_start_ms < before.end_ms:
                longer = _replace(before, end_ms=each.setup_start_ms + 1)
                yield (problem, _with(plan, longer)), each.operation


def setup_short(problem: Problem, plan: Plan) -> Mutants:
    for _, each in _placed(problem, plan, *_STARTABLE):
        if each.setup_start_ms < each.start_ms:
            for begin in (each.start_ms, each.setup_start_ms + 1):
                yield (problem, _with(plan, _replace(each, setup_start_ms=begin))), each.operation
            for factor in (2, 3):
                slower = _replace(
                    problem,
                    setups=tuple(
                        _replace(one, setup_ms=one.setup_ms * factor + 1) for one in problem.setups
                    ),
                    operations=tuple(
                        _replace(
                            one,
                            modes=tuple(
                                _replace(mode, setup_ms=mode.setup_ms * factor + 1)
                                for mode in one.modes
                            ),
                        )
                        for one in problem.operations
                    ),
                )
                yield (slower, plan), each.operation


def setup_long(problem: Problem, plan: Plan) -> Mutants:
    for _, each in _placed(problem, plan, *_STARTABLE):
        clock = WorkingTime(_machine(problem, each).unavailable)
        begin = clock.retreat(each.setup_start_ms, 1)
        yield (problem, _with(plan, _replace(each, setup_start_ms=begin))), each.operation


def setup_in_break(problem: Problem, plan: Plan) -> Mutants:
    for _, each in _placed(problem, plan, *_STARTABLE):
        begin = each.setup_start_ms
        if begin < each.start_ms:
            closed = _closed(problem, each.machine, begin - 10, begin)
            early = _with(plan, _replace(each, setup_start_ms=begin - 5))
            yield (closed, early), each.operation


def starts_in_break(problem: Problem, plan: Plan) -> Mutants:
    for _, each in _placed(problem, plan, *_STARTABLE):
        closed = _closed(problem, each.machine, each.start_ms, each.start_ms + 1)
        yield (closed, plan), each.operation


def precedence(problem: Problem, plan: Plan) -> Mutants:
    ends = {each.operation: each.end_ms for each in plan.assignments}
    for operation, each in _placed(problem, plan, *_STARTABLE):
        for index, link in enumerate(operation.after):
            after = list(operation.after)
            after[index] = _replace(link, lag_ms=each.start_ms - ends[link.operation] + 1)
            far = _replace(operation, after=tuple(after))
            yield (_problem_with(problem, far), plan), each.operation


def release(problem: Problem, plan: Plan) -> Mutants:
    for operation, each in _placed(problem, plan, *_STARTABLE):
        late = _replace(operation, release_ms=each.start_ms + 1)
        yield (_problem_with(problem, late), plan), each.operation


def too_early(problem: Problem, plan: Plan) -> Mutants:
    for _, each in _placed(problem, plan, *_STARTABLE):
        yield (_replace(problem, now_ms=each.setup_start_ms + 1), plan), each.operation


def work_short(problem: Problem, plan: Plan) -> Mutants:
    now = problem.now_ms
    for operation, each in _placed(problem, plan):
        if _duration(operation, each):
            yield (problem, _with(plan, _replace(each, end_ms=each.end_ms - 1))), each.operation
            never = _replace(each, end_ms=min(each.start_ms, now) - 1)
            yield (problem, _with(plan, never)), each.operation


def work_long(problem: Problem, plan: Plan) -> Mutants:
    for _, each in _placed(problem, plan):
        for by in (1, MINUTE):
            longer = _replace(each, end_ms=each.end_ms + by)
            yield (problem, _with(plan, longer)), each.operation


def broken(problem: Problem, plan: Plan) -> Mutants:
    for operation, each in _placed(problem, plan, *_STARTABLE):
        whole = _replace(operation, interruptible=False)
        if each.end_ms - each.start_ms > _duration(operation, each):
            yield (_problem_with(problem, whole), plan), each.operation


MUTATIONS: tuple[Callable[[Problem, Plan], Mutants], ...] = (
    missing,
    duplicated,
    unknown_operation,
    wrong_machine,
    pin_moved,
    started_moved,
    frozen_overtaken,
    frozen_early,
    overlap,
    setup_short,
    setup_long,
    setup_in_break,
    starts_in_break,
    precedence,
    release,
    too_early,
    work_short,
    work_long,
    broken,
)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """Problems with valid plans, loose ones and tight ones."""
    found: list[Case] = []
    for seed in SEEDS:
        problem = random_problem(seed, jobs=8)
        found += [(problem, random_plan(problem, seed)), (problem, right_shift(problem))]
    return found


def test_the_unmutated_plans_are_valid(cases: list[Case]) -> None:
    for problem, plan in cases:
        assert violations(problem, plan) == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_every_mutant_is_killed_by_its_code(
    mutation: Callable[[Problem, Plan], Mutants], cases: list[Case]
) -> None:
    chance = random.Random(1)
    killed = 0
    for case in cases:
        mutants = list(mutation(*case))
        for (problem, plan), operation in chance.sample(mutants, min(len(mutants), 6)):
            found = violations(problem, plan)
            blamed = {(one.code, one.operation) for one in found}
            assert (mutation.__name__, operation) in blamed, found
            killed += 1
    assert killed >= 30


@pytest.fixture(scope="module")
def rich_cases() -> list[Case]:
    """The same with resources, ovens, transfer batches, sites, dates and turns of locks."""
    found: list[Case] = []
    for seed in range(60):
        problem = random_problem(seed, jobs=10, rich=True)
        found += [(problem, random_plan(problem, seed)), (problem, right_shift(problem))]
    return found


def test_the_unmutated_rich_plans_are_valid(rich_cases: list[Case]) -> None:
    for problem, plan in rich_cases:
        assert violations(problem, plan) == []


@pytest.mark.parametrize("mutation", BETWEEN, ids=lambda mutation: mutation.__name__)
def test_every_mutant_between_machines_is_killed_by_its_code(
    mutation: Callable[[Problem, Plan], Mutants], rich_cases: list[Case]
) -> None:
    chance = random.Random(2)
    killed = 0
    for case in rich_cases:
        mutants = list(mutation(*case))
        for (problem, plan), operation in chance.sample(mutants, min(len(mutants), 6)):
            found = violations(problem, plan)
            blamed = {(one.code, one.operation) for one in found}
            assert (mutation.__name__, operation) in blamed, found
            killed += 1
    assert killed >= 30


def test_every_code_of_the_documentation_has_a_mutation() -> None:
    told = set(re.findall(r"`(\w+)`", Violation.__doc__ or ""))
    assert told - {"other"} == {mutation.__name__ for mutation in (*MUTATIONS, *BETWEEN)}


_JUDGE = sorted(Path(validator.__file__).parent.glob("validator*.py"))


def test_every_code_that_the_judge_can_say_is_documented() -> None:
    """So a constraint that is new without a mutant fails here, or in the test before."""
    told = set(re.findall(r"`(\w+)`", Violation.__doc__ or "")) - {"other"}
    said: set[str] = set()
    for path in _JUDGE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            value: ast.expr | None = None
            if (isinstance(node, ast.keyword) and node.arg == "code") or (
                isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == "wrong"
            ):
                value = node.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                said.add(value.value)
    assert said == told


def test_the_judge_shares_nothing_with_what_makes_plans() -> None:
    allowed = {
        "domain.plan.plan",
        "domain.plan.problem",
        *(f"domain.plan.{p.stem}" for p in _JUDGE),
    }
    assert len(_JUDGE) > 2
    for path in _JUDGE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("domain"):
                assert node.module in allowed, (path.name, node.module)
            elif isinstance(node, ast.Import):
                assert not any(each.name.startswith("domain") for each in node.names), path.name


def _codes(problem: Problem, *places: tuple[int, int, int]) -> list[tuple[str, int]]:
    """What is wrong with operations 1, 2, … on machine 1, by set-up, start and end."""
    plan = Plan(
        tuple(
            Assignment(operation=number, machine=1, setup_start_ms=one, start_ms=two, end_ms=three)
            for number, (one, two, three) in enumerate(places, 1)
        )
    )
    return [(one.code, one.operation) for one in violations(problem, plan)]


def _small(*durations: int, closed: tuple[int, int]) -> Problem:
    """Operations 1, 2, … on machine 1, which does not work for a while."""
    return Problem(
        now_ms=0,
        machines=(Machine(id=1, unavailable=(Interval(*closed),)),),
        jobs=(Job(id=1),),
        operations=tuple(
            Operation(id=number, job=1, modes=(Mode(1, duration),))
            for number, duration in enumerate(durations, 1)
        ),
    )


class TestByHand:
    """Mutants that the random ones rarely are. The machine does not work from 100 to 200."""

    def test_work_that_ends_with_the_shift_does_not_end_after_the_break(self) -> None:
        problem = _small(50, closed=(100, 200))
        assert _codes(problem, (50, 50, 100)) == []
        assert _codes(problem, (50, 50, 150)) == [("work_long", 1)]
        assert _codes(problem, (50, 50, 200)) == [("work_long", 1)]

    def test_work_without_duration_does_not_end_before_it_starts(self) -> None:
        problem = _small(0, closed=(100, 200))
        assert _codes(problem, (50, 50, 50)) == []
        assert _codes(problem, (250, 250, 150)) == [("work_short", 1)]

    def test_no_set_up_begins_before_a_break_when_there_is_none(self) -> None:
        problem = _small(50, closed=(100, 200))
        assert _codes(problem, (200, 200, 250)) == []
        assert _codes(problem, (100, 200, 250)) == [("setup_long", 1)]

    def test_work_without_duration_may_share_its_start_with_what_follows(self) -> None:
        problem = _small(50, 0, closed=(100, 200))
        assert _codes(problem, (10, 10, 60), (10, 10, 10)) == []
        assert _codes(problem, (10, 10, 60), (60, 60, 60)) == []
        assert _codes(problem, (10, 10, 60), (30, 30, 30)) == [("overlap", 1)]


def test_a_violation_names_both_sides(cases: list[Case]) -> None:
    problem, plan = next(
        (problem, plan) for problem, plan in cases if next(precedence(problem, plan), None)
    )
    (mutated, same), operation = next(precedence(problem, plan))
    violation = next(one for one in violations(mutated, same) if one.code == "precedence")
    after = next(one.after for one in problem.operations if one.id == operation)
    assert violation.operation == operation
    assert violation.other in {link.operation for link in after}
    assert "lag" in violation.detail

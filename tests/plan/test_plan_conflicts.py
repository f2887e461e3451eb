"""Each kind of infeasible input is answered with its smallest set of facts, and nothing more."""

from __future__ import annotations

import random
from itertools import pairwise

import msgspec
import pytest
from plan_problems import HOUR, MINUTE, NOW, at, breaks, random_problem

from domain.plan.conflicts import conflicts, smallest
from domain.plan.fact_book import FactBook, Standing
from domain.plan.facts import Fact
from domain.plan.indexed import ProblemError
from domain.plan.plan import Conflict
from domain.plan.problem import (
    Job,
    Machine,
    Mode,
    Need,
    Operation,
    Pin,
    PinKind,
    Precedence,
    Problem,
    ReleaseKind,
    Resource,
)
from domain.plan.right_shift import right_shift

_replace = msgspec.structs.replace
MACHINES = (Machine(id=1), Machine(id=2))


def _operation(name: int, *machines: int, after: tuple[int, ...] = ()) -> Operation:
    return Operation(
        id=name,
        job=1,
        modes=tuple(Mode(machine, 30 * MINUTE) for machine in machines),
        after=tuple(Precedence(before) for before in after),
    )


def _frozen(operation: Operation, machine: int, place: int = 0) -> Operation:
    return _replace(operation, pin=Pin(kind=PinKind.FROZEN, machine=machine, place=place))


def _locked(operation: Operation, machine: int, turn: int | None = None) -> Operation:
    return _replace(operation, pin=Pin(kind=PinKind.LOCKED, machine=machine, turn=turn))


def _problem(
    *operations: Operation,
    machines: tuple[Machine, ...] = MACHINES,
    resources: tuple[Resource, ...] = (),
    horizon: float | None = None,
) -> Problem:
    return Problem(
        now_ms=NOW,
        machines=machines,
        jobs=(Job(id=1),),
        operations=operations,
        resources=resources,
        horizon_ms=None if horizon is None else at(horizon),
    )


def _told(problem: Problem) -> list[str]:
    """Codes of the conflict, each with the operation that it is about."""
    return [
        each.code if each.operation is None else f"{each.code} {each.operation}"
        for each in conflicts(problem)
    ]


class TestOrder:
    def test_what_has_a_plan_has_no_conflict(self) -> None:
        assert conflicts(_problem(_operation(1, 1), _operation(2, 1, 2, after=(1,)))) == ()

    def test_operations_that_come_after_each_other(self) -> None:
        problem = _problem(
            _operation(1, 1, after=(3,)),
            _operation(2, 1, after=(1,)),
            _operation(3, 2, after=(2,)),
            _operation(4, 2, after=(3,)),
            _operation(5, 2),
        )
        assert conflicts(problem) == (
            Conflict(code=Fact.PRECEDENCE, operation=1, other=3),
            Conflict(code=Fact.PRECEDENCE, operation=2, other=1),
            Conflict(code=Fact.PRECEDENCE, operation=3, other=2),
        )

    def test_of_two_circles_the_smaller_one_is_told(self) -> None:
        long = [_operation(name, 1, after=(name - 1 or 9,)) for name in range(1, 10)]
        short = [_operation(21, 1, after=(22, 5)), _operation(22, 1, after=(21,))]
        assert _told(_problem(*long, *short)) == ["precedence 21", "precedence 22"]

    def test_frozen_work_waits_for_what_can_only_come_behind_it(self) -> None:
        problem = _problem(
            _operation(1, 1), _frozen(_operation(2, 1, after=(1,)), 1), _operation(3, 1)
        )
        assert conflicts(problem) == (
            Conflict(code=Fact.ONLY_ON, operation=1, machine=1, value=1),
            Conflict(code=Fact.FROZEN, operation=2, machine=1),
            Conflict(code=Fact.PRECEDENCE, operation=2, other=1),
        )

    def test_another_machine_or_another_way_is_no_conflict(self) -> None:
        two = _frozen(_operation(2, 1, after=(1,)), 1)
        assert conflicts(_problem(_operation(1, 1, 2), two)) == ()

    def test_a_lock_behind_what_is_frozen(self) -> None:
        problem = _problem(
            _locked(_operation(1, 1, 2), 1), _frozen(_operation(2, 1, after=(1,)), 1)
        )
        assert _told(problem) == ["lock 1", "frozen 2", "precedence 2"]

    def test_frozen_work_in_the_wrong_order(self) -> None:
        problem = _problem(
            _frozen(_operation(1, 1), 1, place=1),
            _frozen(_operation(2, 1, after=(1,)), 1, place=0),
        )
        assert conflicts(problem) == (
            Conflict(code=Fact.FROZEN_ORDER, operation=1, other=2, machine=1),
            Conflict(code=Fact.PRECEDENCE, operation=2, other=1),
        )

    def test_turns_of_locks_against_precedence(self) -> None:
        problem = _problem(
            _locked(_operation(1, 1), 1, turn=2), _locked(_operation(2, 1, after=(1,)), 1, turn=1)
        )
        assert _told(problem) == ["lock_turn 1", "precedence 2"]

    def test_what_runs_waits_for_nothing(self) -> None:
        runs = Pin(kind=PinKind.RUNNING, machine=1, started_ms=NOW)
        problem = _problem(_replace(_operation(1, 1, after=(2,)), pin=runs), _operation(2, 1))
        assert conflicts(problem) == ()


class TestWhatThereIs:
    def test_a_lock_to_a_machine_that_cannot_do_it(self) -> None:
        assert conflicts(_problem(_locked(_operation(1, 1), 2))) == (
            Conflict(code=Fact.LOCK, operation=1, machine=2),
            Conflict(code=Fact.ONLY_ON, operation=1, machine=1, value=1),
        )

    def test_more_of_a_resource_than_there_is(self) -> None:
        mode = Mode(1, HOUR, 0, (Need(7, 3), Need(8, 1)))
        problem = _problem(
            Operation(id=1, job=1, modes=(mode,)),
            resources=(Resource(id=7, capacity=2), Resource(id=8)),
        )
        assert conflicts(problem) == (
            Conflict(code=Fact.NEED, operation=1, machine=1, resource=7, value=3),
            Conflict(code=Fact.ONLY_ON, operation=1, machine=1, value=1),
            Conflict(code=Fact.CAPACITY, resource=7, limit=2),
        )

    def test_on_another_machine_it_needs_less_but_is_locked(self) -> None:
        modes = (Mode(1, HOUR, 0, (Need(7, 3),)), Mode(2, HOUR))
        operation = _locked(Operation(id=1, job=1, modes=modes), 1)
        problem = _problem(operation, resources=(Resource(id=7, capacity=2),))
        assert _told(problem) == ["lock 1", "need 1", "only_on 1", "capacity"]

    def test_more_than_an_oven_holds(self) -> None:
        problem = _problem(
            _replace(_operation(1, 1), units=9),
            _operation(2, 1),
            machines=(Machine(id=1, batch_units=4),),
        )
        assert conflicts(problem) == (
            Conflict(code=Fact.ONLY_ON, operation=1, machine=1, value=1),
            Conflict(code=Fact.SIZE, operation=1, value=9),
            Conflict(code=Fact.ROOM, machine=1, limit=4),
        )

    def test_a_machine_that_never_works_again(self) -> None:
        problem = _problem(
            _operation(1, 1),
            machines=(Machine(id=1, unavailable=breaks((-10, 1000))),),
            horizon=1000,
        )
        assert conflicts(problem) == (
            Conflict(code=Fact.ONLY_ON, operation=1, machine=1, value=1),
            Conflict(code=Fact.CALENDAR, machine=1, at_ms=at(1000)),
        )

    def test_work_that_fits_between_no_two_breaks(self) -> None:
        problem = _problem(
            _replace(_operation(1, 1), interruptible=False),
            machines=(
                Machine(id=1, unavailable=breaks(*((20 * n, 20 * n + 10) for n in range(50)))),
            ),
            horizon=1000,
        )
        assert _told(problem) == ["only_on 1", "uninterrupted 1", "calendar"]
        assert conflicts(_replace(problem, horizon_ms=None)) == ()

    def test_people_who_never_come(self) -> None:
        mode = Mode(1, HOUR, 0, (Need(7),))
        problem = _problem(
            Operation(id=1, job=1, modes=(mode,)),
            resources=(Resource(id=7, unavailable=breaks((-5, 2000))),),
            horizon=1000,
        )
        assert _told(problem) == ["need 1", "only_on 1", "resource_calendar"]

    @pytest.mark.parametrize(
        ("kind", "code"), [(ReleaseKind.MATERIAL, "material 1"), (ReleaseKind.ORDER, "release 1")]
    )
    def test_what_comes_after_the_calendars_end(self, kind: ReleaseKind, code: str) -> None:
        late = _replace(_operation(1, 1), release_ms=at(5000), release_kind=kind)
        assert _told(_problem(late, horizon=1000)) == sorted(["only_on 1", code])

    def test_a_lock_to_a_date_behind_the_calendars_end(self) -> None:
        lock = Pin(kind=PinKind.LOCKED, machine=1, not_before_ms=at(5000))
        assert _told(_problem(_replace(_operation(1, 1), pin=lock), horizon=1000)) == [
            "lock_date 1",
            "only_on 1",
        ]


class TestData:
    def test_what_is_not_there(self) -> None:
        assert _told(_problem(_operation(1, 9))) == ["unknown_machine 1"]
        assert _told(_problem(_operation(1, 1, after=(8,)))) == ["unknown_operation 1"]
        assert _told(_problem(_operation(1, 1), _operation(1, 2))) == ["duplicate 1"]
        assert _told(_problem(_operation(1))) == ["no_machine 1"]
        needy = Operation(id=1, job=1, modes=(Mode(1, HOUR, 0, (Need(7),)),))
        assert _told(_problem(needy)) == ["unknown_resource 1"]


def _tangled(seed: int) -> Problem:
    """A random problem with a few more precedences, against the order as likely as not."""
    chance = random.Random(seed)
    problem = random_problem(seed, jobs=9, rich=seed % 2 == 0)
    names = [operation.id for operation in problem.operations]
    work = list(problem.operations)
    for _ in range(3):
        index = chance.randrange(len(work))
        other = chance.choice([name for name in names if name != work[index].id])
        after = (*work[index].after, Precedence(other))
        work[index] = _replace(work[index], after=after)
    return _replace(problem, operations=tuple(work))


def _has_plan(problem: Problem) -> bool:
    try:
        right_shift(problem)
    except ProblemError:
        return False
    return True


def test_a_conflict_is_found_exactly_where_there_is_no_plan() -> None:
    told = [(bool(conflicts(problem)), _has_plan(problem)) for problem in map(_tangled, range(80))]
    assert all(found != planned for found, planned in told)
    assert 10 < sum(found for found, _ in told) < 70


def test_without_any_one_of_the_facts_the_others_have_a_plan() -> None:
    judged = 0
    for problem in map(_tangled, range(80)):
        found = conflicts(problem)
        if not found:
            continue
        book = FactBook(problem)
        standing = Standing(book, book.stuck())
        assert not standing.is_feasible(found)
        for fact in found:
            assert standing.is_feasible([each for each in found if each != fact])
        judged += 1
    assert judged > 10


def test_the_smallest_of_many_facts() -> None:
    facts = [Conflict(code="fact", value=value) for value in range(50)]
    wrong = {facts[3], facts[17], facts[44]}
    assert set(smallest(facts, lambda some: not wrong <= set(some))) == wrong


def test_a_large_shop_is_answered_in_few_facts() -> None:
    chain = [
        _operation(name, 1 + name % 2, after=(name - 1,) if name % 40 > 1 else ())
        for name in range(1, 2000)
    ]
    first, last = chain[80], chain[110]
    chain[80] = _replace(first, after=(Precedence(last.id),))
    found = conflicts(_problem(*chain))
    circle = [each.id for each in chain[80:111]]
    assert {(each.operation, each.other) for each in found} == {
        (circle[0], circle[-1]),
        *((after, before) for before, after in pairwise(circle)),
    }

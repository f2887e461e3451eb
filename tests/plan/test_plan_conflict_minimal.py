"""Smallest conflicts, judged by somebody else: each fact is taken out of the problem itself.

`test_plan_conflicts` asks the book that found the facts. Here a fact is dropped by changing the
problem (a precedence removed, a lock lifted, a machine that always works added), and the domain's
planning has to find a plan that begins everything while calendars are told.
"""

from __future__ import annotations

import random

import msgspec
import pytest
from plan_problems import HOUR, NOW, at, breaks

from domain.plan.conflicts import conflicts
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
_HORIZON = 3_000
_FREE = 999
"""A machine that can do everything, always."""


def _problem(*work: Operation, **fields: object) -> Problem:
    base = Problem(
        now_ms=NOW,
        machines=(Machine(id=1), Machine(id=2)),
        jobs=tuple(Job(id=job) for job in sorted({each.job for each in work})),
        operations=work,
        horizon_ms=at(_HORIZON),
    )
    return _replace(base, **fields)


def _work(name: int, *machines: int, after: tuple[int, ...] = (), **fields: object) -> Operation:
    made = Operation(
        id=name,
        job=name,
        modes=tuple(Mode(machine, HOUR) for machine in machines),
        after=tuple(Precedence(each) for each in after),
    )
    return _replace(made, **fields)


def _locked(machine: int, *, turn: int | None = None, not_before: int | None = None) -> Pin:
    return Pin(kind=PinKind.LOCKED, machine=machine, turn=turn, not_before_ms=not_before)


def _frozen(machine: int, place: int = 0) -> Pin:
    return Pin(kind=PinKind.FROZEN, machine=machine, place=place)


_NEEDY = (Mode(1, HOUR, 0, (Need(7, 2),)),)
_ALWAYS_CLOSED = breaks((-10, _HORIZON + 10))
_SHORT_SHIFTS = breaks(*((20 * number, 20 * number + 10) for number in range(_HORIZON // 20 + 1)))

CASES: dict[str, Problem] = {
    "works that wait for each other in a ring": _problem(
        _work(1, 1, after=(3,)), _work(2, 1, after=(1,)), _work(3, 1, after=(2,)), _work(4, 2)
    ),
    "two turns on a machine against their precedence": _problem(
        _work(1, 1, pin=_locked(1, turn=1), after=(2,)), _work(2, 1, pin=_locked(1, turn=2))
    ),
    "a turn against a precedence by way of other work": _problem(
        _work(1, 1, pin=_locked(1, turn=1), after=(3,)),
        _work(2, 1, pin=_locked(1, turn=2)),
        _work(3, 2, after=(2,)),
    ),
    "frozen work that waits for what is free on its machine": _problem(
        _work(1, 1), _work(2, 1, pin=_frozen(1), after=(1,))
    ),
    "frozen work in the wrong order": _problem(
        _work(1, 1, pin=_frozen(1, 0), after=(2,)), _work(2, 1, pin=_frozen(1, 1))
    ),
    "a need of a skill that nobody has": _problem(
        _work(1, 1, modes=_NEEDY), resources=(Resource(id=7, capacity=0),)
    ),
    "a need of more people than there are, by a lock": _problem(
        _work(1, 1, 2, modes=(*_NEEDY, Mode(2, HOUR)), pin=_locked(1)),
        resources=(Resource(id=7, capacity=1),),
    ),
    "a load that is larger than the oven": _problem(
        _work(1, 1, units=9), machines=(Machine(id=1, batch_units=4),)
    ),
    "a lock to a machine that is in maintenance for good": _problem(
        _work(1, 1, 2, pin=_locked(1)),
        machines=(Machine(id=1, unavailable=_ALWAYS_CLOSED), Machine(id=2)),
    ),
    "a lock to a date when only another machine works": _problem(
        _work(1, 1, 2, pin=_locked(1, not_before=at(600))),
        machines=(
            Machine(id=1, unavailable=breaks((500, _HORIZON + 10))),
            Machine(id=2),
        ),
    ),
    "a release after the machine has been given up": _problem(
        _work(1, 1, release_ms=at(600)),
        machines=(Machine(id=1, unavailable=breaks((500, _HORIZON + 10))),),
    ),
    "material that comes after the machine has been given up": _problem(
        _work(1, 1, release_ms=at(600), release_kind=ReleaseKind.MATERIAL),
        machines=(Machine(id=1, unavailable=breaks((500, _HORIZON + 10))),),
    ),
    "work that fits between no two breaks": _problem(
        _work(1, 1, interruptible=False),
        machines=(Machine(id=1, unavailable=_SHORT_SHIFTS),),
    ),
    "people who never come": _problem(
        _work(1, 1, modes=_NEEDY),
        resources=(Resource(id=7, capacity=2, unavailable=_ALWAYS_CLOSED),),
    ),
}


def without(problem: Problem, fact: Conflict) -> Problem:
    """The problem in which a fact is not so."""
    work = {each.id: each for each in problem.operations}
    machines = {each.id: each for each in problem.machines}
    resources = {each.id: each for each in problem.resources}
    one = work.get(fact.operation or 0)
    if one is not None:
        work[one.id] = _freed(one, fact, work)
        if fact.code == Fact.ONLY_ON:
            machines[_FREE] = Machine(id=_FREE)
    machine, resource = machines.get(fact.machine or 0), resources.get(fact.resource or 0)
    if machine is not None and fact.code == Fact.ROOM:
        machines[machine.id] = _replace(machine, batch_units=10_000)
    if machine is not None and fact.code == Fact.CALENDAR:
        machines[machine.id] = _replace(machine, unavailable=())
    if resource is not None and fact.code == Fact.CAPACITY:
        resources[resource.id] = _replace(resource, capacity=10_000)
    if resource is not None and fact.code == Fact.RESOURCE_CALENDAR:
        resources[resource.id] = _replace(resource, unavailable=())
    return _replace(
        problem,
        operations=tuple(work.values()),
        machines=tuple(machines.values()),
        resources=tuple(resources.values()),
    )


def _freed(one: Operation, fact: Conflict, work: dict[int, Operation]) -> Operation:
    """The operation of which a fact is not so."""
    changes: dict[str, dict[str, object]] = {
        Fact.LOCK: {"pin": None},
        Fact.FROZEN: {"pin": None},
        Fact.RELEASE: {"release_ms": 0},
        Fact.MATERIAL: {"release_ms": 0},
        Fact.UNINTERRUPTED: {"interruptible": True},
        Fact.SIZE: {"units": 1},
        Fact.PRECEDENCE: {
            "after": tuple(link for link in one.after if link.operation != fact.other)
        },
        Fact.NEED: {
            "modes": tuple(
                _replace(mode, needs=tuple(n for n in mode.needs if n.resource != fact.resource))
                if mode.machine == fact.machine
                else mode
                for mode in one.modes
            )
        },
    }
    if (pin := one.pin) is not None:
        behind = work[fact.other].pin if fact.other is not None else None
        place = behind.place - 1 if behind is not None else 0
        changes |= {
            Fact.LOCK_DATE: {"pin": _replace(pin, not_before_ms=None)},
            Fact.LOCK_TURN: {"pin": _replace(pin, turn=None)},
            Fact.FROZEN_ORDER: {"pin": _replace(pin, place=place)},
        }
    # Where it is bound to a machine, that one could do it in a way of its own.
    bound = {"modes": (Mode(pin.machine if pin else _FREE, HOUR),), "units": 1}
    changes[Fact.ONLY_ON] = bound if pin else {"modes": (*one.modes, Mode(_FREE, HOUR))}
    return _replace(one, **changes.get(fact.code, {}))


def has_plan(problem: Problem) -> bool:
    """Whether everything can be placed, and begins before the calendars end."""
    try:
        plan = right_shift(problem)
    except ProblemError:
        return False
    horizon = problem.horizon_ms or 0
    return all(each.start_ms < horizon for each in plan.assignments)


@pytest.mark.parametrize("case", CASES)
def test_the_facts_are_a_conflict_and_none_of_them_is_too_many(case: str) -> None:
    problem = CASES[case]
    assert not has_plan(problem)

    found = conflicts(problem)

    assert found
    for fact in found:
        assert has_plan(without(problem, fact)), (case, fact.code, [each.code for each in found])


def test_the_cases_name_every_fact_that_is_no_mistake_in_the_data() -> None:
    mistakes = {
        *(Fact.DUPLICATE, Fact.UNKNOWN_MACHINE, Fact.UNKNOWN_OPERATION, Fact.UNKNOWN_RESOURCE),
        Fact.NO_MACHINE,
    }
    named = {fact.code for problem in CASES.values() for fact in conflicts(problem)}
    assert named == {str(each) for each in set(Fact) - mistakes}


@pytest.mark.parametrize("case", CASES)
def test_a_conflict_among_a_thousand_operations_is_told_in_as_few_facts(case: str) -> None:
    problem = CASES[case]

    found = conflicts(_among_others(problem))

    assert {each.code for each in found} == {each.code for each in conflicts(problem)}
    assert len(found) == len(conflicts(problem))


def _among_others(problem: Problem) -> Problem:
    """A shop of a thousand other operations around it, in which all is well."""
    chance = random.Random(7)
    shop = [
        _work(
            1_000 + number,
            *chance.sample(range(101, 121), 2),
            after=(999 + number,) if number % 8 else (),
            interruptible=chance.random() < 0.5,
        )
        for number in range(1_000)
    ]
    machines = tuple(
        Machine(id=each, unavailable=breaks(*((day, day + 30) for day in range(200, 2_800, 240))))
        for each in range(101, 121)
    )
    return _replace(
        problem,
        operations=(*problem.operations, *shop),
        machines=(*problem.machines, *machines),
        jobs=(*problem.jobs, *(Job(id=each.id) for each in shop)),
    )

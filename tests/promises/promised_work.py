"""Random shops with room in them, and work that is not there yet."""

from __future__ import annotations

import random

import msgspec

from domain.plan.calendar import merged
from domain.plan.policy import Policy
from domain.plan.problem import (
    Interval,
    Job,
    Machine,
    Mode,
    Need,
    Operation,
    Phase,
    Precedence,
    Problem,
    Resource,
    ResourceKind,
    SetupTime,
    Shortfall,
)

MINUTE = 60_000
NOW = 1_700_000_040_000
FAMILIES = ("red", "green", "blue")
CREW = 901


def random_shop(seed: int, *, jobs: int = 25, machines: int = 5, crew: int = 0) -> Problem:
    """Jobs of up to four operations on machines with breaks; some will be late.

    With a crew, about half the operations need one of so many people, of whom one is away for a
    while.
    """
    chance = random.Random(seed)
    rooms = tuple(
        Machine(id=number, unavailable=_breaks(chance), family=chance.choice((None, *FAMILIES)))
        for number in range(1, machines + 1)
    )
    operations: list[Operation] = []
    due: list[Job] = []
    for job in range(1, jobs + 1):
        operations += _chain(chance, rooms, job, len(operations) + 1, NOW, crew=bool(crew))
        by = NOW + chance.randint(60, 40 * jobs) * MINUTE
        due.append(
            Job(id=job, due_ms=chance.choice((None, by, by, by)), weight=chance.randint(1, 9))
        )
    setups = tuple(
        SetupTime(room.id, one, two, chance.choice((0, 3, 15)) * MINUTE)
        for room in rooms
        for one in FAMILIES
        for two in FAMILIES
        if chance.random() < 0.5
    )
    return Problem(
        now_ms=NOW,
        machines=rooms,
        jobs=tuple(due),
        operations=tuple(operations),
        setups=setups,
        policy=Policy(frozen_ms=chance.choice((0, 10 * MINUTE))),
        resources=(_crew(chance, crew),) if crew else (),
    )


def new_job(problem: Problem, seed: int, *, from_ms: int) -> tuple[list[Operation], Job]:
    """Another job, numbered behind those of the problem."""
    chance = random.Random(seed)
    job = max(each.id for each in problem.jobs) + 1
    first = max(each.id for each in problem.operations) + 1
    crew = bool(problem.resources)
    return _chain(chance, problem.machines, job, first, from_ms, crew=crew), Job(id=job)


def _crew(chance: random.Random, people: int) -> Resource:
    away = NOW + chance.randrange(300) * MINUTE
    short = Shortfall(start_ms=away, end_ms=away + 120 * MINUTE, units=1)
    return Resource(id=CREW, kind=ResourceKind.OPERATOR, capacity=people, short=(short,))


def _chain(
    chance: random.Random,
    machines: tuple[Machine, ...],
    job: int,
    first: int,
    from_ms: int,
    *,
    crew: bool = False,
) -> list[Operation]:
    found: list[Operation] = []
    for number in range(first, first + chance.randint(1, 4)):
        before = (Precedence(number - 1, chance.choice((0, 0, 10)) * MINUTE),) if found else ()
        chosen = chance.sample(machines, chance.randint(1, min(3, len(machines))))
        found.append(
            Operation(
                id=number,
                job=job,
                modes=tuple(
                    Mode(each.id, chance.randint(3, 50) * MINUTE, chance.choice((0, 5)) * MINUTE)
                    for each in chosen
                ),
                after=before,
                family=chance.choice((None, *FAMILIES)),
                release_ms=from_ms,
                interruptible=chance.random() < 0.7,
            )
        )
    return [_staffed(chance, each) for each in found] if crew else found


def _staffed(chance: random.Random, operation: Operation) -> Operation:
    """The operation, with somebody for its set-up, its run, or both; or with nobody."""
    if chance.random() < 0.5:
        return operation
    need = Need(CREW, 1, chance.choice(tuple(Phase)))
    modes = tuple(msgspec.structs.replace(mode, needs=(need,)) for mode in operation.modes)
    return msgspec.structs.replace(operation, modes=modes)


def _breaks(chance: random.Random) -> tuple[Interval, ...]:
    if chance.random() < 0.3:
        return ()
    first = NOW + chance.randrange(-60, 300) * MINUTE
    return merged(
        Interval(first + turn * 480 * MINUTE, first + (turn * 480 + 45) * MINUTE)
        for turn in range(20)
    )

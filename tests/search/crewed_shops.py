"""A shop whose people and tools are short, disturbed: to measure and to test planning on.

Half of the operations need somebody with one of two skills, some of the others and of them a tool.
People have breaks, and some are absent. The plan in force is the best rule's; then the busiest
machine is down for four hours. What starts within the hour is frozen, but for what waits there.

As a program it measures: `python tests/search/crewed_shops.py 11 12 13`.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from typing import Final

import msgspec

from domain.plan.plan import Plan
from domain.plan.policy import Policy
from domain.plan.problem import (
    Interval,
    Job,
    Machine,
    Mode,
    Need,
    Operation,
    Phase,
    Pin,
    PinKind,
    Placed,
    Precedence,
    Problem,
    Resource,
    ResourceKind,
    Shortfall,
)
from domain.plan.validator import violations
from scheduler import kernel
from scheduler.solve import First, first_plan, improve

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
NOW: Final = 1_700_000_040_000
MACHINES: Final = 20
LENGTH: Final = 10
WELDERS: Final = 1
FITTERS: Final = 2
JIG: Final = 3
_DAYS: Final = 12


def crewed_shop(jobs: int, seed: int) -> Problem:
    """The disturbed shop, ten operations a job."""
    chance = random.Random(seed)
    calm = _calm(jobs, chance)
    first = first_plan(calm, explain=False)
    assert isinstance(first, First)
    return _disturbed(calm, first.solved.plan)


def _calm(jobs: int, chance: random.Random) -> Problem:
    operations: list[Operation] = []
    due: list[Job] = []
    span = jobs * LENGTH * 40 // MACHINES
    for job in range(1, jobs + 1):
        work = 0
        for turn in range(LENGTH):
            lasts = chance.randint(10, 60)
            work += lasts
            needs = _needs(chance)
            named = chance.sample(range(1, MACHINES + 1), chance.randint(1, 3))
            modes = tuple(
                Mode(machine, round(lasts * chance.uniform(1.0, 1.3)) * MINUTE, 0, needs)
                for machine in named
            )
            number = len(operations) + 1
            after = (Precedence(number - 1),) if turn else ()
            operations.append(Operation(id=number, job=job, modes=modes, after=after))
        end = NOW + round(work * 1.5 + chance.uniform(0.0, 1.1) * span) * MINUTE
        due.append(Job(id=job, due_ms=end, weight=chance.choice((1, 1, 2, 4))))
    return Problem(
        now_ms=NOW,
        machines=tuple(Machine(id=number) for number in range(1, MACHINES + 1)),
        jobs=tuple(due),
        operations=tuple(operations),
        resources=_resources(chance),
        policy=Policy(tardiness=20, reassignment=40, move=1, setup=0, move_tolerance_ms=0),
    )


def _needs(chance: random.Random) -> tuple[Need, ...]:
    needs = []
    if chance.random() < 0.5:
        needs.append(Need(WELDERS if chance.random() < 0.6 else FITTERS, 1, Phase.RUN))
    if chance.random() < 0.15:
        needs.append(Need(JIG, 1))
    return tuple(needs)


def _resources(chance: random.Random) -> tuple[Resource, ...]:
    """Seven welders and five fitters with a break each shift, four jigs; some are not there."""
    breaks = tuple(
        Interval(NOW + (8 * turn + 4) * HOUR, NOW + (8 * turn + 4) * HOUR + 30 * MINUTE)
        for turn in range(3 * _DAYS)
    )

    def absences(count: int) -> tuple[Shortfall, ...]:
        begins = [NOW + chance.randrange(24 * _DAYS) * HOUR for _ in range(count)]
        return tuple(
            Shortfall(start_ms=begin, end_ms=begin + 8 * HOUR, units=1) for begin in begins
        )

    people = ResourceKind.OPERATOR
    return (
        Resource(id=WELDERS, kind=people, capacity=8, unavailable=breaks, short=absences(12)),
        Resource(id=FITTERS, kind=people, capacity=6, unavailable=breaks, short=absences(8)),
        Resource(id=JIG, kind=ResourceKind.TOOL, capacity=4),
    )


def _disturbed(calm: Problem, plan: Plan) -> Problem:
    placed = plan.assignments
    broken = Counter(each.machine for each in placed).most_common(1)[0][0]
    turn = {
        each.operation: at
        for at, each in enumerate(sorted(placed, key=lambda each: (each.machine, each.start_ms)))
    }
    at = {each.operation: each for each in placed}
    operations = []
    for operation in calm.operations:
        where = at[operation.id]
        if where.start_ms >= NOW + HOUR or where.machine == broken:
            operations.append(operation)
            continue
        pin = Pin(kind=PinKind.FROZEN, machine=where.machine, place=turn[operation.id])
        modes = tuple(mode for mode in operation.modes if mode.machine == where.machine)
        operations.append(msgspec.structs.replace(operation, modes=modes, pin=pin))
    down = (Interval(NOW, NOW + 4 * HOUR),)
    return msgspec.structs.replace(
        calm,
        machines=tuple(
            msgspec.structs.replace(each, unavailable=down) if each.id == broken else each
            for each in calm.machines
        ),
        operations=tuple(operations),
        baseline={each.operation: Placed(each.machine, each.start_ms) for each in placed},
    )


def measured(jobs: int, seed: int, limit_s: float) -> dict[str, float]:
    """The first plan's time, and what two seconds of searching gain."""
    problem = crewed_shop(jobs, seed)
    began, began_cpu = time.perf_counter(), time.process_time()
    first = first_plan(problem, explain=False)
    took, took_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    assert isinstance(first, First)
    better = improve(problem, first.solved, limit_ms=round(limit_s * 1_000), explain=False)
    assert violations(problem, better.plan) == []
    return {
        "seed": seed,
        "first_ms": round(took * 1_000),
        "first_cpu_ms": round(took_cpu * 1_000),
        "waiting": first.waiting.cost,
        "first": first.solved.metrics.cost,
        "searched": better.metrics.cost,
        "gain_percent": round(100 * (1 - better.metrics.cost / first.solved.metrics.cost), 1),
    }


if __name__ == "__main__":
    kernel.warm_up()
    for named in sys.argv[1:]:
        sys.stdout.write(json.dumps(measured(200, int(named), 2.0)) + "\n")

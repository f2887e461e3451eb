"""Promise dates: gaps, set-ups on both sides, calendars, and what others pay for an earlier one."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec
import pytest
from plan_problems import FAMILIES, MINUTE, NOW, at, breaks, random_plan, random_problem

from domain.plan.indexed import Indexed
from domain.plan.insertion import Gaps, inserted
from domain.plan.metrics import cost, job_ends
from domain.plan.plan import Assignment, Plan
from domain.plan.policy import Displacement, Policy, may_displace
from domain.plan.problem import (
    Interval,
    Job,
    Machine,
    Mode,
    Operation,
    Pin,
    PinKind,
    Placed,
    Precedence,
    Problem,
    SetupTime,
)
from domain.plan.promising import Base, Dates, Wish, dates
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations

SEEDS = range(60)
SAW, PRESS = 1, 2
PLAIN = Policy(frozen_ms=0, move_tolerance_ms=0, displacement=Displacement.SAME)


def minutes(plan: Sequence[int]) -> list[float]:
    """Moments as minutes after NOW."""
    return [(moment - NOW) / MINUTE for moment in plan]


def operation(number: int, machine: int, lasts: float, family: str | None = None) -> Operation:
    """An operation of a job of its own."""
    mode = Mode(machine, round(lasts * MINUTE), 5 * MINUTE)
    return Operation(id=number, job=number, modes=(mode,), family=family)


def shop(
    *planned: tuple[Operation, float],
    due: dict[int, float] | None = None,
    unavailable: tuple[Interval, ...] = (),
    setups: tuple[SetupTime, ...] = (),
    policy: Policy = PLAIN,
) -> Problem:
    """Two machines that are set up for red; operations start so many minutes after NOW."""
    return Problem(
        now_ms=NOW,
        machines=tuple(
            Machine(id=number, unavailable=unavailable, family="red") for number in (SAW, PRESS)
        ),
        jobs=tuple(
            Job(id=one.id, due_ms=at(due[one.id]) if due and one.id in due else None)
            for one, _ in planned
        ),
        operations=tuple(one for one, _ in planned),
        setups=setups,
        baseline={one.id: Placed(one.modes[0].machine, at(start)) for one, start in planned},
        policy=policy,
    )


def ask(
    problem: Problem,
    *new: Operation,
    from_min: float = 0,
    due_min: float | None = None,
    fixed_min: float = 0,
    priority_class: int = 0,
) -> tuple[Base, Wish, Dates]:
    """The dates of one job with these operations."""
    base = Base.of(problem, right_shift(problem))
    jobs = sorted({one.job for one in new})
    wish = Wish(
        problem=msgspec.structs.replace(
            problem,
            operations=(*problem.operations, *new),
            jobs=(*problem.jobs, *(Job(id=job, priority_class=priority_class) for job in jobs)),
        ),
        jobs=tuple(jobs),
        from_ms=at(from_min),
        fixed_until_ms=at(fixed_min),
        due_ms=None if due_min is None else at(due_min),
    )
    return base, wish, dates(base, wish)


def free(found: Dates) -> list[float]:
    """Set-up, start and end of the first new operation without harm."""
    first = found.free[0]
    return minutes([first.setup_start_ms, first.start_ms, first.end_ms])


def test_it_goes_into_the_first_gap_that_is_long_enough() -> None:
    problem = shop(
        (operation(1, SAW, 20, "red"), 10),
        (operation(2, SAW, 20, "red"), 60),
        (operation(3, SAW, 20, "red"), 160),
    )
    _, _, short = ask(problem, operation(9, SAW, 10, "red"))
    assert free(short) == [0, 0, 10]
    _, _, longer = ask(problem, operation(9, SAW, 30, "red"))
    assert free(longer) == [30, 30, 60]
    _, _, long = ask(problem, operation(9, SAW, 31, "red"))
    assert free(long) == [80, 80, 111]
    _, _, longest = ask(problem, operation(9, SAW, 90, "red"))
    assert free(longest) == [180, 180, 270]


def test_both_sides_are_set_up_for_it() -> None:
    changes = (
        SetupTime(SAW, "red", "blue", 7 * MINUTE),
        SetupTime(SAW, "blue", "red", 13 * MINUTE),
    )
    problem = shop((operation(1, SAW, 20, "red"), 50), setups=changes)
    _, wish, fits = ask(problem, operation(9, SAW, 30, "blue"))
    assert free(fits) == [0, 7, 37]
    following = next(each for each in fits.free_plan.assignments if each.operation == 1)
    assert minutes([following.setup_start_ms, following.start_ms]) == [37, 50]
    assert violations(wish.problem, fits.free_plan) == []
    _, _, too_long = ask(problem, operation(9, SAW, 31, "blue"))
    assert free(too_long) == [70, 77, 108]


def test_an_operation_between_two_alike_makes_them_unlike() -> None:
    """The gap of 30 minutes between two red ones takes 12 blue ones: 5 + 12 + 13."""
    changes = (SetupTime(SAW, "blue", "red", 13 * MINUTE),)
    problem = shop(
        (operation(1, SAW, 10, "red"), 0), (operation(2, SAW, 10, "red"), 40), setups=changes
    )
    _, _, fits = ask(problem, operation(9, SAW, 12, "blue"))
    assert free(fits) == [10, 15, 27]
    _, _, behind = ask(problem, operation(9, SAW, 13, "blue"))
    assert free(behind) == [50, 55, 68]


@pytest.mark.parametrize(("interruptible", "expected"), [(True, [0, 30, 70]), (False, [0, 60, 90])])
def test_breaks_are_kept(*, interruptible: bool, expected: list[float]) -> None:
    problem = shop(unavailable=breaks((50, 60)))
    new = msgspec.structs.replace(
        operation(9, SAW, 30, "red"), release_ms=at(30), interruptible=interruptible
    )
    _, wish, found = ask(problem, new)
    assert free(found) == [expected[1], *expected[1:]]
    assert violations(wish.problem, found.free_plan) == []


def test_material_and_release_are_waited_for_but_not_by_the_set_up() -> None:
    problem = shop()
    new = msgspec.structs.replace(operation(9, SAW, 30, "blue"), release_ms=at(40))
    _, _, found = ask(problem, new, from_min=38)
    assert free(found) == [38, 43, 73]
    _, _, early = ask(problem, new, from_min=10)
    assert free(early) == [35, 40, 70]


def test_the_machine_where_it_ends_first_is_taken() -> None:
    problem = shop((operation(1, SAW, 100, "red"), 0), (operation(2, PRESS, 20, "red"), 0))
    either = Operation(id=9, job=9, modes=(Mode(SAW, 10 * MINUTE), Mode(PRESS, 30 * MINUTE)))
    _, _, found = ask(problem, either)
    assert found.free[0].mode[0] == 1
    assert free(found)[2] == 50
    assert found.free[0].waits_ms == 20 * MINUTE


def test_nothing_comes_before_what_runs_or_is_frozen() -> None:
    problem = shop((operation(1, SAW, 20, "red"), 60))
    pin = Pin(kind=PinKind.FROZEN, machine=SAW)
    frozen = msgspec.structs.replace(
        problem, operations=(msgspec.structs.replace(problem.operations[0], pin=pin),)
    )
    _, _, found = ask(frozen, operation(9, SAW, 10, "red"))
    assert free(found) == [80, 80, 90]
    _, _, soon = ask(problem, operation(9, SAW, 10, "red"), fixed_min=61)
    assert free(soon) == [80, 80, 90]
    _, _, not_yet = ask(problem, operation(9, SAW, 10, "red"), fixed_min=60)
    assert free(not_yet) == [0, 0, 10]


def test_a_chain_goes_from_gap_to_gap() -> None:
    problem = shop(
        (operation(1, SAW, 20, "red"), 0),
        (operation(2, PRESS, 30, "red"), 0),
        (operation(3, PRESS, 30, "red"), 40),
    )
    first = operation(8, SAW, 10, "red")
    second = Operation(
        id=9, job=8, modes=(Mode(PRESS, 20 * MINUTE),), after=(Precedence(8, 5 * MINUTE),)
    )
    _, _, found = ask(problem, first, second)
    assert minutes([each.start_ms for each in found.free]) == [20, 70]
    assert minutes([found.end_ms]) == [90]


def test_work_goes_before_what_it_may_displace_and_says_what_that_costs() -> None:
    """Job 1 has half an hour to spare, job 2 none: it is ten minutes late then."""
    problem = shop(
        (operation(1, SAW, 30, "red"), 0),
        (operation(2, SAW, 30, "red"), 30),
        due={1: 60, 2: 60},
        policy=msgspec.structs.replace(PLAIN, tardiness=20, move=1),
    )
    base, wish, found = ask(problem, operation(9, SAW, 10, "red"))
    assert minutes([found.end_ms]) == [70]
    costly = found.costly
    assert costly is not None
    assert minutes([costly.end_ms]) == [10]
    assert [(each.job, each.by_ms, each.late_ms) for each in costly.later] == [
        (1, 10 * MINUTE, 0),
        (2, 10 * MINUTE, 10 * MINUTE),
    ]
    assert costly.cost == 20 * 10 + 10 + 10
    assert base.cost + costly.cost == cost(wish.problem, _plan_of(wish, base, costly.end_ms))


def _plan_of(wish: Wish, base: Base, end_ms: int) -> Plan:
    """The same by hand: the new work first, everything else ten minutes later."""
    shifted = [
        msgspec.structs.replace(
            each,
            setup_start_ms=each.setup_start_ms + 10 * MINUTE,
            start_ms=each.start_ms + 10 * MINUTE,
            end_ms=each.end_ms + 10 * MINUTE,
        )
        for each in base.plan.assignments
    ]
    new = Assignment(operation=9, machine=SAW, setup_start_ms=NOW, start_ms=NOW, end_ms=end_ms)
    plan = Plan((new, *shifted))
    assert violations(wish.problem, plan) == []
    return plan


@pytest.mark.parametrize(
    ("rule", "own", "displaced"),
    [
        (Displacement.NOTHING, 5, False),
        (Displacement.LOWER, 0, False),
        (Displacement.LOWER, 1, True),
        (Displacement.SAME, 0, True),
    ],
)
def test_the_policy_says_whom_it_may_displace(
    rule: Displacement, own: int, *, displaced: bool
) -> None:
    problem = shop(
        (operation(1, SAW, 30, "red"), 0),
        policy=msgspec.structs.replace(PLAIN, displacement=rule),
    )
    _, _, found = ask(problem, operation(9, SAW, 10, "red"), priority_class=own)
    assert (found.costly is not None) is displaced


def test_what_is_in_time_costs_nobody_anything() -> None:
    problem = shop((operation(1, SAW, 30, "red"), 0))
    _, _, found = ask(problem, operation(9, SAW, 10, "red"), due_min=40)
    assert found.costly is None
    _, _, late = ask(problem, operation(9, SAW, 10, "red"), due_min=39)
    assert late.costly is not None


def test_others_that_it_may_not_displace_are_not_made_late_by_those_that_it_may() -> None:
    """Job 1 may make room, but job 2 behind it may not, and would be late."""
    problem = shop(
        (operation(1, SAW, 30, "red"), 0),
        (operation(2, SAW, 30, "red"), 30),
        due={2: 60},
        policy=msgspec.structs.replace(PLAIN, displacement=Displacement.LOWER),
    )
    important = tuple(
        msgspec.structs.replace(job, priority_class=5 if job.id == 2 else 0) for job in problem.jobs
    )
    problem = msgspec.structs.replace(problem, jobs=important)
    _, _, found = ask(problem, operation(9, SAW, 10, "red"), priority_class=3)
    assert found.costly is None


def new_work(problem: Problem, seed: int) -> list[Operation]:
    """A job of up to four operations, sometimes with a second one that it is made of."""
    chance = random.Random(seed)
    job = max(each.id for each in problem.jobs) + 1
    number = max(each.id for each in problem.operations) + 1
    found: list[Operation] = []
    before: tuple[Precedence, ...] = ()
    for part in range(chance.choice((1, 1, 2))):
        for _ in range(chance.randint(1, 4)):
            machines = chance.sample(
                problem.machines, chance.randint(1, min(3, len(problem.machines)))
            )
            one = Operation(
                id=number,
                job=job + part,
                modes=tuple(
                    Mode(each.id, chance.randint(1, 60) * MINUTE, chance.choice((0, 5)) * MINUTE)
                    for each in machines
                ),
                after=before,
                family=chance.choice((None, *FAMILIES)),
                release_ms=at(chance.choice((0, 0, 90))),
                interruptible=chance.random() < 0.7,
            )
            found.append(one)
            before = (Precedence(number, chance.choice((0, 0, 10)) * MINUTE),)
            number += 1
    return found


def _random(seed: int) -> tuple[Base, Wish, Dates]:
    problem = random_problem(seed, jobs=10, machines=4)
    policy = msgspec.structs.replace(problem.policy, displacement=Displacement.LOWER)
    chance = random.Random(seed)
    problem = msgspec.structs.replace(
        problem,
        policy=policy,
        jobs=tuple(
            msgspec.structs.replace(job, priority_class=chance.randint(0, 3))
            for job in problem.jobs
        ),
    )
    new = new_work(problem, seed)
    lead = chance.choice((0, 15))
    released = [
        msgspec.structs.replace(one, release_ms=max(one.release_ms, at(lead))) for one in new
    ]
    return ask(problem, *released, from_min=lead, fixed_min=lead + 10, priority_class=2)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_harm_nobody_moves_and_the_plan_is_valid(seed: int) -> None:
    base, wish, found = _random(seed)
    assert violations(wish.problem, found.free_plan) == []
    before = {
        each.operation: (each.machine, each.start_ms, each.end_ms) for each in base.plan.assignments
    }
    after = {
        each.operation: (each.machine, each.start_ms, each.end_ms)
        for each in found.free_plan.assignments
    }
    assert before.items() <= after.items()
    assert all(each.setup_start_ms >= wish.from_ms for each in found.free)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_date_with_a_cost_is_earlier_and_only_hurts_whom_it_may(seed: int) -> None:
    base, wish, found = _random(seed)
    costly = found.costly
    if costly is None:
        return
    assert costly.end_ms < found.end_ms
    jobs = {job.id: job for job in wish.problem.jobs}
    for each in costly.later:
        job = jobs[each.job]
        if each.late_ms:
            assert may_displace(wish.problem.policy, 2, job.priority_class)
            assert job.due_ms is not None
            assert base.ends[each.job] + each.by_ms - job.due_ms == each.late_ms


def test_both_kinds_of_dates_are_found() -> None:
    found = [_random(seed)[2] for seed in SEEDS]
    assert sum(each.costly is not None for each in found) > 10
    assert sum(each.costly is None for each in found) > 10


@pytest.mark.parametrize("seed", range(30))
def test_no_single_operation_can_end_earlier_without_moving_anybody(seed: int) -> None:
    """Against all places, and all minutes of an hour and a half, that the validator accepts."""
    problem = random_problem(seed, jobs=5, machines=2, disturbed=False)
    plan = right_shift(problem)
    one = new_work(problem, seed)[0]
    mode = msgspec.structs.replace(one.modes[0], duration_ms=10 * MINUTE)
    one = msgspec.structs.replace(one, modes=(mode,), family=None, after=())
    extended = msgspec.structs.replace(
        problem,
        operations=(*problem.operations, one),
        jobs=(*problem.jobs, Job(id=one.job)),
    )
    indexed = Indexed(extended)
    gaps = Gaps(indexed, plan, from_ms=NOW)
    found = gaps.insert(len(problem.operations))
    assert violations(extended, gaps.plan()) == []
    assert inserted(indexed, plan, [len(problem.operations)]) == gaps.plan()
    clock = indexed.clocks[found.mode[0]]
    for minute in range(90):
        start = at(minute)
        end = (
            start + mode.duration_ms
            if one.interruptible is False
            else clock.advance(start, mode.duration_ms)
        )
        if end >= found.end_ms:
            break
        for setup in {0, mode.setup_ms}:
            new = Assignment(
                operation=one.id,
                machine=mode.machine,
                setup_start_ms=clock.retreat(start, setup) if setup else start,
                start_ms=start,
                end_ms=end,
            )
            wrong = violations(extended, Plan((*plan.assignments, new)))
            assert wrong != [], (minute, setup)


def test_random_plans_take_work_too() -> None:
    """Not only right-shifts: any valid plan may be promised against."""
    for seed in range(20):
        problem = random_problem(seed, baseline=False)
        plan = random_plan(problem, seed)
        new = new_work(problem, seed)
        extended = msgspec.structs.replace(
            problem,
            operations=(*problem.operations, *new),
            jobs=(*problem.jobs, *(Job(id=job) for job in sorted({one.job for one in new}))),
        )
        indexed = Indexed(extended)
        found = inserted(indexed, plan, range(len(problem.operations), len(extended.operations)))
        assert violations(extended, found) == []
        ends = job_ends(extended, found)
        assert all(ends[job] == end for job, end in job_ends(problem, plan).items())

"""Promises of work that shares people, tools, ovens, transfer batches and transport with others."""

from __future__ import annotations

import random

import msgspec
import pytest
from plan_problems import MINUTE, NOW, at, breaks, random_problem

from domain.plan.changing import without
from domain.plan.indexed import Indexed, ProblemError
from domain.plan.insertion import Gaps
from domain.plan.metrics import job_ends
from domain.plan.plan import Assignment, Plan
from domain.plan.policy import Displacement, Policy, may_displace
from domain.plan.problem import (
    Job,
    Machine,
    Mode,
    Need,
    Operation,
    Overlap,
    Phase,
    Placed,
    Precedence,
    Problem,
    Resource,
    ResourceKind,
    Shortfall,
    Transport,
)
from domain.plan.promising import Base, Dates, Wish, dates, moved
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations

SEEDS = range(250)
SAW, PRESS, OVEN = 1, 2, 3
WELDER = 11
PLAIN = Policy(frozen_ms=0, move_tolerance_ms=0, displacement=Displacement.LOWER)


def asked(problem: Problem, *new: Operation, from_min: float = 0, class_: int = 2) -> Dates:
    """The dates of one job with these operations; the plan is accepted and moves nobody."""
    base = Base.of(problem, right_shift(problem))
    wish = Wish(
        problem=msgspec.structs.replace(
            problem,
            operations=(*problem.operations, *new),
            jobs=(*problem.jobs, Job(id=new[0].job, priority_class=class_)),
        ),
        jobs=(new[0].job,),
        from_ms=at(from_min),
        fixed_until_ms=at(from_min),
    )
    found = dates(base, wish)
    assert violations(wish.problem, found.free_plan) == []
    assert moved(base, found.free_plan) == []
    if found.costly is not None:
        assert violations(wish.problem, found.costly.plan) == []
    return found


def shop(*planned: tuple[Operation, float], **more: object) -> Problem:
    """A saw, a press, an oven of ten, and one welder; operations start so many minutes from now."""
    made = Problem(
        now_ms=NOW,
        machines=(Machine(id=SAW), Machine(id=PRESS), Machine(id=OVEN, batch_units=10)),
        jobs=tuple(Job(id=one.job, due_ms=at(600)) for one, _ in planned),
        operations=tuple(one for one, _ in planned),
        baseline={one.id: Placed(one.modes[0].machine, at(start)) for one, start in planned},
        policy=PLAIN,
        resources=(Resource(id=WELDER, kind=ResourceKind.OPERATOR, skill="welder"),),
    )
    return msgspec.structs.replace(made, **more)


def work(
    number: int, machine: int, lasts: float, *, welder: Phase | None = None, setup: float = 0
) -> Operation:
    """An operation of a job of its own."""
    needs = () if welder is None else (Need(WELDER, 1, welder),)
    mode = Mode(machine, round(lasts * MINUTE), round(setup * MINUTE), needs)
    return Operation(id=number, job=number, modes=(mode,))


def baked(number: int, units: int, lasts: float = 60, kind: str = "hot") -> Operation:
    made = work(number, OVEN, lasts)
    return msgspec.structs.replace(made, units=units, batch_family=kind)


def times(found: Dates) -> list[tuple[float, float]]:
    """Start and end of the new operations, in minutes from now."""
    return [((each.start_ms - NOW) / MINUTE, (each.end_ms - NOW) / MINUTE) for each in found.free]


class TestPeople:
    def test_work_waits_for_somebody_who_is_busy_elsewhere(self) -> None:
        problem = shop((work(1, SAW, 30, welder=Phase.RUN), 10))
        found = asked(problem, work(9, PRESS, 20, welder=Phase.RUN))
        assert times(found) == [(40, 60)]
        [one] = found.free
        assert (one.resource, one.resource_ms, one.waits_ms) == (0, 40 * MINUTE, 40 * MINUTE)

    def test_it_goes_before_where_there_is_time(self) -> None:
        problem = shop((work(1, SAW, 30, welder=Phase.RUN), 20))
        found = asked(problem, work(9, PRESS, 20, welder=Phase.RUN))
        assert times(found) == [(0, 20)]
        assert found.free[0].resource is None

    def test_only_the_set_up_needs_them(self) -> None:
        problem = shop((work(1, SAW, 30, welder=Phase.RUN), 10))
        found = asked(problem, work(9, PRESS, 20, setup=10, welder=Phase.SETUP))
        assert times(found) == [(10, 30)]
        later = asked(problem, work(9, PRESS, 20, setup=15, welder=Phase.SETUP))
        assert times(later) == [(55, 75)]

    def test_who_is_away_is_waited_for(self) -> None:
        away = Resource(
            id=WELDER, kind=ResourceKind.OPERATOR, unavailable=breaks((0, 45)), skill="welder"
        )
        found = asked(shop(resources=(away,)), work(9, PRESS, 20, welder=Phase.BOTH))
        assert times(found) == [(45, 65)]

    def test_of_several_some_are_away(self) -> None:
        two = Resource(
            id=WELDER,
            kind=ResourceKind.OPERATOR,
            capacity=2,
            short=(Shortfall(start_ms=NOW, end_ms=at(45), units=1),),
        )
        problem = shop((work(1, SAW, 30, welder=Phase.RUN), 0), resources=(two,))
        assert times(asked(problem, work(9, PRESS, 20, welder=Phase.RUN))) == [(30, 50)]

    def test_the_set_up_of_what_follows_keeps_its_people(self) -> None:
        """Red after blue takes ten minutes of the welder, who is at the saw until then."""
        following = msgspec.structs.replace(
            work(1, PRESS, 30, setup=10, welder=Phase.SETUP), family="red"
        )
        problem = shop((work(2, SAW, 35, welder=Phase.RUN), 0), (following, 40))
        red = msgspec.structs.replace(problem.machines[1], family="red")
        problem = msgspec.structs.replace(
            problem, machines=(problem.machines[0], red, problem.machines[2])
        )
        new = msgspec.structs.replace(work(9, PRESS, 20), family="blue")
        found = asked(problem, new)
        # Between now and the red work there is room, but nobody to set it up again.
        assert times(found) == [(70, 90)]
        alike = msgspec.structs.replace(work(9, PRESS, 20), family="red")
        assert times(asked(problem, alike)) == [(0, 20)]

    def test_at_a_cost_others_give_their_people_back(self) -> None:
        problem = shop((work(1, SAW, 30, welder=Phase.RUN), 0))
        found = asked(problem, work(9, PRESS, 20, welder=Phase.RUN))
        assert times(found) == [(30, 50)]
        assert found.costly is not None
        assert found.costly.end_ms == at(20)
        assert [(each.job, each.by_ms) for each in found.costly.later] == [(1, 20 * MINUTE)]

    def test_who_may_not_be_displaced_keeps_them(self) -> None:
        problem = shop((work(1, SAW, 30, welder=Phase.RUN), 0))
        assert asked(problem, work(9, PRESS, 20, welder=Phase.RUN), class_=0).costly is None


class TestOvens:
    def test_it_joins_what_is_planned(self) -> None:
        problem = shop((baked(1, 6), 30))
        found = asked(problem, baked(9, 4))
        assert times(found) == [(30, 90)]
        assert found.free[0].joins

    @pytest.mark.parametrize(
        "new", [baked(9, 5), baked(9, 4, kind="cold"), baked(9, 4, lasts=61)], ids=str
    )
    def test_what_does_not_fit_comes_behind(self, new: Operation) -> None:
        problem = shop((baked(1, 6), 30))
        [(start, _)] = times(asked(problem, new))
        assert start == 90

    def test_an_oven_of_its_own_is_taken_where_that_is_sooner(self) -> None:
        problem = shop((baked(1, 6), 60))
        assert times(asked(problem, baked(9, 4))) == [(0, 60)]

    def test_what_is_not_ready_by_then_does_not_join(self) -> None:
        problem = shop((baked(1, 6), 30))
        late = msgspec.structs.replace(baked(9, 4), release_ms=at(31))
        assert times(asked(problem, late)) == [(90, 150)]


class TestTheWay:
    def test_transfer_batches_are_promised_as_they_are_planned(self) -> None:
        """Ten pieces of six minutes, handed on by twos: the press begins after the first two."""
        first = msgspec.structs.replace(work(8, SAW, 60), job=8, pieces=10)
        link = Precedence(8, 0, Overlap(first=2, last=2))
        second = msgspec.structs.replace(work(9, PRESS, 60), job=8, pieces=10, after=(link,))
        assert times(asked(shop(), first, second)) == [(0, 60), (12, 72)]
        whole = msgspec.structs.replace(second, after=(Precedence(8),))
        assert times(asked(shop(), first, whole)) == [(0, 60), (60, 120)]

    def test_transport_between_sites_takes_its_time(self) -> None:
        machines = (Machine(id=SAW, site=1), Machine(id=PRESS, site=2))
        problem = shop(machines=machines, transports=(Transport(1, 2, 45 * MINUTE),))
        first = msgspec.structs.replace(work(8, SAW, 60), job=8)
        after = (Precedence(8, 5 * MINUTE),)
        second = msgspec.structs.replace(work(9, PRESS, 10), job=8, after=after)
        assert times(asked(problem, first, second)) == [(0, 60), (110, 120)]


def taken_out(seed: int) -> tuple[Base, Wish] | None:
    """A rich plan without one of its jobs, which is asked for as if it were new."""
    problem = random_problem(seed, jobs=9, rich=True, pins=seed % 3 > 0)
    chance = random.Random(seed)
    waited_for = {link.operation: each.job for each in problem.operations for link in each.after}
    free = [
        job.id
        for job in problem.jobs
        if all(
            each.pin is None and waited_for.get(each.id, job.id) == job.id
            for each in problem.operations
            if each.job == job.id
        )
    ]
    if not free:
        return None
    job = chance.choice(free)
    own = [each for each in problem.operations if each.job == job]
    others = without(problem, {each.id for each in own})
    lead = at(chance.choice((0, 20)))
    policy = msgspec.structs.replace(problem.policy, displacement=Displacement.LOWER)
    others = msgspec.structs.replace(others, policy=policy)
    try:
        base = Base.of(others, right_shift(others))
    except ProblemError:
        return None
    new = [msgspec.structs.replace(each, release_ms=max(each.release_ms, lead)) for each in own]
    wish = Wish(
        problem=msgspec.structs.replace(
            others,
            operations=(*others.operations, *new),
            jobs=(*others.jobs, Job(id=job, priority_class=2)),
        ),
        jobs=(job,),
        from_ms=lead,
        fixed_until_ms=lead + 10 * MINUTE,
    )
    return base, wish


@pytest.mark.parametrize("seed", SEEDS)
def test_without_harm_nobody_moves_and_the_judge_accepts_it(seed: int) -> None:
    case = taken_out(seed)
    if case is None:
        return
    base, wish = case
    try:
        found = dates(base, wish)
    except ProblemError:
        return  # it needs more than there ever is
    assert violations(wish.problem, found.free_plan) == []
    assert moved(base, found.free_plan) == []
    assert all(each.setup_start_ms >= wish.from_ms for each in found.free)
    if found.costly is not None:
        assert violations(wish.problem, found.costly.plan) == []
        assert found.costly.end_ms < found.end_ms
        jobs = {job.id: job for job in wish.problem.jobs}
        for each in found.costly.later:
            if each.late_ms:
                assert may_displace(wish.problem.policy, 2, jobs[each.job].priority_class)


def test_the_random_shops_ask_for_everything() -> None:
    """Joined batches, work that waits for people, and dates with a cost are among them."""
    joined = waiting = costly = asked_for = 0
    for seed in SEEDS:
        case = taken_out(seed)
        if case is None:
            continue
        try:
            found = dates(*case)
        except ProblemError:
            continue
        asked_for += 1
        joined += any(each.joins for each in found.free)
        waiting += any(each.resource_ms for each in found.free)
        costly += found.costly is not None
    assert asked_for > 100
    assert joined > 5
    assert waiting > 20
    assert costly > 20


@pytest.mark.parametrize("seed", range(60))
def test_no_single_operation_can_end_earlier_without_moving_anybody(seed: int) -> None:
    """Against every minute of an hour and a half that the validator accepts; no oven."""
    problem = random_problem(seed, jobs=5, machines=2, disturbed=False, rich=True, ovens=False)
    try:
        plan = right_shift(problem)
    except ProblemError:
        return
    chance = random.Random(seed)
    machine = chance.choice(problem.machines).id
    needs = tuple(
        Need(each.id, 1, Phase.RUN)
        for each in chance.sample(problem.resources, chance.randint(1, 2))
    )
    number = max((each.id for each in problem.operations), default=0) + 1
    one = Operation(
        id=number,
        job=number,
        modes=(Mode(machine, 10 * MINUTE, 0, needs),),
        interruptible=chance.random() < 0.5,
    )
    extended = msgspec.structs.replace(
        problem,
        operations=(*problem.operations, one),
        jobs=(*problem.jobs, Job(id=number)),
    )
    indexed = Indexed(extended)
    gaps = Gaps(indexed, plan, from_ms=NOW)
    found = gaps.insert(len(problem.operations))
    assert violations(extended, gaps.plan()) == []
    assert job_ends(problem, plan).items() <= job_ends(extended, gaps.plan()).items()
    assert indexed.extras is not None
    clock = indexed.extras.ways[len(problem.operations), found.mode[0]].run_clock
    for minute in range(90):
        start = at(minute)
        end = clock.advance(start, 10 * MINUTE) if one.interruptible else start + 10 * MINUTE
        if end >= found.end_ms:
            break
        new = Assignment(
            operation=number, machine=machine, setup_start_ms=start, start_ms=start, end_ms=end
        )
        assert violations(extended, Plan((*plan.assignments, new))) != [], minute

"""What was promised without harm is planned so: by the date, and nobody pays for it."""

from __future__ import annotations

import random

import msgspec
import pytest
from promised_work import MINUTE, NOW, new_job, random_shop

from domain.plan.metrics import job_ends
from domain.plan.plan import Infeasible, Plan
from domain.plan.problem import Job, Placed, Problem
from domain.plan.promising import Base, Wish, dates
from domain.plan.right_shift import right_shift
from domain.plan.validator import violations
from scheduler.solve import first_plan


def planned(problem: Problem) -> Plan:
    found = first_plan(problem)
    assert not isinstance(found, Infeasible)
    assert violations(problem, found.solved.plan) == []
    return found.solved.plan


def in_force(problem: Problem, plan: Plan) -> Problem:
    return msgspec.structs.replace(
        problem,
        baseline={each.operation: Placed(each.machine, each.start_ms) for each in plan.assignments},
    )


@pytest.mark.parametrize("crew", [0, 2])
@pytest.mark.parametrize("seed", range(30))
def test_orders_that_were_promised_one_after_the_other_are_kept(seed: int, crew: int) -> None:
    chance = random.Random(seed)
    problem = random_shop(seed, crew=crew)
    problem = in_force(problem, planned(problem))
    for turn in range(3):
        lead = chance.choice((0, 10)) * MINUTE
        base = Base.of(problem, right_shift(problem))
        operations, job = new_job(problem, 100 * seed + turn, from_ms=NOW + lead)
        wished = msgspec.structs.replace(
            problem,
            operations=(*problem.operations, *operations),
            jobs=(*problem.jobs, job),
        )
        wish = Wish(
            problem=wished,
            jobs=(job.id,),
            from_ms=NOW + lead,
            fixed_until_ms=NOW + lead + problem.policy.frozen_ms,
        )
        promised = dates(base, wish).end_ms
        released = [msgspec.structs.replace(each, release_ms=NOW) for each in operations]
        problem = msgspec.structs.replace(
            wished,
            operations=(*problem.operations, *released),
            jobs=(*problem.jobs, Job(id=job.id, due_ms=promised)),
        )
        plan = planned(problem)
        ends = job_ends(problem, plan)
        assert ends[job.id] <= promised
        for each in problem.jobs:
            if each.due_ms is not None and each.id in base.ends:
                before = max(base.ends[each.id], each.due_ms)
                assert ends[each.id] <= before, f"job {each.id} is later"
        problem = in_force(problem, plan)

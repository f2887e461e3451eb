"""The random planning problems of the domain's tests, with everything in them."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from types import ModuleType

import msgspec

from domain.plan.policy import Criterion
from domain.plan.problem import Problem


def _domain_s() -> ModuleType:
    path = Path(__file__).parents[1] / "plan" / "plan_problems.py"
    spec = importlib.util.spec_from_file_location("plan_problems_for_search", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_PROBLEMS = _domain_s()


def problem(seed: int) -> Problem:
    """A disturbed problem with set-ups, breaks, lags, releases, pins and alternatives."""
    found = _PROBLEMS.random_problem(seed, jobs=6 + seed % 6, operations=4, machines=5)
    assert isinstance(found, Problem)
    return found


def crewed(seed: int) -> Problem:
    """The same with people, tools, transfer batches, two sites, and dates and turns of locks."""
    found = _PROBLEMS.random_problem(
        seed, jobs=6 + seed % 6, operations=4, machines=5, rich=True, ovens=False
    )
    assert isinstance(found, Problem)
    return _judged(found, seed)


def _judged(problem: Problem, seed: int) -> Problem:
    """The problem under a policy of any kind: weights of all criteria, or an order of some."""
    chance = random.Random(seed)
    policy = problem.policy
    if chance.random() < 0.5:
        policy = msgspec.structs.replace(
            policy,
            makespan=chance.choice((0, 3)),
            balance=chance.choice((0, 5)),
            resequencing=chance.choice((0, 20)),
        )
    elif chance.random() < 0.4:
        order = tuple(chance.sample(list(Criterion), chance.randint(1, 4)))
        policy = msgspec.structs.replace(policy, order=order)
    return msgspec.structs.replace(problem, policy=policy)


def rich_problem(seed: int) -> Problem:
    """One with people, tools, an oven, transfer batches, sites and locks; some judged in order."""
    found = _PROBLEMS.random_problem(seed, jobs=6 + seed % 6, machines=5, rich=True)
    assert isinstance(found, Problem)
    chance = random.Random(seed)
    if chance.random() < 0.3:
        order = tuple(chance.sample(list(Criterion), chance.randint(1, 4)))
        policy = msgspec.structs.replace(found.policy, order=order)
        found = msgspec.structs.replace(found, policy=policy)
    return found

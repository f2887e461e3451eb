"""Known optima, determinism, time."""

from __future__ import annotations

import time
from itertools import permutations, product

import msgspec
import pytest
from hypothesis import Phase, given, settings
from random_shops import instances

from scheduler.instances.arrays import schedule_of, shop_of
from scheduler.instances.bounds import lower_bound, preemptive
from scheduler.instances.due_dates import with_due_dates
from scheduler.instances.evaluation import faults, value
from scheduler.instances.exact import prove
from scheduler.instances.instance import Alternative, Instance, JobOfTasks, Objective, Task
from scheduler.instances.reading import Format, parse
from scheduler.instances.solving import Status, solve, warm_up
from scheduler.search.climbing import Climb
from scheduler.search.cooling import Cooling

# Fisher & Thompson 1963, 6 jobs on 6 machines; the optimum is 55.
FT06 = b"""6 6
2 1 0 3 1 6 3 7 5 3 4 6
1 8 2 5 4 10 5 10 0 10 3 4
2 5 3 4 5 8 0 9 1 1 4 7
1 5 0 5 2 5 3 3 4 8 5 9
2 9 1 3 4 5 5 4 0 3 3 1
1 3 3 3 5 9 0 10 4 4 2 1
"""


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    warm_up()


def random_shop(jobs: int, machines: int, *, flexible: bool, setups: bool, seed: int) -> Instance:
    """A shop whose numbers come from a small generator of its own."""
    state = seed

    def number(below: int) -> int:
        nonlocal state
        state = (state * 1_103_515_245 + 12_345) % (1 << 31)
        return (state >> 8) % below

    def task(at: int) -> Task:
        first = (at + number(machines)) % machines
        named = {first, (first + 1 + number(machines)) % machines} if flexible else {first}
        return Task(alternatives=tuple(Alternative(m, 1 + number(30)) for m in sorted(named)))

    size = jobs * machines
    return Instance(
        machines=machines,
        jobs=tuple(
            JobOfTasks(operations=tuple(task(at) for at in range(machines))) for _ in range(jobs)
        ),
        setups=tuple(
            tuple(tuple(number(12) for _ in range(size)) for _ in range(size))
            for _ in range(machines)
        )
        if setups
        else (),
    )


def test_fisher_and_thompson_s_six_by_six() -> None:
    answer = solve(parse(FT06, Format.JOBSHOP), limit_s=20.0, seed=3)
    assert answer.makespan == answer.objective == 55
    assert answer.status is Status.OPTIMAL
    assert answer.lower_bound == 55


def test_the_search_alone_finds_what_cp_sat_proves() -> None:
    for seed, (flexible, setups) in enumerate(product((False, True), repeat=2)):
        shop = random_shop(4, 3, flexible=flexible, setups=setups, seed=seed + 1)
        proof = prove(shop, limit_s=30.0, seed=1, workers=2)
        assert proof.optimal
        answer = solve(shop, limit_s=30.0, seed=2, iterations=60_000, exact=False)
        assert answer.objective == proof.bound
        late = with_due_dates(shop, tenths=11)
        proof = prove(late, limit_s=30.0, seed=1, workers=2)
        assert proof.optimal
        answer = solve(late, limit_s=30.0, seed=2, iterations=200_000, exact=False)
        assert answer.objective == proof.bound


def test_cp_sat_takes_the_hint_and_proves_it() -> None:
    shop = random_shop(3, 3, flexible=True, setups=True, seed=9)
    found = solve(shop, limit_s=30.0, seed=2, iterations=20_000, exact=False)
    proof = prove(
        shop,
        limit_s=30.0,
        seed=1,
        workers=2,
        incumbent=found.schedule,
        value=found.objective,
        bound=found.lower_bound,
    )
    assert proof.optimal
    assert proof.schedule is not None
    assert not faults(shop, proof.schedule)
    assert value(shop, proof.schedule) == proof.bound <= found.objective


@pytest.mark.parametrize("objective", list(Objective))
def test_a_seed_and_a_number_of_iterations_decide_the_answer(objective: Objective) -> None:
    shop = random_shop(12, 6, flexible=True, setups=True, seed=5)
    shop = msgspec.structs.replace(with_due_dates(shop, tenths=12), objective=objective)
    one, other = (
        solve(shop, limit_s=120.0, seed=8, iterations=60_000, exact=False).schedule
        for _ in range(2)
    )
    assert one == other
    different = solve(shop, limit_s=120.0, seed=9, iterations=60_000, exact=False).schedule
    assert different != one


@pytest.mark.parametrize("objective", list(Objective))
def test_the_limit_of_time_is_kept(objective: Objective) -> None:
    shop = random_shop(60, 20, flexible=True, setups=False, seed=5)
    shop = msgspec.structs.replace(with_due_dates(shop, tenths=12), objective=objective)
    arrays = shop_of(shop)
    search = Climb if objective is Objective.MAKESPAN else Cooling
    began = time.perf_counter()
    found = search(arrays, seed=1, limit_s=0.5).run()
    took = time.perf_counter() - began
    assert not faults(shop, schedule_of(shop, arrays, found))
    # 50 ms on a machine of one's own; other work may hold a thread up.
    assert took < 1.5


@settings(max_examples=60, deadline=None, derandomize=True)
@given(instance=instances())
def test_every_answer_is_judged_and_not_below_the_bound(instance: Instance) -> None:
    for objective in Objective:
        shop = msgspec.structs.replace(instance, objective=objective)
        answer = solve(shop, limit_s=20.0, seed=1, iterations=300, exact=False)
        assert not faults(shop, answer.schedule)
        assert value(shop, answer.schedule) == answer.objective >= answer.lower_bound


@settings(max_examples=15, deadline=None, derandomize=True, phases=[Phase.generate])
@given(instance=instances())
def test_bounds_are_bounds(instance: Instance) -> None:
    for objective in Objective:
        shop = msgspec.structs.replace(instance, objective=objective)
        proof = prove(shop, limit_s=2.0, seed=1, workers=1)
        assert proof.schedule is not None
        assert not faults(shop, proof.schedule)
        assert max(proof.bound, lower_bound(shop)) <= value(shop, proof.schedule)
        if proof.optimal:
            assert proof.bound == value(shop, proof.schedule)


def test_one_machine_that_may_be_interrupted() -> None:
    operations = [(0, 4, 10), (1, 2, 20), (3, 5, 0)]
    # By hand: 0-1 the first, 1-3 the second (ends 3 + 20), 3-6 the first (ends 6 + 10), 6-11.
    assert preemptive(operations) == 23
    best = min(longest(order) for order in permutations(operations))
    assert preemptive(operations) <= best


def longest(order: tuple[tuple[int, int, int], ...]) -> int:
    now = end = 0
    for head, lasts, tail in order:
        now = max(now, head) + lasts
        end = max(end, now + tail)
    return end

"""Random small shops, and a plain evaluator of the search's states."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from scheduler.instances.instance import Alternative, Instance, JobOfTasks, Objective, Task
from scheduler.search.layout import Shop, State


@st.composite
def instances(draw: st.DrawFn, *, objective: Objective = Objective.MAKESPAN) -> Instance:
    machines = draw(st.integers(1, 4))
    jobs = []
    for _ in range(draw(st.integers(1, 5))):
        count = draw(st.integers(1, 4))
        joins = draw(st.booleans())
        tasks = []
        for at in range(count):
            named = draw(st.sets(st.integers(0, machines - 1), min_size=1))
            ways = tuple(Alternative(m, draw(st.integers(0, 9))) for m in sorted(named))
            after = draw(st.sets(st.integers(0, at - 1))) if at and joins else set()
            tasks.append(Task(alternatives=ways, after=tuple(sorted(after)) if joins else None))
        jobs.append(
            JobOfTasks(
                operations=tuple(tasks),
                release=draw(st.integers(0, 5)),
                due=draw(st.one_of(st.none(), st.integers(0, 30))),
                weight=draw(st.integers(0, 4)),
            )
        )
    size = sum(len(job.operations) for job in jobs)
    setups: tuple[tuple[tuple[int, ...], ...], ...] = ()
    if draw(st.booleans()):
        numbers = draw(st.randoms(use_true_random=False))
        setups = tuple(
            tuple(tuple(numbers.randint(0, 5) for _ in range(size)) for _ in range(size))
            for _ in range(machines)
        )
    return Instance(machines=machines, jobs=tuple(jobs), setups=setups, objective=objective)


def lanes(shop: Shop, state: State) -> list[list[int]]:
    """Each machine's sequence, by its links from the first to the last."""
    found = []
    for machine in range(shop.machines):
        lane: list[int] = []
        current = int(state.first[machine])
        while current >= 0:
            lane.append(current)
            assert state.machine[current] == machine
            current = int(state.following[current])
        assert [int(state.previous[each]) for each in lane] == [-1, *lane][: len(lane)]
        assert int(state.last[machine]) == (lane[-1] if lane else -1)
        found.append(lane)
    return found


def longest_ways(shop: Shop, state: State) -> tuple[list[int], list[int]]:
    """Heads and tails by relaxing every arc until nothing changes; fails on a circle."""
    arcs: list[tuple[int, int, int]] = []
    heads = [int(release) for release in shop.release]
    for index in range(shop.operations):
        span = range(int(shop.before_at[index]), int(shop.before_at[index + 1]))
        arcs += [(int(shop.before[arc]), index, int(shop.before_lag[arc])) for arc in span]
    for machine, lane in enumerate(lanes(shop, state)):
        setups = shop.setup[machine if shop.has_setup else 0]
        arcs += [
            (one, other, int(setups[shop.kind[one], shop.kind[other]]))
            for one, other in pairwise(lane)
        ]
    tails = [0] * shop.operations
    lasts = [int(each) for each in state.duration]
    for _ in range(shop.operations + 1):
        changed = False
        for one, other, lag in arcs:
            if heads[one] + lasts[one] + lag > heads[other]:
                heads[other] = heads[one] + lasts[one] + lag
                changed = True
            if tails[other] + lasts[other] + lag > tails[one]:
                tails[one] = tails[other] + lasts[other] + lag
                changed = True
        if not changed:
            return heads, tails
    raise AssertionError("the arcs close a circle")


def is_order(shop: Shop, state: State) -> bool:
    """Whether the state's order is one of all its arcs."""
    place = {int(each): at for at, each in enumerate(state.order)}
    assert [int(each) for each in state.place] == [place[i] for i in range(shop.operations)]
    for index in range(shop.operations):
        for arc in range(int(shop.before_at[index]), int(shop.before_at[index + 1])):
            if place[int(shop.before[arc])] >= place[index]:
                return False
    return all(
        place[one] < place[other] for lane in lanes(shop, state) for one, other in pairwise(lane)
    )

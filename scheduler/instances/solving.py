"""An instance solved: compiled search first, CP-SAT for the proof, a judge for both.

The search has the whole time where the shop is large. Where it is small the search comes to rest
early, and CP-SAT gets what is left, with the best schedule as its hint. Whatever is answered has
been judged by `scheduler.instances.evaluation`.
"""

from __future__ import annotations

import enum
import time
from typing import Final

import msgspec

from scheduler.instances.arrays import schedule_of, shop_of
from scheduler.instances.bounds import lower_bound
from scheduler.instances.evaluation import faults, makespan, value
from scheduler.instances.instance import (
    Alternative,
    Instance,
    JobOfTasks,
    Objective,
    Schedule,
    Task,
)
from scheduler.search.climbing import Climb
from scheduler.search.cooling import Cooling
from scheduler.search.layout import Shop, Solution

EXACT_OPERATIONS: Final = 150
"""Shops up to this size go to CP-SAT when the search has had its share of the time..."""
SMALL_OPERATIONS: Final = 60
"""...but those above this only if there are..."""
EXACT_LEAST_S: Final = 5.0
"""...so many seconds in all: with less the search alone comes further."""
HARD_OPERATIONS: Final = 40
HARD_LEAST_S: Final = 30.0
"""The same two where set-ups or lateness count: CP-SAT is weak there."""
SEARCH_SHARE: Final = 0.4
LEAST_S: Final = 0.2
"""Less time than this is not worth a model."""
SPARE_S: Final = 0.02
SPARE_EACH_S: Final = 5e-6
"""What is kept for judging and telling, and for each operation."""
_EXAMPLE: Final = Instance(
    machines=2,
    jobs=tuple(
        JobOfTasks(
            operations=tuple(
                Task(alternatives=(Alternative(0, 3 + job), Alternative(1, 2 + at)))
                for at in range(2)
            ),
            due=4,
        )
        for job in range(3)
    ),
)
"""Enough for all compiled code to be called."""


class Status(enum.StrEnum):
    """What is known about an answer."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    """Nothing satisfies all that is told; only planning problems can be so."""


class SolvedInstance(msgspec.Struct, frozen=True, kw_only=True):
    """An answer.

    Attributes:
        status: whether it is proven that nothing is better.
        objective: the value of what was to be small.
        makespan: the last end.
        lower_bound: no schedule's objective is below.
        first_feasible_s: when the first schedule was there.
        wall_s: when the search had ended.
        method: what found it.
        schedule: every operation once.
    """

    status: Status
    objective: int
    makespan: int
    lower_bound: int
    first_feasible_s: float
    wall_s: float
    method: str
    schedule: Schedule


class RefusedError(RuntimeError):
    """The judge has refused a schedule of ours: a mistake in the program, told instead of it."""


def solve(
    instance: Instance,
    *,
    limit_s: float,
    seed: int = 1,
    workers: int = 2,
    iterations: int | None = None,
    exact: bool = True,
) -> SolvedInstance:
    """The best schedule that is found in time.

    Args:
        instance: the shop.
        limit_s: how long, to within 50 ms.
        seed: with `iterations` and without `exact` the answer depends on it alone.
        workers: how many threads.
        iterations: how many steps the search may take; None for as many as there is time.
        exact: whether CP-SAT may take its share.

    Raises:
        RefusedError: the schedule is wrong.
    """
    began = time.perf_counter()
    bound = lower_bound(instance)
    shop = shop_of(instance)
    spare_s = SPARE_S + SPARE_EACH_S * shop.operations
    prepared_s = time.perf_counter() - began
    share = SEARCH_SHARE if _goes_to_cp_sat(instance, shop, limit_s, exact=exact) else 1.0
    best, first_s = _search(
        instance,
        shop,
        bound=bound,
        limit_s=limit_s * share - prepared_s - spare_s,
        seed=seed,
        workers=workers,
        iterations=iterations,
    )
    first_s += prepared_s
    schedule = schedule_of(instance, shop, best)
    method = "search"
    _judge(instance, schedule, best.value)
    answer = best.value
    left_s = limit_s - (time.perf_counter() - began) - spare_s
    if (
        answer > bound
        and left_s > LEAST_S
        and _goes_to_cp_sat(instance, shop, limit_s, exact=exact)
    ):
        from scheduler.instances.exact import prove  # noqa: PLC0415 - the solver takes long to load

        left_s = limit_s - (time.perf_counter() - began) - spare_s
        proof = prove(
            instance,
            limit_s=left_s,
            seed=seed,
            workers=workers,
            incumbent=schedule,
            value=answer,
            bound=bound,
        )
        if (
            proof.schedule is not None
            and value(instance, proof.schedule) < answer
            and not faults(instance, proof.schedule)
        ):
            schedule, answer, method = proof.schedule, value(instance, proof.schedule), "cp_sat"
        bound = min(answer, max(bound, proof.bound))
    return SolvedInstance(
        status=Status.OPTIMAL if answer == bound else Status.FEASIBLE,
        objective=answer,
        makespan=makespan(schedule),
        lower_bound=bound,
        first_feasible_s=round(first_s, 4),
        wall_s=round(time.perf_counter() - began, 4),
        method=method,
        schedule=schedule,
    )


def _search(
    instance: Instance,
    shop: Shop,
    *,
    bound: int,
    limit_s: float,
    seed: int,
    workers: int,
    iterations: int | None,
) -> tuple[Solution, float]:
    """The compiled search's best, and how long after the begin its first was there."""
    firsts: list[float] = []

    def heard(_: Solution, elapsed_s: float) -> None:
        firsts.append(elapsed_s)

    search = Climb if instance.objective is Objective.MAKESPAN else Cooling
    running = search(
        shop,
        seed=seed,
        threads=workers,
        limit_s=max(0.0, limit_s),
        iterations=iterations,
        target=bound,
        on_better=heard,
    )
    best = running.run()
    return best, firsts[0]


def _goes_to_cp_sat(instance: Instance, shop: Shop, limit_s: float, *, exact: bool) -> bool:
    hard = shop.has_setup == 1 or instance.objective is Objective.TARDINESS
    small, least_s = (HARD_OPERATIONS, HARD_LEAST_S) if hard else (SMALL_OPERATIONS, EXACT_LEAST_S)
    enough = shop.operations <= small or limit_s >= least_s
    return exact and shop.operations <= EXACT_OPERATIONS and enough


def _judge(instance: Instance, schedule: Schedule, told: int) -> None:
    wrong = faults(instance, schedule)
    counted = value(instance, schedule)
    if wrong or counted != told:
        raise RefusedError(
            f"the schedule found is refused and not told: {'; '.join(wrong[:3])} "
            f"(value {counted}, told {told})"
        )


def warm_up() -> float:
    """Load the compiled search, or compile it if it is not in the cache; returns the seconds."""
    began = time.perf_counter()
    shop = shop_of(_EXAMPLE)
    for search in (Climb, Cooling):
        search(shop, seed=1, threads=1, limit_s=600.0, iterations=400).run()
    return time.perf_counter() - began

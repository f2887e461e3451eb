"""Local search on a real shop, from a plan in hand: threads without the GIL, from hot to cold.

What comes out is judged by the validator, and kept if its cost is lower.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from domain.plan.indexed import FREE
from domain.plan.metrics import MINUTE_MS, cost, ranking
from domain.plan.plan import Plan
from domain.plan.problem import Problem
from domain.plan.validator import violations
from scheduler.floor_arrays import Arrays, arrays_of
from scheduler.floor_plans import Found, figures, found_of, held, plan_of, rank, times
from scheduler.search.compiled import Ints, seeded
from scheduler.search.floor import Times, cost_of, place_all
from scheduler.search.graph import load
from scheduler.search.layout import State, blank
from scheduler.search.rebuilding import rebuild, trail_of
from scheduler.search.repairing import BEST, HIGH, LOW, repair
from scheduler.search.shifting import shift
from scheduler.stopping import Stop

Curve: TypeAlias = list[tuple[float, int]]

CHUNK_S: Final = 0.005
HOT: Final = 0.1
COLD: Final = 0.008
"""Temperatures in `unit_of`: a plan in hand is good, so it is never melted."""
SHARES: Final = (4, 5, 2, 3, 6, 0, 1 << 40, 4, 8, 2)
"""See `scheduler.search.repairing.LATE` and `scheduler.search.rebuilding.ALONE`, with what follows
them."""
REBUILT: Final = 0.4
"""The share of the time in which jobs are rebuilt; in the other one operations are moved."""
FAR: Final = 8
"""Right-shift alone is no start if it costs so many times as much as the plan in hand."""
JUDGING_S: Final = 8e-6
"""Seconds for each operation that are left to make a plan of the answer and to judge it."""
_SCOUTING: Final = 0.4
"""The share of the time after which the best of all starts is where all go on."""
LARGE: Final = 1_000
"""From so many operations on each thread works on a stretch of one plan, and what they have found
is put together; in smaller problems each works on a plan of its own."""
CUTS: Final = (0.5, 0.35, 0.65, 0.45, 0.55, 0.4, 0.6, 0.5)
"""Where two stretches meet, round by round."""
_LANES: Final = 7_919
_LEAST_MOVES: Final = 64
_MOST_MOVES: Final = 20_000
_LEAST_JOBS: Final = 4
_MOST_JOBS: Final = 2_000


def repaired(
    problem: Problem,
    plan: Plan,
    *,
    limit_s: float,
    seed: int = 1,
    threads: int = 2,
    moves: int | None = None,
    stop: Stop | None = None,
    arrays: Arrays | None = None,
    known: int | None = None,
    curve: Curve | None = None,
) -> Plan:
    """A plan of lower cost, or the one given.

    Args:
        problem: what is planned; `scheduler.floor_arrays.supported`.
        plan: a valid plan of it.
        limit_s: how long.
        seed: with `moves` the answer depends on it alone.
        threads: how many search, each for itself.
        moves: how many moves each thread tries; None for as many as the time allows.
        stop: who asks it to stop keeps what has been found.
        arrays: the problem's, when the caller has them.
        known: the plan's cost, when the caller knows it.
        curve: is told when the search has found what: seconds since the call, and the cost.
    """
    began = time.perf_counter()
    arrays = arrays or arrays_of(problem)
    count = arrays.shop.operations
    if not (arrays.floor.rank[:count] == FREE).any():
        return plan
    # Judging what comes out takes longer, the larger it is.
    end = began + max(limit_s - JUDGING_S * count, 0.0)
    starts = _starts(arrays, plan)
    best = search(
        arrays,
        starts,
        began=began,
        end=end,
        seed=seed,
        threads=threads,
        moves=moves,
        stop=stop,
        curve=curve,
    )
    at, order = timed(arrays, best)
    better = plan_of(arrays, at, order)
    if problem.policy.order:
        gains = rank(arrays, at) < ranking(problem, plan)
    else:
        gains = figures(arrays, at).cost < (cost(problem, plan) if known is None else known)
    if not gains or violations(problem, better):
        return plan
    return better


def _starts(arrays: Arrays, plan: Plan) -> list[Found]:
    """Where the search begins.

    Right-shift is dear, but nearest to the plan in force, and what that plan was worked on is still
    in it: a second place to start from, and the only one where time is short for the size.
    """
    given = _valued(arrays, found_of(arrays, plan))
    if not arrays.problem.baseline:
        return [given]
    shifted = _shifted(arrays)
    if arrays.floor.around is not None:
        # Where people are short, right-shift is so dear that nothing better is found from there.
        return [given, *(each for each in shifted if each.value < given.value)]
    if arrays.shop.operations >= LARGE and shifted and shifted[0].value < FAR * given.value:
        return shifted
    return [given, *shifted]


def _shifted(arrays: Arrays) -> list[Found]:
    """Right-shift as a start, if there is one."""
    shop, desk, at = arrays.shop, arrays.desk, times(arrays.shop, arrays.floor)
    if shift(shop, arrays.floor, desk, at, arrays.turn) < shop.operations:
        return []
    return [_valued(arrays, Found(desk.sequence, at.mode, held(arrays, at.start), 0))]


def _valued(arrays: Arrays, found: Found) -> Found:
    """The same solution with its value."""
    state, at = _loaded(arrays, found)
    return found._replace(value=int(cost_of(arrays.shop, arrays.floor, state.machine, at)))


def search(
    arrays: Arrays,
    starts: Sequence[Found],
    *,
    began: float,
    end: float,
    seed: int,
    threads: int = 2,
    moves: int | None = None,
    stop: Stop | None = None,
    curve: Curve | None = None,
) -> Found:
    """The best of what some threads find until a moment (`time.perf_counter`).

    Each begins at another start; where that has led after a while decides where all go on. In a
    large problem they work on stretches of one plan, from the cheapest start.
    """
    since = time.perf_counter()
    run = _Run(arrays, seed, began, since, end, moves, stop or Stop(), curve)
    with ThreadPoolExecutor(threads, "repair") as executor:
        if arrays.shop.operations >= LARGE and threads > 1:
            cheapest = min(starts, key=lambda each: each.value)
            return _in_stretches(run, executor, cheapest, threads)
        lanes = [
            executor.submit(_lane, run, starts[lane % len(starts)], lane, (0.0, _SCOUTING))
            for lane in range(max(threads, len(starts)))
        ]
        scouted = min((lane.result() for lane in lanes), key=lambda found: found.value)
        lanes = [
            executor.submit(_lane, run, scouted, threads + lane, (_SCOUTING, 1.0))
            for lane in range(threads)
        ]
    found = [scouted, *(lane.result() for lane in lanes)]
    return min(found, key=lambda found: found.value)


def _in_stretches(run: _Run, executor: ThreadPoolExecutor, best: Found, threads: int) -> Found:
    """Go on in rounds; in each, every thread has a stretch of the order to itself."""
    count, rounds = run.arrays.shop.operations, len(CUTS)
    for turn, cut in enumerate(CUTS):
        inner = [round(count * 2 * cut * lane / threads) for lane in range(1, threads)]
        bounds = [0, *(min(each, count - 1) for each in inner), count]
        span = turn / rounds, (turn + 1) / rounds
        lanes = [
            executor.submit(_lane, run, best, (turn + 1) * threads + lane, span, stretch)
            for lane, stretch in enumerate(pairwise(bounds))
        ]
        found = [lane.result() for lane in lanes]
        joined = _joined(run.arrays, found, bounds)
        best = min(best, joined, *found, key=lambda each: each.value)
    return best


def _joined(arrays: Arrays, found: Sequence[Found], bounds: Sequence[int]) -> Found:
    """One solution of what was found in each stretch.

    Whatever stands in a stretch has stayed in it, so the stretches behind each other are an order
    of all arcs again.
    """
    count = arrays.shop.operations
    order = np.zeros(count, dtype=np.int64)
    mode, hold = found[0].mode.copy(), found[0].not_before.copy()
    for each, (low, high) in zip(found, pairwise(bounds), strict=True):
        own = each.order[low:high]
        order[low:high] = own
        mode[own], hold[own] = each.mode[own], each.not_before[own]
    return _valued(arrays, Found(order, mode, hold, 0))


def timed(arrays: Arrays, found: Found) -> tuple[Times, Ints]:
    """The times of a solution, and its order."""
    state, at = _loaded(arrays, found)
    return at, state.order


def _loaded(arrays: Arrays, found: Found) -> tuple[State, Times]:
    shop, floor = arrays.shop, arrays.floor
    state, at = blank(shop), times(shop, floor)
    machine, duration = shop.mode_machine[found.mode], shop.mode_duration[found.mode]
    load(shop, state, found.order, machine, duration)
    at.mode[:] = found.mode
    at.not_before[:] = found.not_before
    place_all(shop, floor, state, at)
    return state, at


def unit_of(arrays: Arrays) -> float:
    """What it costs that an operation and its job are late by as long as an operation takes."""
    count, policy = arrays.shop.operations, arrays.problem.policy
    lasts = float(arrays.rules.shortest[:count].mean())
    return lasts * max(policy.tardiness + policy.move, 1)


class _Run(NamedTuple):
    """What the threads of a search have in common; the curve counts from when it `began`."""

    arrays: Arrays
    seed: int
    began: float
    since: float
    end: float
    moves: int | None
    stop: Stop
    curve: Curve | None

    def gone(self, begin: float, tried: int) -> float:
        """The share of the time that is gone; of the moves, where those are told, in this span."""
        if self.moves is not None:
            return begin + tried / self.moves
        return (time.perf_counter() - self.since) / max(self.end - self.since, 1e-9)


class _Pace:
    """How many moves are made before somebody looks at the clock.

    Args:
        run: whose; where its moves are told the size stays what it is.
        least: the first size, and the least.
        most: the most.
        span_s: so long that many should take.
    """

    def __init__(self, run: _Run, least: int, most: int, span_s: float) -> None:
        self.size = least
        self._fixed = run.moves is not None
        self._least, self._most, self._span_s = least, most, span_s
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        if self._fixed:
            return
        took = max(time.perf_counter() - self._began, 1e-6)
        fitting = round(self.size * self._span_s / took)
        self.size = max(self._least, min(4 * self.size, fitting, self._most))


def _lane(
    run: _Run,
    start: Found,
    number: int,
    span: tuple[float, float],
    stretch: tuple[int, int] | None = None,
) -> Found:
    """Search in one thread, for a span of the whole time or of all moves, on all or a stretch."""
    arrays = run.arrays
    state, at = _loaded(arrays, start)
    random, counters = seeded(run.seed * _LANES + number), np.zeros(8, dtype=np.int64)
    shares = np.array(SHARES, dtype=np.int64)
    if stretch is not None:
        shares[LOW], shares[HIGH] = stretch
    order, mode, hold = start.order.copy(), start.mode.copy(), start.not_before.copy()
    kept = order, mode, hold
    search = arrays.shop, arrays.floor, arrays.rules, state, at, random, counters, shares
    paces = [_Pace(run, _LEAST_MOVES, _MOST_MOVES, CHUNK_S)]
    trail = None
    if arrays.floor.around is None and arrays.floor.aims is None:
        trail, share = trail_of(arrays.shop), CHUNK_S * REBUILT
        paces = [
            _Pace(run, _LEAST_MOVES, _MOST_MOVES, CHUNK_S - share),
            _Pace(run, _LEAST_JOBS, _MOST_JOBS, share),
        ]
    tried, told, unit = 0, 0, unit_of(arrays)
    while not run.stop.asked:
        gone = run.gone(span[0], tried)
        if gone >= span[1]:
            break
        temperature = unit * HOT * (COLD / HOT) ** gone
        tried += paces[0].size
        with paces[0]:
            repair(*search, *kept, paces[0].size, temperature)
        if trail is not None:
            with paces[1]:
                rebuild(*search, trail, *kept, paces[1].size, temperature)
        if run.curve is not None and (not told or counters[BEST] < told):
            told = int(counters[BEST])
            run.curve.append((time.perf_counter() - run.began, told // MINUTE_MS))
    return Found(order, mode, hold, int(counters[BEST]) if tried else start.value)

"""The search for little lateness: each thread anneals, from hot to cold, several times.

The temperature follows the share of the time (or of the iterations) that is gone. Each cycle begins
at the thread's best, cooler than the one before. Threads do not speak with each other, so with a
limit of iterations the answer depends on the seed alone.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from scheduler.search.annealing import (
    anneal,
    annealer,
    best_annealed,
    lateness,
    mean_change,
    start_annealing,
)
from scheduler.search.climbing import OnBetter
from scheduler.search.compiled import Ints, Random, seeded
from scheduler.search.construct import dispatched, work_behind
from scheduler.search.graph import load
from scheduler.search.layout import Shop, Solution, State, blank

CHUNK_S: Final = 0.004
STARTS: Final = 24
"""So many first solutions are dispatched, the best is annealed."""
PROBES: Final = 300
"""Moves that tell how large changes are."""
HOT: Final = 0.7
COLD: Final = 0.02
"""Temperatures of the first cycle's begin and of every cycle's end, in mean changes."""
CYCLES: Final = ((0.0, 0.55, 1.0), (0.55, 0.8, 0.3), (0.8, 1.0, 0.15))
"""From which to which share of the time, and with which part of the heat."""
_THREADS: Final = 7_919


class Cooling:
    """One search; arguments as those of `Climb`."""

    def __init__(
        self,
        shop: Shop,
        *,
        seed: int,
        threads: int = 2,
        limit_s: float,
        iterations: int | None = None,
        target: int = 0,
        starts: tuple[Solution, ...] = (),
        on_better: OnBetter | None = None,
    ) -> None:
        self.shop = shop
        self._seed = seed
        self._threads = threads
        self._began = time.perf_counter()
        self._limit_s = limit_s
        self._each = None if iterations is None else max(1, iterations // threads)
        self._target = target
        self._starts = starts
        self._on_better = on_better
        self._work = work_behind(shop)
        self._stopped = False
        self._reached = False
        self._lock = threading.Lock()
        self._told: int | None = None

    def run(self) -> Solution:
        """Search until the limit; returns the best solution."""
        with ThreadPoolExecutor(self._threads, "anneal") as executor:
            lanes = [executor.submit(self._lane, number) for number in range(self._threads)]
        return min((lane.result() for lane in lanes), key=lambda found: found.value)

    def stop(self) -> None:
        """End the search soon; what has been found stays."""
        self._stopped = True

    def _gone(self, moves: int) -> float:
        """The share of the limit that is gone."""
        if self._stopped or (self._reached and self._each is None):
            return 1.0
        elapsed = (time.perf_counter() - self._began) / max(self._limit_s, 1e-9)
        if self._each is None:
            return elapsed
        return 1.0 if elapsed >= 1.0 else moves / self._each

    def _first(self, random: Random, state: State) -> Solution:
        """The best of some dispatched solutions."""
        shop = self.shop
        due = np.minimum(shop.due, int(self._work.max()) * shop.jobs)[shop.job]
        slack = self._work - due
        rules: tuple[Ints, ...] = (slack, -due, slack * np.maximum(shop.weight, 1)[shop.job])
        ends = np.zeros(shop.jobs, dtype=np.int64)
        best: Solution | None = None
        for number in range(STARTS):
            rule = rules[number % len(rules)]
            spread = int(rule.max() - rule.min()) // 8
            found = dispatched(shop, random, rule, spread * (number >= len(rules)))
            load(shop, state, found.order, found.machine, found.duration)
            found = found._replace(value=int(lateness(shop, state, ends)))
            if best is None or found.value < best.value:
                best = found
                self._tell(best)
            if self._gone(0) > 0.2:  # noqa: PLR2004 - a fifth of the time for beginnings
                break
        assert best is not None  # noqa: S101 - STARTS is positive
        return best

    def _lane(self, lane: int) -> Solution:
        shop = self.shop
        random = seeded(self._seed * _THREADS + lane)
        state, memory = blank(shop), annealer(shop)
        best = self._starts[lane] if lane < len(self._starts) else self._first(random, state)
        load(shop, state, best.order, best.machine, best.duration)
        start_annealing(shop, state, memory)
        best = best_annealed(memory)
        self._tell(best)
        anneal(shop, state, memory, random, PROBES, 0.0)
        scale = mean_change(memory)
        moves, size = PROBES, 64
        for begin, end, heat in CYCLES:
            best = min(best, best_annealed(memory), key=lambda each: each.value)
            load(shop, state, best.order, best.machine, best.duration)
            start_annealing(shop, state, memory)
            while (gone := self._gone(moves)) < end and best.value > self._target:
                share = max(0.0, (gone - begin) / (end - begin))
                hot = HOT * heat * scale
                temperature = hot * (COLD * scale / max(hot, 1e-9)) ** share
                count = size if self._each is None else 64
                took = time.perf_counter()
                anneal(shop, state, memory, random, count, temperature)
                moves += count
                took = time.perf_counter() - took
                size = max(16, min(4 * size, round(size * CHUNK_S / max(took, 1e-6)), 20_000))
                if memory.counters[1] < best.value:
                    best = best_annealed(memory)
                    self._tell(best)
        return best

    def _tell(self, found: Solution) -> None:
        """Say so if it is the best of all threads."""
        if found.value <= self._target:
            self._reached = True
        with self._lock:
            if self._told is not None and found.value >= self._told:
                return
            self._told = found.value
            if self._on_better is not None:
                self._on_better(found, time.perf_counter() - self._began)

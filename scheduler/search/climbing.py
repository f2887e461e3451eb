"""The search for a short makespan: two threads, a pool of good solutions between them.

A task is a tabu search from one start until it has gained nothing for a while. Tasks are numbered;
each begins with what the pool was at that moment. With a limit of time the pool holds whatever has
been found; with a limit of iterations task `k` sees exactly the results of the tasks up to `k -
threads`, so that the answer depends on the seed alone and not on the machine's mood.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from scheduler.search import tabu
from scheduler.search.compiled import Random, seeded
from scheduler.search.construct import dispatched, work_behind
from scheduler.search.graph import last_end, load
from scheduler.search.layout import Shop, Solution, State
from scheduler.search.pool import Pool
from scheduler.search.relink import canonical

CHUNK_S: Final = 0.004
"""About so long a thread works between two looks at the clock."""
PATIENCE: Final = 12_500
"""A tabu search ends after so many iterations without a gain (Peng, Lü & Cheng 2015)."""
NOISE: Final = 5
"""The random share of a first solution's priorities is up to a fifth of the largest."""
_KEPT: Final = 4
_TASKS: Final = 1_000_003
"""Seeds of one search are this far from those of the next."""

OnBetter = Callable[[Solution, float], None]


class Climb:
    """One search.

    Args:
        shop: what is searched.
        seed: the answer to a limit of iterations depends on it alone.
        threads: how many work at it.
        limit_s: how long, from now on.
        iterations: how many in all; None for as many as the time allows.
        target: a value that nothing can be below: the search ends when it is reached.
        starts: solutions to begin with.
        on_better: called with each new best solution and the seconds since the start.
    """

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
        self.best: Solution | None = None
        self.iterations = 0
        self._seed = seed
        self._threads = threads
        self._began = time.perf_counter()
        self._deadline = self._began + limit_s
        self._each = None if iterations is None else max(1, iterations // threads)
        self._target = target
        self._starts = starts
        self._on_better = on_better
        self._urgency = work_behind(shop)
        self._lock = threading.Condition()
        self._pools = [Pool()]
        self._results: dict[int, Solution] = {}
        self._ends: list[int | None] = [None] * threads
        self._found: list[tuple[int, int, Solution]] = []
        self._stopped = False

    def run(self) -> Solution:
        """Search until the limit; returns the best solution, in canonical order."""
        with ThreadPoolExecutor(self._threads, "search") as executor:
            lanes = [executor.submit(self._lane, number) for number in range(self._threads)]
        for lane in lanes:
            lane.result()
        return min(self._found, key=lambda each: each[:2])[2]

    def stop(self) -> None:
        """End the search soon; what has been found stays."""
        self._stopped = True

    def _over(self) -> bool:
        return self._stopped or time.perf_counter() >= self._deadline

    def _lane(self, lane: int) -> None:
        """Work on every task whose number is the lane's, modulo threads."""
        state, memory = tabu.fresh(self.shop)
        left = self._each
        task = lane
        size = 64
        try:
            while left is None or left > 0:
                random = seeded(self._seed * _TASKS + task)
                start = self._start(task, random)
                tabu.start(self.shop, state, memory, start)
                self._tell(start._replace(value=int(memory.counters[2])))
                size, done = self._search(state, memory, random, size, left)
                left = None if left is None else left - done
                self._deliver(task, tabu.best(memory), state)
                task += self._threads
                if self._over() or self._reached(lane):
                    return
        finally:
            self._end(lane, task)

    def _reached(self, lane: int) -> bool:
        """Whether nothing better can be found: anybody's word for it, or only this lane's own."""
        with self._lock:
            return any(
                value <= self._target and (self._each is None or task % self._threads == lane)
                for value, task, _ in self._found
            )

    def _search(
        self, state: State, memory: tabu.Memory, random: Random, size: int, left: int | None
    ) -> tuple[int, int]:
        """One task's tabu search; returns the size of a chunk, and the iterations done."""
        done = 0
        value = int(memory.counters[2])
        while not self._over():
            count = size if left is None else min(size, left - done)
            if count <= 0:
                break
            began = time.perf_counter()
            told = tabu.step(self.shop, state, memory, random, count, PATIENCE, self._target)
            took = time.perf_counter() - began
            done = int(memory.counters[0])
            if memory.counters[2] < value:
                value = int(memory.counters[2])
                if self.best is None or value < self.best.value:
                    self._tell(tabu.best(memory))
            size = max(16, min(4 * size, round(size * CHUNK_S / max(took, 1e-6)), 20_000))
            if told != tabu.RUNNING:
                break
        return size, done

    def _start(self, task: int, random: Random) -> Solution:
        """What a task begins with."""
        if task < len(self._starts):
            return self._starts[task]
        with self._lock:
            pool = self._pool(task)
        found = pool.next_start(random)
        if found is not None:
            return found
        with self._lock:
            if self._each is None:
                self._pools = [self._pools[-1].started_anew()]
        noise = int(self._urgency.max()) // NOISE if task else 0
        return dispatched(self.shop, random, self._urgency, noise)

    def _pool(self, task: int) -> Pool:
        """The pool that a task sees; with the lock held."""
        if self._each is None:
            return self._pools[-1]
        needed = max(0, task - self._threads + 1)
        while len(self._pools) <= needed and not self._stopped:
            self._lock.wait(0.05)
            if self._over():
                break
        return self._pools[min(needed, len(self._pools) - 1)]

    def _deliver(self, task: int, found: Solution, state: State) -> None:
        """Put a result into the pool."""
        found = self._in_order(found, state)
        self._tell(found)
        with self._lock:
            self._found.append((found.value, task, found))
            self._found = sorted(self._found, key=lambda each: each[:2])[:_KEPT]
            if self._each is None:
                self._pools = [self._pools[-1].with_result(found)]
            else:
                self._results[task] = found
                self._merge()

    def _merge(self) -> None:
        """Make the pools that can be made, in the order of the tasks; with the lock held."""
        while True:
            task = len(self._pools) - 1
            end = self._ends[task % self._threads]
            if task in self._results:
                pool = self._pools[-1].started_anew().with_result(self._results.pop(task))
            elif end is not None and task >= end and None in self._ends:
                pool = self._pools[-1]
            else:
                break
            self._pools.append(pool)
        self._lock.notify_all()

    def _in_order(self, found: Solution, state: State) -> Solution:
        load(self.shop, state, found.order, found.machine, found.duration)
        value = int(last_end(self.shop, state))
        return found._replace(order=canonical(found.order, state.head), value=value)

    def _tell(self, found: Solution) -> None:
        """Keep a solution if it is the best."""
        if self.best is not None and found.value >= self.best.value:
            return
        with self._lock:
            if self.best is not None and found.value >= self.best.value:
                return
            self.best = found
            if self._on_better is not None:
                self._on_better(found, time.perf_counter() - self._began)

    def _end(self, lane: int, task: int) -> None:
        """Let nobody wait for tasks that will not come."""
        with self._lock:
            self._ends[lane] = task
            if self._each is not None:
                self._merge()

"""Whether the compiled planning is ready, and making it so.

Machine code comes from the cache on disk in about two seconds. On a machine that has never had this
version it is made in minutes, by a process of its own where a service lacks it. No plan waits for
that: until then the domain's own planning answers, and shops with machines only change over first.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from domain.plan.problem import (
    Job,
    Machine,
    Mode,
    Need,
    Operation,
    Precedence,
    Problem,
    Resource,
)
from scheduler.compiler import COMMAND, Compiler, CompilingError
from scheduler.floor_arrays import arrays_of, is_plain
from scheduler.floor_plans import figures, found_of, plan_of
from scheduler.machine_code import POLL_S, MachineCode, Part
from scheduler.repair import search
from scheduler.rules import candidates

logger = logging.getLogger(__name__)

_LONG_S: Final = 3_600.0


class Kernel:
    """The compiled planning of a process.

    Args:
        cache: where machine code is kept.
        use: calls all that belongs to a part, which loads it, or compiles it here.
        command: makes what the cache lacks in a process of its own.
    """

    def __init__(
        self, cache: MachineCode, use: Callable[[Part], None], command: Sequence[str] = COMMAND
    ) -> None:
        self._cache = cache
        self._use = use
        self._command = command
        self._ready: set[Part] = set()
        self._making = threading.Lock()
        self._starting = threading.Lock()
        self._behind: threading.Thread | None = None

    def has(self, part: Part) -> bool:
        """Whether a part is loaded."""
        return part in self._ready

    def warm_up(self, last: Part = Part.ALL) -> float:
        """Load or compile the parts up to one, here and now; returns how many seconds that took."""
        began = time.perf_counter()
        for part in Part:
            if part not in self._ready:
                with self._making:
                    if part not in self._ready:
                        self._make(part)
            if part is last:
                break
        return time.perf_counter() - began

    def _make(self, part: Part) -> None:
        began = time.perf_counter()
        with self._cache.lock_for(part) or contextlib.nullcontext():
            self._use(part)
            # Where it cannot be told, the next process compiles for itself.
            with contextlib.suppress(OSError):
                self._cache.keep(part)
        # The compiler's own objects are many, and none of them ends: collecting passes them by.
        gc.collect()
        gc.freeze()
        self._ready.add(part)
        took_s = time.perf_counter() - began
        logger.info("the compiled search (%s) is ready after %.1f s", part, took_s)

    def warm_up_behind(self) -> None:
        """Load what is there, have made what is not, in a thread that nobody waits for."""
        with self._starting:
            if Part.ALL in self._ready or (self._behind is not None and self._behind.is_alive()):
                return
            self._behind = threading.Thread(target=self._work_behind, name="compiling", daemon=True)
            self._behind.start()

    def _work_behind(self) -> None:
        try:
            with Compiler(self._cache, self._command) as compiler:
                for part in Part:
                    while not self._cache.has(part):
                        compiler.see_to(part)
                        time.sleep(POLL_S)
                    self.warm_up(part)
            self._cache.prune()
        except (CompilingError, OSError) as error:
            logger.error(  # noqa: TRY400 - a trace of this process would say nothing of that one
                "the search cannot be compiled, plans are made without it: %s", error
            )
        except Exception:
            logger.exception("the compiled search cannot be loaded; plans are made without it")


def part_of(problem: Problem) -> Part:
    """The part that plans a problem."""
    return Part.MACHINES if is_plain(problem) else Part.ALL


def is_ready(problem: Problem) -> bool:
    """Whether all that plans a problem is compiled and loaded."""
    if _kernel.has(Part.ALL):
        return True
    return _kernel.has(Part.MACHINES) and part_of(problem) is Part.MACHINES


def warm_up(last: Part = Part.ALL) -> float:
    """Load or compile the parts up to one, here and now; returns how many seconds that took."""
    return _kernel.warm_up(last)


def warm_up_behind() -> None:
    """Load what is there, have made what is not, while the process goes on."""
    _kernel.warm_up_behind()


def use(part: Part) -> None:
    """Plan two jobs on two machines: whatever is called is compiled, and whatever that calls.

    Shops with machines only are compiled for themselves; all others need a tool here.
    """
    machines = (Machine(id=1), Machine(id=2))
    ways = (Mode(1, 60_000), Mode(2, 90_000))
    operations = tuple(
        Operation(
            id=2 * job + turn,
            job=job,
            modes=ways,
            after=(Precedence(2 * job),) if turn else (),
        )
        for job in (1, 2)
        for turn in (0, 1)
    )
    problem = Problem(
        now_ms=0,
        machines=machines,
        jobs=(Job(id=1, due_ms=60_000), Job(id=2, due_ms=60_000)),
        operations=operations,
    )
    if part is Part.MACHINES:
        _plan(problem)
        return
    needy = tuple(msgspec.structs.replace(mode, needs=(Need(1),)) for mode in ways)
    _plan(
        msgspec.structs.replace(
            problem,
            operations=tuple(msgspec.structs.replace(each, modes=needy) for each in operations),
            resources=(Resource(id=1),),
        )
    )


def _plan(problem: Problem) -> None:
    """Use all that is compiled on a problem."""
    arrays = arrays_of(problem)
    for found in candidates(arrays, deadline=time.perf_counter() + _LONG_S):
        plan = plan_of(arrays, found.at, found.order)
        figures(arrays, found.at)
        end = time.perf_counter() + _LONG_S
        search(arrays, [found_of(arrays, plan)], began=0.0, end=end, seed=1, threads=1, moves=100)


_kernel: Final = Kernel(MachineCode(), use)

"""One scope's disruptions, answered: debounce, load, solve, store; then improve.

Nothing is remembered between rounds: a process that is killed anywhere leaves the last plan in
force and the rows open. A round whose ground has moved is made again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from concurrent.futures import Executor
from functools import partial
from typing import Any, Final

from domain.plan.plan import Infeasible, Solved
from runtime import tasks
from runtime.clock import Clock
from scheduler import words
from scheduler.decision import holds, is_worth, ranked
from scheduler.rows import Planned, Round, ScopeRows
from scheduler.solve import First, first_plan, improve, is_improvable
from scheduler.stopping import Stop
from scheduler.transfer import transfer
from store.planning.plans import StalePlanError

logger = logging.getLogger(__name__)

MOST_DEBOUNCES: Final = 5
"""However many disruptions come, they are waited for so many times the debounce."""
IMPROVE_AFTER_S: Final = 0.5
"""The first plan's dates go to the screens before the solver takes the processors."""
_STOP_AGAIN_S: Final = 0.05
_NICENESS: Final = 10


class ScopePlanner:
    """Answers one scope's disruptions.

    Args:
        scope: which one.
        rows: its rows.
        clock: for measuring.
        solvers: threads for first plans.
        improver: threads for improving.
        metrics: the service's figures, added to.
    """

    def __init__(
        self,
        scope: str,
        *,
        rows: ScopeRows,
        clock: Clock,
        solvers: Executor,
        improver: Executor,
        metrics: dict[str, float],
    ) -> None:
        self._scope = scope
        self._rows = rows
        self._clock = clock
        self._solvers = solvers
        self._improver = improver
        self._metrics = metrics
        self._heard = asyncio.Event()
        self.trouble: str | None = None
        """Why the last disruptions could not be answered by a plan; None when they could."""

    def hear(self) -> None:
        """Something is open in the scope, maybe something new."""
        self._heard.set()

    async def answer(self) -> None:
        """Answer what is open and improve the plan, until nothing is open."""
        while await self._settled():
            planned = await self._round()
            if planned is not None:
                await self._improve(planned)

    async def _settled(self) -> bool:
        """Wait until nothing new has come for the debounce; False when nothing is open."""
        newest = await self._rows.newest()
        if newest is None:
            return False
        debounce_s = await self._rows.debounce_s()
        for _ in range(MOST_DEBOUNCES if debounce_s else 0):
            await asyncio.sleep(debounce_s)
            before, newest = newest, await self._rows.newest()
            if newest == before:
                break
        return newest is not None

    async def _round(self) -> Planned | None:
        """Answer what is open; returns the plan that was stored, if any was."""
        began = self._clock.monotonic()
        round_ = await self._rows.load()
        if round_ is None:
            return None
        self._measure("last_load_ms", began)
        solving = self._clock.monotonic()
        loop = asyncio.get_running_loop()
        outcome = await loop.run_in_executor(self._solvers, first_plan, round_.loaded.problem)
        self._measure("last_first_plan_ms", solving)
        storing = self._clock.monotonic()
        try:
            planned = await self._answered(round_, outcome)
        except StalePlanError as error:
            self._metrics["stale"] += 1
            logger.info("%s; it is planned again", error)
            return None
        self._measure("last_store_ms", storing)
        self._measure("last_solve_ms", began)
        raised_ms = min(row.raised_at for row in round_.rows).timestamp() * 1_000
        self._metrics["last_answer_ms"] = round(self._clock.now_ms() - raised_ms, 1)
        if planned is not None:
            self._say(planned, began, words.causes(round_.rows))
        return planned

    async def _answered(self, round_: Round, outcome: First | Infeasible) -> Planned | None:
        """Write the round's answer.

        Raises:
            StalePlanError: nothing was written, the round's ground has moved.
        """
        if isinstance(outcome, Infeasible):
            await self._rows.fail(round_, outcome.conflicts)
            self._metrics["failed"] += 1
            found = words.conflicts(outcome.conflicts, round_.loaded)
            self.trouble = f"scope {self._scope} cannot be planned: {found}"
            logger.error("%s; asked by %s", self.trouble, words.causes(round_.rows))
            return None
        planned: Planned | None = None
        if _stays(round_, outcome):
            await self._rows.keep(round_)
            self._metrics["no_change"] += 1
            causes = words.causes(round_.rows)
            logger.info("scope %s: the plan in force stays: %s", self._scope, causes)
        else:
            planned = await self._rows.store(round_, outcome.solved, outcome.waiting)
            self._metrics[f"plans_{planned.stored.state.value}"] += 1
        self.trouble = None
        return planned

    # Improving

    async def _improve(self, planned: Planned) -> None:
        """Look for a better plan until something newer is open; store it if it is worth it."""
        problem = planned.loaded.problem
        if (
            not problem.policy.improve_ms
            or not planned.solved.metrics.cost
            or not is_improvable(problem)
            or await self._is_newer(within_s=IMPROVE_AFTER_S)
        ):
            return
        better = await self._searched(planned, problem.policy.improve_ms)
        if better is None:
            return
        began = self._clock.monotonic()
        improved = None
        if is_worth(
            problem.policy,
            ranked(problem, planned.solved.plan, planned.solved.metrics),
            ranked(problem, better.plan, better.metrics),
        ):
            improved = await self._replaced(planned, better)
        if better.bound is not None:
            # Of the best that was found: a gain too small to be published does not hide the gap.
            found = (improved or planned).stored.id
            await self._rows.note_bound(found, cost=better.metrics.cost, bound=better.bound)
        if improved is not None:
            self._metrics["plans_improved"] += 1
            costs = f"{planned.solved.metrics.cost} -> {better.metrics.cost}"
            self._say(improved, began, f"improved by {better.method}, cost {costs}")

    async def _is_newer(self, *, within_s: float) -> bool:
        """Whether something is open, or comes within so many seconds."""
        try:
            async with asyncio.timeout(within_s):
                await self._opened()
        except TimeoutError:
            return False
        return True

    async def _opened(self) -> None:
        """Wait until something is open."""
        while await self._rows.newest() is None:
            # Heard of may also be what was answered in this moment: hence the rows decide.
            self._heard.clear()
            await self._heard.wait()

    async def _searched(self, planned: Planned, limit_ms: int) -> Solved | None:
        """The improved plan; None when something newer came before it was found."""
        stop = Stop()
        # Why jobs are late is said of what is stored (`transfer`).
        work = partial(
            improve,
            planned.loaded.problem,
            planned.solved,
            limit_ms=limit_ms,
            stop=stop,
            explain=False,
        )
        loop = asyncio.get_running_loop()
        search = loop.run_in_executor(self._improver, _gently, work)
        newer = asyncio.create_task(self._opened())
        ends: set[asyncio.Future[Any]] = {search, newer}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            in_time = search.done()
            while not search.done():
                stop.ask()
                await asyncio.wait({search}, timeout=_STOP_AGAIN_S)
            return await search if in_time else None
        finally:
            stop.ask()
            await tasks.end([newer])

    async def _replaced(self, planned: Planned, better: Solved) -> Planned | None:
        """Store the better plan if it still is, as things are now; None if it is not."""
        loaded = await self._rows.load_quiet()
        if loaded is None:
            return None
        again = partial(
            transfer,
            loaded.problem,
            better=better,
            first=planned.solved.plan,
            baseline=planned.loaded.problem.baseline,
        )
        found = await asyncio.get_running_loop().run_in_executor(self._solvers, again)
        if found is None:
            return None
        try:
            return await self._rows.replace(planned, loaded, found.solved, found.waiting)
        except StalePlanError as error:
            self._metrics["stale"] += 1
            logger.info("the improved plan comes too late: %s", error)
            return None

    # What it says

    def _measure(self, name: str, began: float) -> None:
        self._metrics[name] = round((self._clock.monotonic() - began) * 1_000, 1)

    def _say(self, planned: Planned, began: float, why: str) -> None:
        logger.info(
            "scope %s: plan %d %s in %.0f ms: %s; %s",
            self._scope,
            planned.stored.number,
            planned.stored.state.value,
            (self._clock.monotonic() - began) * 1_000,
            why,
            words.gain(planned.solved, planned.waiting),
        )


def _stays(round_: Round, first: First) -> bool:
    """Whether the plan in force goes on: it is still true, and no other is worth its while."""
    problem = round_.loaded.problem
    return (
        not round_.outdated
        and not is_worth(
            problem.policy,
            ranked(problem, first.shifted, first.waiting),
            ranked(problem, first.solved.plan, first.solved.metrics),
        )
        and holds(problem, round_.loaded.baseline, first.shifted)
    )


def _gently(work: partial[Solved]) -> Solved:
    """Do background work in this thread, and those that it starts, at a low priority."""
    if sys.platform == "linux":  # elsewhere a priority is the whole process's
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
    return work()

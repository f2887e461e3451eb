"""The planning worker: finds the scopes with open disruptions and has each answered.

It is woken by the log and looks by itself every POLL_S. A scope has one task here and one lease
among all processes. Whatever goes wrong in a scope is tried again with back-off and told in the
service's health; the others go on.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import psycopg

from contracts.streams import PARTITIONS, TOPICS
from runtime import tasks
from runtime.clock import Clock
from runtime.health import HealthState
from scheduler import cp_sat, kernel
from scheduler.rows import ScopeRows
from scheduler.scope import ScopePlanner
from scheduler.wakes import listen, pause_s
from store.database import Pool
from store.leases import AWAY, Leases
from store.log import LogAwayError, StreamLog
from store.planning.disruptions import scopes_with_open

logger = logging.getLogger(__name__)

POLL_S: Final = 1.0
NOT_READY: Final = (*AWAY, psycopg.Error, LogAwayError)
"""What a database that is not migrated yet, or Kafka that is away, make their clients raise too."""
_MOST_PAUSE_S: Final = 30.0
_COUNTED: Final = (
    "plans_published",
    "plans_draft",
    "plans_improved",
    "no_change",
    "failed",
    "stale",
    "broken_off",
)


class PlanningWorker:
    """Answers the disruptions of all scopes.

    Args:
        pool, log: where plans are stored and told; both open.
        url: the same database, for the connections that listen and hold leases.
        clock: the moment that plans are made for.
        workers: threads that make first plans.
    """

    def __init__(self, *, pool: Pool, log: StreamLog, url: str, clock: Clock, workers: int) -> None:
        self._pool = pool
        self._log = log
        self._url = url
        self._clock = clock
        self._leases = Leases(url, "scheduler")
        self._solvers = ThreadPoolExecutor(workers, thread_name_prefix="solver")
        # Improving is for one scope at a time: the solver has threads of its own.
        self._improver = ThreadPoolExecutor(1, thread_name_prefix="improver")
        self._woken = asyncio.Event()
        self._planners: dict[str, ScopePlanner] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._away: str | None = None
        self._broken: dict[str, str] = {}
        self.ready = asyncio.Event()
        """Set once the database has been found migrated."""
        self.metrics: dict[str, float] = dict.fromkeys(_COUNTED, 0.0)
        """Figures since the start; `last_..._ms` are of the last round."""

    @property
    def health(self) -> tuple[HealthState, str | None]:
        """How the worker is, in words where something is wrong."""
        if self._away is not None:
            return HealthState.DEGRADED, f"database or stream away or not ready: {self._away}"
        troubles = [*self._broken.values()]
        troubles += [each.trouble for each in self._planners.values() if each.trouble is not None]
        return (HealthState.DEGRADED, "; ".join(troubles)) if troubles else (HealthState.OK, None)

    async def run(self) -> None:
        """Work until cancelled."""
        helpers = [
            asyncio.create_task(listen(self._url, self._woken.set), name="wakes"),
            asyncio.create_task(asyncio.to_thread(cp_sat.warm_up), name="warm-up"),
        ]
        kernel.warm_up_behind()
        try:
            await self._create_topics()
            await self._look_again_and_again()
        finally:
            try:
                await tasks.end([*helpers, *self._tasks.values()])
            finally:
                await self._leases.close()
                for threads in (self._solvers, self._improver):
                    threads.shutdown(wait=False, cancel_futures=True)

    async def _create_topics(self) -> None:
        attempt = 0
        while True:
            try:
                await self._log.create_topics(TOPICS, PARTITIONS)
            except NOT_READY as error:
                await self._wait(error, attempt)
                attempt += 1
            else:
                self._away = None
                self.ready.set()
                return

    async def _look_again_and_again(self) -> None:
        attempt = 0
        while True:
            self._woken.clear()
            try:
                await self._look()
                attempt, self._away = 0, None
            except NOT_READY as error:
                await self._wait(error, attempt)
                attempt += 1
                continue
            try:
                async with asyncio.timeout(POLL_S):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def _wait(self, error: BaseException, attempt: int) -> None:
        said = str(error).strip() or type(error).__name__
        if self._away is None:
            logger.warning("database or stream away or not ready: %s", said)
        self._away = said
        await asyncio.sleep(pause_s(attempt))

    async def _look(self) -> None:
        """Have every scope with something open answered."""
        async with self._pool.connection() as connection:
            scopes = await scopes_with_open(connection)
        self.metrics["open_scopes"] = len(scopes)
        for scope in scopes:
            planner = self._planners.get(scope)
            if planner is None:
                rows = ScopeRows(scope, pool=self._pool, log=self._log, clock=self._clock)
                planner = self._planners[scope] = ScopePlanner(
                    scope,
                    rows=rows,
                    clock=self._clock,
                    solvers=self._solvers,
                    improver=self._improver,
                    metrics=self.metrics,
                )
            planner.hear()
            if scope not in self._tasks:
                task = asyncio.create_task(self._serve(planner, scope), name=f"scope {scope}")
                self._tasks[scope] = task

    async def _serve(self, planner: ScopePlanner, scope: str) -> None:
        """Answer a scope's disruptions, unless another process does."""
        attempt = 0
        try:
            while True:
                try:
                    if not await self._leases.take(scope):
                        return  # the next look finds it again, if it is still open
                    try:
                        await planner.answer()
                    finally:
                        await self._leases.release(scope)
                except AWAY as error:
                    logger.warning("scope %s: the database is away: %s", scope, str(error).strip())
                    pause = pause_s(attempt)
                except Exception as error:
                    self.metrics["broken_off"] += 1
                    self._broken[scope] = f"planning scope {scope} broke off: {error!r}"
                    logger.exception("planning scope %s broke off; it is tried again", scope)
                    pause = min(2.0**attempt, _MOST_PAUSE_S)
                else:
                    self._broken.pop(scope, None)
                    self._woken.set()  # for what was raised while this ended
                    return
                attempt += 1
                await asyncio.sleep(pause)
        finally:
            self._tasks.pop(scope, None)

"""What questions are answered from: a scope's plan in force as it stands now, kept ready.

It is read anew when the plan in force, the open work or a disruption changed, and after a while in
any case: pieces are counted and unstarted work drifts. While somebody asks it is kept fresh in
between, so that nobody waits for the reading.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from typing import Final

import msgspec

from contracts.questions import InForce
from domain.plan.indexed import Indexed
from domain.plan.plan import Plan
from domain.plan.problem import Problem
from domain.plan.promising import Base
from domain.plan.right_shift import right_shift
from runtime.clock import Clock
from store.database import Pool
from store.planning.calendars import DAY_MS
from store.planning.loaded import Loaded
from store.planning.problem import load_problem
from store.planning.problem_rows import snapshot
from store.planning.stamps import Stamp, stamp_of

FRESH_S: Final = 3.0
"""So old a state may be, as far as counted pieces and the clock are concerned."""
WANTED_S: Final = 60.0
"""So long after a question a scope's state is kept fresh."""
SPARE_MS: Final = 90 * DAY_MS
"""Calendars are told for so much working time more than there is work for."""


class Warm(msgspec.Struct, frozen=True, kw_only=True):
    """A scope's state; never changed.

    Attributes:
        loaded: the problem with the names around it; all machines of the scope are in it.
        indexed: the problem by index.
        base: the plan in force, right-shifted with what has happened since; its ends and cost.
        in_force: which plan that is.
        stamp: of the rows it was made from.
        made_s: when, on the monotonic clock.
    """

    loaded: Loaded
    indexed: Indexed
    base: Base
    in_force: InForce
    stamp: Stamp
    made_s: float

    @property
    def problem(self) -> Problem:
        """What is planned."""
        return self.loaded.problem

    @property
    def shifted(self) -> Plan:
        """The plan in force with what has happened since."""
        return self.base.plan


class WarmScopes:
    """The states of the scopes that somebody asks about.

    Args:
        pool: where the rows are.
        clock: the time.
        threads: where states are worked out.
    """

    def __init__(self, *, pool: Pool, clock: Clock, threads: Executor) -> None:
        self._pool = pool
        self._clock = clock
        self._threads = threads
        self._states: dict[str, Warm] = {}
        self._asked_s: dict[str, float] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def of(self, scope: str) -> Warm:
        """The scope's state as it is now.

        Raises:
            ProblemError: its work contradicts itself, so that there is no plan.
            psycopg.Error: the database is away.
        """
        self._asked_s[scope] = self._clock.monotonic()
        return await self._fresh(scope, FRESH_S)

    async def superseded(self, warm: Warm) -> bool:
        """Whether another plan is in force than the state's."""
        async with self._pool.connection() as connection:
            stamp = await stamp_of(connection, warm.loaded.scope)
        return stamp.plan_id != warm.stamp.plan_id

    async def refresh(self) -> None:
        """Read anew what is asked for and will soon be too old; forget what nobody asks for."""
        now_s = self._clock.monotonic()
        for scope, asked_s in list(self._asked_s.items()):
            if now_s - asked_s > WANTED_S:
                del self._asked_s[scope]
                self._states.pop(scope, None)
            else:
                await self._fresh(scope, FRESH_S / 2)

    async def _fresh(self, scope: str, most_s: float) -> Warm:
        async with self._turns.setdefault(scope, asyncio.Lock()):
            state = self._states.get(scope)
            if state is not None and self._clock.monotonic() - state.made_s < most_s:
                async with self._pool.connection() as connection:
                    if await stamp_of(connection, scope) == state.stamp:
                        return state
            state = self._states[scope] = await self._read(scope)
            return state

    async def _read(self, scope: str) -> Warm:
        made_s = self._clock.monotonic()
        now_ms = self._clock.now_ms()
        async with self._pool.connection() as connection, snapshot(connection):
            stamp = await stamp_of(connection, scope)
            loaded = await load_problem(connection, scope, now_ms=now_ms, spare_ms=SPARE_MS)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _worked_out, loaded, stamp, made_s)


def _worked_out(loaded: Loaded, stamp: Stamp, made_s: float) -> Warm:
    indexed = Indexed(loaded.problem)
    return Warm(
        loaded=loaded,
        indexed=indexed,
        base=Base.of(loaded.problem, right_shift(loaded.problem, indexed=indexed)),
        in_force=InForce(
            plan_id=loaded.base.id if loaded.base is not None else None,
            number=loaded.base.number if loaded.base is not None else None,
            as_of_ms=loaded.problem.now_ms,
            pending=stamp.pending,
        ),
        stamp=stamp,
        made_s=made_s,
    )

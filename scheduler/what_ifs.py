"""Answers what-if questions: loads, works out in a thread, stores drafts.

They have a lane of their own (`store.questions.WHAT_IF`): they take longer than a promise, and
nobody who waits for one stands behind them. Of several schedulers one answers for a scope.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

import msgspec
import psycopg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.questions import Answer, Asked, Refused
from contracts.what_if import (
    Change,
    DraftMade,
    DraftQuestion,
    RushQuestion,
    SolveQuestion,
    WhyQuestion,
)
from domain.plan.indexed import ProblemError
from runtime import tasks
from runtime.clock import Clock
from scheduler import thinking
from scheduler.absent import NOBODY, Away, absent
from scheduler.refusing import refused, said
from scheduler.thinking import Drafted
from scheduler.warm import SPARE_MS
from store import audit
from store.database import Connection, Pool
from store.errors import ConflictError
from store.leases import AWAY
from store.planning import drafts, plan_rows
from store.planning.basis import basis_of
from store.planning.drafts import NewDraft
from store.planning.loaded import Loaded
from store.planning.plan_rows import WhatIfRow
from store.planning.plans import StalePlanError
from store.planning.problem import load_problem
from store.planning.problem_rows import snapshot
from store.planning.stamps import every_scope
from store.questions import RENEW_S, WHAT_IF, Desk

logger = logging.getLogger(__name__)

T = TypeVar("T")

ANYBODY: Final = ""
"""The scope of problems that belong to none."""
MOST_AT_ONCE: Final = 2
"""Questions that are worked on; others wait in Redis, where whoever asks may give up."""
_TIMES: Final = 3
"""So often a draft is made anew because another plan came in force meanwhile."""
_WAIT_S: Final = 0.5
_AGAIN_S: Final = 0.5


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What a draft stands on: what is planned, what that was made with, and who is to be away."""

    loaded: Loaded
    basis: dict[str, str]
    away: Away


class WhatIfs:
    """Answers the what-if questions of all scopes that no other process answers.

    Args:
        pool: where the rows are.
        redis: where questions come from; a client of its own.
        clock: the moment that is asked about.
        metrics: the service's figures, added to.
    """

    def __init__(
        self, *, pool: Pool, redis: Redis, clock: Clock, metrics: dict[str, float]
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._desk = Desk(redis, lane=WHAT_IF)
        self._threads = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="what-if")
        self._metrics = metrics
        self.scopes: list[str] = []
        """The scopes that it answers for now."""
        self._at_work: set[asyncio.Task[None]] = set()
        self.ready = asyncio.Event()
        """Set while it answers for some scope."""
        self._away: str | None = None

    async def run(self) -> None:
        """Answer until cancelled."""
        holding = asyncio.create_task(
            self._again_and_again(self._hold, RENEW_S), name="what-if turns"
        )
        try:
            await self._again_and_again(self._next, 0.0)
        finally:
            try:
                await tasks.end([holding, *self._at_work])
                await self._leave()
            finally:
                self._threads.shutdown(wait=False, cancel_futures=True)

    async def _again_and_again(self, work: Callable[[], Awaitable[None]], pause_s: float) -> None:
        while True:
            try:
                await work()
            except (RedisError, *AWAY, psycopg.Error) as error:
                said = str(error).strip() or type(error).__name__
                if said != self._away:
                    logger.info("what-if questions: %s", said)
                self._away = said
                await asyncio.sleep(_AGAIN_S)
            else:
                await asyncio.sleep(pause_s)

    async def _hold(self) -> None:
        """Take and keep the turn of scopes."""
        async with self._pool.connection() as connection:
            scopes = await every_scope(connection)
        self.scopes = await self._desk.hold([ANYBODY, *scopes])
        self._away = None
        if self.scopes:
            self.ready.set()
        else:
            self.ready.clear()

    async def _leave(self) -> None:
        try:
            await self._desk.leave(self.scopes)
        except (RedisError, OSError):
            logger.debug("Redis is away: the turns expire by themselves")

    async def _next(self) -> None:
        """Begin to answer the next question."""
        await self.ready.wait()
        if len(self._at_work) >= MOST_AT_ONCE:
            await asyncio.wait(self._at_work, return_when=asyncio.FIRST_COMPLETED)
            return
        try:
            asked = await self._desk.next(self.scopes, within_s=_WAIT_S)
        except msgspec.MsgspecError as error:
            logger.warning("a what-if question cannot be read: %s", error)
            return
        if asked is not None:
            task = asyncio.create_task(self._answer(asked), name=f"what-if {asked.id}")
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)

    async def _answer(self, asked: Asked) -> None:
        began = self._clock.monotonic()
        try:
            answer = await self._answered(asked)
            await self._desk.answer(asked, answer)
        except (RedisError, *AWAY, psycopg.Error) as error:
            logger.info("what-if %s is not answered: %s", asked.id, str(error).strip())
            return
        self._metrics["what_ifs"] = self._metrics.get("what_ifs", 0.0) + 1
        took_ms = round((self._clock.monotonic() - began) * 1_000, 1)
        self._metrics["last_what_if_ms"] = took_ms

    async def _answered(self, asked: Asked) -> Answer:
        """The answer; the planner's own mistakes are answers, too."""
        try:
            return await self._worked_out(asked)
        except ConflictError as error:
            code = error.code or "conflict"
            params = {name: str(value) for name, value in error.params.items()}
            return Refused(code=code, detail=str(error), params=params)
        except ProblemError as error:
            logger.info("planning scope %s has no plan: %s", asked.scope, error)
            return refused("no_plan", scope=asked.scope, why=said("contradiction"))
        except (RedisError, *AWAY, psycopg.Error):
            raise
        except Exception as error:
            logger.exception("what-if %s of scope %s broke", asked.id, asked.scope)
            return refused("broken", error=type(error).__name__)

    async def _worked_out(self, asked: Asked) -> Answer:
        match asked.question:
            case DraftQuestion() as question:
                return await self._draft(asked.scope, question)
            case WhyQuestion() as question:
                return await self._why(asked.scope, question)
            case RushQuestion() as question:
                loaded = await self._load(asked.scope)
                return await self._in_thread(partial(thinking.priced, loaded, question))
            case SolveQuestion() as question:
                return await self._in_thread(partial(thinking.solved_problem, question))
            case other:
                kind = type(other).__name__
                return refused("not_supported", words="not_asked", what=kind)

    async def _draft(self, scope: str, question: DraftQuestion) -> Answer:
        """Work out and store a draft; asked again, it is the one that there is."""
        for _ in range(_TIMES):
            async with self._pool.connection() as connection:
                known = await drafts.known_request(connection, question.request)
            if known is not None:
                return DraftMade(plan_id=known.id)
            ground = await self._ground(scope, question.changes)
            found = await self._in_thread(
                partial(thinking.drafted, ground.loaded, question, away=ground.away)
            )
            if isinstance(found, Refused):
                return found
            try:
                return DraftMade(plan_id=await self._stored(ground, found, question))
            except StalePlanError as error:
                logger.info("%s; the draft is made again", error)
        return refused("busy", scope=scope)

    async def _stored(self, ground: Ground, found: Drafted, question: DraftQuestion) -> int:
        about = WhatIfRow(
            name=question.name,
            settle=question.settle,
            improve_ms=question.improve_ms,
            changes=list(question.changes),
            told=found.told,
            basis=ground.basis,
        )
        async with self._pool.connection() as connection, connection.transaction():
            stored = await drafts.store_draft(
                connection,
                ground.loaded,
                found.thought,
                found.solved,
                waiting=found.waiting,
                new=NewDraft(
                    request=question.request,
                    about=about,
                    actor=audit.Actor(question.actor, question.origin),
                    expires_ms=question.expires_ms,
                    replaces=question.replaces,
                ),
                now_ms=self._clock.now_ms(),
            )
        return stored.id

    async def _why(self, scope: str, question: WhyQuestion) -> Answer:
        async with self._pool.connection() as connection, snapshot(connection):
            row = await plan_rows.plan_row(connection, question.plan)
            placed = await plan_rows.assignments(connection, question.plan)
            changes = row.what_if.changes if row is not None and row.what_if is not None else []
            away = await absent(connection, changes, now_ms=self._clock.now_ms())
            loaded = await self._loaded(connection, scope, away)
        if row is None or not placed:
            return refused("not_kept", plan=str(question.plan))
        work = partial(thinking.explained, loaded, question, placed, changes, away=away)
        return await self._in_thread(work)

    async def _load(self, scope: str) -> Loaded:
        async with self._pool.connection() as connection:
            return await self._loaded(connection, scope, NOBODY)

    async def _ground(self, scope: str, changes: Sequence[Change]) -> Ground:
        """What a draft stands on, in one snapshot."""
        async with self._pool.connection() as connection, snapshot(connection):
            away = await absent(connection, changes, now_ms=self._clock.now_ms())
            loaded = await self._loaded(connection, scope, away)
            basis = await basis_of(connection, scope, since_ms=loaded.problem.now_ms)
        return Ground(loaded=loaded, basis=basis, away=away)

    async def _loaded(self, connection: Connection, scope: str, away: Away) -> Loaded:
        return await load_problem(
            connection,
            scope,
            now_ms=self._clock.now_ms(),
            spare_ms=SPARE_MS,
            away=away.absences,
        )

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

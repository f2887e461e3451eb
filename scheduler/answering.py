"""Answering questions: takes the turn of scopes, and has each question answered by its handler.

Of several schedulers one answers for a scope, until it is gone; then another one does. Whatever
goes wrong with a question is its answer: nobody waits in vain, and the others go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec
import psycopg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.questions import Answer, Asked, Promised, Refused
from domain.plan.indexed import ProblemError
from runtime import tasks
from runtime.clock import Clock
from scheduler.answers import HANDLERS
from scheduler.warm import WarmScopes
from store.database import Pool
from store.leases import AWAY
from store.planning.stamps import every_scope
from store.questions import RENEW_S, Desk

logger = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 4
"""Questions that are worked on; others wait in Redis, where whoever asks may give up."""
_TIMES: Final = 3
"""So often a question is answered anew because another plan came in force meanwhile."""
_WAIT_S: Final = 0.5
_AGAIN_S: Final = 0.5


class Answering:
    """Answers the questions of all scopes that no other process answers.

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
        self._desk = Desk(redis)
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="answers")
        self._warm = WarmScopes(pool=pool, clock=clock, threads=self._threads)
        self._metrics = metrics
        self._scopes: list[str] = []
        self._ours = asyncio.Event()
        self._at_work: set[asyncio.Task[None]] = set()
        self._away: str | None = None

    async def run(self) -> None:
        """Answer until cancelled."""
        helpers = [
            asyncio.create_task(self._again_and_again(self._hold, RENEW_S), name="turns"),
            asyncio.create_task(self._again_and_again(self._warm.refresh, RENEW_S), name="warmth"),
        ]
        try:
            await self._again_and_again(self._next, 0.0)
        finally:
            try:
                await tasks.end([*helpers, *self._at_work])
                await self._leave()
            finally:
                self._threads.shutdown(wait=False, cancel_futures=True)

    async def _again_and_again(self, work: Callable[[], Awaitable[None]], pause_s: float) -> None:
        while True:
            try:
                await work()
            except (RedisError, *AWAY, psycopg.Error, ProblemError) as error:
                said = str(error).strip() or type(error).__name__
                if said != self._away:
                    logger.info("questions: %s", said)
                self._away = said
                await asyncio.sleep(_AGAIN_S)
            except Exception:
                # Plans are made all the same: a mistake in here must not end the service.
                logger.exception("answering questions broke off; it goes on")
                await asyncio.sleep(_AGAIN_S)
            else:
                await asyncio.sleep(pause_s)

    async def _hold(self) -> None:
        """Take and keep the turn of scopes."""
        async with self._pool.connection() as connection:
            scopes = await every_scope(connection)
        self._scopes = await self._desk.hold(scopes)
        self._away = None
        if self._scopes:
            self._ours.set()
        else:
            self._ours.clear()

    async def _leave(self) -> None:
        try:
            await self._desk.leave(self._scopes)
        except (RedisError, OSError):
            logger.debug("Redis is away: the turns expire by themselves")

    async def _next(self) -> None:
        """Begin to answer the next question."""
        await self._ours.wait()
        if len(self._at_work) >= MOST_AT_ONCE:
            await asyncio.wait(self._at_work, return_when=asyncio.FIRST_COMPLETED)
            return
        try:
            asked = await self._desk.next(self._scopes, within_s=_WAIT_S)
        except msgspec.MsgspecError as error:
            logger.warning("a question cannot be read: %s", error)
            return
        if asked is not None:
            task = asyncio.create_task(self._answer(asked), name=f"question {asked.id}")
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)

    async def _answer(self, asked: Asked) -> None:
        began = self._clock.monotonic()
        try:
            answer = await self._answered(asked)
            await self._desk.answer(asked, answer)
        except (RedisError, *AWAY, psycopg.Error) as error:
            # Whoever asked gives up by themselves; there is nothing to be said from.
            logger.info("question %s is not answered: %s", asked.id, str(error).strip())
            return
        self._metrics["questions"] = self._metrics.get("questions", 0.0) + 1
        took_ms = round((self._clock.monotonic() - began) * 1_000, 1)
        self._metrics["last_question_ms"] = took_ms

    async def _answered(self, asked: Asked) -> Answer:
        """The answer from the plan that is in force when it is given."""
        handler = HANDLERS.get(type(asked.question))
        if handler is None:
            kind = type(asked.question).__name__
            return Refused(code="not_supported", detail=f"this planner answers no {kind}")
        loop = asyncio.get_running_loop()
        try:
            for _ in range(_TIMES):
                warm = await self._warm.of(asked.scope)
                now_ms = self._clock.now_ms()
                answer = await loop.run_in_executor(
                    self._threads, handler, warm, asked.question, now_ms
                )
                if not await self._warm.superseded(warm):
                    return answer
        except ProblemError as error:
            detail = f"planning scope {asked.scope} has no plan: {error}"
            return Refused(code="no_plan", detail=detail, params={"scope": asked.scope})
        except (RedisError, *AWAY, psycopg.Error):
            raise
        except Exception as error:
            logger.exception("question %s of scope %s broke off", asked.id, asked.scope)
            detail = f"the planner could not work it out ({type(error).__name__}); see its log"
            return Refused(code="broken", detail=detail)
        # Plans follow each other faster than it can be worked out: it says that another is there.
        if not isinstance(answer, Promised):
            return answer
        told = msgspec.structs.replace(answer.in_force, pending=True)
        return msgspec.structs.replace(answer, in_force=told)

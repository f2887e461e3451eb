"""Audit entries become events and deliveries; deliveries and documents that are due are sent.

A delivery is taken on with a lease, sent while no transaction is open, then settled. Whoever is
killed in between leaves it to be sent again under the same id: at least once.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import httpx
import psycopg
from psycopg_pool import PoolTimeout

from domain.outward import Policy, next_after
from notify.sending import Outcome, Sender
from runtime.clock import Clock
from runtime.health import HealthState
from store import outward, webhooks
from store.database import Pool
from store.outbound import pushing, settings
from store.outbound.pushing import DueDocument
from store.webhooks import Due

_log = logging.getLogger(__name__)

_PAUSE_S: Final = 0.5
_GATHER_S: Final = 0.05
"""Entries of the audit log are told together where they come in a row: at most so often."""
_AWAY_S: Final = 2.0
_EACH: Final = 4
_TOTAL: Final = 32
_LEASE_MARGIN_S: Final = 15
"""Beyond the longest attempt, for the transaction that settles it."""


class NotifyWorker:
    """Tells the outside.

    Args:
        pool: where the rows are.
        clock: the time.
        installation_key: opens the webhooks' secrets.
        timeout_s: how long a receiver has.
        private: whether addresses of this network may be reached.
        policy: when to give up.
        pause_s: how long to wait when there is nothing to do.

    Attributes:
        metrics: counters since the start, for the health report.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        clock: Clock,
        installation_key: str,
        timeout_s: float,
        private: bool,
        policy: Policy | None = None,
        pause_s: float = _PAUSE_S,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._sender = Sender(
            clock=clock, installation_key=installation_key, timeout_s=timeout_s, private=private
        )
        self._timeout_s = timeout_s
        self._policy = policy or Policy()
        self._pause_s = pause_s
        self._random = random.Random()  # noqa: S311 - spreads attempts, hides nothing
        self._away: str | None = None
        self.metrics: dict[str, float] = defaultdict(float)

    @property
    def health(self) -> tuple[HealthState, str | None]:
        """How it is."""
        if self._away is not None:
            return HealthState.DEGRADED, self._away
        return HealthState.OK, None

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """What has to run side by side, until cancelled."""
        return [self.keep_telling(), self.keep_sending(), self.keep_pushing()]

    async def keep_telling(self) -> None:
        """Make events of what happens, until cancelled."""
        while True:
            pause_s = await self._guarded(self._tell)
            await asyncio.sleep(max(pause_s, min(_GATHER_S, self._pause_s)))

    async def keep_sending(self) -> None:
        """Send what is due to webhooks, until cancelled."""
        await self._keep_using_http(self._send_due)

    async def keep_pushing(self) -> None:
        """Push documents that are due, until cancelled."""
        await self._keep_using_http(self._push_due)

    async def _keep_using_http(self, work: Callable[[httpx.AsyncClient], Awaitable[int]]) -> None:
        limits = httpx.Limits(max_connections=_TOTAL, max_keepalive_connections=0)
        async with httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=self._timeout_s, limits=limits
        ) as client:
            while True:
                pause_s = await self._guarded(partial(work, client))
                await asyncio.sleep(pause_s)

    async def _guarded(self, work: Callable[[], Awaitable[int]]) -> float:
        """Do a round; answers how long to wait. The database away is a pause, no end."""
        try:
            done = await work()
        except (psycopg.OperationalError, PoolTimeout, psycopg.errors.UndefinedTable) as error:
            self._away = f"the database does not answer: {type(error).__name__}"
            return _AWAY_S
        self._away = None
        return 0.0 if done else self._pause_s

    async def _tell(self) -> int:
        async with self._pool.connection() as connection, connection.transaction():
            told = await outward.tell(connection)
        self.metrics["entries_told"] += told
        return told

    async def _send_due(self, client: httpx.AsyncClient) -> int:
        async with self._pool.connection() as connection, connection.transaction():
            due = await webhooks.take_due(
                connection, now=self._now(), lease=self._lease, each=_EACH, total=_TOTAL
            )
        if due:
            await asyncio.gather(*(self._send(client, one) for one in due))
        return len(due)

    async def _send(self, client: httpx.AsyncClient, due: Due) -> None:
        outcome = await self._sender.attempt(
            client,
            due.url,
            sealed_secret=due.sealed_secret,
            purpose=webhooks.purpose_of(due.secret_id),
            message_id=due.message_id,
            content=due.body.encode(),
        )
        await self._settle(due, outcome)

    async def _settle(self, due: Due, outcome: Outcome) -> None:
        now = self._now()
        async with self._pool.connection() as connection, connection.transaction():
            if outcome.arrived:
                self.metrics["delivered"] += 1
                await webhooks.settle_delivered(
                    connection, due, status=outcome.status or 0, now=now
                )
                return
            self.metrics["failed"] += 1
            disabled = await webhooks.settle_failed(
                connection,
                due,
                status=outcome.status,
                error=outcome.error or "",
                now=now,
                next_at=self._next_at(due.attempts, now),
                policy=self._policy,
                gone=outcome.gone,
            )
        if disabled:
            self.metrics["disabled"] += 1
            _log.warning("webhook %d is disabled: %s", due.webhook_id, outcome.error)

    async def _push_due(self, client: httpx.AsyncClient) -> int:
        async with self._pool.connection() as connection, connection.transaction():
            due = await pushing.take_due(
                connection, now=self._now(), lease=self._lease, each=_EACH, total=_TOTAL
            )
        if due:
            await asyncio.gather(*(self._push(client, one) for one in due))
        return len(due)

    async def _push(self, client: httpx.AsyncClient, due: DueDocument) -> None:
        outcome = await self._sender.attempt(
            client,
            due.url,
            sealed_secret=due.sealed_secret,
            purpose=settings.purpose_of(due.secret_id),
            message_id=f"doc_{due.message_id.hex}",
            content=due.content,
            media_type=due.media_type,
            more={"gemba-document": str(due.id)},
        )
        now = self._now()
        async with self._pool.connection() as connection, connection.transaction():
            if outcome.arrived:
                self.metrics["pushed"] += 1
                await pushing.settle_sent(connection, due, status=outcome.status or 0, now=now)
                return
            self.metrics["push_failed"] += 1
            disabled = await pushing.settle_unsent(
                connection,
                due,
                status=outcome.status,
                error=outcome.error or "",
                now=now,
                next_at=self._next_at(due.attempts, now),
                policy=self._policy,
                gone=outcome.gone,
            )
        if disabled:
            self.metrics["disabled"] += 1
            _log.warning("pushes of channel %d are stopped: %s", due.channel_id, outcome.error)

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=2 * self._timeout_s + _LEASE_MARGIN_S)

    def _next_at(self, attempts: int, now: datetime) -> datetime | None:
        """When it is tried again; None: it is given up."""
        if attempts >= self._policy.attempts:
            return None
        return now + timedelta(seconds=next_after(attempts, self._random.random()))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)

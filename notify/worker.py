"""Two loops: audit entries become events and deliveries; deliveries that are due are sent.

A delivery is taken on with a lease, sent while no transaction is open, then settled. Whoever is
killed in between leaves it to be sent again under the same id: at least once.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import httpx
import psycopg
from psycopg_pool import PoolTimeout

from domain.outward import Policy, next_after
from notify.sending import Outcome, send
from runtime.clock import Clock
from runtime.health import HealthState
from runtime.sealed import SealError, unseal
from store import outward, webhooks
from store.database import Pool
from store.webhooks import Due

_log = logging.getLogger(__name__)

_PAUSE_S: Final = 0.5
_AWAY_S: Final = 2.0
_EACH: Final = 4
_TOTAL: Final = 32


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
        self._key = installation_key
        self._timeout_s = timeout_s
        self._private = private
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

    async def keep_telling(self) -> None:
        """Make events of what happens, until cancelled."""
        while True:
            pause_s = await self._guarded(self._tell)
            await asyncio.sleep(pause_s)

    async def keep_sending(self) -> None:
        """Send what is due, until cancelled."""
        limits = httpx.Limits(max_connections=_TOTAL, max_keepalive_connections=0)
        async with httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=self._timeout_s, limits=limits
        ) as client:
            while True:
                pause_s = await self._guarded(partial(self._send_due, client))
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
        lease = timedelta(seconds=2 * self._timeout_s + 30)
        async with self._pool.connection() as connection, connection.transaction():
            due = await webhooks.take_due(
                connection, now=self._now(), lease=lease, each=_EACH, total=_TOTAL
            )
        if due:
            await asyncio.gather(*(self._send(client, one) for one in due))
        return len(due)

    async def _send(self, client: httpx.AsyncClient, due: Due) -> None:
        try:
            key = unseal(self._key, due.sealed_secret, purpose=webhooks.purpose_of(due.secret_id))
        except SealError as error:
            outcome = Outcome(status=None, error=str(error))
        else:
            try:
                async with asyncio.timeout(2 * self._timeout_s):
                    outcome = await send(
                        client,
                        due.url,
                        key=key,
                        message_id=due.message_id,
                        body=due.body,
                        now_s=self._clock.now_ms() // 1000,
                        private=self._private,
                    )
            except TimeoutError:
                outcome = Outcome(status=None, error=f"no answer within {2 * self._timeout_s} s")
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
            wait_s = next_after(due.attempts, self._random.random())
            more = due.attempts < self._policy.attempts
            disabled = await webhooks.settle_failed(
                connection,
                due,
                status=outcome.status,
                error=outcome.error or "",
                now=now,
                next_at=now + timedelta(seconds=wait_s) if more else None,
                policy=self._policy,
                gone=outcome.gone,
            )
        if disabled:
            self.metrics["disabled"] += 1
            _log.warning("webhook %d is disabled: %s", due.webhook_id, outcome.error)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)

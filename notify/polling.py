"""Rounds of channels that are asked what changed (`poll` in their settings), as they become due.

A channel is asked by one process at a time, by a lease. Orders go to the API as anybody's would,
and only then is it noted how far the channel was read: whoever is killed in between leaves a round
that is done again, and intake knows what it has.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import msgspec
import psycopg

from connectors.polling import (
    Asked,
    AskedWronglyError,
    Client,
    PollError,
    Position,
    RefusedError,
    client_for,
    pause_after_s,
    poll,
)
from domain.access import Role
from domain.documents import Format
from notify.handover import HandoverError, Told, hand_over
from runtime.clock import Clock
from runtime.health import HealthState
from runtime.sealed import SealError, unseal
from runtime.tasks import end
from runtime.tokens import issue_token
from store.database import Pool
from store.intake import channels, polls
from store.intake.polls import DuePoll
from store.leases import AWAY, Leases

_log = logging.getLogger(__name__)

_LOOK_S: Final = 1.0
_ERP_TIMEOUT_S: Final = 30.0
_API_TIMEOUT_S: Final = 120.0
_TOKEN_DAYS: Final = 1 / 24
_MOST_REFUSED_KEPT: Final = 20
_WORRY_AFTER: Final = 3
"""So many failures of a channel in a row, and the service says that something is wrong."""


class ChannelPoller:
    """Asks the channels whose round is due.

    Args:
        pool: where the rows are.
        leases: keep other processes from asking the same channel meanwhile.
        clock: the time.
        installation_key: opens the channels' secrets, and signs in at the API.
        api_url: where orders are handed over.
        look_s: how often it looks for what is due.
        how: of the clients, as in `connectors.polling.client.Caller`.

    Attributes:
        metrics: counters since the start, for the health report.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        leases: Leases,
        clock: Clock,
        installation_key: str,
        api_url: str,
        look_s: float = _LOOK_S,
        **how: Any,
    ) -> None:
        self._pool = pool
        self._leases = leases
        self._clock = clock
        self._key = installation_key
        self._api_url = api_url
        self._look_s = look_s
        self._how = how
        self._random = random.Random()  # noqa: S311 - spreads attempts, hides nothing
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._clients: dict[str, _Open] = {}
        self._failing: dict[str, tuple[int, str]] = {}
        self.metrics: dict[str, float] = defaultdict(float)

    @property
    def health(self) -> tuple[HealthState, str | None]:
        """How it is: channels that fail again and again are told by name."""
        worrying = [
            f"channel {name}: {failures} rounds failed, the last one: {error}"
            for name, (failures, error) in sorted(self._failing.items())
            if failures >= _WORRY_AFTER
        ]
        if worrying:
            return HealthState.DEGRADED, "; ".join(worrying)
        return HealthState.OK, None

    async def keep_polling(self) -> None:
        """Ask what is due, until cancelled. The database away is a pause, no end."""
        try:
            while True:
                try:
                    await self._look()
                except (*AWAY, psycopg.errors.UndefinedTable) as error:
                    _log.info("channels are not asked meanwhile: %s", str(error).strip())
                await asyncio.sleep(self._look_s)
        finally:
            await end(list(self._asking.values()))
            await self._close_clients(keep=())

    async def _look(self) -> None:
        """Begin the rounds that are due and that nobody has begun."""
        async with self._pool.connection() as connection:
            due = await polls.due(connection)
            asked = await polls.asked(connection)
        await self._close_clients(keep={*asked, *self._asking})
        self._failing = {name: told for name, told in self._failing.items() if name in asked}
        for one in due:
            if one.name not in self._asking:
                task = asyncio.create_task(self._in_turn(one.name), name=f"poll {one.name}")
                self._asking[one.name] = task
                task.add_done_callback(lambda _, name=one.name: self._asking.pop(name, None))  # type: ignore[misc]  # the default binds the loop's value

    async def _in_turn(self, name: str) -> None:
        """A round, unless another process is at it or has just done it."""
        try:
            if not await self._leases.take(name):
                return
            try:
                async with self._pool.connection() as connection:
                    still_due = await polls.due(connection, only=name)
                for one in still_due:
                    await self._round(one)
            finally:
                await self._leases.release(name)
        except (*AWAY, TimeoutError) as error:
            _log.info("channel %s is asked later: %s", name, str(error).strip())

    async def _round(self, due: DuePoll) -> None:
        try:
            position, told = await self._asked(due)
        except (PollError, HandoverError, AskedWronglyError, SealError) as error:
            await self._failed(due, error)
        except (msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
            # An answer of a shape that nobody foresaw: this channel's trouble and no other's.
            _log.exception("channel %s answers what nobody foresaw", due.name)
            await self._failed(due, error)
        else:
            try:
                await self._done(due, position, told)
            except psycopg.DataError as error:
                await self._failed(due, error)

    async def _asked(self, due: DuePoll) -> tuple[Position, Told]:
        spoken = Format(due.format)
        asked = msgspec.convert(due.settings["poll"], Asked)
        client = await self._client(due, spoken, asked)
        position = asked.first(datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC))
        if due.position is not None:
            position = msgspec.convert(due.position, Position)
        told = Told()
        token = issue_token(
            self._key, role=Role.SALES, days=_TOKEN_DAYS, subject=f"channel {due.name}"
        )
        source = None if due.settings.get("source") else f"{spoken}:{asked.account}"
        async with httpx.AsyncClient(
            base_url=self._api_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_API_TIMEOUT_S,
            trust_env=False,
        ) as api:

            async def deliver(body: bytes) -> None:
                await hand_over(api, told, body, spoken=spoken, channel=due.name, source=source)

            done = await poll(client, position, deliver)
        told.delivered, told.gone = done.delivered, done.gone
        told.since = done.position.since.isoformat(sep=" ")
        return done.position, told

    async def _done(self, due: DuePoll, position: Position, told: Told) -> None:
        self._failing.pop(due.name, None)
        self._count(due.name, rounds=1, orders=told.delivered, refused=len(told.refused))
        self.metrics[f'poll_last_success_seconds{{channel="{due.name}"}}'] = (
            self._clock.now_ms() / 1000
        )
        told.refused = told.refused[:_MOST_REFUSED_KEPT]
        asked = msgspec.convert(due.settings["poll"], Asked)
        async with self._pool.connection() as connection:
            await polls.settle_done(
                connection,
                due,
                position=msgspec.to_builtins(position),
                told=msgspec.to_builtins(told),
                pause_s=asked.interval_s,
            )

    async def _failed(self, due: DuePoll, error: Exception) -> None:
        failures = due.failures + 1
        problem = str(error) or type(error).__name__
        interval_s = float(due.settings["poll"].get("interval_s", Asked(account="").interval_s))
        pause_s = pause_after_s(
            interval_s,
            failures,
            self._random.random(),
            refused=isinstance(error, RefusedError | AskedWronglyError | SealError),
        )
        _log.warning("channel %s: %s; asked again in %.0f s", due.name, problem, pause_s)
        self._failing[due.name] = (failures, problem)
        self._count(due.name, failures=1)
        # The session may be what is wrong.
        await self._close_clients(keep=self._clients.keys() - {due.name})
        async with self._pool.connection() as connection:
            await polls.settle_failed(connection, due, error=problem, pause_s=pause_s)

    def _count(self, channel: str, **counts: int) -> None:
        for name, count in counts.items():
            self.metrics[f'poll_{name}{{channel="{channel}"}}'] += count

    async def _client(self, due: DuePoll, spoken: Format, asked: Asked) -> Client:
        """The channel's client, with its session, as long as nobody describes the channel anew."""
        described = (spoken, asked, due.sealed_secret)
        known = self._clients.get(due.name)
        if known is not None and known.described == described:
            return known.client
        await self._close_clients(keep=self._clients.keys() - {due.name})
        if due.sealed_secret is None:
            raise AskedWronglyError(
                "secret", f"channel {due.name!r} has no secret to sign in with: put one"
            )
        secret = unseal(self._key, due.sealed_secret, purpose=channels.seal_purpose(due.name))
        http = httpx.AsyncClient(timeout=_ERP_TIMEOUT_S)
        client = client_for(spoken, asked, secret.decode(), http, **self._how)
        self._clients[due.name] = _Open(described, client, http)
        return client

    async def _close_clients(self, keep: Collection[str]) -> None:
        for name in [name for name in self._clients if name not in keep]:
            await self._clients.pop(name).http.aclose()


@dataclass(frozen=True)
class _Open:
    """A client with its session, and what it was made of."""

    described: tuple[Format, Asked, bytes | None]
    client: Client
    http: httpx.AsyncClient

"""What every request may use: one value, made by `api.service.build`, found on the app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Final

from fastapi import Depends, Request
from redis.asyncio import Redis
from starlette.requests import HTTPConnection

from api.auth.oidc.provider import OpenIdProvider
from api.auth.rate_limit import RateLimit
from api.auth.remembered import CustomerIds, Tokens
from api.gathering import Gathering
from api.metrics import RequestMetrics
from runtime.clock import Clock
from runtime.settings import ApiSettings
from store.database import Connection, Pool
from store.intake import idempotency
from store.log import StreamLog
from store.questions import Questions

_FILES_AT_ONCE: Final = 2
CLAIM: Final[ContextVar[tuple[str, str] | None]] = ContextVar("idempotency claim", default=None)
"""Who sent which `Idempotency-Key` with the request at hand, where one was sent."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How often what may be tried."""

    sign_in_by_name: RateLimit
    sign_in_by_address: RateLimit
    tracking: RateLimit
    tracking_failures: RateLimit
    tracking_link: RateLimit
    contacts_by_link: RateLimit
    oidc: RateLimit
    webhooks: RateLimit
    webhook_failures: RateLimit


@dataclass(frozen=True, kw_only=True)
class Context:
    """The parts a request works with.

    Attributes:
        settings: the API's settings.
        pool: connections to the database, which may be away.
        redis: live state, tickets and the services' health.
        log: the stream log.
        questions: what the planner is asked by.
        signing_key: signs the installation's bearer tokens.
        clock: the time.
        limits: how often what may be tried.
        metrics: what is counted of requests.
        oidc: the OpenID provider that people may sign in with; None: passwords only.
        intake: requests with documents, taken in together.
        files: whoever makes files of reports takes one of its places.
    """

    settings: ApiSettings
    pool: Pool
    redis: Redis
    log: StreamLog
    questions: Questions
    signing_key: str
    clock: Clock
    limits: Limits
    metrics: RequestMetrics
    oidc: OpenIdProvider | None = None
    intake: Gathering = field(default_factory=Gathering)
    files: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_FILES_AT_ONCE))

    @cached_property
    def customer_ids(self) -> CustomerIds:
        """Who customers' tokens are for."""
        return CustomerIds(self.pool, self.clock)

    @cached_property
    def tokens(self) -> Tokens:
        """What bearer tokens say."""
        return Tokens(self.signing_key)

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for reading; `psycopg.OperationalError` when none can be had in time."""
        return self.pool.connection()

    @asynccontextmanager
    async def transaction(
        self, *, rehearsal: bool = False, claims: Sequence[tuple[str, str]] | None = None
    ) -> AsyncIterator[Connection]:
        """A unit of work: all of it or nothing. A rehearsal is rolled back at its end.

        With it is noted that a request with an `Idempotency-Key` was carried out, so that it is not
        carried out again if the service is killed before its answer is kept.

        Args:
            rehearsal: nothing of it stays.
            claims: of the requests that are carried out by it; None: of the one at hand.
        """
        if claims is None:
            own = CLAIM.get()
            claims = () if own is None else (own,)
        async with (
            self.pool.connection() as connection,
            connection.transaction(force_rollback=rehearsal),
        ):
            if claims:
                await idempotency.mark_effective(connection, claims)
            yield connection


def context_of(connection: HTTPConnection) -> Context:
    """The context of a request or socket."""
    context = connection.app.state.context
    assert isinstance(context, Context)  # noqa: S101 - set by `build`
    return context


# A coroutine, like every dependency, though it waits for nothing: FastAPI calls plain functions
# in a thread, and on a busy machine each of them waited for its turn there and back.
async def _of_request(request: Request) -> Context:
    return context_of(request)


RequestContext = Annotated[Context, Depends(_of_request)]
"""The context, as a dependency."""

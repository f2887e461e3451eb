"""What every request may use: one value, made by `api.service.build`, found on the app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from redis.asyncio import Redis
from starlette.requests import HTTPConnection

from api.auth.rate_limit import RateLimit
from api.metrics import RequestMetrics
from runtime.clock import Clock
from runtime.settings import ApiSettings
from store.database import Connection, Pool
from store.log import StreamLog


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How often what may be tried."""

    sign_in_by_name: RateLimit
    sign_in_by_address: RateLimit
    tracking: RateLimit
    tracking_failures: RateLimit


@dataclass(frozen=True, kw_only=True)
class Context:
    """The parts a request works with.

    Attributes:
        settings: the API's settings.
        pool: connections to the database, which may be away.
        redis: live state, tickets and the services' health.
        log: the stream log.
        signing_key: signs the installation's bearer tokens.
        clock: the time.
        limits: how often what may be tried.
        metrics: what is counted of requests.
    """

    settings: ApiSettings
    pool: Pool
    redis: Redis
    log: StreamLog
    signing_key: str
    clock: Clock
    limits: Limits
    metrics: RequestMetrics

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for reading; `psycopg.OperationalError` when none can be had in time."""
        return self.pool.connection()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A unit of work: all of it or nothing."""
        async with self.pool.connection() as connection, connection.transaction():
            yield connection


def context_of(connection: HTTPConnection) -> Context:
    """The context of a request or socket."""
    context = connection.app.state.context
    assert isinstance(context, Context)  # noqa: S101 - set by `build`
    return context


def _of_request(request: Request) -> Context:
    return context_of(request)


RequestContext = Annotated[Context, Depends(_of_request)]
"""The context, as a dependency."""

"""Looking after the parts of the installation, and saying how the API itself is."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
import psycopg
from redis.exceptions import RedisError

from api.context import Context
from api.health.schemas import Component
from contracts.streams import PARTITIONS, TOPICS
from runtime.health import (
    INTERVAL_S,
    KEY_PREFIX,
    Health,
    HealthState,
    distinct,
    instance_of,
    report,
    worst,
)
from runtime.redis_problem import redis_problem
from store.log import LogError
from store.log.kafka_address import is_kafka
from store.migrate import known_versions, schema_version

SERVICE: Final = "api"
EXPECTED: Final = ("edge", "streams")
"""Services without which a counted piece does not reach a screen."""

RELAY: Final = "relay"
"""So is this one, on Kafka; the embedded log needs none."""

PLANNER: Final = "scheduler"
"""Without it everything goes on, and the plan in force stays."""

_DATABASE_TIMEOUT_S: Final = 2.0

logger = logging.getLogger("gemba.api")


async def components(context: Context) -> list[Component]:
    """Every part with its state, and the reason where something is wrong."""
    database, (redis, services) = await asyncio.gather(
        _database(context), _redis_and_services(context)
    )
    return [database, redis, *services]


async def service_healths(context: Context) -> list[Health]:
    """What each process of the services says of itself; RedisError when nobody can be asked."""
    names = [name async for name in context.redis.scan_iter(match=f"{KEY_PREFIX}*", count=100)]
    values = await context.redis.mget(names) if names else []
    healths = []
    for value in values:
        if value is not None:
            try:
                healths.append(msgspec.json.decode(value, type=Health))
            except msgspec.DecodeError as error:
                logger.warning("a service's health makes no sense: %s", error)
    return distinct(healths)


async def keep_reporting(
    context: Context, figures: Callable[[], Mapping[str, float]], *, until: asyncio.Event
) -> None:
    """Say every two seconds how the API is, with further figures of it.

    It ends by an event, between two reports: a cancellation in the middle of one could be lost
    (`asyncio.wait_for` of Python 3.11) or leave a connection open.
    """
    while not until.is_set():
        database = await _database(context)
        stats = context.pool.get_stats()
        health = Health(
            service=SERVICE,
            instance=instance_of(context.settings.stream_url),
            state=HealthState.OK if database.state == "ok" else HealthState.DEGRADED,
            reason=database.reason,
            at_ms=context.clock.now_ms(),
            pid=os.getpid(),
            metrics={
                **figures(),
                "database_connections": float(stats.get("pool_size", 0)),
                "database_waiting": float(stats.get("requests_waiting", 0)),
            },
        )
        try:
            await report(context.redis, health)
        except (RedisError, OSError) as error:
            logger.warning("could not report health: %s", error)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(INTERVAL_S):
                await until.wait()


async def prepare_topics(context: Context) -> None:
    """Make the stream's topics, as soon as the database lets us."""
    while True:
        try:
            await context.log.create_topics(TOPICS, PARTITIONS)
        except (psycopg.Error, LogError, OSError) as error:
            logger.warning("the stream's topics cannot be made yet: %s", error)
            await asyncio.sleep(1.0)
        else:
            return


async def _database(context: Context) -> Component:
    try:
        async with asyncio.timeout(2 * _DATABASE_TIMEOUT_S):
            async with context.pool.connection(timeout=_DATABASE_TIMEOUT_S) as connection:
                version = await schema_version(connection)
    except (psycopg.Error, TimeoutError) as error:
        return Component(
            name="database",
            state="failed",
            reason=f"does not answer ({type(error).__name__})",
        )
    newest = known_versions()[-1]
    if version != newest:
        return Component(
            name="database",
            state="failed",
            reason=f"its schema is at {version}, this program needs {newest}: run gemba migrate",
        )
    return Component(name="database", state="ok")


async def _redis_and_services(context: Context) -> tuple[Component, list[Component]]:
    try:
        async with asyncio.timeout(2 * _DATABASE_TIMEOUT_S):
            healths = await service_healths(context)
    except (RedisError, OSError, TimeoutError) as error:
        return Component(name="redis", state="failed", reason=redis_problem(error)), []
    relayed = is_kafka(context.settings.stream_url)
    expected = (*EXPECTED, RELAY) if relayed else EXPECTED
    return Component(name="redis", state="ok"), _services(healths, expected)


def _services(healths: Sequence[Health], expected: Sequence[str]) -> list[Component]:
    told: defaultdict[str, list[Health]] = defaultdict(list)
    for health in healths:
        if health.service != SERVICE:
            told[health.service].append(health)
    missing = [
        Component(name=name, state="missing", reason="says nothing: it is not running, or stuck")
        for name in expected
        if name not in told
    ]
    if PLANNER not in told:
        reason = "says nothing: the plan in force stays, whatever happens"
        missing.append(Component(name=PLANNER, state="degraded", reason=reason))
    known = [
        Component(name=service, state=of.state.value, reason=_reason(of, len(words)))
        for service, words in told.items()
        for of in [worst(words)]
    ]
    return sorted([*known, *missing], key=lambda component: component.name)


def _reason(health: Health, processes: int) -> str | None:
    """What is wrong, and where, when there are several."""
    if health.reason is None or processes == 1:
        return health.reason
    return f"{health.instance}: {health.reason}"

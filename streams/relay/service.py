"""The relay as a service: settings in, a process that ends cleanly on SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.streams import PARTITIONS, TOPICS
from runtime import health, loop, tasks
from runtime.clock import Clock, SystemClock
from runtime.health import HealthState
from runtime.settings import Installation
from store.database import Pool, build_pool
from store.live_channels import connect_redis
from store.log import LogError, build_log
from store.log.identity import BehindError
from store.log.kafka_address import is_kafka, parse
from store.log.kafka_told import last_told
from store.log.outbox import Backlog, backlog
from streams.relay.relay import Relay
from streams.transport.patience import ANSWER_S, AWAY, pause_s, said

logger = logging.getLogger(__name__)

SERVICE: Final = "relay"
POOL_CONNECTIONS: Final = 2
LATE_S: Final = 10.0
"""A record that waits longer is a trouble, whatever the reason."""


class RelayService:
    """The relay with what it stands on. Nothing is opened before `run`.

    Raises:
        LogError: the stream is not Kafka.
    """

    def __init__(self, settings: Installation, *, clock: Clock) -> None:
        if not is_kafka(settings.stream_url):
            raise LogError(
                "a relay is needed on Kafka only: GEMBA_STREAM_URL must be kafka://host:port"
            )
        self._settings = settings
        self._clock = clock
        self._unready: str | None = "the topics have not been looked at yet"
        self._behind: str | None = None
        """Why nothing is sent any more: somebody has to look."""
        address = parse(settings.stream_url)
        self._relay = Relay(
            database_url=settings.database_url.get_secret_value(),
            connect=lambda: build_log(settings.stream_url, None),
            last_told=lambda partitions: last_told(address, partitions),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""
        url = self._settings.database_url.get_secret_value()
        pool = build_pool(url, name=SERVICE, max_size=POOL_CONNECTIONS)
        redis = connect_redis(self._settings.redis_url.get_secret_value())
        await pool.open(wait=False)
        try:
            await tasks.work_until(stop, [self._work(pool), self._report(pool, redis)])
        finally:
            await redis.aclose()
            await pool.close()

    async def _work(self, pool: Pool) -> None:
        attempt = 0
        while not await self._prepared(pool):
            await asyncio.sleep(pause_s(attempt))
            attempt += 1
        try:
            await self._relay.run()
        except BehindError as error:
            logger.critical("relay: %s", error)
            self._behind = str(error)
            # The process stays, to go on saying so; it is stopped for `gemba restored`.
            await asyncio.Event().wait()

    async def _prepared(self, pool: Pool) -> bool:
        """Whether the topics exist, and are those that the database belongs to."""
        log = build_log(self._settings.stream_url, pool)
        try:
            async with log:
                await log.create_topics(TOPICS, PARTITIONS)
        except (LogError, *AWAY) as error:
            if self._unready != said(error):
                logger.warning("relay: not ready yet: %s", said(error))
            self._unready = said(error)
            return False
        self._unready = None
        return True

    async def _report(self, pool: Pool, redis: Redis) -> None:
        """Say how the relay is, every now and then. Redis away: nobody hears it, no harm."""
        told: tuple[HealthState, str | None] | None = None
        while True:
            word = await self._word(pool)
            if (word.state, word.reason) != told:
                level = logging.INFO if word.state is HealthState.OK else logging.WARNING
                logger.log(level, "%s: %s", word.state, word.reason or "all is well")
                told = (word.state, word.reason)
            try:
                await health.report(redis, word)
            except (RedisError, OSError) as error:
                logger.debug("health is not reported: %s", error)
            await asyncio.sleep(health.INTERVAL_S)

    async def _word(self, pool: Pool) -> health.Health:
        """How the relay is now; one that stands by tells the backlog too."""
        relay = self._relay
        waiting: Backlog | None = None
        trouble = self._unready or relay.trouble
        try:
            async with asyncio.timeout(ANSWER_S), pool.connection() as connection:
                waiting = await backlog(connection)
        except AWAY as error:
            trouble = f"the database is away: {said(error)}"
        metrics = {name: relay.metrics[name] for name in ("relayed", "batches", "failures")}
        metrics["active"] = float(relay.active)
        if waiting is not None:
            metrics["waiting"] = float(waiting.records)
            metrics["oldest_waiting_s"] = waiting.oldest_s
            if trouble is None and waiting.oldest_s > LATE_S:
                trouble = (
                    f"{waiting.records} records wait to be sent to Kafka, the oldest for"
                    f" {waiting.oldest_s:.0f} s"
                )
        state = HealthState.OK if trouble is None else HealthState.DEGRADED
        if self._behind is not None:
            state = HealthState.FAILED
        return health.Health(
            service=SERVICE,
            instance=health.instance_of(self._settings.stream_url),
            state=state,
            reason=self._behind or trouble,
            at_ms=self._clock.now_ms(),
            pid=os.getpid(),
            metrics=metrics,
        )


def build(settings: Installation) -> RelayService:
    """The service these settings mean; nothing is connected yet.

    Raises:
        LogError: the stream is not Kafka.
    """
    return RelayService(settings, clock=SystemClock())


def run(settings: Installation) -> None:
    """Relay until SIGTERM or SIGINT.

    Raises:
        SystemExit: the stream is not Kafka: there is nothing to relay to.
    """
    try:
        service = build(settings)
    except LogError as error:
        raise SystemExit(f"gemba: {error}") from error

    async def main() -> None:
        stop = asyncio.Event()
        running = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            running.add_signal_handler(number, stop.set)
        await service.run(stop)

    loop.run(main())

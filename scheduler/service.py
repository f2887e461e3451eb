"""The scheduler as a service: settings in, a process that ends cleanly on SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from runtime import health, loop, tasks
from runtime.clock import Clock, SystemClock
from runtime.health import HealthState
from runtime.settings import SchedulerSettings
from scheduler.answering import Answering
from scheduler.what_ifs import WhatIfs
from scheduler.worker import PlanningWorker
from store.database import Pool, build_pool
from store.live_channels import connect_redis
from store.log import build_log
from store.planning.retention import keep_pruned

logger = logging.getLogger(__name__)

SERVICE: Final = "scheduler"
POOL_CONNECTIONS: Final = 6


class SchedulerService:
    """The planning worker with what it stands on. Nothing is opened before `run`."""

    def __init__(self, settings: SchedulerSettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""
        url = self._settings.database_url.get_secret_value()
        pool = build_pool(url, name=SERVICE, max_size=POOL_CONNECTIONS)
        redis = connect_redis(self._settings.redis_url.get_secret_value())
        questions = connect_redis(self._settings.redis_url.get_secret_value())
        thoughts = connect_redis(self._settings.redis_url.get_secret_value())
        log = build_log(self._settings.stream_url, pool)
        await pool.open(wait=False)
        try:
            await log.open()
            worker = PlanningWorker(
                pool=pool,
                log=log,
                url=url,
                clock=self._clock,
                workers=self._settings.scheduler_workers,
            )
            answering = Answering(
                pool=pool, redis=questions, clock=self._clock, metrics=worker.metrics
            )
            what_ifs = WhatIfs(pool=pool, redis=thoughts, clock=self._clock, metrics=worker.metrics)
            await tasks.work_until(
                stop,
                [
                    worker.run(),
                    answering.run(),
                    what_ifs.run(),
                    self._report(worker, redis),
                    _prune(worker, pool),
                ],
            )
        finally:
            await log.close()
            await questions.aclose()
            await thoughts.aclose()
            await redis.aclose()
            await pool.close()

    async def _report(self, worker: PlanningWorker, redis: Redis) -> None:
        """Say how the worker is, every now and then. Redis away: nobody hears it, no harm."""
        said: tuple[HealthState, str | None] | None = None
        while True:
            state, reason = worker.health
            if (state, reason) != said:
                level = logging.INFO if state is HealthState.OK else logging.WARNING
                logger.log(level, "%s: %s", state, reason or "all is well")
                said = (state, reason)
            word = health.Health(
                service=SERVICE,
                instance=health.instance_of(self._settings.stream_url),
                state=state,
                reason=reason,
                at_ms=self._clock.now_ms(),
                pid=os.getpid(),
                metrics=dict(worker.metrics),
            )
            try:
                await health.report(redis, word)
            except (RedisError, OSError) as error:
                logger.debug("health is not reported: %s", error)
            await asyncio.sleep(health.INTERVAL_S)


async def _prune(worker: PlanningWorker, pool: Pool) -> None:
    """Drop the contents of old plan versions, as soon as there are tables."""
    await worker.ready.wait()
    await keep_pruned(pool)


def build(settings: SchedulerSettings) -> SchedulerService:
    """The service these settings mean; nothing is connected yet."""
    return SchedulerService(settings, clock=SystemClock())


def run(settings: SchedulerSettings) -> None:
    """Plan until SIGTERM or SIGINT."""
    service = build(settings)

    async def main() -> None:
        stop = asyncio.Event()
        running = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            running.add_signal_handler(number, stop.set)
        await service.run(stop)

    loop.run(main())

"""Notify as a service: settings in, a process that ends cleanly on SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from notify.worker import NotifyWorker
from runtime import health, loop, tasks
from runtime.clock import Clock, SystemClock
from runtime.secrets import installation_key
from runtime.settings import NotifySettings
from store.database import build_pool
from store.live_channels import connect_redis

logger = logging.getLogger(__name__)

SERVICE: Final = "notify"
POOL_CONNECTIONS: Final = 4


class NotifyService:
    """The worker with what it stands on. Nothing is opened before `run`."""

    def __init__(self, settings: NotifySettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""
        settings = self._settings
        url = settings.database_url.get_secret_value()
        pool = build_pool(url, name=SERVICE, max_size=POOL_CONNECTIONS)
        redis = connect_redis(settings.redis_url.get_secret_value())
        worker = NotifyWorker(
            pool=pool,
            clock=self._clock,
            installation_key=installation_key(
                settings.data_dir, settings.installation_key.get_secret_value()
            ),
            timeout_s=settings.webhook_timeout_s,
            private=settings.webhooks_to_private_addresses,
        )
        await pool.open(wait=False)
        try:
            await tasks.work_until(
                stop,
                [worker.keep_telling(), worker.keep_sending(), self._report(worker, redis)],
            )
        finally:
            await redis.aclose()
            await pool.close()

    async def _report(self, worker: NotifyWorker, redis: Redis) -> None:
        """Say how the worker is, every now and then. Redis away: nobody hears it, no harm."""
        while True:
            state, reason = worker.health
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


def build(settings: NotifySettings) -> NotifyService:
    """The service these settings mean; nothing is connected yet."""
    return NotifyService(settings, clock=SystemClock())


def run(settings: NotifySettings) -> None:
    """Tell the outside until SIGTERM or SIGINT."""
    service = build(settings)

    async def main() -> None:
        stop = asyncio.Event()
        running = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            running.add_signal_handler(number, stop.set)
        await service.run(stop)

    loop.run(main())

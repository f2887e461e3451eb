"""Notify as a service: settings in, a process that ends cleanly on SIGTERM and SIGINT.

What goes out by itself: webhooks to those who want to be told, questions to systems that do not
tell by themselves, and alarms.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.customer_notices.dates import Pace
from notify.alarm_watch import AlarmWatch
from notify.api_address import api_url
from notify.courier_service import CourierService
from notify.customer_watch import CustomerWatch
from notify.polling import ChannelPoller
from notify.report_rounds import ReportRounds
from notify.tending import Tending
from notify.worker import NotifyWorker
from runtime import health, loop, tasks
from runtime.clock import Clock, SystemClock
from runtime.secrets import installation_key
from runtime.settings import NotifySettings
from store.database import build_pool
from store.leases import Leases
from store.live_channels import connect_redis
from store.log import build_log

logger = logging.getLogger(__name__)

SERVICE: Final = "notify"
POOL_CONNECTIONS: Final = 6


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
        log = build_log(settings.stream_url, pool)
        key = installation_key(settings.data_dir, settings.installation_key.get_secret_value())
        leases = Leases(url, SERVICE)
        worker = NotifyWorker(
            pool=pool,
            clock=self._clock,
            installation_key=key,
            timeout_s=settings.webhook_timeout_s,
            private=settings.webhooks_to_private_addresses,
        )
        tending = Tending(pool=pool, clock=self._clock, keep=timedelta(days=settings.outward_days))
        poller = ChannelPoller(
            pool=pool,
            leases=leases,
            clock=self._clock,
            installation_key=key,
            api_url=api_url(settings.http_host, settings.http_port),
        )
        watch = AlarmWatch(
            pool=pool,
            log=log,
            redis=redis,
            leases=leases,
            clock=self._clock,
            url=url,
            keep=timedelta(days=settings.alarm_days),
        )
        customers = CustomerWatch(
            pool=pool,
            leases=leases,
            clock=self._clock,
            url=url,
            installation_key=key,
            pace=Pace(
                settle_ms=round(settings.customer_notice_settle_s * 1_000),
                swing_ms=round(settings.customer_notice_swing_minutes * 60_000),
            ),
            keep=timedelta(days=settings.outward_days),
        )
        courier = CourierService(settings, pool=pool, clock=self._clock, installation_key=key)
        reports = ReportRounds(
            pool=pool, clock=self._clock, keep=timedelta(days=settings.outward_days)
        )
        await pool.open(wait=False)
        try:
            await log.open()
            await tasks.work_until(
                stop,
                [
                    *worker.loops(),
                    *tending.loops(),
                    poller.keep_polling(),
                    *watch.loops(),
                    *customers.loops(),
                    *courier.loops(),
                    *reports.loops(),
                    self._report(
                        (worker, tending, poller, watch, customers, courier, reports), redis
                    ),
                ],
            )
        finally:
            await leases.close()
            await log.close()
            await redis.aclose()
            await pool.close()

    async def _report(
        self,
        workers: Sequence[
            NotifyWorker
            | Tending
            | ChannelPoller
            | AlarmWatch
            | CustomerWatch
            | CourierService
            | ReportRounds
        ],
        redis: Redis,
    ) -> None:
        """Say how the workers are, every now and then. Redis away: nobody hears it, no harm."""
        while True:
            bad = (one.health for one in workers if one.health[0] is not health.HealthState.OK)
            state, reason = next(bad, (health.HealthState.OK, None))
            word = health.Health(
                service=SERVICE,
                instance=health.instance_of(self._settings.stream_url),
                state=state,
                reason=reason,
                at_ms=self._clock.now_ms(),
                pid=os.getpid(),
                metrics={name: value for one in workers for name, value in one.metrics.items()},
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

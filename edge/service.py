"""The gateway as a service: settings in, a process that ends cleanly on SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path
from typing import Final
from urllib.parse import quote

from redis.asyncio import Redis
from redis.exceptions import RedisError

from edge.gateway import Gateway, GatewayOptions
from edge.outbox import Outbox
from edge.worker import OutboxThread
from runtime import health, tasks
from runtime.clock import Clock, SystemClock
from runtime.health import HealthState
from runtime.mqtt_url import parse_mqtt_url
from runtime.redis_problem import redis_problem
from runtime.settings import EdgeSettings
from store.database import build_pool
from store.log import build_log

_LOG = logging.getLogger(__name__)

_REDIS_TIMEOUT_S: Final = 1.0
_FAREWELL_S: Final = 1.0
_LOOKS: Final = 10
"""How often between two reports a change is looked for."""


def outbox_file(settings: EdgeSettings) -> Path:
    """Where the gateway keeps its outbox: one file per gateway name."""
    return settings.data_dir / "outbox" / f"{quote(settings.gateway, safe='')}.sqlite"


class EdgeService:
    """The gateway with what it stands on. Nothing is opened before `run`."""

    def __init__(self, settings: EdgeSettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._options = GatewayOptions(
            name=settings.gateway,
            broker=parse_mqtt_url(settings.mqtt_url.get_secret_value()),
            linger_s=settings.linger_ms / 1_000,
            frame_samples=settings.frame_samples,
            instance=health.instance_of(settings.stream_url),
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set.

        Raises:
            edge.outbox.OutboxError: the outbox file cannot be used.
        """
        settings = self._settings
        thread = OutboxThread()
        try:
            outbox = await thread.call(
                Outbox, outbox_file(settings), max_bytes=settings.outbox_max_bytes
            )
            try:
                await self._run(stop, thread, outbox)
                await thread.call(outbox.tidy)
            finally:
                await thread.call(outbox.close)
        finally:
            thread.close()

    async def _run(self, stop: asyncio.Event, thread: OutboxThread, outbox: Outbox) -> None:
        # On Kafka a gateway needs no database, and stands where it may reach none.
        url = self._settings.database_url.get_secret_value()
        # One connection, for the one sender: it tries again by itself, and when the network has
        # lost its way there are no others to wait on in vain.
        pool = build_pool(url, name="edge", max_size=1, check=False) if url else None
        log = build_log(self._settings.stream_url, pool)
        redis = Redis.from_url(
            self._settings.redis_url.get_secret_value() or "redis://127.0.0.1:6379",
            socket_timeout=_REDIS_TIMEOUT_S,
            socket_connect_timeout=_REDIS_TIMEOUT_S,
        )
        try:
            if pool is not None:
                await pool.open(wait=False)
            gateway = Gateway(
                self._options, thread=thread, outbox=outbox, log=log, clock=self._clock
            )
            await tasks.work_until(stop, [gateway.run(), self._report(gateway, redis)])
        finally:
            await log.close()
            await redis.aclose()
            if pool is not None:
                await pool.close(timeout=_FAREWELL_S)

    async def _report(self, gateway: Gateway, redis: Redis) -> None:
        """Say how the gateway is, every now and then and when it changes.

        When Redis is away nobody hears it, and no harm is done.
        """
        said: HealthState | None = None
        unheard: str | None = None
        while True:
            word, condition = gateway.health(), gateway.condition
            if word.state is not said:
                level = logging.INFO if word.state is HealthState.OK else logging.WARNING
                _LOG.log(level, "%s: %s", word.state, word.reason or "all is well")
                said = word.state
            try:
                await health.report(redis, word)
            except (RedisError, OSError) as error:
                problem = redis_problem(error)
                if problem != unheard:
                    _LOG.warning("nobody hears how the gateway is: Redis %s", problem)
                unheard = problem
            else:
                unheard = None
            for _ in range(_LOOKS):
                await asyncio.sleep(health.INTERVAL_S / _LOOKS)
                if gateway.condition != condition:
                    break


def build(settings: EdgeSettings) -> EdgeService:
    """The service these settings mean; nothing is connected yet.

    Raises:
        runtime.mqtt_url.MqttUrlError: the broker's URL is missing or wrong.
    """
    return EdgeService(settings, clock=SystemClock())


def run(settings: EdgeSettings) -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    service = build(settings)

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await service.run(stop)

    asyncio.run(main())

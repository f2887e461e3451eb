"""The services' words about their health, read from Redis, and the watchdog over them."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from launch.child import Child
from launch.watchdog import Watch
from runtime.health import Health, host_prefix, key_of

_log = logging.getLogger(__name__)

_WATCH_EVERY_S = 2.0


class SilentError(Exception):
    """A service has not said how it is."""


class Vitals:
    """Reads what services say of themselves, and restarts who lives but does nothing."""

    def __init__(self, redis: Redis, *, watch: Callable[[], Watch] = Watch) -> None:
        self._redis = redis
        self._new_watch = watch
        self._children: dict[str, Child] = {}
        self._watches: dict[str, Watch] = {}
        self._healths: dict[str, Health | None] = {}

    def add(self, child: Child) -> None:
        """Watch a service from now on."""
        self._children[child.name] = child
        self._watches[child.name] = self._new_watch()

    def last_word_of(self, name: str) -> Health | None:
        """What the living process of the service last said of itself."""
        health = self._healths.get(name)
        child = self._children.get(name)
        if health is None or child is None or health.pid != child.status.pid:
            return None
        return health

    async def ask(self, name: str) -> None:
        """Whether the living process of the service has reported.

        Raises:
            SilentError: it has not (yet).
            redis.exceptions.RedisError: Redis does not answer.
        """
        (self._healths[name],) = await self._read([name])
        if self.last_word_of(name) is None:
            raise SilentError(f"{name} has not reported its health")

    async def watch(self, every_s: float = _WATCH_EVERY_S) -> None:
        """Look at every service again and again; never ends."""
        while True:
            await asyncio.sleep(every_s)
            names = list(self._children)
            if not names:
                continue
            try:
                healths = await self._read(names)
            except (RedisError, OSError) as error:
                _log.debug("Redis does not answer the watchdog: %s", error)
                for watch in self._watches.values():
                    watch.unknown()
                continue
            self._healths.update(zip(names, healths, strict=True))
            self._judge(time.monotonic())

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()

    def _judge(self, now_s: float) -> None:
        for name, child in self._children.items():
            problem = self._watches[name].judge(now_s, child.status.pid, self._healths.get(name))
            if problem is not None:
                child.restart(problem)

    async def _read(self, names: Sequence[str]) -> list[Health | None]:
        """The last word of each service: of our own process where several are the service."""
        keys = [key_of(name, instance) for name in names for instance in ("", self._ours(name))]
        values = iter(await self._redis.mget(keys))
        return [_decoded(ours) or _decoded(any_) for any_, ours in zip(values, values, strict=True)]

    def _ours(self, name: str) -> str:
        named = os.environ.get("GEMBA_INSTANCE")
        child = self._children.get(name)
        return named or f"{host_prefix()}{child.status.pid if child is not None else 0}"


def _decoded(value: bytes | str | None) -> Health | None:
    if value is None:
        return None
    try:
        return msgspec.json.decode(value, type=Health)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None

"""Notices a worker that is alive but consumes nothing, from outside the engine.

It runs in a thread of its own with a connection of its own to the log (`streams.sight`), so neither
a silent consumer nor a blocked event loop keeps it from seeing: records wait in a partition, and
what the worker has committed there does not move. Then the service is `failed: stalled`
(`Watchdog.stalled`), and a moment later the process ends with EXIT_STALLED so that the supervisor
starts it anew. The same looks tell how many records wait (`Watchdog.lag`).

The decision is `Stillness.observe`, a function of what was seen and when.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Final

import msgspec

from runtime.clock import Clock
from streams.sight import BLIND, Look, Standing, sight

logger = logging.getLogger(__name__)

EXIT_STALLED: Final = 75
"""The process's exit code when it stalled (EX_TEMPFAIL: try again)."""
STALL_S: Final = 45.0
INTERVAL_S: Final = 2.0
GRACE_S: Final = 5.0
"""Between the verdict and the end, so that health can be told."""


class Stall(msgspec.Struct, frozen=True):
    """A partition in which nothing has moved for too long although records wait."""

    topic: str
    partition: int
    waiting: int
    still_s: float

    def __str__(self) -> str:
        return (
            f"{self.topic}/{self.partition}: {self.waiting} records wait, "
            f"nothing consumed for {self.still_s:.0f} s"
        )


class Stillness:
    """Since when each partition has stood still.

    A partition stands still while records wait and its committed offset stays what it was. Time in
    which nothing could be seen (the database was away) does not count.
    """

    def __init__(self, *, stall_s: float = STALL_S, blind_s: float = 4 * INTERVAL_S) -> None:
        """Make one.

        Args:
            stall_s: standing still for longer is a stall.
            blind_s: after a longer time without an observation all begins anew.
        """
        self._stall_s = stall_s
        self._blind_s = blind_s
        self._since: dict[tuple[str, int], tuple[int, float]] = {}
        self._seen_s = float("-inf")

    def observe(
        self,
        now_s: float,
        standings: Iterable[Standing],
        *,
        excused: Collection[tuple[str, int]] = (),
    ) -> list[Stall]:
        """Take note of where the worker stands; returns what has stalled.

        Args:
            now_s: a monotonic clock.
            standings: the partitions that are the worker's now.
            excused: partitions (topic, partition) that stand still and have said why themselves.
        """
        if now_s - self._seen_s > self._blind_s:
            self._since.clear()
        self._seen_s = now_s
        before, self._since = self._since, {}
        stalls: list[Stall] = []
        for at in standings:
            key = (at.topic, at.partition)
            if at.committed >= at.head or key in excused:
                continue
            committed, since_s = before.get(key, (at.committed, now_s))
            if committed != at.committed:
                since_s = now_s
            self._since[key] = (at.committed, since_s)
            if now_s - since_s > self._stall_s:
                waiting = at.head - at.committed
                stalls.append(Stall(at.topic, at.partition, waiting, now_s - since_s))
        return stalls


class Watchdog:
    """Watches a worker.

    Args:
        database_url: the embedded log's database; not used on Kafka.
        stream_url: which log.
        group: the worker's consumer group.
        assigned: the partitions (topic, partition) that are the worker's; asked from a thread
            (`streams.app.App.assigned_partitions`).
        clock: for `monotonic`.
        excused: see `Stillness.observe`; asked from a thread.
        stall_s: see `Stillness`.
        interval_s: how often to look.
        on_stalled: called in the thread GRACE_S after the verdict; ends the process by default.
    """

    def __init__(
        self,
        *,
        database_url: str,
        group: str,
        stream_url: str = "embedded://",
        assigned: Callable[[], Collection[tuple[str, int]]],
        clock: Clock,
        excused: Callable[[], Collection[tuple[str, int]]] = tuple,
        stall_s: float = STALL_S,
        interval_s: float = INTERVAL_S,
        grace_s: float = GRACE_S,
        on_stalled: Callable[[], None] = lambda: os._exit(EXIT_STALLED),
    ) -> None:
        self._see = partial(sight, stream_url=stream_url, database_url=database_url, group=group)
        self._assigned = assigned
        self._excused = excused
        self._clock = clock
        self._interval_s = interval_s
        self._grace_s = grace_s
        self._on_stalled = on_stalled
        self._stillness = Stillness(stall_s=stall_s, blind_s=4 * interval_s)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self.stalled: str | None = None
        """Why the worker has failed; None while it has not. For the service's health."""
        self.lag: dict[str, int] = {}
        """Records that wait in this worker's partitions, per topic, when it last looked."""

    @property
    def metrics(self) -> dict[str, float]:
        """The lag by the names that health gives figures, and its sum."""
        lag = dict(self.lag)
        named = {f'lag{{topic="{topic}"}}': float(waiting) for topic, waiting in lag.items()}
        return {**named, "lag_records": float(sum(lag.values()))}

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._stop.set()
        self._thread.join(timeout=10.0)

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            try:
                with self._see() as look:
                    self._watch(look)
            except BLIND as error:
                logger.info("the watchdog cannot see: %s", error)

    def _watch(self, look: Look) -> None:
        while True:
            standings = look(set(self._assigned()))
            lag: dict[str, int] = {}
            for at in standings:
                lag[at.topic] = lag.get(at.topic, 0) + max(0, at.head - at.committed)
            self.lag = lag
            stalls = self._stillness.observe(
                self._clock.monotonic(), standings, excused=self._excused()
            )
            if stalls:
                self.stalled = "stalled: " + "; ".join(map(str, stalls))
                logger.critical("%s; the worker ends in %.0f s", self.stalled, self._grace_s)
                self._stop.wait(self._grace_s)
                if not self._stop.is_set():
                    self._on_stalled()
                return
            if self._stop.wait(self._interval_s):
                return

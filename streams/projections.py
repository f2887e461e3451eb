"""The channels that somebody watches: what has changed of each, and when that may be told."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final, Protocol

import msgspec

from contracts.live import ChannelKind, Position
from store.database import Connection
from store.live_operations import NextOperations
from store.live_plan import Board
from store.live_site import (
    DayBase,
    OrderFigures,
    Site,
    day_base,
    order_figures,
)

INTERVAL_S: Final = 0.1
"""A channel tells at most ten times a second."""
PLAN_INTERVAL_S: Final = 0.2
"""A planning board at most five times: more happens on it, and nobody acts on it that fast."""
ALARMS_INTERVAL_S: Final = 0.2
"""Alarms likewise: a flood is told in lumps, a single one at once."""
EXTRA_INTERVAL_S: Final = 1.0
"""A floor's summary and a terminal's queue cost more and are told at most once a second."""
OPEN_INTERVAL_S: Final = 1.0
"""While a disruption is open, whether it was answered is looked at this often."""
WORK_INTERVAL_S: Final = 2.0
"""Changed orders change tiles in places nobody can name: everything is read again, but not more
often than this."""
REFRESH_S: Final = 60.0
"""What depends on the time (paces, projected ends, the day's totals) is told this often."""
_FIGURES_LEAST_S: Final = 2.0
_FIGURES_SHARE: Final = 20.0
"""Counting over all orders takes at most a twentieth of the time."""


class Monotonic(Protocol):
    """The part of the clock that intervals are measured with."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary point, never stepping back."""
        ...


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A line or a shipment of an order, by its number."""

    line: int | None
    shipment: int | None


class Projection:
    """One channel that somebody watches.

    Args:
        name: the channel's name.
        kind: what it shows.
        site: the code of the site it belongs to.
        subject: id of the machine or order; of no meaning for a floor.
    """

    def __init__(self, name: str, kind: ChannelKind, *, site: str, subject: int = 0) -> None:
        self.name = name
        self.kind = kind
        self.site = site
        self.subject = subject
        self.position: Position | None = None
        self.part: Part | None = None
        """The only part of an order that a tracking link shows."""
        self._dirty: set[int] = set()
        self._flushed = -math.inf
        self._extra_dirty = False
        self._extra_at = -math.inf
        self._full_at: float | None = -math.inf
        self._full_was = -math.inf

    def mark(self, subject: int) -> None:
        """Something of a machine (or of the order) changed."""
        self._dirty.add(subject)
        self._extra_dirty = True

    def mark_extra(self, not_before: float = -math.inf) -> None:
        """The summary or queue changed, or will be worth reading at a time."""
        self._extra_dirty = True
        self._extra_at = max(self._extra_at, not_before)

    def mark_all(self, *, gap_s: float = 0.0) -> None:
        """Everything may have changed: read all of it, at least `gap_s` after the last time."""
        at = self._full_was + gap_s
        self._full_at = at if self._full_at is None else min(self._full_at, at)

    def lost(self) -> None:
        """What stands in Redis is not what was written there: begin anew."""
        self.position = None
        self.mark_all()

    def due_at(self) -> float:
        """When something has to be read, on the monotonic clock; infinite when nothing has."""
        due = math.inf
        if self._dirty:
            due = self._flushed + INTERVAL_S
        if self._extra_dirty:
            due = min(due, max(self._extra_at, self._flushed + INTERVAL_S))
        if self._full_at is not None:
            due = min(due, self._full_at)
        return due

    def take(self, now: float) -> Due:
        """What has to be read now; it counts as done from here on (`mark_all` if it fails)."""
        full = self._full_at is not None and self._full_at <= now
        extra = full or (self._extra_dirty and self._extra_at <= now)
        due = Due(full, extra, frozenset(self._dirty))
        self._dirty.clear()
        self._flushed = now
        if extra:
            self._extra_dirty = False
            self._extra_at = now + EXTRA_INTERVAL_S
        if full:
            self._full_at = None
            self._full_was = now
        return due


class Due(msgspec.Struct, frozen=True):
    """What has to be read of a channel; of a planning board the `subjects` are operations."""

    full: bool
    extra: bool
    subjects: frozenset[int]
    machines: frozenset[int] = frozenset()
    works: frozenset[int] = frozenset()


class PlanProjection(Projection):
    """The planning board of a scope.

    Args:
        name: the channel's name.
        scope: the scope.

    Attributes:
        sites: the codes of the scope's sites.
        board: what was read of it and changes only with a plan, a policy or a calendar.
        disruptions: the ids of the disruptions that are told.
    """

    def __init__(self, name: str, scope: str, sites: Collection[str]) -> None:
        super().__init__(name, ChannelKind.PLAN, site=scope)
        self.sites = frozenset(sites)
        self.board: Board | None = None
        self.disruptions: set[int] = set()
        self._machines: set[int] = set()
        self._works: set[int] = set()
        self._again_at = math.inf

    def mark_machine(self, machine: int) -> None:
        """A machine's rows changed."""
        self._machines.add(machine)

    def mark(self, subject: int) -> None:
        """An operation's rows, or its projection, changed."""
        self._dirty.add(subject)

    def mark_work(self, work_order: int) -> None:
        """A work order, or the order it is for, changed."""
        self._works.add(work_order)

    def look_again(self, at: float) -> None:
        """The head will be worth reading at a time."""
        self._again_at = at

    def due_at(self) -> float:
        """When something has to be read."""
        due = self._again_at
        if self._dirty or self._machines or self._works or self._extra_dirty:
            due = min(due, self._flushed + PLAN_INTERVAL_S)
        if self._full_at is not None:
            due = min(due, max(self._full_at, self._flushed + PLAN_INTERVAL_S))
        return due

    def take(self, now: float) -> Due:
        """What has to be read now."""
        due = super().take(now)
        extra = due.full or due.extra or self._again_at <= now
        taken = Due(
            due.full, extra, due.subjects, frozenset(self._machines), frozenset(self._works)
        )
        self._machines.clear()
        self._works.clear()
        self._extra_at = -math.inf
        if extra:
            self._again_at = math.inf
        return taken


class AlarmsProjection(Projection):
    """The alarms of a site, or of everywhere: always read as a whole.

    Args:
        name: the channel's name.
        place: the site's code, or `contracts.live.EVERYWHERE`.
    """

    def __init__(self, name: str, place: str) -> None:
        super().__init__(name, ChannelKind.ALARMS, site=place)

    def moved(self) -> None:
        """An alarm moved."""
        self.mark_all(gap_s=ALARMS_INTERVAL_S)


class SiteCache:
    """What is known of a site and costs too much to read for every change."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.following = NextOperations()
        self._base: DayBase | None = None
        self._base_until = -math.inf
        self._figures: OrderFigures | None = None
        self._figures_stale = True
        self._figures_at = -math.inf

    def work_changed(self) -> None:
        """Orders or work orders changed: queues and counts are no longer right."""
        self.following.clear()
        self._figures_stale = True

    def counts_changed(self) -> None:
        """Only counts over orders or dead letters are no longer right."""
        self._figures_stale = True

    async def base(self, connection: Connection, now_ms: int, now: float) -> DayBase:
        """The day's pieces up to an hour ago, not older than REFRESH_S."""
        if self._base is None or now >= self._base_until:
            self._base = await day_base(connection, self.site, now_ms)
            self._base_until = now + REFRESH_S
        return self._base

    async def figures(self, connection: Connection, clock: Monotonic) -> tuple[OrderFigures, float]:
        """The counts, and when to ask again because they are older than the last change."""
        now = clock.monotonic()
        if self._figures is None or (self._figures_stale and now >= self._figures_at):
            self._figures_stale = False
            self._figures = await order_figures(connection, self.site)
            took = clock.monotonic() - now
            self._figures_at = clock.monotonic() + max(_FIGURES_LEAST_S, took * _FIGURES_SHARE)
        return self._figures, self._figures_at if self._figures_stale else math.inf

"""What the live projector reads for each channel, and what of it is due.

A `Projection` is one channel that somebody watches: it knows what has changed of it and when that
may be told. `read_*` turn rows into JSON by key, for all the channels of a kind at once.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Final, Protocol, TypeAlias

import msgspec

from contracts.live import ChannelKind, Position
from store.database import Connection
from store.live_floor import machine_tiles
from store.live_operations import NextOperations, terminal_view
from store.live_site import (
    DayBase,
    OrderFigures,
    Site,
    day_base,
    floor_summary,
    order_figures,
)
from store.live_views import OrderPicture, read_orders

Changes: TypeAlias = dict[str, bytes | None]

INTERVAL_S: Final = 0.1
"""A channel tells at most ten times a second."""
EXTRA_INTERVAL_S: Final = 1.0
"""A floor's summary and a terminal's queue cost more and are told at most once a second."""
WORK_INTERVAL_S: Final = 2.0
"""Changed orders change tiles in places nobody can name: everything is read again, but not more
often than this."""
REFRESH_S: Final = 60.0
"""What depends on the time (paces, projected ends, the day's totals) is told this often."""
_FIGURES_LEAST_S: Final = 2.0
_FIGURES_SHARE: Final = 20.0
"""Counting over all orders takes at most a twentieth of the time."""
_ORDERS_AT_ONCE: Final = 200

_encode = msgspec.json.Encoder().encode


class Monotonic(Protocol):
    """The part of the clock that intervals are measured with."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary point, never stepping back."""
        ...


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
    """What has to be read of a channel."""

    full: bool
    extra: bool
    subjects: frozenset[int]


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


class Reading:
    """One round of reading: a connection, the time, and the caches."""

    def __init__(self, connection: Connection, *, now_ms: int, clock: Monotonic) -> None:
        self._connection = connection
        self._now_ms = now_ms
        self._clock = clock

    async def floor(self, projection: Projection, due: Due, cache: SiteCache) -> Changes:
        """Tiles by machine path, and the summary."""
        connection, now_ms = self._connection, self._now_ms
        base = await cache.base(connection, now_ms, self._clock.monotonic())
        changes: Changes = {}
        if due.full or due.subjects:
            tiles = await machine_tiles(
                connection,
                cache.site,
                None if due.full else due.subjects,
                now_ms=now_ms,
                base=base,
                following=cache.following,
            )
            changes |= {tile.machine: _encode(tile) for tile in tiles}
        if due.extra:
            figures, again = await cache.figures(connection, self._clock)
            summary = await floor_summary(
                connection, cache.site, now_ms=now_ms, base=base, orders=figures
            )
            changes["summary"] = _encode(summary)
            if again < math.inf:
                projection.mark_extra(again)
        return changes

    async def machines(
        self, watched: Sequence[tuple[Projection, Due]], cache: SiteCache
    ) -> dict[str, Changes]:
        """The tiles and queues of machines of one site, by channel."""
        connection, now_ms = self._connection, self._now_ms
        tiles = await machine_tiles(
            connection,
            cache.site,
            {projection.subject for projection, _ in watched},
            now_ms=now_ms,
            base=await cache.base(connection, now_ms, self._clock.monotonic()),
            following=cache.following,
        )
        by_channel = {f"{ChannelKind.MACHINE}:{tile.machine}": tile for tile in tiles}
        changes: dict[str, Changes] = {}
        for projection, due in watched:
            tile = by_channel.get(projection.name)
            changes[projection.name] = {"machine": _encode(tile) if tile else None}
            if due.extra:
                queue = await terminal_view(connection, projection.subject, now_ms=now_ms)
                changes[projection.name]["queue"] = _encode(queue)
        return changes

    async def orders(self, watched: Collection[Projection]) -> dict[str, Changes]:
        """Staff's and customers' views of orders, by channel: always the whole of it."""
        ids = sorted({projection.subject for projection in watched})
        pictures: dict[int, OrderPicture] = {}
        for start in range(0, len(ids), _ORDERS_AT_ONCE):
            some = ids[start : start + _ORDERS_AT_ONCE]
            pictures |= await read_orders(
                self._connection,
                some,
                now_ms=self._now_ms,
                audit=any(projection.kind is ChannelKind.TRACKING for projection in watched),
            )
        changes: dict[str, Changes] = {}
        for projection in watched:
            picture = pictures.get(projection.subject)
            if picture is None:
                changes[projection.name] = {}
            elif projection.kind is ChannelKind.TRACKING:
                changes[projection.name] = {"order": _encode(picture.tracking_view())}
            else:
                views = {key: _encode(view) for key, view in picture.operation_views().items()}
                changes[projection.name] = {"order": _encode(picture.view()), **views}
        return changes


async def resolve(
    connection: Connection, names: Iterable[tuple[ChannelKind, str]]
) -> list[Projection]:
    """The projections of channels whose subject exists; a tracking link must still be valid."""
    found = []
    for kind, subject in names:
        query = _SUBJECTS.get(kind)
        if query is None:
            continue
        cursor = await connection.execute(query, (subject,))
        row = await cursor.fetchone()
        if row is not None:
            found.append(Projection(f"{kind}:{subject}", kind, site=row[0], subject=row[1]))
    return found


_SUBJECTS: Final = {
    ChannelKind.FLOOR: "SELECT code, 0 FROM sites WHERE code = %s",
    ChannelKind.MACHINE: """
        SELECT s.code, m.id FROM machines m JOIN sites s ON s.id = m.site_id WHERE m.path = %s
        """,
    ChannelKind.ORDER: """
        SELECT s.code, o.id FROM orders o JOIN sites s ON s.id = o.site_id WHERE o.number = %s
        """,
    ChannelKind.TRACKING: """
        SELECT s.code, o.id
        FROM tracking_links l JOIN orders o ON o.id = l.order_id JOIN sites s ON s.id = o.site_id
        WHERE l.token_hash = decode(%s, 'hex') AND l.expires_at > now() AND l.revoked_at IS NULL
        """,
}

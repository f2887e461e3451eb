"""What the live projector reads for each channel: rows become JSON by key, for all at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from contracts.live import EVERYWHERE, ChannelKind
from store.database import Connection
from store.live_alarms import alarm_board
from store.live_floor import machine_tiles
from store.live_operations import terminal_view
from store.live_plan import Board, newest_disruptions, plan_head, plan_machines, read_board
from store.live_plan_bars import changed_bars, plan_bars
from store.live_resources import plan_resources
from store.live_site import floor_summary
from store.live_views import OrderPicture, read_orders, tracking_view
from streams.projections import (
    OPEN_INTERVAL_S,
    AlarmsProjection,
    Due,
    Monotonic,
    Part,
    PlanProjection,
    Projection,
    SiteCache,
)

Changes: TypeAlias = dict[str, bytes | None]

_ORDERS_AT_ONCE: Final = 200
_FOR_CUSTOMERS: Final = (ChannelKind.TRACKING, ChannelKind.OWN)

_encode = msgspec.json.Encoder().encode


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

    async def plan(self, projection: PlanProjection, due: Due) -> Changes:
        """A planning board: its head, machines, bars and disruptions."""
        connection, now_ms = self._connection, self._now_ms
        if due.full or projection.board is None:
            projection.board = await read_board(connection, projection.site, now_ms=now_ms)
        board = projection.board
        changes: Changes = {}
        if due.full or due.machines:
            some = None if due.full else due.machines
            for machine in await plan_machines(connection, board, some, now_ms=now_ms):
                changes[f"machine/{machine.machine}"] = _encode(machine)
        if due.full:
            for bar in await plan_bars(connection, board, now_ms=now_ms):
                changes[f"bar/{bar.operation_id}"] = _encode(bar)
        elif due.subjects or due.works:
            bars = await changed_bars(
                connection,
                board,
                operation_ids=due.subjects,
                work_order_ids=due.works,
                now_ms=now_ms,
            )
            for operation, changed in bars.items():
                changes[f"bar/{operation}"] = _encode(changed) if changed else None
        if due.extra:
            changes |= await self._head(projection, board)
        return changes

    async def alarms(self, projection: AlarmsProjection) -> Changes:
        """The alarms that are not normal, and how many: always the whole of it."""
        board = await alarm_board(self._connection, projection.site)
        changes: Changes = {f"alarm/{view.id}": _encode(view) for view in board.alarms}
        changes["summary"] = _encode(board.summary)
        return changes

    async def _head(self, projection: PlanProjection, board: Board) -> Changes:
        head = await plan_head(self._connection, board)
        changes: Changes = {"plan": _encode(head)}
        # Who is away is told without a new plan, where none is needed.
        for resource in await plan_resources(self._connection, board):
            changes[f"resource/{resource.id}"] = _encode(resource)
        views = await newest_disruptions(self._connection, board.scope)
        for view in views:
            changes[f"disruption/{view.id}"] = _encode(view)
        shown = {view.id for view in views}
        changes |= dict.fromkeys(f"disruption/{one}" for one in projection.disruptions - shown)
        projection.disruptions = shown
        if head.open_disruptions:
            # One that changes nothing is answered without an event.
            projection.look_again(self._clock.monotonic() + OPEN_INTERVAL_S)
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
                audit=any(projection.kind in _FOR_CUSTOMERS for projection in watched),
            )
        changes: dict[str, Changes] = {}
        for projection in watched:
            picture = pictures.get(projection.subject)
            if picture is None:
                changes[projection.name] = {}
            elif projection.part is not None:
                view = await tracking_view(
                    self._connection,
                    projection.subject,
                    now_ms=self._now_ms,
                    line=projection.part.line,
                    shipment=projection.part.shipment,
                )
                changes[projection.name] = {"order": _encode(view) if view else None}
            elif projection.kind in _FOR_CUSTOMERS:
                changes[projection.name] = {"order": _encode(picture.tracking_view())}
            else:
                views = {key: _encode(view) for key, view in picture.operation_views().items()}
                changes[projection.name] = {"order": _encode(picture.view()), **views}
        return changes


async def resolve(
    connection: Connection, names: Iterable[tuple[ChannelKind, str]]
) -> list[Projection]:
    """The projections of channels whose subject exists; a tracking link must still be valid."""
    found: list[Projection] = []
    for kind, subject in names:
        if kind is ChannelKind.ALARMS and subject == EVERYWHERE:
            found.append(AlarmsProjection(f"{kind}:{subject}", subject))
            continue
        query = _SUBJECTS.get(kind)
        if query is None:
            continue
        cursor = await connection.execute(query, (subject,))
        row = await cursor.fetchone()
        if row is None or row[0] is None:
            continue
        name = f"{kind}:{subject}"
        if kind is ChannelKind.PLAN:
            found.append(PlanProjection(name, subject, row[0]))
        elif kind is ChannelKind.ALARMS:
            found.append(AlarmsProjection(name, row[0]))
        else:
            projection = Projection(name, kind, site=row[0], subject=row[1])
            if kind is ChannelKind.TRACKING and row[2:] != (None, None):
                projection.part = Part(line=row[2], shipment=row[3])
            found.append(projection)
    return found


_SUBJECTS: Final = {
    ChannelKind.PLAN: "SELECT array_agg(code) FROM sites WHERE coalesce(planning_scope, code) = %s",
    ChannelKind.FLOOR: "SELECT code, 0 FROM sites WHERE code = %s",
    ChannelKind.ALARMS: "SELECT code, 0 FROM sites WHERE code = %s",
    ChannelKind.MACHINE: """
        SELECT s.code, m.id FROM machines m JOIN sites s ON s.id = m.site_id WHERE m.path = %s
        """,
    ChannelKind.ORDER: """
        SELECT s.code, o.id FROM orders o JOIN sites s ON s.id = o.site_id WHERE o.number = %s
        """,
    ChannelKind.OWN: """
        SELECT s.code, o.id FROM orders o JOIN sites s ON s.id = o.site_id WHERE o.number = %s
        """,
    ChannelKind.TRACKING: """
        SELECT s.code, o.id, l.line_number, l.shipment_number
        FROM tracking_links l JOIN orders o ON o.id = l.order_id JOIN sites s ON s.id = o.site_id
        WHERE l.token_hash = decode(%s, 'hex') AND l.expires_at > now() AND l.revoked_at IS NULL
        """,
}

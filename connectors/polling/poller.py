"""One round of asking: what changed since the last one, each order whole, delivered in batches."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from connectors.polling.client import Changed, Client

OVERLAP: Final = timedelta(minutes=5)
"""How far a round reaches back behind the newest change that the one before it saw: what was being
written then may show only now."""
BATCH: Final = 50
"""Orders that are delivered at once."""
_BATCH_BYTES: Final = 2 * 1024 * 1024
_READINGS: Final = 2
"""How often an unchanged order is read again within the overlap: clocks there may count in seconds,
so a second change may bear the time of the first."""


class Seen(msgspec.Struct, frozen=True):
    """The time that an order bore when it was read, and in how many rounds it bore it."""

    at: datetime
    readings: int


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far a channel was read. Moments are of the system's own wall clock.

    Attributes:
        since: what changed at or after this is asked for next.
        seen: orders within the overlap, by id.
    """

    since: datetime
    seen: dict[str, Seen] = {}


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a round.

    Attributes:
        position: from where to go on. A round that fails half-way leaves the old one in force.
        delivered: orders.
        gone: orders that were deleted before they could be read.
    """

    position: Position
    delivered: int
    gone: int


async def poll(
    client: Client,
    position: Position,
    deliver: Callable[[bytes], Awaitable[None]],
    *,
    overlap: timedelta = OVERLAP,
    clock: Callable[[], float] = time.monotonic,
) -> Round:
    """Read what changed and deliver it.

    Args:
        client: of the system.
        position: where the last round ended.
        deliver: takes a JSON list of orders; when it raises, the round ends and nothing is lost:
            the next one delivers again what this one did, which intake knows as repeats.
        overlap: how far the next round reaches back.
        clock: seconds; how long the round took is reached back as well, for what changed meanwhile.

    Raises:
        PollError: the system could not be asked.
    """
    began = clock()
    changes: dict[str, Changed] = {}
    async for change in client.changed(position.since):
        known = changes.get(change.id)
        if known is None or known.at < change.at:
            changes[change.id] = change
    batch = _Batch(deliver)
    gone = 0
    for change in changes.values():
        seen = position.seen.get(change.id)
        if seen is not None and seen.at == change.at and seen.readings >= _READINGS:
            continue
        order = await client.order(change)
        if order is None:
            gone += 1
        else:
            await batch.add(order)
    await batch.flush()
    took = timedelta(seconds=clock() - began)
    return Round(
        position=_next(position, changes, overlap + took), delivered=batch.delivered, gone=gone
    )


def _next(position: Position, changes: dict[str, Changed], back: timedelta) -> Position:
    newest = max((change.at for change in changes.values()), default=position.since)
    since = max(position.since, newest - back)
    seen = {}
    for change in changes.values():
        if change.at >= since:
            before = position.seen.get(change.id)
            again = before.readings if before is not None and before.at == change.at else 0
            seen[change.id] = Seen(change.at, min(again + 1, _READINGS))
    return Position(since=since, seen=seen)


class _Batch:
    def __init__(self, deliver: Callable[[bytes], Awaitable[None]]) -> None:
        self._deliver = deliver
        self._orders: list[bytes] = []
        self._bytes = 0
        self.delivered = 0

    async def add(self, order: bytes) -> None:
        if self._bytes + len(order) > _BATCH_BYTES:
            await self.flush()
        self._orders.append(order)
        self._bytes += len(order)
        if len(self._orders) >= BATCH:
            await self.flush()

    async def flush(self) -> None:
        if not self._orders:
            return
        orders, self._orders, self._bytes = self._orders, [], 0
        await self._deliver(b"[" + b",".join(orders) + b"]")
        self.delivered += len(orders)

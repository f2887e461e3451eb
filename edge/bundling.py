"""How arrivals become records, and how long they wait for company. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from contracts.ids import EpochMs
from contracts.streams import (
    MAX_RECORD_BYTES,
    PARTITIONS,
    TELEMETRY,
    WAREHOUSE,
    Arrival,
    Bundle,
)
from contracts.topics import WAREHOUSE as WAREHOUSE_AREA
from contracts.topics import partition_key, partition_of

_ARRIVAL_OVERHEAD_BYTES: Final = 32
"""What MessagePack adds to an arrival's payload, at most."""

_TOPIC_OVERHEAD_BYTES: Final = 5
_BUNDLE_OVERHEAD_BYTES: Final = 512
"""The gateway's name and the arrays' headers."""

FULL_LINGER_RATE: Final = 2_500.0
"""Messages per second from which on a frame waits the whole linger."""

_RATE_WEIGHT: Final = 0.3
_RATE_WINDOW_S: Final = 0.02


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A row of the outbox: an arrival that waits for the stream."""

    id: int
    topic: str
    received_ms: int
    payload: bytes
    size: int


class Frame(msgspec.Struct, frozen=True):
    """A bundle and where in the stream it goes."""

    topic: str
    partition: int
    bundle: Bundle


class _Open:
    """A bundle that is still being filled."""

    __slots__ = ("arrivals", "size", "topics")

    def __init__(self) -> None:
        self.topics: dict[str, int] = {}
        self.arrivals: list[Arrival] = []
        self.size = _BUNDLE_OVERHEAD_BYTES


def stream_topic(topic: str) -> str:
    """The stream's topic for an MQTT topic; what is outside the grammar is telemetry's to refuse.

    >>> stream_topic("gemba/v1/plant-1/warehouse/inbound/gate-2/move")
    'gemba.warehouse.v1'
    >>> stream_topic("gemba/v1/nonsense")
    'gemba.telemetry.v1'
    """
    levels = topic.split("/", 4)
    inside = len(levels) > 3 and levels[3] == WAREHOUSE_AREA  # noqa: PLR2004 - gemba/v1/<site>/<area>
    return WAREHOUSE if inside else TELEMETRY


def frames(gateway: str, rows: Iterable[Stored], *, max_messages: int) -> list[Frame]:
    """Bundle rows, which come in order of id, by stream topic and partition.

    A bundle holds at most `max_messages` and stays within MAX_RECORD_BYTES, or holds one message.
    Within each (topic, partition) ids rise from bundle to bundle in the order given back.
    """
    opened: dict[tuple[str, int], _Open] = {}
    done: list[Frame] = []
    for row in rows:
        place = stream_topic(row.topic), partition_of(partition_key(row.topic), PARTITIONS)
        current = opened.get(place)
        if current is None:
            current = opened[place] = _Open()
        added = _size(current, row)
        full = len(current.arrivals) >= max_messages or current.size + added > MAX_RECORD_BYTES
        if full and current.arrivals:
            done.append(_close(gateway, place, current))
            current = opened[place] = _Open()
            added = _size(current, row)
        index = current.topics.setdefault(row.topic, len(current.topics))
        current.arrivals.append(
            Arrival(row.id, index, EpochMs(row.received_ms), row.payload, row.size)
        )
        current.size += added
    done.extend(_close(gateway, place, current) for place, current in sorted(opened.items()))
    return done


def _size(opened: _Open, row: Stored) -> int:
    """What the row would add to the bundle, in bytes, at most."""
    size = len(row.payload) + _ARRIVAL_OVERHEAD_BYTES
    if row.topic not in opened.topics:
        size += len(row.topic.encode()) + _TOPIC_OVERHEAD_BYTES
    return size


def _close(gateway: str, place: tuple[str, int], opened: _Open) -> Frame:
    topic, partition = place
    return Frame(topic, partition, Bundle(gateway, list(opened.topics), opened.arrivals))


class Pace:
    """How long a frame waits: not at all when it is quiet, up to the linger under load.

    Consecutive sends are kept apart by `linger_s` times the load (the smoothed rate of arrivals
    against FULL_LINGER_RATE). The first message after a quiet time finds the gap already past and
    leaves at once.
    """

    def __init__(self, *, linger_s: float, max_messages: int) -> None:
        self._linger_s = linger_s
        self._max_messages = max_messages
        self._rate = 0.0
        self._count = 0
        self._since = 0.0
        self._last_send = float("-inf")

    @property
    def linger_s(self) -> float:
        """The wait between two sends at the present rate, in seconds."""
        return self._linger_s * min(1.0, self._rate / FULL_LINGER_RATE)

    def arrived(self, count: int, now: float) -> None:
        """So many messages were stored at this time (monotonic seconds)."""
        elapsed = now - self._since
        self._count += count
        if elapsed >= _RATE_WINDOW_S:
            # A long silence is one window of its own length: the rate falls as it should.
            weight = 1.0 - (1.0 - _RATE_WEIGHT) ** (elapsed / _RATE_WINDOW_S)
            self._rate += weight * (self._count / elapsed - self._rate)
            self._count = 0
            self._since = now

    def sent(self, now: float) -> None:
        """A send begins at this time."""
        self._last_send = now

    def wait_s(self, waiting: int, now: float) -> float:
        """How long the next send should still wait with so many messages waiting."""
        if waiting >= self._max_messages:
            return 0.0
        return max(0.0, self._last_send + self.linger_s - now)

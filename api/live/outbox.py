"""What a socket still has to be sent: bounded, and conflated when its client is slow.

Messages are serialised once for everybody who gets them. A socket's queue holds references until it
grows beyond its bounds; then its deltas are merged per channel to the latest per key (which needs
no more room than the channel's state), and from there on they are merged as they come.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Final

import msgspec

MAX_MESSAGES: Final = 64
MAX_BYTES: Final = 1024 * 1024
"""Beyond either the queue is conflated."""
MAX_CONFLATED_BYTES: Final = 8 * 1024 * 1024
"""Beyond this even conflated, the socket is closed."""

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


class Kind(enum.Enum):
    """How a message may be dealt with in a queue."""

    PLAIN = "plain"
    """Belongs to no channel's state, or must be told as it is."""
    BASE = "base"
    """A snapshot, or the word that the deltas since a position follow."""
    DELTA = "delta"


class Outgoing:
    """A message, shared by all sockets that get it.

    Args:
        text: the serialised message.
        kind: see `Kind`.
        channel: the channel's name as clients know it.
        offset: the channel's offset after it (deltas).
        data: the JSON object of a delta's changes.
    """

    __slots__ = ("_fields", "channel", "data", "kind", "offset", "text")

    def __init__(
        self,
        text: str,
        kind: Kind = Kind.PLAIN,
        *,
        channel: str = "",
        offset: int = 0,
        data: bytes = b"",
    ) -> None:
        self.text = text
        self.kind = kind
        self.channel = channel
        self.offset = offset
        self.data = data
        self._fields: dict[str, msgspec.Raw] | None = None

    def fields(self) -> dict[str, msgspec.Raw]:
        """A delta's changes by key, decoded once for all slow sockets."""
        if self._fields is None:
            self._fields = _fields.decode(self.data)
        return self._fields


def snapshot(channel: str, epoch: str, offset: int, data: bytes) -> Outgoing:
    """A snapshot's message around JSON that is not parsed again."""
    head = f'{{"op":"snapshot","channel":{_json(channel)},"epoch":{_json(epoch)},"offset":{offset}'
    return Outgoing(f'{head},"data":{data.decode()}}}', Kind.BASE, channel=channel, offset=offset)


def delta(channel: str, offset: int, data: bytes) -> Outgoing:
    """A delta's message around JSON that is not parsed again."""
    head = f'{{"op":"delta","channel":{_json(channel)},"offset":{offset}'
    text = f'{head},"data":{data.decode()}}}'
    return Outgoing(text, Kind.DELTA, channel=channel, offset=offset, data=data)


def merged_delta(channel: str, offset: int, deltas: list[bytes]) -> Outgoing:
    """One delta that says the same as several."""
    if len(deltas) == 1:
        return delta(channel, offset, deltas[0])
    fields: dict[str, msgspec.Raw] = {}
    for each in deltas:
        fields |= _fields.decode(each)
    return delta(channel, offset, _encode(fields))


def _json(text: str) -> str:
    return _encode(text).decode()


class _Conflated:
    """Several deltas of a channel as one, growing until it is sent."""

    __slots__ = ("channel", "fields", "offset", "size")

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.offset = 0
        self.fields: dict[str, msgspec.Raw] = {}
        self.size = 0

    def add(self, message: Outgoing) -> int:
        """Merge a delta; answers by how many bytes this has grown."""
        before = self.size
        for key, value in message.fields().items():
            old = self.fields.get(key)
            self.size += len(value) - len(old) if old is not None else len(key) + len(value)
            self.fields[key] = value
        self.offset = message.offset
        return self.size - before

    def text(self) -> str:
        return delta(self.channel, self.offset, _encode(self.fields)).text


class Outbox:
    """One socket's queue. `offer` never waits; `take` gives the next text."""

    def __init__(self) -> None:
        self._queue: deque[tuple[float, Outgoing | _Conflated]] = deque()
        self._merging: dict[str, _Conflated] = {}
        self._bytes = 0
        self.conflations = 0

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def overflowed(self) -> bool:
        """Whether the queue is too large even conflated."""
        return self._bytes > MAX_CONFLATED_BYTES

    def oldest_s(self) -> float | None:
        """When what is next was queued, on the clock that `offer` was given; None when empty."""
        return self._queue[0][0] if self._queue else None

    def offer(self, message: Outgoing, now: float) -> None:
        """Queue a message; conflate when there are too many."""
        if self._merging and message.kind is not Kind.PLAIN:
            merging = self._merging.get(message.channel)
            if message.kind is Kind.DELTA and merging is not None:
                self._bytes += merging.add(message)
                return
            if message.kind is Kind.BASE:
                self.leave(message.channel)
        self._queue.append((now, message))
        self._bytes += len(message.text)
        if len(self._queue) > MAX_MESSAGES or self._bytes > MAX_BYTES:
            self._conflate()

    def take(self) -> str:
        """The text of the next message; the queue must not be empty."""
        _, message = self._queue.popleft()
        if isinstance(message, Outgoing):
            self._bytes -= len(message.text)
            return message.text
        self._bytes -= message.size
        self._merging.pop(message.channel, None)
        return message.text()

    def leave(self, channel: str) -> None:
        """Drop what is queued of a channel: nobody waits for it, or a new base replaces it."""
        self._merging.pop(channel, None)
        kept = [
            (at, message)
            for at, message in self._queue
            if message.channel != channel
            or (isinstance(message, Outgoing) and message.kind is Kind.PLAIN)
        ]
        self._refill(kept)

    def _conflate(self) -> None:
        """Merge each channel's deltas behind its last base, in the place of the first of them."""
        self.conflations += 1
        bases = {
            message.channel: message
            for _, message in self._queue
            if isinstance(message, Outgoing) and message.kind is Kind.BASE
        }
        passed: set[str] = set()
        kept: list[tuple[float, Outgoing | _Conflated]] = []
        for at, message in self._queue:
            if isinstance(message, _Conflated) or message.kind is Kind.PLAIN:
                kept.append((at, message))
            elif message.kind is Kind.BASE:
                if bases[message.channel] is message:
                    passed.add(message.channel)
                    kept.append((at, message))
            elif message.channel not in bases or message.channel in passed:
                merging = self._merging.get(message.channel)
                if merging is None:
                    merging = self._merging[message.channel] = _Conflated(message.channel)
                    kept.append((at, merging))
                merging.add(message)
        self._refill(kept)

    def _refill(self, kept: list[tuple[float, Outgoing | _Conflated]]) -> None:
        self._queue = deque(kept)
        self._bytes = sum(
            len(message.text) if isinstance(message, Outgoing) else message.size
            for _, message in kept
        )

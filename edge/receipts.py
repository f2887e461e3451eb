"""Which numbers of which publisher have been received: ranges, and what may be forgotten. Pure.

A publisher is one (machine, source, boot). What has arrived of it is kept as ranges of `seq`; its
receipt is the first of them: everything from `first` to `seq`, without a gap. When a lower number
arrives late, the first range is another one and the receipt goes down; that is why a publisher
forgets up to `seq` only when `first` is not above its own lowest number.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from contracts.ids import MachinePath
from contracts.telemetry import Identity, PublisherReceipt

MAX_SEQ: Final = 2**63 - 1
"""A larger number is none that a database keeps; such an object has no readable identity."""

MAX_RANGES: Final = 8_192
"""Of a publisher with more gaps the highest ranges are dropped: not acknowledged, so sent again."""

BOOTS_KEPT: Final = 20
BOOTS_SHOWN: Final = 4
SOURCES_KEPT: Final = 64

_one = msgspec.json.Decoder(Identity)
_many = msgspec.json.Decoder(list[Identity])
_each = msgspec.json.Decoder(list[msgspec.Raw])
_ranges = msgspec.msgpack.Decoder(list[int])

# A document nested deeper than the interpreter's stack is unreadable too, not an accident.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class PublisherKey(NamedTuple):
    """One publisher's boot on one machine."""

    machine: MachinePath
    source: str
    boot: str


def identities(payload: bytes) -> list[Identity]:
    """The readable identities in a payload: one object's, or those of an array's objects.

    An object that is refused later for its fields counts; one without a `boot` and a whole `seq`
    from 0 up, or with a `source` that is no string, has no identity (a boolean is no integer).
    """
    text = payload.lstrip(b" \t\r\n")
    if not text.startswith(b"["):
        return _valid(_identity(payload))
    try:
        found = _many.decode(payload)
    except _UNREADABLE:
        pass
    else:
        return [one for one in found if 0 <= one.seq <= MAX_SEQ]
    try:
        objects = _each.decode(payload)
    except _UNREADABLE:
        return []
    return [one for raw in objects for one in _valid(_identity(raw))]


def _identity(document: bytes | msgspec.Raw) -> Identity | None:
    try:
        return _one.decode(document)
    except _UNREADABLE:
        return None


def _valid(identity: Identity | None) -> list[Identity]:
    return [] if identity is None or not 0 <= identity.seq <= MAX_SEQ else [identity]


def machine_of(topic: str) -> MachinePath | None:
    """The machine a message's receipt belongs to: every topic with all seven levels has one."""
    levels = topic.split("/")
    if len(levels) != 7 or levels[:2] != ["gemba", "v1"] or not all(levels[2:6]):  # noqa: PLR2004
        return None
    return MachinePath("/".join(levels[2:6]))


class SeqRanges:
    """A set of numbers as disjoint closed ranges, ascending, with a gap between any two."""

    def __init__(self, flat: Iterable[int] = ()) -> None:
        """Make it of `low, high, low, high, …` as `flat` gives them."""
        bounds = list(flat)
        self._lows = bounds[0::2]
        self._highs = bounds[1::2]

    @classmethod
    def decode(cls, stored: bytes) -> SeqRanges:
        """The ranges that `encode` wrote."""
        return cls(_ranges.decode(stored))

    def encode(self) -> bytes:
        """MessagePack of `flat`."""
        return msgspec.msgpack.encode(list(self.flat()))

    def flat(self) -> Iterator[int]:
        """`low, high, low, high, …`, ascending."""
        for low, high in zip(self._lows, self._highs, strict=True):
            yield low
            yield high

    @property
    def first(self) -> int:
        """The lowest number. There is one as soon as anything was added."""
        return self._lows[0]

    @property
    def gap_free(self) -> int:
        """The highest number up to which none is missing from `first` on."""
        return self._highs[0]

    def __contains__(self, seq: int) -> bool:
        place = bisect_right(self._lows, seq) - 1
        return place >= 0 and seq <= self._highs[place]

    def add(self, seq: int) -> bool:
        """Add a number; whether it is new."""
        lows, highs = self._lows, self._highs
        if highs and seq == highs[-1] + 1:
            highs[-1] = seq
            return True
        after = bisect_left(lows, seq)
        before = after - 1
        if (before >= 0 and seq <= highs[before]) or (after < len(lows) and lows[after] == seq):
            return False
        joins_before = before >= 0 and highs[before] == seq - 1
        joins_after = after < len(lows) and lows[after] == seq + 1
        if joins_before and joins_after:
            highs[before] = highs.pop(after)
            lows.pop(after)
        elif joins_before:
            highs[before] = seq
        elif joins_after:
            lows[after] = seq
        else:
            lows.insert(after, seq)
            highs.insert(after, seq)
            del lows[MAX_RANGES:], highs[MAX_RANGES:]
        return True


class PublisherState:
    """What was received of one publisher, and when last (as the id of an arrival)."""

    __slots__ = ("ranges", "touched")

    def __init__(self, ranges: SeqRanges, touched: int) -> None:
        self.ranges = ranges
        self.touched = touched


class ReceiptBook:
    """All publishers known to the gateway. Bounded: old boots and rare sources are let go of.

    A publisher that was let go of and speaks again starts anew; its receipt then covers less, which
    costs it a repetition and never a sample.
    """

    def __init__(self) -> None:
        self._machines: dict[MachinePath, dict[str, dict[str, PublisherState]]] = {}
        self._changed: set[PublisherKey] = set()

    def restore(self, key: PublisherKey, state: PublisherState) -> None:
        """Put back what was kept from an earlier run."""
        sources = self._machines.setdefault(key.machine, {})
        sources.setdefault(key.source, {})[key.boot] = state

    def record(self, machine: MachinePath, identity: Identity, arrival: int) -> None:
        """An object of the arrival with this id has been received."""
        boots = self._machines.setdefault(machine, {}).setdefault(identity.source, {})
        state = boots.get(identity.boot)
        if state is None:
            state = boots[identity.boot] = PublisherState(SeqRanges(), arrival)
        state.ranges.add(identity.seq)
        state.touched = arrival
        self._changed.add(PublisherKey(machine, identity.source, identity.boot))

    def take_changes(self) -> tuple[dict[PublisherKey, PublisherState], list[PublisherKey]]:
        """What was recorded since the last call: publishers to store, and publishers let go of."""
        removed: list[PublisherKey] = []
        for machine, source in {(key.machine, key.source) for key in self._changed}:
            removed += self._prune(machine, source)
        gone = set(removed)
        changed = {
            key: self._machines[key.machine][key.source][key.boot]
            for key in self._changed
            if key not in gone
        }
        self._changed.clear()
        return changed, removed

    def _prune(self, machine: MachinePath, source: str) -> list[PublisherKey]:
        sources = self._machines[machine]
        removed: list[PublisherKey] = []
        boots = sources.get(source, {})
        for boot in _newest(boots)[BOOTS_KEPT:]:
            del boots[boot]
            removed.append(PublisherKey(machine, source, boot))
        if len(sources) > SOURCES_KEPT:
            last = {name: max(s.touched for s in of.values()) for name, of in sources.items()}
            for name in sorted(last, key=last.__getitem__, reverse=True)[SOURCES_KEPT:]:
                removed += [PublisherKey(machine, name, boot) for boot in sources.pop(name)]
        return removed

    def machines(self) -> list[MachinePath]:
        """Every machine that has a receipt."""
        return list(self._machines)

    def receipts(self, machine: MachinePath) -> list[PublisherReceipt]:
        """What the machine's retained `ack` says: of every source the newest boots first."""
        return [
            PublisherReceipt(
                source=source,
                boot=boot,
                first=boots[boot].ranges.first,
                seq=boots[boot].ranges.gap_free,
            )
            for source, boots in sorted(self._machines.get(machine, {}).items())
            for boot in _newest(boots)[:BOOTS_SHOWN]
        ]


def _newest(boots: dict[str, PublisherState]) -> list[str]:
    return sorted(boots, key=lambda boot: (boots[boot].touched, boot), reverse=True)

"""A machine's past: its objects in order, folded, and folded again where a late one changes it.

Order: by effective time `e`, source, boot, seq; `e` is the largest time among the accepted objects
of the same (source, boot) with a seq not above the object's own. So a late object may raise the
effective time of later ones of its publisher.

In memory stands a *window* of the latest objects after a *base*, from which everything can be
folded again. A base consumes of every publisher a prefix by seq (effective time never falls with
seq), so a late object belongs after the base if its seq is above what the base consumed and its
place is after the base's. Otherwise an older base has to be fetched: `TooOldError`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias, TypeVar

import msgspec

from contracts.telemetry import Job, NativeObject, State
from domain.floor.standing import SILENT, SLOT_MS, MadeKey, OperationKey, Place, Standing
from domain.floor.states import (
    ChangedOperations,
    ChangedStates,
    ChangeKey,
    ChangeLog,
    OperationChange,
    StateChange,
)

PublisherKey: TypeAlias = tuple[str, str]
"""(source, boot)."""

NEVER_MS: Final = -(2**62)
"""Before every event time."""

_NOTHING: Final = (-1, NEVER_MS)
"""What a base consumed of a publisher that it never heard of."""

MARK_EVERY: Final = 256
"""A late object folds at most this many further objects again (more where tallies are many)."""


KEEP_NEWEST: Final = 8
KEEP_DAYS: Final = 60


class Fact(NamedTuple):
    """An accepted object, as far as the order and the fold need it."""

    source: str
    boot: str
    seq: int
    t_ms: int
    message: NativeObject


class TooOldError(Exception):
    """A fact belongs before the base; an older one, or the very beginning, is needed."""

    def __init__(self, fact: Fact) -> None:
        super().__init__(f"seq {fact.seq} of {fact.source}/{fact.boot} belongs before the base")
        self.fact = fact


class Base(msgspec.Struct, array_like=True):
    """A place in the order from which the past can be folded again; stored as a checkpoint.

    Attributes:
        place: the last place before which everything is folded in; None: the very beginning.
        consumed: per publisher the highest seq folded in, and its effective time.
        state_change: the last change of state folded in, since such are kept.
        operation_change: likewise, of the operation on the machine.
    """

    place: Place | None
    standing: Standing
    consumed: dict[PublisherKey, tuple[int, int]]
    state_change: ChangeKey | None = None
    operation_change: ChangeKey | None = None

    def precedes(self, fact: Fact) -> bool:
        """Whether a fact belongs after this base, whatever else arrives."""
        place = self.place
        if place is None:
            return True
        seq, e_ms = self.consumed.get((fact.source, fact.boot), _NOTHING)
        if fact.seq <= seq:
            return False
        earliest_ms = max(e_ms, fact.t_ms)
        # The rule on a floor: later than everything before the base.
        return earliest_ms > place.e_ms or (
            Place(earliest_ms, fact.source, fact.boot, fact.seq) > place
        )


def beginning() -> Base:
    """The base before everything."""
    return Base(None, Standing(), {})


class _Track:
    """One publisher's facts after the base, by seq; `es` are their effective times."""

    __slots__ = ("es", "facts", "floor_e", "seqs")

    def __init__(self, floor_e: int) -> None:
        self.floor_e = floor_e
        self.seqs: list[int] = []
        self.es: list[int] = []
        self.facts: list[Fact] = []


class _Mark(NamedTuple):
    at: int
    standing: Standing
    states: int
    operations: int


_Entry: TypeAlias = tuple[int, str, str, int, NativeObject]


class Past:
    """The window over one machine's objects. Facts come in any order, each one once.

    Attributes:
        base: from where the window is folded.
        standing: after the last object.
    """

    def __init__(self, base: Base | None = None) -> None:
        self.base = base or beginning()
        self.standing = self.base.standing.copy()
        self._tracks: dict[PublisherKey, _Track] = {}
        self._order: list[_Entry] = []
        self._folded = 0
        self._marks = [_Mark(0, self.base.standing, 0, 0)]
        self._states = ChangeLog[StateChange](self.base.state_change)
        self._operations = ChangeLog[OperationChange](self.base.operation_change)
        self._touched: set[OperationKey] = set()
        self._changed_from_ms: int | None = None
        self._back: dict[PublisherKey, int] = {}

    def __len__(self) -> int:
        return len(self._order)

    def add(self, facts: Iterable[Fact]) -> None:
        """Take facts in and fold; `changes` and `state_changes` then tell what moved.

        Raises:
            TooOldError: a fact belongs before the base. Nothing was taken in.
        """
        facts = list(facts)
        if not all(map(self.base.precedes, facts)):
            self._refuse_too_old(facts)
        for fact in facts:
            self._place(fact)
        self._fold()

    def changes(self) -> tuple[set[OperationKey], int | None]:
        """What changed since the last call: operations, and the earliest effective time.

        Before that time nothing is other than it was; it is None if no fact was taken in. An
        operation that is named here and not in `standing.tallies` has lost what it had.
        """
        touched, self._touched = self._touched, set()
        since, self._changed_from_ms = self._changed_from_ms, None
        return touched, since

    def state_changes(self) -> ChangedStates | None:
        """How the changes of state after the base differ since the last call; None: not at all."""
        return self._states.changed()

    def operation_changes(self) -> ChangedOperations | None:
        """Likewise, how the operations on the machine differ."""
        return self._operations.changed()

    def advance(self, keep: int) -> Base | None:
        """Move the base forward so that about `keep` facts stay in the window.

        Answers the new base to be stored, or None if no mark lies there.
        """
        limit = len(self._order) - keep
        at = bisect_right(self._marks, limit, key=lambda mark: mark.at) - 1
        mark = self._marks[at]
        if mark.at == 0:
            return None
        consumed = dict(self.base.consumed)
        counts: dict[PublisherKey, int] = {}
        for e_ms, source, boot, seq, _ in self._order[: mark.at]:
            consumed[source, boot] = (seq, e_ms)
            counts[source, boot] = counts.get((source, boot), 0) + 1
        place = Place(*self._order[mark.at - 1][:4])
        standing = mark.standing.copy()
        _forget_slots(standing, place.e_ms)
        _forget_slots(self.standing, place.e_ms)
        for key, count in counts.items():
            track = self._tracks[key]
            track.floor_e = consumed[key][1]
            del track.seqs[:count], track.es[:count], track.facts[:count]
            if not track.seqs:
                del self._tracks[key]
        del self._order[: mark.at]
        self._folded -= mark.at
        self._marks = [later._replace(at=later.at - mark.at) for later in self._marks[at:]]
        self._marks[0] = _Mark(0, standing, mark.states, mark.operations)
        self.base = Base(
            place,
            standing,
            consumed,
            self._states.last_before(mark.states),
            self._operations.last_before(mark.operations),
        )
        self._states.drop(mark.states)
        self._operations.drop(mark.operations)
        return self.base

    def current_at(self, publisher: PublisherKey, seq: int) -> OperationKey | None:
        """The operation that runs here at an object's place in the order, by what is known now.

        Of an object that has left the window: at the window's beginning.
        """
        track = self._tracks.get(publisher)
        if track is None or (at := bisect_left(track.seqs, seq)) == len(track.seqs):
            return self.base.standing.current
        place = (track.es[at], *publisher, seq)
        index = bisect_left(self._order, place, key=_place_of)
        mark = self._marks[bisect_right(self._marks, index, key=lambda one: one.at) - 1]
        standing = Standing(current=mark.standing.current, paused=mark.standing.paused)
        for e_ms, source, boot, number, message in self._order[mark.at : index]:
            if isinstance(message, Job):
                standing.step(Place(e_ms, source, boot, number), message)
        return standing.current

    def clock_back_ms(self) -> dict[PublisherKey, int]:
        """Per publisher, the most by which a time ever stood before its effective time."""
        return self._back

    def _refuse_too_old(self, facts: list[Fact]) -> None:
        """What belongs after the base for good may be due to what its publisher said before it."""
        largest: dict[PublisherKey, int] = {}
        for fact in sorted(facts, key=lambda one: one.seq):
            key = (fact.source, fact.boot)
            e_ms = largest[key] = max(fact.t_ms, largest.get(key, NEVER_MS))
            track = self._tracks.get(key)
            if track is not None and (at := bisect_left(track.seqs, fact.seq)):
                e_ms = max(e_ms, track.es[at - 1])
            if not self.base.precedes(fact._replace(t_ms=e_ms)):
                raise TooOldError(fact)

    def _place(self, fact: Fact) -> None:
        source, boot, seq, t_ms, message = fact
        key = (source, boot)
        track = self._tracks.get(key)
        if track is None:
            consumed = self.base.consumed.get(key)
            track = self._tracks[key] = _Track(NEVER_MS if consumed is None else consumed[1])
        seqs, es = track.seqs, track.es
        if not seqs or seq > seqs[-1]:
            e_ms = es[-1] if es else track.floor_e
            if t_ms < e_ms:
                self._note_back(key, e_ms - t_ms)
            else:
                e_ms = t_ms
            seqs.append(seq)
            es.append(e_ms)
            track.facts.append(fact)
            self._insert((e_ms, source, boot, seq, message))
            return
        at = bisect_left(seqs, seq)
        before = es[at - 1] if at else track.floor_e
        e_ms = max(t_ms, before)
        self._note_back(key, e_ms - t_ms)
        seqs.insert(at, seq)
        es.insert(at, e_ms)
        track.facts.insert(at, fact)
        self._insert((e_ms, source, boot, seq, message))
        self._raise_later(track, at + 1, e_ms)

    def _note_back(self, key: PublisherKey, back_ms: int) -> None:
        if back_ms > 0 and back_ms > self._back.get(key, 0):
            self._back[key] = back_ms

    def _raise_later(self, track: _Track, at: int, e_ms: int) -> None:
        """A late object's time is also the least effective time of its publisher's later ones."""
        while at < len(track.es) and track.es[at] < e_ms:
            fact = track.facts[at]
            old: _Entry = (track.es[at], fact.source, fact.boot, fact.seq, fact.message)
            index = bisect_left(self._order, old[:4], key=_place_of)
            self._roll_back(index)
            del self._order[index]
            self._note_changed(old[0])
            track.es[at] = e_ms
            self._note_back((fact.source, fact.boot), e_ms - fact.t_ms)
            self._insert((e_ms, *old[1:]))
            at += 1

    def _note_changed(self, e_ms: int) -> None:
        if self._changed_from_ms is None or e_ms < self._changed_from_ms:
            self._changed_from_ms = e_ms

    def _insert(self, entry: _Entry) -> None:
        since_ms = self._changed_from_ms
        if since_ms is None or entry[0] < since_ms:
            self._changed_from_ms = entry[0]
        order = self._order
        # No two have the same place: the comparison ends before the messages.
        if not order or entry > order[-1]:
            order.append(entry)
            return
        index = bisect_left(self._order, _place_of(entry), key=_place_of)
        self._roll_back(index)
        insort(self._order, entry, key=_place_of)

    def _roll_back(self, index: int) -> None:
        """Forget what was folded from `index` on, back to the mark before it."""
        if index >= self._folded:
            return
        while self._marks[-1].at > index:
            self._marks.pop()
        mark = self._marks[-1]
        self._states.cut(mark.states)
        self._operations.cut(mark.operations)
        self._touched |= differing(self.standing, mark.standing)
        self.standing = mark.standing.copy()
        self._folded = mark.at

    def _fold(self) -> None:
        standing, touched, order, states = self.standing, self._touched, self._order, self._states
        interval = max(MARK_EVERY, len(standing.tallies))
        for index in range(self._folded, len(order)):
            if index - self._marks[-1].at >= interval:
                self._marks.append(
                    _Mark(index, standing.copy(), len(states), len(self._operations))
                )
                interval = max(MARK_EVERY, len(standing.tallies))
            e_ms, source, boot, seq, message = order[index]
            kind = type(message)
            if kind in SILENT:
                standing.last_ms = e_ms
                continue
            if isinstance(message, State):
                left = standing.state, standing.reason
                standing.step(Place(e_ms, source, boot, seq), message)
                if (message.state, standing.reason) != left:
                    key = states.key_at(e_ms)
                    states.append(StateChange(*key, *left, message.state, standing.reason))
                continue
            current = standing.current
            changed = standing.step(Place(e_ms, source, boot, seq), message)
            if changed is not None:
                touched.add(changed)
                if standing.current != current:
                    if current is not None:
                        touched.add(current)
                    key = self._operations.key_at(e_ms)
                    self._operations.append(OperationChange(*key, standing.current))
        self._folded = len(order)


def _place_of(entry: _Entry) -> tuple[int, str, str, int]:
    return entry[:4]


def differing(one: Standing, other: Standing) -> set[OperationKey]:
    """The operations whose contribution is not the same in both."""
    keys = one.tallies.keys() | other.tallies.keys()
    return {key for key in keys if one.tallies.get(key) != other.tallies.get(key)}


_Slot = TypeVar("_Slot", int, MadeKey)


def changed_slots(
    before: dict[_Slot, tuple[int, int]], after: dict[_Slot, tuple[int, int]]
) -> tuple[list[_Slot], dict[_Slot, tuple[int, int]]]:
    """The slots that `after` has no more, and those that are new in it or other."""
    gone = [slot for slot in before if slot not in after]
    return gone, {slot: pieces for slot, pieces in after.items() if before.get(slot) != pieces}


def _forget_slots(standing: Standing, before_ms: int) -> None:
    for slot in [slot for slot in standing.slots if slot + SLOT_MS <= before_ms]:
        del standing.slots[slot]
    for key in [key for key in standing.made if key[0] + SLOT_MS <= before_ms]:
        del standing.made[key]


def superfluous(es_ms: list[int]) -> list[int]:
    """Which of a machine's checkpoints (their effective times, newest first) need not be kept.

    Kept are the newest eight, of older ones the newest of each day for 60 days, then of each month
    (30 days): a very late object folds more again, and storage stays bounded.
    """
    day_ms, kept, gone = 86_400_000, set(), []
    for at, e_ms in enumerate(es_ms):
        if at < KEEP_NEWEST:
            continue
        days = (es_ms[0] - e_ms) // day_ms
        bucket = ("day", e_ms // day_ms) if days <= KEEP_DAYS else ("month", e_ms // (30 * day_ms))
        if bucket in kept:
            gone.append(e_ms)
        kept.add(bucket)
    return gone

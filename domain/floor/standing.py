"""Where a machine stands after its objects up to a place in their order, and the step to the next.

The rules are "Assignment" in `docs/protocol.md` (ASSIGN-1 … ASSIGN-8).
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import msgspec
from msgspec import UNSET

from contracts.telemetry import (
    Count,
    Heartbeat,
    Job,
    JobEvent,
    LogOn,
    MachineState,
    Material,
    Message,
    Move,
    NativeObject,
    OperationState,
    Operator,
    Reading,
    State,
)

SLOT_MS: Final = 5 * 60_000
"""Pieces are also kept by slots of five minutes of effective time, for pace and shift figures."""

SILENT: Final = frozenset({Reading, Heartbeat, Message, Material, Move})
"""Objects that change nothing here but `last_ms`; most of what machines say is of these."""

OperationKey: TypeAlias = tuple[str, int]
"""(work order, operation) at the machine's site."""

MadeKey: TypeAlias = tuple[int, str, int]
"""(slot, work order, operation)."""


class Place(NamedTuple):
    """A place in a machine's order: effective time, source, boot, seq."""

    e_ms: int
    source: str
    boot: str
    seq: int


class Tally(msgspec.Struct, array_like=True):
    """What one machine contributes to one operation. Pieces and starts are counts.

    `requested` is what the latest start that said so asked for, at `requested_at`; `changed_at` and
    `state` are the last change of state here; `named_at` is the first object that named it.
    """

    named_at: Place
    good: int = 0
    scrap: int = 0
    runs: int = 0
    requested: int | None = None
    requested_at: int | None = None
    started_at: int | None = None
    changed_at: Place | None = None
    state: OperationState | None = None


class Standing(msgspec.Struct, array_like=True):
    """The fold's state. `step` is the only way forward.

    Attributes:
        current: the operation that runs here, also while paused.
        chains: per (source, field) the last counter reading; chains go on across boots.
        tallies: every operation this machine ever named, with its contribution.
        unassigned: good and scrap pieces counted while nothing was current.
        slots: good and scrap pieces by slot, for slots not older than the window.
        made: the same by slot and operation (work order, number), for those of an operation.
    """

    current: OperationKey | None = None
    paused: bool = False
    chains: dict[tuple[str, str], int] = {}
    tallies: dict[OperationKey, Tally] = {}
    unassigned: tuple[int, int] = (0, 0)
    state: MachineState | None = None
    reason: str | None = None
    state_since_ms: int | None = None
    operator: str | None = None
    last_ms: int | None = None
    slots: dict[int, tuple[int, int]] = {}
    made: dict[MadeKey, tuple[int, int]] = {}

    def copy(self) -> Standing:
        """An independent copy."""
        return Standing(
            self.current,
            self.paused,
            dict(self.chains),
            {key: msgspec.structs.replace(tally) for key, tally in self.tallies.items()},
            self.unassigned,
            self.state,
            self.reason,
            self.state_since_ms,
            self.operator,
            self.last_ms,
            dict(self.slots),
            dict(self.made),
        )

    def step(self, place: Place, message: NativeObject) -> OperationKey | None:
        """Take in the next object of the order; answers the operation it changed, if one.

        A start may interrupt another operation as well: `current` before the step names it.
        """
        self.last_ms = place.e_ms
        if isinstance(message, Count):
            return self._count(place, message)
        if isinstance(message, Job):
            return self._job(place, message)
        if isinstance(message, State):
            self._state(place, message)
        elif isinstance(message, Operator):
            self._operator(message)
        return None

    def _tally(self, key: OperationKey, place: Place) -> Tally:
        tally = self.tallies.get(key)
        if tally is None:
            tally = self.tallies[key] = Tally(place)
        return tally

    def _job(self, place: Place, job: Job) -> OperationKey | None:
        key = (job.work_order, job.operation)
        match job.event:
            case JobEvent.STARTED:
                if self.current is not None and self.current != key:
                    self._change(self.current, place, OperationState.INTERRUPTED)
                self._start(key, place, job)
            case JobEvent.PAUSED | JobEvent.RESUMED:
                if self.current != key:
                    return None
                self.paused = job.event is JobEvent.PAUSED
                state = OperationState.PAUSED if self.paused else OperationState.RUNNING
                self._change(key, place, state)
            case JobEvent.COMPLETED | JobEvent.ABORTED:
                ended = job.event is JobEvent.COMPLETED
                self._change(
                    key, place, OperationState.COMPLETED if ended else OperationState.ABORTED
                )
                if self.current == key:
                    self.current, self.paused = None, False
        return key

    def _start(self, key: OperationKey, place: Place, job: Job) -> None:
        tally = self._tally(key, place)
        tally.runs += 1
        if job.requested is not UNSET:
            tally.requested, tally.requested_at = job.requested, place.e_ms
        if tally.started_at is None:
            tally.started_at = place.e_ms
        self._change(key, place, OperationState.RUNNING)
        self.current, self.paused = key, False

    def _change(self, key: OperationKey, place: Place, state: OperationState) -> None:
        tally = self._tally(key, place)
        tally.changed_at, tally.state = place, state

    def _count(self, place: Place, count: Count) -> OperationKey | None:
        source = place.source
        good = 0 if count.good is UNSET else count.good
        scrap = 0 if count.scrap is UNSET else count.scrap
        if count.good_total is not UNSET:
            good = self._difference((source, "good_total"), count.good_total)
        if count.scrap_total is not UNSET:
            scrap = self._difference((source, "scrap_total"), count.scrap_total)
        if good == 0 and scrap == 0:
            return None
        slot = place.e_ms - place.e_ms % SLOT_MS
        slot_good, slot_scrap = self.slots.get(slot, (0, 0))
        self.slots[slot] = (slot_good + good, slot_scrap + scrap)
        if count.work_order is not UNSET and count.operation is not UNSET:
            key: OperationKey | None = (count.work_order, count.operation)
        else:
            key = self.current
        if key is None:
            self.unassigned = (self.unassigned[0] + good, self.unassigned[1] + scrap)
            return None
        tally = self._tally(key, place)
        tally.good += good
        tally.scrap += scrap
        made_key = (slot, *key)
        made_good, made_scrap = self.made.get(made_key, (0, 0))
        self.made[made_key] = (made_good + good, made_scrap + scrap)
        return key

    def _difference(self, chain: tuple[str, str], reading: int) -> int:
        """What a reading adds: nothing as the first, itself after a reset."""
        before = self.chains.get(chain)
        self.chains[chain] = reading
        if before is None:
            return 0
        return reading - before if reading >= before else reading

    def _state(self, place: Place, state: State) -> None:
        reason = None if state.reason is UNSET else state.reason
        if state.state is not self.state:
            self.state_since_ms = place.e_ms
        self.state, self.reason = state.state, reason

    def _operator(self, message: Operator) -> None:
        if message.event is LogOn.LOGGED_ON:
            self.operator = message.operator
        elif self.operator == message.operator:
            self.operator = None

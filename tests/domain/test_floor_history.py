"""What is kept of a machine's past (HIST-4, HIST-5) against the oracle.

The rows are only ever changed by the differences that the past tells.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import slots, state_changes
from test_floor_past import START_MS, after, cut, expected, facts_of, objects_strategy, observed

from contracts.telemetry import MachineState
from domain.floor.past import Base, Fact, Past, TooOldError, beginning, changed_slots
from domain.floor.standing import SLOT_MS
from domain.floor.states import StateChange

RUNNING, IDLE, DOWN = MachineState.RUNNING, MachineState.IDLE, MachineState.DOWN


class Kept:
    """Tables of one machine, written as the stream worker does."""

    def __init__(self) -> None:
        self.bases = [beginning()]
        self.past = Past()
        self.arrived: list[Fact] = []
        self.states: dict[tuple[int, int], Any] = {}
        self.slots: dict[int, tuple[int, int]] = {}

    def take(self, batch: list[Fact]) -> None:
        """Fold a batch, from an older base if need be, and write what differs."""
        before_slots = dict(self.past.standing.slots)
        before_states = dict(self.states)
        try:
            self.past.add(batch)
        except TooOldError:
            self.bases = [b for b in self.bases if all(b.precedes(fact) for fact in batch)]
            self.past = self.read_back()
            before_slots = dict(self.past.standing.slots)
            self.past.add(batch)
        self.arrived += batch
        _, since_ms = self.past.changes()
        assert since_ms is not None
        gone, changed = changed_slots(before_slots, self.past.standing.slots)
        for slot in gone:
            del self.slots[slot]
        self.slots |= changed
        assert all(slot + SLOT_MS > since_ms for slot in (*gone, *changed))
        self._write_states(since_ms)
        assert (self.states != before_states) == (self.told is not None)

    def _write_states(self, since_ms: int) -> None:
        self.told = self.past.state_changes()
        if self.told is None:
            return
        assert self.told.since_ms >= since_ms
        for key in self.told.gone:
            del self.states[key]
        for row in self.told.rows:
            self.states[row.key] = _as_oracle(row)

    def read_back(self) -> Past:
        """A worker that starts reads the newest base and the objects after it."""
        past = Past(self.bases[-1])
        past.add(after(past.base, self.arrived))
        past.changes()
        past.state_changes()
        return past

    def advance(self, keep: int) -> None:
        base = self.past.advance(keep)
        if base is not None:
            self.bases.append(
                Base(base.place, base.standing, dict(base.consumed), base.state_change)
            )


def _as_oracle(row: StateChange) -> Any:
    left = (None if row.left_state is None else row.left_state.value, row.left_reason)
    return left, (row.state.value, row.reason)


@given(objects_strategy, st.integers(0, 2**32))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_hist_4_rows_after_any_order_of_arrival_are_those_of_the_sorted_whole(
    objects: list[tuple[str, dict[str, Any]]], seed: int
) -> None:
    rng = random.Random(seed)
    facts = facts_of(objects)
    rng.shuffle(facts)
    kept = Kept()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("domain.floor.past.MARK_EVERY", 3)
        for batch in cut(facts, rng):
            kept.take(batch)
            if rng.random() < 0.5:
                kept.advance(rng.randint(0, 6))
            if rng.random() < 0.2:
                kept.past = kept.read_back()
    assert kept.states == state_changes(objects)
    assert kept.slots == slots(objects, SLOT_MS)
    assert observed(kept.past.standing) == expected(objects)


def _state(seq: int, at_s: int, state: str, source: str = "main", **more: Any) -> Fact:
    obj = {"t": START_MS + at_s * 1000, "source": source, "boot": "b", "seq": seq}
    (fact,) = facts_of([("state", obj | {"state": state} | more)])
    return fact


def test_hist_4_a_change_of_the_reason_is_a_change() -> None:
    past = Past()
    past.add([_state(0, 0, "down"), _state(1, 1, "down"), _state(2, 2, "down", reason="jam")])
    told = past.state_changes()
    assert told is not None
    assert told.gone == []
    assert told.rows == [
        StateChange(START_MS, 0, None, None, DOWN, None),
        StateChange(START_MS + 2000, 0, DOWN, None, DOWN, "jam"),
    ]


def test_hist_5_a_late_state_changes_what_the_next_row_left() -> None:
    past = Past()
    past.add([_state(0, 0, "running"), _state(1, 10, "down")])
    assert past.state_changes() is not None
    assert past.state_changes() is None
    past.add([_state(0, 5, "idle", source="aux")])
    told = past.state_changes()
    assert told is not None
    assert told.gone == []
    assert told.rows == [
        StateChange(START_MS + 5000, 0, RUNNING, None, IDLE, None),
        StateChange(START_MS + 10_000, 0, IDLE, None, DOWN, None),
    ]
    assert told.since_ms == START_MS + 5000


def test_hist_5_a_late_state_can_take_the_next_rows_place() -> None:
    past = Past()
    past.add([_state(0, 0, "running"), _state(1, 10, "down")])
    past.state_changes()
    past.add([_state(0, 5, "down", source="aux")])
    told = past.state_changes()
    assert told is not None
    assert told.gone == [(START_MS + 10_000, 0)]
    assert told.rows == [StateChange(START_MS + 5000, 0, RUNNING, None, DOWN, None)]


def test_hist_5_a_late_object_that_changes_no_state_tells_nothing() -> None:
    past = Past()
    past.add([_state(0, 0, "running"), _state(1, 10, "down")])
    past.state_changes()
    obj = {"t": START_MS + 5000, "source": "aux", "boot": "b", "seq": 0}
    past.add(facts_of([("heartbeat", obj)]))
    assert past.state_changes() is None


def test_hist_4_changes_of_one_millisecond_are_told_apart_across_a_base() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("domain.floor.past.MARK_EVERY", 2)
        past = Past()
        # The clock steps back behind its first time: all have the same effective time.
        states = ["running", "down"]
        past.add([_state(0, 60, "idle"), *(_state(n, n, states[n % 2]) for n in range(1, 8))])
        first = past.state_changes()
        assert first is not None
        base = past.advance(2)
        assert base is not None
        assert base.state_change is not None
        again = Past(base)
        more = [_state(8, 8, "idle"), _state(9, 9, "down")]
        again.add([_state(n, n, states[n % 2]) for n in range(base.state_change[1] + 1, 8)])
        again.state_changes()
        again.add(more)
        past.add(more)
        told = past.state_changes()
        assert told == again.state_changes()
        assert told is not None
        assert [row.nth for row in (*first.rows, *told.rows)] == list(range(10))

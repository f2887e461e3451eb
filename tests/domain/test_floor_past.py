"""The fold against the oracle: any order of arrival, any cut into batches, any base."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Result, solve

from contracts.telemetry import OperationState
from contracts.topics import Kind
from domain.floor.past import Base, Fact, Past, TooOldError, beginning
from domain.floor.standing import Place, Standing
from domain.intake import Accepted, judge

MACHINE = "plant/area/line/m1"
START_MS = 1_772_431_200_000


told_states = st.builds(
    lambda state, reason: {"state": state} | reason,
    st.sampled_from(["running", "idle", "down"]),
    st.sampled_from([{}, {"reason": "jam"}, {"reason": "tool"}]),
)


def _objects(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    objects: list[tuple[str, dict[str, Any]]] = []
    operations = st.tuples(st.sampled_from(["A", "B", "C"]), st.sampled_from([10, 20]))
    for source in draw(st.lists(st.sampled_from(["main", "aux", "Z"]), min_size=1, unique=True)):
        for boot in draw(st.lists(st.sampled_from(["b1", "b0"]), min_size=1, unique=True)):
            for seq in range(draw(st.integers(0, 12))):
                shared = {
                    "t": START_MS + draw(st.integers(0, 30)) * 1000,
                    "source": source,
                    "boot": boot,
                    "seq": seq,
                }
                form = draw(st.integers(0, 7))
                if form <= 1:
                    event = draw(
                        st.sampled_from(["started", "paused", "resumed", "completed", "aborted"])
                    )
                    work_order, operation = draw(operations)
                    job = {"event": event, "work_order": work_order, "operation": operation}
                    objects.append(("job", shared | job))
                elif form == 2:
                    objects.append(("count", shared | {"good": draw(st.integers(0, 3))}))
                elif form == 3:
                    totals = {"good_total": draw(st.integers(0, 9))}
                    if draw(st.booleans()):
                        totals["scrap_total"] = draw(st.integers(0, 9))
                    objects.append(("count", shared | totals))
                elif form == 4:
                    work_order, operation = draw(operations)
                    explicit = {"work_order": work_order, "operation": operation}
                    objects.append(
                        ("count", shared | {"good": draw(st.integers(0, 2)), "scrap": 1} | explicit)
                    )
                elif form == 5:
                    objects.append(("heartbeat", shared))
                else:
                    objects.append(("state", shared | draw(told_states)))
    return objects


objects_strategy = st.composite(_objects)()


def facts_of(objects: list[tuple[str, dict[str, Any]]]) -> list[Fact]:
    facts = []
    for kind, obj in objects:
        topic = f"gemba/v1/{MACHINE}/{kind}"
        payload = msgspec.json.encode(obj)
        (judged,) = judge(topic, payload, size=len(payload), received_ms=START_MS + 60_000)
        assert isinstance(judged, Accepted), judged
        facts.append(Fact(obj["source"], obj["boot"], obj["seq"], judged.t_ms, judged.message))
    return facts


def expected(objects: list[tuple[str, dict[str, Any]]]) -> Result:
    return solve([(MACHINE, kind, obj) for kind, obj in objects])


def observed(standing: Standing) -> Result:
    result = Result()
    for key, tally in standing.tallies.items():
        result.operations[key] = {
            "good": tally.good,
            "scrap": tally.scrap,
            "runs": tally.runs,
            "state": tally.state or OperationState.PLANNED,
        }
    if standing.unassigned != (0, 0):
        result.unassigned[MACHINE] = standing.unassigned
    return result


def cut(facts: list[Fact], rng: random.Random) -> list[list[Fact]]:
    batches, at = [], 0
    while at < len(facts):
        size = rng.randint(1, 9)
        batches.append(facts[at : at + size])
        at += size
    return batches


@given(objects_strategy, st.integers(0, 2**32))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_order_and_any_cut_give_what_the_sorted_whole_gives(
    objects: list[tuple[str, dict[str, Any]]], seed: int
) -> None:
    rng = random.Random(seed)
    facts = facts_of(objects)
    rng.shuffle(facts)
    past = Past()
    for batch in cut(facts, rng):
        past.add(batch)
    assert observed(past.standing) == expected(objects)


@given(objects_strategy, st.integers(0, 2**32))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_rebuild_from_any_base_gives_the_incremental_standing(
    objects: list[tuple[str, dict[str, Any]]], seed: int
) -> None:
    rng = random.Random(seed)
    facts = facts_of(objects)
    rng.shuffle(facts)
    bases = [beginning()]
    past = Past()
    arrived: list[Fact] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("domain.floor.past.MARK_EVERY", 3)
        for batch in cut(facts, rng):
            arrived += batch
            try:
                past.add(batch)
            except TooOldError:
                bases = [b for b in bases if all(b.precedes(fact) for fact in batch)]
                past = Past(_stored(bases[-1]))
                past.add(after(past.base, arrived))
            if rng.random() < 0.5:
                base = past.advance(rng.randint(0, 6))
                if base is not None:
                    bases.append(_stored(base))
    assert observed(past.standing) == expected(objects)


def after(base: Base, facts: list[Fact]) -> list[Fact]:
    """What is read back: what the base has not consumed."""
    return [
        fact for fact in facts if fact.seq > base.consumed.get((fact.source, fact.boot), (-1, 0))[0]
    ]


def _stored(base: Base) -> Base:
    """Through the bytes that a checkpoint is."""
    encoded = msgspec.msgpack.encode(base)
    return msgspec.msgpack.decode(encoded, type=Base)


def test_what_changed_names_exactly_the_operations_that_differ() -> None:
    shared = {"source": "main", "boot": "b"}
    a = {"work_order": "A", "operation": 10}
    b = {"work_order": "B", "operation": 10}
    past = Past()
    start_a = ("job", shared | {"t": START_MS, "seq": 0, "event": "started"} | a)
    pieces = ("count", shared | {"t": START_MS + 2000, "seq": 2, "good": 5})
    past.add(facts_of([start_a, pieces]))
    assert past.changes() == ({("A", 10)}, START_MS)
    assert past.changes() == (set(), None)
    assert past.standing.tallies["A", 10].good == 5

    late = ("job", shared | {"t": START_MS + 1000, "seq": 1, "event": "started"} | b)
    past.add(facts_of([late]))
    touched, since_ms = past.changes()
    assert touched == {("A", 10), ("B", 10)}
    assert since_ms == START_MS + 1000
    assert past.standing.tallies["A", 10].good == 0
    assert past.standing.tallies["A", 10].state is OperationState.INTERRUPTED
    assert past.standing.tallies["B", 10].good == 5


def test_a_late_object_raises_the_effective_time_of_later_ones() -> None:
    shared = {"source": "main", "boot": "b"}
    other = {"source": "aux", "boot": "b"}
    past = Past()
    past.add(
        facts_of(
            [
                (
                    "job",
                    other
                    | {"t": START_MS + 5000, "seq": 0, "event": "started"}
                    | {"work_order": "A", "operation": 10},
                ),
                ("count", shared | {"t": START_MS + 1000, "seq": 1, "good": 2}),
            ]
        )
    )
    assert past.standing.unassigned == (2, 0)
    past.add(facts_of([("heartbeat", shared | {"t": START_MS + 9000, "seq": 0})]))
    assert past.standing.unassigned == (0, 0)
    assert past.standing.tallies["A", 10].good == 2
    assert past.clock_back_ms() == {("main", "b"): 8000}


def test_a_base_refuses_what_belongs_before_it() -> None:
    rows = [
        ("count", {"source": "m", "boot": "b", "t": START_MS + n, "seq": n, "good": 1})
        for n in range(600)
    ]
    past = Past()
    past.add(facts_of(rows[1:]))
    base = past.advance(100)
    assert base is not None
    assert base.place is not None
    assert base.place > Place(START_MS, "m", "b", 0)
    assert len(past) == 599 - base.consumed["m", "b"][0]
    with pytest.raises(TooOldError, match="seq 0 of m/b"):
        past.add(facts_of(rows[:1]))
    assert past.standing.unassigned == (599, 0)


def test_kinds_cover_the_topic_grammar() -> None:
    assert {kind.value for kind in Kind} >= {"count", "job", "heartbeat"}


def test_a_clock_that_stepped_back_after_the_base_is_read_back() -> None:
    facts = facts_of(
        [
            ("count", {"source": "a", "boot": "b", "t": START_MS + 500 * n, "seq": n, "good": 1})
            for n in range(600)
        ]
        + [
            ("count", {"source": "z", "boot": "b", "t": START_MS + t, "seq": n, "good": 1})
            for n, t in enumerate((1000, 295_000, 2000))
        ]
    )
    past = Past()
    past.add(facts)
    base = past.advance(100)
    assert base is not None
    assert base.consumed["z", "b"] == (0, START_MS + 1000)
    assert not base.precedes(facts[-1])  # alone it would belong before the base
    again = Past(_stored(base))
    again.add(after(base, facts))
    assert again.standing == past.standing
    lonely = Past(_stored(base))
    with pytest.raises(TooOldError, match="seq 2 of z/b"):
        lonely.add(facts[-1:])
    lonely.add(facts[-2:-1])
    lonely.add(facts[-1:])
    assert len(lonely) == 2

"""Which operation runs where an object stands in the order: what material was used for."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from test_floor_past import cut, facts_of, objects_strategy

from domain.floor.past import Fact, Past
from domain.floor.standing import OperationKey, Place, Standing


def in_order(facts: list[Fact]) -> list[tuple[Place, Fact]]:
    """The rule of the protocol, told without the code that is tested."""
    placed = []
    largest: dict[tuple[str, str], int] = {}
    for fact in sorted(facts, key=lambda one: one.seq):
        key = (fact.source, fact.boot)
        largest[key] = max(largest.get(key, fact.t_ms), fact.t_ms)
        placed.append((Place(largest[key], fact.source, fact.boot, fact.seq), fact))
    return sorted(placed, key=lambda pair: pair[0])


@given(objects_strategy, st.integers(0, 2**32))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_it_is_the_one_that_the_objects_before_it_left(
    objects: list[tuple[str, dict[str, Any]]], seed: int
) -> None:
    rng = random.Random(seed)
    facts = facts_of(objects)
    shuffled = rng.sample(facts, len(facts))
    past = Past()
    for batch in cut(shuffled, rng):
        past.add(batch)
    standing = Standing()
    for place, fact in in_order(facts):
        expected: OperationKey | None = standing.current
        assert past.current_at((fact.source, fact.boot), fact.seq) == expected
        standing.step(place, fact.message)


def test_of_what_has_left_the_window_it_is_the_one_at_its_beginning() -> None:
    assert Past().current_at(("main", "b"), 7) is None

"""Conflicts in the planner's words: names instead of ids, and every value that there is."""

from __future__ import annotations

import msgspec
import pytest

from domain.plan.fact_words import conflicts, fact
from domain.plan.facts import Fact
from domain.plan.plan import Conflict
from store.planning.loaded import OperationOf


class _Called(msgspec.Struct, frozen=True, kw_only=True):
    operations: dict[int, OperationOf]
    machines: dict[int, str]
    resources: dict[int, str]


CALLED = _Called(
    operations={
        1: OperationOf(work_order_id=5, work_order="WO-1", number=10),
        2: OperationOf(work_order_id=5, work_order="WO-1", number=20),
    },
    machines={3: "plant/press-01"},
    resources={4: "welders"},
)


@pytest.mark.parametrize("code", list(Fact))
def test_every_fact_has_words_for_all_that_it_names(code: Fact) -> None:
    whole = Conflict(
        code=code,
        operation=1,
        other=2,
        machine=3,
        resource=4,
        at_ms=1_700_000_040_000,
        value=5_400_000,
        limit=7,
    )
    told = fact(whole, CALLED)
    assert "{" not in told
    assert "None" not in told
    assert any(name in told for name in ("WO-1/10", "plant/press-01", "welders"))


def test_what_is_told_is_what_stands_in_the_fact() -> None:
    need = Conflict(code=Fact.NEED, operation=1, machine=3, resource=4, value=3)
    least = Conflict(code=Fact.ONLY_ON, operation=2, value=2)
    long = Conflict(code=Fact.UNINTERRUPTED, operation=2, value=5_400_000)
    late = Conflict(code=Fact.MATERIAL, operation=1, at_ms=1_700_000_040_000)
    assert fact(need, CALLED) == "WO-1/10 needs 3 of welders on plant/press-01"
    assert fact(least, CALLED) == "only 2 machines can do WO-1/20"
    assert fact(long, CALLED) == "WO-1/20 must not be interrupted and takes 1 h 30 min"
    assert fact(late, CALLED) == "material for WO-1/10 comes at 2023-11-14 22:14 UTC"


def test_what_nobody_has_a_name_for_is_told_without_its_id() -> None:
    strange = Conflict(code=Fact.PRECEDENCE, operation=8, other=9)
    unnamed = "an operation that nobody has named"
    assert fact(strange, CALLED) == f"{unnamed} comes after {unnamed}"
    assert fact(Conflict(code="rejected:overlap", operation=1), CALLED) == (
        "the planner made a mistake about WO-1/10; its log says which"
    )


def test_of_many_facts_the_rest_is_counted() -> None:
    facts = [Conflict(code=Fact.PRECEDENCE, operation=1, other=2)] * 8
    told = conflicts(facts, CALLED)
    assert told.count("WO-1/10 comes after WO-1/20") == 6
    assert told.endswith("; and 2 more")

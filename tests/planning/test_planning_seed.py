"""The seeded factory can be read as a problem."""

from __future__ import annotations

from planning_rows import NOW_MS, seed_factory

from domain.plan.problem import PinKind
from store.database import Connection
from store.planning.problem import load_problem


async def test_a_seeded_factory_is_a_problem_of_its_size(connection: Connection) -> None:
    made = await seed_factory(connection, operations=1_000, machines=20, running=10)

    loaded = await load_problem(connection, made.scope, now_ms=NOW_MS)

    assert len(loaded.problem.operations) == 1_000
    assert len(loaded.problem.machines) == 20
    assert len(loaded.problem.jobs) == 200
    assert loaded.unplanned == []
    pins = [operation.pin.kind for operation in loaded.problem.operations if operation.pin]
    assert pins == [PinKind.RUNNING] * len(made.running)
    assert made.running

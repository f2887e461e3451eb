"""Which machines' changes ask for a round of the projection, and how soon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from planning_floor import SITE, Agent, Shop, now_ms, open_log

from store.database import Pool
from store.log import StreamLog


@pytest.fixture
async def log(pool: Pool) -> AsyncIterator[StreamLog]:
    async with open_log(pool) as opened:
        yield opened


class Marks:
    """An agent that makes no rounds, and what it would have made them for."""

    def __init__(self, shop: Shop, agent: Agent) -> None:
        self._shop, self._agent = shop, agent
        self._told: list[bool] = []
        agent.agent._mark = self._mark  # type: ignore[method-assign]  # to hear what it would do

    def _mark(self, scope: str, *, urgent: bool) -> None:
        assert scope == SITE
        self._told.append(urgent)

    async def of(self, **state: Any) -> list[bool]:
        """The marks, urgent or not, after a machine changed so."""
        if state:
            await self._shop.rows.machine_state(self._shop.m1, **state)
        self._told.clear()
        await self._agent.agent._machines_changed({self._shop.m1: SITE})
        return list(self._told)


async def test_a_machine_that_counts_and_works_on_nothing_moves_no_date(
    pool: Pool, log: StreamLog
) -> None:
    shop = Shop(pool, log)
    await shop.make()
    marks = Marks(shop, Agent(pool, log))
    at = now_ms()
    idle = {"state": "running", "state_since_ms": at, "operation_id": None}
    assert await marks.of(**idle) == [False]  # nobody knew it before
    assert await marks.of(**idle, last_seen_ms=at + 1) == []
    assert await marks.of(state="stopped", state_since_ms=at + 5) == [False]
    assert await marks.of() == []
    # It works: each piece is progress, and so is the end of it.
    assert await marks.of(operation_id=shop.operations[0]) == [False]
    assert await marks.of() == [False]
    assert await marks.of(operation_id=None) == [False]
    assert await marks.of() == []
    # Broken, broken anew, and well again, whatever it works on.
    assert await marks.of(state="down", state_since_ms=at + 10) == [True]
    assert await marks.of() == []
    assert await marks.of(state="down", state_since_ms=at + 20) == [True]
    assert await marks.of(state="running", state_since_ms=at + 30) == [True]
    assert await marks.of() == []

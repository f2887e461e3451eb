"""STREAM-6 with two planning agents: one makes the rounds, whoever hears what happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from live_rows import M1
from planning_floor import MINUTE_MS, SITE, Agent, Shop, agent_at_work, eventually, now_ms, open_log

from contracts.ids import EpochMs, MachinePath, SiteCode
from contracts.plan import DisruptionKind
from contracts.streams import FLOOR, ORDERS, MachineChanged, OrderEvent
from store.database import Pool
from store.log import StreamLog
from streams.planning import timing

DOWN, UP = DisruptionKind.MACHINE_DOWN, DisruptionKind.MACHINE_UP


@pytest.fixture
async def log(pool: Pool) -> AsyncIterator[StreamLog]:
    async with open_log(pool) as opened:
        yield opened


@pytest.fixture
async def shop(pool: Pool, log: StreamLog) -> Shop:
    made = Shop(pool, log)
    await made.make()
    await made.policy(down_threshold_ms=MINUTE_MS, tolerance_ms=10 * MINUTE_MS)
    await made.publish()
    return made


@pytest.fixture
async def leader(pool: Pool, log: StreamLog, shop: Shop) -> AsyncIterator[Agent]:
    async with agent_at_work(pool, log) as working:
        await eventually(lambda: count(shop), 3)
        yield working


@pytest.fixture
async def other(pool: Pool, log: StreamLog, leader: Agent) -> AsyncIterator[Agent]:
    """A worker beside the leader; it looked around when it got its partitions, by way of it."""
    async with agent_at_work(pool, log) as working:
        await asyncio.sleep(1.5)
        assert leader.presence.term is not None
        assert working.presence.term is None
        yield working


async def count(shop: Shop) -> int:
    return len(await shop.projected())


async def breaks_down(shop: Shop, agent: Agent) -> None:
    since_ms = now_ms() - 2 * MINUTE_MS
    await shop.rows.machine_state(
        shop.m1, state="down", reason="tool broken", state_since_ms=since_ms
    )
    await agent.hear(FLOOR, MachineChanged(SiteCode(SITE), shop.m1, MachinePath(M1), 1))


async def test_what_another_worker_hears_the_leader_looks_at(
    shop: Shop, leader: Agent, other: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "REGULAR_S", 600.0)  # what is told below, is not by a regular look
    await breaks_down(shop, other)
    await eventually(shop.kinds, [DOWN])
    await shop.rows.machine_state(shop.m1, state="running", reason=None, state_since_ms=now_ms())
    await other.hear(FLOOR, MachineChanged(SiteCode(SITE), shop.m1, MachinePath(M1), 2))
    await shop.answer()

    async def of_the_machine() -> list[str]:
        # On a busy machine the work may be late meanwhile, which is told as well.
        return [kind for kind in await shop.kinds() if kind in {DOWN, UP}]

    await eventually(of_the_machine, [DOWN, UP])
    assert other.rounds == 0
    assert other.orders == []
    assert leader.orders


async def test_orders_become_disruptions_where_they_are_heard(
    shop: Shop, leader: Agent, other: Agent
) -> None:
    event = OrderEvent(SiteCode(SITE), "OrderReleased", shop.orders[0], [], 2, EpochMs(now_ms()))
    await other.hear(ORDERS, event)
    assert await shop.kinds() == [DisruptionKind.WORK_RELEASED]
    assert leader.presence.term is not None


async def test_another_worker_goes_on_where_the_leader_ended(
    pool: Pool, log: StreamLog, shop: Shop
) -> None:
    async with agent_at_work(pool, log) as second, agent_at_work(pool, log) as first:
        agents = (first, second)
        await eventually(lambda: count(shop), 3)
        ended, next_ = agents if first.presence.term is not None else agents[::-1]
        ended.working = False

        async def follows() -> bool:
            return next_.presence.term is not None

        await eventually(follows, wanted=True)
        await breaks_down(shop, ended)  # told to the one that does not lead any more
        await eventually(shop.kinds, [DOWN])
        # Whoever leads anew tells everything anew: what screens were told is not known.
        stood = ended.rounds
        await next_.round()
        assert sorted(set(next_.orders)) == [(SITE, order) for order in sorted(shop.orders)]
        assert ended.rounds == stood


async def test_a_leader_that_leads_again_remembers_nothing(
    pool: Pool, log: StreamLog, shop: Shop
) -> None:
    """Ends of orders may have been told and moved meanwhile, by another worker."""
    async with agent_at_work(pool, log) as agent:
        await eventually(lambda: count(shop), 3)
        agent.orders.clear()
        agent.working = False

        async def leads_no_more() -> bool:
            return agent.presence.term is None

        await eventually(leads_no_more, wanted=True)
        agent.working = True

        async def told() -> list[tuple[str, int]]:
            return sorted(set(agent.orders))

        await eventually(told, [(SITE, order) for order in sorted(shop.orders)])


async def test_who_is_given_partitions_has_every_scope_looked_at(
    shop: Shop, leader: Agent, other: Agent
) -> None:
    """The worker that had them may have been killed before it passed on what it heard."""
    other.working = False
    await asyncio.sleep(1.2)
    since_ms = now_ms() - 2 * MINUTE_MS
    await shop.rows.machine_state(shop.m1, state="down", reason="jam", state_since_ms=since_ms)
    other.working = True
    await eventually(shop.kinds, [DOWN])
    assert leader.presence.term is not None


async def test_many_notes_are_passed_on_in_several_notifies(
    shop: Shop, leader: Agent, other: Agent
) -> None:
    events = [
        MachineChanged(SiteCode(SITE), 10**9 + number, MachinePath(M1), 1)
        for number in range(2_000)
    ]
    await other.hear(FLOOR, *events)
    await breaks_down(shop, other)
    await eventually(shop.kinds, [DOWN])
    assert other.rounds == 0
    assert leader.presence.term is not None

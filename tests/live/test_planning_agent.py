"""The projection and the disruptions: what the planning agent makes of what happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from live_rows import M1
from planning_floor import (
    MINUTE_MS,
    SITE,
    Agent,
    Shop,
    agent_at_work,
    eventually,
    now_ms,
    open_log,
)

from contracts.ids import EpochMs, MachinePath, SiteCode
from contracts.plan import DisruptionKind, PlanState
from contracts.streams import (
    FLOOR,
    ORDERS,
    PLANS,
    PROGRESS,
    MachineChanged,
    OperationProgressed,
    OrderEvent,
    PlanStored,
)
from store.database import Pool
from store.log import StreamLog
from streams.consumption import Fenced
from streams.planning import timing

STORED = PlanStored(SITE, 1, 1, PlanState.PUBLISHED, [])
DOWN, UP = DisruptionKind.MACHINE_DOWN, DisruptionKind.MACHINE_UP


@pytest.fixture
async def log(pool: Pool) -> AsyncIterator[StreamLog]:
    async with open_log(pool) as opened:
        yield opened


@pytest.fixture
async def shop(pool: Pool, log: StreamLog) -> Shop:
    """A shop with a plan in force; a machine is broken when it is down for a minute."""
    made = Shop(pool, log)
    await made.make()
    await made.policy(down_threshold_ms=MINUTE_MS, tolerance_ms=10 * MINUTE_MS)
    await made.publish()
    return made


@pytest.fixture
async def agent(pool: Pool, log: StreamLog, shop: Shop) -> AsyncIterator[Agent]:
    async with agent_at_work(pool, log) as working:
        await eventually(lambda: _count(shop), 3)
        yield working


async def _count(shop: Shop) -> int:
    return len(await shop.projected())


def machine_changed(shop: Shop) -> MachineChanged:
    return MachineChanged(SiteCode(SITE), shop.m1, MachinePath(M1), 1)


def progressed(shop: Shop, operation: int) -> OperationProgressed:
    return OperationProgressed(
        SiteCode(SITE), shop.works[0], operation, 2, 10, 0, 1, "running", [shop.orders[0]]
    )


def released(order: int, name: str = "OrderReleased", *, version: int = 2) -> OrderEvent:
    return OrderEvent(SiteCode(SITE), name, order, [], version, EpochMs(now_ms()))


async def breaks_down(shop: Shop, agent: Agent, *, minutes_ago: float) -> int:
    since_ms = now_ms() - int(minutes_ago * MINUTE_MS)
    await shop.rows.machine_state(
        shop.m1, state="down", reason="tool broken", state_since_ms=since_ms
    )
    await agent.hear(FLOOR, machine_changed(shop))
    return since_ms


async def works_again(shop: Shop, agent: Agent) -> None:
    await shop.rows.machine_state(shop.m1, state="running", reason=None, state_since_ms=now_ms())
    await agent.hear(FLOOR, machine_changed(shop))


class TestProjection:
    async def test_it_follows_what_really_happens(self, shop: Shop, agent: Agent) -> None:
        first, second, third = shop.operations
        before = await shop.projected()
        await shop.start(first, shop.m1)
        await shop.rows.run("UPDATE operations SET cycle_ms = %s WHERE id = %s", 65_000, first)
        await agent.hear(PROGRESS, progressed(shop, first))

        async def later() -> bool:
            now = await shop.projected()
            return all(now[one][1] > before[one][1] + 4 * MINUTE_MS for one in (first, second))

        await eventually(later, wanted=True)
        assert (await shop.projected())[third][1] > before[third][1]
        assert await shop.kinds() == []

    async def test_work_that_is_over_has_none(self, shop: Shop, agent: Agent) -> None:
        await shop.rows.progress(shop.operations[2], 60, state="completed", ended_ms=now_ms())
        await agent.hear(PROGRESS, progressed(shop, shop.operations[2]))
        await eventually(lambda: _count(shop), 2)
        assert any(shop.operations[2] in told for _, told in agent.operations[1:])

    async def test_a_new_plan_is_projected_at_once(self, shop: Shop, agent: Agent) -> None:
        await shop.add_work(3, (shop.m2,), due=datetime.now(UTC) + timedelta(days=1))
        await agent.hear(PLANS, await shop.publish())
        await eventually(lambda: _count(shop), 4)

    async def test_orders_are_told_when_their_end_moves_by_a_minute(
        self, shop: Shop, agent: Agent
    ) -> None:
        async def told() -> list[tuple[str, int]]:
            return sorted(set(agent.orders))

        await eventually(told, [(SITE, order) for order in sorted(shop.orders)])
        await agent.round()
        agent.orders.clear()
        await agent.hear(FLOOR, machine_changed(shop))
        await agent.round()
        assert agent.orders == []
        await breaks_down(shop, agent, minutes_ago=2)
        await eventually(told, [(SITE, order) for order in sorted(shop.orders)])

    async def test_a_worker_that_stands_by_makes_no_rounds(self, shop: Shop, agent: Agent) -> None:
        agent.working = False
        await agent.hear(PLANS, STORED)

        async def stands_by() -> bool:
            return agent.presence.term is None

        await eventually(stands_by, wanted=True)
        await asyncio.sleep(1.0)
        stood = agent.rounds
        await breaks_down(shop, agent, minutes_ago=2)
        await asyncio.sleep(0.5)
        assert agent.rounds == stood
        agent.working = True
        await eventually(shop.kinds, [DOWN])

    async def test_rounds_go_on_when_one_scope_cannot_be_read(
        self, shop: Shop, agent: Agent
    ) -> None:
        await shop.policy(frozen_ms="never")
        await agent.hear(PLANS, STORED)

        async def trouble() -> bool:
            return agent.agent.trouble is not None

        await eventually(trouble, wanted=True)
        await shop.policy()
        await agent.hear(PLANS, STORED)
        await eventually(trouble, wanted=False)


class TestBreakdowns:
    async def test_a_machine_down_for_long_enough_is_told_once(
        self, shop: Shop, agent: Agent
    ) -> None:
        since_ms = await breaks_down(shop, agent, minutes_ago=1)
        await eventually(shop.disruptions, [(DOWN, shop.m1, None)])
        await agent.hear(FLOOR, machine_changed(shop))
        await agent.round()
        assert await shop.disruptions() == [(DOWN, shop.m1, None)]
        (event,) = await shop.raised_events()
        assert (event.scope, event.kind) == (SITE, DOWN)
        detail = await shop.rows.one("SELECT detail FROM disruptions")
        said = datetime.fromtimestamp(since_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert detail == {"reason": "tool broken", "since": said}
        assert await shop.rows.one("SELECT site_id FROM disruptions") == shop.site

    async def test_it_is_told_when_the_threshold_is_reached_without_another_event(
        self, shop: Shop, agent: Agent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(timing, "REGULAR_S", 600.0)
        since_ms = await breaks_down(shop, agent, minutes_ago=1 - 8 / 60)
        await agent.round()
        assert await shop.kinds() == []
        await eventually(shop.kinds, [DOWN])
        raised = await shop.rows.one(
            "SELECT (extract(epoch FROM raised_at) * 1000)::bigint FROM disruptions"
        )
        # The row's time is its transaction's begin, which is before the agent looked at the clock.
        assert raised - since_ms - MINUTE_MS > -1_000

    async def test_a_micro_stop_raises_nothing_and_makes_no_version(
        self, shop: Shop, agent: Agent
    ) -> None:
        await breaks_down(shop, agent, minutes_ago=0.1)
        await agent.round()
        await works_again(shop, agent)
        await agent.round()
        await agent.hear(FLOOR, machine_changed(shop))
        await agent.round()
        assert await shop.kinds() == []
        assert await shop.rows.one("SELECT count(*) FROM plans") == 1

    async def test_a_machine_the_plan_takes_for_down_works_again(
        self, shop: Shop, agent: Agent
    ) -> None:
        await breaks_down(shop, agent, minutes_ago=2)
        await eventually(shop.kinds, [DOWN])
        await agent.hear(PLANS, await shop.publish())
        await works_again(shop, agent)
        await eventually(shop.kinds, [DOWN, UP])
        await agent.hear(PLANS, await shop.publish())
        await agent.round()
        assert await shop.kinds() == [DOWN, UP]

    async def test_one_that_works_again_before_anybody_answered_is_not(
        self, shop: Shop, agent: Agent
    ) -> None:
        await breaks_down(shop, agent, minutes_ago=2)
        await eventually(shop.kinds, [DOWN])
        await works_again(shop, agent)
        await agent.round()
        assert await shop.kinds() == [DOWN]


class TestConsequences:
    async def slow_down(self, shop: Shop, agent: Agent) -> None:
        first = shop.operations[0]
        await shop.start(first, shop.m1)
        await agent.hear(PLANS, await shop.publish())
        await agent.round()
        await shop.rows.run("UPDATE operations SET cycle_ms = %s WHERE id = %s", 90_000, first)
        await agent.hear(PROGRESS, progressed(shop, first))

    async def test_an_operation_that_takes_longer_makes_the_next_wait(
        self, shop: Shop, agent: Agent
    ) -> None:
        await self.slow_down(shop, agent)
        first = shop.operations[0]
        late = (DisruptionKind.OPERATION_LATE, shop.m1, first)
        await eventually(shop.disruptions, [late])
        detail = await shop.rows.one("SELECT detail FROM disruptions")
        assert detail["minutes"] in (29, 30)
        assert detail["successor"] in ("WO-1/20", "WO-2/10")
        await shop.answer()
        await agent.hear(PROGRESS, progressed(shop, first))
        await agent.round()
        assert await shop.disruptions() == [late]

    async def test_a_promise_that_will_not_be_kept(self, shop: Shop, agent: Agent) -> None:
        await shop.rows.run("UPDATE order_lines SET due_at = now() + interval '130 minutes'")
        await shop.rows.run("UPDATE work_orders SET due_at = now() + interval '130 minutes'")
        await self.slow_down(shop, agent)
        risk = DisruptionKind.PROMISE_AT_RISK
        await eventually(shop.kinds, [DisruptionKind.OPERATION_LATE, risk, risk])

    async def test_nothing_is_told_while_a_draft_waits(self, shop: Shop, agent: Agent) -> None:
        await agent.hear(PLANS, await shop.publish(state=PlanState.DRAFT))
        first = shop.operations[0]
        await shop.start(first, shop.m1)
        await shop.rows.run("UPDATE operations SET cycle_ms = %s WHERE id = %s", 90_000, first)
        await agent.hear(PROGRESS, progressed(shop, first))
        await agent.round()
        assert await shop.kinds() == []


class TestOrders:
    async def test_released_work_is_told(self, shop: Shop, agent: Agent) -> None:
        await agent.hear(ORDERS, released(shop.orders[0]))
        assert await shop.kinds() == [DisruptionKind.WORK_RELEASED]
        (event,) = await shop.raised_events()
        assert event.kind == DisruptionKind.WORK_RELEASED
        assert await shop.rows.one("SELECT order_id FROM disruptions") == shop.orders[0]

    async def test_a_rush_order_is_told_as_one(self, shop: Shop, agent: Agent) -> None:
        await shop.rows.run("UPDATE orders SET priority = 8 WHERE id = %s", shop.orders[0])
        await agent.hear(ORDERS, released(shop.orders[0]))
        assert await shop.kinds() == [DisruptionKind.RUSH_ORDER]
        assert await shop.rows.one("SELECT detail FROM disruptions") == {"priority": 8}

    async def test_changes_and_cancellations_of_what_is_on_the_floor(
        self, shop: Shop, agent: Agent
    ) -> None:
        first, second = shop.orders
        held = await shop.rows.order(shop.site, "SO-9")
        await agent.hear(
            ORDERS,
            released(first, "OrderChanged"),
            released(second, "OrderCancelled"),
            released(held, "OrderChanged"),
            released(first, "LineStateChanged", version=3),
        )
        assert sorted(await shop.kinds()) == [
            DisruptionKind.ORDER_CANCELLED,
            DisruptionKind.ORDER_CHANGED,
        ]

    async def test_a_record_that_comes_again_changes_nothing(
        self, shop: Shop, agent: Agent, pool: Pool, log: StreamLog
    ) -> None:
        await agent.hear(ORDERS, released(shop.orders[0]), offset=4)
        await agent.hear(ORDERS, released(shop.orders[1]), offset=4)
        async with agent_at_work(pool, log) as other:
            await other.hear(ORDERS, released(shop.orders[1]), offset=4)
        assert await shop.kinds() == [DisruptionKind.WORK_RELEASED]

    async def test_a_worker_that_lost_the_partition_writes_no_more(
        self, shop: Shop, agent: Agent, pool: Pool, log: StreamLog
    ) -> None:
        async with agent_at_work(pool, log):
            with pytest.raises(Fenced):
                await agent.hear(ORDERS, released(shop.orders[0]))
        assert await shop.kinds() == []


class TestWithoutAPlan:
    async def test_released_work_asks_for_the_first_plan_at_the_start(
        self, pool: Pool, log: StreamLog
    ) -> None:
        shop = Shop(pool, log)
        await shop.make()
        async with agent_at_work(pool, log):
            await eventually(shop.kinds, [DisruptionKind.WORK_RELEASED])
        async with agent_at_work(pool, log) as again:
            await again.round()
        assert await shop.kinds() == [DisruptionKind.WORK_RELEASED]
        key = await shop.rows.one("SELECT key FROM disruptions")
        assert key == f"first:{SITE}:{shop.operations[-1]}"

    async def test_an_empty_installation_asks_for_nothing(self, pool: Pool, log: StreamLog) -> None:
        shop = Shop(pool, log)
        shop.site = await shop.rows.site(SITE)
        async with agent_at_work(pool, log) as agent:
            await agent.hear(ORDERS, released(0, "WorkOrderCancelled"))
            await agent.round()
        assert await shop.kinds() == [DisruptionKind.ORDER_CANCELLED]

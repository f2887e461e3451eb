"""The projector by itself: what it hears, what it keeps, and when it leaves the database alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from live_rows import M1, Factory, Record, Rows, small_factory
from live_stack import PATIENCE_S, task_running
from redis.asyncio import Redis

from contracts.ids import EpochMs, MachinePath, SiteCode
from contracts.streams import (
    DEAD_LETTERS,
    FLOOR,
    ORDERS,
    PROGRESS,
    DeadLettered,
    Event,
    MachineChanged,
    OperationProgressed,
    OrderEvent,
    encode_events,
)
from runtime.clock import SystemClock
from runtime.health import HealthState
from runtime.tasks import end
from store.database import Pool
from store.live_channels import PROJECTOR, LiveChannels, Missing, Snapshot
from streams import projections
from streams.live import LiveProjector

BOARD = "floor:plant-1"
SITE = SiteCode("plant-1")


class ShiftedClock(SystemClock):
    """The machine's clock, moved on by hand."""

    shift_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.shift_s


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
async def live(pool: Pool, redis: Redis, clock: ShiftedClock) -> AsyncIterator[LiveProjector]:
    projector = LiveProjector(pool=pool, redis=redis, clock=clock)
    async with task_running(projector.run()):
        yield projector


@pytest.fixture
async def standby(live: LiveProjector, pool: Pool, redis: Redis) -> AsyncIterator[LiveProjector]:
    """A second projector beside `live`, which writes."""
    await until(lambda: live.writes)
    projector = LiveProjector(pool=pool, redis=redis, clock=SystemClock())
    async with task_running(projector.run()):
        await until(lambda: "writing" in projector.metrics)
        yield projector


@pytest.fixture
def channels(redis: Redis) -> LiveChannels:
    return LiveChannels(redis)


async def state_of(channels: LiveChannels, name: str) -> dict[str, Any]:
    read = await channels.read(name)
    return msgspec.json.decode(read.data) if isinstance(read, Snapshot) else {}


async def until_state(
    channels: LiveChannels, name: str, true: Callable[[dict[str, Any]], Any]
) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while not true(state := await state_of(channels, name)):  # noqa: ASYNC110 - a plain look
            await asyncio.sleep(0.02)
    return state


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - what is waited for says nothing
            await asyncio.sleep(0.02)


async def settled(live: LiveProjector) -> float:
    """Wait until all that was heard so far is done; answers how many rounds that took."""
    rounds = -1.0
    async with asyncio.timeout(PATIENCE_S):
        while rounds != live.metrics["rounds"]:
            rounds = live.metrics["rounds"]
            await asyncio.sleep(1.5)
    return rounds


async def say(live: LiveProjector, topic: str, *events: Event) -> None:
    await live.handle([Record(topic, 0, 0, encode_events(list(events)))])


@pytest.mark.usefixtures("factory", "live")
async def test_only_what_is_wanted_is_projected(channels: LiveChannels) -> None:
    assert isinstance(await channels.read(BOARD), Missing)
    await channels.want([BOARD, "order:SO-1", "machine:nowhere/a/b/c", "nonsense", "floor:nowhere"])
    await until_state(channels, BOARD, lambda state: "summary" in state)
    await until_state(channels, "order:SO-1", lambda state: "order" in state)
    for name in ("machine:nowhere/a/b/c", "nonsense", "floor:nowhere"):
        assert isinstance(await channels.read(name), Missing)


async def test_what_was_wanted_before_it_started_is_projected(
    channels: LiveChannels, pool: Pool, redis: Redis, factory: Factory
) -> None:
    assert factory.site
    await channels.want([BOARD])
    late = LiveProjector(pool=pool, redis=redis, clock=SystemClock())
    async with task_running(late.run()):
        await until_state(channels, BOARD, lambda state: M1 in state)


async def test_every_kind_of_event_brings_what_it_names_up_to_date(
    live: LiveProjector, channels: LiveChannels, rows: Rows, factory: Factory
) -> None:
    await channels.want([BOARD, "order:SO-1"])
    await until_state(channels, BOARD, lambda state: M1 in state)
    await until_state(channels, "order:SO-1", lambda state: "order" in state)
    await rows.machine_state(factory.m1, state="down", reason="jam")
    await say(live, FLOOR, MachineChanged(SITE, factory.m1, MachinePath(M1), 2))
    await until_state(channels, BOARD, lambda state: state[M1]["reason"] == "jam")

    await rows.progress(factory.operation, 7)
    progressed = OperationProgressed(
        SITE, factory.work, factory.operation, 2, 7, 0, 1, "running", [factory.order]
    )
    await say(live, PROGRESS, progressed)
    await until_state(
        channels, "order:SO-1", lambda state: state["operation/WO-1/10"]["good_pieces"] == 7
    )

    second = await rows.order(factory.site, "SO-2")
    await rows.line(second, 1, 5, state="received")
    await say(live, ORDERS, OrderEvent(SITE, "OrderReceived", second, [], 1, EpochMs(0)))
    await until_state(channels, BOARD, lambda state: state["summary"]["orders_open"] == 2)

    await rows.run(
        """
        INSERT INTO dead_letters (site, origin_topic, origin_partition, origin_offset, received_ms,
            payload, size, code, reason) VALUES ('plant-1', 't', 0, 0, 0, '', 0, 'field', 'x')
        """
    )
    await say(live, DEAD_LETTERS, DeadLettered(SITE, 1, "x"))
    await until_state(channels, BOARD, lambda state: state["summary"]["dead_letters"] == 1)


async def test_a_record_that_is_no_event_is_passed_over(
    live: LiveProjector, factory: Factory
) -> None:
    event = MachineChanged(SITE, factory.m1, MachinePath(M1), 2)
    nonsense = [Record(FLOOR, 0, 0, b"\xff"), Record(FLOOR, 0, 1, None)]
    await live.handle([*nonsense, Record(FLOOR, 0, 2, encode_events([event]))])


async def test_a_quiet_floor_costs_nothing(
    live: LiveProjector, channels: LiveChannels, factory: Factory
) -> None:
    await channels.want([BOARD])
    await until_state(channels, BOARD, lambda state: M1 in state)
    rounds = await settled(live)
    await asyncio.sleep(1.5)
    assert live.metrics["rounds"] == rounds
    live.machine_changed("plant-9", factory.m1 + 100)
    live.order_changed("plant-1", factory.order)
    await asyncio.sleep(0.3)
    assert live.metrics["rounds"] == rounds


async def test_work_gone_from_an_order_is_gone_from_its_channel(
    live: LiveProjector, channels: LiveChannels, rows: Rows, factory: Factory
) -> None:
    await channels.want(["order:SO-1"])
    await until_state(channels, "order:SO-1", lambda state: "operation/WO-1/10" in state)
    await rows.run("DELETE FROM pegs")
    live.order_changed("plant-1", factory.order)
    await until_state(channels, "order:SO-1", lambda state: list(state) == ["order"])


@pytest.mark.usefixtures("factory")
async def test_a_channel_that_nobody_wants_any_more_is_dropped(
    live: LiveProjector, channels: LiveChannels, clock: ShiftedClock, redis: Redis
) -> None:
    async with asyncio.timeout(60):
        while not isinstance(await channels.read(BOARD), Missing) or not clock.shift_s:
            # A projector that loses its turn just then leaves the channel to expire by itself.
            await channels.want([BOARD, "order:SO-1"])
            for name in (BOARD, "order:SO-1"):
                await until_state(channels, name, bool)
            await redis.delete("gemba:live:want:" + BOARD)
            clock.shift_s += 100.0
            await live._sweep_once()
    assert await state_of(channels, "order:SO-1")
    await channels.want([BOARD])
    await until_state(channels, BOARD, lambda state: M1 in state)


async def test_what_depends_on_the_time_is_told_by_the_minute(
    live: LiveProjector,
    channels: LiveChannels,
    clock: ShiftedClock,
    rows: Rows,
    factory: Factory,
) -> None:
    await channels.want([BOARD])
    await until_state(channels, BOARD, lambda state: M1 in state)
    await live._sweep_once()
    await rows.pieces(factory.m1, clock.now_ms(), 33)
    clock.shift_s = projections.REFRESH_S + 1
    await live._sweep_once()
    await until_state(channels, BOARD, lambda state: state[M1]["pace"][-1] == 33)


async def test_one_projector_writes_and_the_other_passes_on_what_it_is_told(
    standby: LiveProjector, channels: LiveChannels, rows: Rows, factory: Factory
) -> None:
    assert not standby.writes
    assert standby.health == (HealthState.OK, None)
    await channels.want([BOARD, "order:SO-1"])
    await until_state(channels, BOARD, lambda state: M1 in state)
    await until_state(channels, "order:SO-1", lambda state: "order" in state)
    await rows.machine_state(factory.m1, reason="told to the other")
    standby.machine_changed("plant-1", factory.m1)
    await until_state(channels, BOARD, lambda state: state[M1]["reason"] == "told to the other")
    await rows.run("UPDATE order_lines SET good_quantity = 9")
    standby.order_changed("plant-1", factory.order)
    await until_state(channels, "order:SO-1", lambda state: state["order"]["good_pieces"] == 9)
    assert standby.metrics["writes"] == 0


async def test_the_other_takes_over_when_the_first_is_gone(
    pool: Pool, redis: Redis, channels: LiveChannels, rows: Rows, factory: Factory
) -> None:
    first = LiveProjector(pool=pool, redis=redis, clock=SystemClock())
    second = LiveProjector(pool=pool, redis=redis, clock=SystemClock())
    async with task_running(first.run()):
        await channels.want([BOARD])
        await until_state(channels, BOARD, lambda state: M1 in state)
        running = asyncio.create_task(second.run())
        await until(lambda: "writing" in second.metrics)
        assert second.metrics["writing"] == 0
    await rows.machine_state(factory.m1, reason="nobody was told")
    await until_state(channels, BOARD, lambda state: state[M1]["reason"] == "nobody was told")
    assert second.metrics["writing"] == 1
    await end([running])


async def test_what_was_told_while_the_lease_was_lost_reaches_the_new_holder(
    standby: LiveProjector, live: LiveProjector, channels: LiveChannels, rows: Rows, redis: Redis
) -> None:
    await small_factory(rows)
    await channels.want([BOARD])
    await until_state(channels, BOARD, lambda state: M1 in state)
    while not standby.writes:
        await redis.delete(PROJECTOR)
        await standby._claim()
    await rows.run("UPDATE machine_states SET reason = 'in between'")
    machine_id = await rows.one("SELECT machine_id FROM machine_states")
    live.machine_changed("plant-1", machine_id)
    await until_state(channels, BOARD, lambda state: state[M1]["reason"] == "in between")
    await until(lambda: not live.writes)

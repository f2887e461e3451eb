"""LIVE-16 to LIVE-18: several workers project, one writes; stopped, killed, and without Redis."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from live_rows import M1, M2, Factory, Rows
from live_stack import PATIENCE_S, task_running
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from runtime.clock import SystemClock
from store.database import Pool
from store.live_channels import (
    PROJECTOR,
    FencedProjectorError,
    LiveChannels,
    Snapshot,
)
from streams.live import LiveProjector

BOARD = "floor:plant-1"
SITE = "plant-1"
ROOT = Path(__file__).parents[2]


@dataclass
class Stage:
    """Servers, rows, and the channels as readers see them."""

    pool: Pool
    redis: Redis
    channels: LiveChannels
    rows: Rows
    factory: Factory


@pytest.fixture
def stage(pool: Pool, redis: Redis, rows: Rows, factory: Factory) -> Stage:
    return Stage(pool, redis, LiveChannels(redis), rows, factory)


async def state_of(channels: LiveChannels, name: str = BOARD) -> dict[str, Any]:
    read = await channels.read(name)
    return msgspec.json.decode(read.data) if isinstance(read, Snapshot) else {}


async def until_reason(channels: LiveChannels, reason: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await state_of(channels)).get(M1, {}).get("reason") != reason:  # noqa: ASYNC110 - a plain look
            await asyncio.sleep(0.02)


async def until(true: Callable[[], Any]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - what is waited for says nothing
            await asyncio.sleep(0.01)


class Stoppable(LiveProjector):
    """A projector that stands still, as by SIGSTOP, when it has read and is about to write."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.going = asyncio.Event()
        self.going.set()
        self.stopped = asyncio.Event()
        channels = self._channels
        write, renew, claim, forward = (
            channels.write,
            channels.renew,
            channels.claim,
            channels.forward,
        )

        async def stopping_write(*arguments: Any, **named: Any) -> Any:
            if not self.going.is_set():
                self.stopped.set()
                await self.going.wait()
            return await write(*arguments, **named)

        def waiting(command: Callable[..., Any]) -> Callable[..., Any]:
            async def later(*arguments: Any) -> Any:
                await self.going.wait()
                return await command(*arguments)

            return later

        channels.write = stopping_write  # type: ignore[method-assign] # where a signal would hit
        channels.renew = waiting(renew)  # type: ignore[method-assign] # a stopped process
        channels.claim = waiting(claim)  # type: ignore[method-assign] # says nothing
        channels.forward = waiting(forward)  # type: ignore[method-assign] # at all


@asynccontextmanager
async def running(stage: Stage, **options: Any) -> AsyncIterator[LiveProjector]:
    clock = SystemClock()
    projector = LiveProjector(pool=stage.pool, redis=stage.redis, clock=clock, **options)
    async with task_running(projector.run()):
        yield projector


@pytest.fixture
async def first(stage: Stage) -> AsyncIterator[Stoppable]:
    """The projector whose turn it is; it has written the board."""
    projector = Stoppable(pool=stage.pool, redis=stage.redis, clock=SystemClock())
    async with task_running(projector.run()):
        await stage.rows.machine_state(stage.factory.m1, reason="at first")
        await stage.channels.want([BOARD])
        await until_reason(stage.channels, "at first")
        yield projector
        projector.going.set()


async def stopped_with(first: Stoppable, stage: Stage, machine: int, reason: str) -> None:
    """Stop the first projector when it has read a reason and not yet written it."""
    first.going.clear()
    await stage.rows.machine_state(machine, reason=reason)
    first.machine_changed(SITE, machine)
    await asyncio.wait_for(first.stopped.wait(), PATIENCE_S)


class TestLive16:
    async def test_what_was_read_before_a_stop_does_not_overwrite_what_was_read_later(
        self,
        first: Stoppable,
        stage: Stage,
    ) -> None:
        await stopped_with(first, stage, stage.factory.m1, "read before the stop")
        async with running(stage) as second:
            await until(lambda: second.writes)
            await stage.rows.machine_state(stage.factory.m1, reason="read later")
            second.machine_changed(SITE, stage.factory.m1)
            await until_reason(stage.channels, "read later")
            before = second.metrics["writes"]
            first.going.set()
            await until(lambda: not first.writes)
            # It says that it does not know what it missed; everything is read once more.
            await until(lambda: second.metrics["writes"] > before)
            assert (await state_of(stage.channels))[M1]["reason"] == "read later"

    async def test_not_even_when_it_is_its_turn_again(
        self,
        first: Stoppable,
        stage: Stage,
    ) -> None:
        """Nobody has the turn when it goes on: a lease by name would let it write."""
        first._watched.mark_all()  # a full writing, which no position would keep from harm
        await stopped_with(first, stage, stage.factory.m1, "read before the stop")
        async with running(stage) as second:
            await until(lambda: second.writes)
            await stage.rows.machine_state(stage.factory.m1, reason="read later")
            second.machine_changed(SITE, stage.factory.m1)
            await until_reason(stage.channels, "read later")
        first.going.set()
        await until(lambda: first.writes)
        await until(lambda: first.metrics["writes"] > 0)
        await until_reason(stage.channels, "read later")

    async def test_a_turn_that_lapsed_unnoticed_is_another_one(
        self, first: Stoppable, stage: Stage
    ) -> None:
        await stopped_with(first, stage, stage.factory.m1, "read before the loss")
        token = first._turn.token
        await stage.redis.flushall()
        await stage.rows.machine_state(stage.factory.m1, reason="after the loss")  # nobody is told
        await stage.channels.want([BOARD])
        first.going.set()
        await until_reason(stage.channels, "after the loss")
        assert first._turn.token not in (None, token)

    async def test_a_channel_is_not_dropped_by_whoever_has_no_turn(
        self, first: Stoppable, stage: Stage
    ) -> None:
        assert first.writes
        with pytest.raises(FencedProjectorError):
            await stage.channels.drop([BOARD], turn="of yesterday")
        assert M1 in await state_of(stage.channels)

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
    async def test_others_go_on_within_seconds_of_a_kill_or_a_stop(
        self,
        how: signal.Signals,
        database_url: str,
        redis_url: str,
        stage: Stage,
    ) -> None:
        await stage.channels.want([BOARD])
        script = Path(__file__).with_name("projector_process.py")
        with subprocess.Popen(  # noqa: ASYNC220 - it returns at once
            [sys.executable, str(script), database_url, redis_url], cwd=ROOT
        ) as other:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    while M1 not in await state_of(stage.channels):  # noqa: ASYNC110 - a plain look
                        await asyncio.sleep(0.05)
                async with running(stage) as second:
                    await until(lambda: "writing" in second.metrics)
                    assert second.metrics["writing"] == 0
                    other.send_signal(how)
                    await until(lambda: second.writes)
                    await stage.rows.machine_state(stage.factory.m1, reason="in its absence")
                    second.machine_changed(SITE, stage.factory.m1)
                    await until_reason(stage.channels, "in its absence")
                    if how is signal.SIGSTOP:
                        other.send_signal(signal.SIGCONT)
                        await asyncio.sleep(1.5)
                        assert (await state_of(stage.channels))[M1]["reason"] == "in its absence"
            finally:
                other.kill()


class TestLive17:
    async def test_what_redis_did_not_take_becomes_read_everything(
        self,
        first: Stoppable,
        stage: Stage,
    ) -> None:
        assert first.writes
        async with running(stage) as second:
            await until(lambda: "writing" in second.metrics)
            forward = second._channels.forward
            calls = 0

            async def failing(marks: bytes) -> None:
                nonlocal calls
                calls += 1
                if calls == 1:
                    raise RedisConnectionError("away")
                await forward(marks)

            second._channels.forward = failing  # type: ignore[method-assign] # Redis away for one
            await stage.rows.machine_state(stage.factory.m1, reason="told when Redis was away")
            second.machine_changed(SITE, stage.factory.m1)
            await until_reason(stage.channels, "told when Redis was away")

    async def test_nothing_is_kept_from_an_earlier_turn(
        self,
        first: Stoppable,
        stage: Stage,
    ) -> None:
        """Counts over orders are kept between readings; meanwhile another one was told."""
        assert first.writes
        async with running(stage) as second:
            while not second.writes:
                await stage.redis.delete(PROJECTOR)
                await second._claim()
            order = await stage.rows.order(stage.factory.site, "SO-2")
            await stage.rows.line(order, 1, 5, state="received")
            await until(lambda: not first.writes)
        await until(lambda: first.writes)
        async with asyncio.timeout(PATIENCE_S):
            while (await state_of(stage.channels))["summary"]["orders_open"] != 2:  # noqa: ASYNC110 - a plain look
                await asyncio.sleep(0.02)


class TestLive18:
    async def test_whoever_is_given_partitions_has_everything_read(
        self,
        first: Stoppable,
        stage: Stage,
    ) -> None:
        assert first.writes
        assigned: list[tuple[str, int]] = []
        async with running(stage, assigned=lambda: assigned) as second:
            await until(lambda: "writing" in second.metrics)
            await stage.rows.machine_state(stage.factory.m1, reason="committed, and not told of")
            assigned.append(("gemba.floor.v1", 1))
            await until_reason(stage.channels, "committed, and not told of")


async def test_in_the_end_the_screens_are_the_rows_whoever_was_told(stage: Stage) -> None:
    """Changes told to either of two projectors while the turn goes from one to the other."""
    chance = random.Random(20261122)
    last: dict[int, str] = {}
    await stage.rows.machine_state(stage.factory.m2, reason="at first")
    async with running(stage) as one, running(stage) as other:
        await stage.channels.want([BOARD])
        for number in range(150):
            machine = chance.choice([stage.factory.m1, stage.factory.m2])
            last[machine] = f"change {number}"
            await stage.rows.machine_state(machine, reason=last[machine])
            chance.choice([one, other]).machine_changed(SITE, machine)
            if number % 25 == 24:
                await stage.redis.delete(PROJECTOR)
                await chance.choice([one, other])._claim()
            await asyncio.sleep(chance.random() * 0.02)
        wanted = {M1: last[stage.factory.m1], M2: last[stage.factory.m2]}
        async with asyncio.timeout(PATIENCE_S):
            while {  # noqa: ASYNC110 - a plain look
                path: (await state_of(stage.channels)).get(path, {}).get("reason")
                for path in wanted
            } != wanted:
                await asyncio.sleep(0.02)
        await until(lambda: one.writes != other.writes)
        assert one.metrics["writes"] > 0
        assert other.metrics["writes"] > 0

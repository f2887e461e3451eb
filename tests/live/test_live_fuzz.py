"""Clients that come, go, lag and resume at random while the floor moves and Redis is lost."""

from __future__ import annotations

import asyncio
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import pytest
from live_rows import M1, M2, Factory, Rows
from live_stack import PATIENCE_S, Client, Server, serving, task_running
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.live import outbox, socket
from contracts.live import CloseCode
from launch.backends.valkey import valkey_binary
from runtime.clock import SystemClock
from runtime.health import HealthState
from store.database import Pool
from store.live_channels import connect_redis
from streams.live import LiveProjector

FLOOR = "floor:plant-1"
END = 99_999


class Wanderer:
    """A client that disconnects at random and resumes where it left off."""

    def __init__(self, server: Server, seed: int) -> None:
        self._server = server
        self._chance = random.Random(seed)
        self.state: dict[str, dict[str, Any]] = {}
        self.positions: dict[str, dict[str, Any]] = {}
        self.resumed = 0

    async def wander(self) -> None:
        """Until the last change was seen."""
        while not self.arrived():
            with suppress(ConnectionClosed, OSError):
                async with self._server.client() as client:
                    await self._visit(client)
            await asyncio.sleep(self._chance.random() * 0.1)

    def arrived(self) -> bool:
        tile = self.state.get(FLOOR, {}).get(M1)
        return bool(tile and tile["operation"] and tile["operation"]["good_pieces"] == END)

    async def _visit(self, client: Client) -> None:
        client.state, client.positions = self.state, self.positions
        since = dict(self.positions[FLOOR]) if FLOOR in self.positions else None
        await client.subscribe(FLOOR, since=since)
        for _ in range(self._chance.randint(1, 12)):
            message = await client.receive()
            self.resumed += message["op"] == "subscribed"
            if self.arrived():
                return
            if self._chance.random() < 0.2:
                await asyncio.sleep(self._chance.random() * 0.2)


async def move_the_floor(
    rows: Rows, factory: Factory, projector: LiveProjector, *, steps: int, seed: int
) -> None:
    """Machines count and change their state; the last change says that it is the last."""
    chance = random.Random(seed)
    for step in range(steps):
        if chance.random() < 0.5:
            await rows.progress(factory.operation, step)
            projector.machine_changed("plant-1", factory.m1)
        else:
            state = chance.choice(("running", "idle", "down"))
            await rows.machine_state(factory.m2, state=state, reason=str(step))
            projector.machine_changed("plant-1", factory.m2)
        await asyncio.sleep(chance.random() * 0.03)
    await rows.progress(factory.operation, END)
    projector.machine_changed("plant-1", factory.m1)
    projector.machine_changed("plant-1", factory.m2)


async def test_LIVE_04_clients_that_come_and_go_end_with_the_same_state(  # noqa: N802 - the rule's id
    server: Server, rows: Rows, factory: Factory, projector: LiveProjector
) -> None:
    wanderers = [Wanderer(server, seed) for seed in range(6)]
    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        for wanderer in wanderers:
            group.create_task(wanderer.wander())
        group.create_task(move_the_floor(rows, factory, projector, steps=250, seed=42))
    await assert_converged(server, wanderers)
    assert sum(wanderer.resumed for wanderer in wanderers) > 10


async def test_LIVE_06_redis_flushed_again_and_again_loses_nobody(  # noqa: N802 - the rule's id
    server: Server, rows: Rows, factory: Factory, projector: LiveProjector
) -> None:
    wanderers = [Wanderer(server, seed) for seed in range(4)]

    async def flush() -> None:
        for _ in range(6):
            await asyncio.sleep(0.3)
            await server.redis.flushall()

    async def move() -> None:
        await move_the_floor(rows, factory, projector, steps=150, seed=43)

    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        for wanderer in wanderers:
            group.create_task(_persist(wanderer))
        group.create_task(flush())
        group.create_task(move())
    await assert_converged(server, wanderers)


async def _persist(wanderer: Wanderer) -> None:
    """Wander on when a ticket was flushed away before it was used."""
    while not wanderer.arrived():
        with suppress(InvalidStatus):
            await wanderer.wander()


async def assert_converged(server: Server, wanderers: list[Wanderer]) -> None:
    """Everybody has what a newcomer is told, but for the summary that is told once a second."""
    async with server.client() as newcomer:
        await newcomer.subscribe(FLOOR)
        await newcomer.receive()
        expected = newcomer.state[FLOOR]
    for wanderer in wanderers:
        client_state = wanderer.state[FLOOR]
        for _ in range(100):
            if client_state[M2] == expected[M2]:
                break
            async with server.client() as client:
                client.state, client.positions = wanderer.state, wanderer.positions
                await client.subscribe(FLOOR, since=dict(wanderer.positions[FLOOR]))
                await client.receive()
                client_state = wanderer.state[FLOOR]
        assert client_state[M1] == expected[M1]
        assert client_state[M2] == expected[M2]


@contextmanager
def own_valkey(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server of the test's own, to be killed."""
    command = [str(valkey_binary()), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - what is waited for says nothing
            await asyncio.sleep(0.02)


@pytest.mark.kill
async def test_LIVE_06_redis_killed_while_boards_watch(  # noqa: N802 - the rule's id
    pool: Pool, rows: Rows, factory: Factory, free_port: int
) -> None:
    def shows(good: int) -> Callable[[dict[str, Any]], bool]:
        return lambda state: state[FLOOR][M1]["operation"]["good_pieces"] == good

    redis = connect_redis(f"redis://127.0.0.1:{free_port}/0")
    projector = LiveProjector(pool=pool, redis=redis, clock=SystemClock())
    with own_valkey(free_port) as process:
        async with (
            redis,
            task_running(projector.run()),
            serving(pool, redis) as server,
            server.client() as client,
        ):
            await client.subscribe(FLOOR)
            await client.receive()
            process.kill()
            process.wait()
            await rows.progress(factory.operation, 41)
            projector.machine_changed("plant-1", factory.m1)
            await until(lambda: projector.health[0] is HealthState.DEGRADED)
            with own_valkey(free_port):
                await client.until(shows(41))
                await until(lambda: projector.health == (HealthState.OK, None))
                await rows.progress(factory.operation, 42)
                projector.machine_changed("plant-1", factory.m1)
                await client.until(shows(42))


async def test_LIVE_13_a_slow_client_is_conflated_then_closed_to_resume(  # noqa: N802 - the rule's id
    server: Server,
    rows: Rows,
    factory: Factory,
    projector: LiveProjector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "LAG_S", 2.0)
    reason = "r" * 100_000
    async with server.client() as fast, server.client() as slow:
        for client in (fast, slow):
            await client.subscribe(FLOOR)
            await client.receive()
        slow.connection.transport.pause_reading()
        last = 0

        async def disturb() -> None:
            nonlocal last
            while server.hub.metrics["stuck"] == 0:
                last += 1
                await rows.machine_state(factory.m2, state="down", reason=f"{last} {reason}")
                projector.machine_changed("plant-1", factory.m2)
                await asyncio.sleep(0.05)

        reading = asyncio.create_task(_read_on(fast))
        async with asyncio.timeout(60):
            await disturb()
        slow.connection.transport.resume_reading()
        with pytest.raises(ConnectionClosed) as closed:
            await _drain(slow)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == CloseCode.RESUME
        await until(lambda: fast.state[FLOOR][M2]["reason"].startswith(f"{last} "))
        assert not reading.done()
        reading.cancel()
        async with server.client() as again:
            again.state, again.positions = slow.state, slow.positions
            await again.subscribe(FLOOR, since=dict(slow.positions[FLOOR]))
            await again.until(lambda state: state[FLOOR][M2] == fast.state[FLOOR][M2])


async def _read_on(client: Client) -> None:
    while True:
        message = await client.connection.recv()
        client.apply(msgspec.json.decode(message, type=dict[str, Any]))


async def _drain(client: Client) -> None:
    while True:
        await client.receive()


def test_the_bounds_of_a_queue_fit_each_other() -> None:
    assert outbox.MAX_BYTES < outbox.MAX_CONFLATED_BYTES

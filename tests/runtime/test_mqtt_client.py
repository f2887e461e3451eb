"""However connecting to the broker and parting from it end: no socket and no task stay behind."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiomqtt
import pytest

from edge.mqtt import ConnectionLostError, connect
from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import parse_mqtt_url

CONNACK_ACCEPTED = b"\x20\x02\x00\x00"
CONNACK_REFUSED = b"\x20\x02\x00\x05"
PATIENCE_S = 60.0

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """A broker played by the test: how many have come, how many of them are still connected."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._changed = asyncio.Condition()
        self.port = 0
        self.came = 0
        self.there = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._count(came=1, there=1)
        try:
            writer.write(self._answer)
            while await reader.read(4096):
                pass
        except ConnectionError:
            pass  # left in the middle of what we said
        finally:
            writer.close()
            await self._count(there=-1)

    async def _count(self, *, came: int = 0, there: int) -> None:
        async with self._changed:
            self.came += came
            self.there += there
            self._changed.notify_all()

    async def until(self, wanted: Callable[[Listener], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: wanted(self))


@asynccontextmanager
async def listening(answer: bytes = b"") -> AsyncIterator[Listener]:
    """A listener that answers with these bytes, whatever it is told."""
    listener = Listener(answer)
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0)
    async with server:
        listener.port = server.sockets[0].getsockname()[1]
        yield listener
        await listener.until(lambda it: it.there == 0)


async def signed_in(port: int, *, timeout_s: float = PATIENCE_S) -> None:
    async with MqttClient("127.0.0.1", port, timeout=timeout_s):
        pass


async def nothing_left(listener: Listener) -> None:
    """Wait until the listener is left; nothing of the client is found then."""
    await listener.until(lambda it: it.there == 0)
    gc.collect()
    me = asyncio.current_task()
    names = [repr(one) for one in asyncio.all_tasks() if one is not me]
    assert not [name for name in names if "_misc_loop" in name]


class TestConnecting:
    async def test_cancelled_while_the_broker_says_nothing(self) -> None:
        async with listening() as listener:
            connecting = asyncio.create_task(signed_in(listener.port))
            await listener.until(lambda it: it.came == 1)
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            await nothing_left(listener)

    async def test_cancelled_at_any_moment(self) -> None:
        async with listening() as listener:
            for steps in range(12):
                connecting = asyncio.create_task(signed_in(listener.port))
                for _ in range(steps):
                    await asyncio.sleep(0)
                connecting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await connecting
            await asyncio.get_running_loop().shutdown_default_executor()
            await nothing_left(listener)

    async def test_a_broker_that_never_answers(self) -> None:
        async with listening() as listener:
            with pytest.raises(aiomqtt.MqttError, match="timed out"):
                await signed_in(listener.port, timeout_s=0.2)
            await nothing_left(listener)

    async def test_refused(self) -> None:
        async with listening(CONNACK_REFUSED) as listener:
            with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
                await signed_in(listener.port)
            await nothing_left(listener)

    async def test_nobody_listens(self) -> None:
        with socket.socket() as held:  # bound, so nobody else's; but it does not listen
            held.bind(("127.0.0.1", 0))
            with pytest.raises(aiomqtt.MqttError):
                await signed_in(held.getsockname()[1])
        gc.collect()

    def test_the_loop_ends_in_the_middle_of_connecting(self) -> None:
        """Nothing is left that would complain when its memory is collected, in some later test."""

        async def begin(port: int, steps: int) -> asyncio.Task[None]:
            connecting = asyncio.create_task(signed_in(port))
            for _ in range(steps):
                await asyncio.sleep(0)
            return connecting

        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(64)
            for steps in range(12):
                assert asyncio.run(begin(listener.getsockname()[1], steps)).cancelled()
                gc.collect()


class TestParting:
    async def test_with_a_farewell(self) -> None:
        async with listening(CONNACK_ACCEPTED) as listener:
            async with MqttClient("127.0.0.1", listener.port, timeout=PATIENCE_S):
                assert listener.there == 1
            await nothing_left(listener)

    async def test_cancelled_in_the_middle_of_work(self) -> None:
        entered = asyncio.Event()

        async def work(port: int) -> None:
            async with MqttClient("127.0.0.1", port, timeout=PATIENCE_S) as client:
                entered.set()
                async for _ in client.messages:
                    pass

        async with listening(CONNACK_ACCEPTED) as listener:
            working = asyncio.create_task(work(listener.port))
            async with asyncio.timeout(PATIENCE_S):
                await entered.wait()
            working.cancel()
            with pytest.raises(asyncio.CancelledError):
                await working
            await nothing_left(listener)


class TestGateway:
    """The gateway takes over aiomqtt's reading, and leaves nothing either."""

    async def test_cancelled_while_the_broker_says_nothing(self) -> None:
        async def hold(port: int) -> None:
            async with connect(
                parse_mqtt_url(f"mqtt://127.0.0.1:{port}"), client_id="g", receive=print
            ):
                raise AssertionError("the listener lets nobody in")

        async with listening() as listener:
            holding = asyncio.create_task(hold(listener.port))
            await listener.until(lambda it: it.came == 1)
            holding.cancel()
            with pytest.raises(asyncio.CancelledError):
                await holding
            await nothing_left(listener)

    async def test_refused(self) -> None:
        async with listening(CONNACK_REFUSED) as listener:
            with pytest.raises(ConnectionLostError):
                async with connect(
                    parse_mqtt_url(f"mqtt://127.0.0.1:{listener.port}"),
                    client_id="g",
                    receive=print,
                ):
                    pass
            await nothing_left(listener)

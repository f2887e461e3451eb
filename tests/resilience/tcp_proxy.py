"""A TCP proxy in front of a server: it counts connections, goes silent, and changes servers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

T = TypeVar("T")

_CHUNK: Final = 64 * 1024
_CALL_S: Final = 10.0
HOST: Final = "127.0.0.1"


class _Pair:
    """A client's connection and the server's that goes with it."""

    def __init__(self, client: asyncio.StreamWriter, *, lost: bool) -> None:
        self.client = client
        self.server: asyncio.StreamWriter | None = None
        self.lost = lost

    def abort(self) -> None:
        for writer in (self.client, self.server):
            if writer is not None:
                writer.transport.abort()


class TcpProxy:
    """Forwards to `target`; lives on a thread of its own. Make it by `tcp_proxy`."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.attempts: list[float] = []
        """When connections were asked for, as told by `time.monotonic`."""
        self._target = target
        self._silent = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy")
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def lost(self) -> int:
        """Connections that lead nowhere and that their clients have not given up yet."""
        return sum(pair.lost for pair in tuple(self._pairs))

    def start(self) -> None:
        self._thread.start()
        self._call(self._listen())

    def stop(self) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def go_silent(self) -> None:
        """Forward nothing more and close nothing, as a network that has lost its way.

        What is connected now, or connects until `speak_again`, never hears anything any more.
        """
        self._call(self._set_silent(silent=True))

    def speak_again(self) -> None:
        """Forward what connects from now on; the connections of before stay open and silent."""
        self._call(self._set_silent(silent=False))

    def fail_keepalives(self) -> None:
        """Break what is lost, as keepalives do: this machine answers, a lost network cannot."""
        self._call(self._break(lost_only=True))

    def switch(self, target: int) -> None:
        """Another server has the address now: connections to the one before are broken."""
        self._target = target
        self._call(self._break())

    def attempts_since(self, begin: float) -> list[float]:
        return [at for at in self.attempts if at >= begin]

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_CALL_S)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _set_silent(self, *, silent: bool) -> None:
        self._silent = silent
        for pair in self._pairs if silent else ():
            pair.lost = True

    async def _break(self, *, lost_only: bool = False) -> None:
        for pair in self._pairs:
            if pair.lost or not lost_only:
                pair.abort()

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.attempts.append(time.monotonic())
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        pair = _Pair(writer, lost=self._silent)
        self._pairs.add(pair)
        try:
            there: asyncio.StreamReader | None = None
            if not pair.lost:
                there, pair.server = await asyncio.open_connection(HOST, self._target)
            pumps = [asyncio.create_task(self._from_client(reader, pair))]
            if there is not None:
                pumps.append(asyncio.create_task(self._from_server(there, pair)))
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # the server is away, or the test has ended
        finally:
            pair.abort()
            self._pairs.discard(pair)
            self._tasks.discard(task)

    async def _from_client(self, reader: asyncio.StreamReader, pair: _Pair) -> None:
        """Ends when the client ends; what it says to a lost connection reaches nobody."""
        while data := await reader.read(_CHUNK):
            if not pair.lost and pair.server is not None:
                pair.server.write(data)
                await pair.server.drain()

    async def _from_server(self, reader: asyncio.StreamReader, pair: _Pair) -> None:
        """Ends when the server ends, unless the connection is lost: nobody tells the client."""
        while data := await reader.read(_CHUNK):
            if not pair.lost:
                pair.client.write(data)
                await pair.client.drain()
        if pair.lost:
            await asyncio.Event().wait()


@contextmanager
def tcp_proxy(target: int) -> Iterator[TcpProxy]:
    """A proxy to a port of the loopback interface, running."""
    proxy = TcpProxy(target)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()

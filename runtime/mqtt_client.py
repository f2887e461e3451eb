"""An MQTT client that leaves nothing behind, however connecting and parting end.

aiomqtt opens the socket in a thread, lets the event loop read it, and looks after it in a task. All
that ends with a farewell that can be sent. When connecting is cancelled, refused or not answered,
or the farewell does not get through, the socket and the task stay: until their memory is collected,
maybe long after their loop has ended.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

import aiomqtt
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import DisconnectFlags
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode


class MqttClient(aiomqtt.Client):
    """aiomqtt's client for one connection: `async with MqttClient(host, port) as client`.

    Whatever way the `async with` ends, the connection's socket is closed then and its task is over.
    One case comes later: when connecting is cancelled while the thread still opens the socket, the
    socket is closed as soon as it is open (paho gives up opening after 5 s).

    All state but the socket is touched in the event loop only; paho is used by one thread at a
    time.
    """

    _opening = False
    """Whether a thread may be at opening the socket."""

    _over = False
    """Whether the connection has been let go of: for good."""

    async def __aenter__(self) -> Self:
        """Connect and sign in.

        Raises:
            aiomqtt.MqttError: the broker cannot be reached, refuses us, or does not answer in time.
        """
        self._opening = True
        try:
            return await super().__aenter__()
        except BaseException:
            await self.let_go()
            raise

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Say farewell to the broker, when it still can be heard.

        Raises:
            aiomqtt.MqttError: the farewell could not be sent in time, or the connection was lost.
        """
        try:
            await super().__aexit__(exc_type, exc, tb)
        finally:
            await self.let_go()

    async def let_go(self) -> None:
        """End the connection without a farewell; without effect when it is over already."""
        self._over = True
        if self._opening:
            return  # `_opened` comes yet
        closed: asyncio.Future[None] = self._loop.create_future()
        # Not at once: what the thread left in the loop's queue (to read the socket) comes first.
        self._loop.call_soon(self._close, closed)
        await closed
        if self._misc_task is not None:
            await asyncio.wait((self._misc_task,))

    def _client_connect(self) -> None:
        """Open the socket: in a thread, which nobody may be waiting for any more."""
        try:
            super()._client_connect()
        finally:
            try:
                self._loop.call_soon_threadsafe(self._opened)
            except RuntimeError:  # the loop is closed: nobody reads the socket, nobody will
                self._close_unread()

    def _opened(self) -> None:
        self._opening = False
        if self._over:
            self._close(None)

    def _close(self, closed: asyncio.Future[None] | None) -> None:
        self._client._sock_close()  # noqa: SLF001 - `disconnect` would wait for the broker
        if self._misc_task is not None:
            self._misc_task.cancel()
        for told in (self._connected, self._disconnected):
            if told.done() and not told.cancelled():
                told.exception()  # has been looked at: asyncio does not complain of it later
        if closed is not None and not closed.done():
            closed.set_result(None)

    def _close_unread(self) -> None:
        paho = self._client
        sock, paho._sock = paho._sock, None  # noqa: SLF001 - closing would call the loop
        if sock is not None:
            sock.close()

    def _on_disconnect(
        self,
        client: PahoClient,
        userdata: Any,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        # aiomqtt asks the cancelled future for its exception, and so raises CancelledError.
        if not self._over and not self._connected.cancelled():
            super()._on_disconnect(client, userdata, flags, reason_code, properties)

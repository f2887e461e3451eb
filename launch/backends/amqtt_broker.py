"""The process of the embedded broker amqtt: `python -m launch.backends.amqtt_broker FILE`.

amqtt would listen on every address, let anybody in, and take packets of 256 MB. Here our own
listener on the loopback interface hands it the connections and bounds what they may send; who may
use which topics stands in the register (`launch.devices`), which is read again on SIGHUP.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker

from launch.backends import amqtt_delivery, amqtt_users
from launch.backends.mqtt import AmqttConfiguration
from launch.ports import LOOPBACK

_LISTENER = "default"
_HEADER_ALLOWANCE_BYTES = 70_000  # the longest topic and the packet's other fields
_DRAIN_POLL_S = 0.001
_log = logging.getLogger("gemba.amqtt")


class _BoundedReader(StreamReaderAdapter):  # type: ignore[misc]  # amqtt's types are not read
    """Ends the connection of a client that announces more than the limit."""

    def __init__(self, reader: asyncio.StreamReader, limit_bytes: int) -> None:
        super().__init__(reader)
        self._limit_bytes = limit_bytes

    async def read(self, n: int = -1) -> bytes:
        if n > self._limit_bytes:
            _log.warning("a client announced %d bytes: connection ended", n)
            self.feed_eof()
            raise ConnectionResetError("packet too large")
        data: bytes = await super().read(n)
        return data


class _Subscriptions(dict[str, list[Any]]):
    """Who wants what; walked through as it was when the walk began.

    amqtt 0.12 walks through it with awaits in between. Whoever subscribed or left meanwhile broke
    the walk off, and with it the delivery of an acknowledged message to everybody.
    """

    def items(self) -> Any:
        """Topic filters and who subscribed to them, as of now."""
        return [(name, list(sessions)) for name, sessions in super().items()]

    def __iter__(self) -> Iterator[str]:
        return iter(list(super().keys()))


class _PatientBroker(Broker):  # type: ignore[misc]  # amqtt's types are not read
    """Delivers everything a client published before it lets the client go.

    amqtt 0.12 acknowledges a message when it is queued for delivery, and forgets the queue when
    the client disconnects: who publishes and leaves (as `mosquitto_pub`) loses acknowledged
    messages. The version is pinned exactly, as this leans on a private method.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._subscriptions = _Subscriptions()

    async def _client_message_loop(self, client_session: Any, handler: Any) -> None:
        wait_disconnect = handler.wait_disconnect

        async def wait_disconnect_and_delivery() -> Any:
            result = await wait_disconnect()
            while not client_session.delivered_message_queue.empty():  # noqa: ASYNC110 - no event
                await asyncio.sleep(_DRAIN_POLL_S)
            return result

        handler.wait_disconnect = wait_disconnect_and_delivery
        if not client_session.transitions.is_connected():
            # It took the session over from a connection that ended in that very moment.
            client_session.transitions.connect()
            await self._publish_session_retained_messages(client_session)
        await super()._client_message_loop(client_session, handler)

    async def _handle_disconnect(self, client_session: Any, handler: Any, waiter: Any) -> None:
        """End a connection; the session goes on if another connection has taken it over.

        amqtt 0.12 marks the session as disconnected all the same, and then keeps back what is for
        it although its client is there: a gateway that was started anew at once heard nothing.
        """
        _, current = self._sessions.get(client_session.client_id, (None, handler))
        if current is not handler:
            await self._stop_handler(handler)
            return
        await super()._handle_disconnect(client_session, handler, waiter)


def _build() -> Broker:
    return _PatientBroker(
        {
            "listeners": {_LISTENER: {"type": "external"}},
            "plugins": {
                "launch.backends.amqtt_users.Passwords": {},
                "launch.backends.amqtt_users.Topics": {},
            },
        }
    )


async def _serve(configuration: AmqttConfiguration) -> None:
    amqtt_delivery.install()
    amqtt_users.USERS.load(Path(configuration.directory))
    broker = _build()
    await broker.start()
    limit_bytes = configuration.message_limit_bytes + _HEADER_ALLOWANCE_BYTES

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await broker.external_connected(
            _BoundedReader(reader, limit_bytes), StreamWriterAdapter(writer), _LISTENER
        )

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    loop.add_signal_handler(signal.SIGHUP, amqtt_users.USERS.load_again)
    server = await asyncio.start_server(connected, LOOPBACK, configuration.port)
    await ended.wait()
    server.close()
    await broker.shutdown()


def main(arguments: list[str]) -> None:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    content = Path(arguments[0]).read_bytes()
    asyncio.run(_serve(msgspec.json.decode(content, type=AmqttConfiguration)))


if __name__ == "__main__":
    main(sys.argv[1:])

"""The gateway's connection to the broker: the one place that knows the MQTT library.

aiomqtt (on paho) signs in, subscribes, keeps the connection alive, publishes and writes. Two things
are taken over from it, because they cost most of the time at thousands of messages a second:

* Reading. paho reads each packet's header byte by byte from the socket and locks and queues every
  message. Here a read takes all that has come, PUBLISH packets are cut out by `edge.packets`, and
  only the other packets are given to paho, through its own reading function.
* PUBACKs. They follow the outbox's commit (paho's manual acknowledgement) and are many at once, so
  one write carries them all.

Both rest on names that paho keeps to itself; aiomqtt and paho are pinned by hash, and
`tests/edge/test_edge_gateway.py` runs this module against both brokers.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import aiomqtt
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import ConnectFlags, DisconnectFlags
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from contracts.topics import SUBSCRIPTION
from edge.packets import MalformedPacketError, PacketReader, Publish, pubacks
from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import MqttAddress, MqttUrlError, connection_problem

_LOG = logging.getLogger(__name__)

_READ_BYTES: Final = 256 * 1024
_PUBACK: Final = 0x40
_TIMEOUT_S: Final = 10.0
_SUBSCRIBE_TIMEOUT_S: Final = 300.0
"""A broker may first deliver all that it queued for the session."""

_FAREWELL_S: Final = 1.0
_REFUSAL_S: Final = 0.2
_KEEPALIVE_S: Final = 10
"""A connection that is open, but leads nowhere any more, is told from a quiet one by pings: after
twice this time at most."""

Receive = Callable[["Connection", list[Publish]], None]


class ConnectionLostError(Exception):
    """The broker cannot be reached, refused us, or the connection ended."""


class Connection:
    """One connection to the broker, from CONNACK to its end. Made by `connect`."""

    def __init__(self, client: MqttClient, receive: Receive) -> None:
        self._client = client
        self._paho: PahoClient = client._client  # noqa: SLF001 - the library below, see above
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._reader = PacketReader()
        self._unread = bytearray()
        self._connected = False
        self._early: list[Publish] = []
        self._entered = False
        self._ended = False
        self._over = asyncio.Event()
        self._paused = False
        self.session_present = False
        """Whether the broker goes on with an earlier session (known once connected)."""
        self._take_over()

    def _take_over(self) -> None:
        paho = self._paho
        paho.manual_ack_set(on=True)
        paho._sock_recv = self._recv  # type: ignore[method-assign, assignment]  # noqa: SLF001
        connected = paho.on_connect
        opened = paho.on_socket_open
        disconnected = paho.on_disconnect

        def on_connect(
            client: PahoClient,
            userdata: Any,
            flags: ConnectFlags,
            reason: ReasonCode,
            properties: Properties | None,
        ) -> None:
            self.session_present = flags.session_present
            self._connected = True
            if connected is not None:
                connected(client, userdata, flags, reason, properties)  # type: ignore[call-arg, arg-type]

        def on_disconnect(
            client: PahoClient,
            userdata: Any,
            flags: DisconnectFlags,
            reason: ReasonCode,
            properties: Properties | None,
        ) -> None:
            self._ended = True
            self._loop.call_soon_threadsafe(self._over.set)
            if disconnected is not None:
                disconnected(client, userdata, flags, reason, properties)  # type: ignore[call-arg, arg-type]

        def on_socket_open(client: PahoClient, userdata: Any, sock: Any) -> None:
            if opened is not None:
                opened(client, userdata, sock)
            # In place of aiomqtt's reader, which it has just registered for the same socket.
            self._loop.call_soon_threadsafe(self._loop.add_reader, sock.fileno(), self._readable)

        paho.on_connect = on_connect
        paho.on_disconnect = on_disconnect
        paho.on_socket_open = on_socket_open

    def _recv(self, size: int) -> bytes:
        """Give paho's reading function: the packets left for it."""
        if not self._unread:
            if self._ended:
                return b""
            raise BlockingIOError
        taken = bytes(self._unread[:size])
        del self._unread[:size]
        return taken

    def _readable(self) -> None:
        try:
            data = self._read_socket()
            messages, others = self._reader.feed(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            _LOG.debug("reading from the broker: %s", error)
            self.drop()
            return
        except MalformedPacketError as error:
            _LOG.warning("the broker sent what is not MQTT (%s); disconnecting", error)
            self.drop()
            return
        for packet in others:
            self._unread += packet
            while self._unread and not self._ended:
                self._paho.loop_read()
        if self._early and self._connected:
            messages = self._early + messages
            self._early = []
        if messages and self._connected:
            self._receive(self, messages)
        else:  # a broker may hurry ahead of its own CONNACK
            self._early += messages

    def _read_socket(self) -> bytes:
        """What has come, at least a byte.

        Raises:
            OSError: nothing has come yet, or the connection ended.
        """
        sock = self._paho.socket()
        if sock is None:
            raise ConnectionResetError("closed")
        data: bytes = sock.recv(_READ_BYTES)
        while isinstance(sock, ssl.SSLSocket) and sock.pending():
            data += sock.recv(sock.pending())
        if not data:
            raise ConnectionResetError("closed by the broker")
        # Whatever comes is a sign of life: the answer to a ping may stand behind many messages.
        self._paho._last_bytes_received = time.monotonic()  # noqa: SLF001
        self._paho._ping_t = 0  # noqa: SLF001
        return data

    def drop(self) -> None:
        """End the connection without a farewell; the broker keeps what was not acknowledged."""
        self._ended = True
        self._unread.clear()
        self._paho.loop_read()  # paho reads the end, closes, and says so to aiomqtt

    @property
    def ended(self) -> bool:
        """Whether the connection is over."""
        return self._ended

    async def open(self) -> None:
        """Connect and sign in.

        aiomqtt alone would wait out its time for an answer when the broker ends the connection
        instead of giving one.

        Raises:
            ConnectionLostError: the broker cannot be reached, refuses us, or ends the connection.
        """
        entering = asyncio.ensure_future(self._client.__aenter__())
        ending = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait((entering, ending), return_when=asyncio.FIRST_COMPLETED)
            # A refusal and the end come together: the refusal says more.
            await asyncio.wait((entering,), timeout=_REFUSAL_S)
            if not entering.done():
                raise ConnectionLostError("the broker ended the connection before letting us in")
            entering.result()
            self._entered = True
        except aiomqtt.MqttError as error:
            raise ConnectionLostError(connection_problem(error)) from error
        finally:
            entering.cancel()
            ending.cancel()
            await asyncio.gather(entering, ending, return_exceptions=True)

    async def subscribe(self) -> None:
        """Subscribe to everything gemba, at QoS 1.

        Raises:
            ConnectionLostError: the broker refused or the connection ended.
        """
        subscribing = asyncio.ensure_future(
            self._client.subscribe(SUBSCRIPTION, qos=1, timeout=_SUBSCRIBE_TIMEOUT_S)
        )
        ending = asyncio.ensure_future(self.wait_ended())
        try:
            await asyncio.wait((subscribing, ending), return_when=asyncio.FIRST_COMPLETED)
            if not subscribing.done():
                raise ConnectionLostError("the connection ended while subscribing")
            granted = subscribing.result()
        except aiomqtt.MqttError as error:
            raise ConnectionLostError(connection_problem(error)) from error
        finally:
            subscribing.cancel()
            ending.cancel()
            await asyncio.gather(subscribing, ending, return_exceptions=True)
        if any(
            (code.value if isinstance(code, ReasonCode) else code) not in (0, 1, 2)
            for code in granted
        ):
            raise ConnectionLostError(f"the broker refused the subscription to {SUBSCRIPTION}")

    async def wait_ended(self) -> None:
        """Wait until the connection is over."""
        await asyncio.wait((self._client._disconnected,))  # noqa: SLF001 - as its own iterator does

    async def close(self) -> None:
        """Say farewell, when the broker may still hear it, and end the connection."""
        try:
            if self._entered and not self._ended:
                async with asyncio.timeout(_FAREWELL_S):
                    await self._client.__aexit__(None, None, None)
        except (aiomqtt.MqttError, TimeoutError) as error:
            _LOG.debug("no farewell from the broker: %s", error)
        finally:
            self._ended = True
            await self._client.let_go()

    def acknowledge(self, packet_ids: list[int]) -> None:
        """Send the PUBACKs of these deliveries; nothing when the connection is over."""
        if not self._ended and packet_ids:
            self._paho._packet_queue(_PUBACK, pubacks(packet_ids), 0, 0)  # noqa: SLF001

    def publish_retained(self, topic: str, payload: bytes) -> bool:
        """Publish a retained message (QoS 0); whether it was taken for sending."""
        if self._ended:
            return False
        return (
            self._paho.publish(topic, payload, 0, retain=True).rc == MQTTErrorCode.MQTT_ERR_SUCCESS
        )

    def pause(self) -> None:
        """Read no more for now: the broker's messages wait in the connection."""
        sock = self._paho.socket()
        if not self._paused and not self._ended and sock is not None:
            self._paused = True
            self._loop.remove_reader(sock.fileno())

    def resume(self) -> None:
        """Read on."""
        sock = self._paho.socket()
        if self._paused and not self._ended and sock is not None:
            self._loop.add_reader(sock.fileno(), self._readable)
        self._paused = False


@asynccontextmanager
async def connect(
    address: MqttAddress, *, client_id: str, receive: Receive
) -> AsyncIterator[Connection]:
    """A connection with a persistent session; on leaving it says farewell, when it still can.

    `receive` is called in the event loop with the messages of each read, in order.

    Raises:
        ConnectionLostError: the broker cannot be reached or refuses us.
    """
    try:
        tls_context = address.tls_context()
    except MqttUrlError as error:
        raise ConnectionLostError(str(error)) from error
    client = MqttClient(
        address.host,
        address.port,
        username=address.username,
        password=address.password,
        identifier=client_id,
        clean_session=False,
        timeout=_TIMEOUT_S,
        keepalive=_KEEPALIVE_S,
        tls_context=tls_context,
    )
    connection = Connection(client, receive)
    try:
        await connection.open()
        yield connection
    except aiomqtt.MqttError as error:
        raise ConnectionLostError(connection_problem(error)) from error
    finally:
        await connection.close()

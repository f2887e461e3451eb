"""One client's socket: its messages, its subscriptions, its outbox."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import Final

import msgspec
import psycopg
import psycopg_pool
from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from api.live.hub import LiveHub
from api.live.outbox import Outbox, Outgoing
from api.live.tickets import Ticket
from contracts.ids import SiteCode
from contracts.live import (
    EVERYWHERE,
    ChannelKind,
    ClientMessage,
    CloseCode,
    Error,
    Ping,
    Pong,
    Subscribe,
    Unsubscribe,
)
from domain.access import Permission, Role, allows, sees, sees_machine, sees_scope
from runtime import tasks
from store import live_access, own_orders
from store.access import linked_order, token_hash
from store.database import Connection
from store.live_channels import ChannelNameError, parse_channel

MAX_SUBSCRIPTIONS: Final = 64
MAX_MESSAGE_CHARS: Final = 4_096
MAX_MESSAGES: Final = 100
MESSAGES_WITHIN_S: Final = 10.0
"""A client that says more than MAX_MESSAGES in this time is closed."""
LAG_S: Final = 5.0
"""How long what is next may wait to be sent."""
FIRST_LAG_S: Final = 30.0
"""The same for a large first snapshot over a thin line."""
RETRY_S: Final = 2.0
"""After so long a subscription that met no database is tried again."""
_CLOSE_S: Final = 5.0
_BY_LINES: Final = (ChannelKind.FLOOR, ChannelKind.ALARMS)
"""Channels of a site of which who is limited to lines is told a part."""
_AWAY: Final = (psycopg.OperationalError, psycopg_pool.PoolTimeout)

_decode = msgspec.json.Decoder(ClientMessage).decode
_log = logging.getLogger(__name__)


class _Refused(Exception):  # noqa: N818 - an answer, not a failure
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class LiveSocket:
    """Serves an accepted socket until one of both sides closes it."""

    def __init__(self, websocket: WebSocket, hub: LiveHub, ticket: Ticket) -> None:
        self._websocket = websocket
        self._hub = hub
        self._ticket = ticket
        self._loop = asyncio.get_running_loop()
        self._outbox = Outbox()
        self._ready = asyncio.Event()
        self._closing: CloseCode | None = None
        self._ended = asyncio.Event()
        self._sending_since: float | None = None
        self._sent = 0
        self._channels: dict[str, str] = {}
        # Subscriptions wait here for the database, so that pings need not.
        self._requests: asyncio.Queue[Subscribe | Unsubscribe] = asyncio.Queue()
        self._asked: dict[str, Subscribe] = {}
        self._heard: deque[float] = deque(maxlen=MAX_MESSAGES)
        self.session = bytes.fromhex(ticket.session) if ticket.session else None
        self.expires_ms = ticket.expires_ms
        self.sites = frozenset(SiteCode(site) for site in ticket.sites)
        self.lines = frozenset(ticket.lines)
        self.customer_id = ticket.customer_id
        self.key = ticket.key

    # What the hub calls -----------------------------------------------------------------------

    def offer(self, message: Outgoing) -> None:
        """Queue a message; never waits."""
        if self._closing is not None:
            return
        self._outbox.offer(message, self._loop.time())
        if self._outbox.overflowed:
            self.close(CloseCode.RESUME)
        else:
            self._ready.set()

    def close(self, code: CloseCode) -> None:
        """Begin to close the socket; what is queued is not sent any more."""
        if self._closing is None:
            self._closing = code
            self._ended.set()

    def is_stuck(self) -> bool:
        """Whether what is next has waited too long, or is being sent for too long."""
        waiting = [at for at in (self._sending_since, self._outbox.oldest_s()) if at is not None]
        if not waiting:
            return False
        allowed_s = LAG_S if self._sent else FIRST_LAG_S
        return self._loop.time() - min(waiting) > allowed_s

    # Serving ----------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Talk with the client until the socket closes."""
        self._hub.enter(self)
        work = [
            asyncio.create_task(self._receive(), name="live-receive"),
            asyncio.create_task(self._send(), name="live-send"),
            asyncio.create_task(self._work(), name="live-work"),
            asyncio.create_task(self._ended.wait(), name="live-ended"),
        ]
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._ended.set()
            await tasks.end(work)
            for task in work:
                error = task.exception() if task.done() and not task.cancelled() else None
                if isinstance(error, Exception) and not isinstance(error, WebSocketDisconnect):
                    _log.error("live: a socket failed", exc_info=error)
            self._hub.leave(self, self._channels.values())
            await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        """Say why the socket closes, if the client still takes anything."""
        if self._websocket.client_state is not WebSocketState.CONNECTED:
            return
        code = self._closing or CloseCode.GOING_AWAY
        with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            await asyncio.wait_for(self._websocket.close(code, code.name.lower()), timeout=_CLOSE_S)

    async def _send(self) -> None:
        websocket, queue, time = self._websocket, self._outbox, self._loop.time
        while True:
            while queue:
                self._sending_since = time()
                await websocket.send({"type": "websocket.send", "text": queue.take()})
                self._sending_since = None
                self._sent += 1
            self._ready.clear()
            await self._ready.wait()

    async def _receive(self) -> None:
        while True:
            received = await self._websocket.receive()
            if received["type"] == "websocket.disconnect":
                return
            text = received.get("text")
            self._heard.append(self._loop.time())
            flooded = (
                len(self._heard) == MAX_MESSAGES
                and self._heard[-1] - self._heard[0] < MESSAGES_WITHIN_S
            )
            if text is None or flooded or len(text) > MAX_MESSAGE_CHARS:
                self.close(CloseCode.BAD_MESSAGE)
                return
            self._hear(text)

    def _hear(self, text: str) -> None:
        try:
            message = _decode(text)
        except msgspec.DecodeError as error:
            self._say(Error("bad_message", str(error)))
            return
        match message:
            case Ping():
                self._say(Pong())
            case Subscribe() | Unsubscribe():
                self._requests.put_nowait(message)

    async def _work(self) -> None:
        """Do what was asked, one after the other."""
        while True:
            request = await self._requests.get()
            if isinstance(request, Unsubscribe):
                self._unsubscribe(request.channel)
                continue
            self._asked[request.channel] = request
            try:
                await self._subscribe(request)
            except _Refused as refusal:
                self._say(Error(refusal.code, refusal.detail, request.channel))
                del self._asked[request.channel]
            except _AWAY:
                detail = "the database does not answer; it is tried again"
                self._say(Error("unavailable", detail, request.channel))
                self._loop.call_later(RETRY_S, self._ask_again, request)

    def _ask_again(self, request: Subscribe) -> None:
        """Try once more, unless the client has asked for something else meanwhile."""
        if self._asked.get(request.channel) is request and not self._ended.is_set():
            self._requests.put_nowait(request)

    def _unsubscribe(self, name: str) -> None:
        self._asked.pop(name, None)
        channel = self._channels.pop(name, None)
        if channel is not None:
            self._hub.unsubscribe(self, channel)
            self._outbox.leave(name)

    def _say(self, message: Error | Pong) -> None:
        self.offer(Outgoing(msgspec.json.encode(message).decode()))

    # Who may see what -------------------------------------------------------------------------

    async def _subscribe(self, message: Subscribe) -> None:
        if message.channel not in self._channels and len(self._channels) >= MAX_SUBSCRIPTIONS:
            raise _Refused("too_many", f"at most {MAX_SUBSCRIPTIONS} channels per socket")
        try:
            kind, subject = parse_channel(message.channel)
        except ChannelNameError as error:
            raise _Refused("bad_channel", str(error)) from None
        if self._ticket.channel not in (None, message.channel):
            raise _Refused("forbidden", "the ticket opens another channel only")
        async with self._hub.pool.connection() as connection:
            channel, link = await self._admit(connection, kind, subject)
        self._channels[message.channel] = channel
        await self._hub.subscribe(
            self,
            channel,
            public_name=message.channel,
            since=message.since,
            link=link,
            lines=self.lines if kind in _BY_LINES else frozenset(),
        )

    async def _admit(
        self, connection: Connection, kind: ChannelKind, subject: str
    ) -> tuple[str, bytes | None]:
        """The channel's name within the installation, and the link that it hangs on.

        What somebody may not see reads as if it did not exist.
        """
        if kind is ChannelKind.TRACKING:
            if await linked_order(connection, subject) is None:
                raise _Refused("not_found", "there is no such link, or it is no longer valid")
            link = token_hash(subject)
            return f"{kind}:{link.hex()}", link
        ticket = self._ticket
        if kind is ChannelKind.OWN:
            return await self._admit_own(connection, subject), None
        if ticket.role is None or not allows(Role(ticket.role), Permission.READ):
            raise _Refused("forbidden", "reading needs a role that may read")
        if kind is ChannelKind.PLAN:
            sites = await live_access.sites_of_scope(connection, subject)
            if self.lines or not sees_scope(self.sites, sites):
                raise _Refused("not_found", "there is no such planning scope")
            return f"{kind}:{subject}", None
        if kind is ChannelKind.ALARMS and subject == EVERYWHERE:
            if self.sites:
                raise _Refused("not_found", "alarms of everywhere are for who may see every site")
            return f"{kind}:{subject}", None
        site = await self._site_of(connection, kind, subject)
        if site is None or not sees(self.sites, SiteCode(site)):
            raise _Refused("not_found", f"there is no such {kind}")
        return f"{kind}:{subject}", None

    async def _site_of(self, connection: Connection, kind: ChannelKind, subject: str) -> str | None:
        """The site that a channel belongs to; None when there is no such thing."""
        match kind:
            case ChannelKind.FLOOR | ChannelKind.ALARMS:
                return await live_access.site_exists(connection, subject)
            case ChannelKind.MACHINE:
                if not sees_machine(self.lines, subject):
                    return None
                return await live_access.site_of_machine(connection, subject)
            case _:
                return await live_access.site_of_order(connection, subject)

    async def _admit_own(self, connection: Connection, number: str) -> str:
        """The channel of a customer's own order, which the database shows under its policies."""
        ticket = self._ticket
        may = ticket.role is not None and allows(Role(ticket.role), Permission.OWN_ORDERS)
        if not may or ticket.customer_id is None:
            raise _Refused("forbidden", "own orders are for customers")
        async with own_orders.as_customer(connection, ticket.customer_id):
            row = await own_orders.own_order(connection, number, limited_to=self.sites)
        if row is None or row.customer_id != ticket.customer_id:
            raise _Refused("not_found", "there is no such order")
        return f"{ChannelKind.OWN}:{number}"

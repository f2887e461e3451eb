"""From the connection to the outbox: batches, commits, and only then the PUBACKs."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from contracts.ids import MachinePath
from contracts.topics import is_ack
from edge.bundling import Pace
from edge.mqtt import Connection
from edge.outbox import Outbox, OutboxError, Received
from edge.packets import Publish
from edge.worker import OutboxThread
from runtime.clock import Clock

_LOG = logging.getLogger(__name__)

COMMIT_LINGER_S: Final = 0.008
"""Under load a commit (one fsync) waits so long for company."""

BATCH_MESSAGES: Final = 2_000
BATCH_BYTES: Final = 4 * 1024 * 1024
INBOX_BYTES: Final = 32 * 1024 * 1024
"""So much may wait in memory before the connection is read no further."""

_RETRY_S: Final = 0.25


class _Read(msgspec.Struct, frozen=True):
    """What one read of a connection brought."""

    connection: Connection
    received_ms: int
    messages: list[Publish]
    size: int


class Intake:
    """Takes messages from connections and commits them.

    When the outbox refuses (it is full, or the disk is), the connection is dropped so that the
    broker keeps what follows; what was received stays here, unacknowledged, and is tried again.
    `on_room` is then awaited by nobody: `blocked` says that no connection should be opened.
    """

    def __init__(
        self,
        thread: OutboxThread,
        outbox: Outbox,
        clock: Clock,
        *,
        on_commit: Callable[[int, list[MachinePath]], None],
    ) -> None:
        self._thread = thread
        self._outbox = outbox
        self._clock = clock
        self._on_commit = on_commit
        self._inbox: deque[_Read] = deque()
        self._inbox_bytes = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._pace = Pace(linger_s=COMMIT_LINGER_S, max_messages=BATCH_MESSAGES)
        self._messages_waiting = 0
        self._session_of: Connection | None = None
        self.blocked: str | None = None
        """Why nothing is received at present."""
        self.received = 0
        self.stored = 0
        self.redelivered = 0

    def receive(self, connection: Connection, messages: list[Publish]) -> None:
        """Take what a read brought. The gateway's own receipts come back and are passed over."""
        own = [message for message in messages if is_ack(message.topic)]
        if own:
            connection.acknowledge([message.packet_id for message in own if message.qos])
            messages = [message for message in messages if not is_ack(message.topic)]
            if not messages:
                return
        size = sum(len(message.payload) for message in messages)
        self._inbox.append(_Read(connection, self._clock.now_ms(), messages, size))
        self._inbox_bytes += size
        self._messages_waiting += len(messages)
        self.received += len(messages)
        self._pace.arrived(len(messages), self._clock.monotonic())
        if self._inbox_bytes > INBOX_BYTES:
            connection.pause()
        self._arrived.set()

    async def wait_for_room(self) -> None:
        """Wait until the outbox takes messages (again)."""
        await self._room.wait()

    async def run(self) -> None:
        """Commit what arrives, for ever."""
        while True:
            await self._arrived.wait()
            linger = self._pace.wait_s(self._messages_waiting, self._clock.monotonic())
            if linger > 0:
                await asyncio.sleep(linger)
            self._pace.sent(self._clock.monotonic())
            await self._commit(self._take())
            if not self._inbox:
                self._arrived.clear()

    def _take(self) -> list[_Read]:
        """The reads of one connection that make the next batch."""
        taken: list[_Read] = []
        count = size = 0
        while self._inbox and count < BATCH_MESSAGES and size < BATCH_BYTES:
            if taken and self._inbox[0].connection is not taken[0].connection:
                break
            read = self._inbox.popleft()
            taken.append(read)
            count += len(read.messages)
            size += read.size
        self._inbox_bytes -= size
        self._messages_waiting -= count
        return taken

    async def _commit(self, reads: list[_Read]) -> None:
        connection = reads[0].connection
        batch = [
            Received(m.topic, m.payload, read.received_ms, m.packet_id, m.dup)
            for read in reads
            for m in read.messages
        ]
        while True:
            try:
                if connection is not self._session_of:
                    if not connection.session_present:
                        await self._thread.call(self._outbox.forget_deliveries)
                    self._session_of = connection
                committed = await self._thread.call(self._outbox.store, batch)
            except OutboxError as error:
                self._block(str(error), connection)
                await asyncio.sleep(_RETRY_S)
            else:
                break
        self._unblock(connection)
        connection.acknowledge([message.packet_id for message in batch if message.packet_id])
        self.stored += committed.stored
        self.redelivered += committed.repeated
        self._on_commit(committed.stored, committed.machines)

    def _block(self, reason: str, connection: Connection) -> None:
        if self.blocked is None:
            _LOG.error("%s; receiving stops until there is room", reason)
        self.blocked = reason
        self._room.clear()
        for read in self._inbox:
            if not read.connection.ended:
                read.connection.drop()
        if not connection.ended:
            connection.drop()

    def _unblock(self, connection: Connection) -> None:
        if self.blocked is not None:
            _LOG.info("the outbox takes messages again")
            self.blocked = None
            self._room.set()
        if self._inbox_bytes <= INBOX_BYTES:
            connection.resume()

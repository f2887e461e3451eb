"""The retained receipts: on each machine's `ack` topic, what its publishers may forget."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

import msgspec

from contracts.ids import MachinePath
from contracts.telemetry import Receipts
from contracts.topics import ack_topic
from edge.mqtt import Connection
from edge.outbox import Outbox, OutboxError
from edge.worker import OutboxThread

_LOG = logging.getLogger(__name__)

INTERVAL_S: Final = 0.1
"""A machine's receipt is published at most this often."""

MACHINES_PER_INTERVAL: Final = 10
"""With more machines than these each waits its turn: receipts must not crowd out messages, since
a broker also brings each of them back to the gateway, which subscribes to everything."""


class Acknowledger:
    """Publishes the receipts of machines that changed, and on every new connection all of them."""

    def __init__(self, thread: OutboxThread, outbox: Outbox, *, gateway: str) -> None:
        self._thread = thread
        self._outbox = outbox
        self._gateway = gateway
        self._due: dict[MachinePath, None] = {}
        self._something = asyncio.Event()
        self._connection: Connection | None = None
        self.published = 0

    def changed(self, machines: Iterable[MachinePath]) -> None:
        """What is durable of these machines' publishers has changed."""
        self._due.update(dict.fromkeys(machines))
        self._wake()

    async def connected(self, connection: Connection) -> None:
        """Publish on this connection from now on, and everything anew."""
        self._connection = connection
        try:
            self.changed(await self._thread.call(self._outbox.receipts))
        except OutboxError as error:
            _LOG.warning("receipts are published when they next change: %s", error)

    def disconnected(self) -> None:
        """There is no connection; what changes meanwhile is published on the next one."""
        self._connection = None
        self._something.clear()

    def _wake(self) -> None:
        if self._due and self._connection is not None:
            self._something.set()

    async def run(self) -> None:
        """Publish, for ever."""
        while True:
            await self._something.wait()
            await self._publish_some()
            await asyncio.sleep(INTERVAL_S)

    async def _publish_some(self) -> None:
        machines = list(self._due)[:MACHINES_PER_INTERVAL]
        for machine in machines:
            del self._due[machine]
        if not self._due:
            self._something.clear()
        try:
            receipts = await self._thread.call(self._outbox.receipts, machines)
        except OutboxError as error:
            _LOG.warning("receipts wait: %s", error)
            self.changed(machines)
            return
        for machine, publishers in receipts.items():
            payload = msgspec.json.encode(Receipts(gateway=self._gateway, publishers=publishers))
            connection = self._connection
            if connection is None or not connection.publish_retained(ack_topic(machine), payload):
                return  # the next connection publishes all of them
            self.published += 1

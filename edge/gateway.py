"""The gateway: connection, intake, sender and receipts, and what it says of itself."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Final

import msgspec

from contracts.ids import MachinePath
from edge.acks import Acknowledger
from edge.intake import Intake
from edge.mqtt import ConnectionLostError, connect
from edge.outbox import Outbox
from edge.sender import Sender
from edge.worker import OutboxThread
from runtime import tasks
from runtime.backoff import Backoff
from runtime.clock import Clock
from runtime.health import Health, HealthState
from runtime.mqtt_url import MqttAddress
from store.log import StreamLog

_LOG = logging.getLogger(__name__)

SERVICE: Final = "edge"
_FIRST_RETRY_S: Final = 0.1
_LAST_RETRY_S: Final = 3.0
_STEADY_S: Final = 5.0
"""A connection that lasted so long was a good one: the next attempt comes at once."""

_GRACE_S: Final = 2.0
"""A shorter interruption is not worth a person's attention."""


class GatewayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway needs to know.

    Attributes:
        name: the MQTT client id and the first half of the gateway's name in bundles.
        broker: where the broker is.
        linger_s: the longest wait of a frame under load.
        frame_samples: a frame with so many messages waits no longer, and none has more.
        instance: its name among several gateways, for health (`runtime.health.instance_of`).
    """

    name: str
    broker: MqttAddress
    linger_s: float
    frame_samples: int
    instance: str = ""


class Gateway:
    """One gateway process's work. The outbox and the log are given and belong to the caller."""

    def __init__(
        self,
        options: GatewayOptions,
        *,
        thread: OutboxThread,
        outbox: Outbox,
        log: StreamLog,
        clock: Clock,
    ) -> None:
        self._options = options
        self._clock = clock
        self._outbox = outbox
        self.identity = f"{options.name}:{outbox.identity}"
        """How bundles and receipts name this gateway: no two outboxes share it."""
        self._intake = Intake(thread, outbox, clock, on_commit=self._committed)
        self._acks = Acknowledger(thread, outbox, gateway=self.identity)
        self._sender = Sender(
            thread,
            outbox,
            log,
            clock,
            gateway=self.identity,
            linger_s=options.linger_s,
            frame_samples=options.frame_samples,
        )
        self._away_since: float | None = clock.monotonic()
        self._away_reason = "not connected yet"

    async def run(self) -> None:
        """Receive, store, send and acknowledge until cancelled.

        Whatever else ends one of these is raised, and then the gateway has to be started anew.
        """
        work = [
            asyncio.create_task(part)
            for part in (
                self._intake.run(),
                self._sender.run(),
                self._acks.run(),
                self._stay_connected(),
            )
        ]
        try:
            ended, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await tasks.end(work)
        for task in ended:
            task.result()

    def _committed(self, stored: int, machines: list[MachinePath]) -> None:
        if stored:
            self._sender.stored(stored)
        self._acks.changed(machines)

    async def _stay_connected(self) -> None:
        backoff = Backoff(first_s=_FIRST_RETRY_S, last_s=_LAST_RETRY_S)
        while True:
            await self._intake.wait_for_room()
            begun = self._clock.monotonic()
            try:
                await self._connected()
            except ConnectionLostError as error:
                self._away(str(error))
            if self._clock.monotonic() - begun > _STEADY_S:
                backoff.reset()
            await asyncio.sleep(backoff.pause_s())

    async def _connected(self) -> None:
        """One connection, from its beginning to its end."""
        async with connect(
            self._options.broker, client_id=self._options.name, receive=self._intake.receive
        ) as connection:
            try:
                await self._acks.connected(connection)
                await connection.subscribe()
                _LOG.info(
                    "connected to %s as %s, session %s",
                    self._options.broker,
                    self._options.name,
                    "resumed" if connection.session_present else "new",
                )
                self._away_since = None
                await connection.wait_ended()
            finally:
                self._acks.disconnected()
        self._away("the connection ended")

    def _away(self, reason: str) -> None:
        if self._away_since is None:
            self._away_since = self._clock.monotonic()
            _LOG.warning("lost %s: %s", self._options.broker, reason)
        self._away_reason = reason

    @property
    def condition(self) -> tuple[HealthState, bool]:
        """How the gateway is, in short: worth telling at once when it changes."""
        return self._state()[0], self._away_since is None

    def health(self) -> Health:
        """How the gateway is, with its figures."""
        state, reason = self._state()
        return Health(
            service=SERVICE,
            instance=self._options.instance,
            name=self._options.name,
            state=state,
            reason=reason,
            at_ms=self._clock.now_ms(),
            pid=os.getpid(),
            metrics={
                "received": self._intake.received,
                "stored": self._intake.stored,
                "redelivered": self._intake.redelivered,
                "sent": self._sender.sent,
                "records": self._sender.records,
                "waiting": self._outbox.waiting,
                "outbox_bytes": self._outbox.waiting_bytes,
                "outbox_max_bytes": self._outbox.max_bytes,
                "linger_ms": self._sender.linger_s * 1_000,
                "receipts": self._acks.published,
                "connected": float(self._away_since is None),
            },
        )

    def _state(self) -> tuple[HealthState, str | None]:
        waiting = f"{self._outbox.waiting:,} messages waiting"
        if self._intake.blocked is not None:
            return HealthState.FAILED, f"{self._intake.blocked}; not receiving, {waiting}"
        if self._outbox.full:  # one large batch filled it, and nothing has come since
            size = f"{self._outbox.waiting_bytes:,} of {self._outbox.max_bytes:,} bytes wait"
            return HealthState.FAILED, f"outbox full: {size}, {waiting}"
        trying_s = self._sender.trying_s
        if trying_s >= _GRACE_S:
            reason = f"stream unreachable for {trying_s:.0f} s, {waiting}"
            return HealthState.DEGRADED, f"{reason} ({self._sender.error or 'no answer'})"
        if self._away_since is not None:
            away_s = self._clock.monotonic() - self._away_since
            if away_s >= _GRACE_S:
                reason = f"broker unreachable for {away_s:.0f} s: {self._away_reason}"
                return HealthState.DEGRADED, reason
        return HealthState.OK, None

"""From the outbox to the stream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

from contracts.streams import PARTITIONS, TOPICS, encode_bundle
from edge.bundling import Pace, Stored, frames
from edge.outbox import Outbox, OutboxError
from edge.worker import OutboxThread
from runtime.backoff import Backoff
from runtime.clock import Clock
from store.log import NewRecord, StreamLog, UnknownTopicError

_LOG = logging.getLogger(__name__)

SEND_BYTES: Final = 1_500_000
"""Payload of one append, at most: a few records."""

_APPEND_TIMEOUT_S: Final = 10.0
"""A stream that takes longer to answer is treated as one that is away. What it has taken all the
same is told twice, which consumers notice."""

_FIRST_RETRY_S: Final = 0.1
_LAST_RETRY_S: Final = 2.0
_TIDY_S: Final = 0.5


class Sender:
    """Sends what waits in the outbox, in order of id, and lets go of what the stream has.

    A failed append is tried again for ever, always beginning with the lowest id that is not known
    to be in the stream and reading at least as far as before. So per partition ids never fall from
    record to record, except that a record may repeat what the stream already has.
    """

    def __init__(
        self,
        thread: OutboxThread,
        outbox: Outbox,
        log: StreamLog,
        clock: Clock,
        *,
        gateway: str,
        linger_s: float,
        frame_samples: int,
    ) -> None:
        self._thread = thread
        self._outbox = outbox
        self._log = log
        self._clock = clock
        self._gateway = gateway
        self._frame_samples = frame_samples
        self._pace = Pace(linger_s=linger_s, max_messages=frame_samples)
        self._stored = asyncio.Event()
        self._stored.set()
        self._enough = asyncio.Event()
        self._sent_id = 0
        self._untidy = False
        self._trying_since: float | None = None
        self.sent = 0
        self.records = 0
        self.error: str | None = None
        """What the last append failed with, while it fails."""

    def stored(self, count: int) -> None:
        """So many messages were committed to the outbox."""
        self._pace.arrived(count, self._clock.monotonic())
        self._stored.set()
        if self._outbox.waiting >= self._frame_samples:
            self._enough.set()

    @property
    def trying_s(self) -> float:
        """For how long the stream has not taken what it is to take; 0 when nothing is under way."""
        since = self._trying_since
        return 0.0 if since is None else self._clock.monotonic() - since

    @property
    def linger_s(self) -> float:
        """How long a frame waits at the present load."""
        return self._pace.linger_s

    async def run(self) -> None:
        """Send, for ever."""
        await self._until_done(self._prepare)
        while True:
            await self._wait_for_rows()
            rows = await self._read()
            if not rows:
                continue
            self._pace.sent(self._clock.monotonic())
            records = [
                NewRecord(
                    frame.topic,
                    frame.partition,
                    str(frame.partition).encode(),
                    encode_bundle(frame.bundle),
                )
                for frame in frames(self._gateway, rows, max_messages=self._frame_samples)
            ]
            await self._until_done(partial(self._append, records))
            self._sent_id = rows[-1].id
            await self._thread.call(self._outbox.discard, rows)
            self._untidy = True
            self.sent += len(rows)
            self.records += len(records)

    async def _wait_for_rows(self) -> None:
        """Until something waits, and then as long as the pace says."""
        if not self._outbox.waiting:
            self._stored.clear()
        if not self._stored.is_set():
            await self._rest()
        self._enough.clear()
        wait_s = self._pace.wait_s(self._outbox.waiting, self._clock.monotonic())
        if wait_s > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._enough.wait()

    async def _rest(self) -> None:
        """Nothing waits: delete what was sent, unless a commit comes by and does it."""
        if self._untidy:
            with suppress(TimeoutError):
                async with asyncio.timeout(_TIDY_S):
                    await self._stored.wait()
                return
            try:
                await self._thread.call(self._outbox.tidy)
                self._untidy = False
            except OutboxError as error:
                _LOG.warning("sent messages stay in the file for now: %s", error)
        await self._stored.wait()

    async def _read(self) -> list[Stored]:
        try:
            return await self._thread.call(
                self._outbox.read, self._sent_id, PARTITIONS * self._frame_samples, SEND_BYTES
            )
        except OutboxError as error:
            self._failed(error)
            await asyncio.sleep(_LAST_RETRY_S)
            return []

    async def _prepare(self) -> None:
        await self._log.open()
        await self._log.create_topics(TOPICS, PARTITIONS)

    async def _append(self, records: list[NewRecord]) -> None:
        try:
            await self._log.append(records)
        except UnknownTopicError:
            await self._log.create_topics(TOPICS, PARTITIONS)
            await self._log.append(records)

    async def _until_done(self, step: Callable[[], Awaitable[None]]) -> None:
        backoff = Backoff(first_s=_FIRST_RETRY_S, last_s=_LAST_RETRY_S)
        self._trying_since = self._clock.monotonic()
        while True:
            try:
                async with asyncio.timeout(_APPEND_TIMEOUT_S):
                    await step()
            except Exception as error:  # noqa: BLE001 - whatever it is, the outbox keeps everything
                self._failed(error)
            else:
                break
            await asyncio.sleep(backoff.pause_s())
        if self.error is not None:
            _LOG.info("the stream takes records again after %.0f s", self.trying_s)
        self._trying_since = self.error = None

    def _failed(self, error: Exception) -> None:
        if self.error is None:
            _LOG.warning("the stream takes no records; the outbox keeps them: %s", error)
        self.error = f"{type(error).__name__}: {error}".strip()

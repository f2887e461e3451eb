"""Whose turn it is to write the live channels, and what those whose turn it is not do with news.

Several workers consume at once, each its partitions, but one of them writes all channels (LIVE-16):
it has the turn, a lease in Redis whose token is new each time it is taken. Rows are read under a
token and written under the same one, so whoever was stopped in between writes nothing. What the
others are told they pass on to the one whose turn it is (LIVE-17).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Collection
from typing import Final

import msgspec
from redis.exceptions import RedisError

from store.live_channels import LiveChannels
from streams.marks import Mark, MarkKind

GAP_S: Final = 0.02
"""What is told within so long is passed on together."""
_RETRY_S: Final = 0.5
_EVERYTHING: Final = Mark(MarkKind.ALL)
_log = logging.getLogger(__name__)


class Turn:
    """One projector's turn.

    Args:
        channels: where the turn is kept.

    Attributes:
        token: under which it may write; None while another projector may, or nobody.
    """

    def __init__(self, channels: LiveChannels) -> None:
        self._channels = channels
        self._asking = asyncio.Lock()
        self.token: str | None = None

    async def claim(self) -> bool:
        """Keep the turn, or take it when nobody has it; whether it was taken just now.

        Raises:
            redis.exceptions.RedisError: Redis is away; the token stays what it was.
        """
        async with self._asking:
            if self.token is not None and await self._channels.renew(self.token):
                return False
            # What is told from here on is passed on, until the turn is known to be taken.
            self.token = None
            token = uuid.uuid4().hex
            if not await self._channels.claim(token):
                return False
            self.token = token
            return True

    async def release(self) -> None:
        """Let another projector write at once."""
        async with self._asking:
            token, self.token = self.token, None
            if token is not None:
                with contextlib.suppress(RedisError, OSError):
                    await self._channels.release(token)


class PassingOn:
    """Passes on what this projector is told while it is another one's turn.

    Args:
        channels: by which the other one hears of it.
    """

    def __init__(self, channels: LiveChannels) -> None:
        self._channels = channels
        self._marks: set[Mark] = set()
        self._some = asyncio.Event()

    def add(self, mark: Mark) -> None:
        """Pass a mark on, soon."""
        self._marks.add(mark)
        self._some.set()

    def everything(self) -> None:
        """Have everything read anew: nobody knows what was missed."""
        self.add(_EVERYTHING)

    def clear(self) -> None:
        """It is this projector's turn, which reads everything."""
        self._marks.clear()

    async def run(self) -> None:
        """Pass on until cancelled; what Redis did not take is made up for when it is back."""
        while True:
            await self._some.wait()
            self._some.clear()
            marks, self._marks = self._marks, set()
            if not marks:
                continue
            try:
                await self._channels.forward(msgspec.json.encode(marks))
            except (RedisError, OSError) as error:
                _log.debug("live projector: marks were not passed on: %s", error)
                self.everything()
                await asyncio.sleep(_RETRY_S)
            await asyncio.sleep(GAP_S)


class Gained:
    """Notices that a worker was given partitions that it did not have.

    Whoever had them may have been killed between a commit and telling of it (LIVE-18).

    Args:
        assigned: the partitions (topic, partition) that are the worker's now.
    """

    def __init__(self, assigned: Callable[[], Collection[tuple[str, int]]]) -> None:
        self._assigned = assigned
        self._had: frozenset[tuple[str, int]] = frozenset()

    def look(self) -> bool:
        """Whether partitions came since the last look."""
        before, self._had = self._had, frozenset(self._assigned())
        return not self._had <= before

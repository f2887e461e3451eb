"""What the courier stands on: sources that have letters, drivers that send them.

A source is a table of letters (`store.notification.letters`) and what composes them. A driver is
one kind of way; it is given a letter and the way's settings, and says what became of it. It raises
nothing for what a provider does: whatever goes wrong is an outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import httpx
import msgspec

from domain.notification.letters import Composed, Letter, Outcome, Rendered
from domain.notification.ways import Way
from runtime.clock import Clock
from store.database import Pool
from store.notification.letters import LetterTable


class Source(Protocol):
    """Something that has letters to people."""

    @property
    def table(self) -> LetterTable:
        """Where they are."""

    async def compose(self, letter: Letter) -> Composed:
        """What a letter says.

        Raises:
            LetterError: it cannot be said at all: the letter is given up for good.
            NotYetError: it cannot be said now: it is tried again.
        """


class LetterError(Exception):
    """A letter that cannot be written, with words that say why."""


class NotYetError(Exception):
    """A letter that cannot be written now, with words that say why."""


class Driver(Protocol):
    """How letters leave by one kind of way."""

    async def deliver(self, letter: Letter, rendered: Rendered, way: Way) -> Outcome:
        """Hand a letter to the provider, once; answers what became of it.

        It is cancelled when it takes longer than the time-out, which counts against the way.
        `letter.message_id` is the same at each attempt.
        """


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What drivers are built of.

    Attributes:
        http: follows no redirects, uses no proxy, has a time-out.
        timeout_s: how long an attempt may take as a whole.
        private: whether addresses of this network may be reached, and without TLS.
        installation_key: opens what the installation has sealed.
    """

    http: httpx.AsyncClient
    clock: Clock
    pool: Pool
    timeout_s: float
    private: bool
    installation_key: str


Builder = Callable[[Tools], Driver]
Drivers = Mapping[str, Driver]
"""By the kind of way (`domain.notification.ways.KINDS`)."""

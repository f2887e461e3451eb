"""Which way a letter takes: those that serve its address, in their order, unless they are broken.

A way that fails again and again is left alone for a while and then tried with one letter: a
provider that hangs must not take the places of letters that others would deliver.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from domain.notification.letters import Letter
from domain.notification.retrying import is_probed
from domain.notification.ways import UnknownKindError, Way
from runtime.sealed import SealError
from store.database import Pool
from store.notification import ways
from store.notification.ways import StoredWay

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 4
_MOST_PLACES: Final = 16


class Blocked(msgspec.Struct, frozen=True):
    """No way now: why, and when to look again; None: when somebody changes something."""

    problem: str
    until: datetime | None


class Ways:
    """The ways of an installation as they were when they were last read.

    Args:
        pool: where the rows are.
        installation_key: opens their secrets.
        at_once: so many letters one way sends at a time.
    """

    def __init__(self, pool: Pool, installation_key: str, *, at_once: int = _AT_ONCE) -> None:
        self._pool = pool
        self._key = installation_key
        self._at_once = at_once
        self._stored: dict[str, StoredWay] = {}
        self._opened: dict[UUID, Way] = {}
        self._faults: dict[str, str] = {}
        self._busy: Counter[str] = Counter()

    async def refresh(self) -> None:
        """Read them."""
        async with self._pool.connection() as connection:
            found = await ways.listed(connection)
        self._stored = {each.code: each for each in found}
        kept = {each.secret_id for each in found}
        self._opened = {key: way for key, way in self._opened.items() if key in kept}
        self._faults = {}

    def broken(self, now: datetime) -> list[StoredWay]:
        """Those that are left alone now."""
        return [each for each in self._stored.values() if each.enabled and _is_broken(each, now)]

    def closed(self, channel: str, now: datetime) -> Blocked | None:
        """Why nothing at all can go by a channel now; None: something can."""
        mine = self._of(channel)
        if not mine:
            return Blocked(
                f"no way is configured for {channel}: add one with"
                " PUT /v1/notification-ways/<code>, or enable the one there is",
                None,
            )
        untils = [each.broken_until for each in mine if _is_broken(each, now)]
        if len(untils) < len(mine):
            return None
        first = mine[0]
        return Blocked(
            f"{', '.join(each.code for each in mine)} cannot be used now; {first.code} said:"
            f" {first.last_error}",
            min(each for each in untils if each is not None),
        )

    def places(self, channel: str, now: datetime) -> int:
        """So many letters of a channel are under way at a time; one in any case, to try a way."""
        usable = [each for each in self._of(channel) if not _is_broken(each, now)]
        return min(max(sum(self._most(each) for each in usable), 1), _MOST_PLACES)

    def choose(self, letter: Letter, now: datetime) -> Way | Blocked:
        """The way that a letter takes now; what is chosen is busy until `free`."""
        serving = self._serving(letter)
        if not serving:
            return Blocked(self._unserved(letter), None)
        # Another one than failed it last time, where there is one.
        serving.sort(key=lambda way: (way.code == letter.way and self._fails(way), way.rank))
        until: datetime | None = None
        problem = "all its ways are busy"
        for way in serving:
            stored = self._stored[way.code]
            if letter.only_by is None and _is_broken(stored, now):
                problem = f"{way.code} cannot be used now: {stored.last_error}"
                until = min(until or stored.broken_until or now, stored.broken_until or now)
                continue
            if self._busy[way.code] < self._most(stored):
                self._busy[way.code] += 1
                return way
            until = now
        return Blocked(problem, until)

    def free(self, way: Way) -> None:
        """A letter has left it, or has not."""
        self._busy[way.code] -= 1

    def _serving(self, letter: Letter) -> list[Way]:
        only = letter.only_by
        candidates: Sequence[StoredWay] = (
            self._of(letter.channel)
            if only is None
            else [each for each in self._stored.values() if each.code == only]
        )
        opened = [self._open(each) for each in candidates]
        return [way for way in opened if way is not None and (only or way.serves(letter.address))]

    def _unserved(self, letter: Letter) -> str:
        for code, fault in self._faults.items():
            if letter.only_by in (None, code):
                return f"{code} cannot be used: {fault}"
        if letter.only_by is not None:
            return f"there is no way {letter.only_by!r} any more"
        codes = ", ".join(each.code for each in self._of(letter.channel))
        return (
            f"no way serves {letter.address!r} by {letter.channel}; there are {codes}: add one"
            " with that code or prefix, or change the recipient's address"
        )

    def _of(self, channel: str) -> list[StoredWay]:
        return [each for each in self._stored.values() if each.enabled and each.channel == channel]

    def _most(self, way: StoredWay) -> int:
        return 1 if is_probed(way.failures) else self._at_once

    def _fails(self, way: Way) -> bool:
        return self._stored[way.code].failures > 0

    def _open(self, stored: StoredWay) -> Way | None:
        key = stored.secret_id  # drawn anew with each change
        if key not in self._opened:
            try:
                self._opened[key] = stored.opened(self._key)
            except (SealError, UnknownKindError, msgspec.ValidationError) as error:
                self._faults[stored.code] = str(error)
                _log.warning("the way %s cannot be used: %s", stored.code, error)
                return None
        return self._opened[key]


def _is_broken(way: StoredWay, now: datetime) -> bool:
    return way.broken_until is not None and way.broken_until > now

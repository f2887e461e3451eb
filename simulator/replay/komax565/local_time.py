"""The log's times: day/month/year in the plant's local time, to the second, to UTC milliseconds."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from contracts.ids import EpochMs

_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_TIME = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})")

_EARLIEST_MS = 946_684_800_000
_LEAP_MS = 2 * 3_600_000
_LEAP_ENTRIES = 6
_JITTER_MS = 60_000
"""Neighbouring entries of one second are written up to seconds out of order: no second pass."""


def parse_local(date: str, time: str) -> datetime | None:
    """A naive local time, or None when the text is no time."""
    day = _DATE.fullmatch(date.strip())
    clock = _TIME.fullmatch(time.strip())
    if day is None or clock is None:
        return None
    try:
        return datetime(  # noqa: DTZ001 - local time; LocalClock gives it its zone
            int(day[3]), int(day[2]), int(day[1]), int(clock[1]), int(clock[2]), int(clock[3])
        )
    except ValueError:
        return None


class LocalClock:
    """Turns one file's local times, in the order they stand there, into UTC.

    An hour that the night of a time change has twice is told apart by that order: a time that would
    lie before the one read last belongs to the second pass. A time the change skips is taken by the
    offset before it. A time before the year 2000 or after `latest_ms` (now) cannot be.
    """

    def __init__(self, zone: ZoneInfo, latest_ms: int) -> None:
        self._zone = zone
        self._latest = latest_ms
        self._last: EpochMs | None = None

    def to_utc(self, local: datetime) -> EpochMs | None:
        """The moment of a local time, as epoch milliseconds; None for one that cannot be."""
        first = _epoch_ms(local.replace(tzinfo=self._zone, fold=0))
        second = _epoch_ms(local.replace(tzinfo=self._zone, fold=1))
        moment = first
        if self._last is not None and second > first:
            earliest = self._last - _JITTER_MS
            moment = second if first < earliest <= second else first
        if not _EARLIEST_MS <= moment <= self._latest:
            return None
        self._last = moment
        return moment


def _epoch_ms(moment: datetime) -> EpochMs:
    return EpochMs(int(moment.timestamp()) * 1_000)


def take_out_leaps(moments: list[EpochMs | None]) -> list[int]:
    """Blank out times that leap far ahead for a few entries only; answers their places.

    A clock that shows a wrong day for a moment must not carry what follows with it: times that were
    shown once are never gone back behind.
    """
    places: list[int] = []
    before: EpochMs | None = None
    for place, moment in enumerate(moments):
        if moment is None:
            continue
        if before is not None and moment - before > _LEAP_MS:
            ahead = moments[place + 1 : place + 1 + _LEAP_ENTRIES]
            back = [at for at in ahead if at is not None]
            if any(before - _JITTER_MS <= at < moment - _LEAP_MS for at in back):
                places.append(place)
                moments[place] = None
                continue
        before = moment
    return places


def fill(moments: list[EpochMs | None]) -> list[EpochMs]:
    """Entries without a possible time get that of the one before, the first that of the next.

    Where no entry at all has one, the list is empty: nothing can be placed.
    """
    known = next((moment for moment in moments if moment is not None), None)
    if known is None:
        return []
    filled: list[EpochMs] = []
    for moment in moments:
        known = moment if moment is not None else known
        filled.append(known)
    return filled

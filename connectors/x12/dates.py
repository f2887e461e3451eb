"""Dates and times of X12."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

from connectors.x12.codes import OFFSETS
from domain.documents import Due

_CENTURY_DIGITS = 8
_PIVOT = 70
"""Two-digit years from 70 on are of the last century."""


def day(text: str) -> date | None:
    """CCYYMMDD, or YYMMDD as before 004010; None: it is no date."""
    if not (text.isascii() and text.isdigit()):
        return None
    if len(text) == len("YYMMDD"):
        text = ("19" if int(text[:2]) >= _PIVOT else "20") + text
    if len(text) != _CENTURY_DIGITS:
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def clock(text: str) -> time | None:
    """HHMM, HHMMSS, or with decimals of a second; None: it is no time."""
    if not (text.isascii() and text.isdigit()) or len(text) not in {4, 6, 7, 8}:
        return None
    try:
        return time(int(text[:2]), int(text[2:4]), int(text[4:6] or 0))
    except ValueError:
        return None


def zone(code: str) -> timezone | None:
    """A time code's offset (`01` to `24` are hours and their negatives); None: local time."""
    if code in OFFSETS:
        return timezone(OFFSETS[code])
    if code.isascii() and code.isdigit() and 1 <= int(code) <= 24:  # noqa: PLR2004 - the code list
        hours = int(code)
        return timezone(timedelta(hours=hours if hours <= 12 else hours - 25))  # noqa: PLR2004
    return None


def moment(day_text: str, time_text: str = "", zone_code: str = "") -> Due | None:
    """A day, or a time of it; None: it is neither."""
    told = day(day_text)
    if told is None or not time_text:
        return told
    at = clock(time_text)
    return datetime.combine(told, at, zone(zone_code)) if at is not None else None


def milliseconds(told: Due | None) -> int:
    """A moment as a version: milliseconds since 1970, as if it were UTC; 0: there is none."""
    if told is None:
        return 0
    if not isinstance(told, datetime):
        told = datetime.combine(told, time())
    if told.tzinfo is None:
        told = told.replace(tzinfo=UTC)
    return max(0, int(told.timestamp() * 1000))

"""Dates, times and periods of EDIFACT (data element 2379 says the form)."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta, timezone

from domain.documents import Due

_PIVOT = 70
"""Two-digit years from 70 on are of the last century."""

_DAYS = {"2": "%d%m%y", "3": "%m%d%y", "101": "%y%m%d", "102": "%Y%m%d"}
_TIMES = {"201": "%y%m%d%H%M", "202": "%y%m%d%H%M%S", "203": "%Y%m%d%H%M", "204": "%Y%m%d%H%M%S"}
_ZONED = {"205": "203", "303": "203", "304": "204", "301": "201"}
_PERIODS = {"713": "201", "717": "101", "718": "102", "719": "203"}
_LENGTHS = {6: "101", 8: "102", 10: "201", 12: "203", 14: "204"}
_WIDTHS = {"101": 6, "102": 8, "201": 10, "202": 12, "203": 12, "204": 14, "2": 6, "3": 6}
_ZONES = {"UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "CET": 1, "MEZ": 1, "CES": 2, "EET": 2, "EST": -5}
_OFFSET = re.compile(r"([+-])(\d{1,2})(\d{2})?")


def moment(text: str, form: str = "") -> Due | None:
    """A day, or a time of it; of a period (week, month, from–to) its end; None: it is no date.

    Args:
        text: 2380.
        form: 2379; "" is told by the length.
    """
    if not text.isascii():
        return None
    form = form or _LENGTHS.get(len(text), "")
    if form in _PERIODS:
        width = _WIDTHS[_PERIODS[form]]
        return moment(text[-width:], _PERIODS[form])
    if form in _ZONED:
        width = _WIDTHS[_ZONED[form]]
        told = _plain(text[:width], _ZONED[form])
        zone = _zone(text[width:])
        return told.replace(tzinfo=zone) if isinstance(told, datetime) else None
    if form in {"610", "616", "615", "609"}:
        return _end_of_period(text, form)
    return _plain(text, form)


def _plain(text: str, form: str) -> Due | None:
    pattern = _DAYS.get(form) or _TIMES.get(form)
    if pattern is None or len(text) != _WIDTHS[form] or not text.isdigit():
        return None
    late = form in _TIMES and pattern.endswith("%H%M") and text.endswith("2400")
    if late:
        text = text[:-4] + "0000"
    try:
        told = datetime.strptime(text, pattern)  # noqa: DTZ007 - a time of the plant's zone
        told += timedelta(days=1 if late else 0)
    except (ValueError, OverflowError):
        return None
    if "%y" in pattern:
        told = _of_century(told)
    return told if form in _TIMES else told.date()


def _of_century(told: datetime) -> datetime:
    """Two-digit years from 70 on are of the last century, whatever the C library thinks."""
    short = told.year % 100
    return told.replace(year=short + (1900 if short >= _PIVOT else 2000))


def _zone(text: str) -> timezone | None:
    """`UTC`, `CET`, `+01`, `+0130`; None: the plant's zone."""
    if text.upper() in _ZONES:
        return timezone(timedelta(hours=_ZONES[text.upper()]))
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    offset = timedelta(hours=int(found.group(2)), minutes=int(found.group(3) or 0))
    if offset >= timedelta(hours=15):
        return None
    return timezone(offset if found.group(1) == "+" else -offset)


def _end_of_period(text: str, form: str) -> Due | None:
    """The last day of a month (610 CCYYMM, 609 YYMM) or of a week (616 CCYYWW, 615 YYWW)."""
    if len(text) == len("YYMM"):
        text = ("19" if text[:2] >= str(_PIVOT) else "20") + text
    if len(text) != len("CCYYMM") or not text.isdigit():
        return None
    year, part = int(text[:4]), int(text[4:])
    try:
        if form in {"610", "609"}:
            return date(year, part, calendar.monthrange(year, part)[1])
        return date.fromisocalendar(year, part, 7)
    except ValueError:
        return None


def milliseconds(told: Due | None) -> int:
    """A moment as a version: milliseconds since 1970, as if it were UTC; 0: there is none."""
    if told is None:
        return 0
    if not isinstance(told, datetime):
        told = datetime(told.year, told.month, told.day, tzinfo=UTC)
    if told.tzinfo is None:
        told = told.replace(tzinfo=UTC)
    return max(0, int(told.timestamp() * 1000))

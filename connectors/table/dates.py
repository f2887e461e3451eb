"""Dates as people write them in spreadsheets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import msgspec

from connectors.mapping import DateOrder
from connectors.table.cells import plain
from domain.documents import Due

_TIME = r"(?:[ T,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?"
_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?" + _TIME)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})" + _TIME)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})" + _TIME)
_WORDS = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th)?[ .\-/]*(?:de )?([a-zäöüñ]{3,10})[ .,\-/]*(?:de )?(\d{4}|\d{2})"
    + _TIME
)
_WORDS_FIRST = re.compile(r"([a-zäöüñ]{3,10})[ .]*(\d{1,2})(?:st|nd|rd|th)?[ ,]+(\d{4})" + _TIME)
_OFFSET = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})")
_MONTHS = {
    word: month
    for month, words in enumerate(
        (
            "jan january januar enero ene", "feb february februar febrero",
            "mar march märz mär maerz marzo", "apr april abril abr", "may mai mayo",
            "jun june juni junio", "jul july juli julio", "aug august agosto ago",
            "sep sept september septiembre", "oct october oktober okt octubre",
            "nov november noviembre", "dec december dezember dez diciembre dic",
        ),
        start=1,
    )
    for word in words.split()
}  # fmt: skip
_FIRST_SERIAL = 18_264
"""1950-01-01 as a serial number; smaller numbers are no dates of orders."""
_LAST_SERIAL = 73_050
"""2099-12-31."""
_BASE_1900 = date(1899, 12, 30)
_MONTHS_A_YEAR = 12


class When(msgspec.Struct, frozen=True):
    """A date; `is_ambiguous`: day and month could be the other way round."""

    value: Due
    is_ambiguous: bool = False
    is_serial: bool = False


class NotADateError(ValueError):
    """A text is no date: what was expected."""


_EXPECTED = {
    None: "expected a date like 2026-12-01",
    DateOrder.YEAR_FIRST: "expected a date as year-month-day, like 2026-12-01",
    DateOrder.DAY_FIRST: "expected a date as day/month/year, like 31/12/2026",
    DateOrder.MONTH_FIRST: "expected a date as month/day/year, like 12/31/2026",
}


def when(text: str, order: DateOrder | None) -> When:
    """Read a date, with a time if one is written.

    Args:
        text: as it stands in the cell.
        order: how day and month follow each other where the year stands last.

    Raises:
        NotADateError: it is none.
    """
    told = plain(text)
    if _OFFSET.fullmatch(told):
        return When(_moment(told, order))
    match = _YEAR_FIRST.fullmatch(told) or _COMPACT.fullmatch(told)
    if match:
        year, month, day = (int(part) for part in match.groups()[:3])
        return When(_made(year, month, day, match.groups()[3:], order))
    match = _YEAR_LAST.fullmatch(told)
    if match:
        return _year_last(match, order)
    words = told.casefold()
    match = _WORDS.fullmatch(words)
    if match and match.group(2) in _MONTHS:
        day, month, year = int(match.group(1)), _MONTHS[match.group(2)], _century(match.group(3))
        return When(_made(year, month, day, match.groups()[3:], order))
    match = _WORDS_FIRST.fullmatch(words)
    if match and match.group(1) in _MONTHS:
        year, month, day = int(match.group(3)), _MONTHS[match.group(1)], int(match.group(2))
        return When(_made(year, month, day, match.groups()[3:], order))
    if re.fullmatch(r"\d{5}(?:\.\d+)?", told):
        return serial(Decimal(told))
    raise NotADateError(_EXPECTED[order])


def _moment(told: str, order: DateOrder | None) -> datetime:
    try:
        return datetime.fromisoformat(told)
    except ValueError as fault:
        raise NotADateError(_EXPECTED[order]) from fault


def _year_last(match: re.Match[str], order: DateOrder | None) -> When:
    first, separator, second = int(match.group(1)), match.group(2), int(match.group(3))
    year = _century(match.group(4))
    is_ambiguous = False
    if order is None or order is DateOrder.YEAR_FIRST:
        # With points it is day.month.year everywhere; with a number above 12 there is one way.
        if separator == "." or first > _MONTHS_A_YEAR:
            order = DateOrder.DAY_FIRST
        elif second > _MONTHS_A_YEAR:
            order = DateOrder.MONTH_FIRST
        else:
            order = DateOrder.DAY_FIRST
            is_ambiguous = first != second
    day, month = (first, second) if order is DateOrder.DAY_FIRST else (second, first)
    return When(_made(year, month, day, match.groups()[4:], order), is_ambiguous=is_ambiguous)


def _century(year: str) -> int:
    return int(year) if len(year) == 4 else 2000 + int(year)  # noqa: PLR2004 - YYYY or YY


def _made(
    year: int, month: int, day: int, clock: tuple[str | None, ...], order: DateOrder | None
) -> Due:
    try:
        on = date(year, month, day)
        if clock[0] is None:
            return on
        at = time(int(clock[0]), int(clock[1] or 0), int(clock[2] or 0))
    except ValueError as fault:
        raise NotADateError(f"{_EXPECTED[order]}: {fault}") from fault
    return datetime.combine(on, at)


def serial(days: Decimal, base: date = _BASE_1900) -> When:
    """A day as spreadsheets count them; the fraction is the time.

    Raises:
        NotADateError: that number is no day of an order.
    """
    if not _FIRST_SERIAL <= days <= _LAST_SERIAL:
        raise NotADateError("expected a date like 2026-12-01, and this number is none")
    whole = int(days)
    on = base + timedelta(days=whole)
    seconds = int((days - whole) * 86_400 + Decimal("0.5"))
    if not seconds:
        return When(on, is_serial=True)
    moment = datetime.combine(on, time()) + timedelta(seconds=seconds)
    return When(moment, is_serial=True)


def date_order(texts: Iterable[str]) -> DateOrder | None:
    """How a table writes dates whose year stands last, by those that can be read one way only."""
    found: set[DateOrder] = set()
    for text in texts:
        match = _YEAR_LAST.fullmatch(plain(text))
        if match is None:
            continue
        first, second = int(match.group(1)), int(match.group(3))
        if match.group(2) == "." or first > _MONTHS_A_YEAR >= second:
            found.add(DateOrder.DAY_FIRST)
        elif second > _MONTHS_A_YEAR >= first:
            found.add(DateOrder.MONTH_FIRST)
    return found.pop() if len(found) == 1 else None

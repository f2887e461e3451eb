"""Numbers, dates and names as IDocs write them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

from connectors.values import number
from domain.documents import Name, NameScheme

_ALPHA_LENGTHS = (10, 18, 40)
"""Of fields that SAP fills with zeros on the left: partners, materials, materials in S/4HANA."""


class BadValueError(ValueError):
    """A field cannot be read: what was expected."""


def decimal(text: str) -> Decimal:
    """An exact number; the minus may stand behind it, as SAP writes it.

    Raises:
        BadValueError: it is none.
    """
    sign = text.endswith("-")
    value = number(text.removesuffix("-").strip())
    if value is None:
        raise BadValueError("expected a number like 10.500: digits and at most one point")
    return -value if sign else value


def day(text: str) -> date | None:
    """A date YYYYMMDD; None: empty, or the zeros that stand for that.

    Raises:
        BadValueError: it is none.
    """
    if not text.strip("0 "):
        return None
    if len(text) == 8 and text.isascii() and text.isdigit():  # noqa: PLR2004 - YYYYMMDD
        try:
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError:
            pass
    raise BadValueError("expected a date as YYYYMMDD, like 20261201")


def clock(text: str) -> time | None:
    """A time HHMMSS; None: empty, or midnight, which SAP writes where nobody said a time.

    Raises:
        BadValueError: it is none.
    """
    if not text.strip("0 ") or text == "240000":
        return None
    if len(text) in (4, 6) and text.isascii() and text.isdigit():
        try:
            return time(int(text[:2]), int(text[2:4]), int(text[4:] or 0))
        except ValueError:
            pass
    raise BadValueError("expected a time as HHMMSS, like 143000")


def due(day_text: str, time_text: str) -> date | datetime | None:
    """When something is wanted: the day, with the time if one is said.

    Raises:
        BadValueError: one of them is none.
    """
    on = day(day_text)
    if on is None:
        return None
    at = clock(time_text)
    return on if at is None else datetime.combine(on, at)


def version(day_text: str, time_text: str) -> int:
    """When the sender made the document, in milliseconds; 0: it does not say.

    The time is the sender's own, without a zone: it is good for saying which of two documents of
    one sender is newer, and for nothing else, so it is taken as UTC.

    Raises:
        BadValueError: it is no time.
    """
    on = day(day_text)
    if on is None:
        return 0
    at = clock(time_text) or time()
    return int(datetime.combine(on, at, tzinfo=UTC).timestamp()) * 1000


def spoken(value: str) -> str:
    """A number as people say it: without the zeros that SAP fills its fields with."""
    if value.isascii() and value.isdigit() and len(value) in _ALPHA_LENGTHS:
        return value.lstrip("0") or value
    return value


def named(scheme: NameScheme, value: str) -> list[Name]:
    """A name, and the same with the zeros that SAP fills it with, if it has any."""
    if not value:
        return []
    if scheme in {NameScheme.GTIN, NameScheme.GLN}:
        return [Name(scheme, value)]
    return [Name(scheme, said) for said in dict.fromkeys((spoken(value), value))]

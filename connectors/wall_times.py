"""Times as Chinese ERP systems tell them: Beijing's, without an offset, or milliseconds."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone
from decimal import Decimal

from connectors.json_fields import Object, Report
from domain.documents import Due

BEIJING = timezone(timedelta(hours=8))
"""China has one zone and no daylight saving time."""
_FIRST_MS = 10**11
"""1973 as milliseconds; smaller numbers are no times of orders."""
_LAST_MS = 10**13


def moment_of(value: object) -> datetime | None:
    """A moment with its offset; None: the value tells none."""
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        if not _FIRST_MS <= value < _LAST_MS:
            return None
        # By whole numbers: a float of seconds is not exact.
        return datetime.fromtimestamp(0, BEIJING) + timedelta(milliseconds=int(value))
    if not isinstance(value, str):
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) == len(str(_LAST_MS - 1)):
        return moment_of(int(text))
    try:
        told = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return None
    return told.replace(tzinfo=BEIJING) if told.tzinfo is None else told


def version_of(value: object) -> int | None:
    """A moment in milliseconds since 1970; None: the value tells none."""
    moment = moment_of(value)
    if moment is None:
        return None
    since = moment - datetime.fromtimestamp(0, BEIJING)
    return since // timedelta(milliseconds=1)


def due_of(value: object) -> Due | None:
    """When something is wanted: midnight means the day. None: the value tells none."""
    moment = moment_of(value)
    if moment is None:
        return None
    local = moment.astimezone(BEIJING) if not isinstance(value, str) else moment
    if local.time() == time.min:
        return local.date()
    is_plain = isinstance(value, str) and not value.strip().isdigit() and moment.tzinfo is BEIJING
    # Without an offset it is the plant's time, which intake knows.
    return local.replace(tzinfo=None) if is_plain else local


def wanted(holder: Object, key: str, place: str, report: Report) -> Due | None:
    """A date of an object, with a warning where something else stands."""
    value = holder.get(key)
    if value is None or value == "":
        return None
    due = due_of(value)
    if due is None:
        report.warning(
            "date_wrong", f"{place}.{key}", "expected a date like 2026-12-01 00:00:00", value
        )
    return due

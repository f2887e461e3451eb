"""Times as the live protocol writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

MINUTE_MS: Final = 60_000


def rfc3339(at: datetime | None) -> str | None:
    """A time as the protocol writes it: UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else None


def rfc3339_ms(at_ms: int | None) -> str | None:
    """Epoch milliseconds as the protocol writes them; None too for what no calendar holds."""
    if at_ms is None:
        return None
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
    except OverflowError:
        return None
    return rfc3339(at)


def to_minute(at_ms: int | None) -> int | None:
    """A projected time cut to the minute: finer would only make screens flicker."""
    return at_ms - at_ms % MINUTE_MS if at_ms is not None else None

"""Buckets of time: which resolution suits a range, and where its buckets begin and end."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

MINUTES_5_MS: Final = 300_000
HOUR_MS: Final = 3_600_000
SUITABLE_BUCKETS: Final = 800
"""As many as a chart can show; `auto` takes the finest resolution with no more."""

MOST_BUCKETS: Final = 10_000
MOST_READINGS: Final = 200_000
"""Buckets times metrics."""


class Resolution(StrEnum):
    """How finely the past is told. Days are the site's, 23 or 25 hours long when clocks change."""

    RAW = "raw"
    MINUTES_5 = "5m"
    HOUR = "1h"
    DAY = "1d"


_STEPS_MS: Final = {Resolution.MINUTES_5: MINUTES_5_MS, Resolution.HOUR: HOUR_MS}


class TooManyBucketsError(ValueError):
    """The range has too many buckets at this resolution."""

    def __init__(self, resolution: Resolution) -> None:
        super().__init__(
            f"the range has too many buckets at {resolution.value} (up to {MOST_BUCKETS:,} of them,"
            f" and {MOST_READINGS:,} together with metrics); take a coarser resolution, a shorter"
            " range or fewer metrics"
        )
        self.resolution = resolution


def finest_suitable(from_ms: int, to_ms: int) -> Resolution:
    """The finest resolution (of buckets) with no more than SUITABLE_BUCKETS in a range."""
    for resolution, step_ms in _STEPS_MS.items():
        first_ms = from_ms // step_ms * step_ms
        if -((first_ms - to_ms) // step_ms) <= SUITABLE_BUCKETS:
            return resolution
    return Resolution.DAY


def edges(resolution: Resolution, from_ms: int, to_ms: int, zone: ZoneInfo) -> list[int]:
    """Where the buckets of a range begin, and where the last one ends.

    The range is widened to whole buckets.

    Args:
        resolution: not RAW, which has no buckets.
        from_ms: epoch ms.
        to_ms: epoch ms, after `from_ms`.
        zone: of the site, for days.

    Raises:
        TooManyBucketsError: there are more than MOST_BUCKETS.
    """
    if not from_ms < to_ms:
        raise ValueError(f"the range {from_ms} to {to_ms} is empty")
    if resolution is Resolution.DAY:
        found = _days(from_ms, to_ms, zone)
    else:
        step_ms = _STEPS_MS[resolution]
        first_ms = from_ms // step_ms * step_ms
        last_ms = -(-to_ms // step_ms) * step_ms
        if (last_ms - first_ms) // step_ms > MOST_BUCKETS:
            raise TooManyBucketsError(resolution)
        return list(range(first_ms, last_ms + step_ms, step_ms))
    if len(found) > MOST_BUCKETS + 1:
        raise TooManyBucketsError(resolution)
    return found


def _days(from_ms: int, to_ms: int, zone: ZoneInfo) -> list[int]:
    """Midnights. One that clocks skip is the moment at which they do, of two it is the first."""
    day = datetime.fromtimestamp(from_ms / 1_000, zone).date() - timedelta(days=1)
    found: list[int] = []
    while not found or found[-1] < to_ms:
        midnight = datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
        at_ms = int(midnight.timestamp()) * 1_000
        if at_ms <= from_ms:
            found = [at_ms]
        elif at_ms > found[-1]:
            found.append(at_ms)
        day += timedelta(days=1)
        if len(found) > MOST_BUCKETS + 1:
            break
    return found

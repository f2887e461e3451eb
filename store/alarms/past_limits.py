"""How much of the past can be looked at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

MOST_MOMENTS: Final = 100_000


class TooMuchError(Exception):
    """There are more moments than can be looked at."""

    def __init__(self, moments: int) -> None:
        super().__init__(
            f"the past has {moments:,} changes or more, and {MOST_MOMENTS:,} can be looked at; take"
            " a shorter time"
        )


def few(moments: int) -> None:
    """Whether so many can be looked at.

    Raises:
        TooMuchError: they cannot.
    """
    if moments > MOST_MOMENTS:
        raise TooMuchError(moments)


def moment(at_ms: int) -> datetime:
    """Epoch milliseconds as a time."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)

"""When a letter is tried again, when it is given up, when a way is left alone for a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

_FIRST_S: Final = 5.0
_FACTOR: Final = 2.0
_LONGEST_S: Final = 15 * 60.0
_JITTER: Final = 0.2
_BROKEN_AFTER: Final = 5
_BROKEN_FIRST_S: Final = 15.0
_BROKEN_LONGEST_S: Final = 10 * 60.0


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """When to give up.

    Attributes:
        age: a letter that is older is given up,
        attempts: but only after so many attempts: it may have been held back for quiet hours.
        bounces: an address that refused so many letters in a row, for good, is suppressed.
    """

    age: timedelta = timedelta(hours=24)
    attempts: int = 5
    bounces: int = 3


def next_attempt(
    policy: Policy,
    *,
    attempts: int,
    decided_at: datetime,
    now: datetime,
    chance: float,
    after_s: float | None = None,
) -> datetime | None:
    """When a letter is tried again: after 5 s, 10 s, … 15 min, 20 % more or less; None: never.

    Args:
        policy: when to give up.
        attempts: how many have failed, from 1.
        decided_at: when the letter was decided.
        now: the moment.
        chance: from 0 to 1, drawn by the caller.
        after_s: how long the provider asked to be left alone.
    """
    if attempts >= policy.attempts and now - decided_at >= policy.age:
        return None
    step_s = min(_FIRST_S * _FACTOR ** min(attempts - 1, 20), _LONGEST_S)
    step_s *= 1 - _JITTER + 2 * _JITTER * chance
    return now + timedelta(seconds=max(step_s, min(after_s or 0.0, policy.age.total_seconds())))


def broken_until(failures: int, now: datetime) -> datetime | None:
    """Until when a way is left alone that has failed so many times in a row; None: it is used.

    From the fifth on 15 s, 30 s, … 10 min; then one letter tries it.
    """
    if failures < _BROKEN_AFTER:
        return None
    pause_s = min(_BROKEN_FIRST_S * 2.0 ** min(failures - _BROKEN_AFTER, 20), _BROKEN_LONGEST_S)
    return now + timedelta(seconds=pause_s)


def is_probed(failures: int) -> bool:
    """Whether a way has to show with one letter that it works again."""
    return failures >= _BROKEN_AFTER

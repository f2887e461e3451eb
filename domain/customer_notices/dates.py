"""Whether a customer is told that their date moved: a pure decision, taken again and again.

Three things keep a date that is not at rest from becoming a message each time it is looked at:
the customer's tolerance, a while for which it has to stay beyond it (plans improve in the
background), and, for a date that turns back, a while that doubles with every turn of a day.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from domain.tracking import Expectation, Stage

_DAY_MS: Final = 86_400_000
_MOST_DOUBLED: Final = 16


class Basis(enum.StrEnum):
    """What somebody takes for their date."""

    PROMISED = "promised"
    """What was promised, or asked for where nothing was: that work ends earlier is our affair."""
    SHOWN = "shown"
    """What the order's page showed them when they asked to be told: both ways are news."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """For how long a date has to be beyond the tolerance before it is told, in milliseconds.

    Attributes:
        settle_ms: where it goes on in the direction that was told last, or nothing was told.
        swing_ms: where it turns back; twice as long with every turn told within a day.
    """

    settle_ms: int = 30_000
    swing_ms: int = 15 * 60_000


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody knows of a date, and how it has been moving since.

    Attributes:
        told_ms: the date they were told last, or promised; None: none yet.
        number: how often they were told that it moved.
        direction: where it was told to have gone last: 1 later, -1 earlier, 0 nowhere yet.
        turns: how often within a day of each other it was told to have turned back.
        noticed_ms: when they were told last.
        moving_ms: since when it has been beyond the tolerance; None: it is within.
        moving: in which direction.
    """

    told_ms: int | None
    number: int = 0
    direction: int = 0
    turns: int = 0
    noticed_ms: int | None = None
    moving_ms: int | None = None
    moving: int = 0


class Rests(msgspec.Struct, frozen=True, kw_only=True):
    """The date is where it was told, or there is none."""

    known: Known


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """It has moved, and is looked at again before it is told."""

    known: Known
    look_at_ms: int


class Moves(msgspec.Struct, frozen=True, kw_only=True):
    """It is told now. `known`: what they know then."""

    known: Known
    from_ms: int
    to_ms: int


Decision: TypeAlias = Rests | Waits | Moves


def date_of(basis: Basis, stage: Stage, expected: Expectation, agreed_ms: int | None) -> int | None:
    """The date that somebody goes by; None: there is none to tell of.

    What is not confirmed has none yet, what is made or cancelled none any more.

    Args:
        basis: what they take for their date.
        stage: of the line.
        expected: as the line's tracking page shows it.
        agreed_ms: what was promised, or asked for.
    """
    if stage not in (Stage.CONFIRMED, Stage.SCHEDULED, Stage.IN_PRODUCTION):
        return None
    if basis is Basis.PROMISED and agreed_ms is not None:
        return agreed_ms if expected.at_ms is None else max(expected.at_ms, agreed_ms)
    return expected.at_ms


def decide(
    known: Known,
    date_ms: int | None,
    *,
    beyond: Callable[[int, int], bool],
    pace: Pace,
    quiet_until_ms: int | None,
    now_ms: int,
) -> Decision:
    """Whether a customer is told of a date now.

    Args:
        known: what they know.
        date_ms: their date as it is now; None: there is none.
        beyond: whether two dates, the earlier first, are further apart than they tolerate.
        pace: for how long it has to stay so.
        quiet_until_ms: when their quiet hours end; None: it is no quiet hour.
        now_ms: the moment.
    """
    told_ms = known.told_ms
    if told_ms is None:
        return Rests(known=msgspec.structs.replace(known, told_ms=date_ms))
    if date_ms is None or not beyond(min(told_ms, date_ms), max(told_ms, date_ms)):
        return Rests(known=msgspec.structs.replace(known, moving_ms=None, moving=0))
    direction = 1 if date_ms > told_ms else -1
    since_ms = known.moving_ms if known.moving == direction else None
    if since_ms is None:
        since_ms = now_ms
    moving = msgspec.structs.replace(known, moving_ms=since_ms, moving=direction)
    turns = _turns(known, now_ms)
    turned = known.direction == -direction
    hold_ms = min(pace.swing_ms << min(turns, _MOST_DOUBLED), _DAY_MS) if turned else 0
    ready_ms = max(since_ms + max(hold_ms, pace.settle_ms), quiet_until_ms or 0)
    if now_ms < ready_ms:
        return Waits(known=moving, look_at_ms=ready_ms)
    return Moves(
        known=Known(
            told_ms=date_ms,
            number=known.number + 1,
            direction=direction,
            turns=turns + 1 if turned else turns,
            noticed_ms=now_ms,
        ),
        from_ms=told_ms,
        to_ms=date_ms,
    )


def _turns(known: Known, now_ms: int) -> int:
    """The turns that still count: those of a date that was at rest for a day are forgotten."""
    if known.noticed_ms is None or now_ms - known.noticed_ms >= _DAY_MS:
        return 0
    return known.turns

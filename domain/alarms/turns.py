"""Who is on call when: a rota laid out over a time, turn by turn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Final

import msgspec

from domain.alarms.rotas import Rota, minute_of, on_call, zone_of

_MOST_LOOKS: Final = 20_000
_QUARTERS: Final = 24 * 4
_DAY: Final = timedelta(days=1)


class TooManyTurnsError(Exception):
    """A rota changes too often to be laid out over so long a time."""

    def __init__(self) -> None:
        super().__init__(
            f"the rota may change more than {_MOST_LOOKS:,} times in that time; ask for fewer days"
        )


class Turn(msgspec.Struct, frozen=True):
    """Somebody has the turn from a moment until another; None: nobody has it."""

    member: str | None
    start: datetime
    end: datetime


def turns(rota: Rota, start: datetime, end: datetime) -> list[Turn]:
    """The turns of a rota, in order and without gaps; the first and last are cut at the ends.

    Args:
        rota: whose.
        start: the first moment.
        end: the end, not included.

    Raises:
        TooManyTurnsError: it may change too often.
    """
    moments = {start}
    for moment in _changes(rota, start, end):
        moments.add(moment)
        if len(moments) > _MOST_LOOKS:
            raise TooManyTurnsError
    found: list[Turn] = []
    looks = sorted(moments)
    for at, until in zip(looks, [*looks[1:], end], strict=True):
        member = on_call(rota, at)
        if found and found[-1].member == member:
            found[-1] = Turn(member, found[-1].start, until)
        else:
            found.append(Turn(member, at, until))
    return found


def _changes(rota: Rota, start: datetime, end: datetime) -> Iterator[datetime]:
    """Every moment within a time at which somebody else may have the turn."""
    told = [each.from_ for each in rota.overrides] + [each.until for each in rota.overrides]
    for moment in (*told, *_of_clocks(rota, start, end)):
        at = moment.astimezone(UTC)
        if start < at < end:
            yield at


def _of_clocks(rota: Rota, start: datetime, end: datetime) -> Iterator[datetime]:
    """Hand-overs and the ends of hours, as the rota's own clock shows them."""
    zone = zone_of(rota.time_zone)
    clocks = {
        minute_of(clock)
        for layer in rota.layers
        for clock in (
            layer.hand_over,
            *(at for one in layer.hours for at in (one.from_, one.until)),
        )
    }
    day = start.astimezone(zone).date() - _DAY
    last = end.astimezone(zone).date() + _DAY
    while day <= last:
        midnight = datetime.combine(day, time(), zone)
        tomorrow = datetime.combine(day + _DAY, time(), zone)
        for minute in sorted(clocks):
            hour, rest = divmod(minute, 60)
            at = midnight.replace(hour=hour, minute=rest)
            # What the clock shows twice is a change each time.
            yield at
            yield at.replace(fold=1)
        if midnight.utcoffset() != tomorrow.utcoffset():
            # The clock passes over some of its times: look where it may have jumped to.
            begin = midnight.astimezone(UTC)
            yield from (begin + timedelta(minutes=15 * n) for n in range(_QUARTERS + 8))
        day += _DAY

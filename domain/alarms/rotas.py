"""Who is on call at a moment: rotations with a hand-over, hours that they cover, and exceptions.

Everything is told on the rota's own clock: a hand-over at 08:00 stays at 08:00 when the clocks
change.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from domain.alarms.texts import Code, Name

_Clock = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
_Weekday = Annotated[int, msgspec.Meta(ge=0, le=6)]


class Hours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours that come again: from a time of day to another, on some weekdays (0 is Monday).

    `until` that is not after `from_` is on the day after; the same twice is a whole day.
    """

    from_: _Clock = msgspec.field(name="from", default="00:00")
    until: _Clock = "00:00"
    weekdays: tuple[_Weekday, ...] = (0, 1, 2, 3, 4, 5, 6)

    def cover(self, at: datetime) -> bool:
        """Whether they cover a moment, which is told on their clock."""
        minute = at.hour * 60 + at.minute
        begin, end = minute_of(self.from_), minute_of(self.until)
        if begin < end:
            return at.weekday() in self.weekdays and begin <= minute < end
        began_today = at.weekday() in self.weekdays and minute >= begin
        began_yesterday = (at.weekday() - 1) % 7 in self.weekdays and minute < end
        return began_today or began_yesterday

    def end_after(self, at: datetime) -> datetime:
        """When the hours that cover a moment end."""
        end = minute_of(self.until)
        hour, minute = divmod(end, 60)
        same_day = at.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
        return same_day if same_day > at else same_day + timedelta(days=1)


class Layer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People who take turns.

    Attributes:
        members: codes of recipients, in their order.
        first_day: on which the first of them begins.
        days: how long a turn is.
        hand_over: at which time of day it goes to the next.
        hours: when the layer covers; none: always.
    """

    members: Annotated[tuple[Code, ...], msgspec.Meta(min_length=1, max_length=100)]
    first_day: date
    days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 7
    hand_over: _Clock = "08:00"
    hours: tuple[Hours, ...] = ()

    def at(self, at: datetime) -> str | None:
        """Whose turn a moment is, which is told on the rota's clock; None: it is not covered."""
        if self.hours and not any(each.cover(at) for each in self.hours):
            return None
        day = at.date()
        if at.hour * 60 + at.minute < minute_of(self.hand_over):
            day -= timedelta(days=1)
        turn = (day - self.first_day).days // self.days
        return self.members[turn % len(self.members)]


class Override(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody stands in from a moment to another."""

    member: Code
    from_: datetime = msgspec.field(name="from")
    until: datetime

    def __post_init__(self) -> None:
        """Check that it lasts.

        Raises:
            ValueError: it ends before it begins, or says no offset from UTC.
        """
        if self.from_.tzinfo is None or self.until.tzinfo is None:
            raise ValueError("must say the offset from UTC, as in 2026-12-24T14:00:00+01:00")
        if self.until <= self.from_:
            raise ValueError("ends before it begins")


class Rota(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An on-call rota: exceptions first, then the first layer that covers the moment."""

    code: Code
    name: Name
    time_zone: str = "UTC"
    layers: tuple[Layer, ...] = ()
    overrides: tuple[Override, ...] = ()

    def __post_init__(self) -> None:
        """Check the time zone.

        Raises:
            ValueError: there is no such zone.
        """
        zone_of(self.time_zone)


def on_call(rota: Rota, at: datetime) -> str | None:
    """Who is on call at a moment: the code of a recipient; None: nobody is."""
    for each in rota.overrides:
        if each.from_ <= at < each.until:
            return each.member
    local = at.astimezone(zone_of(rota.time_zone))
    for layer in rota.layers:
        member = layer.at(local)
        if member is not None:
            return member
    return None


def zone_of(name: str) -> tzinfo:
    """A time zone by its name.

    Raises:
        ValueError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone, maybe 'Europe/Berlin'") from error


def minute_of(clock: str) -> int:
    """A time of day `HH:MM` as minutes after midnight."""
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)

"""Who is told of a customer's dates: where, in which language, how exactly, and when not."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias

import msgspec

from domain.alarms.recipients import Language
from domain.alarms.rotas import Hours, zone_of

MOST_TOLERANCE_MINUTES: Final = 90 * 24 * 60
_MINUTE_MS: Final = 60_000
_MAIL: Final = re.compile(r"[^@\s<>\"',;:\\]{1,64}@[^@\s<>\"',;:\\.]+(\.[^@\s<>\"',;:\\.]+)+")
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_LONGEST_MAIL: Final = 254

Advance: TypeAlias = Callable[[int, int], int]
"""When so many milliseconds of working time have passed after a moment."""


class Way(enum.StrEnum):
    """Ways to a customer's people; the names are those of alarms' channels."""

    EMAIL = "email"
    SMS = "sms"
    WEB_PUSH = "web_push"


class Counted(enum.StrEnum):
    """How a tolerance is counted."""

    CLOCK = "clock"
    WORKING = "working"
    """In the working time of the site that makes the order."""


class Wishes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How somebody wants to be told.

    Attributes:
        language: of the messages.
        tolerance_minutes: a date that moves by no more than this is not told.
        counted: of which time.
        quiet: hours in which nothing is sent; what is still so at their end is told then.
        time_zone: of these hours.
    """

    language: Language = Language.ENGLISH
    tolerance_minutes: Annotated[int, msgspec.Meta(ge=1, le=MOST_TOLERANCE_MINUTES)] = 240
    counted: Counted = Counted.CLOCK
    quiet: tuple[Hours, ...] = ()
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        """Check the time zone.

        Raises:
            ValueError: there is no such zone.
        """
        zone_of(self.time_zone)

    def beyond(self, earlier_ms: int, later_ms: int, advance: Advance) -> bool:
        """Whether two dates are further apart than is tolerated."""
        tolerance_ms = self.tolerance_minutes * _MINUTE_MS
        if self.counted is Counted.WORKING:
            return later_ms > advance(earlier_ms, tolerance_ms)
        return later_ms - earlier_ms > tolerance_ms

    def quiet_until_ms(self, now_ms: int) -> int | None:
        """When the quiet hours end in which a moment lies; None: it lies in none."""
        local = datetime.fromtimestamp(now_ms / 1000, zone_of(self.time_zone))
        ends = [each.end_after(local) for each in self.quiet if each.cover(local)]
        if not ends:
            return None
        return max(int(each.astimezone(UTC).timestamp() * 1000) for each in ends)


def checked_address(way: Way, address: str) -> str:
    """An address as it is kept: mail addresses' hosts in small letters, numbers without spaces.

    Raises:
        ValueError: it is none.
    """
    text = address.strip()
    match way:
        case Way.EMAIL:
            if len(text) > _LONGEST_MAIL or not _MAIL.fullmatch(text):
                raise ValueError(f"{address!r} is no mail address; it reads like anna@acme.example")
            local, _, host = text.rpartition("@")
            return f"{local}@{host.lower()}"
        case Way.SMS:
            number = re.sub(r"[\s().-]", "", text)
            if not _PHONE.fullmatch(number):
                raise ValueError(
                    f"{address!r} is no telephone number with its country: +49 151 23456789"
                )
            return number
        case Way.WEB_PUSH:
            return text


def masked(way: Way, address: str) -> str:
    """An address as it may stand in a log or before others: enough to know one's own by."""
    if way is Way.EMAIL:
        local, _, host = address.rpartition("@")
        return f"{local[:1]}…@{host}"
    return f"…{address[-3:]}"

"""People who are told, how much of it, and when: quiet hours, limits, floods.

Nothing is dropped: what is not sent at once waits for the end of quiet hours, or stands in a
digest. A flood begins with more than 10 messages within 10 minutes and ends with fewer than 5
(ISA-18.2, alarm flood); the numbers are the recipient's to change.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from domain.alarms.rotas import Hours, zone_of
from domain.alarms.rules import AlarmPriority
from domain.alarms.texts import AddressText, Code, Name

FLOOD_WINDOW_MS: Final = 10 * 60_000
_HOUR_MS: Final = 60 * 60_000


class Channel(enum.StrEnum):
    """Ways to people."""

    EMAIL = "email"
    SMS = "sms"
    WEB_PUSH = "web_push"
    WEBHOOK = "webhook"
    WECOM = "wecom"
    DINGTALK = "dingtalk"
    FEISHU = "feishu"


class Language(enum.StrEnum):
    """Languages in which messages are written."""

    ENGLISH = "en"
    CHINESE = "zh-CN"


class Address(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way to somebody, for alarms of some urgency.

    Attributes:
        to: the mail address, telephone number, or name of the webhook or robot.
        least: the least priority that is told this way.
    """

    channel: Channel
    to: AddressText
    least: AlarmPriority = AlarmPriority.LOW


class Recipient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who is told.

    Attributes:
        user: whose account it is, so that screens show them their own alarms.
        quiet: hours in which they are left in peace.
        quiet_breaks: the least priority that reaches them all the same.
        per_hour: so many messages at most.
        flood_begins: more messages than this within 10 minutes are a flood.
        flood_ends: fewer than this end it.
        digest_minutes: how often a digest is sent meanwhile.
    """

    code: Code
    name: Name
    addresses: tuple[Address, ...] = ()
    language: Language = Language.ENGLISH
    time_zone: str = "UTC"
    user: Name | None = None
    quiet: tuple[Hours, ...] = ()
    quiet_breaks: AlarmPriority = AlarmPriority.CRITICAL
    per_hour: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 60
    flood_begins: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 10
    flood_ends: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 5
    digest_minutes: Annotated[int, msgspec.Meta(ge=1, le=1_440)] = 10

    def __post_init__(self) -> None:
        """Check the time zone and the flood's numbers.

        Raises:
            ValueError: there is no such zone, or a flood would end before it begins.
        """
        zone_of(self.time_zone)
        if self.flood_ends > self.flood_begins + 1:
            raise ValueError(
                f"flood_ends ({self.flood_ends}) must not be above flood_begins + 1"
                f" ({self.flood_begins + 1})"
            )

    def ways(self, priority: AlarmPriority) -> tuple[Address, ...]:
        """The addresses by which an alarm of a priority reaches them."""
        return tuple(each for each in self.addresses if priority.rank >= each.least.rank)


class Handling(enum.StrEnum):
    """What becomes of a message."""

    SEND = "send"
    HOLD = "hold"
    """Until the end of quiet hours."""
    DIGEST = "digest"
    """It stands in the next digest."""


class Handled(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a message, why, and until when it waits."""

    handling: Handling
    because: str
    until_ms: int | None = None


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What went, or was meant, to a recipient lately.

    Attributes:
        decided_ms: when each of the last hour's messages was decided, whatever became of it.
        sent_ms: when those of the last hour were sent by themselves.
        flooded: whether the last one was put into a digest for a flood.
        digest_ms: when the last digest was sent; None: there was none lately.
    """

    decided_ms: Sequence[int] = ()
    sent_ms: Sequence[int] = ()
    flooded: bool = False
    digest_ms: int | None = None


def handle(recipient: Recipient, priority: AlarmPriority, sent: Sent, now_ms: int) -> Handled:
    """What becomes of a message to somebody.

    Args:
        recipient: to whom.
        priority: of the alarm that it tells of.
        sent: what they were sent lately.
        now_ms: the moment.
    """
    urgent = priority.rank >= recipient.quiet_breaks.rank
    quiet_until = quiet_until_ms(recipient, now_ms)
    if quiet_until is not None and not urgent:
        return Handled(handling=Handling.HOLD, because="quiet_hours", until_ms=quiet_until)
    if priority is AlarmPriority.CRITICAL:
        return Handled(handling=Handling.SEND, because="critical")
    if is_flood(recipient, sent, now_ms):
        return Handled(
            handling=Handling.DIGEST, because="flood", until_ms=_digest_ms(recipient, sent, now_ms)
        )
    if sum(now_ms - each < _HOUR_MS for each in sent.sent_ms) >= recipient.per_hour:
        return Handled(
            handling=Handling.DIGEST, because="limit", until_ms=_digest_ms(recipient, sent, now_ms)
        )
    return Handled(handling=Handling.SEND, because="allowed")


def is_flood(recipient: Recipient, sent: Sent, now_ms: int) -> bool:
    """Whether one more message is part of a flood."""
    lately = 1 + sum(now_ms - each < FLOOD_WINDOW_MS for each in sent.decided_ms)
    return lately >= recipient.flood_ends if sent.flooded else lately > recipient.flood_begins


def quiet_until_ms(recipient: Recipient, now_ms: int) -> int | None:
    """When the quiet hours end in which a moment lies; None: it lies in none."""
    zone = zone_of(recipient.time_zone)
    local = datetime.fromtimestamp(now_ms / 1000, zone)
    ends = [each.end_after(local) for each in recipient.quiet if each.cover(local)]
    if not ends:
        return None
    return max(int(each.astimezone(UTC).timestamp() * 1000) for each in ends)


def _digest_ms(recipient: Recipient, sent: Sent, now_ms: int) -> int:
    pause_ms = recipient.digest_minutes * 60_000
    return now_ms + pause_ms if sent.digest_ms is None else max(now_ms, sent.digest_ms + pause_ms)

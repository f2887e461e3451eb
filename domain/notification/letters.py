"""A letter to one address, what it says, and what became of an attempt to send it.

Whoever has something to tell composes it (`Composed`): the name of a template, values, a link. What
people read is made of that in their language (`Rendered`). What a provider said is an `Outcome`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message to one address by one channel that somebody has taken on to send it.

    Attributes:
        source: the name of its source; with `id` it is one row.
        message_id: the same at each attempt: mail's Message-ID, a provider's idempotency key.
        why: what it tells, in the source's own words.
        address: a mail address, a telephone number, the code of a robot or webhook.
        body: what its source knows of it, as it was when it was decided.
        attempts: this one included.
        way: the way that it was tried by last, if any.
    """

    source: str
    id: int
    message_id: UUID
    why: str
    recipient: str
    channel: str
    address: str
    language: str
    priority: str
    body: dict[str, Any]
    attempts: int
    decided_at: datetime
    way: str | None = None

    @property
    def only_by(self) -> str | None:
        """The only way that it may go by, and only once: a letter that tries a way."""
        found: str | None = self.body.get("only_by")
        return found


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that goes with a mail. `media_type`: as `application/pdf`."""

    name: str
    media_type: str
    content: bytes


Value: TypeAlias = str | int | float | datetime | tuple[str, ...] | None
"""What stands for a placeholder; a tuple is lines of their own, None is empty."""


class Composed(msgspec.Struct, frozen=True, kw_only=True):
    """What a letter says, before it is words.

    Attributes:
        template: the name of its template (`domain.notification.templates`).
        values: one for each of the template's placeholders but `link`.
        link: a path of this installation's pages (`/alarms/7`), or an address as a whole.
        time_zone: in which times are written (the plant's).
        headers: further headers of a mail, `List-Unsubscribe` for example.
    """

    template: str
    values: Mapping[str, Value]
    link: str | None = None
    time_zone: str = "UTC"
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = {}


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent.

    Attributes:
        template: the name of the template.
        subject: one line.
        text: as plain text, lines ended with a line feed.
        html: the same as a page.
        short: as it goes by SMS, cut to its length; with the link if it has one.
        link: an address as a whole; None: there is none, or nobody said how this is reached.
        fields: the placeholders as they are written, for providers that have templates of their
            own.
        note: what has to be known of how it was made: that the built-in words had to do.
    """

    template: str
    subject: str
    text: str
    html: str
    short: str
    link: str | None
    language: str
    priority: str
    fields: Mapping[str, str]
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = {}
    note: str | None = None


class Fault(enum.StrEnum):
    """What is to blame when a letter is not taken."""

    WAY = "way"
    """The provider or its settings: others' letters would fare no better."""
    ADDRESS = "address"
    """The recipient's address or number: it counts as a bounce."""
    LETTER = "letter"
    """What it says."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """The provider has it.

    Attributes:
        reference: the provider's own id.
        answer: what it said, for people who try a way.
    """

    reference: str | None = None
    answer: str = ""


class TryAgain(msgspec.Struct, frozen=True, kw_only=True):
    """The provider did not take it now. `after_s`: seconds to wait at least, if it said so."""

    problem: str
    fault: Fault = Fault.WAY
    after_s: float | None = None


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The provider will never take it."""

    problem: str
    fault: Fault


Outcome: TypeAlias = Taken | TryAgain | Refused
"""What became of an attempt. Of a way that refuses (a wrong password) say `TryAgain`: the letter
is fine, and goes when the way is put right, or by another one."""

"""The outbox: on Kafka, the embedded log's tables hold what the relay is still to send.

Whoever appends within a database transaction writes to the same tables as in an embedded
installation (`store.log.embedded`), so nothing is published that was not committed, and nothing
committed stays unpublished. The relay (`streams.relay`) sends the records to the same topic and
partition of Kafka, in order, each with the header HEADER: its offset in the outbox.

Sending is at least once, and what a partition of Kafka holds has a property that makes it exactly
once for consumers: **before a record with number n there is one with every lower number**, however
often relays die, repeat or work at the same time. For a relay begins at a number below which Kafka
has acknowledged everything, sends one batch of a partition at a time (Kafka stores a batch whole or
not at all), and the next only after the last was acknowledged. So a consumer takes a record whose
number is above the highest that it has taken, and skips any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

HEADER: Final = "gemba-outbox"
"""Name of the header; its value is the offset in the outbox in decimal ASCII."""

GROUP: Final = "gemba-relay"
"""Whose position in `log_commits` is the next offset that Kafka has not acknowledged."""

AnyHeaders: TypeAlias = Iterable[tuple[str, bytes]] | Mapping[str, bytes] | None
"""Headers as Faust's transports and Kafka's clients hand them over."""

_DIGITS: Final = 19
"""No offset has more."""


def outbox_offset(headers: AnyHeaders) -> int | None:
    """The offset in the outbox that the relay gave a record.

    None when it did not come that way, also for a header of somebody else's making.
    """
    if not headers:
        return None
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    for name, value in pairs:
        if name == HEADER:
            usable = isinstance(value, bytes) and value.isdigit() and len(value) <= _DIGITS
            return int(value) if usable else None
    return None


def with_outbox_offset(
    headers: Iterable[tuple[str, bytes]], offset: int
) -> list[tuple[str, bytes]]:
    """A record's headers and, first of all, its offset in the outbox."""
    others = [(name, value) for name, value in headers if name != HEADER]
    return [(HEADER, b"%d" % offset), *others]

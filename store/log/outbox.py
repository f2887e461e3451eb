"""The outbox: on Kafka, the embedded log's tables hold what the relay is still to send.

Whoever appends within a database transaction writes to the same tables as in an embedded
installation (`store.log.embedded`), so nothing is published that was not committed, and nothing
committed stays unpublished. The relay (`streams.relay`) sends the records to the same topic and
partition of Kafka, in order, each with the header HEADER: its number in the outbox, which is its
offset until the database is restored from a backup (`store.log.timelines`).

Sending is at least once, and what a partition of Kafka holds has a property that makes it exactly
once for consumers: **before a record with number n there is one with every lower number** that the
outbox has given, however often relays die, repeat or work at the same time. For a relay begins at a
number below which Kafka has acknowledged everything, sends one batch of a partition at a time
(Kafka stores a batch whole or not at all), and the next only after the last was acknowledged. So a
consumer takes a record whose number is above the highest that it has taken, and skips any other.

The numbers belong to the database. One that is older than its stream (restored, or failed over to
a replica that lagged) would give them again. Whoever meets a number that the database has not given
yet, or has given to another record, knows that and stops everybody
(`store.log.identity.BehindError`); `gemba restored` begins numbers that are above all before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from contracts.streams import TOPICS
from store.database import Connection
from store.log import Headers

HEADER: Final = "gemba-outbox"
"""Name of the header; its value is the number in the outbox in decimal ASCII."""

GROUP: Final = "gemba-relay"
"""Whose position in `log_commits` is the next offset that Kafka has not acknowledged."""

AnyHeaders: TypeAlias = Iterable[tuple[str, bytes]] | Mapping[str, bytes] | None
"""Headers as Faust's transports and Kafka's clients hand them over."""

_DIGITS: Final = 19
"""No number has more."""
_BEYOND: Final = 1 << 63
"""Every number is below; PostgreSQL's bigint holds no more."""

HEADER_BYTES: Final = len(HEADER) + _DIGITS
"""What the header adds to a record."""


def outbox_number(headers: AnyHeaders) -> int | None:
    """The number in the outbox that the relay gave a record.

    None when it did not come that way, also for a header of somebody else's making.
    """
    if not headers:
        return None
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    for name, value in pairs:
        if name == HEADER:
            usable = isinstance(value, bytes) and value.isdigit() and len(value) <= _DIGITS
            number = int(value) if usable else _BEYOND
            return number if number < _BEYOND else None
    return None


def with_outbox_number(headers: Headers, number: int) -> Headers:
    """A record's headers and, first of all, its number in the outbox."""
    others = (pair for pair in headers if pair[0] != HEADER)
    return ((HEADER, b"%d" % number), *others)


class Backlog(NamedTuple):
    """What the relay has still to send.

    Attributes:
        records: how many.
        oldest_s: how long the oldest of them has waited; 0 when there is none.
    """

    records: int
    oldest_s: float


async def backlog(connection: Connection) -> Backlog:
    """What Kafka has not acknowledged, as far as was noted."""
    cursor = await connection.execute(
        """
        SELECT coalesce(sum(p.head - n.next), 0)::bigint,
            coalesce(extract(epoch FROM clock_timestamp()) - min(r.timestamp_ms) / 1000.0, 0)::float
        FROM log_partitions p
        LEFT JOIN log_commits c ON c.topic = p.topic AND c.partition = p.partition
            AND c.consumer_group = %s
        CROSS JOIN LATERAL (SELECT greatest(c."offset", p.tail) AS next) n
        LEFT JOIN LATERAL (
            SELECT timestamp_ms FROM log_records r
            WHERE r.topic = p.topic AND r.partition = p.partition AND r."offset" >= n.next
            ORDER BY r."offset" LIMIT 1
        ) r ON p.head > n.next
        WHERE p.topic = ANY (%s)
        """,
        (GROUP, list(TOPICS)),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - an aggregate gives a row
    return Backlog(row[0], max(0.0, row[1]))

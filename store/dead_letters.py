"""What was refused or could not be read, with its bytes and its reason."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from contracts.streams import OPERATIONS, PARTITIONS, TELEMETRY, WAREHOUSE, Arrival, Bundle
from contracts.streams import encode_bundle as encode
from contracts.topics import partition_key, partition_of
from store.database import Connection
from store.filters import Filters, Page
from store.log import NewRecord

_BUNDLED = (TELEMETRY, WAREHOUSE, OPERATIONS)


class DeadLetterRow(msgspec.Struct, frozen=True, kw_only=True):
    """One dead letter. Without an MQTT topic it is a record of the stream that made no sense."""

    id: int
    site: str
    mqtt_topic: str | None
    origin_topic: str
    origin_partition: int
    received_ms: int
    payload: bytes
    size: int
    code: str
    reason: str
    replayed_at: datetime | None
    replayed_by: str | None
    cut: bool
    """Whether only the beginning of the payload was read."""


PREVIEW_BYTES: Final = 4_096
"""What a list shows of a payload: a thousand of them may have 256 KiB each."""

_SELECT: Final = sql.SQL(
    """
    SELECT d.id, d.site, d.mqtt_topic, d.origin_topic, d.origin_partition, d.received_ms,
           {payload}, d.size, d.code, d.reason, d.replayed_at, d.replayed_by
    FROM dead_letters d
    """
)
_WHOLE: Final = _SELECT.format(payload=sql.SQL("d.payload, false AS cut"))
_PREVIEW: Final = _SELECT.format(
    payload=sql.SQL(
        """
        substring(d.payload FROM 1 FOR %(preview)s) AS payload,
        octet_length(d.payload) > %(preview)s AS cut
        """
    )
)


async def page_of(
    connection: Connection,
    page: Page,
    *,
    site: str | None = None,
    replayed: bool | None = None,
    limited_to: Collection[str] = (),
) -> tuple[list[DeadLetterRow], int]:
    """Dead letters, newest first, each with the beginning of its payload; and how many in all."""
    filters = Filters()
    filters.add("d.site = %(site)s", site=site)
    filters.add("(d.replayed_at IS NOT NULL) = %(replayed)s", replayed=replayed)
    filters.add("d.site = ANY(%(limited_to)s)", limited_to=list(limited_to) or None)
    cursor = connection.cursor(row_factory=class_row(DeadLetterRow))
    await cursor.execute(
        _PREVIEW + filters.where + sql.SQL(" ORDER BY d.id DESC LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters, "preview": PREVIEW_BYTES},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*) FROM dead_letters d") + filters.where, filters.parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def find(
    connection: Connection, dead_letter_id: int, *, for_update: bool = False
) -> DeadLetterRow | None:
    """One dead letter, locked for the transaction if asked."""
    cursor = connection.cursor(row_factory=class_row(DeadLetterRow))
    lock = sql.SQL(" FOR UPDATE" if for_update else "")
    await cursor.execute(_WHOLE + sql.SQL(" WHERE d.id = %s") + lock, (dead_letter_id,))
    return await cursor.fetchone()


async def mark_replayed(connection: Connection, dead_letter_id: int, actor: str) -> datetime:
    """Note who sent it round again; answers when."""
    cursor = await connection.execute(
        """
        UPDATE dead_letters SET replayed_at = now(), replayed_by = %s
        WHERE id = %s RETURNING replayed_at
        """,
        (actor, dead_letter_id),
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - the caller holds the row's lock
    replayed_at: datetime = row[0]
    return replayed_at


def replay_record(row: DeadLetterRow) -> NewRecord:
    """The record that sends a dead letter round again, as it came.

    A message goes back with its topic, its bytes and the time when it was received, in a bundle
    without a gateway; a record that made no sense goes back to its own partition as it was.
    """
    if row.mqtt_topic is None or row.origin_topic not in _BUNDLED:
        return NewRecord(row.origin_topic, row.origin_partition, None, row.payload)
    key = partition_key(row.mqtt_topic)
    arrival = Arrival(0, 0, row.received_ms, row.payload, row.size)  # type: ignore[arg-type]  # a column is no NewType
    return NewRecord(
        row.origin_topic,
        partition_of(key, PARTITIONS),
        key.encode("utf-8", "surrogatepass"),
        encode(Bundle("", [row.mqtt_topic], [arrival])),
    )

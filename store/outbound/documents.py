"""Documents for partners: made once, listed, settled."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from domain.outbound import DocumentKind
from store.database import Connection
from store.filters import Filters, Page, containing

_CONTROL_NUMBERS: Final = 10**9 - 1


class NewDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document as it was written.

    Attributes:
        name: as the trade calls it: 855, ORDRSP.
        cause: the same one makes no second document.
        digest: of what is said.
        control: the interchange's number.
    """

    kind: DocumentKind
    name: str
    spoken: str
    media_type: str
    site_id: int
    channel_id: int | None
    order_id: int | None
    work_order_id: int | None = None
    shipment: int | None = None
    reference: str | None
    cause: str
    digest: bytes
    control: int | None
    content: bytes
    pushed: bool


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of an order last: the document, and the digest of what it says."""

    order_id: int
    name: str
    media_type: str
    digest: bytes
    content: bytes


class DocumentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A document without its content."""

    id: int
    kind: str
    name: str
    format: str
    media_type: str
    site_id: int
    site: str
    channel: str | None
    order_id: int | None
    order: str | None
    work_order: str | None
    shipment: int | None
    reference: str | None
    state: str
    pushed: bool
    size: int
    made_at: datetime
    attempts: int
    next_at: datetime
    last_status: int | None
    last_error: str | None
    last_at: datetime | None
    sent_at: datetime | None
    settled_at: datetime | None
    settled_by: str | None
    reason: str | None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents are looked for; None: any."""

    kind: str | None = None
    state: str | None = None
    channel: str | None = None
    order: str | None = None
    work_order: str | None = None
    search: str | None = None
    """Text in the order's number here or there, or the work order's."""
    site: str | None = None
    newest_first: bool = False
    limited_to: Collection[str] = ()


async def control(connection: Connection) -> int:
    """The number of the next interchange; 1 to 999999999, as ISA13 has it."""
    (number,) = await controls(connection, 1)
    return number


async def controls(connection: Connection, count: int) -> list[int]:
    """The numbers of so many interchanges that we send; each 1 to 999999999, as ISA13 has it."""
    if count == 0:
        return []
    cursor = await connection.execute(
        "SELECT nextval('interchange_numbers') FROM generate_series(1, %s)", (count,)
    )
    return [(int(row[0]) - 1) % _CONTROL_NUMBERS + 1 for row in await cursor.fetchall()]


async def said(connection: Connection, order_ids: Collection[int]) -> dict[int, Said]:
    """The newest answers to orders, by the orders' ids; without those not answered yet."""
    cursor = connection.cursor(row_factory=class_row(Said))
    await cursor.execute(
        """
        SELECT DISTINCT ON (order_id) order_id, name, media_type, digest, content
        FROM outbound_documents WHERE order_id = ANY(%s) AND kind = %s
        ORDER BY order_id, id DESC
        """,
        (sorted(order_ids), DocumentKind.ORDER_ANSWER.value),
    )
    return {row.order_id: row for row in await cursor.fetchall()}


async def newest(
    connection: Connection, order_id: int, kind: DocumentKind, shipment: int | None
) -> bytes | None:
    """The digest of what was said of an order, or of one of its shipments, last; None: nothing."""
    cursor = await connection.execute(
        """
        SELECT digest FROM outbound_documents
        WHERE order_id = %s AND kind = %s AND shipment IS NOT DISTINCT FROM %s
        ORDER BY id DESC LIMIT 1
        """,
        (order_id, kind.value, shipment),
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def insert(connection: Connection, new: NewDocument) -> None:
    """Keep a document; once for each cause."""
    told = msgspec.structs.asdict(new)
    await connection.execute(
        """
        INSERT INTO outbound_documents (kind, name, format, media_type, site_id, channel_id,
            order_id, work_order_id, shipment, reference, cause, digest, control, content, pushed)
        VALUES (%(kind)s, %(name)s, %(spoken)s, %(media_type)s, %(site_id)s, %(channel_id)s,
            %(order_id)s, %(work_order_id)s, %(shipment)s, %(reference)s, %(cause)s, %(digest)s,
            %(control)s, %(content)s, %(pushed)s)
        ON CONFLICT (cause) DO NOTHING
        """,
        told | {"kind": new.kind.value},
    )


_SELECT: Final = sql.SQL(
    """
    SELECT d.id, d.kind, d.name, d.format, d.media_type, d.site_id, s.code AS site,
           c.name AS channel, d.order_id, o.number AS order, w.number AS work_order, d.shipment,
           d.reference, d.state, d.pushed,
           octet_length(d.content) AS size, d.made_at, d.attempts, d.next_at, d.last_status,
           d.last_error, d.last_at, d.sent_at, d.settled_at, d.settled_by, d.reason
    """
)
_FROM: Final = sql.SQL(
    """
    FROM outbound_documents d
    JOIN sites s ON s.id = d.site_id
    LEFT JOIN channels c ON c.id = d.channel_id
    LEFT JOIN orders o ON o.id = d.order_id
    LEFT JOIN work_orders w ON w.id = d.work_order_id
    """
)


async def listed(
    connection: Connection, page: Page, wanted: Wanted
) -> tuple[list[DocumentRow], int]:
    """Documents, as a rule oldest first, as they have to be sent on; and how many there are."""
    filters = Filters()
    filters.add("d.kind = %(kind)s", kind=wanted.kind)
    filters.add("d.state = %(state)s", state=wanted.state)
    filters.add("c.name = %(channel)s", channel=wanted.channel)
    filters.add("o.number = %(order)s", order=wanted.order)
    filters.add("w.number = %(work_order)s", work_order=wanted.work_order)
    filters.add("s.code = %(site)s", site=wanted.site)
    filters.add(
        "(o.number ILIKE %(search)s OR d.reference ILIKE %(search)s OR w.number ILIKE %(search)s)",
        search=containing(wanted.search) if wanted.search else None,
    )
    filters.limit_to_sites(wanted.limited_to)
    cursor = connection.cursor(row_factory=class_row(DocumentRow))
    await cursor.execute(
        _SELECT
        + _FROM
        + filters.where
        + sql.SQL(" ORDER BY d.id DESC" if wanted.newest_first else " ORDER BY d.id")
        + sql.SQL(" LIMIT %(limit)s OFFSET %(offset)s"),
        {**filters.parameters, **page.parameters},
    )
    rows = await cursor.fetchall()
    counted = await connection.execute(
        sql.SQL("SELECT count(*)") + _FROM + filters.where, filters.parameters
    )
    total = await counted.fetchone()
    return rows, total[0] if total else 0


async def find(
    connection: Connection, document_id: int, *, for_update: bool = False
) -> DocumentRow | None:
    """A document; None: there is none."""
    cursor = connection.cursor(row_factory=class_row(DocumentRow))
    lock = sql.SQL(" FOR UPDATE OF d" if for_update else "")
    await cursor.execute(_SELECT + _FROM + sql.SQL(" WHERE d.id = %s") + lock, (document_id,))
    return await cursor.fetchone()


async def content(connection: Connection, document_id: int) -> bytes:
    """The bytes of a document that there is."""
    cursor = await connection.execute(
        "SELECT content FROM outbound_documents WHERE id = %s", (document_id,)
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - whoever asks has found it
    return bytes(row[0])


async def settle(
    connection: Connection, document_id: int, *, state: str, by: str, reason: str | None
) -> None:
    """The partner's system has taken a document, or could not."""
    await connection.execute(
        "UPDATE outbound_documents SET state = %s, settled_at = now(), settled_by = %s,"
        " reason = %s WHERE id = %s",
        (state, by, reason, document_id),
    )


async def send_again(connection: Connection, document_id: int) -> None:
    """As if it had just been made: to be fetched or pushed, the same bytes under the same id.

    Whether it is pushed is what the channel's settings say now.
    """
    await connection.execute(
        """
        UPDATE outbound_documents d
        SET state = 'made', attempts = 0, next_at = now(), settled_at = NULL, settled_by = NULL,
            reason = NULL, sent_at = NULL,
            pushed = EXISTS (SELECT 1 FROM outbound_settings x
                             WHERE x.channel_id = d.channel_id AND x.url IS NOT NULL)
        WHERE d.id = %s
        """,
        (document_id,),
    )

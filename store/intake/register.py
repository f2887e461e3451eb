"""The register of documents: every document of an order once, and what became of it.

Whoever decides on documents of an order holds the lock of its head (`lock_heads`), so that an order
and a change of it that arrive at the same moment do not overlook each other.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import msgspec
from psycopg.types.json import Jsonb

from domain.document_order import Outcome
from domain.documents import DocumentKind, Problem
from store.database import Connection

MOST_WAITING: Final = 1_000
"""Documents of one source that may wait for their orders at the same time."""
WAITS: Final = timedelta(days=14)
"""For how long one waits."""

Head: TypeAlias = tuple[str, str]
"""Source and number: an order for good."""
Identity: TypeAlias = tuple[str, str, int, bytes]
"""Source, number, version and digest: a document for good."""


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A document that is in the register, and what became of it."""

    id: int
    outcome: Outcome
    order_id: int | None
    reason: str | None


class OrderOfDocuments(msgspec.Struct, frozen=True, kw_only=True):
    """An order that documents name, its row locked."""

    id: int
    number: str
    site_id: int
    site: str
    time_zone: str
    customer_id: int
    source_version: int | None
    unversioned_change: bool


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A change or cancellation that waited for its order."""

    id: int
    document: dict[str, Any]
    problems: list[dict[str, Any]]
    format: str


class NewDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document to be registered, with what became of it."""

    channel_id: int | None
    source: str
    number: str
    kind: DocumentKind
    version: int
    sha256: bytes
    outcome: Outcome
    order_id: int | None
    format: str
    file_id: int
    document: dict[str, Any] | None
    problems: Sequence[dict[str, Any]]
    reason: str | None
    message: str | None
    site_id: int | None
    received_by: str

    @property
    def identity(self) -> Identity:
        """What tells it from all others."""
        return self.source, self.number, self.version, self.sha256


def jsonb(value: object) -> Jsonb:
    """Anything msgspec knows, as a parameter of type jsonb."""
    return Jsonb(value, dumps=lambda content: msgspec.json.encode(content).decode())


async def lock_heads(connection: Connection, heads: Collection[Head]) -> None:
    """Lock orders, known or not, until the transaction ends; always in the same order."""
    ordered = sorted(set(heads))
    await connection.execute(
        """
        INSERT INTO intake_heads (source, number)
        SELECT * FROM unnest(%s::text[], %s::text[])
        ON CONFLICT (source, number) DO UPDATE SET number = excluded.number
        """,
        ([source for source, _ in ordered], [number for _, number in ordered]),
    )


class NewFile(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that came in, with what their format needs to answer."""

    sha256: bytes
    format: str
    name: str | None
    content: bytes
    envelope: object


async def put_files(connection: Connection, files: Sequence[NewFile]) -> dict[bytes, int]:
    """Keep the bytes that came in, each once; answers the rows' ids by their SHA-256."""
    new = {file.sha256: file for file in files}
    ordered = [new[sha256] for sha256 in sorted(new)]
    given = [
        {
            "sha256": file.sha256.hex(),
            "format": file.format,
            "name": file.name,
            "size": len(file.content),
            "content": zlib.compress(file.content, level=1),
            "envelope": file.envelope,
        }
        for file in ordered
    ]
    cursor = await connection.execute(
        """
        INSERT INTO intake_files (sha256, format, name, size, content, envelope)
        SELECT decode(sha256, 'hex'), format, name, size, decode(content, 'base64'),
               nullif(envelope, 'null'::jsonb)
        FROM jsonb_to_recordset(%s) AS g (
            sha256 text, format text, name text, size bigint, content text, envelope jsonb)
        ORDER BY g.sha256
        ON CONFLICT (sha256) DO NOTHING RETURNING sha256, id
        """,
        (jsonb(given),),
    )
    ids = {bytes(row[0]): int(row[1]) for row in await cursor.fetchall()}
    if known := [file.sha256 for file in ordered if file.sha256 not in ids]:
        cursor = await connection.execute(
            "SELECT sha256, id FROM intake_files WHERE sha256 = ANY(%s)", (known,)
        )
        ids |= {bytes(row[0]): int(row[1]) for row in await cursor.fetchall()}
    return ids


async def known_documents(
    connection: Connection, heads: Collection[Head], now: datetime
) -> tuple[dict[Identity, Registered], dict[Head, list[Waiting]]]:
    """What the register holds of some orders, and which of their changes wait.

    Those of an order are in the order of their versions. Those that have waited too long are left
    out, whether `expire` has been there or not.
    """
    ordered = sorted(set(heads))
    cursor = await connection.execute(
        """
        SELECT d.source, d.number, d.version, d.sha256, d.id, d.outcome, d.order_id, d.reason,
               d.format,
               CASE WHEN d.outcome = 'waiting' AND d.expires_at > %s THEN d.document END,
               CASE WHEN d.outcome = 'waiting' THEN d.problems END
        FROM unnest(%s::text[], %s::text[]) AS g (source, number)
        JOIN intake_documents d USING (source, number)
        ORDER BY d.source, d.number, d.version, d.id
        """,
        (now, [source for source, _ in ordered], [number for _, number in ordered]),
    )
    known: dict[Identity, Registered] = {}
    waiting: dict[Head, list[Waiting]] = {}
    for row in await cursor.fetchall():
        identity = (row[0], row[1], row[2], bytes(row[3]))
        known[identity] = Registered(
            id=row[4], outcome=Outcome(row[5]), order_id=row[6], reason=row[7]
        )
        if row[9] is not None:
            waiting.setdefault((row[0], row[1]), []).append(
                Waiting(id=row[4], format=row[8], document=row[9], problems=row[10])
            )
    return known, waiting


async def orders_of(
    connection: Connection, heads: Collection[Head]
) -> dict[Head, OrderOfDocuments]:
    """The orders that documents name and that are here already; their rows are locked."""
    ordered = sorted(set(heads))
    cursor = await connection.execute(
        """
        SELECT o.external_source, o.external_id, o.id, o.number, o.site_id, s.code, s.time_zone,
               o.customer_id, o.source_version,
               EXISTS (SELECT FROM intake_documents d
                       WHERE d.order_id = o.id AND d.version = 0
                         AND d.outcome IN ('changed', 'cancelled'))
        FROM unnest(%s::text[], %s::text[]) AS g (source, number)
        JOIN orders o ON o.external_source = g.source AND o.external_id = g.number
        JOIN sites s ON s.id = o.site_id
        ORDER BY o.id FOR UPDATE OF o
        """,
        ([source for source, _ in ordered], [number for _, number in ordered]),
    )
    return {
        (row[0], row[1]): OrderOfDocuments(
            id=row[2],
            number=row[3],
            site_id=row[4],
            site=row[5],
            time_zone=row[6],
            customer_id=row[7],
            source_version=row[8],
            unversioned_change=row[9],
        )
        for row in await cursor.fetchall()
    }


async def count_waiting(connection: Connection, sources: Collection[str]) -> dict[str, int]:
    """How many documents of each source wait."""
    cursor = await connection.execute(
        """
        SELECT source, count(*) FROM intake_documents
        WHERE outcome = 'waiting' AND source = ANY(%s) GROUP BY source
        """,
        (sorted(sources),),
    )
    return dict(await cursor.fetchall())


async def insert(
    connection: Connection, documents: Sequence[NewDocument], *, now: datetime
) -> list[int]:
    """Register documents; one that was refused before gets its new outcome. Answers their ids."""
    if not documents:
        return []
    given = [
        {
            "place": place,
            "channel_id": new.channel_id,
            "source": new.source,
            "number": new.number,
            "kind": new.kind,
            "version": new.version,
            "sha256": new.sha256.hex(),
            "outcome": new.outcome,
            "order_id": new.order_id,
            "format": new.format,
            "file_id": new.file_id,
            "document": new.document,
            "problems": list(new.problems),
            "reason": new.reason,
            "message": new.message,
            "site_id": new.site_id,
            "received_by": new.received_by,
        }
        for place, new in enumerate(documents)
    ]
    cursor = await connection.execute(
        """
        INSERT INTO intake_documents
            (channel_id, source, number, kind, version, sha256, outcome, order_id, format, file_id,
             document, problems, reason, message, site_id, received_at, received_by, applied_at,
             expires_at)
        SELECT g.channel_id, g.source, g.number, g.kind, g.version, decode(g.sha256, 'hex'),
               g.outcome, g.order_id, g.format, g.file_id,
               nullif(g.document, 'null'::jsonb), g.problems, g.reason, g.message, g.site_id,
               %(now)s, g.received_by,
               CASE WHEN g.outcome IN ('created', 'changed', 'cancelled') THEN %(now)s END,
               CASE WHEN g.outcome = 'waiting' THEN %(expires)s END
        FROM jsonb_to_recordset(%(given)s) AS g (
            place integer, channel_id integer, source text, number text, kind text, version bigint,
            sha256 text, outcome text, order_id bigint, format text, file_id bigint,
            document jsonb, problems jsonb, reason text, message text, site_id integer,
            received_by text)
        ORDER BY g.place
        ON CONFLICT (source, number, version, sha256) DO UPDATE
        SET outcome = excluded.outcome, order_id = excluded.order_id, file_id = excluded.file_id,
            problems = excluded.problems, reason = excluded.reason, site_id = excluded.site_id,
            channel_id = excluded.channel_id, received_at = excluded.received_at,
            received_by = excluded.received_by, applied_at = excluded.applied_at,
            expires_at = excluded.expires_at
        RETURNING id, source, number, version, sha256
        """,
        {"given": jsonb(given), "now": now, "expires": now + WAITS},
    )
    ids = {(row[1], row[2], row[3], bytes(row[4])): int(row[0]) for row in await cursor.fetchall()}
    return [ids[new.identity] for new in documents]


async def settle(
    connection: Connection,
    document_id: int,
    *,
    outcome: Outcome,
    order_id: int,
    problems: Sequence[Problem],
    reason: str | None,
    now: datetime,
) -> None:
    """Note what became of a document that waited."""
    await connection.execute(
        """
        UPDATE intake_documents
        SET outcome = %s, order_id = %s, problems = %s, reason = %s, expires_at = NULL,
            applied_at = %s
        WHERE id = %s
        """,
        (
            outcome.value,
            order_id,
            jsonb(list(problems)),
            reason,
            now if outcome in (Outcome.CHANGED, Outcome.CANCELLED) else None,
            document_id,
        ),
    )


async def note_repeats(connection: Connection, document_ids: Sequence[int], now: datetime) -> None:
    """Count that documents came in once more."""
    if document_ids:
        await connection.execute(
            """
            UPDATE intake_documents d SET repeats = d.repeats + g.times, repeated_at = %s
            FROM (SELECT id, count(*) AS times FROM unnest(%s::bigint[]) AS u (id) GROUP BY id) g
            WHERE d.id = g.id
            """,
            (now, list(document_ids)),
        )


async def note_version(
    connection: Connection, order_id: int, *, version: int, currency: str | None
) -> None:
    """Note the newest applied version of an order's documents."""
    await connection.execute(
        """
        UPDATE orders
        SET source_version = greatest(coalesce(source_version, 0), %s),
            currency = coalesce(%s, currency)
        WHERE id = %s
        """,
        (version, currency, order_id),
    )


async def expire(connection: Connection, now: datetime) -> int:
    """Refuse the documents that have waited too long; answers how many."""
    cursor = await connection.execute(
        """
        UPDATE intake_documents
        SET outcome = 'refused', expires_at = NULL,
            reason = 'its order did not come in within ' || %(days)s || ' days'
        WHERE outcome = 'waiting' AND expires_at <= %(now)s
        """,
        {"now": now, "days": WAITS.days},
    )
    return cursor.rowcount

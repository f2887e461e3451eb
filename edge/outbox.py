"""The gateway's outbox: what was received and is not yet in the stream, on disk.

One SQLite file in WAL mode with synchronous FULL: a batch is either wholly there, with what it
changed of the receipts, or not at all. Everything here blocks and belongs on one thread
(`edge.gateway` gives it one). The file is held exclusively: a second gateway on it is refused.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from contracts.ids import MachinePath
from contracts.streams import MAX_PAYLOAD_BYTES
from contracts.telemetry import PublisherReceipt
from edge.bundling import Stored
from edge.receipts import (
    PublisherKey,
    PublisherState,
    ReceiptBook,
    SeqRanges,
    identities,
    machine_of,
)

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS identity (uuid TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS arrivals (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,  -- never reused: the consumer relies on it
    topic       TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    payload     BLOB NOT NULL,
    size        INTEGER NOT NULL
);
-- Deliveries that are on disk and whose PUBACK may not have reached the broker, by commit.
CREATE TABLE IF NOT EXISTS deliveries (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    count  INTEGER NOT NULL,
    packed BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS publishers (
    machine TEXT NOT NULL,
    source  TEXT NOT NULL,
    boot    TEXT NOT NULL,
    touched INTEGER NOT NULL,
    ranges  BLOB NOT NULL,
    PRIMARY KEY (machine, source, boot)
) WITHOUT ROWID;
"""

PACKET_IDS: Final = 65_535
"""A broker numbers its deliveries round this circle, so older ones have been acknowledged."""

ROW_OVERHEAD_BYTES: Final = 64
"""What a row takes beside topic and payload, about."""

_DIGEST_BYTES: Final = 12
_ROOM_AGAIN: Final = 0.9


class OutboxError(Exception):
    """Something is wrong with the outbox."""


class OutboxFullError(OutboxError):
    """Nothing more is taken: the outbox's own limit, or the disk's."""


class OutboxLockedError(OutboxError):
    """Another gateway holds the file."""


class Received(msgspec.Struct, frozen=True, gc=False):
    """A message as it came from the broker.

    Attributes:
        packet_id: MQTT's, 0 with QoS 0.
        dup: the broker delivered this packet id before and saw no acknowledgement.
    """

    topic: str
    payload: bytes
    received_ms: int
    packet_id: int
    dup: bool


class Committed(msgspec.Struct, frozen=True):
    """What a commit did: rows stored, redeliveries left out, receipts that changed."""

    stored: int
    repeated: int
    machines: list[MachinePath]


class Outbox:
    """The outbox file, open. All methods block; call them from one thread."""

    def __init__(self, file: Path, *, max_bytes: int) -> None:
        """Open the file, or make it.

        Args:
            file: the SQLite file; its folder is made when it is missing.
            max_bytes: how much may wait, in bytes of topics and payloads, before it is full.

        Raises:
            OutboxLockedError: another gateway uses the file.
            OutboxError: the file cannot be used.
        """
        self._file = file
        self._max_bytes = max_bytes
        self._discard_to = 0
        self._deliveries: dict[int, bytes] = {}
        self._delivery_commits: deque[tuple[int, int]] = deque()
        self._delivery_count = 0
        self._book = ReceiptBook()
        self._stale = False
        self._over = False
        self.waiting = 0
        self.waiting_bytes = 0
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                file, isolation_level=None, check_same_thread=False, timeout=2.0
            )
            self._configure()
            self.identity = self._identity()
            self._load()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise OutboxLockedError(f"{file} is in use by another gateway") from error
            raise OutboxError(f"{file}: {error}") from error
        except (OSError, sqlite3.DatabaseError) as error:
            raise OutboxError(f"{file}: {error}") from error

    def _configure(self) -> None:
        for pragma in (
            "locking_mode = EXCLUSIVE",
            "journal_mode = WAL",
            "synchronous = FULL",
            "wal_autocheckpoint = 4000",
            "journal_size_limit = 67108864",
            "cache_size = -16384",
        ):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(_SCHEMA)

    def _identity(self) -> str:
        row = self._db.execute("SELECT uuid FROM identity").fetchone()
        if row is not None:
            return str(row[0])
        made = str(uuid.uuid4())
        self._db.execute("INSERT INTO identity VALUES (?)", (made,))
        return made

    def _load(self) -> None:
        """Read what is kept in memory beside the file; also after a transaction that failed."""
        self._book = ReceiptBook()
        for machine, source, boot, touched, ranges in self._db.execute(
            "SELECT machine, source, boot, touched, ranges FROM publishers"
        ):
            self._book.restore(
                PublisherKey(machine, source, boot),
                PublisherState(SeqRanges.decode(ranges), touched),
            )
        self._deliveries.clear()
        self._delivery_commits.clear()
        self._delivery_count = 0
        for commit, count, packed in self._db.execute(
            "SELECT id, count, packed FROM deliveries ORDER BY id"
        ):
            self._deliveries.update(msgspec.msgpack.decode(packed, type=dict[int, bytes]))
            self._delivery_commits.append((commit, count))
            self._delivery_count += count
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'arrivals'").fetchone()
        self._last_id = 0 if row is None else int(row[0])
        self.waiting, self.waiting_bytes = self._db.execute(
            "SELECT count(*), coalesce(sum(length(payload) + length(topic) + ?), 0) FROM arrivals"
            " WHERE id > ?",
            (ROW_OVERHEAD_BYTES, self._discard_to),
        ).fetchone()
        self._stale = False

    @property
    def full(self) -> bool:
        """Whether the limit was reached, until a tenth is free again."""
        if self.waiting_bytes >= self._max_bytes:
            self._over = True
        elif self.waiting_bytes < self._max_bytes * _ROOM_AGAIN:
            self._over = False
        return self._over

    @property
    def max_bytes(self) -> int:
        """The limit, in bytes of topics and payloads."""
        return self._max_bytes

    def store(self, batch: Sequence[Received]) -> Committed:
        """Take a batch, durably on return. A redelivery of what is here already is left out.

        Raises:
            OutboxFullError: nothing of the batch was taken.
            OutboxError: likewise, for another reason.
        """
        if self.full:
            raise OutboxFullError(
                f"outbox full: {self.waiting_bytes:,} of {self._max_bytes:,} bytes wait"
            )
        try:
            if self._stale:
                self._load()
            self._db.execute("BEGIN IMMEDIATE")
            committed = self._store(batch)
            self._delete_discarded()
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            if "full" in str(error) or getattr(error, "sqlite_errorcode", 0) in _NO_ROOM:
                raise OutboxFullError(f"outbox full: {error}") from error
            raise OutboxError(f"outbox: {error}") from error
        return committed

    def _roll_back(self) -> None:
        self._stale = True
        with suppress(sqlite3.Error):  # SQLite has already rolled back when the disk was full
            self._db.execute("ROLLBACK")

    def _store(self, batch: Sequence[Received]) -> Committed:
        rows: list[tuple[int, str, int, bytes, int]] = []
        delivered: dict[int, bytes] = {}
        machines: set[MachinePath] = set()
        arrival = self._last_id
        added = 0
        for message in batch:
            if message.packet_id:
                digest = _digest(message)
                packet_id = message.packet_id
                if message.dup and digest == delivered.get(
                    packet_id, self._deliveries.get(packet_id)
                ):
                    continue
                delivered[packet_id] = digest
            arrival += 1
            size = len(message.payload)
            kept = message.payload[:MAX_PAYLOAD_BYTES]
            rows.append((arrival, message.topic, message.received_ms, kept, size))
            added += len(kept) + len(message.topic) + ROW_OVERHEAD_BYTES
            machine = machine_of(message.topic)
            if machine is not None:
                for identity in identities(message.payload):
                    self._book.record(machine, identity, arrival)
                    machines.add(machine)
        self._db.executemany("INSERT INTO arrivals VALUES (?, ?, ?, ?, ?)", rows)
        self._store_publishers()
        self._store_deliveries(delivered)
        self._last_id = arrival
        self.waiting += len(rows)
        self.waiting_bytes += added
        return Committed(len(rows), len(batch) - len(rows), sorted(machines))

    def _store_publishers(self) -> None:
        changed, removed = self._book.take_changes()
        self._db.executemany(
            "INSERT INTO publishers VALUES (?, ?, ?, ?, ?) ON CONFLICT (machine, source, boot)"
            " DO UPDATE SET touched = excluded.touched, ranges = excluded.ranges",
            [(*key, state.touched, state.ranges.encode()) for key, state in changed.items()],
        )
        self._db.executemany(
            "DELETE FROM publishers WHERE machine = ? AND source = ? AND boot = ?", removed
        )

    def _store_deliveries(self, delivered: dict[int, bytes]) -> None:
        if not delivered:
            return
        self._deliveries.update(delivered)
        cursor = self._db.execute(
            "INSERT INTO deliveries (count, packed) VALUES (?, ?)",
            (len(delivered), msgspec.msgpack.encode(delivered)),
        )
        self._delivery_commits.append((cursor.lastrowid or 0, len(delivered)))
        self._delivery_count += len(delivered)
        gone = 0
        while self._delivery_count - self._delivery_commits[0][1] >= PACKET_IDS:
            gone, count = self._delivery_commits.popleft()
            self._delivery_count -= count
        if gone:
            self._db.execute("DELETE FROM deliveries WHERE id <= ?", (gone,))

    def forget_deliveries(self) -> None:
        """The broker began a new session: its packet ids say nothing about the earlier ones.

        Raises:
            OutboxError: the file could not be written.
        """
        try:
            self._db.execute("DELETE FROM deliveries")
        except sqlite3.Error as error:
            raise OutboxError(f"outbox: {error}") from error
        self._deliveries.clear()
        self._delivery_commits.clear()
        self._delivery_count = 0

    def read(self, after: int, limit: int, max_bytes: int) -> list[Stored]:
        """Rows above an id, in order: at most `limit`, and at most `max_bytes` or one.

        Raises:
            OutboxError: the file could not be read.
        """
        rows: list[Stored] = []
        size = 0
        try:
            for row in self._db.execute(
                "SELECT id, topic, received_ms, payload, size FROM arrivals"
                " WHERE id > ? ORDER BY id LIMIT ?",
                (max(after, self._discard_to), limit),
            ):
                stored = Stored(*row)
                size += len(stored.payload)
                if rows and size > max_bytes:
                    break
                rows.append(stored)
        except sqlite3.Error as error:
            raise OutboxError(f"outbox: {error}") from error
        return rows

    def discard(self, rows: Iterable[Stored]) -> None:
        """These rows are in the stream. They leave the file with the next commit or `tidy`.

        (When the gateway is killed before that, they are sent again and the consumer skips them.)
        """
        for row in rows:
            self._discard_to = max(self._discard_to, row.id)
            self.waiting -= 1
            self.waiting_bytes -= len(row.payload) + len(row.topic) + ROW_OVERHEAD_BYTES

    def _delete_discarded(self) -> None:
        self._db.execute("DELETE FROM arrivals WHERE id <= ?", (self._discard_to,))

    def tidy(self) -> None:
        """Delete what was discarded, when no commit comes by to do it.

        Raises:
            OutboxError: the file could not be written; the rows stay discarded.
        """
        try:
            self._delete_discarded()
        except sqlite3.Error as error:
            raise OutboxError(f"outbox: {error}") from error

    def receipts(
        self, machines: Iterable[MachinePath] | None = None
    ) -> dict[MachinePath, list[PublisherReceipt]]:
        """What is durably here of the machines' publishers (of all machines when none is named).

        Raises:
            OutboxError: the file could not be read, after a commit that had failed.
        """
        try:
            if self._stale:
                self._load()
        except sqlite3.Error as error:
            raise OutboxError(f"outbox: {error}") from error
        wanted = self._book.machines() if machines is None else machines
        return {machine: self._book.receipts(machine) for machine in wanted}

    def close(self) -> None:
        """Close the file; everything stored stays."""
        self._db.close()


_NO_ROOM: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE})


def _digest(message: Received) -> bytes:
    """What tells a message from another that had the same packet id before."""
    digest = blake2b(message.topic.encode("utf-8", "replace"), digest_size=_DIGEST_BYTES)
    digest.update(b"\x00")
    digest.update(message.payload)
    return digest.digest()

"""A publisher's outbox on disk: objects that no gateway has acknowledged yet. Blocking."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from contracts.telemetry import PublisherReceipt

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS boot (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counters (
    machine TEXT NOT NULL,
    source  TEXT NOT NULL,
    next    INTEGER NOT NULL,
    PRIMARY KEY (machine, source)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    topic   TEXT NOT NULL,
    machine TEXT NOT NULL,
    source  TEXT NOT NULL,
    boot    TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    content BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_by_publisher ON objects (machine, source, boot, seq);
"""


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """An object with its identity, encoded."""

    topic: str
    machine: str
    source: str
    boot: str
    seq: int
    content: bytes


class Queued(msgspec.Struct, frozen=True, gc=False):
    """An object in the outbox."""

    id: int
    topic: str
    content: bytes


class PublisherOutbox:
    """The file, open. One thread at a time.

    Nothing may be sent before `add` has returned: so a number that has left the house is never
    given again, whatever dies in between.
    """

    def __init__(self, file: Path) -> None:
        """Open the file, or make it."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=5.0)
        for pragma in (
            "locking_mode = EXCLUSIVE",
            "journal_mode = WAL",
            "synchronous = FULL",
            "wal_autocheckpoint = 4000",
        ):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(_SCHEMA)
        row = self._db.execute("SELECT id FROM boot").fetchone()
        if row is None:
            row = (uuid.uuid4().hex[:16],)
            self._db.execute("INSERT INTO boot VALUES (?)", row)
        self.boot = str(row[0])

    def counters(self) -> dict[tuple[str, str], int]:
        """The next number of each (machine, source) in this file's boot."""
        rows = self._db.execute("SELECT machine, source, next FROM counters")
        return {(machine, source): following for machine, source, following in rows}

    def machines(self) -> list[str]:
        """The machines that objects wait for."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT machine FROM objects")]

    def add(self, objects: Sequence[Outgoing]) -> None:
        """Keep objects, durably on return."""
        following = {
            (one.machine, one.source): one.seq + 1 for one in objects if one.boot == self.boot
        }
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(
                "INSERT INTO objects (topic, machine, source, boot, seq, content)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [(o.topic, o.machine, o.source, o.boot, o.seq, o.content) for o in objects],
            )
            self._db.executemany(
                "INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT (machine, source)"
                " DO UPDATE SET next = max(next, excluded.next)",
                [(*key, number) for key, number in following.items()],
            )
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def read(self, after: int, limit: int) -> list[Queued]:
        """Objects above an id, in the order in which they were added."""
        rows = self._db.execute(
            "SELECT id, topic, content FROM objects WHERE id > ? ORDER BY id LIMIT ?",
            (after, limit),
        )
        return [Queued(*row) for row in rows]

    def forget(self, machine: str, receipts: Iterable[PublisherReceipt]) -> int:
        """Delete what a machine's receipts cover; how many objects that were.

        A receipt covers the numbers from its `first` to its `seq`. It is used only when nothing
        below `first` is still here: otherwise the gateway has yet to see that `first` is not ours.
        """
        deleted = 0
        for receipt in receipts:
            key = (machine, receipt.source, receipt.boot)
            lowest = self._db.execute(
                "SELECT min(seq) FROM objects WHERE machine = ? AND source = ? AND boot = ?", key
            ).fetchone()[0]
            if lowest is None or lowest < receipt.first:
                continue
            deleted += self._db.execute(
                "DELETE FROM objects WHERE machine = ? AND source = ? AND boot = ? AND seq <= ?",
                (*key, receipt.seq),
            ).rowcount
        return deleted

    def count(self, up_to: int | None = None) -> int:
        """How many objects are here (with an id up to the one given)."""
        if up_to is None:
            row = self._db.execute("SELECT count(*) FROM objects").fetchone()
        else:
            row = self._db.execute(
                "SELECT count(*) FROM objects WHERE id <= ?", (up_to,)
            ).fetchone()
        return int(row[0])

    def close(self) -> None:
        """Close the file; what waits stays."""
        self._db.close()

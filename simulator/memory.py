"""What the simulator knows of itself across its own ends, on disk. Blocking, and short."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from contracts.ids import EpochMs, MachinePath
from simulator.plant import Broken
from simulator.warehouse import Delivery

NEW_AFTER_MS: Final = 10 * 60_000
"""A factory that stood still for longer begins its scenario anew."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS run (
    scenario TEXT NOT NULL,
    speed    REAL NOT NULL,
    seed     INTEGER NOT NULL,
    began_ms INTEGER NOT NULL,
    seen_ms  INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS happened (
    event TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (
    site       TEXT NOT NULL,
    number     TEXT NOT NULL,
    noticed_ms INTEGER NOT NULL,
    steps      INTEGER NOT NULL,
    PRIMARY KEY (site, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS broken (
    machine  TEXT PRIMARY KEY,
    until_ms INTEGER NOT NULL,
    reason   TEXT NOT NULL
) WITHOUT ROWID;
"""


class Memory:
    """The file, open. One simulator at a time.

    What happens is written down before it is said or asked for: after a sudden end it may have been
    left undone, but it is never done twice.
    """

    def __init__(self, file: Path) -> None:
        """Open the file, or make it."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=5.0)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def begin(self, scenario: str, speed: float, seed: int, now_ms: EpochMs) -> EpochMs:
        """When the scenario began: now, or earlier when this goes on with it."""
        row = self._db.execute(
            "SELECT scenario, speed, seed, began_ms, seen_ms FROM run"
        ).fetchone()
        if row is not None:
            same = tuple(row[:3]) == (scenario, speed, seed)
            if same and now_ms - row[4] < NEW_AFTER_MS:
                return EpochMs(row[3])
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("DELETE FROM run")
        self._db.execute("DELETE FROM happened WHERE event LIKE 'timeline/%'")
        self._db.execute(
            "INSERT INTO run VALUES (?, ?, ?, ?, ?)", (scenario, speed, seed, now_ms, now_ms)
        )
        self._db.execute("COMMIT")
        return now_ms

    def still_there(self, now_ms: EpochMs, broken: Mapping[MachinePath, Broken]) -> None:
        """Note that the factory is at work, and which machines are broken down."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("UPDATE run SET seen_ms = ?", (now_ms,))
        self._db.execute("DELETE FROM broken")
        self._db.executemany(
            "INSERT INTO broken VALUES (?, ?, ?)",
            [(path, one.until_ms, one.reason) for path, one in broken.items()],
        )
        self._db.execute("COMMIT")

    def broken(self) -> dict[MachinePath, Broken]:
        """The machines that were broken down."""
        rows = self._db.execute("SELECT machine, until_ms, reason FROM broken")
        return {MachinePath(path): Broken(EpochMs(until), why) for path, until, why in rows}

    def happened(self) -> dict[str, int]:
        """What has happened, and when."""
        return dict(self._db.execute("SELECT event, at_ms FROM happened"))

    def note(self, event: str, now_ms: EpochMs) -> None:
        """Note that something happens."""
        self._db.execute("INSERT OR REPLACE INTO happened VALUES (?, ?)", (event, now_ms))

    def forget(self, event: str) -> None:
        """It did not happen after all."""
        self._db.execute("DELETE FROM happened WHERE event = ?", (event,))

    def deliveries(self, site: str) -> dict[str, Delivery]:
        """How far the site's orders are in the warehouse."""
        rows = self._db.execute(
            "SELECT number, noticed_ms, steps FROM deliveries WHERE site = ?", (site,)
        )
        return {number: Delivery(EpochMs(noticed), steps) for number, noticed, steps in rows}

    def deliver(self, site: str, number: str, delivery: Delivery) -> None:
        """Note how far an order is."""
        self._db.execute(
            "INSERT OR REPLACE INTO deliveries VALUES (?, ?, ?, ?)",
            (site, number, delivery.noticed_ms, delivery.steps),
        )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

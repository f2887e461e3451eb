"""The schema's migrations: forward only, in the order of their numbers, by yoyo.

yoyo keeps the books (`_yoyo_migration`); three things are done our way, because several services
may start at once and any of them may be killed:

- a PostgreSQL advisory lock lets one migrator work and the others wait. yoyo's own lock is a row
  that outlives a killed migrator, so it is broken under the advisory lock;
- a migration and the note that it was applied are one transaction;
- a database that is ahead of this program is refused.
"""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from importlib import resources
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import DatabaseURI
from yoyo.migrations import default_migration_table, read_migrations

from store import customer_role, report_views
from store.database import Connection

_ADVISORY_LOCK = 0x67656D6261  # "gemba"
_LOCK_TIMEOUT_S = 60
_TRIES = 5


class MigrationError(Exception):
    """The schema cannot be brought to this program's version; the message says why."""


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]  # yoyo is untyped
    """yoyo's PostgreSQL backend without its look-ups that fail in small containers."""

    create_lock_table_sql = PostgresqlPsycopgBackend.create_lock_table_sql.replace(
        "CREATE TABLE", "CREATE TABLE IF NOT EXISTS"
    )

    def __init__(self, url: str) -> None:
        self._url = url
        known = conninfo_to_dict(url)
        name = known.get("dbname")
        super().__init__(
            DatabaseURI("postgresql", None, None, None, None, name, {}), default_migration_table
        )

    def connect(self, _dburi: DatabaseURI) -> psycopg.Connection[Any]:
        return psycopg.connect(
            self._url, autocommit=True, connect_timeout=10, application_name="gemba-migrate"
        )

    def _check_transactional_ddl(self) -> bool:
        return True

    def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, Any]:
        """Who did what: without asking DNS or the user database, which may know nothing."""
        return {
            "id": str(uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": str(os.getuid()),
            "hostname": socket.gethostname(),
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }


def migrate(url: str) -> list[str]:
    """Bring the schema to this program's version; blocks. Returns the migrations just applied.

    Raises:
        MigrationError: the database is ahead of this program, another migrator does not end, or
            the role of customers' requests is missing and cannot be made.
        psycopg.Error: the database does not answer, or a statement failed (nothing of that
            migration stays).
    """
    with _Backend(url) as backend:
        _lock(backend.connection)
        backend.init_database()
        backend.break_lock()
        backend.ensure_internal_schema_updated()
        migrations = read_migrations(str(resources.files("store") / "migrations"))
        _refuse_newer(backend.connection, {migration.id for migration in migrations})
        pending = sorted(backend.to_apply(migrations), key=lambda migration: str(migration.id))
        if any(str(migration.id) == customer_role.SINCE for migration in pending):
            # Before anything is applied: what stops half-way would have to be explained.
            problem = customer_role.before_migrating(backend.connection)
            if problem is not None:
                raise MigrationError(str(problem))
        for migration in pending:
            _apply(backend, migration)
        report_views.refresh(backend.connection)
        return [str(migration.id) for migration in pending]


def _apply(backend: _Backend, migration: Any) -> None:
    """Apply one migration; again when it met somebody else's locks the other way round.

    With TimescaleDB that can be a job that an earlier migration has just made.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            with backend.transaction():
                migration.process_steps(backend, "apply")
                backend.log_migration(migration, "apply")
                backend.mark_one(migration, log=False)
        except psycopg.errors.DeadlockDetected:
            if attempt == _TRIES:
                raise
        else:
            return


def known_versions() -> list[str]:
    """The migrations this program knows, oldest first."""
    folder = resources.files("store") / "migrations"
    return sorted(
        entry.name.removesuffix(".sql")
        for entry in folder.iterdir()
        if entry.name.endswith(".sql") and not entry.name.endswith(".rollback.sql")
    )


async def schema_version(connection: Connection) -> str | None:
    """The newest migration the database has had, or None when it has had none."""
    cursor = await connection.execute("SELECT to_regclass('_yoyo_migration') IS NOT NULL")
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return None
    cursor = await connection.execute("SELECT max(migration_id) FROM _yoyo_migration")
    row = await cursor.fetchone()
    return None if row is None else row[0]


def _lock(connection: psycopg.Connection[Any]) -> None:
    """Hold the advisory lock until the connection closes."""
    connection.execute("SELECT set_config('lock_timeout', %s, false)", [f"{_LOCK_TIMEOUT_S}s"])
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", [_ADVISORY_LOCK])
    except psycopg.errors.LockNotAvailable as error:
        raise MigrationError(
            f"another process has been migrating this database for {_LOCK_TIMEOUT_S} s"
        ) from error
    connection.execute("SELECT set_config('lock_timeout', '0', false)")


def _refuse_newer(connection: psycopg.Connection[Any], known: set[str]) -> None:
    applied = connection.execute("SELECT migration_id FROM _yoyo_migration ORDER BY 1").fetchall()
    unknown = [name for (name,) in applied if name not in known]
    if unknown:
        raise MigrationError(
            f"the database has had {', '.join(unknown)}, which this program (up to {max(known)}) "
            "does not know; maybe a newer release ran on it"
        )

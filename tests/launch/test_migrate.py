"""Migrations: complete, once, by one at a time, and never behind a database that is ahead."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from store import migrate as migrations
from store.migrate import MigrationError, known_versions, migrate, schema_version


def test_a_new_database_gets_every_migration_in_order_and_the_second_run_none(
    empty_database_url: str,
) -> None:
    assert migrate(empty_database_url) == known_versions()
    assert migrate(empty_database_url) == []


async def test_the_version_is_none_before_and_the_newest_after(empty_database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(
        empty_database_url, autocommit=True
    ) as connection:
        assert await schema_version(connection) is None
        migrate(empty_database_url)
        assert await schema_version(connection) == known_versions()[-1]


def test_services_that_start_at_once_migrate_once(empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(migrate, [empty_database_url] * 4))
    assert sorted(applied, key=len) == [[], [], [], known_versions()]


def test_the_lock_row_of_a_killed_migrator_does_not_block(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 4711)")
    assert migrate(database_url) == []


def test_a_database_that_is_ahead_is_refused(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc) "
            "VALUES ('ff', '9999-future', now())"
        )
    with pytest.raises(MigrationError, match="9999-future"):
        migrate(database_url)


def test_a_migration_that_meets_a_deadlock_is_applied_again(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_one = migrations._Backend.mark_one
    met: list[str] = []

    def deadlock_once(backend: Any, migration: Any, *, log: bool) -> None:
        if migration.id not in met:
            met.append(migration.id)
            raise psycopg.errors.DeadlockDetected
        mark_one(backend, migration, log=log)

    monkeypatch.setattr(migrations._Backend, "mark_one", deadlock_once)
    assert migrate(empty_database_url) == known_versions() == met
    assert migrate(empty_database_url) == []

"""Migration 0011: the floor's past, cut by time, on both flavours and over data that was there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql
from yoyo.migrations import read_migrations

from store import migrate as migrations

TIMESCALE_URL = os.environ.get("GEMBA_TEST_TIMESCALE_URL", "")
BEFORE = "0009-breakdowns"
DAY_MS = 86_400_000
OLD_MS = 1_740_000_000_000  # 2025-02-19
SLOT_MS = 300_000


def _migrate_to(url: str, last: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply what an older release knew."""
    everything = read_migrations

    def older(source: str) -> Any:
        found = everything(source)
        return found.filter(lambda one: str(one.id) <= last)

    monkeypatch.setattr(migrations, "read_migrations", older)
    migrations.migrate(url)
    monkeypatch.setattr(migrations, "read_migrations", everything)


def _fill(connection: psycopg.Connection[Any]) -> int:
    """A machine with slots over three months, as an older release wrote them."""
    connection.execute("INSERT INTO sites (code, name) VALUES ('plant', 'plant')")
    row = connection.execute(
        """
        INSERT INTO machines (site_id, path, area, line, name)
        SELECT id, 'plant/a/l/m', 'a', 'l', 'm' FROM sites RETURNING id
        """
    ).fetchone()
    assert row is not None
    connection.execute(
        """
        INSERT INTO piece_slots SELECT %s, %s + n::bigint * %s, n, n %% 3
        FROM generate_series(0, 999) n
        """,
        (row[0], OLD_MS - OLD_MS % SLOT_MS, DAY_MS // 12),
    )
    return int(row[0])


@pytest.fixture
def older_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database without any tables, on the flavour that the test run is for."""
    if not TIMESCALE_URL:
        yield request.getfixturevalue("empty_database_url")
        return
    name = f"gemba_test_{os.getpid()}_history"
    with psycopg.connect(TIMESCALE_URL, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'").format(
                sql.Identifier(name)
            )
        )
        yield urlunsplit(urlsplit(TIMESCALE_URL)._replace(path=f"/{name}"))
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_slots_of_an_older_release_are_carried_over_and_cut_by_time(
    older_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _migrate_to(older_database_url, BEFORE, monkeypatch)
    with psycopg.connect(older_database_url, autocommit=True) as connection:
        _fill(connection)
        before = connection.execute("SELECT * FROM piece_slots ORDER BY 1, 2").fetchall()
    assert migrations.migrate(older_database_url)
    with psycopg.connect(older_database_url, autocommit=True) as connection:
        assert connection.execute("SELECT * FROM piece_slots ORDER BY 1, 2").fetchall() == before
        parts = connection.execute(
            """
            SELECT count(DISTINCT tableoid) FROM piece_slots
            """
        ).fetchone()
        assert parts is not None
        assert parts[0] in (4, 5)  # 83 days from February on
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO piece_slots SELECT * FROM piece_slots LIMIT 1")

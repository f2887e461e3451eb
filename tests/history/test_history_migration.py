"""Migration 0011: the floor's past, cut by time, on both flavours and over data that was there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql
from yoyo.migrations import read_migrations

from store import migrate as migrations
from store.telemetry import adoption

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


@pytest.fixture
def upgraded(
    older_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[psycopg.Connection[Any]]:
    """An older release's installation with slots of 83 days, after the upgrade."""
    _migrate_to(older_database_url, BEFORE, monkeypatch)
    with psycopg.connect(older_database_url, autocommit=True) as connection:
        _fill(connection)
        before = _slots(connection)
        if TIMESCALE_URL:  # the tests compress by themselves, a policy would be in their way
            connection.execute("SELECT _timescaledb_functions.stop_background_workers()")
    assert migrations.migrate(older_database_url)
    with psycopg.connect(older_database_url, autocommit=True) as connection:
        assert _slots(connection) == before
        yield connection


def _slots(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT * FROM piece_slots ORDER BY 1, 2").fetchall()


def _compress(connection: psycopg.Connection[Any], table: str) -> None:
    if TIMESCALE_URL:
        for chunk in connection.execute("SELECT show_chunks(%s)", [table]).fetchall():
            # The policy, which runs as soon as it is made, may be quicker.
            with suppress(psycopg.errors.DuplicateObject):
                connection.execute("SELECT compress_chunk(%s)", chunk)


def test_hist_6_slots_of_an_older_release_are_carried_over_and_cut_by_time(
    upgraded: psycopg.Connection[Any],
) -> None:
    (parts,) = upgraded.execute("SELECT count(DISTINCT tableoid) FROM piece_slots").fetchall()
    assert parts[0] in (4, 5) if TIMESCALE_URL else parts == (4,)  # from 19 February to 13 May
    upgraded.execute(
        "INSERT INTO piece_slots SELECT machine_id, slot_ms + 1, 1, 0 FROM piece_slots"
    )
    assert len(_slots(upgraded)) == 2_000


def test_hist_6_unique_keys_hold_changes_and_deletions_work_where_it_is_compressed(
    upgraded: psycopg.Connection[Any],
) -> None:
    _compress(upgraded, "piece_slots")
    machine_id, slot_ms, good, scrap = _slots(upgraded)[500]
    with pytest.raises(psycopg.errors.UniqueViolation):
        upgraded.execute("INSERT INTO piece_slots VALUES (%s, %s, 0, 0)", [machine_id, slot_ms])
    upgraded.execute("UPDATE piece_slots SET good = 7777 WHERE slot_ms = %s", [slot_ms])
    assert _slots(upgraded)[500] == (machine_id, slot_ms, 7777, scrap)
    _compress(upgraded, "piece_slots")
    upgraded.execute(
        """
        INSERT INTO piece_slots VALUES (%s, %s, %s, %s)
        ON CONFLICT (machine_id, slot_ms) DO UPDATE SET good = excluded.good
        """,
        [machine_id, slot_ms, good, scrap],
    )
    assert _slots(upgraded)[500] == (machine_id, slot_ms, good, scrap)
    upgraded.execute("DELETE FROM piece_slots WHERE slot_ms > %s", [slot_ms])
    assert len(_slots(upgraded)) == 501


@pytest.mark.skipif(not TIMESCALE_URL, reason="GEMBA_TEST_TIMESCALE_URL names no server")
def test_hist_6_timescale_compresses_by_machine_after_weeks(
    upgraded: psycopg.Connection[Any],
) -> None:
    policies = upgraded.execute(
        """
        SELECT hypertable_name, (config ->> 'compress_after')::bigint / %s
        FROM timescaledb_information.jobs
        WHERE proc_name = 'policy_compression' AND hypertable_name = ANY(%s) ORDER BY 1
        """,
        [DAY_MS, list(adoption.PARTITIONED)],
    ).fetchall()
    assert policies == [("piece_slots", 60), ("samples", 14), ("state_changes", 60)]
    by_machine = upgraded.execute(
        """
        SELECT hypertable::text FROM timescaledb_information.hypertable_compression_settings
        WHERE segmentby = 'machine_id' AND hypertable::text = ANY(%s) ORDER BY 1
        """,
        [list(adoption.PARTITIONED)],
    ).fetchall()
    assert by_machine == [("piece_slots",), ("samples",), ("state_changes",)]
    # A policy's own run: what is older than that, by the wall clock, is compressed.
    (job,) = upgraded.execute(
        "SELECT job_id FROM timescaledb_information.jobs WHERE hypertable_name = 'piece_slots'"
        " AND proc_name = 'policy_compression'"
    ).fetchall()
    upgraded.execute("CALL run_job(%s)", job)
    states = upgraded.execute(
        "SELECT DISTINCT is_compressed FROM timescaledb_information.chunks"
        " WHERE hypertable_name = 'piece_slots'"
    ).fetchall()
    assert states == [(True,)]

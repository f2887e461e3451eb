"""The SQL views for others: what the program's own figures are, as of any moment, and no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from domain.reports import view_dictionary
from domain.reports.definitions import DEFINITIONS
from domain.reports.views import SCHEMA, VIEWS
from store import report_views
from store.database import Connection
from store.report_views import comment_of

DOCS = Path(__file__).parents[2] / "docs"
AS_FUNCTION = [name for name, view in VIEWS.items() if view.as_of]


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[Connection]:
    """The owner's connection to a plant in Berlin with a machine, an order, and stock."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(FACTS)
        yield connection


FACTS = """
INSERT INTO sites (code, name, time_zone) VALUES ('hz', 'Plant', 'Europe/Berlin');
INSERT INTO machines (site_id, path, area, line, name)
    SELECT id, 'hz/press/l1/m1', 'press', 'l1', 'M 1' FROM sites;
INSERT INTO items (code, name) VALUES ('bolt', 'Bolt');
INSERT INTO customers (code, name) VALUES ('acme', 'Acme');
INSERT INTO orders (site_id, customer_id, number)
    SELECT s.id, c.id, 'SO-1' FROM sites s, customers c;
INSERT INTO order_lines (order_id, number, item_id, quantity, unit, site_id, state)
    SELECT o.id, 1, i.id, 10, 'pcs', s.id, 'released' FROM orders o, items i, sites s;
-- A shift, reckoned on 2 November and once more on the 3rd, when a late object came.
INSERT INTO report_machine_shifts (machine_id, day, shift, from_ms, until_ms, counted_ms,
    recorded_at, superseded_at, operation_ms, planned_stop_ms, overtime_ms, production_ms, setup_ms,
    delay_ms,
    micro_stop_ms, idle_ms, unknown_ms, micro_stops, stops, good, scrap, reworked_good,
    reworked_scrap, run_ms, unrated)
SELECT m.id, '2026-11-02', 'early', 1793595600000, 1793624400000, 1793624400000, r.at, r.until,
       28800000, 1800000, 0, r.production, 1200000, 3600000, 600000, 0,
       28800000 - 1800000 - 1200000 - 3600000 - 600000 - r.production, 4, 2, r.good, 5, 0, 0,
       r.good * 100000, 0
FROM machines m, (VALUES ('2026-11-02T14:00:00Z'::timestamptz,
                          '2026-11-03T08:00:00Z'::timestamptz, 18000000, 150),
                         ('2026-11-03T08:00:00Z', NULL, 20000000, 180))
    AS r (at, until, production, good);
INSERT INTO report_machine_losses (shift_id, time_class, reason, lost_ms, count)
SELECT id, 'delay', 'jam', 3600000, 2 FROM report_machine_shifts;
INSERT INTO stop_reason_codes (code, name_en, name_zh, counts_as, changed_by)
VALUES ('jam', 'Jam', '卡料', 'delay', 'test');
INSERT INTO report_order_lines (recorded_at, policy, order_id, order_line_id, number, site_id,
    customer_id, item_id, unit, made_on, ordered, shipped, received_ms, confirmed_ms, started_ms,
    produced_ms, shipped_ms, first_due_ms, due_ms, complete_ms, first_on_time, first_by_date,
    due_on_time, due_by_date, delay_ms, makes_late, share_causes, share_subjects, share_ms)
SELECT '2026-11-05T00:00:00Z', 1, o.id, l.id, 1, s.id, c.id, i.id, 'pcs', 'hz/press/l1', 10, 10,
       1000000, 2000000, 1500000, 9000000, 12000000, 5000000, 15000000, 12000000,
       false, 0, true, 10, 7000000, true, '{stop,unexplained}', '{hz/press/l1/m1,""}',
       '{4000000,3000000}'
FROM orders o, order_lines l, sites s, customers c, items i;
"""


async def one(rows: Connection, query: str, *values: object) -> tuple[Any, ...]:
    cursor = await rows.execute(query.encode(), values)
    found = await cursor.fetchall()
    assert len(found) == 1, found
    return tuple(found[0])


async def test_every_view_and_column_is_described_in_both_languages(rows: Connection) -> None:
    cursor = await rows.execute(
        """
        SELECT c.relname::text, obj_description(c.oid, 'pg_class'),
               array_agg(a.attname::text ORDER BY a.attnum),
               array_agg(col_description(c.oid, a.attnum) ORDER BY a.attnum)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('v', 'r')
        GROUP BY c.oid
        """,
        (SCHEMA,),
    )
    found = {name: told for name, *told in await cursor.fetchall()}
    assert set(found) == set(VIEWS) | {f"{name}_revisions" for name in AS_FUNCTION}
    for name, (about, columns, comments) in found.items():
        view = VIEWS[name.removesuffix("_revisions")]
        assert about.startswith(comment_of(view.words)), name
        assert columns == [each.name for each in view.columns], name
        assert comments == [comment_of(each.words) for each in view.columns], name


async def test_the_committed_pages_are_what_the_program_says() -> None:
    english = (DOCS / "data-dictionary.md").read_text(encoding="utf-8")
    chinese = (DOCS / "data-dictionary.zh-CN.md").read_text(encoding="utf-8")
    assert english == view_dictionary.page("en")
    assert chinese == view_dictionary.page("zh")


async def test_definitions_are_the_program_s(rows: Connection) -> None:
    cursor = await rows.execute("SELECT code, version, name_zh FROM gemba_report.definitions")
    assert {tuple(row) for row in await cursor.fetchall()} == {
        (each.code, each.version, each.name.zh) for each in DEFINITIONS.values()
    }


async def test_a_word_that_changed_is_written_without_a_migration(
    rows: Connection, database_url: str
) -> None:
    await rows.execute("COMMENT ON VIEW gemba_report.losses IS 'old'")
    await rows.execute("COMMENT ON SCHEMA gemba_report IS 'gemba, words of yesterday'")
    await rows.execute("DELETE FROM gemba_report.definitions")
    with psycopg.connect(database_url, autocommit=True) as connection:
        report_views.refresh(connection)
        report_views.refresh(connection)
    (about,) = await one(
        rows, "SELECT obj_description('gemba_report.losses'::regclass, 'pg_class')"
    )
    assert about == comment_of(VIEWS["losses"].words)
    (count,) = await one(rows, "SELECT count(*) FROM gemba_report.definitions")
    assert count == len(DEFINITIONS)


async def test_shifts_tell_the_newest_and_what_was_known_at_a_moment(rows: Connection) -> None:
    query = "SELECT good, production_ms, busy_ms FROM gemba_report.machine_shifts"
    assert await one(rows, query) == (Decimal(180), 20_000_000, 27_000_000)
    assert await one(rows, f"{query}('2026-11-03T07:59:59Z')") == (
        Decimal(150),
        18_000_000,
        27_000_000,
    )
    cursor = await rows.execute("SELECT * FROM gemba_report.machine_shifts('2026-11-01T00:00Z')")
    assert await cursor.fetchall() == []


async def test_the_elements_of_oee_are_those_of_the_product(rows: Connection) -> None:
    told = await one(
        rows,
        "SELECT sum(available_ms) / sum(busy_ms), sum(run_ms) / sum(available_ms),"
        " sum(good) / sum(produced) FROM gemba_report.machine_shifts",
    )
    assert [round(float(each), 6) for each in told] == [
        round(20_000_000 / 27_000_000, 6),
        round(180 * 100_000 / 20_000_000, 6),
        round(180 / 185, 6),
    ]
    await rows.execute(
        "INSERT INTO report_time_policies (site_id, micro_stop_ms, micro_stops, recorded_by)"
        " SELECT id, 300000, 'performance', 'test' FROM sites"
    )
    assert await one(rows, "SELECT available_ms FROM gemba_report.machine_shifts") == (20_600_000,)


async def test_losses_have_their_reason_in_words(rows: Connection) -> None:
    assert await one(
        rows, "SELECT time_class, reason, reason_en, reason_zh, lost_ms FROM gemba_report.losses"
    ) == ("delay", "jam", "Jam", "卡料", 3_600_000)
    cursor = await rows.execute("SELECT count(*) FROM gemba_report.losses('2026-11-02T15:00:00Z')")
    assert await cursor.fetchone() == (1,)


async def test_an_order_line_with_its_shares_and_stages(rows: Connection) -> None:
    assert await one(
        rows,
        "SELECT order_number, on_time_in_full, first_on_time_in_full, lead_ms, delay_ms,"
        " due_day::text FROM gemba_report.order_lines",
    ) == ("SO-1", True, False, 11_000_000, 7_000_000, "1970-01-01")
    cursor = await rows.execute(
        "SELECT cause, share_ms FROM gemba_report.delay_shares ORDER BY share_ms DESC"
    )
    assert await cursor.fetchall() == [("stop", 4_000_000), ("unexplained", 3_000_000)]
    cursor = await rows.execute(
        "SELECT stage, stage_ms FROM gemba_report.lead_times ORDER BY position"
    )
    stages = await cursor.fetchall()
    # It was begun before it was confirmed on paper: that takes no time, and all adds up.
    assert stages == [
        ("confirmation", 1_000_000),
        ("start", 0),
        ("production", 7_000_000),
        ("shipping", 3_000_000),
    ]
    assert sum(ms for _, ms in stages) == 11_000_000
    cursor = await rows.execute("SELECT * FROM gemba_report.order_lines('2026-11-04T00:00:00Z')")
    assert await cursor.fetchall() == []


async def _move(
    rows: Connection, at: str, quantity: int, way: tuple[str, str], *, recorded: str
) -> None:
    await rows.execute(
        """
        WITH lot AS (
            INSERT INTO stock_lots (item_id, site_id, location_id, lot, status, quantity)
            SELECT i.id, s.id, p.id, %(lot)s, 'available', 0
            FROM items i, sites s, locations p LIMIT 1 RETURNING id
        ), posting AS (
            INSERT INTO stock_postings (site_id, kind, actor, origin, occurred_at, recorded_at)
            SELECT id, 'receipt', 'test', 'test', %(at)s, %(recorded)s FROM sites RETURNING id
        )
        INSERT INTO stock_ledger (posting_id, item_id, site_id, quantity, from_account, from_lot_id,
            to_account, to_lot_id, head_version, recorded_at)
        SELECT posting.id, i.id, s.id, %(quantity)s, %(source)s,
               CASE WHEN %(source)s = 'stock' THEN lot.id END, %(target)s,
               CASE WHEN %(target)s = 'stock' THEN lot.id END, 1, %(recorded)s
        FROM posting, lot, items i, sites s
        """,
        {
            "lot": f"{at} {quantity}",
            "at": at,
            "quantity": quantity,
            "source": way[0],
            "target": way[1],
            "recorded": recorded,
        },
    )


async def test_stock_days_are_levels_over_time_on_the_plant_s_days(rows: Connection) -> None:
    await rows.execute("INSERT INTO locations (site_id, code) SELECT id, 'A' FROM sites")
    # Clocks go back on 25 October 2026 in Berlin: that day has 25 hours.
    await _move(
        rows, "2026-10-24T10:00:00Z", 10, ("supplier", "stock"), recorded="2026-10-24T10:00:00Z"
    )
    await _move(
        rows, "2026-10-25T11:00:00Z", 4, ("stock", "customer"), recorded="2026-10-26T09:00:00Z"
    )
    query = (
        "SELECT day::text, quantity::int, (quantity_ms / 3600000)::int, (day_ms / 3600000)::int,"
        " used::int FROM gemba_report.stock_days('2026-10-24', '2026-10-26', %s) ORDER BY day"
    )
    now = datetime(2026, 11, 1, tzinfo=UTC)
    told = await (await rows.execute(query.encode(), (now,))).fetchall()
    assert told == [
        ("2026-10-24", 10, 120, 24, 0),
        ("2026-10-25", 6, 13 * 10 + 12 * 6, 25, 4),
        ("2026-10-26", 6, 144, 24, 0),
    ]
    # Before the issue was booked nobody knew of it; and the day was not over.
    then = datetime(2026, 10, 25, 23, tzinfo=UTC)
    told = await (await rows.execute(query.encode(), (then,))).fetchall()
    assert told[1] == ("2026-10-25", 10, 250, 25, 0)
    assert len(told) == 2
    later = query.replace("'2026-10-24', '2026-10-26'", "'2026-10-26', '2026-10-26'")
    told = await (await rows.execute(later.encode(), (now,))).fetchall()
    assert told == [("2026-10-26", 6, 144, 24, 0)]
    nothing = await (
        await rows.execute(later.encode(), (datetime(2026, 10, 25, tzinfo=UTC),))
    ).fetchall()
    assert nothing == []


class TestReader:
    """The role `gemba_reader` may read the views and nothing else."""

    @pytest.fixture(autouse=True)
    def facts(self, rows: Connection) -> None:
        """There is something to be read, and to be kept from the reader."""

    async def test_it_reads_every_view_and_function(self, reader: Connection) -> None:
        for name in VIEWS:
            await reader.execute(
                sql.SQL("SELECT * FROM {} LIMIT 1").format(sql.Identifier(SCHEMA, name))
            )
        for name in AS_FUNCTION:
            await reader.execute(
                sql.SQL("SELECT * FROM {}(now())").format(sql.Identifier(SCHEMA, name))
            )
        cursor = await reader.execute("SELECT good FROM gemba_report.machine_shifts")
        assert await cursor.fetchall() == [(Decimal(180),)]

    async def test_it_reads_no_table(self, reader: Connection) -> None:
        cursor = await reader.execute(
            "SELECT c.oid::regclass::text FROM pg_class c"
            " WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f')"
            " AND c.relnamespace NOT IN ('pg_catalog'::regnamespace,"
            " 'information_schema'::regnamespace) AND c.relnamespace <> %s::regnamespace"
            " AND c.relnamespace::regnamespace::text NOT LIKE 'pg_toast%%'"
            " AND c.relnamespace::regnamespace::text NOT LIKE '%%timescaledb%%'"
            " AND has_any_column_privilege(c.oid, 'SELECT')",
            (SCHEMA,),
        )
        assert await cursor.fetchall() == []
        for table in ("orders", "users", "audit_log", "report_machine_shifts", "customers"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await reader.execute(sql.SQL("SELECT 1 FROM {}").format(sql.Identifier(table)))

    async def test_it_writes_nothing(self, reader: Connection) -> None:
        for statement in (
            "DELETE FROM gemba_report.definitions",
            "UPDATE gemba_report.machine_shifts_revisions SET good = 0",
            "CREATE TABLE gemba_report.mine (a int)",
            "CREATE TABLE public.mine (a int)",
        ):
            with pytest.raises(
                (
                    psycopg.errors.InsufficientPrivilege,
                    psycopg.errors.ObjectNotInPrerequisiteState,
                )
            ):
                await reader.execute(statement.encode())

    async def test_no_function_lends_it_somebody_else_s_rights(self, reader: Connection) -> None:
        cursor = await reader.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p"
            " WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace"
            " AND has_function_privilege(p.oid, 'EXECUTE') AND p.prorettype <> 'trigger'::regtype"
        )
        assert await cursor.fetchall() == []

    async def test_customers_requests_read_no_view(self, superuser: Connection) -> None:
        await superuser.execute("SET ROLE gemba_customer")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await superuser.execute("SELECT 1 FROM gemba_report.order_lines")

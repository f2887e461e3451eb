"""Revisions of machines' shifts, from objects that a real telemetry agent took in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import psycopg
import pytest
from machine_floor import MACHINE, Floor, at, keep, opened, sent, shift
from psycopg import errors
from report_cases import DAY, HOUR, MINUTE

from store.reports.keeping import keep_all
from store.reports.machine_shifts import keep_machine_shifts


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Floor]:
    floor = await opened(database_url)
    yield floor
    await floor.close()


async def rows(
    floor: Floor, as_of: datetime | None = None, first_ms: int = at(0)
) -> dict[tuple[str, str | None], dict[str, Any]]:
    """What is known of the first day, by shift and work order."""
    found = await _rows(floor, as_of, first_ms)
    return {(shift_name, order): row for shift_name, order, row in found}


async def _rows(floor: Floor, as_of: datetime | None, first_ms: int) -> list[tuple[Any, ...]]:
    return await floor.query(
        """
        SELECT s.shift, w.number, to_jsonb(s) FROM report_machine_shifts s
        LEFT JOIN operations o ON o.id = s.operation_id
        LEFT JOIN work_orders w ON w.id = o.work_order_id
        WHERE (%s::timestamptz IS NULL OR recorded_at <= %s)
          AND (superseded_at IS NULL OR superseded_at > %s) AND from_ms >= %s AND from_ms < %s
        """,
        as_of, as_of, as_of, first_ms, first_ms + DAY,
    )  # fmt: skip


async def test_a_shift_by_operation(floor: Floor) -> None:
    await floor.send(shift())
    await keep(floor)
    found = await rows(floor)
    day = {order: row for (name, order), row in found.items() if name == "day"}
    assert {order: row["operation_ms"] for order, row in day.items()} == {
        None: 3 * HOUR // 2,
        "W1": 2 * HOUR,
        "W2": 9 * HOUR // 2,
    }
    assert (day["W1"]["delay_ms"], day["W1"]["production_ms"]) == (HOUR // 2, 3 * HOUR // 2)
    assert (day["W2"]["delay_ms"], day["W2"]["micro_stop_ms"], day["W2"]["micro_stops"]) == (
        HOUR,
        3 * MINUTE,
        1,
    )
    assert (day["W1"]["good"], day["W1"]["scrap"], day["W1"]["run_ms"]) == (50, 5, 55 * MINUTE)
    assert (day["W2"]["good"], day["W2"]["run_ms"]) == (40, 80 * MINUTE)
    assert day[None]["idle_ms"] == 3 * HOUR // 2
    assert {row["day"] for row in day.values()} == {"2026-01-05"}
    losses = await floor.query(
        """
        SELECT time_class, reason, sum(lost_ms)::bigint, sum(count)::int
        FROM report_machine_losses l JOIN report_machine_shifts s ON s.id = l.shift_id
        WHERE s.shift = 'day' AND s.from_ms = %s GROUP BY 1, 2 ORDER BY 1, 2
        """,
        at(8),
    )
    assert losses == [
        ("delay", "tool", HOUR, 1),
        ("delay", None, HOUR // 2, 0),
        ("idle", None, 3 * HOUR // 2, 0),
        ("micro_stop", None, 3 * MINUTE, 1),
    ]


async def test_nothing_new_writes_nothing(floor: Floor) -> None:
    await floor.send(shift())
    await keep(floor)
    (before,) = await floor.query("SELECT count(*), max(id) FROM report_machine_shifts")
    await floor.query(
        "INSERT INTO report_machine_notes (machine_id, since_ms) SELECT id, 0 FROM machines"
        " RETURNING id"
    )
    await keep(floor)
    assert await floor.query("SELECT count(*), max(id) FROM report_machine_shifts") == [before]
    assert await floor.query("SELECT count(*) FROM report_machine_notes") == [(0,)]


async def test_late_data_change_the_newest_and_not_what_was_known(floor: Floor) -> None:
    late = shift()
    missing = [late.pop(10), late.pop(7), late.pop(6)]
    await floor.send(late)
    first = await keep(floor)
    known = await rows(floor, first)
    assert known["day", "W2"]["delay_ms"] == 0
    for message in missing:
        await floor.send([message])
    assert await rows(floor, first) == known
    second = await keep(floor)
    now = await rows(floor)
    assert now["day", "W2"]["delay_ms"] == HOUR
    assert now["day", "W2"]["good"] == 40
    assert await _without_end(rows(floor, second)) == await _without_end(rows(floor))
    assert await _without_end(rows(floor, first)) == {
        key: row | {"superseded_at": None} for key, row in known.items()
    }


async def _without_end(found: Any) -> dict[Any, dict[str, Any]]:
    return {key: row | {"superseded_at": None} for key, row in (await found).items()}


async def test_an_operation_that_made_nothing_after_all_is_closed(floor: Floor) -> None:
    await floor.send(shift())
    first = await keep(floor)
    # The machine says late that it was W2 from the beginning.
    await floor.send([sent("job", 0, 9, event="started", work_order="W2", operation=10, boot="a")])
    await floor.send(
        [sent("job", 1, 9.6, event="started", work_order="W2", operation=10, boot="a")]
    )
    await keep(floor)
    assert ("day", "W1") in await rows(floor, first)
    now = await rows(floor)
    assert now["day", "W1"]["operation_ms"] == HOUR // 10
    assert sum(row["operation_ms"] for (name, _), row in now.items() if name == "day") == 8 * HOUR


async def test_a_corrected_run_time_a_calendar_and_a_reason_are_reckoned(floor: Floor) -> None:
    await floor.send(shift())
    await keep(floor)
    await floor.query("UPDATE operations SET cycle_ms = 30000 WHERE cycle_ms = 60000 RETURNING id")
    await keep(floor)
    assert (await rows(floor))["day", "W1"]["run_ms"] == 55 * MINUTE / 2
    await floor.query(
        """
        INSERT INTO calendar_exceptions (site_id, starts_at, ends_at, reason)
        SELECT id, to_timestamp(%s), to_timestamp(%s), 'outing' FROM sites RETURNING id
        """,
        at(8) / 1_000,
        at(9) / 1_000,
    )
    await keep(floor)
    found = await rows(floor)
    assert sum(row["operation_ms"] for row in found.values()) == 7 * HOUR
    await floor.query(
        """
        WITH said AS (
            INSERT INTO stop_reasons (machine_id, from_ms, until_ms, reason, recorded_by)
            SELECT id, %s, %s, 'lunch', 'ann' FROM machines RETURNING machine_id, from_ms
        ), code AS (
            INSERT INTO stop_reason_codes (code, name_en, name_zh, counts_as, changed_by)
            VALUES ('lunch', 'Lunch', '午休', 'planned', 'ann')
        )
        INSERT INTO report_machine_notes (machine_id, since_ms)
        SELECT machine_id, from_ms FROM said RETURNING id
        """,
        at(12),
        at(12.5),
    )
    await keep(floor)
    row = (await rows(floor))["day", "W2"]
    assert (row["planned_stop_ms"], row["delay_ms"]) == (HOUR // 2, HOUR // 2)


async def test_what_was_known_cannot_be_rewritten(floor: Floor) -> None:
    await floor.send(shift())
    await keep(floor)
    for statement in (
        "UPDATE report_machine_shifts SET good = 1 RETURNING id",
        "DELETE FROM report_machine_shifts RETURNING id",
        "UPDATE report_machine_losses SET count = 9 RETURNING shift_id",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            await floor.query(statement)


async def test_days_of_changed_clocks_and_of_another_zone(floor: Floor) -> None:
    """Days of a machine that runs always: 23 hours in March, and they begin earlier in China."""
    async with floor.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO sites (code, name, time_zone) VALUES ('china', 'C', 'Asia/Shanghai')"
        )
        await connection.execute("DELETE FROM working_times")
    march = 1_774_738_800_000  # 2026-03-29 00:00 in Berlin, where clocks change at 2
    for path in (MACHINE, "china/a/l/m"):
        body = {"t": march - DAY, "boot": "b", "seq": 0, "state": "running"}
        await floor.send([(f"gemba/v1/{path}/state", json.dumps(body).encode())])
    await keep(floor)
    found = await floor.query(
        """
        SELECT m.path, s.day::text, s.until_ms - s.from_ms, s.from_ms
        FROM report_machine_shifts s JOIN machines m ON m.id = s.machine_id
        WHERE s.day BETWEEN '2026-03-28' AND '2026-03-30' AND superseded_at IS NULL
        ORDER BY 1, 2
        """
    )
    assert [(path, day, length // HOUR) for path, day, length, _ in found] == [
        ("china/a/l/m", "2026-03-28", 24),
        ("china/a/l/m", "2026-03-29", 24),
        ("china/a/l/m", "2026-03-30", 24),
        (MACHINE, "2026-03-28", 24),
        (MACHINE, "2026-03-29", 23),
        (MACHINE, "2026-03-30", 24),
    ]
    assert found[4][3] == march
    assert found[1][3] == march - 7 * HOUR


async def test_two_keepers_do_not_write_twice(floor: Floor, database_url: str) -> None:
    await floor.send(shift())
    other = await psycopg.AsyncConnection.connect(database_url)
    async with other, other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock(%s)", (0x67656D62_00000036,))
        await keep_all(floor.pool, [keep_machine_shifts])
        assert await floor.query("SELECT count(*) FROM report_machine_shifts") == [(0,)]
    await keep(floor)
    twice = await floor.query(
        "SELECT machine_id, from_ms, operation_id FROM report_machine_shifts"
        " GROUP BY 1, 2, 3 HAVING count(*) > 1"
    )
    assert twice == []

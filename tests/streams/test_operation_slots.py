"""What the telemetry agent keeps by operation: pieces in slots, and which was on the machine."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from stream_harness import Floor

T0 = 1_772_431_200_000  # 2026-03-02T06:00:00Z
MINUTE = 60_000
MACHINE = "plant/cutting/line1/m1"


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Floor]:
    floor = await Floor.open(database_url)
    yield floor
    await floor.close()


def sent(kind: str, seq: int, minute: float, **more: Any) -> tuple[str, bytes]:
    body = {"t": T0 + int(minute * MINUTE), "boot": "b", "seq": seq} | more
    return f"gemba/v1/{MACHINE}/{kind}", json.dumps(body).encode()


def job(seq: int, minute: float, event: str, work_order: str) -> tuple[str, bytes]:
    return sent("job", seq, minute, event=event, work_order=work_order, operation=10)


def count(seq: int, minute: float, good: int, scrap: int = 0, **more: Any) -> tuple[str, bytes]:
    return sent("count", seq, minute, good=good, scrap=scrap, **more)


def day() -> list[tuple[str, bytes]]:
    return [
        count(0, 0, 1),
        job(1, 1, "started", "A"),
        count(2, 2, 5, 1),
        count(3, 4, 2),
        job(4, 4.5, "started", "B"),
        count(5, 4.8, 7),
        count(6, 6, 1, work_order="A", operation=10),
        job(7, 11, "completed", "B"),
        count(8, 12, 3),
    ]


SLOTS = [
    (0, "A", 7, 1),
    (0, "B", 7, 0),
    (5, "A", 1, 0),
]
ON_IT = [(1.0, "A"), (4.5, "B"), (11.0, None)]


async def slots(floor: Floor) -> list[tuple[Any, ...]]:
    return await floor.query(
        """
        SELECT (s.slot_ms - %s) / 60000, w.number, s.good::int, s.scrap::int
        FROM operation_slots s LEFT JOIN operations o ON o.id = s.operation_id
        LEFT JOIN work_orders w ON w.id = o.work_order_id ORDER BY 1, 2
        """,
        T0,
    )


async def on_it(floor: Floor) -> list[tuple[float, str | None]]:
    rows = await floor.query(
        """
        SELECT (c.e_ms - %s) / 60000.0, w.number FROM operation_changes c
        LEFT JOIN operations o ON o.id = c.operation_id
        LEFT JOIN work_orders w ON w.id = o.work_order_id ORDER BY c.e_ms, c.nth
        """,
        T0,
    )
    return [(float(minute), number) for minute, number in rows]


async def test_pieces_go_to_the_operation_that_made_them(floor: Floor) -> None:
    await floor.send(day())
    assert await slots(floor) == SLOTS
    assert await on_it(floor) == ON_IT
    whole = await floor.query("SELECT sum(good)::int, sum(scrap)::int FROM piece_slots")
    assert whole == [(19, 1)]  # the rest belongs to none


@pytest.mark.parametrize("seed", range(5))
async def test_any_order_and_a_restart_come_to_the_same(floor: Floor, seed: int) -> None:
    messages = day()
    random.Random(seed).shuffle(messages)
    await floor.send(messages[:4])
    await floor.restart()
    for message in messages[4:]:
        await floor.send([message, message])
    assert await slots(floor) == SLOTS
    assert await on_it(floor) == ON_IT


async def test_what_a_late_start_takes_over_is_taken_from_the_other(floor: Floor) -> None:
    await floor.send([message for at, message in enumerate(day()) if at != 4])
    assert await slots(floor) == [(0, "A", 14, 1), (5, "A", 1, 0), (10, "A", 3, 0)]
    assert await on_it(floor) == [(1.0, "A")]
    await floor.send([day()[4]])
    assert await slots(floor) == SLOTS
    assert await on_it(floor) == ON_IT


async def test_an_operation_that_nobody_names_any_more_has_no_rows(floor: Floor) -> None:
    """A start that turns out to be of another order takes its pieces along."""
    await floor.send([job(4, 3, "started", "B"), count(5, 4, 3)])
    await floor.send([job(1, 1, "started", "A")])
    await floor.send([job(4, 3, "started", "B")])
    assert await slots(floor) == [(0, "B", 3, 0)]
    assert await on_it(floor) == [(1.0, "A"), (3.0, "B")]


async def test_what_changes_the_past_is_noted(floor: Floor) -> None:
    await floor.send(day())
    notes = await floor.query(
        "SELECT m.path, min(n.since_ms) FROM report_machine_notes n"
        " JOIN machines m ON m.id = n.machine_id GROUP BY m.path"
    )
    assert notes == [(MACHINE, T0)]
    await floor.query("DELETE FROM report_machine_notes RETURNING id")
    await floor.send([count(9, 3, 1), sent("heartbeat", 10, 13)])
    # Its number comes after what was told at minute 12, and so does its effective time.
    assert await floor.query("SELECT since_ms FROM report_machine_notes") == [(T0 + 10 * MINUTE,)]

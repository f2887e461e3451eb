"""Orders follow the floor: the agent over real rows and the real log."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from live_rows import Factory, Record, Rows

from contracts.ids import EpochMs, SiteCode
from contracts.streams import (
    ORDERS,
    PARTITIONS,
    PROGRESS,
    TOPICS,
    Event,
    OperationProgressed,
    OrderEvent,
    decode_events,
    encode_events,
)
from runtime.clock import SystemClock
from store.database import Pool
from store.log import build_log
from streams.consumption import Fenced
from streams.progress import RollUpAgent


class Stage:
    """An agent with its partition, and what it said."""

    def __init__(self, agent: RollUpAgent, changed: list[tuple[str, int]]) -> None:
        self.agent = agent
        self.changed = changed
        self.offset = -1

    async def take(self, *events: Event, topic: str = PROGRESS) -> None:
        self.offset += 1
        await self.agent.handle([Record(topic, 0, self.offset, encode_events(list(events)))])


@pytest.fixture
async def stage(pool: Pool) -> Stage:
    log = build_log("embedded://", pool)
    await log.create_topics(TOPICS, PARTITIONS)
    changed: list[tuple[str, int]] = []
    agent = RollUpAgent(
        pool=pool,
        log=log,
        clock=SystemClock(),
        on_changed=lambda site, order: changed.append((site, order)),
    )
    await agent.on_assigned(PROGRESS, 0)
    await agent.on_assigned(ORDERS, 0)
    return Stage(agent, changed)


def progressed(factory: Factory) -> OperationProgressed:
    return OperationProgressed(
        site=SiteCode("plant-1"),
        work_order_id=factory.work,
        operation_id=factory.operation,
        version=2,
        good_pieces=0,
        scrap_pieces=0,
        runs=1,
        state="running",
        order_ids=[factory.order],
    )


def order_event(factory: Factory, name: str = "OrderChanged") -> OrderEvent:
    return OrderEvent(
        site=SiteCode("plant-1"),
        name=name,
        order_id=factory.order,
        work_order_ids=[factory.work],
        version=2,
        occurred_ms=EpochMs(0),
    )


async def line(rows: Rows, line_id: int) -> tuple[str, int, int]:
    async with rows._pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT state, good_quantity, scrap_pieces FROM order_lines WHERE id = %s", (line_id,)
        )
        row = await cursor.fetchone()
    assert row is not None
    return row[0], int(row[1]), row[2]


async def events_of(rows: Rows) -> list[Event]:
    async with rows._pool.connection() as connection:
        cursor = await connection.execute(
            'SELECT value FROM log_records WHERE topic = %s ORDER BY partition, "offset"', (ORDERS,)
        )
        return [event for (value,) in await cursor.fetchall() for event in decode_events(value)]


async def test_pieces_reach_the_order_line_and_its_state_follows(
    stage: Stage, rows: Rows, factory: Factory
) -> None:
    await rows.progress(factory.operation, 312, scrap=5)
    await stage.take(progressed(factory))
    assert await line(rows, factory.line) == ("in_production", 312, 5)
    assert stage.changed == [("plant-1", factory.order)]
    ended = datetime(2026, 1, 5, 9, tzinfo=UTC)
    await rows.progress(factory.operation, 480, ended_ms=int(ended.timestamp() * 1000))
    await stage.take(progressed(factory))
    assert (await line(rows, factory.line))[0] == "produced"
    assert await rows.one("SELECT produced_at FROM order_lines") == ended
    states = await rows.one(
        "SELECT array_agg(after->>'state' ORDER BY id) FROM audit_log WHERE action = %s",
        "LineStateChanged",
    )
    assert states == ["in_production", "produced"]
    events = await events_of(rows)
    assert [(event.name, event.order_id) for event in events if isinstance(event, OrderEvent)] == [
        ("LineStateChanged", factory.order)
    ] * 2


async def test_what_did_not_change_is_not_written(
    stage: Stage, rows: Rows, factory: Factory
) -> None:
    await rows.progress(factory.operation, 3)
    await stage.take(progressed(factory))
    before = await rows.one("SELECT xmin::text FROM order_lines")
    await stage.take(progressed(factory), order_event(factory))
    await stage.take(order_event(factory, "LineStateChanged"))
    assert stage.changed == [("plant-1", factory.order)]
    assert await rows.one("SELECT count(*) FROM audit_log") == 1
    assert await rows.one("SELECT xmin::text FROM order_lines") == before


async def test_a_shared_work_order_fills_its_lines_by_due_date_and_takes_nothing_back(
    stage: Stage, rows: Rows, factory: Factory
) -> None:
    other = await rows.order(factory.site, "SO-2")
    urgent = await rows.line(other, 1, 100, due=datetime(2026, 1, 6, tzinfo=UTC))
    await rows.peg(urgent, factory.work, 100)
    await rows.progress(factory.operation, 150)
    await stage.take(progressed(factory))
    assert await line(rows, urgent) == ("produced", 100, 0)
    assert await line(rows, factory.line) == ("in_production", 50, 0)
    await rows.run("UPDATE order_lines SET due_at = '2026-01-05' WHERE id = %s", factory.line)
    await stage.take(order_event(factory))
    assert await line(rows, urgent) == ("produced", 100, 0)
    await rows.progress(factory.operation, 170)
    await stage.take(progressed(factory))
    assert await line(rows, factory.line) == ("in_production", 70, 0)


async def test_a_record_seen_before_is_skipped_and_an_older_worker_is_fenced(
    stage: Stage, rows: Rows, factory: Factory, pool: Pool
) -> None:
    await rows.progress(factory.operation, 3)
    record = Record(PROGRESS, 0, 0, encode_events([progressed(factory)]))
    await stage.agent.handle([record])
    await rows.progress(factory.operation, 4)
    await stage.agent.handle([record])
    assert (await line(rows, factory.line))[1] == 3
    newer = RollUpAgent(
        pool=pool,
        log=build_log("embedded://", pool),
        clock=SystemClock(),
        on_changed=lambda _site, _order: None,
    )
    await newer.on_assigned(PROGRESS, 0)
    with pytest.raises(Fenced):
        await stage.agent.handle([Record(PROGRESS, 0, 1, record.value)])
    assert (await line(rows, factory.line))[1] == 3
    await newer.handle([record, Record(PROGRESS, 0, 1, record.value)])
    assert (await line(rows, factory.line))[1] == 4


async def test_a_record_that_is_no_event_is_set_aside_and_the_rest_goes_on(
    stage: Stage, rows: Rows, factory: Factory
) -> None:
    await rows.progress(factory.operation, 3)
    good = Record(PROGRESS, 0, 1, encode_events([progressed(factory)]))
    await stage.agent.handle([Record(PROGRESS, 0, 0, b"\xff"), good])
    assert (await line(rows, factory.line))[1] == 3
    assert await rows.one("SELECT code FROM dead_letters") == "record"
    assert stage.agent.metrics["records_set_aside"] == 1


async def test_a_line_on_hold_keeps_its_state(stage: Stage, rows: Rows, factory: Factory) -> None:
    await rows.run("UPDATE order_lines SET state = 'on_hold'")
    await rows.progress(factory.operation, 480)
    await stage.take(progressed(factory))
    assert await line(rows, factory.line) == ("on_hold", 480, 0)


async def test_many_orders_are_rolled_up_at_once(
    stage: Stage, rows: Rows, factory: Factory
) -> None:
    works = []
    for number in range(50):
        order = await rows.order(factory.site, f"SO-X{number}")
        order_line = await rows.line(order, 1, 10)
        work = await rows.work_order(factory.site, f"WO-X{number}", 10)
        await rows.peg(order_line, work, 10)
        operation = await rows.operation(work, 10, factory.m1)
        await rows.progress(operation, 5)
        works.append((work, operation, order))
    await stage.take(
        *[
            OperationProgressed(
                SiteCode("plant-1"), work, operation, 2, 5, 0, 1, "running", [order]
            )
            for work, operation, order in works
        ]
    )
    assert len(stage.changed) == 50

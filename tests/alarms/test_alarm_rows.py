"""Alarms as rows: the same state machine in SQL, and one alarm however many raise it."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from plant_facts import LINE, M1, M2, NOW, SECOND, SITE, alarm_rule, down, facts
from psycopg import sql

from domain.alarms.deciding import Raising
from domain.alarms.observing import observe
from domain.alarms.recipients import Address, Channel, Recipient
from domain.alarms.rules import AlarmPriority
from domain.alarms.states import AlarmEvent, AlarmState, Standing, after, state_of
from store.alarms import definitions, reading
from store.alarms.moving import CHANNEL, Move, Moved, assign, move_alarms, raise_alarms
from store.alarms.reading import Wanted
from store.audit import Actor
from store.database import Connection
from store.filters import Page

ACTOR = Actor("test", "test")
ALL = Page(100, 0)


async def raised(
    rows: Connection, *paths: str, by: str | None = None, at_ms: int = NOW
) -> list[Moved]:
    """Raise the alarms of machines that are down."""
    found = observe([alarm_rule()], facts(*(down(path) for path in paths or (M1,))))
    ids = (await definitions.in_force(rows)).rule_ids
    raising = [Raising(each, by) for each in found]
    return await raise_alarms(rows, raising, rule_ids=ids, now_ms=at_ms, actor=ACTOR)


async def happened(rows: Connection, event: AlarmEvent, **fields: object) -> list[Moved]:
    """Let an event happen to the first alarm."""
    move = Move(id=1, event=event, **fields)  # type: ignore[arg-type]  # a Move's own fields
    return await move_alarms(rows, [move], now_ms=NOW, actor=ACTOR)


async def journal(rows: Connection) -> list[tuple[str, str, str]]:
    """Everything that happened, oldest first."""
    entries, _ = await reading.journal(rows, ALL, Wanted())
    return [(each.event, each.before, each.after) for each in reversed(entries)]


async def test_the_database_decides_as_the_domain_does(rows: Connection) -> None:
    cursor = await rows.execute(
        """
        SELECT n, e, l, alarm_after(n::smallint, e, l), alarm_state(n::smallint)
        FROM generate_series(0, 63) AS n, unnest(%s::text[]) AS e, unnest(%s::boolean[]) AS l
        """,
        ([each.value for each in AlarmEvent], [True, False]),
    )
    told = await cursor.fetchall()
    assert len(told) == 64 * len(AlarmEvent) * 2
    for number, event, latching, then, state in told:
        standing = Standing(number)
        assert then == after(standing, AlarmEvent(event), latching=latching), (standing, event)
        assert state == state_of(standing)


class TestRaising:
    async def test_it_is_told_once(self, rows: Connection) -> None:
        [moved] = await raised(rows)
        assert (moved.state, moved.occurrence, moved.site) == (AlarmState.UNACKNOWLEDGED, 1, SITE)
        assert await raised(rows) == []
        [row], total = await reading.alarms(rows, ALL, Wanted())
        assert total == 1
        assert (row.cause, row.rule, row.response) == (moved.cause, "machine-down", "Go and look.")
        assert row.detail == {"state": "down", "reason": None}
        assert row.since == datetime.fromtimestamp((NOW - SECOND) / 1000, UTC)
        assert await journal(rows) == [("raise", "normal", "unacknowledged")]

    async def test_the_next_time_it_is_the_same_alarm(self, rows: Connection) -> None:
        await raised(rows)
        await happened(rows, AlarmEvent.ACKNOWLEDGE)
        [cleared] = await happened(rows, AlarmEvent.CLEAR)
        assert cleared.state is AlarmState.NORMAL
        [again] = await raised(rows)
        assert (again.id, again.occurrence, again.state) == (1, 2, AlarmState.UNACKNOWLEDGED)
        row = await reading.alarm(rows, 1)
        assert row is not None
        assert row.acknowledged_by is None

    async def test_what_another_alarm_explains_is_told_to_nobody(self, rows: Connection) -> None:
        [moved] = await raised(rows, by=f"line_down:line:{LINE}")
        assert moved.state is AlarmState.SUPPRESSED
        entries, _ = await reading.journal(rows, ALL, Wanted())
        assert [each.annunciated for each in entries] == [False]
        [told] = await happened(rows, AlarmEvent.UNSUPPRESS)
        assert told.state is AlarmState.UNACKNOWLEDGED
        entries, _ = await reading.journal(rows, ALL, Wanted())
        assert entries[0].annunciated

    async def test_the_version_of_the_rule_that_raised_it_stays_with_it(
        self, rows: Connection
    ) -> None:
        await raised(rows)
        stricter = alarm_rule(latching=True, priority=AlarmPriority.HIGH)
        assert await definitions.put(rows, stricter, by="mei", reason="safety") == 2
        row = await reading.alarm(rows, 1)
        assert row is not None
        assert (row.name, row.priority, row.rule_version) == ("machine-down", "low", 1)

    async def test_whoever_listens_hears_of_it(self, rows: Connection, database_url: str) -> None:
        listener = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
        async with listener:
            await listener.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
            await raised(rows)
            heard = [note.payload async for note in listener.notifies(timeout=10, stop_after=1)]
        assert heard == [SITE]


class TestPeople:
    async def test_an_acknowledgement_is_of_the_occurrence_that_was_seen(
        self, rows: Connection
    ) -> None:
        await raised(rows)
        await happened(rows, AlarmEvent.CLEAR)
        await raised(rows)
        assert await happened(rows, AlarmEvent.ACKNOWLEDGE, occurrence=1) == []
        [moved] = await happened(rows, AlarmEvent.ACKNOWLEDGE, occurrence=2)
        assert moved.state is AlarmState.ACKNOWLEDGED

    async def test_shelved_until_its_time_is_over(self, rows: Connection) -> None:
        until = datetime.fromtimestamp(NOW / 1000, UTC) + timedelta(minutes=5)
        await raised(rows)
        [moved] = await happened(rows, AlarmEvent.SHELVE, until=until)
        assert moved.state is AlarmState.SHELVED
        assert await reading.shelves_over(rows, now_ms=NOW + 299_999) == []
        assert await reading.shelves_over(rows, now_ms=NOW + 300_000) == [1]
        [moved] = await happened(rows, AlarmEvent.UNSHELVE)
        assert moved.state is AlarmState.UNACKNOWLEDGED
        row = await reading.alarm(rows, 1)
        assert row is not None
        assert (row.shelved_until, row.shelved_by) == (None, None)

    async def test_assigned_to_somebody_once(self, rows: Connection) -> None:
        await raised(rows)
        assert await assign(rows, 1, "mei", now_ms=NOW, actor=ACTOR)
        assert not await assign(rows, 1, "mei", now_ms=NOW, actor=ACTOR)
        assert not await assign(rows, 9, "mei", now_ms=NOW, actor=ACTOR)
        mine, _ = await reading.alarms(rows, ALL, Wanted(assigned_to="mei"))
        assert [row.id for row in mine] == [1]

    async def test_the_most_urgent_stand_first(self, rows: Connection) -> None:
        await definitions.put(
            rows, alarm_rule("m2", where=(M2,), priority=AlarmPriority.CRITICAL), by="test"
        )
        rules = (await definitions.in_force(rows)).rules
        ids = (await definitions.in_force(rows)).rule_ids
        found = observe(rules, facts(down(M1), down(M2)))
        raising = [Raising(each) for each in found]
        await raise_alarms(rows, raising, rule_ids=ids, now_ms=NOW, actor=ACTOR)
        listed, _ = await reading.alarms(rows, ALL, Wanted())
        assert [(row.priority, row.subject) for row in listed] == [("critical", M2), ("low", M1)]
        await move_alarms(
            rows, [Move(id=listed[0].id, event=AlarmEvent.ACKNOWLEDGE)], now_ms=NOW, actor=ACTOR
        )
        listed, _ = await reading.alarms(rows, ALL, Wanted())
        assert [row.subject for row in listed] == [M1, M2]

    async def test_who_is_limited_sees_their_own(self, rows: Connection) -> None:
        await raised(rows)
        for wanted, count in (
            (Wanted(limited_to=[SITE]), 1),
            (Wanted(limited_to=["plant-2"]), 0),
            (Wanted(limited_to=[SITE], lines=[LINE]), 1),
            (Wanted(limited_to=[SITE], lines=[f"{SITE}/cutting/line2"]), 0),
        ):
            assert (await reading.alarms(rows, ALL, wanted))[1] == count
            assert (await reading.journal(rows, ALL, wanted))[1] == count


async def as_customer(rows: Connection, table: str) -> None:
    """Read a table as customers' requests do."""
    async with rows.transaction():
        await rows.execute("SET LOCAL ROLE gemba_customer")
        await rows.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(table)))


class TestBooks:
    @pytest.mark.parametrize("table", ["alarm_journal", "alarm_definition_versions"])
    async def test_nobody_rewrites_them(self, rows: Connection, table: str) -> None:
        await raised(rows)
        for statement in (
            sql.SQL("UPDATE {} SET reason = 'x'"),
            sql.SQL("DELETE FROM {}"),
            sql.SQL("TRUNCATE {} CASCADE"),
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await rows.execute(statement.format(sql.Identifier(table)))

    async def test_what_is_old_may_go(self, rows: Connection) -> None:
        await raised(rows, at_ms=1_700_000_000_000)
        await rows.execute("DELETE FROM alarm_journal")
        assert await journal(rows) == []

    async def test_customers_see_none_of_it(self, rows: Connection) -> None:
        await raised(rows)
        cursor = await rows.execute(
            "SELECT relname FROM pg_class WHERE relname LIKE 'alarm%' AND relkind = 'r'"
        )
        tables = [row[0] for row in await cursor.fetchall()]
        assert len(tables) == 8
        for table in tables:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await as_customer(rows, table)

    async def test_addresses_are_kept_in_the_newest_version_only(self, rows: Connection) -> None:
        mei = Recipient(
            code="mei", name="Mei", addresses=(Address(channel=Channel.EMAIL, to="a@b.example"),)
        )
        assert await definitions.put(rows, mei, by="test") == 1
        assert await definitions.put(rows, mei, by="test") is None
        assert (await definitions.in_force(rows)).recipients == {"mei": mei}
        stored = await definitions.find(rows, "recipients", "mei")
        assert stored is not None
        [version] = await definitions.versions(rows, stored.id)
        assert version.body is None
        assert await definitions.retire(rows, "recipients", "mei", by="test")
        assert not await definitions.retire(rows, "recipients", "mei", by="test")
        gone = await definitions.find(rows, "recipients", "mei")
        assert gone is not None
        assert gone.body == {}


# Several processes -------------------------------------------------------------------------------

PROCESSES = 8
ROUNDS = 5


@asynccontextmanager
async def processes(url: str) -> AsyncIterator[Sequence[Process]]:
    """Processes that wait to be told what to do."""
    script = Path(__file__).with_name("alarm_raiser.py")
    root = script.parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(root), str(script.parent)))}
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, str(script), url, f"p{number}", stdin=PIPE, stdout=PIPE, env=environment
        )
        for number in range(PROCESSES)
    ]
    try:
        for each in started:
            assert each.stdout is not None
            assert await each.stdout.readline() == b"ready\n"
        yield started
    finally:
        for each in started:
            assert each.stdin is not None
            each.stdin.close()
        await asyncio.gather(*(each.wait() for each in started))


async def at_once(started: Sequence[Process], events: Sequence[AlarmEvent]) -> list[int]:
    """Tell each of them its event; how many alarms each of them moved."""
    for each, event in zip(started, events, strict=True):
        assert each.stdin is not None
        each.stdin.write(f"{event}\n".encode())
    answers = []
    for each in started:
        assert each.stdout is not None
        answers.append(int(await each.stdout.readline()))
    return answers


async def test_eight_processes_raise_one_alarm(rows: Connection, database_url: str) -> None:
    async with processes(database_url) as started:
        for number in range(1, ROUNDS + 1):
            for event in (AlarmEvent.RAISE, AlarmEvent.ACKNOWLEDGE, AlarmEvent.CLEAR):
                moved = await at_once(started, [event] * PROCESSES)
                assert sorted(moved) == [0] * (PROCESSES - 1) + [1], (event, moved)
            [row], _ = await reading.alarms(rows, ALL, Wanted())
            assert (row.occurrence, row.state) == (number, AlarmState.NORMAL)
        assert await journal(rows) == ROUNDS * [
            ("raise", "normal", "unacknowledged"),
            ("acknowledge", "unacknowledged", "acknowledged"),
            ("clear", "acknowledged", "normal"),
        ]


async def test_what_happens_at_once_all_happens(rows: Connection, database_url: str) -> None:
    """Acknowledged while it clears and is shelved: each has its effect, in some order."""
    async with processes(database_url) as started:
        events = list(
            itertools.islice(itertools.cycle((AlarmEvent.ACKNOWLEDGE, AlarmEvent.CLEAR)), PROCESSES)
        )
        for _ in range(ROUNDS):
            await raised(rows)
            moved = await at_once(started, events)
            assert sum(moved) == 2
            [row], _ = await reading.alarms(rows, ALL, Wanted())
            assert row.state == AlarmState.NORMAL
        entries = await journal(rows)
    for earlier, later in itertools.pairwise(entries):
        assert earlier[2] == later[1]

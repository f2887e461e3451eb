"""Alarms as they are told live: by the stream's events, to who may see them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from live_rows import Rows
from live_stack import Client, Server

from contracts.streams import ALARMS, PARTITIONS, TOPICS, AlarmMoved, decode_events
from domain.alarms.conditions import GatewayOffline, MachineDown, OrderLate
from domain.alarms.deciding import Raising
from domain.alarms.facts import Facts, GatewayFacts, MachineFacts, OrderFacts
from domain.alarms.observing import observe
from domain.alarms.rules import AlarmPriority, Rule
from domain.alarms.states import AlarmEvent
from store import live_alarms
from store.alarms import definitions
from store.alarms.events import records_of
from store.alarms.moving import Move, Moved, assign, move_alarms, raise_alarms
from store.audit import Actor
from store.database import Pool
from store.log import Record
from store.log.embedded import EmbeddedLog, TopicPartition
from store.log.outbox import AnyHeaders
from streams.consumption import Message
from streams.live import LiveProjector

ACTOR = Actor("test", "test")
NOW = 1_800_000_000_000
MINUTE = 60_000
SITE, OTHER_SITE = "plant-1", "plant-2"
M1, M2 = (f"{SITE}/cutting/line{number}/m0{number}" for number in (1, 2))
M3 = f"{OTHER_SITE}/cutting/line1/m03"
HERE, EVERYWHERE = f"alarms:{SITE}", "alarms:#"
RULES = (
    Rule(
        code="machine-down",
        name="Machine down",
        condition=MachineDown(),
        response="Go and look.",
        priority=AlarmPriority.HIGH,
    ),
    Rule(code="late", name="Order late", condition=OrderLate(), response="Tell the customer."),
    Rule(
        code="gateway",
        name="Gateway offline",
        condition=GatewayOffline(),
        response="Look at its cable.",
    ),
)


class AlarmsOfTest:
    """Moves alarms as `gemba run notify` does, and tells the projector what the stream says."""

    def __init__(self, pool: Pool, projector: LiveProjector) -> None:
        self._pool = pool
        self._projector = projector
        self._log = EmbeddedLog(pool)
        self._read: dict[int, int] = {}

    async def begin(self) -> None:
        await self._log.create_topics(TOPICS, PARTITIONS)
        async with self._pool.connection() as connection:
            for rule in RULES:
                await definitions.put(connection, rule, by="test")

    async def raised(self, facts: Facts) -> list[Moved]:
        """Raise what rules find, all in one transaction with its events."""
        async with self._pool.connection() as connection, connection.transaction():
            ids = (await definitions.in_force(connection)).rule_ids
            raising = [Raising(each, None) for each in observe(RULES, facts)]
            moved = await raise_alarms(
                connection, raising, rule_ids=ids, now_ms=facts.now_ms, actor=ACTOR
            )
            await self._log.append_in(connection, records_of(moved, now_ms=facts.now_ms))
        await self.tell()
        return moved

    async def down(self, *paths: str) -> list[Moved]:
        return await self.raised(Facts(now_ms=NOW, machines=[machine(path) for path in paths]))

    async def happened(self, *ids: int, event: AlarmEvent) -> list[Moved]:
        async with self._pool.connection() as connection, connection.transaction():
            moves = [Move(id=each, event=event) for each in ids]
            moved = await move_alarms(connection, moves, now_ms=NOW, actor=ACTOR)
            await self._log.append_in(connection, records_of(moved, now_ms=NOW))
        await self.tell()
        return moved

    async def assigned(self, alarm_id: int, to: str | None) -> list[Moved]:
        async with self._pool.connection() as connection, connection.transaction():
            moved = await assign(connection, alarm_id, to, now_ms=NOW, actor=ACTOR)
            await self._log.append_in(connection, records_of(moved, now_ms=NOW))
        await self.tell()
        return moved

    async def records(self) -> list[Record]:
        """What the stream says that was not read yet."""
        at = {
            TopicPartition(ALARMS, number): self._read.get(number, 0)
            for number in range(PARTITIONS)
        }
        found = await self._log.read_many(at, limit_records=1_000, limit_bytes=1_000_000)
        for record in found:
            self._read[record.partition] = record.offset + 1
        return found

    async def tell(self) -> None:
        await self._projector.handle([message(record) for record in await self.records()])


class Told(msgspec.Struct, kw_only=True):
    """A record as the stream's engine hands it over."""

    topic: str
    partition: int
    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: AnyHeaders


def message(record: Record) -> Message:
    return Told(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp_ms / 1_000,
        key=record.key,
        value=record.value,
        headers=record.headers,
    )


def machine(path: str) -> MachineFacts:
    return MachineFacts(
        id=int(path[-2:]),
        path=path,
        name=path[-3:],
        configured=True,
        state="down",
        reason="jam",
        since_ms=NOW - MINUTE,
        last_seen_ms=NOW,
    )


def late(number: str) -> OrderFacts:
    return OrderFacts(
        id=1,
        number=number,
        site=SITE,
        customer="Acme",
        priority=0,
        due_ms=NOW - 10 * MINUTE,
        late_minutes=10,
    )


def named(client: Client, channel: str) -> dict[str, str]:
    """The alarms a client knows of: their state by cause."""
    told = client.state.get(channel, {})
    return {each["cause"]: each["state"] for key, each in told.items() if key != "summary"}


@pytest.fixture
async def alarms(pool: Pool, rows: Rows, projector: LiveProjector) -> AlarmsOfTest:
    for code in (SITE, OTHER_SITE):
        await rows.site(code)
    found = AlarmsOfTest(pool, projector)
    await found.begin()
    return found


async def first(client: Client, channel: str, since: dict[str, Any] | None = None) -> str:
    await client.subscribe(channel, since)
    return str((await client.receive())["op"])


async def test_an_alarm_is_told_as_it_moves(server: Server, alarms: AlarmsOfTest) -> None:
    async with server.client(sites=[SITE]) as client:
        assert await first(client, HERE) == "snapshot"
        assert client.state[HERE]["summary"] == {
            "site": SITE,
            "alarms": 0,
            "listed": 0,
            "unacknowledged": {},
        }
        (raised,) = await alarms.down(M1)
        key = f"alarm/{raised.id}"
        state = await client.until(lambda state: key in state[HERE])
        view = state[HERE][key]
        assert (view["cause"], view["state"], view["active"]) == (
            f"machine_down:machine:{M1}",
            "unacknowledged",
            True,
        )
        assert (view["name"], view["response"], view["priority"], view["kind"]) == (
            "Machine down",
            "Go and look.",
            "high",
            "machine_down",
        )
        assert (view["raised_at"], view["since"]) == (
            "2027-01-15T08:00:00Z",
            "2027-01-15T07:59:00Z",
        )
        assert view["detail"]["reason"] == "jam"
        assert state[HERE]["summary"]["unacknowledged"] == {"high": 1}

        await alarms.assigned(raised.id, "mei")
        await client.until(lambda state: state[HERE][key]["assigned_to"] == "mei")
        await alarms.happened(raised.id, event=AlarmEvent.ACKNOWLEDGE)
        await client.until(lambda state: state[HERE][key]["state"] == "acknowledged")
        assert client.state[HERE]["summary"]["unacknowledged"] == {}
        await alarms.happened(raised.id, event=AlarmEvent.CLEAR)
        await client.until(lambda state: key not in state[HERE])
        assert client.state[HERE]["summary"]["alarms"] == 0
        assert {each["op"] for each in client.messages[1:]} == {"delta"}


async def test_what_is_put_aside_is_still_told(server: Server, alarms: AlarmsOfTest) -> None:
    (raised,) = await alarms.down(M1)
    await alarms.happened(raised.id, event=AlarmEvent.SHELVE)
    async with server.client() as client:
        assert await first(client, HERE) == "snapshot"
        assert list(named(client, HERE).values()) == ["shelved"]
        await alarms.happened(raised.id, event=AlarmEvent.REMOVE)
        await client.until(
            lambda state: state[HERE][f"alarm/{raised.id}"]["state"] == "out_of_service"
        )


async def test_each_event_is_one_record_of_its_partition(alarms: AlarmsOfTest, pool: Pool) -> None:
    (raised,) = await alarms.down(M1)
    assert await alarms.down(M1) == []
    await alarms.happened(raised.id, event=AlarmEvent.ACKNOWLEDGE)
    (assigned,) = await alarms.assigned(raised.id, "li")
    assert (assigned.event, assigned.before, assigned.after) == ("assign", 1, 1)
    again = AlarmsOfTest(pool, alarms._projector)
    records = await again.records()
    assert len({record.partition for record in records}) == 1
    assert {record.key for record in records} == {raised.cause.encode()}
    events = [event for record in records for event in decode_events(record.value or b"")]
    assert [
        (each.event, each.state, each.version) for each in events if isinstance(each, AlarmMoved)
    ] == [
        ("raise", "unacknowledged", 1),
        ("acknowledge", "acknowledged", 2),
        ("assign", "acknowledged", 3),
    ]
    assert all(isinstance(each, AlarmMoved) and each.site == SITE for each in events)


async def test_LIVE_04_who_was_away_is_told_what_was_missed(  # noqa: N802
    server: Server, alarms: AlarmsOfTest
) -> None:
    async with server.client() as watching, server.client() as client:
        assert await first(watching, HERE) == "snapshot"
        assert await first(client, HERE) == "snapshot"
        await client.send(op="unsubscribe", channel=HERE)
        await alarms.down(M1, M2)
        await watching.until(lambda _: len(named(watching, HERE)) == 2)
        assert await first(client, HERE, client.positions[HERE]) == "subscribed"
        await client.until(lambda _: len(named(client, HERE)) == 2)
        assert client.state[HERE] == watching.state[HERE]


async def test_LIVE_21_who_may_see_what(server: Server, alarms: AlarmsOfTest) -> None:  # noqa: N802
    gateway = [GatewayFacts(name="g-1", last_heard_ms=NOW - 60 * MINUTE)]
    facts = Facts(
        now_ms=NOW,
        machines=[machine(path) for path in (M1, M2, M3)],
        orders=[late("SO-1")],
        gateways=gateway,
    )
    moved = await alarms.raised(facts)
    causes = {each.cause for each in moved}
    assert len(causes) == 5
    (record,) = records_of([each for each in moved if each.site is None], now_ms=NOW)
    (event,) = decode_events(record.value or b"")
    assert isinstance(event, AlarmMoved)
    assert (event.site, event.event, event.occurred_ms) == ("", "raise", NOW)
    here = {cause for cause in causes if SITE in cause or "SO-1" in cause}
    async with server.client() as client:
        assert await first(client, EVERYWHERE) == "snapshot"
        assert set(named(client, EVERYWHERE)) == causes
        assert client.state[EVERYWHERE]["summary"]["site"] is None
        assert await first(client, HERE) == "snapshot"
        assert set(named(client, HERE)) == here
        assert await first(client, "alarms:nowhere") == "error"
    async with server.client(sites=[SITE]) as client:
        for channel in (EVERYWHERE, f"alarms:{OTHER_SITE}"):
            assert await first(client, channel) == "error"
            assert client.messages[-1]["code"] == "not_found"
    for role in ("customer", "gateway"):
        async with server.client(role=role) as client:
            assert await first(client, HERE) == "error"
            assert client.messages[-1]["code"] == "forbidden"


async def test_LIVE_21_lines(server: Server, alarms: AlarmsOfTest) -> None:  # noqa: N802
    lines = [f"{SITE}/cutting/line1"]
    async with server.client(sites=[SITE], lines=lines) as client:
        assert await first(client, HERE) == "snapshot"
        assert client.state[HERE] == {}
        facts = Facts(now_ms=NOW, machines=[machine(M1), machine(M2)], orders=[late("SO-1")])
        moved = await alarms.raised(facts)
        await client.until(lambda _: len(named(client, HERE)) == 2)
        assert set(named(client, HERE)) == {each.cause for each in moved if M2 not in each.cause}
        await alarms.happened(*(each.id for each in moved), event=AlarmEvent.REMOVE)
        await client.until(lambda _: set(named(client, HERE).values()) == {"out_of_service"})
        assert "summary" not in client.state[HERE]
        assert not any(M2 in str(each) for each in client.messages)


async def test_a_flood_is_cut_to_the_most_urgent(
    server: Server, alarms: AlarmsOfTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_alarms, "ALARMS_LISTED", 3)
    facts = Facts(now_ms=NOW, machines=[machine(M2)], orders=[late(f"SO-{n}") for n in range(5)])
    moved = await alarms.raised(facts)
    assert len(moved) == 6
    async with server.client() as client:
        assert await first(client, HERE) == "snapshot"
        assert f"machine_down:machine:{M2}" in named(client, HERE)
        summary = client.state[HERE]["summary"]
        assert (summary["alarms"], summary["listed"]) == (6, 3)
        assert len(named(client, HERE)) == 3
        urgent = next(each.id for each in moved if M2 in each.cause)
        await alarms.happened(urgent, event=AlarmEvent.CLEAR)
        await alarms.happened(urgent, event=AlarmEvent.ACKNOWLEDGE)
        # What was hidden comes up where something above it goes.
        await client.until(lambda state: state[HERE]["summary"]["alarms"] == 5)
        assert len(named(client, HERE)) == 3

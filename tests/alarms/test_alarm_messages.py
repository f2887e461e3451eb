"""Messages to people as rows: escalation, quiet hours, floods, digests, and none twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from plant_facts import M1, MINUTE, NOW, SITE, alarm_rule
from watched_plant import Plant

from domain.alarms.escalations import Escalation, Step
from domain.alarms.recipients import Address, Channel, Recipient
from domain.alarms.rotas import Hours, Layer, Rota
from domain.alarms.rules import AlarmPriority
from domain.alarms.states import AlarmEvent
from domain.notification.letters import Letter
from notify.alarm_watch import AlarmWatch
from store.alarms import messages as messages_
from store.alarms import telling
from store.notification.sources import ALARMS

LEASE = timedelta(seconds=30)
LADDER = Escalation(
    code="e",
    name="E",
    steps=(
        Step(tell=("on-call:day",)),
        Step(after_minutes=15, tell=("boss", "nobody")),
    ),
)
DAY = Rota(code="day", name="Day", layers=(Layer(members=("mei",), first_day=date(2026, 1, 1)),))


def person(code: str, **fields: Any) -> Recipient:
    """Somebody with a mail address."""
    address = Address(channel=Channel.EMAIL, to=f"{code}@example.com")
    return Recipient(code=code, name=code.title(), **{"addresses": (address,), **fields})


RULE = alarm_rule(priority=AlarmPriority.HIGH, escalation="e")


@pytest.fixture
async def watch(plant: Plant) -> AlarmWatch:
    """A watch over a plant whose breakdowns are told to mei, then to her boss."""
    await plant.define(RULE, LADDER, DAY, person("mei"), person("boss"))
    return plant.watch()


async def messages(plant: Plant) -> list[tuple[str, str, str, str]]:
    """All messages: why, to whom, what became of them and why."""
    return [
        (row[0], row[1], row[2], row[3])
        for row in await plant.rows(
            "SELECT why, recipient, state, because FROM alarm_messages ORDER BY id"
        )
    ]


def moment(at_ms: int) -> datetime:
    """Epoch milliseconds as a time."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


async def take(plant: Plant, total: int = 10) -> list[Letter]:
    """Take on what is due."""
    async with plant.pool.connection() as connection:
        return await ALARMS.take_due(
            connection,
            Channel.EMAIL,
            now=moment(plant.clock.now_ms()),
            lease=LEASE,
            total=total,
        )


async def send_all(plant: Plant) -> list[Letter]:
    """Send what is due, as a provider that takes everything."""
    due = await take(plant)
    async with plant.pool.connection() as connection:
        for each in due:
            await ALARMS.settle_sent(
                connection,
                each,
                way="mail",
                reference="r-1",
                note=None,
                now=moment(plant.clock.now_ms()),
            )
    return due


class TestEscalation:
    async def test_the_first_step_is_told_with_the_alarm(
        self, plant: Plant, watch: AlarmWatch
    ) -> None:
        await plant.becomes(M1, "down", "jam")
        await watch.look()
        [message] = await take(plant)
        assert (message.why, message.recipient, message.address) == (
            "step 0",
            "mei",
            "mei@example.com",
        )
        assert message.body["subject"] == M1
        assert message.body["response"] == "Go and look."
        assert message.body["detail"] == {"state": "down", "reason": "jam"}

    async def test_when_nobody_answers_the_next_one_is_told(
        self, plant: Plant, watch: AlarmWatch
    ) -> None:
        await plant.becomes(M1, "down")
        await watch.look()
        plant.clock.at_ms += 15 * MINUTE - 1
        await watch.look()
        assert len(await messages(plant)) == 1
        plant.clock.at_ms += 1
        for _ in range(2):
            await watch.look()
        assert [each[:2] for each in await messages(plant)] == [
            ("step 0", "mei"),
            ("step 1", "boss"),
        ]
        assert await plant.rows("SELECT step, uncovered FROM alarm_steps ORDER BY step") == [
            (0, []),
            (1, ["nobody"]),
        ]

    async def test_whoever_answers_ends_it(self, plant: Plant, watch: AlarmWatch) -> None:
        await plant.becomes(M1, "down")
        [raised] = await watch.look()
        await plant.do(raised.id, AlarmEvent.ACKNOWLEDGE)
        plant.clock.at_ms += 60 * MINUTE
        await watch.look()
        assert len(await messages(plant)) == 1

    async def test_several_watches_tell_once(self, plant: Plant, watch: AlarmWatch) -> None:
        await plant.becomes(M1, "down")
        await asyncio.gather(*(each.look() for each in (watch, plant.watch(), plant.watch())))
        await plant.watch().look()
        assert len(await messages(plant)) == 1

    async def test_what_comes_back_from_the_shelf_begins_anew(
        self, plant: Plant, watch: AlarmWatch
    ) -> None:
        await plant.becomes(M1, "down")
        [raised] = await watch.look()
        await plant.do(raised.id, AlarmEvent.SHELVE)
        plant.clock.at_ms += MINUTE
        await plant.do(raised.id, AlarmEvent.UNSHELVE)
        await watch.look()
        assert [each[0] for each in await messages(plant)] == ["step 0", "step 0"]


class TestEnd:
    async def test_those_who_were_told_are_told_that_it_is_over(
        self, plant: Plant, watch: AlarmWatch
    ) -> None:
        await plant.becomes(M1, "down")
        await watch.look()
        await send_all(plant)
        plant.clock.at_ms += MINUTE
        await plant.becomes(M1, "running")
        await watch.look()
        assert [each[:3] for each in await messages(plant)] == [
            ("step 0", "mei", "sent"),
            ("cleared", "mei", "waiting"),
        ]

    async def test_what_was_not_sent_yet_is_withdrawn(
        self, plant: Plant, watch: AlarmWatch
    ) -> None:
        await plant.becomes(M1, "down")
        await watch.look()
        await plant.becomes(M1, "running")
        await watch.look()
        assert await messages(plant) == [("step 0", "mei", "withdrawn", "over")]


class TestPeace:
    async def test_by_night_it_waits_for_the_morning(self, plant: Plant, watch: AlarmWatch) -> None:
        await plant.define(person("mei", quiet=(Hours(from_="00:00", until="00:00"),)))
        await plant.becomes(M1, "down")
        await watch.look()
        assert await messages(plant) == [("step 0", "mei", "held", "quiet_hours")]
        assert await take(plant) == []
        plant.clock.at_ms += 24 * 60 * MINUTE
        async with plant.pool.connection() as connection:
            assert await telling.gather(connection, now_ms=plant.clock.now_ms()) == 1
        assert [each.why for each in await take(plant)] == ["step 0"]

    async def test_a_flood_becomes_a_digest(self, plant: Plant) -> None:
        paths = [f"{SITE}/cutting/line1/x{number:02}" for number in range(14)]
        await plant.rows("DELETE FROM machine_states")
        await plant.rows("DELETE FROM machines")
        await plant.rows("DELETE FROM sites")
        await plant.build(*paths)
        await plant.define(RULE, LADDER, DAY, person("mei"), person("boss"))
        watch = plant.watch()
        for path in paths:
            await plant.becomes(path, "down")
        assert len(await watch.look()) == 14
        told = [each[2:] for each in await messages(plant)]
        assert told == 10 * [("waiting", "allowed")] + 4 * [("gathered", "flood")]
        plant.clock.at_ms += 10 * MINUTE
        await watch.look()
        [digest] = [each for each in await take(plant, 100) if each.why == "digest"]
        assert digest.body["count"] == 4
        assert {each["subject"] for each in digest.body["messages"]} == set(paths[10:])
        states = await plant.rows(
            "SELECT state, digest_id = %s FROM alarm_messages WHERE because = 'flood'", digest.id
        )
        assert states == 4 * [("told", True)]

    async def test_who_is_sent_nothing_any_more_is_not_reached(
        self, plant: Plant, watch: AlarmWatch
    ) -> None:
        await plant.rows(
            "INSERT INTO notification_addresses (channel, address, bounces, first_at, last_at,"
            " last_error, suppressed_at) VALUES ('email', 'mei@example.com', 3, now(), now(),"
            " '550 no such user', now()) RETURNING address"
        )
        await plant.becomes(M1, "down")
        await watch.look()
        assert await plant.rows("SELECT uncovered FROM alarm_steps") == [(["mei"],)]
        # The message says by itself why it does not go.
        assert [each[1:3] for each in await messages(plant)] == [("mei", "waiting")]


class TestSending:
    async def test_a_message_is_taken_by_one_and_given_back_in_time(
        self, plant: Plant, watch: AlarmWatch
    ) -> None:
        await plant.becomes(M1, "down")
        await watch.look()
        [first] = await take(plant)
        assert await take(plant) == []
        plant.clock.at_ms += round(LEASE.total_seconds() * 1000)
        [again] = await take(plant)
        assert (again.message_id, again.attempts) == (first.message_id, 2)

    async def test_what_is_not_taken_is_tried_again_and_given_up(
        self, plant: Plant, watch: AlarmWatch
    ) -> None:
        await plant.becomes(M1, "down")
        await watch.look()
        [message] = await take(plant)
        async with plant.pool.connection() as connection:
            assert await ALARMS.settle_unsent(
                connection, message, way="mail", error="451 later", next_at=moment(NOW + MINUTE)
            )
            assert await take(plant) == []
            plant.clock.at_ms = NOW + MINUTE
            [again] = await take(plant)
            # What an attempt has to say that somebody else has overtaken counts no more.
            assert not await ALARMS.settle_unsent(
                connection, message, way="mail", error="too late", next_at=None
            )
            assert await ALARMS.settle_unsent(
                connection, again, way="mail", error="550 no", next_at=None
            )
            [row] = await messages_.of_alarm(connection, 1)
            assert (row.state, row.last_error, row.attempts) == ("given_up", "550 no", 2)

    async def test_every_message_names_its_cause(self, plant: Plant, watch: AlarmWatch) -> None:
        await plant.becomes(M1, "down")
        await watch.look()
        await send_all(plant)
        async with plant.pool.connection() as connection:
            [row] = await messages_.of_alarm(connection, 1)
        assert (row.alarm_id, row.occurrence, row.reference) == (1, 1, "r-1")
        assert row.sent_at == datetime.fromtimestamp(NOW / 1000, UTC)


async def test_what_happened_is_kept_for_so_long(plant: Plant, watch: AlarmWatch) -> None:
    plant.clock.at_ms = 1_700_000_000_000
    await plant.becomes(M1, "down")
    await watch.look()
    await plant.becomes(M1, "running")
    [cleared] = await watch.look()
    await plant.do(cleared.id, AlarmEvent.ACKNOWLEDGE)
    assert await watch.prune() == 0
    plant.clock.at_ms += 401 * 24 * 60 * MINUTE
    await plant.becomes(M1, "down")
    await watch.look()
    assert await watch.prune() == 4  # raised, cleared, acknowledged; a message that was withdrawn
    assert [each[2] for each in await messages(plant)] == ["waiting"]
    assert await plant.rows("SELECT event FROM alarm_journal") == [("raise",)]

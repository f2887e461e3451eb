"""Exactly once across restorations, in a model: a partition, relays that die, zombies, backups."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relay_model import Told

from store.effects import Done
from store.log.divergence import Comparison, of
from store.log.embedded import TopicPartition
from store.log.kafka_told import Told as InKafka
from store.log.timelines import (
    OFFSET_BITS,
    ORIGIN_MS,
    Timelines,
    number_of,
    offset_of,
    timeline_of,
)
from streams.consumption import Message
from streams.repeats import new_records

AT = TopicPartition("t", 0)


@dataclass
class Database:
    """What a backup holds: the outbox, how far it was told, and what was made of records."""

    outbox: list[bytes] = field(default_factory=list)
    tail: int = 0
    noted: int = 0
    begun: list[tuple[int, int]] = field(default_factory=list)
    done: Done = field(default_factory=lambda: Done(-1))
    taken: list[bytes] = field(default_factory=list)

    def copy(self) -> Database:
        return replace(self, outbox=[*self.outbox], begun=[*self.begun], taken=[*self.taken])

    @property
    def timelines(self) -> Timelines:
        return Timelines({AT: [*self.begun]} if self.begun else {})


@dataclass
class Relay:
    """A relay: it reads the database that it knows, which may be of a lost future."""

    database: Database
    position: int

    def sends(self, records: int) -> range:
        return range(self.position, min(self.position + records, len(self.database.outbox)))


class Plant:
    def __init__(self) -> None:
        self.database = Database()
        self.kafka: list[Told] = []
        self.relays: dict[int, Relay] = {}
        self.backups = [self.database.copy()]
        self.by_themselves: list[bytes] = []
        self.restorations = 0
        self._values = count()

    def do(self, action: str, which: int, records: int) -> None:
        match action:
            case "write":
                self.write(records)
            case "gateway":
                self.by_themselves.append(b"gateway %d" % next(self._values))
                self._append(None, self.by_themselves[-1])
            case "consume":
                self.consume(records)
            case "trim":
                self.database.tail = self.database.noted
            case "backup":
                self.backups.append(self.database.copy())
            case "restore":
                self.restore(self.backups[which % len(self.backups)], written=records % 3)
            case _:
                self.relay(which, action, records)

    def write(self, records: int) -> None:
        self.database.outbox += [b"%d" % next(self._values) for _ in range(records)]

    def relay(self, name: int, action: str, records: int) -> None:
        relay = self.relays.setdefault(name, Relay(self.database, self.database.noted))
        sent = relay.sends(records)
        match action:
            case "acknowledged" | "unacknowledged":
                for offset in sent:
                    number = relay.database.timelines.number(AT, offset)
                    self._append(number, relay.database.outbox[offset])
                if action == "acknowledged":
                    relay.position = max(relay.position, sent.stop)
            case "noted":
                relay.database.noted = max(relay.database.noted, relay.position)
            case "dies":
                del self.relays[name]

    def _append(self, number: int | None, value: bytes) -> None:
        self.kafka.append(Told(len(self.kafka), number, value=value))

    def consume(self, records: int) -> None:
        here = self.database
        first = here.done.offset + 1
        batch: list[Message] = [*self.kafka[first : first + records]]
        new, here.done = new_records(batch, here.done)
        current, _ = here.timelines.current(AT)
        assert here.done.relayed < number_of(current, len(here.outbox)), "it would be stopped"
        here.taken += [record.value or b"" for record in new]

    def restore(self, backup: Database, *, written: int) -> None:
        """Go back, write something before anybody notices, and run `gemba restored`."""
        # Once, those who worked on the lost future go on with it. A second time they are ended.
        self.relays = {
            100 + name: relay for name, relay in self.relays.items() if self.restorations == 0
        }
        self.restorations += 1
        self.database = here = backup.copy()
        self.write(written)
        timelines = here.timelines
        compared = Comparison(
            {
                timelines.number(AT, offset): of(None, here.outbox[offset])
                for offset in range(here.tail, len(here.outbox))
            },
            current=timelines.current(AT)[0],
            held_from=max(here.done.relayed + 1, timelines.number(AT, here.noted)),
            head=len(here.outbox),
        )
        for record in self.kafka[here.done.offset + 1 :]:
            told = Told(record.offset, None)
            told.headers = record.headers
            if record.number is not None:
                compared.see(InKafka(AT, record.number, None, record.value))
        timeline = max(self.restorations, timelines.newest + 1)
        here.begun.append((timeline, compared.begins))
        here.noted = min(here.noted, compared.begins)

    def settle(self) -> None:
        """A relay tells the rest, and a worker takes it."""
        self.relays.clear()
        self.relay(0, "acknowledged", len(self.database.outbox))
        self.consume(len(self.kafka))


def check(plant: Plant) -> None:
    plant.settle()
    here = plant.database
    assert len(here.taken) == len(set(here.taken)), "something was taken twice"
    own = set(here.outbox)
    assert [value for value in here.taken if value in own] == here.outbox
    gateways = set(plant.by_themselves)
    assert [value for value in here.taken if value in gateways] == plant.by_themselves


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("write", "gateway", "consume", "consume", "trim", "backup", "restore"),
                *("acknowledged", "acknowledged", "unacknowledged", "noted", "dies"),
            ]
        ),
        st.integers(0, 3) | st.integers(100, 102),
        st.integers(1, 5),
    ),
    max_size=80,
)


@settings(max_examples=1_500, deadline=None, derandomize=True)
@given(steps=STEPS)
def test_every_record_is_taken_once_whatever_was_restored(
    steps: list[tuple[str, int, int]],
) -> None:
    plant = Plant()
    for action, which, records in steps:
        if which >= 100 and which not in plant.relays:
            continue  # a zombie that never was
        plant.do(action, which, records)
    check(plant)


def test_without_a_new_timeline_records_would_be_lost() -> None:
    """The fault that timelines are for; should it pass, the model shows nothing."""
    plant = Plant()
    plant.write(2)
    plant.backups.append(plant.database.copy())
    plant.write(3)
    plant.relay(0, "acknowledged", 5)
    plant.database = plant.backups[1].copy()
    plant.relays.clear()
    plant.write(3)
    plant.settle()
    assert not set(plant.database.outbox) <= set(plant.database.taken)


class TestNumbers:
    def test_a_timeline_is_above_all_before_it(self) -> None:
        number = number_of(3, 17)
        assert (timeline_of(number), offset_of(number)) == (3, 17)
        assert number_of(3, 0) > number_of(2, (1 << OFFSET_BITS) - 1)
        # To the end of both.
        assert number_of((1 << 24) - 1, (1 << OFFSET_BITS) - 1) == (1 << 63) - 1

    def test_the_origin_is_a_new_year(self) -> None:
        assert ORIGIN_MS == 1_767_225_600_000

    @pytest.mark.parametrize(
        ("offset", "number"),
        [(0, 0), (9, 9), (10, number_of(5, 10)), (19, number_of(5, 19)), (20, number_of(8, 20))],
    )
    def test_records_keep_the_timeline_that_they_were_written_in(
        self, offset: int, number: int
    ) -> None:
        timelines = Timelines({AT: [(5, 10), (8, 20)]})
        assert timelines.number(AT, offset) == number
        assert timelines.number(TopicPartition("t", 1), offset) == offset
        assert timelines.current(AT) == (8, 20)
        assert timelines.wrote(AT, number)
        assert not timelines.wrote(AT, number_of(6, offset))


class TestBeforeAnEarlierRestoration:
    """A database from a branch that was given up: Kafka has numbers of a later timeline."""

    def test_what_was_not_told_is_told_above_them(self) -> None:
        plant = Plant()
        plant.write(1)
        early = plant.database.copy()
        plant.write(2)
        late = plant.database.copy()
        plant.restore(early, written=0)
        plant.write(1)
        plant.relay(0, "acknowledged", 5)
        plant.restore(late, written=0)
        assert plant.database.begun == [(2, 1)]
        check(plant)

    def test_what_was_taken_already_is_not_told_anew(self) -> None:
        plant = Plant()
        early = plant.database.copy()
        plant.write(2)
        plant.relay(0, "acknowledged", 2)
        plant.consume(2)
        late = plant.database.copy()
        plant.restore(early, written=0)
        plant.write(2)
        plant.relay(0, "acknowledged", 2)
        plant.restore(late, written=0)
        assert plant.database.begun == [(2, 2)]
        check(plant)

    def test_records_under_numbers_that_were_taken_before_are_told_anew(self) -> None:
        """Services were at work on the restored database before anybody noticed."""
        plant = Plant()
        plant.write(1)
        backup = plant.database.copy()
        plant.write(1)
        plant.relay(0, "acknowledged", 2)
        plant.restore(backup, written=2)
        assert plant.database.begun == [(1, 1)]
        check(plant)

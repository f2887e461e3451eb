"""A batch of records, judged: what arrived for which machine, and what is set aside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from contracts.ids import MachinePath
from contracts.streams import Arrival, Bundle, decode_bundle
from contracts.topics import partition_key, site_of
from domain.floor.machine import Received
from domain.intake import Refusal, Refused, judge
from store.effects import Done
from store.telemetry import writing
from streams.consumption import Message

_SITE_CHARACTERS: Final = 200


class Origin(NamedTuple):
    """Where a message came from, for its dead letter."""

    mqtt_topic: str | None
    offset: int
    received_ms: int
    size: int


@dataclass
class Intake:
    """A batch after judging, before anything is compared with what is stored.

    Attributes:
        done: what of the partition is done when the batch's effects are made.
        proof: see `store.effects.Step`.
    """

    topic: str
    partition: int
    done: Done
    proof: bytes | None = None
    arrived: dict[MachinePath, list[Received]] = field(default_factory=lambda: defaultdict(list))
    letters: list[writing.DeadLetter] = field(default_factory=list)
    totals: dict[str, writing.SiteTotals] = field(
        default_factory=lambda: defaultdict(writing.SiteTotals)
    )
    positions: dict[str, int] = field(default_factory=dict)

    def refuse(self, origin: Origin, code: Refusal, reason: str, payload: bytes) -> None:
        """Set something aside as a dead letter."""
        site = _site(origin.mqtt_topic or "")
        self.letters.append(
            writing.DeadLetter(
                site,
                origin.mqtt_topic,
                self.topic,
                self.partition,
                origin.offset,
                origin.received_ms,
                payload,
                origin.size,
                code.value,
                reason,
            )
        )
        self.count(site, refused=1)

    def refuse_received(self, received: Received, code: Refusal, reason: str) -> None:
        """Set an object aside that had been accepted so far."""
        origin = Origin(received.mqtt_topic, received.offset, received.received_ms, received.size)
        self.refuse(origin, code, reason, received.object.body)

    def count(self, site: str, **columns: int) -> None:
        """Add to a site's totals."""
        before = self.totals[site]
        self.totals[site] = before._replace(
            **{name: getattr(before, name) + more for name, more in columns.items()}
        )

    def take(self, record: Message, stored: Mapping[str, int]) -> None:
        """Judge a record's arrivals.

        Args:
            record: a bundle.
            stored: per gateway the highest arrival that the partition holds; what is not above it
                is a repeat of the bundle, not a new arrival.
        """
        value = record.value or b""
        try:
            bundle = decode_bundle(value)
        except msgspec.DecodeError as error:
            self.refuse_record(record, f"not a bundle: {error}")
            return
        arrivals: dict[str, int] = defaultdict(int)
        for arrival in self._new(bundle, stored):
            topic = bundle.topics[arrival.topic]
            arrivals[_site(topic)] += 1
            self._judge(record, topic, arrival)
        for site, count in arrivals.items():
            self.count(site, arrivals=count)

    def refuse_record(self, record: Message, reason: str) -> None:
        """Set a whole record aside."""
        value = record.value or b""
        origin = Origin(None, record.offset, int(record.timestamp * 1000), len(value))
        self.refuse(origin, Refusal.RECORD, reason, value)

    def _new(self, bundle: Bundle, stored: Mapping[str, int]) -> Sequence[Arrival]:
        if not bundle.gateway:  # appended inside a database transaction: it cannot repeat
            return bundle.arrivals
        highest = self.positions.get(bundle.gateway, stored.get(bundle.gateway, -1))
        new = [arrival for arrival in bundle.arrivals if arrival.id > highest]
        if new:
            self.positions[bundle.gateway] = new[-1].id
        return new

    def _judge(self, record: Message, topic: str, arrival: Arrival) -> None:
        received_ms, size, offset = arrival.received_ms, arrival.size, record.offset
        arrived = self.arrived[MachinePath(partition_key(topic))]
        for one in judge(topic, arrival.payload, size=size, received_ms=received_ms):
            if isinstance(one, Refused):
                origin = Origin(topic, offset, received_ms, size)
                self.refuse(origin, one.code, one.reason, one.payload)
            else:
                arrived.append(Received(one, received_ms, topic, offset, size))


def _site(topic: str) -> str:
    """The site that a topic names, however wrong it is, as far as an index can hold it."""
    return site_of(topic)[:_SITE_CHARACTERS]

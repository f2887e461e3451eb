"""What a worker keeps of one machine: its publishers' numbers, its past, and what arrived new."""

from __future__ import annotations

from typing import NamedTuple

from contracts.ids import MachinePath, SiteCode
from domain.floor.metrics import Metric
from domain.floor.past import Past, PublisherKey
from domain.floor.seen import SeenRanges
from domain.intake import Accepted, same_content

WINDOW_FACTS = 4_096
"""A machine's window is cut to half of this when it grows beyond it."""


class Received(NamedTuple):
    """An accepted object with where it came from: what its dead letter would say.

    `received_ms` is the gateway's clock, `offset` its record's in the stream, `size` the whole
    MQTT payload's.
    """

    object: Accepted
    received_ms: int
    mqtt_topic: str
    offset: int
    size: int


class Publisher:
    """One (source, boot): its row's id (None before it is stored) and the numbers it has used."""

    __slots__ = ("clock_back_ms", "id", "seen", "stored")

    def __init__(
        self,
        publisher_id: int | None = None,
        ranges: list[tuple[int, int]] | None = None,
        clock_back_ms: int = 0,
    ) -> None:
        self.id = publisher_id
        self.seen = SeenRanges(ranges)
        self.stored = dict(ranges or ())
        self.clock_back_ms = clock_back_ms


class Machine:
    """A machine in memory. Rows are the truth; this can be thrown away and loaded at any time."""

    def __init__(
        self,
        *,
        machine_id: int,
        path: MachinePath,
        site: SiteCode,
        version: int,
        past: Past,
        publishers: dict[PublisherKey, Publisher],
        metrics: dict[str, Metric],
    ) -> None:
        self.id = machine_id
        self.path = path
        self.site = site
        self.version = version
        self.past = past
        self.publishers = publishers
        self.metrics = metrics

    def sort_out(self, arrived: list[Received]) -> Sorted:
        """Tell new objects from those whose number was used before.

        Nothing is marked as seen yet. Of several with one number within the batch the first is new,
        and the others are compared with it here.
        """
        new: dict[tuple[str, str, int], Received] = {}
        repeats = 0
        conflicts: list[Received] = []
        suspects: list[Received] = []
        for received in arrived:
            message = received.object.message
            key = (message.source, message.boot, message.seq)
            publisher = self.publishers.get(key[:2])
            if publisher is not None and message.seq in publisher.seen:
                suspects.append(received)
            elif key not in new:
                new[key] = received
            elif _repeats(new[key].object, received.object):
                repeats += 1
            else:
                conflicts.append(received)
        return Sorted(list(new.values()), suspects, conflicts, repeats)

    def publisher(self, key: PublisherKey) -> Publisher:
        """A publisher, made when it is heard of for the first time."""
        publisher = self.publishers.get(key)
        if publisher is None:
            publisher = self.publishers[key] = Publisher()
        return publisher


class Sorted(NamedTuple):
    """What `Machine.sort_out` found: suspects have to be compared with what is stored."""

    new: list[Received]
    suspects: list[Received]
    conflicts: list[Received]
    repeats: int


def _repeats(first: Accepted, again: Accepted) -> bool:
    return first.kind is again.kind and same_content(first.body, again.body)

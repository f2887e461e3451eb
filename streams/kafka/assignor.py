"""Who consumes what: a partition number belongs to one worker, for all topics alike.

Topics are partitioned alike, so a machine's telemetry, its operations and what is decided of them
are in one worker's memory. Every worker gets as many numbers as any other, give or take one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)


def assign(
    partitions: Mapping[str, Collection[int]], members: Mapping[str, Collection[str]]
) -> dict[str, dict[str, list[int]]]:
    """The partitions of each member, by topic.

    Args:
        partitions: the partition numbers of each topic that exists.
        members: the topics that each member reads. They differ only while an installation is being
            upgraded; what a number's worker does not read goes to another one that does.
    """
    assigned: dict[str, dict[str, list[int]]] = {name: {} for name in members}
    for topic, numbers in sorted(partitions.items()):
        readers = [name for name in sorted(members) if topic in members[name]]
        everybody = sorted(members)
        for number in sorted(numbers):
            if readers:
                owner = everybody[number % len(everybody)]
                if owner not in readers:
                    owner = readers[number % len(readers)]
                assigned[owner].setdefault(topic, []).append(number)
    return assigned


class CopartitionedAssignor(AbstractPartitionAssignor):  # type: ignore[misc] # aiokafka is untyped here
    """`assign` as aiokafka's group coordinator asks for it."""

    name = "gemba-copartitioned"
    version = 0

    @classmethod
    def assign(
        cls, cluster: Any, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """The leader's decision for all members of the group."""
        reads = {name: set(metadata.subscription) for name, metadata in members.items()}
        partitions: dict[str, set[int]] = defaultdict(set)
        for topic in set[str]().union(*reads.values()):
            partitions[topic] |= cluster.partitions_for_topic(topic) or set()
        return {
            name: ConsumerProtocolMemberAssignment(cls.version, sorted(topics.items()), b"")
            for name, topics in assign(partitions, reads).items()
        }

    @classmethod
    def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """What a member says of itself."""
        return ConsumerProtocolMemberMetadata(cls.version, sorted(topics), b"")

    @classmethod
    def on_assignment(cls, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Nothing is remembered of an assignment."""

"""The MQTT topic grammar as an immutable parsed value.

Valid::

    gemba/v1/plant-1/cutting/line1/m01/count       a machine's message
    gemba/v1/plant-1/cutting/line1/m01/ack         the gateway's receipt for that machine (retained)
    gemba/v1/plant-1/warehouse/inbound/gate-2/move a warehouse device's message

Invalid::

    gemba/v1/plant-1/cutting/line1/count           a level is missing
    gemba/v1/plant-1/cutting/line1/m01/speed       no such kind
    gemba/v1/plant-1/cutting/line1/m01/move        only the area `warehouse` moves goods ...
    gemba/v1/plant-1/warehouse/inbound/g/count     ... and it does nothing else
    gemba/v1/plant-1//line1/m01/count              a level is empty
"""

from __future__ import annotations

import enum
from functools import lru_cache
from typing import Final
from zlib import crc32

import msgspec

from contracts.ids import MachinePath, SiteCode

PREFIX = "gemba/v1/"
SUBSCRIPTION = "gemba/v1/#"
ACK = "ack"
WAREHOUSE = "warehouse"
MAX_TOPIC_BYTES: Final = 1_000
"""What an index of the database can hold, with room to spare."""

_FORBIDDEN = frozenset("+#$ \x00")


class Kind(enum.StrEnum):
    """What a native message tells. The values stand in topics."""

    COUNT = "count"
    JOB = "job"
    STATE = "state"
    READING = "reading"
    MESSAGE = "message"
    OPERATOR = "operator"
    MATERIAL = "material"
    HEARTBEAT = "heartbeat"
    MOVE = "move"


class TopicError(ValueError):
    """A topic outside the grammar; carries the topic and what is wrong with it."""

    def __init__(self, topic: str, problem: str) -> None:
        super().__init__(f"topic {topic!r}: {problem}")
        self.topic = topic
        self.problem = problem


class Topic(msgspec.Struct, frozen=True):
    """A parsed topic. `parse` is the only way in, so every value is valid."""

    site: SiteCode
    area: str
    line: str
    machine: str
    kind: Kind

    @property
    def path(self) -> MachinePath:
        """The address of the machine (or warehouse device)."""
        return MachinePath(f"{self.site}/{self.area}/{self.line}/{self.machine}")

    def __str__(self) -> str:
        return f"{PREFIX}{self.path}/{self.kind}"


@lru_cache(maxsize=65_536)
def parse_topic(topic: str) -> Topic:
    """Parse a message's topic.

    Raises:
        TopicError: the topic is not of the grammar; the message says which level is wrong.
    """
    if len(topic.encode()) > MAX_TOPIC_BYTES:
        raise TopicError(topic[:100], f"is longer than {MAX_TOPIC_BYTES:,} bytes")
    levels = topic.split("/")
    if levels[:2] != ["gemba", "v1"]:
        raise TopicError(topic, "does not begin with gemba/v1")
    if len(levels) != 7:  # noqa: PLR2004 - the grammar above
        raise TopicError(topic, "must be gemba/v1/<site>/<area>/<line>/<machine>/<kind>")
    for level in levels[2:]:
        if not level:
            raise TopicError(topic, "has an empty level")
        if not _FORBIDDEN.isdisjoint(level):
            raise TopicError(topic, f"level {level!r} holds a space, '+', '#', '$' or NUL")
    try:
        kind = Kind(levels[6])
    except ValueError:
        raise TopicError(topic, f"unknown kind {levels[6]!r}") from None
    if (levels[3] == WAREHOUSE) != (kind is Kind.MOVE):
        raise TopicError(topic, "the area 'warehouse' takes only 'move', and no other area does")
    return Topic(SiteCode(levels[2]), levels[3], levels[4], levels[5], kind)


def is_ack(topic: str) -> bool:
    """Whether the topic is the gateway's own receipt topic, which nobody else's words go to."""
    return topic.endswith("/" + ACK)


def ack_topic(path: MachinePath) -> str:
    """Where the gateway publishes (retained) how far it has received a machine's messages."""
    return f"{PREFIX}{path}/{ACK}"


@lru_cache(maxsize=65_536)
def site_of(topic: str) -> SiteCode:
    """The site a topic names, also when the rest of it is outside the grammar; else empty."""
    levels = topic.split("/")
    named = levels[:2] == ["gemba", "v1"] and len(levels) > 2  # noqa: PLR2004
    return SiteCode(levels[2] if named else "")


@lru_cache(maxsize=65_536)
def partition_key(topic: str) -> str:
    """What decides the partition of a message: its machine, or else the topic as it stands."""
    levels = topic.split("/")
    return "/".join(levels[2:6]) if len(levels) == 7 else topic  # noqa: PLR2004


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: CRC-32 of its UTF-8 bytes modulo the count, on every backend."""
    return crc32(key.encode("utf-8", "surrogatepass")) % partitions

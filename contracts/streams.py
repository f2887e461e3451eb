"""The stream's topics and the records on them (MessagePack, arrays instead of maps)."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from contracts.ids import EpochMs, MachinePath, SiteCode

TELEMETRY: Final = "gemba.telemetry.v1"
WAREHOUSE: Final = "gemba.warehouse.v1"
ORDERS: Final = "gemba.orders.v1"
OPERATIONS: Final = "gemba.operations.v1"
PROGRESS: Final = "gemba.progress.v1"
FLOOR: Final = "gemba.floor.v1"
GOODS: Final = "gemba.goods.v1"
DISRUPTIONS: Final = "gemba.disruptions.v1"
PLANS: Final = "gemba.plans.v1"
DEAD_LETTERS: Final = "gemba.dead-letters.v1"
ALARMS: Final = "gemba.alarms.v1"

TOPICS: Final = (
    TELEMETRY,
    WAREHOUSE,
    ORDERS,
    OPERATIONS,
    PROGRESS,
    FLOOR,
    GOODS,
    DISRUPTIONS,
    PLANS,
    DEAD_LETTERS,
    ALARMS,
)
PARTITIONS: Final = 4
"""The same on every backend: the partitioner must agree with the number."""

MAX_PAYLOAD_BYTES: Final = 256 * 1024
"""A larger MQTT payload is refused."""

MAX_RECORD_BYTES: Final = 480_000
"""A bundle is closed before it grows beyond this (one statement, one Kafka record)."""


MAX_VALUE_BYTES: Final = 2 * MAX_RECORD_BYTES
"""A larger record is refused by every backend."""


class TopicSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a broker keeps a topic (Kafka; the embedded log is trimmed by what was read).

    Attributes:
        retention_days: records are deleted after so many days, whoever has read them.
        compact_after_days: from then on only the newest record of each key is kept. None: every
            record is kept for the whole of `retention_days`.
    """

    retention_days: int
    compact_after_days: int | None = None

    def of_kafka(self) -> dict[str, str]:
        """The settings by Kafka's names."""
        settings = {
            "cleanup.policy": "delete",
            "retention.ms": str(self.retention_days * _DAY_MS),
            # What the largest record becomes with its headers, as a batch of its own.
            "max.message.bytes": str(MAX_VALUE_BYTES + 65_536),
        }
        if self.compact_after_days is not None:
            settings["cleanup.policy"] = "compact,delete"
            settings["min.compaction.lag.ms"] = str(self.compact_after_days * _DAY_MS)
        return settings


_DAY_MS: Final = 24 * 60 * 60 * 1_000
_RAW: Final = TopicSettings(retention_days=7)
_EVENTS: Final = TopicSettings(retention_days=30)

# Only disruptions can be compacted: their rows hold the truth, and the record says no more than
# that its key, a scope, should be looked at. Everywhere else a record holds what no later one
# repeats: a step of an order, arrivals, or (progress, floor) the events of many subjects in one
# record, so that no key could name what it supersedes.
TOPIC_SETTINGS: Final[dict[str, TopicSettings]] = {
    TELEMETRY: _RAW,
    WAREHOUSE: _RAW,
    ORDERS: _EVENTS,
    OPERATIONS: _EVENTS,
    PROGRESS: TopicSettings(retention_days=7),
    FLOOR: TopicSettings(retention_days=7),
    GOODS: _EVENTS,
    DISRUPTIONS: TopicSettings(retention_days=7, compact_after_days=1),
    PLANS: _EVENTS,
    DEAD_LETTERS: TopicSettings(retention_days=90),
    ALARMS: _EVENTS,
}
"""Long enough for a database that was restored from last week's backup to catch up by itself."""


class Arrival(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One MQTT message as a gateway received it.

    Attributes:
        id: place in the gateway's outbox, rising; names the arrival together with the gateway.
        topic: index into the bundle's `topics`.
        received_ms: the gateway's clock at receipt.
        payload: the bytes as they came. Cut to MAX_PAYLOAD_BYTES when longer.
        size: the payload's length before any cut.
    """

    id: int
    topic: int
    received_ms: EpochMs
    payload: bytes
    size: int


class Bundle(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Arrivals of one gateway for the machines of one partition, in order of `Arrival.id`.

    Ids rise from bundle to bundle of the same (gateway, partition): what is not above the highest
    one stored is a repeat of the bundle, not a new arrival.
    """

    gateway: str
    topics: list[str]
    arrivals: list[Arrival]


class OperationProgressed(msgspec.Struct, array_like=True, frozen=True, tag="operation"):
    """An operation's absolute quantities over all machines, as of row `version`."""

    site: SiteCode
    work_order_id: int
    operation_id: int
    version: int
    good_pieces: int
    scrap_pieces: int
    runs: int
    state: str
    order_ids: list[int]


class MachineChanged(msgspec.Struct, array_like=True, frozen=True, tag="machine"):
    """Something a screen shows of a machine changed; the row holds the truth."""

    site: SiteCode
    machine_id: int
    path: MachinePath
    version: int


BEFORE_WORK: Final = frozenset({"OrderReceived", "OrderReviewed", "OrderConfirmed"})
"""Names of orders' events after which there is no more work than before: nothing was planned,
pegged or cancelled by them. Who follows the work need not look."""


class OrderEvent(msgspec.Struct, array_like=True, frozen=True, tag="order"):
    """An order, or a work order of it, was created or changed by `audit_id`'s doing."""

    site: SiteCode
    name: str
    """Past tense: `OrderReceived`, `OrderChanged`, `OrderReleased`, `OrderCancelled`, ..."""
    order_id: int
    work_order_ids: list[int]
    version: int
    occurred_ms: EpochMs


class DeadLettered(msgspec.Struct, array_like=True, frozen=True, tag="dead_letter"):
    """A dead letter was stored; its row holds the bytes."""

    site: SiteCode
    dead_letter_id: int
    reason: str


CONSUMED: Final = "consumed"
"""The event of goods that a machine used (`material`); all others are a move's own."""


class GoodsMoved(msgspec.Struct, array_like=True, frozen=True, tag="goods"):
    """A warehouse device's `move`, or a machine's `material`, was stored (topic GOODS).

    A machine's material names the work order that it was used for: its own word, else the one that
    ran there then.
    """

    site: SiteCode
    device_id: int
    publisher_id: int
    seq: int
    t_ms: EpochMs
    event: str
    item: str
    quantity: str
    """An exact decimal."""
    unit: str | None
    lot: str | None
    from_: str | None
    to: str | None
    work_order: str | None
    order: str | None


class DisruptionRaised(msgspec.Struct, array_like=True, frozen=True, tag="disruption"):
    """Something makes a scope's plan wrong; its row says what (topic DISRUPTIONS, key: scope)."""

    scope: str
    disruption_id: int
    kind: str


class PlanStored(msgspec.Struct, array_like=True, frozen=True, tag="plan"):
    """A plan was drafted, published or discarded (topic PLANS, key: scope)."""

    scope: str
    plan_id: int
    number: int
    state: str
    order_ids: list[int]
    """Orders whose dates differ from the plan before; for a published plan."""


class AlarmMoved(msgspec.Struct, array_like=True, frozen=True, tag="alarm"):
    """An alarm was raised, acknowledged, cleared, … (topic ALARMS, key: its cause).

    Attributes:
        site: whose it is; empty: no site's (a gateway, a planning scope of several).
        event: of the state machine (`domain.alarms.states.AlarmEvent`), or `assign`.
        occurrence: how often it was raised.
        version: of its row; rises with every event.
        state: one of ISA-18.2's, after the event.
    """

    site: SiteCode
    alarm_id: int
    cause: str
    event: str
    occurrence: int
    version: int
    state: str
    priority: str
    occurred_ms: EpochMs


Event: TypeAlias = (
    OperationProgressed
    | MachineChanged
    | OrderEvent
    | DeadLettered
    | GoodsMoved
    | DisruptionRaised
    | PlanStored
    | AlarmMoved
)

_encoder = msgspec.msgpack.Encoder()
_events = msgspec.msgpack.Decoder(list[Event])
_bundle = msgspec.msgpack.Decoder(Bundle)


def encode_bundle(bundle: Bundle) -> bytes:
    """A bundle as a record's value."""
    return _encoder.encode(bundle)


def decode_bundle(value: bytes) -> Bundle:
    """The bundle in a record's value.

    Raises:
        msgspec.DecodeError: the value is no bundle (`msgspec.ValidationError` is one of these).
    """
    return _bundle.decode(value)


def encode_events(events: list[Event]) -> bytes:
    """Events as a record's value: records are few and full."""
    return _encoder.encode(events)


def decode_events(value: bytes) -> list[Event]:
    """The events in a record's value; raises `msgspec.DecodeError` like `decode_bundle`."""
    return _events.decode(value)

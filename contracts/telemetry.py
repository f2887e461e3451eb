"""Native messages: one JSON object each, by kind. The shapes only; `domain.intake` judges them."""

from __future__ import annotations

import enum
from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

MAIN_SOURCE = "main"


class JobEvent(enum.StrEnum):
    """What a `job` message says happened to an operation on its machine."""

    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    COMPLETED = "completed"
    ABORTED = "aborted"


class MachineState(enum.StrEnum):
    """What a machine says it is doing."""

    RUNNING = "running"
    IDLE = "idle"
    SETUP = "setup"
    DOWN = "down"
    PLANNED_STOP = "planned_stop"
    OFFLINE = "offline"


class OperationState(enum.StrEnum):
    """OPC 10031-4 job states under the trade's names (`conventions.md` maps them)."""

    PLANNED = "planned"
    RELEASED = "released"
    RUNNING = "running"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    COMPLETED = "completed"
    ABORTED = "aborted"
    CANCELLED = "cancelled"


class Severity(enum.StrEnum):
    """How serious a machine's message to people is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogOn(enum.StrEnum):
    """What an `operator` message says."""

    LOGGED_ON = "logged_on"
    LOGGED_OFF = "logged_off"


class MoveEvent(enum.StrEnum):
    """What happened to goods in the warehouse."""

    RECEIVED = "received"
    ISSUED = "issued"
    TRANSFERRED = "transferred"
    PICKED = "picked"
    PACKED = "packed"
    SHIPPED = "shipped"
    COUNTED = "counted"


class Identity(msgspec.Struct, frozen=True, gc=False):
    """The part of every object that says which one it is."""

    boot: str
    seq: int
    source: str = MAIN_SOURCE


class Native(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every object has. `t` is RFC 3339 with zone, or integer epoch milliseconds."""

    t: int | str
    boot: str
    seq: int
    source: str = MAIN_SOURCE


class Count(Native, frozen=True, kw_only=True, gc=False):
    """Increments (`good`, `scrap`) or readings of counters (`good_total`, `scrap_total`)."""

    good: int | UnsetType = UNSET
    scrap: int | UnsetType = UNSET
    good_total: int | UnsetType = UNSET
    scrap_total: int | UnsetType = UNSET
    work_order: str | UnsetType = UNSET
    operation: int | UnsetType = UNSET


class Job(Native, frozen=True, kw_only=True, gc=False):
    """An operation started, paused, resumed, completed or aborted on the machine."""

    event: JobEvent
    work_order: str
    operation: int
    requested: int | UnsetType = UNSET


class State(Native, frozen=True, kw_only=True, gc=False):
    """The machine changed its state."""

    state: MachineState
    reason: str | UnsetType = UNSET


class Reading(Native, frozen=True, kw_only=True, gc=False):
    """A measured value."""

    name: str
    value: float | int | str | bool
    unit: str | UnsetType = UNSET


class Message(Native, frozen=True, kw_only=True, gc=False):
    """What the machine tells people."""

    code: str
    severity: Severity
    text: str | UnsetType = UNSET


class Operator(Native, frozen=True, kw_only=True, gc=False):
    """A person logged on to the machine or off."""

    event: LogOn
    operator: str


class Material(Native, frozen=True, kw_only=True, gc=False):
    """Material was consumed."""

    item: str
    quantity: float | int
    unit: str | UnsetType = UNSET
    quantity_good: float | int | UnsetType = UNSET
    work_order: str | UnsetType = UNSET
    operation: int | UnsetType = UNSET


class Heartbeat(Native, frozen=True, kw_only=True, gc=False):
    """The publisher is alive."""


class Move(Native, frozen=True, kw_only=True, gc=False, rename={"from_": "from"}):
    """Goods moved in the warehouse."""

    event: MoveEvent
    item: str
    quantity: float | int
    unit: str | UnsetType = UNSET
    lot: str | UnsetType = UNSET
    from_: str | UnsetType = UNSET
    to: str | UnsetType = UNSET
    work_order: str | UnsetType = UNSET
    order: str | UnsetType = UNSET


NativeObject: TypeAlias = (
    Count | Job | State | Reading | Message | Operator | Material | Heartbeat | Move
)


class PublisherReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """How far one publisher's boot has been received without a gap.

    Everything from `first` to `seq` is on the gateway's disk. `first` is the lowest number that
    has arrived; a publisher may forget up to `seq` only if its own first number is not below it.
    """

    source: str
    boot: str
    first: int
    seq: int


class Receipts(msgspec.Struct, frozen=True, kw_only=True):
    """The retained message on a machine's `ack` topic."""

    gateway: str
    publishers: list[PublisherReceipt]

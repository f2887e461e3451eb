"""The live protocol of `/v1/live`: tagged unions, one JSON text message each.

A channel's state is a map of keys to objects. A snapshot holds the whole map, a delta the keys that
changed (null: the key is gone), so a slow client's deltas conflate to the latest per key.
Rules: `docs/protocol.md`.
"""

from __future__ import annotations

import enum
from typing import Any, TypeAlias

import msgspec

SUBPROTOCOL = "gemba.live.v1"
EVERYWHERE = "#"
"""The subject of `alarms:#`: alarms of all sites and of none. No site can be called so."""


class ChannelKind(enum.StrEnum):
    """What a channel shows; the part of its name before the colon."""

    FLOOR = "floor"
    MACHINE = "machine"
    ORDER = "order"
    TRACKING = "tracking"
    OWN = "own"
    PLAN = "plan"
    ALARMS = "alarms"


class Position(msgspec.Struct, frozen=True):
    """A place in a channel: offsets of different epochs cannot be compared."""

    epoch: str
    offset: int


class Subscribe(msgspec.Struct, frozen=True, tag_field="op", tag="subscribe"):
    """Ask for a channel, from where one left off if `since` is given."""

    channel: str
    since: Position | None = None


class Unsubscribe(msgspec.Struct, frozen=True, tag_field="op", tag="unsubscribe"):
    """Leave a channel."""

    channel: str


class Ping(msgspec.Struct, frozen=True, tag_field="op", tag="ping"):
    """Ask for a sign of life."""


class Snapshot(msgspec.Struct, frozen=True, tag_field="op", tag="snapshot"):
    """The whole state of a channel as of an offset."""

    channel: str
    epoch: str
    offset: int
    data: dict[str, Any]


class Delta(msgspec.Struct, frozen=True, tag_field="op", tag="delta"):
    """The keys that changed since the message before, up to `offset`."""

    channel: str
    offset: int
    data: dict[str, Any]


class Subscribed(msgspec.Struct, frozen=True, tag_field="op", tag="subscribed"):
    """The answer to `since` when nothing has to be told again: the deltas since it follow."""

    channel: str
    epoch: str
    offset: int


class Error(msgspec.Struct, frozen=True, tag_field="op", tag="error"):
    """A request could not be met."""

    code: str
    detail: str
    channel: str | None = None


class Pong(msgspec.Struct, frozen=True, tag_field="op", tag="pong"):
    """The sign of life."""


ClientMessage: TypeAlias = Subscribe | Unsubscribe | Ping
ServerMessage: TypeAlias = Snapshot | Delta | Subscribed | Error | Pong


class CloseCode(enum.IntEnum):
    """Why the server closed a socket."""

    RESUME = 4000
    """The client was too slow; connect again with `since`."""
    SIGNED_OUT = 4001
    BAD_MESSAGE = 4002
    GOING_AWAY = 1001


# What the channels carry. Times are RFC 3339 in UTC; `null` where nothing is known.


class CurrentOperation(msgspec.Struct, frozen=True, kw_only=True):
    """The operation on a machine, as a tile shows it."""

    work_order: str
    operation: int
    name: str | None
    item: str | None
    customer: str | None
    order_number: str | None
    state: str
    quantity_ordered: float | None
    good_pieces: int
    scrap_pieces: int
    projected_end: str | None
    due: str | None
    started: str | None
    cycle_ms: int | None = None
    """The standard time of one piece: with `started` it tells where the operation should be now."""
    work_projected_end: str | None = None
    """When the last operation of its work order is projected to end: what its due date means."""
    asked: str | None = None
    """What is asked of the floor, because the work is wanted no more: `stop` it, or finish it
    `to_stock`; until it is ended here. What is to be stopped cannot be started or resumed."""
    asked_because: str | None = None
    asked_seen: str | None = None
    """When somebody at the machine said that they have seen it; None: nobody has."""
    asked_seen_by: str | None = None


class MachineTile(msgspec.Struct, frozen=True, kw_only=True):
    """Key of `floor:<site>`: the machine's path. Also key `machine` of `machine:<path>`."""

    machine: str
    name: str
    area: str
    line: str
    position: int
    configured: bool
    state: str
    reason: str | None
    state_since: str | None
    last_seen: str | None
    good_pieces: int
    """Pieces of the machine on the site's present day, whatever they were made for."""
    scrap_pieces: int
    unassigned_good: int
    unassigned_scrap: int
    pace: list[int]
    """Good pieces in each of the last 12 slots of five minutes, oldest first."""
    pace_percent: int | None
    """Pace of the last hour against the standard cycle of the current operation."""
    operation: CurrentOperation | None
    next_operation: CurrentOperation | None
    operator: str | None


class FloorSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Key `summary` of `floor:<site>`."""

    site: str
    name: str
    time_zone: str
    machines: int
    running: int
    down: int
    good_pieces_today: int
    scrap_pieces_today: int
    orders_open: int
    orders_at_risk: int
    dead_letters: int


class OperationProgress(msgspec.Struct, frozen=True, kw_only=True):
    """Key `operation/<work order>/<operation>` of `order:<number>`."""

    work_order: str
    operation: int
    name: str | None
    machine: str | None
    state: str
    quantity_ordered: float | None
    good_pieces: int
    scrap_pieces: int
    runs: int
    planned_start: str | None
    planned_end: str | None
    started: str | None
    ended: str | None
    projected_end: str | None
    projected_start: str | None = None
    planned_machine: str | None = None


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """Key `order` of `order:<number>`: where it is, when it will be there, what it waits for."""

    number: str
    site: str
    customer: str
    item: str
    """The first line's item; with more lines, how many more."""
    state: str
    stage: str
    quantity_ordered: float
    unit: str
    good_pieces: float
    scrap_pieces: int
    percent: int
    due: str | None
    projected_end: str | None
    lateness_minutes: int | None
    """Projected end after the due date; negative is early."""
    waits_for: str | None
    """A code: `release`, `hold`, `machine` (none is named), `machine:<path>` (down or busy),
    `operator:<path>` (free: somebody has to start or resume), or null."""
    received: str
    changed: str
    lines: list[dict[str, Any]]
    priority: int = 0
    planned_end: str | None = None
    """When the plan in force ends it; `projected_end` is what reality makes of that."""
    late_because: list[dict[str, Any]] = []
    """The plan's chain of causes where it ends late: `{"cause", "machine", "work_order",
    "operation", "behind", "since", "wait_minutes"}` (`domain.plan.plan.LateCause`)."""
    deliveries: list[DeliveryView] = []


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment of an order, as staff and the customer see it. `state`: see `domain.shipping`."""

    number: int
    state: str
    picked: float
    packed: float
    shipped: float
    unit: str
    picking: str | None
    packed_at: str | None
    shipped_at: str | None
    delivered_at: str | None
    carrier: str | None = None
    tracking_number: str | None = None
    carrier_status: str | None = None
    """The carrier's newest word (`domain.dispatch.CarrierStatus`), and when it said so."""
    carrier_at: str | None = None
    expected_at: str | None = None
    """When it is to arrive."""
    returned: float = 0.0


class TrackingView(msgspec.Struct, frozen=True, kw_only=True):
    """Key `order` of `tracking:<link>` and `own:<number>`: only what the customer may see."""

    number: str
    reference: str | None = None
    """The customer's own name for the order."""
    customer: str
    item: str
    stage: str
    stages: list[dict[str, Any]]
    """`{"stage", "state": done|current|ahead, "at"}` in order."""
    quantity_ordered: float
    unit: str
    good_pieces: float
    percent: int
    due: str | None
    expected: str | None
    expected_latest: str | None
    time_zone: str
    changed: str
    changes: list[dict[str, Any]]
    """`{"at", "what", "detail"}`, newest first. `expected_moved` has `{"from", "to"}`."""
    deliveries: list[DeliveryView] = []


class TerminalView(msgspec.Struct, frozen=True, kw_only=True):
    """Key `queue` of `machine:<path>`: what an operator may start here."""

    operations: list[CurrentOperation]


class PlanReason(msgspec.Struct, frozen=True, kw_only=True):
    """A disruption that a plan answers, as it was told. `kind`: `contracts.plan.DisruptionKind`."""

    disruption: int
    kind: str
    machine: str | None = None
    work_order: str | None = None
    operation: int | None = None
    order: str | None = None
    occurred: str | None = None
    detail: dict[str, Any] = {}


class PlanHead(msgspec.Struct, frozen=True, kw_only=True):
    """Key `plan` of `plan:<scope>`: the plan in force. Times null and number 0 before the first."""

    scope: str
    sites: list[str]
    id: int | None
    number: int
    method: str | None
    as_of: str | None
    published: str | None
    published_by: str | None
    """The person who put it in force; null where the planner did so by itself."""
    reasons: list[PlanReason]
    metrics: dict[str, Any] | None
    frozen_ms: int
    publish: str
    """`auto` or `draft`: who publishes (`domain.plan.policy.PublishRule`)."""
    draft: int | None
    """The number of a draft that waits for somebody to publish it, and its id."""
    draft_id: int | None
    open_disruptions: int
    unplanned: list[dict[str, Any]]


class PlanBar(msgspec.Struct, frozen=True, kw_only=True):
    """Key `bar/<operation id>` of `plan:<scope>`: planned above, projected or actual below it.

    Operations that are not over, and those that ended within the last hours.
    """

    operation_id: int
    work_order: str
    operation: int
    name: str | None
    item: str | None
    family: str | None
    customer: str | None
    order_number: str | None
    priority: int
    state: str
    machine: str | None
    """Where it is planned (path); null while it is in no plan."""
    setup_start: str | None
    start: str | None
    end: str | None
    pin: str | None
    """`running`, `frozen`, `locked` or null."""
    on_hold: bool
    """All that it is for was put on hold: what runs only runs out, the rest is not planned."""
    projected_machine: str | None
    projected_start: str | None
    """Really started, where it has; else the projection."""
    projected_end: str | None
    quantity_ordered: float | None
    good_pieces: int
    due: str | None
    lateness_minutes: int | None
    """Of its order: projected end after the due date; negative is early."""
    after: list[int]
    """The operations that must end before it."""
    needs: list[str] = []
    """What it needs beside its machine, as master data says it: `welder=2@setup`."""


class PlanMachine(msgspec.Struct, frozen=True, kw_only=True):
    """Key `machine/<path>` of `plan:<scope>`: a row of the Gantt."""

    machine: str
    name: str
    site: str
    area: str
    line: str
    position: int
    state: str
    reason: str | None
    state_since: str | None
    unavailable: list[list[str]]
    """`[start, end, why]` over the plan's horizon; why is a code: `closed`, `exception:<text>`,
    `down`."""
    needs: list[str] = []
    """What everything on it needs, as `PlanBar.needs`."""
    batch_capacity: float | None = None
    """How much it takes at once, of an oven; what shares a batch has equal times."""


class PlanResource(msgspec.Struct, frozen=True, kw_only=True):
    """Key `resource/<id>` of `plan:<scope>`: a person, a tool, or several alike."""

    id: int
    code: str
    name: str
    site: str
    kind: str
    """`operator` or `tool`."""
    quantity: int
    skills: list[str]
    """What `PlanBar.needs` names; the code counts as one."""
    unavailable: list[list[str]]
    """`[start, end, why]` over the plan's horizon: `closed` (no shift), `absent:<reason>`; of
    several alike with a fourth, how many, where it is not all of them."""


class DisruptionView(msgspec.Struct, frozen=True, kw_only=True):
    """Key `disruption/<id>` of `plan:<scope>`: the newest ones, open or answered."""

    id: int
    site: str | None
    kind: str
    machine: str | None
    work_order: str | None
    operation: int | None
    order_number: str | None
    occurred: str
    raised: str
    detail: dict[str, Any]
    handled: str | None
    outcome: str | None
    plan_number: int | None


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """Key `alarm/<id>` of `alarms:<site>`: the same as an `Alarm` of the REST API."""

    id: int
    cause: str
    rule: str
    rule_version: int
    name: str
    response: str
    """What somebody is to do."""
    kind: str
    """Of the condition: `machine_down`, …"""
    subject_kind: str
    subject: str
    """A machine's path, an order's number, `<site>/<item>`, …"""
    site: str | None
    place: str | None
    priority: str
    """`critical`, `high`, `medium` or `low`."""
    state: str
    """One of ISA-18.2's (`domain.alarms.states`), never `normal`."""
    active: bool
    """Whether its condition holds, also where it is put aside."""
    occurrence: int
    raised_at: str
    since: str | None
    cleared_at: str | None
    acknowledged_at: str | None
    acknowledged_by: str | None
    shelved_until: str | None
    shelved_by: str | None
    shelve_minutes: int
    suppressed_by: str | None
    """The cause that explains it."""
    assigned_to: str | None
    value: float | None
    limit: float | None
    detail: dict[str, Any]
    changed_at: str
    version: int


class AlarmSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Key `summary` of `alarms:<site>`. Who is limited to lines is not told it."""

    site: str | None
    """None: of all sites and of none."""
    alarms: int
    """How many are not `normal`."""
    listed: int
    """So many of them have a key: the most urgent, where there are too many."""
    unacknowledged: dict[str, int]
    """How many ask for an answer, by priority."""

"""The words of planning that cross a process boundary."""

from __future__ import annotations

import enum


class DisruptionKind(enum.StrEnum):
    """What makes a plan wrong."""

    MACHINE_DOWN = "machine_down"
    """A machine is down for longer than its threshold (detail: `reason`, `since`)."""
    MACHINE_UP = "machine_up"
    """A machine that the plan in force takes for down works again (detail: `since`)."""
    OPERATION_LATE = "operation_late"
    """A projected end passes a successor's planned start (detail: `minutes`, `successor`)."""
    OPERATION_EARLY = "operation_early"
    """A projected end leaves a gap before the successor's planned start, and what the successor is
    for is late (detail: `minutes`, `successor`)."""
    PROMISE_AT_RISK = "promise_at_risk"
    """A projected end passes due date and planned end of an order (detail: `minutes`)."""
    WORK_RELEASED = "work_released"
    """Work that no plan holds yet."""
    RUSH_ORDER = "rush_order"
    """The same, of a rush order (detail: `priority`)."""
    ORDER_CHANGED = "order_changed"
    ORDER_CANCELLED = "order_cancelled"
    CALENDAR_CHANGED = "calendar_changed"
    """Working times, exceptions, people, tools, setups or the policy were changed."""
    MATERIAL_LATE = "material_late"
    """Material comes after the planned start of what begins with it (detail: `minutes`, `item`,
    `reference`: the purchase or work order that brings it)."""
    RESOURCE_ABSENT = "resource_absent"
    """An operator or a tool is not there (detail: `by`, `resource`, `name`, `resource_kind`,
    `from`, `until`, `reason`; `back`: it is there after all)."""
    OPERATION_LOCKED = "operation_locked"
    """A planner locked an operation to a machine, or freed it (detail: `by`, `to`: the machine's
    path, null for freed; `not_before`)."""
    MAINTENANCE_PLANNED = "maintenance_planned"
    """A machine's maintenance was planned, or given up (detail: `by`, `from`, `until`, `reason`,
    `given_up`)."""
    REQUESTED = "requested"
    """Somebody asked for a new plan (detail: `by`, `reason`)."""


class PlanState(enum.StrEnum):
    """Where a plan version stands. Versions are immutable but for this."""

    DRAFT = "draft"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    DISCARDED = "discarded"


class DisruptionOutcome(enum.StrEnum):
    """How a disruption was answered."""

    PLANNED = "planned"
    NO_CHANGE = "no_change"
    FAILED = "failed"

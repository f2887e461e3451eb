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
    PROMISE_AT_RISK = "promise_at_risk"
    """A projected end passes due date and planned end of an order (detail: `minutes`)."""
    WORK_RELEASED = "work_released"
    """Work that no plan holds yet."""
    RUSH_ORDER = "rush_order"
    """The same, of a rush order (detail: `priority`)."""
    ORDER_CHANGED = "order_changed"
    ORDER_CANCELLED = "order_cancelled"
    CALENDAR_CHANGED = "calendar_changed"
    """Working times, exceptions, setups or the policy were changed."""
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

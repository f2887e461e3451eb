"""What may have changed, as the live projector is told it: by events, by agents, by each other."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Final

import msgspec

from contracts.plan import DisruptionKind, PlanState
from contracts.streams import (
    AlarmMoved,
    DeadLettered,
    DisruptionRaised,
    Event,
    MachineChanged,
    OperationProgressed,
    OrderEvent,
    PlanStored,
)


class MarkKind(enum.StrEnum):
    """What changed."""

    MACHINE = "machine"
    ORDER = "order"
    WORK = "work"
    """Work of a site was planned, released, changed or cancelled."""
    WORK_ORDER = "work_order"
    OPERATION = "operation"
    """An operation was worked on."""
    PROJECTION = "projection"
    """An operation's projected times."""
    DISRUPTIONS = "disruptions"
    """What makes a scope's plan wrong, or a draft of it."""
    PLAN = "plan"
    """The plan in force of a scope, or what its planning goes by."""
    DEAD_LETTERS = "dead_letters"
    ALARMS = "alarms"
    """Alarms of a site; an empty place: of none."""
    ALL = "all"


class Mark(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A change: its kind, its site (or planning scope), and the id of what changed."""

    kind: MarkKind
    place: str = ""
    subject: int = 0


def marks_of(event: Event) -> Iterator[Mark]:
    """What an event says has changed."""
    match event:
        case MachineChanged():
            yield Mark(MarkKind.MACHINE, event.site, event.machine_id)
        case OperationProgressed():
            yield Mark(MarkKind.OPERATION, event.site, event.operation_id)
            for order_id in event.order_ids:
                yield Mark(MarkKind.ORDER, event.site, order_id)
        case OrderEvent():
            yield Mark(MarkKind.ORDER, event.site, event.order_id)
            yield Mark(MarkKind.WORK, event.site)
            for work_order_id in event.work_order_ids:
                yield Mark(MarkKind.WORK_ORDER, event.site, work_order_id)
        case DeadLettered():
            yield Mark(MarkKind.DEAD_LETTERS, event.site)
        case AlarmMoved():
            yield Mark(MarkKind.ALARMS, event.site)
        case _:
            yield from _marks_of_planning(event)


_OF_CALENDARS: Final = (DisruptionKind.CALENDAR_CHANGED, DisruptionKind.MAINTENANCE_PLANNED)
"""What changes when machines work, and so what a whole plan looks like."""


def _marks_of_planning(event: Event) -> Iterator[Mark]:
    match event:
        case DisruptionRaised():
            changed = event.kind in _OF_CALENDARS
            yield Mark(MarkKind.PLAN if changed else MarkKind.DISRUPTIONS, event.scope)
        case PlanStored(state=PlanState.PUBLISHED):
            yield Mark(MarkKind.PLAN, event.scope)
            for order_id in event.order_ids:
                yield Mark(MarkKind.ORDER, "", order_id)
        case PlanStored():
            yield Mark(MarkKind.DISRUPTIONS, event.scope)

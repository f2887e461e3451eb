"""The states of an alarm, and every way from one to another.

Source: ANSI/ISA-18.2-2016 (IEC 62682), alarm state transition diagram, states A to I; that the
facts behind them are independent of each other is OPC UA Part 9, 5.8 (AlarmConditionType).
`alarm_after` and `alarm_state` of the database are the same functions.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple


class Standing(enum.IntFlag):
    """What is so of an alarm, each by itself. The values stand in rows."""

    ACTIVE = 1
    """Its condition holds."""
    UNACKNOWLEDGED = 2
    """It was told to people, and nobody has said yet that they know."""
    LATCHED = 4
    """It stays until somebody resets it, though the condition may be gone."""
    SHELVED = 8
    """Somebody put it aside for a time."""
    SUPPRESSED = 16
    """Another alarm explains it (suppressed by design)."""
    OUT_OF_SERVICE = 32
    """Somebody took it out of service, for maintenance for example."""


NOTHING: Final = Standing(0)
HELD: Final = Standing.SHELVED | Standing.SUPPRESSED | Standing.OUT_OF_SERVICE
"""While one of these is so, nobody is told of it."""


class AlarmState(enum.StrEnum):
    """ISA-18.2's states, by their letters A to I."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    """Returned to normal, unacknowledged."""
    LATCHED_UNACKNOWLEDGED = "latched_unacknowledged"
    LATCHED_ACKNOWLEDGED = "latched_acknowledged"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    OUT_OF_SERVICE = "out_of_service"


class AlarmEvent(enum.StrEnum):
    """What happens to an alarm."""

    RAISE = "raise"
    """Its condition holds (the on-delay is over)."""
    CLEAR = "clear"
    """Its condition does not hold any more (the off-delay is over)."""
    ACKNOWLEDGE = "acknowledge"
    RESET = "reset"
    """Somebody releases the latch."""
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    """By hand, or because its time is up."""
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    REMOVE = "remove"
    """Out of service."""
    RETURN = "return"
    """Into service again."""


ANNUNCIATED: Final = frozenset(
    {AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED, AlarmState.LATCHED_UNACKNOWLEDGED}
)
"""States that ask for an acknowledgement."""
ALARMS: Final = ANNUNCIATED | {AlarmState.ACKNOWLEDGED, AlarmState.LATCHED_ACKNOWLEDGED}
"""States that stand in the list of alarms."""

_HOLDS: Final[Mapping[AlarmEvent, Standing]] = MappingProxyType(
    {
        AlarmEvent.SHELVE: Standing.SHELVED,
        AlarmEvent.SUPPRESS: Standing.SUPPRESSED,
        AlarmEvent.REMOVE: Standing.OUT_OF_SERVICE,
    }
)
_FREES: Final[Mapping[AlarmEvent, Standing]] = MappingProxyType(
    {
        AlarmEvent.UNSHELVE: Standing.SHELVED,
        AlarmEvent.UNSUPPRESS: Standing.SUPPRESSED,
        AlarmEvent.RETURN: Standing.OUT_OF_SERVICE,
    }
)


def state_of(standing: Standing) -> AlarmState:
    """The one of the nine states that people see; of several holds the strongest."""
    if standing & Standing.OUT_OF_SERVICE:
        return AlarmState.OUT_OF_SERVICE
    if standing & Standing.SUPPRESSED:
        return AlarmState.SUPPRESSED
    if standing & Standing.SHELVED:
        return AlarmState.SHELVED
    unacknowledged = bool(standing & Standing.UNACKNOWLEDGED)
    if standing & Standing.ACTIVE:
        return AlarmState.UNACKNOWLEDGED if unacknowledged else AlarmState.ACKNOWLEDGED
    if standing & Standing.LATCHED:
        return (
            AlarmState.LATCHED_UNACKNOWLEDGED if unacknowledged else AlarmState.LATCHED_ACKNOWLEDGED
        )
    return AlarmState.RETURNED if unacknowledged else AlarmState.NORMAL


def after(standing: Standing, event: AlarmEvent, *, latching: bool) -> Standing | None:
    """What is so after an event; None: the event means nothing in this standing.

    Args:
        standing: what is so.
        event: what happens.
        latching: whether the alarm latches when it is raised.
    """
    if event in _HOLDS:
        hold = _HOLDS[event]
        return None if standing & hold else standing | hold
    if event in _FREES:
        hold = _FREES[event]
        return _freed(standing & ~hold) if standing & hold else None
    return _told(standing, event, latching=latching)


def _freed(standing: Standing) -> Standing:
    """What is let go of: what still holds is told to people as if it were new."""
    if standing & HELD or not standing & Standing.ACTIVE:
        return standing
    return standing | Standing.UNACKNOWLEDGED


def _told(standing: Standing, event: AlarmEvent, *, latching: bool) -> Standing | None:
    active = standing & Standing.ACTIVE
    match event:
        case AlarmEvent.RAISE if not active:
            latch = Standing.LATCHED if latching else NOTHING
            return standing | Standing.ACTIVE | Standing.UNACKNOWLEDGED | latch
        case AlarmEvent.CLEAR if active:
            cleared = standing & ~Standing.ACTIVE
            # Of what was held nobody knows that it was: there is nothing to acknowledge.
            return cleared & ~Standing.UNACKNOWLEDGED if standing & HELD else cleared
        case AlarmEvent.ACKNOWLEDGE if standing & Standing.UNACKNOWLEDGED and not standing & HELD:
            return standing & ~Standing.UNACKNOWLEDGED
        case AlarmEvent.RESET if standing & Standing.LATCHED and not active and not standing & HELD:
            return standing & ~Standing.LATCHED
    return None


class Transition(NamedTuple):
    """A way from one state to another."""

    before: AlarmState
    event: AlarmEvent
    after: AlarmState


def _table() -> tuple[Transition, ...]:
    normal, unacknowledged, acknowledged, returned, latched, latched_known = (
        AlarmState.NORMAL,
        AlarmState.UNACKNOWLEDGED,
        AlarmState.ACKNOWLEDGED,
        AlarmState.RETURNED,
        AlarmState.LATCHED_UNACKNOWLEDGED,
        AlarmState.LATCHED_ACKNOWLEDGED,
    )
    rows = [
        (normal, AlarmEvent.RAISE, unacknowledged),  # A -> B
        (unacknowledged, AlarmEvent.ACKNOWLEDGE, acknowledged),  # B -> C
        (unacknowledged, AlarmEvent.CLEAR, returned),  # B -> D
        (unacknowledged, AlarmEvent.CLEAR, latched),  # B -> E, of a latching alarm
        (acknowledged, AlarmEvent.CLEAR, normal),  # C -> A
        (acknowledged, AlarmEvent.CLEAR, latched_known),  # C -> F, of a latching alarm
        (returned, AlarmEvent.ACKNOWLEDGE, normal),  # D -> A
        (returned, AlarmEvent.RAISE, unacknowledged),  # D -> B
        (latched, AlarmEvent.ACKNOWLEDGE, latched_known),  # E -> F
        (latched, AlarmEvent.RESET, returned),  # E -> D
        (latched, AlarmEvent.RAISE, unacknowledged),  # E -> B
        (latched_known, AlarmEvent.RESET, normal),  # F -> A
        (latched_known, AlarmEvent.RAISE, unacknowledged),  # F -> B
    ]
    told = (normal, unacknowledged, acknowledged, returned, latched, latched_known)
    shelved, suppressed, out = AlarmState.SHELVED, AlarmState.SUPPRESSED, AlarmState.OUT_OF_SERVICE
    rows += [
        (before, event, held)  # A to F -> G, H, I
        for event, held in (
            (AlarmEvent.SHELVE, shelved),
            (AlarmEvent.SUPPRESS, suppressed),
            (AlarmEvent.REMOVE, out),
        )
        for before in told
    ]
    # G, H, I -> B where the condition holds, else to where it was left; never to C: what was put
    # aside is told anew.
    rows += [
        (held, event, back)
        for event, held in (
            (AlarmEvent.UNSHELVE, shelved),
            (AlarmEvent.UNSUPPRESS, suppressed),
            (AlarmEvent.RETURN, out),
        )
        for back in (normal, unacknowledged, returned, latched, latched_known)
    ]
    # Behind the strongest hold the others, and the condition, go on.
    rows += [
        (held, event, held)
        for held in (shelved, suppressed, out)
        for event in (AlarmEvent.RAISE, AlarmEvent.CLEAR)
    ]
    rows += [
        (shelved, AlarmEvent.SUPPRESS, suppressed),
        (shelved, AlarmEvent.REMOVE, out),
        (suppressed, AlarmEvent.REMOVE, out),
        (suppressed, AlarmEvent.SHELVE, suppressed),
        (suppressed, AlarmEvent.UNSHELVE, suppressed),
        (suppressed, AlarmEvent.UNSUPPRESS, shelved),
        (out, AlarmEvent.SHELVE, out),
        (out, AlarmEvent.UNSHELVE, out),
        (out, AlarmEvent.SUPPRESS, out),
        (out, AlarmEvent.UNSUPPRESS, out),
        (out, AlarmEvent.RETURN, shelved),
        (out, AlarmEvent.RETURN, suppressed),
    ]
    return tuple(Transition(*row) for row in rows)


TRANSITIONS: Final = _table()
"""Every way there is; the comments name ISA-18.2's letters."""

"""Who is told of an alarm when nobody answers: steps after the raising, on a clock."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from domain.alarms.rotas import Rota, on_call
from domain.alarms.states import AlarmState
from domain.alarms.texts import Code, Name, Target

_MOST_STEPS: Final = 20
_ON_CALL: Final = "on-call:"


class Counted(enum.StrEnum):
    """On which clock a step's minutes are counted."""

    CLOCK = "clock"
    SHIFT = "shift"
    """Only while the site works: a step that is not urgent waits for the next shift."""


class Until(enum.StrEnum):
    """What ends the steps."""

    ACKNOWLEDGED = "acknowledged"
    CLEARED = "cleared"


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Telling some people.

    Attributes:
        after_minutes: after the raising.
        tell: codes of recipients, or `on-call:<rota>`: whoever is on call at that moment.
        counted: on which clock the minutes count.
    """

    after_minutes: Annotated[int, msgspec.Meta(ge=0, le=10_080)] = 0
    tell: Annotated[
        tuple[Target, ...],
        msgspec.Meta(min_length=1, max_length=50),
    ]
    counted: Counted = Counted.CLOCK


class Escalation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Steps that follow each other until somebody answers.

    Attributes:
        until: whether an acknowledgement ends them, or only the end of the condition.
        tell_cleared: whether those who were told are told as well that it is over.
    """

    code: Code
    name: Name
    steps: Annotated[tuple[Step, ...], msgspec.Meta(min_length=1, max_length=_MOST_STEPS)]
    until: Until = Until.ACKNOWLEDGED
    tell_cleared: bool = True

    def __post_init__(self) -> None:
        """Check the order of the steps.

        Raises:
            ValueError: a step comes before the one above it.
        """
        minutes = [step.after_minutes for step in self.steps]
        if minutes != sorted(minutes):
            raise ValueError("steps must stand in the order of their `after_minutes`")


# What has returned to normal by itself needs nobody any more, whether or not it was acknowledged.
_UNANSWERED: Final = frozenset({AlarmState.UNACKNOWLEDGED, AlarmState.LATCHED_UNACKNOWLEDGED})
_GOES_ON: Final = {
    Until.ACKNOWLEDGED: _UNANSWERED,
    Until.CLEARED: _UNANSWERED | {AlarmState.ACKNOWLEDGED, AlarmState.LATCHED_ACKNOWLEDGED},
}


class Due(msgspec.Struct, frozen=True):
    """A step that is due: its number from 0, and the moment at which it became due."""

    step: int
    at_ms: int


class Steps(msgspec.Struct, frozen=True):
    """The steps that are due, and when the next one will be."""

    due: tuple[Due, ...]
    next_ms: int | None


Advance = Callable[[int, int], int]
"""When so many milliseconds of working time after a moment have passed."""


def steps_due(
    escalation: Escalation,
    state: AlarmState,
    *,
    raised_ms: int,
    now_ms: int,
    done: Collection[int],
    advance: Advance | None = None,
) -> Steps:
    """Which steps of an alarm are due now.

    Args:
        escalation: the steps.
        state: of the alarm.
        raised_ms: when it was raised.
        now_ms: the moment.
        done: the numbers of steps that were made.
        advance: by the working time of its site; None: it works always.
    """
    if state not in _GOES_ON[escalation.until]:
        return Steps((), None)
    due, next_ms = [], None
    for number, step in enumerate(escalation.steps):
        if number in done:
            continue
        at_ms = raised_ms + step.after_minutes * 60_000
        if step.counted is Counted.SHIFT and advance is not None:
            at_ms = max(at_ms, advance(raised_ms, max(step.after_minutes * 60_000, 1)))
        if at_ms <= now_ms:
            due.append(Due(number, at_ms))
        else:
            next_ms = at_ms if next_ms is None else min(next_ms, at_ms)
    return Steps(tuple(due), next_ms)


class Told(msgspec.Struct, frozen=True):
    """Whom a step reaches: recipients, and the rotas that had nobody."""

    recipients: tuple[str, ...]
    uncovered: tuple[str, ...]


def told_by(step: Step, rotas: Mapping[str, Rota], at_ms: int) -> Told:
    """Whom a step tells at a moment, each once."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    recipients: dict[str, None] = {}
    uncovered = []
    for target in step.tell:
        if not target.startswith(_ON_CALL):
            recipients[target] = None
            continue
        code = target.removeprefix(_ON_CALL)
        rota = rotas.get(code)
        member = on_call(rota, at) if rota is not None else None
        if member is None:
            uncovered.append(code)
        else:
            recipients[member] = None
    return Told(tuple(recipients), tuple(uncovered))


def rotas_of(escalation: Escalation) -> frozenset[str]:
    """The rotas that an escalation names."""
    return frozenset(
        target.removeprefix(_ON_CALL)
        for step in escalation.steps
        for target in step.tell
        if target.startswith(_ON_CALL)
    )


def recipients_of(escalation: Escalation) -> frozenset[str]:
    """The recipients that an escalation names by themselves."""
    return frozenset(
        target
        for step in escalation.steps
        for target in step.tell
        if not target.startswith(_ON_CALL)
    )

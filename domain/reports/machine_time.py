"""What a machine's time went into, in the elements of ISO 22400-2.

The time model, from the whole to the part:

    POT   planned operation time: what the calendar has the machine work
    PBT   planned busy time = POT - planned downtime (planned stops, maintenance)
    PBT = APT + AUST + ADET + ADOT
    APT   actual production time: it executes
    AUST  actual unit set-up time
    ADET  actual unit delay time: interrupted while it has an order: failures, minor stoppages
    ADOT  actual unit downtime: it could work and has nothing to work on

Sources: ISO 22400-2:2014, time elements for work units, as they are quoted in OPC 40001-1 annex C.2
and OPC 40501-1 (machine tools) annex C.2.3 and C.2.4. The standard leaves open what the following
choices say; each is part of the definition that is shown beside the number:

- Where it is not known whether the machine had an order, the state decides, as in OPC 40501-1: a
  machine that is `down` is delayed, one that is `idle` has nothing to do.
- A *micro-stop* is a stop (idle or down, without a reason that classes it otherwise) shorter than a
  threshold that lies between two stretches of production. It is delay time by the standard, and
  with the policy `PERFORMANCE` part of the production time: then it lowers effectiveness, as in
  Nakajima's six big losses.
- Production and set-up outside the calendar are busy time that nobody planned: they are added to
  PBT, and told as overtime. So a shift of overtime cannot make availability exceed 1.
- Planned time of which the machine told nothing (offline) is neither worked nor excused: it stays
  in PBT, and is told as unknown. Time before a machine was first heard of, and after the moment as
  of which is asked, does not count at all.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, pairwise
from typing import Final

import msgspec

from contracts.telemetry import MachineState
from domain.reports.periods import Span, overlap_ms, parts

MICRO_STOP_MS: Final = 300_000
"""Shorter stops are micro-stops, where a plant has said nothing else: 5 minutes."""


class TimeClass(enum.StrEnum):
    """What a stretch of planned time went into; `PLANNED` lies outside of PBT."""

    PRODUCTION = "production"
    SETUP = "setup"
    DELAY = "delay"
    MICRO_STOP = "micro_stop"
    IDLE = "idle"
    UNKNOWN = "unknown"
    PLANNED = "planned"


LOSSES: Final = (
    TimeClass.DELAY,
    TimeClass.MICRO_STOP,
    TimeClass.SETUP,
    TimeClass.IDLE,
    TimeClass.UNKNOWN,
)
"""What planned busy time is lost to."""


class MicroStops(enum.StrEnum):
    """Which factor of OEE micro-stops lower."""

    AVAILABILITY = "availability"
    PERFORMANCE = "performance"


class Stretch(msgspec.Struct, frozen=True, gc=False):
    """A machine in one state: `[from_ms, until_ms)`, its whole length, whatever is asked for.

    Attributes:
        reason: told by the machine or by hand.
        has_order: an operation was on the machine; None: not known.
    """

    from_ms: int
    until_ms: int
    state: MachineState
    reason: str | None = None
    has_order: bool | None = None

    @property
    def span(self) -> Span:
        """When."""
        return Span(self.from_ms, self.until_ms)


class TimePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How a plant classes time.

    Attributes:
        reasons: stops with these reasons are classed so, whatever the state says.
        micro_stop_ms: see MICRO_STOP_MS; 0: there are none.
        micro_stops: which factor they lower.
    """

    reasons: Mapping[str, TimeClass] = {}
    micro_stop_ms: int = MICRO_STOP_MS
    micro_stops: MicroStops = MicroStops.AVAILABILITY


class Classed(msgspec.Struct, frozen=True, gc=False):
    """A stretch and its class. The class goes by the whole stretch, also where it is cut.

    Attributes:
        continued: a further part of a stop: it was counted where that began.
    """

    stretch: Stretch
    time_class: TimeClass
    continued: bool = False


class MachineTime(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of times (ms) over machines and periods: they may be added.

    Attributes:
        operation_ms: POT, as far as the machine was known by then.
        planned_stop_ms: planned downtime within the calendar.
        overtime_ms: production and set-up outside the calendar, counted in their own classes too.
        spent: per class, within PBT; it has every class but PLANNED.
        micro_stops: how many began in the period, within the calendar.
        stops: how many others did.
    """

    operation_ms: int = 0
    planned_stop_ms: int = 0
    overtime_ms: int = 0
    spent: Mapping[TimeClass, int]
    micro_stops: int = 0
    stops: int = 0

    @property
    def busy_ms(self) -> int:
        """PBT: POT less planned downtime, and overtime."""
        return self.operation_ms - self.planned_stop_ms + self.overtime_ms

    @property
    def production_ms(self) -> int:
        """APT without micro-stops, whichever factor these lower."""
        return self.spent[TimeClass.PRODUCTION]

    def __add__(self, other: MachineTime) -> MachineTime:
        return MachineTime(
            operation_ms=self.operation_ms + other.operation_ms,
            planned_stop_ms=self.planned_stop_ms + other.planned_stop_ms,
            overtime_ms=self.overtime_ms + other.overtime_ms,
            spent={each: self.spent[each] + other.spent[each] for each in self.spent},
            micro_stops=self.micro_stops + other.micro_stops,
            stops=self.stops + other.stops,
        )


def nothing() -> MachineTime:
    """No time at all: what sums begin with."""
    return MachineTime(spent=dict.fromkeys(_WITHIN_BUSY, 0))


def classed(stretches: Sequence[Stretch], policy: TimePolicy) -> list[Classed]:
    """What each stretch is, in order; neighbours decide what is a micro-stop.

    Args:
        stretches: of one machine, in order, without overlaps; gaps are unknown time.
        policy: the plant's.

    Raises:
        ValueError: stretches overlap or are out of order.
    """
    for one, other in pairwise(stretches):
        if other.from_ms < one.until_ms:
            raise ValueError(f"the stretch from {other.from_ms} begins before {one.until_ms}")
    before = chain([None], stretches)
    after = chain(stretches[1:], [None])
    return [
        Classed(each, _class_of(each, left, right, policy))
        for left, each, right in zip(before, stretches, after, strict=False)
    ]


def alone(stretch: Stretch, policy: TimePolicy) -> TimeClass:
    """What a stretch is that is no micro-stop, whatever its length and its neighbours."""
    return _class_of(stretch, None, None, policy)


def begins_in(each: Classed, working: Iterable[Span]) -> bool:
    """Whether it is counted within some spans: where it begins, once."""
    return not each.continued and any(there.holds(each.stretch.from_ms) for there in working)


def spent(
    some: Iterable[Classed], period: Span, planned: Iterable[Span], known: Span
) -> MachineTime:
    """What one machine's time in a period went into.

    Args:
        some: its stretches, `classed`; those outside of the period have no effect.
        period: what is asked for.
        planned: what the calendar has it work, in any order.
        known: from when it was first heard of to the moment as of which is asked.
    """
    asked = period.within(known)
    working = parts(planned, asked)
    times: dict[TimeClass, int] = dict.fromkeys(_WITHIN_BUSY, 0)
    planned_stop = overtime = micro_stops = stops = 0
    for each in some:
        span = each.stretch.span.within(asked)
        if not span.length_ms:
            continue
        inside = overlap_ms(span, working)
        if each.time_class is TimeClass.PLANNED:
            planned_stop += inside
            continue
        times[each.time_class] += inside
        if each.time_class in _WORK:
            times[each.time_class] += span.length_ms - inside
            overtime += span.length_ms - inside
        elif begins_in(each, working):
            micro_stops += each.time_class is TimeClass.MICRO_STOP
            stops += each.time_class in (TimeClass.DELAY, TimeClass.IDLE)
    operation = sum(span.length_ms for span in working)
    seen = sum(times.values()) - overtime + planned_stop
    times[TimeClass.UNKNOWN] += operation - seen
    return MachineTime(
        operation_ms=operation,
        planned_stop_ms=planned_stop,
        overtime_ms=overtime,
        spent=times,
        micro_stops=micro_stops,
        stops=stops,
    )


_WITHIN_BUSY: Final[tuple[TimeClass, ...]] = tuple(
    each for each in TimeClass if each is not TimeClass.PLANNED
)
_WORK: Final = (TimeClass.PRODUCTION, TimeClass.SETUP)
_STOPPED: Final = (MachineState.IDLE, MachineState.DOWN)
_BY_STATE: Final = {
    MachineState.RUNNING: TimeClass.PRODUCTION,
    MachineState.SETUP: TimeClass.SETUP,
    MachineState.PLANNED_STOP: TimeClass.PLANNED,
    MachineState.OFFLINE: TimeClass.UNKNOWN,
    MachineState.DOWN: TimeClass.DELAY,
    MachineState.IDLE: TimeClass.IDLE,
}


def _class_of(
    each: Stretch, left: Stretch | None, right: Stretch | None, policy: TimePolicy
) -> TimeClass:
    if each.state not in _STOPPED:
        return _BY_STATE[each.state]
    if each.reason is not None and each.reason in policy.reasons:
        return policy.reasons[each.reason]
    short = each.until_ms - each.from_ms < policy.micro_stop_ms
    if short and _produces_up_to(left, each.from_ms) and _produces_from(right, each.until_ms):
        return TimeClass.MICRO_STOP
    if each.has_order is None:
        return _BY_STATE[each.state]
    return TimeClass.DELAY if each.has_order else TimeClass.IDLE


def _produces_up_to(stretch: Stretch | None, moment_ms: int) -> bool:
    return (
        stretch is not None
        and stretch.state is MachineState.RUNNING
        and stretch.until_ms == moment_ms
    )


def _produces_from(stretch: Stretch | None, moment_ms: int) -> bool:
    return (
        stretch is not None
        and stretch.state is MachineState.RUNNING
        and stretch.from_ms == moment_ms
    )

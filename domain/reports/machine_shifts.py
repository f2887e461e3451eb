"""What a machine's shifts came to, by the operation that was on it: what revisions are made of.

Time is cut into *pieces*: the shifts that are planned for a machine, and what lies between them,
cut at midnight of the plant. A shift belongs to the day on which it begins. Within a piece, time
and losses belong to the operation that was on the machine, running or paused, and to none where
none was, or where it is not known. So the sum over operations is the piece, and over pieces the
period.

Where it is known which operation was on the machine, it decides between delay and idle time
(`machine_time`). A stop keeps its class when the operation changes within it if it is a micro-stop;
else each part goes by its own operation, and the stop is counted where it began.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta, tzinfo
from decimal import Decimal
from itertools import pairwise
from typing import Final, TypeAlias

import msgspec

from domain.plan.calendar import day_of, moment_of
from domain.plan.shifts import Layers, shifts_on
from domain.reports.machine_time import (
    LOSSES,
    Classed,
    MachineTime,
    Stretch,
    TimeClass,
    TimePolicy,
    alone,
    begins_in,
    classed,
    spent,
)
from domain.reports.oee import Output, Quantity, quantity
from domain.reports.periods import Span, overlap_ms, parts
from domain.reports.stop_reasons import Given, with_reasons

OUTSIDE: Final = ""
"""The name of what lies between shifts."""

_TOLD: Final = (*LOSSES, TimeClass.PLANNED)
_NONE: Final = Decimal(0)


class Piece(msgspec.Struct, frozen=True, order=True):
    """A shift, or time between two.

    Attributes:
        day: the plant's day on which it begins.
        shift: what people call it; OUTSIDE: none.
    """

    from_ms: int
    until_ms: int
    day: date
    shift: str

    @property
    def span(self) -> Span:
        """When."""
        return Span(self.from_ms, self.until_ms)


class OnMachine(msgspec.Struct, frozen=True, gc=False):
    """Which operation is on the machine from a moment on; None: none."""

    from_ms: int
    operation: int | None


class Made(msgspec.Struct, frozen=True, gc=False):
    """Pieces of a slot of five minutes; of None: of an operation that is not known."""

    slot_ms: int
    operation: int | None
    good: Decimal
    scrap: Decimal


class Rate(msgspec.Struct, frozen=True, gc=False):
    """What is planned of an operation on the machine: time per piece, and whether it is rework."""

    cycle_ms: int | None
    rework: bool = False


class MachinePast(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a machine around some pieces.

    Attributes:
        stretches: its states at their whole length as it told them; in order.
        said: reasons that people gave.
        on: which operation was on it, in order; before the first it is not known.
        planned: what the calendar has it work.
        known: from its first told state to the moment up to which is counted.
        made: its pieces, in order.
        rates: by operation.
    """

    stretches: Sequence[Stretch]
    on: Sequence[OnMachine]
    planned: Sequence[Span]
    known: Span
    made: Sequence[Made]
    rates: Mapping[int, Rate]
    said: Sequence[Given] = ()

    def parts(self, policy: TimePolicy) -> list[tuple[Classed, int | None]]:
        """Its stretches with reasons by hand, cut where the operation changes, with that."""
        return worked_parts(with_reasons(self.stretches, self.said), self.on, policy)


class Lost(msgspec.Struct, frozen=True, order=True):
    """What one reason took of planned busy time (of PLANNED: of the calendar), and how often."""

    time_class: TimeClass
    reason: str | None
    lost_ms: int
    count: int


class ShiftRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a piece came to under an operation: sums that may be added.

    Attributes:
        operation: None: none was on the machine, or it is not known which.
        reworked_scrap: of `quantity.reworked`, what was scrapped.
        losses: by class and reason.
    """

    piece: Piece
    operation: int | None
    time: MachineTime
    quantity: Quantity
    reworked_scrap: Decimal
    losses: tuple[Lost, ...]


def pieces(layers: Layers, zone: tzinfo, span: Span) -> list[Piece]:
    """The pieces that overlap a span, whole and in order.

    Of shifts that overlap each other the earlier one ends where the later one begins.

    Args:
        layers: the shifts of the machine; none: its days are pieces.
        zone: the plant's.
        span: what is asked for.
    """
    first = day_of(span.from_ms, zone) - timedelta(days=2)
    last = day_of(span.until_ms, zone) + timedelta(days=2)
    shifts = sorted(
        (each.start_ms, each.end_ms, each.day, each.shift)
        for each in shifts_on(layers, zone, first, last)
    )
    later = [*(begins for begins, *_ in shifts[1:]), 2**62]
    found: list[Piece] = []
    at = moment_of(first + timedelta(days=1), 0, zone)
    for (begins, ends, day, shift), following in zip(shifts, later, strict=False):
        until = min(ends, following)
        if until <= max(begins, at):
            continue
        found += _between(at, begins, zone)
        found.append(Piece(begins, until, day, shift))
        at = until
    found += _between(at, moment_of(last, 0, zone), zone)
    return [each for each in found if each.until_ms > span.from_ms and each.from_ms < span.until_ms]


def _between(from_ms: int, until_ms: int, zone: tzinfo) -> Iterator[Piece]:
    """Time without a shift, by days."""
    while from_ms < until_ms:
        day = day_of(from_ms, zone)
        ends = min(until_ms, moment_of(day + timedelta(days=1), 0, zone))
        yield Piece(from_ms, ends, day, OUTSIDE)
        from_ms = ends


_Part: TypeAlias = tuple[Classed, int | None]


def reckon(some: Iterable[Piece], past: MachinePast, policy: TimePolicy) -> list[ShiftRow]:
    """What each piece came to, by operation; rows that are all zero are left out.

    Args:
        some: pieces within what is known of the machine's past.
        past: what is known.
        policy: the plant's.
    """
    found = past.parts(policy)
    ends = [each.stretch.until_ms for each, _ in found]
    slots = [each.slot_ms for each in past.made]
    rows: list[ShiftRow] = []
    for piece in some:
        at = bisect_right(ends, piece.from_ms)
        inside: dict[int | None, list[Classed]] = defaultdict(list)
        inside[None] = []
        while at < len(found) and found[at][0].stretch.from_ms < piece.until_ms:
            inside[found[at][1]].append(found[at][0])
            at += 1
        until_ms = min(piece.until_ms, past.known.until_ms)
        made = past.made[bisect_left(slots, piece.from_ms) : bisect_left(slots, until_ms)]
        for each in made:
            inside.setdefault(each.operation, [])
        rows += _rows(piece, inside, made, past)
    return rows


def worked_parts(
    stretches: Sequence[Stretch], on: Sequence[OnMachine], policy: TimePolicy
) -> list[_Part]:
    """Stretches cut where the operation on the machine changes, each with it and its class."""
    edges = [each.from_ms for each in on]
    found: list[_Part] = []
    for whole in classed(stretches, policy):
        stretch = whole.stretch
        inside = edges[bisect_right(edges, stretch.from_ms) : bisect_left(edges, stretch.until_ms)]
        for number, (begins, until) in enumerate(
            pairwise([stretch.from_ms, *dict.fromkeys(inside), stretch.until_ms])
        ):
            at = bisect_right(edges, begins) - 1
            operation = on[at].operation if at >= 0 else None
            part = msgspec.structs.replace(
                stretch,
                from_ms=begins,
                until_ms=until,
                has_order=operation is not None if at >= 0 else stretch.has_order,
            )
            micro = whole.time_class is TimeClass.MICRO_STOP
            time_class = whole.time_class if micro else alone(part, policy)
            found.append((Classed(part, time_class, continued=number > 0), operation))
    return found


def _rows(
    piece: Piece,
    inside: Mapping[int | None, Sequence[Classed]],
    made: Iterable[Made],
    past: MachinePast,
) -> Iterator[ShiftRow]:
    working = parts(past.planned, piece.span.within(past.known))
    outputs: dict[int | None, list[Output]] = defaultdict(list)
    for each in made:
        rate = past.rates.get(each.operation, Rate(None)) if each.operation else Rate(None)
        outputs[each.operation].append(
            Output(good=each.good, scrap=each.scrap, cycle_ms=rate.cycle_ms, rework=rate.rework)
        )
    covered: list[Span] = []
    for operation in sorted(inside, key=lambda each: (each is None, each)):
        some = inside[operation]
        if operation is None:  # last: what no operation has
            planned = _without(working, covered)
        else:
            planned = [span for each in some for span in parts(working, each.stretch.span)]
            covered += planned
        planned = parts(planned, piece.span)
        time = spent(some, piece.span, planned, past.known)
        pieces_made = quantity(outputs[operation])
        losses = _losses(some, piece.span.within(past.known), planned)
        if not (time.operation_ms or time.overtime_ms or losses or outputs[operation]):
            continue
        yield ShiftRow(
            piece=piece,
            operation=operation,
            time=time,
            quantity=pieces_made,
            reworked_scrap=sum((each.scrap for each in outputs[operation] if each.rework), _NONE),
            losses=losses,
        )


def _losses(some: Sequence[Classed], asked: Span, working: Sequence[Span]) -> tuple[Lost, ...]:
    lost: dict[tuple[TimeClass, str | None], int] = defaultdict(int)
    counts: dict[tuple[TimeClass, str | None], int] = defaultdict(int)
    unseen = sum(span.length_ms for span in working)
    for each in some:
        span = each.stretch.span.within(asked)
        inside = overlap_ms(span, working)
        unseen -= inside
        if each.time_class not in _TOLD:
            continue
        reason = (each.time_class, each.stretch.reason)
        lost[reason] += span.length_ms if each.time_class is TimeClass.SETUP else inside
        counts[reason] += begins_in(each, working)
    lost[TimeClass.UNKNOWN, None] += unseen
    return tuple(
        sorted(
            (
                Lost(time_class, reason, ms, counts[time_class, reason])
                for (time_class, reason), ms in lost.items()
                if ms
            ),
            key=lambda each: (each.time_class, each.reason or ""),
        )
    )


def _without(working: Sequence[Span], covered: Sequence[Span]) -> list[Span]:
    """What of spans in order lies outside of others."""
    found: list[Span] = []
    gone = sorted(covered)
    for span in working:
        at = span.from_ms
        for each in gone:
            if each.until_ms <= at or each.from_ms >= span.until_ms:
                continue
            if each.from_ms > at:
                found.append(Span(at, each.from_ms))
            at = max(at, each.until_ms)
        if at < span.until_ms:
            found.append(Span(at, span.until_ms))
    return found

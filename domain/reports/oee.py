"""Overall equipment effectiveness by ISO 22400-2, and what it was lost to.

    availability   = APT / PBT
    effectiveness  = PRI x PQ / APT      (PRI: planned run time per item)
    quality ratio  = GQ / PQ             (good and produced quantity)
    OEE index      = availability x effectiveness x quality ratio

Source: ISO 22400-2:2014, as quoted in OPC 40501-1 annex C.2.4. Over several operations PRI x PQ is
the sum of their planned run times, over several machines every element is summed first: so a line's
OEE weighs its machines by their time, and does not change when a day is cut into shifts.

What the standard leaves open: pieces of a rework order are run time (PRI x PQ), and no produced
quantity, since they were produced before. Effectiveness may exceed 1 where planned run times are
too generous; it is shown as it is, never cut. Pieces without a planned run time make it unknown,
as it would be too low without them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeAlias

import msgspec

from domain.reports.machine_time import (
    LOSSES,
    Classed,
    MachineTime,
    MicroStops,
    TimeClass,
    begins_in,
    nothing,
)
from domain.reports.periods import Span, overlap_ms, parts
from domain.reports.ratios import ZERO, Absent, Ratio, parts_of_one, product, ratio

_NONE: Final = Decimal(0)


class Output(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Pieces of one operation on one machine.

    Attributes:
        good: pieces.
        scrap: pieces.
        cycle_ms: planned run time per piece; None: not known.
        rework: they had been counted before.
    """

    good: Decimal
    scrap: Decimal
    cycle_ms: int | None
    rework: bool = False


class Quantity(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of pieces over machines and periods: they may be added.

    Attributes:
        good: GQ; `scrap` besides makes PQ.
        reworked: pieces of rework orders, good or not.
        run_ms: PRI x PQ: what the pieces should have taken, those of rework orders too.
        unrated: pieces without a planned run time.
    """

    good: Decimal = _NONE
    scrap: Decimal = _NONE
    reworked: Decimal = _NONE
    run_ms: Decimal = _NONE
    unrated: Decimal = _NONE

    @property
    def produced(self) -> Decimal:
        """PQ."""
        return self.good + self.scrap

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(
            good=self.good + other.good,
            scrap=self.scrap + other.scrap,
            reworked=self.reworked + other.reworked,
            run_ms=self.run_ms + other.run_ms,
            unrated=self.unrated + other.unrated,
        )


def quantity(outputs: Iterable[Output]) -> Quantity:
    """The sums of outputs."""
    good = scrap = reworked = run_ms = unrated = _NONE
    for each in outputs:
        pieces = each.good + each.scrap
        if each.cycle_ms is None:
            unrated += pieces
        else:
            run_ms += pieces * each.cycle_ms
        if each.rework:
            reworked += pieces
        else:
            good += each.good
            scrap += each.scrap
    return Quantity(good=good, scrap=scrap, reworked=reworked, run_ms=run_ms, unrated=unrated)


class Oee(msgspec.Struct, frozen=True, kw_only=True):
    """The index, its three factors, and the sums that they are made of.

    Attributes:
        coverage: which part of the planned busy time something is known of. An index with a low
            coverage says more about the connection than about the machine.
    """

    availability: Ratio
    effectiveness: Ratio
    quality: Ratio
    index: Ratio
    coverage: Ratio
    time: MachineTime
    quantity: Quantity


def oee(
    time: MachineTime, pieces: Quantity, micro_stops: MicroStops = MicroStops.AVAILABILITY
) -> Oee:
    """The figures of whatever the sums are over: a machine or a line, a shift or a year."""
    busy = time.busy_ms
    unknown = time.spent[TimeClass.UNKNOWN]
    produced = time.production_ms
    if micro_stops is MicroStops.PERFORMANCE:
        produced += time.spent[TimeClass.MICRO_STOP]
    availability = ratio(produced, busy, Absent.NOT_PLANNED)
    if busy and unknown == busy:
        availability = Ratio(ZERO, Fraction(busy), Absent.NOTHING_TOLD)
    effectiveness = ratio(pieces.run_ms, produced, Absent.NOT_PRODUCED)
    if pieces.unrated and effectiveness.absent is None:
        effectiveness = Ratio(effectiveness.part, effectiveness.whole, Absent.NO_CYCLE_TIME)
    quality = ratio(pieces.good, pieces.produced, Absent.NOT_PRODUCED)
    return Oee(
        availability=availability,
        effectiveness=effectiveness,
        quality=quality,
        index=_index(availability, effectiveness, quality),
        coverage=ratio(busy - unknown, busy, Absent.NOT_PLANNED),
        time=time,
        quantity=pieces,
    )


def _index(availability: Ratio, effectiveness: Ratio, quality: Ratio) -> Ratio:
    """The product. What was to work and is known not to have worked has 0, not nothing."""
    if availability.absent is None and not availability.part:
        return availability
    return product(availability, effectiveness, quality)


def summed(times: Iterable[MachineTime]) -> MachineTime:
    """The sum over machines or periods."""
    return sum(times, nothing())


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """What one reason cost.

    Attributes:
        time_class: what it counts as.
        reason: as it was told; None: nobody told one.
        lost_ms: of planned busy time.
        count: how often it began in the period.
        share: of everything that was lost, exactly; shares add up to 1.
        cumulative: the shares up to and with this one.
    """

    time_class: TimeClass
    reason: str | None
    lost_ms: int
    count: int
    share: Fraction
    cumulative: Fraction


Reason: TypeAlias = tuple[TimeClass, str | None]


def pareto(
    machines: Iterable[tuple[Iterable[Classed], Iterable[Span]]], period: Span, known: Span
) -> list[Loss]:
    """What planned busy time was lost to, the most expensive reason first (Pareto).

    Args:
        machines: for each its classed stretches, and what the calendar has it work.
        period: what is asked for.
        known: see `domain.reports.machine_time.spent`.
    """
    asked = period.within(known)
    lost: dict[Reason, int] = defaultdict(int)
    counts: dict[Reason, int] = defaultdict(int)
    for some, planned in machines:
        working = parts(planned, asked)
        unseen = sum(span.length_ms for span in working)
        for each in some:
            span = each.stretch.span.within(asked)
            inside = overlap_ms(span, working)
            unseen -= inside
            if each.time_class not in LOSSES:
                continue
            reason = (each.time_class, each.stretch.reason)
            worked = each.time_class is TimeClass.SETUP
            lost[reason] += span.length_ms if worked else inside
            counts[reason] += begins_in(each, working)
        lost[TimeClass.UNKNOWN, None] += unseen
    return _ranked({reason: ms for reason, ms in lost.items() if ms}, counts)


def _ranked(lost: Mapping[Reason, int], counts: Mapping[Reason, int]) -> list[Loss]:
    shares = parts_of_one(lost)
    cumulative = ZERO
    losses = []
    for reason in sorted(lost, key=lambda each: (-lost[each], each[0], each[1] or "")):
        cumulative += shares[reason]
        losses.append(
            Loss(
                time_class=reason[0],
                reason=reason[1],
                lost_ms=lost[reason],
                count=counts.get(reason, 0),
                share=shares[reason],
                cumulative=cumulative,
            )
        )
    return losses

"""Lead time by stage, from the moments that an order's way is marked by.

    lead time              = last milestone reached - received
    order processing time  = confirmed - received        (the order desk's part)
    stage                  = what passed until its milestone, since the one before it

Stages add up to the lead time exactly. A milestone that nobody recorded gives its time to the next
one that was; one that is earlier than those before it (a machine that began before the release was
entered) takes no time. Times are by the clock, nights included: what a customer waits.

Source: the stages are those of order tracking; "order processing" as in SCOR RS.2 (order
fulfilment cycle time, ASCM SCOR Digital Standard).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final

import msgspec

from domain.reports.periods import Span
from domain.reports.ratios import ZERO, Absent, Ratio, parts_of_one, ratio, total


class Stage(enum.StrEnum):
    """A part of an order's way; its name says what ends it."""

    CONFIRMATION = "confirmation"
    RELEASE = "release"
    START = "start"
    PRODUCTION = "production"
    PACKING = "packing"
    SHIPPING = "shipping"
    DELIVERY = "delivery"


STAGES: Final = tuple(Stage)
"""In the order in which an order goes through them."""


class Milestones(msgspec.Struct, frozen=True, kw_only=True):
    """When an order line was received, and when each stage ended; epoch ms."""

    order: int
    line: int
    received_ms: int
    reached: Mapping[Stage, int]


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """How long a line's stages took (ms), those it went through."""

    order: int
    line: int
    received_ms: int
    ended_ms: int
    stages: Mapping[Stage, int]

    @property
    def lead_ms(self) -> int:
        """The whole: the sum of the stages."""
        return self.ended_ms - self.received_ms


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """How long something took, over many.

    Attributes:
        count: of how many.
        mean: milliseconds.
        median_ms: nearest rank, like the others.
    """

    count: int
    mean: Ratio
    median_ms: int | None
    p90_ms: int | None
    longest_ms: int | None


def way(line: Milestones) -> Way:
    """A line's stages: what passed until each milestone."""
    at = line.received_ms
    stages: dict[Stage, int] = {}
    for stage in STAGES:
        reached = line.reached.get(stage)
        if reached is not None:
            stages[stage] = max(reached - at, 0)
            at = max(at, reached)
    return Way(
        order=line.order,
        line=line.line,
        received_ms=line.received_ms,
        ended_ms=at,
        stages=stages,
    )


def ended_in(lines: Iterable[Milestones], period: Span, last: Stage, *, as_of_ms: int) -> list[Way]:
    """The ways of lines that reached a stage's end in a period, up to that end.

    Milestones at `as_of_ms` or later were not known then.
    """
    found = []
    for line in lines:
        end = line.reached.get(last)
        if end is None or end >= as_of_ms or not period.holds(end):
            continue
        upto = STAGES[: STAGES.index(last) + 1]
        reached = {each: line.reached[each] for each in upto if each in line.reached}
        # What was entered after the end belongs to the time before it: the end is the end.
        reached = {each: min(moment, end) for each, moment in reached.items()}
        found.append(way(msgspec.structs.replace(line, reached=reached)))
    return found


def times(lengths: Iterable[int]) -> Times:
    """Mean and percentiles of some durations (ms)."""
    ordered = sorted(lengths)
    return Times(
        count=len(ordered),
        mean=ratio(sum(ordered), len(ordered), Absent.NOTHING_ENDED),
        median_ms=_percentile(ordered, 50),
        p90_ms=_percentile(ordered, 90),
        longest_ms=ordered[-1] if ordered else None,
    )


def by_stage(ways: Sequence[Way]) -> dict[Stage, Times]:
    """Each stage's times; a stage that nobody went through has a count of 0."""
    return {
        stage: times(each.stages[stage] for each in ways if stage in each.stages)
        for stage in STAGES
    }


def stage_shares(ways: Sequence[Way]) -> dict[Stage, Fraction]:
    """Each stage's part of all lead time together; they add up to 1."""
    return parts_of_one(
        {
            stage: total(each.stages[stage] for each in ways if stage in each.stages)
            for stage in STAGES
        }
    )


def mean_lead(ways: Sequence[Way]) -> Ratio:
    """The mean lead time in ms: the sum of the stages' sums by the number of lines."""
    whole = sum((Fraction(each.lead_ms) for each in ways), ZERO)
    return ratio(whole, len(ways), Absent.NOTHING_ENDED)


def _percentile(ordered: Sequence[int], percent: int) -> int | None:
    """The smallest value that at least so many percent do not exceed (nearest rank)."""
    if not ordered:
        return None
    return ordered[-(-len(ordered) * percent // 100) - 1]

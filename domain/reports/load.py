"""Load per machine, line or site, and where the bottlenecks are.

    load        = needed time / working time    (set-up and run of what is planned in the period)
    utilization = time in use / working time    (ISO 22400-2: APT and set-up by planned busy time)

Needed time outside of working time counts (overtime that a plan uses), so load may exceed 1: it is
what has to be done, not what fits. The bottleneck is where load is highest; a machine that has
needed time and none to do it in stands before all others.

Source: Hopp & Spearman, "Factory Physics", 3rd ed., ch. 8: the bottleneck is the resource with the
highest long-term utilization.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from domain.reports.periods import Span, overlap_ms, parts
from domain.reports.ratios import Absent, Ratio, ratio


class MachineLoad(msgspec.Struct, frozen=True, kw_only=True):
    """One machine in a period: sums that may be added.

    Attributes:
        place: the machine's path, or what several are added under.
        needed_ms: set-up and run of what is planned.
        used_ms: set-up and run that happened.
        working_ms: what the calendar has it work.
    """

    place: str
    needed_ms: int
    used_ms: int
    working_ms: int

    @property
    def load(self) -> Ratio:
        """Above 1: more than fits."""
        return ratio(self.needed_ms, self.working_ms, Absent.NO_CAPACITY)

    @property
    def utilization(self) -> Ratio:
        """Of what could be worked."""
        return ratio(self.used_ms, self.working_ms, Absent.NO_CAPACITY)


def machine_load(
    place: str, needed: Iterable[Span], used: Iterable[Span], working: Iterable[Span], period: Span
) -> MachineLoad:
    """One machine's load in a period.

    Args:
        place: the machine's path.
        needed: from set-up's beginning to the end, as planned. Overlapping ones (a furnace's
            batches) are used at once: they count once.
        used: stretches of production and set-up.
        working: what the calendar has it work.
        period: what is asked for.
    """
    working_parts = parts(working, period)
    return MachineLoad(
        place=place,
        needed_ms=overlap_ms(period, parts(needed, period)),
        used_ms=overlap_ms(period, parts(used, period)),
        working_ms=overlap_ms(period, working_parts),
    )


def under(machines: Iterable[MachineLoad], depth: int) -> list[MachineLoad]:
    """The sums by the first `depth` levels of the path: 1 the site, 3 the line; by name."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for each in machines:
        place = "/".join(each.place.split("/")[:depth])
        for index, ms in enumerate((each.needed_ms, each.used_ms, each.working_ms)):
            sums[place][index] += ms
    return [
        MachineLoad(place=place, needed_ms=needed, used_ms=used, working_ms=working)
        for place, (needed, used, working) in sorted(sums.items())
    ]


def bottlenecks(loads: Iterable[MachineLoad]) -> list[MachineLoad]:
    """Those with anything to do, the most loaded first."""
    return sorted(
        (each for each in loads if each.needed_ms),
        key=lambda each: (each.working_ms > 0, -(each.load.exact or 0), each.place),
    )

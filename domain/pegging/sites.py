"""Which site makes or delivers an order line: the one that can, in time, with the least way."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import msgspec


class Source(enum.StrEnum):
    """Where a site has it from."""

    STOCK = "stock"
    MAKE = "make"


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """What a site could do for a line. Epoch milliseconds.

    Attributes:
        site: its code.
        home: whether it is the site that handles the order.
        source: from stock, or by making it; None: it cannot.
        ready_ms: when all of it would lie there.
        transport_ms: the way from there to the site that handles the order.
        why_not: why it cannot, or that its date is not known; None: it can.
    """

    site: str
    home: bool
    source: Source | None = None
    ready_ms: int | None = None
    transport_ms: int = 0
    why_not: str | None = None

    @property
    def arrives_ms(self) -> int | None:
        """When it would be where the order is handled."""
        return None if self.ready_ms is None else self.ready_ms + self.transport_ms

    def in_time(self, due_ms: int | None) -> bool:
        """Whether it arrives by then; without a due date any date is in time."""
        arrives = self.arrives_ms
        return arrives is not None and (due_ms is None or arrives <= due_ms)


class Chosen(msgspec.Struct, frozen=True):
    """The site that the rule chooses, and why; None: no site can."""

    site: str | None
    reason: str


def choose(candidates: Sequence[Candidate], due_ms: int | None) -> Chosen:
    """The site for a line.

    Of those that are in time the one that handles the order, else the one with the shortest way,
    else the earliest; if none is in time, the one where it arrives first. Ties by code.
    """
    able = [each for each in candidates if each.why_not is None and each.arrives_ms is not None]
    if not able:
        return Chosen(None, "no site can make it or has it in stock")
    in_time = [each for each in able if each.in_time(due_ms)]
    if in_time:
        best = min(
            in_time,
            key=lambda each: (not each.home, each.transport_ms, each.arrives_ms or 0, each.site),
        )
        others = len(in_time) - 1
        if best.home:
            return Chosen(best.site, "it handles the order and is in time")
        reason = "it is in time, the order's own site is not"
        return Chosen(best.site, f"{reason}; {others} others are" if others else reason)
    best = min(able, key=lambda each: (each.arrives_ms or 0, not each.home, each.site))
    return Chosen(best.site, "no site is in time; from here it arrives first")

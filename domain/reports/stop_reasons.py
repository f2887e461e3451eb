"""Reasons that people give for stops, laid over what machines told.

Somebody who says why a machine stood says it of a stretch of time, mostly afterwards, and may be
corrected by somebody else. Entries are only ever added: of those that cover a moment the one that
was recorded last holds, and one without a reason takes back what people said before. What the
machine told stays underneath. Reasons are laid over stops only (idle, down, planned, offline):
nobody talks production away.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from itertools import pairwise
from typing import Final

import msgspec

from contracts.telemetry import MachineState
from domain.reports.machine_time import Stretch
from domain.reports.periods import Span

STOPS: Final = frozenset(
    {MachineState.IDLE, MachineState.DOWN, MachineState.PLANNED_STOP, MachineState.OFFLINE}
)


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A reason that somebody gave.

    Attributes:
        span: which time it is of.
        reason: None: what people said of this time before is taken back.
        recorded_ms: when it was said, epoch ms.
        number: of the entry, which tells those of one millisecond apart.
    """

    span: Span
    reason: str | None
    recorded_ms: int
    number: int


def with_reasons(
    stretches: Sequence[Stretch], given: Iterable[Given], *, as_of_ms: int = 2**62
) -> list[Stretch]:
    """The stretches with what people said of them before a moment, or ever.

    A stretch is cut where what was said of it changes; one of which nothing was said stays whole.
    """
    known = sorted(
        (each for each in given if each.recorded_ms < as_of_ms and each.span.length_ms),
        key=lambda each: (each.recorded_ms, each.number),
    )
    edges = sorted({edge for each in known for edge in (each.span.from_ms, each.span.until_ms)})
    said = _said(known, edges)
    found: list[Stretch] = []
    for each in stretches:
        if each.state not in STOPS or each.until_ms <= each.from_ms:
            found.append(each)
            continue
        inside = edges[bisect_left(edges, each.from_ms + 1) : bisect_left(edges, each.until_ms)]
        cuts = [each.from_ms, *inside, each.until_ms]
        pieces: list[Stretch] = []
        for begins, ends in pairwise(cuts):
            index = bisect_left(edges, begins + 1) - 1
            reason = said[index] if index >= 0 else None
            told = msgspec.structs.replace(
                each,
                from_ms=begins,
                until_ms=ends,
                reason=each.reason if reason is None else reason,
            )
            if pieces and pieces[-1].reason == told.reason:
                pieces[-1] = msgspec.structs.replace(pieces[-1], until_ms=ends)
            else:
                pieces.append(told)
        found += pieces
    return found


def _said(known: Sequence[Given], edges: Sequence[int]) -> list[str | None]:
    """What holds from each edge on: the last that was said of it."""
    waiting = sorted(range(len(known)), key=lambda index: known[index].span.from_ms, reverse=True)
    holding: list[tuple[int, int]] = []
    said: list[str | None] = []
    for edge in edges:
        while waiting and known[waiting[-1]].span.from_ms <= edge:
            index = waiting.pop()
            heappush(holding, (-index, known[index].span.until_ms))
        while holding and holding[0][1] <= edge:
            heappop(holding)
        said.append(known[-holding[0][0]].reason if holding else None)
    return said

"""Strategies and a small machine for the tests of reports."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from contracts.telemetry import MachineState
from domain.reports.machine_time import Stretch
from domain.reports.periods import Span

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
T0 = 1_767_571_200_000  # 2026-01-05 00:00 UTC, a Monday

ALWAYS = Span(0, T0 + 1_000 * DAY)


@st.composite
def stretches(draw: st.DrawFn, most: int = 14) -> list[Stretch]:
    """A machine's past from about T0 on: states of odd lengths, some with gaps between them."""
    at = T0 + draw(st.integers(-HOUR, HOUR))
    found = []
    for _ in range(draw(st.integers(0, most))):
        at += draw(st.sampled_from([0, 0, 0, 7 * MINUTE]))
        until = at + draw(st.integers(1, 90 * MINUTE))
        found.append(
            Stretch(
                at,
                until,
                draw(st.sampled_from(MachineState)),
                draw(st.sampled_from([None, None, "jam", "lunch"])),
                draw(st.sampled_from([None, True, False])),
            )
        )
        at = until
    return found


@st.composite
def spans(draw: st.DrawFn, most: int = 5) -> list[Span]:
    """Any spans around T0, which may overlap."""
    found = []
    for _ in range(draw(st.integers(0, most))):
        begins = T0 + draw(st.integers(-2 * HOUR, 20 * HOUR))
        found.append(Span(begins, begins + draw(st.integers(0, 9 * HOUR))))
    return found


@st.composite
def borders(draw: st.DrawFn) -> list[int]:
    """Moments that cut time into at least one period, in order."""
    cuts = draw(st.lists(st.integers(-HOUR, 22 * HOUR), min_size=2, max_size=6, unique=True))
    return sorted(T0 + each for each in cuts)


def pieces(largest: int = 10_000) -> st.SearchStrategy[Decimal]:
    """Quantities with up to three decimals."""
    return st.decimals(0, largest, places=3)

"""What is so at one moment, as far as alarm rules ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from domain.alarms.conditions import (
    Condition,
    DeadLetters,
    GatewayOffline,
    LineDown,
    MachineDown,
    MachineSilent,
    OrderAtRisk,
    OrderLate,
    PaceBelow,
    PlanInfeasible,
    ReadingOutside,
    ScrapRate,
    Shortage,
)


class ReadingFact(msgspec.Struct, frozen=True):
    """A machine's newest reading of a metric."""

    value: float
    at_ms: int
    unit: str | None = None


class MachineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A machine.

    Attributes:
        path: `site/area/line/machine`.
        configured: whether somebody set it up; one that was only heard of is expected to do
            nothing.
        state, reason, since_ms: what it says, and since when.
        last_seen_ms: when it was heard of last.
        pace_percent: of the standard pace, where something runs whose pace is known.
        works: whether its shift works at this moment.
        pieces: good and scrap of the last minutes, by how many.
        readings: by metric.
    """

    id: int
    path: str
    name: str
    configured: bool
    state: str
    reason: str | None
    since_ms: int | None
    last_seen_ms: int | None
    pace_percent: int | None = None
    works: bool = True
    pieces: Mapping[int, tuple[Decimal, Decimal]] = {}
    readings: Mapping[str, ReadingFact] = {}

    @property
    def site(self) -> str:
        """The code of its site."""
        return self.path.partition("/")[0]

    @property
    def line(self) -> str:
        """The place of its line, `site/area/line`."""
        return self.path.rpartition("/")[0]


class OrderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An open order that is due: when, and when its open lines are projected to be made."""

    id: int
    number: str
    site: str
    customer: str
    priority: int
    due_ms: int
    late_minutes: int | None
    """How much later than due the worst of its lines is projected; None: not projected."""


class ShortageFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An item of which a site's released work lacks something."""

    site: str
    item: str
    item_name: str
    unit: str
    missing: Decimal
    need_ms: int
    comes_ms: int | None
    work_orders: tuple[str, ...]


class ScopeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A planning scope whose newest question to the planner has no plan for an answer."""

    scope: str
    sites: tuple[str, ...]
    failed_ms: int
    codes: tuple[str, ...]
    """Of the facts that contradict each other."""


class LetterFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A site's refused messages of the last minutes, by how many."""

    site: str
    counts: Mapping[int, int]


class GatewayFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway that was heard of at some time."""

    name: str
    last_heard_ms: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is so at one moment; what nobody asked for is empty."""

    now_ms: int
    machines: Sequence[MachineFacts] = ()
    orders: Sequence[OrderFacts] = ()
    shortages: Sequence[ShortageFacts] = ()
    scopes: Sequence[ScopeFacts] = ()
    letters: Sequence[LetterFacts] = ()
    gateways: Sequence[GatewayFacts] = ()


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """Which facts rules ask for.

    Attributes:
        pieces_minutes, letters_minutes: for how many of the last minutes.
        metrics: which readings, of the last `fresh_minutes`.
        shortage_hours: how far ahead; None: not asked for.
    """

    machines: bool = False
    pace: bool = False
    pieces_minutes: frozenset[int] = frozenset()
    metrics: frozenset[str] = frozenset()
    fresh_minutes: int = 0
    orders: bool = False
    shortage_hours: int | None = None
    scopes: bool = False
    letters_minutes: frozenset[int] = frozenset()
    gateways: bool = False


_OF_MACHINES = (MachineDown, MachineSilent, LineDown, PaceBelow, ScrapRate, ReadingOutside)


def needs_of(conditions: Iterable[Condition]) -> Needs:
    """The facts that conditions are judged by."""
    all_ = tuple(conditions)
    shortages = [each.within_hours for each in all_ if isinstance(each, Shortage)]
    return Needs(
        machines=any(isinstance(each, _OF_MACHINES) for each in all_),
        pace=any(isinstance(each, PaceBelow) for each in all_),
        pieces_minutes=frozenset(
            each.window_minutes for each in all_ if isinstance(each, ScrapRate)
        ),
        metrics=frozenset(each.metric for each in all_ if isinstance(each, ReadingOutside)),
        fresh_minutes=max(
            (each.fresh_minutes for each in all_ if isinstance(each, ReadingOutside)), default=0
        ),
        orders=any(isinstance(each, OrderAtRisk | OrderLate) for each in all_),
        shortage_hours=max(shortages, default=None),
        scopes=any(isinstance(each, PlanInfeasible) for each in all_),
        letters_minutes=frozenset(
            each.window_minutes for each in all_ if isinstance(each, DeadLetters)
        ),
        gateways=any(isinstance(each, GatewayOffline) for each in all_),
    )

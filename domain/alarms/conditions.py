"""The conditions that an alarm rule may watch for: a tagged union, told apart by `kind`.

A numeric condition has a dead band (hysteresis, ISA-18.2 10.5): an alarm that is active stays so
until the value has come back by that much beyond the limit.
"""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Final, TypeAlias

import msgspec

from domain.alarms.subjects import SubjectKind
from domain.alarms.texts import Word

_Percent = Annotated[float, msgspec.Meta(gt=0, le=100)]
_DeadBand = Annotated[float, msgspec.Meta(ge=0, le=1_000_000_000)]
_Minutes = Annotated[int, msgspec.Meta(ge=1, le=10_080)]
_Priority = Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)]
_Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class _Condition(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", forbid_unknown_fields=True
):
    """What all conditions have in common: nothing but how they are told apart."""


class MachineDown(_Condition, frozen=True, kw_only=True, tag="machine_down"):
    """A machine is in one of these states, for one of these reasons (none: for any)."""

    states: tuple[Word, ...] = ("down",)
    reasons: tuple[Word, ...] = ()


class MachineSilent(_Condition, frozen=True, kw_only=True, tag="machine_silent"):
    """Nothing was heard of a machine for so long."""

    minutes: _Minutes = 5


class LineDown(_Condition, frozen=True, kw_only=True, tag="line_down"):
    """So many of a line's machines are down, in percent."""

    percent: _Percent = 100.0


class PaceBelow(_Condition, frozen=True, kw_only=True, tag="pace_below"):
    """A running machine is slower than so many percent of its standard pace."""

    percent: _Percent
    dead_band: _DeadBand = 5.0


class OrderAtRisk(_Condition, frozen=True, kw_only=True, tag="order_at_risk"):
    """An order is projected to end so many minutes after a due date that has not come yet."""

    minutes: _Minutes = 60
    priority_at_least: _Priority | None = None


class OrderLate(_Condition, frozen=True, kw_only=True, tag="order_late"):
    """An order's due date is past by so many minutes, and it is not made."""

    minutes: _Minutes = 1
    priority_at_least: _Priority | None = None


class Shortage(_Condition, frozen=True, kw_only=True, tag="shortage"):
    """Released work lacks an item within so many hours, and nothing brings it in time."""

    within_hours: Annotated[int, msgspec.Meta(ge=1, le=8_760)] = 72


class ScrapRate(_Condition, frozen=True, kw_only=True, tag="scrap_rate"):
    """More than so many percent of a machine's pieces of the last minutes are scrap.

    Fewer than `least_pieces` are too few to tell a rate.
    """

    percent: _Percent
    window_minutes: _Minutes = 60
    least_pieces: _Count = 20
    dead_band: _DeadBand = 1.0


class ReadingOutside(_Condition, frozen=True, kw_only=True, tag="reading_outside"):
    """A machine's reading is below `low` or above `high`.

    One that is older than `fresh_minutes` says nothing: what was, stays.
    """

    metric: Word
    low: float | None = None
    high: float | None = None
    dead_band: _DeadBand = 0.0
    fresh_minutes: _Minutes = 15

    def __post_init__(self) -> None:
        """Check that there is a band.

        Raises:
            ValueError: there is none.
        """
        if self.low is None and self.high is None:
            raise ValueError("a reading needs `low`, or `high`, or both")
        if not all(map(isfinite, (self.low or 0.0, self.high or 0.0, self.dead_band))):
            raise ValueError("low, high and dead_band must be numbers")
        if self.low is not None and self.high is not None:
            if self.low >= self.high:
                raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
            if 2 * self.dead_band >= self.high - self.low:
                raise ValueError(f"the dead band ({self.dead_band:g}) leaves no room in between")


class PlanInfeasible(_Condition, frozen=True, kw_only=True, tag="plan_infeasible"):
    """The planner found no plan for what has happened in a scope since its last one."""


class DeadLetters(_Condition, frozen=True, kw_only=True, tag="dead_letters"):
    """So many messages of a site were refused within some minutes, and not sent round again."""

    count: _Count = 10
    window_minutes: _Minutes = 10


class GatewayOffline(_Condition, frozen=True, kw_only=True, tag="gateway_offline"):
    """A gateway that was known has not reported for so long."""

    seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 30


Condition: TypeAlias = (
    MachineDown
    | MachineSilent
    | LineDown
    | PaceBelow
    | OrderAtRisk
    | OrderLate
    | Shortage
    | ScrapRate
    | ReadingOutside
    | PlanInfeasible
    | DeadLetters
    | GatewayOffline
)

ABOUT: Final[dict[type[Condition], SubjectKind]] = {
    MachineDown: SubjectKind.MACHINE,
    MachineSilent: SubjectKind.MACHINE,
    LineDown: SubjectKind.LINE,
    PaceBelow: SubjectKind.MACHINE,
    OrderAtRisk: SubjectKind.ORDER,
    OrderLate: SubjectKind.ORDER,
    Shortage: SubjectKind.ITEM,
    ScrapRate: SubjectKind.MACHINE,
    ReadingOutside: SubjectKind.MACHINE,
    PlanInfeasible: SubjectKind.SCOPE,
    DeadLetters: SubjectKind.SITE,
    GatewayOffline: SubjectKind.GATEWAY,
}
"""What each condition is about."""


def kind_of(condition: Condition) -> str:
    """A condition's name, `machine_down`."""
    tag = condition.__struct_config__.tag
    assert isinstance(tag, str)  # noqa: S101 - each of them has one
    return tag


def meaning_of(condition: Condition) -> str:
    """What two conditions share that mean the same of a subject: the kind, and which reading."""
    if isinstance(condition, ReadingOutside):
        return f"{kind_of(condition)}({condition.metric})"
    return kind_of(condition)

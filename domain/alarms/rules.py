"""Alarm rules: a condition, where it is watched for, how urgent it is, and what to do then."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final

import msgspec

from domain.alarms.conditions import ABOUT, Condition, meaning_of
from domain.alarms.subjects import Subject, SubjectKind, contains
from domain.alarms.texts import Code, Name, PlaceText, Text

_DelayS = Annotated[int, msgspec.Meta(ge=0, le=604_800)]
_MOST_SHELVED_MINUTES: Final = 7 * 24 * 60


class AlarmPriority(enum.StrEnum):
    """How urgent a response is. ISA-18.2 wants about 80 % low, 15 % medium, 5 % high."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"
    """The few (below 1 %) that reach people in a flood and at night."""

    @property
    def rank(self) -> int:
        """From 0 for the least urgent."""
        return list(AlarmPriority).index(self)


class During(enum.StrEnum):
    """When a rule watches."""

    ALWAYS = "always"
    SHIFT = "shift"
    """While the machine's shift works."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alarm rule.

    Attributes:
        code: what programs and other rules call it.
        name: what people read.
        condition: what it watches for.
        response: what somebody is to do then; what needs no response is no alarm (ISA-18.2).
        priority: how urgent that is.
        where: places that it is limited to, `site[/area[/line[/machine]]]`; none: everywhere.
        variant: tells two alarms of the same condition apart, as `high` and `high-high`.
        during: when it watches.
        on_delay_s: for how long the condition has to hold.
        off_delay_s: for how long it must not hold, until the alarm clears.
        latching: whether it stays until somebody resets it.
        suppressed_by: codes of rules whose active alarm at the same place, or one that holds it,
            silences this one.
        shelve_minutes: for how long it may be shelved at most.
        escalation: who is told when; None: only screens.
        enabled: whether it is in force.
    """

    code: Code
    name: Name
    condition: Condition
    response: Text
    priority: AlarmPriority = AlarmPriority.LOW
    where: tuple[PlaceText, ...] = ()
    variant: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_.-]{0,40}$")] = ""
    during: During = During.ALWAYS
    on_delay_s: _DelayS = 0
    off_delay_s: _DelayS = 0
    latching: bool = False
    suppressed_by: tuple[Code, ...] = ()
    shelve_minutes: Annotated[int, msgspec.Meta(ge=1, le=_MOST_SHELVED_MINUTES)] = 480
    escalation: Code | None = None
    enabled: bool = True

    @property
    def meaning(self) -> str:
        """What it shares with rules that would raise the same alarm of a subject."""
        meaning = meaning_of(self.condition)
        return f"{meaning}/{self.variant}" if self.variant else meaning

    def cause(self, subject: Subject) -> str:
        """The name of its alarm of a subject."""
        return f"{self.meaning}:{subject.kind}:{subject.key}"

    def depth(self, subject: Subject) -> int | None:
        """How narrow the place is at which it watches a subject; None: it does not."""
        if not self.where:
            return 0
        depths = [place.count("/") + 1 for place in self.where if contains(place, subject.place)]
        return max(depths, default=None)


class RuleFault(msgspec.Struct, frozen=True):
    """What is wrong with a rule among the others: its code, the field, and what to do."""

    code: str
    field: str
    problem: str


def faults_of(rules: Sequence[Rule], escalations: Iterable[str] = ()) -> list[RuleFault]:
    """What is wrong with a set of rules as a whole.

    Args:
        rules: all that are in force together.
        escalations: the codes of those that exist.
    """
    by_code = {rule.code: rule for rule in rules}
    known = frozenset(escalations)
    found = [
        RuleFault(rule.code, "suppressed_by", f"there is no rule {other!r}")
        for rule in rules
        for other in rule.suppressed_by
        if other not in by_code
    ]
    found += [
        RuleFault(rule.code, "escalation", f"there is no escalation {rule.escalation!r}")
        for rule in rules
        if rule.escalation is not None and rule.escalation not in known
    ]
    found += [
        RuleFault(
            rule.code,
            "during",
            f"'shift' is a machine's or line's; {kind} alarms have no shift: leave it out",
        )
        for rule in rules
        if rule.during is During.SHIFT
        and (kind := ABOUT[type(rule.condition)]) not in (SubjectKind.MACHINE, SubjectKind.LINE)
    ]
    found += [
        RuleFault(circle[0], "suppressed_by", "would silence itself: " + " < ".join(circle))
        for circle in _circles(by_code)
    ]
    return found + _twins(rules)


def _circles(rules: Mapping[str, Rule]) -> list[list[str]]:
    """The ways on which a rule comes back to itself, each once."""
    circles: list[list[str]] = []
    done: set[str] = set()
    for code in sorted(rules):
        way: list[str] = []
        _follow(code, rules, way, done, circles)
    return circles


def _follow(
    code: str, rules: Mapping[str, Rule], way: list[str], done: set[str], circles: list[list[str]]
) -> None:
    if code in way:
        circles.append([*way[way.index(code) :], code])
        return
    if code in done or code not in rules:
        return
    way.append(code)
    for other in rules[code].suppressed_by:
        _follow(other, rules, way, done, circles)
    way.pop()
    done.add(code)


def _twins(rules: Sequence[Rule]) -> list[RuleFault]:
    """Rules that mean the same at the same place: nobody could say which one counts."""
    seen: dict[tuple[str, str], str] = {}
    found = []
    for rule in rules:
        if not rule.enabled:
            continue
        for place in rule.where or ("",):
            first = seen.setdefault((rule.meaning, place), rule.code)
            if first != rule.code:
                where = f"at {place!r}" if place else "everywhere"
                found.append(
                    RuleFault(
                        rule.code,
                        "condition",
                        f"watches {where} for the same as {first!r};"
                        " limit one of them with `where`, or give it a `variant`",
                    )
                )
    return found

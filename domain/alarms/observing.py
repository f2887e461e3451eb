"""Which rules' conditions hold at one moment, of what: facts become findings, one per cause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

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
from domain.alarms.facts import Facts, MachineFacts, ReadingFact
from domain.alarms.rules import During, Rule
from domain.alarms.subjects import Subject, SubjectKind

_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 60 * _MINUTE_MS
_DOWN: Final = "down"
_RUNNING: Final = "running"
_MOST_NAMED: Final = 10
"""So many work orders or machines are named; the number of all is told beside them."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's condition holds of a subject.

    Attributes:
        since_ms: since when by the subject's own clock; None: since somebody looked.
        value, limit: what is compared, where it is a number.
        detail: what else says why, by name.
    """

    rule: Rule
    subject: Subject
    since_ms: int | None = None
    value: float | None = None
    limit: float | None = None
    detail: dict[str, Any] = {}

    @property
    def cause(self) -> str:
        """What it is known by."""
        return self.rule.cause(self.subject)


class _Holds(msgspec.Struct, frozen=True, kw_only=True):
    """The same before it is known whose rule counts."""

    subject: Subject
    since_ms: int | None = None
    value: float | None = None
    limit: float | None = None
    detail: dict[str, Any] = {}


_Active: TypeAlias = "Collection[str]"


def observe(rules: Iterable[Rule], facts: Facts, active: _Active = ()) -> list[Found]:
    """The findings of all rules that are in force, one per cause: of the narrowest rule.

    A subject that a narrower rule watches for the same is that rule's alone, also where the
    narrower one does not hold: a machine may be allowed more than its site.

    Args:
        rules: the rules.
        facts: what is so.
        active: the causes whose alarms are active, for which the dead band counts.
    """
    in_force = [rule for rule in rules if rule.enabled]
    by_meaning: dict[str, list[Rule]] = defaultdict(list)
    for rule in in_force:
        by_meaning[rule.meaning].append(rule)
    found: list[Found] = []
    for meaning in sorted(by_meaning):
        alike = by_meaning[meaning]
        for rule in alike:
            found += [
                Found(rule=rule, **msgspec.structs.asdict(each))
                for each in _holding(rule, facts, active)
                if _counts(rule, each.subject, alike)
            ]
    return found


def _counts(rule: Rule, subject: Subject, alike: Sequence[Rule]) -> bool:
    """Whether no other rule that means the same watches the subject more narrowly."""
    depth = rule.depth(subject)
    if depth is None:
        return False
    others = [(each.depth(subject), each.code) for each in alike if each is not rule]
    return all(
        other is None or other < depth or (other == depth and rule.code < code)
        for other, code in others
    )


def _holding(rule: Rule, facts: Facts, active: _Active) -> Iterator[_Holds]:
    condition: Condition = rule.condition
    match condition:
        case MachineDown() | MachineSilent() | PaceBelow() | ScrapRate() | ReadingOutside():
            for machine in facts.machines:
                if rule.during is During.ALWAYS or machine.works:
                    subject = _machine(machine)
                    yield from _of_machine(
                        condition, machine, subject, facts.now_ms, rule.cause(subject) in active
                    )
        case LineDown():
            yield from _lines(condition, rule, facts)
        case OrderAtRisk() | OrderLate():
            yield from _orders(condition, facts)
        case Shortage():
            yield from _shortages(condition, facts)
        case PlanInfeasible():
            yield from _scopes(facts)
        case DeadLetters():
            yield from _letters(condition, facts)
        case GatewayOffline():
            yield from _gateways(condition, facts)


def _machine(machine: MachineFacts) -> Subject:
    return Subject(
        kind=SubjectKind.MACHINE,
        key=machine.path,
        site=machine.site,
        place=machine.path,
        id=machine.id,
    )


def _of_machine(
    condition: MachineDown | MachineSilent | PaceBelow | ScrapRate | ReadingOutside,
    machine: MachineFacts,
    subject: Subject,
    now_ms: int,
    active: bool,  # noqa: FBT001 - whether its alarm is, so that the dead band counts
) -> Iterator[_Holds]:
    match condition:
        case MachineDown(states=states, reasons=reasons):
            if machine.state in states and (not reasons or machine.reason in reasons):
                yield _Holds(
                    subject=subject,
                    since_ms=machine.since_ms,
                    detail={"state": machine.state, "reason": machine.reason},
                )
        case MachineSilent(minutes=minutes):
            heard = machine.last_seen_ms
            if machine.configured and heard is not None and now_ms - heard >= minutes * _MINUTE_MS:
                yield _Holds(
                    subject=subject,
                    since_ms=heard + minutes * _MINUTE_MS,
                    value=float((now_ms - heard) // _MINUTE_MS),
                    limit=float(minutes),
                )
        case PaceBelow(percent=percent, dead_band=band):
            pace = machine.pace_percent
            limit = percent + band if active else percent
            if machine.state == _RUNNING and pace is not None and pace < limit:
                yield _Holds(subject=subject, value=float(pace), limit=percent)
        case ScrapRate():
            yield from _scrap(condition, machine, subject, active=active)
        case ReadingOutside():
            reading = machine.readings.get(condition.metric)
            yield from _reading(condition, reading, subject, now_ms, active=active)


def _scrap(
    condition: ScrapRate, machine: MachineFacts, subject: Subject, *, active: bool
) -> Iterator[_Holds]:
    good, scrap = machine.pieces.get(condition.window_minutes, (0, 0))
    pieces = good + scrap
    if pieces < condition.least_pieces:
        return
    percent = float(scrap * 100 / pieces)
    limit = condition.percent - condition.dead_band if active else condition.percent
    if percent > limit:
        yield _Holds(
            subject=subject,
            value=round(percent, 1),
            limit=condition.percent,
            detail={"good": float(good), "scrap": float(scrap)},
        )


def _reading(
    condition: ReadingOutside,
    reading: ReadingFact | None,
    subject: Subject,
    now_ms: int,
    *,
    active: bool,
) -> Iterator[_Holds]:
    if reading is None or now_ms - reading.at_ms > condition.fresh_minutes * _MINUTE_MS:
        # It says nothing (any more): what was, stays.
        if active:
            yield _Holds(subject=subject, detail={"metric": condition.metric, "stale": True})
        return
    band = condition.dead_band if active else 0.0
    value, low, high = reading.value, condition.low, condition.high
    if low is not None and value < low + band:
        limit = low
    elif high is not None and value > high - band:
        limit = high
    else:
        return
    yield _Holds(
        subject=subject,
        value=value,
        limit=limit,
        detail={"metric": condition.metric, "unit": reading.unit},
    )


def _lines(condition: LineDown, rule: Rule, facts: Facts) -> Iterator[_Holds]:
    lines: dict[str, list[MachineFacts]] = defaultdict(list)
    for machine in facts.machines:
        if machine.configured and (rule.during is During.ALWAYS or machine.works):
            lines[machine.line].append(machine)
    for line, machines in sorted(lines.items()):
        down = [each for each in machines if each.state == _DOWN]
        share = 100 * len(down) / len(machines)
        if down and share >= condition.percent:
            began = [each.since_ms for each in down if each.since_ms is not None]
            yield _Holds(
                subject=Subject(
                    kind=SubjectKind.LINE, key=line, site=line.partition("/")[0], place=line
                ),
                since_ms=max(began, default=None),
                value=round(share, 1),
                limit=condition.percent,
                detail={
                    "machines": [each.path for each in down][:_MOST_NAMED],
                    "count": len(down),
                },
            )


def _orders(condition: OrderAtRisk | OrderLate, facts: Facts) -> Iterator[_Holds]:
    for order in facts.orders:
        least = condition.priority_at_least
        if least is not None and order.priority < least:
            continue
        overdue_minutes = (facts.now_ms - order.due_ms) // _MINUTE_MS
        is_late = overdue_minutes >= condition.minutes
        if isinstance(condition, OrderLate):
            minutes = overdue_minutes if is_late else None
            since_ms = order.due_ms + condition.minutes * _MINUTE_MS
        else:
            ahead = order.late_minutes if overdue_minutes < 0 else None
            minutes = ahead if ahead is not None and ahead >= condition.minutes else None
            since_ms = None
        if minutes is not None:
            yield _Holds(
                subject=Subject(
                    kind=SubjectKind.ORDER,
                    key=order.number,
                    site=order.site,
                    place=order.site,
                    id=order.id,
                ),
                since_ms=since_ms,
                value=float(minutes),
                limit=float(condition.minutes),
                detail={"customer": order.customer, "due_ms": order.due_ms},
            )


def _shortages(condition: Shortage, facts: Facts) -> Iterator[_Holds]:
    for each in facts.shortages:
        if each.need_ms - facts.now_ms > condition.within_hours * _HOUR_MS:
            continue
        yield _Holds(
            subject=Subject(
                kind=SubjectKind.ITEM,
                key=f"{each.site}/{each.item}",
                site=each.site,
                place=each.site,
            ),
            value=float(each.missing),
            detail={
                "item": each.item,
                "name": each.item_name,
                "unit": each.unit,
                "need_ms": each.need_ms,
                "comes_ms": each.comes_ms,
                "work_orders": list(each.work_orders[:_MOST_NAMED]),
                "count": len(each.work_orders),
            },
        )


def _scopes(facts: Facts) -> Iterator[_Holds]:
    for each in facts.scopes:
        alone = each.sites[0] if len(each.sites) == 1 else None
        yield _Holds(
            subject=Subject(kind=SubjectKind.SCOPE, key=each.scope, site=alone, place=alone),
            since_ms=each.failed_ms,
            detail={"codes": list(each.codes), "sites": list(each.sites)},
        )


def _letters(condition: DeadLetters, facts: Facts) -> Iterator[_Holds]:
    for each in facts.letters:
        count = each.counts.get(condition.window_minutes, 0)
        if count >= condition.count:
            yield _Holds(
                subject=Subject(
                    kind=SubjectKind.SITE, key=each.site, site=each.site, place=each.site
                ),
                value=float(count),
                limit=float(condition.count),
                detail={"window_minutes": condition.window_minutes},
            )


def _gateways(condition: GatewayOffline, facts: Facts) -> Iterator[_Holds]:
    # Of several gateways nobody knows which machines are behind which.
    place = "" if len(facts.gateways) == 1 else None
    for each in facts.gateways:
        silent_ms = facts.now_ms - each.last_heard_ms
        if silent_ms >= condition.seconds * 1_000:
            yield _Holds(
                subject=Subject(kind=SubjectKind.GATEWAY, key=each.name, place=place),
                since_ms=each.last_heard_ms + condition.seconds * 1_000,
                value=float(silent_ms // 1_000),
                limit=float(condition.seconds),
            )

"""What becomes of alarms: findings, delays and suppression become events.

Pure: (what is known, what was found, the moment) -> what happens now, what waits, and when to look
again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from domain.alarms.observing import Found
from domain.alarms.rules import Rule
from domain.alarms.subjects import Subject, contains

_KIND: Final = re.compile("[a-z_]+")


class Pending(msgspec.Struct, frozen=True):
    """A condition that is not as its alarm has it: `holds` since `since_ms`."""

    holds: bool
    since_ms: int


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm as its row has it."""

    cause: str
    rule: str
    subject: Subject
    active: bool
    suppressed_by: str | None = None


class Raising(msgspec.Struct, frozen=True):
    """An alarm to be raised; `suppressed_by`: the cause that silences it from the beginning."""

    found: Found
    suppressed_by: str | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done.

    Attributes:
        raised, cleared: the alarms whose condition holds now, or does not any more.
        suppressed: by the cause that explains them.
        unsuppressed: nothing explains them any more.
        pending: what waits for a delay; everything that waited before and is not here is forgotten.
        look_at_ms: when the first delay is over.
    """

    raised: Sequence[Raising] = ()
    cleared: Sequence[str] = ()
    suppressed: Mapping[str, str] = {}
    unsuppressed: Sequence[str] = ()
    pending: Mapping[str, Pending] = {}
    look_at_ms: int | None = None


def decide(
    found: Iterable[Found],
    known: Iterable[Known],
    rules: Iterable[Rule],
    *,
    pending: Mapping[str, Pending],
    now_ms: int,
    unknown: Collection[str] = (),
) -> Decision:
    """What becomes of alarms now.

    Args:
        found: the conditions that hold, one per cause.
        known: the alarms that are active or suppressed.
        rules: the rules in force. An alarm of a rule that is gone clears without delay.
        pending: what waited before.
        now_ms: the moment.
        unknown: kinds of conditions about which nothing could be read now: their alarms stay as
            they are.
    """
    in_force = {rule.code: rule for rule in rules if rule.enabled}
    holding = {each.cause: each for each in found}
    rows = {each.cause: each for each in known}
    waiting: dict[str, Pending] = {
        cause: kept for cause, kept in pending.items() if _kind(cause) in unknown
    }
    raising, looks = _raisings(holding, rows, pending, waiting, now_ms)
    cleared, more = _clearings(
        holding, rows, pending, waiting, now_ms, in_force=in_force, unknown=unknown
    )
    active = {
        **{each.cause: (each.rule, each.subject) for each in rows.values() if each.active},
        **{each.cause: (each.rule.code, each.subject) for each in raising},
    }
    for cause in cleared:
        active.pop(cause, None)
    by = _suppressors(active, in_force)
    return Decision(
        raised=[Raising(each, by.get(each.cause)) for each in raising],
        cleared=cleared,
        suppressed={
            cause: other
            for cause, other in by.items()
            if cause in rows and rows[cause].active and rows[cause].suppressed_by is None
        },
        unsuppressed=[
            each.cause
            for each in rows.values()
            if each.suppressed_by is not None and each.cause not in by
        ],
        pending=waiting,
        look_at_ms=min([*looks, *more], default=None),
    )


def _kind(cause: str) -> str:
    """The condition's kind, with which every cause begins."""
    kind = _KIND.match(cause)
    return kind[0] if kind else ""


def _raisings(
    holding: Mapping[str, Found],
    rows: Mapping[str, Known],
    pending: Mapping[str, Pending],
    waiting: dict[str, Pending],
    now_ms: int,
) -> tuple[list[Found], list[int]]:
    """What is raised, and when delays of others are over; these are noted as waiting."""
    raising, looks = [], []
    for cause, each in holding.items():
        row = rows.get(cause)
        if row is not None and row.active:
            continue
        before = pending.get(cause)
        since_ms = before.since_ms if before is not None and before.holds else now_ms
        if each.since_ms is not None:
            since_ms = each.since_ms
        over_ms = since_ms + each.rule.on_delay_s * 1_000
        if now_ms >= over_ms:
            raising.append(each)
        else:
            waiting[cause] = Pending(holds=True, since_ms=since_ms)
            looks.append(over_ms)
    return raising, looks


def _clearings(
    holding: Mapping[str, Found],
    rows: Mapping[str, Known],
    pending: Mapping[str, Pending],
    waiting: dict[str, Pending],
    now_ms: int,
    *,
    in_force: Mapping[str, Rule],
    unknown: Collection[str],
) -> tuple[list[str], list[int]]:
    cleared, looks = [], []
    for cause, row in rows.items():
        if not row.active or cause in holding or _kind(cause) in unknown:
            continue
        before = pending.get(cause)
        since_ms = before.since_ms if before is not None and not before.holds else now_ms
        rule = in_force.get(row.rule)
        over_ms = since_ms + (rule.off_delay_s * 1_000 if rule is not None else 0)
        if now_ms >= over_ms:
            cleared.append(cause)
        else:
            waiting[cause] = Pending(holds=False, since_ms=since_ms)
            looks.append(over_ms)
    return cleared, looks


def _suppressors(
    active: Mapping[str, tuple[str, Subject]], rules: Mapping[str, Rule]
) -> dict[str, str]:
    """By which active alarm each active one is explained; the first by name of several."""
    by_rule: dict[str, list[str]] = {}
    for cause in sorted(active):
        by_rule.setdefault(active[cause][0], []).append(cause)
    found = {}
    for cause, (code, subject) in active.items():
        rule = rules.get(code)
        for other in rule.suppressed_by if rule is not None else ():
            explains = (
                one
                for one in by_rule.get(other, ())
                if one != cause and contains(active[one][1].place, subject.place)
            )
            first = next(explains, None)
            if first is not None:
                found[cause] = first
                break
    return found

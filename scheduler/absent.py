"""Who is away in what is only thought of.

Who is counted in which resource of a problem is decided where it is read from its rows
(`store.planning.staffing`): so the problem is read with these absences beside those that are told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from contracts.what_if import Change, ResourceAway
from domain.plan.entering import uncovered
from domain.plan.problem import Interval
from store.database import Connection
from store.planning import resources
from store.planning.fact_rows import Absence


class Away(msgspec.Struct, frozen=True, kw_only=True):
    """Absences that are only thought of.

    Attributes:
        absences: by resource.
        assumed: the changes, by index, that are not so already.
        names: what those who are away are called.
    """

    absences: Mapping[int, Sequence[Absence]] = {}
    assumed: frozenset[int] = frozenset()
    names: Mapping[int, str] = {}


NOBODY: Final = Away()


async def absent(connection: Connection, changes: Sequence[Change], *, now_ms: int) -> Away:
    """Who is away by some changes. A time that is told already is not thought of again."""
    wanted = {
        index: change for index, change in enumerate(changes) if isinstance(change, ResourceAway)
    }
    if not wanted:
        return NOBODY
    told = await resources.absences(connection, {change.resource for change in wanted.values()})
    absences: dict[int, list[Absence]] = defaultdict(list)
    names: dict[int, str] = {}
    assumed: set[int] = set()
    for index, change in wanted.items():
        row = await resources.by_id(connection, change.resource)
        if row is None:
            continue
        names[row.id] = row.name
        span = Interval(max(change.from_ms, now_ms), max(change.until_ms, now_ms))
        there = [
            Interval(_ms(each.starts_at), _ms(each.ends_at) if each.ends_at else span.end_ms)
            for each in told[row.id]
            if (each.quantity or row.quantity) >= (change.count or row.quantity)
        ]
        left = uncovered(span, there)
        absences[row.id] += [
            Absence(start_ms=each.start_ms, end_ms=each.end_ms, units=change.count) for each in left
        ]
        if left:
            assumed.add(index)
    return Away(absences=absences, assumed=frozenset(assumed), names=names)


def _ms(at: datetime) -> int:
    return round(at.astimezone(UTC).timestamp() * 1_000)

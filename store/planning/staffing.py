"""The people and tools of a scope's sites, as operations need them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

import msgspec

from domain.master_data.needs import Needed, read_need
from domain.plan.calendar import merged
from domain.plan.crews import Crews, Member, Wanted, crews
from domain.plan.problem import Interval, Need, Phase, Resource, ResourceKind
from store.planning.calendars import Calendars
from store.planning.fact_rows import FOREVER_MS, Absence, CrewRow, Facts


class Staffing:
    """Which resources the needs of operations mean, site by site.

    Args:
        facts: who and what there is, and when they are away.
        wanted: the needs of all operations and machines, by site; others are of no interest.
    """

    def __init__(self, facts: Facts, wanted: Mapping[int, Iterable[str]]) -> None:
        self._facts = facts
        self._skills = {
            site: frozenset(_read(text).skill for text in texts) for site, texts in wanted.items()
        }
        self._of_site: dict[int, list[CrewRow]] = defaultdict(list)
        for row in facts.crew:
            if self._skills.get(row.site_id, frozenset()) & set(row.skills):
                self._of_site[row.site_id].append(row)
        self._crews = self._counted({})

    @property
    def operators(self) -> list[int]:
        """Those whose working times matter, by id."""
        return [
            row.id
            for rows in self._of_site.values()
            for row in rows
            if row.kind == ResourceKind.OPERATOR
        ]

    def needs(self, site: int, texts: Sequence[str]) -> tuple[Need, ...] | None:
        """What an operation needs at a site; None when the site never has so much."""
        if not texts:
            return ()
        counted = self._crews.get(site)
        return None if counted is None else counted.needs(_wanted(text) for text in texts)

    def resources(self, calendars: Calendars, start_ms: int, end_ms: int) -> tuple[Resource, ...]:
        """The resources with the times when somebody of them is not there, within a span."""
        away = calendars.away(start_ms, end_ms)
        times: dict[int, list[tuple[int, tuple[Interval, ...]]]] = {}
        for rows in self._of_site.values():
            for row in rows:
                absent = [
                    Absence(max(each.start_ms, start_ms), _end(each, end_ms), each.units)
                    for each in self._facts.absences.get(row.id, ())
                    if each.start_ms < end_ms and each.end_ms > start_ms
                ]
                times[row.id] = _times(row.quantity, away.get(row.id, ()), absent)
        several = len(self._of_site) > 1
        return tuple(
            msgspec.structs.replace(resource, site=site) if several else resource
            for site, counted in self._counted(times).items()
            for resource in counted.resources
        )

    def _counted(
        self, times: Mapping[int, Sequence[tuple[int, tuple[Interval, ...]]]]
    ) -> dict[int, Crews]:
        """The crews of each site; `times`: how many of a row have which times off."""
        found: dict[int, Crews] = {}
        first_id = 1
        for site in sorted(self._of_site):
            members = [
                Member(
                    kind=ResourceKind(row.kind),
                    skills=frozenset(row.skills),
                    quantity=quantity,
                    unavailable=unavailable,
                )
                for row in self._of_site[site]
                for quantity, unavailable in times.get(row.id, ((row.quantity, ()),))
            ]
            found[site] = crews(members, self._skills[site], first_id=first_id)
            first_id += len(found[site].resources)
        return found


def _end(absence: Absence, end_ms: int) -> int:
    """An absence until further notice lasts as far as calendars are told."""
    return end_ms if absence.end_ms >= FOREVER_MS else min(absence.end_ms, end_ms)


def _times(
    quantity: int, off: tuple[Interval, ...], absences: Sequence[Absence]
) -> list[tuple[int, tuple[Interval, ...]]]:
    """How many of several alike have which times off.

    Of absences that overlap the numbers add up; more than there are cannot be away.
    """
    whole = [
        Interval(each.start_ms, each.end_ms)
        for each in absences
        if each.units is None or each.units >= quantity
    ]
    everybody = merged([*off, *whole]) if whole else off
    missing = _missing([each for each in absences if each.units and each.units < quantity])
    found: list[tuple[int, tuple[Interval, ...]]] = []
    counted = 0
    for level in sorted({min(units, quantity) for _, units in missing}):
        spans = [span for span, units in missing if units >= level]
        found.append((level - counted, merged([*everybody, *spans])))
        counted = level
    return [*found, (quantity - counted, everybody)] if counted < quantity else found


def _missing(absences: Sequence[Absence]) -> list[tuple[Interval, int]]:
    """Spans in which some are away, and how many these are."""
    steps: dict[int, int] = defaultdict(int)
    for each in absences:
        steps[each.start_ms] += each.units or 0
        steps[each.end_ms] -= each.units or 0
    found: list[tuple[Interval, int]] = []
    away = 0
    for start_ms, end_ms in pairwise(sorted(steps)):
        away += steps[start_ms]
        if away:
            found.append((Interval(start_ms, end_ms), away))
    return found


def _wanted(text: str) -> Wanted:
    need = _read(text)
    return Wanted(need.skill, need.count, Phase(need.during))


@lru_cache(maxsize=4_096)
def _read(text: str) -> Needed:
    return read_need(text)

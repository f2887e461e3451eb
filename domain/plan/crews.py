"""People and tools with what they are good for, as the resources that a problem counts.

Whoever has several skills can do one thing at a time. Whether all that is wanted at a moment can be
given to somebody is decided by counting, without saying who does what: for every set of skills,
what is wanted of them must not exceed those who have one of them (Hall 1935). Sets that share
nobody need not be counted together, and a set whose people are those of a wider one is counted
there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

import msgspec

from domain.plan.problem import Interval, Need, Phase, Resource, ResourceKind, Shortfall

MOST_SKILLS: Final = 6
"""Of more skills that people share, not all sets are counted: single ones, pairs, and all of them.
A plan may then want what nobody can be found for, where three or more skills are short at once."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """An operator or a tool, or several alike.

    Attributes:
        kind: how they are held.
        skills: what they are good for.
        quantity: how many they are.
        unavailable: when none of them is there. Sorted, disjoint, not touching.
    """

    kind: ResourceKind
    skills: frozenset[str]
    quantity: int = 1
    unavailable: tuple[Interval, ...] = ()


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """So many of a skill, in a phase."""

    skill: str
    units: int = 1
    phase: Phase = Phase.BOTH


class Crews(msgspec.Struct, frozen=True):
    """Resources to be counted, and which of them each skill is counted in.

    Attributes:
        resources: by id.
        of_skill: the ids of the resources that stand for a set with the skill.
    """

    resources: tuple[Resource, ...]
    of_skill: Mapping[str, tuple[int, ...]]

    def needs(self, wanted: Iterable[Wanted]) -> tuple[Need, ...] | None:
        """What an operation needs of the resources; None when there are never so many.

        A skill that is wanted for the set-up and, of another number, for the run is two needs.
        """
        units: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for one in wanted:
            if one.skill not in self.of_skill:
                return None
            for resource in self.of_skill[one.skill]:
                if one.phase is not Phase.RUN:
                    units[resource][0] += one.units
                if one.phase is not Phase.SETUP:
                    units[resource][1] += one.units
        capacity = {each.id: each.capacity for each in self.resources}
        if any(max(each) > capacity[resource] for resource, each in units.items()):
            return None
        return tuple(
            need for resource, each in sorted(units.items()) for need in _needs(resource, *each)
        )


def _needs(resource: int, setup: int, run: int) -> Iterator[Need]:
    if setup == run:
        yield Need(resource, run)
        return
    if setup:
        yield Need(resource, setup, Phase.SETUP)
    if run:
        yield Need(resource, run, Phase.RUN)


def crews(members: Sequence[Member], wanted: Collection[str], *, first_id: int = 1) -> Crews:
    """The resources of one place, as far as somebody wants their skills.

    Args:
        members: who and what there is.
        wanted: the skills that operations need; others are of no interest.
        first_id: of the resources; they are numbered on from it.
    """
    resources: list[Resource] = []
    of_skill: dict[str, list[int]] = defaultdict(list)
    for kind in ResourceKind:
        there = [
            each
            for each in members
            # A skill of both kinds would be counted twice: people come first.
            if each.kind is kind and each.skills & set(wanted)
        ]
        skills = {skill for each in there for skill in each.skills & set(wanted)} - of_skill.keys()
        for group in _sets(there, frozenset(skills)):
            resource = _resource(first_id + len(resources), kind, group, there)
            resources.append(resource)
            for skill in group:
                of_skill[skill].append(resource.id)
    return Crews(tuple(resources), {skill: tuple(ids) for skill, ids in of_skill.items()})


def _sets(members: Sequence[Member], skills: frozenset[str]) -> list[tuple[str, ...]]:
    """The sets of skills to be counted, in a fixed order."""
    holders = {
        skill: frozenset(place for place, each in enumerate(members) if skill in each.skills)
        for skill in skills
    }
    found: list[tuple[str, ...]] = []
    for component in _components(holders):
        sizes: Iterable[int] = range(1, len(component) + 1)
        if len(component) > MOST_SKILLS:
            sizes = (1, 2, len(component))
        sets = [
            group
            for size in sizes
            for group in combinations(component, size)
            if len(_components({skill: holders[skill] for skill in group})) == 1
        ]
        found += _widest(sets, holders)
    return found


def _widest(
    sets: Sequence[tuple[str, ...]], holders: Mapping[str, frozenset[int]]
) -> list[tuple[str, ...]]:
    """Without the sets whose people are exactly those of a wider one."""
    people = {group: frozenset[int]().union(*(holders[skill] for skill in group)) for group in sets}
    return [
        group
        for group in sets
        if not any(
            len(other) > len(group) and people[other] == people[group] and set(group) < set(other)
            for other in sets
        )
    ]


def _components(holders: Mapping[str, frozenset[int]]) -> list[tuple[str, ...]]:
    """Skills that share somebody, directly or by others, together; sorted."""
    left = set(holders)
    found = []
    while left:
        component = {min(left)}
        grown = True
        while grown:
            people = frozenset[int]().union(*(holders[skill] for skill in component))
            more = {skill for skill in left - component if holders[skill] & people}
            component |= more
            grown = bool(more)
        left -= component
        found.append(tuple(sorted(component)))
    return sorted(found)


def _resource(
    id_: int, kind: ResourceKind, skills: tuple[str, ...], members: Sequence[Member]
) -> Resource:
    """Those who have one of the skills, counted together."""
    there = [each for each in members if each.skills & set(skills)]
    capacity = sum(each.quantity for each in there)
    unavailable: list[Interval] = []
    short: list[Shortfall] = []
    for start, end, missing in _missing(there):
        if missing < capacity:
            short.append(Shortfall(start_ms=start, end_ms=end, units=missing))
        elif unavailable and unavailable[-1].end_ms == start:
            unavailable[-1] = Interval(unavailable[-1].start_ms, end)
        else:
            unavailable.append(Interval(start, end))
    return Resource(
        id=id_,
        kind=kind,
        capacity=capacity,
        unavailable=tuple(unavailable),
        short=tuple(short),
        skill=" / ".join(skills),
    )


def _missing(members: Iterable[Member]) -> Iterator[tuple[int, int, int]]:
    """Spans in which somebody is not there, and how many they are."""
    steps: dict[int, int] = defaultdict(int)
    for each in members:
        for interval in each.unavailable:
            steps[interval.start_ms] += each.quantity
            steps[interval.end_ms] -= each.quantity
    moments = sorted(moment for moment, step in steps.items() if step)
    missing = 0
    for place, moment in enumerate(moments):
        missing += steps[moment]
        if missing:
            yield moment, moments[place + 1], missing

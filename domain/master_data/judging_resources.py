"""Operators, tools, ovens, and what steps and machines need of them, judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import cast

from domain.master_data import judging_shifts
from domain.master_data.case import Case
from domain.master_data.faults import Faults
from domain.master_data.kinds import MACHINES, RESOURCES, ROUTINGS
from domain.master_data.merging import Wanted
from domain.master_data.needs import read_need
from domain.master_data.records import Machine, Resource, Step


def skills_at(wanted: Wanted, site: str) -> Mapping[str, int]:
    """How many there are of each skill at a site; the codes of resources are skills, too."""
    there: dict[str, int] = defaultdict(int)
    for one in wanted.records.of(RESOURCES).values():
        if one.site == site:
            for skill in skills_of(one):
                there[skill] += one.quantity
    return there


def skills_of(resource: Resource) -> frozenset[str]:
    """What a resource is good for."""
    return frozenset((*resource.skills, resource.code))


def resource(case: Case) -> None:
    """An operator works somewhere; what is needed of a skill is still there."""
    told = cast("Resource", case.record)
    if told.kind == "tool":
        for field, value in (("place", told.place), ("pattern", told.pattern)):
            if value is not None:
                case.fault(
                    field, "is for operators; a tool is there whenever its machine works", value
                )
    elif told.place is not None:
        if told.place.partition("/")[0] != told.site:
            case.fault("place", f"does not lie at the site {told.site!r}", told.place)
        judging_shifts.place(case, told.place, "place")
    _one_kind(case, told)
    _lost(case, told)


def needs(case: Case, field: str, site: str, told: Sequence[str]) -> None:
    """What is needed has to be there at the site, as many as are needed at once."""
    if not told:
        return
    there = skills_at(case.wanted, site)
    for text in told:
        need = read_need(text)
        if need.skill not in there:
            near = get_close_matches(need.skill, sorted(there), n=1)
            hint = f", maybe {near[0]!r}" if near else "; add the skill to one"
            case.fault(field, f"no resource at {site!r} has this skill{hint}", need.skill)
        elif need.count > there[need.skill]:
            case.fault(
                field, f"there are {there[need.skill]} of {need.skill!r} at {site!r}", need.count
            )


def machine(case: Case) -> None:
    """What all work on a machine needs has to be there."""
    told = cast("Machine", case.record)
    needs(case, "needs", told.path.partition("/")[0], told.needs)


def step(case: Case, site: str, field: str, told: Step) -> None:
    """A step's needs are there; what is done in a load is done in an oven."""
    needs(case, f"{field}.needs", site, told.needs)
    if told.batch_family is None:
        return
    if told.transfer_batch is not None:
        case.fault(
            f"{field}.transfer_batch",
            "stands beside a batch_family: a load comes out at once; leave it out",
            told.transfer_batch,
        )
    machines = case.wanted.records.of(MACHINES)
    if told.capability is not None:
        named = [
            each
            for each in machines.values()
            if each.path.startswith(f"{site}/") and told.capability in each.capabilities
        ]
    else:
        paths = {told.machine, *(way.machine for way in told.alternatives)}
        named = [each for each in machines.values() if each.path in paths]
    if named and all(each.batch_capacity is None for each in named):
        case.fault(
            f"{field}.batch_family",
            "needs a machine that takes batches: give one of its machines a batch_capacity",
            told.batch_family,
        )


def given_up(wanted: Wanted, faults: Faults) -> None:
    """What needs a resource that is given up is told."""
    gone = wanted.removed.get(RESOURCES.name, frozenset())
    for key in sorted(gone, key=str):
        before = wanted.existing.of(RESOURCES)[key]
        there = skills_at(wanted, before.site)
        for user, text in _needed(wanted, before.site):
            need = read_need(text)
            if need.skill in skills_of(before) and need.count > there.get(need.skill, 0):
                faults.add(
                    wanted.sections[RESOURCES.name],
                    f"leaves out {RESOURCES.called(key)}, and {user} needs {need.count} of"
                    f" {need.skill!r}; keep it, or change that too",
                    need.skill,
                )
                break


def _one_kind(case: Case, told: Resource) -> None:
    """A skill is people's or tools': the one wait for breaks, the others do not."""
    for other in case.wanted.records.of(RESOURCES).values():
        if other.site != told.site or other.kind == told.kind:
            continue
        shared = sorted(skills_of(told) & skills_of(other))
        if shared:
            case.fault(
                "skills",
                f"{shared[0]!r} is a skill of the {other.kind} {other.code!r}, too: people and"
                " tools share none; call one of them otherwise",
                shared[0],
            )
            return


def _lost(case: Case, told: Resource) -> None:
    """What somebody is good for no more, or fewer are, nothing may need."""
    before = case.wanted.existing.of(RESOURCES).get(case.key)
    if before is None:
        return
    there = skills_at(case.wanted, told.site)
    skills = skills_of(before)
    for user, text in _needed(case.wanted, told.site):
        need = read_need(text)
        if need.skill in skills and need.count > there.get(need.skill, 0):
            field = "skills" if need.skill not in there else "quantity"
            case.fault(
                field,
                f"leaves {there.get(need.skill, 0)} of {need.skill!r} at {told.site!r}, and"
                f" {user} needs {need.count}",
                need.skill,
            )
            return


def _needed(wanted: Wanted, site: str) -> Iterable[tuple[str, str]]:
    """Who needs what at a site, in words."""
    for one in wanted.records.of(MACHINES).values():
        if one.path.startswith(f"{site}/"):
            for text in one.needs:
                yield f"the machine {one.path}", text
    for key, routing in wanted.records.of(ROUTINGS).items():
        if routing.site == site:
            for each in routing.steps:
                for text in each.needs:
                    yield ROUTINGS.called(key), text

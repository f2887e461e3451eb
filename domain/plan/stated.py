"""Whether a problem that somebody states is one: ids, spans and numbers that mean something.

What is checked here is what makes no sense at all. Facts that contradict each other are for the
planner, whose answer says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from domain.plan.problem import Interval, Mode, Operation, Problem

MOST_OPERATIONS: Final = 20_000
MOST_MACHINES: Final = 2_000
LATEST_MS: Final = 2**43
"""In the year 2248; moments are not after it, nor before the epoch."""
MOST_DURATION_MS: Final = 3_660 * 86_400_000
"""Ten years; no work takes longer, and all of it together must end before `LATEST_MS`."""
MOST_WEIGHT: Final = 1_000_000
_TOLD: Final = 20


class Fault(msgspec.Struct, frozen=True):
    """What makes no sense: where it stands in the problem, and why."""

    place: str
    problem: str


def faults(problem: Problem) -> list[Fault]:
    """What makes no sense in a problem; some of it, if there is much."""
    found: list[Fault] = []
    for place, words in _all(problem):
        found.append(Fault(place, words))
        if len(found) == _TOLD:
            break
    return found


def _all(problem: Problem) -> Iterator[tuple[str, str]]:
    if len(problem.operations) > MOST_OPERATIONS:
        yield "operations", f"{len(problem.operations)} operations, {MOST_OPERATIONS} at most"
        return
    if len(problem.machines) > MOST_MACHINES:
        yield "machines", f"{len(problem.machines)} machines, {MOST_MACHINES} at most"
        return
    for name, ids in (
        ("machines", [each.id for each in problem.machines]),
        ("jobs", [each.id for each in problem.jobs]),
        ("operations", [each.id for each in problem.operations]),
        ("resources", [each.id for each in problem.resources]),
    ):
        yield from _ids(name, ids)
    yield from _calendars(problem)
    yield from _jobs(problem)
    yield from _operations(problem)
    yield from _durations(problem)
    for name, moment in (("now_ms", problem.now_ms), ("horizon_ms", problem.horizon_ms)):
        if moment is not None and not _is_moment(moment):
            yield name, f"{moment} is no moment between 0 and {LATEST_MS}"
    if any(not _is_moment(placed.start_ms) for placed in problem.baseline.values()):
        yield "baseline", f"a start is no moment between 0 and {LATEST_MS}"


def _calendars(problem: Problem) -> Iterator[tuple[str, str]]:
    for index, machine in enumerate(problem.machines):
        yield from _spans(f"machines[{index}].unavailable", machine.unavailable)
    for index, resource in enumerate(problem.resources):
        yield from _spans(f"resources[{index}].unavailable", resource.unavailable)
        for at, short in enumerate(resource.short):
            span = Interval(short.start_ms, short.end_ms)
            yield from _spans(f"resources[{index}].short[{at}]", [span])


def _durations(problem: Problem) -> Iterator[tuple[str, str]]:
    for index, entry in enumerate(problem.setups):
        if not 0 <= entry.setup_ms <= MOST_DURATION_MS:
            yield f"setups[{index}].setup_ms", f"{entry.setup_ms} is no duration up to ten years"
    for index, way in enumerate(problem.transports):
        if way.transport_ms > MOST_DURATION_MS:
            yield f"transports[{index}].transport_ms", "is no duration up to ten years"


def _ids(name: str, ids: Sequence[int]) -> Iterator[tuple[str, str]]:
    if len(set(ids)) != len(ids):
        twice = next(one for place, one in enumerate(ids) if one in ids[:place])
        yield name, f"the id {twice} is there twice"
    if any(abs(one) >= 2**53 for one in ids):
        yield name, "ids must lie between -2^53 and 2^53"


def _spans(place: str, spans: Iterable[Interval]) -> Iterator[tuple[str, str]]:
    told = list(spans)
    for index, span in enumerate(told):
        if not (_is_moment(span.start_ms) and _is_moment(span.end_ms)):
            yield f"{place}[{index}]", f"is no time between 0 and {LATEST_MS}"
        elif span.end_ms <= span.start_ms:
            yield f"{place}[{index}]", "must end after it begins"
    if any(one.end_ms > following.start_ms for one, following in pairwise(told)):
        yield place, "must be sorted and must not overlap"


def _jobs(problem: Problem) -> Iterator[tuple[str, str]]:
    for index, job in enumerate(problem.jobs):
        if not 0 <= job.weight <= MOST_WEIGHT:
            yield f"jobs[{index}].weight", f"{job.weight} does not lie between 0 and {MOST_WEIGHT}"
        for name, moment in (("due_ms", job.due_ms), ("keep_by_ms", job.keep_by_ms)):
            if moment is not None and not _is_moment(moment):
                yield f"jobs[{index}].{name}", f"{moment} is no moment between 0 and {LATEST_MS}"


def _operations(problem: Problem) -> Iterator[tuple[str, str]]:
    machines = {machine.id for machine in problem.machines}
    jobs = {job.id for job in problem.jobs}
    ids = {operation.id for operation in problem.operations}
    resources = {resource.id for resource in problem.resources}
    total = 0
    for index, operation in enumerate(problem.operations):
        place = f"operations[{index}]"
        if operation.job not in jobs:
            yield f"{place}.job", f"there is no job {operation.job}"
        if not operation.modes:
            yield f"{place}.modes", "there has to be one at least"
        for mode in operation.modes:
            for words in _mode(mode, machines, resources):
                yield f"{place}.modes", words
        total += max((mode.duration_ms + mode.setup_ms for mode in operation.modes), default=0)
        yield from _links(place, operation, ids)
    if total > LATEST_MS // 4:
        yield "operations", "all work together takes longer than moments can be told"


def _mode(mode: Mode, machines: set[int], resources: set[int]) -> Iterator[str]:
    if mode.machine not in machines:
        yield f"there is no machine {mode.machine}"
    for duration in (mode.duration_ms, mode.setup_ms):
        if not 0 <= duration <= MOST_DURATION_MS:
            yield f"{duration} is no duration up to ten years"
    for need in mode.needs:
        if need.resource not in resources:
            yield f"there is no resource {need.resource}"


def _links(place: str, operation: Operation, ids: set[int]) -> Iterator[tuple[str, str]]:
    for link in operation.after:
        if link.operation not in ids:
            yield f"{place}.after", f"there is no operation {link.operation}"
        if not 0 <= link.lag_ms <= MOST_DURATION_MS:
            yield f"{place}.after", f"{link.lag_ms} is no duration up to ten years"
    if not _is_moment(operation.release_ms):
        yield f"{place}.release_ms", f"{operation.release_ms} is no moment between 0 and 2^43"
    pin = operation.pin
    if pin is not None and all(mode.machine != pin.machine for mode in operation.modes):
        yield f"{place}.pin", f"machine {pin.machine} is none of its modes'"
    if pin is not None and any(
        moment is not None and not _is_moment(moment)
        for moment in (pin.started_ms, pin.not_before_ms)
    ):
        yield f"{place}.pin", f"a moment does not lie between 0 and {LATEST_MS}"


def _is_moment(moment: int) -> bool:
    return 0 <= moment <= LATEST_MS

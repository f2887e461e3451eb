"""Whether calendars that are told until some moment can stand in the way of any work.

That is nearly never so, and to look for facts that conflict takes longer than the plan: a cheap
look at what is certain spares it.
"""

from __future__ import annotations

from domain.plan.calendar import WorkingTime, merged
from domain.plan.problem import Mode, Need, PinKind, Problem


def never_binds(problem: Problem) -> bool:
    """Whether every operation could begin on each of its machines before calendars end.

    False is no answer: then `domain.plan.conflicts` has to look.

    Args:
        problem: what is planned; of one with ovens nothing is certain.
    """
    horizon = problem.horizon_ms
    if horizon is None:
        return True
    if any(machine.batch_units is not None for machine in problem.machines):
        return False
    clocks = _Clocks(problem, horizon)
    for operation in problem.operations:
        begin = max(problem.now_ms, operation.release_ms)
        pin = operation.pin
        if pin is not None and pin.kind is PinKind.LOCKED and pin.not_before_ms is not None:
            begin = max(begin, pin.not_before_ms)
        for mode in operation.modes:
            clock, last = clocks.of(mode)
            if clock is None or begin >= last:
                return False
            if not operation.interruptible:
                lasts = mode.duration_ms
                if clock.fits(begin, lasts) + lasts > horizon:
                    return False
    return True


class _Clocks:
    """When machines, with people and tools, work, and from when on they do so no more."""

    def __init__(self, problem: Problem, horizon: int) -> None:
        self._horizon = horizon
        self._machines = {each.id: each.unavailable for each in problem.machines}
        self._resources = {each.id: each for each in problem.resources}
        self._known: dict[tuple[int, tuple[Need, ...]], tuple[WorkingTime, int]] = {}

    def of(self, mode: Mode) -> tuple[WorkingTime | None, int]:
        """A mode's; None where it needs more than there is, or what is not told."""
        idle = self._machines.get(mode.machine)
        if idle is None:
            return None, 0
        for need in mode.needs:
            resource = self._resources.get(need.resource)
            if resource is None or resource.capacity < need.units:
                return None, 0
        key = id(idle), mode.needs
        if key not in self._known:
            spans = [*idle]
            for need in mode.needs:
                spans += self._resources[need.resource].unavailable
            clock = WorkingTime(merged(spans)) if mode.needs else WorkingTime(idle)
            self._known[key] = clock, _over(clock, self._horizon)
        return self._known[key]


def _over(clock: WorkingTime, horizon: int) -> int:
    """From when on nothing is worked before the horizon."""
    moment = horizon
    for start, end in zip(reversed(clock.starts), reversed(clock.ends), strict=True):
        if start < moment <= end:
            moment = start
    return moment

"""All machines of a site together: who takes up what, and what people do to it meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from contracts.ids import EpochMs, MachinePath
from contracts.telemetry import JobEvent, OperationState
from contracts.topics import Kind
from simulator import factory
from simulator.machine import SimulatedMachine
from simulator.pace import Pace
from simulator.people import People
from simulator.scenario import Troubles
from simulator.states import Emitted, Phase
from simulator.task import Task
from simulator.work import NO_PLAN, Key, Machine, Plan, WorkOrder, find, next_task

_SETTLE_MS: Final = 1_500
"""After a word of the machine's own, what the installation shows is believed only so much later."""

_OVERTAKEN_MS: Final = 60_000
"""So long after an operation was completed here, what shows it as still at work is taken for old.

Several topics carry what a machine says: its next state may be known before the end of its work
is, and for as long as a stream worker takes to come back.
"""

_PLANNER_MS: Final = 10_000
"""Where there is a plan, new work is left to the planner for so long before it is just begun."""

_FACTORY_MACHINES: Final = frozenset(machine.path for machine in factory.MACHINES)


class Said(NamedTuple):
    """What a machine said."""

    machine: MachinePath
    emitted: Emitted


class Broken(NamedTuple):
    """A machine that is broken down, and until when."""

    until_ms: EpochMs
    reason: str


class Finished(NamedTuple):
    """An operation that was completed on a machine."""

    machine: MachinePath
    task: Task


class Plant:
    """The simulated machines of one site.

    What the installation shows of a machine is followed when it differs from what the machine does:
    an operator at a terminal may start, pause, resume, complete or abort an operation here. It is
    followed only when it is newer than the machine's own last word about a job. A machine met for
    the first time (after a restart) says a heartbeat, and begins when the installation has heard
    that: then it has heard everything said before, too.
    """

    def __init__(
        self,
        people: People,
        *,
        seed: int,
        pace: Pace = Pace(),  # noqa: B008 - immutable
        troubles: Troubles = Troubles(),  # noqa: B008 - immutable
        broken: Mapping[MachinePath, Broken] | None = None,
    ) -> None:
        """Set it up; machines are met in `refresh`.

        Args:
            people: those who work there.
            seed: of the whole factory.
            pace: how much faster than life it works.
            troubles: what goes wrong by itself.
            broken: machines that were broken down when an earlier simulator ended.
        """
        self.people = people
        self._seed = seed
        self._pace = pace
        self._troubles = troubles
        self._were_broken = dict(broken or {})
        self._machines: dict[MachinePath, SimulatedMachine] = {}
        self._job_ms: dict[MachinePath, EpochMs] = {}
        self._greeted: set[MachinePath] = set()
        """Machines whose first heartbeat is not known to be stored yet."""
        self._completed: dict[Key, EpochMs] = {}
        """Operations that were completed here, and when, until the installation shows it."""
        self._offered: dict[MachinePath, tuple[Key, EpochMs]] = {}
        """What a free machine could begin, and since when."""
        self._unplanned: dict[Key, EpochMs] = {}

    @property
    def machines(self) -> Iterable[SimulatedMachine]:
        """The machines met so far."""
        return self._machines.values()

    @property
    def broken(self) -> dict[MachinePath, Broken]:
        """The machines that are broken down now."""
        return {
            path: Broken(machine.failure.until_ms, machine.failure.reason)
            for path, machine in self._machines.items()
            if machine.failure is not None and machine.failure.breakdown
        }

    def knows(self, path: MachinePath) -> bool:
        """Whether the machine stands here and is at work."""
        return path in self._machines and path not in self._greeted

    def advance(self, now_ms: EpochMs) -> list[Said]:
        """What all machines did up to now."""
        said: list[Said] = []
        for path, machine in self._machines.items():
            said += self._noted(path, machine.advance(now_ms))
            absence = self.people.absence(path, now_ms)
            if absence != machine.absence:
                said += self._noted(path, machine.attend(absence, now_ms))
        return said

    def refresh(
        self,
        shown: Sequence[Machine],
        work_orders: Sequence[WorkOrder],
        now_ms: EpochMs,
        *,
        stored: bool,
        plan: Plan = NO_PLAN,
    ) -> list[Said]:
        """Compare with what the installation shows, and give free machines work.

        Args:
            shown: the site's machines.
            work_orders: those not finished.
            now_ms: the present.
            stored: whether nothing the machines said was on its way when `shown` was asked for.
            plan: the plan in force.
        """
        said: list[Said] = []
        for one in shown:
            if not one.configured:
                continue
            path = MachinePath(one.machine)
            machine = self._machines.get(path)
            if machine is None:
                said += self._noted(path, self._meet(path, now_ms).advance(now_ms))
                continue
            self._supply(machine, work_orders)
            if stored and self._is_newer(one, now_ms) and not self._is_overtaken(one, now_ms):
                new = path in self._greeted
                self._greeted.discard(path)
                said += self._noted(path, _follow(machine, one, work_orders, now_ms, new=new))
        said += self._start_free(work_orders, plan, now_ms)
        return said

    def break_down(
        self, path: MachinePath, until_ms: EpochMs, reason: str, now_ms: EpochMs
    ) -> list[Said]:
        """A machine breaks down; nothing, where there is no such machine."""
        machine = self._machines.get(path)
        if machine is None:
            return []
        return self._noted(path, machine.break_down(until_ms, reason, now_ms))

    def repair(self, path: MachinePath, now_ms: EpochMs) -> list[Said]:
        """A machine is mended."""
        machine = self._machines.get(path)
        return [] if machine is None else self._noted(path, machine.repair(now_ms))

    def give_up(self, operations: Iterable[Key], now_ms: EpochMs) -> list[Said]:
        """People stop working on these operations: nobody wants them any more."""
        given_up = set(operations)
        return [
            said
            for path, machine in self._machines.items()
            if machine.task is not None and machine.task.key in given_up
            for said in self._noted(path, machine.abort(now_ms))
        ]

    def finished(self) -> list[Finished]:
        """What was completed since this was asked the last time."""
        done = [
            Finished(path, task)
            for path, machine in self._machines.items()
            for task in machine.finished
        ]
        for machine in self._machines.values():
            machine.finished.clear()
        return done

    def _meet(self, path: MachinePath, now_ms: EpochMs) -> SimulatedMachine:
        machine = SimulatedMachine(path, seed=self._seed, pace=self._pace, troubles=self._troubles)
        was = self._were_broken.pop(path, None)
        if was is not None and was.until_ms > now_ms:
            machine.stay_broken(was.until_ms, was.reason)
        self._machines[path] = machine
        self._greeted.add(path)
        self._job_ms[path] = now_ms
        return machine

    def _start_free(
        self, work_orders: Sequence[WorkOrder], plan: Plan, now_ms: EpochMs
    ) -> list[Said]:
        said: list[Said] = []
        known = {one.key for order in work_orders for one in order.operations}
        at_work = {one.key for order in work_orders for one in order.operations if not one.done}
        self._completed = {key: ms for key, ms in self._completed.items() if key in at_work}
        taken = {one.task.key for one in self._machines.values() if one.task is not None}
        taken |= self._completed.keys() | self._for_the_planner(known, plan, now_ms)
        for path, machine in self._machines.items():
            if not machine.ready or path in self._greeted:
                self._offered.pop(path, None)
                continue
            task = next_task(path, work_orders, taken, plan=plan, now_ms=now_ms)
            if task is None:
                self._offered.pop(path, None)
            elif self._is_time(path, task.key, now_ms):
                taken.add(task.key)
                self._set_up_for(machine, task)
                operator = self.people.operator(path, task.key, now_ms)
                said += self._noted(path, machine.start(task, now_ms, operator=operator))
        return said

    def _for_the_planner(self, known: set[Key], plan: Plan, now_ms: EpochMs) -> set[Key]:
        """Work that no plan holds yet, though one soon will."""
        if plan is NO_PLAN:
            return set()
        unplanned = known - plan.operations.keys()
        self._unplanned = {key: self._unplanned.get(key, now_ms) for key in unplanned}
        return {key for key, seen_ms in self._unplanned.items() if now_ms - seen_ms < _PLANNER_MS}

    def _is_time(self, path: MachinePath, key: Key, now_ms: EpochMs) -> bool:
        """Whether somebody has come round to starting what could be started."""
        offered, since_ms = self._offered.get(path, (key, now_ms))
        if offered != key:
            since_ms = now_ms
        self._offered[path] = key, since_ms
        return now_ms >= since_ms + self.people.pause_ms(path, key)

    def _set_up_for(self, machine: SimulatedMachine, task: Task) -> None:
        """The set-up the machine really needs, by what it made before."""
        if machine.family is None or task.family is None or machine.path not in _FACTORY_MACHINES:
            return
        if machine.family == task.family:
            task.setup_ms = 0
            return
        setup_ms = factory.setups(machine.path).get((machine.family, task.family))
        if setup_ms is not None:
            task.setup_ms = self._pace.ms(setup_ms)

    def _supply(self, machine: SimulatedMachine, work_orders: Sequence[WorkOrder]) -> None:
        """Tell the machine how many pieces the operation before has made by now."""
        if machine.task is not None:
            known = find(work_orders, machine.task.key)
            if known is not None:
                machine.task.available = known.available
                machine.task.quantity = known.quantity

    def _is_newer(self, shown: Machine, now_ms: EpochMs) -> bool:
        path = MachinePath(shown.machine)
        seen = shown.last_seen_ms
        heard = seen is not None and seen >= self._job_ms.get(path, 0)
        return heard and now_ms - self._job_ms.get(path, -_SETTLE_MS) >= _SETTLE_MS

    def _is_overtaken(self, shown: Machine, now_ms: EpochMs) -> bool:
        """Whether the installation has not heard yet that what it shows here was completed here."""
        if shown.operation is None:
            return False
        key = (shown.operation.work_order, shown.operation.operation)
        completed_ms = self._completed.get(key)
        return completed_ms is not None and now_ms - completed_ms < _OVERTAKEN_MS

    def _noted(self, path: MachinePath, emitted: Sequence[Emitted]) -> list[Said]:
        for one in emitted:
            if one.kind is Kind.JOB:
                self._job_ms[path] = one.t_ms
                if one.fields["event"] == JobEvent.COMPLETED:
                    self._completed[one.fields["work_order"], one.fields["operation"]] = one.t_ms
        return [Said(path, one) for one in emitted]


def _follow(
    machine: SimulatedMachine,
    shown: Machine,
    work_orders: Sequence[WorkOrder],
    now_ms: EpochMs,
    *,
    new: bool,
) -> list[Emitted]:
    """Do what the installation believes the machine does."""
    on = shown.operation
    if on is None:
        return machine.free(now_ms, tell=new) if new or machine.phase is not Phase.FREE else []
    key = (on.work_order, on.operation)
    paused = on.state is OperationState.PAUSED
    if machine.task is None or machine.task.key != key:
        task = find(work_orders, key)
        if task is None:
            return machine.free(now_ms, tell=True) if new else []
        # Begun again although it has its pieces: somebody wants more of them.
        task.quantity = max(task.quantity, task.good + 1)
        said = machine.carry_on(task, now_ms)
        return said + machine.pause(now_ms) if paused else said
    return _pause_or_resume(machine, now_ms, paused=paused)


def _pause_or_resume(machine: SimulatedMachine, now_ms: EpochMs, *, paused: bool) -> list[Emitted]:
    act: Callable[[EpochMs], list[Emitted]] | None = None
    if paused and machine.phase is not Phase.PAUSED:
        act = machine.pause
    elif not paused and machine.phase is Phase.PAUSED:
        act = machine.resume
    return [] if act is None else act(now_ms)

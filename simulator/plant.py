"""All machines of a site together: who takes up what, and what people do to it meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from contracts.ids import EpochMs, MachinePath
from contracts.telemetry import JobEvent, OperationState
from contracts.topics import Kind
from simulator.machine import Emitted, Phase, SimulatedMachine
from simulator.work import Machine, WorkOrder, find, next_task

_SETTLE_MS: Final = 1_500
"""After a word of the machine's own, what the installation shows is believed only so much later."""


class Said(NamedTuple):
    """What a machine said."""

    machine: MachinePath
    emitted: Emitted


class Plant:
    """The simulated machines of one site.

    What the installation shows of a machine is followed when it differs from what the machine does:
    an operator at a terminal may start, pause, resume, complete or abort an operation here. It is
    followed only when it is newer than the machine's own last word about a job. A machine met for
    the first time (after a restart) says a heartbeat, and begins when the installation has heard
    that: then it has heard everything said before, too.
    """

    def __init__(self, *, seed: int, speed: float) -> None:
        self._seed = seed
        self._speed = speed
        self._machines: dict[MachinePath, SimulatedMachine] = {}
        self._job_ms: dict[MachinePath, EpochMs] = {}
        self._greeted: set[MachinePath] = set()
        """Machines whose first heartbeat is not known to be stored yet."""
        self._completed: set[tuple[str, int]] = set()
        """Operations that were completed here, however late the installation hears of it."""

    @property
    def machines(self) -> Iterable[SimulatedMachine]:
        """The machines met so far."""
        return self._machines.values()

    def advance(self, now_ms: EpochMs) -> list[Said]:
        """What all machines did up to now."""
        return [
            said
            for path, machine in self._machines.items()
            for said in self._noted(path, machine.advance(now_ms))
        ]

    def refresh(
        self,
        shown: Sequence[Machine],
        work_orders: Sequence[WorkOrder],
        now_ms: EpochMs,
        *,
        stored: bool,
    ) -> list[Said]:
        """Compare with what the installation shows, and give free machines work.

        Args:
            shown: the site's machines.
            work_orders: those not finished.
            now_ms: the present.
            stored: whether nothing the machines said was on its way when `shown` was asked for.
        """
        said: list[Said] = []
        for one in shown:
            if not one.configured:
                continue
            path = MachinePath(one.machine)
            machine = self._machines.get(path)
            if machine is None:
                machine = SimulatedMachine(path, seed=self._seed, speed=self._speed)
                self._machines[path] = machine
                self._greeted.add(path)
                self._job_ms[path] = now_ms
                said += self._noted(path, machine.advance(now_ms))
                continue
            self._supply(machine, work_orders)
            if stored and self._is_newer(one, now_ms):
                new = path in self._greeted
                self._greeted.discard(path)
                said += self._noted(path, _follow(machine, one, work_orders, now_ms, new=new))
        said += self._start_free(work_orders, now_ms)
        return said

    def _start_free(self, work_orders: Sequence[WorkOrder], now_ms: EpochMs) -> list[Said]:
        said: list[Said] = []
        self._completed &= {one.key for order in work_orders for one in order.operations}
        taken = {one.task.key for one in self._machines.values() if one.task is not None}
        taken |= self._completed
        for path, machine in self._machines.items():
            if machine.phase is not Phase.FREE or path in self._greeted:
                continue
            task = next_task(path, work_orders, taken)
            if task is not None and not self._just_spoke(path, now_ms):
                taken.add(task.key)
                said += self._noted(path, machine.start(task, now_ms))
        return said

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
        return heard and not self._just_spoke(path, now_ms)

    def _just_spoke(self, path: MachinePath, now_ms: EpochMs) -> bool:
        return now_ms - self._job_ms.get(path, -_SETTLE_MS) < _SETTLE_MS

    def _noted(self, path: MachinePath, emitted: Sequence[Emitted]) -> list[Said]:
        for one in emitted:
            if one.kind is Kind.JOB:
                self._job_ms[path] = one.t_ms
                if one.fields["event"] == JobEvent.COMPLETED:
                    self._completed.add((one.fields["work_order"], one.fields["operation"]))
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
        return machine.free(now_ms) if new or machine.phase is not Phase.FREE else []
    key = (on.work_order, on.operation)
    paused = on.state is OperationState.PAUSED
    if machine.task is None or machine.task.key != key:
        task = find(work_orders, key)
        if task is None:
            return machine.free(now_ms) if new else []
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

"""One simulated machine: pure, seeded, moved on by whoever holds the clock.

A machine sets up, makes pieces at its cycle time with some jitter, spoils a few, stops now and then
with a reason, wears a little until its tool is changed, and waits where the operation before it has
not made enough. What it says are the fields of native objects with the time they happened.
"""

from __future__ import annotations

import enum
import random
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from contracts.ids import EpochMs, MachinePath
from contracts.telemetry import JobEvent, LogOn, MachineState
from contracts.topics import Kind

SCRAP_RATE: Final = 0.015
STOP_RATE: Final = 0.012
"""Per piece: a stop every 80 pieces or so."""

HEARTBEAT_MS: Final = 20_000
_JITTER: Final = 0.08
_SHORTEST_CYCLE: Final = 0.6
_WEAR_PER_PIECE: Final = 0.0002
_MOST_WEAR: Final = 0.06
_STARVED_LOOK_MS: Final = 2_000
_LONGEST_LAG_MS: Final = 30_000
"""What a machine would have made while nobody moved it on (a sleeping computer) is not made up."""

_OPERATORS: Final = ("A. Nowak", "J. Müller", "L. Chen", "M. Kowalska", "P. Wiśniewski", "S. Wang")


class Stop(NamedTuple):
    """A kind of stop: what the machine says, how long it takes on average, how often it is it."""

    reason: str
    state: MachineState
    mean_ms: int
    weight: int
    new_tool: bool = False


STOPS: Final = (
    Stop("material jam", MachineState.DOWN, 35_000, 6),
    Stop("sensor fault", MachineState.DOWN, 60_000, 3),
    Stop("tool change", MachineState.PLANNED_STOP, 90_000, 2, new_tool=True),
    Stop("quality check", MachineState.IDLE, 25_000, 4),
    Stop("drive overload", MachineState.DOWN, 150_000, 1),
)


class Phase(enum.Enum):
    """What the machine is at."""

    FREE = enum.auto()
    SETTING_UP = enum.auto()
    RUNNING = enum.auto()
    STOPPED = enum.auto()
    STARVED = enum.auto()
    PAUSED = enum.auto()


@dataclass(slots=True, kw_only=True)
class Task:
    """An operation on the machine.

    Attributes:
        available: good pieces of the operation before it; None when there is none before.
    """

    work_order: str
    operation: int
    quantity: int
    cycle_ms: int
    setup_ms: int
    good: int = 0
    available: int | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Which operation it is, within the site."""
        return self.work_order, self.operation

    @property
    def starved(self) -> bool:
        """Whether there is no piece to work on."""
        return self.available is not None and self.good >= self.available


class Emitted(NamedTuple):
    """A native object, without what all objects have but its time."""

    kind: Kind
    t_ms: EpochMs
    fields: dict[str, Any]


class SimulatedMachine:
    """A machine. The same seed, path and calls give the same objects."""

    def __init__(self, path: MachinePath, *, seed: int, speed: float = 1.0) -> None:
        """Make a free machine.

        Args:
            path: its address, part of its seed.
            seed: of the whole factory.
            speed: how much faster than life it works; its event times stay those of the clock.
        """
        self.path = path
        self.task: Task | None = None
        self.phase = Phase.FREE
        self._speed = speed
        self._chance = random.Random(f"{seed}/{path}")  # noqa: S311 - reproducible, no secret
        self._wear = 0.0
        self._next_ms: EpochMs | None = None
        self._said_ms: EpochMs | None = None
        self._operator: str | None = None
        self._now: list[Emitted] = []

    def start(self, task: Task, now_ms: EpochMs) -> list[Emitted]:
        """An operator starts an operation here."""
        if self._operator is None:
            self._operator = self._chance.choice(_OPERATORS)
            self._say(Kind.OPERATOR, now_ms, event=LogOn.LOGGED_ON, operator=self._operator)
        self.task = task
        self._job(JobEvent.STARTED, now_ms, requested=task.quantity)
        setup_ms = self._some(task.setup_ms) if task.setup_ms else 0
        if setup_ms:
            self._go(Phase.SETTING_UP, MachineState.SETUP, now_ms)
            self._next_ms = EpochMs(now_ms + setup_ms)
        else:
            self._run(now_ms)
        return self._said()

    def carry_on(self, task: Task, now_ms: EpochMs) -> list[Emitted]:
        """Work on what is on the machine already: after a restart, or started by somebody else."""
        self.task = task
        self._run(now_ms)
        return self._said()

    def pause(self, now_ms: EpochMs) -> list[Emitted]:
        """Somebody paused the operation: make nothing until `resume`."""
        self._next_ms = None
        self._go(Phase.PAUSED, MachineState.IDLE, now_ms, "paused")
        return self._said()

    def resume(self, now_ms: EpochMs) -> list[Emitted]:
        """Go on with the operation that somebody paused and now resumed."""
        self._run(now_ms)
        return self._said()

    def free(self, now_ms: EpochMs) -> list[Emitted]:
        """Nothing is on the machine (any more)."""
        self.task = None
        self._next_ms = None
        self._go(Phase.FREE, MachineState.IDLE, now_ms)
        return self._said()

    def advance(self, now_ms: EpochMs) -> list[Emitted]:
        """Everything that happened up to now, in order."""
        if self._next_ms is not None and now_ms - self._next_ms > _LONGEST_LAG_MS:
            self._next_ms = now_ms
        while self._next_ms is not None and self._next_ms <= now_ms:
            self._step(self._next_ms)
        if self._said_ms is None or now_ms - self._said_ms >= HEARTBEAT_MS:
            self._say(Kind.HEARTBEAT, now_ms)
        return self._said()

    def _step(self, at_ms: EpochMs) -> None:
        task = self.task
        if task is None:
            self._next_ms = None
        elif self.phase is Phase.RUNNING:
            self._finish_piece(task, at_ms)
        elif self.phase is Phase.STARVED and task.starved:
            self._next_ms = EpochMs(at_ms + _STARVED_LOOK_MS)
        else:
            self._run(at_ms)

    def _finish_piece(self, task: Task, at_ms: EpochMs) -> None:
        self._wear = min(self._wear + _WEAR_PER_PIECE, _MOST_WEAR)
        if self._chance.random() < SCRAP_RATE:
            self._say(Kind.COUNT, at_ms, scrap=1)
        else:
            task.good += 1
            self._say(Kind.COUNT, at_ms, good=1)
        if task.good >= task.quantity:
            self._job(JobEvent.COMPLETED, at_ms)
            self.task = None
            self._next_ms = None
            self._go(Phase.FREE, MachineState.IDLE, at_ms)
        elif self._chance.random() < STOP_RATE:
            self._stop(at_ms)
        else:
            self._next_piece(task, at_ms)

    def _stop(self, at_ms: EpochMs) -> None:
        (stop,) = self._chance.choices(STOPS, weights=[stop.weight for stop in STOPS])
        if stop.new_tool:
            self._wear = 0.0
        self._go(Phase.STOPPED, stop.state, at_ms, stop.reason)
        self._next_ms = EpochMs(at_ms + self._some(stop.mean_ms))

    def _run(self, at_ms: EpochMs) -> None:
        task = self.task
        if task is None:
            return
        self._go(Phase.RUNNING, MachineState.RUNNING, at_ms)
        self._next_piece(task, at_ms)

    def _next_piece(self, task: Task, at_ms: EpochMs) -> None:
        if task.starved:
            self._go(Phase.STARVED, MachineState.IDLE, at_ms, "waiting for material")
            self._next_ms = EpochMs(at_ms + _STARVED_LOOK_MS)
            return
        factor = max(self._chance.gauss(1.0, _JITTER), _SHORTEST_CYCLE) + self._wear
        self._next_ms = EpochMs(at_ms + max(1, int(task.cycle_ms * factor / self._speed)))

    def _some(self, mean_ms: int) -> int:
        """A duration around its mean, in the clock's time."""
        return max(1, int(mean_ms * self._chance.uniform(0.5, 1.5) / self._speed))

    def _go(
        self, phase: Phase, state: MachineState, at_ms: EpochMs, reason: str | None = None
    ) -> None:
        self.phase = phase
        fields = {} if reason is None else {"reason": reason}
        self._say(Kind.STATE, at_ms, state=state.value, **fields)

    def _job(self, event: JobEvent, at_ms: EpochMs, **fields: int) -> None:
        if self.task is not None:
            work_order, operation = self.task.key
            self._say(
                Kind.JOB,
                at_ms,
                event=event.value,
                work_order=work_order,
                operation=operation,
                **fields,
            )

    def _say(self, kind: Kind, at_ms: EpochMs, **fields: Any) -> None:
        self._said_ms = at_ms
        self._now.append(Emitted(kind, at_ms, fields))

    def _said(self) -> list[Emitted]:
        said, self._now = self._now, []
        return said

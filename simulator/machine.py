"""One simulated machine: pure, seeded, moved on by whoever holds the clock.

A machine sets up, makes pieces at its cycle time with some jitter, spoils a few, stops now and then
with a reason, wears until its tool is changed, breaks down, and waits where the operation before
it has not made enough, or where nobody is there. What it says are the fields of native objects with
the time they happened.
"""

from __future__ import annotations

import random
from typing import Any, Final

from contracts.ids import EpochMs, MachinePath
from contracts.telemetry import JobEvent, LogOn, MachineState, Severity
from contracts.topics import Kind
from simulator.pace import Pace
from simulator.scenario import Troubles
from simulator.states import SHOWN, Absence, Emitted, Failure, Phase
from simulator.stops import BREAKDOWNS, LONGEST, MICRO_STOPS, SHORTEST, Stop
from simulator.task import Task

STOP_RATE: Final = 0.012
"""Per piece: a micro-stop every 80 pieces or so."""

HEARTBEAT_MS: Final = 20_000
_JITTER: Final = 0.08
_SHORTEST_CYCLE: Final = 0.6
_WEAR_PER_PIECE: Final = 0.0002
_MOST_WEAR: Final = 0.06
_STARVED_LOOK_MS: Final = 2_000
_LONGEST_LAG_MS: Final = 30_000
"""What a machine would have made while nobody moved it on (a sleeping computer) is not made up."""
_UNSEEN_MS: Final = 200
"""What is over sooner no machine reports; its time is lost all the same."""
_HOUR_MS: Final = 3_600_000


class SimulatedMachine:
    """A machine. The same seed, path and calls give the same objects."""

    def __init__(
        self,
        path: MachinePath,
        *,
        seed: int,
        pace: Pace = Pace(),  # noqa: B008 - immutable
        troubles: Troubles = Troubles(),  # noqa: B008 - immutable
    ) -> None:
        """Make a free machine with somebody at it.

        Args:
            path: its address, part of its seed.
            seed: of the whole factory.
            pace: of its stops; the times of its tasks are the clock's already.
            troubles: what goes wrong with it by itself.
        """
        self.path = path
        self.task: Task | None = None
        self.phase = Phase.FREE
        self.absence: Absence | None = None
        self.failure: Failure | None = None
        self.family: str | None = None
        """What the machine is set up for."""
        self.finished: list[Task] = []
        """What was completed here; whoever looks at it takes it out."""
        self._pace = pace
        self._troubles = troubles
        self._chance = random.Random(f"{seed}/{path}")  # noqa: S311 - reproducible, no secret
        self._wear = 0.0
        self._until_breakdown_ms = self._drawn_life()
        self._next_ms: EpochMs | None = None
        """When the piece or the set-up in hand is done, or it is looked again for material."""
        self._left_ms: int | None = None
        """What was left of that when something stopped it."""
        self._said_ms: EpochMs | None = None
        self._operator: str | None = None
        self._shown = SHOWN[Phase.FREE]
        self._made = [0, 0]
        """Good and spoiled pieces that were not told yet."""
        self._made_ms = EpochMs(0)
        self._now: list[Emitted] = []

    @property
    def ready(self) -> bool:
        """Whether an operation can be started."""
        return self.phase is Phase.FREE and not self._hindered

    @property
    def _hindered(self) -> bool:
        return self.failure is not None or self.absence is not None

    def start(self, task: Task, now_ms: EpochMs, *, operator: str | None = None) -> list[Emitted]:
        """An operator starts an operation here.

        Args:
            task: what.
            now_ms: when.
            operator: who logs on for it, unless they are already; None: somebody who forgets to.
        """
        if operator is not None:
            self._log_on(operator, now_ms)
        self.task = task
        self._job(JobEvent.STARTED, now_ms, requested=task.quantity)
        setup_ms = self._some(task.setup_ms) if task.setup_ms else 0
        if setup_ms:
            self._go(Phase.SETTING_UP, now_ms)
            self._work(setup_ms, now_ms)
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
        self._next_ms = self._left_ms = None
        self._go(Phase.PAUSED, now_ms)
        return self._said()

    def resume(self, now_ms: EpochMs) -> list[Emitted]:
        """Go on with the operation that somebody paused and now resumed."""
        self._run(now_ms)
        return self._said()

    def free(self, now_ms: EpochMs, *, tell: bool = False) -> list[Emitted]:
        """Nothing is on the machine (any more); `tell` says its state even if it was free."""
        self.task = None
        self._next_ms = self._left_ms = None
        self._go(Phase.FREE, now_ms, again=tell)
        return self._said()

    def abort(self, now_ms: EpochMs) -> list[Emitted]:
        """The operator gives the operation up."""
        self._job(JobEvent.ABORTED, now_ms)
        return self.free(now_ms)

    def attend(self, absence: Absence | None, now_ms: EpochMs) -> list[Emitted]:
        """People leave the machine (why), or are there (again): None."""
        self._tell_pieces()
        self._hinder(now_ms, absence=absence, failure=self.failure)
        return self._said()

    def break_down(self, until_ms: EpochMs, reason: str, now_ms: EpochMs) -> list[Emitted]:
        """The machine breaks down, whatever it is at."""
        self._tell_pieces()
        self._fail(
            Failure(MachineState.DOWN, reason, until_ms, new_tool=True, breakdown=True), now_ms
        )
        return self._said()

    def stay_broken(self, until_ms: EpochMs, reason: str) -> None:
        """Be broken down since before this simulator began: the installation knows already."""
        self.failure = Failure(MachineState.DOWN, reason, until_ms, new_tool=True, breakdown=True)
        self._shown = MachineState.DOWN, reason

    def repair(self, now_ms: EpochMs) -> list[Emitted]:
        """The machine is mended before it would have been."""
        if self.failure is not None:
            self._mend(now_ms)
        return self._said()

    def advance(self, now_ms: EpochMs) -> list[Emitted]:
        """Everything that happened up to now, in order."""
        while True:
            if self._next_ms is not None and now_ms - self._next_ms > _LONGEST_LAG_MS:
                self._next_ms = now_ms
            failure = self.failure
            if failure is not None and failure.until_ms <= now_ms:
                self._mend(failure.until_ms)
            elif self._next_ms is not None and self._next_ms <= now_ms:
                self._step(self._next_ms)
            else:
                break
        self._tell_pieces()
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
            self._next_ms = EpochMs(at_ms + self._pace.ms(_STARVED_LOOK_MS))
        else:
            self._run(at_ms)

    def _finish_piece(self, task: Task, at_ms: EpochMs) -> None:
        worn = self._wear / _MOST_WEAR
        self._wear = min(self._wear + _WEAR_PER_PIECE, _MOST_WEAR)
        spoiled = self._chance.random() < self._troubles.scrap * (1 + worn)
        self._made[spoiled] += 1
        self._made_ms = at_ms
        if spoiled:
            task.scrap += 1
        else:
            task.good += 1
        if task.good >= task.quantity:
            self._job(JobEvent.COMPLETED, at_ms)
            self.finished.append(task)
            self.task = None
            self._next_ms = None
            self._go(Phase.FREE, at_ms)
            return
        self._next_piece(task, at_ms)
        self._wear_out(task, at_ms)

    def _wear_out(self, task: Task, at_ms: EpochMs) -> None:
        """A stop or a breakdown, when it is time for one; the piece in hand waits."""
        self._until_breakdown_ms -= self._pace.factory_ms(task.cycle_ms)
        if self._until_breakdown_ms <= 0:
            self._until_breakdown_ms = self._drawn_life()
            self._fail(self._drawn(BREAKDOWNS, at_ms, breakdown=True), at_ms)
        elif self._chance.random() < STOP_RATE * self._troubles.micro_stops:
            self._fail(self._drawn(MICRO_STOPS, at_ms, breakdown=False), at_ms)

    def _drawn_life(self) -> float:
        hours = self._troubles.breakdown_hours
        return self._chance.expovariate(1 / (hours * _HOUR_MS)) if hours else float("inf")

    def _drawn(self, kinds: tuple[Stop, ...], at_ms: EpochMs, *, breakdown: bool) -> Failure:
        (stop,) = self._chance.choices(kinds, weights=[kind.weight for kind in kinds])
        lasts_ms = self._pace.ms(stop.mean_ms * self._chance.uniform(SHORTEST, LONGEST))
        return Failure(
            stop.state,
            stop.reason,
            EpochMs(at_ms + lasts_ms),
            new_tool=stop.new_tool,
            breakdown=breakdown,
            shown=lasts_ms >= _UNSEEN_MS,
        )

    def _fail(self, failure: Failure, at_ms: EpochMs) -> None:
        self._hinder(at_ms, absence=self.absence, failure=failure)
        if failure.breakdown:
            self._say(
                Kind.MESSAGE,
                at_ms,
                code="breakdown",
                severity=Severity.ERROR.value,
                text=failure.reason,
            )

    def _mend(self, at_ms: EpochMs) -> None:
        if self.failure is not None and self.failure.new_tool:
            self._wear = 0.0
        self._hinder(at_ms, absence=self.absence, failure=None)

    def _hinder(self, at_ms: EpochMs, *, absence: Absence | None, failure: Failure | None) -> None:
        """Stop or resume what is in hand as the hindrances come and go."""
        self.absence, self.failure = absence, failure
        if self._hindered:
            if self._next_ms is not None:
                self._left_ms = max(0, self._next_ms - at_ms)
                self._next_ms = None
        elif self._left_ms is not None:
            self._next_ms = EpochMs(at_ms + self._left_ms)
            self._left_ms = None
        self._show(at_ms)

    def _run(self, at_ms: EpochMs) -> None:
        task = self.task
        if task is None:
            return
        self.family = task.family
        self._go(Phase.RUNNING, at_ms)
        self._next_piece(task, at_ms)

    def _next_piece(self, task: Task, at_ms: EpochMs) -> None:
        if task.starved:
            self._go(Phase.STARVED, at_ms)
            self._work(self._pace.ms(_STARVED_LOOK_MS), at_ms)
            return
        factor = max(self._chance.gauss(1.0, _JITTER), _SHORTEST_CYCLE) + self._wear
        self._work(max(1, int(task.cycle_ms * factor)), at_ms)

    def _work(self, work_ms: int, at_ms: EpochMs) -> None:
        """Have something done after so much work."""
        if self._hindered:
            self._next_ms, self._left_ms = None, work_ms
        else:
            self._next_ms, self._left_ms = EpochMs(at_ms + work_ms), None

    def _some(self, mean_ms: int) -> int:
        """A set-up's time around its standard."""
        return max(1, int(mean_ms * self._chance.uniform(0.9, 1.2)))

    def _log_on(self, operator: str, at_ms: EpochMs) -> None:
        if self._operator == operator:
            return
        if self._operator is not None:
            self._say(Kind.OPERATOR, at_ms, event=LogOn.LOGGED_OFF.value, operator=self._operator)
        self._operator = operator
        self._say(Kind.OPERATOR, at_ms, event=LogOn.LOGGED_ON.value, operator=operator)

    def _go(self, phase: Phase, at_ms: EpochMs, *, again: bool = False) -> None:
        self.phase = phase
        self._show(at_ms, again=again)

    def _show(self, at_ms: EpochMs, *, again: bool = False) -> None:
        """Say the state, when it is another one than was said last."""
        shown = SHOWN[self.phase]
        if self.absence is not None:
            shown = self.absence.state, self.absence.reason
        if self.failure is not None and self.failure.shown:
            shown = self.failure.state, self.failure.reason
        if shown == self._shown and not again:
            return
        self._shown = shown
        state, reason = shown
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

    def _tell_pieces(self) -> None:
        """Count what was made since the last count: one object, however fast the machine is."""
        good, scrap = self._made
        if good or scrap:
            self._made = [0, 0]
            fields = {name: n for name, n in (("good", good), ("scrap", scrap)) if n}
            self._said_ms = self._made_ms
            self._now.append(Emitted(Kind.COUNT, self._made_ms, fields))

    def _say(self, kind: Kind, at_ms: EpochMs, **fields: Any) -> None:
        self._tell_pieces()
        self._said_ms = at_ms
        self._now.append(Emitted(kind, at_ms, fields))

    def _said(self) -> list[Emitted]:
        said, self._now = self._now, []
        return said

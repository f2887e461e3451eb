"""The part of a problem that a model is about: what may move, and what stands around it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from domain.plan.indexed import FREE, FROZEN, RUNNING, Indexed
from domain.plan.plan import Assignment
from domain.plan.problem import Interval
from scheduler.axis import Axis, common_spans, common_step_ms


class Part:
    """A problem, some of its operations movable, the others where the plan in hand has them.

    Args:
        indexed: the problem.
        incumbent: the plan in hand, by operation id; one that the validator accepts.
        window: ids of the operations that may move; None for all but the running ones.

    Attributes:
        placed, movable: by operation index.
        whole: whether everything that is not running may move.
        axis: the model's time.
        rounding: 0 when its step measures everything exactly, else 1.
        unbroken: whether durations are exact, and nothing has a break.
        horizon: a step by which everything can be done, in whatever order.
    """

    def __init__(
        self,
        indexed: Indexed,
        incumbent: Mapping[int, Assignment],
        *,
        window: Collection[int] | None = None,
    ) -> None:
        self.indexed = indexed
        self.placed = [incumbent[operation.id] for operation in indexed.operations]
        self.whole = window is None
        self.movable = [
            indexed.ranks[index] != RUNNING
            if window is None
            else indexed.ranks[index] == FREE and operation.id in window
            for index, operation in enumerate(indexed.operations)
        ]
        self.machine = [indexed.machine_at[placed.machine] for placed in self.placed]
        self._moving = [index for index, moves in enumerate(self.movable) if moves]
        self._standing: list[list[int]] = [[] for _ in indexed.machines]
        for index, machine in enumerate(self.machine):
            if not self.movable[index]:
                self._standing[machine].append(index)
        for standing in self._standing:
            standing.sort(
                key=lambda index: (
                    indexed.ranks[index] != RUNNING,
                    self.placed[index].end_ms,
                    self.placed[index].start_ms,
                )
            )
        self.axis, self.rounding = self._measured()
        self.unbroken = self._is_unbroken()
        self.horizon = self._latest()

    def gaps(self, machine: int) -> list[tuple[int, int]]:
        """A machine's breaks that remain on the axis, from step to step, up to the horizon."""
        return [gap for gap in self._all_gaps(machine) if gap[0] < self.horizon]

    def standing(self, machine: int) -> list[int]:
        """What stands on the machine, in its order."""
        return self._standing[machine]

    def since(self, machine: int) -> tuple[int, str | None]:
        """From when on the machine takes what may move, and what it is set up for then."""
        indexed = self.indexed
        free, family = 0, indexed.machines[machine].family
        for start, end in self._all_gaps(machine):
            if start <= 0:
                free = end
        for index in self._standing[machine]:
            if indexed.ranks[index] != FREE:
                free = max(free, self.axis.at(self.placed[index].end_ms))
                family = indexed.operations[index].family
        return free, family

    def setup(self, index: int, machine: int, before: str | None, mode_setup_ms: int) -> int:
        """The set-up of an operation after a family, in steps."""
        id_ = self.indexed.machines[machine].id
        family = self.indexed.operations[index].family
        return self.axis.steps(self.indexed.setups.ms(id_, before, family, mode_setup_ms))

    def earliest(self, index: int) -> int:
        """The first step in which an operation may start for reasons of its own."""
        earliest = max(0, self.axis.at(self.indexed.releases[index]))
        if self.indexed.ranks[index] == FROZEN:
            earliest = max(earliest, self.axis.at(self.indexed.base_start[index] or 0))
        return earliest

    def _all_gaps(self, machine: int) -> list[tuple[int, int]]:
        axis, now = self.axis, self.indexed.now
        spans = self.indexed.machines[machine].unavailable
        edges = (
            (axis.at(max(span.start_ms, now)), axis.at(span.end_ms))
            for span in spans
            if span.end_ms > now
        )
        return [(start, end) for start, end in edges if end > start]

    def _measured(self) -> tuple[Axis, int]:
        """The axis, and whether it rounds."""
        indexed = self.indexed
        used = {mode[0] for index in self._moving for mode in indexed.modes[index]}
        clocks = [indexed.machines[each].unavailable for each in sorted(used.union(self.machine))]
        closed = common_spans(clocks, from_ms=indexed.now)
        lengths = {indexed.problem.policy.move_tolerance_ms}
        lengths |= {entry.setup_ms for entry in indexed.problem.setups}
        for index in self._moving:
            for _, duration_ms, setup_ms in indexed.modes[index]:
                lengths |= {duration_ms, setup_ms}
            lengths |= {lag_ms for _, lag_ms in indexed.after[index]}
        lengths |= {abs(moment - indexed.now) for moment in self._moments(clocks)}
        work = [mode[1] for index in self._moving for mode in indexed.modes[index]]
        step_ms = common_step_ms(lengths, average_ms=sum(work) / max(len(work), 1))
        exact = all(length % step_ms == 0 for length in lengths)
        # Shares of work, which transfer batches and the like bring in, fit into no step.
        rounding = 0 if exact and indexed.plain else 1
        self._exact = exact
        return Axis(indexed.now, step_ms=step_ms, closed=closed), rounding

    def _is_unbroken(self) -> bool:
        problem = self.indexed.problem
        return (
            self._exact
            and not any(machine.unavailable for machine in problem.machines)
            and not any(resource.unavailable for resource in problem.resources)
        )

    def is_oven(self, machine: int) -> bool:
        """Whether several operations may be on it at once."""
        extras = self.indexed.extras
        return extras is not None and extras.room[machine] is not None

    def _moments(self, clocks: list[tuple[Interval, ...]]) -> set[int]:
        """The moments that matter to a model."""
        indexed = self.indexed
        moments = {edge for spans in clocks for span in spans for edge in _edges(span)}
        moments |= {job.due_ms for job in indexed.problem.jobs if job.due_ms is not None}
        moments |= {start for start in indexed.base_start if start is not None}
        for index, placed in enumerate(self.placed):
            moments.add(max(placed.end_ms, indexed.now))
            if not self.movable[index] and indexed.ranks[index] != RUNNING:
                moments |= {placed.setup_start_ms, placed.start_ms}
            moments.add(max(indexed.operations[index].release_ms, indexed.now))
        return moments

    def _latest(self) -> int:
        indexed, axis = self.indexed, self.axis
        latest = max((axis.at_least(placed.end_ms) for placed in self.placed), default=0)
        setups = max((entry.setup_ms for entry in indexed.problem.setups), default=0)
        work_ms = 0
        machines: set[int] = set()
        for index in self._moving:
            modes = indexed.modes[index]
            work_ms += max(mode[1] + max(mode[2], setups) for mode in modes)
            work_ms += sum(lag_ms for _, lag_ms in indexed.after[index])
            latest = max(latest, self.earliest(index))
            latest = max(latest, axis.at_least(indexed.base_start[index] or 0))
            machines.update(mode[0] for mode in modes)
        latest += -(-work_ms // axis.step_ms) + 1
        gaps = sorted(gap for machine in machines for gap in self._all_gaps(machine))
        if not all(indexed.operations[index].interruptible for index in self._moving):
            # What does not fit between two breaks waits for the last one.
            latest += max([0, *axis.cuts, *(end for _, end in gaps)])
        return _pushed(latest, gaps)


def _edges(span: Interval) -> tuple[int, int]:
    return span.start_ms, span.end_ms


def _pushed(latest: int, gaps: list[tuple[int, int]]) -> int:
    """The horizon when breaks, sorted by start, are in its way."""
    at = 0
    for start, end in gaps:
        if start >= latest:
            break
        latest += max(0, end - max(start, at))
        at = max(at, end)
    return latest

"""A problem, or a window of it, as a CP-SAT model.

Encoding: an operation has one start and a literal per machine; its end is `start + Σ duration *
literal`, and the optional intervals of its machines share the start. Where a set-up depends on what
ran before, a circuit per machine says who follows whom. Operations outside the window are intervals
that stand. Time that all machines have off is cut out (`scheduler.axis`); a break of one machine
lengthens an operation by a literal. What must not be interrupted starts where it fits between two
breaks. Resources and ovens are cumulative. What would make a model too large is left out of it
(`scheduler.shop`), and what it cannot say exactly is left to the decoder (`scheduler.pools`).

So every plan of the decoder satisfies the model, at a cost that is not above its own. The plan in
hand is a complete hint, and a bound proven of a model without window is one of the problem.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

import msgspec

from domain.plan.indexed import RUNNING, Indexed
from domain.plan.metrics import MINUTE_MS
from domain.plan.plan import Assignment
from domain.plan.problem import Overlap
from scheduler.cp_sat import CpSat, Linear
from scheduler.part import Part
from scheduler.pools import add_resources
from scheduler.shop import add_breaks, add_machines
from scheduler.stopping import Stop
from scheduler.tasks import Task, make_task


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Where the solver puts operations, all by id.

    Attributes:
        starts: each operation's first step; of use only to be compared with each other.
        starts_ms: the same as moments, of the operations that might move.
        machines: each operation's machine.
        bound: what the problem's cost cannot be below; None when that is not proven.
        optimal: whether the model has nothing better.
    """

    starts: dict[int, int]
    starts_ms: dict[int, int]
    machines: dict[int, int]
    bound: int | None
    optimal: bool


class Model:
    """A model of some operations, the others standing where the plan in hand has them.

    Args:
        indexed: the problem.
        incumbent: the plan in hand, by operation id; one that the validator accepts.
        window: ids of the operations that may move; None for all but the running ones.
    """

    def __init__(
        self,
        indexed: Indexed,
        incumbent: Mapping[int, Assignment],
        *,
        window: Collection[int] | None = None,
    ) -> None:
        self._indexed = indexed
        self._part = Part(indexed, incumbent, window=window)
        self._standing_cost_ms = 0
        self.cp = CpSat()
        self._tasks = {
            index: make_task(self.cp, self._part, index)
            for index, moves in enumerate(self._part.movable)
            if moves
        }
        add_breaks(self.cp, self._part, self._tasks.values())
        self._add_precedence()
        costs = add_machines(self.cp, self._part, self._tasks.values())
        add_resources(self.cp, self._part, self._tasks)
        costs += self._tardiness()
        costs += self._makespan()
        costs += self._stability()
        self.cp.minimize(costs)

    def solve(self, *, limit_s: float, stop: Stop) -> Found | None:
        """Search until the time is over or somebody asks to stop; None when nothing was found."""
        answer = self.cp.solve(limit_s=limit_s, stop=stop)
        if answer is None:
            return None
        axis, machines = self._part.axis, self._indexed.machines
        starts: dict[int, int] = {}
        starts_ms: dict[int, int] = {}
        chosen: dict[int, int] = {}
        for index, operation in enumerate(self._indexed.operations):
            task = self._tasks.get(index)
            if task is None:
                starts[operation.id] = axis.at(self._part.placed[index].start_ms)
                chosen[operation.id] = self._part.placed[index].machine
                continue
            starts[operation.id] = answer.value(task.start)
            starts_ms[operation.id] = axis.moment_ms(starts[operation.id])
            choice = next(each for each in task.choices if answer.value(each.literal))
            chosen[operation.id] = machines[choice.machine].id
        return Found(
            starts=starts,
            starts_ms=starts_ms,
            machines=chosen,
            bound=self._bound(answer.bound),
            optimal=answer.optimal,
        )

    def _bound(self, proven: int) -> int | None:
        """A bound of the cost, which is rounded once, halves up."""
        if not self._part.whole:
            return None
        least_ms = proven * self._part.axis.step_ms + self._standing_cost_ms
        return max(0, (least_ms + MINUTE_MS // 2) // MINUTE_MS)

    def _add_precedence(self) -> None:
        axis = self._part.axis
        # Pieces travel in closed time as well: of that the axis knows nothing.
        lags = not axis.cuts
        for index in range(len(self._indexed.operations)):
            if self._indexed.ranks[index] == RUNNING:
                continue
            task = self._tasks.get(index)
            start = axis.at(self._part.placed[index].start_ms) if task is None else task.start
            for place, (before, lag_ms) in enumerate(self._indexed.after[index]):
                other = self._tasks.get(before)
                overlap = self._overlap(index, place)
                if overlap is not None:
                    self._hand_on(index, before, overlap, axis.steps(lag_ms) if lags else 0)
                    continue
                if other is not None:
                    self.cp.require(start >= other.end + (axis.steps(lag_ms) if lags else 0))
                elif task is not None:
                    end_ms = self._part.placed[before].end_ms
                    self.cp.require(start >= axis.at(end_ms + lag_ms))

    def _overlap(self, index: int, place: int) -> Overlap | None:
        """How pieces are handed on before the predecessor has ended; None when they are not."""
        extras = self._indexed.extras
        return None if extras is None else extras.links[index][place].overlap

    def _hand_on(self, index: int, before: int, overlap: Overlap, lag: int) -> None:
        """It starts behind the first transfer batch, and ends behind its work on the last one.

        The second is left to the decoder where breaks are about: a model without some of them makes
        operations end earlier than they do. Ovens hand on nothing; that is left to it, too.
        """
        task, other = self._tasks.get(index), self._tasks.get(before)
        if task is None or other is None:
            return
        operations = self._indexed.operations
        if overlap.first:
            made = self._shares(other, overlap.first, operations[before].pieces)
            self.cp.require(task.start >= other.start + made + lag)
        if self._part.unbroken:
            own = self._shares(task, overlap.last, operations[index].pieces)
            self.cp.require(task.end >= other.end + own + lag)

    def _shares(self, task: Task, pieces: int, of: int) -> Linear:
        """How long some of the pieces take, rounded down."""
        return sum(
            choice.duration * min(pieces, of) // of * choice.literal for choice in task.choices
        )

    # The objective, in steps

    def _tardiness(self) -> list[Linear]:
        members: dict[int, list[int]] = defaultdict(list)
        for index, operation in enumerate(self._indexed.operations):
            members[operation.job].append(index)
        costs = []
        policy = self._indexed.policy
        for job in self._indexed.problem.jobs:
            inside = members.get(job.id)
            limits = (
                (job.due_ms, job.weight * policy.tardiness),
                (job.keep_by_ms, policy.displaced),
            )
            for limit_ms, price in limits:
                if inside and price and limit_ms is not None:
                    costs += self._lateness(limit_ms, inside, price)
        return costs

    def _makespan(self) -> list[Linear]:
        """What it costs that the last operation ends when it does."""
        price = self._indexed.policy.makespan
        if not price:
            return []
        now_ms = self._indexed.now
        return self._lateness(now_ms, list(range(len(self._indexed.operations))), price)

    def _lateness(self, due_ms: int, members: list[int], price: int) -> list[Linear]:
        """What it costs to end a job late; nothing variable when all of it stands."""
        axis, horizon = self._part.axis, self._part.horizon
        tasks = [self._tasks[index] for index in members if index in self._tasks]
        stands_ms = max(
            (self._part.placed[index].end_ms for index in members if index not in self._tasks),
            default=due_ms,
        )
        if not tasks:
            self._standing_cost_ms += price * max(0, stands_ms - due_ms)
            return []
        due = axis.at_least(due_ms)
        least = max(0, axis.at(stands_ms) - due)
        hint = max(least, max(task.end_hint for task in tasks) - due)
        late = self.cp.integer(least, max(least, hint, horizon - due), hint=hint)
        for task in tasks:
            self.cp.require(late >= task.end - due)
        return [price * late]

    def _stability(self) -> list[Linear]:
        policy = self._indexed.policy
        costs = []
        for index, task in self._tasks.items():
            base_ms = self._indexed.base_start[index]
            if base_ms is None:
                continue
            if policy.move:
                costs.append(policy.move * self._beyond(task, base_ms))
            # Rounded down like everything, should a minute not be a whole number of steps.
            price = policy.reassignment * MINUTE_MS // self._part.axis.step_ms
            base = self._indexed.base_machine[index]
            stays = sum(choice.literal for choice in task.choices if choice.machine == base)
            costs.append(price * (1 - stays))
        return costs

    def _beyond(self, task: Task, base_ms: int) -> Linear:
        """By how much a start is moved beyond the tolerance."""
        axis, tolerance_ms = self._part.axis, self._indexed.problem.policy.move_tolerance_ms
        soon = axis.at(base_ms - tolerance_ms) - self._part.rounding
        late = axis.at_least(base_ms + tolerance_ms)
        hint = max(0, soon - task.start_hint, task.start_hint - late)
        beyond = self.cp.integer(0, max(0, soon, hint, self._part.horizon - late), hint=hint)
        self.cp.require(beyond >= task.start - late)
        self.cp.require(beyond >= soon - task.start)
        return beyond

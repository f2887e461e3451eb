"""When work that is not there yet could be ready: without hurting others, and at a cost to them.

Without harm it goes into the gaps of the plan (`domain.plan.insertion`): nothing else moves, which
`moved` checks of the finished plan. With a cost it goes before what it may displace: its machines'
sequences are decoded again, in which everything else starts as planned or later. So the cost is
what putting it there would be at once; a planner who is given time may find a better way.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain.plan.ahead import Ahead, ready_in, topological
from domain.plan.decoder import Timeline, decode
from domain.plan.indexed import Indexed, ProblemError
from domain.plan.insertion import Gaps, Inserted
from domain.plan.metrics import cost, job_ends
from domain.plan.plan import Plan
from domain.plan.policy import may_displace
from domain.plan.problem import Problem


class Base(msgspec.Struct, frozen=True):
    """A plan that is promised against, with what is asked of it often.

    Attributes:
        problem, plan: the plan, valid for the problem.
        ends: when it ends each job.
        cost: the policy's objective.
    """

    problem: Problem
    plan: Plan
    ends: dict[int, int]
    cost: int

    @classmethod
    def of(cls, problem: Problem, plan: Plan) -> Base:
        """Work them out."""
        return cls(problem, plan, job_ends(problem, plan), cost(problem, plan))


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to know.

    Attributes:
        problem: the base's problem with the new jobs and operations behind its own. The new jobs
            have no due date, and the priority class with which they would displace others.
        jobs: the new jobs' ids.
        from_ms: nothing of them is set up or worked on before.
        fixed_until_ms: what starts before keeps its turn.
        due_ms: by when they are wanted; None: as early as possible.
    """

    problem: Problem
    jobs: tuple[int, ...]
    from_ms: int
    fixed_until_ms: int
    due_ms: int | None = None


class Later(msgspec.Struct, frozen=True):
    """A job that would end later, by how much, and how late it is then (0: in time)."""

    job: int
    by_ms: int
    late_ms: int


class Costly(msgspec.Struct, frozen=True, kw_only=True):
    """A date that others pay for.

    Attributes:
        operations: where the new operations go.
        end_ms: when the last of them ends.
        cost: by how much the objective rises.
        later: whose work ends later, the most first.
        plan: everything together then.
    """

    operations: tuple[Inserted, ...]
    end_ms: int
    cost: int
    later: tuple[Later, ...]
    plan: Plan


class Dates(msgspec.Struct, frozen=True, kw_only=True):
    """The answer.

    Attributes:
        free: where the new operations go without moving anything, in order.
        free_plan: everything together then.
        costly: None: nobody may be put off, or it would not be sooner.
    """

    free: tuple[Inserted, ...]
    free_plan: Plan
    costly: Costly | None

    @property
    def end_ms(self) -> int:
        """When the last operation ends without harm."""
        return max(each.end_ms for each in self.free)


def dates(base: Base, wish: Wish) -> Dates:
    """Work out both dates.

    Raises:
        ProblemError: the wish names what is not in the problem.
    """
    indexed = Indexed(wish.problem)
    new = range(len(base.problem.operations), len(wish.problem.operations))
    gaps = Gaps(indexed, base.plan, from_ms=wish.from_ms, fixed_until_ms=wish.fixed_until_ms)
    free = tuple([gaps.insert(operation) for operation in new])
    end_ms = max(each.end_ms for each in free)
    costly: Costly | None = None
    if wish.due_ms is None or end_ms > wish.due_ms:
        costly = _Displacing(indexed, base, wish, new).best(before_ms=end_ms)
    return Dates(free=free, free_plan=gaps.plan(), costly=costly)


def moved(base: Base, plan: Plan) -> list[int]:
    """The operations of the base that a plan has on another machine or at another time."""
    after = {
        each.operation: (each.machine, each.start_ms, each.end_ms) for each in plan.assignments
    }
    return [
        each.operation
        for each in base.plan.assignments
        if after.get(each.operation) != (each.machine, each.start_ms, each.end_ms)
    ]


class _Displacing:
    """The variants of one wish: less or more of what may be displaced."""

    def __init__(self, indexed: Indexed, base: Base, wish: Wish, new: range) -> None:
        self.indexed = indexed
        self.base = base
        self.wish = wish
        self.new = new
        jobs = {job.id: job for job in base.problem.jobs}
        policy = wish.problem.policy
        urgency = max(job.priority_class for job in wish.problem.jobs if job.id in wish.jobs)
        self.jobs = jobs
        self.displaceable = {
            job.id: job.priority_class
            for job in jobs.values()
            if may_displace(policy, urgency, job.priority_class)
        }

    def best(self, *, before_ms: int) -> Costly | None:
        """The cheapest variant in time, else the earliest; None: none is sooner."""
        due = self.wish.due_ms
        found: list[Costly] = []
        for limit in self._limits():
            variant = self._variant(limit)
            if variant is not None and variant.end_ms < before_ms:
                found.append(variant)
        if due is not None and (in_time := [each for each in found if each.end_ms <= due]):
            return min(in_time, key=lambda each: (each.cost, each.end_ms))
        return min(found, key=lambda each: (each.end_ms, each.cost), default=None)

    def _limits(self) -> list[int]:
        """The highest priority classes that may be displaced, a few of them: all, half, least."""
        classes = sorted(set(self.displaceable.values()))
        if not classes:
            return []
        return sorted({classes[-1], classes[(len(classes) - 1) // 2], classes[0]})

    def _variant(self, limit: int) -> Costly | None:
        """What comes of displacing work up to a class; None: it would hurt other work, too."""
        wish = self.wish
        displaceable = frozenset(
            job for job, class_ in self.displaceable.items() if class_ <= limit
        )
        ahead = Ahead(
            self.indexed,
            self.base.plan,
            displaceable,
            from_ms=wish.from_ms,
            fixed_until_ms=wish.fixed_until_ms,
        )
        inserted = [ahead.insert(operation) for operation in self.new]
        try:
            plan = self._decoded(ahead, inserted)
        except ProblemError:
            return None  # its operations would wait for each other
        ends = job_ends(wish.problem, plan)
        later = self._later(ends)
        if any(each.job not in displaceable and self._hurts(each) for each in later):
            return None
        operations = self._placed(ahead, plan)
        return Costly(
            operations=operations,
            end_ms=max(each.end_ms for each in operations),
            cost=cost(wish.problem, plan) - self.base.cost,
            later=tuple(later),
            plan=plan,
        )

    def _decoded(self, ahead: Gaps, inserted: Sequence[Inserted]) -> Plan:
        """The sequences with their new operations, decoded; others start as planned or later."""
        indexed = self.indexed
        starts = {each: lot.start_ms for lane in ahead.lanes for lot in lane for each in lot.every}
        if ahead.around is None:
            operations, machines = indexed.operations, indexed.machines
            order = topological(indexed, ahead.lanes)
            sequence = [(operations[lot.operation].id, machines[at].id) for lot, at in order]
            not_before = {operations[each].id: start for each, start in starts.items()}
            return decode(self.wish.problem, sequence, not_before=not_before, indexed=indexed)
        # Whom they share people with are asked after them, if they start after they could.
        could = {each.operation: each.ready_ms for each in inserted if not each.joins}
        timeline = Timeline(indexed)
        for lot, machine in topological(indexed, ahead.lanes, could):
            together = ahead.around.members(machine, lot)
            ready = [ready_in(timeline, each, machine, starts[each]) for each in together]
            for each in together:
                # An oven waits for all that is to be in it.
                mode = next(mode for mode in indexed.modes[each] if mode[0] == machine)
                timeline.place(each, mode, max(ready))
        return timeline.plan()

    def _later(self, ends: dict[int, int]) -> list[Later]:
        """Whose work ends later than in the base."""
        later = []
        for job, before in self.base.ends.items():
            if (by_ms := ends[job] - before) > 0:
                due = self.jobs[job].due_ms
                later.append(Later(job, by_ms, 0 if due is None else max(ends[job] - due, 0)))
        return sorted(later, key=lambda each: (-each.by_ms, each.job))

    def _hurts(self, later: Later) -> bool:
        """Whether the job is later than its due date, or than it may be made to be, for this."""
        keep_by = self.jobs[later.job].keep_by_ms
        end = self.base.ends[later.job] + later.by_ms
        return later.late_ms > 0 or (keep_by is not None and end > keep_by)

    def _placed(self, ahead: Gaps, plan: Plan) -> tuple[Inserted, ...]:
        """The new operations with the decoded times."""
        indexed = self.indexed
        at = {each.operation: each for each in plan.assignments}
        ends = {indexed.operation_at[each.operation]: each.end_ms for each in plan.assignments}
        ahead.ends = ends
        found = []
        for operation in self.new:
            placed = at[indexed.operations[operation].id]
            machine = indexed.machine_at[placed.machine]
            mode = next(mode for mode in indexed.modes[operation] if mode[0] == machine)
            ready = min(ahead.ready(operation, mode), placed.start_ms)
            alone = ahead.told(operation, mode, 0, ready, (0, 0, placed.end_ms))
            found.append(
                Inserted(
                    operation,
                    mode,
                    0,
                    ready,
                    placed.setup_start_ms,
                    placed.start_ms,
                    placed.end_ms,
                    max(alone.waits_ms, 0),
                )
            )
        return tuple(found)

"""What planning answers: a plan with its figures, or why there is none."""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Assignment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An operation's place in a plan. Epoch milliseconds.

    Attributes:
        operation, machine: what, and where.
        setup_start_ms: when its set-up begins; equal to `start_ms` when there is none.
        start_ms: when the work begins; for a running operation, when it did.
        end_ms: when the last piece is made.
    """

    operation: int
    machine: int
    setup_start_ms: int
    start_ms: int
    end_ms: int


class Plan(msgspec.Struct, frozen=True):
    """All operations of a problem, each placed once; by machine and start."""

    assignments: tuple[Assignment, ...]


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """How good a plan is. Times are minutes, rounded; stability is against the plan in force.

    Attributes:
        cost: the policy's objective.
        weighted_tardiness: Σ weight·max(0, end - due) over jobs.
        tardiness: the same with all weights 1.
        tardy_jobs, most_tardy: how many are late, and by how much the worst one.
        makespan: from `now` to the last end.
        setup: Σ set-up.
        reassigned: operations on another machine than before.
        moved: operations whose start moved by more than the policy's tolerance.
        shifted: Σ |start - start before| over all operations of the plan in force.
        resequenced: operations behind another one than before on the machine where they were.
        imbalance: by how much the busiest machine's work exceeds the machines' average.
        displaced: by how much jobs end later than a rush order may make them, in all.
    """

    cost: int
    weighted_tardiness: int
    tardiness: int
    tardy_jobs: int
    most_tardy: int
    makespan: int
    setup: int
    reassigned: int
    moved: int
    shifted: int
    resequenced: int = 0
    imbalance: int = 0
    displaced: int = 0


class LateCause(msgspec.Struct, frozen=True, kw_only=True):
    """One link of the chain that makes a job late, from the last one backwards.

    Attributes:
        operation: what ends late.
        machine: where.
        cause: a code: `machine_busy` (behind `behind` on the machine), `predecessor` (`behind` has
            to end first), `unavailable` (the machine does not work from `since_ms` on), `resource`
            (`resource` is held by `behind`, or too little of it is there), `material` (it comes
            then), `release` (it may not start earlier), `held` (it could, but the plan does not),
            `work` (the work itself takes longer than there is time).
        behind: the operation that is waited for.
        since_ms: since when it could have gone on otherwise.
        wait_ms: how long it waits for that.
        resource: the secondary resource that is waited for.
        closure: why the machine does not work, where somebody said so (`ClosureKind`).
    """

    operation: int
    machine: int
    cause: str
    behind: int | None = None
    since_ms: int | None = None
    wait_ms: int = 0
    resource: int | None = None
    closure: str | None = None


class DelayShare(msgspec.Struct, frozen=True, kw_only=True):
    """What one cause has of a job's delay (`domain.plan.delay`).

    Attributes:
        cause: as in `LateCause`, but that waits for predecessors are told by what those wait for;
            `setup` and `way` besides, and `overdue`: it was late before anything was planned.
        operation: what waited; None of what was overdue.
        machine: where.
        behind: for whom.
        since_ms: since when.
        wait_ms: how long it waited.
        share_ms: its share of the delay.
        resource, closure: as in `LateCause`.
    """

    cause: str
    operation: int | None = None
    machine: int | None = None
    behind: int | None = None
    since_ms: int | None = None
    wait_ms: int = 0
    share_ms: int
    resource: int | None = None
    closure: str | None = None


class LateJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that the plan ends after its due date, and why.

    Attributes:
        chain: what waits for what, from the job's end back to the root.
        shares: what each cause has of the delay; they add up to it.
    """

    job: int
    end_ms: int
    due_ms: int
    chain: tuple[LateCause, ...]
    shares: tuple[DelayShare, ...] = ()


class Solved(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that the validator accepts.

    Attributes:
        method: what found it: `right_shift`, `dispatch:<rule>`, `local_search`, `cp_sat`.
        bound: a proven lower bound of the cost, where one is known.
        solve_ms: how long it took.
    """

    plan: Plan
    metrics: Metrics
    late: tuple[LateJob, ...]
    method: str
    solve_ms: int
    bound: int | None = None


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that makes planning impossible together with the others; ids and values, no words.

    Attributes:
        code: what kind of fact (`domain.plan.conflicts.Fact`), or what a search found wrong.
        operation, machine, job, resource: whose it is.
        other: the other operation that is concerned.
        at_ms: a moment that it names (a release, a lock's date, the end of a calendar).
        value: a quantity that it names: working time in milliseconds, pieces, or units of a
            resource, by its code.
        limit: what there is of it, in the same unit.
    """

    code: str
    operation: int | None = None
    machine: int | None = None
    job: int | None = None
    resource: int | None = None
    other: int | None = None
    at_ms: int | None = None
    value: int | None = None
    limit: int | None = None


class Infeasible(msgspec.Struct, frozen=True, kw_only=True):
    """No plan can satisfy these facts together; without any one of them the others have one."""

    conflicts: tuple[Conflict, ...]


Outcome: TypeAlias = Solved | Infeasible

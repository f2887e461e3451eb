"""A shop as files describe it: jobs, operations with alternatives, set-ups, due dates.

Times are whole numbers of the file's unit, counted from 0; jobs, operations within their job and
machines are numbered from 0.
"""

from __future__ import annotations

import enum

import msgspec


class Objective(enum.StrEnum):
    """What is to be as small as possible."""

    MAKESPAN = "makespan"
    TARDINESS = "tardiness"
    """The sum over jobs of weight times lateness, where late."""


class Alternative(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A machine that can do an operation, and how long it takes there."""

    machine: int
    duration: int


class Task(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operation of a job.

    Attributes:
        alternatives: never empty, no machine twice.
        after: the operations of the same job that have to end before; None for the one before it.
        family: its set-up family; None where the operation is a family of its own, or none count.
    """

    alternatives: tuple[Alternative, ...]
    after: tuple[int, ...] | None = None
    family: int | None = None


class JobOfTasks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A job.

    Attributes:
        operations: never empty.
        release: nothing of it starts before.
        due: when it should end; None when nobody waits.
        weight: the price of a unit of lateness.
    """

    operations: tuple[Task, ...]
    release: int = 0
    due: int | None = None
    weight: int = 1


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A shop to be planned.

    Attributes:
        machines: how many.
        jobs: never empty.
        setups: `setups[machine][from family][to family]`, or empty.
        initial: `initial[machine][family]`, the set-up before the first operation of a machine;
            empty where there is none. Only beside `setups`.
        objective: what counts.
        machines_from: what the file calls its first machine, 0 or 1; here it is 0.
    """

    machines: int
    jobs: tuple[JobOfTasks, ...]
    setups: tuple[tuple[tuple[int, ...], ...], ...] = ()
    initial: tuple[tuple[int, ...], ...] = ()
    objective: Objective = Objective.MAKESPAN
    machines_from: int = 0

    def families(self) -> list[list[int]]:
        """The set-up family of every operation, by job."""
        families: list[list[int]] = []
        number = 0
        for job in self.jobs:
            row: list[int] = []
            for task in job.operations:
                row.append(number if task.family is None else task.family)
                number += 1
            families.append(row)
        return families

    def before(self, job: int, operation: int) -> tuple[int, ...]:
        """Which operations of the job have to end before one of them."""
        after = self.jobs[job].operations[operation].after
        if after is not None:
            return after
        return (operation - 1,) if operation else ()


class Piece(msgspec.Struct, frozen=True, gc=False):
    """An operation's place in a schedule."""

    job: int
    operation: int
    machine: int
    start: int
    end: int


Schedule = tuple[Piece, ...]
"""Every operation once."""

"""The works of a question as operations of the problem, made or there without being made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Final

import msgspec

from contracts.new_work import NewWork
from contracts.questions import PlacedOperation, PromiseQuestion
from domain.plan.insertion import Inserted
from domain.plan.problem import Job, Operation
from domain.plan.promising import Wish
from scheduler.warm import Warm

_MOST_WEIGHT: Final = 1_000


class AskedWork:
    """The question's works and their operations, numbered behind those of the problem.

    Attributes:
        operations: of those that are made.
        extended: the problem with them.
        gone: works that are not made, by place.
        lines: works that are asked for themselves.

    Raises:
        RoutingError: a step has no way.
    """

    def __init__(self, warm: Warm, works: Sequence[NewWork], from_ms: int, priority: int) -> None:
        problem = warm.problem
        self._works = works
        self._from_ms = from_ms
        self._machines = [machine.id for machine in problem.machines]
        first_job = max((job.id for job in problem.jobs), default=0) + 1
        first = max((operation.id for operation in problem.operations), default=0) + 1
        self._jobs = [first_job + place for place in range(len(works))]
        weight = min(max(1 + priority, 1), _MOST_WEIGHT)
        self._priority, self._weight = priority, weight
        made = warm.loaded.workshop.operations(works, jobs=self._jobs, ids=count(first))
        self._made = [[self._not_before(each) for each in operations] for operations in made]
        self._numbers = {
            operation.id: (place, step.number)
            for place, (work, operations) in enumerate(zip(works, made, strict=True))
            for step, operation in zip(work.steps, operations, strict=True)
        }
        inner = {part for work in works for part in _parts(work)}
        self.lines = [place for place in range(len(works)) if place not in inner]
        self._problem = problem
        self.gone: frozenset[int] = frozenset()
        self._extend()

    @property
    def made(self) -> tuple[bool, ...]:
        """Whether each work is made."""
        return tuple(place not in self.gone for place in range(len(self._works)))

    def without(self, gone: Iterable[int]) -> AskedWork:
        """The same, but for some works, which are there without being made."""
        rest = object.__new__(AskedWork)
        rest.__dict__ |= self.__dict__
        rest.gone = frozenset(gone)
        rest._extend()
        return rest

    def wish(self, warm: Warm, question: PromiseQuestion) -> Wish:
        """What is asked of the plan."""
        frozen_ms = warm.problem.policy.frozen_ms
        return Wish(
            problem=self.extended,
            jobs=tuple(job for place, job in enumerate(self._jobs) if place not in self.gone),
            from_ms=self._from_ms,
            fixed_until_ms=self._from_ms + frozen_ms,
            due_ms=question.due_ms,
        )

    def waited_for(self, placed: Sequence[Inserted]) -> set[int]:
        """Works that are there no later without being made, the inner ones first; with parts."""
        ends = self.ends(placed)
        sooner = {
            place
            for place, work in enumerate(self._works)
            if place not in self.gone
            and work.otherwise_ms is not None
            and ends[place] >= work.otherwise_ms
        }
        inner = {place for place in sooner if not sooner.intersection(self._below(place) - {place})}
        return {below for place in inner for below in self._below(place)} - self.gone

    def told(self, warm: Warm, placed: Sequence[Inserted]) -> tuple[PlacedOperation, ...]:
        """Where operations go, in the port's terms."""
        operations, resources = self.extended.operations, self.extended.resources
        names = warm.loaded.resources
        told = []
        for each in placed:
            job, number = self._numbers[operations[each.operation].id]
            short = None if each.resource is None else resources[each.resource]
            told.append(
                PlacedOperation(
                    job=job,
                    number=number,
                    machine=self._machines[each.mode[0]],
                    ready_ms=each.ready_ms,
                    setup_start_ms=each.setup_start_ms,
                    start_ms=each.start_ms,
                    end_ms=each.end_ms,
                    waits_ms=each.waits_ms,
                    resource=None if short is None else names.get(short.id, short.skill),
                    resource_ms=each.resource_ms,
                )
            )
        return tuple(told)

    def ends(self, placed: Sequence[Inserted]) -> tuple[int, ...]:
        """When each work is there."""
        operations = self.extended.operations
        ends = [
            (work.otherwise_ms or 0) if place in self.gone else 0
            for place, work in enumerate(self._works)
        ]
        for each in placed:
            job, _ = self._numbers[operations[each.operation].id]
            ends[job] = max(ends[job], each.end_ms)
        return tuple(ends)

    def _extend(self) -> None:
        """Put what is made behind the problem's own work; what is not made comes at its date."""
        there = {
            operation.id: max(work.otherwise_ms or 0, 0)
            for place, (work, operations) in enumerate(zip(self._works, self._made, strict=True))
            if place in self.gone
            for operation in operations
        }
        self.operations = [
            _without(operation, there)
            for place, operations in enumerate(self._made)
            if place not in self.gone
            for operation in operations
        ]
        new = [
            Job(id=job, weight=self._weight, priority_class=self._priority)
            for place, job in enumerate(self._jobs)
            if place not in self.gone
        ]
        self.extended = msgspec.structs.replace(
            self._problem,
            jobs=(*self._problem.jobs, *new),
            operations=(*self._problem.operations, *self.operations),
        )

    def _not_before(self, operation: Operation) -> Operation:
        release_ms = max(operation.release_ms, self._from_ms)
        return msgspec.structs.replace(operation, release_ms=release_ms)

    def _below(self, place: int) -> set[int]:
        """A work and all that it is made of."""
        found = {place}
        for part in _parts(self._works[place]):
            found |= self._below(part)
        return found


def _without(operation: Operation, there: dict[int, int]) -> Operation:
    """An operation that waits for the date of what is not made, instead of for the making."""
    if all(link.operation not in there for link in operation.after):
        return operation
    comes = [there[link.operation] for link in operation.after if link.operation in there]
    return msgspec.structs.replace(
        operation,
        after=tuple(link for link in operation.after if link.operation not in there),
        release_ms=max(operation.release_ms, *comes),
    )


def _parts(work: NewWork) -> Iterable[int]:
    yield from work.after
    for step in work.steps:
        yield from step.after

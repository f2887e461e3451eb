"""The one way from a routing to a planner's jobs: for work that is stored, and that is asked about.

Stored work orders (`store.planning.problem_assembly`), promises, new orders of drafts and rush
prices all pass through it: people and tools by need, ovens in loads, transfer batches, waits, and
the step that its material is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, Protocol

import msgspec

from contracts.new_work import NewStep, NewWork
from domain.plan import routing
from domain.plan.problem import Mode, Need, Operation, Precedence, Problem, ReleaseKind
from domain.plan.routing import Made, Step, Way

_ZERO: Final = Decimal(0)
_THOUSANDTH: Final = Decimal("0.001")


class RoutingError(ValueError):
    """A step of new work has no way.

    Attributes:
        code: why: `no_machine` of the scope can do it, `no_resource` (never so many people or
            tools), `too_long`, `no_steps`.
        item, step: whose; the number in its routing.
    """

    def __init__(self, code: str, item: str, step: int | None = None) -> None:
        super().__init__(f"step {step} of {item}: {code}")
        self.code = code
        self.item = item
        self.step = step


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A machine by its master data.

    Attributes:
        site: where it stands.
        batch_capacity: what an oven takes; None: it is none.
        needs: what all work on it needs beside it.
    """

    site: int | None = None
    batch_capacity: Decimal | None = None
    needs: Sequence[str] = ()


class Staff(Protocol):
    """Who knows which resources are meant by needs."""

    def needs(self, site: int, texts: Sequence[str]) -> tuple[Need, ...] | None:
        """The resources that are needed at a site; None: there are never so many."""


class Workshop:
    """Machines, people and tools, as routings ask for them.

    Args:
        places: the machines by id; others do not exist.
        staff: people and tools; None: there are none, and nothing needs them.
    """

    def __init__(self, places: Mapping[int, Place], staff: Staff | None = None) -> None:
        self._places = places
        self._staff = staff

    @classmethod
    def of(cls, problem: Problem) -> Workshop:
        """The workshop of a problem of which no master data are known: machines alone."""
        return cls(
            {
                machine.id: Place(
                    site=machine.site,
                    batch_capacity=None
                    if machine.batch_units is None
                    else machine.batch_units * _THOUSANDTH,
                )
                for machine in problem.machines
            }
        )

    def way(
        self, machine: int, cycle_ms: int | None, setup_ms: int, needs: Sequence[str]
    ) -> Way | None:
        """How a machine of the workshop does a step; None: nobody can be found for it."""
        place = self._places[machine]
        wanted = [*needs, *place.needs]
        found: tuple[Need, ...] | None = ()
        if wanted:
            site = place.site
            found = None
            if self._staff is not None and site is not None:
                found = self._staff.needs(site, wanted)
        if found is None:
            return None
        return Way(
            machine=machine,
            cycle_ms=cycle_ms,
            setup_ms=setup_ms,
            capacity=place.batch_capacity,
            needs=found,
        )

    def started(self, machine: int, cycle_ms: int | None, needs: Sequence[str]) -> Way:
        """How a machine does what the floor has begun there, whoever can be found for it."""
        way = self.way(machine, cycle_ms, 0, needs)
        if way is not None:
            return way
        capacity = self._places[machine].batch_capacity
        return Way(machine=machine, cycle_ms=cycle_ms, setup_ms=0, capacity=capacity)

    def made(
        self, step: Step, told: Iterable[tuple[int, int | None, int]], needs: Sequence[str]
    ) -> Made:
        """The modes of a step that has not begun.

        Args:
            step: which one.
            told: machine, milliseconds per piece (or load) and per set-up; machines that are not
                of the workshop are left out.
            needs: people and tools that it needs on any of them.
        """
        there = [
            self.way(machine, cycle_ms, setup_ms, needs)
            for machine, cycle_ms, setup_ms in told
            if machine in self._places
        ]
        staffed = [way for way in there if way is not None]
        if there and not staffed:
            return Made(code="no_resource")
        return routing.made(step, staffed)

    def operations(
        self, works: Sequence[NewWork], *, jobs: Sequence[int], ids: Iterator[int]
    ) -> list[list[Operation]]:
        """The operations of new works, work by work.

        Args:
            works: each behind those that it is made of.
            jobs: the id of each one's job.
            ids: where the operations' ids come from.

        Raises:
            RoutingError: a step has no way, or a work no step.
        """
        last: list[Precedence] = []
        found: list[list[Operation]] = []
        for work, job in zip(works, jobs, strict=True):
            steps = [_Asked.of(work, step) for step in work.steps]
            if not steps or any(part >= len(last) for part in _parts(work)):
                raise RoutingError("no_steps", work.item)
            made: list[Operation] = []
            for place, step in enumerate(steps):
                begins = work.after if not place else ()
                after = [last[part] for part in dict.fromkeys((*begins, *step.step.after))]
                if made:
                    after.append(routing.follows(made[-1].id, steps[place - 1], step))
                ready_ms = step.step.ready_ms or 0
                if not place:
                    ready_ms = max(ready_ms, work.ready_ms or 0)
                modes = self._modes(work, step)
                made.append(
                    operation(
                        step,
                        modes,
                        id_=next(ids),
                        job=job,
                        family=work.family,
                        after=tuple(after),
                        material_ms=ready_ms,
                    )
                )
            last.append(routing.follows(made[-1].id, steps[-1]))
            found.append(made)
        return found

    def _modes(self, work: NewWork, step: _Asked) -> Made:
        told = [(way.machine, way.cycle_ms, way.setup_ms) for way in step.step.ways]
        made = self.made(step, told, step.step.needs)
        if not made.modes:
            raise RoutingError(made.code or "no_machine", work.item, step.step.number)
        return made


class Kind(Step, Protocol):
    """A step with what decides how it is planned beside its ways."""

    @property
    def interruptible(self) -> bool:
        """Whether a break may fall into it."""


def operation(
    step: Kind,
    made: Made,
    *,
    id_: int,
    job: int,
    family: str | None,
    after: tuple[Precedence, ...] = (),
    modes: tuple[Mode, ...] | None = None,
    release_ms: int = 0,
    material_ms: int = 0,
) -> Operation:
    """A step as an operation of the problem.

    Args:
        step: what is known of it.
        made: its ways.
        id_: the operation's id.
        job: whose it is.
        family: its set-up family.
        after: what comes before it.
        modes: some of its ways; None: all of them.
        release_ms: it may not start before.
        material_ms: what it takes is there from then on.
    """
    return Operation(
        id=id_,
        job=job,
        modes=made.modes if modes is None else modes,
        after=after,
        family=family,
        release_ms=max(release_ms, material_ms),
        release_kind=ReleaseKind.MATERIAL if material_ms > release_ms else ReleaseKind.ORDER,
        interruptible=step.interruptible,
        pieces=routing.pieces(step),
        units=made.units,
        batch_family=step.batch_family,
    )


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A step of work that is asked about, as `Step` has it: nothing of it is made."""

    step: NewStep
    quantity: Decimal
    remaining: Decimal
    interruptible: bool
    transfer_batch: Decimal | None
    wait_ms: int
    batch_family: str | None
    batch_room: Decimal
    good: Decimal = _ZERO
    started_ms: int | None = None

    @classmethod
    def of(cls, work: NewWork, step: NewStep) -> _Asked:
        return cls(
            step=step,
            quantity=work.quantity,
            remaining=work.quantity,
            interruptible=step.interruptible,
            transfer_batch=step.transfer_batch,
            wait_ms=step.wait_ms,
            batch_family=step.batch_family,
            batch_room=step.batch_room,
        )


def _parts(work: NewWork) -> Iterator[int]:
    """The works that it is made of, by place."""
    yield from work.after
    for step in work.steps:
        yield from step.after

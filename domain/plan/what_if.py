"""What-if: a planning problem with changes that somebody thinks of.

Some changes are decisions: another place for an operation, another priority or policy. A plan with
them can be put in force as it is. Others are facts that are not so yet: a machine that is down or
works overtime, somebody who is away, an order that is added or gone, material that comes at another
time. A plan with them can be put in force only when they have come true, or are made true with it
(`domain.plan.entering`); then the same change changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from contracts.what_if import (
    Change,
    MachineDown,
    MaterialAt,
    MoreOfResource,
    Move,
    OrderAdded,
    OrderDue,
    OrderRaised,
    OrderRemoved,
    Overtime,
    PolicyInstead,
    ResourceAway,
    Split,
)
from domain.plan.changing import (
    SKILLS_APART,
    closed,
    more_of,
    opened,
    skills_of,
    split,
    with_machine,
    with_operation,
    without,
)
from domain.plan.policy import Policy
from domain.plan.problem import (
    Interval,
    Mode,
    Operation,
    Pin,
    PinKind,
    Placed,
    Precedence,
    Problem,
    ReleaseKind,
)
from domain.plan.thawing import freed, thawed
from domain.plan.what_if_orders import (
    MOST_WEIGHT,
    AddedOperation,
    NotAddedError,
    added,
    due,
    raised,
    removed,
)
from domain.plan.workshop import Workshop

__all__ = [
    "MOST_WEIGHT",
    "AddedOperation",
    "ChangeError",
    "WhatIf",
    "applied",
    "changed_policy",
    "without",
]

_DECISIONS: Final = (Move, OrderRaised, PolicyInstead)
"""What somebody decides; all else is, or is not."""


class ChangeError(ValueError):
    """A change cannot be made to the problem.

    Attributes:
        index: which one of the changes.
        code: why: `unknown_operation` (it is over, or cannot be planned), `unknown_machine`,
            `unknown_order`, `running`, `no_mode` (the machine cannot do it), `not_there` (the
            operation before which it is to come is not on that machine), `pinned_there` (that one
            has started), `no_steps`, `policy`, `empty_span`, `unknown_resource` (nothing that is
            planned needs it), `several_sites` (more than one has it), `one_piece` (there is nothing
            to split), `decided` (it has begun, or is locked).
        values: what it is about, by name; ids.
    """

    def __init__(self, index: int, code: str, **values: int | str) -> None:
        super().__init__(f"change {index}: {code} {values}")
        self.index = index
        self.code = code
        self.values = values


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """A problem with changes.

    Attributes:
        problem: with all of them. Its baseline is the plan in force, what was moved included.
        start: the same, with moved operations where they were put: what right-shift goes on from.
        assumed: by index, the changes that are facts and not so yet.
        added: operations of orders that are only thought of, by their ids, which are below 0.
        added_jobs: their jobs, by the name of the order.
        moved: the operations that were put somewhere.
        parts: by their ids, which are below 0, what was split off of which operation.
    """

    problem: Problem
    start: Mapping[int, Placed]
    assumed: tuple[int, ...] = ()
    added: Mapping[int, AddedOperation] = {}
    added_jobs: Mapping[str, tuple[int, ...]] = {}
    moved: tuple[int, ...] = ()
    parts: Mapping[int, int] = {}


def applied(
    problem: Problem,
    changes: Sequence[Change],
    *,
    orders: Mapping[int, Sequence[int]],
    modes: Mapping[int, tuple[Mode, ...]] | None = None,
    away: Collection[int] = (),
    workshop: Workshop | None = None,
) -> WhatIf:
    """The problem with the changes, one after the other.

    Args:
        problem: what is planned.
        changes: what is thought of.
        orders: the jobs of each order, by its id.
        modes: of operations that are frozen or locked somewhere: all ways to do them.
        away: by index, the `ResourceAway` that are not so yet. Who is counted where is no matter of
            the problem: the problem has been read without them (`store.planning.problem`).
        workshop: how new work is done; None: on machines alone.

    Raises:
        ChangeError: one cannot be made.
    """
    making = _Making(problem, orders, modes or {}, away, workshop or Workshop.of(problem))
    for index, change in enumerate(changes):
        making.apply(index, change)
    return making.result()


class _Making:
    """The problem while changes are made to it."""

    def __init__(
        self,
        problem: Problem,
        orders: Mapping[int, Sequence[int]],
        modes: Mapping[int, tuple[Mode, ...]],
        away: Collection[int],
        workshop: Workshop,
    ) -> None:
        self.problem = problem
        self._workshop = workshop
        self._away = frozenset(away)
        # An operation that is moved twice could go elsewhere the first time.
        self.modes = {each.id: each.modes for each in problem.operations} | dict(modes)
        self.orders = orders
        self.start = dict(problem.baseline)
        self.assumed: list[int] = []
        self.added: dict[int, AddedOperation] = {}
        self.added_jobs: dict[str, tuple[int, ...]] = {}
        self.moved: list[int] = []
        self.parts: dict[int, int] = {}

    def result(self) -> WhatIf:
        """What came of it."""
        return WhatIf(
            problem=self.problem,
            start=self.start,
            assumed=tuple(self.assumed),
            added=self.added,
            added_jobs=self.added_jobs,
            moved=tuple(dict.fromkeys(self.moved)),
            parts=self.parts,
        )

    def apply(self, index: int, change: Change) -> None:
        """Make one change."""
        before = self.problem
        match change:
            case MachineDown() | Overtime():
                self._machine(index, change)
            case Move():
                self._move(index, change)
            case Split():
                self._split(index, change)
            case MaterialAt():
                self._material(index, change)
            case MoreOfResource():
                self._more_of(index, change)
            case ResourceAway():
                self._span(index, change.from_ms, change.until_ms, resource=change.resource)
            case PolicyInstead():
                self._policy(index, change)
            case OrderRaised() | OrderDue() | OrderRemoved() | OrderAdded():
                self._order(index, change)
        thought_of = index in self._away or self.problem != before
        if thought_of and not isinstance(change, _DECISIONS):
            self.assumed.append(index)

    def _span(self, index: int, from_ms: int, until_ms: int, **about: int | str) -> Interval:
        """What is left of a time."""
        begins = max(from_ms, self.problem.now_ms)
        if until_ms <= begins:
            raise ChangeError(index, "empty_span", **about)
        return Interval(begins, until_ms)

    def _machine(self, index: int, change: MachineDown | Overtime) -> None:
        machine = next((each for each in self.problem.machines if each.id == change.machine), None)
        if machine is None:
            raise ChangeError(index, "unknown_machine", machine=change.machine)
        span = self._span(index, change.from_ms, change.until_ms, machine=change.machine)
        down = isinstance(change, MachineDown)
        changed = closed(machine, span) if down else opened(machine, span)
        if down:
            self.problem = freed(self.problem, self.start, self.modes, machine.id, span)
        if changed.unavailable != machine.unavailable:
            self.problem = with_machine(self.problem, changed)

    def _move(self, index: int, change: Move) -> None:
        """An operation is locked to its new machine, and to its date or before another one."""
        operation = self._operation(index, change.operation)
        if operation.pin is not None and operation.pin.kind is PinKind.RUNNING:
            raise ChangeError(index, "running", operation=operation.id)
        if all(machine.id != change.machine for machine in self.problem.machines):
            raise ChangeError(index, "unknown_machine", machine=change.machine)
        every = self.modes.get(operation.id, operation.modes)
        modes = tuple(mode for mode in every if mode.machine == change.machine)
        if not modes:
            values = {"operation": operation.id, "machine": change.machine}
            raise ChangeError(index, "no_mode", **values)
        start_ms = change.start_ms
        if change.before is not None:
            start_ms = self._before(index, change, operation)
        if start_ms is None:
            placed = self.start.get(operation.id)
            start_ms = placed.start_ms if placed is not None else self.problem.now_ms
        self.problem = thawed(self.problem, self.start, change.machine, start_ms)
        pin = Pin(kind=PinKind.LOCKED, machine=change.machine, not_before_ms=change.start_ms)
        self.problem = with_operation(
            self.problem, msgspec.structs.replace(operation, modes=modes, pin=pin)
        )
        self.start[operation.id] = Placed(change.machine, start_ms)
        self.moved.append(operation.id)

    def _before(self, index: int, change: Move, operation: Operation) -> int:
        """Make the other one wait; answers when it starts now."""
        assert change.before is not None  # noqa: S101 - asked for by the caller
        other = self._operation(index, change.before)
        placed = self.start.get(other.id)
        if placed is None or placed.machine != change.machine or other.id == operation.id:
            raise ChangeError(index, "not_there", operation=other.id, machine=change.machine)
        if other.pin is not None and other.pin.kind is PinKind.RUNNING:
            raise ChangeError(index, "pinned_there", operation=other.id, machine=change.machine)
        links = tuple(link for link in other.after if link.operation != operation.id)
        self.problem = with_operation(
            self.problem,
            msgspec.structs.replace(other, after=(*links, Precedence(operation.id))),
        )
        return placed.start_ms

    def _split(self, index: int, change: Split) -> None:
        """Part of the pieces goes to another machine; both are ready together or so."""
        operation = self._operation(index, change.operation)
        if operation.pin is not None and operation.pin.kind is not PinKind.FROZEN:
            raise ChangeError(index, "decided", operation=operation.id)
        if operation.pieces < 2:  # noqa: PLR2004 - a part, and what is left
            raise ChangeError(index, "one_piece", operation=operation.id)
        every = self.modes.get(operation.id, operation.modes)
        operation = msgspec.structs.replace(operation, modes=every, pin=None)
        placed = self.start.get(operation.id)
        other = next((mode for mode in operation.modes if mode.machine == change.machine), None)
        stays = [mode for mode in operation.modes if mode.machine != change.machine]
        if other is None or not stays:
            raise ChangeError(index, "no_mode", operation=operation.id, machine=change.machine)
        here = next(
            (mode for mode in stays if placed is not None and mode.machine == placed.machine),
            min(stays, key=lambda mode: mode.duration_ms),
        )
        if placed is not None:
            # What is frozen would come before what is not.
            machine, start_ms = placed.machine, placed.start_ms
            self.problem = thawed(self.problem, self.start, machine, start_ms)
        self.problem = with_operation(self.problem, operation)
        self.problem, part = split(self.problem, operation, here, other)
        self.parts[part] = operation.id
        if placed is not None:
            self.start[part] = Placed(change.machine, placed.start_ms)
            self.start[operation.id] = Placed(here.machine, placed.start_ms)

    def _material(self, index: int, change: MaterialAt) -> None:
        operation = self._operation(index, change.operation)
        if _felt(operation.release_ms, self.problem) != _felt(change.at_ms, self.problem):
            changed = msgspec.structs.replace(
                operation, release_ms=change.at_ms, release_kind=ReleaseKind.MATERIAL
            )
            self.problem = with_operation(self.problem, changed)

    def _more_of(self, index: int, change: MoreOfResource) -> None:
        there = [
            each
            for each in self.problem.resources
            if each.skill is not None
            and frozenset(change.resource.split(SKILLS_APART)) == skills_of(each)
            and change.site in (None, each.site)
        ] or [
            each
            for each in self.problem.resources
            if frozenset(change.resource.split(SKILLS_APART)) <= skills_of(each)
            and change.site in (None, each.site)
        ]
        if not there:
            raise ChangeError(index, "unknown_resource", resource=change.resource)
        if len({each.site for each in there}) > 1:
            raise ChangeError(index, "several_sites", resource=change.resource)
        span = self._span(index, change.from_ms, change.until_ms, resource=change.resource)
        self.problem = more_of(self.problem, there[0], span, change.count)

    def _order(
        self, index: int, change: OrderRaised | OrderDue | OrderRemoved | OrderAdded
    ) -> None:
        match change:
            case OrderRaised():
                jobs = set(self._jobs(index, change.order))
                self.problem = raised(self.problem, jobs, change.priority)
            case OrderDue():
                self._jobs(index, change.order)
                self.problem = due(self.problem, change.order, self.orders, change.due_ms)
            case OrderRemoved():
                gone = removed(self.problem, change.order, self.orders)
                if gone:
                    self.problem = without(self.problem, gone)
                    kept = {each: at for each, at in self.start.items() if each not in gone}
                    self.start = kept
            case OrderAdded():
                try:
                    found = added(self.problem, change, self._workshop)
                except NotAddedError as error:
                    raise ChangeError(index, error.code, **error.values) from error
                self.problem = found.problem
                self.added |= found.operations
                self.added_jobs[change.name] = found.jobs

    def _policy(self, index: int, change: PolicyInstead) -> None:
        try:
            policy = changed_policy(self.problem.policy, change.fields)
        except msgspec.ValidationError as error:
            raise ChangeError(index, "policy", problem=str(error)) from error
        self.problem = msgspec.structs.replace(self.problem, policy=policy)

    def _operation(self, index: int, id_: int) -> Operation:
        for operation in self.problem.operations:
            if operation.id == id_:
                return operation
        raise ChangeError(index, "unknown_operation", operation=id_)

    def _jobs(self, index: int, order: int) -> Sequence[int]:
        jobs = self.orders.get(order)
        if jobs is None:
            raise ChangeError(index, "unknown_order", order=order)
        return jobs


def changed_policy(policy: Policy, fields: Mapping[str, Any]) -> Policy:
    """The policy with some fields changed.

    Raises:
        msgspec.ValidationError: there is no such field, or it cannot have that value.
    """
    return msgspec.convert({**msgspec.to_builtins(policy), **fields}, Policy)


def _felt(release_ms: int, problem: Problem) -> int:
    """A release that is over is none."""
    return max(release_ms, problem.now_ms)

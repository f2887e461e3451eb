"""A problem with its operations and machines numbered from 0, for code that visits them often."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from domain.plan.calendar import WorkingTime
from domain.plan.extras import Extras, Link, as_batches, has_extras, usable
from domain.plan.policy import Policy, summed
from domain.plan.problem import Machine, Operation, PinKind, Problem
from domain.plan.setups import Setups

RUNNING: Final = 0
FROZEN: Final = 1
FREE: Final = 2
"""Ranks on a machine: running operations come first, then frozen ones, then all others."""


class ProblemError(ValueError):
    """A problem contradicts itself: it names what it does not contain.

    Attributes:
        operation: whose fault it is.
    """

    def __init__(self, message: str, operation: int | None = None) -> None:
        super().__init__(message)
        self.operation = operation


class Indexed:
    """A problem by index. Building it costs about as much as half a plan: share it between plans.

    Attributes:
        operation_at, machine_at: from id to index.
        clocks: each machine's working time.
        modes: each operation's modes as (machine index, duration, set-up).
        after: what must have ended before each operation, as (operation index, lag).
        followers: the operations behind each operation.
        ranks: `RUNNING`, `FROZEN` or `FREE`.
        chains: each machine's running and frozen operations, in the order they have to keep.
        families, releases, whole: each operation's set-up family, release, and whether it must not
            be interrupted.
        base_machine, base_start: where the plan in force has each operation; None if nowhere.
        policy: the problem's, with weights that stand for its order if it has one.
        extras: resources, ovens, transfer batches, transport; None when there are none of them.
    """

    __slots__ = (
        "after",
        "base_machine",
        "base_start",
        "chains",
        "clocks",
        "extras",
        "families",
        "followers",
        "machine_at",
        "machines",
        "modes",
        "now",
        "operation_at",
        "operations",
        "policy",
        "problem",
        "ranks",
        "releases",
        "setups",
        "whole",
    )

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.now = problem.now_ms
        self.machines: tuple[Machine, ...] = problem.machines
        self.operations: tuple[Operation, ...] = problem.operations
        self.setups = Setups(problem.setups)
        self.policy: Policy = summed(problem.policy)
        self.machine_at = {machine.id: index for index, machine in enumerate(problem.machines)}
        self.operation_at = {
            operation.id: index for index, operation in enumerate(problem.operations)
        }
        if len(self.operation_at) != len(problem.operations):
            raise ProblemError("an operation is in the problem twice")
        # Machines of a site share one tuple of intervals more often than not.
        clocks = {id(machine.unavailable): machine.unavailable for machine in problem.machines}
        known = {key: WorkingTime(intervals) for key, intervals in clocks.items()}
        self.clocks = [known[id(machine.unavailable)] for machine in problem.machines]
        self._link()
        self._pin()
        self._turns()
        self.extras = self._extras() if has_extras(problem) else None

    @property
    def plain(self) -> bool:
        """Whether machines, set-ups, calendars and precedence are all there is."""
        return self.extras is None

    @property
    def weighted(self) -> bool:
        """Whether tardiness, set-up, moves and reassignments are all that a plan is judged by."""
        policy = self.policy
        return not (policy.makespan or policy.balance or policy.resequencing) and not any(
            job.keep_by_ms is not None for job in self.problem.jobs
        )

    def _link(self) -> None:
        """Modes, precedence and baseline by index."""
        machine_at, operation_at = self.machine_at, self.operation_at
        self.modes: list[tuple[tuple[int, int, int], ...]] = []
        self.after: list[tuple[tuple[int, int], ...]] = []
        self.followers: list[list[int]] = [[] for _ in self.operations]
        for index, operation in enumerate(self.operations):
            try:
                self.modes.append(
                    tuple(
                        [
                            (machine_at[mode.machine], mode.duration_ms, mode.setup_ms)
                            for mode in operation.modes
                        ]
                    )
                )
                before = tuple([(operation_at[p.operation], p.lag_ms) for p in operation.after])
            except KeyError as error:
                raise ProblemError(
                    f"operation {operation.id} names {error}, which is not in the problem",
                    operation.id,
                ) from None
            if not operation.modes:
                raise ProblemError(f"operation {operation.id} has no machine", operation.id)
            self.after.append(before)
            for predecessor, _ in before:
                self.followers[predecessor].append(index)
        self.families = [operation.family for operation in self.operations]
        self.releases = [
            max(operation.release_ms, operation.pin.not_before_ms or 0)
            if operation.pin is not None and operation.pin.kind is PinKind.LOCKED
            else operation.release_ms
            for operation in self.operations
        ]
        self.whole = [not operation.interruptible for operation in self.operations]
        baseline = self.problem.baseline
        placed = [baseline.get(operation.id) for operation in self.operations]
        self.base_machine = [machine_at.get(at.machine) if at else None for at in placed]
        self.base_start = [at.start_ms if at else None for at in placed]

    def _pin(self) -> None:
        """Ranks and chains."""
        self.ranks = [FREE] * len(self.operations)
        chains: list[list[tuple[int, int, int, int]]] = [[] for _ in self.machines]
        for index, operation in enumerate(self.operations):
            pin = operation.pin
            if pin is None:
                continue
            machine = self.machine_at.get(pin.machine)
            if machine is None or all(mode[0] != machine for mode in self.modes[index]):
                raise ProblemError(
                    f"operation {operation.id} is pinned to machine {pin.machine}, "
                    "which is none of its modes",
                    operation.id,
                )
            self.modes[index] = tuple(mode for mode in self.modes[index] if mode[0] == machine)
            if pin.kind is PinKind.LOCKED:
                continue
            rank = RUNNING if pin.kind is PinKind.RUNNING else FROZEN
            self.ranks[index] = rank
            # Of what is frozen together in an oven the longest is placed first.
            chains[machine].append((rank, pin.place, -self.modes[index][0][1], index))
        self.chains = [[each[-1] for each in sorted(chain)] for chain in chains]

    def _turns(self) -> None:
        """What is locked to a turn on its machine comes after what has the turn before.

        On one machine that is the same as precedence without a way between.
        """
        turns: dict[int, list[tuple[int, int]]] = {}
        for index, operation in enumerate(self.operations):
            pin = operation.pin
            if pin is not None and pin.kind is PinKind.LOCKED and pin.turn is not None:
                turns.setdefault(pin.machine, []).append((pin.turn, index))
        for turn in turns.values():
            turn.sort()
            for (_, first), (_, second) in pairwise(turn):
                if all(before != first for before, _ in self.after[second]):
                    self.after[second] = (*self.after[second], (first, 0))
                    self.followers[first].append(second)

    def _extras(self) -> Extras:
        """What there is beyond machines and precedence; modes that can never be are left out."""
        problem = self.problem
        known = {resource.id for resource in problem.resources}
        for operation in self.operations:
            for need in (need for mode in operation.modes for need in mode.needs):
                if need.resource not in known:
                    raise ProblemError(
                        f"operation {operation.id} needs resource {need.resource}, "
                        "which is not in the problem",
                        operation.id,
                    )
        self.modes = usable(problem, self.machine_at, self.modes)
        for index, modes in enumerate(self.modes):
            if not modes:
                name = self.operations[index].id
                raise ProblemError(f"operation {name} needs more than there is", name)
        self.modes = as_batches(problem, self.modes)
        extras = Extras(problem, self.machine_at, self.operation_at, self.clocks)
        for index, before in enumerate(self.after):
            # Turns have been added to precedence.
            for first, lag_ms in before[len(extras.links[index]) :]:
                extras.links[index].append(Link(first, lag_ms, None))
        return extras

"""A problem with its operations and machines numbered from 0, for code that visits them often."""

from __future__ import annotations

from typing import Final

from domain.plan.calendar import WorkingTime
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
    """

    __slots__ = (
        "after",
        "base_machine",
        "base_start",
        "chains",
        "clocks",
        "families",
        "followers",
        "machine_at",
        "machines",
        "modes",
        "now",
        "operation_at",
        "operations",
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
        self.releases = [operation.release_ms for operation in self.operations]
        self.whole = [not operation.interruptible for operation in self.operations]
        baseline = self.problem.baseline
        placed = [baseline.get(operation.id) for operation in self.operations]
        self.base_machine = [machine_at.get(at.machine) if at else None for at in placed]
        self.base_start = [at.start_ms if at else None for at in placed]

    def _pin(self) -> None:
        """Ranks and chains."""
        self.ranks = [FREE] * len(self.operations)
        chains: list[list[tuple[int, int, int]]] = [[] for _ in self.machines]
        for index, operation in enumerate(self.operations):
            pin = operation.pin
            if pin is None or pin.kind is PinKind.LOCKED:
                continue
            rank = RUNNING if pin.kind is PinKind.RUNNING else FROZEN
            self.ranks[index] = rank
            machine = self.machine_at.get(pin.machine)
            if machine is None or all(mode[0] != machine for mode in self.modes[index]):
                raise ProblemError(
                    f"operation {operation.id} is pinned to machine {pin.machine}, "
                    "which is none of its modes",
                    operation.id,
                )
            self.modes[index] = tuple(mode for mode in self.modes[index] if mode[0] == machine)
            chains[machine].append((rank, pin.place, index))
        self.chains = [[index for _, _, index in sorted(chain)] for chain in chains]

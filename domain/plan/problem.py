"""What is planned: machines with their calendars, jobs, operations with their alternatives.

The model is the flexible job shop with sequence-dependent setups and calendars
(FJSP-SDST-CALENDAR in the literature's notation), seen from one moment: `Problem.now_ms`. Work that
is on a machine is in it with what remains of it; work that is done is not in it.

All times are integers: epoch milliseconds (`_ms` of a moment) or milliseconds (of a duration).
Nothing in here knows a database, a solver or a clock.
"""

from __future__ import annotations

import enum

import msgspec

from domain.plan.policy import Policy


class Interval(msgspec.Struct, frozen=True, gc=False):
    """A half-open span of time `[start_ms, end_ms)`; never empty."""

    start_ms: int
    end_ms: int


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine: it works on one operation at a time.

    Attributes:
        id: the machine's id.
        unavailable: when it does not work: outside shifts, breaks, maintenance, and while it is
            expected to be down. Sorted, disjoint, not touching.
        family: the setup family it is set up for at `Problem.now_ms`; None when nobody knows.
    """

    id: int
    unavailable: tuple[Interval, ...] = ()
    family: str | None = None


class Mode(msgspec.Struct, frozen=True, gc=False):
    """A way of doing an operation: on which machine, in how much working time.

    Attributes:
        machine: the machine's id.
        duration_ms: working time for all pieces that are still to be made; at least 0.
        setup_ms: the set-up before it when the setup matrix says nothing about the change.
    """

    machine: int
    duration_ms: int
    setup_ms: int = 0


class Precedence(msgspec.Struct, frozen=True, gc=False):
    """An operation that must have ended before, and how long its pieces travel afterwards."""

    operation: int
    lag_ms: int = 0


class PinKind(enum.StrEnum):
    """Why an operation may not be planned freely."""

    RUNNING = "running"
    """It has started (it may be paused or interrupted now): it stays where it is, and first."""
    FROZEN = "frozen"
    """The plan in force starts it within the frozen zone: it keeps its machine and its place."""
    LOCKED = "locked"
    """A planner locked it to its machine."""


class Pin(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A decision that the planner may not change.

    Attributes:
        kind: why.
        machine: on which machine it stays.
        place: its place among the machine's running and frozen operations, rising; no free
            operation comes before them. Of no meaning for LOCKED, which binds the machine only.
        started_ms: when it started, for RUNNING; its plan starts there. Its remaining working time
            begins at `Problem.now_ms`.
    """

    kind: PinKind
    machine: int
    place: int = 0
    started_ms: int | None = None


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that is not over.

    Attributes:
        id: the operation's id.
        job: the id of the job (work order) it belongs to.
        modes: the machines that can do it, never empty; for a pinned one that machine's alone.
        after: what must have ended before; operations that are over are left out.
        family: its setup family; None takes the mode's `setup_ms` after anything.
        release_ms: it cannot start before (material, or the order's own date).
        interruptible: whether a break may fall into it. If not, set-up aside, it has to fit
            between two breaks.
        pin: what is decided already.
    """

    id: int
    job: int
    modes: tuple[Mode, ...]
    after: tuple[Precedence, ...] = ()
    family: str | None = None
    release_ms: int = 0
    interruptible: bool = True
    pin: Pin | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is due: a work order with the date it was promised for.

    Attributes:
        id: the work order's id.
        due_ms: when its last operation should have ended; None when nobody waits for it.
        weight: what a minute of tardiness costs, as a multiple; from the priority of its orders.
    """

    id: int
    due_ms: int | None = None
    weight: int = 1


class SetupTime(msgspec.Struct, frozen=True, gc=False):
    """An entry of the setup matrix: from one family to another on a machine."""

    machine: int
    from_family: str
    to_family: str
    setup_ms: int


class Placed(msgspec.Struct, frozen=True, gc=False):
    """Where the plan in force has an operation: what stability is measured against."""

    machine: int
    start_ms: int


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One planning scope at one moment.

    The set-up before operation `o` on machine `m` after family `f` takes: the matrix's entry for
    `(m, f, o.family)` if there is one; else 0 if `f == o.family` and both are known; else the
    mode's `setup_ms` (`domain.plan.setups.Setups.ms` is that rule). A running operation is set up.

    Attributes:
        now_ms: the moment; nothing that has not started starts before.
        machines, jobs, operations: by id, in that order.
        setups: the matrix.
        baseline: the plan in force, by operation; operations that are new are not in it.
        policy: weights, frozen zone, tolerances.
    """

    now_ms: int
    machines: tuple[Machine, ...]
    jobs: tuple[Job, ...]
    operations: tuple[Operation, ...]
    setups: tuple[SetupTime, ...] = ()
    baseline: dict[int, Placed] = {}
    policy: Policy = Policy()

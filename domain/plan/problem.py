"""What is planned: machines with their calendars, jobs, operations with their alternatives.

The model is the flexible job shop with sequence-dependent setups and calendars
(FJSP-SDST-CALENDAR in the literature's notation), with secondary resources, transfer batches,
parallel batching (ovens) and transport, seen from one moment: `Problem.now_ms`. Work that is on a
machine is in it with what remains of it; work that is done is not in it.

All times are integers: epoch milliseconds (`_ms` of a moment) or milliseconds (of a duration).
Nothing in here knows a database, a solver or a clock.
"""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec

from domain.plan.policy import Policy


class Interval(msgspec.Struct, frozen=True, gc=False):
    """A half-open span of time `[start_ms, end_ms)`; never empty."""

    start_ms: int
    end_ms: int


class ClosureKind(enum.StrEnum):
    """Why a machine does not work for a while."""

    MAINTENANCE = "maintenance"
    DOWN = "down"
    HOLIDAY = "holiday"


class Closure(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Why a machine does not work in `[start_ms, end_ms)`; told for explanations only."""

    start_ms: int
    end_ms: int
    kind: ClosureKind


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine: it works on one operation at a time, or on one batch of them (an oven).

    Operations of a batch have equal set-up start, start and end. A batch takes as long as the
    longest of its operations, and its set-up as long as the longest of theirs; it is interrupted
    by breaks only if every one of its operations may be.

    Attributes:
        id: the machine's id.
        unavailable: when it does not work: outside shifts, breaks, maintenance, and while it is
            expected to be down. Sorted, disjoint, not touching.
        family: the setup family it is set up for at `Problem.now_ms`; None when nobody knows.
        batch_units: how much it takes at once (`Operation.units`); None: one operation.
        site: where it stands, for `Problem.transports`; None when there is one site only.
        closures: the reasons of some of `unavailable`; they decide nothing.
    """

    id: int
    unavailable: tuple[Interval, ...] = ()
    family: str | None = None
    batch_units: Annotated[int, msgspec.Meta(ge=1)] | None = None
    site: int | None = None
    closures: tuple[Closure, ...] = ()


class ResourceKind(enum.StrEnum):
    """How a secondary resource is held."""

    TOOL = "tool"
    """It stays on the machine until the work is over: breaks included."""
    OPERATOR = "operator"
    """People: they are needed only while the machine works, and go elsewhere in its breaks."""


class Shortfall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """So many units of a resource are not there in `[start_ms, end_ms)`: one of five is absent."""

    start_ms: int
    end_ms: int
    units: Annotated[int, msgspec.Meta(ge=1)]


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation needs beside its machine, shared with others: a tool, people by skill.

    `unavailable` and `short` differ: while nothing of a resource is there, work that needs it has a
    break, as by the machine's own calendar; where only some of it is missing, work that needs more
    than is left does not take place.

    People with several skills are told exactly by one resource for each set of skills that
    somebody shares, of which an operation needs units in every set that contains its skill: with
    welders W and fitters F, needs of W go to "W" and to "W or F" (Hall's condition).

    Attributes:
        id: the resource's id.
        kind: how it is held.
        capacity: units there are.
        unavailable: when nothing of it is there. Sorted, disjoint, not touching.
        short: when some of it is not there. They may overlap each other; what is missing adds up.
        skill: what the people can, or which tools these are; told for explanations only.
        site: where they are, where several sites have resources; told for explanations only.
    """

    id: int
    kind: ResourceKind = ResourceKind.TOOL
    capacity: Annotated[int, msgspec.Meta(ge=0)] = 1
    unavailable: tuple[Interval, ...] = ()
    short: tuple[Shortfall, ...] = ()
    skill: str | None = None
    site: int | None = None


class Phase(enum.StrEnum):
    """When an operation needs a resource."""

    SETUP = "setup"
    RUN = "run"
    BOTH = "both"


class Need(msgspec.Struct, frozen=True, gc=False):
    """Units of a resource that a mode needs, and when. At most one of each resource and phase."""

    resource: int
    units: Annotated[int, msgspec.Meta(ge=1)] = 1
    phase: Phase = Phase.BOTH


class Mode(msgspec.Struct, frozen=True, gc=False):
    """A way of doing an operation: on which machine, in how much working time, with what.

    An operation has one mode per machine at most.

    Attributes:
        machine: the machine's id.
        duration_ms: working time for all pieces that are still to be made; at least 0.
        setup_ms: the set-up before it when the setup matrix says nothing about the change.
        needs: the secondary resources. What is running holds them until it ends, whether or not
            there are enough.
    """

    machine: int
    duration_ms: int
    setup_ms: int = 0
    needs: tuple[Need, ...] = ()


class Overlap(msgspec.Struct, frozen=True, gc=False):
    """Pieces are handed on in transfer batches, before all of them are made.

    The follower may start when the first batch has been made and has travelled; it may not end
    before the last one has come and it has done its own work on it. Both work at an even pace: what
    breaks in between do to single batches is left to the floor. To and from an oven there is no
    handing on: it is filled and emptied at once.

    Attributes:
        first: pieces of the predecessor (of its `Operation.pieces`) in the first batch; 0 when
            enough of them have come already.
        last: pieces of the follower (of its `Operation.pieces`) that the last batch makes.
    """

    first: Annotated[int, msgspec.Meta(ge=0)]
    last: Annotated[int, msgspec.Meta(ge=1)]


class Precedence(msgspec.Struct, frozen=True, gc=False):
    """An operation that comes before.

    Attributes:
        operation: the predecessor's id.
        lag_ms: how long its pieces travel, or cool down. Transport between the sites of both
            machines (`Problem.transports`) is added.
        overlap: None: it has to end before; else pieces are handed on in batches.
    """

    operation: int
    lag_ms: int = 0
    overlap: Overlap | None = None


class PinKind(enum.StrEnum):
    """Why an operation may not be planned freely."""

    RUNNING = "running"
    """It has started (it may be paused or interrupted now): it stays where it is, and first."""
    FROZEN = "frozen"
    """The plan in force starts it within the frozen zone: it keeps its machine and its place."""
    LOCKED = "locked"
    """A planner locked it to its machine, and maybe to a date or a turn there."""


class Pin(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A decision that the planner may not change.

    Attributes:
        kind: why.
        machine: on which machine it stays.
        place: its place among the machine's running and frozen operations, rising; no free
            operation comes before them. What is frozen together in an oven has one place. Of no
            meaning for LOCKED.
        started_ms: when it started, for RUNNING; its plan starts there. Its remaining working time
            begins at `Problem.now_ms`. What runs in an oven and started at the same moment is one
            batch.
        not_before_ms: for LOCKED, it does not start before; None for no such date.
        turn: for LOCKED, its place among the machine's locked operations that have one, rising;
            others may come between them. None: anywhere.
    """

    kind: PinKind
    machine: int
    place: int = 0
    started_ms: int | None = None
    not_before_ms: int | None = None
    turn: int | None = None


class ReleaseKind(enum.StrEnum):
    """Why an operation may not start before its release."""

    ORDER = "order"
    """The order's own date."""
    MATERIAL = "material"
    """Material comes then."""


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
        release_kind: what `release_ms` is about; told for explanations only.
        pieces: how many are still to be made; what `Overlap` counts in.
        units: what it takes up of an oven.
        batch_family: it shares an oven only with what has the same one, and the same `family`;
            None: with nothing.
    """

    id: int
    job: int
    modes: tuple[Mode, ...]
    after: tuple[Precedence, ...] = ()
    family: str | None = None
    release_ms: int = 0
    interruptible: bool = True
    pin: Pin | None = None
    release_kind: ReleaseKind = ReleaseKind.ORDER
    pieces: Annotated[int, msgspec.Meta(ge=1)] = 1
    units: Annotated[int, msgspec.Meta(ge=1)] = 1
    batch_family: str | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is due: a work order with the date it was promised for.

    Attributes:
        id: the work order's id.
        due_ms: when its last operation should have ended; None when nobody waits for it.
        weight: what a minute of tardiness costs, as a multiple; from the priority of its orders.
        priority_class: its class for `Policy.displacement`; a higher one is more urgent.
        keep_by_ms: a rush order may not make it end later (`domain.plan.policy.may_displace`):
            beyond it every minute costs `Policy.displaced`. None: it may be displaced.
    """

    id: int
    due_ms: int | None = None
    weight: int = 1
    priority_class: int = 0
    keep_by_ms: int | None = None


class SetupTime(msgspec.Struct, frozen=True, gc=False):
    """An entry of the setup matrix: from one family to another on a machine."""

    machine: int
    from_family: str
    to_family: str
    setup_ms: int


class Transport(msgspec.Struct, frozen=True, gc=False):
    """How long pieces travel from one site to another; what is not told takes no time."""

    from_site: int
    to_site: int
    transport_ms: Annotated[int, msgspec.Meta(ge=0)]


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
        resources: what operations need beside machines, by id.
        transports: the ways between sites, for `Precedence` and `Machine.site`.
        horizon_ms: until when calendars are told; work that cannot start by then for reasons of its
            own is infeasible. None: calendars are taken as told for ever.
    """

    now_ms: int
    machines: tuple[Machine, ...]
    jobs: tuple[Job, ...]
    operations: tuple[Operation, ...]
    setups: tuple[SetupTime, ...] = ()
    baseline: dict[int, Placed] = {}
    policy: Policy = Policy()
    resources: tuple[Resource, ...] = ()
    transports: tuple[Transport, ...] = ()
    horizon_ms: int | None = None

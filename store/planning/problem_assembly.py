"""Rows in the terms of planning: durations, pins, calendars, jobs, orders. Reads nothing."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final

import msgspec

from domain.plan.availability import expected_back_ms
from domain.plan.calendar import merged
from domain.plan.plan import Assignment
from domain.plan.policy import Policy
from domain.plan.problem import (
    Interval,
    Job,
    Machine,
    Mode,
    Operation,
    Pin,
    PinKind,
    Placed,
    Precedence,
    Problem,
    SetupTime,
)
from store.machines import SiteRow
from store.planning.calendars import DAY_MS, Calendars
from store.planning.loaded import Loaded, OperationOf, OrderOf, Unplanned
from store.planning.plan_rows import PlanRow
from store.planning.problem_rows import Alternative, MachineRow, OperationRow, PegRow, Standing

MOST_DURATION_MS: Final = 3_660 * DAY_MS
"""No operation takes longer than ten years: a quantity that says so is a mistake."""
_MOST_WEIGHT: Final = 1_000


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshot of a scope: every row that its problem is made of."""

    scope: str
    policy: Policy
    sites: list[SiteRow]
    operations: list[OperationRow]
    alternatives: Mapping[int, list[Alternative]]
    machines: Mapping[int, MachineRow]
    standings: Mapping[int, Standing]
    paces: Mapping[int, int]
    pegs: Sequence[PegRow]
    setups: tuple[SetupTime, ...]
    calendars: Calendars
    base: PlanRow | None
    assignments: Mapping[int, Assignment]


class Assembly:
    """Makes the problem of the rows: operation by operation, then what depends on all of them."""

    def __init__(self, rows: Rows, now_ms: int) -> None:
        self._rows = rows
        self._now_ms = now_ms
        self._frozen_until = now_ms + rows.policy.frozen_ms
        self._operations: dict[int, Operation] = {}
        self._unplanned: list[Unplanned] = []
        self._partial: set[int] = set()
        """Work orders of which something open is not planned."""

    def loaded(self) -> Loaded:
        """The problem and what belongs to it."""
        rows = self._rows
        for _, chain in groupby(rows.operations, key=lambda row: row.work_order_id):
            self._add_work_order(list(chain))
        self._give_places()
        operations = tuple(self._operations[id_] for id_ in sorted(self._operations))
        baseline = {
            id_: rows.assignments[id_] for id_ in self._operations.keys() & rows.assignments
        }
        down = self._down()
        problem = Problem(
            now_ms=self._now_ms,
            machines=self._machines(operations, down),
            jobs=self._jobs(),
            operations=operations,
            setups=rows.setups,
            baseline={id_: Placed(at.machine, at.start_ms) for id_, at in baseline.items()},
            policy=rows.policy,
        )
        return Loaded(
            scope=rows.scope,
            problem=problem,
            unplanned=self._unplanned,
            base=rows.base,
            baseline=baseline,
            orders=self._orders(),
            sites=rows.sites,
            down={machine: since_ms for machine, (since_ms, _) in down.items()},
            operations={
                row.id: OperationOf(
                    work_order_id=row.work_order_id, work_order=row.work_order, number=row.number
                )
                for row in rows.operations
            },
            machines={row.id: row.path for row in rows.machines.values()},
        )

    def _add_work_order(self, chain: Sequence[OperationRow]) -> None:
        """Add a work order's operations, given in the order of their numbers."""
        waits_for: list[Precedence] = []
        pinned = True
        blocked = False
        for row in chain:
            code: str | None
            if row.started:
                operation, code = self._started(row)
            elif row.on_hold:
                operation, code = None, "on_hold"
            elif blocked:
                operation, code = None, "behind_unplanned"
            else:
                operation, code = self._free(row, tuple(waits_for), may_be_frozen=pinned)
            if code is not None:
                self._unplanned.append(Unplanned(operation_id=row.id, code=code))
                self._partial.add(row.work_order_id)
            if operation is None:
                blocked = True
                continue
            self._operations[row.id] = operation
            # What has started waits for nothing, so what follows it waits for both.
            waits_for = [*waits_for] if row.started else []
            waits_for.append(Precedence(row.id))
            pinned = pinned and operation.pin is not None

    def _started(self, row: OperationRow) -> tuple[Operation | None, str | None]:
        """What the floor has begun stays where it is, with what is left of it."""
        standing = self._rows.standings.get(row.id)
        machine = standing.machine_id if standing else row.machine_id
        if machine is None or machine not in self._rows.machines:
            return None, "no_machine"
        cycle_ms = self._rows.paces.get(row.id) or self._cycle_ms(row, machine)
        duration, code = _duration(row.remaining, cycle_ms)
        started = self._now_ms if row.started_ms is None else min(row.started_ms, self._now_ms)
        pin = Pin(kind=PinKind.RUNNING, machine=machine, started_ms=started)
        return Operation(
            id=row.id,
            job=row.work_order_id,
            modes=(Mode(machine, duration if duration is not None else 0),),
            family=row.family,
            pin=pin,
        ), code

    def _cycle_ms(self, row: OperationRow, machine: int) -> int | None:
        """The standard time of a piece on a machine."""
        for alternative in self._rows.alternatives.get(row.id, ()):
            if alternative.machine_id == machine:
                return alternative.cycle_ms
        return row.cycle_ms

    def _free(
        self, row: OperationRow, after: tuple[Precedence, ...], *, may_be_frozen: bool
    ) -> tuple[Operation | None, str | None]:
        """What has not begun may go to any machine that can do it, unless it is frozen."""
        ways = self._ways(row)
        if not ways:
            return None, "no_machine"
        modes: list[Mode] = []
        code: str | None = None
        for machine, cycle_ms, setup_ms in ways:
            duration, code = _duration(row.remaining, cycle_ms)
            if duration is not None:
                modes.append(Mode(machine, duration, setup_ms))
        if not modes:
            return None, code
        pin: Pin | None = None
        placed = self._rows.assignments.get(row.id)
        if may_be_frozen and placed is not None and placed.start_ms < self._frozen_until:
            kept = [mode for mode in modes if mode.machine == placed.machine]
            if kept:
                modes = kept
                pin = Pin(kind=PinKind.FROZEN, machine=placed.machine)
        return Operation(
            id=row.id,
            job=row.work_order_id,
            modes=tuple(modes),
            after=after,
            family=row.family,
            pin=pin,
        ), None

    def _ways(self, row: OperationRow) -> list[tuple[int, int | None, int]]:
        """The machines of the scope that may do it, with cycle and set-up."""
        machines = self._rows.machines
        choice = self._rows.alternatives.get(row.id)
        if choice is not None:
            return [
                (each.machine_id, each.cycle_ms, each.setup_ms)
                for each in choice
                if each.machine_id in machines
            ]
        if row.machine_id is None or row.machine_id not in machines:
            return []
        return [(row.machine_id, row.cycle_ms, row.setup_ms)]

    def _give_places(self) -> None:
        """Put what is pinned to a machine in order.

        First what is on it now, then what was interrupted there, the last one first, then what is
        frozen, by its start in the plan in force.
        """
        places: dict[int, list[tuple[tuple[int, ...], Operation]]] = defaultdict(list)
        for operation in self._operations.values():
            if (pin := operation.pin) is None:
                continue
            if pin.kind is PinKind.RUNNING:
                here = self._rows.machines[pin.machine].operation_id == operation.id
                standing = self._rows.standings.get(operation.id)
                key = (0, int(not here), -standing.changed_ms if standing else 0, operation.id)
            else:
                placed = self._rows.assignments[operation.id]
                key = (1, placed.start_ms, placed.end_ms, operation.job)
            places[pin.machine].append((key, operation))
        for pinned in places.values():
            # Of a work order's operations that tie, the first stays first: sorting is stable.
            pinned.sort(key=lambda each: each[0])
            for place, (_, operation) in enumerate(pinned):
                pin = operation.pin
                assert pin is not None  # noqa: S101 - only what is pinned is in here
                self._operations[operation.id] = msgspec.structs.replace(
                    operation, pin=msgspec.structs.replace(pin, place=place)
                )

    def _down(self) -> dict[int, tuple[int, int]]:
        """Machines that count as down: since when, and until when."""
        found = {}
        for row in self._rows.machines.values():
            back_ms = expected_back_ms(
                row.state, row.state_since_ms, self._now_ms, self._rows.policy
            )
            if back_ms is not None and back_ms > self._now_ms:
                since_ms = self._now_ms if row.state_since_ms is None else row.state_since_ms
                found[row.id] = (since_ms, back_ms)
        return found

    def _machines(
        self, operations: Sequence[Operation], down: Mapping[int, tuple[int, int]]
    ) -> tuple[Machine, ...]:
        """The machines that the operations can be on, told for long enough to do all of them."""
        load: dict[int, int] = defaultdict(int)
        chains: dict[int, int] = defaultdict(int)
        for operation in operations:
            work = [mode.duration_ms + mode.setup_ms for mode in operation.modes]
            chains[operation.job] += max(work)
            for mode, work_ms in zip(operation.modes, work, strict=True):
                load[mode.machine] += work_ms
        longest = max(chains.values(), default=0)
        calendars = self._rows.calendars
        horizon_ms = calendars.horizon_ms(
            {machine: work_ms + longest for machine, work_ms in load.items()}, self._now_ms
        )
        closed = calendars.unavailable(self._now_ms, self._now_ms + horizon_ms)
        machines = []
        for machine in sorted(load):
            unavailable = closed.get(machine, ())
            if machine in down:
                out = Interval(self._now_ms, down[machine][1])
                unavailable = merged([*unavailable, out])
            family = self._rows.machines[machine].family
            machines.append(Machine(id=machine, unavailable=unavailable, family=family))
        return tuple(machines)

    def _jobs(self) -> tuple[Job, ...]:
        """The work orders: due by their own date, else by the first of the lines they are for."""
        due: dict[int, int | None] = {}
        for row in self._rows.operations:
            if row.id in self._operations:
                due[row.work_order_id] = None if row.cancelled else row.due_ms
        weights: dict[int, int] = {}
        promised: dict[int, int] = {}
        for peg in self._rows.pegs:
            job = peg.work_order_id
            weight = min(max(1 + peg.priority, 1), _MOST_WEIGHT)
            weights[job] = max(weights.get(job, 1), weight)
            if peg.due_ms is not None:
                promised[job] = min(promised.get(job, peg.due_ms), peg.due_ms)
        return tuple(
            Job(
                id=job,
                due_ms=promised.get(job) if due[job] is None else due[job],
                weight=weights.get(job, 1),
            )
            for job in sorted(due)
        )

    def _orders(self) -> dict[int, OrderOf]:
        """Whom the work is for."""
        planned = {operation.job for operation in self._operations.values()}
        works: dict[int, set[int]] = defaultdict(set)
        dues: dict[int, list[int]] = defaultdict(list)
        named: dict[int, PegRow] = {}
        for peg in self._rows.pegs:
            works[peg.order_id].add(peg.work_order_id)
            named[peg.order_id] = peg
            if peg.due_ms is not None:
                dues[peg.order_id].append(peg.due_ms)
        return {
            order: OrderOf(
                id=order,
                number=peg.order,
                site_id=peg.site_id,
                priority=peg.priority,
                due_ms=min(dues[order], default=None),
                jobs=tuple(sorted(works[order] & planned)),
                complete=not works[order] & self._partial,
            )
            for order, peg in named.items()
        }


def _duration(remaining: Decimal | None, cycle_ms: int | None) -> tuple[int | None, str | None]:
    """The working time of so many pieces; or None and why there is none."""
    if remaining is None:
        return None, "no_quantity"
    if not remaining:
        return 0, None
    if cycle_ms is None:
        return None, "no_cycle"
    duration_ms = math.ceil(remaining * cycle_ms)
    return (duration_ms, None) if duration_ms <= MOST_DURATION_MS else (None, "too_long")

"""Rows in the terms of planning: durations, pins, calendars, people and tools. Reads nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import groupby

import msgspec

from domain.plan import routing
from domain.plan.availability import expected_back_ms
from domain.plan.calendar import merged
from domain.plan.freezing import FrozenZone
from domain.plan.plan import Assignment
from domain.plan.policy import Policy
from domain.plan.problem import (
    Closure,
    ClosureKind,
    Interval,
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
from domain.plan.routing import Made
from domain.plan.within import within
from domain.plan.workshop import Place, Workshop
from domain.plan.workshop import operation as operation_of
from store.machines import SiteRow
from store.planning import problem_jobs
from store.planning.calendars import Calendars
from store.planning.fact_rows import Facts, LockRow
from store.planning.loaded import Loaded, OperationOf, Unplanned
from store.planning.materials import Material
from store.planning.plan_rows import PlanRow
from store.planning.problem_joins import Joins, Taken, suppliers_first, taker
from store.planning.problem_places import give_places, one_batch
from store.planning.problem_rows import Alternative, MachineRow, OperationRow, PegRow, Standing
from store.planning.staffing import Staffing
from store.planning.under_way import set_up


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshot of a scope: every row that its problem is made of.

    `spare_ms` is the working time of what may still be asked for: all machines are told then, and
    calendars for so much longer. None: what there is work for, and long enough for that. `needs`
    are those of work that may still be asked for.
    """

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
    facts: Facts = Facts()
    materials: Mapping[int, Material] = {}
    spare_ms: int | None = None
    needs: Sequence[str] = ()


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
        self._every: dict[int, tuple[Mode, ...]] = {}
        """What could do operations if nothing were decided."""
        self._last: dict[int, OperationRow] = {}
        """The last operation of work orders that are planned as a whole."""
        self._joins = Joins(rows.operations, rows.facts.links, rows.materials)
        self._suppliers = self._joins.suppliers
        self._staffing = Staffing(rows.facts, _needed(rows))
        self._workshop = Workshop(
            {
                row.id: Place(site=row.site_id, batch_capacity=row.batch_capacity, needs=row.needs)
                for row in rows.machines.values()
            },
            self._staffing,
        )

    def loaded(self) -> Loaded:
        """The problem and what belongs to it."""
        rows = self._rows
        chains = {
            work: list(chain)
            for work, chain in groupby(rows.operations, key=lambda row: row.work_order_id)
        }
        for work in suppliers_first(chains, self._suppliers):
            self._add_work_order(chains[work])
        one_batch(self._operations, rows.machines)
        give_places(
            self._operations,
            machines=rows.machines,
            standings=rows.standings,
            assignments=rows.assignments,
        )
        families = set_up(self._operations, rows.machines, rows.setups, self._now_ms)
        operations = tuple(self._operations[id_] for id_ in sorted(self._operations))
        baseline = {
            id_: rows.assignments[id_] for id_ in self._operations.keys() & rows.assignments
        }
        down = self._down()
        horizon_ms, load = self._horizon(operations)
        until_ms = self._now_ms + horizon_ms
        resources = self._staffing.resources(rows.calendars, self._now_ms, until_ms)
        problem = Problem(
            now_ms=self._now_ms,
            machines=self._machines(load, down, until_ms, families),
            jobs=problem_jobs.jobs(
                rows.operations,
                rows.pegs,
                self._operations,
                assignments=rows.assignments,
                policy=rows.policy,
            ),
            operations=operations,
            setups=rows.setups,
            baseline={id_: Placed(at.machine, at.start_ms) for id_, at in baseline.items()},
            policy=rows.policy,
            resources=resources,
            transports=rows.facts.transports if len(rows.sites) > 1 else (),
            horizon_ms=self._now_ms + rows.policy.horizon_ms if rows.policy.horizon_ms else None,
        )
        problem = self._within(problem)
        told = {row.id: place for place, row in enumerate(rows.operations)}
        self._unplanned.sort(key=lambda each: told[each.operation_id])
        return Loaded(
            scope=rows.scope,
            problem=problem,
            unplanned=self._unplanned,
            base=rows.base,
            baseline={id_: baseline[id_] for id_ in problem.baseline},
            orders=problem_jobs.orders(rows.pegs, problem.operations, self._partial),
            sites=rows.sites,
            down={machine: since_ms for machine, (since_ms, _) in down.items()},
            operations={
                row.id: OperationOf(
                    work_order_id=row.work_order_id, work_order=row.work_order, number=row.number
                )
                for row in rows.operations
            },
            machines={row.id: row.path for row in rows.machines.values()},
            resources={each.id: each.skill or "" for each in resources},
            materials=dict(rows.materials),
            workshop=self._workshop,
            modes={
                id_: modes
                for id_, modes in self._every.items()
                if id_ in self._operations and self._operations[id_].modes != modes
            },
        )

    def _within(self, problem: Problem) -> Problem:
        """The problem until the policy's horizon; what is left out is told."""
        found = within(problem)
        jobs = {operation.id: operation.job for operation in problem.operations}
        for gone, code in ((found.beyond, "beyond_horizon"), (found.behind, "behind_unplanned")):
            for id_ in gone:
                self._unplanned.append(Unplanned(operation_id=id_, code=code))
                self._partial.add(jobs[id_])
                del self._operations[id_]
        return found.problem

    def _add_work_order(self, chain: Sequence[OperationRow]) -> None:
        """Add a work order's operations, given in the order of their numbers."""
        work = chain[0].work_order_id
        takes = self._takes(chain)
        waits_for: list[OperationRow] = []
        pinned, blocked = True, False
        last: OperationRow | None = None
        for row in chain:
            code: str | None
            parts = [self._last[each] for each in takes[row.id].makers if each in self._last]
            waits_for += parts
            pinned = pinned and all(_holds_place(self._operations[part.id].pin) for part in parts)
            blocked = blocked or any(each in self._partial for each in takes[row.id].makers)
            if row.started:
                operation, code = self._started(row)
            elif row.on_hold:
                operation, code = None, "on_hold"
            elif blocked:
                operation, code = None, "behind_unplanned"
            else:
                after = tuple(_after(before, row) for before in waits_for)
                comes_ms = takes[row.id].at_ms
                operation, code = self._free(row, after, may_be_frozen=pinned, comes_ms=comes_ms)
            if code is not None:
                self._unplanned.append(Unplanned(operation_id=row.id, code=code))
                self._partial.add(work)
            if operation is None:
                blocked = True
                continue
            self._operations[row.id] = operation
            if _holds_place(operation.pin):
                self._zone.add(operation)
            last = row
            # What has started waits for nothing, so what follows it waits for both.
            waits_for = [*waits_for] if row.started else []
            waits_for.append(row)
            pinned = pinned and _holds_place(operation.pin)
        if last is not None and work not in self._partial:
            self._last[work] = last

    def _takes(self, chain: Sequence[OperationRow]) -> dict[int, Taken]:
        """What each of a work order's operations takes; what the floor has begun has it."""
        work = chain[0].work_order_id
        found = {row.id: Taken() for row in chain}
        begun = any(row.started for row in chain)
        for supplier in self._suppliers.get(work, ()):
            step = self._joins.step_of(work, supplier)
            if (row := taker(chain, step, begun=begun)) is not None:
                taken = found[row.id]
                found[row.id] = Taken((*taken.makers, supplier), taken.at_ms)
        for step, at_ms in self._joins.comes(work).items():
            if (row := taker(chain, step, begun=begun)) is not None:
                taken = found[row.id]
                found[row.id] = Taken(taken.makers, max(taken.at_ms, at_ms))
        return found

    def _started(self, row: OperationRow) -> tuple[Operation | None, str | None]:
        """What the floor has begun stays where it is, with what is left of it."""
        standing = self._rows.standings.get(row.id)
        machine = standing.machine_id if standing else row.machine_id
        if machine is None or machine not in self._rows.machines:
            return None, "no_machine"
        way = self._workshop.started(machine, self._cycle_ms(row, machine), row.needs)
        duration, code = routing.going_on(row, way, self._now_ms)
        started = self._now_ms if row.started_ms is None else min(row.started_ms, self._now_ms)
        pin = Pin(kind=PinKind.RUNNING, machine=machine, started_ms=started)
        found = routing.made(row, [way])
        mode = msgspec.structs.replace(
            found.modes[0] if found.modes else routing.nothing(way), duration_ms=duration or 0
        )
        return self._operation(row, found, modes=(mode,), pin=pin), code

    def _cycle_ms(self, row: OperationRow, machine: int) -> int | None:
        """The time of a piece on a machine: as it was seen, else the standard one."""
        seen = self._rows.paces.get(row.id)
        if seen and row.batch_family is None:
            return seen
        for alternative in self._rows.alternatives.get(row.id, ()):
            if alternative.machine_id == machine:
                return alternative.cycle_ms
        return row.cycle_ms

    def _free(
        self,
        row: OperationRow,
        after: tuple[Precedence, ...],
        *,
        may_be_frozen: bool,
        comes_ms: int,
    ) -> tuple[Operation | None, str | None]:
        """What has not begun may go to any machine that can do it, unless it is decided."""
        found = self._workshop.made(row, self._told(row), row.needs)
        if not found.modes:
            return None, found.code
        modes = found.modes
        lock = self._rows.facts.locks.get(row.id)
        if lock is not None:
            modes = tuple(mode for mode in modes if mode.machine == lock.machine_id)
            if not modes:
                return None, "lock_impossible"
        pin = None if lock is None else self._locked(lock)
        self._every[row.id] = found.modes
        placed = self._rows.assignments.get(row.id)
        operation = self._operation(
            row, found, modes=modes, pin=pin, after=after, comes_ms=comes_ms
        )
        if may_be_frozen and placed is not None and placed.start_ms < self._frozen_until:
            kept = tuple(mode for mode in modes if mode.machine == placed.machine)
            if kept and not (pin and (pin.not_before_ms or 0) > placed.start_ms):
                frozen = Pin(kind=PinKind.FROZEN, machine=placed.machine)
                stays = msgspec.structs.replace(operation, modes=kept, pin=frozen)
                if self._zone.holds(stays):
                    operation = stays
        return operation, None

    @cached_property
    def _zone(self) -> FrozenZone:
        """What can begin within the frozen zone."""
        now_ms, until_ms = self._now_ms, max(self._frozen_until, self._now_ms + 1)
        calendars = self._rows.calendars
        closed = dict(calendars.unavailable(now_ms, until_ms))
        for machine, (_, back_ms) in self._down().items():
            closed[machine] = (*closed.get(machine, ()), Interval(now_ms, back_ms))
        people = self._staffing.resources(calendars, now_ms, until_ms)
        away = {each.id: each.unavailable for each in people}
        return FrozenZone(now_ms, until_ms, closed=closed, away=away)

    def _operation(
        self,
        row: OperationRow,
        found: Made,
        *,
        modes: tuple[Mode, ...],
        pin: Pin | None,
        after: tuple[Precedence, ...] = (),
        comes_ms: int = 0,
    ) -> Operation:
        """The row as an operation; what is over by now keeps nothing from starting."""
        own_ms = 0 if row.started else max(row.not_before_ms or 0, row.rested_ms or 0)
        made = operation_of(
            row,
            found,
            id_=row.id,
            job=row.work_order_id,
            family=row.family,
            modes=modes,
            after=after,
            release_ms=own_ms if own_ms > self._now_ms else 0,
            material_ms=comes_ms if comes_ms > self._now_ms else 0,
        )
        return made if pin is None else msgspec.structs.replace(made, pin=pin)

    def _locked(self, lock: LockRow) -> Pin:
        """What a planner decided; a moment that is over binds nothing."""
        wanted = lock.not_before_ms
        return Pin(
            kind=PinKind.LOCKED,
            machine=lock.machine_id,
            not_before_ms=wanted if wanted is not None and wanted > self._now_ms else None,
            turn=lock.turn,
        )

    def _told(self, row: OperationRow) -> list[tuple[int, int | None, int]]:
        """The machines that may do it, with the time of a piece and of the set-up."""
        choice = self._rows.alternatives.get(row.id)
        if choice is not None:
            return [(each.machine_id, each.cycle_ms, each.setup_ms) for each in choice]
        if row.machine_id is None:
            return []
        return [(row.machine_id, row.cycle_ms, row.setup_ms)]

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

    def _horizon(self, operations: Sequence[Operation]) -> tuple[int, dict[int, int]]:
        """For how long calendars have to be told, and the work that each machine may get."""
        load: dict[int, int] = defaultdict(int)
        chains: dict[int, int] = defaultdict(int)
        latest = self._now_ms
        for operation in operations:
            work = [mode.duration_ms + mode.setup_ms for mode in operation.modes]
            chains[operation.job] += max(work)
            latest = max(latest, operation.release_ms)
            for mode, work_ms in zip(operation.modes, work, strict=True):
                load[mode.machine] += work_ms
        longest = max(chains.values(), default=0)
        if self._rows.spare_ms is not None:
            longest += self._rows.spare_ms
            load.update(dict.fromkeys(self._rows.machines.keys() - load.keys(), 0))
        horizon_ms = self._rows.calendars.horizon_ms(
            {machine: work_ms + longest for machine, work_ms in load.items()},
            self._now_ms,
            operators=self._staffing.operators,
        )
        return max(horizon_ms + latest - self._now_ms, self._rows.policy.horizon_ms), load

    def _machines(
        self,
        load: Mapping[int, int],
        down: Mapping[int, tuple[int, int]],
        until_ms: int,
        families: Mapping[int, str | None],
    ) -> tuple[Machine, ...]:
        """The machines that the operations can be on, told for long enough to do all of them.

        `families`: of those that are being set up, what for.
        """
        calendars = self._rows.calendars
        closed = calendars.unavailable(self._now_ms, until_ms)
        several = len(self._rows.sites) > 1
        machines = []
        for machine in sorted(load):
            row = self._rows.machines[machine]
            unavailable = closed.get(machine, ())
            closures = [
                Closure(
                    start_ms=start_ms,
                    end_ms=end_ms,
                    kind=ClosureKind.MAINTENANCE if own else ClosureKind.HOLIDAY,
                )
                for start_ms, end_ms, own in calendars.closures(machine, self._now_ms, until_ms)
            ]
            if machine in down:
                out = Interval(self._now_ms, down[machine][1])
                unavailable = merged([*unavailable, out])
                closures.append(
                    Closure(start_ms=out.start_ms, end_ms=out.end_ms, kind=ClosureKind.DOWN)
                )
            machines.append(
                Machine(
                    id=machine,
                    unavailable=unavailable,
                    family=families.get(machine, row.family),
                    batch_units=routing.batch_units(row.batch_capacity),
                    site=row.site_id if several else None,
                    closures=tuple(sorted(closures, key=lambda each: each.start_ms)),
                )
            )
        return tuple(machines)


def _holds_place(pin: Pin | None) -> bool:
    """Whether an operation comes before everything that is free on its machine."""
    return pin is not None and pin.kind is not PinKind.LOCKED


def _after(before: OperationRow, row: OperationRow) -> Precedence:
    """What an operation waits for; pieces are handed on within a work order only."""
    together = before.work_order_id == row.work_order_id
    return routing.follows(before.id, before, row if together else None)


def _needed(rows: Rows) -> dict[int, set[str]]:
    """The needs of all operations and machines, by site."""
    found: dict[int, set[str]] = defaultdict(set)
    for machine in rows.machines.values():
        found[machine.site_id].update(machine.needs)
    of_operations = {text for row in rows.operations for text in row.needs}
    of_operations.update(rows.needs)
    for site in rows.sites:
        found[site.id] |= of_operations
    return found

"""What a problem has beside machines, as the search's arrays: people, tools, ways between machines.

What runs, what is pinned and what can never be done are as `domain.plan.extras` rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from domain.plan.calendar import WorkingTime, merged
from domain.plan.indexed import RUNNING
from domain.plan.problem import (
    Mode,
    Need,
    Phase,
    PinKind,
    Precedence,
    Problem,
    Resource,
    ResourceKind,
)
from scheduler.flat import begins, row, rows, some
from scheduler.search.compiled import Ints
from scheduler.search.usage import UNSPLIT, Around

_ENDS = 2
"""Holds more than breaks that are crossed: the one behind the last break, and one to spare."""


class Clocks:
    """Working times by number: the machines', then those with people and tools."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        own = {id(each.unavailable): each.unavailable for each in problem.machines}
        known = {key: WorkingTime(intervals) for key, intervals in own.items()}
        self.all = [known[id(each.unavailable)] for each in problem.machines]
        self._resources = {each.id: each for each in problem.resources}
        self._at: dict[tuple[int, frozenset[int]], int] = {}

    def of(self, machine: int, resources: frozenset[int]) -> int:
        """The number of the clock of a machine, by index, with resources, by id."""
        idle = [
            self._resources[each].unavailable
            for each in resources
            if self._resources[each].unavailable
        ]
        if not idle:
            return machine
        unavailable = self._problem.machines[machine].unavailable
        key = id(unavailable), resources
        if key not in self._at:
            self._at[key] = len(self.all)
            whole = [*unavailable, *(interval for each in idle for interval in each)]
            self.all.append(WorkingTime(merged(whole)))
        return self._at[key]

    def breaks(self, now_ms: int) -> tuple[Ints, Ints, Ints]:
        """Where each clock's breaks begin in the rows, and the rows of starts and ends."""
        break_at, start = rows([clock.starts for clock in self.all])
        return break_at, start - now_ms, rows([clock.ends for clock in self.all])[1] - now_ms


class _Way(NamedTuple):
    """What a mode needs: clocks, and resources with units, of its set-up and its work."""

    setup_clock: int
    run_clock: int
    setup: tuple[tuple[int, int], ...]
    run: tuple[tuple[int, int], ...]


def able(problem: Problem, modes: Sequence[tuple[Mode, ...]]) -> list[tuple[Mode, ...]]:
    """The modes without those that ask for more than there ever is, but for what runs.

    Raises:
        KeyError: one needs what is not in the problem.
    """
    capacity = {resource.id: resource.capacity for resource in problem.resources}
    found = []
    for operation, ways in zip(problem.operations, modes, strict=True):
        pin = operation.pin
        if not any(mode.needs for mode in ways) or (
            pin is not None and pin.kind is PinKind.RUNNING
        ):
            found.append(ways)
            continue
        found.append(
            tuple(
                mode
                for mode in ways
                if all(need.units <= capacity[need.resource] for need in mode.needs)
            )
        )
    return found


def around_of(
    problem: Problem,
    clocks: Clocks,
    *,
    machine_at: dict[int, int],
    modes: Sequence[tuple[Mode, ...]],
    links: Sequence[Sequence[Precedence]],
    rank: Ints,
    chains: tuple[Ints, Ints],
    longest_setup_ms: int,
) -> Around:
    """What there is around the machines.

    Args:
        problem: whose.
        clocks: of its machines; those with people and tools are added.
        machine_at: machines by id.
        modes: of each operation, those that are left.
        links: what comes before each operation, as the arcs.
        rank: of each operation.
        chains: each machine's running and frozen operations.
        longest_setup_ms: no set-up takes longer.

    Raises:
        KeyError: a mode needs what is not in the problem.
    """
    resource_at = {resource.id: at for at, resource in enumerate(problem.resources)}
    ways = _ways(clocks, machine_at, resource_at, modes)
    wants = [each for way in ways for each in (way.setup, way.run)]
    flat = [want for each in wants for want in each]
    overlaps = [link.overlap for each in links for link in each]
    lack_at, lack_from, lack = _lacks(problem.resources, problem.now_ms)
    run_clock = row([way.run_clock for way in ways])
    return Around(
        setup_clock=some(row([way.setup_clock for way in ways])),
        run_clock=some(run_clock),
        want_at=begins(row(map(len, wants))),
        want=some(row([resource for resource, _ in flat])),
        units=some(row([units for _, units in flat])),
        capacity=some(row([each.capacity for each in problem.resources])),
        is_tool=some(row([each.kind is ResourceKind.TOOL for each in problem.resources])),
        lack_at=lack_at,
        lack_from=lack_from,
        lack=lack,
        row_at=begins(_room(problem, clocks, ways, modes, longest_setup_ms)),
        travel=_travel(problem),
        first=some(row([UNSPLIT if each is None else each.first for each in overlaps])),
        last=some(row([0 if each is None else each.last for each in overlaps])),
        pieces=some(row([each.pieces for each in problem.operations])),
        begun=_begun(problem, clocks, modes, run_clock=run_clock, rank=rank, chains=chains),
    )


def _ways(
    clocks: Clocks,
    machine_at: dict[int, int],
    resource_at: dict[int, int],
    modes: Sequence[tuple[Mode, ...]],
) -> list[_Way]:
    alone = {machine: _Way(machine, machine, (), ()) for machine in machine_at.values()}
    known: dict[tuple[int, tuple[Need, ...]], _Way] = {}
    ways = []
    for each in modes:
        for mode in each:
            machine = machine_at[mode.machine]
            if not mode.needs:
                ways.append(alone[machine])
                continue
            key = machine, mode.needs
            if key not in known:
                known[key] = _way(clocks, resource_at, machine, mode.needs)
            ways.append(known[key])
    return ways


def _way(
    clocks: Clocks, resource_at: dict[int, int], machine: int, needs: tuple[Need, ...]
) -> _Way:
    wanted: dict[Phase, list[tuple[int, int]]] = {Phase.SETUP: [], Phase.RUN: []}
    named: dict[Phase, set[int]] = {Phase.SETUP: set(), Phase.RUN: set()}
    for need in needs:
        for phase, units in wanted.items():
            if need.phase in (phase, Phase.BOTH):
                units.append((resource_at[need.resource], need.units))
                named[phase].add(need.resource)
    return _Way(
        clocks.of(machine, frozenset(named[Phase.SETUP])),
        clocks.of(machine, frozenset(named[Phase.RUN])),
        tuple(sorted(wanted[Phase.SETUP])),
        tuple(sorted(wanted[Phase.RUN])),
    )


def _lacks(resources: Sequence[Resource], now_ms: int) -> tuple[Ints, Ints, Ints]:
    """How much of each resource is not there, in steps; behind the last one, all of it is."""
    moments, missing = [], []
    for resource in resources:
        changes: dict[int, int] = {}
        for short in resource.short:
            if short.start_ms < short.end_ms:
                changes[short.start_ms] = changes.get(short.start_ms, 0) + short.units
                changes[short.end_ms] = changes.get(short.end_ms, 0) - short.units
        at = sorted(moment for moment, change in changes.items() if change)
        moments.append([moment - now_ms for moment in at])
        missing.append(np.cumsum(row([changes[moment] for moment in at])).tolist())
    lack_at, lack_from = rows(moments)
    return lack_at, lack_from, rows(missing)[1]


def _room(
    problem: Problem,
    clocks: Clocks,
    ways: Sequence[_Way],
    modes: Sequence[tuple[Mode, ...]],
    longest_setup_ms: int,
) -> Ints:
    """How many holds of each resource there could be at once: people's end at each break."""
    room = np.zeros(len(problem.resources), dtype=np.int64)
    lasting = [mode.duration_ms for each in modes for mode in each]
    longest: dict[int, int] = {}
    for way, lasts in zip(ways, lasting, strict=True):
        if way.run:
            longest[way.run_clock] = max(longest.get(way.run_clock, 0), lasts)
        if way.setup:
            longest[way.setup_clock] = max(longest.get(way.setup_clock, 0), longest_setup_ms)
    holds = {clock: _crossed(clocks.all[clock], work) for clock, work in longest.items()}
    tools = [each.kind is ResourceKind.TOOL for each in problem.resources]
    for way in ways:
        for wanted, clock in ((way.setup, way.setup_clock), (way.run, way.run_clock)):
            for resource, _ in wanted:
                room[resource] += 1 if tools[resource] else holds[clock]
    return room


def _crossed(clock: WorkingTime, work_ms: int) -> int:
    """Into how many spans breaks may divide so much work at most."""
    if not clock.starts:
        return _ENDS
    starts, ends = row(clock.starts), row(clock.ends)
    worked = starts - np.concatenate(([0], np.cumsum(ends - starts)[:-1]))
    over = np.searchsorted(worked, worked + work_ms, side="right")
    return int((over - np.arange(len(worked))).max()) + _ENDS


def _travel(problem: Problem) -> Ints:
    """How long pieces travel from machine to machine."""
    count = len(problem.machines)
    travel = np.zeros((max(1, count), max(1, count)), dtype=np.int64)
    ways = {(way.from_site, way.to_site): way.transport_ms for way in problem.transports}
    if not ways:
        return travel
    sites = [machine.site for machine in problem.machines]
    for at, one in enumerate(sites):
        for to, other in enumerate(sites):
            if one is not None and other is not None and one != other:
                travel[at, to] = ways.get((one, other), 0)
    return travel


def _begun(
    problem: Problem,
    clocks: Clocks,
    modes: Sequence[tuple[Mode, ...]],
    *,
    run_clock: Ints,
    rank: Ints,
    chains: tuple[Ints, Ints],
) -> Ints:
    """When the work that is left of what runs begins: behind what else runs on its machine."""
    begun = np.zeros(max(1, len(modes)), dtype=np.int64)
    mode_at = begins(row(map(len, modes)))
    chain_at, chain = chains
    for machine in range(len(problem.machines)):
        free = problem.now_ms
        for operation in chain[chain_at[machine] : chain_at[machine + 1]].tolist():
            if rank[operation] != RUNNING:
                break
            begun[operation] = free - problem.now_ms
            clock = clocks.all[int(run_clock[mode_at[operation]])]
            free = clock.advance(free, modes[operation][0].duration_ms)
    return begun

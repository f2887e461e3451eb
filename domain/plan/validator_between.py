"""The judge's second half: what machines have in common. Resources, transport, transfer batches.

Like the first half it shares no code with what makes plans.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from domain.plan.plan import Assignment
from domain.plan.problem import Mode, Operation, Phase, Precedence, Problem, ResourceKind


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """An operation where a plan has it.

    Attributes:
        operation, mode, placed: what, how, and where.
        begin_ms: when the work that is left of it begins.
        worked, prepared: the working spans of its work and its set-up.
        idle: how much working time lies between two moments, on its machine with what it needs.
        runs: whether it has started.
        oven: whether it is in an oven.
        batch: what is in there with it, itself included.
        leads: whether it is the first of them.
    """

    operation: Operation
    mode: Mode
    placed: Assignment
    begin_ms: int
    worked: Sequence[tuple[int, int]]
    prepared: Sequence[tuple[int, int]]
    idle: Callable[[int, int], int]
    runs: bool
    oven: bool
    batch: tuple[int, ...]
    leads: bool


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """A constraint that is broken, as `domain.plan.validator.Violation` tells it."""

    code: str
    operation: int
    other: int | None = None
    detail: str = ""


# The way from one machine to another ----------------------------------------------------------


def handed_on(problem: Problem, lots: Mapping[int, Lot]) -> Iterator[Broken]:
    """What operations hand on comes in time, from other sites and in transfer batches."""
    sites = {machine.id: machine.site for machine in problem.machines}
    ways = {(way.from_site, way.to_site): way.transport_ms for way in problem.transports}
    for lot in lots.values():
        if lot.runs:
            continue
        for link in lot.operation.after:
            before = lots.get(link.operation)
            if before is None:
                continue
            here, there = sites[lot.mode.machine], sites[before.mode.machine]
            travels = 0
            if here is not None and there is not None and here != there:
                travels = ways.get((there, here), 0)
            if link.overlap is None or before.oven or lot.oven:
                yield from _transport(lot, before, link, travels)
            else:
                yield from _transfer(lot, before, link, link.lag_ms + travels)


def _transport(lot: Lot, before: Lot, link: Precedence, travels: int) -> Iterator[Broken]:
    start, end = lot.placed.start_ms, before.placed.end_ms
    # Too early without any way between sites is another code.
    if end + link.lag_ms <= start < end + link.lag_ms + travels:
        yield Broken(
            code="transport",
            operation=lot.operation.id,
            other=link.operation,
            detail=f"start {start}, end {end}, lag {link.lag_ms}, way {travels}",
        )


def _transfer(lot: Lot, before: Lot, link: Precedence, way_ms: int) -> Iterator[Broken]:
    overlap = link.overlap
    if overlap is None:
        return
    name, made = lot.operation.id, before.operation.pieces
    if overlap.first:
        first = min(overlap.first, made)
        worked = before.idle(before.begin_ms, lot.placed.start_ms - way_ms)
        # Rounded up to whole milliseconds, as pieces are whole.
        if lot.placed.start_ms - way_ms < before.begin_ms or (
            worked * made < before.mode.duration_ms * first
        ):
            yield Broken(
                code="transfer_start",
                operation=name,
                other=link.operation,
                detail=f"start {lot.placed.start_ms}, {worked} worked before, {first} of {made}",
            )
    last_ms = before.placed.end_ms + way_ms
    last = min(overlap.last, lot.operation.pieces)
    left = lot.idle(last_ms, lot.placed.end_ms)
    if lot.placed.end_ms < last_ms or left * lot.operation.pieces < lot.mode.duration_ms * last:
        yield Broken(
            code="transfer_end",
            operation=name,
            other=link.operation,
            detail=f"end {lot.placed.end_ms}, the last batch comes at {last_ms}",
        )


# What operations share ------------------------------------------------------------------------


def held(problem: Problem, lots: Mapping[int, Lot]) -> Iterator[Broken]:
    """Of no resource more is used than there is, but by what runs anyway.

    Of what the problem does not name there is none.
    """
    uses: dict[int, list[tuple[int, int, int, Lot]]] = defaultdict(list)
    tools = {each.id for each in problem.resources if each.kind is ResourceKind.TOOL}
    for lot in lots.values():
        for needed, units, phase in _needs(lot, lots):
            for start, end in _spans(lot, phase, tool=needed in tools):
                uses[needed].append((start, end, units, lot))
    known = {resource.id for resource in problem.resources}
    for unknown in sorted(uses.keys() - known):
        yield from _sweep(unknown, 0, uses[unknown], ())
    for resource in problem.resources:
        short = [(each.start_ms, each.end_ms, each.units) for each in resource.short]
        yield from _sweep(resource.id, resource.capacity, uses[resource.id], short)


def _needs(lot: Lot, lots: Mapping[int, Lot]) -> Iterator[tuple[int, int, Phase]]:
    """What it needs; a batch needs of each resource the most that one of its operations does.

    All of a batch's needs are those of its first operation.
    """
    if not lot.leads:
        return
    most: dict[tuple[int, Phase], int] = {}
    for name in lot.batch:
        for need in lots[name].mode.needs if name in lots else ():
            for phase in (Phase.SETUP, Phase.RUN):
                if need.phase in (phase, Phase.BOTH):
                    key = need.resource, phase
                    most[key] = max(most.get(key, 0), need.units)
    for (resource, phase), units in most.items():
        yield resource, units, phase


def _spans(lot: Lot, phase: Phase, *, tool: bool) -> Sequence[tuple[int, int]]:
    """When it holds what it needs: tools in breaks, too; set-up is over for what runs."""
    if phase is Phase.SETUP:
        if lot.runs:
            return ()
        return ((lot.placed.setup_start_ms, lot.placed.start_ms),) if tool else lot.prepared
    return ((lot.begin_ms, lot.placed.end_ms),) if tool else lot.worked


def _sweep(
    resource: int,
    capacity: int,
    uses: Sequence[tuple[int, int, int, Lot]],
    short: Sequence[tuple[int, int, int]],
) -> Iterator[Broken]:
    """Who uses the resource while there is not enough of it for all."""
    changes: list[tuple[int, int, int, int]] = []
    for index, (start, end, units, _) in enumerate(uses):
        if start < end:
            changes += [(start, 1, units, index), (end, 0, -units, index)]
    for start, end, units in short:
        changes += [(start, 1, units, -1), (end, 0, -units, -1)]
    changes.sort()
    there: set[int] = set()
    blamed: set[int] = set()
    used = 0
    for place, (moment, begins, units, index) in enumerate(changes):
        used += units
        if index >= 0:
            (there.add if begins else there.discard)(index)
        more = place + 1 < len(changes) and changes[place + 1][0] == moment
        if more or used <= capacity:
            continue
        for name in _starters(uses[each][3] for each in sorted(there)):
            if name not in blamed:
                blamed.add(name)
                detail = f"resource {resource}: {used} of {capacity} at {moment}"
                yield Broken(code="resource_short", operation=name, detail=detail)


def _starters(lots: Iterable[Lot]) -> Iterator[int]:
    """Who is to blame: what has started goes on, whether or not there is enough."""
    for lot in lots:
        if not lot.runs:
            yield from lot.batch

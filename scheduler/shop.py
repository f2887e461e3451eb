"""What a machine demands of a model: one operation at a time, set-ups, breaks, pins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from domain.plan.indexed import FREE
from scheduler.cp_sat import Arc, CpSat, IntervalVariable, Linear
from scheduler.part import Part
from scheduler.pools import add_oven
from scheduler.tasks import Choice, Task

Here: TypeAlias = Sequence[tuple[Task, Choice]]
"""What may be done on one machine."""

MOST_ARCS: Final = 6_000
"""Of all circuits of a model. Beyond it the least set-up stands for all."""
MOST_BREAKS: Final = 3_000
"""Pairs of an operation's machine and a break of it. Beyond it breaks are left to the decoder."""


def add_breaks(cp: CpSat, part: Part, tasks: Iterable[Task]) -> None:
    """Let breaks of single machines lengthen what is interruptible, if they are not too many."""
    gaps = [
        # What begins with the machine unavailable simply cannot start before: see `Part.since`.
        [gap for gap in part.gaps(machine) if gap[0] > 0]
        for machine in range(len(part.indexed.machines))
    ]
    choices = [
        (task, choice)
        for task in tasks
        for choice in task.choices
        if gaps[choice.machine] and part.indexed.operations[task.index].interruptible
    ]
    if sum(len(gaps[choice.machine]) for _, choice in choices) <= MOST_BREAKS:
        for task, choice in choices:
            for gap in gaps[choice.machine]:
                _add_break(cp, part, task, choice, gap)


def _add_break(cp: CpSat, part: Part, task: Task, choice: Choice, gap: tuple[int, int]) -> None:
    """The operation ends before a break, starts after it, or lasts longer by it."""
    start, end = gap
    # Two ends rounded down: the break may be a step shorter than they say.
    length = max(0, end - start - part.rounding)
    placed = part.placed[task.index]
    ends = choice.chosen and part.axis.at(placed.end_ms) <= start
    starts = choice.chosen and not ends and part.axis.at(placed.start_ms) >= end
    lasts = choice.chosen and not ends and not starts
    before, after, across = (cp.literal(hint=each) for each in (ends, starts, lasts))
    cp.at_most_one([before, after, across])
    cp.any_of([before, after, across, choice.literal.negated()])
    cp.implies(across, choice.literal)
    cp.require(task.start + choice.duration + choice.extra <= start, when=before)
    cp.require(task.start >= end, when=after)
    cp.require(task.start <= start, when=across)
    choice.breaks = True
    choice.extra += length * across
    choice.extra_hint += length * lasts


def add_machines(cp: CpSat, part: Part, tasks: Iterable[Task]) -> list[Linear]:
    """All machines' constraints; returns what their set-ups cost."""
    on_machine: dict[int, list[tuple[Task, Choice]]] = defaultdict(list)
    for task in tasks:
        for choice in task.choices:
            on_machine[choice.machine].append((task, choice))
    costs: list[Linear] = []
    arcs = 0
    for machine, here in sorted(on_machine.items()):
        if part.is_oven(machine):
            add_oven(cp, part, machine, here)
            _add_fits(cp, part, machine, here)
            continue
        setups = _setups(part, machine, here)
        needed = (len(here) + 1) ** 2
        if part.whole and _depends(setups.values()) and arcs + needed <= MOST_ARCS:
            arcs += needed
            costs += _add_circuit(cp, part, machine, here)
            _add_order(cp, part, machine, here, {})
        else:
            least = {index: min(each) for index, each in setups.items()}
            _add_order(cp, part, machine, here, least)
            costs += [least[task.index] * choice.literal for task, choice in here]
    price = part.indexed.policy.setup
    return [price * cost for cost in costs] if price else []


def _depends(setups: Iterable[set[int]]) -> bool:
    """Whether a set-up depends on what was before."""
    return any(len(each) > 1 for each in setups)


def _setups(part: Part, machine: int, here: Here) -> dict[int, set[int]]:
    """For each operation, its set-ups after everything that may be before it."""
    operations = part.indexed.operations
    standing = part.standing(machine)
    # -1 is the machine as it stands.
    sources = [(-1, part.since(machine)[1])]
    sources += [(task.index, operations[task.index].family) for task, _ in here]
    sources += [(index, operations[index].family) for index in standing]
    return {
        task.index: {
            part.setup(task.index, machine, family, choice.setup_ms)
            for source, family in sources
            if source != task.index
        }
        for task, choice in here
    }


def _add_order(cp: CpSat, part: Part, machine: int, here: Here, setups: Mapping[int, int]) -> None:
    """One operation at a time, each with its set-up before it, among what stands."""
    free, _ = part.since(machine)
    for task, choice in here:
        earliest = free + setups.get(task.index, 0)
        if earliest:
            cp.require(task.start >= earliest, when=choice.literal)
    intervals = [_interval(cp, part, *each, setups.get(each[0].index, 0)) for each in here]
    for index in part.standing(machine):
        start = max(free, part.axis.at(part.placed[index].setup_start_ms))
        end = part.axis.at(part.placed[index].end_ms)
        if end > start:
            intervals.append(cp.standing_interval(start, end))
    cp.no_overlap(intervals)
    _add_frozen(cp, part, machine, here)
    _add_fits(cp, part, machine, here)


def _interval(cp: CpSat, part: Part, task: Task, choice: Choice, setup: int) -> IntervalVariable:
    if not choice.breaks:
        return cp.interval(task.start - setup, setup + choice.duration, choice.literal)
    lasts = choice.duration + choice.extra
    hint = choice.duration + choice.extra_hint
    longest = part.horizon + choice.duration
    size = cp.integer(0, setup + longest, hint=setup + hint)
    end = cp.integer(0, part.horizon + longest, hint=task.start_hint + hint)
    cp.require(size == setup + lasts)
    cp.require(end == task.start + lasts)
    return cp.elastic_interval(task.start - setup, size, end, choice.literal)


def _add_frozen(cp: CpSat, part: Part, machine: int, here: Here) -> None:
    """What is frozen on the machine keeps its order, and what is free comes after it."""
    places = {index: place for place, index in enumerate(part.indexed.chains[machine])}
    frozen = sorted(
        (task for task, _ in here if task.index in places), key=lambda task: places[task.index]
    )
    for first, second in pairwise(frozen):
        cp.require(second.start >= first.end)
    if frozen:
        for task, choice in here:
            if part.indexed.ranks[task.index] == FREE:
                cp.require(task.start >= frozen[-1].end, when=choice.literal)


def _add_fits(cp: CpSat, part: Part, machine: int, here: Here) -> None:
    """What must not be interrupted starts where it ends before a break, or after the break."""
    breaks = sorted([*part.gaps(machine), *((cut, cut) for cut in part.axis.cuts)])
    for task, choice in here:
        if part.indexed.operations[task.index].interruptible or not breaks:
            continue
        spans: list[tuple[int, int]] = []
        since = 0
        for start, end in breaks:
            if start - choice.duration >= since:
                spans.append((since, start - choice.duration))
            since = max(since, end)
        spans.append((since, max(since, part.horizon)))
        cp.within(task.start, spans, when=choice.literal)


def _add_circuit(cp: CpSat, part: Part, machine: int, here: Here) -> list[Linear]:
    """Who follows whom with which set-up; returns the set-ups. Node 0: the machine as it stands."""
    free, first = part.since(machine)
    operations = part.indexed.operations
    followed = _followed(part, here)
    nodes = list(enumerate(here, 1))
    arcs: list[Arc] = [(0, 0, cp.literal(hint=(0, 0) in followed))]
    spent: list[Linear] = []
    for at, (task, choice) in nodes:
        arcs.append((at, at, choice.literal.negated()))
        arcs.append((at, 0, cp.literal(hint=(at, 0) in followed)))
        before = [(0, first, free)]
        before += [
            (other, operations[prior.index].family, prior.end)
            for other, (prior, _) in nodes
            if other != at
        ]
        for other, family, end in before:
            setup = part.setup(task.index, machine, family, choice.setup_ms)
            follows = cp.literal(hint=(other, at) in followed)
            arcs.append((other, at, follows))
            cp.require(task.start >= end + setup, when=follows)
            spent.append(setup * follows)
    cp.circuit(arcs)
    return spent


def _followed(part: Part, here: Here) -> set[tuple[int, int]]:
    """The round that the plan in hand makes through the circuit's nodes."""

    def place(node: int) -> tuple[int, int, int]:
        index = here[node - 1][0].index
        placed = part.placed[index]
        return part.indexed.ranks[index], placed.end_ms, placed.start_ms

    nodes = [node for node, (_, choice) in enumerate(here, 1) if choice.chosen]
    return set(pairwise([0, *sorted(nodes, key=place), 0]))

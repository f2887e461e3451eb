"""A planning problem as the search's arrays.

Built in passes over plain lists, without `domain.plan.indexed`, which costs more than a few plans
do compiled. What the arrays cannot say is left to the domain's own planning (`supported`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Final, NamedTuple

import numpy as np

from domain.plan.extras import has_extras
from domain.plan.indexed import FREE, FROZEN, RUNNING, ProblemError
from domain.plan.policy import summed
from domain.plan.priorities import NEVER as LONG
from domain.plan.problem import Mode, Operation, PinKind, Precedence, Problem
from scheduler.flat import begins, row, rows, some
from scheduler.search.aims import Aims
from scheduler.search.compiled import Floats, Ints
from scheduler.search.desk import Desk, desk_of
from scheduler.search.dispatching import Rules, look_back
from scheduler.search.floor import GONE, NOWHERE, UNKNOWN, Floor
from scheduler.search.graph import sort_out
from scheduler.search.layout import NONE, Shop
from scheduler.search.usage import Around
from scheduler.surroundings import Clocks, able, around_of

NEVER: Final = 1 << 55
"""When a job is due that is not."""
_LOOK_AHEAD: Final = 2.0
_SETUP_DREAD: Final = 0.5
_LEAST_SETUP_MS: Final = 60_000.0
"""As in `domain.plan.priorities`."""


class Arrays(NamedTuple):
    """A problem in arrays.

    Attributes:
        problem: whose.
        shop, floor: the graph, and what decides times and cost. Times count from the problem's now.
        rules: what dispatching needs.
        chain_at, chain: each machine's running and frozen operations.
        turn: the operations' turns in right-shift.
        operations, machines: ids by index.
        operation_at, machine_at: indices by id.
    """

    problem: Problem
    shop: Shop
    floor: Floor
    rules: Rules
    chain_at: Ints
    chain: Ints
    turn: Ints
    operations: list[int]
    machines: list[int]
    operation_at: dict[int, int]
    machine_at: dict[int, int]

    @property
    def desk(self) -> Desk:
        """A new desk to make plans on."""
        return desk_of(self.shop, self.chain_at, self.chain)


def supported(problem: Problem) -> bool:
    """Whether the arrays can say all that the problem does: all but ovens."""
    return all(machine.batch_units is None for machine in problem.machines)


def is_plain(problem: Problem) -> bool:
    """Whether machines are all there is, so that `Floor.around` is None."""
    return not (has_extras(problem) or _aims_further(problem))


def arrays_of(problem: Problem) -> Arrays:
    """The arrays of a problem; times count from its now.

    Raises:
        ProblemError: it contradicts itself: it names what it does not contain, or there is a circle
            of operations that wait for each other.
    """
    operations = problem.operations
    ids = [each.id for each in operations]
    operation_at = dict(zip(ids, range(len(ids)), strict=True))
    machine_at = {machine.id: index for index, machine in enumerate(problem.machines)}
    if len(operation_at) != len(ids):
        raise ProblemError("an operation is in the problem twice")
    rank, chain_at, chained, modes = _pins(problem, machine_at)
    links, clocks, around = _links(problem, rank), Clocks(problem), None
    try:
        shop, mode_setup = _shop(problem, operation_at, machine_at, links, modes)
        if not is_plain(problem):
            longest = max([each.setup_ms for each in problem.setups], default=0)
            around = around_of(
                problem,
                clocks,
                machine_at=machine_at,
                modes=modes,
                links=links,
                rank=rank,
                chains=(chain_at, chained),
                longest_setup_ms=max(int(mode_setup.max()), longest),
            )
    except KeyError as error:
        raise ProblemError(f"{error} is not in the problem") from None
    size = max(1, shop.operations)
    nobody, order = np.full(size, NONE, dtype=np.int64), np.zeros(size, dtype=np.int64)
    seen, stack = np.zeros((2, size), dtype=np.int64)
    if sort_out(shop, np.arange(size), nobody, order, seen, stack) < shop.operations:
        raise ProblemError("operations wait for each other")
    floor = _floor(
        problem,
        shop,
        mode_setup,
        rank=rank,
        machine_at=machine_at,
        clocks=clocks,
        around=around,
    )
    turn = _turns(problem, shop, floor, ids)
    return Arrays(
        problem=problem,
        shop=shop,
        floor=floor,
        rules=_rules(problem, shop, floor, order),
        chain_at=chain_at,
        chain=chained,
        turn=turn,
        operations=ids,
        machines=[machine.id for machine in problem.machines],
        operation_at=operation_at,
        machine_at=machine_at,
    )


def _pins(
    problem: Problem, machine_at: dict[int, int]
) -> tuple[Ints, Ints, Ints, list[tuple[Mode, ...]]]:
    """Ranks, chains, and the modes that are left; see `Indexed`."""
    operations = problem.operations
    rank = np.full(max(1, len(operations)), FREE, dtype=np.int64)
    modes = [each.modes for each in operations]
    chains: list[list[tuple[int, int, int]]] = [[] for _ in problem.machines]
    for index, pin in enumerate([each.pin for each in operations]):
        if pin is None:
            continue
        machine = machine_at.get(pin.machine)
        left = tuple(mode for mode in modes[index] if mode.machine == pin.machine)
        if machine is None or not left:
            name = operations[index].id
            raise ProblemError(
                f"operation {name} is pinned to machine {pin.machine}, which is none of its modes",
                name,
            )
        modes[index] = left
        if pin.kind is PinKind.LOCKED:
            continue
        rank[index] = RUNNING if pin.kind is PinKind.RUNNING else FROZEN
        chains[machine].append((int(rank[index]), pin.place, index))
    if problem.resources or any(mode.needs for each in modes for mode in each):
        try:
            modes = able(problem, modes)
        except KeyError as error:
            raise ProblemError(f"resource {error} is not in the problem") from None
    empty = next((at for at, each in enumerate(modes) if not each), None)
    if empty is not None:
        name = operations[empty].id
        raise ProblemError(f"operation {name} has no machine", name)
    chain_at, chained = rows([[index for _, _, index in sorted(each)] for each in chains])
    return rank, chain_at, chained, modes


def _shop(
    problem: Problem,
    operation_at: dict[int, int],
    machine_at: dict[int, int],
    links: Sequence[Sequence[Precedence]],
    modes: Sequence[tuple[Mode, ...]],
) -> tuple[Shop, Ints]:
    """The graph, and each mode's own set-up."""
    operations, now = problem.operations, problem.now_ms
    count, machines = len(operations), len(problem.machines)
    ways = list(chain.from_iterable(modes))
    for index in [at for at, each in enumerate(links) if not each and operations[at].after]:
        for link in operations[index].after:
            operation_at[link.operation]
    flat = list(chain.from_iterable(links))
    before = row([operation_at[link.operation] for link in flat])
    lengths = row(map(len, links))
    owner = np.repeat(np.arange(count), lengths)
    turned = np.argsort(before, kind="stable")
    job_at = {job.id: index for index, job in enumerate(problem.jobs)}
    shop = Shop(
        operations=count,
        machines=machines,
        jobs=len(problem.jobs),
        before_at=begins(lengths),
        before=some(before),
        before_lag=some(row([link.lag_ms for link in flat])),
        after_at=begins(np.bincount(before, minlength=count)),
        after=some(owner[turned]),
        after_lag=np.zeros(max(1, len(flat)), dtype=np.int64),
        mode_at=begins(row(map(len, modes))),
        mode_machine=some(row([machine_at[mode.machine] for mode in ways])),
        mode_duration=some(row([mode.duration_ms for mode in ways])),
        release=some(np.maximum(row(_releases(operations)) - now, 0)),
        open_at=np.zeros(max(1, machines), dtype=np.int64),
        kind=np.zeros(max(1, count), dtype=np.int64),
        setup=np.zeros((1, 2, 1), dtype=np.int64),
        has_setup=0,
        job=some(row([job_at[each.job] for each in operations])),
        due=some(row([NEVER if job.due_ms is None else job.due_ms - now for job in problem.jobs])),
        weight=some(row([0 if job.due_ms is None else job.weight for job in problem.jobs])),
    )
    return shop, some(row([mode.setup_ms for mode in ways]))


def _links(problem: Problem, rank: Ints) -> list[tuple[Precedence, ...]]:
    """What comes before each operation; what runs waits for nothing, so there it is left out.

    What is locked to a turn on its machine comes after what has the turn before.
    """
    operations = problem.operations
    links = [each.after if rank[index] != RUNNING else () for index, each in enumerate(operations)]
    turns: dict[int, list[tuple[int, int]]] = {}
    for index, pin in enumerate([each.pin for each in operations]):
        if pin is not None and pin.kind is PinKind.LOCKED and pin.turn is not None:
            turns.setdefault(pin.machine, []).append((pin.turn, index))
    for turn in turns.values():
        turn.sort()
        for (_, first), (_, second) in pairwise(turn):
            name = operations[first].id
            if all(link.operation != name for link in links[second]):
                links[second] = (*links[second], Precedence(name))
    return links


def _releases(operations: Sequence[Operation]) -> list[int]:
    """When operations may start, a planner's date for a locked one included."""
    releases = [each.release_ms for each in operations]
    for index, pin in enumerate([each.pin for each in operations]):
        if pin is not None and pin.kind is PinKind.LOCKED and pin.not_before_ms is not None:
            releases[index] = max(releases[index], pin.not_before_ms)
    return releases


def _floor(
    problem: Problem,
    shop: Shop,
    mode_setup: Ints,
    *,
    rank: Ints,
    machine_at: dict[int, int],
    clocks: Clocks,
    around: Around | None,
) -> Floor:
    operations, now, policy = problem.operations, problem.now_ms, summed(problem.policy)
    number = _families(problem)
    break_at, break_start, break_end = clocks.breaks(now)
    sink_at, sink, is_sink = _sinks(shop)
    placed = [problem.baseline.get(each.id) for each in operations]
    floor = Floor(
        break_at=break_at,
        break_start=break_start,
        break_end=break_end,
        family=some(
            row([UNKNOWN if each.family is None else number[each.family] for each in operations])
        ),
        machine_family=some(
            row(
                [
                    UNKNOWN if machine.family is None else number[machine.family]
                    for machine in problem.machines
                ]
            )
        ),
        matrix=_matrix(problem, machine_at),
        mode_setup=mode_setup,
        whole=some(row([not each.interruptible for each in operations])),
        rank=rank,
        started=_started(operations, now),
        base_machine=some(
            row([UNKNOWN if at is None else machine_at.get(at.machine, GONE) for at in placed])
        ),
        base_start=some(row([NOWHERE if at is None else at.start_ms - now for at in placed])),
        sink_at=sink_at,
        sink=sink,
        is_sink=is_sink,
        due=shop.due,
        weight=shop.weight,
        price=row(
            [
                policy.tardiness,
                policy.setup,
                policy.move,
                policy.reassignment,
                policy.move_tolerance_ms,
            ]
        ),
        around=around,
        aims=None,
    )
    # A shop has both or none of them: each further kind of shop would be compiled for itself.
    return floor if around is None else floor._replace(aims=_aims(problem, shop, floor))


def _aims_further(problem: Problem) -> bool:
    """Whether a plan is judged by more than lateness, set-ups and stability."""
    policy = summed(problem.policy)
    return bool(policy.makespan or policy.balance or policy.resequencing) or any(
        job.keep_by_ms is not None for job in problem.jobs
    )


def _aims(problem: Problem, shop: Shop, floor: Floor) -> Aims:
    """What else a plan is judged by."""
    now, policy = problem.now_ms, summed(problem.policy)
    base = floor.base_machine[: shop.operations]
    planned = np.flatnonzero(base >= 0)
    starts = floor.rank[planned] != RUNNING
    lane = np.lexsort((planned, floor.base_start[planned], starts, base[planned]))
    keep = [NEVER if job.keep_by_ms is None else job.keep_by_ms - now for job in problem.jobs]
    return Aims(
        keep=some(row(keep)),
        price=row([policy.displaced, policy.makespan, policy.balance, policy.resequencing]),
        lane_at=begins(np.bincount(base[planned], minlength=shop.machines)),
        lane=some(planned[lane]),
    )


def _families(problem: Problem) -> dict[str, int]:
    """The set-up families by number."""
    names = {each.family for each in problem.operations if each.family is not None}
    names |= {machine.family for machine in problem.machines if machine.family is not None}
    return {name: at for at, name in enumerate(sorted(names))}


def _matrix(problem: Problem, machine_at: dict[int, int]) -> Ints:
    """The set-up matrix: `[machine, from, to]`."""
    number = _families(problem)
    size = max(1, len(problem.machines)), max(1, len(number)), max(1, len(number))
    matrix = np.full(size, UNKNOWN)
    for entry in problem.setups:
        machine = machine_at.get(entry.machine)
        if machine is not None and entry.from_family in number and entry.to_family in number:
            pair = number[entry.from_family], number[entry.to_family]
            matrix[machine, pair[0], pair[1]] = entry.setup_ms
    return matrix


def _started(operations: Sequence[Operation], now: int) -> Ints:
    """When what is running started."""
    started = np.zeros(max(1, len(operations)), dtype=np.int64)
    for index, pin in enumerate([each.pin for each in operations]):
        if pin is not None and pin.started_ms is not None:
            started[index] = min(now, pin.started_ms) - now
    return started


def _sinks(shop: Shop) -> tuple[Ints, Ints, Ints]:
    """The operations of each job that nothing of the job waits for; 1 for those.

    What runs waits for nothing, so what comes before it may end after it.
    """
    count = shop.operations
    owner = np.repeat(np.arange(count), np.diff(shop.before_at))
    before = shop.before[: len(owner)]
    is_sink = np.ones(max(1, count), dtype=np.int64)
    is_sink[before[shop.job[before] == shop.job[owner]]] = 0
    sinks = np.flatnonzero(is_sink[:count])
    jobs = shop.job[sinks]
    return (
        begins(np.bincount(jobs, minlength=shop.jobs)),
        some(sinks[np.argsort(jobs, kind="stable")]),
        is_sink,
    )


def _turns(problem: Problem, shop: Shop, floor: Floor, ids: Sequence[int]) -> Ints:
    """Operations' turns in right-shift: pinned, then as planned, then what is new, by due date."""
    count = shop.operations
    rank, start = floor.rank[:count], floor.base_start[:count]
    job = shop.job[:count]
    due, weight = shop.due[job], row([each.weight for each in problem.jobs])[job]
    owner = np.repeat(np.arange(count), np.diff(shop.mode_at))
    at_base = shop.mode_machine[: len(owner)] == floor.base_machine[owner]
    work = np.zeros(count, dtype=np.int64)
    # Of two that start together the one without duration was first.
    work[owner[at_base]] = shop.mode_duration[: len(owner)][at_base]
    pinned, planned = rank != FREE, start != NOWHERE
    undated = due == NEVER
    group = np.where(pinned, 0, np.where(planned, 1, np.where(undated, 3, 2)))
    first = np.where(pinned, 0, np.where(planned, start, np.where(undated, 0, due)))
    second = np.where(pinned, 0, np.where(planned, work, -weight))
    turn = np.zeros(max(1, count), dtype=np.int64)
    turn[np.lexsort((row(ids), second, first, group))] = np.arange(count)
    return turn


def _rules(problem: Problem, shop: Shop, floor: Floor, order: Ints) -> Rules:
    count = shop.operations
    job = shop.job[:count]
    shortest = np.zeros(max(1, count), dtype=np.int64)
    if count:
        shortest[:] = np.minimum.reduceat(shop.mode_duration, shop.mode_at[:-1])
    due = np.full(max(1, count), LONG, dtype=np.int64)
    due[:count] = np.where(shop.due[job] == NEVER, LONG, shop.due[job])
    weight = np.ones(max(1, count), dtype=np.int64)
    weight[:count] = np.maximum(row([each.weight for each in problem.jobs])[job], 1)
    setups = floor.mode_setup[: int(shop.mode_at[-1])]
    scale = np.array(
        [
            _LOOK_AHEAD * max(float(shortest[:count].sum()) / max(count, 1), 1.0),
            _SETUP_DREAD * max(float(setups.sum()) / max(len(setups), 1), _LEAST_SETUP_MS),
        ]
    )
    rules = _empty_rules(shop, floor, shortest=shortest, due=due, weight=weight, scale=scale)
    look_back(shop, rules, order)
    new = floor.base_start == NOWHERE
    rules.given[0] = rules.latest_end
    rules.given[1] = np.where(new, 0, floor.base_start)
    rules.given[2] = np.where(new, np.maximum(rules.latest_end - shortest, 0), floor.base_start)
    return rules


def _empty_rules(
    shop: Shop, floor: Floor, *, shortest: Ints, due: Ints, weight: Ints, scale: Floats
) -> Rules:
    size = max(1, shop.operations)
    base = floor.base_machine[: shop.operations]
    planned = np.flatnonzero(base >= 0)
    lane = np.lexsort((planned, floor.base_start[planned], base[planned]))

    def row(length: int = size) -> Ints:
        return np.zeros(max(1, length), dtype=np.int64)

    return Rules(
        shortest=shortest,
        tail=row(),
        due=due,
        latest_end=row(),
        weight=weight,
        given=np.zeros((3, size), dtype=np.int64),
        scale=scale,
        planned_at=begins(np.bincount(base[planned], minlength=shop.machines)),
        planned=some(planned[lane]),
        planned_next=row(shop.machines),
        kept=row(),
        mode=np.full(size, NONE, dtype=np.int64),
        chosen_version=row(),
        lane_first=row(shop.machines),
        lane_next=row(),
        lane_previous=row(),
        rank=np.zeros(size),
        rival_end=row(),
        rival=row(),
        how=row(4),
    )

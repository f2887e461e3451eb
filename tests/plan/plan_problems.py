"""Random planning problems that have a plan, and small ones in minutes, for anybody's tests."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from domain.plan.calendar import merged
from domain.plan.decoder import Timeline
from domain.plan.indexed import FREE, Indexed
from domain.plan.plan import Plan
from domain.plan.policy import Policy
from domain.plan.problem import (
    Interval,
    Job,
    Machine,
    Mode,
    Need,
    Operation,
    Overlap,
    Phase,
    Pin,
    PinKind,
    Placed,
    Precedence,
    Problem,
    ReleaseKind,
    Resource,
    ResourceKind,
    SetupTime,
    Shortfall,
    Transport,
)

MINUTE = 60_000
HOUR = 60 * MINUTE
NOW = 1_700_000_040_000
"""A whole minute."""

FAMILIES = ("red", "green", "blue")


def at(minutes: float) -> int:
    """The moment so many minutes after `NOW`."""
    return NOW + round(minutes * MINUTE)


def breaks(*spans: tuple[float, float]) -> tuple[Interval, ...]:
    """Unavailable intervals, in minutes after `NOW`."""
    return merged(Interval(at(start), at(end)) for start, end in spans)


def random_problem(
    seed: int,
    *,
    jobs: int = 6,
    operations: int = 3,
    machines: int = 4,
    alternatives: int = 3,
    baseline: bool = True,
    pins: bool = True,
    disturbed: bool = True,
    rich: bool = False,
    ovens: bool = True,
) -> Problem:
    """A problem with everything in it: setups, breaks, lags, releases, pins, alternatives.

    With a baseline, it is a random but valid plan of the same work as of some time ago; some of its
    work has started since, some is frozen or locked, some work is new. Disturbed, a machine is down
    and remaining work takes longer than planned.

    Args:
        seed: equal seeds give equal problems.
        jobs: how many.
        operations: how many a job has at most.
        machines: how many.
        alternatives: how many modes an operation has at most.
        baseline: whether there is a plan in force.
        pins: whether work has started, is frozen or locked; needs a baseline.
        disturbed: whether a machine is down and work takes longer.
        rich: whether there are resources, an oven, transfer batches, sites, dates and turns of
            locks as well.
        ovens: whether a rich problem has one.
    """
    chance = random.Random(seed)
    problem = _fresh(
        chance, jobs=jobs, operations=operations, machines=machines, alternatives=alternatives
    )
    if rich:
        problem = enriched(problem, chance)
    if not ovens:
        problem = _without_ovens(problem)
    if not baseline:
        return problem
    before = random_plan(problem, chance.randrange(2**32))
    problem = _later(problem, before, chance, pins=pins)
    if rich:
        problem = _locked(problem, before, chance)
    return _disturbed(problem, chance) if disturbed else problem


def random_plan(problem: Problem, seed: int) -> Plan:
    """A valid plan in random order on random machines."""
    chance = random.Random(seed)
    indexed = Indexed(problem)
    timeline = Timeline(indexed)
    timeline.place_running()
    left = {index for index, end in enumerate(timeline.ends) if end is None}
    while left:
        choices = [
            (index, mode, ready)
            for index in sorted(left)
            if (ready := timeline.ready(index)) is not None
            for mode in indexed.modes[index]
            if (
                timeline.is_open(mode[0])
                if indexed.ranks[index] == FREE
                else timeline.is_next(index)
            )
        ]
        index, mode, ready = chance.choice(choices)
        hold = chance.choice((0, 0, 0, chance.randrange(30) * MINUTE))
        if indexed.ranks[index] != FREE:
            ready = max(ready, indexed.base_start[index] or 0)
        timeline.place(index, mode, ready + hold)
        left.remove(index)
    return timeline.plan()


def _fresh(
    chance: random.Random, *, jobs: int, operations: int, machines: int, alternatives: int
) -> Problem:
    rooms = tuple(
        Machine(
            id=100 + index,
            unavailable=_breaks(chance),
            family=chance.choice((None, *FAMILIES)),
        )
        for index in range(machines)
    )
    work: list[Operation] = []
    for job in range(1, jobs + 1):
        before: int | None = None
        for number in range(chance.randint(1, operations)):
            identity = job * 100 + number
            modes = tuple(
                Mode(
                    machine.id,
                    chance.choice((0, *range(5, 90, 5))) * MINUTE + chance.randrange(60_000),
                    chance.choice((0, 0, 5, 10)) * MINUTE,
                )
                for machine in chance.sample(rooms, chance.randint(1, min(alternatives, machines)))
            )
            lag = chance.choice((0, 0, 10)) * MINUTE
            others = [one.id for one in work if one.job != job]
            after = [Precedence(before, lag)] if before is not None else []
            if others and chance.random() < 0.1:
                after.append(Precedence(chance.choice(others), 0))
            work.append(
                Operation(
                    id=identity,
                    job=job,
                    modes=modes,
                    after=tuple(after),
                    family=chance.choice((None, *FAMILIES)),
                    release_ms=chance.choice((0, 0, at(chance.randrange(120)))),
                    interruptible=chance.random() < 0.7,
                )
            )
            before = identity
    return Problem(
        now_ms=NOW,
        machines=rooms,
        jobs=tuple(
            Job(
                id=job,
                due_ms=chance.choice((None, *(at(chance.randrange(60, 600)) for _ in range(4)))),
                weight=chance.randint(1, 9),
            )
            for job in range(1, jobs + 1)
        ),
        operations=tuple(work),
        setups=tuple(
            SetupTime(machine.id, one, two, chance.choice((0, 3, 7, 15)) * MINUTE)
            for machine in rooms
            for one in FAMILIES
            for two in FAMILIES
            if chance.random() < 0.5
        ),
        policy=Policy(move_tolerance_ms=chance.choice((0, 15 * MINUTE))),
    )


def _breaks(chance: random.Random) -> tuple[Interval, ...]:
    if chance.random() < 0.2:
        return ()
    first = chance.randrange(-60, 120)
    return breaks(*((first + 130 * day, first + 130 * day + 30) for day in range(12)))


def _later(problem: Problem, before: Plan, chance: random.Random, *, pins: bool) -> Problem:
    """The problem some time into the plan."""
    now = NOW + chance.randrange(240) * MINUTE
    placed = {each.operation: each for each in before.assignments}
    frozen_until = now + problem.policy.frozen_ms
    over = {each.operation for each in before.assignments if each.end_ms <= now}
    places: dict[int, int] = {}
    latest: dict[int, tuple[int, int, int]] = {}
    decided: dict[int, Pin] = {}
    for each in sorted(before.assignments, key=lambda one: (one.start_ms, one.end_ms)):
        if not pins or each.operation in over:
            continue
        started = each.start_ms <= now
        if not started and each.start_ms >= frozen_until:
            if chance.random() < 0.1:
                decided[each.operation] = Pin(kind=PinKind.LOCKED, machine=each.machine)
            continue
        times = each.setup_start_ms, each.start_ms, each.end_ms
        if latest.get(each.machine) != times:
            # What shares an oven has one place.
            places[each.machine] = places.get(each.machine, -1) + 1
        latest[each.machine] = times
        decided[each.operation] = Pin(
            kind=PinKind.RUNNING if started else PinKind.FROZEN,
            machine=each.machine,
            place=places[each.machine],
            started_ms=each.start_ms if started else None,
        )
    work = tuple(
        _pinned(operation, decided.get(operation.id), over)
        for operation in problem.operations
        if operation.id not in over
    )
    new = {
        operation.job
        for operation in work
        if operation.job % 5 == 0
        and all(one.pin is None for one in work if one.job == operation.job)
    }
    return msgspec.structs.replace(
        problem,
        now_ms=now,
        operations=work,
        jobs=tuple(job for job in problem.jobs if any(one.job == job.id for one in work)),
        baseline={
            operation.id: Placed(placed[operation.id].machine, placed[operation.id].start_ms)
            for operation in work
            if operation.job not in new
        },
    )


def _pinned(operation: Operation, pin: Pin | None, over: Iterable[int]) -> Operation:
    after = tuple(before for before in operation.after if before.operation not in over)
    if pin is None:
        return msgspec.structs.replace(operation, after=after)
    modes = tuple(mode for mode in operation.modes if mode.machine == pin.machine)
    return msgspec.structs.replace(operation, after=after, modes=modes, pin=pin)


def _disturbed(problem: Problem, chance: random.Random) -> Problem:
    """One machine is down for an hour or two, and some work takes half as long again."""
    down = chance.choice(problem.machines).id
    until = problem.now_ms + chance.randrange(60, 120) * MINUTE
    return msgspec.structs.replace(
        problem,
        machines=tuple(
            msgspec.structs.replace(
                machine,
                unavailable=merged([*machine.unavailable, Interval(problem.now_ms, until)]),
            )
            if machine.id == down
            else machine
            for machine in problem.machines
        ),
        operations=tuple(
            msgspec.structs.replace(operation, modes=_slower(operation.modes))
            if chance.random() < 0.3
            else operation
            for operation in problem.operations
        ),
    )


def _slower(modes: Sequence[Mode]) -> tuple[Mode, ...]:
    return tuple(
        msgspec.structs.replace(mode, duration_ms=mode.duration_ms * 3 // 2) for mode in modes
    )


def enriched(problem: Problem, chance: random.Random) -> Problem:
    """The problem with resources, an oven, transfer batches and two sites."""
    resources = (
        Resource(id=201, kind=ResourceKind.TOOL, capacity=1, unavailable=_breaks(chance)[:2]),
        Resource(
            id=202,
            kind=ResourceKind.OPERATOR,
            capacity=2,
            unavailable=_breaks(chance),
            short=tuple(
                Shortfall(start_ms=at(start), end_ms=at(start + 90), units=1)
                for start in range(0, 800, 200)
            ),
            skill="welding",
        ),
        Resource(id=203, kind=ResourceKind.OPERATOR, capacity=3),
    )
    oven = problem.machines[0].id
    machines = tuple(
        msgspec.structs.replace(
            machine,
            site=1 + index % 2,
            batch_units=chance.randint(3, 8) if machine.id == oven else None,
        )
        for index, machine in enumerate(problem.machines)
    )
    work = [
        msgspec.structs.replace(
            operation,
            modes=tuple(
                # What is baked takes equally long, and needs nobody.
                msgspec.structs.replace(mode, duration_ms=40 * MINUTE, setup_ms=5 * MINUTE)
                if mode.machine == oven
                else msgspec.structs.replace(mode, needs=_needs(chance, resources))
                for mode in operation.modes
            ),
            after=tuple(_overlapping(chance, link) for link in operation.after),
            pieces=chance.randint(1, 12),
            units=chance.randint(1, 3),
            batch_family=chance.choice((None, "hot", "hot", "hot", "cold")),
            family=chance.choice(("red", "red", *FAMILIES, None)),
            release_kind=chance.choice(tuple(ReleaseKind)),
        )
        for operation in problem.operations
    ]
    return msgspec.structs.replace(
        problem,
        machines=machines,
        operations=tuple(work),
        resources=resources,
        transports=(Transport(1, 2, 25 * MINUTE), Transport(2, 1, 10 * MINUTE)),
        jobs=tuple(
            msgspec.structs.replace(
                job,
                priority_class=chance.randint(0, 2),
                keep_by_ms=job.due_ms if chance.random() < 0.2 else None,
            )
            for job in problem.jobs
        ),
    )


def _without_ovens(problem: Problem) -> Problem:
    machines = [msgspec.structs.replace(machine, batch_units=None) for machine in problem.machines]
    return msgspec.structs.replace(problem, machines=tuple(machines))


def _needs(chance: random.Random, resources: Sequence[Resource]) -> tuple[Need, ...]:
    if chance.random() < 0.5:
        return ()
    some = chance.sample(resources, chance.randint(1, 2))
    return tuple(
        Need(each.id, chance.randint(1, each.capacity), chance.choice(tuple(Phase)))
        for each in some
    )


def _overlapping(chance: random.Random, link: Precedence) -> Precedence:
    if chance.random() < 0.5:
        return link
    overlap = Overlap(chance.randint(1, 12), chance.randint(1, 12))
    return msgspec.structs.replace(link, overlap=overlap)


def _locked(problem: Problem, before: Plan, chance: random.Random) -> Problem:
    """Some locks name a date or a turn; some first transfer batches have come."""
    placed = {each.operation: each for each in before.assignments}
    started = {one.id for one in problem.operations if one.pin and one.pin.kind is PinKind.RUNNING}
    work = []
    for operation in problem.operations:
        pin = operation.pin
        if pin is not None and pin.kind is PinKind.LOCKED:
            start = placed[operation.id].start_ms
            pin = msgspec.structs.replace(
                pin,
                not_before_ms=chance.choice((None, start + 10 * MINUTE)),
                turn=start if chance.random() < 0.7 else None,
            )
        after = tuple(
            msgspec.structs.replace(link, overlap=msgspec.structs.replace(link.overlap, first=0))
            if link.overlap is not None and link.operation in started and chance.random() < 0.5
            else link
            for link in operation.after
        )
        work.append(msgspec.structs.replace(operation, pin=pin, after=after))
    return msgspec.structs.replace(problem, operations=tuple(work))


def sequence_of(plan: Plan, problem: Problem) -> list[tuple[int, int]]:
    """A valid plan's sequence: (operation, machine), as `decode` takes it."""
    pins: Mapping[int, Pin | None] = {one.id: one.pin for one in problem.operations}
    before = {one.id: {each.operation for each in one.after} for one in problem.operations}
    queues: dict[int, list[int]] = {}
    for each in plan.assignments:
        queues.setdefault(each.machine, []).append(each.operation)
    done: set[int] = set()
    sequence: list[tuple[int, int]] = []
    while any(queues.values()):
        for machine, queue in queues.items():
            pin = pins[queue[0]] if queue else None
            running = pin is not None and pin.kind is PinKind.RUNNING
            if queue and (running or before[queue[0]] <= done):
                done.add(queue[0])
                sequence.append((queue.pop(0), machine))
                break
        else:
            raise ValueError("the plan's sequence contradicts precedence")
    return sequence

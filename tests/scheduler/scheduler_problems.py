"""Planning problems for the scheduler's tests: tiny ones by hand, larger ones by seed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from domain.plan.calendar import merged
from domain.plan.decoder import DecodeError, decode
from domain.plan.indexed import Indexed
from domain.plan.metrics import cost
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

MINUTE = 60_000
HOUR = 60 * MINUTE
NOW = 1_700_000_040_000
"""A whole minute."""
FAMILIES = ("red", "green", "blue")


def at(minutes: float) -> int:
    """The moment so many minutes after `NOW`."""
    return NOW + round(minutes * MINUTE)


def pause(*spans: tuple[float, float]) -> tuple[Interval, ...]:
    """Unavailable intervals, in minutes after `NOW`."""
    return merged(Interval(at(start), at(end)) for start, end in spans)


@dataclass
class Shop:
    """A problem in the making; everything in minutes. Operations and jobs get the ids 1, 2, ..."""

    machines: dict[int, Machine] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    setups: list[SetupTime] = field(default_factory=list)
    baseline: dict[int, Placed] = field(default_factory=dict)
    policy: Policy = field(
        default_factory=lambda: Policy(
            frozen_ms=0, move_tolerance_ms=0, tardiness=1, reassignment=0, move=0, setup=0
        )
    )

    def machine(
        self, id_: int, *, pauses: Sequence[tuple[float, float]] = (), family: str | None = None
    ) -> None:
        self.machines[id_] = Machine(id=id_, unavailable=pause(*pauses), family=family)

    def job(
        self,
        *steps: Mapping[int, float],
        due: float | None = 0,
        weight: int = 1,
        family: str | None = None,
        setup: float = 0,
        interruptible: bool = True,
    ) -> list[int]:
        """A job with a chain of operations, each with its duration per machine."""
        job = len(self.jobs) + 1
        self.jobs.append(Job(id=job, due_ms=None if due is None else at(due), weight=weight))
        made: list[int] = []
        for step in steps:
            id_ = len(self.operations) + 1
            for machine in step:
                self.machines.setdefault(machine, Machine(id=machine))
            self.operations.append(
                Operation(
                    id=id_,
                    job=job,
                    modes=tuple(
                        Mode(machine, round(duration * MINUTE), round(setup * MINUTE))
                        for machine, duration in step.items()
                    ),
                    after=tuple(Precedence(before) for before in made[-1:]),
                    family=family,
                    interruptible=interruptible,
                )
            )
            made.append(id_)
        return made

    def change(self, operation: int, **fields: object) -> None:
        """Replace fields of an operation."""
        self.operations[operation - 1] = msgspec.structs.replace(
            self.operations[operation - 1], **fields
        )

    def problem(self) -> Problem:
        return Problem(
            now_ms=NOW,
            machines=tuple(self.machines[id_] for id_ in sorted(self.machines)),
            jobs=tuple(self.jobs),
            operations=tuple(self.operations),
            setups=tuple(self.setups),
            baseline=dict(self.baseline),
            policy=self.policy,
        )


FT06 = (
    ((2, 1), (0, 3), (1, 6), (3, 7), (5, 3), (4, 6)),
    ((1, 8), (2, 5), (4, 10), (5, 10), (0, 10), (3, 4)),
    ((2, 5), (3, 4), (5, 8), (0, 9), (1, 1), (4, 7)),
    ((1, 5), (0, 5), (2, 5), (3, 3), (4, 8), (5, 9)),
    ((2, 9), (1, 3), (4, 5), (5, 4), (0, 3), (3, 1)),
    ((1, 3), (3, 3), (5, 9), (0, 10), (4, 4), (2, 1)),
)
"""Fisher & Thompson 1963: six jobs on six machines, (machine, minutes); the optimum is 55."""


def makespan_shop(jobs: Sequence[Sequence[tuple[int, float]]]) -> Problem:
    """A job shop whose cost is its makespan in minutes.

    All jobs end in one operation of no duration, which alone is due: now.
    """
    shop = Shop()
    ends = [
        shop.job(*({machine: minutes} for machine, minutes in job), due=None)[-1] for job in jobs
    ]
    sink = shop.job({99: 0})[0]
    shop.change(sink, after=tuple(Precedence(end) for end in ends))
    return shop.problem()


def least_cost(problem: Problem) -> int:
    """The least cost of all sequences with all choices of machines, as the decoder times them."""
    indexed = Indexed(problem)
    best: int | None = None
    for sequence in _sequences(problem):
        try:
            price = cost(problem, decode(problem, sequence, indexed=indexed))
        except DecodeError:
            continue
        best = price if best is None else min(best, price)
    assert best is not None
    return best


def _sequences(problem: Problem) -> Iterator[list[tuple[int, int]]]:
    operations = problem.operations
    choices = [[mode.machine for mode in operation.modes] for operation in operations]
    for order in itertools.permutations(range(len(operations))):
        place = {operations[index].id: rank for rank, index in enumerate(order)}
        if any(
            place[link.operation] > place[operation.id]
            for operation in operations
            for link in operation.after
        ):
            continue
        for machines in itertools.product(*choices):
            yield [(operations[index].id, machines[index]) for index in order]


@dataclass(frozen=True)
class Flavour:
    """What random problems contain.

    Attributes:
        pauses: `none`; `shared` by all machines; `own`: some machines have others, one has none,
            and one is down now.
        whole: whether some operations must not be interrupted.
        odd: whether nothing is a whole number of seconds.
        families: whether there are setup families.
        pins: whether something runs or is frozen.
        baseline: whether there is a plan in force.
    """

    pauses: str = "none"
    whole: bool = False
    odd: bool = False
    families: bool = True
    pins: bool = True
    baseline: bool = True


FLAVOURS = tuple(
    Flavour(pauses=pauses, whole=whole, odd=odd)
    for pauses in ("none", "shared", "own")
    for whole in (False, True)
    for odd in (False, True)
)


def random_problem(
    seed: int,
    flavour: Flavour,
    *,
    jobs: int = 5,
    steps: int = 4,
    machines: int = 4,
    spread: int = 400,
) -> Problem:
    """A problem with a plan; due dates within `spread` minutes."""
    counts = (jobs, steps, machines)
    return _Random(seed, flavour, counts=counts, spread=spread).problem()


class _Random:
    def __init__(
        self, seed: int, flavour: Flavour, *, counts: tuple[int, int, int], spread: int
    ) -> None:
        chance = random.Random(seed)
        self.chance = chance
        self.flavour = flavour
        self.unit = MINUTE + 13 if flavour.odd else MINUTE
        self.now = NOW + (chance.randrange(60_000) if flavour.odd else 0)
        self.counts = counts
        self.spread = spread
        self.places: dict[tuple[int, PinKind], int] = {}
        self.operations: list[Operation] = []
        self.baseline: dict[int, Placed] = {}

    def problem(self) -> Problem:
        jobs, _, machines = self.counts
        dues = [
            self.now + self.chance.randint(-50, self.spread) * self.unit
            if self.chance.random() < 0.9
            else None
            for _ in range(jobs)
        ]
        made = tuple(
            Job(id=number, due_ms=due, weight=self.chance.randint(1, 5))
            for number, due in enumerate(dues, 1)
        )
        for job in made:
            self.add_work(job.id)
        return Problem(
            now_ms=self.now,
            machines=tuple(self.machine(number) for number in range(1, machines + 1)),
            jobs=made,
            operations=tuple(self.operations),
            setups=tuple(
                SetupTime(machine, before, after, self.chance.randint(0, 25) * self.unit)
                for machine in range(1, machines + 1)
                for before, after in itertools.permutations(FAMILIES, 2)
                if self.flavour.families and self.chance.random() < 0.5
            ),
            baseline=self.baseline,
            policy=Policy(frozen_ms=0, move_tolerance_ms=15 * MINUTE),
        )

    def machine(self, number: int) -> Machine:
        spans: list[Interval] = []
        if self.flavour.pauses != "none":
            for day in range(12):
                begin = self.now + day * 480 * MINUTE
                spans.append(Interval(begin + 200 * MINUTE, begin + 230 * MINUTE))
                spans.append(Interval(begin + 400 * MINUTE, begin + 480 * MINUTE))
        if self.flavour.pauses == "own":
            if number == 1:
                spans.append(Interval(self.now, self.now + 90 * MINUTE))
            elif number == 2:
                spans = []
            elif number % 2:
                spans = [span for place, span in enumerate(spans) if place % 3]
        return Machine(id=number, unavailable=merged(spans), family=self.family())

    def family(self) -> str | None:
        return self.chance.choice((None, *FAMILIES)) if self.flavour.families else None

    def add_work(self, job: int) -> None:
        previous: int | None = None
        pinned = self.flavour.pins
        for step in range(self.chance.randint(1, self.counts[1])):
            pinned = pinned and self.chance.random() < 0.15
            previous = self.add_operation(job, previous, pinned=pinned, first=step == 0)

    def add_operation(self, job: int, previous: int | None, *, pinned: bool, first: bool) -> int:
        chance, unit = self.chance, self.unit
        id_ = len(self.operations) + 1
        machines = sorted(chance.sample(range(1, self.counts[2] + 1), chance.randint(1, 2)))
        modes = tuple(
            Mode(machine, chance.randint(5, 90) * unit, chance.choice((0, 5, 15)) * unit)
            for machine in machines
        )
        if self.flavour.baseline and chance.random() < 0.85:
            start = self.now + chance.randint(0, 300) * unit
            self.baseline[id_] = Placed(chance.choice(machines), start)
        pin = None
        if pinned:
            modes = modes[:1]
            pin = self.pin(id_, modes[0].machine, first=first)
        waits = previous is not None and (pin is None or pin.kind is not PinKind.RUNNING)
        self.operations.append(
            Operation(
                id=id_,
                job=job,
                modes=modes,
                after=(Precedence(previous, chance.choice((0, 0, 5)) * unit),)
                if waits and previous is not None
                else (),
                family=self.family(),
                release_ms=self.now + chance.randint(-100, 100) * unit
                if chance.random() < 0.2
                else 0,
                interruptible=not (self.flavour.whole and chance.random() < 0.5),
                pin=pin,
            )
        )
        return id_

    def pin(self, id_: int, machine: int, *, first: bool) -> Pin:
        frozen_here = self.places.get((machine, PinKind.FROZEN), 0)
        if first and not frozen_here and self.chance.random() < 0.5:
            place = self.places.get((machine, PinKind.RUNNING), 0)
            self.places[machine, PinKind.RUNNING] = place + 1
            started = self.now - self.chance.randint(1, 50) * self.unit
            return Pin(kind=PinKind.RUNNING, machine=machine, place=place, started_ms=started)
        self.places[machine, PinKind.FROZEN] = frozen_here + 1
        self.baseline[id_] = Placed(machine, self.now + frozen_here * self.unit)
        return Pin(kind=PinKind.FROZEN, machine=machine, place=100 + frozen_here)

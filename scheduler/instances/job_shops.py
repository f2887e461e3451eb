"""Readers of job shops: the standard form, and Taillard's with times and machines apart.

Standard: a line `jobs machines`, then a line per job of pairs `machine duration`. Lines may be
broken or joined where every job visits every machine. Taillard: a line that begins with `jobs
machines`, a line of durations per job, then a line of machines per job; `Times` and `Machines` may
stand above them. Texts before the first number are passed over, as OR-Library's files have them.
"""

from __future__ import annotations

from scheduler.instances.instance import Alternative, Instance, JobOfTasks, Task
from scheduler.instances.machine_numbers import MachineNumbers
from scheduler.instances.text import InstanceError, Line, Numbers

MOST_OPERATIONS = 100_000
_TITLES = ("times", "machines")

Row = list[list[tuple[int, int]]]
"""A job: for each operation its alternatives, machine and duration."""


def job_shop(name: str, lines: list[Line], *, said: int | None) -> Instance:
    """The shop that some lines describe.

    Args:
        name: how messages call the file.
        lines: of the file.
        said: the number of the first machine, if somebody said so.

    Raises:
        InstanceError: they describe none.
    """
    at = head_at(name, lines)
    head = Numbers(name, [lines[at]])
    jobs, count = sizes(head)
    machines = MachineNumbers(count)
    body, titled = _body(name, lines[at + 1 :], jobs)
    widths = [len(line.text.split()) for line in body]
    words = sum(widths)
    if not body and not head.over:  # all in one line
        rows = [_row(head, machines, count) for _ in range(jobs)]
        head.end(f"{jobs} jobs on {count} machines are {2 * jobs * count} numbers")
    elif titled or _is_taillard(body, widths, jobs, count):
        rows = _taillard(name, body, machines, jobs)
    else:
        head.end("the first line is the number of jobs and that of machines; remove it")
        if len(body) != jobs and words == 2 * jobs * count:
            numbers = Numbers(name, body)
            rows = [_row(numbers, machines, count) for _ in range(jobs)]
        else:
            rows = _by_line(name, body, machines, jobs)
    first = machines.first(name, usual=0, said=said)
    return Instance(machines=count, jobs=jobs_of(rows, first), machines_from=first)


def head_at(name: str, lines: list[Line]) -> int:
    """The place of the line that begins with the numbers of jobs and of machines."""
    for at, line in enumerate(lines):
        if line.is_of_numbers:
            return at
    if lines:
        raise InstanceError(
            f"{name}, line {lines[0].number}, position 1: {lines[0].text.split()[0][:30]!r}, and "
            "nowhere a line that begins with the number of jobs and that of machines: is it "
            "another format?"
        )
    raise InstanceError(
        f"{name}, line 1, position 1: the file is empty: it should begin with the number of jobs "
        "and that of machines"
    )


def sizes(head: Numbers) -> tuple[int, int]:
    """How many jobs and machines the first line tells."""
    jobs = head.number("the number of jobs", 1, MOST_OPERATIONS)
    return jobs, head.number("the number of machines", 1, MOST_OPERATIONS)


def numbers_until_text(name: str, lines: list[Line]) -> list[Line]:
    """Lines up to the first one of words; refuses numbers behind it."""
    for at, line in enumerate(lines):
        if line.is_of_numbers:
            continue
        for later in lines[at + 1 :]:
            if later.is_of_numbers:
                raise InstanceError(
                    f"{name}, line {line.number}, position 1: {line.text.strip()[:30]!r} between "
                    "numbers: keep one instance in a file, and begin comments with #"
                )
        return lines[:at]
    return lines


def jobs_of(
    rows: list[Row], first: int, families: list[list[int]] | None = None
) -> tuple[JobOfTasks, ...]:
    """The jobs, with machines counted from 0."""
    return tuple(
        JobOfTasks(
            operations=tuple(
                Task(
                    alternatives=tuple(Alternative(m - first, lasts) for m, lasts in ways),
                    family=None if families is None else families[number][at],
                )
                for at, ways in enumerate(row)
            )
        )
        for number, row in enumerate(rows)
    )


def _body(name: str, lines: list[Line], jobs: int) -> tuple[list[Line], bool]:
    """The lines of numbers behind the first, and whether they have Taillard's titles."""
    titles = [line for line in lines if line.text.strip(" \t:").lower() in _TITLES]
    titled = bool(titles) and lines[0] is titles[0]
    if titled:
        lines = [line for line in lines if line not in titles]
    body = numbers_until_text(name, lines)
    if titled and len(body) != 2 * jobs:
        last = body[-1] if body else titles[-1]
        raise InstanceError(
            f"{name}, line {last.number}, position 1: {len(body)} lines, but {jobs} jobs are "
            f"{jobs} lines of times and {jobs} of machines"
        )
    return body, titled


def _is_taillard(body: list[Line], widths: list[int], jobs: int, machines: int) -> bool:
    """Whether the second half of the lines are permutations of the machines."""
    if len(body) != 2 * jobs or set(widths) != {machines}:
        return False
    wanted = [{str(each) for each in range(low, low + machines)} for low in (0, 1)]
    return all(set(line.text.split()) in wanted for line in body[jobs:])


def _taillard(name: str, body: list[Line], machines: MachineNumbers, jobs: int) -> list[Row]:
    rows: list[Row] = []
    for one, other in zip(body[:jobs], body[jobs:], strict=True):
        times, names = Numbers(name, [one]), Numbers(name, [other])
        row: Row = []
        while not times.over:
            lasts = times.number("a duration")
            row.append([(machines.take(names), lasts)])
        names.end(f"the job has {len(row)} durations")
        rows.append(row)
    return rows


def _row(numbers: Numbers, machines: MachineNumbers, count: int) -> Row:
    """One job of `count` operations."""
    return [[(machines.take(numbers), numbers.number("a duration"))] for _ in range(count)]


def _by_line(name: str, body: list[Line], machines: MachineNumbers, jobs: int) -> list[Row]:
    """A job per line, of any number of operations."""
    rows: list[Row] = []
    for line in body[:jobs]:
        numbers = Numbers(name, [line])
        row: Row = []
        while not numbers.over:
            machine = machines.take(numbers)
            row.append([(machine, numbers.number("a duration"))])
        rows.append(row)
    if len(rows) < jobs:
        raise short(name, body, jobs)
    if len(body) > jobs:
        Numbers(name, body[jobs:]).end(
            f"there were to be {jobs} jobs; correct the first line, or join what was broken"
        )
    return rows


def short(name: str, body: list[Line], jobs: int) -> InstanceError:
    """There are too few lines of jobs."""
    line, position = (body[-1].number, len(body[-1].text.rstrip()) + 1) if body else (1, 1)
    return InstanceError(
        f"{name}, line {line}, position {position}: the file ends after {len(body)} of {jobs} "
        "jobs: add the others, or correct the first line"
    )

"""Readers of flexible job shops, with and without set-ups.

A line `jobs machines [mean]`, then for each job the number of operations and for each of them the
number of alternatives and as many pairs `machine duration`. The format says itself where a job
ends, so lines may be broken or joined anywhere; a job per line is tried first, since then mistakes
are told where they are. Behind the jobs come set-ups (`setup_matrices`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from scheduler.instances.instance import Instance
from scheduler.instances.job_shops import (
    MOST_OPERATIONS,
    Row,
    head_at,
    jobs_of,
    numbers_until_text,
    short,
    sizes,
)
from scheduler.instances.machine_numbers import MachineNumbers
from scheduler.instances.setup_matrices import setups_of
from scheduler.instances.text import InstanceError, Line, Numbers


def flexible_shop(name: str, lines: list[Line], *, setups: bool, said: int | None) -> Instance:
    """The shop that some lines describe.

    Args:
        name: how messages call the file.
        lines: of the file.
        setups: whether set-ups follow.
        said: the number of the first machine, if somebody said so.

    Raises:
        InstanceError: they describe none.
    """
    at = head_at(name, lines)
    head = Numbers(name, [lines[at]])
    jobs, machines = sizes(head)
    body = numbers_until_text(name, lines[at + 1 :])
    first: InstanceError | None = None
    for way in _ways(lines[at], head, body):
        try:
            rows, taken, rest = _rows(name, way, jobs, machines)
            return _instance(name, rows, taken, rest, setups=setups, said=said)
        except InstanceError as error:
            first = first or error
    raise first or short(name, body, jobs)


class _Way(NamedTuple):
    """A way to read what is behind the numbers of jobs and machines."""

    lines: list[Line]
    by_line: bool


def _ways(line: Line, head: Numbers, body: list[Line]) -> Iterator[_Way]:
    """The likely ones first: a job per line behind the mean, any lines, no mean."""
    words = line.text.split()[2:]
    if not words:
        yield _Way(body, by_line=True)
        yield _Way(body, by_line=False)
        return
    if not _is_mean(words[0]):
        raise head.wrong(
            f"{words[0][:30]!r} where the mean number of alternatives may stand: write a number "
            "or leave it out"
        )
    rest = head.rest()[0]
    begin = len(rest.text) - len(rest.text.lstrip()) + len(words[0])
    behind = Line(rest.number, " " * begin + rest.text[begin:])
    if len(words) == 1:
        yield _Way(body, by_line=True)
        yield _Way(body, by_line=False)
        yield _Way([rest, *body], by_line=False)
        return
    yield _Way([rest, *body], by_line=False)
    yield _Way([behind, *body], by_line=False)


def _is_mean(word: str) -> bool:
    try:
        return float(word.replace(",", ".")) >= 0
    except ValueError:
        return False


def _rows(
    name: str, way: _Way, jobs: int, count: int
) -> tuple[list[Row], MachineNumbers, list[Line]]:
    """The jobs, the machines they name, and the lines behind them."""
    machines = MachineNumbers(count)
    if not way.by_line:
        numbers = Numbers(name, way.lines)
        rows = [_row(numbers, machines) for _ in range(jobs)]
        return rows, machines, numbers.rest()
    rows = []
    for line in way.lines[:jobs]:
        numbers = Numbers(name, [line])
        row = _row(numbers, machines)
        numbers.end(f"the job has {len(row)} operations; correct that number, or remove it")
        rows.append(row)
    if len(rows) < jobs:
        raise short(name, way.lines, jobs)
    return rows, machines, way.lines[jobs:]


def _row(numbers: Numbers, machines: MachineNumbers) -> Row:
    row: Row = []
    for _ in range(numbers.number("the number of operations", 1, MOST_OPERATIONS)):
        ways: list[tuple[int, int]] = []
        for _ in range(numbers.number("the number of alternatives", 1, MOST_OPERATIONS)):
            machine = machines.take(numbers)
            if any(machine == other for other, _ in ways):
                raise numbers.wrong(
                    f"machine {machine} twice for one operation: keep one of its durations", back=1
                )
            ways.append((machine, numbers.number("a duration")))
        row.append(ways)
    return row


def _instance(
    name: str,
    rows: list[Row],
    machines: MachineNumbers,
    rest: list[Line],
    *,
    setups: bool,
    said: int | None,
) -> Instance:
    first = machines.first(name, usual=1, said=said)
    if not setups:
        Numbers(name, rest).end(
            f"there were to be {len(rows)} jobs; correct the first line (or, if these are set-ups, "
            "the format is fjsp-sdst)"
        )
        return Instance(machines=machines.count, jobs=jobs_of(rows, first), machines_from=first)
    can = [[{machine - first for machine, _ in ways} for ways in row] for row in rows]
    found = setups_of(name, rest, can, machines.count)
    return Instance(
        machines=machines.count,
        jobs=jobs_of(rows, first, found.families),
        setups=found.setups,
        initial=found.initial,
        machines_from=first,
    )

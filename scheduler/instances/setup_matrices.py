"""Set-ups behind the jobs of a file, in the forms that they are written in.

Square matrices, from the row to the column: one per machine, or one for all of them; over all
operations of the shop, or over jobs. A matrix with one row more than columns begins with the
set-ups before a machine's first operation. Which it is, is told by how many numbers there are, and
how many in a line. If a line comes first that has a number for each operation (or job), those are
families, and the matrices are over families.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from scheduler.instances.text import LONGEST, InstanceError, Line, Numbers

MOST_SETUPS: Final = 20_000_000
Can = list[list[set[int]]]
"""By job and operation: the machines that can do it."""
Matrix = tuple[tuple[int, ...], ...]


class FoundSetups(NamedTuple):
    """Set-ups: `Instance.setups` and `initial`, and the family of each operation by job.

    `families` is None where every operation is a family of its own.
    """

    setups: tuple[Matrix, ...]
    initial: Matrix
    families: list[list[int]] | None


class _Form(NamedTuple):
    """A form that set-ups may have.

    Attributes:
        size: columns of a matrix.
        matrices: how many.
        initial: 1 if each begins with the row of what comes first.
        families: of the operations; None where each is its own.
    """

    size: int
    matrices: int
    initial: int
    families: list[list[int]] | None

    @property
    def numbers(self) -> int:
        """How many numbers that are."""
        return self.matrices * (self.size + self.initial) * self.size


def setups_of(name: str, lines: list[Line], can: Can, machines: int) -> FoundSetups:
    """The set-ups that some lines tell.

    Args:
        name: how messages call the file.
        lines: what is behind the jobs.
        can: which machines can do what.
        machines: how many there are.

    Raises:
        InstanceError: they are of no form that is known.
    """
    count = sum(len(line.text.split()) for line in lines)
    if not count:
        raise InstanceError(
            f"{name}: there are no set-ups behind the jobs: add them, or say that the format is "
            "fjsp"
        )
    if count > MOST_SETUPS:
        raise InstanceError(f"{name}: {count} set-ups, {MOST_SETUPS} at most")
    form = _form(list(_forms(can, machines)), lines, count)
    if form is None:
        form, lines = _over_families(name, lines, can, machines, count)
    numbers = Numbers(name, lines)
    setups: list[Matrix] = []
    first: list[tuple[int, ...]] = []
    for machine in range(form.matrices):
        possible = _possible(can, form, machine if form.matrices > 1 or machines == 1 else None)
        rows = [
            _row(numbers, form.size, possible, None if row < form.initial else row - form.initial)
            for row in range(form.size + form.initial)
        ]
        first += rows[: form.initial]
        setups.append(tuple(rows[form.initial :]))
    if form.matrices < machines:
        setups, first = setups * machines, first * machines
    return FoundSetups(tuple(setups), tuple(first), form.families)


def _forms(can: Can, machines: int) -> Iterator[_Form]:
    """All forms without families, the usual first."""
    operations = sum(len(row) for row in can)
    by_job = [[job] * len(row) for job, row in enumerate(can)]
    for matrices in dict.fromkeys((machines, 1)):
        for size, families in ((operations, None), (len(can), by_job)):
            for initial in (0, 1):
                yield _Form(size, matrices, initial, families)


def _form(forms: list[_Form], lines: list[Line], count: int) -> _Form | None:
    """The first form of so many numbers; if lines are of one length, of that many columns."""
    fitting = [form for form in forms if form.numbers == count]
    widths = {len(line.text.split()) for line in lines}
    return next((form for form in fitting if {form.size} == widths), next(iter(fitting), None))


def _over_families(
    name: str, lines: list[Line], can: Can, machines: int, count: int
) -> tuple[_Form, list[Line]]:
    """The form with a line of families, and the lines behind that one."""
    operations = sum(len(row) for row in can)
    line = Numbers(name, lines[:1])
    told = len(lines[0].text.split())
    if told in (operations, len(can)) and len(lines) > 1:
        named = [line.number("a family") for _ in range(told)]
        low = min(*named, 1) if len(named) > 1 else min(named[0], 1)
        size = max(named) + 1 - low
        each = iter(named)
        families = (
            [[next(each) - low for _ in row] for row in can]
            if told == operations
            else [[named[job] - low] * len(row) for job, row in enumerate(can)]
        )
        for matrices in dict.fromkeys((machines, 1)):
            for initial in (0, 1):
                form = _Form(size, matrices, initial, families)
                if form.numbers == count - told:
                    return form, lines[1:]
    last = lines[-1]
    raise InstanceError(
        f"{name}, line {last.number}, position {len(last.text.rstrip()) + 1}: {count} set-ups "
        f"behind the jobs, but {machines} machines times {operations} operations squared are "
        f"{machines * operations**2} (over {len(can)} jobs {machines * len(can) ** 2}): add or "
        "remove some"
    )


def _possible(can: Can, form: _Form, machine: int | None) -> set[int]:
    """The families that can be on a machine; None: on any."""
    found: set[int] = set()
    number = 0
    for job, row in enumerate(can):
        for at, machines in enumerate(row):
            family = number if form.families is None else form.families[job][at]
            if machine is None or machine in machines:
                found.add(family)
            number += 1
    return found


def _row(numbers: Numbers, size: int, possible: set[int], above: int | None) -> tuple[int, ...]:
    """One row; what can never follow on the machine may be negative, and counts as 0.

    Args:
        numbers: where it comes from.
        size: how many there are.
        possible: the families that can be on the machine.
        above: the family that comes before; None: nothing does.
    """
    here = above is None or above in possible
    lows = [0 if here and family in possible else -LONGEST for family in range(size)]
    return tuple(max(0, each) for each in numbers.many(size, "a set-up", lows))

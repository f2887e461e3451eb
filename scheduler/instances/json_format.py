"""Shops as JSON: what the plain formats cannot say (release and due dates, joins, families).

{"machines": 2, "objective": "tardiness",
 "jobs": [{"due": 9, "weight": 2, "release": 0,
           "operations": [{"alternatives": [{"machine": 0, "duration": 3}]},
                          {"alternatives": [{"machine": 1, "duration": 2}], "after": [0]}]}],
 "setups": [[[0, 2], [2, 0]], [[0, 1], [1, 0]]], "initial_setups": [[1, 1], [0, 0]]}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from scheduler.instances.instance import Instance, JobOfTasks, Objective, Task
from scheduler.instances.job_shops import MOST_OPERATIONS
from scheduler.instances.json_places import byte_place, place_of
from scheduler.instances.text import LONGEST, InstanceError


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    machines: int
    jobs: tuple[JobOfTasks, ...]
    setups: tuple[tuple[tuple[int, ...], ...], ...] = ()
    initial_setups: tuple[tuple[int, ...], ...] = ()
    objective: Objective = Objective.MAKESPAN


class Wrong(NamedTuple):
    """What is wrong with a document: where, in steps from the root, and why."""

    path: str
    problem: str


Read = TypeVar("Read")
_DECODER: Final = msgspec.json.Decoder(_File)
_PATH: Final = re.compile(r"^(.*) - at `(.*)`$", re.DOTALL)
_BYTE: Final = re.compile(r"\(byte (\d+)\)")


def schema() -> dict[str, Any]:
    """The format as JSON Schema."""
    return msgspec.json.schema(_File)


def decode_instance(content: bytes, *, name: str) -> Instance:
    """The shop that a JSON document describes.

    Raises:
        InstanceError: it is none; the message names the place.
    """
    content = plain(content)
    read = decoded(_DECODER, content, name=name)
    wrong = next(_wrong(read), None)
    if wrong is not None:
        raise told(name, content, wrong)
    return Instance(
        machines=read.machines,
        jobs=read.jobs,
        setups=read.setups,
        initial=read.initial_setups,
        objective=read.objective,
    )


def plain(content: bytes) -> bytes:
    """A document in UTF-8 without a byte-order mark."""
    for mark in (b"\xff\xfe", b"\xfe\xff"):
        if content.startswith(mark):
            return content.decode("utf-16", errors="replace").encode()
    return content.removeprefix(b"\xef\xbb\xbf")


def decoded(decoder: msgspec.json.Decoder[Read], content: bytes, *, name: str) -> Read:
    """A document by its types.

    Raises:
        InstanceError: it is no JSON, or not of these types.
    """
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        match = _PATH.match(str(error))
        problem, path = match.groups() if match else (str(error), "$")
        raise told(name, content, Wrong(path, problem)) from None
    except msgspec.DecodeError as error:
        byte = _BYTE.search(str(error))
        line, position = byte_place(content, int(byte.group(1)) if byte else len(content))
        raise InstanceError(
            f"{name}, line {line}, position {position}: this is not JSON: {error}: correct it there"
        ) from None
    except UnicodeDecodeError as error:
        line, position = byte_place(content, error.start)
        raise InstanceError(
            f"{name}, line {line}, position {position}: no text in UTF-8 ({error.reason}): save "
            "the file as UTF-8"
        ) from None
    except RecursionError:
        raise InstanceError(f"{name}: nested too deeply: it is no shop") from None


def told(name: str, content: bytes, wrong: Wrong) -> InstanceError:
    """A mistake with its line and position."""
    found = place_of(content.decode(errors="replace"), wrong.path)
    where = f", line {found[0]}, position {found[1]}" if found else ""
    return InstanceError(f"{name}{where}, {wrong.path}: {wrong.problem}: correct it")


def _wrong(read: _File) -> Iterator[Wrong]:
    """Everything that the types do not say."""
    if not 1 <= read.machines <= MOST_OPERATIONS:
        yield Wrong("$.machines", f"machines is {read.machines}, from 1 to {MOST_OPERATIONS}")
    if not read.jobs:
        yield Wrong("$.jobs", "there are no jobs")
    for number, job in enumerate(read.jobs):
        where = f"$.jobs[{number}]"
        for what, value in (("release", job.release), ("due", job.due), ("weight", job.weight)):
            if value is not None and not 0 <= value <= LONGEST:
                yield Wrong(f"{where}.{what}", f"{what} is {value}, from 0 to {LONGEST}")
        if not job.operations:
            yield Wrong(f"{where}.operations", "there are no operations")
        for at, task in enumerate(job.operations):
            place = f"{where}.operations[{at}]"
            yield from _wrong_task(task, at, len(job.operations), read.machines, place)
        yield from _circle(job, where)
    yield from _wrong_setups(read)


def _wrong_task(task: Task, at: int, count: int, machines: int, where: str) -> Iterator[Wrong]:
    if not task.alternatives:
        yield Wrong(f"{where}.alternatives", "there are no alternatives")
    seen: set[int] = set()
    for index, way in enumerate(task.alternatives):
        place = f"{where}.alternatives[{index}]"
        if not 0 <= way.machine < machines:
            last = machines - 1
            problem = f"machine {way.machine}, but there are {machines}, from 0 to {last}"
            yield Wrong(f"{place}.machine", problem)
        if way.machine in seen:
            yield Wrong(f"{place}.machine", f"machine {way.machine} is named twice")
        if not 0 <= way.duration <= LONGEST:
            yield Wrong(f"{place}.duration", f"a duration of {way.duration}, from 0 to {LONGEST}")
        seen.add(way.machine)
    for index, before in enumerate(task.after or ()):
        if not 0 <= before < count or before == at:
            problem = f"comes after {before}, which is no other operation of the job"
            yield Wrong(f"{where}.after[{index}]", problem)


def _circle(job: JobOfTasks, where: str) -> Iterator[Wrong]:
    """Operations that wait for each other."""
    count = len(job.operations)
    after: list[list[int]] = [[] for _ in range(count)]
    waits = [0] * count
    for at, task in enumerate(job.operations):
        before = task.after if task.after is not None else (at - 1,) if at else ()
        for each in before:
            after[each].append(at)
            waits[at] += 1
    ready = [at for at in range(count) if not waits[at]]
    for at in ready:
        for each in after[at]:
            waits[each] -= 1
            if not waits[each]:
                ready.append(each)
    left = [at for at in range(count) if waits[at]]
    if left:
        yield Wrong(f"{where}.operations", f"operations {left[:20]} wait for each other")


def _wrong_setups(read: _File) -> Iterator[Wrong]:
    if read.initial_setups and not read.setups:
        yield Wrong("$.initial_setups", "initial_setups without setups: add setups, zeros if none")
    if not read.setups:
        return
    if len(read.setups) != read.machines:
        problem = f"{len(read.setups)} matrices for {read.machines} machines"
        yield Wrong("$.setups", problem)
        return
    families = [
        family
        for row in Instance(machines=read.machines, jobs=read.jobs).families()
        for family in row
    ]
    size = len(read.setups[0])
    highest = max(families)
    if highest >= size or min(families) < 0:
        odd = highest if highest >= size else min(families)
        yield Wrong("$.setups", f"{size} families, from 0, but one is numbered {odd}")
    for machine, matrix in enumerate(read.setups):
        where = f"$.setups[{machine}]"
        if len(matrix) != size or any(len(row) != size for row in matrix):
            yield Wrong(where, f"not {size} rows of {size}")
            return
        yield from _wrong_entries(matrix, where)
    if read.initial_setups:
        where = "$.initial_setups"
        if [len(row) for row in read.initial_setups] != [size] * read.machines:
            yield Wrong(where, f"not {read.machines} rows of {size}")
        yield from _wrong_entries(read.initial_setups, where)


def _wrong_entries(rows: Sequence[Sequence[int]], where: str) -> Iterator[Wrong]:
    for at, row in enumerate(rows):
        if row and not (min(row) >= 0 and max(row) <= LONGEST):
            index = next(i for i, entry in enumerate(row) if not 0 <= entry <= LONGEST)
            problem = f"a set-up of {row[index]}, from 0 to {LONGEST}"
            yield Wrong(f"{where}[{at}][{index}]", problem)

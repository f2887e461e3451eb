"""What a user could take instead, behind one call each: plain CP-SAT, and PyJobShop.

PyJobShop (MIT) is a development dependency: it is asked for when it is compared with, never in the
product. All get the same instance, time, threads and seed, and the same judge.
"""

from __future__ import annotations

import enum
import importlib.util
import time
from typing import Any

import msgspec

from scheduler.instances.evaluation import faults, value
from scheduler.instances.exact import prove
from scheduler.instances.instance import Instance, Objective, Piece, Schedule
from scheduler.instances.solving import solve


class System(enum.StrEnum):
    """Who is compared."""

    GEMBA = "gemba"
    CP_SAT = "cp_sat"
    """The same model as `exact`, without a hint, presolve and all parameters as they come."""
    PYJOBSHOP = "pyjobshop"


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One system on one instance with one seed.

    Attributes:
        value: the objective's value; None when no schedule was found.
        bound: what was proven.
        wall_s, cpu_s: from the instance in memory to the schedule in memory.
    """

    system: System
    value: int | None
    bound: int | None
    wall_s: float
    cpu_s: float


class WrongScheduleError(RuntimeError):
    """A system has told a schedule that is none of the instance."""


def available(system: System) -> bool:
    """Whether the system is installed."""
    return system is not System.PYJOBSHOP or importlib.util.find_spec("pyjobshop") is not None


def run(system: System, instance: Instance, *, limit_s: float, seed: int, workers: int) -> Run:
    """Let a system plan an instance.

    Raises:
        WrongScheduleError: it has told nonsense.
    """
    began, cpu = time.perf_counter(), time.process_time()
    schedule: Schedule | None
    bound: int | None
    if system is System.GEMBA:
        answer = solve(instance, limit_s=limit_s, seed=seed, workers=workers)
        schedule, bound = answer.schedule, answer.lower_bound
    elif system is System.CP_SAT:
        proof = prove(instance, limit_s=limit_s, seed=seed, workers=workers)
        schedule, bound = proof.schedule, proof.bound
    else:
        schedule, bound = _pyjobshop(instance, limit_s=limit_s, seed=seed, workers=workers)
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    wrong = [] if schedule is None else faults(instance, schedule)
    if wrong:
        raise WrongScheduleError(f"{system}: {'; '.join(wrong[:3])}")
    return Run(
        system=system,
        value=None if schedule is None else value(instance, schedule),
        bound=bound,
        wall_s=round(wall_s, 3),
        cpu_s=round(cpu_s, 3),
    )


def _pyjobshop(
    instance: Instance, *, limit_s: float, seed: int, workers: int
) -> tuple[Schedule | None, int | None]:
    """PyJobShop with its OR-Tools solver."""
    pyjobshop: Any = importlib.import_module("pyjobshop")
    model = pyjobshop.Model()
    machines = [model.add_machine() for _ in range(instance.machines)]
    names: list[tuple[int, int]] = []
    tasks: dict[tuple[int, int], Any] = {}
    modes: list[int] = []
    lanes: list[list[tuple[int, int]]] = [[] for _ in machines]
    for number, job in enumerate(instance.jobs):
        due = {} if job.due is None else {"due_date": job.due}
        of = model.add_job(weight=job.weight, release_date=job.release, **due)
        for at, task in enumerate(job.operations):
            tasks[number, at] = model.add_task(job=of)
            names.append((number, at))
            for way in task.alternatives:
                model.add_mode(tasks[number, at], machines[way.machine], way.duration)
                modes.append(way.machine)
                lanes[way.machine].append((number, at))
        for at in range(len(job.operations)):
            for before in instance.before(number, at):
                model.add_end_before_start(tasks[number, before], tasks[number, at])
    _set_ups(instance, model, machines, tasks, lanes)
    if instance.objective is Objective.TARDINESS:
        model.set_objective(weight_total_tardiness=1)
    result = model.solve(time_limit=limit_s, display=False, num_workers=workers, random_seed=seed)
    if not result.best.tasks:
        return None, None
    pieces = [
        Piece(*name, modes[each.mode], each.start, each.end)
        for name, each in zip(names, result.best.tasks[: len(names)], strict=True)
    ]
    pieces.sort(key=lambda each: each.start)
    return tuple(pieces), int(result.lower_bound)


def _set_ups(
    instance: Instance,
    model: Any,
    machines: list[Any],
    tasks: dict[tuple[int, int], Any],
    lanes: list[list[tuple[int, int]]],
) -> None:
    """Tell PyJobShop the set-ups: a time for each two tasks that a machine can do."""
    families = instance.families()
    for machine, row in enumerate(instance.initial):
        # It knows no set-up before the first operation: a task of no time at 0 stands for it.
        begin = model.add_task(latest_start=0)
        model.add_mode(begin, machines[machine], 0)
        for key in lanes[machine]:
            lasts = row[families[key[0]][key[1]]]
            if lasts:
                model.add_setup_time(machines[machine], begin, tasks[key], lasts)
    for machine, matrix in enumerate(instance.setups):
        for one in lanes[machine]:
            for other in lanes[machine]:
                lasts = matrix[families[one[0]][one[1]]][families[other[0]][other[1]]]
                if one != other and lasts:
                    model.add_setup_time(machines[machine], tasks[one], tasks[other], lasts)

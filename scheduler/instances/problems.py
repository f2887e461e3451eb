"""Planning problems as files: what the API takes (`GET /v1/planning/schema`), without the API.

They know calendars, people, tools, ovens, transport and the plan in force. Their times are epoch
milliseconds; in the answer too. `{"problem": …, "time_limit_ms": …}`, as it is posted, is read as
well.
"""

from __future__ import annotations

import time
from typing import Final

import msgspec

from domain.plan.fact_words import by_id, conflicts
from domain.plan.plan import Infeasible, Plan
from domain.plan.problem import Problem
from domain.plan.stated import faults
from scheduler import improving, kernel, solve
from scheduler.instances.instance import Piece, Schedule
from scheduler.instances.json_format import Wrong, decoded, plain, told
from scheduler.instances.solving import SPARE_S, Status


class _Posted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/planning/solve`."""

    problem: Problem
    time_limit_ms: int | None = None


class Ids(msgspec.Struct, frozen=True, kw_only=True):
    """The file's ids of a piece of the schedule."""

    job: int
    operation: int
    machine: int
    setup_start: int


class SolvedProblem(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, like `SolvedInstance`; times of `makespan` and `schedule` are milliseconds.

    Attributes:
        status: infeasible if no plan can satisfy all that is told; then there is no schedule.
        objective: the policy's cost.
        makespan: from `now_ms` to the last end.
        lower_bound: no plan costs less.
        conflicts: facts that contradict each other, none too many.
        ids: of each piece of the schedule.
    """

    status: Status
    objective: int | None
    makespan: int | None
    lower_bound: int | None
    first_feasible_s: float | None
    wall_s: float
    method: str | None
    schedule: Schedule
    ids: tuple[Ids, ...]
    conflicts: tuple[str, ...] = ()


_DECODER: Final = msgspec.json.Decoder(Problem)
_POSTED: Final = msgspec.json.Decoder(_Posted)
_KEYS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def is_problem(content: bytes) -> bool:
    """Whether a JSON document is a planning problem, and no shop of `json_format`."""
    try:
        keys = _KEYS.decode(plain(content)).keys()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False  # which the other reader tells
    return bool({"operations", "now_ms", "problem"} & keys)


def decode_problem(content: bytes, *, name: str) -> Problem:
    """The problem that a document describes.

    Raises:
        InstanceError: it is none; the message names the place.
    """
    content = plain(content)
    if b'"problem"' in content and "problem" in _KEYS.decode(content):
        problem, root = decoded(_POSTED, content, name=name).problem, "$.problem"
    else:
        problem, root = decoded(_DECODER, content, name=name), "$"
    if not problem.machines or not problem.operations:
        what = "operations" if problem.machines else "machines"
        raise told(name, content, Wrong(f"{root}.{what}", f"there are no {what}"))
    for fault in faults(problem):
        raise told(name, content, Wrong(f"{root}.{fault.place}", fault.problem))
    return problem


def warm_up(problem: Problem) -> float:
    """Load or compile what a problem of this size needs; returns the seconds.

    Compiling takes minutes of a processor, once; CP-SAT solves small problems whole without it.
    """
    if len(problem.operations) <= improving.WHOLE_OPERATIONS:
        return 0.0
    return kernel.warm_up(kernel.part_of(problem))


def solve_problem(problem: Problem, *, limit_s: float) -> SolvedProblem:
    """The best plan that is found in time, or why there is none.

    Args:
        problem: what is planned.
        limit_s: how long; the first plan may take longer, and `warm_up` should come before.
    """
    began = time.perf_counter()
    first = solve.first_plan(problem, explain=False)
    first_s = time.perf_counter() - began
    if isinstance(first, Infeasible):
        called = by_id(problem)
        words = [conflicts([each], called) for each in first.conflicts]
        return SolvedProblem(
            status=Status.INFEASIBLE,
            objective=None,
            makespan=None,
            lower_bound=None,
            first_feasible_s=None,
            wall_s=round(first_s, 4),
            method=None,
            schedule=(),
            ids=(),
            conflicts=tuple(words),
        )
    left_ms = round((limit_s - first_s - SPARE_S) * 1_000)
    solved = first.solved
    if left_ms > 0:
        solved = improving.improve(problem, solved, limit_ms=left_ms, explain=False)
    schedule, ids = _told(problem, solved.plan)
    bound = solved.bound or 0
    proven = solved.metrics.cost == bound
    return SolvedProblem(
        status=Status.OPTIMAL if proven else Status.FEASIBLE,
        objective=solved.metrics.cost,
        makespan=max(piece.end for piece in schedule) - problem.now_ms,
        lower_bound=bound,
        first_feasible_s=round(first_s, 4),
        wall_s=round(time.perf_counter() - began, 4),
        method=solved.method,
        schedule=schedule,
        ids=ids,
    )


def _told(problem: Problem, plan: Plan) -> tuple[Schedule, tuple[Ids, ...]]:
    """The plan by places in the file, from 0, and by its ids; by start."""
    machines = {each.id: index for index, each in enumerate(problem.machines)}
    jobs = {each.id: index for index, each in enumerate(problem.jobs)}
    counted = dict.fromkeys(jobs, 0)
    places: dict[int, tuple[int, int]] = {}
    for operation in problem.operations:
        places[operation.id] = (operation.job, counted[operation.job])
        counted[operation.job] += 1
    pieces: list[Piece] = []
    ids: list[Ids] = []
    for each in sorted(plan.assignments, key=lambda one: (one.start_ms, one.machine)):
        job, turn = places[each.operation]
        pieces.append(Piece(jobs[job], turn, machines[each.machine], each.start_ms, each.end_ms))
        ids.append(
            Ids(
                job=job,
                operation=each.operation,
                machine=each.machine,
                setup_start=each.setup_start_ms,
            )
        )
    return tuple(pieces), tuple(ids)

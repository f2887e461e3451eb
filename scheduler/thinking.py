"""What-if questions worked out: drafts, why an order is late, what a rush order costs, problems.

Each is a function of what was loaded; they run in threads and change nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from contracts.questions import Refused
from contracts.what_if import (
    Change,
    DraftQuestion,
    Explained,
    OrderAdded,
    OrderRaised,
    Price,
    ProblemSolved,
    RushPriced,
    RushQuestion,
    SolveQuestion,
    ToldChange,
    WhyQuestion,
)
from domain.plan.conflicts import conflicts
from domain.plan.fact_words import Language, Said, by_id
from domain.plan.fact_words import conflicts as in_words
from domain.plan.helps import helps
from domain.plan.indexed import ProblemError
from domain.plan.lateness import late_jobs
from domain.plan.metrics import job_ends, metrics, ranking
from domain.plan.plan import Assignment, Conflict, Infeasible, Metrics, Plan, Solved
from domain.plan.problem import Placed, Problem
from domain.plan.right_shift import right_shift
from domain.plan.rush import RushError, RushPrice, rush_prices
from domain.plan.validator import violations
from domain.plan.what_if import ChangeError, WhatIf, applied
from scheduler.absent import NOBODY, Away
from scheduler.refusing import refused, said
from scheduler.solve import explained as with_reasons
from scheduler.solve import first_plan, improve
from scheduler.told import Names
from store.planning.drafts import named
from store.planning.loaded import Loaded

SHIFT: Final = "shift"
"""Everything else keeps its machine and its turn."""
HELPS_S: Final = 1.5
"""So long what would help is tried out."""
_MINUTE_MS: Final = 60_000
_NEW: Final = "rush"


class Drafted(msgspec.Struct, frozen=True, kw_only=True):
    """A draft worked out: the changed problem, the plan for it, and what waiting comes to.

    `told` are the changes in the names that people know.
    """

    thought: WhatIf
    solved: Solved
    waiting: Metrics
    told: list[ToldChange]


def drafted(loaded: Loaded, question: DraftQuestion, *, away: Away = NOBODY) -> Drafted | Refused:
    """The plan with the changes, or why there is none.

    Args:
        loaded: what is planned, without those who are away by the changes.
        question: the changes.
        away: who is.
    """
    began = time.perf_counter()
    thought = _applied(loaded, question.changes, away)
    if isinstance(thought, Refused):
        return thought
    names = Names(named(loaded, thought))
    problem = thought.problem
    try:
        shifted = right_shift(msgspec.structs.replace(problem, baseline=dict(thought.start)))
    except ProblemError as error:
        return _contradicts(loaded, names, problem, error)
    waiting = metrics(problem, shifted)
    solved = None
    if not violations(problem, shifted):
        solved = _solved(problem, shifted, "right_shift", began)
    if question.settle != SHIFT or solved is None:
        first = first_plan(problem, explain=False)
        if isinstance(first, Infeasible):
            if solved is None:
                return _no_plan(loaded, names, first.conflicts)
        elif solved is None or ranking(problem, first.solved.plan) < ranking(problem, solved.plan):
            solved = first.solved
        if question.improve_ms:
            solved = improve(problem, solved, limit_ms=question.improve_ms, explain=False)
    solved = with_reasons(problem, solved)
    called = Names(loaded, away=away.names)
    told = [called.change(change) for change in question.changes]
    return Drafted(thought=thought, solved=solved, waiting=waiting, told=told)


def explained(
    loaded: Loaded,
    question: WhyQuestion,
    assignments: Mapping[int, Assignment],
    changes: Sequence[Change],
    *,
    away: Away = NOBODY,
) -> Explained | Refused:
    """Why a plan ends an order late as things are now, and what would help.

    Args:
        loaded: what is planned now.
        question: which order.
        assignments: the plan's own.
        changes: what was thought of, if somebody thought of it.
        away: who is away by these changes.
    """
    order = loaded.orders.get(question.order)
    thought = _applied(loaded, changes, away)
    if isinstance(thought, Refused):
        return thought
    problem = thought.problem
    jobs = {operation.job for operation in problem.operations}.intersection(
        order.jobs if order is not None else ()
    )
    if order is None or not jobs:
        return refused("unknown_order")
    names = Names(named(loaded, thought))
    try:
        plan = right_shift(_standing(problem, assignments))
    except ProblemError as error:
        return _contradicts(loaded, names, problem, error)
    ends = job_ends(problem, plan)
    late = late_jobs(problem, plan, only=jobs)
    if not late:
        return _in_time(problem, names, {job: ends[job] for job in jobs})
    worst = late[0]
    stop = time.perf_counter() + HELPS_S
    found = helps(problem, plan, worst, enough=lambda: time.perf_counter() > stop, down=loaded.down)
    return Explained(
        as_of_ms=problem.now_ms,
        end_ms=worst.end_ms,
        due_ms=worst.due_ms,
        work_order=names.work_order(worst.job),
        delay_ms=worst.end_ms - worst.due_ms,
        chain=tuple(names.cause(link) for link in worst.chain),
        shares=tuple(names.cause(share) for share in worst.shares),
        helps=tuple(names.help(each) for each in found),
    )


def priced(loaded: Loaded, question: RushQuestion) -> RushPriced | Refused:
    """What a rush order costs, now."""
    change: Change
    if question.order is not None:
        change = OrderRaised(order=question.order, priority=question.priority)
    else:
        change = OrderAdded(name=_NEW, works=question.works, priority=question.priority)
    thought = _applied(loaded, [change])
    if isinstance(thought, Refused):
        return thought
    order = loaded.orders.get(question.order) if question.order is not None else None
    jobs = order.jobs if order is not None else thought.added_jobs.get(_NEW, ())
    due_ms = question.due_ms
    if due_ms is None and order is not None:
        due_ms = order.due_ms
    now_ms = loaded.problem.now_ms
    try:
        found = rush_prices(thought.problem, jobs, due_ms=due_ms, from_ms=now_ms)
        ends = job_ends(loaded.problem, right_shift(loaded.problem)) if order is not None else {}
    except RushError as error:
        return refused(error.code)
    except ProblemError as error:
        return _contradicts(loaded, Names(named(loaded, thought)), thought.problem, error)
    names = Names(named(loaded, thought))
    waiting = _price(names, found.waiting, due_ms)
    return RushPriced(
        as_of_ms=now_ms,
        plan_number=loaded.base.number if loaded.base is not None else None,
        displacement=thought.problem.policy.displacement.value,
        waiting=waiting,
        rushed=_price(names, found.rushed, due_ms) if found.rushed is not None else waiting,
        now_ms=max((ends[job] for job in jobs if job in ends), default=None),
    )


def solved_problem(question: SolveQuestion) -> ProblemSolved | Refused:
    """The outcome for a problem of the caller's own, as JSON."""
    problem = msgspec.json.decode(question.problem, type=Problem)
    outcome: dict[str, Any]
    first = first_plan(problem, explain=False)
    if isinstance(first, Infeasible):
        called = by_id(problem)
        outcome = {
            "outcome": "infeasible",
            **_fields(first),
            "words": in_words(first.conflicts, called),
            "words_zh": in_words(first.conflicts, called, Language.CHINESE),
        }
    else:
        solved = first.solved
        if question.limit_ms:
            solved = improve(problem, solved, limit_ms=question.limit_ms, explain=False)
        outcome = {"outcome": "solved", **_fields(with_reasons(problem, solved))}
    return ProblemSolved(outcome=msgspec.json.encode(outcome))


def _fields(outcome: Solved | Infeasible) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(outcome)
    return fields


def _applied(loaded: Loaded, changes: Sequence[Change], away: Away = NOBODY) -> WhatIf | Refused:
    orders = {order.id: order.jobs for order in loaded.orders.values()}
    try:
        return applied(
            loaded.problem,
            changes,
            orders=orders,
            modes=loaded.modes,
            workshop=loaded.workshop,
            away=away.assumed,
        )
    except ChangeError as error:
        return _not_made(Names(loaded), error)


def _not_made(names: Names, error: ChangeError) -> Refused:
    """A change cannot be made: why, by names."""
    values = {"index": str(error.index)}
    for name, value in error.values.items():
        told = str(value)
        if name == "operation" and isinstance(value, int):
            operation = names.operation(value)
            told = f"{operation.work_order}/{operation.operation}" if operation else told
        elif name == "machine" and isinstance(value, int):
            told = names.machine(value) or told
        values[name] = told
    step = f"{values['item']} {values.get('step', '')}".strip() if "item" in values else "it"
    where = values.get("machine")
    return refused(
        error.code,
        what=values.get("operation", step),
        where=Said(where, where)
        if where
        else Said("any machine of this scope", "此范围内的任何设备"),
        **values,
    )


def _standing(problem: Problem, assignments: Mapping[int, Assignment]) -> Problem:
    """The problem with another plan in force."""
    machines = {machine.id for machine in problem.machines}
    return msgspec.structs.replace(
        problem,
        baseline={
            operation.id: Placed(at.machine, at.start_ms)
            for operation in problem.operations
            if (at := assignments.get(operation.id)) is not None and at.machine in machines
        },
    )


def _in_time(problem: Problem, names: Names, ends: Mapping[int, int]) -> Explained:
    """An order that is not late: by its tightest work order."""
    dues = {job.id: job.due_ms for job in problem.jobs}
    dated = {job: end - due for job, end in ends.items() if (due := dues.get(job)) is not None}
    worst = (
        max(dated, key=lambda job: dated[job]) if dated else max(ends, key=lambda job: ends[job])
    )
    return Explained(
        as_of_ms=problem.now_ms,
        end_ms=ends[worst],
        due_ms=dues.get(worst),
        work_order=names.work_order(worst),
        delay_ms=dated.get(worst, 0),
    )


def _price(names: Names, price: RushPrice, due_ms: int | None) -> Price:
    # What moves by seconds is nothing that anybody would be told of.
    later = names.later(each for each in price.later if each.by_ms >= _MINUTE_MS)
    return Price(
        end_ms=price.end_ms,
        late_ms=max(price.end_ms - due_ms, 0) if due_ms is not None else 0,
        later=later,
        newly_late=sum(each.late_ms > 0 and not each.was_late for each in later),
        setup_ms=price.setup_ms,
        tardiness_ms=price.tardiness_ms,
        cost=price.cost,
        moved=price.moved,
    )


def _solved(problem: Problem, plan: Plan, method: str, began: float) -> Solved:
    return Solved(
        plan=plan,
        metrics=metrics(problem, plan),
        late=(),
        method=method,
        solve_ms=round((time.perf_counter() - began) * 1_000),
    )


def _contradicts(loaded: Loaded, names: Names, problem: Problem, error: ProblemError) -> Refused:
    """There is no plan: the facts that contradict each other, or who waits for themselves."""
    found = conflicts(problem)
    if found:
        return _no_plan(loaded, names, found)
    where = names.operation(error.operation)
    if where is None:
        return refused("no_plan", scope=loaded.scope, why=said("contradiction"))
    what = f"{where.work_order}/{where.operation}"
    return refused("no_plan", scope=loaded.scope, why=said("circle", operation=what))


def _no_plan(loaded: Loaded, names: Names, found: Sequence[Conflict]) -> Refused:
    why = Said(names.conflicts(found), names.conflicts(found, Language.CHINESE))
    return refused("no_plan", scope=loaded.scope, why=why)

"""Promise dates: the question's works as work of the problem, and the dates in the port's terms."""

from __future__ import annotations

from collections.abc import Sequence

from contracts.questions import (
    Answer,
    Promised,
    PromiseQuestion,
    PutOff,
    Refused,
    WithCost,
    WithoutHarm,
)
from domain.plan.plan import Plan
from domain.plan.problem import Problem
from domain.plan.promising import Dates, Later, dates, moved
from domain.plan.validator import violations
from domain.plan.workshop import RoutingError
from scheduler.asked import AskedWork
from scheduler.warm import SPARE_MS, Warm
from store.planning.calendars import DAY_MS


def promise(warm: Warm, question: PromiseQuestion, now_ms: int) -> Answer:
    """Both dates of work that is not there yet, or why they cannot be told."""
    problem = warm.problem
    from_ms = max(now_ms, problem.now_ms) + question.release_within_ms
    priority = problem.policy.rush_priority if question.priority is None else question.priority
    try:
        every = AskedWork(warm, question.works, from_ms, priority)
    except RoutingError as error:
        return _impossible(warm, error)
    if (refused := _too_far(every, question, problem.now_ms)) is not None:
        return refused
    work, found = _decided(warm, question, every)
    if (refused := _wrong(warm, work.extended, found.free_plan, still=True)) is not None:
        return refused
    costly_work, costly = work, found.costly
    if _waits(work, every):
        # To wait may be sooner than to make without harm, and later than to make at a cost.
        costly_work, costly = every, dates(warm.base, every.wish(warm, question)).costly
    if costly is not None and _wrong(warm, costly_work.extended, costly.plan, still=False):
        costly = None
    return Promised(
        in_force=warm.in_force,
        valid_until_ms=from_ms,
        without_harm=WithoutHarm(
            ends_ms=work.ends(found.free), made=work.made, operations=work.told(warm, found.free)
        ),
        with_cost=None
        if costly is None
        else WithCost(
            ends_ms=costly_work.ends(costly.operations),
            made=costly_work.made,
            operations=costly_work.told(warm, costly.operations),
            cost=costly.cost,
            later=_put_off(warm, costly.later),
            priority=priority,
        ),
    )


def _impossible(warm: Warm, error: RoutingError) -> Refused:
    """A step that no machine can do, or nobody."""
    scope = warm.loaded.scope
    params = {"item": error.item, "operation": str(error.step)}
    step = f"step {error.step} of {error.item}"
    if error.code == "no_resource":
        detail = f"{step}: there are never so many people or tools as it needs in scope {scope}"
        return Refused(code="no_resource", detail=detail, params=params)
    if error.code == "too_long":
        detail = f"{step} would take more than ten years"
        return Refused(code="too_long", detail=detail, params=params)
    detail = f"{step}: none of its machines stands in planning scope {scope}"
    return Refused(code="unknown_machine", detail=detail, params=params)


def _too_far(work: AskedWork, question: PromiseQuestion, now_ms: int) -> Refused | None:
    """Refused, if it may take longer than calendars are told for: a date would be a guess."""
    work_ms = sum(
        max(mode.duration_ms + mode.setup_ms for mode in operation.modes)
        + max((link.lag_ms for link in operation.after), default=0)
        for operation in work.operations
    )
    ready_ms = max(operation.release_ms for operation in work.operations)
    if work_ms + question.release_within_ms + max(ready_ms - now_ms, 0) <= SPARE_MS:
        return None
    days = SPARE_MS // DAY_MS
    detail = f"it reaches further ahead than calendars are told for it: {days} days"
    return Refused(code="too_long", detail=detail, params={"days": str(days)})


def _wrong(warm: Warm, problem: Problem, plan: Plan, *, still: bool) -> Refused | None:
    """Refused, if a plan is none, or moves somebody that it must not (`still`)."""
    wrong = violations(problem, plan)
    if wrong:
        detail = f"the plan found breaks a constraint of the scope ({wrong[0].code})"
        return Refused(code="not_supported", detail=detail, params={"what": wrong[0].code})
    if still and (others := moved(warm.base, plan)):
        detail = f"the plan found would move {len(others)} operations of others"
        return Refused(code="broken", detail=detail, params={"moved": str(len(others))})
    return None


def _decided(warm: Warm, question: PromiseQuestion, every: AskedWork) -> tuple[AskedWork, Dates]:
    """The works that are made rather than waited for, and their dates.

    What is there by itself no later than it could be made is not made, nor what that is made of.
    The parts are decided before what is made of them, which may be sooner by it.
    """
    work, found = every, dates(warm.base, every.wish(warm, question))
    while gone := work.waited_for(found.free):
        work = every.without({*work.gone, *gone})
        if not work.operations:
            return work, Dates(free=(), free_plan=warm.base.plan, costly=None)
        found = dates(warm.base, work.wish(warm, question))
    return work, found


def _waits(work: AskedWork, every: AskedWork) -> bool:
    """Whether something that is asked for itself is waited for."""
    return any(place in work.gone for place in every.lines)


def _put_off(warm: Warm, later: Sequence[Later]) -> tuple[PutOff, ...]:
    """Whose work ends later, an order once: by the work order that loses most."""
    orders: dict[int, list[str | None]] = {}
    for order in warm.loaded.orders.values():
        for job in order.jobs:
            orders.setdefault(job, []).append(order.number)
    called = {each.work_order_id: each.work_order for each in warm.loaded.operations.values()}
    told: list[PutOff] = []
    seen: set[str] = set()
    for each in later:
        for number in orders.get(each.job, [None]):
            if number is not None:
                if number in seen:
                    continue
                seen.add(number)
            told.append(
                PutOff(
                    order=number,
                    work_order=called[each.job],
                    by_ms=each.by_ms,
                    late_ms=each.late_ms,
                )
            )
    return tuple(told)

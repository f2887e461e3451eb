"""What-if: what is asked of the planner, and its answers as the API shows them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from uuid import uuid4

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.errors import FieldProblem, ProblemError
from api.plans.entering import entries
from api.plans.service import known_plan, shown, summary_of
from api.scopes import known_scope
from api.what_if import schemas
from api.what_if.asking import answered
from api.what_if.comparing import with_base
from api.what_if.resolving import Resolver
from api.what_if.telling import thought, why
from contracts.plan import PlanState
from contracts.what_if import (
    Change,
    DraftMade,
    DraftQuestion,
    Explained,
    Move,
    ProblemSolved,
    SolveQuestion,
    WhyQuestion,
)
from domain.plan.problem import Problem
from domain.plan.stated import faults
from store import orders
from store.database import Connection
from store.errors import ConflictError, NotFoundError, UnknownReferenceError
from store.planning import names, plan_rows, policies
from store.planning.plan_rows import PlanRow

HOUR_MS: Final = 3_600_000
ANYBODY: Final = ""
"""The scope of problems that belong to none."""


async def make_draft(
    context: Context, principal: Principal, scope: str, wanted: schemas.NewDraft
) -> schemas.Draft:
    """A draft with the changes, worked out now.

    Raises:
        NotFoundError: there is no such scope.
        ProblemError: the changes cannot be made, there is no plan, or no planner.
    """
    async with context.connection() as connection:
        row = await known_scope(connection, principal, scope)
        before = await _built_on(connection, scope, wanted.on)
        changes = await Resolver(context, connection, principal, row).resolved(wanted.changes)
    return await _drafted(
        context,
        principal,
        scope,
        DraftQuestion(
            request=uuid4().hex,
            name=wanted.name,
            changes=(*before, *changes),
            settle=wanted.settle,
            improve_ms=wanted.improve_ms if wanted.settle == "plan" else 0,
            actor=principal.actor.name,
            origin=principal.actor.origin,
            expires_ms=context.clock.now_ms() + wanted.keep_hours * HOUR_MS,
            replaces=wanted.on,
        ),
    )


async def drag(
    context: Context, principal: Principal, scope: str, wanted: schemas.Drag
) -> schemas.Draft:
    """The planner's drag: a draft in which everything else keeps its machine and its turn.

    Raises:
        NotFoundError: there is no such scope.
        ProblemError: it cannot be put there, there is no plan, or no planner.
    """
    async with context.connection() as connection:
        row = await known_scope(connection, principal, scope)
        before = await _built_on(connection, scope, wanted.on)
        place = await Resolver(context, connection, principal, row).place(wanted)
    # Of an operation that was dragged before only where it is now counts.
    kept = [
        change
        for change in before
        if not (isinstance(change, Move) and change.operation == place.operation)
    ]
    return await _drafted(
        context,
        principal,
        scope,
        DraftQuestion(
            request=uuid4().hex,
            name=wanted.name or f"drag by {principal.actor.name}",
            changes=(*kept, place),
            settle="shift",
            improve_ms=0,
            actor=principal.actor.name,
            origin=principal.actor.origin,
            expires_ms=context.clock.now_ms() + 24 * HOUR_MS,
            replaces=wanted.on,
        ),
    )


async def rebase(context: Context, principal: Principal, plan_id: int) -> schemas.Draft:
    """The same changes on the plan that is in force now; the draft before is discarded.

    Raises:
        NotFoundError: there is no such plan.
        ConflictError: it is no draft that somebody thought of.
    """
    async with context.connection() as connection:
        row = await known_plan(connection, principal, plan_id)
    if row.state is not PlanState.DRAFT or row.what_if is None:
        raise ConflictError(
            f"plan {row.number} of {row.scope!r} is {row.state}: only a draft that somebody thought"
            " of can be rebased",
            code="no-what-if",
            params={"scope": row.scope, "number": row.number},
        )
    about = row.what_if
    left_ms = round(row.expires_at.timestamp() * 1_000) if row.expires_at is not None else 0
    return await _drafted(
        context,
        principal,
        row.scope,
        DraftQuestion(
            request=uuid4().hex,
            name=about.name,
            changes=tuple(about.changes),
            settle=about.settle,
            improve_ms=about.improve_ms,
            actor=principal.actor.name,
            origin=principal.actor.origin,
            expires_ms=max(left_ms, context.clock.now_ms() + HOUR_MS),
            replaces=plan_id,
        ),
    )


async def draft_list(context: Context, principal: Principal, scope: str) -> schemas.DraftList:
    """The drafts of a scope that somebody thought of, newest first.

    Raises:
        NotFoundError: there is no such scope.
    """
    async with context.connection() as connection:
        await known_scope(connection, principal, scope)
        rows = await plan_rows.what_ifs(connection, scope)
        in_force = await plan_rows.published(connection, scope)
    base = in_force.id if in_force is not None else None
    items = [
        schemas.DraftSummary(**summary_of(row).__dict__, what_if=thought(row, base)) for row in rows
    ]
    return schemas.DraftList(items=items, total=len(items))


async def explain(context: Context, principal: Principal, plan_id: int, number: str) -> schemas.Why:
    """Why a plan ends an order late as things are now, and what would help.

    Raises:
        NotFoundError: there is no such plan or order.
        ProblemError: nothing of the order is planned, or there is no planner.
    """
    async with context.connection() as connection:
        row = await known_plan(connection, principal, plan_id)
        order = await orders.find(connection, number=number)
    if order is None or not principal.sees(order.site):
        raise NotFoundError("order", number)
    question = WhyQuestion(plan=plan_id, order=order.id)
    found = await answered(context, row.scope, question, Explained)
    named = {
        machine
        for each in found.helps
        if (machine := getattr(each.change, "machine", None)) is not None
    }
    async with context.connection() as connection:
        paths = await names.machine_paths(connection, named)
        sites = await policies.sites_of_scope(connection, row.scope)
    return why(found, plan_id, number, paths=paths, sites={site.id: site.code for site in sites})


async def solve(context: Context, wanted: schemas.SolveRequest) -> bytes:
    """The outcome for a problem of the caller's own, as JSON.

    Raises:
        ProblemError: it is no problem, or there is no planner.
    """
    try:
        problem = msgspec.convert(wanted.problem, Problem)
    except msgspec.ValidationError as error:
        raise _invalid([("problem", str(error))]) from error
    wrong = faults(problem)
    if wrong:
        raise _invalid([(f"problem.{fault.place}", fault.problem) for fault in wrong])
    question = SolveQuestion(problem=msgspec.json.encode(problem), limit_ms=wanted.time_limit_ms)
    found = await answered(
        context, ANYBODY, question, ProblemSolved, timeout_s=2 * wanted.time_limit_ms / 1_000
    )
    return found.outcome


async def _drafted(
    context: Context, principal: Principal, scope: str, question: DraftQuestion
) -> schemas.Draft:
    """Ask for a draft, and show it with what it does to others."""
    found = await answered(
        context, scope, question, DraftMade, timeout_s=question.improve_ms / 1_000
    )
    async with context.connection() as connection:
        row = await known_plan(connection, principal, found.plan_id)
        return await _shown(context, connection, row)


async def _shown(context: Context, connection: Connection, row: PlanRow) -> schemas.Draft:
    in_force = await plan_rows.published(connection, row.scope)
    plan = await shown(connection, row)
    return schemas.Draft(
        **plan.__dict__,
        what_if=thought(row, in_force.id if in_force is not None else None),
        compared=await with_base(connection, row),
        enters=await entries(context, connection, row),
    )


async def _built_on(connection: Connection, scope: str, plan_id: int | None) -> list[Change]:
    """The changes of the draft that another one is built on."""
    if plan_id is None:
        return []
    row = await plan_rows.plan_row(connection, plan_id)
    if row is None or row.scope != scope or row.what_if is None:
        problem = "there is no such draft in this scope that somebody thought of"
        raise UnknownReferenceError("on", str(plan_id), problem)
    if row.state is not PlanState.DRAFT:
        problem = f"it is {row.state}: build on a draft that still waits"
        raise UnknownReferenceError("on", str(plan_id), problem)
    return list(row.what_if.changes)


def _invalid(found: list[tuple[str, str]]) -> ProblemError:
    errors = [FieldProblem(field=field, problem=problem) for field, problem in found]
    told = "; ".join(f"{field}: {problem}" for field, problem in found[:5])
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", told, errors=errors)

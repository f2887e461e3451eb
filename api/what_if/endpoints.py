"""What-if: drafts, drags, prices of rush orders, and problems of the caller's own."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from api.auth.principal import Orderer, PlanMaker, Reader
from api.context import RequestContext
from api.errors import FieldProblem, ProblemError
from api.fields import Wanted
from api.what_if import rush, service
from api.what_if.compared import PlansCompared
from api.what_if.comparing import compare
from api.what_if.export import as_csv
from api.what_if.schemas import (
    Draft,
    DraftList,
    Drag,
    NewDraft,
    RushAcceptance,
    RushPrice,
    RushWish,
    SolveOutcome,
    SolveRequest,
    Why,
)
from domain.plan.plan import Infeasible, Solved
from domain.plan.problem import Problem

router = APIRouter(tags=["planning"])

_LARGEST_ID = 2**63 - 1
PlanId = Annotated[int, Path(ge=1, le=_LARGEST_ID)]
ComparedIds = Annotated[
    str,
    Query(
        pattern=r"^[1-9][0-9]{0,18}(,[1-9][0-9]{0,18}){1,7}$",
        max_length=200,
        description="Ids of plans of one scope, separated by commas; 2 to 8. The first is what"
        " the others are compared with.",
    ),
]


@router.get("/v1/problems/schema", operation_id="getProblemSchema")
async def get_problem_schema(_: Reader) -> dict[str, Any]:
    """JSON Schema of a planning problem, and of what comes of it. Times are epoch milliseconds."""
    (problem, solved, infeasible), components = msgspec.json.schema_components(
        (Problem, Solved, Infeasible), ref_template="#/$defs/{name}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Planning problem",
        **problem,
        "$defs": {**components, "Outcome": {"anyOf": [solved, infeasible]}},
    }


@router.post("/v1/problems/solve", operation_id="solveProblem", response_model=SolveOutcome)
async def solve_problem(context: RequestContext, _: PlanMaker, wanted: SolveRequest) -> Response:
    """A plan for a problem of the caller's own, or the facts that contradict each other.

    Nothing is stored. The time limit is for looking further after the first plan.
    """
    found = await service.solve(context, wanted)
    return Response(found, media_type="application/json")


@router.get("/v1/planning/{scope}/drafts", operation_id="listDrafts")
async def list_drafts(context: RequestContext, principal: Reader, scope: Wanted) -> DraftList:
    """The drafts that somebody thought of and nobody has discarded, newest first."""
    return await service.draft_list(context, principal, scope)


@router.post(
    "/v1/planning/{scope}/drafts", status_code=HTTPStatus.CREATED, operation_id="makeDraft"
)
async def make_draft(
    context: RequestContext, principal: PlanMaker, scope: Wanted, wanted: NewDraft
) -> Draft:
    """What would the plan be if …? Worked out now, kept beside the plan in force.

    It is put in force by `publishPlan`, put aside by `discardPlan`, and discarded when it expires.
    """
    return await service.make_draft(context, principal, scope, wanted)


@router.post(
    "/v1/planning/{scope}/drags", status_code=HTTPStatus.CREATED, operation_id="dragOperation"
)
async def drag_operation(
    context: RequestContext, principal: PlanMaker, scope: Wanted, wanted: Drag
) -> Draft:
    """Put an operation elsewhere: a draft, and what it does to others.

    Everything else keeps its machine and its turn. Further drags build on the draft (`on`).
    """
    return await service.drag(context, principal, scope, wanted)


@router.post("/v1/planning/{scope}/rush-price", operation_id="priceRushOrder")
async def price_rush_order(
    context: RequestContext, principal: Orderer, scope: Wanted, wanted: RushWish
) -> RushPrice:
    """What would it cost to put this before others? Nothing is changed.

    Told twice: displacing nobody, and displacing what the scope's policy allows.
    """
    return await rush.rush_price(context, principal, scope, wanted)


@router.post("/v1/planning/{scope}/rush-orders", operation_id="acceptRushPrice")
async def accept_rush_price(
    context: RequestContext, principal: Orderer, scope: Wanted, wanted: RushAcceptance
) -> RushPrice:
    """Take an order as a rush order at the price that was told; a new plan follows.

    Answers the price as it is now, which stands in the order's history. 409 (`price-changed`) when
    another plan is in force by now, and it would be dearer or later by it.
    """
    return await rush.accept(context, principal, scope, wanted)


@router.get("/v1/plans/compare", operation_id="comparePlans")
async def compare_plans(
    context: RequestContext, principal: Reader, ids: ComparedIds
) -> PlansCompared:
    """Plans side by side: whose orders end earlier or later, what moves, figures, loads."""
    return await compare(context, principal, _wanted(ids))


@router.get(
    "/v1/plans/compare.csv",
    operation_id="exportComparedPlans",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def export_compared_plans(
    context: RequestContext, principal: Reader, ids: ComparedIds
) -> Response:
    """The same as CSV: figures, orders and machines, with a column per plan."""
    found = await compare(context, principal, _wanted(ids))
    return Response(
        as_csv(found),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="plans.csv"'},
    )


def _wanted(ids: str) -> list[int]:
    """The plans that are asked for, each once."""
    wanted = list(dict.fromkeys(int(each) for each in ids.split(",")))
    too_large = [each for each in wanted if each > _LARGEST_ID]
    if too_large:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            f"ids: there is no plan {too_large[0]}",
            errors=[FieldProblem(field="ids", value=str(too_large[0]), problem="no such plan")],
        )
    return wanted


@router.get("/v1/plans/{plan_id}/why/{order}", operation_id="explainLateOrder")
async def explain_late_order(
    context: RequestContext, principal: Reader, plan_id: PlanId, order: Wanted
) -> Why:
    """Why the plan ends an order late, as things are now, and what would help.

    The shares add up to the delay. Each help was tried out by decoding the plan with that change.
    """
    return await service.explain(context, principal, plan_id, order)


@router.post(
    "/v1/plans/{plan_id}/rebase", status_code=HTTPStatus.CREATED, operation_id="rebaseDraft"
)
async def rebase_draft(context: RequestContext, principal: PlanMaker, plan_id: PlanId) -> Draft:
    """Make a draft's changes again, to the plan that is in force now; the old draft is discarded.

    409 when it is no draft that somebody thought of, or there is no plan with its changes any more.
    """
    return await service.rebase(context, principal, plan_id)

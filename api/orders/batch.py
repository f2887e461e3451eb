"""Many orders in one request, each with its own outcome."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.auth.principal import Orderer
from api.context import RequestContext
from api.errors import FieldProblem, safe_value
from api.fields import Body
from api.idempotency import IdempotentRoute
from api.orders import taking
from api.orders.schemas import NewOrder
from api.orders.taking import Outcome, Taken
from domain.orders import LineState
from store.errors import UnknownReferenceError

router = APIRouter(prefix="/v1/orders", tags=["orders"], route_class=IdempotentRoute)


class OrderBatch(Body):
    """Orders to be taken in together."""

    orders: list[NewOrder] = Field(min_length=1, max_length=1_000)


class TakenOrder(BaseModel):
    """What became of one of them."""

    outcome: Literal["created", "repeated", "refused"] = Field(
        description="`repeated`: it was there before, and equal."
    )
    number: str | None = Field(default=None, description="The order's; null: it was refused.")
    external_id: str | None = None
    state: LineState | None = None
    problems: list[FieldProblem] = Field(
        default=[], description="Why it was refused, or was not released as asked for."
    )


class TakenBatch(BaseModel):
    """What became of each order, in the order given."""

    created: int
    repeated: int
    refused: int
    orders: list[TakenOrder]


@router.post("/batch", operation_id="takeOrdersIn")
async def take_orders_in(
    context: RequestContext, principal: Orderer, wanted: OrderBatch
) -> TakenBatch:
    """Take up to 1,000 orders in. One that cannot be taken in does not keep the others out."""
    outcomes = await taking.take_in_many(context, principal, wanted.orders)
    orders = [
        _shown(order, outcome) for order, outcome in zip(wanted.orders, outcomes, strict=True)
    ]
    return TakenBatch(
        created=sum(order.outcome == "created" for order in orders),
        repeated=sum(order.outcome == "repeated" for order in orders),
        refused=sum(order.outcome == "refused" for order in orders),
        orders=orders,
    )


def _shown(order: NewOrder, outcome: Outcome) -> TakenOrder:
    if isinstance(outcome, Taken):
        problems = []
        if outcome.not_released is not None:
            problems.append(FieldProblem(field="release", value=True, problem=outcome.not_released))
        return TakenOrder(
            outcome="created" if outcome.new else "repeated",
            number=outcome.number,
            external_id=order.external_id,
            state=outcome.state,
            problems=problems,
        )
    error = outcome.error
    problem = FieldProblem(field="order", problem=str(error))
    if isinstance(error, UnknownReferenceError):
        problem = FieldProblem(
            field=error.field, value=safe_value(error.value), problem=error.problem
        )
    return TakenOrder(outcome="refused", external_id=order.external_id, problems=[problem])

"""Orders that wait for people, why they wait, and what people decide."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query

from api.auth.principal import Configurer, Orderer, Reader, Reviewer
from api.chosen_sites import Sites
from api.context import RequestContext
from api.fields import Paging, Wanted
from api.orders import bulk, confirming, desk, views
from api.orders.desk_schemas import (
    BulkConfirmation,
    Confirmation,
    Decision,
    Outcomes,
    Resumption,
)
from api.orders.schemas import Order
from api.review import assigning, service
from api.review.schemas import (
    AssignCustomer,
    AssignItem,
    Finding,
    FindingList,
    NewPolicy,
    PolicyFields,
    PolicyFor,
    PolicyList,
    Rejudged,
    Rejudgement,
    Settlement,
    WaitingOrder,
    WaitingOrders,
)
from domain.orders import LineState
from domain.review import SEVERITIES, Code, Policy, Severity
from store import audit, order_desk, order_lists, orders
from store.database import Connection
from store.errors import NotFoundError, UnknownReferenceError
from store.order_lists import OrderQuery
from store.review import findings, policies
from store.review.policies import Subject

router = APIRouter(prefix="/v1/review", tags=["review"])
orders_router = APIRouter(prefix="/v1/orders", tags=["review"])

LineNumber = Annotated[int, Path(ge=0, le=2**31 - 1)]
FindingId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", operation_id="listOrdersUnderReview")
async def list_orders_under_review(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    code: Annotated[Code | None, Query(description="With an open finding of this code.")] = None,
    severity: Annotated[
        Severity | None, Query(description="With an open finding of this severity.")
    ] = None,
    customer: Annotated[Wanted | None, Query(description="The customer's code.")] = None,
    channel: Annotated[Wanted | None, Query(description="The channel's name.")] = None,
) -> WaitingOrders:
    """Orders under review with their open findings, oldest first, and how many wait for what.

    `site` finds the orders that the site handles, and those with a line that it makes or delivers.
    """
    query = OrderQuery(
        site=sites.site,
        line_sites=True,
        state=LineState.UNDER_REVIEW,
        customer=customer,
        channel=channel,
        finding=code,
        severity=severity,
    )
    async with context.connection() as connection:
        rows, total = await order_lists.orders(
            connection,
            page,
            query,
            now_ms=context.clock.now_ms(),
            sort=order_lists.OrderSort.WAITING,
            limited_to=sites.limited_to,
        )
        summaries = await views.summaries(context, connection, rows)
        found = await findings.findings_of(connection, [row.id for row in rows])
        codes = await findings.codes_open(connection, sites.limited_to, sites.site)
    ids = {row.number: row.id for row in rows}
    items = [
        WaitingOrder(
            order=order,
            findings=[
                Finding.of(row).model_copy(update={"order": order.number})
                for row in found[ids[order.number]]
            ],
        )
        for order in summaries
    ]
    return WaitingOrders(items=items, total=total.count, codes=codes)


@router.post("/rejudge", operation_id="reviewAgain")
async def review_again(
    context: RequestContext, principal: Reviewer, wanted: Rejudgement
) -> Rejudged:
    """Look again at orders that are not released, because what they depend on has changed."""
    chosen = order_desk.Chosen(
        site=wanted.site,
        code=wanted.code,
        numbers=None if wanted.numbers is None else tuple(wanted.numbers),
    )
    return await service.rejudge(context, principal, chosen)


@router.get("/policies", operation_id="listReviewPolicies")
async def list_review_policies(context: RequestContext, principal: Reader) -> PolicyList:
    """Thresholds of the rules and who passes by himself, the most general first."""
    async with context.connection() as connection:
        rows = await policies.policy_rows(connection)
    items = [
        PolicyFor(
            site=row.site,
            channel=row.channel,
            customer=row.customer,
            policy=PolicyFields.model_validate(row.policy),
            changed=row.changed_at,
            changed_by=row.changed_by,
        )
        for row in rows
        if row.site is None or principal.sees(row.site)
    ]
    defaults = {**msgspec.to_builtins(Policy()), "severities": dict(SEVERITIES)}
    return PolicyList(items=items, total=len(items), defaults=defaults)


@router.put("/policies", operation_id="putReviewPolicy")
async def put_review_policy(
    context: RequestContext, principal: Configurer, wanted: NewPolicy
) -> PolicyList:
    """Set what holds for all, a site, a channel or a customer; without fields it is taken away."""
    async with context.transaction() as connection:
        if wanted.site is not None and not principal.sees(wanted.site):
            raise UnknownReferenceError("site", wanted.site, "there is no such site")
        subject = Subject(
            site_id=await _id(connection, "site", wanted.site),
            channel_id=await _id(connection, "channel", wanted.channel),
            customer_id=await _id(connection, "customer", wanted.customer),
        )
        before = await policies.put_policy(
            connection, subject, wanted.told, changed_by=principal.actor.name
        )
        whom = {
            name: value
            for name in ("site", "channel", "customer")
            if (value := getattr(wanted, name)) is not None
        }
        await audit.write(
            connection,
            actor=principal.actor,
            action="ReviewPolicyChanged",
            site_id=subject.site_id,
            object_kind="review_policy",
            object_key="/".join(f"{name}:{value}" for name, value in whom.items()) or "all",
            before=None if before is None else {**whom, "policy": dict(before)},
            after={**whom, "policy": wanted.told},
        )
    return await list_review_policies(context, principal)


async def _id(connection: Connection, kind: str, name: str | None) -> int | None:
    """The id of a site, a channel or a customer that a request names.

    Raises:
        UnknownReferenceError: there is none.
    """
    if name is None:
        return None
    found = await policies.subject_id(connection, kind, name)
    if found is None:
        raise UnknownReferenceError(kind, name, f"there is no such {kind}")
    return found


@orders_router.post("/confirm", operation_id="confirmOrders")
async def confirm_orders(
    context: RequestContext, principal: Orderer, wanted: BulkConfirmation
) -> Outcomes:
    """Accept many orders, each with an outcome of its own."""
    confirming.require_overruling(principal, wanted.overrule)
    numbers = await bulk.chosen_numbers(context, principal, wanted)
    return bulk.told(
        await confirming.confirm_many(context, principal, numbers, overrule=wanted.overrule)
    )


@orders_router.post("/{number:path}/confirm", operation_id="confirmOrder")
async def confirm_order(
    context: RequestContext,
    principal: Orderer,
    number: Wanted,
    wanted: Confirmation | None = None,
) -> Order:
    """Accept an order. 409 while findings that are errors are neither settled nor overruled."""
    return await confirming.confirm_order(context, principal, number, wanted or Confirmation())


@orders_router.post("/{number:path}/hold", operation_id="holdOrder")
async def hold_order(
    context: RequestContext, principal: Orderer, number: Wanted, wanted: Decision
) -> Order:
    """Keep an order from being confirmed, released or moved on, until it is resumed."""
    return await desk.hold_order(context, principal, number, wanted)


@orders_router.post("/{number:path}/resume", operation_id="resumeOrder")
async def resume_order(
    context: RequestContext, principal: Orderer, number: Wanted, wanted: Resumption | None = None
) -> Order:
    """Let an order go on from where it was held."""
    return await desk.resume_order(context, principal, number, wanted or Resumption())


@orders_router.post("/{number:path}/reject", operation_id="rejectOrder")
async def reject_order(
    context: RequestContext, principal: Reviewer, number: Wanted, wanted: Decision
) -> Order:
    """Refuse an order that was not released: it is cancelled, and the customer is told why."""
    return await desk.reject_order(context, principal, number, wanted)


@orders_router.get("/{number:path}/findings", operation_id="listFindings")
async def list_findings(
    *,
    context: RequestContext,
    principal: Reader,
    number: Wanted,
    settled: Annotated[bool, Query(description="Also those that are settled.")] = True,
) -> FindingList:
    """What review found at an order, open ones first."""
    async with context.connection() as connection:
        row = await orders.find(connection, number=number)
        if row is None or not principal.sees(row.site):
            raise NotFoundError("order", number)
        rows = (await findings.findings_of(connection, [row.id], settled=settled))[row.id]
    items = [Finding.of(row).model_copy(update={"order": number}) for row in rows]
    return FindingList(items=items, total=len(items))


@orders_router.post("/{number:path}/findings/{finding_id}/settle", operation_id="settleFinding")
async def settle_finding(
    context: RequestContext,
    principal: Reviewer,
    number: Wanted,
    finding_id: FindingId,
    wanted: Settlement,
) -> Order:
    """Say that a finding does not matter, and why; it does not come up again."""
    return await service.settle_finding(context, principal, number, finding_id, wanted)


@orders_router.post("/{number:path}/lines/{line}/item", operation_id="assignItem")
async def assign_item(
    context: RequestContext,
    principal: Reviewer,
    number: Wanted,
    line: LineNumber,
    wanted: AssignItem,
) -> Order:
    """Say which item a line means; remembered, the customer's other lines that wait follow."""
    return await assigning.assign_item(context, principal, number, line, wanted)


@orders_router.post("/{number:path}/customer", operation_id="assignCustomer")
async def assign_customer(
    context: RequestContext, principal: Reviewer, number: Wanted, wanted: AssignCustomer
) -> Order:
    """Say whose order it is; remembered, all orders of the unknown customer are theirs."""
    return await assigning.assign_customer(context, principal, number, wanted)

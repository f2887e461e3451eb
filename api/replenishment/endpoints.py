"""Shortages, and proposals that become purchases or work orders."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path

from api.auth.principal import Principal
from api.chosen_sites import Sites
from api.context import RequestContext
from api.fields import Paging, Wanted
from api.idempotency import IdempotentRoute
from api.replenishment.schemas import (
    Acceptance,
    Dismissal,
    ProposalList,
    Refresh,
    ReplenishmentProposal,
    Shortage,
    ShortageList,
)
from api.stock.permits import Purchaser
from api.stock.service import digest_of, now_of
from api.work_orders.service import order_event
from store import audit, catalogue, work_orders
from store.catalogue import with_preferred
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.inventory import purchases, replenishment, shortages
from store.inventory.purchases import NewPurchaseLine
from store.inventory.replenishment import ProposalRow
from store.work_orders import NewOperation, NewWorkOrder

router = APIRouter(prefix="/v1/replenishment", tags=["purchasing"], route_class=IdempotentRoute)
shortages_router = APIRouter(prefix="/v1/shortages", tags=["stock"])
ProposalId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@shortages_router.get("", operation_id="listShortages")
async def list_shortages(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    item: Wanted | None = None,
    work_order: Wanted | None = None,
) -> ShortageList:
    """What released work and promises lack at their dates, when it comes, and who waits for it."""
    async with context.connection() as connection:
        found = await shortages.shortages(
            connection,
            now=now_of(context),
            site=sites.site,
            item=item,
            work_order=work_order,
            limited_to=sites.limited_to,
        )
        part = found[page.offset : page.offset + page.limit]
        works = {row.work_order_id for row in part if row.work_order_id is not None}
        orders = await shortages.orders_behind(connection, works)
        proposals = await shortages.proposals(connection, {row.key for row in part})
    items = []
    for row in part:
        content = msgspec.structs.asdict(row)
        content["comes_from"] = list(content.pop("from_"))
        behind = [row.order] if row.order is not None else []
        content["orders"] = behind or orders.get(row.work_order_id or 0, [])
        proposal = proposals.get(row.key)
        content["proposal"] = None if proposal is None else msgspec.structs.asdict(proposal)
        items.append(Shortage.model_validate(content))
    return ShortageList(items=items, total=len(found))


@router.get("", operation_id="listReplenishment")
async def list_replenishment(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    item: Wanted | None = None,
    state: Wanted | None = None,
) -> ProposalList:
    """Proposals by when they have to be ordered.

    `state`: `open`, `accepted`, `dismissed`, `superseded`.
    """
    async with context.connection() as connection:
        rows, total = await replenishment.listed(
            connection,
            page,
            site=sites.site,
            item=item,
            state=state,
            limited_to=sites.limited_to,
        )
    return ProposalList(items=[_shown(row) for row in rows], total=total)


@router.post("", operation_id="proposeReplenishment")
async def propose(
    context: RequestContext, principal: Purchaser, page: Paging, wanted: Refresh
) -> ProposalList:
    """Look at every item anew; answers the open proposals."""
    if wanted.site is not None:
        principal.require_site(wanted.site)
    async with context.transaction() as connection:
        await replenishment.refresh(
            connection,
            now=now_of(context),
            site=wanted.site,
            limited_to=principal.sites,
        )
        rows, total = await replenishment.listed(
            connection,
            page,
            site=wanted.site,
            state="open",
            limited_to=principal.sites,
        )
        await audit.write(
            connection,
            actor=principal.actor,
            action="ReplenishmentProposed",
            object_kind="replenishment",
            object_key=wanted.site or "all sites",
            after={"open": total},
        )
    return ProposalList(items=[_shown(row) for row in rows], total=total)


@router.post(
    "/{proposal_id}/accept",
    status_code=HTTPStatus.CREATED,
    operation_id="acceptReplenishment",
)
async def accept(
    context: RequestContext, principal: Purchaser, proposal_id: ProposalId, wanted: Acceptance
) -> ReplenishmentProposal:
    """Order it, or have it made: a purchase, or a work order from the item's routing."""
    async with context.transaction() as connection:
        row = await _open(connection, principal, proposal_id)
        made: dict[str, Any] = {}
        records = []
        if row.kind == "purchase":
            made["purchase_id"], _ = await purchases.insert(
                connection,
                site_id=row.site_id,
                supplier_id=row.supplier_id,
                number=None,
                lines=[
                    NewPurchaseLine(
                        item_id=row.item_id,
                        quantity=wanted.quantity or row.quantity,
                        due_at=wanted.due_at or max(row.need_at, now_of(context)),
                    )
                ],
                digest=digest_of(wanted),
                created_by=principal.actor.name,
                now=now_of(context),
            )
        else:
            made["work_order_id"] = await _work_order(connection, row, wanted)
            records.append(
                order_event(
                    context,
                    "WorkOrderPlanned",
                    site=row.site,
                    order_id=0,
                    version=1,
                    work_order_ids=[made["work_order_id"]],
                )
            )
        await replenishment.decide(
            connection,
            proposal_id,
            state="accepted",
            decided_by=principal.actor.name,
            now=now_of(context),
            **made,
        )
        await _tell(connection, principal, row, "ReplenishmentAccepted", wanted)
        found = await replenishment.lock(connection, proposal_id)
        assert found is not None  # noqa: S101 - it was there
        await context.log.append_in(connection, records)
    return _shown(found)


@router.post("/{proposal_id}/dismiss", operation_id="dismissReplenishment")
async def dismiss(
    context: RequestContext, principal: Purchaser, proposal_id: ProposalId, wanted: Dismissal
) -> ReplenishmentProposal:
    """Leave it. It is proposed again when the items are looked at anew and still need it."""
    async with context.transaction() as connection:
        row = await _open(connection, principal, proposal_id)
        await replenishment.decide(
            connection,
            proposal_id,
            state="dismissed",
            decided_by=principal.actor.name,
            now=now_of(context),
        )
        await _tell(connection, principal, row, "ReplenishmentDismissed", wanted)
        found = await replenishment.lock(connection, proposal_id)
        assert found is not None  # noqa: S101 - it was there
    return _shown(found)


async def _open(connection: Connection, principal: Principal, proposal_id: int) -> ProposalRow:
    row = await replenishment.lock(connection, proposal_id)
    if row is None or not principal.sees(row.site):
        raise NotFoundError("proposal", str(proposal_id))
    if row.state != "open":
        raise ConflictError(
            f"the proposal {proposal_id} is {row.state}",
            code="proposal-closed",
            params={"state": row.state},
        )
    return row


async def _work_order(connection: Connection, row: ProposalRow, wanted: Acceptance) -> int:
    quantity = wanted.quantity or row.quantity
    routing = (await catalogue.routings(connection, [row.item_id]))[row.item_id]
    steps = [step for step in routing if step.site == row.site]
    if not steps:
        raise ConflictError(
            f"the item {row.item!r} has no routing at {row.site!r}",
            code="item-unmakeable",
            params={"item": row.item, "site": row.site},
        )
    stored = await work_orders.insert(
        connection,
        NewWorkOrder(
            site_id=row.site_id,
            number=None,
            item_id=row.item_id,
            quantity_ordered=quantity,
            unit=row.unit,
            due_at=wanted.due_at or row.need_at,
        ),
    )
    assert stored is not None  # noqa: S101 - its number was drawn
    await work_orders.put_operations(
        connection,
        stored[0],
        [
            NewOperation(
                number=step.number,
                name=step.name,
                machine_id=step.machine_id,
                cycle_ms=step.cycle_ms,
                setup_ms=step.setup_ms,
                handling=step.handling,
                quantity=quantity,
                alternatives=with_preferred(
                    step.alternatives,
                    machine=step.machine,
                    machine_id=step.machine_id,
                    cycle_ms=step.cycle_ms,
                    setup_ms=step.setup_ms,
                ),
            )
            for step in steps
        ],
    )
    return stored[0]


async def _tell(
    connection: Connection,
    principal: Principal,
    row: ProposalRow,
    action: str,
    wanted: Acceptance | Dismissal,
) -> None:
    await audit.write(
        connection,
        actor=principal.actor,
        action=action,
        site_id=row.site_id,
        object_kind="replenishment",
        object_key=str(row.id),
        before={"proposal": row.id, "item": row.item, "quantity": str(row.quantity)},
        after=wanted.model_dump(mode="json", exclude_none=True),
    )


def _shown(row: ProposalRow) -> ReplenishmentProposal:
    content = msgspec.structs.asdict(row)
    for name in ("item_id", "site_id", "supplier_id"):
        del content[name]
    if (because := row.because) is not None:
        content["reason"] = because.words
    content["because"] = None if because is None else msgspec.structs.asdict(because)
    return ReplenishmentProposal.model_validate(content)

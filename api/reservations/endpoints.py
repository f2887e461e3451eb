"""Reservations, and what of an item can be promised by which date."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Response

from api.auth.principal import Orderer, Reader
from api.chosen_sites import Sites
from api.context import RequestContext
from api.fields import Code, Moment, Paging, Quantity, Wanted
from api.idempotency import IdempotentRoute
from api.reservations import service
from api.reservations.schemas import (
    Availability,
    AvailabilitySource,
    AvailabilityStep,
    NewReservation,
    Reservation,
    ReservationList,
    SiteAvailability,
)
from api.stock.service import item_of, now_of
from domain.inventory.available import available_at, first_date, project
from domain.inventory.books import Key
from domain.inventory.words import (
    ReservationKind,
    ReservationOrigin,
    ReservationState,
    SupplyKind,
)
from store import machines
from store.errors import NotFoundError
from store.filters import Page
from store.inventory import reservations, supplies

router = APIRouter(prefix="/v1/reservations", tags=["stock"], route_class=IdempotentRoute)
availability_router = APIRouter(prefix="/v1/availability", tags=["stock"])
ReservationId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("", operation_id="listReservations")
async def list_reservations(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    item: Wanted | None = None,
    order: Wanted | None = None,
    work_order: Wanted | None = None,
    kind: ReservationKind | None = None,
    state: ReservationState | None = None,
    origin: ReservationOrigin | None = None,
) -> ReservationList:
    """Reservations by need."""
    async with context.connection() as connection:
        rows, total = await reservations.listed(
            connection,
            page,
            site=sites.site,
            item=item,
            order=order,
            work_order=work_order,
            kind=kind,
            state=state,
            origin=origin,
            limited_to=sites.limited_to,
        )
    return ReservationList(items=[service.shown(row) for row in rows], total=total)


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    operation_id="reserve",
    responses={HTTPStatus.OK: {"model": Reservation, "description": "It was there, and equal."}},
)
async def reserve(
    context: RequestContext, principal: Orderer, wanted: NewReservation, response: Response
) -> Reservation:
    """Hold a quantity. 409 (`not-available`) when it cannot be held without robbing others.

    The header `Gemba-Stock-Version` says which state of the item the answer was judged by.
    """
    reservation, created = await service.reserve(context, principal, wanted)
    response.headers[service.VERSION] = str(reservation.head_version)
    if not created:
        response.status_code = HTTPStatus.OK
    return reservation


@router.get("/{reservation_id}", operation_id="getReservation")
async def get_reservation(
    context: RequestContext, principal: Reader, reservation_id: ReservationId
) -> Reservation:
    """One reservation."""
    async with context.connection() as connection:
        row = await reservations.find(connection, reservation_id)
    if row is None or not principal.sees(row.site):
        raise NotFoundError("reservation", str(reservation_id))
    return service.shown(row)


@router.delete(
    "/{reservation_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="releaseReservation",
)
async def release_reservation(
    context: RequestContext, principal: Orderer, reservation_id: ReservationId
) -> None:
    """Give a reservation up, so that others can be promised what it held."""
    await service.release(context, principal, reservation_id)


@router.post("/{reservation_id}/harden", operation_id="hardenReservation")
async def harden_reservation(
    context: RequestContext, principal: Orderer, reservation_id: ReservationId
) -> Reservation:
    """Take what was promised by date out of what lies there."""
    return await service.harden(context, principal, reservation_id)


@availability_router.get("", operation_id="getAvailability")
async def get_availability(
    *,
    context: RequestContext,
    sites: Sites,
    item: Code,
    quantity: Annotated[Quantity | None, Query(description="How much is wanted.")] = None,
    date: Annotated[Moment | None, Query(description="By when; default: now.")] = None,
) -> SiteAvailability:
    """What can be promised of an item, by date and site: from stock, purchases and open work."""
    now = now_of(context)
    async with context.connection() as connection:
        row = await item_of(connection, item, field="")
        at, _ = await machines.sites(connection, Page(1_000, 0), limited_to=sites.limited_to)
        chosen = [site for site in at if sites.site in (None, site.code)]
        keys = [Key(row.id, site.id) for site in chosen]
        free = await supplies.free(connection, keys, now=now)
        coming = await supplies.changes(connection, keys, now=now)
    found = []
    for site, key in zip(chosen, keys, strict=True):
        changes = coming.get(key, [])
        steps = project(free[key], changes, now)
        available = available_at(steps, max(date or now, now))
        found.append(
            Availability(
                item=row.code,
                unit=row.unit,
                site=site.code,
                as_of=now,
                quantity=quantity,
                date=date,
                available=available,
                enough=None if quantity is None else available >= quantity,
                first_date=None if quantity is None else first_date(steps, quantity),
                steps=[
                    AvailabilityStep.model_validate(msgspec.structs.asdict(step)) for step in steps
                ],
                sources=[
                    AvailabilitySource(
                        at=change.at,
                        quantity=change.quantity,
                        kind=change.kind,
                        reference=change.reference,
                    )
                    for change in sorted(changes, key=lambda change: change.at)
                    if change.kind is not SupplyKind.RESERVATION
                ],
            )
        )
    return SiteAvailability(items=found, total=len(found))

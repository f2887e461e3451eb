"""Contacts of customers: put in by staff, by the customer's own people, and by tracking links."""

from __future__ import annotations

import contextlib
import math
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request

from api.auth.principal import OfCustomer, Orderer, OwnPrincipal, address_of
from api.contacts import service
from api.contacts.schemas import (
    Asked,
    Contact,
    ContactChange,
    ContactList,
    NewContact,
    NewLinkContact,
    NewOwnContact,
)
from api.context import RequestContext
from api.errors import ProblemError
from api.fields import Wanted
from api.tracking.endpoints import follow_link
from domain.customer_notices.contacts import Way
from domain.customer_notices.dates import Basis
from store import catalogue
from store.audit import Actor
from store.customer_notices import contacts
from store.customer_notices.contacts import NewContact as NewRow
from store.errors import ConflictError, NotFoundError, UnknownReferenceError
from store.own_orders import as_customer

router = APIRouter(tags=["contacts"])


@router.get("/v1/customers/{code:path}/contacts", operation_id="listContacts")
async def list_contacts(context: RequestContext, principal: Orderer, code: Wanted) -> ContactList:
    """Who is told when a date of the customer moves, has left, or was asked."""
    async with context.connection() as connection:
        customer = await catalogue.find_customer(connection, code)
        if customer is None:
            raise NotFoundError("customer", code)
        rows = await contacts.of_customer(connection, customer.id)
    items = [service.shown(row) for row in rows if service.may_see(principal, row)]
    return ContactList(items=items, total=len(items))


@router.post(
    "/v1/customers/{code:path}/contacts",
    status_code=HTTPStatus.CREATED,
    operation_id="createContact",
)
async def create_contact(
    context: RequestContext, principal: Orderer, code: Wanted, wanted: NewContact
) -> Contact:
    """Somebody is told from now on, or is asked by a mail first (`agreed`: false).

    409 when that address is told of these orders already.
    """
    way = Way(wanted.channel)
    async with context.transaction() as connection:
        customer = await catalogue.find_customer(connection, code)
        if customer is None:
            raise NotFoundError("customer", code)
        row = await service.put_in(
            connection,
            context,
            NewRow(
                customer_id=customer.id,
                order_id=await service.order_of(connection, principal, customer.id, wanted.order),
                name=wanted.name,
                way=way,
                address=service.address_in(way, wanted.address),
                wishes=service.wishes_of(wanted),
                basis=Basis.PROMISED,
                # A text message asks nobody: who puts a number in has asked them.
                confirmed_by=(principal.actor.name if wanted.agreed or way is Way.SMS else None),
                created_by=principal.actor.name,
            ),
            actor=principal.actor,
        )
    return service.shown(row)


@router.put("/v1/contacts/{contact_id}", operation_id="changeContact")
async def change_contact(
    context: RequestContext, principal: Orderer, contact_id: UUID, wanted: ContactChange
) -> Contact:
    """How somebody is addressed and wants to be told."""
    async with context.transaction() as connection:
        row = await service.change(connection, contact_id, wanted, principal=principal)
    return service.shown(row)


@router.delete(
    "/v1/contacts/{contact_id}", status_code=HTTPStatus.NO_CONTENT, operation_id="removeContact"
)
async def remove_contact(context: RequestContext, principal: Orderer, contact_id: UUID) -> None:
    """Forget somebody, with their address wherever they were written to."""
    async with context.transaction() as connection:
        await service.take_out(connection, contact_id, principal=principal)


# A customer's own people --------------------------------------------------------------------------


@router.get("/v1/own/contacts", operation_id="listOwnContacts")
async def list_own_contacts(context: RequestContext, own: OfCustomer) -> ContactList:
    """Who of one's own people is told."""
    async with context.connection() as connection, as_customer(connection, own.customer_id):
        rows = await contacts.of_customer(connection, own.customer_id)
    items = [service.shown(row) for row in rows if row.customer_id == own.customer_id]
    return ContactList(items=items, total=len(items))


@router.post("/v1/own/contacts", status_code=HTTPStatus.CREATED, operation_id="createOwnContact")
async def create_own_contact(
    context: RequestContext, own: OfCustomer, wanted: NewOwnContact
) -> Contact:
    """An address is told as soon as it is confirmed by the mail that is sent to it."""
    way = Way(wanted.channel)
    actor = own.principal.actor
    async with context.transaction() as connection:
        row = await service.put_in(
            connection,
            context,
            NewRow(
                customer_id=own.customer_id,
                order_id=await service.order_of(
                    connection, own.principal, own.customer_id, wanted.order
                ),
                name=wanted.name,
                way=way,
                address=(
                    service.address_in(way, wanted.address)
                    if wanted.address is not None and way is Way.EMAIL
                    else _own_browsers(own)
                ),
                wishes=service.wishes_of(wanted),
                basis=Basis.SHOWN if wanted.order is not None else Basis.PROMISED,
                confirmed_by=actor.name if way is Way.WEB_PUSH else None,
                created_by=actor.name,
            ),
            actor=actor,
        )
    return service.shown(row)


@router.put("/v1/own/contacts/{contact_id}", operation_id="changeOwnContact")
async def change_own_contact(
    context: RequestContext, own: OfCustomer, contact_id: UUID, wanted: ContactChange
) -> Contact:
    """How one of one's own people is addressed and wants to be told."""
    async with context.transaction() as connection:
        row = await service.change(
            connection,
            contact_id,
            wanted,
            principal=own.principal,
            customer_id=own.customer_id,
        )
    return service.shown(row)


@router.delete(
    "/v1/own/contacts/{contact_id}",
    status_code=HTTPStatus.NO_CONTENT,
    operation_id="removeOwnContact",
)
async def remove_own_contact(context: RequestContext, own: OfCustomer, contact_id: UUID) -> None:
    """Forget one of one's own people."""
    async with context.transaction() as connection:
        await service.take_out(
            connection, contact_id, principal=own.principal, customer_id=own.customer_id
        )


# Whoever has a tracking link ----------------------------------------------------------------------


@router.post(
    "/v1/tracking/{token}/contacts",
    status_code=HTTPStatus.ACCEPTED,
    operation_id="createLinkContact",
)
async def create_link_contact(
    request: Request, context: RequestContext, token: Wanted, wanted: NewLinkContact
) -> Asked:
    """Be told when the date moves that the link shows. A mail asks whether the address is theirs.

    The answer is the same whatever there is of the address. 429 after too many tries.
    """
    way = Way(wanted.channel)
    actor = Actor("tracking link", f"link {address_of(request)}")
    async with context.transaction() as connection:
        linked = await follow_link(request, context, connection, token)
        _wait(context, str(linked.link_id))
        order = await contacts.order_of(connection, linked.order_id)
        assert order is not None  # noqa: S101 - a link has one
        new = NewRow(
            customer_id=order.customer_id,
            order_id=order.id,
            line=linked.line,
            name=wanted.name or order.customer_name,
            way=way,
            address=(
                service.address_in(way, wanted.address)
                if wanted.address is not None and way is Way.EMAIL
                else f"link/{linked.link_id}"
            ),
            wishes=service.wishes_of(wanted),
            basis=Basis.SHOWN,
            confirmed_by=actor.name if way is Way.WEB_PUSH else None,
            created_by=actor.name,
        )
        known = await contacts.same(connection, new)
        told = known is not None and known.told
        if not told and (known is not None or await service.has_room(connection, order.id)):
            # Pressed twice, the other one is being asked already.
            with contextlib.suppress(ConflictError):
                await service.put_in(connection, context, new, actor=actor)
    return Asked(state="told" if way is Way.WEB_PUSH else "asked")


def _own_browsers(own: OwnPrincipal) -> str:
    """All browsers of somebody, as `web_push` names them.

    Raises:
        UnknownReferenceError: a program asks, which has none.
    """
    if own.principal.kind != "user":
        raise UnknownReferenceError(
            "channel", "web_push", "only people who are signed in have browsers that are told"
        )
    return own.principal.name


def _wait(context: RequestContext, link: str) -> None:
    """Let nobody send mails to many by one link.

    Raises:
        ProblemError: too many were asked for.
    """
    limit = context.limits.contacts_by_link
    wait_s = limit.wait_s(link)
    if wait_s > 0:
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too-many-tries",
            "Too many addresses were put in by this link; wait a while.",
            headers={"Retry-After": str(math.ceil(wait_s))},
        )
    limit.note(link)

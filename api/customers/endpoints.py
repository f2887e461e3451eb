"""Customers."""

from __future__ import annotations

from fastapi import APIRouter

from api.auth.principal import Configurer, Reader
from api.context import RequestContext
from api.customers.schemas import Customer, CustomerChange, CustomerList
from api.fields import Code, Paging
from store import audit, catalogue

router = APIRouter(prefix="/v1/customers", tags=["customers"])


@router.get("", operation_id="listCustomers")
async def list_customers(context: RequestContext, _principal: Reader, page: Paging) -> CustomerList:
    """Customers by code."""
    async with context.connection() as connection:
        rows, total = await catalogue.customers(connection, page)
    return CustomerList(items=[Customer(code=row.code, name=row.name) for row in rows], total=total)


@router.put("/{code:path}", operation_id="putCustomer")
async def put_customer(
    context: RequestContext, principal: Configurer, code: Code, wanted: CustomerChange
) -> Customer:
    """Make a customer, or name them anew."""
    async with context.transaction() as connection:
        row = await catalogue.put_customer(connection, code, name=wanted.name)
        await audit.write(
            connection,
            actor=principal.actor,
            action="CustomerPut",
            after={"code": row.code, "name": row.name},
        )
    return Customer(code=row.code, name=row.name)

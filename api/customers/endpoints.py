"""Customers."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter

from api.auth.principal import Configurer, Reader
from api.context import RequestContext
from api.customers.schemas import Customer, CustomerChange, CustomerDetail, CustomerList
from api.fields import Code, Paging, Wanted
from api.master_data import single
from api.master_data.schemas import CustomerName, shown
from domain.master_data.kinds import CUSTOMERS
from store import audit, catalogue
from store.catalogue import CustomerRow
from store.database import Connection
from store.errors import NotFoundError
from store.master_data import single as one

router = APIRouter(prefix="/v1/customers", tags=["customers"])


@router.get("", operation_id="listCustomers")
async def list_customers(context: RequestContext, _principal: Reader, page: Paging) -> CustomerList:
    """Customers by code."""
    async with context.connection() as connection:
        rows, total = await catalogue.customers(connection, page)
    items = [
        Customer(code=row.code, name=row.name, provisional=row.provisional, retired=row.retired)
        for row in rows
    ]
    return CustomerList(items=items, total=total)


@router.get("/{code:path}", operation_id="getCustomer")
async def get_customer(context: RequestContext, _principal: Reader, code: Wanted) -> CustomerDetail:
    """A customer with address, tolerances and what others call them."""
    async with context.connection() as connection, connection.transaction():
        row = await catalogue.find_customer(connection, code)
        if row is None:
            raise NotFoundError("customer", code)
        return await _detail(connection, row)


@router.put("/{code:path}", operation_id="putCustomer")
async def put_customer(
    context: RequestContext, principal: Configurer, code: Code, wanted: CustomerChange
) -> CustomerDetail:
    """Make a customer, or change what is named of them. One that orders named becomes definite."""
    async with context.transaction() as connection:
        change, _ = await single.put(
            connection, CUSTOMERS, code, wanted.model_dump(exclude_unset=True)
        )
        row = await catalogue.known_customer(connection, code)
        if change is not None:
            before, after = change.differences()
            await audit.write(
                connection,
                actor=principal.actor,
                action="CustomerPut",
                object_kind="customer",
                object_key=code,
                before={"code": code, **before} if change.before is not None else None,
                after={"code": code, **after},
            )
        return await _detail(connection, row)


async def _detail(connection: Connection, row: CustomerRow) -> CustomerDetail:
    record = await one.find(connection, CUSTOMERS, row.code)
    names = await one.names_of_customer(connection, row.code)
    said = {} if record is None else msgspec.structs.asdict(record)
    return CustomerDetail(
        **{**said, "code": row.code, "name": row.name},
        provisional=row.provisional,
        retired=row.retired,
        names=[shown(CustomerName, each) for each in names],
    )

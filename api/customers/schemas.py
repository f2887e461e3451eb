"""Shapes of customers."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel, Field

from api.fields import Body, Code, Level, Listing, Name, Number
from api.master_data.schemas import CustomerName, NotNegative


class CustomerChange(Body):
    """How a customer is called, and what holds for them. What is left out stays as it is."""

    name: Name
    street: Name | None = None
    city: Name | None = None
    region: Name | None = None
    postal_code: Code | None = None
    country: Code | None = Field(default=None, description="ISO 3166, two letters.")
    email: Name | None = None
    phone: Name | None = None
    currency: Code | None = Field(default=None, description="ISO 4217.")
    default_site: Level | None = Field(default=None, description="Who handles their orders.")
    over_percent: NotNegative = Field(
        default=Decimal(0), description="By how much a delivery may exceed what was ordered."
    )
    under_percent: NotNegative = Field(
        default=Decimal(0), le=100, description="By how much it may fall short."
    )


class Customer(BaseModel):
    """A customer."""

    code: str
    name: str
    provisional: bool = Field(description="Only orders named them so far; see the import.")
    retired: bool = Field(description="They were given up; their orders stay.")


class CustomerDetail(Customer):
    """A customer with everything that master data says of them."""

    street: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None
    email: str | None = None
    phone: str | None = None
    currency: str | None = None
    default_site: str | None = None
    over_percent: Number = Decimal(0)
    under_percent: Number = Decimal(0)
    names: list[CustomerName] = Field(description="What others call them.")


class CustomerList(Listing[Customer]):
    """Customers by code."""

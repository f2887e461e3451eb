"""Shapes of customers."""

from __future__ import annotations

from pydantic import BaseModel

from api.fields import Body, Listing, Name


class CustomerChange(Body):
    """How a customer is called."""

    name: Name


class Customer(BaseModel):
    """A customer."""

    code: str
    name: str


class CustomerList(Listing[Customer]):
    """Customers by code."""

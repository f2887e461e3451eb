"""Customers and addresses → parties."""

from __future__ import annotations

from connectors.json_fields import Object, Report, object_of, text_of
from domain.documents import Name, NameScheme, Party, PartyRole


def parties_of(order: Object, place: str, report: Report) -> tuple[Party, ...]:
    """Who ordered, where it goes, who pays."""
    billing = object_of(order, "billing_address")
    shipping = object_of(order, "shipping_address")
    parties = [_customer(order, place, report)]
    if shipping is not None:
        parties.append(_address(shipping, PartyRole.SHIP_TO, "shipping_address"))
    if billing is not None:
        parties.append(_address(billing, PartyRole.BILL_TO, "billing_address"))
    return tuple(party for party in parties if party is not None)


def _customer(order: Object, place: str, report: Report) -> Party | None:
    """Who ordered: a customer is known by e-mail, and by the shop's id."""
    customer = object_of(order, "customer") or {}
    email = text_of(customer, "email") or text_of(order, "email") or text_of(order, "contact_email")
    identity = text_of(customer, "id")
    names = [Name(NameScheme.EMAIL, email.lower())] if email else []
    names += [Name(NameScheme.OTHER, f"customer {identity}")] if identity else []
    home = (
        object_of(customer, "default_address")
        or object_of(order, "billing_address")
        or object_of(order, "shipping_address")
    )
    if not names and home is None:
        report.warning("customer_missing", f"{place}.customer", "whose order it is, is not said")
        return None
    lived = _address(home or {}, PartyRole.SOLD_TO, "customer")
    return Party(
        role=PartyRole.SOLD_TO,
        role_code="customer",
        names=tuple(names),
        name=_full_name(customer) or lived.name,
        street=lived.street,
        city=lived.city,
        region=lived.region,
        postal_code=lived.postal_code,
        country=lived.country,
        phone=text_of(customer, "phone") or text_of(order, "phone") or lived.phone,
    )


def _full_name(person: Object) -> str | None:
    parts = (text_of(person, "first_name"), text_of(person, "last_name"))
    return " ".join(part for part in parts if part) or None


def _address(address: Object, role: PartyRole, code: str) -> Party:
    name = text_of(address, "name") or _full_name(address)
    company = text_of(address, "company")
    street = (text_of(address, "address1"), text_of(address, "address2"))
    return Party(
        role=role,
        role_code=code,
        name=", ".join(part for part in (company, name) if part) or None,
        street=tuple(part for part in street if part),
        city=text_of(address, "city"),
        region=text_of(address, "province_code") or text_of(address, "province"),
        postal_code=text_of(address, "zip"),
        country=text_of(address, "country_code") or text_of(address, "country"),
        phone=text_of(address, "phone"),
    )

"""Whom and what documents mean by the names they use, as far as names that are known say so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from domain.document_values import LONGEST_CODE, one_line
from domain.documents import (
    DocumentLine,
    Format,
    LineAction,
    Name,
    NameScheme,
    OrderDocument,
    Party,
    PartyRole,
)
from domain.units import unit_of
from store.intake.names import Customers, Items, NamedCustomer, NamedItem, NewCustomer

_BY_ROLE: Final = (PartyRole.SOLD_TO, PartyRole.BILL_TO, PartyRole.SHIP_TO)
CODES: Final = frozenset({NameScheme.SUPPLIER, NameScheme.BUYER, NameScheme.OTHER})
_OF_OURS: Final = frozenset({NameScheme.SUPPLIER, NameScheme.OTHER})
_FOR_PROVISIONAL: Final = (
    NameScheme.SUPPLIER,
    NameScheme.BUYER,
    NameScheme.OTHER,
    NameScheme.GTIN,
    NameScheme.GLN,
    NameScheme.DUNS,
    NameScheme.TAX,
    NameScheme.EMAIL,
)
_GTIN_LENGTHS: Final = (8, 12, 13, 14)


def buyer_of(document: OrderDocument) -> Party | None:
    """Who orders: the partner that the order is sold to, else the one who pays or gets it."""
    for role in _BY_ROLE:
        if (party := document.party(role)) is not None:
            return party
    return None


def find_customer(known: Customers, buyer: Party | None) -> NamedCustomer | None:
    """The customer that a buyer is: by a name given on purpose, by code, by what people say."""
    if buyer is None:
        return None
    for name in buyer.names:
        if (customer := known.by_name.get(name)) is not None:
            return customer
    for name in buyer.names:
        if name.scheme in CODES and (customer := known.by_code.get(name.value)) is not None:
            return customer
    if buyer.name and (customer := known.by_text.get(one_line(buyer.name).lower())) is not None:
        return customer
    # Somebody of whom no document told more than this, and who was made a customer by it.
    code = _customer_code(buyer)
    return known.by_code.get(code) if code else None


def provisional_customer(document: OrderDocument) -> NewCustomer:
    """The customer to be made for a buyer that nobody knows."""
    buyer = buyer_of(document)
    code = _customer_code(buyer) if buyer is not None else ""
    code = code or one_line(document.source, LONGEST_CODE)
    name = one_line(buyer.name) if buyer is not None and buyer.name else code
    return NewCustomer(code=code, name=name or code, names=storable(buyer.names if buyer else ()))


def item_of(
    items: Items, document: OrderDocument, line: DocumentLine, customer_id: int
) -> tuple[NamedItem | None, bool]:
    """The item of a line; one without a usable name goes by its description."""
    item, by_chance = find_item(items, line.names, customer_id)
    if item is None and (known := items.by_code.get(item_code(document, line))) is not None:
        return known, False
    return item, by_chance


def find_item(
    items: Items, line_names: Sequence[Name], customer_id: int | None
) -> tuple[NamedItem | None, bool]:
    """The item that a line names, and whether it is only by chance called as the buyer calls it.

    Names that somebody gave on purpose go before codes, the customer's own before everybody's.
    """
    for name in line_names:
        for whose in (customer_id, None):
            if (item := items.by_name.get((name, whose))) is not None:
                return item, False
    for name in line_names:
        if (item := _by_code(items, name)) is not None:
            return item, False
    for name in line_names:
        if name.scheme is NameScheme.BUYER and (item := items.by_code.get(name.value)) is not None:
            return item, not item.provisional
    return None, False


def _by_code(items: Items, name: Name) -> NamedItem | None:
    """The item that has this code or number."""
    if name.scheme is NameScheme.GTIN:
        spellings = gtin_spellings(name.value)
        return next((items.by_gtin[one] for one in spellings if one in items.by_gtin), None)
    return items.by_code.get(name.value) if name.scheme in _OF_OURS else None


def names_an_item(line: DocumentLine) -> bool:
    """Whether a line has to name an item: a change may go by the line's position alone."""
    return line.action is LineAction.ADD or bool(line.names)


def item_code(document: OrderDocument, line: DocumentLine) -> str:
    """What an item that nobody knows is called here."""
    return (
        _told_code(line.names)
        or one_line(line.description or "", LONGEST_CODE)
        or one_line(f"{document.number} {line.position}", LONGEST_CODE)
    )


def provisional_unit(line: DocumentLine, spoken: Format) -> str:
    """In which unit an item that nobody knows is kept for now."""
    if line.unit is None:
        return "pcs"
    return unit_of(line.unit, spoken) or one_line(line.unit, LONGEST_CODE) or "pcs"


def storable(told: Iterable[Name]) -> tuple[Name, ...]:
    """Those of some names that a row can hold as they are."""
    return tuple(
        name for name in told if name.value and name.value == one_line(name.value, LONGEST_CODE)
    )


def gtin_spellings(value: str) -> tuple[str, ...]:
    """A GTIN as it may be written: zeros before it do not change it."""
    digits = value.strip()
    if not digits.isdecimal() or len(digits) > _GTIN_LENGTHS[-1]:
        return ()
    plain = digits.lstrip("0")
    return tuple(plain.zfill(length) for length in _GTIN_LENGTHS if len(plain) <= length)


def _customer_code(buyer: Party) -> str:
    return _told_code(buyer.names) or one_line(buyer.name or "", LONGEST_CODE)


def _told_code(told: Sequence[Name]) -> str:
    """What somebody or something that nobody knows is called here."""
    for scheme in _FOR_PROVISIONAL:
        for name in told:
            if name.scheme is scheme and (code := one_line(name.value, LONGEST_CODE)):
                return code
    return ""

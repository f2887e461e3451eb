"""ORDRSP, the purchase order response (D.96A): the seller's word on an order and its lines."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from connectors.edifact.codes import (
    AGENCY_CODES,
    ANSWERED_LINES,
    ANSWERED_ORDERS,
    ITEM_CODES,
    ROLE_CODES,
)
from connectors.edifact.partner import Envelope
from connectors.edifact.writing import MEDIA_TYPE, Writer, date_element
from connectors.values import written
from domain.documents import Answer, AnsweredLine, Name, NameScheme, OrderAnswer, Party

_DELIVERY_REQUESTED, _DELIVERY_SCHEDULED, _DOCUMENT, _REFERENCE = "2", "67", "137", "171"
_ORDERED, _TO_BE_DELIVERED = "21", "113"
_TEXT_CHARACTERS = 70
_MOST_TEXTS = 5


def answer_order(answer: OrderAnswer, envelope: Envelope, *, control: int, at: datetime) -> Answer:
    """The ORDRSP to an order.

    Args:
        answer: what is said.
        envelope: of the reading that told the order; it knows the partner.
        control: reference of the interchange.
        at: when it is written.

    Raises:
        LookupError: the order did not stand in that file.
    """
    partner = envelope.sender_of(answer.number)
    writer = Writer(partner, message=("ORDRSP", "D", "96A", "UN"), control=control, at=at)
    writer.add("BGM", "231", answer.our_number, ANSWERED_ORDERS[answer.status])
    writer.add("DTM", date_element(_DOCUMENT, answer.answered_at))
    writer.add("RFF", ("ON", answer.number))
    if answer.issued is not None:
        writer.add("DTM", date_element(_REFERENCE, answer.issued))
    add_parties(writer, answer.parties)
    if answer.currency:
        writer.add("CUX", ("2", answer.currency, "9"))
    for rank, line in enumerate(answer.lines, start=1):
        _line(writer, rank, line, number=answer.number)
    writer.add("UNS", "S")
    writer.add("CNT", ("2", str(len(answer.lines))))
    return Answer(kind="ORDRSP", media_type=MEDIA_TYPE, content=writer.content())


def add_parties(writer: Writer, parties: tuple[Party, ...]) -> None:
    """NAD of the partners whose part in the order EDIFACT has a code for."""
    for party in parties:
        code = ROLE_CODES.get(party.role)
        if code is None or not (party.name or party.names):
            continue
        name = next((name for name in party.names if name.scheme in AGENCY_CODES), None)
        writer.add(
            "NAD",
            code,
            (name.value, None, AGENCY_CODES[name.scheme]) if name is not None else None,
            None,
            (party.name[:35],) if party.name else None,
            tuple(line[:35] for line in party.street[:4]),
            party.city,
            party.region,
            party.postal_code,
            party.country,
        )


def add_item(writer: Writer, names: tuple[Name, ...], description: str | None) -> None:
    """PIA and IMD of a line; its GTIN stands in LIN."""
    others = [name for name in names if name.scheme is not NameScheme.GTIN]
    pairs = [(name.value, ITEM_CODES[name.scheme]) for name in others if name.scheme in ITEM_CODES]
    if pairs:
        writer.add("PIA", "1" if len(others) < len(names) else "5", *pairs[:5])
    if description:
        parts = (description[:35], description[35:70])
        writer.add("IMD", "F", None, (None, None, None, *parts))


def item_number(names: tuple[Name, ...]) -> tuple[str, str] | None:
    """C212 of LIN: the GTIN of an item, if it has one."""
    name = next((name for name in names if name.scheme is NameScheme.GTIN), None)
    return (name.value, ITEM_CODES[name.scheme]) if name is not None else None


def quantity(qualifier: str, value: Decimal, unit: str | None) -> tuple[str, str, str | None]:
    """C186 of QTY."""
    return qualifier, written(value), unit


def line_number(position: str, rank: int) -> str:
    """1082 is a number of up to six digits: the document's own where it is one, else the rank."""
    return position if position.isdigit() and len(position) <= 6 else str(rank)  # noqa: PLR2004


def _price(line: AnsweredLine) -> tuple[str | None, ...]:
    """C509 of PRI; for how many units it is, unless for one."""
    price = written(line.price) if line.price is not None else None
    if line.price_basis == 1:
        return "AAA", price
    return "AAA", price, None, None, written(line.price_basis), line.unit


def _line(writer: Writer, rank: int, line: AnsweredLine, *, number: str) -> None:
    writer.add(
        "LIN",
        line_number(line.position, rank),
        ANSWERED_LINES[line.status],
        item_number(line.names),
    )
    add_item(writer, line.names, line.description)
    writer.add("QTY", quantity(_ORDERED, line.quantity, line.unit))
    writer.add("QTY", quantity(_TO_BE_DELIVERED, line.confirmed_quantity, line.unit))
    if line.due is not None:
        writer.add("DTM", date_element(_DELIVERY_REQUESTED, line.due))
    if line.confirmed_due is not None:
        writer.add("DTM", date_element(_DELIVERY_SCHEDULED, line.confirmed_due))
    if line.reason:
        texts = [
            line.reason[at : at + _TEXT_CHARACTERS]
            for at in range(0, len(line.reason), _TEXT_CHARACTERS)
        ]
        writer.add("FTX", "AAI", None, None, texts[:_MOST_TEXTS])
    if line.price is not None:
        writer.add("PRI", _price(line))
    writer.add("RFF", ("ON", number, line.position))

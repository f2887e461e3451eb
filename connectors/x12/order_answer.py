"""855, the purchase order acknowledgement: what the seller says to an order and to its lines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from connectors.values import written
from connectors.x12.codes import ITEM_CODES, NAME_CODES, PRICE_PER, ROLE_CODES
from connectors.x12.partner import Envelope
from connectors.x12.writing import MEDIA_TYPE, Writer
from domain.documents import Answer, AnsweredLine, AnswerStatus, Name, OrderAnswer, Party

_ACKNOWLEDGES_WITH = {
    # 587, acknowledgement type: with detail and no change, with detail and change, rejected
    AnswerStatus.ACCEPTED: "AD",
    AnswerStatus.CHANGED: "AC",
    AnswerStatus.REJECTED: "RD",
}
_ORIGINAL, _REPLACES = "00", "05"
"""353, transaction set purpose."""
_SCHEDULED_DELIVERY = "067"
_REASON_CHARACTERS = 264


def answer_order(answer: OrderAnswer, envelope: Envelope, *, control: int, at: datetime) -> Answer:
    """The 855 to an order.

    Args:
        answer: what is said.
        envelope: of the reading that told the order; it knows the partner.
        control: ISA13.
        at: when it is written.

    Raises:
        LookupError: the order did not stand in that file.
    """
    partner, one = envelope.sender_of(answer.number)
    writer = Writer(partner, functional="PR", control=control, at=at)
    writer.begin("855")
    issued = answer.issued if answer.issued is not None else answer.answered_at
    writer.add(
        "BAK",
        _REPLACES if answer.replaces else _ORIGINAL,
        _ACKNOWLEDGES_WITH[answer.status],
        one.purchase_order,
        writer.day(issued),
        one.release_number,
        None,
        None,
        answer.our_number,
        writer.day(answer.answered_at),
    )
    if answer.currency:
        writer.add("CUR", "SE", answer.currency)
    add_parties(writer, answer.parties)
    count = 0
    for position, parts in _by_position(answer.lines):
        count += 1
        _line(writer, position, parts)
    writer.add("CTT", str(count))
    writer.end()
    return Answer(kind="855", media_type=MEDIA_TYPE, content=writer.content())


def add_parties(writer: Writer, parties: tuple[Party, ...]) -> None:
    """N1 loops of the partners whose part in the order X12 has a code for."""
    for party in parties:
        code = ROLE_CODES.get(party.role)
        if code is None or not (party.name or party.names):
            continue
        name = next((name for name in party.names if name.scheme in NAME_CODES), None)
        if name is not None:
            writer.add("N1", code, party.name, NAME_CODES[name.scheme], name.value)
        elif party.name:
            writer.add("N1", code, party.name)
        else:
            continue
        for at in range(0, len(party.street), 2):
            writer.add("N3", *party.street[at : at + 2])
        if party.city or party.postal_code or party.country:
            writer.add("N4", party.city, party.region, party.postal_code, party.country)


def item_pairs(names: tuple[Name, ...]) -> list[str]:
    """Qualifiers and identifiers of an item, each qualifier once."""
    pairs: dict[str, str] = {}
    for name in names:
        if name.scheme in ITEM_CODES:
            pairs.setdefault(ITEM_CODES[name.scheme], name.value)
    return [part for pair in pairs.items() for part in pair]


def base_position(position: str) -> str:
    """A line's number in the document: schedules of `1` are called `1/1`, `1/2` here."""
    base, slash, rank = position.rpartition("/")
    return base if slash and base and rank.isdigit() else position


def _by_position(lines: tuple[AnsweredLine, ...]) -> Iterator[tuple[str, list[AnsweredLine]]]:
    """Schedules of one line together: one PO1 with an ACK for each."""
    told: dict[str, list[AnsweredLine]] = {}
    for line in lines:
        told.setdefault(base_position(line.position), []).append(line)
    yield from told.items()


def _line(writer: Writer, position: str, parts: list[AnsweredLine]) -> None:
    first = parts[0]
    quantity = sum((part.quantity for part in parts), Decimal(0))
    writer.add(
        "PO1",
        position,
        written(quantity),
        first.unit or "EA",
        *_price(first),
        *item_pairs(first.names),
    )
    if first.description:
        writer.add("PID", "F", None, None, None, first.description[:80])
    for part in parts:
        _acknowledged(writer, part)
    reasons = list(dict.fromkeys(part.reason for part in parts if part.reason))
    if reasons:
        writer.add("N9", "L1", position)
        for reason in reasons:
            writer.add("MSG", reason[:_REASON_CHARACTERS])


def _price(line: AnsweredLine) -> tuple[str | None, str | None]:
    """PO104 and PO105: a price and how many units it is for; what cannot be said is left out."""
    if line.price is None or line.price_basis == 1:
        return (None if line.price is None else written(line.price)), None
    code = next((code for code, per in PRICE_PER.items() if per == line.price_basis), None)
    if code is not None:
        return written(line.price), code
    each = line.price / line.price_basis
    return (written(each) if each * line.price_basis == line.price else None), None


def _acknowledged(writer: Writer, line: AnsweredLine) -> None:
    due = line.confirmed_due if line.confirmed_due is not None else line.due
    rejected = line.status is AnswerStatus.REJECTED
    dated = due is not None and not rejected and line.confirmed_quantity > 0
    writer.add(
        "ACK",
        status_code(line),
        written(line.quantity if rejected else line.confirmed_quantity),
        line.unit or "EA",
        _SCHEDULED_DELIVERY if dated else None,
        writer.day(due) if due is not None and dated else None,
    )


def status_code(line: AnsweredLine) -> str:
    """668, line item status: what became of a line."""
    if line.status is AnswerStatus.REJECTED:
        return "IR"
    if line.status is AnswerStatus.ACCEPTED:
        return "IA"
    if line.confirmed_quantity == 0:
        return "ID"
    other_quantity = line.confirmed_quantity != line.quantity
    other_date = line.confirmed_due is not None and line.confirmed_due != line.due
    if other_quantity and not other_date:
        return "IQ"
    if other_date and not other_quantity:
        return "DR"
    return "IC"

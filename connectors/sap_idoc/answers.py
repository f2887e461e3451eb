"""What the seller says to an order: ORDRSP in the basic type ORDERS05."""

from __future__ import annotations

from datetime import UTC, tzinfo
from decimal import Decimal
from xml.etree.ElementTree import Element

from connectors.sap_idoc.envelope import Control
from connectors.sap_idoc.segments import (
    CUSTOMERS_ORDER,
    ITEM_CANCELLED,
    ITEM_CHANGED,
    ITEM_NOT_CHANGED,
    ITEM_SCHEMES,
    SUPPLIERS_ORDER,
    TOTAL_ITEMS,
)
from connectors.sap_idoc.writing import (
    MEDIA_TYPE,
    clock,
    cut,
    day,
    idoc,
    local,
    quantity,
    segment,
    serialised,
)
from connectors.values import written
from domain.documents import (
    Answer,
    AnsweredLine,
    AnswerStatus,
    NameScheme,
    OrderAnswer,
    Party,
    PartyRole,
)

_ACTIONS = {
    AnswerStatus.ACCEPTED: ITEM_NOT_CHANGED,
    AnswerStatus.CHANGED: ITEM_CHANGED,
    AnswerStatus.REJECTED: ITEM_CANCELLED,
}
PARTNERS = {
    PartyRole.SOLD_TO: "AG",
    PartyRole.SHIP_TO: "WE",
    PartyRole.BILL_TO: "RE",
    PartyRole.SUPPLIER: "LF",
}
QUALIFIERS = {scheme: code for code, scheme in ITEM_SCHEMES.items()}


def order_response(answer: OrderAnswer, control: Control, *, zone: tzinfo = UTC) -> Answer:
    """The confirmation of an order.

    A line's quantity as ordered stands in MENGE, what is confirmed and for when in E1EDP20; a line
    that is refused has action 003 and nothing confirmed.

    Args:
        answer: what is said.
        control: the control record of the order (`Envelope.control_of`).
        zone: of the receiver's dates and times.
    """
    root, order = idoc("ORDERS05", "ORDRSP", control, answer.answered_at.astimezone(zone))
    segment(order, "E1EDK01", CURCY=answer.currency, BELNR=cut(answer.our_number, 35))
    answered = local(answer.answered_at, zone)
    segment(order, "E1EDK03", IDDAT="012", DATUM=day(answered), UZEIT=clock(answered))
    for party in answer.parties:
        _partner(order, party)
    segment(
        order,
        "E1EDK02",
        QUALF=CUSTOMERS_ORDER,
        BELNR=cut(answer.number, 35),
        DATUM=day(answer.issued),
    )
    segment(order, "E1EDK02", QUALF=SUPPLIERS_ORDER, BELNR=cut(answer.our_number, 35))
    items: dict[str, list[AnsweredLine]] = {}
    for line in answer.lines:
        items.setdefault(base(line.position), []).append(line)
    for position, parts in items.items():
        _item(order, position, parts, answer.number, zone)
    segment(order, "E1EDS01", SUMID=TOTAL_ITEMS, SUMME=str(len(items)))
    return Answer(kind="ORDRSP", media_type=MEDIA_TYPE, content=serialised(root))


def _partner(order: Element, party: Party) -> None:
    by_scheme = {name.scheme: name.value for name in reversed(party.names)}
    segment(
        order,
        "E1EDKA1",
        PARVW=PARTNERS.get(party.role) or cut(party.role_code, 3),
        PARTN=cut(by_scheme.get(NameScheme.SUPPLIER), 17),
        LIFNR=cut(by_scheme.get(NameScheme.BUYER), 17),
        NAME1=cut(party.name, 35),
        STRAS=cut(party.street[0] if party.street else None, 35),
        STRS2=cut(party.street[1] if len(party.street) > 1 else None, 35),
        ORT01=cut(party.city, 35),
        PSTLZ=cut(party.postal_code, 9),
        LAND1=cut(party.country, 3),
        TELF1=cut(party.phone, 25),
        REGIO=cut(party.region, 3),
        ILNNR=cut(by_scheme.get(NameScheme.GLN), 70),
    )


def base(position: str) -> str:
    """The item that a line is a schedule line of: `000010` for `000010/2`."""
    item, slash, rank = position.rpartition("/")
    return item if slash and item and rank.isdigit() else position


def _status(parts: list[AnsweredLine]) -> AnswerStatus:
    """What is said of an item by what is said of its schedule lines."""
    said = {part.status for part in parts}
    return said.pop() if len(said) == 1 else AnswerStatus.CHANGED


def _item(
    order: Element, position: str, parts: list[AnsweredLine], number: str, zone: tzinfo
) -> None:
    line = parts[0]
    status = _status(parts)
    item = segment(
        order,
        "E1EDP01",
        POSEX=cut(position, 6),
        ACTION=_ACTIONS[status],
        MENGE=quantity(sum((part.quantity for part in parts), Decimal(0))),
        MENEE=cut(line.unit, 3),
        VPREI=written(line.price) if line.price is not None else None,
        PEINH=written(line.price_basis) if line.price is not None else None,
        ABGRT=cut(line.reason, 40) if status is AnswerStatus.REJECTED else None,
    )
    segment(item, "E1EDP02", QUALF=CUSTOMERS_ORDER, BELNR=cut(number, 35), ZEILE=cut(position, 6))
    for part in parts:
        confirmed = local(part.confirmed_due or part.due, zone)
        segment(
            item,
            "E1EDP20",
            WMENG=quantity(part.confirmed_quantity),
            EDATU=day(confirmed),
            EZEIT=clock(confirmed),
        )
    for name in line.names:
        if name.scheme in QUALIFIERS:
            segment(
                item,
                "E1EDP19",
                QUALF=QUALIFIERS[name.scheme],
                IDTNR=cut(name.value, 35),
                KTEXT=cut(line.description, 70),
            )
    for reason in dict.fromkeys(part.reason for part in parts if part.reason):
        text = segment(item, "E1EDPT1", TDID="0001")
        for start in range(0, min(len(reason), 700), 70):
            segment(
                text,
                "E1EDPT2",
                TDLINE=reason[start : start + 70],
                TDFORMAT="*" if start == 0 else "=",
            )

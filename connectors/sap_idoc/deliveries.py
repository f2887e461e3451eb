"""Goods that have left: DESADV in the basic type DELVRY05."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from xml.etree.ElementTree import Element

from connectors.sap_idoc.answers import PARTNERS, base
from connectors.sap_idoc.envelope import Control
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
from domain.documents import Answer, Name, NameScheme, Party, ShipNotice, ShippedLine

_GOODS_ISSUE = "006"
_DELIVERY = "007"
"""E1EDT13-QUALF."""


def ship_notice(notice: ShipNotice, control: Control, *, zone: tzinfo = UTC) -> Answer:
    """The advice of a shipment.

    Lots stand in CHARG where a line has one, and as texts (E1TXTH9) where it has several, since how
    much is of which lot is not said.

    Args:
        notice: what was shipped.
        control: the control record of the order (`Envelope.control_of`).
        zone: of the receiver's dates and times.
    """
    root, document = idoc("DELVRY05", "DESADV", control, notice.shipped_at.astimezone(zone))
    delivery = segment(
        document,
        "E1EDL20",
        VBELN=cut(notice.shipment, 10),
        LIFEX=cut(notice.shipment, 35),
        BOLNR=cut(notice.tracking_number, 35),
    )
    for party in notice.parties:
        _address(delivery, party)
    if notice.carrier:
        segment(delivery, "E1ADRM1", PARTNER_Q="SP", NAME1=cut(notice.carrier, 40))
    _deadline(delivery, _GOODS_ISSUE, notice.shipped_at, zone)
    if notice.expected_at is not None:
        _deadline(delivery, _DELIVERY, notice.expected_at, zone)
    for place, line in enumerate(notice.lines, start=1):
        _item(delivery, line, notice, place)
    return Answer(kind="DESADV", media_type=MEDIA_TYPE, content=serialised(root))


def _address(delivery: Element, party: Party) -> None:
    by_scheme = {name.scheme: name.value for name in reversed(party.names)}
    known = by_scheme.get(NameScheme.SUPPLIER) or by_scheme.get(NameScheme.BUYER)
    segment(
        delivery,
        "E1ADRM1",
        PARTNER_Q=PARTNERS.get(party.role) or cut(party.role_code, 3),
        PARTNER_ID=cut(known or by_scheme.get(NameScheme.GLN), 17),
        NAME1=cut(party.name, 40),
        STREET1=cut(party.street[0] if party.street else None, 40),
        POSTL_COD1=cut(party.postal_code, 10),
        CITY1=cut(party.city, 40),
        TELEPHONE1=cut(party.phone, 30),
        COUNTRY1=cut(party.country, 3),
        REGION=cut(party.region, 3),
    )


def _deadline(delivery: Element, code: str, at: datetime, zone: tzinfo) -> None:
    """When: planned (NTANF) for what is to come, actual as well (ISDD) for what has happened."""
    moment = local(at, zone)
    happened = code == _GOODS_ISSUE
    segment(
        delivery,
        "E1EDT13",
        QUALF=code,
        NTANF=day(moment),
        NTANZ=clock(moment),
        NTEND=day(moment),
        NTENZ=clock(moment),
        ISDD=day(moment) if happened else None,
        ISDZ=clock(moment) if happened else None,
        IEDD=day(moment) if happened else None,
        IEDZ=clock(moment) if happened else None,
    )


def _value(names: tuple[Name, ...], scheme: NameScheme) -> str | None:
    return next((name.value for name in names if name.scheme is scheme), None)


def _item(delivery: Element, line: ShippedLine, notice: ShipNotice, place: int) -> None:
    item = segment(
        delivery,
        "E1EDL24",
        POSNR=f"{place:06d}",
        MATNR=cut(_value(line.names, NameScheme.SUPPLIER), 18),
        ARKTX=cut(line.description, 40),
        KDMAT=cut(_value(line.names, NameScheme.BUYER), 35),
        CHARG=cut(line.lots[0], 10) if len(line.lots) == 1 else None,
        LFIMG=quantity(line.quantity),
        VRKME=cut(line.unit, 3),
        EAN11=cut(_value(line.names, NameScheme.GTIN), 18),
    )
    segment(item, "E1EDL43", QUALF="C", BELNR=cut(notice.our_number, 35))
    segment(
        item,
        "E1EDL41",
        QUALI="001",
        BSTNR=cut(notice.number, 35),
        POSEX=cut(base(line.position), 6),
    )
    if len(line.lots) > 1:
        text = segment(item, "E1TXTH9", FUNCTION="009", TDOBJECT="VBBP", TDID="0001")
        for lot in line.lots:
            segment(text, "E1TXTP9", TDFORMAT="*", TDLINE=cut(f"LOT {lot}", 132))

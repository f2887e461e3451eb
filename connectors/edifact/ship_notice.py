"""DESADV, the despatch advice (D.96A): goods that have left."""

from __future__ import annotations

from datetime import datetime

from connectors.edifact.order_answer import (
    add_item,
    add_parties,
    item_number,
    line_number,
    quantity,
)
from connectors.edifact.partner import Envelope
from connectors.edifact.writing import MEDIA_TYPE, Writer, date_element
from domain.documents import Answer, ShipNotice

_DOCUMENT, _DESPATCHED, _EXPECTED = "137", "11", "17"
_SENT, _ORDERED = "12", "21"
_ORIGINAL, _REPLACES = "9", "5"


def ship_notice(notice: ShipNotice, envelope: Envelope, *, control: int, at: datetime) -> Answer:
    """The DESADV of a shipment.

    Args:
        notice: what has left.
        envelope: of the reading that told the order; it knows the partner.
        control: reference of the interchange.
        at: when it is written.

    Raises:
        LookupError: the order did not stand in that file.
    """
    partner = envelope.sender_of(notice.number)
    writer = Writer(partner, message=("DESADV", "D", "96A", "UN"), control=control, at=at)
    writer.add("BGM", "351", notice.shipment, _REPLACES if notice.replaces else _ORIGINAL)
    writer.add("DTM", date_element(_DOCUMENT, at))
    writer.add("DTM", date_element(_DESPATCHED, notice.shipped_at))
    if notice.expected_at is not None:
        writer.add("DTM", date_element(_EXPECTED, notice.expected_at))
    writer.add("RFF", ("ON", notice.number))
    writer.add("RFF", ("VN", notice.our_number))
    if notice.tracking_number:
        writer.add("RFF", ("CN", notice.tracking_number))
    add_parties(writer, notice.parties)
    if notice.carrier:
        writer.add("TDT", "20", None, None, None, (None, None, None, notice.carrier[:35]))
    writer.add("CPS", "1")
    for rank, line in enumerate(notice.lines, start=1):
        writer.add("LIN", line_number(line.position, rank), None, item_number(line.names))
        add_item(writer, line.names, line.description)
        writer.add("QTY", quantity(_SENT, line.quantity, line.unit))
        if line.ordered_quantity is not None:
            writer.add("QTY", quantity(_ORDERED, line.ordered_quantity, line.unit))
        for at_lot in range(0, len(line.lots), 5):
            lots = line.lots[at_lot : at_lot + 5]
            writer.add("GIN", "BX", *lots)
        writer.add("RFF", ("ON", notice.number, line.position))
    writer.add("CNT", ("2", str(len(notice.lines))))
    return Answer(kind="DESADV", media_type=MEDIA_TYPE, content=writer.content())

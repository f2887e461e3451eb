"""856, the ship notice: shipment, order, items (hierarchy 0004)."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.values import written
from connectors.x12.order_answer import add_parties, base_position, item_pairs
from connectors.x12.partner import Envelope
from connectors.x12.writing import MEDIA_TYPE, Writer, due_elements
from domain.documents import Answer, ShipNotice, ShippedLine

_SHIPMENT_ORDER_ITEM = "0004"
_SHIPPED, _EXPECTED = "011", "017"
_ORIGINAL, _REPLACES = "00", "05"


def ship_notice(notice: ShipNotice, envelope: Envelope, *, control: int, at: datetime) -> Answer:
    """The 856 of a shipment.

    Args:
        notice: what has left.
        envelope: of the reading that told the order; it knows the partner.
        control: ISA13.
        at: when it is written.

    Raises:
        LookupError: the order did not stand in that file.
    """
    partner, one = envelope.sender_of(notice.number)
    writer = Writer(partner, functional="SH", control=control, at=at)
    shipped = notice.shipped_at.astimezone(UTC)
    writer.begin("856")
    writer.add(
        "BSN",
        _REPLACES if notice.replaces else _ORIGINAL,
        notice.shipment,
        writer.day(at.astimezone(UTC)),
        at.astimezone(UTC).strftime("%H%M"),
        _SHIPMENT_ORDER_ITEM,
    )
    children = "1" if notice.lines else "0"
    writer.add("HL", "1", None, "S", "1")
    if notice.carrier:
        writer.add("TD5", None, None, None, None, notice.carrier[:35])
    if notice.tracking_number:
        writer.add("REF", "CN", notice.tracking_number)
    writer.add("DTM", _SHIPPED, *due_elements(writer, shipped), "UT")
    if notice.expected_at is not None:
        writer.add("DTM", _EXPECTED, *due_elements(writer, notice.expected_at), "UT")
    add_parties(writer, notice.parties)
    writer.add("HL", "2", "1", "O", children)
    writer.add("PRF", one.purchase_order, one.release_number)
    writer.add("REF", "VN", notice.our_number)
    for rank, line in enumerate(notice.lines, start=3):
        _item(writer, rank, line)
    writer.add("CTT", str(len(notice.lines) + 2))
    writer.end()
    return Answer(kind="856", media_type=MEDIA_TYPE, content=writer.content())


def _item(writer: Writer, rank: int, line: ShippedLine) -> None:
    writer.add("HL", str(rank), "2", "I", "0")
    pairs = item_pairs(line.names)
    if pairs:
        writer.add("LIN", base_position(line.position), *pairs)
    ordered = line.ordered_quantity
    writer.add(
        "SN1",
        base_position(line.position),
        written(line.quantity),
        line.unit or "EA",
        None,
        written(ordered) if ordered is not None else None,
        (line.unit or "EA") if ordered is not None else None,
    )
    if line.description:
        writer.add("PID", "F", None, None, None, line.description[:80])
    for lot in line.lots:
        writer.add("REF", "LT", lot)

"""IDocs as XML: segments with fields, and a control record that sends an answer back."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from decimal import Decimal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from connectors.sap_idoc.envelope import Control
from connectors.values import written
from domain.documents import Due

MEDIA_TYPE = "application/xml"

_ILLEGAL = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def segment(parent: Element, tag: str, **fields: str | None) -> Element:
    """Append a segment with the fields that say something."""
    element = SubElement(parent, tag, SEGMENT="1")
    for name, value in fields.items():
        if value:
            SubElement(element, name).text = _ILLEGAL.sub(" ", value)
    return element


def idoc(
    basic_type: str, message_type: str, control: Control, sent_at: datetime
) -> tuple[Element, Element]:
    """A document with one IDoc that goes back to whom `control` came from, and that IDoc.

    DOCNUM and DOCREL stay empty: SAP numbers what comes in. DIRECT 2 is inbound, as SAP sees it.
    """
    root = Element(basic_type)
    element = SubElement(root, "IDOC", BEGIN="1")
    segment(
        element,
        "EDI_DC40",
        TABNAM="EDI_DC40",
        DIRECT="2",
        IDOCTYP=basic_type,
        MESTYP=message_type,
        SNDPOR=control.receiver_port,
        SNDPRT=control.receiver_type,
        SNDPRN=control.receiver,
        RCVPOR=control.sender_port,
        RCVPRT=control.sender_type,
        RCVPRN=control.sender,
        CREDAT=day(sent_at),
        CRETIM=clock(sent_at),
    )
    return root, element


def serialised(root: Element) -> bytes:
    """The document in UTF-8."""
    indent(root)
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def cut(text: str | None, length: int) -> str | None:
    """A text that fits its field."""
    return text[:length] if text else None


def day(value: Due | None) -> str | None:
    """YYYYMMDD."""
    return value.strftime("%Y%m%d") if value is not None else None


def clock(value: Due | None) -> str | None:
    """HHMMSS; None: it is a day as a whole."""
    return value.strftime("%H%M%S") if isinstance(value, datetime) else None


def local(value: Due | None, zone: tzinfo) -> Due | None:
    """A moment in the zone that the receiver reads its times in; a day stays what it is."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(zone)
    return value


def quantity(value: Decimal) -> str:
    """A quantity with the three decimals that SAP's fields have, or more if it has more."""
    text = written(value)
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(3, '0')}"

"""The segments and fields of ORDERS01–05 and ORDCHG that have a meaning here, and their codes.

Names and code lists are those of SAP's documentation of the basic type ORDERS05 (transaction WE60).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import msgspec

from domain.documents import NameScheme, PartyRole


class SegmentType(msgspec.Struct, frozen=True):
    """How a segment occurs."""

    repeats: bool = True


SEGMENTS: Final = MappingProxyType(
    {
        "EDI_DC40": SegmentType(repeats=False),
        "E1EDK01": SegmentType(repeats=False),
        "E1EDK02": SegmentType(),
        "E1EDK03": SegmentType(),
        "E1EDK14": SegmentType(),
        "E1EDKA1": SegmentType(),
        "E1EDKT1": SegmentType(),
        "E1EDKT2": SegmentType(),
        "E1EDP01": SegmentType(),
        "E1EDP03": SegmentType(),
        "E1EDP19": SegmentType(),
        "E1EDP20": SegmentType(),
        "E1EDPA1": SegmentType(),
        "E1EDPT1": SegmentType(),
        "E1EDPT2": SegmentType(),
        "E1EDS01": SegmentType(),
    }
)

NO_MEANING_HERE: Final = frozenset(
    {
        "E1EDK05", "E1EDK04", "E1EDK17", "E1EDK18", "E1EDK35", "E1EDK36", "E1EDKA3", "E1CUCFG",
        "E1CUINS", "E1CUPRT", "E1CUVAL", "E1CUBLB", "E1CUREF", "E1ADDI1", "E1EDP02", "E1EDP04",
        "E1EDP05", "E1EDPS5", "E1EDPA3", "E1EDPAD", "E1TXTH1", "E1TXTP1", "E1EDP17", "E1EDP18",
        "E1EDP35", "E1EDC01", "E1EDC02", "E1EDC03", "E1EDC04", "E1EDC05", "E1EDC06", "E1EDC07",
        "E1EDCA1", "E1EDC19", "E1EDC17", "E1EDC18", "E1EDCT1", "E1EDCT2",
    }
)  # fmt: skip
"""Segments of the standard that orders do without: prices' conditions, taxes, terms, services."""

FIELDS: Final = frozenset(
    {
        # EDI_DC40
        "DOCNUM", "IDOCTYP", "CIMTYP", "MESTYP", "TEST", "SNDPOR", "SNDPRT", "SNDPRN", "RCVPOR",
        "RCVPRT", "RCVPRN", "CREDAT", "CRETIM",
        # E1EDK01, E1EDK02, E1EDK03, E1EDK14, E1EDS01
        "ACTION", "CURCY", "BELNR", "KUNDEUINR", "QUALF", "DATUM", "UZEIT", "IDDAT", "ORGID",
        "SUMID", "SUMME",
        # E1EDKA1, E1EDPA1
        "PARVW", "PARTN", "LIFNR", "ILNNR", "NAME1", "NAME2", "NAME3", "NAME4", "STRAS", "STRS2",
        "ORT01", "ORT02", "PSTLZ", "LAND1", "REGIO", "TELF1",
        # E1EDP01, E1EDP19, E1EDP20
        "POSEX", "MENGE", "MENEE", "PMENE", "VPREI", "PEINH", "NETWR", "MATNR", "ABGRU", "IDTNR",
        "IDTNR_LONG", "IDTNR_EXTERNAL", "KTEXT", "ARKTX", "WMENG", "EDATU", "EZEIT",
        # E1EDKT1, E1EDPT1, E1EDKT2, E1EDPT2
        "TDID", "TDLINE", "TDFORMAT",
    }
)  # fmt: skip

WORDS: Final = frozenset(
    {"NAME1", "NAME2", "NAME3", "NAME4", "STRAS", "STRS2", "ORT01", "ORT02", "KTEXT", "ARKTX",
     "TDLINE"}
)  # fmt: skip
"""Fields for people; all others are codes, numbers and dates."""

REVERSED: Final = "001"
"""E1EDK01-ACTION: reverse the entire document."""

ITEM_ADDED: Final = "001"
ITEM_CHANGED: Final = "002"
ITEM_CANCELLED: Final = "003"
ITEM_NOT_CHANGED: Final = "004"
ITEM_LOCKED: Final = "005"

ROLES: Final = MappingProxyType(
    {
        "AG": PartyRole.SOLD_TO,
        "WE": PartyRole.SHIP_TO,
        "RE": PartyRole.BILL_TO,
        "LF": PartyRole.SUPPLIER,
    }
)

ITEM_SCHEMES: Final = MappingProxyType(
    {
        "002": NameScheme.SUPPLIER,
        "003": NameScheme.GTIN,
        "001": NameScheme.BUYER,
    }
)
"""E1EDP19-QUALF, the most telling first, as SAP's own inbound processing goes through them."""

DOCUMENT_DATES: Final = ("012", "022", "029")
"""E1EDK03-IDDAT: document date, purchase order date, order date."""
REQUESTED_DELIVERY: Final = "002"

CUSTOMERS_ORDER: Final = "001"
SUPPLIERS_ORDER: Final = "002"
"""E1EDK02-QUALF."""

TOTAL_ITEMS: Final = "001"
TOTAL_NET: Final = "002"
TOTAL_QUANTITY: Final = "004"
"""E1EDS01-SUMID."""

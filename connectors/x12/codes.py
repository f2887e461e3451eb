"""What codes of X12 mean here. Numbers in comments are those of the data elements."""

from __future__ import annotations

from datetime import timedelta

from domain.documents import NameScheme, PartyRole

NEW_ORDER = frozenset({"00", "02", "06", "07", "18", "22"})
"""353, transaction set purposes that tell an order for the first time, or the same one again."""

CANCELLATION, CHANGE, REPLACEMENT = "01", "04", "05"

ROLES: dict[str, PartyRole] = {
    # 98, entity identifier
    "BY": PartyRole.SOLD_TO,
    "OB": PartyRole.SOLD_TO,
    "SO": PartyRole.SOLD_TO,
    "ST": PartyRole.SHIP_TO,
    "CN": PartyRole.SHIP_TO,
    "UC": PartyRole.SHIP_TO,
    "BS": PartyRole.SHIP_TO,
    "BT": PartyRole.BILL_TO,
    "PR": PartyRole.BILL_TO,
    "SE": PartyRole.SUPPLIER,
    "SU": PartyRole.SUPPLIER,
    "VN": PartyRole.SUPPLIER,
}

PARTNER_NAMES: dict[str, NameScheme] = {
    # 66, identification code qualifier
    "1": NameScheme.DUNS,
    "9": NameScheme.DUNS,
    "UL": NameScheme.GLN,
    "91": NameScheme.SUPPLIER,
    "92": NameScheme.BUYER,
    "24": NameScheme.TAX,
    "FI": NameScheme.TAX,
}

INTERCHANGE_NAMES: dict[str, NameScheme] = {
    # I05, interchange identity qualifier
    "01": NameScheme.DUNS,
    "14": NameScheme.DUNS,
    "07": NameScheme.GLN,
    "30": NameScheme.TAX,
    "32": NameScheme.TAX,
}

ITEM_NAMES: dict[str, NameScheme] = {
    # 235, product identity qualifier; colours, sizes and the like name no item
    "VN": NameScheme.SUPPLIER,
    "VP": NameScheme.SUPPLIER,
    "VC": NameScheme.SUPPLIER,
    "VA": NameScheme.SUPPLIER,
    "BP": NameScheme.BUYER,
    "IN": NameScheme.BUYER,
    "PI": NameScheme.BUYER,
    "CB": NameScheme.BUYER,
    "SK": NameScheme.BUYER,
    "UP": NameScheme.GTIN,
    "EN": NameScheme.GTIN,
    "EO": NameScheme.GTIN,
    "UK": NameScheme.GTIN,
    "UA": NameScheme.GTIN,
    "UI": NameScheme.GTIN,
    "MG": NameScheme.OTHER,
    "MN": NameScheme.OTHER,
    "PN": NameScheme.OTHER,
    "ST": NameScheme.OTHER,
    "SM": NameScheme.OTHER,
    "PW": NameScheme.OTHER,
    "ZZ": NameScheme.OTHER,
}

DUE = ("002", "074", "106", "071", "067", "069", "063", "010", "068", "079", "118", "038")
"""374: when the customer wants it, the most telling first; delivery before shipment.

Requested delivery, requested not after, required by, requested in the week of, scheduled delivery,
promised delivery, not after; requested shipment, scheduled shipment, promised shipment, requested
pick-up, shipment not after.
"""

PRICE_PER = (
    # 639, basis of unit price: how many units, or which unit, a price is for
    {"PN": 10}
    | dict.fromkeys(("PD", "LD", "RD", "TD", "WD"), 12)
    | dict.fromkeys(("HP", "LC", "QH", "RC", "TC", "WC"), 100)
    | dict.fromkeys(("TP", "LM", "QS", "RM", "TM", "WM"), 1_000)
    | {"TT": 10_000, "HT": 100_000}
)

PRICE_UNITS: dict[str, frozenset[str]] = {
    # 639: prices for a unit of their own, with that unit's codes (355)
    "PP": frozenset({"LB"}),
    "PK": frozenset({"KG"}),
    "PG": frozenset({"GR"}),
    "PL": frozenset({"LT"}),
    "ML": frozenset({"ML"}),
    "PO": frozenset({"OZ"}),
    "PY": frozenset({"YD"}),
    "PF": frozenset({"FT", "LF"}),
    "P7": frozenset({"MR"}),
}

NO_PRICE = frozenset({"NQ", "TB"})
"""639: no quote, to be negotiated."""

ADDED = frozenset({"AI"})
REMOVED = frozenset({"DI"})
UNCHANGED = frozenset({"NC"})
CHANGED = frozenset(
    {"CA", "CE", "CT", "PC", "PQ", "PR", "QD", "QI", "QC", "RA", "RB", "RE", "RM", "RQ", "RS", "RZ"}
)
"""670, line item change; `POC03` is the quantity after the change, also with QI and QD."""

OFFSETS: dict[str, timedelta] = {
    # 623, time codes that mean one offset from UTC
    "UT": timedelta(0),
    "GM": timedelta(0),
    "ES": timedelta(hours=-5),
    "ED": timedelta(hours=-4),
    "CS": timedelta(hours=-6),
    "CD": timedelta(hours=-5),
    "MS": timedelta(hours=-7),
    "MD": timedelta(hours=-6),
    "PS": timedelta(hours=-8),
    "PD": timedelta(hours=-7),
}

ROLE_CODES: dict[PartyRole, str] = {
    PartyRole.SOLD_TO: "BY",
    PartyRole.SHIP_TO: "ST",
    PartyRole.BILL_TO: "BT",
    PartyRole.SUPPLIER: "SE",
}

NAME_CODES: dict[NameScheme, str] = {
    NameScheme.DUNS: "1",
    NameScheme.GLN: "UL",
    NameScheme.SUPPLIER: "91",
    NameScheme.BUYER: "92",
    NameScheme.TAX: "FI",
}

ITEM_CODES: dict[NameScheme, str] = {
    NameScheme.SUPPLIER: "VN",
    NameScheme.BUYER: "BP",
    NameScheme.GTIN: "UK",
    NameScheme.OTHER: "ZZ",
}

REFERENCES: dict[str, tuple[str, ...]] = {
    # which data element stands where, for AK402
    "ST": ("143", "329"),
    "SE": ("96", "329"),
    "BEG": ("353", "92", "324", "328", "373"),
    "BCH": ("353", "92", "324", "328", "327", "373", "326", "367", "127", "373", "373"),
    "CUR": ("98", "100"),
    "DTM": ("374", "373", "337", "623", "1250", "1251"),
    "N1": ("98", "93", "66", "67"),
    "PO1": ("350", "330", "355", "212", "639", *("235", "234") * 10),
    "POC": ("350", "670", "330", "671", "355", "212", "639", *("235", "234") * 10),
    "SCH": ("380", "355", "98", "93", "374", "373", "337", "374", "373", "337"),
    "CTT": ("354", "347"),
}

"""What codes of EDIFACT mean here. Numbers in comments are those of the data elements."""

from __future__ import annotations

from domain.documents import AnswerStatus, LineAction, NameScheme, PartyRole

CANCELLATION = frozenset({"1", "3"})
CHANGE = frozenset({"4", "20", "21", "33", "36"})
REPLACEMENT = frozenset({"5"})
ORIGINAL = frozenset({"", "2", "6", "7", "9", "16", "31", "46", "47"})
"""1225, message function. Without one a message is the original (ORDERS) or a change (ORDCHG)."""

ROLES: dict[str, PartyRole] = {
    # 3035, party qualifier
    "BY": PartyRole.SOLD_TO,
    "OB": PartyRole.SOLD_TO,
    "DP": PartyRole.SHIP_TO,
    "ST": PartyRole.SHIP_TO,
    "CN": PartyRole.SHIP_TO,
    "UC": PartyRole.SHIP_TO,
    "UD": PartyRole.SHIP_TO,
    "IV": PartyRole.BILL_TO,
    "BT": PartyRole.BILL_TO,
    "PR": PartyRole.BILL_TO,
    "SU": PartyRole.SUPPLIER,
    "SE": PartyRole.SUPPLIER,
}

AGENCIES: dict[str, NameScheme] = {
    # 3055, code list responsible agency
    "9": NameScheme.GLN,
    "14": NameScheme.GLN,
    "16": NameScheme.DUNS,
    "91": NameScheme.SUPPLIER,
    "90": NameScheme.SUPPLIER,
    "92": NameScheme.BUYER,
}

INTERCHANGE_NAMES: dict[str, NameScheme] = {
    # 0007, identification code qualifier
    "1": NameScheme.DUNS,
    "14": NameScheme.GLN,
    "16": NameScheme.DUNS,
}

PARTY_REFERENCES: dict[str, NameScheme] = {
    # 1153, behind NAD
    "VA": NameScheme.TAX,
    "FC": NameScheme.TAX,
    "GN": NameScheme.TAX,
    "API": NameScheme.OTHER,
}

ITEM_NAMES: dict[str, NameScheme] = {
    # 7143, item number type
    "EN": NameScheme.GTIN,
    "SRV": NameScheme.GTIN,
    "UP": NameScheme.GTIN,
    "EAN": NameScheme.GTIN,
    "SA": NameScheme.SUPPLIER,
    "VN": NameScheme.SUPPLIER,
    "VP": NameScheme.SUPPLIER,
    "BP": NameScheme.BUYER,
    "IN": NameScheme.BUYER,
    "MF": NameScheme.OTHER,
    "MN": NameScheme.OTHER,
    "MP": NameScheme.OTHER,
    "ZZZ": NameScheme.OTHER,
}

IDENTIFIES = frozenset({"", "1", "5"})
"""4347: additional identification, identification; others name substitutes."""

DUE = ("2", "74", "76", "69", "67", "63", "17", "10", "200", "38", "61")
"""2005: when the customer wants it, the most telling first; delivery before shipment.

Requested delivery, requested not after, scheduled delivery, promised delivery, delivery by the
current schedule, latest delivery, estimated delivery; requested shipment, collection, shipment not
after, cancel if not delivered by.
"""

DOCUMENT_DATES = ("137", "4", "3")

QUANTITIES = ("21", "1", "113", "12", "47")
"""6063: ordered, discrete, to be delivered, despatched, invoiced."""

PRICES = ("AAA", "AAB", "AAE", "INV", "CAL", "AAF", "AAG")
"""5125: net and gross for calculation, information, invoice, calculation."""

LINE_ACTIONS: dict[str, LineAction] = {
    # 1229, action request
    "1": LineAction.ADD,
    "2": LineAction.CANCEL,
    "3": LineAction.CHANGE,
    "4": LineAction.CHANGE,
    "11": LineAction.CHANGE,
}

ANSWERED_LINES: dict[AnswerStatus, str] = {
    AnswerStatus.ACCEPTED: "5",
    AnswerStatus.CHANGED: "6",
    AnswerStatus.REJECTED: "7",
}

ANSWERED_ORDERS: dict[AnswerStatus, str] = {
    # 1225: accepted without amendment, change, not accepted
    AnswerStatus.ACCEPTED: "29",
    AnswerStatus.CHANGED: "4",
    AnswerStatus.REJECTED: "27",
}

ROLE_CODES: dict[PartyRole, str] = {
    PartyRole.SOLD_TO: "BY",
    PartyRole.SHIP_TO: "DP",
    PartyRole.BILL_TO: "IV",
    PartyRole.SUPPLIER: "SU",
}

AGENCY_CODES: dict[NameScheme, str] = {
    NameScheme.GLN: "9",
    NameScheme.DUNS: "16",
    NameScheme.SUPPLIER: "91",
    NameScheme.BUYER: "92",
}

ITEM_CODES: dict[NameScheme, str] = {
    NameScheme.GTIN: "EN",
    NameScheme.SUPPLIER: "SA",
    NameScheme.BUYER: "IN",
    NameScheme.OTHER: "ZZZ",
}

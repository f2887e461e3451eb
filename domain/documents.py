"""Orders as documents tell them, whatever their format: what connectors read and intake decides on.

A connector translates bytes into a `Reading` and knows nothing of this installation: no item, no
customer, no zone. Names, units and dates therefore stand here as the document has them; intake
looks them up. What answers a document (`OrderAnswer`, `ShipNotice`) goes the other way.
"""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

import msgspec


class Format(enum.StrEnum):
    """A document's format, as it stands in `POST /v1/intake/{format}`."""

    SAP_IDOC = "sap-idoc"
    X12 = "x12"
    EDIFACT = "edifact"
    KINGDEE = "kingdee"
    YONYOU = "yonyou"
    SHOPIFY = "shopify"
    CSV = "csv"
    XLSX = "xlsx"


class Severity(enum.StrEnum):
    """What a problem means for the document that has it."""

    ERROR = "error"
    """The document (or, without `document`, all of the bytes) is not taken in."""
    WARNING = "warning"
    """It is taken in, and somebody has to look at it before it is released."""
    NOTE = "note"
    """Said for completeness: an element that has no meaning here was passed over."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a document that is not as it should be.

    Attributes:
        severity: what it means for the document.
        code: a word for programs, `snake_case`, the same for the same fault (`count_wrong`).
        place: where, in the terms of the format: `segment 14 (PO1), element 2, byte 523`,
            `row 7, column "Quantity"`, `/ORDERS05/IDOC/E1EDP01[2]/MENGE`.
        value: what stands there, cut to 200 characters; None when something is missing.
        problem: what is wrong with it and what to do, in words.
        document: the number of the order that has it; None: it concerns the whole file.
    """

    severity: Severity
    code: str
    place: str
    problem: str
    value: str | None = None
    document: str | None = None


class DocumentKind(enum.StrEnum):
    """What a document wants of the order that it names."""

    ORDER = "order"
    CHANGE = "change"
    CANCEL = "cancel"


class LineAction(enum.StrEnum):
    """What a document wants of a line. In a new order every line is added."""

    ADD = "add"
    CHANGE = "change"
    CANCEL = "cancel"


class PartyRole(enum.StrEnum):
    """Who a partner is in the order."""

    SOLD_TO = "sold_to"
    SHIP_TO = "ship_to"
    BILL_TO = "bill_to"
    SUPPLIER = "supplier"
    OTHER = "other"


class NameScheme(enum.StrEnum):
    """Who gave an item or a partner the name that a document calls it by."""

    SUPPLIER = "supplier"
    """Ours: the seller's item or customer code."""
    BUYER = "buyer"
    """The customer's own."""
    GTIN = "gtin"
    """An item by GS1 (EAN, UPC)."""
    GLN = "gln"
    """A partner by GS1."""
    DUNS = "duns"
    TAX = "tax"
    EMAIL = "email"
    OTHER = "other"


class Name(msgspec.Struct, frozen=True):
    """A name together with whose it is."""

    scheme: NameScheme
    value: str


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """A partner as the document has it; `role_code` is the format's own word (`AG`, `BY`, `ST`)."""

    role: PartyRole
    role_code: str
    names: tuple[Name, ...] = ()
    name: str | None = None
    street: tuple[str, ...] = ()
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None
    phone: str | None = None


Due: TypeAlias = date | datetime
"""A day means until the end of that day in the plant's zone; a time without an offset means the
plant's zone; one with an offset means itself."""


class DocumentLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a document. What a change leaves out stays as it is.

    Attributes:
        position: the line's number in the document, as written (`000100001`, `10`, `1`).
        action: what is wanted of the line.
        names: what the item is called, the most telling first.
        description: the item in words.
        quantity: exact; above zero unless the line is cancelled.
        unit: the unit's code as written (`PCE`, `EA`, `ST`, `pcs`); None: the item's own.
        price: for `price_basis` units, in the order's currency.
        price_basis: how many units the price is for.
        due: when the customer wants it; None: the order's.
        place: where the line stands, as in `Problem.place`.
    """

    position: str
    action: LineAction = LineAction.ADD
    names: tuple[Name, ...] = ()
    description: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    price: Decimal | None = None
    price_basis: Decimal = Decimal(1)
    due: Due | None = None
    place: str = ""


class OrderDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An order, a change or a cancellation.

    (`source`, `number`) names the order for good; `version` says which of its documents is newer.

    Attributes:
        kind: what is wanted.
        source: who numbered it: format and sender (`x12:000123456`, `sap-idoc:PRDCLNT100`).
        number: the order's number there (BEG03, BELNR, BGM 1004, FBillNo, `name` of a shop).
        version: rises from document to document of the same order, by what the source itself says
            (a change number, else its own time in epoch milliseconds); 0: the source says nothing.
        message: the document's own identity for answers and duplicates (control numbers, DOCNUM).
        issued: the document's date.
        parties: partners; the customer is the sold-to, else the buyer that the connector made it.
        currency: ISO 4217.
        customer_reference: the customer's own number of the order, where `number` is not that.
        due: when everything without a date of its own is wanted.
        lines: in the order of the document.
        complete: for a change: it names every line, so one that is missing is cancelled.
        priority: what the source says of urgency; None: nothing.
        notes: free texts that people should read.
    """

    kind: DocumentKind
    source: str
    number: str
    version: int = 0
    message: str | None = None
    issued: Due | None = None
    parties: tuple[Party, ...] = ()
    currency: str | None = None
    customer_reference: str | None = None
    due: Due | None = None
    lines: tuple[DocumentLine, ...] = ()
    complete: bool = False
    priority: int | None = None
    notes: tuple[str, ...] = ()

    def party(self, role: PartyRole) -> Party | None:
        """The first partner in a role."""
        return next((party for party in self.parties if party.role is role), None)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a connector read from some bytes.

    Attributes:
        documents: those without a problem of severity ERROR, in the order of the bytes.
        problems: of documents and of the whole, in the order of the bytes.
        envelope: what the format needs to answer (separators, control numbers); opaque here.
    """

    documents: tuple[OrderDocument, ...]
    problems: tuple[Problem, ...] = ()
    envelope: msgspec.Struct | None = None

    def problems_of(self, number: str) -> tuple[Problem, ...]:
        """What was found in one order's document."""
        return tuple(problem for problem in self.problems if problem.document == number)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A document that goes back: `kind` as the trade calls it (`997`, `855`, `ORDRSP`, `856`)."""

    kind: str
    media_type: str
    content: bytes


class AnswerStatus(enum.StrEnum):
    """What the seller says to an order or to a line of it."""

    ACCEPTED = "accepted"
    CHANGED = "changed"
    REJECTED = "rejected"


class AnsweredLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it was asked for (`quantity`) and as it is confirmed."""

    position: str
    status: AnswerStatus
    names: tuple[Name, ...] = ()
    description: str | None = None
    quantity: Decimal
    confirmed_quantity: Decimal
    unit: str | None = None
    price: Decimal | None = None
    price_basis: Decimal = Decimal(1)
    due: Due | None = None
    confirmed_due: Due | None = None
    reason: str | None = None


class OrderAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The seller's word on an order: 855, ORDRSP.

    Attributes:
        number: the document's own (`OrderDocument.number`).
        our_number: ours.
        answered_at: UTC.
        replaces: an answer to the same order was given before.
    """

    number: str
    our_number: str
    status: AnswerStatus
    answered_at: datetime
    issued: Due | None = None
    currency: str | None = None
    parties: tuple[Party, ...] = ()
    lines: tuple[AnsweredLine, ...] = ()
    replaces: bool = False


class ShippedLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a shipment holds of a line."""

    position: str
    names: tuple[Name, ...] = ()
    description: str | None = None
    quantity: Decimal
    ordered_quantity: Decimal | None = None
    unit: str | None = None
    lots: tuple[str, ...] = ()


class ShipNotice(msgspec.Struct, frozen=True, kw_only=True):
    """Goods that have left: 856, DESADV.

    Attributes:
        shipment: our number of the shipment.
        number: the order's number in the customer's document.
        our_number: ours.
        shipped_at: UTC; so is `expected_at`, when it should arrive.
        carrier: as people call it.
        tracking_number: the carrier's.
        replaces: a notice of the same shipment was sent before.
    """

    shipment: str
    number: str
    our_number: str
    shipped_at: datetime
    expected_at: datetime | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    parties: tuple[Party, ...] = ()
    lines: tuple[ShippedLine, ...] = ()
    replaces: bool = False

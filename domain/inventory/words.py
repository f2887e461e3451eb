"""The words of stock: statuses, accounts, kinds. The values stand in rows and in the API."""

from __future__ import annotations

import enum


class StockStatus(enum.StrEnum):
    """What may be done with goods that lie somewhere."""

    AVAILABLE = "available"
    QUALITY = "quality"
    """Waits for an inspection: it is there, and promised to nobody."""
    BLOCKED = "blocked"
    EXPIRED = "expired"
    """Its last day is over, in the site's zone: it lies there, and is promised to nobody."""


class Account(enum.StrEnum):
    """Where goods come from and go to. All but STOCK is the world outside of it."""

    STOCK = "stock"
    SUPPLIER = "supplier"
    CUSTOMER = "customer"
    PRODUCTION = "production"
    USE = "use"
    """Taken out for something that nobody planned: samples, repairs, scrapping."""
    DIFFERENCE = "difference"
    """What a count or an adjustment found out."""
    SHORTFALL = "shortfall"
    """What was taken although the books had none."""
    TRANSIT = "transit"
    """On its way from one site to another."""


class PostingKind(enum.StrEnum):
    """Why stock moved."""

    RECEIPT = "receipt"
    ISSUE = "issue"
    ADJUSTMENT = "adjustment"
    TRANSFER = "transfer"
    COUNT = "count"
    STATUS = "status"
    PRODUCTION = "production"
    """Good pieces counted at a work order's last operation."""
    CONSUMPTION = "consumption"
    """Components of counted pieces, by the bill of materials."""
    PICK = "pick"
    SHIPMENT = "shipment"
    RETURN = "return"
    SETTLEMENT = "settlement"
    """Somebody explained a shortfall away."""


class ReservationKind(enum.StrEnum):
    """Out of what somebody was promised goods."""

    SOFT = "soft"
    """Out of what will be there by a date."""
    HARD = "hard"
    """Out of what lies there now."""


class ReservationState(enum.StrEnum):
    """Where a reservation stands; all but OPEN are final."""

    OPEN = "open"
    CONSUMED = "consumed"
    RELEASED = "released"
    EXPIRED = "expired"


class ReservationOrigin(enum.StrEnum):
    """Who made a reservation."""

    REQUEST = "request"
    PRODUCTION = "production"
    """The pieces that a work order made for a line."""
    WORK_ORDER = "work_order"
    """The components that a released work order still needs, whether they are there or not."""
    PROMISE = "promise"
    """A promise that is held for a while."""
    PEG = "peg"
    """What is pegged to a line in stock."""


class SupplyKind(enum.StrEnum):
    """Why more, or less, will be there from a date on."""

    PURCHASE = "purchase"
    WORK_ORDER = "work_order"
    RESERVATION = "reservation"
    EXPIRY = "expiry"
    """What of the stock leaves because its last day is over."""

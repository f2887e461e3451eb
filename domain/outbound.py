"""Documents for partners: which there are, what causes them, when the same is not said again."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from domain.documents import Format, OrderAnswer, ShipNotice


class DocumentKind(enum.StrEnum):
    """What a document tells."""

    ORDER_ANSWER = "order_answer"
    """855, ORDRSP: our word on an order and its lines."""
    SHIP_NOTICE = "ship_notice"
    """856, DESADV: goods that have left."""
    PRODUCTION = "production"
    """What was made of an ERP's production order since it was told last."""


class DocumentState(enum.StrEnum):
    """Where a document is."""

    MADE = "made"
    """It waits to be fetched or pushed."""
    SENT = "sent"
    """A push has arrived."""
    GIVEN_UP = "given_up"
    """Pushes failed as often as they are tried."""
    TAKEN = "taken"
    """The partner's system has it, and says so."""
    FAILED = "failed"
    """The partner's system could not take it, and says why."""


_PARTNERS: Final = frozenset({DocumentKind.ORDER_ANSWER, DocumentKind.SHIP_NOTICE})
SPOKEN: Final[Mapping[str, frozenset[DocumentKind]]] = MappingProxyType(
    {
        Format.X12: _PARTNERS,
        Format.EDIFACT: _PARTNERS,
        Format.SAP_IDOC: _PARTNERS | {DocumentKind.PRODUCTION},
    }
)
"""What can be said in a format; in others there are no documents to answer with."""

CAUSES: Final[Mapping[str, DocumentKind]] = MappingProxyType(
    {
        "OrderConfirmed": DocumentKind.ORDER_ANSWER,
        "OrderRejected": DocumentKind.ORDER_ANSWER,
        "OrderChanged": DocumentKind.ORDER_ANSWER,
        "OrderCancelled": DocumentKind.ORDER_ANSWER,
        "ExpectedDateMoved": DocumentKind.ORDER_ANSWER,
        "ShipmentShipped": DocumentKind.SHIP_NOTICE,
        "ShipmentCorrected": DocumentKind.SHIP_NOTICE,
    }
)
"""Words of the audit log after which a partner may have to be told."""

PRODUCTION_EVERY_S: Final = 900
"""How often an ERP is told what was made, at most, where its channel says nothing."""


def wanted(spoken: str, chosen: Collection[str] | None) -> frozenset[DocumentKind]:
    """The documents that a channel's orders cause.

    Args:
        spoken: the format that the order came in.
        chosen: what the channel's settings name; None: nothing was set.
    """
    possible = SPOKEN.get(spoken, frozenset())
    return possible if chosen is None else possible & {DocumentKind(one) for one in chosen}


def digest(told: OrderAnswer | ShipNotice) -> bytes:
    """Of what a document says, whenever and under whatever number it says it."""
    said: dict[str, Any] = msgspec.to_builtins(told)
    for name in ("answered_at", "replaces"):
        said.pop(name, None)
    return hashlib.sha256(msgspec.json.encode(said)).digest()

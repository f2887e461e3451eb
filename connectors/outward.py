"""Answers in the format that an order came in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

import msgspec

from connectors import edifact, sap_idoc, x12
from domain.documents import Answer, Format, OrderAnswer, ShipNotice


class NoWayBackError(LookupError):
    """The file that told the order does not say who sent it, so nothing can be sent back."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """The file that told an order: its format, what it was wrapped in, its document's identity."""

    spoken: Format
    envelope: Mapping[str, Any] | None
    message: str | None


def order_answer(
    told: OrderAnswer, sent: Sent, *, control: int, at: datetime, zone: tzinfo
) -> Answer:
    """855 or ORDRSP.

    Args:
        told: what is said.
        sent: what it answers.
        control: the interchange's number, 1 to 999999999.
        at: when it is written.
        zone: of the site, for formats whose times have none.

    Raises:
        NoWayBackError: nobody is known to send it to, or the format has no such document.
    """
    try:
        match sent.spoken:
            case Format.X12 if sent.envelope is not None:
                group = msgspec.convert(sent.envelope, x12.Envelope)
                return x12.answer_order(told, group, control=control, at=at)
            case Format.EDIFACT if sent.envelope is not None:
                wrapped = msgspec.convert(sent.envelope, edifact.Envelope)
                return edifact.answer_order(told, wrapped, control=control, at=at)
            case Format.SAP_IDOC if sent.envelope is not None:
                return sap_idoc.order_response(told, _control_of(sent), zone=zone)
    except LookupError as error:
        raise NoWayBackError(str(error)) from error
    raise NoWayBackError(f"{sent.spoken.value}: the format has no answer to an order")


def ship_notice(
    told: ShipNotice, sent: Sent, *, control: int, at: datetime, zone: tzinfo
) -> Answer:
    """856 or DESADV; otherwise like `order_answer`.

    Raises:
        NoWayBackError: nobody is known to send it to, or the format has no such document.
    """
    try:
        match sent.spoken:
            case Format.X12 if sent.envelope is not None:
                group = msgspec.convert(sent.envelope, x12.Envelope)
                return x12.ship_notice(told, group, control=control, at=at)
            case Format.EDIFACT if sent.envelope is not None:
                wrapped = msgspec.convert(sent.envelope, edifact.Envelope)
                return edifact.ship_notice(told, wrapped, control=control, at=at)
            case Format.SAP_IDOC if sent.envelope is not None:
                return sap_idoc.ship_notice(told, _control_of(sent), zone=zone)
    except LookupError as error:
        raise NoWayBackError(str(error)) from error
    raise NoWayBackError(f"{sent.spoken.value}: the format has no notice of a shipment")


def _control_of(sent: Sent) -> sap_idoc.Control:
    controls = msgspec.convert(sent.envelope, sap_idoc.Envelope)
    control = controls.control_of(sent.message)
    if control is None:
        raise NoWayBackError("the IDoc's control record names no sender")
    return control

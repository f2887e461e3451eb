"""Shipments by hand: what may be done to one, carriers' words, returns, and what stock is told.

A shipment is planned, picked, packed, shipped and delivered. Steps may be left out, forwards only:
what was shipped was packed, and what was packed was picked. Each line's quantities never exceed
what was planned, and what has been shipped does not change any more; only a return takes from it.

Stock. Goods that people ship here may be scanned by a device as well: both tell of the same goods.
So of an order's item as much has left as the one who told more says (`still_to_issue`), whoever
came first, and however often the two take turns.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from domain.shipping import ShipmentState

_ZERO: Final = Decimal(0)


class Step(enum.StrEnum):
    """What people do to a shipment."""

    PICK = "pick"
    PACK = "pack"
    SHIP = "ship"
    DELIVER = "deliver"


class CarrierStatus(enum.StrEnum):
    """A carrier's words."""

    LABEL_PRINTED = "label_printed"
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    DELAYED = "delayed"
    ATTEMPTED = "attempted"
    FAILED = "failed"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A line's part of a shipment by hand."""

    line: int
    """The line's number."""
    planned: Decimal
    picked: Decimal = _ZERO
    packed: Decimal = _ZERO
    shipped: Decimal = _ZERO
    returned: Decimal = _ZERO


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment after a step."""

    state: ShipmentState
    parts: tuple[Part, ...]


class Refused(msgspec.Struct, frozen=True):
    """Why nothing was done."""

    reason: str


def advance(
    state: ShipmentState, step: Step, parts: Sequence[Part], told: Mapping[int, Decimal]
) -> Done | Refused:
    """A shipment after a step.

    Args:
        state: where it is.
        step: what is done.
        parts: its lines.
        told: quantities by line number; a line that is not told: as much as the step before left.
            Empty: all lines so.
    """
    if step is Step.DELIVER:
        return _deliver(state, parts, told)
    if (problem := _not_now(state, step, told) or _misfit(parts, told)) is not None:
        return Refused(problem)
    after = tuple(_moved(part, step, told) for part in parts)
    if step is Step.SHIP and not any(part.shipped for part in after):
        return Refused("nothing of it would leave")
    if step is Step.PACK and not any(part.packed for part in after):
        return Refused("nothing of it would be packed")
    reached = {
        Step.PICK: ShipmentState.PICKING,
        Step.PACK: ShipmentState.PACKED,
        Step.SHIP: ShipmentState.SHIPPED,
    }
    return Done(state=reached[step], parts=after)


def _not_now(state: ShipmentState, step: Step, told: Mapping[int, Decimal]) -> str | None:
    if state in (ShipmentState.SHIPPED, ShipmentState.DELIVERED):
        return f"it is {state} already"
    if step is Step.PICK and state is not ShipmentState.PICKING:
        return f"it is {state}: what is packed has been picked"
    if step is Step.PACK and state is ShipmentState.PACKED and not told:
        return "it is packed already"
    return None


def _deliver(
    state: ShipmentState, parts: Sequence[Part], told: Mapping[int, Decimal]
) -> Done | Refused:
    if told:
        return Refused("what left is delivered as a whole; what came back is a return")
    if state is ShipmentState.DELIVERED:
        return Refused("it is delivered already")
    if state is not ShipmentState.SHIPPED:
        return Refused(f"it is {state}: it has not left")
    return Done(state=ShipmentState.DELIVERED, parts=tuple(parts))


def _misfit(parts: Sequence[Part], told: Mapping[int, Decimal]) -> str | None:
    planned = {part.line: part.planned for part in parts}
    for line, quantity in told.items():
        if line not in planned:
            return f"line {line} is not part of it"
        if quantity > planned[line]:
            return (
                f"line {line}: {_plain(quantity)} are told, {_plain(planned[line])} are planned;"
                " plan another shipment for the rest"
            )
    return None


def _moved(part: Part, step: Step, told: Mapping[int, Decimal]) -> Part:
    before = {
        Step.PICK: (),
        Step.PACK: (part.picked,),
        Step.SHIP: (part.packed, part.picked),
    }[step]
    left = next((quantity for quantity in before if quantity), part.planned)
    quantity = told.get(part.line, left)
    match step:
        case Step.PICK:
            return msgspec.structs.replace(part, picked=quantity)
        case Step.PACK:
            picked = max(part.picked, quantity)
            return msgspec.structs.replace(part, packed=quantity, picked=picked)
        case _:
            return msgspec.structs.replace(
                part,
                shipped=quantity,
                packed=max(part.packed, quantity),
                picked=max(part.picked, quantity),
            )


def give_back(
    state: ShipmentState, parts: Sequence[Part], told: Mapping[int, Decimal]
) -> tuple[Part, ...] | Refused:
    """The lines after some of what left came back; never more than left.

    Args:
        state: where the shipment is.
        parts: its lines.
        told: what came back, by line number, above zero.
    """
    if state not in (ShipmentState.SHIPPED, ShipmentState.DELIVERED):
        return Refused(f"it is {state}: what has not left cannot come back")
    out = {part.line: part.shipped - part.returned for part in parts}
    for line, quantity in told.items():
        if line not in out:
            return Refused(f"line {line} is not part of it")
        if quantity > out[line]:
            return Refused(
                f"line {line}: {_plain(quantity)} are to come back, {_plain(out[line])} are out"
            )
    return tuple(
        msgspec.structs.replace(part, returned=part.returned + told.get(part.line, _ZERO))
        for part in parts
    )


def heard(state: ShipmentState, status: CarrierStatus) -> ShipmentState:
    """Where a shipment is after a carrier's word: only `delivered` of what has left changes it."""
    if status is CarrierStatus.DELIVERED and state is ShipmentState.SHIPPED:
        return ShipmentState.DELIVERED
    return state


def still_to_plan(ordered: Decimal, shipments: Iterable[tuple[ShipmentState, Part]]) -> Decimal:
    """How much of a line no shipment holds: what left counts as it left, the rest as planned.

    What came back may be sent again.
    """
    held = _ZERO
    for state, part in shipments:
        left = state in (ShipmentState.SHIPPED, ShipmentState.DELIVERED)
        held += part.shipped - part.returned if left else part.planned
    return max(ordered - held, _ZERO)


def still_to_issue(told: Decimal, others: Decimal, more: Decimal) -> Decimal:
    """How much stock falls when one side tells of more: the greater of both has left.

    Args:
        told: what this side told before.
        others: what the other side told.
        more: what this side tells now.
    """
    return max(told + more, others) - max(told, others)


class LineDelivery(enum.StrEnum):
    """Where a line's goods are, derived from its shipments."""

    OPEN = "open"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    PARTLY_DELIVERED = "partly_delivered"
    DELIVERED = "delivered"
    RETURNED = "returned"


def line_delivery(
    ordered: Decimal, *, shipped: Decimal, delivered: Decimal, returned: Decimal
) -> LineDelivery:
    """A line's state from sums over its shipments; `delivered` is without what came back."""
    if returned and returned >= shipped:
        return LineDelivery.RETURNED
    if delivered >= ordered:
        return LineDelivery.DELIVERED
    if delivered:
        return LineDelivery.PARTLY_DELIVERED
    if shipped - returned >= ordered:
        return LineDelivery.SHIPPED
    return LineDelivery.PARTLY_SHIPPED if shipped - returned > 0 else LineDelivery.OPEN


def order_delivery(lines: Iterable[LineDelivery]) -> LineDelivery:
    """An order's state: what all its lines share, else that it is on its way."""
    states = set(lines)
    if not states:
        return LineDelivery.OPEN
    if len(states) == 1:
        return states.pop()
    if states <= {LineDelivery.SHIPPED, LineDelivery.DELIVERED}:
        return (
            LineDelivery.PARTLY_DELIVERED
            if LineDelivery.DELIVERED in states
            else (LineDelivery.SHIPPED)
        )
    if states & {LineDelivery.DELIVERED, LineDelivery.PARTLY_DELIVERED}:
        return LineDelivery.PARTLY_DELIVERED
    return (
        LineDelivery.PARTLY_SHIPPED
        if states != {LineDelivery.OPEN, LineDelivery.RETURNED}
        else (LineDelivery.OPEN)
    )


def _plain(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"

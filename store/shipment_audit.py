"""What is told of shipments in the audit log: states reached, and corrections by late moves."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from domain import shipping
from domain.shipping import Shipment, ShipmentState, Total
from store import audit
from store.database import Connection
from store.live_times import rfc3339_ms

SHIPMENT_CORRECTED: Final = "ShipmentCorrected"
"""The audit log's word when late moves changed what had been told of a shipment."""

REACHED: Final = {
    ShipmentState.PICKING: "ShipmentPicked",
    ShipmentState.PACKED: "ShipmentPacked",
    ShipmentState.SHIPPED: "ShipmentShipped",
    ShipmentState.DELIVERED: "ShipmentDelivered",
}
"""The audit log's words."""

_ORDER: Final = list(ShipmentState)
_BEFORE_LEAVING: Final = (ShipmentState.PICKING, ShipmentState.PACKED)


async def tell(
    connection: Connection,
    *,
    site_id: int,
    order_id: int,
    before: Mapping[int, Shipment],
    after: Mapping[int, Shipment],
    units: Mapping[int, str],
) -> bool:
    """Write what shipments came to into the audit log; answers whether there was anything."""
    told = False
    for number in sorted(before.keys() | after.keys()):
        old, new = before.get(number), after.get(number)
        if old is not None and new is None and not _spoken(old, before.get(number - 1)):
            continue  # a part of another shipment that nobody was told of
        for action, state in _told(old, new, after.get(number - 1)):
            told = True
            last = new or old
            await audit.write(
                connection,
                actor=audit.Actor("warehouse", last.device if last else ""),
                action=action,
                site_id=site_id,
                order_id=order_id,
                reason=_reason(number, new, state, units),
                before=_content(old, old.state, units) if old else None,
                after=_content(new, state, units) if new else None,
            )
    return told


def _spoken(shipment: Shipment, earlier: Shipment | None) -> list[ShipmentState]:
    """The states that a shipment has reached as itself.

    What is left when the first of an order leaves was picked and packed as a part of the one before
    it: that is not told again.
    """
    since_ms = earlier.shipped_ms if earlier is not None else None
    spoken = []
    for state in _ORDER[: _ORDER.index(shipment.state) + 1]:
        at_ms = _reached_ms(shipment, state)
        own = state not in _BEFORE_LEAVING or since_ms is None or (at_ms or 0) > since_ms
        if own and (at_ms is not None or state is shipment.state):
            spoken.append(state)
    return spoken


def _told(
    old: Shipment | None, new: Shipment | None, earlier: Shipment | None
) -> list[tuple[str, ShipmentState]]:
    """The words and states of entries: states reached, or that what was told was not so.

    A shipment that has come several states on at once leaves an entry for each that somebody
    scanned, as if the moves had come one by one. That more is picked after all was packed, or
    loaded after the first of it had left, is the warehouse's every day, no correction.
    """
    if new is None:
        return [(SHIPMENT_CORRECTED, ShipmentState.PICKING)]
    was = _ORDER.index(old.state) if old is not None else -1
    now, left = _ORDER.index(new.state), _ORDER.index(ShipmentState.SHIPPED)
    if now > was:
        spoken = _spoken(new, earlier)
        return [(REACHED[state], state) for state in spoken if _ORDER.index(state) > was]
    corrected = [(SHIPMENT_CORRECTED, new.state)]
    if now < was:
        return corrected if was >= left else []
    if old is None or now < left or _gone(old) == _gone(new):
        return []
    gone = _gone(new)
    more = all(gone.get(line, 0) >= quantity for line, quantity in _gone(old).items())
    return [(REACHED[ShipmentState.SHIPPED], new.state)] if more else corrected


def _gone(shipment: Shipment) -> dict[int, Decimal]:
    return {part.line_id: part.shipped for part in shipment.portions if part.shipped}


def _content(
    shipment: Shipment, state: ShipmentState, units: Mapping[int, str]
) -> dict[str, object]:
    total = _shipment_total(shipment, units)
    return {
        "shipment": shipment.number,
        "state": state.value,
        "quantity": _plain(_reached_quantity(state, total)),
        "unit": total.unit,
        "at": rfc3339_ms(_reached_ms(shipment, state)),
    }


def _reason(
    number: int, shipment: Shipment | None, state: ShipmentState, units: Mapping[int, str]
) -> str:
    if shipment is None:
        return f"shipment {number} was part of another one"
    total = _shipment_total(shipment, units)
    quantity = _plain(_reached_quantity(state, total))
    word = "picked" if state is ShipmentState.PICKING else state.value
    return f"shipment {number}: {quantity} {total.unit} {word}"


def _shipment_total(shipment: Shipment, units: Mapping[int, str]) -> Total:
    parts = shipment.portions
    return shipping.total([Total(p.picked, p.packed, p.shipped, units[p.line_id]) for p in parts])


def _reached_quantity(state: ShipmentState, total: Total) -> Decimal:
    match state:
        case ShipmentState.PICKING:
            return total.picked
        case ShipmentState.PACKED:
            return total.packed
        case _:
            return total.shipped


def _reached_ms(shipment: Shipment, state: ShipmentState) -> int | None:
    match state:
        case ShipmentState.PICKING:
            return shipment.picking_ms
        case ShipmentState.PACKED:
            return shipment.packed_ms
        case _:
            return shipment.shipped_ms


def _plain(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"

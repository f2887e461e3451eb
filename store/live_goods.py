"""What an order's page tells of its shipments beside the shipments themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from contracts.live import DeliveryView
from domain.shipping import ShipmentState
from domain.tracking import Stage

SHIPMENT_ACTIONS: Final = ("ShipmentPacked", "ShipmentShipped", "ShipmentCorrected")
"""The audit log's words that `ShipmentChanges` takes."""

_TOLD: Final = (ShipmentState.PACKED, ShipmentState.SHIPPED)


class ShipmentChanges:
    """Picks what still holds from an order's audit entries, which come newest first."""

    def __init__(self) -> None:
        self._told: set[tuple[str, int]] = set()

    def take(
        self, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
    ) -> dict[str, Any] | None:
        """The change that an entry tells of; None when a newer one has told better."""
        if after is None:
            gone = (before or {}).get("shipment", 0)
            self._told |= {(state, gone) for state in _TOLD}
            return None
        what, shipment = after["state"], after["shipment"]
        if what not in _TOLD or (what, shipment) in self._told:
            return None
        self._told.add((what, shipment))
        if what == ShipmentState.PACKED:  # it has not left: whoever said so before was wrong
            self._told.add((ShipmentState.SHIPPED, shipment))
        detail = {"shipment": shipment, "quantity": after["quantity"], "unit": after["unit"]}
        return {"at": after["at"], "what": what, "detail": detail}


def goods_reached(stage: Stage, deliveries: Sequence[DeliveryView]) -> dict[Stage, datetime]:
    """When all of an order was packed, and when all of it had left; as far as it has come."""
    packed = [one.packed_at or one.shipped_at for one in deliveries]
    shipped = [one.shipped_at for one in deliveries]
    reached: dict[Stage, datetime] = {}
    if stage in (Stage.PACKED, Stage.SHIPPED) and (at := _last(packed)):
        reached[Stage.PACKED] = at
    if stage is Stage.SHIPPED and (at := _last(shipped)):
        reached[Stage.SHIPPED] = at
    return reached


def _last(times: Sequence[str | None]) -> datetime | None:
    known = [datetime.fromisoformat(at) for at in times if at is not None]
    return max(known, default=None)

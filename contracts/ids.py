"""Identifiers, as types of their own so that they cannot be mixed up."""

from __future__ import annotations

from typing import NewType

SiteCode = NewType("SiteCode", str)
"""A site's level in the hierarchy, as it stands in MQTT topics and in the API (`plant-1`)."""

MachinePath = NewType("MachinePath", str)
"""`<site>/<area>/<line>/<machine>`: what a machine is called; the id behind it never changes."""

MachineId = NewType("MachineId", int)
WorkOrderId = NewType("WorkOrderId", int)
OperationId = NewType("OperationId", int)
OrderId = NewType("OrderId", int)
OrderLineId = NewType("OrderLineId", int)
PublisherId = NewType("PublisherId", int)
"""One (machine, source, boot): the unit within which `seq` rises."""

EpochMs = NewType("EpochMs", int)
"""Milliseconds since 1970-01-01T00:00:00Z."""

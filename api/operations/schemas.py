"""Shapes of operations."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from api.alternatives import Alternative
from api.fields import Listing, Number
from api.handling import Handled
from contracts.telemetry import OperationState


class OperationLock(BaseModel):
    """A planner's word: it stays on a machine, and does not start before a moment."""

    machine: str
    not_before: datetime | None
    turn: int | None = Field(description="Among the machine's locked operations that have one.")
    reason: str | None
    locked_by: str
    locked_at: datetime


class Operation(BaseModel):
    """An operation and what has been made at it."""

    id: int
    site: str
    work_order: str
    operation: int
    name: str | None
    machine: str | None = Field(description="Where it is planned, or where it ran.")
    good_pieces: int
    scrap_pieces: int
    runs: int = Field(description="How often it was started.")
    state: OperationState
    quantity: Number | None = Field(description="What is to be made here.")
    planned: bool = Field(description="False: the floor named it, nobody planned it.")
    released: bool = Field(description="Planned and handed to the floor.")
    on_hold: bool = Field(
        description="All that it is for is on hold: what nobody has begun is in no plan."
    )
    cycle_ms: int | None
    setup_ms: int
    started_at: datetime | None
    ended_at: datetime | None
    work_order_id: int
    alternatives: list[Alternative] = Field(
        description="Every machine that may do it, that of `machine` included; empty: no choice."
    )
    handling: Handled
    lock: OperationLock | None = Field(description="Null: the planner may place it freely.")


class OperationList(Listing[Operation]):
    """Operations by work order and number."""

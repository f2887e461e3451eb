"""Shapes of the past."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from api.fields import Listing
from contracts.telemetry import MachineState
from store.history.buckets import Resolution


class Metric(BaseModel):
    """What a machine reports readings of."""

    name: str
    unit: str | None = Field(description="As it was told last.")


class MetricList(Listing[Metric]):
    """A machine's metrics, by name."""


class BucketReading(BaseModel):
    """A metric's readings within a bucket."""

    metric: str
    n: int = Field(description="How many there are.")
    mean: float
    min: float
    max: float


class TimeInState(BaseModel):
    """How long a machine was in a state, for the reason that it told."""

    state: MachineState
    reason: str | None
    ms: int


class Bucket(BaseModel):
    """What a machine did within a stretch of time."""

    start: datetime
    end: datetime
    good: int
    scrap: int
    states: list[TimeInState] = Field(
        description="Time before the machine first told a state is in none of them."
    )
    readings: list[BucketReading]


class Value(BaseModel):
    """A single reading."""

    at: datetime
    metric: str
    value: float


class StateChange(BaseModel):
    """A state that a machine told, from a time on."""

    at: datetime
    state: MachineState
    reason: str | None


class PieceSlot(BaseModel):
    """Pieces of five minutes."""

    start: datetime
    good: int
    scrap: int


class History(BaseModel):
    """A machine's past: buckets, or with `raw` everything as it was told."""

    model_config = ConfigDict(serialize_by_alias=True)

    machine: str = Field(description="Its path.")
    site: str
    time_zone: str = Field(description="The site's; days are made in it.")
    resolution: Resolution = Field(description="What was used; never `auto`.")
    from_: datetime = Field(serialization_alias="from", description="Of the first bucket.")
    to: datetime = Field(description="Up to where this answer is complete.")
    states_until: datetime = Field(description="No time is counted in a state from here on.")
    truncated: bool = Field(description="With `raw`: there is more; go on at `to`.")
    metrics: list[Metric]
    buckets: list[Bucket] = Field(description="One after the other, also where nothing happened.")
    values: list[Value] = Field(description="With `raw`: readings by time.")
    changes: list[StateChange] = Field(
        description="With `raw`: states by time; the first is what was there at the beginning."
    )
    slots: list[PieceSlot] = Field(description="With `raw`: pieces by five minutes.")

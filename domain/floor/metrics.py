"""Readings as series: a machine's name for what it measures, and the number that it reads."""

from __future__ import annotations

import math
from typing import Final

from msgspec import UNSET

from contracts.telemetry import Reading

NAME_CHARACTERS: Final = 200
"""A longer name makes no series, nor does a name beyond the machine's first METRICS."""

METRICS: Final = 4_096
_NEVER_MS: Final = -(2**62)


class Metric:
    """A series of a machine: its row's id (None before it is stored), and its unit.

    `unit_ms` is the event time of the reading that told the unit.
    """

    __slots__ = ("id", "unit", "unit_ms")

    def __init__(
        self, metric_id: int | None = None, unit: str | None = None, unit_ms: int | None = None
    ) -> None:
        self.id = metric_id
        self.unit = unit
        self.unit_ms = _NEVER_MS if unit_ms is None else unit_ms


def numeric(value: float | str | bool) -> float | None:  # noqa: FBT001 - a reading may be one
    """A reading as a number, true as 1 and false as 0; None for text, and for what no double is."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def measure(
    metrics: dict[str, Metric], reading: Reading, t_ms: int, told: dict[str, Metric]
) -> tuple[Metric, float] | None:
    """A reading as its metric and number; None if it has none.

    Args:
        metrics: the machine's, by name; a new one is added.
        reading: an accepted object.
        t_ms: its event time: the unit is what the newest told.
        told: gets metrics that are new or have another unit: their rows are to be written.
    """
    name = reading.name
    value = numeric(reading.value)
    if value is None:
        return None
    metric = metrics.get(name)
    if metric is None:
        if len(name) > NAME_CHARACTERS or len(metrics) >= METRICS:
            return None
        metric = metrics[name] = told[name] = Metric()
    unit = reading.unit
    if unit is not UNSET and t_ms >= metric.unit_ms:
        metric.unit_ms = t_ms
        if unit != metric.unit:
            metric.unit = unit
            told[name] = metric
    return metric, value

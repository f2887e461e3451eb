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


def note_reading(metrics: dict[str, Metric], reading: Reading, t_ms: int) -> Metric | None:
    """Have a metric for a reading, and the newest unit; answers it if its row is to be written."""
    metric = metrics.get(reading.name)
    if metric is None:
        if numeric(reading.value) is None or not _fits(metrics, reading.name):
            return None
        unit = None if reading.unit is UNSET else reading.unit
        metric = metrics[reading.name] = Metric(None, unit, None if unit is None else t_ms)
        return metric
    if reading.unit is UNSET or t_ms < metric.unit_ms:
        return None
    metric.unit_ms = t_ms
    if reading.unit == metric.unit:
        return None
    metric.unit = reading.unit
    return metric


def _fits(metrics: dict[str, Metric], name: str) -> bool:
    return len(name) <= NAME_CHARACTERS and len(metrics) < METRICS

"""A machine's past as CSV (RFC 4180): a line per bucket, or per single thing that was told."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from api.history.schemas import Bucket, History
from contracts.telemetry import MachineState
from store.history.buckets import Resolution


def as_csv(history: History) -> str:
    """The text of the file. Times are RFC 3339; times in states are milliseconds."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    rows = _single(history) if history.resolution is Resolution.RAW else _buckets(history)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue()


def _buckets(history: History) -> Iterator[list[object]]:
    names = [metric.name for metric in history.metrics]
    figures = ("n", "mean", "min", "max")
    yield [
        *("start", "end", "good", "scrap"),
        *(f"{state.value}_ms" for state in MachineState),
        *(f"{name} {figure}" for name in names for figure in figures),
    ]
    for bucket in history.buckets:
        readings = {one.metric: one for one in bucket.readings}
        yield [
            *(bucket.start.isoformat(), bucket.end.isoformat(), bucket.good, bucket.scrap),
            *(_spent(bucket, state) for state in MachineState),
            *(
                getattr(readings[name], figure) if name in readings else ""
                for name in names
                for figure in figures
            ),
        ]


def _spent(bucket: Bucket, state: MachineState) -> int:
    return sum(one.ms for one in bucket.states if one.state is state)


def _single(history: History) -> Iterator[list[object]]:
    yield ["at", "what", "name", "value", "reason"]
    rows: list[tuple[str, list[object]]] = []
    for value in history.values:
        at = value.at.isoformat(timespec="milliseconds")
        rows.append((at, [at, "reading", value.metric, value.value, ""]))
    for change in history.changes:
        at = change.at.isoformat(timespec="milliseconds")
        rows.append((at, [at, "state", "state", change.state.value, change.reason or ""]))
    for slot in history.slots:
        at = slot.start.isoformat(timespec="milliseconds")
        rows.append((at, [at, "pieces", "good", slot.good, ""]))
        rows.append((at, [at, "pieces", "scrap", slot.scrap, ""]))
    rows.sort(key=lambda entry: entry[0])
    for _, row in rows:
        yield row


def _safe(cell: object) -> object:
    """Text from a machine that a spreadsheet would take for a formula is marked as text."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return cell

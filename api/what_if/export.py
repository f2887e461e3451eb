"""Plans side by side as CSV (RFC 4180): figures, orders, machines; a column per plan."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime

from api.what_if.compared import ComparedPlan, PlansCompared


def as_csv(found: PlansCompared) -> str:
    """The text of the file. Durations are minutes, times RFC 3339; the first plan is the base.

    A line is of one `kind`: `figure`, `order` (when it ends, and how late that is) or `machine`
    (its work, its set-ups, and when it is done).
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows([_safe(cell) for cell in row] for row in _rows(found))
    return text.getvalue()


def _rows(found: PlansCompared) -> Iterator[Sequence[object]]:
    yield ["kind", "name", "what", *(_called(plan) for plan in found.plans)]
    for figure in type(found.plans[0].plan.metrics).model_fields:
        yield [
            "figure",
            figure,
            "",
            *(getattr(plan.plan.metrics, figure) for plan in found.plans),
        ]
    yield ["figure", "late_orders", "", *(plan.plan.late_orders for plan in found.plans)]
    for order in found.orders:
        yield ["order", order.order, "end", *(_moment(end) for end in order.ends)]
        late = order.lateness_minutes
        yield ["order", order.order, "lateness_minutes", *("" if n is None else n for n in late)]
    for machine in found.machines:
        yield ["machine", machine.machine, "run_minutes", *machine.run_minutes]
        yield ["machine", machine.machine, "setup_minutes", *machine.setup_minutes]
        yield ["machine", machine.machine, "end", *(_moment(end) for end in machine.ends)]


def _called(plan: ComparedPlan) -> str:
    return f"{plan.plan.number} {plan.name}" if plan.name is not None else str(plan.plan.number)


def _moment(at: datetime | None) -> str:
    return "" if at is None else at.isoformat(timespec="seconds")


def _safe(cell: object) -> object:
    """Text that a spreadsheet would take for a formula is marked as text."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return cell

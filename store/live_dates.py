"""When an order, its lines and its operations are due, planned, and expected to be done.

Where a plan is in force its projection says so. Where there is none (yet), the pace and the
standard times do: what is left of a work order, one operation after the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from domain import progress
from domain.orders import LineState
from store.live_order_rows import LineRow, OperationRow, OrderRows
from store.live_times import MINUTE_MS, to_minute


class OrderDates:
    """The dates of one order. Epoch milliseconds; projected ones to the minute."""

    def __init__(self, rows: OrderRows, now_ms: int) -> None:
        self._lines = rows.lines
        self._operations = rows.operations
        self._slots = rows.slots
        self._now_ms = now_ms

    def due_ms(self) -> int | None:
        """The next due date of what is open; once all is made, the last one that was."""
        open_dues = [line.due_at for line in self._lines if line.is_open and line.due_at]
        if open_dues:
            return epoch_ms(min(open_dues))
        dues = [line.due_at for line in self._counted() if line.due_at]
        return epoch_ms(max(dues)) if dues else None

    def projected_ms(self) -> int | None:
        """When the last open line is made; None when that is unknown of any of them."""
        ends = [self.line_end_ms(line) for line in self._lines if line.is_open]
        known = [end for end in ends if end is not None]
        return max(known) if known and len(known) == len(ends) else None

    def lateness_minutes(self) -> int | None:
        """The worst of the lines: projected end, or when it was made, after the due date."""
        late = []
        for line in self._counted():
            made = epoch_ms(line.produced_at) if line.produced_at else self.line_end_ms(line)
            if line.due_at is not None and made is not None:
                late.append((made - epoch_ms(line.due_at)) // MINUTE_MS)
        return max(late, default=None)

    def planned(self) -> bool:
        """Whether a plan's projection tells the end of everything that is open."""
        open_lines = {line.id for line in self._lines if line.is_open}
        rows = [row for row in self._operations if row.line_id in open_lines]
        ahead = [row for row in rows if not row.figures(None, self._now_ms).over]
        return bool(ahead) and all(row.projected_end_ms is not None for row in ahead)

    def line_end_ms(self, line: LineRow) -> int | None:
        """When a line's last work order ends; None when one of them has no known end."""
        if not line.is_open:
            return None
        works: dict[int, list[OperationRow]] = defaultdict(list)
        for row in self._operations:
            if row.line_id == line.id:
                works[row.work_order_id].append(row)
        ends = []
        for rows in works.values():
            ahead = [row for row in rows if not row.figures(None, self._now_ms).over]
            if not ahead:
                continue
            end_ms = self._work_end_ms(ahead)
            if end_ms is None:
                return None
            ends.append(end_ms)
        return to_minute(max(ends)) if ends else None

    def operation_start_ms(self, row: OperationRow) -> int | None:
        """When an operation started, or is expected to."""
        if row.runs > 0 and row.started_ms is not None:
            return row.started_ms
        return to_minute(row.projected_start_ms)

    def operation_end_ms(self, row: OperationRow) -> int | None:
        """When an operation that is not over is expected to end."""
        figures = row.figures(self._slots.get(row.id), self._now_ms)
        if figures.over:
            return None
        if row.projected_end_ms is not None:
            return to_minute(max(row.projected_end_ms, self._now_ms))
        if not figures.started:
            return None
        return to_minute(progress.projected_end_ms([figures], self._now_ms))

    def _work_end_ms(self, ahead: Sequence[OperationRow]) -> int | None:
        """When open operations of one work order are all done."""
        ends = [row.projected_end_ms for row in ahead if row.projected_end_ms is not None]
        if len(ends) == len(ahead):
            # One that has all its pieces and was not ended yet is projected to end just now.
            return max(*ends, self._now_ms)
        figures = [row.figures(self._slots.get(row.id), self._now_ms) for row in ahead]
        return progress.projected_end_ms(figures, self._now_ms)

    def _counted(self) -> list[LineRow]:
        """The lines that count: not cancelled ones, unless there are no others."""
        counted = [line for line in self._lines if line.state is not LineState.CANCELLED]
        return counted or self._lines


def epoch_ms(at: datetime) -> int:
    """A time as epoch milliseconds."""
    return int(at.timestamp() * 1000)

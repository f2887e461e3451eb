"""Read models of orders, from rows: the staff's view, the operations, the customer's view.

One set-based reading (`read_orders`) serves all three; `order_view` and the others read one order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts.live import OperationProgress, OrderView, TrackingView
from domain import tracking
from domain.orders import LineState, order_state
from domain.tracking import Stage
from store.database import Connection
from store.live_dates import OrderDates, epoch_ms
from store.live_goods import SHIPMENT_ACTIONS, ShipmentChanges, goods_reached
from store.live_order_rows import LineRow, OperationRow, OrderRows, read_order_rows
from store.live_parts import keep_line, keep_shipment
from store.live_times import rfc3339, rfc3339_ms

_CHANGES = 20
_AT_ONCE = timedelta(minutes=1)


class OrderPicture:
    """One order's rows, and the views made of them."""

    def __init__(self, rows: OrderRows, now_ms: int) -> None:
        self.order = rows.order
        self.lines = rows.lines
        self.operations = rows.operations
        self.audit = rows.audit
        self.deliveries = rows.deliveries
        self.planned = rows.planned
        self.dates = OrderDates(rows, now_ms)
        self._now_ms = now_ms

    def view(self) -> OrderView:
        """What staff see of the order."""
        shares = [line.share for line in self.lines]
        return OrderView(
            number=self.order.number,
            site=self.order.site,
            customer=self.order.customer,
            item=self._item(),
            state=order_state(line.state for line in self.lines),
            stage=tracking.stage_of(shares),
            quantity_ordered=float(self._sum("quantity")),
            unit=self._unit(),
            good_pieces=float(self._sum("good")),
            scrap_pieces=sum(line.scrap for line in self.lines),
            percent=tracking.percent(shares),
            due=rfc3339_ms(self.dates.due_ms()),
            projected_end=rfc3339_ms(self.dates.projected_ms()),
            lateness_minutes=self.dates.lateness_minutes(),
            waits_for=tracking.waits_for(shares, self._steps()),
            received=_told(self.order.received_at),
            changed=_told(self.order.changed_at),
            lines=[self._line(line) for line in self.lines],
            priority=self.order.priority,
            planned_end=rfc3339_ms(self.planned.end_ms) if self.planned else None,
            late_because=self.planned.chain if self.planned else [],
            deliveries=self.deliveries,
        )

    def operation_views(self) -> dict[str, OperationProgress]:
        """The operations by their key in the channel, in the order of work orders and numbers."""
        distinct = {row.id: row for row in self.operations}
        ordered = sorted(distinct.values(), key=lambda row: (row.work_order, row.number))
        return {f"operation/{row.work_order}/{row.number}": self._operation(row) for row in ordered}

    def tracking_view(self) -> TrackingView:
        """What the customer sees: nothing about machines, work orders, prices, or anybody else."""
        shares = [line.share for line in self.lines]
        stage = tracking.stage_of(shares)
        reached = self._reached(stage)
        expected = tracking.expectation(
            stage,
            projected_ms=self.dates.projected_ms(),
            due_ms=self.dates.due_ms(),
            produced_ms=reached.get(Stage.PRODUCED),
            planned=self.dates.planned(),
            now_ms=self._now_ms,
        )
        return TrackingView(
            number=self.order.number,
            reference=self.order.customer_reference,
            customer=self.order.customer,
            item=self._item(),
            stage=stage,
            stages=[
                {"stage": mark.stage, "state": mark.state, "at": rfc3339_ms(mark.at_ms)}
                for mark in tracking.timeline(stage, reached)
            ],
            quantity_ordered=float(self._sum("quantity")),
            unit=self._unit(),
            good_pieces=float(self._sum("good")),
            percent=tracking.percent(shares),
            due=rfc3339_ms(self.dates.due_ms()),
            expected=rfc3339_ms(expected.at_ms),
            expected_latest=rfc3339_ms(expected.latest_ms),
            time_zone=self.order.time_zone,
            changed=_told(self.order.changed_at),
            changes=self._changes(),
            deliveries=self.deliveries,
        )

    def _line(self, line: LineRow) -> dict[str, Any]:
        return {
            "number": line.number,
            "item": line.item,
            "item_name": line.item_name,
            "quantity": float(line.quantity),
            "unit": line.unit,
            "due": rfc3339(line.due_at),
            "state": line.state,
            "good_pieces": float(line.good),
            "scrap_pieces": line.scrap,
            "started": rfc3339(line.started_at),
            "produced": rfc3339(line.produced_at),
            "projected_end": rfc3339_ms(self.dates.line_end_ms(line)),
            "work_orders": sorted({o.work_order for o in self.operations if o.line_id == line.id}),
        }

    def _operation(self, row: OperationRow) -> OperationProgress:
        return OperationProgress(
            work_order=row.work_order,
            operation=row.number,
            name=row.name,
            machine=row.machine,
            state=row.figures(None, self._now_ms).state,
            quantity_ordered=float(row.quantity) if row.quantity is not None else None,
            good_pieces=int(row.good),
            scrap_pieces=int(row.scrap),
            runs=row.runs,
            planned_start=rfc3339_ms(row.planned_start_ms),
            planned_end=rfc3339_ms(row.planned_end_ms),
            started=rfc3339_ms(row.started_ms),
            ended=rfc3339_ms(row.ended_ms),
            projected_end=rfc3339_ms(self.dates.operation_end_ms(row)),
            projected_start=rfc3339_ms(self.dates.operation_start_ms(row)),
            planned_machine=row.planned_machine,
        )

    def _steps(self) -> list[tracking.Step]:
        """Open operations of released lines in working order: by due date, work order, number."""
        due = {line.id: line.due_at for line in self.lines}
        released = {line.id for line in self.lines if line.is_open}
        rows = [row for row in self.operations if row.line_id in released]
        rows.sort(key=lambda row: (*_due_key(due[row.line_id]), row.work_order_id, row.number))
        steps = []
        for row in rows:
            figures = row.figures(None, self._now_ms)
            if not figures.over:
                busy = row.machine_operation_id
                step = tracking.Step(
                    state=figures.state,
                    machine=row.machine,
                    machine_down=row.machine_state in ("down", "offline"),
                    machine_busy=busy is not None and busy != row.id,
                )
                steps.append(step)
        return steps

    def _counted(self) -> list[LineRow]:
        """The lines that count: not cancelled ones, unless there are no others."""
        return [line for line in self.lines if line.state is not LineState.CANCELLED] or self.lines

    def _sum(self, field: str) -> Decimal:
        """A figure summed over the lines that have the first one's unit."""
        lines = self._counted()
        same = [line for line in lines if line.unit == lines[0].unit]
        return sum((Decimal(getattr(line, field)) for line in same), Decimal(0))

    def _unit(self) -> str:
        lines = self._counted()
        return lines[0].unit if lines else ""

    def _item(self) -> str:
        lines = self._counted()
        if not lines:
            return ""
        more = len(lines) - 1
        return f"{lines[0].item_name} +{more}" if more else lines[0].item_name

    def _reached(self, stage: Stage) -> dict[Stage, int]:
        """When the order reached each stage, as far as the rows say."""
        reached = {Stage.RECEIVED: epoch_ms(self.order.received_at)}
        for row in reversed(self.audit):
            match row.action:
                case "OrderConfirmed":
                    reached.setdefault(Stage.CONFIRMED, epoch_ms(row.at))
                case "OrderReleased":
                    reached.setdefault(Stage.CONFIRMED, epoch_ms(row.at))
                    reached.setdefault(Stage.SCHEDULED, epoch_ms(row.at))
                case "OrderCancelled":
                    reached[Stage.CANCELLED] = epoch_ms(row.at)
        lines = self._counted()
        if starts := [line.started_at for line in lines if line.started_at]:
            reached[Stage.IN_PRODUCTION] = epoch_ms(min(starts))
        ends = [line.produced_at for line in lines if line.produced_at]
        if ends and len(ends) == len(lines):
            reached[Stage.PRODUCED] = epoch_ms(max(ends))
        for goods, at in goods_reached(stage, self.deliveries).items():
            reached[goods] = epoch_ms(at)
        return reached

    def _changes(self) -> list[dict[str, Any]]:
        """What changed, newest first: codes and what was changed from and to."""
        told = []
        shipments = ShipmentChanges()
        for row in self.audit:
            if row.action in SHIPMENT_ACTIONS:
                change = shipments.take(row.before, row.after)
                told += [change] if change else []
                continue
            what = _WHAT.get(row.action)
            detail: dict[str, Any] | None = None
            if row.action == "LineStateChanged":
                what = (row.after or {}).get("state")
                detail = {"line": (row.after or {}).get("line")}
            elif row.action == "ExpectedDateMoved":
                detail = {key: (row.after or {}).get(key) for key in ("from", "to")}
            elif row.action == "OrderChanged":
                detail = _line_changes(row.before or {}, row.after or {})
                if not detail["lines"]:
                    continue
            if what is not None:
                told.append({"at": rfc3339(row.at), "what": what, "detail": detail})
        return _at_once(told)[:_CHANGES]


_WHAT = {
    "OrderReceived": "received",
    "OrderConfirmed": "confirmed",
    "OrderReleased": "scheduled",
    "OrderChanged": "changed",
    "OrderCancelled": "cancelled",
    "ExpectedDateMoved": "expected_moved",
}


def _at_once(told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A date that moved again within a minute (a plan, and its improvement) moved once."""
    kept: list[dict[str, Any]] = []
    for entry in told:
        newer = kept[-1] if kept else entry
        if entry["what"] == newer["what"] == "expected_moved" and entry is not newer:
            apart = datetime.fromisoformat(newer["at"]) - datetime.fromisoformat(entry["at"])
            if apart <= _AT_ONCE:
                detail = {**newer["detail"], "from": entry["detail"]["from"]}
                kept[-1] = {**newer, "detail": detail}
                continue
        kept.append(entry)
    return [one for one in kept if not _stayed(one)]


def _stayed(entry: Mapping[str, Any]) -> bool:
    """Whether a date moved and came back."""
    detail = entry["detail"]
    return entry["what"] == "expected_moved" and bool(detail["from"] == detail["to"])


def _line_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The quantities and due dates that an `OrderChanged` changed; nothing else is told."""
    old = {line.get("number"): line for line in before.get("lines") or []}
    changed = []
    for line in after.get("lines") or []:
        was = old.get(line.get("number"), {})
        for field in ("quantity", "due_at"):
            if field in line and line[field] != was.get(field):
                change = {"line": line.get("number"), "field": field}
                changed.append({**change, "from": was.get(field), "to": line[field]})
    return {"lines": changed}


async def order_id_of(connection: Connection, number: str) -> int | None:
    """The id of an order by its number."""
    cursor = await connection.execute("SELECT id FROM orders WHERE number = %s", (number,))
    row = await cursor.fetchone()
    return row[0] if row else None


async def order_view(connection: Connection, number: str, *, now_ms: int) -> OrderView | None:
    """What staff see of an order."""
    order_id = await order_id_of(connection, number)
    picture = await _one(connection, order_id, now_ms) if order_id is not None else None
    return picture.view() if picture else None


async def order_operations(
    connection: Connection, order_id: int, *, now_ms: int
) -> list[OperationProgress]:
    """The operations of an order's work orders, by work order and number."""
    picture = await _one(connection, order_id, now_ms)
    return list(picture.operation_views().values()) if picture else []


async def tracking_view(
    connection: Connection,
    order_id: int,
    *,
    now_ms: int,
    line: int | None = None,
    shipment: int | None = None,
) -> TrackingView | None:
    """What the customer sees of an order, or of one line or shipment of it by its number.

    None when there is no such order, or nothing is left of that part.
    """
    rows = await read_order_rows(connection, [order_id], now_ms=now_ms, audit=True)
    found = rows.get(order_id)
    if found is not None and line is not None:
        keep_line(found, line)
    if found is not None and shipment is not None:
        await keep_shipment(connection, found, shipment)
    if found is None or not (found.lines or (line is None and shipment is None)):
        return None
    return OrderPicture(found, now_ms).tracking_view()


async def _one(connection: Connection, order_id: int, now_ms: int) -> OrderPicture | None:
    return (await read_orders(connection, [order_id], now_ms=now_ms)).get(order_id)


async def read_orders(
    connection: Connection, order_ids: Collection[int], *, now_ms: int, audit: bool = True
) -> dict[int, OrderPicture]:
    """The pictures of orders by id; ids that do not exist are left out.

    Args:
        connection: where to read.
        order_ids: which ones.
        now_ms: the time of asking; projected ends depend on it.
        audit: whether customers' views will be asked for.
    """
    rows = await read_order_rows(connection, order_ids, now_ms=now_ms, audit=audit)
    return {order_id: OrderPicture(each, now_ms) for order_id, each in rows.items()}


def _told(at: datetime) -> str:
    return rfc3339(at) or ""


def _due_key(due_at: datetime | None) -> tuple[bool, float]:
    return (due_at is None, due_at.timestamp() if due_at else 0.0)

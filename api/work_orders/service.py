"""Work orders: planning and giving them up."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from api.alternatives import alternatives_at, machine_at
from api.auth.principal import Principal
from api.context import Context
from api.handling import Handling, known_needs
from api.operations.endpoints import operation_of
from api.operations.schemas import Operation
from api.work_orders.schemas import CancelledWorkOrder, NewWorkOrder, PlannedOperation, WorkOrder
from contracts.ids import EpochMs, SiteCode
from contracts.streams import ORDERS, PARTITIONS, OrderEvent, encode_events
from contracts.telemetry import OperationState
from contracts.topics import partition_of
from domain.orders import LineState, WorkOrderState, change, work_order_state
from domain.orders import Refused as LineRefused
from domain.pegging.needs import Running
from store import audit, catalogue, machines, orders, work_orders
from store.catalogue import Alternative, with_preferred
from store.database import Connection
from store.errors import ConflictError, NotFoundError, UnknownReferenceError
from store.filters import Page
from store.log import NewRecord
from store.machines import SiteRow
from store.orders import LineRow, OrderRow
from store.pegging import making
from store.work_orders import NewOperation, OperationRow, StoredWorkOrder, WorkOrderRow
from store.work_orders import NewWorkOrder as NewRow

ON_A_MACHINE: Final = (OperationState.RUNNING, OperationState.PAUSED, OperationState.INTERRUPTED)


def order_event(
    context: Context,
    name: str,
    *,
    site: str,
    order_id: int,
    version: int,
    work_order_ids: Sequence[int] = (),
) -> NewRecord:
    """The record that tells of a change to an order (0: to a work order without one)."""
    key = str(order_id or f"work-order/{work_order_ids[0]}")
    event = OrderEvent(
        SiteCode(site),
        name,
        order_id,
        list(work_order_ids),
        version,
        EpochMs(context.clock.now_ms()),
    )
    return NewRecord(ORDERS, partition_of(key, PARTITIONS), key.encode(), encode_events([event]))


async def plan(
    context: Context, principal: Principal, wanted: NewWorkOrder
) -> tuple[WorkOrder, bool]:
    """Plan a work order; answers it, and whether it is new.

    One that the floor named before anybody planned it becomes planned. The same request again
    changes nothing.

    Raises:
        UnknownReferenceError: it names something that does not exist.
        ConflictError: there is another work order of that number or external id.
    """
    if not principal.sees(wanted.site):
        raise UnknownReferenceError("site", wanted.site, "there is no such site")
    async with context.transaction() as connection:
        site = await machines.known_site(connection, wanted.site)
        new = await _row(connection, wanted, site)
        work_order_id, created = await _store(connection, new)
        if created:
            operations = await _operations(connection, wanted.operations, site)
            await work_orders.put_operations(connection, work_order_id, operations)
            order, line = await _line(connection, principal, wanted, site)
            await audit.write(
                connection,
                actor=principal.actor,
                action="WorkOrderPlanned",
                site_id=site.id,
                order_id=order.id if order else None,
                work_order_id=work_order_id,
                after=wanted.model_dump(mode="json", exclude_none=True),
            )
            version = 1
            if order is not None and line is not None:
                await orders.peg(
                    connection,
                    line_id=line.id,
                    work_order_id=work_order_id,
                    quantity=wanted.quantity_ordered or line.quantity,
                )
                version = await orders.touch(connection, order.id)
            record = order_event(
                context,
                "WorkOrderPlanned",
                site=site.code,
                order_id=order.id if order else 0,
                version=version,
                work_order_ids=[work_order_id],
            )
            found = await read(connection, work_order_id)
            await context.log.append_in(connection, [record])
            return found, True
        return await read(connection, work_order_id), False


async def cancel(
    context: Context, principal: Principal, work_order_id: int, reason: str
) -> CancelledWorkOrder:
    """Give a work order up. What was never started is cancelled, what runs is asked to stop.

    Raises:
        NotFoundError: there is no such work order.
        ConflictError: it is cancelled already, or all of it is done.
    """
    async with context.transaction() as connection:
        stored = await work_orders.lock(connection, work_order_id=work_order_id)
        if stored is None:
            raise NotFoundError("work order", str(work_order_id))
        before = await read(connection, work_order_id)
        principal.require_site(before.site, kind="work order", name=str(work_order_id))
        if stored.cancelled:
            raise ConflictError(f"the work order {stored.number!r} is cancelled already")
        if before.state is WorkOrderState.COMPLETED:
            raise ConflictError(f"the work order {stored.number!r} is completed")
        await making.give_up(
            connection,
            [work_order_id],
            started=[work_order_id] if still_running(before.operations) else [],
            running=Running.STOP,
            reason=reason,
        )
        pegged = await orders.pegged_to(connection, work_order_id)
        await audit.write(
            connection,
            actor=principal.actor,
            action="WorkOrderCancelled",
            site_id=stored.site_id,
            order_id=pegged[0][0] if len(pegged) == 1 else None,
            work_order_id=work_order_id,
            reason=reason,
            before={"state": before.state},
        )
        after = await read(connection, work_order_id)
        records = [
            order_event(
                context,
                "WorkOrderCancelled",
                site=before.site,
                order_id=order_id,
                version=version,
                work_order_ids=[work_order_id],
            )
            for order_id, version in pegged or [(0, after.version)]
        ]
        await context.log.append_in(connection, records)
    return CancelledWorkOrder(
        work_order=after,
        still_running=still_running(after.operations),
    )


async def read(connection: Connection, work_order_id: int) -> WorkOrder:
    """One work order.

    Raises:
        NotFoundError: there is no such work order.
    """
    rows, _ = await work_orders.work_orders(connection, Page(1, 0), work_order_id=work_order_id)
    if not rows:
        raise NotFoundError("work order", str(work_order_id))
    return (await with_operations(connection, rows))[0]


async def with_operations(connection: Connection, rows: Sequence[WorkOrderRow]) -> list[WorkOrder]:
    """Work orders as the API shows them."""
    operations = await work_orders.operations_of(connection, [row.id for row in rows])
    return [_work_order(row, operations[row.id]) for row in rows]


def still_running(operations: Sequence[Operation]) -> list[Operation]:
    """The operations that the floor has begun and not ended."""
    return [operation for operation in operations if operation.state in ON_A_MACHINE]


def _work_order(row: WorkOrderRow, operations: Sequence[OperationRow]) -> WorkOrder:
    shown = [operation_of(operation) for operation in operations]
    return WorkOrder(
        id=row.id,
        site=row.site,
        number=row.number,
        external_source=row.external_source,
        external_id=row.external_id,
        item=row.item,
        setup_family=row.setup_family,
        quantity_ordered=row.quantity_ordered,
        unit=row.unit,
        good_pieces=int(row.good_pieces),
        scrap_pieces=int(row.scrap_pieces),
        state=work_order_state([operation.state for operation in shown], cancelled=row.cancelled),
        planned=row.planned,
        due_at=row.due_at,
        not_before=row.not_before,
        version=row.version,
        operations=shown,
    )


async def _row(connection: Connection, wanted: NewWorkOrder, site: SiteRow) -> NewRow:
    item = (
        await catalogue.known_item(connection, wanted.item, field="item")
        if wanted.item is not None
        else None
    )
    content = wanted.model_dump(mode="json", exclude_none=True)
    for operation in content["operations"]:
        if not operation["alternatives"]:
            # What was taken in before there were alternatives is still the same.
            del operation["alternatives"]
    return NewRow(
        site_id=site.id,
        number=wanted.number,
        external_source=wanted.external_source,
        external_id=wanted.external_id,
        item_id=item.id if item else None,
        quantity_ordered=wanted.quantity_ordered,
        unit=item.unit if item else "pcs",
        due_at=wanted.due_at,
        not_before=wanted.not_before,
        intake_digest=hashlib.sha256(msgspec.json.encode(content, order="sorted")).digest(),
    )


async def _store(connection: Connection, new: NewRow) -> tuple[int, bool]:
    """The work order's id, and whether it still has to be given its operations."""
    stored = await work_orders.insert(connection, new)
    if stored is not None:
        return stored[0], True
    by_number = await work_orders.lock(connection, site_id=new.site_id, number=new.number)
    by_external: StoredWorkOrder | None = None
    if new.external_source is not None and new.external_id is not None:
        by_external = await work_orders.lock(
            connection, site_id=new.site_id, external=(new.external_source, new.external_id)
        )
    known = by_number or by_external
    if known is None:
        raise ConflictError(f"the work order {new.number!r} is just being changed; try again")
    if by_external is not None and by_external.id != known.id:
        raise ConflictError(
            f"{new.external_source} {new.external_id!r} is the work order {by_external.number!r}"
        )
    if not known.planned:
        await work_orders.adopt(connection, known.id, new)
        return known.id, True
    if known.intake_digest != new.intake_digest:
        raise ConflictError(f"there is another work order {known.number!r} already")
    return known.id, False


async def _operations(
    connection: Connection, wanted: Sequence[PlannedOperation], site: SiteRow
) -> list[NewOperation]:
    found = []
    for index, operation in enumerate(wanted):
        machine = None
        choice: list[Alternative] = []
        place = f"operations[{index}]"
        handling = operation.handling or Handling()
        await known_needs(connection, site.id, handling, f"{place}.handling")
        if operation.machine is not None:
            machine = await machine_at(
                connection, site, operation.machine, field=f"{place}.machine"
            )
            others = await alternatives_at(
                connection,
                site,
                operation.alternatives,
                beside=operation.machine,
                field=f"{place}.alternatives",
            )
            choice = with_preferred(
                others,
                machine=machine.path,
                machine_id=machine.id,
                cycle_ms=operation.cycle_ms,
                setup_ms=operation.setup_ms,
            )
        new = NewOperation(
            number=operation.number,
            name=operation.name,
            machine_id=machine.id if machine else None,
            cycle_ms=operation.cycle_ms,
            setup_ms=operation.setup_ms,
            quantity=operation.quantity,
            alternatives=choice,
            handling=handling.stored,
        )
        found.append(new)
    return found


async def _line(
    connection: Connection, principal: Principal, wanted: NewWorkOrder, site: SiteRow
) -> tuple[OrderRow | None, LineRow | None]:
    """The order line that the work is for, locked with its order."""
    reference = wanted.order_line
    if reference is None:
        return None, None
    order = await orders.find(connection, number=reference.order, for_update=True)
    if order is None or not principal.sees(order.site):
        problem = f"there is no such order at {site.code!r}"
        raise UnknownReferenceError("order_line.order", reference.order, problem)
    made_at = await making.line_sites(connection, order.id)
    lines = (await orders.lines(connection, [order.id], for_update=True))[order.id]
    line = next((line for line in lines if line.number == reference.line), None)
    if line is None:
        problem = "the order has no such line"
        raise UnknownReferenceError("order_line.line", str(reference.line), problem)
    if site.id not in (order.site_id, made_at[line.id].site_id):
        problem = f"there is no such order at {site.code!r}"
        raise UnknownReferenceError("order_line.order", reference.order, problem)
    decision = change(line.state)
    if isinstance(decision, LineRefused):
        raise ConflictError(f"line {line.number} of {order.number!r}: {decision.reason}")
    if line.state in (LineState.RECEIVED, LineState.UNDER_REVIEW, LineState.CONFIRMED):
        await orders.set_line_state(connection, line.id, LineState.RELEASED)
    return order, line

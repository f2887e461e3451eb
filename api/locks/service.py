"""Locking operations, with what follows from that."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from api.auth.principal import Principal
from api.context import Context
from api.disruptions.service import raise_change
from api.locks.schemas import Lock
from api.operations.endpoints import operation_of
from api.operations.schemas import Operation
from api.scopes import known_scope
from contracts.plan import DisruptionKind
from contracts.telemetry import OperationState
from store import audit, work_orders
from store.database import Connection
from store.errors import ConflictError, NotFoundError, UnknownReferenceError
from store.planning import disruptions, locking
from store.planning.locking import LockableRow

_BEGUN: Final = (OperationState.RUNNING, OperationState.PAUSED, OperationState.INTERRUPTED)
_OPEN: Final = (OperationState.PLANNED, OperationState.RELEASED)


async def lock(
    context: Context, principal: Principal, operation_id: int, wanted: Lock
) -> Operation:
    """Lock an operation to a machine; the same again changes nothing.

    Raises:
        NotFoundError: there is no such operation.
        ConflictError: it has begun, is over, or is not planned.
        UnknownReferenceError: the machine is none of those that may do it.
    """
    async with context.transaction() as connection:
        row = await _lockable(connection, principal, operation_id)
        _refuse_begun(row)
        machine_id = row.machines.get(wanted.machine)
        if machine_id is None:
            known = ", ".join(sorted(row.machines)) or "none"
            problem = f"cannot do {row.name}; these can: {known}"
            raise UnknownReferenceError("machine", wanted.machine, problem)
        same = (row.machine_id, row.not_before, row.turn, row.reason)
        if same != (machine_id, wanted.not_before, wanted.turn, wanted.reason):
            await locking.put_lock(
                connection,
                operation_id,
                machine_id=machine_id,
                not_before=wanted.not_before,
                turn=wanted.turn,
                reason=wanted.reason,
                locked_by=principal.actor.name,
            )
            await audit.write(
                connection,
                actor=principal.actor,
                action="OperationLocked",
                site_id=row.site_id,
                work_order_id=row.work_order_id,
                reason=wanted.reason,
                before=row.lock,
                after={"operation": row.name, **wanted.model_dump(mode="json", exclude={"reason"})},
            )
            await _tell(
                connection,
                context,
                principal,
                row,
                machine_id=machine_id,
                machine=wanted.machine,
                not_before=wanted.not_before,
            )
        operations = await work_orders.operations_of(connection, [row.work_order_id])
    [found] = [each for each in operations[row.work_order_id] if each.id == operation_id]
    return operation_of(found)


async def unlock(context: Context, principal: Principal, operation_id: int) -> None:
    """Free an operation.

    Raises:
        NotFoundError: there is no such operation, or it is not locked.
    """
    async with context.transaction() as connection:
        row = await _lockable(connection, principal, operation_id)
        if row.machine_id is None:
            raise NotFoundError("lock on operation", row.name)
        await locking.remove_lock(connection, operation_id)
        await audit.write(
            connection,
            actor=principal.actor,
            action="OperationUnlocked",
            site_id=row.site_id,
            work_order_id=row.work_order_id,
            before=row.lock,
            after={"operation": row.name},
        )
        await _tell(
            connection,
            context,
            principal,
            row,
            machine_id=row.machine_id,
            machine=None,
            not_before=None,
        )


async def _lockable(connection: Connection, principal: Principal, operation_id: int) -> LockableRow:
    row = await locking.lockable(connection, operation_id)
    if row is None:
        raise NotFoundError("operation", str(operation_id))
    try:
        await known_scope(connection, principal, row.scope)
    except NotFoundError as error:
        raise NotFoundError("operation", str(operation_id)) from error
    return row


def _refuse_begun(row: LockableRow) -> None:
    state = OperationState(row.state)
    params = {"operation": row.name, "state": row.state}
    if state in _BEGUN:
        raise ConflictError(
            f"{row.name} has begun ({row.state}) and stays where it is",
            code="operation-begun",
            params=params,
        )
    if state not in _OPEN or not row.planned:
        what = row.state if state not in _OPEN else "not planned, or cancelled"
        raise ConflictError(
            f"{row.name} is {what}; only what is still to be done can be locked",
            code="operation-over",
            params=params,
        )


async def _tell(
    connection: Connection,
    context: Context,
    principal: Principal,
    row: LockableRow,
    *,
    machine_id: int,
    machine: str | None,
    not_before: datetime | None,
) -> None:
    """Raise what makes the plan wrong: it has the operation elsewhere, or is free to move it."""
    disruption = await raise_change(
        connection,
        context,
        principal,
        scope=row.scope,
        kind=DisruptionKind.OPERATION_LOCKED,
        site_id=row.site_id,
        machine_id=machine_id,
        operation_id=row.id,
        detail={
            "to": machine,
            "not_before": None if not_before is None else not_before.isoformat(),
        },
    )
    await context.log.append_in(connection, [disruptions.record(disruption)])

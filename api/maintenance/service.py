"""Planning maintenance, with what follows from that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from api.auth.principal import Principal
from api.context import Context
from api.disruptions.service import raise_change
from api.maintenance.schemas import Maintenance, MaintenanceList, NewMaintenance
from api.scopes import known_scope
from contracts.plan import DisruptionKind
from store import audit, machines
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.machines import MachineRow
from store.planning import disruptions, maintenance
from store.planning.maintenance import MaintenanceRow
from store.planning.policies import scope_of_site


async def maintenance_list(context: Context, principal: Principal, path: str) -> MaintenanceList:
    """A machine's maintenance that is not over.

    Raises:
        NotFoundError: there is no such machine.
    """
    principal.require_machine(path)
    async with context.connection() as connection:
        machine = await machines.find_machine(connection, path)
        if machine is None:
            raise NotFoundError("machine", path)
        now = datetime.fromtimestamp(context.clock.now_ms() / 1000, UTC)
        rows = await maintenance.listed(connection, machine.id, since=now)
    return MaintenanceList(items=[_shown(row) for row in rows], total=len(rows))


async def plan(
    context: Context, principal: Principal, path: str, wanted: NewMaintenance
) -> Maintenance:
    """Close a machine for a while.

    Raises:
        NotFoundError: there is no such machine.
        ConflictError: it is closed then already.
    """
    async with context.transaction() as connection:
        machine, scope = await _plannable(connection, principal, path)
        other = await maintenance.overlapping(
            connection, machine.id, starts_at=wanted.starts_at, ends_at=wanted.ends_at
        )
        if other is not None:
            raise ConflictError(
                f"{path} is closed from {other.starts_at.isoformat()} to"
                f" {other.ends_at.isoformat()} already ({other.reason}); give that up first",
                code="maintenance-overlaps",
                params={"machine": path, "reason": other.reason},
            )
        row = await maintenance.add(
            connection,
            machine.site_id,
            machine.id,
            starts_at=wanted.starts_at,
            ends_at=wanted.ends_at,
            reason=wanted.reason,
        )
        await audit.write(
            connection,
            actor=principal.actor,
            action="MaintenancePlanned",
            site_id=machine.site_id,
            object_kind="machine",
            object_key=path,
            reason=wanted.reason,
            after=_told(path, row),
        )
        await _tell(
            connection, context, principal, scope=scope, machine=machine, row=row, given_up=False
        )
    return _shown(row)


async def give_up(context: Context, principal: Principal, path: str, maintenance_id: int) -> None:
    """Open a machine again that was to be closed.

    Raises:
        NotFoundError: there is no such machine or maintenance.
    """
    async with context.transaction() as connection:
        machine, scope = await _plannable(connection, principal, path)
        row = await maintenance.remove(connection, machine.id, maintenance_id)
        if row is None:
            raise NotFoundError("maintenance", str(maintenance_id))
        await audit.write(
            connection,
            actor=principal.actor,
            action="MaintenanceGivenUp",
            site_id=machine.site_id,
            object_kind="machine",
            object_key=path,
            before=_told(path, row),
            after={"machine": path},
        )
        await _tell(
            connection, context, principal, scope=scope, machine=machine, row=row, given_up=True
        )


async def _plannable(
    connection: Connection, principal: Principal, path: str
) -> tuple[MachineRow, str]:
    """A machine whose plan somebody makes, its site's calendar locked, and the scope."""
    principal.require_machine(path)
    await machines.find_site(connection, path.partition("/")[0], for_update=True)
    machine = await machines.find_machine(connection, path)
    if machine is None:
        raise NotFoundError("machine", path)
    scope = await scope_of_site(connection, machine.site_id)
    try:
        await known_scope(connection, principal, scope)
    except NotFoundError as error:
        raise NotFoundError("machine", path) from error
    return machine, scope


async def _tell(
    connection: Connection,
    context: Context,
    principal: Principal,
    *,
    scope: str,
    machine: MachineRow,
    row: MaintenanceRow,
    given_up: bool,
) -> None:
    disruption = await raise_change(
        connection,
        context,
        principal,
        scope=scope,
        kind=DisruptionKind.MAINTENANCE_PLANNED,
        site_id=machine.site_id,
        machine_id=machine.id,
        detail={
            "from": row.starts_at.isoformat(),
            "until": row.ends_at.isoformat(),
            "reason": row.reason,
            "given_up": given_up,
        },
    )
    await context.log.append_in(connection, [disruptions.record(disruption)])


def _told(path: str, row: MaintenanceRow) -> dict[str, Any]:
    return {
        "machine": path,
        "starts_at": row.starts_at.isoformat(),
        "ends_at": row.ends_at.isoformat(),
        "reason": row.reason,
    }


def _shown(row: MaintenanceRow) -> Maintenance:
    return Maintenance.model_validate(row, from_attributes=True)

"""Machines, and the terminal's words to them."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter

from api.auth.principal import Configurer, Operating, Reader
from api.chosen_sites import Sites
from api.context import RequestContext
from api.fields import Paging, Path4, Wanted, moment_of
from api.machines import service
from api.machines.schemas import (
    JobObject,
    JobReport,
    Machine,
    MachineChange,
    MachineList,
    MachineOperation,
    SeenRequest,
    Setups,
    SetupsChange,
    Unassigned,
)
from contracts.ids import MachinePath
from contracts.telemetry import MachineState, OperationState
from store import audit, machines
from store.errors import NotFoundError
from store.machines import MachineRow

router = APIRouter(prefix="/v1/machines", tags=["machines"])


@router.get("", operation_id="listMachines")
async def list_machines(context: RequestContext, sites: Sites, page: Paging) -> MachineList:
    """Machines by path, with what they are doing."""
    async with context.connection() as connection:
        rows, total = await machines.machines(
            connection, page, site=sites.site, limited_to=sites.limited_to, lines=sites.lines
        )
    return MachineList(items=[_machine(row) for row in rows], total=total)


@router.post("/{path:path}/job", status_code=HTTPStatus.ACCEPTED, operation_id="reportJob")
async def report_job(
    context: RequestContext, principal: Operating, path: Wanted, report: JobReport
) -> JobObject:
    """Say at a terminal that an operation started, paused, resumed, completed or was aborted.

    Accepted means stored in the stream: it takes its place among the machine's other messages by
    its time, and the operation's state follows from them all.
    """
    principal.require_machine(path)
    return await service.report_job(context, principal, path, report)


@router.post(
    "/{path:path}/acknowledge", status_code=HTTPStatus.NO_CONTENT, operation_id="acknowledgeRequest"
)
async def acknowledge(
    context: RequestContext, principal: Operating, path: Wanted, seen: SeenRequest
) -> None:
    """Say at a terminal that one has seen what is asked: to stop a work order, or finish it.

    What is to be stopped is neither started nor resumed any more; it is completed or aborted.
    """
    principal.require_machine(path)
    await service.acknowledge(context, principal, path, seen.work_order)


@router.get("/{path:path}/setups", operation_id="getSetups")
async def get_setups(context: RequestContext, principal: Reader, path: Wanted) -> Setups:
    """How long the machine takes from one setup family to another, by family."""
    return await service.setups(context, principal, path)


@router.put("/{path:path}/setups", operation_id="putSetups")
async def put_setups(
    context: RequestContext, principal: Configurer, path: Wanted, wanted: SetupsChange
) -> Setups:
    """Replace the machine's setup matrix. A new plan follows."""
    return await service.put_setups(context, principal, path, wanted)


@router.get("/{path:path}", operation_id="getMachine")
async def get_machine(context: RequestContext, principal: Reader, path: Wanted) -> Machine:
    """One machine."""
    principal.require_machine(path)
    async with context.connection() as connection:
        row = await machines.find_machine(connection, path)
    if row is None:
        raise NotFoundError("machine", path)
    return _machine(row)


@router.put("/{path:path}", operation_id="putMachine")
async def put_machine(
    context: RequestContext, principal: Configurer, path: Path4, wanted: MachineChange
) -> Machine:
    """Make a machine, or name and place it anew. Its site must exist."""
    principal.require_machine(path)
    async with context.transaction() as connection:
        site = await machines.known_site(connection, path.partition("/")[0], field="path")
        before = await machines.find_machine(connection, path)
        await machines.put_machine(
            connection,
            MachinePath(path),
            site_id=site.id,
            name=wanted.name,
            position=wanted.position,
        )
        row = await machines.known_machine(connection, path, field="path")
        await audit.write(
            connection,
            actor=principal.actor,
            action="MachineChanged" if before else "MachineCreated",
            site_id=site.id,
            object_kind="machine",
            object_key=path,
            before={"machine": path, "name": before.name, "position": before.position}
            if before
            else None,
            after={"machine": path, **wanted.model_dump()},
        )
        await context.log.append_in(connection, [service.machine_changed(row)])
    return _machine(row)


def _machine(row: MachineRow) -> Machine:
    return Machine(
        machine=row.path,
        site=row.site,
        name=row.name,
        area=row.area,
        line=row.line,
        position=row.position,
        configured=row.configured,
        state=MachineState(row.state),
        reason=row.reason,
        state_since=moment_of(row.state_since_ms),
        last_seen=moment_of(row.last_seen_ms),
        operator=row.operator,
        operation=_operation(row),
        unassigned=Unassigned(good=int(row.unassigned_good), scrap=int(row.unassigned_scrap)),
    )


def _operation(row: MachineRow) -> MachineOperation | None:
    if row.work_order is None or row.operation is None or row.operation_state is None:
        return None
    return MachineOperation(
        work_order=row.work_order,
        operation=row.operation,
        name=row.operation_name,
        state=OperationState(row.operation_state),
    )

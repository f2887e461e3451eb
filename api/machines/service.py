"""What an operator says becomes a native message in the stream; setups are kept as rows."""

from __future__ import annotations

from typing import Final

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.disruptions.service import raise_change
from api.fields import required_moment
from api.machines.schemas import JobObject, JobReport, Setup, Setups, SetupsChange
from contracts.ids import EpochMs
from contracts.streams import (
    FLOOR,
    OPERATIONS,
    PARTITIONS,
    Arrival,
    Bundle,
    MachineChanged,
    encode_bundle,
    encode_events,
)
from contracts.telemetry import JobEvent
from contracts.topics import partition_of
from store import audit, machines, work_orders
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.log import NewRecord
from store.machines import MachineRow
from store.planning import disruptions, policies

SOURCE: Final = "terminal"


async def report_job(
    context: Context, principal: Principal, path: str, report: JobReport
) -> JobObject:
    """Append the report to the stream, with the number that is its own.

    Raises:
        NotFoundError: there is no such machine.
        ConflictError: the work order was cancelled, and this would start it; or the floor is asked
            to stop it, and this would start it or go on with it.
    """
    async with context.transaction() as connection:
        machine = await machines.find_machine(connection, path)
        if machine is None:
            raise NotFoundError("machine", path)
        if report.event in (JobEvent.STARTED, JobEvent.RESUMED):
            await _refuse_barred(connection, machine, report)
        boot, seq = await machines.next_terminal_seq(connection, machine.id)
        job = JobObject(
            t=context.clock.now_ms(),
            source=SOURCE,
            boot=boot,
            seq=seq,
            **report.model_dump(exclude_none=True),
        )
        await audit.write(
            connection,
            actor=principal.actor,
            action="JobReported",
            site_id=machine.site_id,
            object_kind="machine",
            object_key=path,
            after={"machine": path, **job.model_dump(exclude_none=True)},
        )
        await context.log.append_in(connection, [_job_record(path, job)])
    return job


async def _refuse_barred(connection: Connection, machine: MachineRow, report: JobReport) -> None:
    barred = await work_orders.barred(connection, machine.site_id, report.work_order)
    if barred.stopping:
        why = f" ({barred.reason})" if barred.reason else ""
        raise ConflictError(
            f"the work order {report.work_order!r} is to be stopped{why}: complete or abort it;"
            " what was made beyond what is wanted goes to stock"
        )
    if barred.cancelled and report.event is JobEvent.STARTED:
        raise ConflictError(f"the work order {report.work_order!r} is cancelled")


async def acknowledge(context: Context, principal: Principal, path: str, work_order: str) -> None:
    """Say at a machine that what is asked of it was seen.

    Raises:
        NotFoundError: there is no such machine.
        ConflictError: nothing is asked of that work order.
    """
    async with context.transaction() as connection:
        machine = await machines.find_machine(connection, path)
        if machine is None:
            raise NotFoundError("machine", path)
        asked = await work_orders.acknowledge_closing(
            connection,
            machine.site_id,
            work_order,
            by=principal.actor.name,
            now=required_moment(context.clock.now_ms()),
        )
        if asked is None:
            raise ConflictError(
                f"nothing is asked of the work order {work_order!r} at {machine.site!r} (any more)"
            )
        await audit.write(
            connection,
            actor=principal.actor,
            action="ClosingSeen",
            site_id=machine.site_id,
            object_kind="machine",
            object_key=path,
            after={"machine": path, "work_order": work_order, "asked": asked},
        )
        await context.log.append_in(connection, [machine_changed(machine)])


def machine_changed(machine: MachineRow) -> NewRecord:
    """The record that makes screens look at a machine again."""
    event = MachineChanged(
        machine.site,  # type: ignore[arg-type]  # a column is no NewType
        machine.id,
        machine.path,  # type: ignore[arg-type]  # likewise
        machine.version,
    )
    return NewRecord(
        FLOOR,
        partition_of(machine.path, PARTITIONS),
        machine.path.encode(),
        encode_events([event]),
    )


def _job_record(path: str, job: JobObject) -> NewRecord:
    payload = msgspec.json.encode(job.model_dump(exclude_none=True))
    arrival = Arrival(0, 0, EpochMs(job.t), payload, len(payload))
    return NewRecord(
        OPERATIONS,
        partition_of(path, PARTITIONS),
        path.encode(),
        encode_bundle(Bundle("", [f"gemba/v1/{path}/job"], [arrival])),
    )


async def setups(context: Context, principal: Principal, path: str) -> Setups:
    """A machine's setup matrix.

    Raises:
        NotFoundError: there is no such machine.
    """
    async with context.connection() as connection:
        machine = await _known(connection, principal, path)
        return await _setups(connection, machine)


async def put_setups(
    context: Context, principal: Principal, path: str, wanted: SetupsChange
) -> Setups:
    """Replace a machine's setup matrix; the same again changes nothing.

    Raises:
        NotFoundError: there is no such machine.
    """
    async with context.transaction() as connection:
        machine = await _known(connection, principal, path)
        await machines.lock_machine(connection, machine.id)
        before = await _setups(connection, machine)
        new = [machines.Setup(**setup.model_dump()) for setup in wanted.setups]
        await machines.put_setups(connection, machine.id, new)
        after = await _setups(connection, machine)
        if after == before:
            return after
        await audit.write(
            connection,
            actor=principal.actor,
            action="SetupsChanged",
            site_id=machine.site_id,
            object_kind="machine",
            object_key=path,
            before=before.model_dump(),
            after=after.model_dump(),
        )
        disruption = await raise_change(
            connection,
            context,
            principal,
            scope=await policies.scope_of_site(connection, machine.site_id),
            site_id=machine.site_id,
            machine_id=machine.id,
            detail={"what": "setups"},
        )
        await context.log.append_in(connection, [disruptions.record(disruption)])
    return after


async def _known(connection: Connection, principal: Principal, path: str) -> MachineRow:
    principal.require_machine(path)
    machine = await machines.find_machine(connection, path)
    if machine is None:
        raise NotFoundError("machine", path)
    return machine


async def _setups(connection: Connection, machine: MachineRow) -> Setups:
    rows = await machines.setups(connection, machine.id)
    return Setups(
        machine=machine.path, setups=[Setup(**msgspec.structs.asdict(row)) for row in rows]
    )

"""What an operator says at a terminal becomes a native message in the stream."""

from __future__ import annotations

from typing import Final

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.machines.schemas import JobObject, JobReport, Setups, SetupsChange
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
from store.errors import ConflictError, NotFoundError
from store.log import NewRecord
from store.machines import MachineRow

SOURCE: Final = "terminal"


async def report_job(
    context: Context, principal: Principal, path: str, report: JobReport
) -> JobObject:
    """Append the report to the stream, with the number that is its own.

    Raises:
        NotFoundError: there is no such machine.
        ConflictError: the work order was cancelled, and this would start it.
    """
    async with context.transaction() as connection:
        machine = await machines.find_machine(connection, path)
        if machine is None:
            raise NotFoundError("machine", path)
        if report.event is JobEvent.STARTED and await work_orders.is_cancelled(
            connection, machine.site_id, report.work_order
        ):
            raise ConflictError(f"the work order {report.work_order!r} is cancelled")
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
            after={"machine": path, **job.model_dump(exclude_none=True)},
        )
        await context.log.append_in(connection, [_job_record(path, job)])
    return job


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
    raise NotFoundError("machine", path)


async def put_setups(
    context: Context, principal: Principal, path: str, wanted: SetupsChange
) -> Setups:
    raise NotFoundError("machine", path)

"""From a request to a machine's past."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from api.context import Context
from api.errors import FieldProblem, ProblemError, safe_value
from api.fields import required_moment
from api.history.schemas import (
    Bucket,
    BucketReading,
    History,
    Metric,
    PieceSlot,
    StateChange,
    TimeInState,
    Value,
)
from contracts.telemetry import MachineState
from store import machines
from store.database import Connection
from store.errors import NotFoundError
from store.history import reading
from store.history.buckets import Resolution, TooManyBucketsError
from store.machines import MachineRow

MOST_METRICS: Final = 100


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to know of a machine.

    Attributes:
        path: the machine.
        start: from when.
        end: up to when; None: now.
        resolution: None: what suits the range.
        metrics: which readings; empty: all.
        limit: so many single values at most.
    """

    path: str
    start: datetime
    end: datetime | None
    resolution: Resolution | None
    metrics: list[str]
    limit: int


async def metrics(context: Context, path: str) -> list[Metric]:
    """What a machine has ever reported readings of.

    Raises:
        NotFoundError: there is no such machine.
    """
    async with context.connection() as connection:
        machine = await _known(connection, path)
        return [_metric(one) for one in await reading.metrics_of(connection, machine.id)]


async def history(context: Context, request: Request) -> History:
    """A machine's past.

    Raises:
        NotFoundError: there is no such machine.
        ProblemError: the range is empty or too long for the resolution, or a metric is unknown.
    """
    now_ms = context.clock.now_ms()
    from_ms = _epoch_ms(request.start)
    to_ms = now_ms if request.end is None else _epoch_ms(request.end)
    if from_ms >= to_ms:
        raise _refused("from", request.start.isoformat(), "must lie before `to`")
    async with context.connection() as connection:
        machine = await _known(connection, request.path)
        site = await machines.known_site(connection, machine.site)
        asked = reading.Asked(
            machine_id=machine.id,
            zone=ZoneInfo(site.time_zone),
            from_ms=from_ms,
            to_ms=to_ms,
            now_ms=now_ms,
            metrics=await _chosen(connection, machine, request.metrics),
        )
        resolution = request.resolution or await reading.suitable(connection, asked)
        answer = History(
            machine=machine.path,
            site=machine.site,
            time_zone=site.time_zone,
            resolution=resolution,
            from_=required_moment(from_ms),
            to=required_moment(to_ms),
            states_until=required_moment(min(to_ms, now_ms)),
            truncated=False,
            metrics=[_metric(one) for one in asked.metrics],
            buckets=[],
            values=[],
            changes=[],
            slots=[],
        )
        if resolution is Resolution.RAW:
            found = await reading.single(connection, asked, limit=request.limit)
            return answer.model_copy(update=_single(found, now_ms))
        try:
            buckets = await reading.buckets(connection, asked, resolution)
        except TooManyBucketsError as error:
            raise _refused("resolution", resolution.value, str(error)) from error
    return answer.model_copy(update=_buckets(buckets, now_ms))


def _refused(field: Literal["from", "resolution", "metrics"], value: str, why: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "invalid",
        f"A field of the request cannot be taken: {field}: {why}",
        errors=[FieldProblem(field=field, value=safe_value(value), problem=why)],
    )


async def _known(connection: Connection, path: str) -> MachineRow:
    machine = await machines.find_machine(connection, path)
    if machine is None:
        raise NotFoundError("machine", path)
    return machine


async def _chosen(
    connection: Connection, machine: MachineRow, names: list[str]
) -> list[reading.Metric]:
    known = await reading.metrics_of(connection, machine.id)
    if names:
        by_name = {metric.name: metric for metric in known}
        for name in names:
            if name not in by_name:
                raise _refused("metrics", name, "the machine never reported it")
        known = [by_name[name] for name in dict.fromkeys(names)]
    if len(known) > MOST_METRICS:
        raise _refused(
            "metrics", str(len(known)), f"are too many; name up to {MOST_METRICS} of them"
        )
    return known


def _single(found: reading.Single, now_ms: int) -> dict[str, object]:
    return {
        "to": required_moment(found.to_ms),
        "states_until": required_moment(min(found.to_ms, now_ms)),
        "truncated": found.truncated,
        "values": [
            Value.model_construct(at=required_moment(one.t_ms), metric=one.metric, value=one.value)
            for one in found.values
        ],
        "changes": [
            StateChange(
                at=required_moment(one.e_ms), state=MachineState(one.state), reason=one.reason
            )
            for one in found.changes
        ],
        "slots": [
            PieceSlot(start=required_moment(one.slot_ms), good=one.good, scrap=one.scrap)
            for one in found.slots
        ],
    }


def _buckets(found: list[reading.Bucket], now_ms: int) -> dict[str, object]:
    """Made without looking at them again: they are many, and ours."""
    return {
        "from_": required_moment(found[0].start_ms),
        "to": required_moment(found[-1].end_ms),
        "states_until": required_moment(min(found[-1].end_ms, now_ms)),
        "buckets": [
            Bucket.model_construct(
                start=required_moment(bucket.start_ms),
                end=required_moment(bucket.end_ms),
                good=bucket.good,
                scrap=bucket.scrap,
                states=[
                    TimeInState.model_construct(
                        state=MachineState(one.state), reason=one.reason, ms=one.ms
                    )
                    for one in bucket.states
                ],
                readings=[
                    BucketReading.model_construct(
                        metric=one.metric, n=one.n, mean=one.mean, min=one.min, max=one.max
                    )
                    for one in bucket.readings
                ],
            )
            for bucket in found
        ],
    }


def _metric(metric: reading.Metric) -> Metric:
    return Metric(name=metric.name, unit=metric.unit)


def _epoch_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000)

"""Events in the order in which they were committed, by cursor, as CloudEvents 1.0."""

from __future__ import annotations

import asyncio
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.auth.principal import Reader
from api.context import RequestContext
from api.errors import ProblemError
from domain.outward import EVENT_TYPES
from store import outward

router = APIRouter(prefix="/v1/events", tags=["events"])

_LOOK_AGAIN_S = 0.5


class CloudEvent(BaseModel):
    """An event as CloudEvents 1.0 has it (JSON event format)."""

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(description="The same event has the same id, whenever it is asked for.")
    source: str = Field(description="`/gemba`, or the site: `/gemba/plant-1`.")
    type: str = Field(description="`order.confirmed`, `shipment.shipped`, …")
    subject: str | None = Field(description="The order's number.")
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    sequence: str = Field(description="Rises without holes over all events.")
    data: dict[str, Any]


class EventList(BaseModel):
    """Events, and from where to go on."""

    items: list[CloudEvent]
    next: int = Field(description="What `after` has to be the next time.")


@router.get("", operation_id="listEvents")
async def list_events(
    *,
    context: RequestContext,
    principal: Reader,
    after: Annotated[
        int | None,
        Query(ge=0, le=2**63 - 1, description="The last `next`; left out: from now on."),
    ] = None,
    types: Annotated[
        str, Query(max_length=2_000, description="Separated by commas; empty: all.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    wait_s: Annotated[
        int, Query(ge=0, le=30, description="Wait so long for the first one (long poll).")
    ] = 0,
) -> EventList:
    """What happened after a place in the order of commits. Whoever keeps `next` misses nothing.

    410 when events after that place are kept no longer: some would be missed.
    """
    wanted = {name.strip() for name in types.split(",")} & EVENT_TYPES
    if types and not wanted:
        wanted = {""}  # of types that nobody knows there is nothing
    until = context.clock.monotonic() + wait_s
    seq = after
    while True:
        async with context.connection() as connection:
            head = await outward.newest(connection)
            seq = head if seq is None else seq
            if seq:  # 0 asks for everything there is
                _require_kept(seq, await outward.oldest(connection))
            found = await outward.after(
                connection,
                seq,
                types=sorted(wanted),
                limited_to=sorted(principal.sites),
                limit=limit,
            )
        if found or context.clock.monotonic() >= until:
            break
        await asyncio.sleep(_LOOK_AGAIN_S)
    # What was passed over is another's or of another type: it is not looked at again.
    full = len(found) == limit
    last = found[-1].seq if full else max([head, seq, *(event.seq for event in found)])
    return EventList(items=[_shown(event) for event in found], next=last)


def _require_kept(after: int, oldest: int) -> None:
    if after < oldest - 1:
        raise ProblemError(
            HTTPStatus.GONE,
            "events-gone",
            f"Events {after + 1} to {oldest - 1} are kept no longer (GEMBA_OUTWARD_DAYS); read the"
            f" orders you need anew, and go on with after={oldest - 1}.",
        )


def _shown(event: outward.Event) -> CloudEvent:
    return CloudEvent(
        id=str(event.id),
        source="/gemba" if event.site is None else f"/gemba/{event.site}",
        type=event.type,
        subject=event.subject,
        time=event.occurred_at,
        sequence=str(event.seq),
        data=event.data,
    )

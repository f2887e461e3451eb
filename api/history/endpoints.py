"""What a machine did: its metrics, and its past at a resolution."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response

from api.auth.principal import Reader
from api.context import RequestContext
from api.fields import Moment, Wanted
from api.history import export, service
from api.history.schemas import History, MetricList
from store.history.buckets import Resolution

router = APIRouter(prefix="/v1/machines", tags=["machines"])


class WantedResolution(StrEnum):
    """How finely the past is to be told."""

    AUTO = "auto"
    RAW = "raw"
    MINUTES_5 = "5m"
    HOUR = "1h"
    DAY = "1d"


class Format(StrEnum):
    """What the answer is written in."""

    JSON = "json"
    CSV = "csv"


_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"model": History, "content": {"text/csv": {"schema": {"type": "string"}}}}
}


@router.get("/{path:path}/metrics", operation_id="listMetrics")
async def list_metrics(context: RequestContext, principal: Reader, path: Wanted) -> MetricList:
    """What the machine has ever reported readings of."""
    principal.require_machine(path)
    items = await service.metrics(context, path)
    return MetricList(items=items, total=len(items))


@router.get(
    "/{path:path}/history", operation_id="getHistory", response_model=None, responses=_ANSWERS
)
async def get_history(
    *,
    context: RequestContext,
    principal: Reader,
    path: Wanted,
    start: Annotated[Moment, Query(alias="from", description="RFC 3339 with a zone.")],
    end: Annotated[
        Moment | None, Query(alias="to", description="Likewise; by default now.")
    ] = None,
    resolution: Annotated[
        WantedResolution,
        Query(description="`auto`: the finest with no more than 800 buckets; `raw` where few."),
    ] = WantedResolution.AUTO,
    metrics: Annotated[
        list[Wanted] | None, Query(description="Readings of these only; repeat it for several.")
    ] = None,
    limit: Annotated[
        int, Query(ge=1, le=100_000, description="With `raw`: how many values at most.")
    ] = 10_000,
    format_: Annotated[Format, Query(alias="format")] = Format.JSON,
) -> Response:
    """Pieces, time in states, and readings of a machine between two times.

    The range is widened to whole buckets: five minutes and hours of UTC, days of the site (23 or 25
    hours long when clocks change). An open state lasts up to `to` or to now, whichever is earlier.
    Rows that arrive late are in what is older than an hour within a minute.
    """
    principal.require_machine(path)
    wanted = service.Request(
        path=path,
        start=start,
        end=end,
        resolution=None if resolution is WantedResolution.AUTO else Resolution(resolution.value),
        metrics=metrics or [],
        limit=limit,
    )
    history = await service.history(context, wanted)
    if format_ is Format.CSV:
        name = f"{path.replace('/', '_')}_{history.from_:%Y%m%dT%H%M%SZ}_{history.resolution.value}"
        ascii_name = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
        return Response(
            export.as_csv(history),
            media_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="{ascii_name}.csv"'},
        )
    return Response(history.model_dump_json(by_alias=True), media_type="application/json")

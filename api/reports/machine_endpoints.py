"""Reports of machines over the API: OEE, losses, stops and their reasons, load, scrap."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.auth.principal import Configurer, Operating, Reader
from api.context import RequestContext
from api.fields import Code, Level, Moment, Wanted
from api.reports import machine_settings, stops
from api.reports.asked import Asking, InLanguage
from api.reports.envelope import Report
from api.reports.load import load_report
from api.reports.losses import losses_report
from api.reports.oee import oee_report
from api.reports.scrap import scrap_report
from api.reports.stop_schemas import (
    ItemCostList,
    ItemCostsEntered,
    MachineStopList,
    NewStopReasons,
    StopReasonDefined,
    StopReasonEntries,
    StopReasonList,
    StopReasonsToUndo,
    TimePolicyEntered,
    TimePolicyView,
)
from domain.reports.machine_time import TimeClass
from store.reports.stops import Looked

router = APIRouter(prefix="/v1/reports", tags=["reports"])

_Code = Annotated[Code, Path(description="As machines tell it, and people choose it.")]


@router.get("/oee", operation_id="getOeeReport")
async def get_oee_report(
    context: RequestContext, principal: Reader, query: Asking, language: InLanguage
) -> Report:
    """OEE by ISO 22400-2; by site, line, machine, shift, order. Counted up to the full hour."""
    return await oee_report(context, principal, query, language)


@router.get("/losses", operation_id="getLossesReport")
async def get_losses_report(
    context: RequestContext, principal: Reader, query: Asking, language: InLanguage
) -> Report:
    """What planned busy time was lost to (Pareto); by reason, class, site, line, machine, shift."""
    return await losses_report(context, principal, query, language)


@router.get("/load", operation_id="getLoadReport")
async def get_load_report(
    context: RequestContext, principal: Reader, query: Asking, language: InLanguage
) -> Report:
    """Load by machine, line, site, bottlenecks first; `to` may lie in the future."""
    return await load_report(context, principal, query, language)


@router.get("/scrap", operation_id="getScrapReport")
async def get_scrap_report(
    context: RequestContext, principal: Reader, query: Asking, language: InLanguage
) -> Report:
    """Scrap in pieces and money; by item, machine, line, site, shift, order."""
    return await scrap_report(context, principal, query, language)


@router.get("/stops", operation_id="listMachineStops")
async def list_machine_stops(
    *,
    context: RequestContext,
    principal: Reader,
    query: Asking,
    language: InLanguage,
    time_class: Annotated[TimeClass | None, Query(description="Of this class only.")] = None,
    reason: Annotated[
        Wanted | None, Query(description="With this reason only; empty: without one.")
    ] = None,
    longer_than_ms: Annotated[int, Query(ge=0, le=2**53)] = 0,
    before: Annotated[Moment | None, Query(description="That began before; see `next`.")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> MachineStopList:
    """What machines stood still for, newest first, as it is known now.

    A hundred days of one machine at most, or eight of several.
    """
    looked = Looked(
        time_class=time_class,
        reason=reason,
        longer_than_ms=longer_than_ms,
        before_ms=None if before is None else round(before.timestamp() * 1_000),
    )
    return await stops.list_stops(context, principal, query, language, looked=looked, limit=limit)


@router.post("/stops", operation_id="giveStopReasons", status_code=HTTPStatus.CREATED)
async def give_stop_reasons(
    context: RequestContext, principal: Operating, wanted: NewStopReasons
) -> StopReasonEntries:
    """Say what machines stood still for; reports follow within seconds."""
    return await stops.give_reasons(context, principal, wanted)


@router.post("/stops/undo", operation_id="undoStopReasons")
async def undo_stop_reasons(
    context: RequestContext, principal: Operating, wanted: StopReasonsToUndo
) -> StopReasonEntries:
    """Undo what was said: what held before holds again."""
    return await stops.undo(context, principal, wanted)


@router.get("/stop-reasons", operation_id="listStopReasons")
async def list_stop_reasons(
    context: RequestContext,
    principal: Reader,
    language: InLanguage,
    site: Annotated[Wanted | None, Query(description="What holds for this site.")] = None,
) -> StopReasonList:
    """The plant's list of reasons, and what each counts as."""
    return await stops.list_reasons(context, principal, language, site=site)


@router.put("/stop-reasons/{code}", operation_id="putStopReason")
async def put_stop_reason(
    context: RequestContext,
    principal: Configurer,
    language: InLanguage,
    code: _Code,
    wanted: StopReasonDefined,
) -> StopReasonList:
    """Enter or change a reason; where it counts as something else, shifts are reckoned again."""
    return await stops.put_reason(context, principal, language, code, wanted)


@router.get("/time-policies/{site}", operation_id="getTimePolicy")
async def get_time_policy(
    context: RequestContext, principal: Reader, site: Annotated[Level, Path()]
) -> TimePolicyView:
    """How a site classes micro-stops."""
    return await machine_settings.time_policy(context, principal, site)


@router.put("/time-policies/{site}", operation_id="putTimePolicy")
async def put_time_policy(
    context: RequestContext,
    principal: Configurer,
    site: Annotated[Level, Path()],
    wanted: TimePolicyEntered,
) -> TimePolicyView:
    """Say how a site classes micro-stops; its shifts are reckoned again, old answers stay."""
    return await machine_settings.put_time_policy(context, principal, site, wanted)


@router.get("/item-costs", operation_id="listItemCosts")
async def list_item_costs(
    context: RequestContext,
    principal: Reader,
    item: Annotated[Wanted | None, Query(description="Of this item only.")] = None,
    as_of: Annotated[Moment | None, Query(description="As they were known then.")] = None,
) -> ItemCostList:
    """What pieces cost from when on, for the cost of scrap."""
    return await machine_settings.list_costs(context, principal, item=item, as_of=as_of)


@router.post("/item-costs", operation_id="enterItemCosts", status_code=HTTPStatus.CREATED)
async def enter_item_costs(
    context: RequestContext, principal: Configurer, wanted: ItemCostsEntered
) -> ItemCostList:
    """Enter what pieces cost; of entries for a day the newest holds."""
    return await machine_settings.enter_costs(context, principal, wanted)

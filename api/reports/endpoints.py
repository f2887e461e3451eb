"""Reports of orders over the API, and what figures are to reach."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query

from api.auth.principal import Configurer, Reader
from api.context import RequestContext
from api.fields import Moment, Wanted
from api.reports import targets
from api.reports.asked import Asking, InLanguage
from api.reports.delay_causes import delay_causes_report
from api.reports.delivery import delivery_report
from api.reports.envelope import Report
from api.reports.forecasts import forecasts_report
from api.reports.lead_times import lead_times_report
from api.reports.lines import LinesQuery, ReportLines, report_lines
from api.reports.overview import overview_report
from api.reports.service_level import service_level_report
from api.reports.targets import ReportTargetList, ReportTargetsEntered
from api.reports.turns import turns_report
from domain.reports.delivery import Against
from domain.reports.lead_times import Stage
from store.reports.drill import Of, Outcome

router = APIRouter(prefix="/v1/reports", tags=["reports"])

AgainstDate = Annotated[
    Against,
    Query(description="Which date counts: the first that was agreed, or the one that holds."),
]
LastStage = Annotated[
    Stage, Query(description="What ends the lead time; of lines that got there in the period.")
]


@router.get("/delivery", operation_id="getDeliveryReport")
async def get_delivery_report(
    *,
    context: RequestContext,
    principal: Reader,
    query: Asking,
    language: InLanguage,
    against: AgainstDate = Against.CURRENT,
) -> Report:
    """On time in full and fulfilment of what was due; by site, line, customer, item, unit."""
    return await delivery_report(context, principal, replace(query, against=against), language)


@router.get("/lead-times", operation_id="getLeadTimesReport")
async def get_lead_times_report(
    *,
    context: RequestContext,
    principal: Reader,
    query: Asking,
    language: InLanguage,
    stage: LastStage = Stage.SHIPPING,
) -> Report:
    """How long orders took; by stage, site, line, customer, item, unit."""
    return await lead_times_report(context, principal, replace(query, stage=stage), language)


@router.get("/delay-causes", operation_id="getDelayCausesReport")
async def get_delay_causes_report(
    context: RequestContext, principal: Reader, query: Asking, language: InLanguage
) -> Report:
    """What made orders late; by cause, subject (cause and machine, item …), site, line and others.

    Rows are ranked by their delay; causes and subjects add up to the delay exactly.
    """
    return await delay_causes_report(context, principal, query, language)


@router.get("/forecasts", operation_id="getForecastsReport")
async def get_forecasts_report(
    context: RequestContext, principal: Reader, query: Asking, language: InLanguage
) -> Report:
    """How true promised and planned dates were; by kind, horizon, site, line, customer, item."""
    return await forecasts_report(context, principal, query, language)


@router.get("/turns", operation_id="getTurnsReport")
async def get_turns_report(
    context: RequestContext, principal: Reader, query: Asking, language: InLanguage
) -> Report:
    """How often stock was used up; by item (in its unit) and site (in money)."""
    return await turns_report(context, principal, query, language)


@router.get("/service-level", operation_id="getServiceLevelReport")
async def get_service_level_report(
    context: RequestContext, principal: Reader, query: Asking, language: InLanguage
) -> Report:
    """How many questions about orders the product answered within 5 seconds; by question."""
    return await service_level_report(context, principal, query, language)


@router.get("/overview", operation_id="getOverviewReport")
async def get_overview_report(
    *,
    context: RequestContext,
    principal: Reader,
    query: Asking,
    language: InLanguage,
    against: AgainstDate = Against.CURRENT,
    stage: LastStage = Stage.SHIPPING,
) -> Report:
    """Every figure with its target and what it was in as many days before; without rows."""
    return await overview_report(
        context, principal, replace(query, against=against, stage=stage), language
    )


@router.get("/lines", operation_id="listReportLines")
async def list_report_lines(
    *,
    context: RequestContext,
    principal: Reader,
    query: Asking,
    language: InLanguage,
    report: Annotated[Of, Query(description="Behind which report.")],
    against: AgainstDate = Against.CURRENT,
    stage: LastStage = Stage.SHIPPING,
    key: Annotated[
        Wanted | None, Query(description="Behind this row of the report by `by`.")
    ] = None,
    outcome: Annotated[Outcome | None, Query(description="Of deliveries: only these.")] = None,
    cursor: Annotated[
        str | None,
        Query(max_length=200, description="The page before's `next`, with its `as_of`."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> ReportLines:
    """The order lines behind a bar: `from` and `to` are the bar's days. The worst come first."""
    return await report_lines(
        context,
        principal,
        replace(query, against=against, stage=stage),
        LinesQuery(report=report, key=key, outcome=outcome, cursor=cursor, limit=limit),
        language,
    )


@router.get("/targets", operation_id="listReportTargets")
async def list_report_targets(
    context: RequestContext,
    principal: Reader,
    as_of: Annotated[Moment | None, Query(description="As they were then.")] = None,
) -> ReportTargetList:
    """What figures are to reach, from which day on."""
    return await targets.list_targets(context, principal, as_of)


@router.put("/targets", operation_id="putReportTargets")
async def put_report_targets(
    context: RequestContext, principal: Configurer, wanted: ReportTargetsEntered
) -> ReportTargetList:
    """Enter targets; the newest entry for a figure, site and day holds."""
    return await targets.enter_targets(context, principal, wanted)

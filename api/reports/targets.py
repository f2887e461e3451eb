"""What figures are to reach: who may say so, and what holds for a report."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from api.auth.principal import Principal, forbidden
from api.context import Context
from api.fields import Body, Level, Listing, Number
from api.reports.asked import Asked
from domain.reports.definitions import DEFINITIONS
from domain.reports.targets import holding
from store import audit, machines
from store.database import Connection
from store.reports import targets as rows
from store.reports.targets import NewTarget, Target


def _known(code: str) -> str:
    if code not in DEFINITIONS:
        raise PydanticCustomError("figure", "is no figure of a report, see their definitions")
    return code


class ReportTarget(BaseModel):
    """What a figure is to reach, from a day on."""

    code: str
    site: str | None = Field(description="null: every site without one of its own.")
    valid_from: date
    target: Number | None = Field(
        description="In the figure's own unit, ratios as such (0.95); null: taken back."
    )
    recorded_at: datetime
    recorded_by: str


class ReportTargetList(Listing[ReportTarget]):
    """What figures are to reach."""


class ReportTargetEntry(Body):
    """What a figure is to reach from a day on."""

    code: Annotated[str, Field(max_length=100), AfterValidator(_known)]
    site: Level | None = None
    valid_from: date
    target: Annotated[Decimal, Field(max_digits=20, decimal_places=6)] | None = Field(
        description="In the figure's own unit, ratios as such (0.95); null takes it back."
    )


class ReportTargetsEntered(Body):
    """Targets to enter."""

    targets: list[ReportTargetEntry] = Field(min_length=1, max_length=1_000)
    reason: Annotated[str, Field(max_length=2_000)] | None = None


async def goals(connection: Connection, wanted: Asked) -> dict[str, Decimal]:
    """What figures are to reach by the end of a report's period, as was known at its moment."""
    entries = await rows.targets(connection, wanted.moment)
    site = wanted.sites[0].code if len(wanted.sites) == 1 else None
    return holding(entries, site=site, day=wanted.days[-1][1])


async def list_targets(
    context: Context, principal: Principal, as_of: datetime | None
) -> ReportTargetList:
    """All that hold and that somebody may see."""
    async with context.connection() as connection:
        found = await rows.targets(connection, as_of)
    items = [_view(each) for each in found if each.site is None or principal.sees(each.site)]
    return ReportTargetList(items=items, total=len(items))


async def enter_targets(
    context: Context, principal: Principal, wanted: ReportTargetsEntered
) -> ReportTargetList:
    """Enter targets; what held before stays on record.

    Raises:
        NotFoundError: there is no such site for them.
        ProblemError: they may not enter it for every site (403).
    """
    for each in wanted.targets:
        if each.site is not None:
            principal.require_site(each.site)
        elif principal.sites:
            raise forbidden("A target for every site is entered by somebody who sees every site.")
    async with context.transaction() as connection:
        sites = {
            code: (await machines.known_site(connection, code)).id
            for code in sorted({each.site for each in wanted.targets if each.site is not None})
        }
        await rows.add_targets(
            connection,
            [
                NewTarget(
                    code=each.code,
                    site_id=None if each.site is None else sites[each.site],
                    valid_from=each.valid_from,
                    target=each.target,
                )
                for each in wanted.targets
            ],
            recorded_by=principal.actor.name,
        )
        await audit.write(
            connection,
            actor=principal.actor,
            action="ReportTargetsChanged",
            object_kind="report_targets",
            object_key=", ".join(sorted({each.code for each in wanted.targets}))[:500],
            reason=wanted.reason,
            after={"targets": [each.model_dump(mode="json") for each in wanted.targets]},
        )
    return await list_targets(context, principal, None)


def _view(target: Target) -> ReportTarget:
    return ReportTarget(
        code=target.code,
        site=target.site,
        valid_from=target.valid_from,
        target=target.target,
        recorded_at=target.recorded_at,
        recorded_by=target.recorded_by,
    )

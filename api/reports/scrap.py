"""The report `scrap`: pieces and their cost, never as if complete where costs are missing."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from api.auth.principal import Principal
from api.context import Context
from api.reports.asked import ReportQuery, row_dimension
from api.reports.envelope import Figure, Language, Report, ReportName, ReportRow, amount, figure
from api.reports.links import link_to
from api.reports.machine_asked import kept_short, label_of, machines_asked
from domain.reports.ratios import ZERO, Absent, Ratio, ratio
from store.reports.machine_sums import ScrapSum, busy_sums, scrap_sums
from store.reports.scope import Part

BY: Final = ("item", "machine", "line", "site", "shift", "order")
_NONE: Final = Decimal(0)
_NOTHING: Final = ScrapSum(
    part=Part(of="total"), scrap=_NONE, produced=_NONE, uncosted=_NONE, costs={}
)


async def scrap_report(
    context: Context, principal: Principal, query: ReportQuery, language: Language
) -> Report:
    """Scrapped pieces, their share of what was made, and their cost by currency.

    Raises:
        NotFoundError: there is no such site, line or machine for them.
        ProblemError: the period or `by` cannot be (422).
    """
    by = row_dimension(query, BY)
    machines = await machines_asked(context, principal, query, language)
    async with context.connection() as connection:
        sums = await scrap_sums(connection, machines.scope, by=by)
        known = (await busy_sums(connection, machines.scope))[None]
    wanted = machines.known(known.recorded_at, running=known.running)
    rows, notes = kept_short(
        sorted((each for each in sums if each.part.of == "row"), key=_most_first), language
    )
    whole = next((each for each in sums if each.part.of == "total"), _NOTHING)
    return wanted.report(
        ReportName.SCRAP,
        totals=scrap_figures(whole, language),
        rows=[
            ReportRow(
                key=each.part.key or "",
                label=label_of(by, each.part.key or "", language),
                link=link_to(by, each.part.key),
                figures=scrap_figures(each, language),
            )
            for each in rows
        ],
        series={
            each.part.bucket: scrap_figures(each, language)
            for each in sums
            if each.part.bucket is not None
        },
        nothing=scrap_figures(_NOTHING, language),
        notes=notes,
        also=("scrap_cost",),
    )


def scrap_figures(sums: ScrapSum, language: Language) -> dict[str, Figure]:
    """The figures that sums come to; money by currency, for pieces whose cost is known."""
    found = {
        "scrap_ratio": ratio(sums.scrap, sums.produced, Absent.NOT_PRODUCED),
        "scrap": amount(sums.scrap),
        "produced": amount(sums.produced),
        "uncosted": amount(sums.uncosted),
    }
    told = {code: figure(each, language) for code, each in found.items()}
    if sums.scrap and sums.uncosted == sums.scrap:
        told["scrap_cost"] = figure(Ratio(ZERO, ZERO, Absent.NO_COST), language)
    for currency, cost in sums.costs.items():
        told[f"scrap_cost:{currency}"] = figure(amount(cost), language, currency=currency)
    return told


def _most_first(sums: ScrapSum) -> tuple[Decimal, Decimal, str]:
    return (-sums.scrap, -sums.produced, sums.part.key or "")

"""The report `oee`: availability, effectiveness, quality, and the time and pieces behind them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from api.auth.principal import Principal
from api.context import Context
from api.reports.asked import Asked, ReportQuery, row_dimension
from api.reports.envelope import Language, Report, ReportName, ReportRow, amount, figures
from api.reports.links import link_to
from api.reports.machine_asked import common, kept_short, label_of, machines_asked
from api.reports.targets import goals
from domain.reports.machine_time import MicroStops, TimeClass, nothing
from domain.reports.oee import Quantity, oee
from domain.reports.ratios import Absent, Ratio, ratio
from store.database import Connection
from store.reports.machine_sums import MachineSums, machine_sums, machines_in
from store.reports.machines import time_policies
from store.reports.scope import Part

BY: Final = ("site", "line", "machine", "shift", "order")

_OVERVIEW: Final = ("oee", "availability", "effectiveness", "quality_ratio", "utilization")

NO_SHIFTS: Final = MachineSums(part=Part(of="total"), time=nothing(), quantity=Quantity())


async def oee_report(
    context: Context, principal: Principal, query: ReportQuery, language: Language
) -> Report:
    """OEE by ISO 22400-2 over machines, as it was known at the moment.

    Raises:
        NotFoundError: there is no such site, line or machine for them.
        ProblemError: the period or `by` cannot be (422).
    """
    by = row_dimension(query, BY)
    machines = await machines_asked(context, principal, query, language)
    async with context.connection() as connection:
        sums = await machine_sums(connection, machines.scope, by=by)
        targets = await goals(connection, machines.asked)
    total = next((each for each in sums if each.part.of == "total"), NO_SHIFTS)
    wanted = machines.known(total.recorded_at, running=total.running)
    rows, notes = kept_short(
        sorted((each for each in sums if each.part.of == "row"), key=_most_time_first), language
    )

    def told(found: MachineSums) -> dict[str, Ratio]:
        return oee_figures(found, machines.micro_stops)

    return wanted.report(
        ReportName.OEE,
        totals=figures(told(total), language, targets),
        rows=[
            ReportRow(
                key=each.part.key or "",
                label=label_of(by, each.part.key or "", language),
                link=link_to(by, each.part.key),
                figures=figures(told(each), language, targets),
            )
            for each in rows
        ],
        series={
            each.part.bucket: figures(told(each), language, targets)
            for each in sums
            if each.part.bucket is not None
        },
        nothing=figures(told(NO_SHIFTS), language, targets),
        notes=[*machines.notes, *notes],
    )


def oee_figures(sums: MachineSums, micro_stops: MicroStops) -> dict[str, Ratio]:
    """The figures that sums come to."""
    time, pieces = sums.time, sums.quantity
    found = oee(time, pieces, micro_stops)
    used = time.production_ms + time.spent[TimeClass.SETUP]
    return {
        "oee": found.index,
        "availability": found.availability,
        "effectiveness": found.effectiveness,
        "quality_ratio": found.quality,
        "coverage": found.coverage,
        "utilization": ratio(used, time.busy_ms, Absent.NOT_PLANNED),
        "micro_stops": amount(time.micro_stops),
        "stops": amount(time.stops),
        "operation_ms": amount(time.operation_ms),
        "busy_ms": amount(time.busy_ms),
        "planned_stop_ms": amount(time.planned_stop_ms),
        "overtime_ms": amount(time.overtime_ms),
        **{f"{each.value}_ms": amount(ms) for each, ms in time.spent.items()},
        "good": amount(pieces.good),
        "scrap": amount(pieces.scrap),
        "reworked": amount(pieces.reworked),
        "unrated": amount(pieces.unrated),
        "planned_run_ms": amount(Decimal(pieces.run_ms)),
    }


async def machine_totals(connection: Connection, wanted: Asked) -> dict[str, Ratio]:
    """The figures of the whole period, for the overview."""
    scope = await machines_in(connection, wanted.scope, machine=wanted.query.machine)
    sums = await machine_sums(connection, scope)
    total = next((each for each in sums if each.part.of == "total"), NO_SHIFTS)
    sites = [each.id for each in wanted.sites]
    policies = await time_policies(connection, sites, as_of=wanted.moment)
    found = oee_figures(total, common(policies.values()) or MicroStops.AVAILABILITY)
    scrap = total.quantity.scrap + total.reworked_scrap
    return {
        **{code: found[code] for code in _OVERVIEW},
        "scrap_ratio": ratio(scrap, total.quantity.produced, Absent.NOT_PRODUCED),
    }


def _most_time_first(sums: MachineSums) -> tuple[int, str]:
    return (-sums.time.busy_ms, sums.part.key or "")

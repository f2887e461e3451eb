"""The report `delivery`: on time in full, fulfilment."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from api.auth.principal import Principal
from api.context import Context
from api.reports.asked import Asked, ReportQuery, asked, row_dimension
from api.reports.envelope import Language, Report, ReportName, ReportRow, amount, figures
from api.reports.links import link_to
from api.reports.targets import goals
from domain.reports.delivery import Delivery
from domain.reports.ratios import ZERO, Absent, Ratio
from store.database import Connection
from store.reports.delivery import DeliverySums, delivery, delivery_by_log
from store.reports.scope import Part

BY: Final = ("site", "line", "customer", "item", "unit")

_NO_LINES: Final = DeliverySums(
    part=Part(of="total"),
    delivery=Delivery(
        lines=0,
        lines_on_time=0,
        lines_in_full=0,
        lines_on_time_in_full=0,
        orders=0,
        orders_on_time_in_full=0,
        ordered=Decimal(0),
        by_date=Decimal(0),
        undated=0,
    ),
    units=0,
    unit=None,
)


async def delivery_report(
    context: Context, principal: Principal, query: ReportQuery, language: Language
) -> Report:
    """On time in full and fulfilment of what was due in the period.

    Raises:
        NotFoundError: there is no such site or line for them.
        ProblemError: the period or `by` cannot be (422).
    """
    by = row_dimension(query, BY)
    wanted = await asked(context, principal, query, language)
    async with context.connection() as connection:
        sums = await _sums(connection, wanted, by)
        targets = await goals(connection, wanted)
    return wanted.report(
        ReportName.DELIVERY,
        totals=figures(delivery_figures(_total(sums)), language, targets),
        rows=[
            ReportRow(
                key=each.part.key or "",
                label=each.part.label or "",
                link=link_to(by, each.part.key),
                unit=each.unit if each.units == 1 else None,
                figures=figures(delivery_figures(each), language, targets),
            )
            for each in sorted(sums, key=_worst_first)
            if each.part.of == "row"
        ],
        series={
            each.part.bucket: figures(delivery_figures(each), language, targets)
            for each in sums
            if each.part.bucket is not None
        },
        nothing=figures(delivery_figures(_NO_LINES), language, targets),
    )


async def delivery_totals(connection: Connection, wanted: Asked) -> dict[str, Ratio]:
    """The figures of the whole period, for the overview."""
    sums = await _sums(connection, wanted, "")
    return delivery_figures(_total(sums))


async def _sums(connection: Connection, wanted: Asked, by: str) -> list[DeliverySums]:
    if wanted.before_revisions and not wanted.lines:
        return await delivery_by_log(connection, wanted.scope, against=wanted.query.against)
    return await delivery(connection, wanted.scope, against=wanted.query.against, by=by)


def delivery_figures(sums: DeliverySums) -> dict[str, Ratio]:
    """The figures that sums come to."""
    found = sums.delivery
    mixed = Ratio(ZERO, ZERO, Absent.MIXED_UNITS)
    return {
        "on_time_in_full": found.on_time_in_full,
        "on_time": found.on_time,
        "in_full": found.in_full,
        "orders_on_time_in_full": found.orders_ratio,
        "fulfilment_rate": mixed if sums.units > 1 else found.fulfilment,
        "due_lines": amount(found.lines),
    }


def _total(sums: list[DeliverySums]) -> DeliverySums:
    return next((each for each in sums if each.part.of == "total"), _NO_LINES)


def _worst_first(sums: DeliverySums) -> tuple[int, int, str]:
    """The row with the most lines that missed first."""
    found = sums.delivery
    return (found.lines_on_time_in_full - found.lines, -found.lines, sums.part.key or "")

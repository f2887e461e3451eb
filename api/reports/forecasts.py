"""The report `forecasts`: how true promised and planned dates were."""

from __future__ import annotations

from typing import Final

from api.auth.principal import Principal
from api.context import Context
from api.reports.asked import Asked, ReportQuery, asked, row_dimension
from api.reports.envelope import Language, Report, ReportName, ReportRow, amount, figures, words_in
from api.reports.targets import goals
from domain.reports.forecasts import Accuracy
from domain.reports.ratios import Absent, Ratio, ratio
from domain.reports.words import Words
from store.database import Connection
from store.reports.forecasts import AccuracySums, ForecastKind, forecasts

BY: Final = ("kind", "horizon", "site", "line", "customer", "item")

_KINDS: Final = {
    ForecastKind.PROMISED: Words("Promised (the date agreed first)", "承诺（最初约定日期）"),
    ForecastKind.PLANNED: Words("Planned (the plan in force before)", "计划（此前生效的计划）"),
}
_AHEAD: Final = {
    ForecastKind.PROMISED: Words("Promised up to {} days ahead", "提前不超过 {} 天的承诺"),
    ForecastKind.PLANNED: Words("Planned {} days before the end", "完工前 {} 天的计划"),
}
_FURTHER: Final = Words("Promised further ahead", "提前更久的承诺")


async def forecasts_report(
    context: Context, principal: Principal, query: ReportQuery, language: Language
) -> Report:
    """Errors of dates of what ended in the period; totals are of what was promised.

    Raises:
        NotFoundError: there is no such site or line for them.
        ProblemError: the period or `by` cannot be (422).
    """
    by = row_dimension(query, BY)
    wanted = await asked(context, principal, query, language)
    of_rows = "" if by == "kind" else by
    async with context.connection() as connection:
        promised = await forecasts(connection, wanted.scope, ForecastKind.PROMISED, by=of_rows)
        planned = (
            await forecasts(connection, wanted.scope, ForecastKind.PLANNED, by=of_rows)
            if by in ("kind", "horizon")
            else []
        )
        targets = await goals(connection, wanted)
    both = {ForecastKind.PROMISED: promised, ForecastKind.PLANNED: planned}
    return wanted.report(
        ReportName.FORECASTS,
        totals=figures(_figures(_total(promised)), language, targets),
        rows=_rows(both, by, language),
        series={
            each.part.bucket: figures(_figures(each.accuracy), language, targets)
            for each in promised
            if each.part.bucket is not None
        },
        nothing=figures(_figures(Accuracy()), language, targets),
    )


async def forecast_totals(connection: Connection, wanted: Asked) -> dict[str, Ratio]:
    """The figures of the whole period, for the overview."""
    found = await forecasts(connection, wanted.scope, ForecastKind.PROMISED, by="")
    return _figures(_total(found))


def _total(sums: list[AccuracySums]) -> Accuracy:
    return next((each.accuracy for each in sums if each.part.of == "total"), Accuracy())


def _figures(found: Accuracy) -> dict[str, Ratio]:
    return {
        "forecast_wape": found.wape,
        "forecast_mape": found.mape,
        "forecast_bias": found.bias,
        "forecast_error": found.mae_ms,
        "late_forecasts": ratio(found.late, found.count, Absent.NOTHING_ENDED),
        "forecasts": amount(found.count),
    }


def _rows(
    both: dict[ForecastKind, list[AccuracySums]], by: str, language: Language
) -> list[ReportRow]:
    if by == "kind":
        return [
            ReportRow(
                key=kind.value,
                label=words_in(_KINDS[kind], language),
                figures=figures(_figures(_total(sums)), language),
            )
            for kind, sums in both.items()
        ]
    return [
        ReportRow(
            key=f"{kind.value}:{each.part.key or ''}" if by == "horizon" else each.part.key or "",
            label=(
                _horizon(kind, each.part.key, language)
                if by == "horizon"
                else each.part.label or ""
            ),
            figures=figures(_figures(each.accuracy), language),
        )
        for kind, sums in both.items()
        for each in sorted(sums, key=_nearest_first if by == "horizon" else _by_key)
        if each.part.of == "row"
    ]


def _nearest_first(each: AccuracySums) -> tuple[int, str]:
    return (int(each.part.key) if each.part.key else 2**31, "")


def _by_key(each: AccuracySums) -> tuple[int, str]:
    return 0, each.part.key or ""


def _horizon(kind: ForecastKind, days: str | None, language: Language) -> str:
    if not days:
        return words_in(_FURTHER, language)
    return words_in(_AHEAD[kind], language).format(days)

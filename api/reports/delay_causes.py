"""The report `delay-causes`: what made orders late; parts add up to the delay exactly."""

from __future__ import annotations

from typing import Final

from api.auth.principal import Principal
from api.context import Context
from api.reports.asked import Asked, ReportQuery, asked, row_dimension
from api.reports.envelope import (
    Language,
    Report,
    ReportName,
    ReportRow,
    amount,
    figures,
    words_in,
)
from api.reports.targets import goals
from domain.reports.delay_causes import Cause
from domain.reports.order_words import CAUSE_WORDS
from domain.reports.ratios import Absent, Ratio, ratio
from store.database import Connection
from store.reports.delay_causes import DelaySums, delay_causes

BY: Final = ("cause", "subject", "site", "line", "customer", "item")


async def delay_causes_report(
    context: Context, principal: Principal, query: ReportQuery, language: Language
) -> Report:
    """The delay of orders whose first date lies in the period, the greatest part first.

    Raises:
        NotFoundError: there is no such site or line for them.
        ProblemError: the period or `by` cannot be (422).
    """
    by = row_dimension(query, BY)
    wanted = await asked(context, principal, query, language)
    async with context.connection() as connection:
        sums = await delay_causes(connection, wanted.scope, by=by)
        targets = await goals(connection, wanted)
    total = _total(sums)
    return wanted.report(
        ReportName.DELAY_CAUSES,
        totals=figures(_figures(*total), language, targets),
        rows=_pareto(sums, by, total[1], language),
        series={
            each.part.bucket: figures(_figures(each.orders, each.delay_ms), language, targets)
            for each in sums
            if each.part.bucket is not None
        },
        nothing=figures(_figures(0, 0), language, targets),
        also=("delay_share", "cumulative_share", "delay_cause") if by else (),
    )


async def delay_totals(connection: Connection, wanted: Asked) -> dict[str, Ratio]:
    """The figures of the whole period, for the overview."""
    return _figures(*_total(await delay_causes(connection, wanted.scope, by="")))


def cause_label(key: str, language: Language) -> str:
    """What a row of causes, or of a cause and a subject, is called."""
    cause, _, subject = key.partition(":")
    words = CAUSE_WORDS.get(Cause(cause)) if cause in set(Cause) else None
    name = cause if words is None else words_in(words, language)
    return f"{name} · {subject}" if subject else name


def _total(sums: list[DelaySums]) -> tuple[int, int]:
    found = next((each for each in sums if each.part.of == "total"), None)
    return (0, 0) if found is None else (found.orders, found.delay_ms)


def _figures(orders: int, delay_ms: int) -> dict[str, Ratio]:
    return {
        "delay": amount(delay_ms),
        "late_orders": amount(orders),
    }


def _pareto(sums: list[DelaySums], by: str, whole_ms: int, language: Language) -> list[ReportRow]:
    rows = []
    sofar = 0
    ranked = [each for each in sums if each.part.of == "row"]
    for each in sorted(ranked, key=lambda one: (-one.delay_ms, one.part.key or "")):
        sofar += each.delay_ms
        key = each.part.key or ""
        rows.append(
            ReportRow(
                key=key,
                label=(
                    cause_label(key, language)
                    if by in ("cause", "subject")
                    else each.part.label or ""
                ),
                figures=figures(
                    {
                        **_figures(each.orders, each.delay_ms),
                        "delay_share": ratio(each.delay_ms, whole_ms, Absent.NOTHING_DUE),
                        "cumulative_share": ratio(sofar, whole_ms, Absent.NOTHING_DUE),
                    },
                    language,
                ),
            )
        )
    return rows

"""The report `lead-times`: how long orders took, by stage, and the order desk's part of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
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
from domain.reports.lead_times import STAGES, Stage
from domain.reports.order_words import STAGE_WORDS
from domain.reports.ratios import Absent, Ratio, ratio
from store.database import Connection
from store.reports.lead_times import (
    LEAD,
    PROCESSING,
    Durations,
    lead_time_sums,
    lead_times,
)
from store.reports.scope import Part

BY: Final = ("stage", "site", "line", "customer", "item", "unit")


async def lead_times_report(
    context: Context, principal: Principal, query: ReportQuery, language: Language
) -> Report:
    """Lead times of the lines that reached the end of `query.stage` in the period.

    Raises:
        NotFoundError: there is no such site or line for them.
        ProblemError: the period or `by` cannot be (422).
    """
    by = row_dimension(query, BY)
    wanted = await asked(context, principal, query, language)
    async with context.connection() as connection:
        found = await lead_times(
            connection,
            wanted.scope,
            last=query.stage,
            by="" if by == "stage" else by,
            stages=by == "stage",
        )
        targets = await goals(connection, wanted)
    parts = _by_part(found)
    total = {each.what: each for each in found if each.part.of == "total"}
    rows = (
        _stages(total, query.stage, language)
        if by == "stage"
        else [
            ReportRow(
                key=key,
                label=next(iter(told.values())).part.label or "",
                figures=figures(_figures(told), language, targets),
            )
            for (of, key), told in sorted(parts.items(), key=_longest_first)
            if of == "row" and isinstance(key, str)
        ]
    )
    return wanted.report(
        ReportName.LEAD_TIMES,
        totals=figures(_figures(total), language, targets),
        rows=rows,
        series={
            bucket: figures(_figures(told), language, targets)
            for (of, bucket), told in parts.items()
            if of == "series" and isinstance(bucket, int)
        },
        nothing=figures(_figures({}), language, targets),
        also=("stage_share",) if by == "stage" else (),
    )


async def lead_time_totals(connection: Connection, wanted: Asked) -> dict[str, Ratio]:
    """The figures of the whole period, for the overview."""
    found = await lead_time_sums(connection, wanted.scope, last=wanted.query.stage)
    return _figures({each.what: each for each in found})


def _by_part(
    found: Iterable[Durations],
) -> dict[tuple[str, str | int | None], dict[str, Durations]]:
    parts: dict[tuple[str, str | int | None], dict[str, Durations]] = defaultdict(dict)
    for each in found:
        key = each.part.bucket if each.part.of == "series" else each.part.key
        parts[each.part.of, key][each.what] = each
    return parts


def _longest_first(
    part: tuple[tuple[str, str | int | None], Mapping[str, Durations]],
) -> tuple[int, str]:
    (_, key), told = part
    return -(told[LEAD].median_ms or 0), str(key)


def _figures(told: Mapping[str, Durations]) -> dict[str, Ratio]:
    lead = told.get(LEAD) or _none(LEAD)
    processing = told.get(PROCESSING) or _none(PROCESSING)
    return {
        "lead_time": ratio(lead.sum_ms, lead.count, Absent.NOTHING_ENDED),
        "lead_time_median": amount(lead.median_ms),
        "lead_time_p90": amount(lead.p90_ms),
        "order_processing_time": ratio(processing.sum_ms, processing.count, Absent.NOTHING_ENDED),
        "order_processing_p90": amount(processing.p90_ms),
        "ended_lines": amount(lead.count),
    }


def _stages(told: Mapping[str, Durations], last: Stage, language: Language) -> list[ReportRow]:
    """A row for each stage, in the order in which orders go through them."""
    whole = (told.get(LEAD) or _none(LEAD)).sum_ms
    rows = []
    for stage in STAGES[: STAGES.index(last) + 1]:
        found = told.get(stage.value) or _none(stage.value)
        rows.append(
            ReportRow(
                key=stage.value,
                label=words_in(STAGE_WORDS[stage], language),
                figures=figures(
                    {
                        "lead_time": ratio(found.sum_ms, found.count, Absent.NOTHING_ENDED),
                        "lead_time_median": amount(found.median_ms),
                        "lead_time_p90": amount(found.p90_ms),
                        "stage_share": ratio(found.sum_ms, whole, Absent.NOTHING_ENDED),
                        "ended_lines": amount(found.count),
                    },
                    language,
                ),
            )
        )
    return rows


def _none(what: str) -> Durations:
    return Durations(
        part=Part(of="total"),
        what=what,
        count=0,
        sum_ms=0,
        median_ms=None,
        p90_ms=None,
        longest_ms=None,
    )

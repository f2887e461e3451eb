"""The report `losses`: what planned busy time was lost to, the most expensive reason first."""

from __future__ import annotations

from typing import Final

from api.auth.principal import Principal
from api.context import Context
from api.reports.asked import ReportQuery, row_dimension
from api.reports.envelope import Figure, Language, Report, ReportName, ReportRow, amount, figures
from api.reports.machine_asked import kept_short, label_of, machines_asked
from domain.reports.loss_words import CLASS_WORDS
from domain.reports.machine_time import TimeClass
from domain.reports.ratios import ZERO, Absent, Ratio, parts_of_one, ratio
from store.reports.machine_sums import LossSum, busy_sums, loss_sums
from store.reports.stops import ReasonCode, reason_codes

BY: Final = ("reason", "class", "site", "line", "machine", "shift")


async def losses_report(
    context: Context, principal: Principal, query: ReportQuery, language: Language
) -> Report:
    """Lost time as a Pareto; rows by reason where nothing else is asked for.

    Raises:
        NotFoundError: there is no such site, line or machine for them.
        ProblemError: the period or `by` cannot be (422).
    """
    by = row_dimension(query, BY) or "reason"
    machines = await machines_asked(context, principal, query, language)
    async with context.connection() as connection:
        sums = await loss_sums(connection, machines.scope, by=by)
        busy = await busy_sums(connection, machines.scope)
        codes = await reason_codes(connection, [each.id for each in machines.asked.sites])
    wanted = machines.known(busy[None].recorded_at, running=busy[None].running)
    busy_ms = busy[None].busy_ms
    ranked = sorted((each for each in sums if each.part.of == "row"), key=_worst_first)
    shares = parts_of_one({each.part.key or "": each.lost_ms for each in ranked})
    rows: list[ReportRow] = []
    cumulative = ZERO
    for each in ranked:
        key = each.part.key or ""
        cumulative += shares[key]
        rows.append(
            ReportRow(
                key=key,
                label=_label(by, key, codes, language),
                figures=figures(
                    _told(each, busy_ms)
                    | {
                        "share": Ratio(shares[key], ZERO + 1),
                        "cumulative": Ratio(cumulative, ZERO + 1),
                    },
                    language,
                ),
            )
        )
    kept, notes = kept_short(rows, language)
    whole = next((each for each in sums if each.part.of == "total"), None)
    return wanted.report(
        ReportName.LOSSES,
        totals=_figures(whole, busy_ms, language),
        rows=kept,
        series={
            each.part.bucket: _figures(each, busy[each.part.bucket].busy_ms, language)
            for each in sums
            if each.part.bucket is not None
        },
        nothing=_figures(None, 0, language),
        notes=[*machines.notes, *notes],
    )


def _told(found: LossSum | None, busy_ms: int) -> dict[str, Ratio]:
    lost = 0 if found is None else found.lost_ms
    return {
        "lost_time": amount(lost),
        "lost_share": ratio(lost, busy_ms, Absent.NOT_PLANNED),
        "count": amount(0 if found is None else found.count),
    }


def _figures(found: LossSum | None, busy_ms: int, language: Language) -> dict[str, Figure]:
    return figures(_told(found, busy_ms), language)


def _label(by: str, key: str, codes: dict[str, ReasonCode], language: Language) -> str:
    if by not in ("reason", "class"):
        return label_of(by, key, language)
    name, _, reason = key.partition(":")
    words = CLASS_WORDS[TimeClass(name)]
    class_name = words.en if language == "en" else words.zh
    if not reason:
        return class_name
    code = codes.get(reason)
    said = reason if code is None else code.name_en if language == "en" else code.name_zh
    return f"{said} ({class_name})" if language == "en" else f"{said}（{class_name}）"


def _worst_first(found: LossSum) -> tuple[int, str]:
    return (-found.lost_ms, found.part.key or "")

"""The report `service-level`: how many questions about orders were answered in time."""

from __future__ import annotations

from typing import Final

from api.auth.principal import Principal
from api.context import Context
from api.reports.answering import QUESTIONS
from api.reports.asked import Asked, ReportQuery, asked, row_dimension
from api.reports.envelope import Language, Report, ReportName, ReportRow, amount, figures, words_in
from api.reports.targets import goals
from domain.reports.ratios import Ratio
from domain.reports.service_level import Answers, service_level
from store.database import Connection
from store.reports.answers import BORDERS, AnswerSums, answers
from store.reports.turns import settled

BY: Final = ("question",)
_NONE: Final = Answers(within=dict.fromkeys(BORDERS, 0))


async def service_level_report(
    context: Context, principal: Principal, query: ReportQuery, language: Language
) -> Report:
    """The part of status answers within 5 seconds, by question: of the whole installation.

    Raises:
        NotFoundError: there is no such site or line for them.
        ProblemError: the period or `by` cannot be (422).
    """
    by = row_dimension(query, BY)
    wanted = await asked(context, principal, query, language)
    async with context.connection() as connection:
        sums = await _answers(connection, wanted, by_question=by == "question")
        targets = await goals(connection, wanted)
    return wanted.report(
        ReportName.SERVICE_LEVEL,
        totals=figures(_figures(_total(sums)), language, targets),
        rows=[
            ReportRow(
                key=each.part.key or "",
                label=_label(each.part.key or "", language),
                figures=figures(_figures(each.answers), language, targets),
            )
            for each in sorted(sums, key=lambda one: one.part.key or "")
            if each.part.of == "row"
        ],
        series={
            each.part.bucket: figures(_figures(each.answers), language, targets)
            for each in sums
            if each.part.bucket is not None
        },
        nothing=figures(_figures(_NONE), language, targets),
    )


async def service_totals(connection: Connection, wanted: Asked) -> dict[str, Ratio]:
    """The figures of the whole period, for the overview."""
    return _figures(_total(await _answers(connection, wanted, by_question=False)))


async def _answers(connection: Connection, wanted: Asked, *, by_question: bool) -> list[AnswerSums]:
    spans = wanted.spans(wanted.sites[0].time_zone)
    return await answers(
        connection,
        [spans[0].from_ms, *(each.until_ms for each in spans)],
        as_of=await settled(connection, wanted.moment),
        by_question=by_question,
    )


def _total(sums: list[AnswerSums]) -> Answers:
    return next((each.answers for each in sums if each.part.of == "total"), _NONE)


def _figures(found: Answers) -> dict[str, Ratio]:
    # The target is a border of the histogram, so both ends of the number are one.
    return {"service_level": service_level(found).at_least, "answers": amount(found.count)}


def _label(question: str, language: Language) -> str:
    words = QUESTIONS.get(question)
    return question if words is None else words_in(words, language)

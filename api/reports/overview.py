"""The report `overview`: every figure with its target and what it was before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from api.auth.principal import Principal
from api.context import Context
from api.reports.asked import Asked, ReportQuery, asked
from api.reports.delay_causes import delay_totals
from api.reports.delivery import delivery_totals
from api.reports.envelope import Language, Report, ReportName, figures
from api.reports.forecasts import forecast_totals
from api.reports.lead_times import lead_time_totals
from api.reports.oee import machine_totals
from api.reports.service_level import service_totals
from api.reports.targets import goals
from api.reports.turns import turns_totals
from domain.reports.ratios import Ratio
from store.database import Connection
from store.reports.turns import settled

Totals: TypeAlias = Callable[[Connection, Asked], Awaitable[Mapping[str, Ratio]]]
"""The figures of a whole period."""

TOTALS: Final[tuple[Totals, ...]] = (
    delivery_totals,
    lead_time_totals,
    delay_totals,
    forecast_totals,
    turns_totals,
    service_totals,
    machine_totals,
)
"""Whose figures the overview has, in its order."""


_AT_ONCE: Final = 3
"""Connections of one overview: as many as do not keep others waiting."""


async def overview_report(
    context: Context, principal: Principal, query: ReportQuery, language: Language
) -> Report:
    """All figures of a period beside those of as many days before, and their targets.

    Raises:
        NotFoundError: there is no such site or line for them.
        ProblemError: the period cannot be (422).
    """
    wanted = await asked(context, principal, query, language)
    async with context.connection() as connection:
        # One moment for all figures: the earliest that any of them goes by.
        wanted = replace(wanted, moment=await settled(connection, wanted.moment))
        targets = await goals(connection, wanted)
    now, before = await _all(context, (wanted.whole(), wanted.before().whole()))
    totals = figures(now, language, targets)
    for code, each in totals.items():
        each.previous = before[code].value
    return wanted.report(ReportName.OVERVIEW, totals=totals)


async def _all(context: Context, asked_of: Sequence[Asked]) -> list[dict[str, Ratio]]:
    """All figures of some periods, a few questions at a time."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def told(totals: Totals, wanted: Asked) -> Mapping[str, Ratio]:
        async with room, context.connection() as connection:
            return await totals(connection, wanted)

    parts = await asyncio.gather(
        *(told(totals, wanted) for wanted in asked_of for totals in TOTALS)
    )
    return [
        {code: ratio for part in parts[at : at + len(TOTALS)] for code, ratio in part.items()}
        for at in range(0, len(parts), len(TOTALS))
    ]

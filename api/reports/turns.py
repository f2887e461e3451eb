"""The report `turns`: how often stock was used up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from api.auth.principal import Principal
from api.context import Context
from api.reports.asked import Asked, ReportQuery, asked, row_dimension
from api.reports.envelope import (
    Figure,
    Language,
    Report,
    ReportName,
    ReportNote,
    ReportRow,
    figure,
    words_in,
)
from api.reports.targets import goals
from domain.reports.ratios import ZERO, Absent, Ratio
from domain.reports.turns import Stock
from domain.reports.words import Words
from store.database import Connection
from store.reports.turns import (
    ItemStock,
    UnitCost,
    Worth,
    beside,
    settled,
    stocks,
    unit_costs,
    worth,
)

BY: Final = ("item", "site")

_MISSING: Final = Words(
    "{} items have no unit cost and are in no sum: see by=item",
    "{} 个物料没有单位成本，未计入合计：请按物料查看",
)
_ALL_LINES: Final = Words(
    "stock belongs to sites: it is not told by line", "库存按工厂统计，不按产线区分"
)
_NOTHING: Final = Stock(level_ms=ZERO, used=ZERO, period_ms=0)


async def turns_report(
    context: Context, principal: Principal, query: ReportQuery, language: Language
) -> Report:
    """Turns and days on hand: of items in their units, of several together in money.

    Raises:
        NotFoundError: there is no such site or line for them.
        ProblemError: the period or `by` cannot be (422).
    """
    by = row_dimension(query, BY)
    wanted = await asked(context, principal, query, language)
    async with context.connection() as connection:
        wanted = replace(wanted, moment=await settled(connection, wanted.moment))
        found = await stocks(connection, wanted.scope)
        costs = await _costs(connection, wanted)
        targets = await goals(connection, wanted)

    all_of_it = worth(found, costs)

    def told(some: Worth) -> dict[str, Figure]:
        ratios, currency = _money(some)
        return {
            code: figure(
                each,
                language,
                target=targets.get(code),
                currency=currency if code == "stock_average" else None,
            )
            for code, each in ratios.items()
        }

    missing = len(all_of_it.missing)
    notes = [] if not missing else [_note("no_cost", _MISSING, language, missing)]
    if wanted.lines:
        notes.append(_note("all_lines", _ALL_LINES, language))
    return wanted.report(
        ReportName.TURNS,
        totals=told(all_of_it),
        rows=(
            _items(found, language)
            if by == "item"
            else [
                ReportRow(
                    key=site.code,
                    label=site.code,
                    figures=told(worth((each for each in found if each.site_id == site.id), costs)),
                )
                for site in (wanted.sites if by == "site" else ())
            ]
        ),
        series={bucket: told(all_of_it.of(bucket)) for bucket in sorted(all_of_it.lengths)},
        nothing=told(Worth()),
        notes=notes,
    )


async def turns_totals(connection: Connection, wanted: Asked) -> dict[str, Ratio]:
    """The figures of the whole period, for the overview."""
    found = await stocks(connection, wanted.scope)
    told, _ = _money(worth(found, await _costs(connection, wanted)))
    return told


async def _costs(connection: Connection, wanted: Asked) -> dict[tuple[int, int], UnitCost]:
    return await unit_costs(
        connection,
        [each.id for each in wanted.sites],
        wanted.days[-1][1],
        as_of=wanted.moment,
    )


def _note(code: str, words: Words, language: Language, *values: object) -> ReportNote:
    return ReportNote(code=code, words=words_in(words, language).format(*values))


def _money(found: Worth) -> tuple[dict[str, Ratio], str | None]:
    """The figures of several items in money, and in which; none where there are several."""
    if not found.lengths:
        return _figures(_NOTHING), None
    currencies = found.currencies
    if len(currencies) != 1:
        no = Ratio(ZERO, ZERO, Absent.MIXED_UNITS if currencies else Absent.NO_COST)
        return dict.fromkeys(_figures(_NOTHING), no), None
    (currency,) = currencies
    return _figures(found.whole(currency)), currency


def _figures(found: Stock) -> dict[str, Ratio]:
    return {
        "inventory_turns": found.turns,
        "inventory_days": found.days,
        "stock_average": found.average,
    }


def _items(found: Sequence[ItemStock], language: Language) -> list[ReportRow]:
    """Items in their own units, those that turn slowest first."""
    by_item: dict[str, list[ItemStock]] = defaultdict(list)
    for each in found:
        by_item[each.item].append(each)
    told = [(code, some, _own_unit(some)) for code, some in by_item.items()]
    told.sort(key=lambda each: (each[2].turns.exact or ZERO, each[0]))
    return [
        ReportRow(
            key=code,
            label=some[0].name,
            unit=some[0].unit,
            figures={name: figure(each, language) for name, each in _figures(whole).items()},
        )
        for code, some, whole in told
    ]


def _own_unit(some: Sequence[ItemStock]) -> Stock:
    """An item at all sites: added within a period, and periods follow each other."""
    by_bucket: dict[int, Stock] = {}
    for each in some:
        known = by_bucket.get(each.bucket)
        by_bucket[each.bucket] = each.stock if known is None else beside(known, each.stock)
    found = _NOTHING
    for part in by_bucket.values():
        found += part
    return found

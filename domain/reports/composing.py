"""A report's answer becomes a document: which figures, which charts, which tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from domain.reports import report_words as words
from domain.reports.answer import (
    DefinitionAnswer,
    FigureAnswer,
    ReportAnswer,
    RowAnswer,
    StepAnswer,
)
from domain.reports.definitions import Unit
from domain.reports.document import (
    Cell,
    Chart,
    ChartKind,
    Column,
    DefinitionLine,
    Document,
    Drawn,
    FigureLine,
    Kind,
    Language,
    Table,
)
from domain.reports.words import Words

MOST_BARS: Final = 20
"""So many rows are drawn at most: the first ones, of the figure that the report is about."""
_MOST_LINES: Final = 4
_MOST_CHARTS: Final = 2
_ENOUGH_PERIODS: Final = 2

_KINDS: Final = {
    Unit.PERCENT: Kind.PERCENT,
    Unit.MS: Kind.DURATION,
    Unit.PIECES: Kind.PIECES,
    Unit.MONEY: Kind.MONEY,
    Unit.PER_YEAR: Kind.PER_YEAR,
    Unit.DAYS: Kind.DAYS,
    Unit.COUNT: Kind.COUNT,
}


def compose(answer: ReportAnswer, language: Language, tables: Sequence[Table] = ()) -> Document:
    """The document of a report.

    Args:
        answer: the report, with its definitions in that language.
        language: of everything else.
        tables: what belongs to it besides (lines of orders), already in words.
    """
    say = _Words(language)
    defined = {each.code: each for each in answer.definitions}
    rows, series = _rows(answer, defined, say), _series(answer, defined, say)
    return Document(
        code=answer.report,
        title=say(words.TITLES.get(answer.report, Words(answer.report, answer.report))),
        language=language,
        zone=answer.period.zone,
        first=answer.period.first,
        last=answer.period.last,
        as_of=answer.as_of,
        scope=_scope(answer, say),
        notes=_notes(answer, say),
        figures=tuple(
            _figure(code, figure, defined.get(code)) for code, figure in answer.totals.items()
        ),
        charts=(*_lines(answer, defined), *_bars(answer, defined)),
        tables=(*(one for one in (rows, series) if one is not None), *tables),
        definitions=tuple(_definition(each, say) for each in answer.definitions),
    )


class _Words:
    def __init__(self, language: Language) -> None:
        self._english = language == "en"

    def __call__(self, said: Words) -> str:
        return said.en if self._english else said.zh


def _scope(answer: ReportAnswer, say: _Words) -> tuple[tuple[str, str], ...]:
    scope = answer.scope
    named = ((words.SITE, scope.site), (words.LINE, scope.line), (words.MACHINE, scope.machine))
    told = tuple((say(kind), name) for kind, name in named if name is not None)
    if told:
        return told
    everything = ", ".join(scope.sites) or say(words.EVERYTHING)
    return ((say(words.SITES if scope.sites else words.SCOPE), everything),)


def _notes(answer: ReportAnswer, say: _Words) -> tuple[str, ...]:
    """What has to be known; that it is preliminary is said once."""
    told = tuple(note.words for note in answer.notes)
    if answer.preliminary and all(note.code != "preliminary" for note in answer.notes):
        return (say(words.PRELIMINARY), *told)
    return told


def _figure(code: str, figure: FigureAnswer, defined: DefinitionAnswer | None) -> FigureLine:
    told = {} if defined is None else {"better": defined.better}
    return FigureLine(
        code=code,
        name=code if defined is None else defined.name,
        kind=_kind(code, defined),
        value=figure.value,
        absent=(figure.absent_words or figure.absent or "") if figure.value is None else "",
        part=_plain(figure.part),
        whole=_plain(figure.whole),
        target=figure.target,
        previous=figure.previous,
        currency=figure.currency or "",
        **told,
    )


def _rows(
    answer: ReportAnswer, defined: Mapping[str, DefinitionAnswer], say: _Words
) -> Table | None:
    if not answer.rows:
        return None
    codes = _codes(row.figures for row in answer.rows)
    keyed = any(row.key != row.label for row in answer.rows)
    head = [Column(code="label", name=say(words.NAME))]
    if keyed:
        head.append(Column(code="key", name=say(words.KEY), on_paper=False))
    return Table(
        code="rows",
        title=say(words.ROWS),
        columns=(*head, *_columns(codes, defined, [row.figures for row in answer.rows])),
        rows=tuple(
            (row.label, *((row.key,) if keyed else ()), *_values(codes, row.figures))
            for row in answer.rows
        ),
    )


def _series(
    answer: ReportAnswer, defined: Mapping[str, DefinitionAnswer], say: _Words
) -> Table | None:
    if not answer.series:
        return None
    codes = _codes(step.figures for step in answer.series)
    zone = ZoneInfo(answer.period.zone)
    head = (
        Column(code="period", name=say(words.PERIOD)),
        Column(code="from", name=say(words.BEGINS), kind=Kind.MOMENT, on_paper=False),
        Column(code="until", name=say(words.ENDS), kind=Kind.MOMENT, on_paper=False),
    )
    return Table(
        code="series",
        title=say(words.SERIES),
        columns=(*head, *_columns(codes, defined, [step.figures for step in answer.series])),
        rows=tuple(
            (
                _step_name(answer, step),
                step.begins.astimezone(zone),
                step.ends.astimezone(zone),
                *_values(codes, step.figures),
            )
            for step in answer.series
        ),
    )


def _lines(answer: ReportAnswer, defined: Mapping[str, DefinitionAnswer]) -> list[Chart]:
    """A chart along time per unit, of the figures that the report is of."""
    if len(answer.series) < _ENOUGH_PERIODS:
        return []
    categories = tuple(_step_name(answer, step) for step in answer.series)
    charts: list[Chart] = []
    codes = [code for code in _codes(step.figures for step in answer.series) if code in defined]
    for kind in dict.fromkeys(_kind(code, defined[code]) for code in codes):
        chosen = [code for code in codes if _kind(code, defined[code]) is kind][:_MOST_LINES]
        drawn = tuple(
            Drawn(
                name=defined[code].name,
                values=tuple(_value(step.figures.get(code)) for step in answer.series),
            )
            for code in chosen
        )
        if not any(value is not None for one in drawn for value in one.values):
            continue
        total = answer.totals.get(chosen[0])
        charts.append(
            Chart(
                title=drawn[0].name if len(drawn) == 1 else _list_of(drawn),
                shape=ChartKind.LINES,
                kind=kind,
                categories=categories,
                series=drawn,
                target=total.target if total is not None else None,
                currency=_currency(chosen, [step.figures for step in answer.series]),
            )
        )
    return charts[:_MOST_CHARTS]


def _bars(answer: ReportAnswer, defined: Mapping[str, DefinitionAnswer]) -> list[Chart]:
    """The figure that the report is about, of its rows."""
    codes = [code for code in _codes(row.figures for row in answer.rows) if code in defined]
    for code in codes:
        rows = [row for row in answer.rows if _value(row.figures.get(code)) is not None]
        if len(rows) < _ENOUGH_PERIODS:
            continue
        total = answer.totals.get(code)
        shown = rows[:MOST_BARS]
        return [
            Chart(
                title=defined[code].name,
                shape=ChartKind.BARS,
                kind=_kind(code, defined[code]),
                categories=tuple(row.label for row in shown),
                series=(Drawn(name=defined[code].name, values=_of_rows(shown, code)),),
                target=total.target if total is not None else None,
                currency=_currency([code], [row.figures for row in shown]),
            )
        ]
    return []


def _step_name(answer: ReportAnswer, step: StepAnswer) -> str:
    begins = step.first or step.begins.astimezone(ZoneInfo(answer.period.zone)).date()
    return period_name(begins, answer.period.grain)


def period_name(first: date, grain: str) -> str:
    """A day, week or month as an axis names it."""
    if grain == "month":
        return first.strftime("%Y-%m")
    if grain == "week":
        year, week, _ = first.isocalendar()
        return f"{year}-W{week:02d}"
    return first.isoformat()


def _of_rows(rows: Sequence[RowAnswer], code: str) -> tuple[float | None, ...]:
    return tuple(_value(row.figures.get(code)) for row in rows)


def _columns(
    codes: Sequence[str],
    defined: Mapping[str, DefinitionAnswer],
    figures: Sequence[Mapping[str, FigureAnswer]],
) -> list[Column]:
    return [
        Column(
            code=code,
            name=defined[code].name if code in defined else code,
            kind=_kind(code, defined.get(code)),
            currency=_currency([code], figures),
        )
        for code in codes
    ]


def _currency(codes: Sequence[str], figures: Iterable[Mapping[str, FigureAnswer]]) -> str:
    """The currency of money; empty where there are several, or none is told."""
    told = {
        one[code].currency or ""
        for one in figures
        for code in codes
        if code in one and one[code].value is not None
    }
    return told.pop() if len(told) == 1 else ""


def _codes(figures: Iterable[Mapping[str, FigureAnswer]]) -> list[str]:
    return list(dict.fromkeys(code for one in figures for code in one))


def _values(codes: Sequence[str], figures: Mapping[str, FigureAnswer]) -> tuple[Cell, ...]:
    return tuple(_value(figures.get(code)) for code in codes)


def _value(figure: FigureAnswer | None) -> float | None:
    return None if figure is None else figure.value


def _kind(code: str, defined: DefinitionAnswer | None) -> Kind:
    if defined is not None:
        return _KINDS[defined.unit]
    return Kind.DURATION if code.endswith("_ms") else Kind.COUNT


def _plain(amount: str | float | None) -> float | None:
    """A part or whole, which may be told exactly, as a fraction `a/b` or a decimal."""
    if isinstance(amount, str):
        over, _, under = amount.partition("/")
        return float(over) / float(under) if under else float(over)
    return amount


def _list_of(drawn: Sequence[Drawn]) -> str:
    return " · ".join(one.name for one in drawn)


def _definition(defined: DefinitionAnswer, say: _Words) -> DefinitionLine:
    return DefinitionLine(
        code=defined.code,
        version=defined.version,
        name=defined.name,
        formula=defined.formula,
        note=defined.note,
        source=defined.source,
        unit=say(words.UNITS[defined.unit]),
        better=say(words.BETTERS[defined.better]),
    )

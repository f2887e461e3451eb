"""How values of reports are written for people, in either language: on pages and along axes."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from domain.reports.document import DAY_MS, HOUR_MS, Cell, Kind, Language
from domain.reports.words import Words

_MINUTE_MS: Final = 60_000
_SECOND_MS: Final = 1_000
_NOTHING: Final = "–"
_DURATIONS: Final = {
    DAY_MS: Words("d", "天"),
    HOUR_MS: Words("h", "小时"),
    _MINUTE_MS: Words("min", "分"),
    _SECOND_MS: Words("s", "秒"),
}
_A_YEAR: Final = Words("a year", "次/年")
_DAYS: Final = Words("d", "天")


def written(cell: Cell, kind: Kind, language: Language, zone: str, currency: str = "") -> str:
    """A value as people read it; a dash where there is none."""
    match cell:
        case None:
            return _NOTHING
        case str():
            return cell
        case datetime():
            return cell.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")
        case date():
            return cell.isoformat()
        case _:
            return number(cell, kind, language, currency)


def number(value: float | Decimal, kind: Kind, language: Language, currency: str = "") -> str:
    """A number with its unit."""
    if kind is Kind.PERCENT:
        return f"{_minus(f'{float(value) * 100:,.1f}')} %"
    if kind is Kind.DURATION:
        return duration(value, language)
    if kind is Kind.MONEY:
        return _minus(f"{value:,.2f}") + (f" {currency}" if currency else "")
    if kind is Kind.PER_YEAR:
        return f"{_minus(_short(value))} {_in(_A_YEAR, language)}"
    if kind is Kind.DAYS:
        return f"{_minus(_short(value))} {_in(_DAYS, language)}"
    return _minus(_short(value))


def duration(ms: float | Decimal, language: Language) -> str:
    """A time in the two units that say most of it: `2 d 3 h`, `41 min`."""
    rest = round(abs(float(ms)) / _SECOND_MS) * _SECOND_MS
    told: list[str] = []
    for unit_ms, words in _DURATIONS.items():
        many, below = divmod(rest, unit_ms)
        if many or (not told and unit_ms == _SECOND_MS):
            told.append(f"{many} {_in(words, language)}")
        elif told:
            break
        rest = below
        if len(told) == 2:  # noqa: PLR2004 - the two units that say most
            break
    return ("−" if ms < 0 and told != [f"0 {_in(_DURATIONS[_SECOND_MS], language)}"] else "") + (
        " ".join(told)
    )


def days(first: date, last: date) -> str:
    """A period of whole days."""
    return first.isoformat() if first == last else f"{first.isoformat()} – {last.isoformat()}"


def _short(value: float | Decimal) -> str:
    """Whole numbers as such, others with what matters of them."""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}"


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _in(words: Words, language: Language) -> str:
    return words.en if language == "en" else words.zh

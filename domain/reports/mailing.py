"""Which reports can be had as files and by mail, and what their rows are where nobody said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.reports.document import Document, FigureLine, Language
from domain.reports.report_words import TARGET
from domain.reports.writing import written

ROWS_BY: Final[Mapping[str, str | None]] = {
    "overview": None,
    "oee": "machine",
    "losses": "reason",
    "load": "machine",
    "scrap": "item",
    "delivery": "customer",
    "lead-times": "stage",
    "delay-causes": "cause",
    "forecasts": "kind",
    "turns": "item",
    "service-level": "question",
}
"""By the name of the report; None: it has no rows."""

MOST_FIGURES: Final = 8
"""So many figures of a report stand in a mail itself."""


def in_short(document: Document) -> list[str]:
    """The first figures of a report as lines of a mail."""
    return [_line(one, document) for one in document.figures[:MOST_FIGURES]]


def _line(line: FigureLine, document: Document) -> str:
    def told(value: float | None) -> str:
        return written(value, line.kind, document.language, document.zone, line.currency)

    english = document.language == "en"
    value = line.absent if line.value is None and line.absent else told(line.value)
    text = f"{line.name}{': ' if english else '：'}{value}"
    if line.target is None:
        return text
    if english:
        return f"{text} ({TARGET.en.lower()} {told(line.target)})"
    return f"{text}（{TARGET.zh} {told(line.target)}）"


def language_of(tag: str) -> Language:
    """A document's language of a language tag: Chinese of any kind is Chinese."""
    return "zh" if tag.lower().startswith("zh") else "en"

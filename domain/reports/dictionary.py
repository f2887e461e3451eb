"""The definitions as a page for people, in each language; the committed pages are its output."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from domain.reports.definitions import DEFINITIONS, Definition
from domain.reports.report_words import BETTERS, UNITS
from domain.reports.words import WHY_ABSENT, Words

Language: TypeAlias = Literal["en", "zh"]

_TITLE: Final = Words("Figures and what they mean", "指标及其定义")
_INTRO: Final = Words(
    "The figures of reports, as the product reckons them. This page is made from"
    " `domain/reports/definitions.py`.",
    "报表中各项指标的计算方法。本页由 `domain/reports/definitions.py` 生成。",
)
_HEADINGS: Final = {
    "formula": Words("Formula", "公式"),
    "unit": Words("Told in", "单位"),
    "better": Words("Better", "趋势"),
    "source": Words("Source", "来源"),
    "code": Words("Name", "代码"),
    "absent": Words("Where there is no number", "没有数值时"),
}
_ABSENT_INTRO: Final = Words(
    "Nothing is divided by zero and nothing is guessed: instead of a number there is one of these"
    " reasons.",
    "不会除以零，也不会猜测：没有数值时给出以下原因之一。",
)


def page(language: Language) -> str:
    """All definitions as Markdown."""
    parts = [f"# {_in(_TITLE, language)}", _in(_INTRO, language)]
    parts += [_figure(each, language) for each in DEFINITIONS.values()]
    parts += [f"## {_in(_HEADINGS['absent'], language)}", _in(_ABSENT_INTRO, language)]
    parts.append(
        "\n".join(f"- `{code.value}`: {_in(words, language)}" for code, words in WHY_ABSENT.items())
    )
    return "\n\n".join(parts) + "\n"


def _figure(definition: Definition, language: Language) -> str:
    rows = {
        "formula": _in(definition.formula, language),
        "unit": _in(UNITS[definition.unit], language),
        "better": _in(BETTERS[definition.better], language),
        "source": definition.source,
        "code": f"`{definition.code}`",
    }
    mark = ": " if language == "en" else "："
    told = [
        f"- {_in(_HEADINGS[name], language)}{mark}{text}" for name, text in rows.items() if text
    ]
    name, note = _in(definition.name, language), _in(definition.note, language)
    return "\n".join([f"## {name}", "", note, "", *told])


def _in(words: Words, language: Language) -> str:
    return words.en if language == "en" else words.zh

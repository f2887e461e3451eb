"""The data dictionary of the SQL views as pages; the committed pages are its output."""

from __future__ import annotations

from typing import Final

from domain.reports.definitions import DEFINITIONS
from domain.reports.document import Language
from domain.reports.views import READER, SCHEMA, VIEWS, View
from domain.reports.words import Words

_TITLE: Final = Words("Data dictionary of the SQL views", "SQL 视图数据字典")
_INTRO: Final = Words(
    f"What may be read by SQL: the schema `{SCHEMA}`, with the role `{READER}`"
    " ([how to connect](howto/reports.md)). This page is made from `domain/reports/views.py`; the"
    " same words are comments in the database. Times with the ending `_ms` are durations in"
    " milliseconds; moments have a time zone.",
    f"可通过 SQL 读取的内容：模式 `{SCHEMA}`，角色 `{READER}`"
    "（[如何连接](howto/reports.zh-CN.md)）。本页由 `domain/reports/views.py` 生成，"
    "数据库中的注释与此相同。以 `_ms` 结尾的为时长（毫秒）；时刻均带时区。",
)
_AS_OF: Final = Words(
    "As it was known at a moment: `SELECT * FROM {schema}.{name}('2026-11-03 08:00+01')`."
    " Everything that was ever known: `{schema}.{name}_revisions`.",
    "某一时刻所知：`SELECT * FROM {schema}.{name}('2026-11-03 08:00+01')`。"
    "全部修订：`{schema}.{name}_revisions`。",
)
_FIGURES: Final = Words("Figures", "指标")
_COLUMN: Final = Words("Column", "列")
_MEANING: Final = Words("Meaning", "含义")


def page(language: Language) -> str:
    """All views as Markdown."""
    parts = [f"# {_in(_TITLE, language)}", _in(_INTRO, language)]
    parts += [_view(view, language) for view in VIEWS.values()]
    return "\n\n".join(parts) + "\n"


def _view(view: View, language: Language) -> str:
    told = [f"## {SCHEMA}.{view.name}", _in(view.words, language)]
    if view.as_of:
        told.append(_in(_AS_OF, language).format(schema=SCHEMA, name=view.name))
    if view.figures:
        told.append(
            f"{_in(_FIGURES, language)}:\n\n"
            + "\n".join(
                f"- {_in(DEFINITIONS[code].name, language)} (`{code}`): `{how}`"
                for code, how in view.figures
            )
        )
    told.append(
        "\n".join(
            [
                f"| {_in(_COLUMN, language)} | {_in(_MEANING, language)} |",
                "| --- | --- |",
                *(f"| `{one.name}` | {_in(one.words, language)} |" for one in view.columns),
            ]
        )
    )
    return "\n\n".join(told)


def _in(words: Words, language: Language) -> str:
    return words.en if language == "en" else words.zh

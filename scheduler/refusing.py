"""Refusals with their words in both languages."""

from __future__ import annotations

from contracts.questions import Refused
from domain.plan.fact_words import Language, Said
from domain.plan.refusal_words import refusal

CHINESE = "zh"
"""The parameter in which the words stand in Chinese."""


def refused(code: str, *, words: str | None = None, **values: str | Said) -> Refused:
    """Why the planner cannot say.

    Args:
        code: for programs.
        words: the code of the words, where several share one for programs.
        values: what the words name; those that differ by language in both.
    """
    told = said(words or code, **values)
    params = {
        name: value.en if isinstance(value, Said) else value for name, value in values.items()
    }
    return Refused(code=code, detail=told.en, params={**params, CHINESE: told.zh})


def said(code: str, **values: str | Said) -> Said:
    """The words of a code in both languages."""
    en, zh = (
        refusal(
            code,
            language,
            **{
                name: value.by(language) if isinstance(value, Said) else value
                for name, value in values.items()
            },
        )
        for language in (Language.ENGLISH, Language.CHINESE)
    )
    return Said(en, zh)

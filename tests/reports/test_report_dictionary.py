"""The committed pages are what the definitions say."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.reports.definitions import DEFINITIONS
from domain.reports.dictionary import Language, page

PAGES = Path(__file__).parents[2] / "docs" / "howto"


@pytest.mark.parametrize(("language", "name"), [("en", "figures.md"), ("zh", "figures.zh-CN.md")])
def test_the_committed_page_is_what_the_definitions_say(language: Language, name: str) -> None:
    written = (PAGES / name).read_text(encoding="utf-8")
    assert written == page(language), (
        f"docs/howto/{name} is not what domain/reports/definitions.py says: write"
        f" domain.reports.dictionary.page({language!r}) to it"
    )


def test_every_figure_has_its_part() -> None:
    for language in ("en", "zh"):
        told = page("en" if language == "en" else "zh")
        assert all(f"`{code}`" in told for code in DEFINITIONS)

"""Fonts for pages: one with Chinese where there is one, found where systems keep theirs.

A page never shows boxes: without a font for what it says it is not made, and the reason says which
font to install. English is always possible: with what every reader of PDF has if need be.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from fontTools.ttLib import TTCollection, TTFont, TTLibError

from domain.reports.document import Language

_PROBE: Final = "设备综合效率工单交期库存"
_LETTERS: Final = "ABCabc019%−×Σ≥–"
_SUFFIXES: Final = frozenset((".ttf", ".otf", ".ttc", ".otc"))
_COLLECTIONS: Final = frozenset((".ttc", ".otc"))

_CHINESE: Final = (
    # Noto, as Debian, Alpine, Arch and Fedora package it:
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/source-han-sans/SourceHanSansCN-Regular.otf",
    "/usr/share/fonts/adobe-source-han-sans/SourceHanSansCN-Regular.otf",
    "/usr/local/share/fonts/NotoSansSC-Regular.otf",
    "/usr/local/share/fonts/NotoSansSC-Regular.ttf",
    # WenQuanYi, Droid
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/wqy-microhei/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/wenquanyi/wqy-zenhei/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    # Windows: Microsoft YaHei, SimHei, SimSun
    "{windows}/Fonts/msyh.ttc",
    "{windows}/Fonts/Deng.ttf",
    "{windows}/Fonts/simhei.ttf",
    "{windows}/Fonts/simsun.ttc",
    # macOS
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "/System/Library/Fonts/STHeiti Light.ttc",
    "/System/Library/Fonts/Supplemental/Songti.ttc",
    "/Library/Fonts/Arial Unicode.ttf",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
)
_LATIN: Final = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf",
    "{windows}/Fonts/arial.ttf",
    "/System/Library/Fonts/Supplemental/Arial.ttf",
)
_BOLD: Final = {
    "Regular": "Bold",
    "DejaVuSans.ttf": "DejaVuSans-Bold.ttf",
    "msyh.ttc": "msyhbd.ttc",
    "Deng.ttf": "Dengb.ttf",
    "arial.ttf": "arialbd.ttf",
    "Arial.ttf": "Arial Bold.ttf",
    "STHeiti Light.ttc": "STHeiti Medium.ttc",
}
_SIMPLIFIED: Final = ("SC", "CN", "GB", "YaHei", "SimSun", "Heiti SC", "Songti SC")


class NoFontError(Exception):
    """There is no font for what a page says; the message says why and what to do."""


class Face(msgspec.Struct, frozen=True, kw_only=True):
    """A font in a file: which one of a collection, and which characters it has."""

    path: Path
    number: int
    characters: frozenset[int]

    def lacks(self, text: str) -> str:
        """The characters of a text that it has not."""
        return "".join(sorted({one for one in text if ord(one) not in self.characters}))


class Fonts(msgspec.Struct, frozen=True, kw_only=True):
    """What a document is written with; no `regular`: the fonts that every reader has (Latin)."""

    regular: Face | None
    bold: Face | None


def fonts_for(language: Language, wanted: str = "") -> Fonts:
    """The fonts for a document; blocks. What was found is remembered.

    Args:
        language: of the document.
        wanted: the path of a font that shall be taken (a setting); empty: the usual places.

    Raises:
        NoFontError: the one that is wanted is none, or none has what the language needs.
    """
    if wanted:
        return _wanted(Path(wanted), language)
    found = _usual(_CHINESE, _PROBE)
    if found is None and language == "zh":
        raise NoFontError(
            "no font with Chinese characters is installed where this service runs; install one"
            " (Debian, Ubuntu: fonts-noto-cjk; Alpine: font-noto-cjk; Fedora:"
            " google-noto-sans-cjk-fonts), or name one with GEMBA_REPORT_FONT"
        )
    return found or _usual(_LATIN, _LETTERS) or Fonts(regular=None, bold=None)


def _wanted(path: Path, language: Language) -> Fonts:
    try:
        regular = face(path)
    except (OSError, TTLibError, ValueError) as error:
        raise NoFontError(
            f"GEMBA_REPORT_FONT names {str(path)!r}, which is no font that can be read: {error}"
        ) from error
    lacking = regular.lacks(_PROBE if language == "zh" else "AZaz09")
    if lacking:
        raise NoFontError(
            f"the font {str(path)!r} of GEMBA_REPORT_FONT has no {lacking[:10]!r}: name one with"
            " Chinese and Latin characters, as NotoSansCJK-Regular.ttc"
        )
    return Fonts(regular=regular, bold=_bold_of(path))


@functools.cache
def _usual(places: tuple[str, ...], probe: str) -> Fonts | None:
    for path in _existing(places):
        try:
            regular = face(path)
        except (OSError, TTLibError, ValueError):
            continue  # what cannot be read is not the one
        if not regular.lacks(probe):
            return Fonts(regular=regular, bold=_bold_of(path))
    return None


def _existing(places: tuple[str, ...]) -> Iterator[Path]:
    windows = os.environ.get("SYSTEMROOT", "C:/Windows") if sys.platform == "win32" else ""
    for place in places:
        if "{windows}" in place and not windows:
            continue
        path = Path(place.format(windows=windows))
        if path.is_file():
            yield path


def _bold_of(path: Path) -> Face | None:
    """The bold one beside it."""
    for regular, bold in _BOLD.items():
        beside = path.with_name(path.name.replace(regular, bold))
        if beside != path and beside.is_file():
            try:
                return face(beside)
            except (OSError, TTLibError, ValueError):
                return None
    return None


@functools.lru_cache(maxsize=8)
def face(path: Path) -> Face:
    """The font of a file; of a collection the one for simplified Chinese, else its first.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no font, by its name or its content (TTLibError as well).
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise ValueError(f"the name of a font ends in {', '.join(sorted(_SUFFIXES))}")
    with path.open("rb") as file:
        if path.suffix.lower() not in _COLLECTIONS:
            found, number = TTFont(file, lazy=True).getBestCmap(), 0
        else:
            collection = TTCollection(file, lazy=True)
            number = _simplified(collection)
            found = collection.fonts[number].getBestCmap()
    return Face(path=path, number=number, characters=frozenset(found or ()))


def _simplified(collection: TTCollection) -> int:
    for number, font in enumerate(collection.fonts):
        name = font["name"].getDebugName(1) or ""
        if "Mono" not in name and any(mark in name.split() for mark in _SIMPLIFIED):
            return number
    return 0

"""A page of A4 with a header and a footer, and the few things that are written on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from connectors.report_files import line_breaks
from connectors.report_files.fonts import Fonts, NoFontError
from connectors.report_files.texts import cleaned
from domain.reports import report_words as words
from domain.reports.document import Document, Kind
from domain.reports.words import Words
from domain.reports.writing import days, written

Colour = tuple[int, int, int]

INK: Final[Colour] = (28, 36, 48)
GREY: Final[Colour] = (100, 110, 122)
PALE: Final[Colour] = (233, 237, 242)
RULE: Final[Colour] = (200, 207, 215)
BLUE: Final[Colour] = (31, 95, 168)
RED: Final[Colour] = (178, 38, 30)
GREEN: Final[Colour] = (22, 118, 66)

MARGIN_MM: Final = 16.0
_TOP_MM: Final = 22.0
_BOTTOM_MM: Final = 18.0
_FAMILY: Final = "report"
_PAGES: Final = "{nb}"
_PLAIN: Final = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "×": "x", "Σ": "Sum ", "≥": ">=", "≤": "<=", "…": "..."}
    | {"‘": "'", "’": "'", "“": '"', "”": '"', "·": "-", "\u00a0": " "}
)
_NOT_WRITTEN: Final = "?"
_IDEOGRAPHS: Final = (0x2E80, 0x9FFF)
_SYLLABLES: Final = (0xAC00, 0xD7AF)


class Page(FPDF):
    """A document's pages.

    Args:
        document: what is written.
        fonts: with what.
        landscape: whether they lie.
    """

    def __init__(self, document: Document, fonts: Fonts, *, landscape: bool) -> None:
        super().__init__(orientation="landscape" if landscape else "portrait", format="A4")
        self._document = document
        self._fonts = fonts
        self._family = "helvetica" if fonts.regular is None else _FAMILY
        self.set_margins(MARGIN_MM, _TOP_MM, MARGIN_MM)
        self.set_auto_page_break(auto=True, margin=_BOTTOM_MM)
        self._add_fonts()
        self.set_title(self.plain(document.title))
        self.set_lang("en" if document.language == "en" else "zh-CN")
        self.set_creator("gemba")
        self.set_creation_date(document.as_of)
        self.alias_nb_pages(_PAGES)

    def _add_fonts(self) -> None:
        regular = self._fonts.regular
        if regular is None:
            return
        bold = self._fonts.bold or regular
        for style, face in (("", regular), ("B", bold)):
            self.add_font(_FAMILY, style, face.path, collection_font_number=face.number)

    def header(self) -> None:
        """The report's name and its scope, on every page but the first."""
        if self.page_no() == 1:
            return
        document = self._document
        with self.styled(8, GREY):
            self.set_y(10)
            scope = ", ".join(name for _, name in document.scope)
            self.cell(self.epw / 2, 5, self.fitting(document.title, self.epw / 2 - 2), align="L")
            told = f"{scope} · {days(document.first, document.last)}"
            self.cell(self.epw / 2, 5, self.fitting(told, self.epw / 2 - 2), align="R")
        self.set_y(_TOP_MM)

    def footer(self) -> None:
        """When it was known, and which page it is."""
        document = self._document
        as_of = written(document.as_of, Kind.MOMENT, document.language, document.zone)
        with self.styled(8, GREY):
            self.set_y(-12)
            told = f"{self.say(words.AS_OF)} {as_of} ({document.zone})"
            self.cell(self.epw * 0.7, 5, self.plain(told), align="L")
            page = self.say(words.PAGE).format(page=self.page_no(), pages=_PAGES)
            self.cell(self.epw * 0.3, 5, self.plain(page), align="R")

    def say(self, said: Words) -> str:
        """Words in the document's language."""
        return said.en if self._document.language == "en" else said.zh

    def plain(self, text: str) -> str:
        """A text as the font can write it: never a box.

        What few fonts have (an emoji in a name) becomes a question mark.

        Raises:
            NoFontError: the font has no letters for it (Chinese names in an English report).
        """
        text = cleaned(text).replace("\t", " ")
        regular = self._fonts.regular
        if regular is None:
            text = text.translate(_PLAIN)
        lacking = [
            one
            for one in dict.fromkeys(text)
            if one != "\n" and not (_is_latin(one) if regular is None else _has(self._fonts, one))
        ]
        for one in lacking:
            if any(low <= ord(one) <= high for low, high in (_IDEOGRAPHS, _SYLLABLES)):
                raise NoFontError(
                    f"the report says {text[:40]!r}, and no font that is installed here has"
                    f" {one!r}: install one (Debian, Ubuntu: fonts-noto-cjk; Alpine:"
                    " font-noto-cjk), or name one with GEMBA_REPORT_FONT"
                )
            text = text.replace(one, _NOT_WRITTEN)
        return text

    def fitting(self, text: str, width_mm: float) -> str:
        """A text cut so that it fits into a line."""
        text = self.plain(text).replace("\n", " ")
        if self.get_string_width(text) <= width_mm:
            return text
        more = self.plain("…")
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.get_string_width(text[:middle] + more) <= width_mm:
                low = middle
            else:
                high = middle - 1
        return text[:low].rstrip() + more

    @contextmanager
    def styled(
        self, size: float, colour: Colour = INK, *, style: Literal["", "B"] = ""
    ) -> Iterator[None]:
        """Write in a size (points) and colour within it."""
        self.set_font(self._family, style, size)
        self.set_text_color(*colour)
        yield
        self.set_font(self._family, "", 9)
        self.set_text_color(*INK)

    def heading(self, text: str, *, room_mm: float = 0) -> None:
        """A heading that stays with what follows it."""
        self.ensure(14 + room_mm)
        self.ln(4)
        with self.styled(12, style="B"):
            self.cell(
                self.epw, 8, self.fitting(text, self.epw), new_x=XPos.LMARGIN, new_y=YPos.NEXT
            )

    def paragraph(self, text: str, *, size: float = 9, colour: Colour = INK) -> None:
        """A text over as many lines as it needs."""
        with self.styled(size, colour):
            for line in self.lines_of(text, self.epw):
                self.cell(self.epw, size * 0.5, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def lines_of(self, text: str, width_mm: float) -> list[str]:
        """A text cut into lines of a cell of that width, in the font that is set."""
        room = width_mm - 2 * self.c_margin
        return line_breaks.lines_of(self.plain(text), room, self.get_string_width)

    def ensure(self, height_mm: float) -> None:
        """Begin a new page unless so much room is left."""
        if self.get_y() + height_mm > self.h - _BOTTOM_MM:
            self.add_page()


def _has(fonts: Fonts, one: str) -> bool:
    """Whether both fonts have it, the bold one for headings."""
    faces = [face for face in (fonts.regular, fonts.bold) if face is not None]
    return all(ord(one) in face.characters for face in faces)


def _is_latin(one: str) -> bool:
    """Whether the fonts that every reader has can write it."""
    try:
        one.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True

"""A report as PDF: A4, figures with their targets, charts, tables over pages, definitions."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from fpdf.enums import XPos, YPos

from connectors.report_files.fonts import fonts_for
from connectors.report_files.pdf_charts import draw
from connectors.report_files.pdf_page import GREEN, GREY, INK, PALE, RED, RULE, Colour, Page
from domain.reports import report_words as words
from domain.reports.document import Cell, Column, Document, FigureLine, Kind, Table
from domain.reports.writing import days, written

# What it leaves out of a font is told at length, and tells nobody anything.
logging.getLogger("fontTools.subset").setLevel(logging.WARNING)

MOST_ROWS: Final = 500
"""So many rows of a table are on paper; the spreadsheet has the others."""
_PORTRAIT_COLUMNS: Final = 7
_LINE_MM: Final = 4.2
_PADDING_MM: Final = 1.4
_SIZE: Final = 8.0
_LEAST_MM: Final = 15.0
_MOST_LINES: Final = 4
_MEASURED_ROWS: Final = 100
_ALIGNS: Final = {4: "LRRL", 5: "LRRRL"}


def write_pdf(document: Document, *, font: str = "") -> bytes:
    """The pages of a report; blocks.

    Args:
        document: the report.
        font: the path of a font to take; empty: the usual ones.

    Raises:
        NoFontError: no font has what it says; the message says what to do.
    """
    widest = max(
        (sum(column.on_paper for column in table.columns) for table in document.tables), default=0
    )
    page = Page(document, fonts_for(document.language, font), landscape=widest > _PORTRAIT_COLUMNS)
    page.add_page()
    _title(page, document)
    _figures(page, document)
    for chart in document.charts:
        draw(page, chart, document)
    for table in document.tables:
        _table(page, table, document)
    _definitions(page, document)
    return bytes(page.output())


def _title(page: Page, document: Document) -> None:
    page.set_y(16)
    with page.styled(20, style="B"):
        page.multi_cell(
            page.epw, 9, page.plain(document.title), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )
    told = [
        *document.scope,
        (page.say(words.PERIOD), days(document.first, document.last)),
        (
            page.say(words.AS_OF),
            written(document.as_of, Kind.MOMENT, document.language, document.zone)
            + f" ({document.zone})",
        ),
    ]
    page.ln(1)
    for name, value in told:
        with page.styled(9, GREY):
            page.cell(32, 5, page.fitting(name, 31))
        with page.styled(9):
            page.cell(0, 5, page.fitting(value, page.epw - 33), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    for note in document.notes:
        page.ln(1)
        page.paragraph(note, colour=RED)
    if not document.figures and not document.tables:
        page.ln(4)
        page.paragraph(page.say(words.NOTHING))


def _figures(page: Page, document: Document) -> None:
    if not document.figures:
        return
    page.heading(page.say(words.FIGURES), room_mm=14)
    heads = [words.FIGURE, words.VALUE, words.TARGET, words.MET]
    if any(line.previous is not None for line in document.figures):
        heads.insert(2, words.PREVIOUS)
    each_mm = 32.0
    widths = (page.epw - (len(heads) - 1) * each_mm, *([each_mm] * (len(heads) - 1)))
    _row(page, [page.say(one) for one in heads], widths, _ALIGNS[len(heads)], head=True)
    for line in document.figures:
        _figure(page, line, document, widths)


def _figure(page: Page, line: FigureLine, document: Document, widths: Sequence[float]) -> None:
    def told(value: float | None) -> str:
        return written(value, line.kind, document.language, document.zone, line.currency)

    # The mark is a word and a colour: never colour alone.
    met = {True: page.say(words.YES), False: page.say(words.NO), None: ""}[line.met]
    colours: dict[bool | None, Colour] = {True: GREEN, False: RED, None: INK}
    value = told(line.value) if line.value is not None or not line.absent else f"– ({line.absent})"
    target = "" if line.target is None else told(line.target)
    before = "" if line.previous is None else told(line.previous)
    told_all = [line.name, value, target, met]
    if len(widths) > len(told_all):
        told_all.insert(2, before)
    _row(page, told_all, widths, _ALIGNS[len(widths)], last=colours[line.met])


def _table(page: Page, table: Table, document: Document) -> None:
    page.heading(table.title, room_mm=20)
    shown = [index for index, column in enumerate(table.columns) if column.on_paper]
    columns = [table.columns[index] for index in shown]
    rows = [
        [_written(row[index], table.columns[index], document) for index in shown]
        for row in table.rows[:MOST_ROWS]
    ]
    names = [
        f"{column.name} ({column.currency})" if column.currency else column.name
        for column in columns
    ]
    widths = _widths(page, names, columns, rows)
    aligns = "".join("L" if column.kind is Kind.TEXT else "R" for column in columns)
    _row(page, names, widths, aligns, head=True)
    for row in rows:
        _row(page, row, widths, aligns, again=(names, widths, aligns))
    if len(table.rows) > MOST_ROWS:
        page.ln(1)
        cut = page.say(words.CUT).format(shown=f"{MOST_ROWS:,}", all=f"{len(table.rows):,}")
        page.paragraph(cut, colour=GREY)


def _written(cell: Cell, column: Column, document: Document) -> str:
    return written(cell, column.kind, document.language, document.zone)


def _widths(
    page: Page, names: Sequence[str], columns: Sequence[Column], rows: Sequence[Sequence[str]]
) -> list[float]:
    """As wide as what stands in them; what is too much for the page the widest ones give up."""
    wanted: list[float] = []
    with page.styled(_SIZE, style="B"):
        for index, name in enumerate(names):
            texts = [row[index] for row in rows[:_MEASURED_ROWS]]
            longest = max((page.get_string_width(page.plain(text)) for text in texts), default=0)
            head = max(page.get_string_width(page.plain(word)) for word in name.split() or ("",))
            wanted.append(max(longest, min(head, 30), _LEAST_MM) + 2 * page.c_margin + 0.5)
    spare = page.epw - sum(wanted)
    if spare >= 0:
        texts_at = [i for i, column in enumerate(columns) if column.kind is Kind.TEXT] or [0]
        for index in texts_at:
            wanted[index] += spare / len(texts_at)
        return wanted
    return _narrowed(wanted, page.epw)


def _narrowed(wanted: Sequence[float], room: float) -> list[float]:
    """Widths with the sum `room`: none is wider than it wants, and the others are equally wide."""
    left, open_ones = room, len(wanted)
    limit = room / open_ones
    for width in sorted(wanted):
        limit = left / open_ones
        if width > limit:
            break
        left -= width
        open_ones -= 1
    return [min(width, limit) for width in wanted]


def _row(
    page: Page,
    texts: Sequence[str],
    widths: Sequence[float],
    aligns: str,
    *,
    head: bool = False,
    last: Colour = INK,
    again: tuple[Sequence[str], Sequence[float], str] | None = None,
) -> None:
    """A row as high as its highest cell; never over two pages.

    `again` is the head that is written again on a new page.
    """
    style = "B" if head else ""
    with page.styled(_SIZE, style="B" if head else ""):
        cells = [
            page.lines_of(text, width)[:_MOST_LINES]
            for text, width in zip(texts, widths, strict=True)
        ]
    height = max(map(len, cells)) * _LINE_MM + _PADDING_MM
    before = page.page_no()
    page.ensure(height + (10 if head else 0))
    turned = page.page_no() != before
    if turned and again is not None:
        names, wide, how = again
        _row(page, names, wide, how, head=True)
    x, y = page.l_margin, page.get_y()
    if head:
        page.set_fill_color(*PALE)
        page.rect(x, y, sum(widths), height, style="F")
    for index, (lines, width, align) in enumerate(zip(cells, widths, aligns, strict=True)):
        colour = last if index == len(cells) - 1 else INK
        with page.styled(_SIZE, colour, style="B" if style else ""):
            for number, line in enumerate(lines):
                page.set_xy(x, y + _PADDING_MM / 2 + number * _LINE_MM)
                page.cell(width, _LINE_MM, line, align=align)
        x += width
    page.set_draw_color(*RULE)
    page.line(page.l_margin, y + height, page.l_margin + sum(widths), y + height)
    page.set_xy(page.l_margin, y + height)


def _definitions(page: Page, document: Document) -> None:
    if not document.definitions:
        return
    page.heading(page.say(words.DEFINITIONS), room_mm=20)
    for one in document.definitions:
        with page.styled(9):
            lines = sum(len(page.lines_of(part, page.epw)) for part in (one.formula, one.note))
        page.ensure(10 + 5 * lines)
        with page.styled(9, style="B"):
            page.cell(
                page.epw, 5, page.fitting(one.name, page.epw), new_x=XPos.LMARGIN, new_y=YPos.NEXT
            )
        page.paragraph(one.formula)
        if one.note:
            page.paragraph(one.note, size=8, colour=GREY)
        told = [one.source, f"{one.code} v{one.version}"]
        page.paragraph(" · ".join(part for part in told if part), size=7, colour=GREY)
        page.ln(2)

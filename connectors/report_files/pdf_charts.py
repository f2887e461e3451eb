"""Charts as vectors: bars one below the other, and lines along time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from fpdf.enums import XPos, YPos

from connectors.report_files.pdf_page import BLUE, GREY, INK, RED, RULE, Colour, Page
from domain.reports.document import (
    DAY_MS,
    HOUR_MS,
    Chart,
    ChartKind,
    Document,
    Drawn,
    Kind,
)
from domain.reports.report_words import TARGET
from domain.reports.writing import number

_LINES: Final[tuple[Colour, ...]] = (BLUE, (196, 98, 16), (22, 118, 66), (112, 66, 168))
_DASHES: Final = (0.0, 2.0, 0.8, 3.5)
"""Lines differ by more than their colour."""
_BAR_MM: Final = 6.0
_LABEL_PART: Final = 0.32
_VALUE_MM: Final = 26.0
_PLOT_MM: Final = 52.0
_AXIS_MM: Final = 24.0
_TICKS: Final = 4
_LABEL_MM: Final = 20.0
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_TIME_STEPS: Final = tuple(
    each * unit
    for unit, many in (
        (1_000, (1, 2, 5, 10, 30)),
        (60_000, (1, 2, 5, 10, 30)),
        (HOUR_MS, (1, 2, 4, 6, 12)),
        (DAY_MS, (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    )
    for each in many
)


def draw(page: Page, chart: Chart, document: Document) -> None:
    """Draw a chart where the page stands, on a new page if it does not fit."""
    if chart.shape is ChartKind.BARS:
        _bars(page, chart, document)
    else:
        _along_time(page, chart, document)


def ticks(low: float, high: float, kind: Kind) -> list[float]:
    """Round values from at most `low` to at least `high`, few enough to be told apart."""
    if high <= low:
        high = low + (1.0 if kind is not Kind.PERCENT else 0.1)
    step = _step((high - low) / _TICKS, kind)
    first, last = math.floor(low / step), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


def _step(least: float, kind: Kind) -> float:
    if kind is Kind.DURATION:
        for step in _TIME_STEPS:
            if step >= least:
                return float(step)
    power = 10.0 ** math.floor(math.log10(least))
    return next((each * power for each in _STEPS if each * power >= least * (1 - 1e-9)), 10 * power)


# Bars ---------------------------------------------------------------------------------------------


def _bars(page: Page, chart: Chart, document: Document) -> None:
    values = chart.series[0].values
    page.heading(chart.title, room_mm=min(len(values), 6) * _BAR_MM)
    known = [value for value in values if value is not None]
    low, high = min(0.0, *known), max(0.0, *known)
    if chart.target is not None:
        low, high = min(low, chart.target), max(high, chart.target)
    label_mm = page.epw * _LABEL_PART
    plot_mm = page.epw - label_mm - _VALUE_MM - 2
    scale = plot_mm / (high - low or 1.0)
    zero = page.l_margin + label_mm - low * scale
    for name, value in zip(chart.categories, values, strict=True):
        page.ensure(_BAR_MM)
        y = page.get_y()
        with page.styled(8):
            page.set_xy(page.l_margin, y)
            page.cell(label_mm - 2, _BAR_MM, page.fitting(name, label_mm - 3), align="R")
        if value is not None:
            _bar(page, zero, y, value * scale)
            told = number(value, chart.kind, document.language, chart.currency)
            with page.styled(8, GREY):
                page.set_xy(page.w - page.r_margin - _VALUE_MM, y)
                page.cell(_VALUE_MM, _BAR_MM, page.fitting(told, _VALUE_MM), align="R")
        _rule(page, zero, y, zero, y + _BAR_MM)
        if chart.target is not None:
            x = zero + chart.target * scale
            _rule(page, x, y, x, y + _BAR_MM, colour=RED, dash=1.2)
        page.set_xy(page.l_margin, y + _BAR_MM)
    _tell_target(page, chart, document)


def _bar(page: Page, zero: float, y: float, width_mm: float) -> None:
    page.set_fill_color(*BLUE)
    x = zero if width_mm >= 0 else zero + width_mm
    page.rect(x, y + 1, max(abs(width_mm), 0.2), _BAR_MM - 2, style="F")


# Lines along time ---------------------------------------------------------------------------------


def _along_time(page: Page, chart: Chart, document: Document) -> None:
    page.heading(chart.title, room_mm=_PLOT_MM + 16)
    known = [value for one in chart.series for value in one.values if value is not None]
    if chart.target is not None:
        known.append(chart.target)
    marks = ticks(min(0.0, *known), max(known), chart.kind)
    left, top = page.l_margin + _AXIS_MM, page.get_y() + 2
    width = page.epw - _AXIS_MM - 2
    scale = _PLOT_MM / (marks[-1] - marks[0])
    bottom = top + _PLOT_MM + marks[0] * scale
    for mark in marks:
        y = bottom - mark * scale
        _rule(page, left, y, left + width, y)
        with page.styled(7, GREY):
            page.set_xy(page.l_margin, y - 2)
            told = number(mark, chart.kind, document.language)
            page.cell(_AXIS_MM - 2, 4, page.fitting(told, _AXIS_MM - 2), align="R")
    step = width / max(len(chart.categories) - 1, 1)
    _name_periods(page, chart.categories, left, top + _PLOT_MM + 1, step)
    if chart.target is not None:
        y = bottom - chart.target * scale
        _rule(page, left, y, left + width, y, colour=RED, dash=1.2)
    for index, one in enumerate(chart.series):
        points = [
            None if value is None else (left + number * step, bottom - value * scale)
            for number, value in enumerate(one.values)
        ]
        _polyline(page, points, index)
    page.set_xy(page.l_margin, top + _PLOT_MM + 7)
    _legend(page, chart.series)
    _tell_target(page, chart, document)


def _polyline(page: Page, points: Sequence[tuple[float, float] | None], index: int) -> None:
    """A line through what is there; where there is no value it is broken."""
    colour = _LINES[index % len(_LINES)]
    page.set_draw_color(*colour)
    page.set_fill_color(*colour)
    page.set_line_width(0.5)
    dash = _DASHES[index % len(_DASHES)]
    page.set_dash_pattern(dash=dash, gap=dash / 2)
    for before, after in pairwise(points):
        if before is not None and after is not None:
            page.line(*before, *after)
    page.set_dash_pattern()
    few = len(points) <= 70  # noqa: PLR2004 - more dots than that are a line of their own
    for place, point in enumerate(points):
        beside = points[max(place - 1, 0)], points[min(place + 1, len(points) - 1)]
        if point is not None and (few or None in beside):
            page.ellipse(point[0] - 0.6, point[1] - 0.6, 1.2, 1.2, style="F")
    page.set_line_width(0.2)


def _name_periods(page: Page, names: Sequence[str], left: float, y: float, step: float) -> None:
    """As many names along the axis as fit side by side."""
    every = max(math.ceil(_LABEL_MM / step), 1) if step else 1
    with page.styled(7, GREY):
        for number, name in enumerate(names):
            if number % every == 0:
                at = min(left + number * step - _LABEL_MM / 2, page.w - page.r_margin - _LABEL_MM)
                page.set_xy(at, y)
                page.cell(_LABEL_MM, 4, page.fitting(name, _LABEL_MM), align="C")


def _legend(page: Page, series: Sequence[Drawn]) -> None:
    if len(series) < 2:  # noqa: PLR2004 - one line has its name as the title
        return
    x, y = page.l_margin + _AXIS_MM, page.get_y()
    with page.styled(8, INK):
        for index, one in enumerate(series):
            name = page.fitting(one.name, 60)
            width = page.get_string_width(name)
            if x + width + 14 > page.w - page.r_margin:
                x, y = page.l_margin + _AXIS_MM, y + 5
            dash = _DASHES[index % len(_DASHES)]
            _rule(page, x, y + 2.5, x + 8, y + 2.5, colour=_LINES[index % len(_LINES)], dash=dash)
            page.set_xy(x + 9, y)
            page.cell(width + 1, 5, name)
            x += width + 16
    page.set_xy(page.l_margin, y + 6)


def _tell_target(page: Page, chart: Chart, document: Document) -> None:
    if chart.target is None:
        return
    name = page.say(TARGET)
    if len(chart.series) > 1:
        name += f" ({chart.series[0].name})"
    y = page.get_y() + 1
    _rule(
        page,
        page.l_margin + _AXIS_MM,
        y + 2.5,
        page.l_margin + _AXIS_MM + 8,
        y + 2.5,
        colour=RED,
        dash=1.2,
    )
    told = number(chart.target, chart.kind, document.language, chart.currency)
    with page.styled(8, GREY):
        page.set_xy(page.l_margin + _AXIS_MM + 9, y)
        page.cell(120, 5, page.plain(f"{name}: {told}"), new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _rule(
    page: Page,
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    *,
    colour: Colour = RULE,
    dash: float = 0,
) -> None:
    page.set_draw_color(*colour)
    page.set_line_width(0.2 if colour == RULE else 0.5)
    page.set_dash_pattern(dash=dash, gap=dash / 2)
    page.line(x1, y1, x2, y2)
    page.set_dash_pattern()
    page.set_line_width(0.2)

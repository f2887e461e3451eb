"""Charts as SVG, without a library: bars side by side, and lines over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from benchmarks.telemetry.endurance import Memory

COLOURS: Final = ("#2f6fed", "#7aa5f5", "#c2603a", "#3f8f5f", "#8a63b8", "#b08a2e", "#5b6470")
_FONT: Final = 'font-family="system-ui, sans-serif" font-size="12"'
_BAR: Final = 24
_GAP: Final = 8
_LEFT: Final = 150
_WIDTH: Final = 720


def bars(groups: Mapping[str, Mapping[str, float]], *, title: str, unit: str) -> str:
    """Groups of horizontal bars, each group on a scale of its own.

    Args:
        groups: title of a group → name of a bar → value.
        title: of the chart.
        unit: what the values are in.
    """
    parts: list[str] = []
    y = 48
    room = _WIDTH - _LEFT - 110
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    for heading, group in groups.items():
        parts.append(_text(12, y, heading, weight="600"))
        y += 12
        most = max(group.values(), default=0) or 1
        for name, value in group.items():
            width = max(1.0, room * value / most)
            colour = COLOURS[names.index(name) % len(COLOURS)]
            parts.append(_text(_LEFT - 8, y + 16, name, anchor="end"))
            parts.append(
                f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR - 2}" '
                f'rx="2" fill="{colour}"/>'
            )
            parts.append(_text(_LEFT + width + 6, y + 16, f"{_figure(value)} {unit}"))
            y += _BAR
        y += _GAP + 20
    return _svg(parts, title, height=y)


def lines(memory: Mapping[str, Memory], *, title: str) -> str:
    """Memory of processes over time, in MiB."""
    height, top, bottom = 360, 48, 320
    right = _WIDTH - 190
    last = max((one.times_s[-1] for one in memory.values() if one.times_s), default=1.0) or 1.0
    most = max((max(one.mib) for one in memory.values() if one.mib), default=1.0) or 1.0
    parts = [
        f'<line x1="50" y1="{bottom}" x2="{right}" y2="{bottom}" stroke="#8a94a3"/>',
        f'<line x1="50" y1="{top}" x2="50" y2="{bottom}" stroke="#8a94a3"/>',
        _text(44, top + 4, _figure(most), anchor="end"),
        _text(44, bottom, "0 MiB", anchor="end"),
        _text(right, bottom + 18, f"{last / 60:,.0f} min", anchor="end"),
    ]
    ordered = sorted(memory.items(), key=lambda item: -max(item[1].mib, default=0.0))
    for place, (name, one) in enumerate(ordered):
        colour = COLOURS[place % len(COLOURS)]
        points = " ".join(
            f"{50 + (right - 50) * at / last:.1f},{bottom - (bottom - top) * mib / most:.1f}"
            for at, mib in zip(one.times_s, one.mib, strict=True)
        )
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        )
        slope = one.slope_percent_per_hour
        said = name if slope is None else f"{name} ({slope:+.1f} %/h)"
        y = top + 12 + 18 * place
        parts.append(f'<rect x="{right + 14}" y="{y - 9}" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(right + 30, y, said))
    return _svg(parts, title, height=height)


def _svg(parts: Sequence[str], title: str, *, height: int) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">'
    )
    back = f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join((head, back, _text(12, 24, title, weight="600"), *parts, "</svg>\n"))


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "400") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" {_FONT} fill="#1c2430" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3f}"

"""A schedule as a picture: a row per machine, a bar per operation, a colour per job."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from scheduler.instances.instance import Schedule

_WIDTH: Final = 1200
_LEFT: Final = 56
_TOP: Final = 24
_ROW: Final = 26
_BAR: Final = 20
_LEAST_LABEL: Final = 26
_TICKS: Final = 8


def gantt(machines: int, schedule: Schedule, *, title: str) -> str:
    """The schedule as SVG, readable without colours: every bar names job and operation."""
    end = max((piece.end for piece in schedule), default=0) or 1
    scale = (_WIDTH - _LEFT - 16) / end
    height = _TOP + _ROW * machines + 30
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'font-family="sans-serif" font-size="11" role="img" aria-label="{_text(title)}">'
        ),
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{_LEFT}" y="15" fill="#222">{_text(title)}</text>',
    ]
    bottom = _TOP + _ROW * machines
    for step in _steps(end):
        x = _LEFT + step * scale
        parts.append(
            f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#ddd"/>'
            f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="middle" fill="#555">{step}</text>'
        )
    for machine in range(machines):
        y = _TOP + machine * _ROW + _BAR * 0.75
        parts.append(f'<text x="4" y="{y:.1f}" fill="#222">M{machine}</text>')
    for piece in sorted(schedule, key=lambda each: (each.machine, each.start)):
        x = _LEFT + piece.start * scale
        y = _TOP + piece.machine * _ROW
        width = max(1.0, (piece.end - piece.start) * scale)
        name = f"{piece.job}.{piece.operation}"
        parts.append(
            f"<g><title>job {piece.job}, operation {piece.operation}: {piece.start} to "
            f'{piece.end}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" '
            f'fill="{_colour(piece.job)}" stroke="#444" stroke-width="0.5"/>'
        )
        if width >= _LEAST_LABEL:
            parts.append(f'<text x="{x + 3:.1f}" y="{y + 14}" fill="#111">{name}</text>')
        parts.append("</g>")
    parts.append("</svg>\n")
    return "\n".join(parts)


def write_gantt(path: Path, machines: int, schedule: Schedule, *, title: str) -> None:
    """Write the picture to a file."""
    path.write_text(gantt(machines, schedule, title=title), encoding="utf-8")


def _steps(end: int) -> list[int]:
    """About eight round numbers from 0 to the end."""
    raw = max(1, end // _TICKS)
    size = 10 ** (len(str(raw)) - 1)
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw)
    return list(range(0, end + 1, step))


def _colour(job: int) -> str:
    """Light colours whose hues lie a golden angle apart, so that neighbours differ."""
    return f"hsl({job * 137.508 % 360:.0f} 60% {72 + job % 3 * 6}%)"


def _text(raw: str) -> str:
    """Text and attribute values of XML."""
    for plain, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        raw = raw.replace(plain, entity)
    return "".join(letter if letter.isprintable() else "?" for letter in raw)

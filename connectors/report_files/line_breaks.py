"""Where lines end: between words, and between any two characters of Chinese but before a stop."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

_TOKENS: Final = re.compile(
    r"[ \u00a0]+|[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\u3000-\u303f]"
    r"|[^ \u00a0\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\u3000-\u303f]+"
)
_NEVER_FIRST: Final = frozenset("，。；：、！？）】》」』”’%％,.;:!?)]}")


def lines_of(text: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """A text cut into lines.

    Args:
        text: its own line feeds end lines as well.
        width: how wide a line is at most.
        measure: how wide a text is, in the same unit.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for token in _pieces(paragraph, width, measure):
            if line and measure((line + token).rstrip()) > width:
                line = _next_line(line, token, lines)
            else:
                line += token
        lines.append(line.rstrip())
    return lines


def _next_line(line: str, token: str, lines: list[str]) -> str:
    """End a line; what may not begin the next one takes the character before it along."""
    if token[0] in _NEVER_FIRST and len(line.rstrip()) > 1 and not line.endswith(" "):
        lines.append(line[:-1].rstrip())
        return line[-1] + token
    lines.append(line.rstrip())
    return token.lstrip()


def _pieces(paragraph: str, width: float, measure: Callable[[str], float]) -> Iterator[str]:
    """Words and spaces; a word that is longer than a line by its characters."""
    for token in _TOKENS.findall(paragraph):
        if measure(token) > width:
            yield from token
        else:
            yield token

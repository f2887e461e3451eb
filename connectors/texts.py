"""Texts that can be kept: without characters that nobody sees and databases refuse."""

from __future__ import annotations

import re
from typing import Final

MAX_CODE_CHARACTERS: Final = 80
"""Of numbers and codes. The longest of any format here has 70 (ILNNR)."""
MAX_TEXT_CHARACTERS: Final = 500
"""Of names, streets, descriptions."""

_LOOKED_AT: Final = 4_096
_TIMES: Final = 8
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def unmarked_utf16(content: bytes) -> str | None:
    """Which UTF-16 bytes are that have no byte order mark; None: they do not look like one.

    Separators, digits and line ends have a NUL beside them there: there are many NULs, and nearly
    all of them stand at odd places (little endian) or at even ones (big endian).
    """
    head = content[:_LOOKED_AT]
    even, odd = head[::2].count(0), head[1::2].count(0)
    many = len(head) // 2 // _TIMES
    if len(content) % 2 or max(even, odd) <= many:
        return None
    if odd > _TIMES * even:
        return "utf-16-le"
    return "utf-16-be" if even > _TIMES * odd else None


def clean(text: str) -> str:
    """A text with a blank for each control character but tabulators and line ends."""
    return _UNSEEN.sub(" ", text)

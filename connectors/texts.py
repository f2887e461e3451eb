"""Texts that can be kept: without characters that nobody sees and databases refuse."""

from __future__ import annotations

import re
from typing import Final

MAX_CODE_CHARACTERS: Final = 80
"""Of numbers and codes. The longest of any format here has 70 (ILNNR)."""
MAX_TEXT_CHARACTERS: Final = 500
"""Of names, streets, descriptions."""

_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """A text with a blank for each control character but tabulators and line ends."""
    return _UNSEEN.sub(" ", text)

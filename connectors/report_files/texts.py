"""Texts that were written by others, in files that programs open: nothing of them is carried out.

A spreadsheet takes what begins with `=`, `+`, `-` or `@` for a formula (also after a tab or a line
feed, and in their full width, as Chinese and Japanese keyboards write them), and a formula may send
what stands in the sheet elsewhere. Source: OWASP, CSV Injection.
"""

from __future__ import annotations

import re
from typing import Final

_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
LONGEST: Final = 32_767
"""As much as a spreadsheet holds in a cell."""


def cleaned(text: str) -> str:
    """Without characters that no file may hold."""
    return _CONTROLS.sub("", text)[:LONGEST]


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would take it for one."""
    return text.lstrip(" ").startswith(_STARTS)


def defused(text: str) -> str:
    """As text in a CSV, whatever it begins with."""
    text = cleaned(text)
    return f"'{text}" if is_formula(text) else text

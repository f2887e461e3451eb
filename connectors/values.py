"""Numbers as EDI writes them: exact, never rounded, never guessed."""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = re.compile(r"([+-]?)(\d*)(?:[.](\d*))?")
_MAX_DIGITS = 18
"""The standards allow 15 before and after the point together; more is no quantity."""


def number(text: str, *, decimal_marks: str = ".") -> Decimal | None:
    """A decimal number; None: the text is none (no exponent, no thousands, no blanks).

    Args:
        text: as it stands in the element.
        decimal_marks: what may stand for the point (EDIFACT: point and comma alike).
    """
    if sum(text.count(mark) for mark in decimal_marks) > 1 or not text.isascii():
        return None
    for mark in decimal_marks:
        text = text.replace(mark, ".")
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction = match.group(1), match.group(2), match.group(3) or ""
    if not whole + fraction or len(whole + fraction) > _MAX_DIGITS:
        return None
    return Decimal(f"{sign}{whole or '0'}.{fraction or '0'}").normalize() + 0


def count(text: str) -> int | None:
    """A count or a control number; None: the text is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None


def written(value: Decimal) -> str:
    """A number as the standards want it: no exponent, no trailing zeros."""
    text = format(value.normalize() + 0, "f")
    return "0" if text in {"-0", ""} else text

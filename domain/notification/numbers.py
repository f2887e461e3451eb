"""Telephone numbers as providers want them: E.164, a plus and up to 15 digits."""

from __future__ import annotations

import re
from typing import Final

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_PUNCTUATION: Final = str.maketrans("", "", " -().\u00a0\u2011")
_MAINLAND: Final = re.compile(r"\+861[0-9]{10}")


def e164(number: str) -> str | None:
    """A number as `+8613800138000`; None: it names no country, or is no number.

    Punctuation is dropped, and `00` in front stands for the plus.
    """
    plain = number.translate(_PUNCTUATION)
    if plain.startswith("00"):
        plain = "+" + plain[2:]
    return plain if _E164.fullmatch(plain) else None


def is_mainland(number: str) -> bool:
    """Whether a number (E.164) is a mobile telephone of mainland China."""
    return _MAINLAND.fullmatch(number) is not None

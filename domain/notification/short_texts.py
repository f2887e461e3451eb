"""How long a text message is, and texts cut to a length.

A part of an SMS holds 140 octets: 160 characters of the GSM 7-bit alphabet (3GPP TS 23.038, 6.2.1;
those of its extension count twice), or 70 of UCS-2 as soon as one is not in it. In messages of
several parts each gives 6 octets to their numbering: 153 and 67.
"""

from __future__ import annotations

from typing import Final

MOST_PARTS: Final = 2
"""A message is cut to so many: it is read at a glance, and each is paid for."""

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("\f^{}\\[~]|€")
_GSM: Final = (160, 153)
_UCS2: Final = (70, 67)


def parts_of(text: str) -> int:
    """How many parts a text message has; the empty one has one."""
    single, each = _UCS2 if _is_ucs2(text) else _GSM
    length = length_of(text)
    return 1 if length <= single else -(-length // each)


def length_of(text: str) -> int:
    """How long a text is, in characters of its alphabet."""
    if _is_ucs2(text):
        return len(text.encode("utf-16-be", "replace")) // 2
    return len(text) + sum(each in _EXTENDED for each in text)


def fitted(text: str, link: str | None = None, *, most: int = MOST_PARTS) -> str:
    """A text with its link, cut so that it has at most so many parts.

    The link is whole or not there: it is left out where it would take more than half of the room.
    """
    text = " ".join(text.split())
    whole = f"{text} {link}" if link else text
    if parts_of(whole) <= most:
        return whole
    tail = ""
    if link:
        single, each = _UCS2 if _is_ucs2(whole) else _GSM
        room = single if most == 1 else most * each
        tail = f" {link}" if length_of(f" {link}") * 2 <= room else ""
    ellipsis = "…" if _is_ucs2(text + tail) else "..."
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if parts_of(text[:middle].rstrip() + ellipsis + tail) <= most:
            low = middle
        else:
            high = middle - 1
    return text if low == len(text) else text[:low].rstrip() + ellipsis + tail


def _is_ucs2(text: str) -> bool:
    return any(each not in _BASIC and each not in _EXTENDED for each in text)

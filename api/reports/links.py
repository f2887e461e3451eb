"""The pages of what rows of reports are."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

_PAGES: Final = {"order": "/orders/{}"}


def link_to(kind: str, key: str | None) -> str | None:
    """The page of a thing of a kind; None: it has none."""
    page = _PAGES.get(kind)
    return None if page is None or not key else page.format(quote(key, safe=""))

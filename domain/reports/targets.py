"""Which target holds: a site's own before the one for all, the latest day before it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Protocol


class Entry(Protocol):
    """What a figure is to reach from a day on; a `target` of None takes it back."""

    @property
    def code(self) -> str:
        """The figure."""

    @property
    def site(self) -> str | None:
        """A site's code; None: every site without one of its own."""

    @property
    def valid_from(self) -> date:
        """Its first day."""

    @property
    def target(self) -> Decimal | None:
        """In the figure's own unit."""


def holding(entries: Iterable[Entry], *, site: str | None, day: date) -> dict[str, Decimal]:
    """What figures are to reach on a day.

    Args:
        entries: in any order, one for each figure, site and day.
        site: whose; None: of several sites together, for which no site's own target counts.
        day: a day of the plant's.
    """
    newest: dict[tuple[str, bool], Entry] = {}
    for each in entries:
        if each.valid_from > day or each.site not in (None, site):
            continue
        key = each.code, each.site is not None
        if key not in newest or each.valid_from > newest[key].valid_from:
            newest[key] = each
    found: dict[str, Decimal] = {}
    # What is a site's own comes last, and has the last word; one that was taken back has none.
    for code, own in sorted(newest):
        target = newest[code, own].target
        if target is not None:
            found[code] = target
        elif not own:
            found.pop(code, None)
    return found

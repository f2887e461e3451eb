"""What lists have in common: of one site, or of all that one may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

from api.auth.principal import Reader
from api.fields import Wanted
from contracts.ids import SiteCode


@dataclass(frozen=True, kw_only=True)
class ChosenSites:
    """The sites that a list is about.

    Attributes:
        site: the one that was asked for; None: all.
        limited_to: what whoever asks is limited to; empty: nothing.
        lines: likewise, lines (`site/area/line`); for lists of machines and what they do.
    """

    site: str | None
    limited_to: frozenset[SiteCode]
    lines: frozenset[str] = frozenset()


async def _chosen(
    principal: Reader,
    site: Annotated[Wanted | None, Query(description="Of this site only (its code).")] = None,
) -> ChosenSites:
    """What was asked for.

    Raises:
        NotFoundError: they may not know of the site.
    """
    if site is not None:
        principal.require_site(site)
    return ChosenSites(site=site, limited_to=principal.sites, lines=principal.lines)


Sites = Annotated[ChosenSites, Depends(_chosen)]
"""The query parameter `site`, for whoever may read."""

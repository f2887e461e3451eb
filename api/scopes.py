"""Who may see which planning scope.

A plan tells of machines and orders of all its scope's sites, so whoever is limited to sites sees a
scope when every site of it is among them; the others read as if they did not exist.
"""

from __future__ import annotations

from api.auth.principal import Principal
from store.database import Connection
from store.errors import NotFoundError
from store.planning import policies
from store.planning.policies import ScopeRow


async def visible_scopes(connection: Connection, principal: Principal) -> list[ScopeRow]:
    """The scopes that somebody may see, by name."""
    rows = await policies.scopes(connection, limited_to=principal.sites)
    return [row for row in rows if principal.sees_scope(row.sites)]


async def known_scope(connection: Connection, principal: Principal, scope: str) -> ScopeRow:
    """A scope that somebody may see.

    Raises:
        NotFoundError: there is none.
    """
    sites = await policies.sites_of_scope(connection, scope)
    row = ScopeRow(
        scope=scope, sites=[site.code for site in sites], site_ids=[site.id for site in sites]
    )
    if not principal.sees_scope(row.sites):
        raise NotFoundError("planning scope", scope)
    return row

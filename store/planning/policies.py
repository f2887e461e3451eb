"""Planning scopes, the sites in them, and how they want to be planned.

A scope is `coalesce(sites.planning_scope, sites.code)`: one site, or several planned together.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from domain.plan.policy import Policy
from store.database import Connection
from store.machines import SiteRow


class ScopeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A planning scope with the codes and the ids of its sites, in the order of the codes."""

    scope: str
    sites: list[str]
    site_ids: list[int]


async def scopes(connection: Connection, *, limited_to: Collection[str] = ()) -> list[ScopeRow]:
    """All scopes by name; only those with one of the sites `limited_to` if any are given."""
    cursor = connection.cursor(row_factory=class_row(ScopeRow))
    await cursor.execute(
        """
        SELECT coalesce(planning_scope, code) AS scope,
               array_agg(code ORDER BY code COLLATE "C") AS sites,
               array_agg(id ORDER BY code COLLATE "C") AS site_ids
        FROM sites GROUP BY 1
        HAVING %(all)s OR bool_or(code = ANY(%(limited_to)s))
        ORDER BY coalesce(planning_scope, code) COLLATE "C"
        """,
        {"all": not limited_to, "limited_to": list(limited_to)},
    )
    return await cursor.fetchall()


async def scope_of_site(connection: Connection, site_id: int) -> str:
    """The scope that a site is planned in.

    Raises:
        LookupError: there is no such site.
    """
    cursor = await connection.execute(
        "SELECT coalesce(planning_scope, code) FROM sites WHERE id = %s", (site_id,)
    )
    row = await cursor.fetchone()
    if row is None:
        raise LookupError(f"there is no site {site_id}")
    scope: str = row[0]
    return scope


async def sites_of_scope(connection: Connection, scope: str) -> list[SiteRow]:
    """The sites of a scope, by code; empty when there is no such scope."""
    cursor = connection.cursor(row_factory=class_row(SiteRow))
    await cursor.execute(
        """
        SELECT id, code, name, time_zone, planning_scope FROM sites
        WHERE coalesce(planning_scope, code) = %s ORDER BY code COLLATE "C"
        """,
        (scope,),
    )
    return await cursor.fetchall()


async def policy_of(connection: Connection, scope: str) -> Policy:
    """How a scope wants to be planned; the default when nobody ever said."""
    cursor = await connection.execute(
        "SELECT policy FROM planning_policies WHERE scope = %s", (scope,)
    )
    row = await cursor.fetchone()
    return msgspec.convert(row[0], Policy) if row else Policy()


async def put_policy(
    connection: Connection, scope: str, policy: Policy, *, changed_by: str
) -> None:
    """Say how a scope wants to be planned."""
    await connection.execute(
        """
        INSERT INTO planning_policies (scope, policy, changed_by) VALUES (%s, %s, %s)
        ON CONFLICT (scope) DO UPDATE
        SET policy = excluded.policy, changed_by = excluded.changed_by, changed_at = now()
        """,
        (scope, Jsonb(msgspec.to_builtins(policy)), changed_by),
    )

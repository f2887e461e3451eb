"""Records of any kind, searched and paged, as screens list them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from psycopg import sql
from psycopg.rows import dict_row

from domain.master_data.kinds import Kind, R_co
from store.database import Connection
from store.filters import Page
from store.master_data.applying import record_of
from store.master_data.tables import STATEMENTS

_SEARCHED: Final = ("name", "family", "city", "supplier", "pattern", "reason", "item", "zone")


async def records(
    connection: Connection,
    kind: Kind[R_co],
    page: Page,
    *,
    search: str | None,
    sites: Sequence[str],
    of_no_site: bool,
) -> tuple[list[R_co], int]:
    """Records of a kind by key, and how many there are.

    Args:
        connection: where to read.
        kind: of which kind.
        page: which part.
        search: a part of what they are known by or called.
        sites: only of these; empty: of all.
        of_no_site: also those that belong to no site, as a bill that holds everywhere.
    """
    fields = dict.fromkeys(
        [*kind.key, *(name for name in _SEARCHED if name in kind.record.__struct_fields__)]
    )
    text = sql.SQL(", ").join(sql.SQL("x.{}::text").format(sql.Identifier(f)) for f in fields)
    conditions = [
        sql.SQL("(%(search)s::text IS NULL OR concat_ws(' ', {}) ILIKE %(search)s)").format(text)
    ]
    if sites and kind.site is not None:
        site = sql.Identifier(kind.site)
        conditions.append(
            sql.SQL(
                "(split_part(x.{0}, '/', 1) = ANY (%(sites)s) OR %(none)s AND x.{0} IS NULL)"
            ).format(site)
        )
    query = sql.SQL("FROM ({}) AS x WHERE {}").format(
        sql.SQL(STATEMENTS[kind.name].read), sql.SQL(" AND ").join(conditions)
    )
    parameters = {
        "search": None if search is None else f"%{_escaped(search)}%",
        "sites": list(sites),
        "none": of_no_site,
    }
    counted = await connection.execute(sql.SQL("SELECT count(*) ") + query, parameters)
    total = await counted.fetchone()
    order = sql.SQL(", ").join(
        sql.SQL("x.{} NULLS FIRST").format(sql.Identifier(name)) for name in kind.key
    )
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(
        sql.SQL("SELECT x.* ")
        + query
        + sql.SQL(" ORDER BY {} LIMIT %(limit)s OFFSET %(offset)s").format(order),
        {**parameters, **page.parameters},
    )
    return [record_of(kind, row) for row in await cursor.fetchall()], total[0] if total else 0


def _escaped(search: str) -> str:
    """What is searched for, with nothing in it that a pattern would take for more."""
    for sign in ("\\", "%", "_"):
        search = search.replace(sign, f"\\{sign}")
    return search

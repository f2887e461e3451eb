"""What a report of orders is asked about: sites with their days, lines, a moment of knowledge."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final, LiteralString

import msgspec
from psycopg import sql

from domain.reports.periods import Span
from store.database import Connection


class Site(msgspec.Struct, frozen=True):
    """A site and whose clock it goes by."""

    id: int
    code: str
    time_zone: str


class SiteDays(msgspec.Struct, frozen=True):
    """A site's periods: each begins where the one before ends."""

    site_id: int
    edges: tuple[int, ...]

    @property
    def whole(self) -> Span:
        """All of them together."""
        return Span(self.edges[0], self.edges[-1])


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked about.

    Attributes:
        sites: each with as many periods as the others.
        lines: only what was made on these (`site/area/line`); empty: everything.
        as_of: what was recorded later is not known (`store.reports.writing.known_at`).
    """

    sites: tuple[SiteDays, ...]
    lines: frozenset[str]
    as_of: datetime

    @property
    def as_of_ms(self) -> int:
        """The moment in epoch milliseconds."""
        return int(self.as_of.timestamp() * 1_000)

    @property
    def parameters(self) -> dict[str, object]:
        """What `KNOWN` is asked with."""
        return {
            "sites": [each.site_id for each in self.sites],
            "edges": ["{" + ",".join(map(str, each.edges)) + "}" for each in self.sites],
            "from": min(each.whole.from_ms for each in self.sites),
            "until": max(each.whole.until_ms for each in self.sites),
            "lines": sorted(self.lines) or None,
            "as_of": self.as_of,
            "as_of_ms": self.as_of_ms,
        }


DIMENSIONS: Final[dict[str, tuple[LiteralString, LiteralString, LiteralString]]] = {
    "": ("NULL::text", "NULL::text", ""),
    "site": ("k_site.code", "k_site.name", "JOIN sites k_site ON k_site.id = l.site_id"),
    "line": ("coalesce(l.made_on, '')", "coalesce(l.made_on, '')", ""),
    "customer": (
        "k_customer.code",
        "k_customer.name",
        "JOIN customers k_customer ON k_customer.id = l.customer_id",
    ),
    "item": ("k_item.code", "k_item.name", "JOIN items k_item ON k_item.id = l.item_id"),
    "unit": ("l.unit", "l.unit", ""),
}
"""What rows can be: key, label, and what is joined for them."""


def known(at: LiteralString, *, by: str = "", also: LiteralString = "true") -> sql.Composed:
    """`WITH …, known AS (…)`: lines as of the moment of which a time lies in the periods.

    Args:
        at: a column of `report_order_lines` (epoch ms), the line called `l`.
        by: one of DIMENSIONS; `key` and `label` tell it.
        also: a condition on the line.
    """
    key, label, join = DIMENSIONS[by]
    return sql.SQL(
        """
        WITH days AS MATERIALIZED (
            SELECT site_id, edges::bigint[] AS edges
            FROM unnest(%(sites)s::integer[], %(edges)s::text[]) AS d (site_id, edges)
        ), known AS (
            SELECT l.*, width_bucket({at}, d.edges) - 1 AS bucket, {key} AS key, {label} AS label
            FROM report_order_lines l JOIN days d ON d.site_id = l.site_id {join}
            WHERE l.recorded_at <= %(as_of)s
              AND (l.superseded_at IS NULL OR l.superseded_at > %(as_of)s)
              AND l.site_id = ANY(%(sites)s) AND {at} >= %(from)s AND {at} < %(until)s
              AND {at} >= d.edges[1] AND {at} < d.edges[cardinality(d.edges)]
              AND (%(lines)s::text[] IS NULL OR l.made_on = ANY(%(lines)s))
              AND {also}
        )
        """
    ).format(
        at=sql.SQL(at),
        key=sql.SQL(key),
        label=sql.SQL(label),
        join=sql.SQL(join),
        also=sql.SQL(also),
    )


def groups(by: str) -> sql.SQL:
    """The sums that a report has: of all, of each period, and of each row where there are any."""
    return sql.SQL("GROUPING SETS ((), (bucket), (key))" if by else "GROUPING SETS ((), (bucket))")


GROUP: Final = sql.SQL(
    "CASE WHEN GROUPING(bucket) = 0 THEN 'series' WHEN {} THEN 'row' ELSE 'total' END"
)
"""Which of these a sum is of; `{}`: `GROUPING(key) = 0`, or `false` where there are no rows."""


def group_word(by: str) -> sql.Composed:
    """`GROUP` for a dimension."""
    return GROUP.format(sql.SQL("GROUPING(key) = 0" if by else "false"))


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Which sum it is.

    Attributes:
        of: `total`, `series` or `row`.
        bucket: of a series, which period.
        key, label: of a row.
    """

    of: str
    bucket: int | None = None
    key: str | None = None
    label: str | None = None


async def sites_in(
    connection: Connection,
    *,
    site: str | None,
    limited_to: Collection[str],
    lines: Collection[str],
) -> list[Site]:
    """The sites that somebody may see and asks for, by code.

    Args:
        connection: to read.
        site: this one only.
        limited_to: whoever asks sees these only; empty: all.
        lines: whoever asks sees these lines only, so their sites.
    """
    wanted = [site] if site is not None else sorted(limited_to)
    of_lines = sorted({line.partition("/")[0] for line in lines})
    cursor = await connection.execute(
        """
        SELECT id, code, time_zone FROM sites
        WHERE (%(wanted)s::text[] IS NULL OR code = ANY(%(wanted)s))
          AND (%(of_lines)s::text[] IS NULL OR code = ANY(%(of_lines)s))
        ORDER BY code COLLATE "C"
        """,
        {"wanted": wanted or None, "of_lines": of_lines or None},
    )
    return [Site(*row) for row in await cursor.fetchall()]


async def line_exists(connection: Connection, line: str) -> bool:
    """Whether there is a machine on the line."""
    cursor = await connection.execute(
        "SELECT EXISTS (SELECT FROM machines WHERE starts_with(path, %s))", (f"{line}/",)
    )
    return await cursor.fetchone() == (True,)

"""Inventory turns from the ledger: the level's integral over time, and what was used.

The ledger's rows are known from `recorded_at` on, which is when they were written and not when they
were committed. `settled` gives a moment before which nothing can still be recorded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import msgspec
from psycopg import sql

from domain.reports.turns import Stock
from store.database import Connection
from store.reports.scope import Scope


class ItemStock(msgspec.Struct, frozen=True, kw_only=True):
    """An item's stock at a site in a period.

    Attributes:
        bucket: which period.
        unit: the item's.
    """

    site_id: int
    item_id: int
    item: str
    name: str
    unit: str
    bucket: int
    stock: Stock


class UnitCost(msgspec.Struct, frozen=True):
    """What one unit of an item costs."""

    currency: str
    cost: Decimal


async def settled(connection: Connection, moment: datetime) -> datetime:
    """The last moment, up to the given one, by which everything recorded is committed.

    A transaction that is still writing may have recorded something since it began.
    """
    cursor = await connection.execute(
        """
        SELECT least(%s::timestamptz, min(xact_start) - interval '1 microsecond')
        FROM pg_stat_activity
        WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()
        """,
        (moment,),
    )
    row = await cursor.fetchone()
    return row[0] if row and row[0] else moment


async def stocks(connection: Connection, scope: Scope) -> list[ItemStock]:
    """Every item that there was, or of which something moved, by site, item and period.

    Periods end at the moment that is asked about; those that begin later are not told of.
    """
    found = []
    for each in scope.sites:
        known = _known_edges(each.edges, scope.as_of_ms)
        if len(known) > 1:
            found += await _of_site(connection, each.site_id, known, scope.as_of)
    return found


async def unit_costs(
    connection: Connection, site_ids: Sequence[int], day: date, *, as_of: datetime
) -> dict[tuple[int, int], UnitCost]:
    """What items cost on a day, by site and item: a site's own entry before the one for all."""
    cursor = await connection.execute(
        """
        SELECT DISTINCT ON (s.id, c.item_id) s.id, c.item_id, c.currency, c.cost
        FROM unnest(%(sites)s::integer[]) AS s (id)
        JOIN item_costs c ON c.site_id IS NULL OR c.site_id = s.id
        WHERE c.valid_from <= %(day)s AND c.recorded_at <= %(as_of)s
        ORDER BY s.id, c.item_id, c.site_id NULLS LAST, c.valid_from DESC, c.id DESC
        """,
        {"sites": list(site_ids), "day": day, "as_of": as_of},
    )
    return {
        (site, item): UnitCost(currency, cost)
        for site, item, currency, cost in await cursor.fetchall()
        if cost is not None
    }


def _known_edges(edges: Sequence[int], as_of_ms: int) -> list[int]:
    """The edges up to a moment, which ends the last period."""
    known = list(edges[: bisect_left(edges, as_of_ms)])
    if len(known) < len(edges) and known:
        known.append(as_of_ms)
    return known


async def _of_site(
    connection: Connection, site_id: int, edges: Sequence[int], as_of: datetime
) -> list[ItemStock]:
    cursor = await connection.execute(
        sql.SQL(
            """
            WITH known AS (
                SELECT g.item_id, count(*) AS rows,
                       sum(CASE WHEN g.to_account = 'stock' THEN g.quantity ELSE 0 END
                           - CASE WHEN g.from_account = 'stock' THEN g.quantity ELSE 0 END)
                           AS change
                FROM stock_ledger g
                WHERE g.site_id = %(site)s AND g.recorded_at <= %(as_of)s
                GROUP BY g.item_id
            ), moves AS MATERIALIZED (
                SELECT g.item_id, (extract(epoch FROM p.occurred_at) * 1000)::bigint AS at_ms,
                       CASE WHEN g.to_account = 'stock' THEN g.quantity ELSE 0 END
                           - CASE WHEN g.from_account = 'stock' THEN g.quantity ELSE 0 END
                           AS change,
                       CASE WHEN g.from_account = 'stock'
                                 AND g.to_account IN ('customer', 'production')
                            THEN g.quantity ELSE 0 END AS used
                FROM stock_postings p JOIN stock_ledger g ON g.posting_id = p.id
                WHERE g.site_id = %(site)s AND p.site_id = %(site)s
                  AND g.recorded_at <= %(as_of)s AND p.occurred_at >= %(from_at)s
            ), since AS (
                SELECT item_id, sum(change) AS change,
                       count(*) FILTER (WHERE at_ms >= %(until)s) AS beyond
                FROM moves GROUP BY item_id
            ), opening AS MATERIALIZED (
                -- What there is in all less what moved since: postings long past are not joined.
                SELECT item_id, k.change - coalesce(s.change, 0) AS change
                FROM known k LEFT JOIN since s USING (item_id)
                WHERE k.rows > coalesce(s.beyond, 0)
            ), events AS (
                SELECT item_id, %(from)s::bigint AS at_ms, change, 0 AS used FROM opening
                UNION ALL
                SELECT item_id, at_ms, change, used FROM moves WHERE at_ms < %(until)s
                UNION ALL
                SELECT o.item_id, e.at_ms, 0, 0
                FROM opening o, unnest((%(edges)s::bigint[])[2:]) AS e (at_ms)
                WHERE e.at_ms < %(until)s
            ), levels AS (
                SELECT item_id, at_ms, used,
                       width_bucket(at_ms, %(edges)s::bigint[]) - 1 AS bucket,
                       sum(change) OVER past AS level, lead(at_ms) OVER moments AS next_ms
                FROM events
                WINDOW moments AS (PARTITION BY item_id ORDER BY at_ms),
                       past AS (moments ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
            ), sums AS (
                SELECT item_id, bucket, sum(used) AS used,
                       sum(greatest(level, 0) * (coalesce(next_ms, %(until)s) - at_ms)) AS level_ms
                FROM levels GROUP BY item_id, bucket
            )
            SELECT s.item_id, i.code, i.name, i.unit, s.bucket, s.level_ms, s.used
            FROM sums s JOIN items i ON i.id = s.item_id
            ORDER BY i.code COLLATE "C", s.bucket
            """
        ),
        {
            "site": site_id,
            "as_of": as_of,
            "from": edges[0],
            "until": edges[-1],
            "from_at": datetime.fromtimestamp(edges[0] / 1_000, UTC),
            "edges": list(edges),
        },
    )
    return [
        ItemStock(
            site_id=site_id,
            item_id=item_id,
            item=code,
            name=name,
            unit=unit,
            bucket=bucket,
            stock=Stock(
                level_ms=Fraction(level_ms),
                used=Fraction(used),
                period_ms=edges[bucket + 1] - edges[bucket],
            ),
        )
        for item_id, code, name, unit, bucket, level_ms, used in await cursor.fetchall()
    ]


class Worth(msgspec.Struct, kw_only=True):
    """Stocks of several items in money.

    Attributes:
        buckets: by period and currency.
        lengths: how long the periods are, also those in which nothing has a cost.
        missing: items without a cost.
    """

    buckets: dict[int, dict[str, Stock]] = {}
    lengths: dict[int, int] = {}
    missing: set[int] = set()

    @property
    def currencies(self) -> set[str]:
        """All that costs are told in."""
        return {currency for each in self.buckets.values() for currency in each}

    def of(self, bucket: int) -> Worth:
        """The same of one period."""
        return Worth(
            buckets={bucket: self.buckets.get(bucket, {})},
            lengths={bucket: self.lengths[bucket]},
            missing=self.missing,
        )

    def whole(self, currency: str) -> Stock:
        """All periods, one after the other."""
        found = Stock(level_ms=Fraction(0), used=Fraction(0), period_ms=0)
        for bucket, length in self.lengths.items():
            nothing = Stock(level_ms=Fraction(0), used=Fraction(0), period_ms=length)
            found += self.buckets.get(bucket, {}).get(currency, nothing)
        return found


def worth(some: Iterable[ItemStock], costs: Mapping[tuple[int, int], UnitCost]) -> Worth:
    """Items in money, each by its own unit cost."""
    found = Worth()
    for each in some:
        found.lengths.setdefault(each.bucket, each.stock.period_ms)
        cost = costs.get((each.site_id, each.item_id))
        if cost is None:
            found.missing.add(each.item_id)
            continue
        price = Fraction(cost.cost)
        valued = Stock(
            level_ms=each.stock.level_ms * price,
            used=each.stock.used * price,
            period_ms=each.stock.period_ms,
        )
        by_currency = found.buckets.setdefault(each.bucket, {})
        known = by_currency.get(cost.currency)
        by_currency[cost.currency] = valued if known is None else beside(known, valued)
    return found


def beside(one: Stock, other: Stock) -> Stock:
    """Two stocks of the same period together."""
    return Stock(
        level_ms=one.level_ms + other.level_ms,
        used=one.used + other.used,
        period_ms=max(one.period_ms, other.period_ms),
    )

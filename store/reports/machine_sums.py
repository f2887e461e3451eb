"""Sums over machines' shifts as they were known at a moment: of all, by period, by row."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, LiteralString

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from domain.reports.machine_time import MachineTime, TimeClass
from domain.reports.oee import Quantity
from store.database import Connection
from store.reports.scope import Part, Scope, group_word, groups

_NONE: Final = Decimal(0)

MOST_ROWS: Final = 500
"""Rows of a report; those that say least are left out."""


class Machine(msgspec.Struct, frozen=True):
    """A machine of the scope."""

    id: int
    path: str
    site_id: int

    @property
    def line(self) -> str:
        """`site/area/line`."""
        return self.path.rpartition("/")[0]


class MachineScope(msgspec.Struct, frozen=True, kw_only=True):
    """What machines' figures are asked about.

    Attributes:
        scope: sites, days and the moment.
        machines: those of its sites and lines, by path.
    """

    scope: Scope
    machines: tuple[Machine, ...]

    @property
    def parameters(self) -> dict[str, object]:
        """What `KNOWN` is asked with."""
        return {
            **self.scope.parameters,
            "machines": [each.id for each in self.machines],
        }


async def machines_in(
    connection: Connection, scope: Scope, *, machine: str | None = None
) -> MachineScope:
    """The machines of a scope's sites and lines, or this one of them."""
    cursor = await connection.execute(
        """
        SELECT id, path, site_id FROM machines
        WHERE site_id = ANY(%(sites)s) AND (%(machine)s::text IS NULL OR path = %(machine)s)
          AND (%(lines)s::text[] IS NULL OR regexp_replace(path, '/[^/]*$', '') = ANY(%(lines)s))
        ORDER BY path COLLATE "C"
        """,
        {
            "sites": [each.site_id for each in scope.sites],
            "lines": sorted(scope.lines) or None,
            "machine": machine,
        },
    )
    return MachineScope(
        scope=scope, machines=tuple(Machine(*row) for row in await cursor.fetchall())
    )


_NOTHING: Final = ("NULL::text", "")
_ORDERS: Final[LiteralString] = """
LEFT JOIN (
    SELECT op.id, string_agg(DISTINCT o.number, ', ' ORDER BY o.number) AS numbers
    FROM operations op JOIN pegs p ON p.work_order_id = op.work_order_id
    JOIN order_lines ol ON ol.id = p.order_line_id JOIN orders o ON o.id = ol.order_id
    GROUP BY op.id
) k_order ON k_order.id = s.operation_id
"""
DIMENSIONS: Final[Mapping[str, tuple[LiteralString, LiteralString]]] = {
    "": _NOTHING,
    "site": ("split_part(m.path, '/', 1)", ""),
    "line": ("regexp_replace(m.path, '/[^/]*$', '')", ""),
    "machine": ("m.path", ""),
    "shift": ("s.shift", ""),
    "order": ("coalesce(k_order.numbers, '')", _ORDERS),
    "item": (
        "coalesce(k_item.code, '')",
        """
        LEFT JOIN operations k_op ON k_op.id = s.operation_id
        LEFT JOIN work_orders k_work ON k_work.id = k_op.work_order_id
        LEFT JOIN items k_item ON k_item.id = k_work.item_id
        """,
    ),
}
"""What rows can be: key, and what is joined for it."""


def known_shifts(by: str, *, also: LiteralString = "") -> sql.Composed:
    """`WITH …, known AS (…)`: revisions of the scope's machines as of its moment.

    Args:
        by: one of DIMENSIONS; `key` tells it.
        also: more columns, each after a comma; the revision is `s`, the machine `m`.
    """
    key, join = DIMENSIONS[by]
    return sql.SQL(
        """
        WITH known AS (
            SELECT s.*, width_bucket(s.from_ms, d.edges) - 1 AS bucket, {key} AS key {also}
            FROM report_machine_shifts s JOIN machines m ON m.id = s.machine_id
            JOIN (
                SELECT site_id, edges::bigint[] AS edges
                FROM unnest(%(sites)s::integer[], %(edges)s::text[]) AS d (site_id, edges)
                OFFSET 0  -- so that the texts are read once, not for each row
            ) d ON d.site_id = m.site_id
            {join}
            WHERE s.recorded_at <= %(as_of)s
              AND (s.superseded_at IS NULL OR s.superseded_at > %(as_of)s)
              AND s.from_ms >= %(from)s AND s.from_ms < %(until)s
              AND s.machine_id = ANY(%(machines)s)
              AND width_bucket(s.from_ms, d.edges) BETWEEN 1 AND cardinality(d.edges) - 1
        )
        """
    ).format(key=sql.SQL(key), join=sql.SQL(join), also=sql.SQL(also))


class MachineSums(msgspec.Struct, frozen=True, kw_only=True):
    """What some shifts came to.

    Attributes:
        running: one of them was not over when it was counted.
        recorded_at: of the youngest revision.
        counted_ms: up to where the latest of them is counted.
    """

    part: Part
    time: MachineTime
    quantity: Quantity
    reworked_scrap: Decimal = Decimal(0)
    running: bool = False
    recorded_at: datetime | None = None
    counted_ms: int | None = None


_CLASSES: Final[Mapping[TimeClass, LiteralString]] = {
    TimeClass.PRODUCTION: "production_ms",
    TimeClass.SETUP: "setup_ms",
    TimeClass.DELAY: "delay_ms",
    TimeClass.MICRO_STOP: "micro_stop_ms",
    TimeClass.IDLE: "idle_ms",
    TimeClass.UNKNOWN: "unknown_ms",
}


class _Row(msgspec.Struct, kw_only=True):
    of: str
    bucket: int | None
    key: str | None
    sums: list[int]
    amounts: list[Decimal]
    running: bool
    recorded_at: datetime
    counted_ms: int


async def machine_sums(
    connection: Connection, asked: MachineScope, *, by: str = ""
) -> list[MachineSums]:
    """The sums of all, of each period, and of each row; of nothing, none.

    Args:
        connection: to read.
        asked: what about.
        by: one of DIMENSIONS.
    """
    cursor = connection.cursor(row_factory=class_row(_Row))
    await cursor.execute(
        known_shifts(by)
        + sql.SQL(
            """
            , parts AS MATERIALIZED (
                SELECT bucket, key, sum(operation_ms) AS operation_ms,
                       sum(planned_stop_ms) AS planned_stop_ms, sum(overtime_ms) AS overtime_ms,
                       sum(production_ms) AS production_ms, sum(setup_ms) AS setup_ms,
                       sum(delay_ms) AS delay_ms, sum(micro_stop_ms) AS micro_stop_ms,
                       sum(idle_ms) AS idle_ms, sum(unknown_ms) AS unknown_ms,
                       sum(micro_stops) AS micro_stops, sum(stops) AS stops, sum(good) AS good,
                       sum(scrap) AS scrap, sum(reworked_good) AS reworked_good,
                       sum(reworked_scrap) AS reworked_scrap, sum(run_ms) AS run_ms,
                       sum(unrated) AS unrated, bool_or(counted_ms < until_ms) AS running,
                       max(recorded_at) AS recorded_at, max(counted_ms) AS counted_ms
                FROM known GROUP BY bucket, key
            )
            SELECT {of} AS of, bucket, {key} AS key,
                   ARRAY[sum(operation_ms), sum(planned_stop_ms), sum(overtime_ms),
                         sum(production_ms), sum(setup_ms), sum(delay_ms), sum(micro_stop_ms),
                         sum(idle_ms), sum(unknown_ms), sum(micro_stops), sum(stops)]::bigint[]
                       AS sums,
                   ARRAY[sum(good), sum(scrap), sum(reworked_good), sum(reworked_scrap),
                         sum(run_ms), sum(unrated)] AS amounts,
                   bool_or(running) AS running, max(recorded_at) AS recorded_at,
                   max(counted_ms) AS counted_ms
            FROM parts GROUP BY {groups} HAVING count(*) > 0
            """
        ).format(
            of=group_word(by),
            key=sql.SQL("key" if by else "NULL::text"),
            groups=groups(by),
        ),
        asked.parameters,
    )
    return [_sums(row) for row in await cursor.fetchall()]


def _sums(row: _Row) -> MachineSums:
    operation, planned_stop, overtime, *spent, micro_stops, stops = row.sums
    good, scrap, reworked_good, reworked_scrap, run_ms, unrated = row.amounts
    return MachineSums(
        part=Part(of=row.of, bucket=row.bucket, key=row.key, label=row.key),
        time=MachineTime(
            operation_ms=operation,
            planned_stop_ms=planned_stop,
            overtime_ms=overtime,
            spent=dict(zip(_CLASSES, spent, strict=True)),
            micro_stops=micro_stops,
            stops=stops,
        ),
        quantity=Quantity(
            good=good,
            scrap=scrap,
            reworked=reworked_good + reworked_scrap,
            run_ms=run_ms,
            unrated=unrated,
        ),
        reworked_scrap=reworked_scrap,
        running=row.running,
        recorded_at=row.recorded_at,
        counted_ms=row.counted_ms,
    )


class Busy(msgspec.Struct, frozen=True, kw_only=True):
    """Planned busy time of a period, of None: of all, and what is known of its revisions."""

    bucket: int | None = None
    busy_ms: int = 0
    running: bool = False
    recorded_at: datetime | None = None


async def busy_sums(connection: Connection, asked: MachineScope) -> dict[int | None, Busy]:
    """Planned busy time by period, and of all under None; cheaper than `machine_sums`."""
    cursor = connection.cursor(row_factory=class_row(Busy))
    await cursor.execute(
        known_shifts("")
        + sql.SQL(
            """
            SELECT bucket, sum(operation_ms - planned_stop_ms + overtime_ms)::bigint AS busy_ms,
                   bool_or(counted_ms < until_ms) AS running, max(recorded_at) AS recorded_at
            FROM known GROUP BY ROLLUP (bucket) HAVING count(*) > 0
            """
        ),
        asked.parameters,
    )
    return {None: Busy()} | {each.bucket: each for each in await cursor.fetchall()}


class LossSum(msgspec.Struct, frozen=True, kw_only=True):
    """What planned busy time was lost to, in some shifts."""

    part: Part
    lost_ms: int
    count: int


LOSS_KEYS: Final[Mapping[str, LiteralString]] = {
    "reason": "time_class || ':' || coalesce(reason, '')",
    "class": "time_class",
}
"""What rows of losses can be besides what machines' can be."""


async def loss_sums(
    connection: Connection,
    asked: MachineScope,
    *,
    by: str,
    time_class: str | None = None,
    reason: str | None = None,
) -> list[LossSum]:
    """What was lost: of all, of each period, and of each row.

    Args:
        connection: to read.
        asked: what about.
        by: `reason`, `class`, or one of DIMENSIONS that is not `order` or `item`.
        time_class: of this class only.
        reason: of this reason only; empty: of none.
    """
    of_shift = by if by in DIMENSIONS else ""
    row_key = sql.SQL(LOSS_KEYS[by]) if by in LOSS_KEYS else sql.SQL("known.key")
    cursor = await connection.execute(
        known_shifts(of_shift)
        + sql.SQL(
            """
            , lost AS MATERIALIZED (
                SELECT known.bucket, {row_key} AS key, sum(l.lost_ms) AS lost_ms,
                       sum(l.count) AS count
                FROM known JOIN report_machine_losses l ON l.shift_id = known.id
                WHERE l.time_class <> 'planned'
                  AND (%(time_class)s::text IS NULL OR l.time_class = %(time_class)s)
                  AND (%(reason)s::text IS NULL OR coalesce(l.reason, '') = %(reason)s)
                GROUP BY 1, 2
            )
            SELECT {of}, bucket, {key}, sum(lost_ms)::bigint, sum(count)::bigint
            FROM lost GROUP BY {groups} HAVING count(*) > 0
            """
        ).format(
            row_key=row_key,
            of=group_word(by),
            key=sql.SQL("key" if by else "NULL::text"),
            groups=groups(by),
        ),
        asked.parameters | {"time_class": time_class, "reason": reason},
    )
    return [
        LossSum(
            part=Part(of=of, bucket=bucket, key=key, label=key), lost_ms=lost_ms, count=int(count)
        )
        for of, bucket, key, lost_ms, count in await cursor.fetchall()
    ]


async def machines_wait(connection: Connection, machines: Sequence[int]) -> bool:
    """Whether something of these machines is still to be reckoned, or nothing is reckoned yet."""
    cursor = await connection.execute(
        """
        SELECT EXISTS (SELECT FROM report_machine_notes WHERE machine_id = ANY(%s))
            OR EXISTS (SELECT FROM report_machine_state WHERE reckoned_ms IS NULL)
        """,
        (list(machines),),
    )
    return await cursor.fetchone() == (True,)


class ScrapSum(msgspec.Struct, frozen=True, kw_only=True):
    """Scrap of some shifts.

    Attributes:
        scrap: pieces, those of rework orders too.
        produced: first-time pieces.
        uncosted: of the scrap, pieces without a cost that is known.
        costs: by currency.
    """

    part: Part
    scrap: Decimal
    produced: Decimal
    uncosted: Decimal
    costs: dict[str, Decimal]


_PRICED: Final = """
, prices AS MATERIALIZED (
    SELECT * FROM unnest(%(price_items)s::integer[], %(price_sites)s::integer[],
        %(price_epochs)s::integer[], %(price_costs)s::numeric[], %(price_currencies)s::text[])
        AS p (item_id, site_id, epoch, cost, currency)
), parts AS MATERIALIZED (
    SELECT k.bucket, k.key, w.item_id, k.site_id,
           width_bucket(k.day, %(epochs)s::date[]) AS epoch,
           sum(k.scrap + k.reworked_scrap) AS scrap, sum(k.good + k.scrap) AS produced
    FROM known k
    LEFT JOIN operations op ON op.id = k.operation_id
    LEFT JOIN work_orders w ON w.id = op.work_order_id
    WHERE k.good + k.scrap + k.reworked_scrap > 0
    GROUP BY 1, 2, 3, 4, 5
)
SELECT {of}, bucket, {key}, p.currency, sum(scrap), sum(produced), sum(scrap * p.cost)
FROM parts LEFT JOIN prices p USING (item_id, site_id, epoch)
GROUP BY GROUPING SETS ({groups}) HAVING count(*) > 0
"""


async def scrap_sums(
    connection: Connection, asked: MachineScope, *, by: str = ""
) -> list[ScrapSum]:
    """Scrap in pieces and money: of all, of each period, and of each row."""
    currencies = "(p.currency), (bucket, p.currency)" + (", (key, p.currency)" if by else "")
    cursor = await connection.execute(
        known_shifts(by, also=", m.site_id")
        + sql.SQL(_PRICED).format(
            of=group_word(by),
            key=sql.SQL("key" if by else "NULL::text"),
            groups=sql.SQL(currencies),
        ),
        asked.parameters | await _prices(connection, asked),
    )
    found: dict[tuple[str, int | None, str | None], list[tuple[Any, ...]]] = defaultdict(list)
    for of, bucket, key, *sums in await cursor.fetchall():
        found[of, bucket, key].append(tuple(sums))
    return [
        ScrapSum(
            part=Part(of=of, bucket=bucket, key=key, label=key),
            scrap=sum((scrap for _, scrap, _, _ in sums), _NONE),
            produced=sum((produced for _, _, produced, _ in sums), _NONE),
            uncosted=sum((scrap for currency, scrap, _, _ in sums if currency is None), _NONE),
            costs={
                currency: cost
                for currency, scrap, _, cost in sorted(sums, key=lambda one: one[0] or "")
                if currency is not None and scrap
            },
        )
        for (of, bucket, key), sums in found.items()
    ]


async def _prices(connection: Connection, asked: MachineScope) -> dict[str, object]:
    """What a piece of each item cost at each site, by the stretches in which no cost changed."""
    cursor = await connection.execute(
        """
        SELECT DISTINCT ON (item_id, site_id, valid_from) item_id, site_id, valid_from, cost,
               currency
        FROM item_costs WHERE recorded_at <= %s ORDER BY item_id, site_id, valid_from, id DESC
        """,
        (asked.scope.as_of,),
    )
    entered: dict[tuple[int, int | None], list[tuple[Any, ...]]] = defaultdict(list)
    for item, site, *rest in await cursor.fetchall():
        entered[item, site].append(tuple(rest))
    epochs = sorted({row[0] for rows in entered.values() for row in rows})
    rows: list[tuple[int, int, int, Decimal, str]] = []
    sites = sorted({each.site_id for each in asked.machines})
    for item in sorted({item for item, _ in entered}):
        for site in sites:
            for number, day in enumerate(epochs, 1):
                holding = _holding(entered.get((item, site), ()), day) or _holding(
                    entered.get((item, None), ()), day
                )
                if holding is not None and holding[1] is not None:
                    rows.append((item, site, number, holding[1], holding[2]))
    columns = list(zip(*rows, strict=True)) or [()] * 5
    names = ("items", "sites", "epochs", "costs", "currencies")
    return {
        "epochs": epochs or [date(1900, 1, 1)],
        **{f"price_{name}": list(column) for name, column in zip(names, columns, strict=True)},
    }


def _holding(entered: Sequence[tuple[Any, ...]], day: date) -> tuple[Any, ...] | None:
    """The entry that holds on a day: the last that is valid from then or before."""
    at = bisect_right([row[0] for row in entered], day)
    return entered[at - 1] if at else None

"""On time in full and fulfilment: sums over order lines as they were known."""

from __future__ import annotations

from itertools import pairwise
from typing import Final, LiteralString

import msgspec
from psycopg import sql

from domain.reports.delivery import Against, Delivery, results
from domain.reports.periods import Span
from store.database import Connection
from store.reports.lines import due_lines
from store.reports.scope import Part, Scope, group_word, groups, known

_COLUMNS: Final[dict[Against, tuple[LiteralString, LiteralString, LiteralString]]] = {
    Against.FIRST: ("l.first_due_ms", "first_on_time", "first_by_date"),
    Against.CURRENT: ("l.due_ms", "due_on_time", "due_by_date"),
}
"""Which date, whether it was met, and what had left by it."""


class DeliverySums(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of a part of the report.

    Attributes:
        units: of measure: quantities of several say nothing together.
        unit: the one there is, or any of them.
    """

    part: Part
    delivery: Delivery
    units: int
    unit: str | None


async def delivery(
    connection: Connection, scope: Scope, *, against: Against, by: str
) -> list[DeliverySums]:
    """What lines whose date lies in the periods, and is over, came to."""
    at, on_time, by_date = _COLUMNS[against]
    cursor = await connection.execute(
        known(at, by=by, also="l.ordered > 0")
        + sql.SQL(
            """
            SELECT {group}, bucket, {key}, min(label), count(*),
                   count(*) FILTER (WHERE {on_time}),
                   count(*) FILTER (WHERE complete_ms IS NOT NULL),
                   count(*) FILTER (WHERE {on_time} AND complete_ms IS NOT NULL),
                   count(DISTINCT order_id),
                   count(DISTINCT order_id)
                       FILTER (WHERE NOT ({on_time} AND complete_ms IS NOT NULL)),
                   coalesce(sum(ordered), 0), coalesce(sum({by_date}), 0), count(DISTINCT unit),
                   min(unit)
            FROM known l WHERE {at} < %(as_of_ms)s
            GROUP BY {groups}
            """
        ).format(
            group=group_word(by),
            key=sql.SQL("key" if by else "NULL"),
            on_time=sql.SQL(on_time),
            by_date=sql.SQL(by_date),
            at=sql.SQL(at),
            groups=groups(by),
        ),
        scope.parameters,
    )
    return [
        DeliverySums(
            part=Part(of=of, bucket=bucket, key=key, label=label),
            delivery=Delivery(
                lines=lines,
                lines_on_time=timely,
                lines_in_full=full,
                lines_on_time_in_full=both,
                orders=orders,
                orders_on_time_in_full=orders - missed,
                ordered=ordered,
                by_date=in_time,
                undated=0,
            ),
            units=units,
            unit=unit,
        )
        for (
            of, bucket, key, label, lines, timely, full, both, orders, missed, ordered, in_time,
            units, unit,
        ) in await cursor.fetchall()
    ]  # fmt: skip


async def delivery_by_log(
    connection: Connection, scope: Scope, *, against: Against
) -> list[DeliverySums]:
    """The same as of a moment before anything was recorded: lines judged now, by the audit log.

    Without rows, and without quantities: units are not looked at.
    """
    parts: dict[int | None, Delivery] = {}
    for edges in {each.edges for each in scope.sites}:
        sites = [each.site_id for each in scope.sites if each.edges == edges]
        spans = [Span(*pair) for pair in pairwise(edges)]
        whole = Span(edges[0], edges[-1])
        lines = await due_lines(connection, sites, whole, as_of_ms=scope.as_of_ms)
        for bucket, span in [(None, whole), *enumerate(spans)]:
            found, _ = results(lines, span, as_of_ms=scope.as_of_ms, against=against)
            known_of = parts.get(bucket)
            parts[bucket] = found if known_of is None else _together(known_of, found)
    return [
        DeliverySums(
            part=Part(of="total" if bucket is None else "series", bucket=bucket),
            delivery=found,
            units=_UNKNOWN_UNITS,
            unit=None,
        )
        for bucket, found in parts.items()
    ]


_UNKNOWN_UNITS: Final = 2
"""As many as make a sum of quantities mean nothing."""


def _together(one: Delivery, other: Delivery) -> Delivery:
    """Of different sites: no order is in both."""
    names = one.__struct_fields__
    return Delivery(**{name: getattr(one, name) + getattr(other, name) for name in names})

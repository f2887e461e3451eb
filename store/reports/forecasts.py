"""How true dates were: the one agreed first, and what plans said so many days before the end."""

from __future__ import annotations

import enum
from fractions import Fraction

import msgspec
from psycopg import sql

from domain.reports.forecasts import Accuracy
from domain.reports.order_lines import FORECAST_DAYS
from store.database import Connection
from store.reports.scope import Part, Scope, group_word, groups, known


class ForecastKind(enum.StrEnum):
    """What is compared with what came."""

    PROMISED = "promised"
    """The date agreed first, made when the order was confirmed, with when the line was complete."""
    PLANNED = "planned"
    """The end in the plan in force some days before, with when the order's last line was made."""


class AccuracySums(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of a part; `part.key` of a horizon is in days, empty for beyond the longest."""

    part: Part
    accuracy: Accuracy


async def forecasts(
    connection: Connection, scope: Scope, kind: ForecastKind, *, by: str
) -> list[AccuracySums]:
    """What dates came to, of what ended in the periods.

    Args:
        connection: to read.
        scope: what is asked about.
        kind: which dates.
        by: a dimension of lines, `horizon` or none.
    """
    of_lines = "" if by == "horizon" else by
    if kind is ForecastKind.PROMISED:
        before = known(
            "l.complete_ms", by=of_lines, also="l.ordered > 0 AND l.first_due_ms IS NOT NULL"
        )
        dates = sql.SQL(
            """
            SELECT bucket, {key} AS key, {label} AS label, made_ms, first_due_ms AS promised_ms,
                   complete_ms AS actual_ms
            FROM (SELECT *, coalesce(confirmed_ms, received_ms) AS made_ms FROM known) k
            """
        )
        horizon = sql.SQL(
            "(SELECT min(d) FROM unnest(%(horizons)s::integer[]) d"
            " WHERE first_due_ms - made_ms <= d * 86400000::bigint)::text"
        )
    else:
        before = known("l.produced_ms", by=of_lines, also="cardinality(l.forecast_days) > 0")
        dates = sql.SQL(
            """
            SELECT bucket, {key} AS key, {label} AS label, f.made_ms, f.end_ms AS promised_ms,
                   produced_ms AS actual_ms
            FROM known k CROSS JOIN LATERAL
                unnest(k.forecast_days, k.forecast_made_ms, k.forecast_end_ms)
                    AS f (days, made_ms, end_ms)
            """
        )
        horizon = sql.SQL("f.days::text")
    by_horizon = by == "horizon"
    cursor = await connection.execute(
        before
        + sql.SQL(", dates AS (")
        + dates.format(
            key=horizon if by_horizon else sql.SQL("key"),
            label=sql.SQL("NULL::text" if by_horizon else "label"),
        )
        + sql.SQL(
            """
            ), errors AS (
                SELECT bucket, key, label, actual_ms - made_ms AS lead,
                       promised_ms - actual_ms AS error FROM dates)
            SELECT {group}, bucket, {key}, min(label),
                   count(*) FILTER (WHERE lead > 0), count(*) FILTER (WHERE lead <= 0),
                   count(*) FILTER (WHERE lead > 0 AND error < 0),
                   coalesce(sum(lead) FILTER (WHERE lead > 0), 0)::bigint,
                   coalesce(sum(error) FILTER (WHERE lead > 0), 0)::bigint,
                   coalesce(sum(abs(error)) FILTER (WHERE lead > 0), 0)::bigint,
                   coalesce(sum(round(abs(error)::numeric / nullif(lead, 0), 12))
                            FILTER (WHERE lead > 0), 0)
            FROM errors GROUP BY {groups}
            """
        ).format(group=group_word(by), key=sql.SQL("key" if by else "NULL"), groups=groups(by)),
        {**scope.parameters, "horizons": list(FORECAST_DAYS)},
    )
    return [
        AccuracySums(
            part=Part(of=of, bucket=bucket, key=key, label=label),
            accuracy=Accuracy(
                count=count,
                left_out=left_out,
                late=late,
                lead_ms=lead,
                error_ms=error,
                absolute_ms=absolute,
                relative=Fraction(relative),
            ),
        )
        for (
            of, bucket, key, label, count, left_out, late, lead, error, absolute, relative,
        ) in await cursor.fetchall()
    ]  # fmt: skip

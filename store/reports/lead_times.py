"""Lead times by stage: durations of order lines that reached a stage's end, as they were known."""

from __future__ import annotations

from typing import Final, LiteralString

import msgspec
from psycopg import sql

from domain.reports.lead_times import STAGES, Stage
from store.database import Connection
from store.reports.scope import Part, Scope, group_word, groups, known

COLUMN: Final[dict[Stage, LiteralString]] = {
    Stage.CONFIRMATION: "confirmed_ms",
    Stage.RELEASE: "released_ms",
    Stage.START: "started_ms",
    Stage.PRODUCTION: "produced_ms",
    Stage.PACKING: "packed_ms",
    Stage.SHIPPING: "shipped_ms",
    Stage.DELIVERY: "delivered_ms",
}
"""When a line reached a stage's end."""

LEAD: Final = "lead"
PROCESSING: Final = "processing"


class Durations(msgspec.Struct, frozen=True, kw_only=True):
    """How long something took in a part of the report.

    Attributes:
        what: LEAD, PROCESSING or a stage.
        sum_ms: of all; of the stages it is the sum of LEAD.
        median_ms, p90_ms: nearest rank.
    """

    part: Part
    what: str
    count: int
    sum_ms: int
    median_ms: int | None
    p90_ms: int | None
    longest_ms: int | None


async def lead_times(
    connection: Connection, scope: Scope, *, last: Stage, by: str, stages: bool = False
) -> list[Durations]:
    """The whole and order processing of lines that ended there: of all, by period and by row.

    Args:
        connection: to read.
        scope: what about.
        last: which stage's end it is.
        by: one of the scope's dimensions, or nothing.
        stages: each stage up to `last` too, of the total only.
    """
    found = await _durations(connection, scope, last, by, _MAIN, periods=True)
    if stages:
        found += await _durations(
            connection, scope, last, "", tuple(each.value for each in _upto(last))
        )
    return found


async def lead_time_sums(connection: Connection, scope: Scope, *, last: Stage) -> list[Durations]:
    """The whole and order processing, of the total only: cheaper than `lead_times`."""
    return await _durations(connection, scope, last, "", _MAIN)


_MAIN: Final = (LEAD, PROCESSING)


def _upto(last: Stage) -> tuple[Stage, ...]:
    return STAGES[: STAGES.index(last) + 1]


def reached(last: Stage, upto: int) -> sql.Composable:
    """Until when a line had got through its first so many stages: each as late as the ones before.

    What was entered after the end belongs to the time before it: the end is the end.
    """
    end = sql.SQL("l.{}").format(sql.Identifier(COLUMN[last]))
    # LEAST would take the end for a milestone that nobody recorded.
    moments = [
        sql.SQL("CASE WHEN l.{0} < {1} THEN l.{0} WHEN l.{0} >= {1} THEN {1} END").format(
            sql.Identifier(COLUMN[each]), end
        )
        for each in STAGES[:upto]
    ]
    return sql.SQL("greatest({})").format(sql.SQL(", ").join([sql.SQL("l.received_ms"), *moments]))


def _length(what: str, last: Stage) -> sql.Composable:
    """How long something took of a line, null where it went not through it."""
    if what == LEAD:
        return sql.SQL("{} - l.received_ms").format(reached(last, len(_upto(last))))
    stage = Stage.CONFIRMATION if what == PROCESSING else Stage(what)
    index = STAGES.index(stage)
    if what == PROCESSING:
        # Also of lines that had ended before somebody confirmed them: what the desk took.
        return sql.SQL("greatest(l.confirmed_ms - l.received_ms, 0)")
    return sql.SQL("CASE WHEN l.{} IS NOT NULL THEN {} - {} END").format(
        sql.Identifier(COLUMN[stage]), reached(last, index + 1), reached(last, index)
    )


async def _durations(
    connection: Connection,
    scope: Scope,
    last: Stage,
    by: str,
    what: tuple[str, ...],
    *,
    periods: bool = False,
) -> list[Durations]:
    figures = sql.SQL(", ").join(
        sql.SQL(
            "count({0}), coalesce(sum({0}), 0)::bigint,"
            " percentile_disc(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY {0}), max({0})"
        ).format(sql.Identifier(each))
        for each in what
    )
    lengths = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(_length(each, last), sql.Identifier(each)) for each in what
    )
    end: LiteralString = _END[last]
    cursor = await connection.execute(
        known(end, by=by, also="l.ordered > 0")
        + sql.SQL(
            """
            , lengths AS (SELECT bucket, key, label, {lengths} FROM known l
                          WHERE {end} < %(as_of_ms)s)
            SELECT {group}, {bucket}, {key}, min(label), {figures} FROM lengths GROUP BY {groups}
            """
        ).format(
            lengths=lengths,
            end=sql.SQL(end),
            group=group_word(by) if periods else sql.SQL("'total'"),
            bucket=sql.SQL("bucket" if periods else "NULL::integer"),
            key=sql.SQL("key" if by else "NULL"),
            figures=figures,
            groups=groups(by) if periods else sql.SQL("()"),
        ),
        scope.parameters,
    )
    found = []
    for of, bucket, key, label, *told in await cursor.fetchall():
        part = Part(of=of, bucket=bucket, key=key, label=label)
        for index, each in enumerate(what):
            count, sum_ms, ranks, longest = told[4 * index : 4 * index + 4]
            median, p90 = ranks or (None, None)
            found.append(
                Durations(
                    part=part,
                    what=each,
                    count=count,
                    sum_ms=sum_ms,
                    median_ms=median,
                    p90_ms=p90,
                    longest_ms=longest,
                )
            )
    return found


_END: Final[dict[Stage, LiteralString]] = {
    Stage.CONFIRMATION: "l.confirmed_ms",
    Stage.RELEASE: "l.released_ms",
    Stage.START: "l.started_ms",
    Stage.PRODUCTION: "l.produced_ms",
    Stage.PACKING: "l.packed_ms",
    Stage.SHIPPING: "l.shipped_ms",
    Stage.DELIVERY: "l.delivered_ms",
}

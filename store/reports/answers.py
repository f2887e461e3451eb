"""How long the product's own answers took, as processes of the API counted them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from psycopg import sql

from domain.reports.service_level import Answers
from store.database import Connection
from store.reports.scope import Part

BORDERS: Final[Mapping[int, str]] = {
    100: "within_100_ms",
    500: "within_500_ms",
    1_000: "within_1_s",
    2_000: "within_2_s",
    5_000: "within_5_s",
    10_000: "within_10_s",
}
"""Borders (ms) and their columns."""

_COLUMNS: Final = (*BORDERS.values(), "beyond", "failed")


class AnswerSums(msgspec.Struct, frozen=True, kw_only=True):
    """The answers of a part."""

    part: Part
    answers: Answers


async def write_answers(
    connection: Connection, counted: Mapping[str, Answers], *, counted_from: datetime
) -> None:
    """Add what a process counted, by question."""
    statement = sql.SQL("INSERT INTO api_answers (question, counted_from, {}) VALUES ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, _COLUMNS)),
        sql.SQL(", ").join([sql.Placeholder()] * (len(_COLUMNS) + 2)),
    )
    async with connection.cursor() as cursor:
        await cursor.executemany(
            statement,
            [
                (
                    question,
                    counted_from,
                    *(each.within.get(border, 0) for border in BORDERS),
                    each.beyond,
                    each.failed,
                )
                for question, each in sorted(counted.items())
            ],
        )


async def answers(
    connection: Connection, edges: Sequence[int], *, as_of: datetime, by_question: bool
) -> list[AnswerSums]:
    """What was counted in periods that begin and end at these moments (epoch ms)."""
    cursor = await connection.execute(
        sql.SQL(
            """
            WITH known AS (
                SELECT a.*, question AS key,
                       width_bucket((extract(epoch FROM counted_from) * 1000)::bigint,
                                    %(edges)s::bigint[]) - 1 AS bucket
                FROM api_answers a
                WHERE recorded_at <= %(as_of)s AND counted_from >= to_timestamp(%(from)s / 1000.0)
                  AND counted_from < to_timestamp(%(until)s / 1000.0))
            SELECT CASE WHEN GROUPING(bucket) = 0 THEN 'series'
                        WHEN GROUPING(key) = 0 THEN 'row' ELSE 'total' END, bucket, key, {}
            FROM known GROUP BY GROUPING SETS ((), (bucket), (key))
            """
        ).format(
            sql.SQL(", ").join(
                sql.SQL("coalesce(sum({}), 0)::bigint").format(sql.Identifier(each))
                for each in _COLUMNS
            )
        ),
        {"edges": list(edges), "as_of": as_of, "from": edges[0], "until": edges[-1]},
    )
    return [
        AnswerSums(
            part=Part(of=of, bucket=bucket, key=key, label=key),
            answers=Answers(
                within=dict(zip(BORDERS, counts, strict=False)),
                beyond=counts[-2],
                failed=counts[-1],
            ),
        )
        for of, bucket, key, *counts in await cursor.fetchall()
        if by_question or of != "row"
    ]

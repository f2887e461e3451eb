"""The order lines behind a bar of a report, the worst first, page by page."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, LiteralString

import msgspec
from psycopg import sql
from psycopg.rows import class_row

from domain.reports.delivery import Against
from domain.reports.lead_times import STAGES, Stage
from domain.reports.order_lines import FORECAST_DAYS
from store.database import Connection
from store.reports.lead_times import COLUMN, reached
from store.reports.scope import DIMENSIONS, Scope, known


class Of(enum.StrEnum):
    """Which report's bars are looked behind."""

    DELIVERY = "delivery"
    LEAD_TIMES = "lead-times"
    DELAY_CAUSES = "delay-causes"
    FORECASTS = "forecasts"


class Outcome(enum.StrEnum):
    """How a line did against its date."""

    ON_TIME_IN_FULL = "on_time_in_full"
    MISSED = "missed"
    """Not on time in full."""
    LATE = "late"
    """Complete, and too late."""
    INCOMPLETE = "incomplete"
    """Not complete yet."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """After which line a page begins."""

    value: int
    line: int


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked behind.

    Attributes:
        by, key: a row of the report; `by` empty: all of it.
        outcome: of deliveries.
        against: which date deliveries are judged by.
        stage: what ends lead times.
        after: None: the first page.
    """

    of: Of
    by: str = ""
    key: str = ""
    outcome: Outcome | None = None
    against: Against = Against.CURRENT
    stage: Stage = Stage.SHIPPING
    limit: int = 100
    after: Cursor | None = None


class LineBehind(msgspec.Struct, frozen=True, kw_only=True):
    """An order line; times in epoch ms.

    Attributes:
        value: what the list is sorted by: how late it was, how long it took, its (share of the)
            delay, the error of its date; milliseconds.
    """

    order_line_id: int
    value: int
    order_number: str
    number: int
    site: str
    customer: str
    customer_name: str
    item: str
    item_name: str
    unit: str
    made_on: str | None
    ordered: Decimal
    shipped: Decimal
    received_ms: int
    confirmed_ms: int | None
    released_ms: int | None
    started_ms: int | None
    produced_ms: int | None
    packed_ms: int | None
    shipped_ms: int | None
    delivered_ms: int | None
    first_due_ms: int | None
    customer_due_ms: int | None
    due_ms: int | None
    complete_ms: int | None
    first_on_time: bool
    due_on_time: bool
    delay_ms: int
    share_causes: list[str]
    share_subjects: list[str]
    share_ms: list[int]


_DUE: Final[dict[Against, tuple[LiteralString, LiteralString]]] = {
    Against.FIRST: ("l.first_due_ms", "first_on_time"),
    Against.CURRENT: ("l.due_ms", "due_on_time"),
}
_END: Final[dict[Stage, LiteralString]] = {
    Stage.CONFIRMATION: "l.confirmed_ms",
    Stage.RELEASE: "l.released_ms",
    Stage.START: "l.started_ms",
    Stage.PRODUCTION: "l.produced_ms",
    Stage.PACKING: "l.packed_ms",
    Stage.SHIPPING: "l.shipped_ms",
    Stage.DELIVERY: "l.delivered_ms",
}
_OUTCOMES: Final[dict[Outcome | None, LiteralString]] = {
    None: "true",
    Outcome.ON_TIME_IN_FULL: "(on_time AND complete_ms IS NOT NULL)",
    Outcome.MISSED: "NOT (on_time AND complete_ms IS NOT NULL)",
    Outcome.LATE: "complete_ms IS NOT NULL AND NOT on_time",
    Outcome.INCOMPLETE: "complete_ms IS NULL",
}


async def lines_behind(
    connection: Connection, scope: Scope, wanted: Behind
) -> tuple[list[LineBehind], int | None]:
    """A page of lines, and how many there are in all (with the first page).

    Args:
        connection: to read.
        scope: what the report was asked about.
        wanted: what is looked behind, and from where on.
    """
    lines = _lines(wanted)
    after = wanted.after
    parameters = {
        **scope.parameters,
        "key": wanted.key,
        "limit": wanted.limit,
        "value": None if after is None else after.value,
        "line": None if after is None else after.line,
        "horizons": list(FORECAST_DAYS),
    }
    cursor = connection.cursor(row_factory=class_row(LineBehind))
    await cursor.execute(
        lines
        + sql.SQL(
            """
            , page AS (
                SELECT * FROM lines
                WHERE %(value)s::bigint IS NULL
                   OR (value, order_line_id) < (%(value)s, %(line)s::bigint)
                ORDER BY value DESC, order_line_id DESC LIMIT %(limit)s)
            SELECT p.order_line_id, p.value, o.number AS order_number, p.number, s.code AS site,
                   c.code AS customer, c.name AS customer_name, i.code AS item,
                   i.name AS item_name, p.unit, p.made_on, p.ordered, p.shipped, p.received_ms,
                   p.confirmed_ms, p.released_ms, p.started_ms, p.produced_ms, p.packed_ms,
                   p.shipped_ms, p.delivered_ms, p.first_due_ms, p.customer_due_ms, p.due_ms,
                   p.complete_ms, p.first_on_time, p.due_on_time, p.delay_ms, p.share_causes,
                   p.share_subjects, p.share_ms
            FROM page p JOIN orders o ON o.id = p.order_id JOIN sites s ON s.id = p.site_id
            JOIN customers c ON c.id = p.customer_id JOIN items i ON i.id = p.item_id
            ORDER BY p.value DESC, p.order_line_id DESC
            """
        ),
        parameters,
    )
    found = await cursor.fetchall()
    if after is not None:
        return found, None
    counted = await connection.execute(lines + sql.SQL("SELECT count(*) FROM lines"), parameters)
    total = await counted.fetchone()
    return found, total[0] if total else 0


def _lines(wanted: Behind) -> sql.Composed:
    """`WITH …, lines AS (…)`: the lines with what they are sorted by."""
    dimension = wanted.by if wanted.by in DIMENSIONS else ""
    key = sql.SQL("key = %(key)s" if dimension else "true")
    match wanted.of:
        case Of.DELIVERY:
            found = _delivery(wanted, dimension)
        case Of.LEAD_TIMES:
            found = _lead_times(wanted, dimension)
        case Of.DELAY_CAUSES:
            found = _delay(wanted, dimension)
        case Of.FORECASTS:
            found = _forecasts(wanted, dimension)
    return found + sql.SQL(" AND {})").format(key)


def _delivery(wanted: Behind, dimension: str) -> sql.Composed:
    at, on_time = _DUE[wanted.against]
    outcome = _OUTCOMES[wanted.outcome]
    return known(at, by=dimension, also="l.ordered > 0") + sql.SQL(
        """
        , lines AS (
            SELECT * FROM (
                SELECT l.*, coalesce(complete_ms, %(as_of_ms)s) - {at} AS value,
                       {on_time} AS on_time
                FROM known l WHERE {at} < %(as_of_ms)s) k
            WHERE {outcome}
        """
    ).format(at=sql.SQL(at), on_time=sql.SQL(on_time), outcome=sql.SQL(outcome))


def _lead_times(wanted: Behind, dimension: str) -> sql.Composed:
    end = _END[wanted.stage]
    upto = STAGES.index(wanted.stage) + 1
    length = sql.SQL("{} - l.received_ms").format(reached(wanted.stage, upto))
    stage: sql.Composable = sql.SQL("true")
    if wanted.by == "stage" and wanted.key in set(Stage):
        index = STAGES.index(Stage(wanted.key))
        length = sql.SQL("{} - {}").format(
            reached(wanted.stage, index + 1), reached(wanted.stage, index)
        )
        stage = sql.SQL("l.{} IS NOT NULL").format(sql.Identifier(COLUMN[Stage(wanted.key)]))
    return known(end, by=dimension, also="l.ordered > 0") + sql.SQL(
        """
        , lines AS (
            SELECT l.*, {length} AS value FROM known l
            WHERE {end} < %(as_of_ms)s AND {stage}
        """
    ).format(length=length, end=sql.SQL(end), stage=stage)


def _delay(wanted: Behind, dimension: str) -> sql.Composed:
    value: LiteralString = "k.delay_ms"
    if wanted.by == "cause":
        value = """(SELECT coalesce(sum(ms), 0)::bigint FROM unnest(k.share_causes, k.share_ms)
                    AS s (cause, ms) WHERE s.cause = %(key)s)"""
    elif wanted.by == "subject":
        value = """(SELECT coalesce(sum(ms), 0)::bigint
                    FROM unnest(k.share_causes, k.share_subjects, k.share_ms)
                    AS s (cause, subject, ms) WHERE s.cause || ':' || s.subject = %(key)s)"""
    return known("l.first_due_ms", by=dimension, also="l.makes_late AND l.ordered > 0") + sql.SQL(
        """
        , lines AS (
            SELECT * FROM (SELECT k.*, {value} AS value FROM known k) l WHERE value > 0
        """
    ).format(value=sql.SQL(value))


def _forecasts(wanted: Behind, dimension: str) -> sql.Composed:
    kind, _, days = wanted.key.partition(":")
    if wanted.by in ("kind", "horizon") and kind == "planned":
        return known("l.produced_ms", by=dimension, also="cardinality(l.forecast_days) > 0") + (
            sql.SQL(
                """
                , lines AS (
                    SELECT * FROM (
                        SELECT k.*, (
                            SELECT max(abs(f.end_ms - k.produced_ms))
                            FROM unnest(k.forecast_days, k.forecast_made_ms, k.forecast_end_ms)
                                AS f (days, made_ms, end_ms)
                            WHERE ({any_day} OR f.days::text = split_part(%(key)s, ':', 2))
                              AND f.made_ms < k.produced_ms) AS value
                        FROM known k) l
                    WHERE value IS NOT NULL
                """
            ).format(any_day=sql.SQL("false" if days else "true"))
        )
    horizon: LiteralString = "true"
    if wanted.by == "horizon":
        horizon = """coalesce((SELECT min(d) FROM unnest(%(horizons)s::integer[]) d
            WHERE first_due_ms - coalesce(confirmed_ms, received_ms) <= d * 86400000::bigint
            )::text, '') = split_part(%(key)s, ':', 2)"""
    return known(
        "l.complete_ms", by=dimension, also="l.ordered > 0 AND l.first_due_ms IS NOT NULL"
    ) + sql.SQL(
        """
        , lines AS (
            SELECT l.*, abs(first_due_ms - complete_ms) AS value FROM known l
            WHERE complete_ms > coalesce(confirmed_ms, received_ms) AND {horizon}
        """
    ).format(horizon=sql.SQL(horizon))


def next_cursor(found: Sequence[LineBehind], limit: int) -> Cursor | None:
    """Where the next page begins; None: there is none."""
    if len(found) < limit or not found:
        return None
    return Cursor(found[-1].value, found[-1].order_line_id)

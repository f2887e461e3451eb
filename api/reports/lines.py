"""The order lines behind a bar of a report."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import msgspec
from pydantic import BaseModel, Field

from api.auth.principal import Principal
from api.context import Context
from api.errors import ProblemError
from api.fields import Number, moment_of, required_moment
from api.reports import delay_causes, delivery, forecasts, lead_times
from api.reports.asked import ReportQuery, asked, row_dimension
from api.reports.envelope import Language
from api.reports.links import link_to
from domain.reports.delivery import Against
from store.reports.drill import Behind, Cursor, LineBehind, Of, Outcome, lines_behind, next_cursor


class ReportShare(BaseModel):
    """What one cause has of a line's delay."""

    cause: str
    subject: str = Field(description="A machine, a resource, an item, a work order; may be empty.")
    label: str
    ms: int


class ReportLine(BaseModel):
    """An order line, as it was known."""

    order: str
    link: str
    line: int
    site: str
    customer: str
    customer_name: str
    item: str
    item_name: str
    made_on: str | None = Field(description="`site/area/line`")
    ordered: Number
    shipped: Number
    unit: str
    received: datetime
    confirmed: datetime | None
    released: datetime | None
    started: datetime | None
    produced: datetime | None
    packed: datetime | None
    shipped_at: datetime | None = Field(description="When the last piece that was needed left.")
    delivered: datetime | None
    first_due: datetime | None = Field(description="The date that was agreed first.")
    customer_due: datetime | None = Field(description="The same, moved by the customer's changes.")
    due: datetime | None = Field(description="The date that holds.")
    on_time: bool = Field(description="Against the date that the report is judged by.")
    in_full: bool
    value_ms: int = Field(
        description="What the list is sorted by: how late it was, how long it took, its share of"
        " the delay, the error of its date."
    )
    delay_ms: int = Field(description="Since the first date; the shares add up to it.")
    shares: list[ReportShare]


class ReportLines(BaseModel):
    """A page of order lines."""

    items: list[ReportLine]
    next: str | None = Field(description="`cursor` of the next page; null: this is the last.")
    total: int | None = Field(description="How many there are in all: with the first page.")
    as_of: datetime = Field(description="To be sent with `cursor`, so that pages fit together.")


@dataclass(frozen=True, kw_only=True)
class LinesQuery:
    """Which lines are asked for, besides the report's own query."""

    report: Of
    key: str | None = None
    outcome: Outcome | None = None
    cursor: str | None = None
    limit: int = 100


_BY = {
    Of.DELIVERY: delivery.BY,
    Of.LEAD_TIMES: lead_times.BY,
    Of.DELAY_CAUSES: delay_causes.BY,
    Of.FORECASTS: forecasts.BY,
}


async def report_lines(
    context: Context,
    principal: Principal,
    query: ReportQuery,
    wanted: LinesQuery,
    language: Language,
) -> ReportLines:
    """A page of the lines behind a row of a report, or behind all of it.

    Raises:
        NotFoundError: there is no such site or line for them.
        ProblemError: the period, `by` or the cursor cannot be (422).
    """
    by = row_dimension(query, _BY[wanted.report])
    if wanted.key is not None and not by:
        raise _invalid("key needs by: which rows it is a key of", "by")
    behind = Behind(
        of=wanted.report,
        by=by if wanted.key is not None else "",
        key=wanted.key or "",
        outcome=wanted.outcome,
        against=query.against,
        stage=query.stage,
        limit=wanted.limit,
        after=None if wanted.cursor is None else _cursor(wanted.cursor),
    )
    answer = await asked(context, principal, query, language)
    async with context.connection() as connection:
        found, total = await lines_behind(connection, answer.scope, behind)
    after = next_cursor(found, wanted.limit)
    return ReportLines(
        items=[_line(each, query.against, language) for each in found],
        next=None if after is None else _text(after),
        total=total,
        as_of=answer.moment,
    )


def _cursor(text: str) -> Cursor:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text.encode()), type=Cursor)
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise _invalid("cursor is none of this list: begin without one", "cursor") from error


def _text(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode()


def _invalid(detail: str, code: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, code=code)


def _line(row: LineBehind, against: Against, language: Language) -> ReportLine:
    return ReportLine(
        order=row.order_number,
        link=link_to("order", row.order_number) or "",
        line=row.number,
        site=row.site,
        customer=row.customer,
        customer_name=row.customer_name,
        item=row.item,
        item_name=row.item_name,
        made_on=row.made_on,
        ordered=row.ordered,
        shipped=row.shipped,
        unit=row.unit,
        received=required_moment(row.received_ms),
        confirmed=moment_of(row.confirmed_ms),
        released=moment_of(row.released_ms),
        started=moment_of(row.started_ms),
        produced=moment_of(row.produced_ms),
        packed=moment_of(row.packed_ms),
        shipped_at=moment_of(row.complete_ms),
        delivered=moment_of(row.delivered_ms),
        first_due=moment_of(row.first_due_ms),
        customer_due=moment_of(row.customer_due_ms),
        due=moment_of(row.due_ms),
        on_time=row.first_on_time if against is Against.FIRST else row.due_on_time,
        in_full=row.complete_ms is not None,
        value_ms=row.value,
        delay_ms=row.delay_ms,
        shares=[
            ReportShare(
                cause=cause,
                subject=subject,
                label=delay_causes.cause_label(cause, language),
                ms=ms,
            )
            for cause, subject, ms in zip(
                row.share_causes, row.share_subjects, row.share_ms, strict=True
            )
        ],
    )

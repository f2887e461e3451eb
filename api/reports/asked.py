"""What somebody asks of a report, and what that means: sites, days, a moment of knowledge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from fastapi import Depends, Header, Query

from api.auth.principal import Principal
from api.context import Context
from api.errors import ProblemError
from api.fields import Moment, Wanted
from api.reports.envelope import (
    Figure,
    Language,
    Report,
    ReportName,
    ReportNote,
    ReportPeriod,
    ReportPoint,
    ReportRow,
    ReportScope,
    codes_of,
    definitions,
    words_in,
)
from domain.reports.delivery import Against
from domain.reports.lead_times import Stage
from domain.reports.periods import Grain, Span, cut
from domain.reports.words import Words
from store.database import Connection
from store.errors import NotFoundError
from store.reports import order_lines, scope, writing
from store.reports.scope import Scope, Site, SiteDays

_DEFAULT_DAYS: Final = 30
_LONGEST_OF_DAYS: Final = 35
_LONGEST_OF_WEEKS: Final = 190


@dataclass(frozen=True, kw_only=True)
class ReportQuery:
    """What is asked, as it came in.

    Attributes:
        first, last: days of the plants; None: the last 30 up to today.
        grain: None: by how long the period is.
        by: what rows are.
        as_of: None: now.
        against: which date deliveries are judged by.
        stage: what ends the lead time.
    """

    site: str | None = None
    line: str | None = None
    machine: str | None = None
    first: date | None = None
    last: date | None = None
    grain: Grain | None = None
    by: str | None = None
    as_of: datetime | None = None
    against: Against = Against.CURRENT
    stage: Stage = Stage.SHIPPING


async def _query(
    *,
    site: Annotated[
        Wanted | None, Query(description="Of this site only; else of all that one may see.")
    ] = None,
    line: Annotated[Wanted | None, Query(description="Of this line: `site/area/line`.")] = None,
    machine: Annotated[Wanted | None, Query(description="Of this machine, by its path.")] = None,
    first: Annotated[
        date | None,
        Query(alias="from", description="The first day, on the plant's clock; else 30 days ago."),
    ] = None,
    last: Annotated[
        date | None, Query(alias="to", description="The last day, included; else today.")
    ] = None,
    grain: Annotated[
        Grain | None,
        Query(description="How the period is cut; it is widened to whole ones. Else by length."),
    ] = None,
    by: Annotated[Wanted | None, Query(description="What rows are; none: there are none.")] = None,
    as_of: Annotated[
        Moment | None, Query(description="As it was known at this moment; by default now.")
    ] = None,
) -> ReportQuery:
    return ReportQuery(
        site=site,
        line=line,
        machine=machine,
        first=first,
        last=last,
        grain=grain,
        by=by,
        as_of=as_of,
    )


async def _language(
    language: Annotated[
        str | None,
        Query(max_length=35, description="`en` or `zh`; by default as `Accept-Language` says."),
    ] = None,
    accepted: Annotated[
        str | None, Header(alias="Accept-Language", include_in_schema=False)
    ] = None,
) -> Language:
    return language_of(language or accepted)


Asking = Annotated[ReportQuery, Depends(_query)]
"""The query parameters that all reports have."""

InLanguage = Annotated[Language, Depends(_language)]
"""The language of words in an answer."""


def language_of(wanted: str | None) -> Language:
    """The language of a tag or of a list of tags by preference: Chinese where that comes first."""
    for each in (wanted or "").split(","):
        tag = each.partition(";")[0].strip().lower()
        if tag.startswith("zh"):
            return "zh"
        if tag.startswith("en"):
            return "en"
    return "en"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked, as it is answered.

    Attributes:
        sites: those that it takes in; at least one.
        lines: only these; empty: all.
        days: the periods, each with its first and last day.
        grain: how they are cut.
        moment: up to which everything that was recorded is known.
        revision_at: when something was recorded last before it.
        preliminary: something waits to be recorded.
        known_since: when something of orders was recorded first; None: never.
        undivided: all periods count as one.
    """

    query: ReportQuery
    language: Language
    sites: tuple[Site, ...]
    lines: frozenset[str]
    days: tuple[tuple[date, date], ...]
    grain: Grain
    moment: datetime
    revision_at: datetime | None
    preliminary: bool
    known_since: datetime | None = None
    undivided: bool = False

    @property
    def before_revisions(self) -> bool:
        """Whether it is asked as of a moment of which nothing was recorded yet."""
        return self.known_since is not None and self.moment < self.known_since

    @property
    def as_of_ms(self) -> int:
        """The moment in epoch milliseconds."""
        return int(self.moment.timestamp() * 1_000)

    def spans(self, zone: str) -> list[Span]:
        """The periods on the clock of a zone."""
        spans = cut(self.grain, self.days[0][0], self.days[-1][1], ZoneInfo(zone))
        return [Span(spans[0].from_ms, spans[-1].until_ms)] if self.undivided else spans

    @property
    def scope(self) -> Scope:
        """The same for statements."""
        edges = {
            zone: (spans[0].from_ms, *(each.until_ms for each in spans))
            for zone in {each.time_zone for each in self.sites}
            if (spans := self.spans(zone))
        }
        return Scope(
            sites=tuple(SiteDays(each.id, edges[each.time_zone]) for each in self.sites),
            lines=self.lines,
            as_of=self.moment,
        )

    def whole(self) -> Asked:
        """The same as one period: for figures without a series."""
        return replace(self, undivided=True)

    def before(self) -> Asked:
        """The same of as many periods of the same kind just before."""
        first = self.days[0][0]
        length = self.days[-1][1] - first + timedelta(days=1)
        days = _days(self.grain, first - length, first - timedelta(days=1))
        return replace(self, days=tuple(each for each in days if each[1] < first))

    def report(
        self,
        name: ReportName,
        *,
        totals: dict[str, Figure],
        rows: list[ReportRow] | None = None,
        series: dict[int, dict[str, Figure]] | None = None,
        nothing: dict[str, Figure] | None = None,
        notes: list[ReportNote] | None = None,
        also: tuple[str, ...] = (),
    ) -> Report:
        """The answer.

        Args:
            name: which report.
            totals: of everything.
            rows: its parts.
            series: by number of the period.
            nothing: figures of a period that nothing is told of; None: `series` has all.
            notes: what one has to know of it.
            also: figures of which the definition is told besides those of the totals.
        """
        told = series or {}
        zone = self.sites[0].time_zone
        spans = self.spans(zone)
        points = [
            ReportPoint(
                first=first,
                last=last,
                **{"from": _at(span.from_ms)},
                until=_at(span.until_ms),
                figures=told.get(index, nothing or {}),
            )
            for index, ((first, last), span) in enumerate(zip(self.days, spans, strict=True))
        ]
        zones = {each.time_zone for each in self.sites}
        return Report(
            report=name,
            scope=ReportScope(
                site=self.query.site,
                line=self.query.line,
                machine=self.query.machine,
                sites=[each.code for each in self.sites],
            ),
            period=ReportPeriod(
                first=self.days[0][0],
                last=self.days[-1][1],
                grain=self.grain,
                time_zone=zone if len(zones) == 1 else None,
                **{"from": _at(spans[0].from_ms)},
                until=_at(spans[-1].until_ms),
            ),
            by=self.query.by,
            as_of=self.moment,
            revision_at=self.revision_at,
            preliminary=self.preliminary,
            notes=[*(notes or []), *self._of_knowledge(name)],
            definitions=definitions(codes_of(totals, also), self.language),
            totals=totals,
            rows=rows or [],
            series=points if series is not None else [],
        )

    def _of_knowledge(self, name: ReportName) -> list[ReportNote]:
        """Said where it is asked as of a moment of which nothing is recorded."""
        if name not in _OF_ORDERS or not self.before_revisions or self.known_since is None:
            return []
        since = self.known_since.isoformat(timespec="seconds")
        words = words_in(_BEFORE, self.language).format(since)
        return [ReportNote(code="before_revisions", words=words)]


_OF_ORDERS: Final = (
    ReportName.DELIVERY,
    ReportName.LEAD_TIMES,
    ReportName.DELAY_CAUSES,
    ReportName.FORECASTS,
    ReportName.OVERVIEW,
)
"""Reports of what is recorded of orders."""

_BEFORE: Final = Words(
    "what was known of orders is recorded since {} only; on time in full goes by the audit log",
    "订单的已知情况自 {} 起才有记录；准时足量交付率按审计日志计算",
)


async def asked(
    context: Context, principal: Principal, query: ReportQuery, language: Language
) -> Asked:
    """What a question means for whoever asks it.

    Raises:
        NotFoundError: there is no such site or line, or none for them.
        ProblemError: the period cannot be (422).
    """
    lines = await _lines(context, principal, query)
    async with context.connection() as connection:
        sites = await scope.sites_in(
            connection, site=query.site, limited_to=principal.sites, lines=principal.lines
        )
        if not sites:
            raise NotFoundError("site", query.site or "any")
        moment = await writing.known_at(connection, query.as_of)
        changed = await writing.changed_before(connection, moment)
        since = await writing.known_since(connection)
        preliminary = await _is_preliminary(connection, query)
    days, grain = _period(query, moment, sites[0].time_zone)
    return Asked(
        query=query,
        language=language,
        sites=tuple(sites),
        lines=lines,
        days=days,
        grain=grain,
        moment=moment,
        revision_at=changed,
        preliminary=preliminary,
        known_since=since,
    )


async def _is_preliminary(connection: Connection, query: ReportQuery) -> bool:
    # What waits now was not known at a past moment, and never will have been.
    return query.as_of is None and await order_lines.waiting(connection)


async def _lines(context: Context, principal: Principal, query: ReportQuery) -> frozenset[str]:
    if query.site is not None:
        principal.require_site(query.site)
    if query.machine is not None:
        principal.require_machine(query.machine)
    if query.line is None:
        return principal.lines
    allowed = principal.sees(query.line.partition("/")[0]) and (
        not principal.lines or query.line in principal.lines
    )
    if allowed:
        async with context.connection() as connection:
            allowed = await scope.line_exists(connection, query.line)
    if not allowed:
        raise NotFoundError("line", query.line)
    return frozenset({query.line})


def _period(
    query: ReportQuery, moment: datetime, zone: str
) -> tuple[tuple[tuple[date, date], ...], Grain]:
    today = moment.astimezone(ZoneInfo(zone)).date()
    last = query.last or (today if query.first is None or query.first <= today else query.first)
    first = query.first or last - timedelta(days=_DEFAULT_DAYS - 1)
    if last < first:
        raise _no_period(f"the last day {last} is before the first, {first}: exchange them")
    if not date(2000, 1, 1) <= first <= last <= date(2199, 12, 31):
        raise _no_period(f"{first} to {last} is not within the years 2000 to 2199")
    length = (last - first).days + 1
    grain = query.grain or (
        Grain.DAY
        if length <= _LONGEST_OF_DAYS
        else Grain.WEEK
        if length <= _LONGEST_OF_WEEKS
        else Grain.MONTH
    )
    try:
        return _days(grain, first, last), grain
    except ValueError as error:
        raise _no_period(str(error)) from error


def _no_period(detail: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, code="period")


def _days(grain: Grain, first: date, last: date) -> tuple[tuple[date, date], ...]:
    """First and last day of each period."""
    return tuple(
        (_at(each.from_ms).date(), (_at(each.until_ms) - timedelta(days=1)).date())
        for each in cut(grain, first, last, UTC)
    )


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1_000, UTC)


def row_dimension(query: ReportQuery, allowed: tuple[str, ...]) -> str:
    """What rows are, `""` for none.

    Raises:
        ProblemError: the report has no such rows (422).
    """
    by = query.by or ""
    if by and by not in allowed:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            f"by is {by!r}; this report has rows by {', '.join(allowed)}",
            code="by",
            params={"by": by},
        )
    return by

"""Shapes of schedules of reports."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.fields import Body, Listing, Name, Reason, TimeZone
from domain.reports.mailing import ROWS_BY
from domain.reports.schedules import Every

MOST_RECIPIENTS = 50
MOST_REPORTS = len(ROWS_BY)


class MailedReport(StrEnum):
    """Reports that can be sent."""

    OVERVIEW = "overview"
    OEE = "oee"
    LOSSES = "losses"
    LOAD = "load"
    SCRAP = "scrap"
    DELIVERY = "delivery"
    LEAD_TIMES = "lead-times"
    DELAY_CAUSES = "delay-causes"
    FORECASTS = "forecasts"
    TURNS = "turns"
    SERVICE_LEVEL = "service-level"


def _each_once(values: list[str]) -> list[str]:
    seen = [value.lower() for value in values]
    if len(set(seen)) < len(seen):
        raise PydanticCustomError("twice", "must hold nothing twice")
    return values


Address = Annotated[
    str,
    StringConstraints(
        pattern=r"^[^\s@<>,;:\x00-\x1f\x7f\"]{1,64}@[^\s@<>,;:\x00-\x1f\x7f\"]{1,255}$",
        max_length=320,
    ),
]
ScheduleCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,99}$")]
MailedFormat = Literal["pdf", "xlsx", "csv"]


def _usual_formats() -> list[MailedFormat]:
    return ["pdf", "xlsx"]


class ReportScheduleValues(Body):
    """What a schedule says."""

    name: Name = Field(description="The mail's subject begins with it.")
    reports: Annotated[
        list[MailedReport],
        Field(min_length=1, max_length=MOST_REPORTS),
        AfterValidator(_each_once),
    ]
    site: str | None = Field(default=None, max_length=100, description="null: every site.")
    line: str | None = Field(
        default=None, max_length=300, description="`site/area/line` of that site; null: all."
    )
    recipients: Annotated[
        list[Address],
        Field(min_length=1, max_length=MOST_RECIPIENTS),
        AfterValidator(_each_once),
    ] = Field(description="Addresses; each gets a mail of its own.")
    language: Literal["en", "zh-CN"] = "en"
    formats: Annotated[
        list[MailedFormat], Field(min_length=1, max_length=3), AfterValidator(_each_once)
    ] = Field(default_factory=_usual_formats)
    every: Every = Field(
        description="`day`: of the day before; `week`: of the week before, Monday to Sunday."
    )
    minute: int = Field(ge=0, lt=1440, description="Of the day, on the plant's clock: 390 is 6:30.")
    weekday: int = Field(default=0, ge=0, le=6, description="Of weekly ones: 0 is Monday.")
    time_zone: TimeZone | None = Field(
        default=None,
        description="On whose clock; null: the site's, or that of all sites where it is one.",
    )
    active: bool = True


class NewReportSchedule(ReportScheduleValues):
    """A schedule to be made."""

    code: ScheduleCode
    reason: Reason | None = None


class ReportSchedulePut(ReportScheduleValues):
    """A schedule as it shall be."""

    version: int = Field(description="The version that the caller saw.")
    reason: Reason | None = None


class NextSending(BaseModel):
    """When a report is sent next, and of which days."""

    at: datetime
    first: date
    last: date


class ReportSchedule(BaseModel):
    """A schedule."""

    code: str
    name: str
    reports: list[str]
    site: str | None
    line: str | None
    recipients: list[str]
    language: str
    formats: list[str]
    every: Every
    minute: int
    weekday: int
    time_zone: str | None = Field(description="Its own; null: the site's.")
    zone: str = Field(description="The one that it goes by.")
    active: bool
    next: NextSending | None = Field(description="null: it rests.")
    version: int
    changed_at: datetime
    changed_by: str


class ReportSending(BaseModel):
    """A period of a schedule."""

    id: int
    first: date
    last: date
    due_at: datetime
    made_at: datetime
    sent: bool = Field(
        description="false: nothing ran when it was due, and a later period was due by then; the"
        " mail of that one says so."
    )
    letters: dict[str, int] = Field(
        description="How many mails by what became of them: `waiting`, `sent`, `given_up`,"
        " `withdrawn`."
    )


class ReportSent(BaseModel):
    """A mail that was asked for."""

    message_id: UUID = Field(description="See `GET /v1/notifications`.")
    address: str
    first: date
    last: date


class SendNow(Body):
    """What to send at once."""

    first: date | None = Field(
        default=None, description="Of which day on; null: of the period that would be due next."
    )
    last: date | None = Field(default=None, description="Up to which day.")


class ReportScheduleList(Listing[ReportSchedule]):
    """Schedules by code."""


class ReportSendingList(Listing[ReportSending]):
    """What was sent, the newest first."""

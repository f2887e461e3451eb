"""Shapes of alarms and of what is watched for."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from api.fields import Body, Code, Listing, Moment, Reason
from domain.alarms.rules import AlarmPriority
from domain.alarms.states import AlarmState
from domain.alarms.subjects import SubjectKind
from store.alarms.messages import MessageRow
from store.alarms.reading import AlarmRow, JournalRow, StepRow


class AlarmDefinitionKind(StrEnum):
    """What can be defined."""

    RULES = "rules"
    ESCALATIONS = "escalations"
    ROTAS = "rotas"
    RECIPIENTS = "recipients"


class Alarm(BaseModel):
    """An alarm; one row for good, however often it is raised."""

    id: int
    cause: str = Field(description="Condition, variant and subject: names the alarm for good.")
    rule: str
    rule_version: int = Field(description="The version that raised it.")
    name: str
    response: str = Field(description="What somebody is to do.")
    kind: str = Field(description="Of the condition: `machine_down`, …")
    subject_kind: SubjectKind
    subject: str = Field(description="A machine's path, an order's number, `<site>/<item>`, …")
    site: str | None
    place: str | None
    priority: AlarmPriority
    state: AlarmState = Field(description="One of ISA-18.2's states.")
    active: bool = Field(description="Whether its condition holds, also where it is put aside.")
    occurrence: int = Field(description="How often it was raised.")
    raised_at: datetime = Field(description="When it was told to people last.")
    since: datetime | None = Field(description="Since when by the subject's own clock.")
    cleared_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    shelved_until: datetime | None
    shelved_by: str | None
    shelve_minutes: int = Field(description="For how long it may be shelved at most.")
    suppressed_by: str | None = Field(description="The cause that explains it.")
    assigned_to: str | None
    value: float | None
    limit: float | None
    detail: dict[str, Any] = Field(description="By kind: `reason`, `metric`, `due_ms`, …")
    changed_at: datetime
    version: int


class AlarmMessage(BaseModel):
    """A message to somebody, and what became of it. Addresses are not told."""

    message_id: UUID
    occurrence: int | None
    why: str = Field(description="`step <n>` of the escalation, `cleared`.")
    recipient: str
    channel: str
    state: str = Field(
        description="`held`, `gathered`, `told` (in a digest), `waiting`, `sent`, `given_up`,"
        " `withdrawn`"
    )
    because: str
    next_at: datetime
    attempts: int
    decided_at: datetime
    sent_at: datetime | None
    last_error: str | None


class AlarmStep(BaseModel):
    """A step of the escalation that was made, and whom it did not reach."""

    occurrence: int
    raised_at: datetime = Field(description="What its minutes counted from.")
    step: int = Field(description="From 0.")
    due_at: datetime
    made_at: datetime
    uncovered: list[str] = Field(
        description="Rotas that had nobody on call, and recipients that do not exist."
    )


class AlarmWithMessages(Alarm):
    """An alarm, who was told of it, and the steps that were made, newest first."""

    messages: list[AlarmMessage]
    steps: list[AlarmStep]


class AlarmList(Listing[Alarm]):
    """Alarms: those first that ask for an answer, by urgency and age."""


class AlarmEntry(BaseModel):
    """Something that happened to an alarm."""

    id: int
    alarm_id: int
    cause: str
    rule: str
    name: str
    site: str | None
    subject_kind: SubjectKind
    subject: str
    occurrence: int
    at: datetime
    event: str = Field(description="`raise`, `clear`, `acknowledge`, …, or `assign`")
    before: AlarmState
    after: AlarmState
    annunciated: bool = Field(description="Whether people were told anew by it.")
    priority: AlarmPriority
    actor: str
    reason: str | None
    detail: dict[str, Any]


class AlarmHistory(Listing[AlarmEntry]):
    """What happened, newest first."""


class AlarmSeen(Body):
    """An alarm as somebody saw it."""

    id: Annotated[int, Field(ge=1, le=2**63 - 1)]
    occurrence: Annotated[int, Field(ge=1, le=2**31 - 1)]


class AlarmAcknowledgement(Body):
    """Somebody knows of alarms. What was raised again meanwhile is not acknowledged."""

    alarms: Annotated[list[AlarmSeen], Field(min_length=1, max_length=1_000)]
    reason: Reason | None = None


class AlarmsAcknowledged(BaseModel):
    """What became of an acknowledgement."""

    acknowledged: list[int]
    refused: list[int] = Field(
        description="Not there any more, known already, put aside, or raised again meanwhile."
    )


class AlarmShelving(Body):
    """Putting an alarm aside for a time."""

    minutes: Annotated[int, Field(ge=1, le=10_080)]
    reason: Reason


class AlarmReason(Body):
    """Why, for the journal."""

    reason: Reason


class AlarmReasonOrNone(Body):
    """Why, for the journal, if there is something to say."""

    reason: Reason | None = None


class AlarmAssignment(Body):
    """Who sees to an alarm; null: nobody does."""

    to: Code | None


class AlarmMeasure(BaseModel):
    """A measure beside the standard's target."""

    value: float
    target: float
    met: bool


class FrequentAlarm(BaseModel):
    """An alarm that comes often."""

    cause: str
    rule: str
    count: int


class StaleAlarm(BaseModel):
    """An alarm that has been active for more than a day."""

    cause: str
    since: datetime


class AlarmFlood(BaseModel):
    """More than 10 annunciations within 10 minutes, until there were fewer than 5."""

    start: datetime
    end: datetime
    count: int
    peak: int = Field(description="The most within 10 minutes.")


class AlarmRates(BaseModel):
    """How good the alarms are, by ISA-18.2's measures; `measures` are named as its targets are."""

    start: datetime
    end: datetime
    operators: int
    count: int = Field(description="Annunciations: alarms told to people.")
    worst_hour: int
    measures: dict[str, AlarmMeasure] = Field(
        description="`per_hour` (of one operator), `flood_percent`, `stale`, `chattering`,"
        " `top_ten_percent`, `low_percent`, `medium_percent`, `high_percent` (high and critical)"
    )
    priorities: dict[AlarmPriority, int]
    floods: list[AlarmFlood]
    stale: list[StaleAlarm]
    chattering: list[str] = Field(description="Causes that came three times within a minute.")
    frequent: list[FrequentAlarm]


# What is watched for -----------------------------------------------------------------------------


class AlarmDefinition(BaseModel):
    """A rule, escalation, rota or recipient as it stands."""

    kind: AlarmDefinitionKind
    code: str
    version: int
    body: dict[str, Any] = Field(description="As `GET /v1/alarm-definitions/schema` says.")
    retired_at: datetime | None
    changed_at: datetime
    changed_by: str


class AlarmDefinitionList(Listing[AlarmDefinition]):
    """Definitions by code."""


class AlarmDefinitionVersion(BaseModel):
    """A version of a definition; `body` is null where it is not kept, or put out of force."""

    version: int
    body: dict[str, Any] | None
    made_at: datetime
    made_by: str
    reason: str | None


class AlarmDefinitionWithVersions(AlarmDefinition):
    """A definition and its versions, newest first."""

    versions: list[AlarmDefinitionVersion]


class AlarmDefinitionPut(Body):
    """A definition. `version` is the one that was seen; null: there is none yet."""

    body: dict[str, Any]
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    reason: Reason | None = None


class AlarmDefinitionChange(BaseModel):
    """What an import does to a definition."""

    kind: AlarmDefinitionKind
    code: str
    change: Literal["added", "changed", "unchanged"]
    body: dict[str, Any] = Field(description="What was read, with everything that is by default.")


class AlarmDefinitionFault(BaseModel):
    """What is wrong, where it stands, and what to do about it."""

    file: str
    line: int
    column: int
    problem: str
    value: str | None


class AlarmDefinitionImport(BaseModel):
    """What an import does, or would do."""

    dry_run: bool
    applied: bool
    changes: list[AlarmDefinitionChange]
    faults: list[AlarmDefinitionFault]


class RotaAsked(Body):
    """A rota, as it is or as it might be, over a time."""

    rota: dict[str, Any]
    start: Moment
    end: Moment


class RotaTurn(BaseModel):
    """Somebody is on call from a moment until another; `member`: null if nobody is."""

    member: str | None
    start: datetime
    end: datetime


class RotaTurns(BaseModel):
    """Who is on call when, in order and without gaps."""

    items: list[RotaTurn]


class AlarmTrial(Body):
    """A rule that is to be tried on the past."""

    rule: dict[str, Any]
    start: Moment
    end: Moment


class AlarmEpisode(BaseModel):
    """An alarm that would have been raised; `cleared`: null if it still held at the end."""

    cause: str
    subject: str
    site: str | None
    raised: datetime
    cleared: datetime | None
    value: float | None
    limit: float | None


class AlarmTrialled(BaseModel):
    """What a rule would have raised."""

    episodes: list[AlarmEpisode] = Field(description="The first 1,000, in order of time.")
    total: int
    per_hour: float
    floods: int
    chattering: list[str]
    looked_at: int = Field(description="So many moments of the past were looked at.")
    basis: str = Field(description="What the past was read from.")


def step_of(row: StepRow) -> AlarmStep:
    """A step as the API shows it."""
    return AlarmStep.model_validate(row, from_attributes=True)


def alarm_of(row: AlarmRow) -> Alarm:
    """An alarm as the API shows it."""
    return Alarm.model_validate(row, from_attributes=True)


def entry_of(row: JournalRow) -> AlarmEntry:
    """An entry of the journal as the API shows it."""
    return AlarmEntry.model_validate(row, from_attributes=True)


def message_of(row: MessageRow) -> AlarmMessage:
    """A message as the API shows it; an address that a provider's words repeat is not told."""
    told = AlarmMessage.model_validate(row, from_attributes=True)
    if row.last_error is None:
        return told
    return told.model_copy(update={"last_error": row.last_error.replace(row.address, "…")})

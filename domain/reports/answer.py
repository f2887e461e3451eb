"""A report as the API answers it (`GET /v1/reports/<name>`), as far as documents are made of it.

What an answer holds besides is passed over, so that answers may grow.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec

from domain.reports.definitions import Better, Unit


class FigureAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A figure: its value, or why there is none; the parts that may be added up."""

    value: float | None = None
    part: str | float | None = None
    whole: str | float | None = None
    absent: str | None = None
    absent_words: str | None = None
    target: float | None = None
    previous: float | None = None
    currency: str | None = None


class RowAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a part: of a machine, an item, a cause."""

    key: str
    label: str
    figures: dict[str, FigureAnswer] = {}


class StepAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one of the periods that follow each other."""

    first: date | None = None
    begins: datetime = msgspec.field(name="from")
    ends: datetime = msgspec.field(name="until")
    figures: dict[str, FigureAnswer] = {}


class DefinitionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a figure means, in the language that was asked for."""

    code: str
    version: int
    name: str
    formula: str
    unit: Unit
    better: Better = Better.NEITHER
    note: str = ""
    source: str = ""


class ScopeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What it is of; None: of everything."""

    site: str | None = None
    line: str | None = None
    machine: str | None = None
    sites: tuple[str, ...] = ()


class PeriodAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """When it happened: whole days of the plant; `time_zone` is None where sites have several."""

    first: date
    last: date
    grain: str
    time_zone: str | None = None

    @property
    def zone(self) -> str:
        """The clock that moments are told by."""
        return self.time_zone or "UTC"


class NoteAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be known to read the report."""

    code: str
    words: str


class ReportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A report."""

    report: str
    scope: ScopeAnswer = ScopeAnswer()
    period: PeriodAnswer
    as_of: datetime
    revision_at: datetime | None = None
    preliminary: bool = False
    notes: tuple[NoteAnswer, ...] = ()
    definitions: tuple[DefinitionAnswer, ...] = ()
    totals: dict[str, FigureAnswer] = {}
    rows: tuple[RowAnswer, ...] = ()
    series: tuple[StepAnswer, ...] = ()


def read_answer(content: Any) -> ReportAnswer:
    """An answer of the API, parsed from JSON.

    Raises:
        msgspec.ValidationError: it is none.
    """
    return msgspec.convert(content, ReportAnswer)

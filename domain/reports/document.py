"""A report as a document, whatever file it becomes: figures, charts, tables, definitions.

All words in it are in one language. Values are numbers and dates still: how a percentage or a
duration is written is the file's business (a spreadsheet reckons on with it, a page shows it).
"""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from domain.reports.definitions import Better

Language: TypeAlias = Literal["en", "zh"]
Cell: TypeAlias = str | int | float | Decimal | date | datetime | None
"""What stands in a table; None: there is nothing to tell."""

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


class Kind(enum.StrEnum):
    """What a value is, and so how it is written."""

    TEXT = "text"
    PERCENT = "percent"
    """A ratio: 0.5 is written as 50 %."""
    DURATION = "duration"
    """In ms."""
    PIECES = "pieces"
    MONEY = "money"
    PER_YEAR = "per_year"
    DAYS = "days"
    COUNT = "count"
    DATE = "date"
    MOMENT = "moment"
    """Aware; written on the report's clock."""


class FigureLine(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of the whole period.

    Attributes:
        code: its name for programs.
        name: its name for people.
        kind: how value and target are written.
        value: None where there is none, for the reason `absent`.
        part: what was divided, and `whole` by what: what may be added up.
        target: what it should be.
        previous: what it was in as many days before.
        better: which way is.
        currency: of money.
    """

    code: str
    name: str
    kind: Kind
    value: float | None
    absent: str = ""
    part: float | None = None
    whole: float | None = None
    target: float | None = None
    previous: float | None = None
    better: Better = Better.NEITHER
    currency: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it reaches its target; None where one is missing, or neither way is better."""
        if self.value is None or self.target is None or self.better is Better.NEITHER:
            return None
        if self.better is Better.HIGHER:
            return self.value >= self.target
        if self.better is Better.LOWER:
            return self.value <= self.target
        return abs(self.value) <= abs(self.target)


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a table: its heading, and what stands in it.

    `on_paper`: whether people read it; else it is for what reckons on.
    """

    code: str
    name: str
    kind: Kind = Kind.TEXT
    currency: str = ""
    on_paper: bool = True


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table. `code` names it where files have names for tables: `rows`, `series`, `lines`."""

    code: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


class ChartKind(enum.StrEnum):
    """How a chart is drawn."""

    BARS = "bars"
    """One below the other, in the order given."""
    LINES = "lines"
    """Along time, a line per series; it is broken where there is no value."""


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What a chart draws: a name, and a value per category."""

    name: str
    values: tuple[float | None, ...]


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A chart.

    Attributes:
        title: what it shows.
        shape: how it is drawn.
        kind: how its values are written.
        categories: bars' names, or periods in their order.
        series: as many values as there are categories, each.
        target: a line at that value.
        currency: of money.
    """

    title: str
    shape: ChartKind
    kind: Kind
    categories: tuple[str, ...]
    series: tuple[Drawn, ...]
    target: float | None = None
    currency: str = ""


class DefinitionLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a figure means."""

    code: str
    version: int
    name: str
    formula: str
    note: str
    source: str
    unit: str
    better: str


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A report.

    Attributes:
        code: the report's name in the API.
        title: for people.
        language: of all its words.
        zone: of its days and moments (IANA).
        first: the period's first day, and `last` its last.
        as_of: what was known then.
        scope: what it is of, in words: of what kind, and its name.
        notes: what has to be known to read it (preliminary, nothing cut off …).
        figures: of the whole period.
        charts: in the order in which they are shown.
        tables: likewise.
        definitions: of everything in it.
    """

    code: str
    title: str
    language: Language
    zone: str
    first: date
    last: date
    as_of: datetime
    scope: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    figures: tuple[FigureLine, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    definitions: tuple[DefinitionLine, ...] = ()

"""What every report answers: scope, period, moment, figures with their definitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, Field

from domain.reports.definitions import DEFINITIONS, Better, Unit
from domain.reports.periods import Grain
from domain.reports.ratios import Absent, Amount, Ratio
from domain.reports.words import WHY_ABSENT, Words

Language: TypeAlias = Literal["en", "zh"]


class ReportName(StrEnum):
    """The reports there are."""

    OEE = "oee"
    LOSSES = "losses"
    STOPS = "stops"
    LOAD = "load"
    SCRAP = "scrap"
    DELIVERY = "delivery"
    LEAD_TIMES = "lead-times"
    DELAY_CAUSES = "delay-causes"
    FORECASTS = "forecasts"
    TURNS = "turns"
    SERVICE_LEVEL = "service-level"
    OVERVIEW = "overview"


class Figure(BaseModel):
    """A number with its parts, or why there is none."""

    value: float | None = Field(description="To draw and to show; null: `absent` says why.")
    part: str = Field(description="Exact: a decimal, or `a/b`.")
    whole: str = Field(description="Likewise; the number is part / whole.")
    absent: Absent | None = None
    absent_words: str | None = None
    target: float | None = Field(default=None, description="What it is to reach by the end.")
    previous: float | None = Field(
        default=None, description="Of the same number of days before, where it is asked for."
    )
    currency: str | None = Field(default=None, description="Of money.")


class ReportRow(BaseModel):
    """A part of the report: a line of the factory, a cause, a customer."""

    key: str = Field(description="Names it to `GET /v1/reports/lines` and others; may be empty.")
    label: str
    link: str | None = Field(default=None, description="The page of what it is.")
    unit: str | None = Field(default=None, description="Of its quantities, where it is one.")
    figures: dict[str, Figure]


class ReportPoint(BaseModel):
    """A day, week or month."""

    first: date
    last: date
    from_: datetime = Field(alias="from", serialization_alias="from")
    until: datetime = Field(description="Not included.")
    figures: dict[str, Figure]


class ReportDefinition(BaseModel):
    """What a figure means, in the language asked for."""

    code: str
    version: int
    name: str
    formula: str
    note: str
    source: str
    unit: Unit
    better: Better


class ReportScope(BaseModel):
    """What the report is about."""

    site: str | None
    line: str | None
    machine: str | None = None
    sites: list[str] = Field(description="The sites it takes in, by code.")


class ReportPeriod(BaseModel):
    """Which days: whole days, weeks or months of the plants."""

    first: date
    last: date
    grain: Grain
    time_zone: str | None = Field(description="null: the sites have several.")
    from_: datetime = Field(alias="from", serialization_alias="from")
    until: datetime = Field(description="Not included.")


class ReportNote(BaseModel):
    """Something one has to know of this very answer."""

    code: str
    words: str


class Report(BaseModel):
    """A report."""

    report: ReportName
    scope: ReportScope
    period: ReportPeriod
    by: str | None = Field(description="What rows are: empty without it.")
    as_of: datetime = Field(
        description="What was known at this moment; asked again with it, the answer is the same."
    )
    revision_at: datetime | None = Field(description="When what it says changed last, before that.")
    preliminary: bool = Field(description="Changes are not reckoned yet: ask again in a moment.")
    notes: list[ReportNote] = []
    definitions: list[ReportDefinition]
    totals: dict[str, Figure]
    rows: list[ReportRow] = []
    series: list[ReportPoint] = []


def words_in(words: Words, language: Language) -> str:
    """The words in a language."""
    return words.en if language == "en" else words.zh


def figure(
    ratio: Ratio,
    language: Language,
    *,
    target: Decimal | None = None,
    currency: str | None = None,
) -> Figure:
    """A ratio as it goes out."""
    return Figure(
        value=ratio.value,
        part=exact_text(ratio.part),
        whole=exact_text(ratio.whole),
        absent=ratio.absent,
        absent_words=(
            None if ratio.absent is None else words_in(WHY_ABSENT[ratio.absent], language)
        ),
        target=None if target is None else float(target),
        currency=currency,
    )


def amount(value: Amount | None, otherwise: Absent = Absent.NOTHING_ENDED) -> Ratio:
    """A number that is no ratio: a count, a sum, a time; None: there is none, for that reason."""
    if value is None:
        return Ratio(Fraction(0), Fraction(0), otherwise)
    return Ratio(Fraction(value), Fraction(1))


_TWOS_AND_FIVES: Final = (2, 5)


def exact_text(value: Fraction) -> str:
    """A fraction as text, exactly: a decimal where it is one, else `a/b`."""
    if value.denominator == 1:
        return str(value.numerator)
    rest = value.denominator
    for each in _TWOS_AND_FIVES:
        while rest % each == 0:
            rest //= each
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    places = 0
    scaled = value
    while scaled.denominator != 1:
        scaled, places = scaled * 10, places + 1
    sign = "-" if scaled < 0 else ""
    digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def definitions(codes: Iterable[str], language: Language) -> list[ReportDefinition]:
    """What figures mean, in the order in which they are named."""
    return [
        ReportDefinition(
            code=each.code,
            version=each.version,
            name=words_in(each.name, language),
            formula=words_in(each.formula, language),
            note=words_in(each.note, language),
            source=each.source,
            unit=each.unit,
            better=each.better,
        )
        for each in (DEFINITIONS[code] for code in codes)
    ]


def figures(
    ratios: Mapping[str, Ratio],
    language: Language,
    targets: Mapping[str, Decimal] | None = None,
) -> dict[str, Figure]:
    """Ratios as they go out, with what they are to reach."""
    wanted = targets or {}
    return {
        code: figure(ratio, language, target=wanted.get(code)) for code, ratio in ratios.items()
    }


def codes_of(totals: Mapping[str, object], also: Sequence[str] = ()) -> list[str]:
    """The figures of a report that have a definition, each once."""
    return [code for code in dict.fromkeys([*totals, *also]) if code in DEFINITIONS]

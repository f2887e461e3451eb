"""Shapes of intake: what became of documents, and the register of them."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.fields import Body, Listing, Name, Number
from connectors.mapping import DateOrder, DecimalSign
from connectors.mapping import Field as ColumnField
from domain.document_order import Outcome
from domain.documents import DocumentKind, Format, LineAction, NameScheme, Severity


class TableFormat(StrEnum):
    """The formats that have columns."""

    CSV = "csv"
    XLSX = "xlsx"


class DocumentProblem(BaseModel):
    """Something in a document that is not as it should be."""

    model_config = ConfigDict(from_attributes=True)

    severity: Severity = Field(
        description="`error`: not taken in; `warning`: taken in, to be looked at; `note`."
    )
    code: str = Field(description="The same word for the same fault.")
    place: str = Field(description="Where, in the terms of the format.")
    value: str | None = Field(description="What stands there.")
    problem: str = Field(description="What is wrong with it, and what to do.")
    document: str | None = Field(description="The order's number there; null: the whole file.")


class DocumentLine(BaseModel):
    """A line as it stands now, beside what the document said."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    position: str | None = Field(description="Its number in the document, as written.")
    item: str
    item_name: str
    item_provisional: bool = Field(description="Nobody knew the item; it was made for this.")
    description: str | None
    quantity: Number = Field(description="In the item's unit where that could be said exactly.")
    unit: str
    quantity_as_told: Number | None
    unit_as_told: str | None
    price: Number | None = Field(description="For `price_basis` of the units told.")
    price_basis: Number
    due: datetime | None
    promised: datetime | None
    state: str


class TakenDocument(BaseModel):
    """What became of one document of what was sent."""

    id: int | None = Field(description="In the register; null in a dry run.")
    kind: DocumentKind
    source: str
    number: str = Field(description="The order's number there.")
    version: int
    outcome: Outcome
    order: str | None = Field(description="Ours; null in a dry run that would make one.")
    state: str | None = Field(default=None, description="Of the order.")
    site: str | None = None
    customer: str | None = Field(default=None, description="Their code.")
    customer_name: str | None = None
    customer_provisional: bool = Field(
        default=False, description="Nobody knew the customer; it was made for this."
    )
    customer_reference: str | None = None
    currency: str | None = None
    priority: int | None = None
    reasons: list[str] = Field(description="Why the outcome, or why people have to look at it.")
    lines: list[DocumentLine]
    problems: list[DocumentProblem]


class AnswerDocument(BaseModel):
    """A document that goes back to the sender."""

    kind: str = Field(description="As the trade calls it: `997`, `855`, `ORDRSP`.")
    media_type: str
    content: str
    document: str | None = Field(default=None, description="The order's number there.")


class Intake(BaseModel):
    """What became of what was sent."""

    format: Format
    dry_run: bool
    documents: list[TakenDocument]
    problems: list[DocumentProblem] = Field(description="All of them, also those of documents.")
    answers: list[AnswerDocument]


class RegisteredDocument(BaseModel):
    """A document in the register."""

    id: int
    channel: str | None
    source: str
    number: str
    kind: DocumentKind
    version: int
    outcome: Outcome
    order: str | None
    site: str | None
    format: Format
    file_name: str | None
    size: int = Field(description="Bytes of the file it came in with.")
    problems: list[DocumentProblem]
    reason: str | None
    message: str | None = Field(description="Its own identity: a control number, DOCNUM.")
    received_at: datetime
    received_by: str
    applied_at: datetime | None
    expires_at: datetime | None = Field(description="While it waits: until when.")
    repeats: int = Field(description="How often it came in again.")
    repeated_at: datetime | None


class RegisteredDocuments(Listing[RegisteredDocument]):
    """Documents, newest first."""


class ColumnMapping(Body):
    """Which column of a table means what. What is null or missing is found out from the file."""

    columns: dict[ColumnField, Name] = Field(
        default={}, description="What is told → the heading as it stands there."
    )
    constants: dict[ColumnField, Name] = Field(
        default={}, description="What is told → what holds for every row."
    )
    date_order: DateOrder | None = Field(
        default=None, description="Of dates like 03/04/2026: `dmy`, `mdy`, `ymd`."
    )
    decimal: DecimalSign | None = None
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    encoding: Annotated[str, StringConstraints(max_length=40)] | None = None
    header_row: Annotated[int, Field(ge=0, le=10_000)] | None = Field(
        default=None, description="Counted from 1; 0: there is none."
    )
    sheet: Name | None = None


class PutMapping(Body):
    """A mapping to be remembered."""

    format: TableFormat
    mapping: ColumnMapping


class RememberedMapping(BaseModel):
    """A mapping, and who changed it last."""

    name: str
    format: TableFormat
    mapping: ColumnMapping
    changed_at: datetime
    changed_by: str


class RememberedMappings(Listing[RememberedMapping]):
    """Mappings by name."""


class PreviewName(BaseModel):
    """What an item is called, and by whom."""

    model_config = ConfigDict(from_attributes=True)

    scheme: NameScheme
    value: str


class PreviewLine(BaseModel):
    """A row as it would be taken in."""

    model_config = ConfigDict(from_attributes=True)

    position: str
    action: LineAction
    names: list[PreviewName]
    description: str | None
    quantity: Number | None
    unit: str | None
    price: Number | None
    price_basis: Number
    due: datetime | date | None


class PreviewRow(BaseModel):
    """A row as it stands there, and what it means."""

    model_config = ConfigDict(from_attributes=True)

    number: int = Field(description="As the spreadsheet shows it.")
    cells: list[str]
    order: str | None
    line: PreviewLine | None


class Preview(BaseModel):
    """What a table would become."""

    format: TableFormat
    sheets: list[str]
    header_row: int | None
    header: list[str]
    mapping: ColumnMapping | None = Field(description="As told, with what was guessed.")
    rows: list[PreviewRow] = Field(description="The first ones.")
    orders: int
    lines: int
    problems: list[DocumentProblem] = Field(description="One for each bad cell.")


class OrderAnswers(Listing[AnswerDocument]):
    """What we say to the order of a document, as things stand."""

"""Documents: taking them in, looking them up, previews and column mappings of tables."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from api.auth.principal import Orderer, Reader
from api.chosen_sites import Sites
from api.context import RequestContext
from api.fields import Code, Paging, Wanted, required_moment
from api.idempotency import IdempotentRoute
from api.intake import answering, service, tables
from api.intake.receiving import Sending
from api.intake.schemas import (
    ColumnMapping,
    DocumentProblem,
    Intake,
    OrderAnswers,
    Preview,
    PreviewRow,
    PutMapping,
    RegisteredDocument,
    RegisteredDocuments,
    RememberedMapping,
    RememberedMappings,
    TableFormat,
)
from api.intake.sender import SHOP, Sender
from connectors import table
from connectors.mapping import Mapping
from connectors.options import ReadOptions
from domain.document_order import Outcome
from domain.documents import Format
from store import audit, orders
from store.errors import NotFoundError
from store.intake import listing, mappings, register
from store.intake.listing import DocumentRow
from store.intake.mappings import MappingRow

router = APIRouter(prefix="/v1/intake", tags=["intake"], route_class=IdempotentRoute)

_RAW: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The document as it is, byte for byte.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_MEDIA_TYPES: Final = {
    Format.SAP_IDOC: "application/xml",
    Format.X12: "application/EDI-X12",
    Format.EDIFACT: "application/EDIFACT",
    Format.KINGDEE: "application/json",
    Format.YONYOU: "application/json",
    Format.SHOPIFY: "application/json",
    Format.CSV: "text/csv",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_ENDINGS: Final = {
    Format.SAP_IDOC: "xml",
    Format.X12: "x12",
    Format.EDIFACT: "edi",
    Format.CSV: "csv",
    Format.XLSX: "xlsx",
}
Columns = Annotated[
    str | None,
    Query(max_length=8_000, description="A mapping of columns, as JSON; goes before `mapping`."),
]
_UNSAFE_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]+")

DocumentId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/documents", operation_id="listDocuments")
async def list_documents(
    *,
    context: RequestContext,
    sites: Sites,
    page: Paging,
    state: Annotated[
        Outcome | None, Query(description="What became of them: `waiting`, `refused`, …")
    ] = None,
    order: Annotated[Wanted | None, Query(description="Of this order (its number).")] = None,
    source: Wanted | None = None,
    channel: Wanted | None = None,
    search: Annotated[
        Wanted | None, Query(description="Text in the number there, the source, our number.")
    ] = None,
) -> RegisteredDocuments:
    """Documents that came in, newest first, and what became of each."""
    async with context.connection() as connection:
        await register.expire(connection, required_moment(context.clock.now_ms()))
        rows, total = await listing.documents(
            connection,
            page,
            outcome=state,
            order=order,
            source=source,
            channel=channel,
            search=search,
            site=sites.site,
            limited_to=sites.limited_to,
        )
    return RegisteredDocuments(items=[_registered(row) for row in rows], total=total)


@router.get("/documents/{document_id}", operation_id="getDocument")
async def get_document(
    context: RequestContext, principal: Reader, document_id: DocumentId
) -> RegisteredDocument:
    """One document of the register."""
    async with context.connection() as connection:
        await register.expire(connection, required_moment(context.clock.now_ms()))
        row = await listing.document(connection, document_id)
    if row is None or not _sees(principal, row.site):
        raise NotFoundError("document", str(document_id))
    return _registered(row)


@router.get(
    "/documents/{document_id}/content",
    operation_id="getDocumentContent",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
async def get_document_content(
    context: RequestContext, principal: Reader, document_id: DocumentId
) -> Response:
    """The file that the document came in with, byte for byte, to be saved."""
    async with context.connection() as connection:
        row = await listing.file_of(connection, document_id)
    if row is None or not _sees(principal, row.site):
        raise NotFoundError("document", str(document_id))
    spoken = Format(row.format)
    name = row.name or f"document-{document_id}.{_ENDINGS.get(spoken, 'json')}"
    plain = _UNSAFE_IN_NAMES.sub("_", name) or "document"
    return Response(
        row.content,
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''"
            + quote(name, safe=""),
            "X-Document-Media-Type": _MEDIA_TYPES[spoken],
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )


@router.get("/documents/{document_id}/answers", operation_id="getDocumentAnswers")
async def get_document_answers(
    context: RequestContext, principal: Reader, document_id: DocumentId
) -> OrderAnswers:
    """Our word on the document's order (855, ORDRSP) as it stands; none before it is confirmed."""
    async with context.transaction() as connection:
        row = await listing.document(connection, document_id)
        if row is None or not _sees(principal, row.site):
            raise NotFoundError("document", str(document_id))
        answer = None
        if row.order_number is not None:
            order = await orders.find(connection, number=row.order_number)
            if order is not None:
                answer = await answering.answer_of_order(context, connection, order.id)
    items = [] if answer is None else [answer]
    return OrderAnswers(items=items, total=len(items))


@router.get("/mappings", operation_id="listColumnMappings")
async def list_mappings(
    context: RequestContext, _principal: Reader, page: Paging
) -> RememberedMappings:
    """Column mappings by name."""
    async with context.connection() as connection:
        rows, total = await mappings.mappings(connection, page)
    return RememberedMappings(items=[_remembered(row) for row in rows], total=total)


@router.get("/mappings/{name}", operation_id="getColumnMapping")
async def get_mapping(context: RequestContext, _principal: Reader, name: Code) -> RememberedMapping:
    """A column mapping."""
    async with context.connection() as connection:
        row = await mappings.mapping(connection, name)
    if row is None:
        raise NotFoundError("column mapping", name)
    return _remembered(row)


@router.put("/mappings/{name}", operation_id="putColumnMapping")
async def put_mapping(
    context: RequestContext, principal: Orderer, name: Code, wanted: PutMapping
) -> RememberedMapping:
    """Remember which column means what, or replace what is remembered under this name."""
    async with context.transaction() as connection:
        before = await mappings.mapping(connection, name)
        content = wanted.mapping.model_dump(mode="json", exclude_none=True)
        await mappings.put(
            connection,
            name,
            table_format=wanted.format,
            mapping=content,
            by=principal.actor.name,
        )
        await audit.write(
            connection,
            actor=principal.actor,
            action="ColumnMappingChanged",
            object_kind="column_mapping",
            object_key=name,
            before=None if before is None else before.mapping,
            after=content,
        )
        row = await mappings.mapping(connection, name)
    assert row is not None  # noqa: S101 - just written
    return _remembered(row)


@router.post("/preview/{format}", operation_id="previewTable", openapi_extra=_RAW)
async def preview_table(
    *,
    request: Request,
    context: RequestContext,
    _principal: Orderer,
    spoken: Annotated[TableFormat, Path(alias="format")],
    mapping: Annotated[Code | None, Query(description="A remembered mapping.")] = None,
    columns: Columns = None,
    rows: Annotated[int, Query(ge=1, le=200, description="How many rows to show.")] = 20,
) -> Preview:
    """What a table would become: its headings, what they are taken to mean, its first rows."""
    async with context.connection() as connection:
        known = await tables.known_mapping(connection, Format(spoken), mapping, None)
    if columns is not None:
        known = tables.told_mapping(columns)
    content = await request.body()
    options = ReadOptions(mapping=known)
    made = await asyncio.to_thread(table.preview, content, options, limit=rows)
    return Preview(
        format=TableFormat(made.format.value),
        sheets=list(made.sheets),
        header_row=made.header_row,
        header=list(made.header),
        mapping=None if made.mapping is None else _column_mapping(made.mapping),
        rows=[PreviewRow.model_validate(row) for row in made.rows],
        orders=made.orders,
        lines=made.lines,
        problems=[DocumentProblem.model_validate(problem) for problem in made.problems],
    )


@router.post("/{format}", operation_id="takeDocumentsIn", openapi_extra=_RAW)
async def take_documents_in(
    *,
    request: Request,
    context: RequestContext,
    principal: Sender,
    spoken: Annotated[Format, Path(alias="format")],
    dry_run: Annotated[
        bool, Query(description="Tell what would happen, and write nothing.")
    ] = False,
    site: Annotated[Code | None, Query(description="Who handles the orders.")] = None,
    channel: Annotated[Code | None, Query(description="By which channel they come in.")] = None,
    source: Annotated[
        Code | None, Query(description="Who numbered the orders, where the document does not say.")
    ] = None,
    mapping: Annotated[Code | None, Query(description="Of a table's columns.")] = None,
    columns: Columns = None,
    file_name: Annotated[Code | None, Query(description="What the file is called.")] = None,
) -> Intake:
    """Take documents in: orders, changes and cancellations. Each has its own outcome.

    The same document twice creates nothing; an older one after a newer one changes nothing; a
    change before its order waits for it. 422 with every problem when nothing could be read.
    """
    shop = request.headers.get(SHOP)
    if spoken is Format.SHOPIFY and source is None and shop:
        source = f"shopify:{shop}"[:100]
    sending = Sending(
        format=spoken,
        content=await request.body(),
        dry_run=dry_run,
        site=site,
        channel=channel,
        source=source,
        mapping=mapping,
        columns=columns,
        file_name=file_name,
    )
    return await service.take_in(context, principal, sending)


def _sees(principal: Reader, site: str | None) -> bool:
    """Whether somebody may know of a document; one of no site is for those who see all."""
    return not principal.sites if site is None else principal.sees(site)


def _registered(row: DocumentRow) -> RegisteredDocument:
    told = msgspec.structs.asdict(row)
    told["order"] = told.pop("order_number")
    return RegisteredDocument.model_validate(told)


def _remembered(row: MappingRow) -> RememberedMapping:
    return RememberedMapping.model_validate(msgspec.structs.asdict(row))


def _column_mapping(mapping: Mapping) -> ColumnMapping:
    return ColumnMapping.model_validate(msgspec.to_builtins(mapping))

"""Looking things up in the audit log, and taking it along."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response, StreamingResponse

from api.audit.schemas import LogEntry, LogEntryList
from api.auth.principal import Auditor
from api.context import Context, RequestContext
from api.fields import Moment, Paging, Wanted
from store import audit
from store.audit import Entry

router = APIRouter(prefix="/v1/audit", tags=["audit"])

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS: Final = tuple(field.name for field in msgspec.structs.fields(Entry))
_FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "One entry per line.",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
}


class Format(StrEnum):
    """What an export is written in."""

    CSV = "csv"
    JSON_LINES = "jsonl"


async def _wanted(
    *,
    principal: Auditor,
    actor: Annotated[Wanted | None, Query(description="Who, exactly.")] = None,
    action: Annotated[Wanted | None, Query(description="What, exactly: `OrderChanged`.")] = None,
    object_kind: Annotated[Wanted | None, Query(description="`order`, `user`, …")] = None,
    object_key: Annotated[Wanted | None, Query(description="The object's name.")] = None,
    order: Annotated[Wanted | None, Query(description="All that touched this order.")] = None,
    site: Wanted | None = None,
    since: Annotated[
        Moment | None, Query(alias="from", description="RFC 3339 with a zone.")
    ] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Likewise, excluded.")] = None,
    search: Annotated[
        Wanted | None, Query(description="Text in who, what, why or the object's name.")
    ] = None,
) -> audit.Wanted:
    if site is not None:
        principal.require_site(site)
    return audit.Wanted(
        actor=actor,
        action=action,
        object_kind=object_kind,
        object_key=object_key,
        order=order,
        site=site,
        since=since,
        until=until,
        search=search,
        limited_to=sorted(principal.sites),
        lines=sorted(principal.lines),
    )


Filtered = Annotated[audit.Wanted, Depends(_wanted)]


@router.get("", operation_id="listAudit")
async def list_audit(context: RequestContext, wanted: Filtered, page: Paging) -> LogEntryList:
    """Entries, newest first. Who is limited to sites sees what happened at them."""
    async with context.connection() as connection:
        rows, total = await audit.entries(connection, page, wanted)
    return LogEntryList(items=[LogEntry.model_validate(row) for row in rows], total=total)


@router.get("/export", operation_id="exportAudit", responses=_FILES, response_model=None)
async def export_audit(
    context: RequestContext,
    wanted: Filtered,
    format_: Annotated[Format, Query(alias="format")] = Format.CSV,
) -> Response:
    """All entries that are asked for, oldest first, however many there are."""
    lines = _csv if format_ is Format.CSV else _json_lines
    media_type = "text/csv" if format_ is Format.CSV else "application/x-ndjson"
    return StreamingResponse(
        _portions(context, wanted, lines),
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="audit.{format_.value}"'},
    )


async def _portions(context: Context, wanted: audit.Wanted, lines: Any) -> AsyncIterator[bytes]:
    first = True
    async with context.transaction() as connection:
        async for rows in audit.all_entries(connection, wanted):
            yield lines(rows, heading=first)
            first = False
    if first:
        yield lines([], heading=True)


def _json_lines(rows: list[Entry], *, heading: bool) -> bytes:
    del heading  # every line names its fields
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def _csv(rows: list[Entry], *, heading: bool) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    if heading:
        writer.writerow(_COLUMNS)
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in _COLUMNS])
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode().strip('"')
    return f"'{text}" if text.startswith(_FORMULA) else text

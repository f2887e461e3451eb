"""Any report as a file: what its own address answers, written as CSV, XLSX or PDF.

The report is asked for inside this process at the address at which screens ask for it, with the
same query and by the same person: one way of reckoning, one check of rights, one kind of refusal.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import IO, Annotated, Final

import httpx
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from api.auth.principal import Reader
from api.context import Context, RequestContext
from api.errors import MEDIA_TYPE as PROBLEM_TYPE
from api.errors import ProblemError
from api.fields import Code
from api.reports.asked import Asking, InLanguage
from connectors.report_files.csv_file import NoTableError, write_csv
from connectors.report_files.fonts import NoFontError
from connectors.report_files.formats import FileFormat, file_name
from connectors.report_files.pdf_file import write_pdf
from connectors.report_files.xlsx_file import TooManyRowsError, write_xlsx
from domain.reports.answer import read_answer
from domain.reports.composing import compose
from domain.reports.document import Document, Language
from domain.reports.mailing import ROWS_BY

router = APIRouter(prefix="/v1/reports", tags=["reports"])

_BLOCK_BYTES: Final = 256 * 1024
_OURS: Final = frozenset(("format", "table", "mark", "language", "by"))
_CARRIED: Final = ("authorization", "cookie")
_BINARY: Final = {"type": "string", "format": "binary"}


@router.get(
    "/{name}/file",
    operation_id="getReportFile",
    response_class=Response,
    responses={
        200: {
            "description": "The file.",
            "content": {kind.media_type: {"schema": _BINARY} for kind in FileFormat},
        }
    },
)
async def get_report_file(
    *,
    context: RequestContext,
    _principal: Reader,
    request: Request,
    name: Annotated[str, Path(pattern="^[a-z][a-z-]{0,39}$", description="The report.")],
    kind: Annotated[
        FileFormat,
        Query(
            alias="format",
            description="`csv`: one figure a line, or a table; `xlsx`: all sheets; `pdf`: A4.",
        ),
    ] = FileFormat.XLSX,
    table: Annotated[
        Code | None,
        Query(description="Of CSV: which table (`rows`, `series`); none: one figure a line."),
    ] = None,
    mark: Annotated[
        bool, Query(description="Whether a CSV begins with a byte order mark, as Excel wants it.")
    ] = True,
    query: Asking,
    language: InLanguage,
) -> Response:
    """A report as a file; the query is that of `GET /v1/reports/{name}`, all of it."""
    if name not in ROWS_BY:
        raise ProblemError(
            HTTPStatus.NOT_FOUND,
            "not-found",
            f"there is no report {name!r} as a file; there are {', '.join(ROWS_BY)}",
        )
    answer = await _ask(request, name, language, query.by or ROWS_BY[name])
    if answer.status_code != HTTPStatus.OK:
        return Response(
            answer.content,
            status_code=answer.status_code,
            headers={"content-type": answer.headers.get("content-type", PROBLEM_TYPE)},
        )
    # In threads, a few at a time: the others wait, and nobody's screen does.
    async with context.files:
        try:
            return await _written(context, answer, language, kind, table=table, mark=mark)
        except NoTableError as error:
            raise _refused(str(error), "no-table") from error
        except NoFontError as error:
            raise _refused(str(error), "no-font") from error
        except TooManyRowsError as error:
            raise _refused(str(error), "too-many-rows") from error


async def _ask(request: Request, name: str, language: Language, by: str | None) -> httpx.Response:
    """What the report's own address answers to whoever asks."""
    query = [(key, value) for key, value in request.query_params.multi_items() if key not in _OURS]
    query.append(("language", language))
    if by is not None:
        query.append(("by", by))
    client = request.client
    transport = httpx.ASGITransport(
        app=request.app,
        raise_app_exceptions=False,
        client=(client.host, client.port) if client is not None else ("unknown", 0),
    )
    async with httpx.AsyncClient(transport=transport, base_url=str(request.base_url)) as inside:
        return await inside.get(
            f"/v1/reports/{name}",
            params=httpx.QueryParams(tuple(query)),
            headers={key: request.headers[key] for key in _CARRIED if key in request.headers},
            timeout=None,  # nothing leaves this process
        )


async def _written(
    context: Context,
    answer: httpx.Response,
    language: Language,
    kind: FileFormat,
    *,
    table: str | None,
    mark: bool,
) -> Response:
    document = await asyncio.to_thread(_composed, answer, language)
    headers = {
        "Content-Disposition": f'attachment; filename="{file_name(document, kind)}"',
        "Cache-Control": "no-store",
    }
    if kind is FileFormat.PDF:
        font = context.settings.report_font
        content = await asyncio.to_thread(write_pdf, document, font=font)
        return Response(content, media_type=kind.media_type, headers=headers)
    if kind is FileFormat.CSV:
        parts = write_csv(document, table, mark=mark)
        return StreamingResponse(parts, media_type=kind.media_type, headers=headers)
    file = await asyncio.to_thread(_workbook, document)
    return StreamingResponse(_blocks(file), media_type=kind.media_type, headers=headers)


def _composed(answer: httpx.Response, language: Language) -> Document:
    return compose(read_answer(answer.json()), language)


def _workbook(document: Document) -> IO[bytes]:
    """The workbook on disk, read from its beginning; whoever has it closes it."""
    file: IO[bytes] = tempfile.TemporaryFile(prefix="gemba-report-")  # noqa: SIM115 - given on
    try:
        write_xlsx(document, file)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


async def _blocks(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while block := await asyncio.to_thread(file.read, _BLOCK_BYTES):
            yield block


def _refused(detail: str, code: str) -> ProblemError:
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", detail, code=code)

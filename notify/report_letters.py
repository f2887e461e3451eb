"""Letters with reports: asked of the API as anybody would, written as files, attached.

A report is asked for as of the moment when the letter was decided, so that a letter that is written
again, after a crash or for the next recipient, says the same.
"""

from __future__ import annotations

import asyncio
import io
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import httpx
import msgspec

from connectors.report_files.csv_file import write_csv
from connectors.report_files.fonts import NoFontError
from connectors.report_files.formats import FileFormat, file_name
from connectors.report_files.pdf_file import write_pdf
from connectors.report_files.xlsx_file import write_xlsx
from domain.access import Role
from domain.notification.letters import Attachment, Composed, Letter
from domain.reports import report_words as words
from domain.reports.answer import read_answer
from domain.reports.composing import compose
from domain.reports.document import Document, Kind, Language
from domain.reports.mailing import ROWS_BY, in_short, language_of
from domain.reports.words import Words
from domain.reports.writing import days, written
from notify.courier_ports import LetterError, NotYetError
from runtime.tokens import issue_token
from store.notification.letters import LetterTable
from store.reports.letters import LETTERS, LetterBody, read_body

_API_TIMEOUT_S: Final = 60.0
_TOKEN_DAYS: Final = 1 / 24
_REMEMBERED: Final = 4
"""Letters of one sending say the same to each recipient: so many are kept."""
MOST_BYTES: Final = 15_000_000
"""Mail servers take little more, and Base64 adds a third."""
_UNAVAILABLE: Final = 500
_NOT_YET: Final = "as-of"
_TOO_SOON: Final = frozenset((408, 425, 429))

_LATE: Final = Words(
    "This report was due at {due} and comes late.", "本报表应于 {due} 发送，现补发。"
)
_MISSED: Final = Words(
    "Not sent, as nothing ran when they were due: {periods}. They can be had as files.",
    "以下期间到期时系统未运行，未单独发送：{periods}。可在报表页面下载。",
)
_NO_FILE: Final = Words("{file} could not be made: {reason}", "无法生成 {file}：{reason}")
_REFUSED: Final = Words("{report}: {reason}", "{report}：{reason}")
_SCOPE: Final = Words("{kind}: {name}", "{kind}：{name}")


class _Made(msgspec.Struct, frozen=True, kw_only=True):
    """What a letter says, whoever it goes to."""

    figures: tuple[str, ...]
    problems: tuple[str, ...]
    scope: str
    attachments: tuple[Attachment, ...]


class ReportLetters:
    """The source of letters with reports.

    Args:
        installation_key: signs in at the API.
        api_url: where reports are asked for.
        font: the path of a font for PDF; empty: the usual places.
        patience_s: how long composing may take; what is being made then goes on.
    """

    table: LetterTable = LETTERS

    def __init__(
        self, *, installation_key: str, api_url: str, font: str, patience_s: float
    ) -> None:
        self._key = installation_key
        self._api_url = api_url
        self._font = font
        self._patience_s = patience_s
        self._made: OrderedDict[tuple[LetterBody, str], asyncio.Task[_Made]] = OrderedDict()

    async def compose(self, letter: Letter) -> Composed:
        """What a letter says, with its files.

        Raises:
            LetterError: its row cannot be read, or the API will never answer what it asks for.
            NotYetError: the API does not answer now.
        """
        try:
            body = read_body(letter.body)
        except msgspec.ValidationError as error:
            raise LetterError(f"what it is to say cannot be read: {error}") from error
        language = language_of(letter.language)
        made = await self._remembered(body, language)
        return Composed(
            template="report",
            values={
                "name": body.name,
                "scope": made.scope,
                "period": days(body.first, body.last),
                "as_of": body.as_of,
                "figures": made.figures or None,
                "late": _lateness(body, language),
                "problems": "\n".join(made.problems) or None,
                "files": tuple(each.name for each in made.attachments) or None,
            },
            link=_link(body),
            time_zone=body.zone,
            attachments=made.attachments,
        )

    async def _remembered(self, body: LetterBody, language: Language) -> _Made:
        """What a letter says; made once for all recipients, and on while nobody waits for it.

        Raises:
            NotYetError: it takes longer than an attempt to send may take.
        """
        key = (body, language)
        making = self._made.get(key)
        if making is None:
            making = asyncio.create_task(self._make(body, language), name="report files")
            making.add_done_callback(partial(self._forget_failed, key))
            self._made[key] = making
        self._made.move_to_end(key)
        while len(self._made) > _REMEMBERED and next(iter(self._made.values())).done():
            self._made.popitem(last=False)
        await asyncio.wait([making], timeout=self._patience_s)
        if not making.done():
            raise NotYetError("its files are still being made")
        return making.result()

    def _forget_failed(self, key: tuple[LetterBody, str], making: asyncio.Task[_Made]) -> None:
        if making.cancelled() or making.exception() is not None:
            self._made.pop(key, None)

    async def _make(self, body: LetterBody, language: Language) -> _Made:
        documents: list[Document] = []
        problems: list[str] = []
        token = issue_token(
            self._key,
            role=Role.VIEWER,
            sites=[body.site] if body.site is not None else [],
            lines=[body.line] if body.line is not None else [],
            days=_TOKEN_DAYS,
            subject="reports",
        )
        async with httpx.AsyncClient(
            base_url=self._api_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_API_TIMEOUT_S,
            trust_env=False,
        ) as api:
            for report in body.reports:
                try:
                    documents.append(await _asked(api, report, body, language))
                except _RefusedError as error:
                    title = words.TITLES.get(report, Words(report, report))
                    problems.append(
                        _in(_REFUSED, language).format(report=_in(title, language), reason=error)
                    )
        if not documents:
            raise LetterError("; ".join(problems))
        formats = [FileFormat(each) for each in body.formats]
        files = await asyncio.to_thread(_files, documents, formats, self._font, problems)
        size = sum(len(each.content) for each in files)
        if size > MOST_BYTES:
            raise LetterError(
                f"the files have {size / 1e6:.1f} MB, and {MOST_BYTES / 1e6:.0f} MB go into a"
                " mail: send fewer reports, or of one site"
            )
        figures = [line for one in documents for line in _headed(one, several=len(documents) > 1)]
        scope = _in(_SCOPE, language)
        return _Made(
            figures=tuple(figures),
            problems=tuple(problems),
            scope=", ".join(
                scope.format(kind=kind, name=name) for kind, name in documents[0].scope
            ),
            attachments=tuple(files),
        )


class _RefusedError(Exception):
    """The API will not answer this, whenever it is asked."""


async def _asked(
    api: httpx.AsyncClient, report: str, body: LetterBody, language: Language
) -> Document:
    query = {
        "from": body.first.isoformat(),
        "to": body.last.isoformat(),
        "grain": "day",
        "as_of": body.as_of.isoformat(),
        "language": language,
        "site": body.site,
        "line": body.line,
        "by": ROWS_BY.get(report),
    }
    try:
        answer = await api.get(
            f"/v1/reports/{report}", params={k: v for k, v in query.items() if v is not None}
        )
    except httpx.HTTPError as error:
        raise NotYetError(f"the API does not answer: {error!r}") from error
    if answer.status_code >= _UNAVAILABLE or answer.status_code in _TOO_SOON:
        raise NotYetError(f"the API: status {answer.status_code} for the report {report!r}")
    try:
        content = answer.json()
    except ValueError as error:
        raise NotYetError("the API: no JSON; is another program there?") from error
    if content.get("code") == _NOT_YET:
        raise NotYetError(f"the API's clock is behind: {content.get('detail')}")
    if not answer.is_success:
        raise _RefusedError(str(content.get("detail", answer.status_code)))
    return compose(read_answer(content), language)


def _files(
    documents: Sequence[Document],
    formats: Sequence[FileFormat],
    font: str,
    problems: list[str],
) -> list[Attachment]:
    """All files; what cannot be made is told in `problems`. Blocks."""
    files: list[Attachment] = []
    for document in documents:
        for kind in formats:
            name = file_name(document, kind)
            try:
                content = _file(document, kind, font)
            except NoFontError as error:
                problem = _in(_NO_FILE, document.language).format(file=name, reason=error)
                problems.append(problem)
            else:
                files.append(Attachment(name=name, media_type=kind.media_type, content=content))
    return files


def _file(document: Document, kind: FileFormat, font: str) -> bytes:
    if kind is FileFormat.PDF:
        return write_pdf(document, font=font)
    if kind is FileFormat.CSV:
        return "".join(write_csv(document)).encode()
    file = io.BytesIO()
    write_xlsx(document, file)
    return file.getvalue()


def _headed(document: Document, *, several: bool) -> list[str]:
    lines = in_short(document)
    return [f"{document.title}", *lines] if several and lines else lines


def _lateness(body: LetterBody, language: Language) -> str | None:
    told: list[str] = []
    if body.late and body.due_at is not None:
        due = _moment(body.due_at, body.zone, language)
        told.append(_in(_LATE, language).format(due=due))
    if body.missed:
        periods = _periods(body.missed, language)
        told.append(_in(_MISSED, language).format(periods=periods))
    return "\n".join(told) or None


def _periods(missed: Sequence[tuple[date, date]], language: Language) -> str:
    return ("、" if language == "zh" else ", ").join(days(*each) for each in missed)


def _moment(moment: datetime, zone: str, language: Language) -> str:
    return written(moment.astimezone(ZoneInfo(zone)), Kind.MOMENT, language, zone)


def _link(body: LetterBody) -> str:
    """The page of reports with the same days, at the same moment of knowledge."""
    query = httpx.QueryParams(
        {
            "period": "custom",
            "from": body.first.isoformat(),
            "to": body.last.isoformat(),
            "as_of": body.as_of.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            **({} if body.site is None else {"site": body.site}),
            **({} if body.line is None else {"line": body.line}),
        }
    )
    return f"/reports?{query}"


def _in(said: Words, language: Language) -> str:
    return said.en if language == "en" else said.zh

"""Taking documents in: read, decided on in one transaction, answered."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.errors import FieldProblem, ProblemError, safe_value
from api.fields import required_moment
from api.intake import answering, tables
from api.intake.resolving import Origin
from api.intake.schemas import DocumentLine, DocumentProblem, Intake, TakenDocument
from api.intake.work import Result, Work, without_nul
from connectors.mapping import Mapping as ColumnMapping
from connectors.options import ReadOptions
from connectors.registry import reader_of
from domain.document_order import Outcome
from domain.documents import DocumentKind, Format, Problem, Reading, Severity
from store.database import Connection
from store.errors import ConflictError, NotFoundError, UnknownReferenceError
from store.intake import channels, names, register, results
from store.intake.channels import ChannelRow
from store.intake.names import NamedSite
from store.intake.register import NewDocument
from store.intake.results import LineResult, OrderResult

_MOST_TOLD: Final = 1_000
"""Problems in a problem document; the rest is counted."""
_IN_THREAD_BYTES: Final = 64 * 1024
"""Larger ones are read beside the event loop."""


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody sends, and what they say about it."""

    format: Format
    content: bytes
    dry_run: bool = False
    site: str | None = None
    channel: str | None = None
    source: str | None = None
    mapping: str | None = None
    columns: str | None = None
    """A mapping as JSON, in place of a remembered one."""
    file_name: str | None = None


async def take_in(context: Context, principal: Principal, sending: Sending) -> Intake:
    """Take documents in.

    Raises:
        NotFoundError: there is no such channel, or no such mapping.
        UnknownReferenceError: there is no such site.
        ConflictError: the channel is disabled, or for another format.
        ProblemError: nothing could be read (422).
    """
    channel, mapping = None, None
    if sending.channel is not None or sending.mapping is not None:
        async with context.connection() as connection:
            channel = await known_channel(connection, principal, sending)
            mapping = await tables.known_mapping(
                connection, sending.format, sending.mapping, channel
            )
    if sending.columns is not None:
        mapping = tables.told_mapping(sending.columns)
    reading = await _read(sending, channel, mapping)
    refused = _refused(reading)
    if not reading.documents and not refused:
        raise unreadable(reading.problems)
    async with context.transaction(rehearsal=sending.dry_run) as connection:
        receipt = _Receipt(context, principal, connection, sending, channel, reading)
        work, taken = await receipt.apply()
        answers = await answering.answers(context, connection, reading, taken, work.results)
        if work.records and not sending.dry_run:
            await context.log.append_in(connection, work.records)
    if not reading.documents:
        raise unreadable(reading.problems)
    return Intake(
        format=sending.format,
        dry_run=sending.dry_run,
        documents=taken,
        problems=_problems(reading, work.results),
        answers=answers,
    )


async def known_channel(
    connection: Connection, principal: Principal, sending: Sending
) -> ChannelRow | None:
    """The channel by which something is sent.

    Raises:
        NotFoundError: there is no such channel.
        ConflictError: it is disabled, or for another format.
    """
    if sending.channel is None:
        return None
    row = await channels.channel(connection, sending.channel)
    if row is None or (row.site is not None and not principal.sees(row.site)):
        raise NotFoundError("channel", sending.channel)
    if not row.enabled:
        raise ConflictError(f"channel {row.name!r} is disabled")
    if row.format != sending.format:
        raise ConflictError(f"channel {row.name!r} is for {row.format}, not for {sending.format}")
    return row


def unreadable(problems: Sequence[Problem]) -> ProblemError:
    """The answer where nothing could be read: every problem, by its place."""
    errors = [
        FieldProblem(field=problem.place, value=safe_value(problem.value), problem=problem.problem)
        for problem in problems[:_MOST_TOLD]
    ]
    first = problems[0] if problems else None
    detail = "Nothing in it could be taken in" + (
        "." if first is None else f": {first.place}: {first.problem}"
    )
    if len(problems) > 1:
        detail += f" ({len(problems)} problems in all)"
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "unreadable", detail, errors=errors)


async def _read(
    sending: Sending, channel: ChannelRow | None, mapping: ColumnMapping | None
) -> Reading:
    """What the connector makes of the bytes."""
    told = channel.settings.get("source") if channel is not None else None
    options = ReadOptions(source=sending.source or told, mapping=mapping)
    read = reader_of(sending.format)
    if len(sending.content) < _IN_THREAD_BYTES:
        return read(sending.content, options)
    return await asyncio.to_thread(read, sending.content, options)


@dataclass(frozen=True)
class _Receipt:
    """What came in, about to be taken into the rows."""

    context: Context
    principal: Principal
    connection: Connection
    sending: Sending
    channel: ChannelRow | None
    reading: Reading

    async def apply(self) -> tuple[Work, list[TakenDocument]]:
        """Take it in, and read back what it came to."""
        sending, reading = self.sending, self.reading
        origin = await self._origin()
        work = Work(self.context, self.principal, self.connection, origin)
        told = [
            (document, _without_repeats(reading.problems_of(document.number)))
            for document in reading.documents
        ]
        await work.take(told)
        taken = await _told(self.connection, work.results, dry_run=sending.dry_run)
        refused = _refused(reading)
        ids = await self._register_refused(origin, refused)
        for (number, problems), document_id in zip(refused.items(), ids, strict=True):
            document = TakenDocument(
                id=None if sending.dry_run else document_id,
                kind=DocumentKind.ORDER,
                source=_source(sending),
                number=number,
                version=0,
                outcome=Outcome.REFUSED,
                order=None,
                reasons=[problem.problem for problem in problems if _is_error(problem)],
                lines=[],
                problems=[*map(DocumentProblem.model_validate, problems)],
            )
            taken.append(document)
        return work, taken

    async def _origin(self) -> Origin:
        sending = self.sending
        file_id = await register.put_file(
            self.connection,
            sha256=hashlib.sha256(sending.content).digest(),
            document_format=sending.format,
            name=sending.file_name,
            content=sending.content,
            envelope=without_nul(msgspec.to_builtins(self.reading.envelope, str_keys=True)),
        )
        return Origin(
            format=sending.format,
            channel=self.channel,
            site=await _site(self.connection, self.principal, sending.site),
            received_by=self.principal.actor.name,
            file_id=file_id,
        )

    async def _register_refused(
        self, origin: Origin, refused: Mapping[str, Sequence[Problem]]
    ) -> list[int]:
        """Keep in the register that orders could not be read, and why."""
        content = hashlib.sha256(self.sending.content).digest()
        rows = [
            NewDocument(
                channel_id=None if origin.channel is None else origin.channel.id,
                source=_source(self.sending),
                number=number.replace("\x00", ""),
                kind=DocumentKind.ORDER,
                version=0,
                sha256=hashlib.sha256(content + number.encode("utf-8", "replace")).digest(),
                outcome=Outcome.REFUSED,
                order_id=None,
                format=self.sending.format,
                file_id=origin.file_id,
                document=None,
                problems=without_nul(msgspec.to_builtins(problems)),
                reason=without_nul(
                    "; ".join(problem.problem for problem in problems if _is_error(problem))
                ),
                message=None,
                site_id=None if origin.site is None else origin.site.id,
                received_by=origin.received_by,
            )
            for number, problems in refused.items()
        ]
        now = required_moment(self.context.clock.now_ms())
        return await register.insert(self.connection, rows, now=now)


async def _site(connection: Connection, principal: Principal, code: str | None) -> NamedSite | None:
    if code is None:
        return None
    site = (await names.sites(connection)).get(code)
    if site is None or not principal.sees(code):
        raise UnknownReferenceError("site", code, "there is no such site")
    return site


def _refused(reading: Reading) -> dict[str, list[Problem]]:
    """The problems of orders that the connector could not read, by their numbers."""
    read = {document.number for document in reading.documents}
    found: dict[str, list[Problem]] = {}
    for problem in reading.problems:
        if problem.document is not None and problem.document not in read:
            found.setdefault(problem.document, []).append(problem)
    return {number: told for number, told in found.items() if any(map(_is_error, told))}


async def _told(
    connection: Connection, work: Sequence[Result], *, dry_run: bool
) -> list[TakenDocument]:
    """What became of documents, with the orders' rows as they stand now."""
    ids = {result.order_id for result in work if result.order_id is not None}
    orders = await results.orders(connection, ids) if ids else {}
    lines = await results.lines(connection, ids) if ids else {}
    return [
        _document(
            result,
            orders.get(result.order_id or 0),
            lines.get(result.order_id or 0, []),
            dry_run=dry_run,
        )
        for result in work
    ]


def _document(
    result: Result, order: OrderResult | None, lines: Sequence[LineResult], *, dry_run: bool
) -> TakenDocument:
    document = result.document
    drawn = dry_run and result.outcome is Outcome.CREATED
    told: dict[str, Any] = {}
    if order is not None:
        told = {
            "state": order.state,
            "site": order.site,
            "customer": order.customer,
            "customer_name": order.customer_name,
            "customer_provisional": order.customer_provisional,
            "customer_reference": order.customer_reference,
            "currency": order.currency,
            "priority": order.priority,
        }
    return TakenDocument(
        id=None if dry_run else result.document_id,
        kind=document.kind,
        source=document.source,
        number=document.number,
        version=document.version,
        outcome=result.outcome,
        order=None if order is None or drawn else order.number,
        reasons=list(dict.fromkeys(result.reasons)),
        lines=[DocumentLine.model_validate(line) for line in lines],
        problems=[*map(DocumentProblem.model_validate, _without_repeats(result.problems))],
        **told,
    )


def _problems(reading: Reading, work: Sequence[Result]) -> list[DocumentProblem]:
    """Every problem once: what the connector found, then what intake did."""
    found = (*reading.problems, *(problem for result in work for problem in result.problems))
    return [*map(DocumentProblem.model_validate, _without_repeats(found))]


def _without_repeats(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    return tuple(dict.fromkeys(problems))


def _source(sending: Sending) -> str:
    return sending.source or sending.format.value


def _is_error(problem: Problem) -> bool:
    return problem.severity is Severity.ERROR

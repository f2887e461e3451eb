"""What was sent and read, taken into the rows: of one sender or of several, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from api.auth.principal import Principal
from api.context import Context
from api.fields import required_moment
from api.intake import answering
from api.intake.answering import Answered
from api.intake.resolving import Origin
from api.intake.schemas import DocumentLine, DocumentProblem, Intake, TakenDocument
from api.intake.work import Received, Result, Work, without_nul
from domain.document_order import Outcome
from domain.documents import DocumentKind, Format, Problem, Reading, Severity
from store.database import Connection
from store.errors import UnknownReferenceError
from store.intake import idempotency, names, register, results
from store.intake.channels import ChannelRow
from store.intake.names import NamedSite
from store.intake.register import NewDocument, NewFile
from store.intake.results import LineResult, OrderResult
from store.review.judging import Judged


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


@dataclass(frozen=True, eq=False)
class Receipt:
    """What came in, about to be taken into the rows.

    Attributes:
        principal: who sent it.
        sending: what they sent, and said.
        channel: by which it came in.
        reading: what the connector made of it.
        refused: the problems of orders that the connector could not read, by their numbers.
        claim: whose `Idempotency-Key` it came with.
    """

    principal: Principal
    sending: Sending
    channel: ChannelRow | None
    reading: Reading
    refused: Mapping[str, Sequence[Problem]]
    claim: tuple[str, str] | None

    @property
    def file(self) -> NewFile:
        """The bytes, to be kept."""
        sending = self.sending
        return NewFile(
            sha256=hashlib.sha256(sending.content).digest(),
            format=sending.format,
            name=sending.file_name,
            content=sending.content,
            envelope=without_nul(msgspec.to_builtins(self.reading.envelope, str_keys=True)),
        )


@dataclass(frozen=True)
class Taken:
    """What was taken in, and the orders of it that the review confirmed by itself, by their ids."""

    intake: Intake
    confirmed: Mapping[int, Judged]


async def take_in(
    context: Context,
    receipts: Sequence[Receipt],
    *,
    rehearsal: bool = False,
    patience_ms: int | None = None,
) -> list[Taken | Exception]:
    """Take in what was sent, all in one transaction.

    Args:
        context: of the requests.
        receipts: what was sent. No two tell of the same order.
        rehearsal: nothing of it stays.
        patience_ms: how long to wait for somebody else's lock; None: as long as a statement may.

    Returns:
        The answer to each; an `UnknownReferenceError` to who names a site that is not there.

    Raises:
        psycopg.Error: none of it was taken in.
    """
    async with context.transaction(rehearsal=rehearsal, claims=()) as connection:
        if patience_ms is not None:
            await connection.execute(
                "SELECT set_config('lock_timeout', %s, true)", (f"{patience_ms}ms",)
            )
        return await _Group(context, connection, receipts, rehearsal=rehearsal).apply()


@dataclass(frozen=True)
class _Group:
    context: Context
    connection: Connection
    receipts: Sequence[Receipt]
    rehearsal: bool

    async def apply(self) -> list[Taken | Exception]:
        """Take it in, and read back what it came to."""
        sites = await names.sites(self.connection)
        sent: dict[Receipt, NamedSite | None] = {}
        answers: dict[Receipt, Taken | Exception] = {}
        for receipt in self.receipts:
            try:
                sent[receipt] = _site(sites, receipt)
            except UnknownReferenceError as error:
                answers[receipt] = error
        if sent:
            answers |= await self._take(sites, sent)
        return [answers[receipt] for receipt in self.receipts]

    async def _take(
        self, sites: Mapping[str, NamedSite], sent: Mapping[Receipt, NamedSite | None]
    ) -> dict[Receipt, Taken]:
        claims = [receipt.claim for receipt in sent if receipt.claim is not None]
        if claims:
            await idempotency.mark_effective(self.connection, claims)
        origins = await self._origins(sent)
        told = [
            Received(
                origin, document, without_repeats(receipt.reading.problems_of(document.number))
            )
            for receipt, origin in origins.items()
            for document in receipt.reading.documents
        ]
        work = Work(self.context, self.connection, sites)
        await work.take(told)
        mine = {
            receipt: [result for result in work.results if result.origin is origin]
            for receipt, origin in origins.items()
        }
        documents = await self._told(mine)
        await self._register_refused(origins, documents)
        words = await answering.answers(
            self.context,
            self.connection,
            [Answered(one.reading, documents[one], mine[one]) for one in origins],
        )
        if work.records and not self.rehearsal:
            await self.context.log.append_in(self.connection, work.records)
        return {
            receipt: Taken(
                Intake(
                    format=receipt.sending.format,
                    dry_run=self.rehearsal,
                    documents=documents[receipt],
                    problems=_problems(receipt.reading, mine[receipt]),
                    answers=answer,
                ),
                {
                    order_id: work.confirmed[order_id]
                    for result in mine[receipt]
                    if (order_id := result.order_id) in work.confirmed and order_id is not None
                },
            )
            for receipt, answer in zip(origins, words, strict=True)
        }

    async def _origins(self, sent: Mapping[Receipt, NamedSite | None]) -> dict[Receipt, Origin]:
        """Where everything came from; its bytes are kept."""
        files = {receipt: receipt.file for receipt in sent}
        ids = await register.put_files(self.connection, list(files.values()))
        return {
            receipt: Origin(
                principal=receipt.principal,
                format=receipt.sending.format,
                channel=receipt.channel,
                site=site,
                received_by=receipt.principal.actor.name,
                file_id=ids[files[receipt].sha256],
            )
            for receipt, site in sent.items()
        }

    async def _told(
        self, mine: Mapping[Receipt, Sequence[Result]]
    ) -> dict[Receipt, list[TakenDocument]]:
        """What became of documents, with the orders' rows as they stand now."""
        ids = {
            result.order_id
            for work in mine.values()
            for result in work
            if result.order_id is not None
        }
        orders = await results.orders(self.connection, ids) if ids else {}
        lines = await results.lines(self.connection, ids) if ids else {}
        return {
            receipt: [
                _document(
                    result,
                    orders.get(result.order_id or 0),
                    lines.get(result.order_id or 0, []),
                    dry_run=self.rehearsal,
                )
                for result in work
            ]
            for receipt, work in mine.items()
        }

    async def _register_refused(
        self,
        origins: Mapping[Receipt, Origin],
        documents: Mapping[Receipt, list[TakenDocument]],
    ) -> None:
        """Keep in the register that orders could not be read, and why; and tell it."""
        rows = [
            (receipt, number, problems, _unread(receipt, origin, number, problems))
            for receipt, origin in origins.items()
            for number, problems in receipt.refused.items()
        ]
        if not rows:
            return
        now = required_moment(self.context.clock.now_ms())
        ids = await register.insert(self.connection, [row for *_, row in rows], now=now)
        for (receipt, number, problems, row), document_id in zip(rows, ids, strict=True):
            document = TakenDocument(
                id=None if self.rehearsal else document_id,
                kind=DocumentKind.ORDER,
                source=row.source,
                number=number,
                version=0,
                outcome=Outcome.REFUSED,
                order=None,
                reasons=[problem.problem for problem in problems if is_error(problem)],
                lines=[],
                problems=[*map(DocumentProblem.model_validate, problems)],
            )
            documents[receipt].append(document)


async def as_they_stand(connection: Connection, taken: Taken) -> Intake:
    """What was taken in, with the orders that were confirmed as they stand now."""
    numbers = {each.number: order_id for order_id, each in taken.confirmed.items()}
    orders = await results.orders(connection, numbers.values())
    lines = await results.lines(connection, numbers.values())
    documents = []
    for one in taken.intake.documents:
        order_id = numbers.get(one.order or "", 0)
        if (order := orders.get(order_id)) is None:
            documents.append(one)
            continue
        told = [DocumentLine.model_validate(line) for line in lines[order_id]]
        documents.append(one.model_copy(update={"state": order.state, "lines": told}))
    return taken.intake.model_copy(update={"documents": documents})


def _site(sites: Mapping[str, NamedSite], receipt: Receipt) -> NamedSite | None:
    """The site that somebody named.

    Raises:
        UnknownReferenceError: there is none that they may know of.
    """
    code = receipt.sending.site
    if code is None:
        return None
    if code not in sites or not receipt.principal.sees(code):
        raise UnknownReferenceError("site", code, "there is no such site")
    return sites[code]


def _unread(
    receipt: Receipt, origin: Origin, number: str, problems: Sequence[Problem]
) -> NewDocument:
    """What the register keeps of an order that could not be read."""
    content = hashlib.sha256(receipt.sending.content).digest()
    return NewDocument(
        channel_id=None if origin.channel is None else origin.channel.id,
        source=receipt.sending.source or receipt.sending.format.value,
        number=number.replace("\x00", ""),
        kind=DocumentKind.ORDER,
        version=0,
        sha256=hashlib.sha256(content + number.encode("utf-8", "replace")).digest(),
        outcome=Outcome.REFUSED,
        order_id=None,
        format=receipt.sending.format,
        file_id=origin.file_id,
        document=None,
        problems=without_nul(msgspec.to_builtins(problems)),
        reason=without_nul("; ".join(one.problem for one in problems if is_error(one))),
        message=None,
        site_id=None if origin.site is None else origin.site.id,
        received_by=origin.received_by,
    )


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
        problems=[*map(DocumentProblem.model_validate, without_repeats(result.problems))],
        **told,
    )


def _problems(reading: Reading, work: Sequence[Result]) -> list[DocumentProblem]:
    """Every problem once: what the connector found, then what intake did."""
    found = (*reading.problems, *(problem for result in work for problem in result.problems))
    return [*map(DocumentProblem.model_validate, without_repeats(found))]


def without_repeats(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Each problem once."""
    return tuple(dict.fromkeys(problems))


def is_error(problem: Problem) -> bool:
    """Whether a problem keeps its document out."""
    return problem.severity is Severity.ERROR

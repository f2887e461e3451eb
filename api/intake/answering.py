"""What goes back to the sender: that documents could be read, and what we say to the orders.

An acknowledgement (997, CONTRL) tells of the file, at once. An order's answer (855, ORDRSP) is our
word on it, so there is none before the order is confirmed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from psycopg.rows import class_row

from api.context import Context
from api.fields import required_moment
from api.intake.schemas import AnswerDocument, TakenDocument
from api.intake.work import Result
from connectors import edifact, sap_idoc, x12
from connectors.segments import decode
from domain import document_storage
from domain.document_order import Outcome
from domain.documents import (
    Answer,
    AnsweredLine,
    AnswerStatus,
    DocumentLine,
    Format,
    OrderAnswer,
    OrderDocument,
    Reading,
)
from domain.orders import LineState
from store.database import Connection
from store.intake import results
from store.intake.results import LineResult

_BEFORE: Final = frozenset({LineState.RECEIVED, LineState.UNDER_REVIEW})
_CONTROL_NUMBERS: Final = 10**9
_APPLIED: Final = frozenset({Outcome.CREATED, Outcome.CHANGED, Outcome.CANCELLED})


class _Source(msgspec.Struct, frozen=True, kw_only=True):
    """An order's newest applied document, and what it came in."""

    order_id: int
    format: str
    document: dict[str, Any]
    envelope: dict[str, Any] | None
    number: str
    time_zone: str


class Answered(msgspec.Struct, frozen=True):
    """What somebody sent, what became of it, and the same with the ids of the orders."""

    reading: Reading
    taken: Sequence[TakenDocument]
    work: Sequence[Result]


async def answers(
    context: Context, connection: Connection, sent: Sequence[Answered]
) -> list[list[AnswerDocument]]:
    """What goes back at once: the acknowledgement of a file, then our word on what is confirmed.

    Args:
        context: of the request.
        connection: the transaction in which the documents are taken in.
        sent: what came in, of each sender for itself.

    Returns:
        Of each the answers.
    """
    words = await _answers_of_orders(
        context,
        connection,
        [order_id for one in sent for _, order_id in _confirmed(one)],
    )
    numbers = await _controls(connection, sum(_envelopes(one.reading) for one in sent))
    found = []
    for one in sent:
        own = _acknowledged(context, one.reading, one.taken, numbers)
        own += [words[order_id] for _, order_id in _confirmed(one) if order_id in words]
        found.append(own)
    return found


def _confirmed(sent: Answered) -> list[tuple[str, int]]:
    """The applied orders that wait for nobody: their numbers there, and their ids here."""
    waits = {one.number for one in sent.taken if one.state in _BEFORE}
    return [
        (result.document.number, result.order_id)
        for result in sent.work
        if result.order_id is not None
        and result.outcome in _APPLIED
        and result.document.number not in waits
    ]


async def answer_of_order(
    context: Context, connection: Connection, order_id: int
) -> AnswerDocument | None:
    """Our word on an order as it stands, in its document's format.

    None: no document told of the order, its format has no answers, or it is not confirmed yet.
    """
    return (await _answers_of_orders(context, connection, [order_id])).get(order_id)


async def _answers_of_orders(
    context: Context, connection: Connection, order_ids: Sequence[int]
) -> dict[int, AnswerDocument]:
    """Our words on orders, by their ids; without those of which there is nothing to say."""
    if not order_ids:
        return {}
    sources = await _sources(connection, order_ids)
    lines = await results.lines(connection, sources.keys()) if sources else {}
    spoken = {
        order_id: source
        for order_id, source in sources.items()
        if source.envelope is not None
        and not any(LineState(line.state) in _BEFORE for line in lines[order_id])
    }
    numbers = await _controls(connection, len(spoken))
    found = {}
    for order_id, source in spoken.items():
        document = document_storage.read(source.document)
        told = _order_answer(context, document, source.number, lines[order_id])
        answer = _written(context, source, document, told, numbers)
        if answer is not None:
            found[order_id] = _shown(answer, document.number)
    return found


def _envelopes(reading: Reading) -> int:
    """How many acknowledgements answer a file."""
    match reading.envelope:
        case x12.Envelope(groups=parts) | edifact.Envelope(interchanges=parts):
            return len(parts)
        case _:
            return 0


def _acknowledged(
    context: Context, reading: Reading, taken: Sequence[TakenDocument], numbers: Iterator[int]
) -> list[AnswerDocument]:
    """997 or CONTRL; each group or interchange is answered under a number of its own."""
    refused = {one.number for one in taken if one.outcome is Outcome.REFUSED}
    at = required_moment(context.clock.now_ms())
    envelope = reading.envelope
    made: list[Answer | None] = []
    if isinstance(envelope, x12.Envelope):
        for group in envelope.groups:
            part = msgspec.structs.replace(reading, envelope=x12.Envelope(groups=(group,)))
            made.append(x12.acknowledge(part, refused, control=next(numbers), at=at))
    elif isinstance(envelope, edifact.Envelope):
        for interchange in envelope.interchanges:
            inner = edifact.Envelope(interchanges=(interchange,))
            part = msgspec.structs.replace(reading, envelope=inner)
            made.append(edifact.acknowledge(part, refused, control=next(numbers), at=at))
    return [_shown(answer, None) for answer in made if answer is not None]


def _written(
    context: Context,
    source: _Source,
    document: OrderDocument,
    told: OrderAnswer,
    numbers: Iterator[int],
) -> Answer | None:
    """An answer in the document's format."""
    at = required_moment(context.clock.now_ms())
    match Format(source.format):
        case Format.X12 if source.envelope is not None:
            envelope = msgspec.convert(source.envelope, x12.Envelope)
            return x12.answer_order(told, envelope, control=next(numbers), at=at)
        case Format.EDIFACT if source.envelope is not None:
            wrapped = msgspec.convert(source.envelope, edifact.Envelope)
            return edifact.answer_order(told, wrapped, control=next(numbers), at=at)
        case Format.SAP_IDOC if source.envelope is not None:
            controls = msgspec.convert(source.envelope, sap_idoc.Envelope)
            control = controls.control_of(document.message)
            if control is None:
                return None
            return sap_idoc.order_response(told, control, zone=ZoneInfo(source.time_zone))
        case _:
            return None


async def _sources(connection: Connection, order_ids: Sequence[int]) -> dict[int, _Source]:
    """The newest applied documents of orders, by the orders' ids."""
    cursor = connection.cursor(row_factory=class_row(_Source))
    await cursor.execute(
        """
        SELECT DISTINCT ON (d.order_id)
               d.order_id, d.format, d.document, f.envelope, o.number, s.time_zone
        FROM intake_documents d
        JOIN intake_files f ON f.id = d.file_id
        JOIN orders o ON o.id = d.order_id JOIN sites s ON s.id = o.site_id
        WHERE d.order_id = ANY(%s) AND d.outcome = ANY(%s) AND d.document IS NOT NULL
        ORDER BY d.order_id, (d.kind = 'order') DESC, d.version DESC, d.id DESC
        """,
        (sorted(set(order_ids)), sorted(_APPLIED)),
    )
    return {row.order_id: row for row in await cursor.fetchall()}


async def _controls(connection: Connection, count: int) -> Iterator[int]:
    """Numbers of so many interchanges that we send; nine digits, as ISA13 has them."""
    if count == 0:
        return iter(())
    cursor = await connection.execute(
        "SELECT nextval('interchange_numbers') FROM generate_series(1, %s)", (count,)
    )
    return iter([int(row[0]) % _CONTROL_NUMBERS for row in await cursor.fetchall()])


def _order_answer(
    context: Context, document: OrderDocument, our_number: str, lines: Sequence[LineResult]
) -> OrderAnswer:
    told = {line.position: line for line in document.lines}
    answered = tuple(_line(line, told.get(line.position or "")) for line in lines)
    statuses = {line.status for line in answered}
    if statuses == {AnswerStatus.REJECTED}:
        status = AnswerStatus.REJECTED
    elif statuses == {AnswerStatus.ACCEPTED}:
        status = AnswerStatus.ACCEPTED
    else:
        status = AnswerStatus.CHANGED
    return OrderAnswer(
        number=document.number,
        our_number=our_number,
        status=status,
        answered_at=required_moment(context.clock.now_ms()),
        issued=document.issued,
        currency=document.currency,
        parties=document.parties,
        lines=answered,
    )


def _line(line: LineResult, told: DocumentLine | None) -> AnsweredLine:
    """What we say to a line, in the customer's own units."""
    quantity = line.quantity if line.quantity_as_told is None else line.quantity_as_told
    asked = quantity if told is None or told.quantity is None else told.quantity
    confirmed_due = line.promised or line.due
    if line.state == LineState.CANCELLED:
        status, quantity = AnswerStatus.REJECTED, quantity * 0
    elif quantity != asked or (line.promised and line.due and line.promised > line.due):
        status = AnswerStatus.CHANGED
    else:
        status = AnswerStatus.ACCEPTED
    return AnsweredLine(
        position=line.position or str(line.number),
        status=status,
        names=() if told is None else told.names,
        description=line.description,
        quantity=asked,
        confirmed_quantity=quantity,
        unit=line.unit_as_told or line.unit,
        price=line.price,
        due=(told.due if told is not None else None) or line.due,
        confirmed_due=None if status is AnswerStatus.REJECTED else confirmed_due,
    )


def _shown(answer: Answer, document: str | None) -> AnswerDocument:
    return AnswerDocument(
        kind=answer.kind,
        media_type=answer.media_type,
        content=decode(answer.content).characters,
        document=document,
    )

"""What goes back to the sender: that documents could be read, and what we say to the orders.

An acknowledgement (997, CONTRL) tells of the file, at once. An order's answer (855, ORDRSP) is our
word on it, so there is none before the order is confirmed.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    format: str
    document: dict[str, Any]
    envelope: dict[str, Any] | None
    number: str
    time_zone: str


async def answers(
    context: Context,
    connection: Connection,
    reading: Reading,
    taken: Sequence[TakenDocument],
    work: Sequence[Result],
) -> list[AnswerDocument]:
    """What goes back at once: the acknowledgement of the file, then our word on what is confirmed.

    Args:
        context: of the request.
        connection: the transaction in which the documents are taken in.
        reading: what was read.
        taken: what became of it.
        work: the same, with the ids of the orders.
    """
    found = await _acknowledged(context, connection, reading, taken)
    waits = {one.number for one in taken if one.state in _BEFORE}
    for result in work:
        order_id = result.order_id
        if order_id is None or result.outcome not in _APPLIED or result.document.number in waits:
            continue
        if (answer := await answer_of_order(context, connection, order_id)) is not None:
            found.append(answer)
    return found


async def answer_of_order(
    context: Context, connection: Connection, order_id: int
) -> AnswerDocument | None:
    """Our word on an order as it stands, in its document's format.

    None: no document told of the order, its format has no answers, or it is not confirmed yet.
    """
    source = await _source(connection, order_id)
    if source is None:
        return None
    lines = (await results.lines(connection, [order_id]))[order_id]
    if any(LineState(line.state) in _BEFORE for line in lines):
        return None
    document = document_storage.read(source.document)
    told = _order_answer(context, document, source.number, lines)
    answer = await _written(context, connection, source, document, told)
    return None if answer is None else _shown(answer, document.number)


async def _acknowledged(
    context: Context,
    connection: Connection,
    reading: Reading,
    taken: Sequence[TakenDocument],
) -> list[AnswerDocument]:
    """997 or CONTRL; each group or interchange is answered under a number of its own."""
    refused = {one.number for one in taken if one.outcome is Outcome.REFUSED}
    at = required_moment(context.clock.now_ms())
    envelope = reading.envelope
    made: list[Answer | None] = []
    if isinstance(envelope, x12.Envelope):
        for group in envelope.groups:
            part = msgspec.structs.replace(reading, envelope=x12.Envelope(groups=(group,)))
            control = await _control(connection)
            made.append(x12.acknowledge(part, refused, control=control, at=at))
    elif isinstance(envelope, edifact.Envelope):
        for interchange in envelope.interchanges:
            inner = edifact.Envelope(interchanges=(interchange,))
            part = msgspec.structs.replace(reading, envelope=inner)
            control = await _control(connection)
            made.append(edifact.acknowledge(part, refused, control=control, at=at))
    return [_shown(answer, None) for answer in made if answer is not None]


async def _written(
    context: Context,
    connection: Connection,
    source: _Source,
    document: OrderDocument,
    told: OrderAnswer,
) -> Answer | None:
    """An answer in the document's format."""
    at = required_moment(context.clock.now_ms())
    match Format(source.format):
        case Format.X12 if source.envelope is not None:
            envelope = msgspec.convert(source.envelope, x12.Envelope)
            return x12.answer_order(told, envelope, control=await _control(connection), at=at)
        case Format.EDIFACT if source.envelope is not None:
            wrapped = msgspec.convert(source.envelope, edifact.Envelope)
            return edifact.answer_order(told, wrapped, control=await _control(connection), at=at)
        case Format.SAP_IDOC if source.envelope is not None:
            controls = msgspec.convert(source.envelope, sap_idoc.Envelope)
            control = controls.control_of(document.message)
            if control is None:
                return None
            return sap_idoc.order_response(told, control, zone=ZoneInfo(source.time_zone))
        case _:
            return None


async def _source(connection: Connection, order_id: int) -> _Source | None:
    cursor = connection.cursor(row_factory=class_row(_Source))
    await cursor.execute(
        """
        SELECT d.format, d.document, f.envelope, o.number, s.time_zone
        FROM intake_documents d
        JOIN intake_files f ON f.id = d.file_id
        JOIN orders o ON o.id = d.order_id JOIN sites s ON s.id = o.site_id
        WHERE d.order_id = %s AND d.outcome = ANY(%s) AND d.document IS NOT NULL
        ORDER BY (d.kind = 'order') DESC, d.version DESC, d.id DESC LIMIT 1
        """,
        (order_id, sorted(_APPLIED)),
    )
    return await cursor.fetchone()


async def _control(connection: Connection) -> int:
    """The number of an interchange that we send; nine digits, as ISA13 has them."""
    cursor = await connection.execute("SELECT nextval('interchange_numbers')")
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - a sequence gives a number
    return int(row[0]) % _CONTROL_NUMBERS


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

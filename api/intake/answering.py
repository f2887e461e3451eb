"""What goes back to the sender: that documents could be read, and what we say to the orders.

An acknowledgement (997, CONTRL) tells of the file, at once. An order's answer (855, ORDRSP) is our
word on it, so there is none before the order is confirmed. It is the one that `notify` makes for
the partner: that document itself while it holds, else what the next one will say.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from api.context import Context
from api.fields import required_moment
from api.intake.schemas import AnswerDocument, TakenDocument
from api.intake.work import Result
from connectors import edifact, outward, x12
from connectors.outward import NoWayBackError, Sent
from connectors.segments import decode
from domain.answering import is_decided, order_answer
from domain.document_order import Outcome
from domain.documents import Answer, OrderAnswer, Reading
from domain.orders import LineState
from domain.outbound import SPOKEN, DocumentKind, digest
from store.database import Connection
from store.outbound import documents, sources
from store.outbound.sources import Source

_log: Final = logging.getLogger("gemba.api")
_BEFORE: Final = frozenset({LineState.RECEIVED, LineState.UNDER_REVIEW})
_APPLIED: Final = frozenset({Outcome.CREATED, Outcome.CHANGED, Outcome.CANCELLED})


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
    count = sum(_envelopes(one.reading) for one in sent)
    numbers = iter(await documents.controls(connection, count))
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
    asked = {
        order_id: source
        for order_id, source in (await sources.sources(connection, order_ids)).items()
        if DocumentKind.ORDER_ANSWER in SPOKEN.get(source.told.spoken, frozenset())
    }
    if not asked:
        return {}
    lines = await sources.lines_of(connection, asked)
    said = await documents.said(connection, asked)
    now = required_moment(context.clock.now_ms())
    found: dict[int, AnswerDocument] = {}
    unsaid: list[tuple[int, OrderAnswer]] = []
    for order_id, source in asked.items():
        if not lines[order_id] or not is_decided(lines[order_id]):
            continue
        told = order_answer(
            source.told,
            lines[order_id],
            our_number=source.number,
            answered_at=now,
            zone=ZoneInfo(source.time_zone),
            replaces=order_id in said,
        )
        before = said.get(order_id)
        if before is not None and before.digest == digest(told):
            found[order_id] = _shown(before.name, before.media_type, before.content, told.number)
        else:
            unsaid.append((order_id, told))
    numbers = await documents.controls(connection, len(unsaid))
    for (order_id, told), control in zip(unsaid, numbers, strict=True):
        if (answer := _written(asked[order_id], told, control)) is not None:
            found[order_id] = _shown(answer.kind, answer.media_type, answer.content, told.number)
    return found


def _written(source: Source, told: OrderAnswer, control: int) -> Answer | None:
    """An answer in the order's format; None where nothing can be sent back.

    What cannot be written keeps no order out: `notify` tries again, and says why it fails.
    """
    document = source.told
    sent = Sent(spoken=document.spoken, envelope=source.envelope, message=document.document.message)
    zone = ZoneInfo(source.time_zone)
    try:
        return outward.order_answer(told, sent, control=control, at=told.answered_at, zone=zone)
    except NoWayBackError:
        return None
    except (LookupError, ValueError, TypeError, msgspec.MsgspecError) as error:
        _log.warning("order %s: no answer: %s: %s", source.number, type(error).__name__, error)
        return None


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
    return [
        _shown(answer.kind, answer.media_type, answer.content, None)
        for answer in made
        if answer is not None
    ]


def _shown(kind: str, media_type: str, content: bytes, document: str | None) -> AnswerDocument:
    return AnswerDocument(
        kind=kind,
        media_type=media_type,
        content=decode(content).characters,
        document=document,
    )

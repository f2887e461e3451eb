"""CONTRL, the syntax and service report: what could be read, and what was wrong with it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from connectors.edifact.partner import Envelope, ReadGroup, ReadInterchange, ReadMessage
from connectors.edifact.writing import MEDIA_TYPE, Writer
from domain.documents import Answer, Reading

_ACKNOWLEDGED, _REJECTED = "7", "4"
_REPORT = "CONTRL"


def acknowledge(
    reading: Reading, refused: Collection[str] = (), *, control: int, at: datetime
) -> Answer | None:
    """The report on every interchange of a file, but for those that hold reports only.

    Args:
        reading: what `read` made of the file.
        refused: numbers of orders that could be read and were not taken in all the same.
        control: reference of the first interchange written; each further one counts one up.
        at: when it is written.

    Returns:
        One interchange for each, one behind the other; None: nothing is to be acknowledged.
    """
    envelope = reading.envelope
    if not isinstance(envelope, Envelope):
        return None
    wanted = [one for one in envelope.interchanges if not _only_reports(one)]
    content = b"".join(
        _written(one, refused, control=control + rank, at=at) for rank, one in enumerate(wanted)
    )
    return Answer(kind=_REPORT, media_type=MEDIA_TYPE, content=content) if wanted else None


def _only_reports(interchange: ReadInterchange) -> bool:
    kinds = {
        message.identifier[0] if message.identifier else ""
        for group in interchange.groups
        for message in group.messages
    }
    return kinds == {_REPORT}


def _written(
    interchange: ReadInterchange, refused: Collection[str], *, control: int, at: datetime
) -> bytes:
    partner = interchange.partner
    new_syntax = partner.syntax_version >= "4"
    identifier = (_REPORT, "4", "1", "UN") if new_syntax else (_REPORT, "D", "3", "UN")
    writer = Writer(partner, message=identifier, control=control, at=at)
    writer.add(
        "UCI",
        partner.control,
        (partner.identity, partner.qualifier),
        (partner.our_identity, partner.our_qualifier),
        _ACKNOWLEDGED,
        interchange.code,
        "UNZ" if interchange.code else None,
    )
    for group in interchange.groups:
        if group.reference is not None:
            _group(writer, group)
        for message in group.messages:
            _message(writer, message, refused)
    return writer.content()


def _group(writer: Writer, group: ReadGroup) -> None:
    writer.add(
        "UCF",
        group.reference,
        group.sender,
        group.recipient,
        _ACKNOWLEDGED,
        group.code,
        "UNE" if group.code else None,
    )


def _message(writer: Writer, message: ReadMessage, refused: Collection[str]) -> None:
    is_refused = message.document is not None and message.document in refused
    action = _ACKNOWLEDGED if message.accepted and not is_refused else _REJECTED
    writer.add(
        "UCM",
        message.reference,
        message.identifier,
        action,
        message.code,
        (message.service_tag or "UNT") if message.code else None,
    )
    for segment in message.segments:
        writer.add("UCS", str(segment.position), segment.code)
        for element in segment.elements:
            place = [str(element.position)]
            if element.component:
                place.append(str(element.component))
            writer.add("UCD", element.code, place)

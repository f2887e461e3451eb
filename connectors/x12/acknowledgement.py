"""997, the functional acknowledgement: which transaction sets could be read, and what was wrong."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from connectors.x12.partner import Envelope, ReadGroup, ReadSet
from connectors.x12.writing import MEDIA_TYPE, Writer
from domain.documents import Answer, Reading

_ACKNOWLEDGES = "FA"
_MOST_CODES = 5
_MOST_VALUE = 99


def acknowledge(
    reading: Reading, refused: Collection[str] = (), *, control: int, at: datetime
) -> Answer | None:
    """The acknowledgement of every functional group of a file, but for acknowledgements themselves.

    Args:
        reading: what `read` made of the file.
        refused: numbers of orders that could be read and were not taken in all the same.
        control: ISA13 of the first interchange that is written; each further group counts one up.
        at: when it is written.

    Returns:
        One interchange for each group, one behind the other; None: nothing is to be acknowledged.
    """
    envelope = reading.envelope
    if not isinstance(envelope, Envelope):
        return None
    groups = [group for group in envelope.groups if group.functional not in {_ACKNOWLEDGES, ""}]
    content = b"".join(
        _written(group, refused, control=control + rank, at=at) for rank, group in enumerate(groups)
    )
    return Answer(kind="997", media_type=MEDIA_TYPE, content=content) if groups else None


def _written(group: ReadGroup, refused: Collection[str], *, control: int, at: datetime) -> bytes:
    writer = Writer(group.partner, functional=_ACKNOWLEDGES, control=control, at=at)
    writer.begin("997")
    writer.add("AK1", group.functional, group.control)
    verdicts = [_set(writer, one, refused) for one in group.sets]
    accepted = sum(verdict != "R" for verdict in verdicts)
    if accepted < len(verdicts):
        verdict = "P" if accepted else "R"
    elif "E" in verdicts or group.codes:
        verdict = "E"
    else:
        verdict = "A"
    writer.add(
        "AK9",
        verdict,
        str(group.declared),
        str(len(verdicts)),
        str(accepted),
        *group.codes[:_MOST_CODES],
    )
    writer.end()
    return writer.content()


def _set(writer: Writer, one: ReadSet, refused: Collection[str]) -> str:
    """AK2 to AK5 of one transaction set; A accepted, E accepted with errors, R rejected."""
    writer.add("AK2", one.kind, one.control)
    for segment in one.segments:
        writer.add("AK3", segment.tag[:3], str(segment.position), None, segment.code)
        for element in segment.elements:
            writer.add(
                "AK4",
                str(element.position),
                element.reference,
                element.code,
                element.value[:_MOST_VALUE],
            )
    if not one.accepted or (one.document is not None and one.document in refused):
        verdict, codes = "R", one.codes or ("5",)
    else:
        verdict, codes = "E" if one.codes else "A", one.codes
    writer.add("AK5", verdict, *codes[:_MOST_CODES])
    return verdict

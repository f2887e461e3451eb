"""A file of EDIFACT as orders, problems, and what an answer needs."""

from __future__ import annotations

import re

from connectors.edifact.orders import OrderReader
from connectors.edifact.partner import (
    CHARSETS,
    ElementNote,
    Envelope,
    ReadGroup,
    ReadInterchange,
    ReadMessage,
    SegmentNote,
)
from connectors.edifact.walk import Group, Interchange, Message, Walk
from connectors.faults import Level, in_order
from connectors.options import ReadOptions
from connectors.segments import Text, decode
from domain.documents import OrderDocument, Problem, Reading, Severity

_ORDERS = frozenset({"ORDERS", "ORDCHG"})
_REPORTS = frozenset({"CONTRL", "APERAK"})
_SYNTAX = re.compile(rb"UNB[^A-Za-z0-9](UNO[A-Z])")


def read(content: bytes, options: ReadOptions) -> Reading:
    """Orders (ORDERS) and changes (ORDCHG) in a file of EDIFACT interchanges.

    Never raises for bad input. A message with an ERROR is left out, the others are taken.
    """
    if len(content) > options.max_bytes:
        problem = Problem(
            severity=Severity.ERROR,
            code="too_large",
            place="whole file",
            value=str(len(content)),
            problem=f"a file may have {options.max_bytes} bytes",
        )
        return Reading(documents=(), problems=(problem,))
    syntax = _SYNTAX.search(content)
    declared = CHARSETS.get(syntax.group(1).decode("ascii")) if syntax is not None else None
    text = decode(content, declared)
    walk = Walk(text, options)
    if text.doubtful:
        _tell_encoding(walk, text, declared)
    walk.run()
    documents: list[OrderDocument] = []
    problems = walk.faults.told(None)
    interchanges: list[ReadInterchange] = []
    for interchange in walk.interchanges:
        groups = []
        for group in interchange.groups:
            messages = []
            for current in group.messages:
                document = _read_message(current, interchange, group, options)
                if document is not None:
                    documents.append(document)
                problems += current.faults.told(current.label)
                messages.append(_read(current))
            groups.append(_read_group(group, messages))
        interchanges.append(
            ReadInterchange(
                partner=interchange.partner, groups=tuple(groups), code=interchange.code
            )
        )
    return Reading(
        documents=tuple(documents),
        problems=in_order(problems),
        envelope=Envelope(interchanges=tuple(interchanges)),
    )


def _tell_encoding(walk: Walk, text: Text, declared: str | None) -> None:
    walk.faults.warning(
        "encoding_unsure",
        f"UNB declares {declared or 'no known character set'}, and the bytes do not fit; they were"
        f" read as {text.encoding}, look at names with letters beyond English",
        None,
        level=Level.INTERCHANGE,
    )


def _read_message(
    current: Message, interchange: Interchange, group: Group, options: ReadOptions
) -> OrderDocument | None:
    if current.kind in _ORDERS:
        return OrderReader(current, interchange, group, options).read()
    if current.kind in _REPORTS:
        current.faults.note(
            "no_order", f"{current.kind} is no order; it was passed over", current.header
        )
        return None
    current.faults.error(
        "message_unsupported",
        f"{current.kind or 'a message without a type'} is no order: ORDERS and ORDCHG are taken"
        " here",
        current.header,
        level=Level.MESSAGE,
        element=2,
        standard="14",
    )
    current.service_tag = "UNH"
    return None


def _read_group(group: Group, messages: list[ReadMessage]) -> ReadGroup:
    header = group.header
    return ReadGroup(
        reference=header.get(5) if header is not None else None,
        sender=header.components(2) if header is not None else (),
        recipient=header.components(3) if header is not None else (),
        messages=tuple(messages),
        code=group.code,
    )


def _read(current: Message) -> ReadMessage:
    """What CONTRL tells of a message."""
    whole: dict[int, str] = {}
    elements: dict[int, list[ElementNote]] = {}
    code = ""
    for fault in current.faults.kept:
        if fault.segment is None or not fault.standard:
            continue
        position = fault.segment.number - current.header.number + 1
        if fault.level is Level.MESSAGE:
            code = code or fault.standard
        elif fault.level is Level.SEGMENT:
            whole.setdefault(position, fault.standard)
        elif fault.level is Level.ELEMENT:
            elements.setdefault(position, []).append(
                ElementNote(position=fault.element, component=fault.component, code=fault.standard)
            )
    return ReadMessage(
        reference=current.reference,
        identifier=current.identifier,
        document=current.document,
        accepted=not current.faults.has_errors,
        code=code,
        service_tag=current.service_tag,
        segments=tuple(
            SegmentNote(
                position=position,
                code=whole.get(position, ""),
                elements=tuple(elements.get(position, ())),
            )
            for position in sorted({*whole, *elements})
        ),
    )

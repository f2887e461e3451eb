"""A file of X12 as orders, problems, and what an answer needs."""

from __future__ import annotations

from connectors.faults import Fault, Level, in_order
from connectors.options import ReadOptions
from connectors.segments import Text, decode
from connectors.x12.codes import REFERENCES
from connectors.x12.orders import OrderReader, check_functional_group
from connectors.x12.partner import ElementNote, Envelope, ReadGroup, ReadSet, SegmentNote
from connectors.x12.walk import Group, TransactionSet, Walk
from domain.documents import OrderDocument, Problem, Reading, Severity

_ORDERS = frozenset({"850", "860"})
_ACKNOWLEDGEMENTS = frozenset({"997", "999", "824", "864"})


def read(content: bytes, options: ReadOptions) -> Reading:
    """Orders (850) and changes (860) in a file of X12 interchanges.

    Never raises for bad input. A transaction set with an ERROR is left out, the others are taken.
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
    text = decode(content)
    walk = Walk(text, options)
    if text.doubtful:
        _tell_encoding(walk, text)
    walk.run()
    documents: list[OrderDocument] = []
    problems = walk.faults.told(None)
    groups: list[ReadGroup] = []
    for group in walk.groups:
        sets = []
        for current in group.sets:
            document = _read_set(current, group, options)
            if document is not None:
                documents.append(document)
            problems += current.faults.told(current.label)
            sets.append(_read(current))
        groups.append(
            ReadGroup(
                functional=group.functional,
                control=group.control,
                partner=group.partner,
                declared=group.declared if group.declared is not None else len(sets),
                sets=tuple(sets),
                codes=tuple(group.codes),
            )
        )
    return Reading(
        documents=tuple(documents),
        problems=in_order(problems),
        envelope=Envelope(groups=tuple(groups)),
    )


def _tell_encoding(walk: Walk, text: Text) -> None:
    walk.faults.warning(
        "encoding_unsure",
        f"the bytes are no UTF-8; they were read as {text.encoding}, look at names with letters"
        " beyond English",
        None,
        level=Level.INTERCHANGE,
    )


def _read_set(current: TransactionSet, group: Group, options: ReadOptions) -> OrderDocument | None:
    if current.kind in _ORDERS:
        check_functional_group(current, group)
        return OrderReader(current, group, options).read()
    if current.kind in _ACKNOWLEDGEMENTS:
        current.faults.note(
            "no_order", f"{current.kind} is no order; it was passed over", current.header
        )
        return None
    current.faults.error(
        "set_unsupported",
        f"{current.kind or 'a transaction set without a number'} is no order: 850 and 860 are taken"
        " here",
        current.header,
        level=Level.MESSAGE,
        element=1,
        standard="1" if current.kind else "6",
    )
    return None


def _read(current: TransactionSet) -> ReadSet:
    """What 997 tells of a transaction set."""
    faults = current.faults.kept
    codes = [fault.standard for fault in faults if fault.level is Level.MESSAGE and fault.standard]
    segments = _segment_notes(current, faults)
    if segments:
        codes.append("5")
    return ReadSet(
        kind=current.kind,
        control=current.control,
        document=current.document,
        purchase_order=current.purchase_order,
        release_number=current.release_number,
        accepted=not current.faults.has_errors,
        codes=tuple(dict.fromkeys(codes)),
        segments=segments,
    )


def _segment_notes(current: TransactionSet, faults: list[Fault]) -> tuple[SegmentNote, ...]:
    """Faults by segment, as AK3 and AK4 have them."""
    whole: dict[tuple[int, str], str] = {}
    elements: dict[tuple[int, str], list[ElementNote]] = {}
    for fault in faults:
        if fault.segment is None or not fault.standard:
            continue
        position = fault.segment.number - current.header.number + 1
        if fault.level is Level.SEGMENT:
            whole.setdefault((position, fault.tag), fault.standard)
        elif fault.level is Level.ELEMENT:
            names = REFERENCES.get(fault.tag, ())
            at = fault.element
            elements.setdefault((position, fault.tag), []).append(
                ElementNote(
                    position=at,
                    reference=names[at - 1] if at <= len(names) else "",
                    code=fault.standard,
                    value=fault.segment.get(at),
                )
            )
    return tuple(
        SegmentNote(
            tag=tag,
            position=position,
            code=whole.get((position, tag), "8"),
            elements=tuple(elements.get((position, tag), ())),
        )
        for position, tag in sorted({*whole, *elements})
    )

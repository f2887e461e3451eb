"""SAP IDocs in XML (ORDERS01–05, ORDCHG) → orders."""

from __future__ import annotations

from connectors.options import ReadOptions
from connectors.problems import Problems, too_large, whole_file
from connectors.sap_idoc.envelope import Control, Envelope, control_of
from connectors.sap_idoc.orders import document_of
from connectors.sap_idoc.segments import NO_MEANING_HERE
from connectors.sap_idoc.stream import Idocs, Refused, idocs
from domain.documents import OrderDocument, Problem, Reading, Severity

_BLANK = b" \t\r\n\xef\xbb\xbf"


def read(content: bytes, options: ReadOptions) -> Reading:
    """The orders of a file with one or several IDocs.

    Never raises for bad input. What makes the XML unreadable keeps out all of the file; what is
    wrong with one IDoc keeps out that one.
    """
    refusal = _not_for_us(content, options)
    if refusal is not None:
        return Reading(documents=(), problems=(refusal,))
    problems = Problems()
    documents: list[OrderDocument] = []
    controls: list[Control] = []
    gathered = Idocs(options.max_depth)
    count = 0
    try:
        for count, idoc in enumerate(idocs(content, gathered), start=1):
            if count > options.max_orders:
                raise _too_many(options.max_orders, idoc.place)
            controls.append(control_of(idoc.first("EDI_DC40")))
            document = document_of(idoc, count, gathered.root, options, problems)
            if document is not None:
                documents.append(document)
    except Refused as refused:
        problems = Problems()
        problems.add(
            whole_file(refused.code, refused.problem, place=refused.place, value=refused.value)
        )
        return Reading(documents=(), problems=problems.told())
    if count == 0:
        return Reading(documents=(), problems=(_no_idoc(gathered.root),))
    _note_unknown(gathered, problems)
    return Reading(
        documents=tuple(documents),
        problems=problems.told(),
        envelope=Envelope(controls=tuple(controls)),
    )


def _not_for_us(content: bytes, options: ReadOptions) -> Problem | None:
    if len(content) > options.max_bytes:
        return too_large(len(content), options.max_bytes)
    start = content[:4096].lstrip(_BLANK)
    if not start:
        return whole_file("empty", "there is nothing in the document")
    if start.startswith((b"EDI_DC", b"E\x00D\x00I\x00_\x00D\x00C")):
        return whole_file(
            "flat_file",
            "this is an IDoc as a flat file; send it as XML (in SAP: a port of the type XML file"
            " or XML HTTP, transaction WE21)",
            place="byte 0",
            value=start[:40].decode("ascii", "replace"),
        )
    if not start.startswith((b"<", b"\xff\xfe", b"\xfe\xff", b"\x00<")):
        return whole_file(
            "not_xml",
            "expected an IDoc in XML, which begins with < (<?xml … or <ORDERS05>)",
            place="byte 0",
            value=start[:40].decode("utf-8", "replace"),
        )
    return None


def _too_many(limit: int, place: str) -> Refused:
    return Refused(
        "too_many_orders",
        f"no more than {limit} IDocs are read of one file; send it in parts",
        place,
    )


def _no_idoc(root: str) -> Problem:
    if "ORDERS" in root or "ORDCHG" in root:
        return whole_file("idoc_missing", "there is no IDOC in the document", place=f"/{root}")
    return whole_file(
        "wrong_root",
        "expected <ORDERS05> (ORDERS01 to ORDERS05, or an extension of them) with IDOC elements in"
        " it; without SOAP or any other envelope",
        place=f"/{root}",
        value=root,
    )


def _note_unknown(gathered: Idocs, problems: Problems) -> None:
    for tag, times in sorted(gathered.passed_over.items())[:100]:
        if tag not in NO_MEANING_HERE:
            problems.add(
                Problem(
                    severity=Severity.NOTE,
                    code="segment_unknown",
                    place=f"/{gathered.root}/IDOC//{tag}",
                    value=tag,
                    problem=f"this segment has no meaning here and was passed over ({times} times)",
                )
            )

"""One IDoc as an order, a change or a cancellation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from connectors.options import ReadOptions
from connectors.problems import Problems
from connectors.sap_idoc.lines import dated, lines_of
from connectors.sap_idoc.partners import parties_of
from connectors.sap_idoc.report import Report
from connectors.sap_idoc.segments import (
    CUSTOMERS_ORDER,
    DOCUMENT_DATES,
    REQUESTED_DELIVERY,
    REVERSED,
    TOTAL_ITEMS,
    TOTAL_NET,
    TOTAL_QUANTITY,
    WORDS,
)
from connectors.sap_idoc.stream import Node
from connectors.sap_idoc.values import BadValueError, decimal, version
from connectors.texts import MAX_CODE_CHARACTERS, MAX_TEXT_CHARACTERS
from domain.documents import DocumentKind, DocumentLine, Due, OrderDocument

_MAX_NOTES = 50
_MAX_NOTE_CHARACTERS = 4_000
_CURRENCY_LETTERS = 3
_MESSAGES = ("ORDERS", "ORDCHG")


def document_of(
    idoc: Node, number: int, root: str, options: ReadOptions, problems: Problems
) -> OrderDocument | None:
    """What an IDoc wants; None: it cannot be taken in, as the problems say.

    Args:
        idoc: its segments.
        number: which one it is in the file, from 1.
        root: the document's root element, which names the basic type.
        options: of reading.
        problems: takes down what is wrong.
    """
    control = idoc.first("EDI_DC40")
    header = idoc.first("E1EDK01")
    order = _number(idoc, header)
    message = control.field("DOCNUM") if control is not None else ""
    report = Report(problems, order or (f"IDoc {message}" if message else f"IDOC[{number}]"))
    kind = _kind(idoc, control, header, root, report)
    if kind is None:
        return None
    if not order:
        report.error(
            "number_missing", header or idoc, "BELNR",
            "the order has no number: neither E1EDK01-BELNR nor E1EDK02-BELNR with QUALF 001",
            value="",
        )  # fmt: skip
    items = idoc.all("E1EDP01")
    if len(items) > options.max_lines:
        report.error(
            "too_many_lines", idoc, "E1EDP01",
            f"no more than {options.max_lines} lines are read of one order",
            value=str(len(items)),
        )  # fmt: skip
        return None
    _check_lengths(idoc, report)
    lines = _lines(idoc, kind, report)
    _check_totals(idoc, items, report)
    reference = _reference(idoc)
    document = OrderDocument(
        kind=kind,
        source=options.source or _source(idoc, control, report),
        number=order,
        version=_version(control, report),
        message=message or None,
        issued=_issued(idoc, report),
        parties=parties_of(idoc, control, header, report),
        currency=_currency(header, items, report),
        customer_reference=reference if reference != order else None,
        due=_header_date(idoc, (REQUESTED_DELIVERY,), report),
        lines=lines,
        notes=tuple(_notes(idoc)),
    )
    return None if report.has_errors else document


def _number(idoc: Node, header: Node | None) -> str:
    return (header.field("BELNR") if header is not None else "") or _reference(idoc) or ""


def _reference(idoc: Node) -> str | None:
    """The customer's number of the order."""
    return next(
        (
            one.field("BELNR")
            for one in idoc.all("E1EDK02")
            if one.field("QUALF") == CUSTOMERS_ORDER and one.field("BELNR")
        ),
        None,
    )


def _kind(
    idoc: Node, control: Node | None, header: Node | None, root: str, report: Report
) -> DocumentKind | None:
    message = control.field("MESTYP") if control is not None else ""
    if control is None:
        report.warning(
            "control_missing", idoc, "EDI_DC40",
            "there is no control record: who sent the order and when is not known", value="",
        )  # fmt: skip
    if not message:
        basic = (control.field("IDOCTYP") if control is not None else "") or root
        message = "ORDCHG" if "ORDCHG" in basic else "ORDERS" if "ORDERS" in basic else ""
    if message not in _MESSAGES:
        report.error(
            "message_type_wrong", control or idoc, "MESTYP",
            "expected ORDERS or ORDCHG: an order or a change of one", value=message or root,
        )  # fmt: skip
        return None
    if control is not None and control.field("TEST"):
        report.warning("test_document", control, "TEST", "the sender marked the IDoc as a test")
    if header is not None and header.field("ACTION") == REVERSED:
        return DocumentKind.CANCEL
    return DocumentKind.CHANGE if message == "ORDCHG" else DocumentKind.ORDER


def _check_lengths(node: Node, report: Report) -> None:
    """No field is longer than the longest of the standard: what follows is no value."""
    for field, value in node.fields.items():
        limit = MAX_TEXT_CHARACTERS if field in WORDS else MAX_CODE_CHARACTERS
        if len(value) > limit:
            report.error("text_too_long", node, field, f"expected {limit} characters at most")
    for child in node.children:
        _check_lengths(child, report)


def _lines(idoc: Node, kind: DocumentKind, report: Report) -> tuple[DocumentLine, ...]:
    if kind is DocumentKind.CANCEL:
        return ()
    lines: dict[str, DocumentLine] = {}
    for place, item in enumerate(idoc.all("E1EDP01"), start=1):
        if not item.field("POSEX"):
            if kind is DocumentKind.CHANGE:
                report.error(
                    "position_missing", item, "POSEX", "a change must say which item it is about"
                )
            else:
                report.warning(
                    "position_missing", item, "POSEX",
                    f"the item has no number; it is called {place} here",
                )  # fmt: skip
                item.fields["POSEX"] = str(place)
        for line in lines_of(item, kind, report):
            if line.position in lines:
                report.error(
                    "position_repeated", item, "POSEX",
                    f"the item's number stands at {lines[line.position].place} already",
                )  # fmt: skip
            lines[line.position] = line
    if not lines and kind is DocumentKind.ORDER and not report.has_errors:
        report.error("lines_missing", idoc, "E1EDP01", "the order has no items", value="")
    return tuple(lines.values())


def _source(idoc: Node, control: Node | None, report: Report) -> str:
    sender = ""
    if control is not None:
        sender = control.field("SNDPRN") or control.field("SNDPOR")
    if not sender:
        report.warning(
            "sender_missing", control or idoc, "SNDPRN",
            "the IDoc does not say who sent it; its order's number is taken as unique", value="",
        )  # fmt: skip
        return "sap-idoc"
    return f"sap-idoc:{sender}"


def _version(control: Node | None, report: Report) -> int:
    if control is None:
        return 0
    try:
        return version(control.field("CREDAT"), control.field("CRETIM"))
    except BadValueError as fault:
        wrong = "CRETIM" if "HHMMSS" in str(fault) else "CREDAT"
        report.warning(
            "version_unknown", control, wrong, f"{fault}; which document is newer cannot be said"
        )
        return 0


def _issued(idoc: Node, report: Report) -> Due | None:
    stated = _header_date(idoc, DOCUMENT_DATES, report)
    if stated is None:
        for one in idoc.all("E1EDK02"):
            if one.field("QUALF") == CUSTOMERS_ORDER and one.field("DATUM"):
                stated = dated(one, "DATUM", "UZEIT", report)
    # The document's date is a day, whatever time it was written at.
    return stated.date() if isinstance(stated, datetime) else stated


def _header_date(idoc: Node, codes: Iterable[str], report: Report) -> Due | None:
    by_code = {one.field("IDDAT"): one for one in reversed(idoc.all("E1EDK03"))}
    for code in codes:
        if code in by_code and by_code[code].field("DATUM"):
            return dated(by_code[code], "DATUM", "UZEIT", report)
    return None


def _currency(header: Node | None, items: list[Node], report: Report) -> str | None:
    stated = header.field("CURCY") if header is not None else ""
    currencies = {item.field("CURCY") for item in items} - {""}
    if not stated and len(currencies) == 1:
        stated = currencies.pop()
    for item in items:
        if stated and item.field("CURCY") not in {"", stated}:
            report.warning(
                "currency_differs", item, "CURCY", f"the order is in {stated}, and this item is not"
            )
    if not stated:
        return None
    if len(stated) != _CURRENCY_LETTERS or not (stated.isascii() and stated.isalpha()):
        report.warning(
            "currency_unknown", header or items[0], "CURCY", "expected three letters of ISO 4217"
        )
        return None
    return stated.upper()


def _notes(idoc: Node) -> list[str]:
    notes = [text for one in idoc.all("E1EDKT1") if (text := _text(one, "E1EDKT2"))]
    for item in idoc.all("E1EDP01"):
        for one in item.all("E1EDPT1"):
            text = _text(one, "E1EDPT2")
            notes += [f"{item.field('POSEX')}: {text}"] if text else []
    return notes[:_MAX_NOTES]


def _text(head: Node, line_tag: str) -> str:
    """A text's lines together: `*` and `/` begin a new one, everything else goes on."""
    text = ""
    for one in head.all(line_tag):
        said = one.field("TDLINE")
        form = one.field("TDFORMAT")
        between = "" if not text or form == "=" else "\n" if form in {"*", "/", "/="} else " "
        text += between + said
    return text.strip()[:_MAX_NOTE_CHARACTERS]


def _check_totals(idoc: Node, items: list[Node], report: Report) -> None:
    """The sums at the end against what was read."""
    for one in idoc.all("E1EDS01"):
        code = one.field("SUMID")
        if code == TOTAL_ITEMS:
            found: Decimal | None = Decimal(len(items))
        elif code == TOTAL_NET:
            found = _sum(items, "NETWR")
        elif code == TOTAL_QUANTITY:
            found = _sum(items, "MENGE")
        else:
            continue
        if found is None:
            continue
        try:
            stated = decimal(one.field("SUMME"))
        except BadValueError as fault:
            report.warning("sum_unreadable", one, "SUMME", str(fault))
            continue
        if stated != found:
            what = {TOTAL_ITEMS: "items", TOTAL_NET: "net value", TOTAL_QUANTITY: "quantity"}[code]
            report.warning(
                "sum_wrong", one, "SUMME",
                f"the document says that its {what} is {stated}, and what was read adds up to"
                f" {found}: something may be missing",
            )  # fmt: skip


def _sum(items: list[Node], field: str) -> Decimal | None:
    """The sum of a field; None: not every item has it, or one cannot be read."""
    total = Decimal(0)
    for item in items:
        try:
            total += decimal(item.field(field))
        except BadValueError:
            return None
    return total if items else None

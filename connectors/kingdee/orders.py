"""The bill SAL_SaleOrder of Kingdee's WebAPI → orders.

Read are the answer of View, the model of Save, several of either in a list, and rows of
ExecuteBillQuery with the keys that were asked for. A bill tells the order as a whole, so each is
read as the order, and `ModifyDate` says which is newer.
"""

from __future__ import annotations

from connectors.json_documents import Refused, decoded
from connectors.json_fields import Object, Report, text_of
from connectors.kingdee.bills import Bill, bills_of, named, reference
from connectors.kingdee.lines import is_set, lines_of
from connectors.options import ReadOptions
from connectors.problems import Problems
from connectors.texts import MAX_CODE_CHARACTERS
from connectors.wall_times import version_of, wanted
from domain.documents import (
    DocumentKind,
    Name,
    NameScheme,
    OrderDocument,
    Party,
    PartyRole,
    Reading,
)

_AUDITED = "C"
_CURRENCIES = {"PRE001": "CNY", "PRE007": "USD"}
"""Kingdee's own numbers of currencies that come with every installation."""
_CURRENCY_LETTERS = 3


def read(content: bytes, options: ReadOptions) -> Reading:
    """The orders of a body.

    Args:
        content: JSON as the WebAPI gives it.
        options: `source` should be `kingdee:<account id>`; a body does not say it.
    """
    try:
        bills = bills_of(decoded(content, options), options)
    except Refused as refused:
        return Reading(documents=(), problems=(refused.problem,))
    problems = Problems()
    documents = [
        document for bill in bills if (document := _document(bill, options, problems)) is not None
    ]
    return Reading(documents=tuple(documents), problems=problems.told())


def _document(bill: Bill, options: ReadOptions, problems: Problems) -> OrderDocument | None:
    head, place = bill.head, bill.place
    number = text_of(head, "billno")
    report = Report(problems, number or place)
    if number is None:
        report.error("number_missing", f"{place}.BillNo", "the bill has no number")
    elif len(number) > MAX_CODE_CHARACTERS:
        report.error(
            "text_too_long", f"{place}.BillNo",
            f"expected {MAX_CODE_CHARACTERS} characters at most", number,
        )  # fmt: skip
    if options.source is None:
        report.warning(
            "sender_missing", place,
            "a bill does not say whose account it is of: set the channel's source to"
            " kingdee:<account id>",
        )  # fmt: skip
    is_cancelled = is_set(head, "cancelstatus")
    # What stands in a cancelled bill is not wanted, so nobody has to hear what is wrong with it.
    lines = () if is_cancelled else lines_of(bill, options, report)
    if not is_cancelled:
        _tell_state(head, place, report)
        if not lines and not report.has_errors:
            if not bill.entries:
                report.error("lines_missing", f"{place}.SaleOrderEntry", "the bill has no entries")
            is_cancelled = True
    version = version_of(head.get("modifydate"))
    if version is None:
        report.warning(
            "version_unknown", f"{place}.ModifyDate",
            "expected a time like 2026-11-22T10:00:00.123; without it nobody can say which of two"
            " readings is newer", head.get("modifydate"),
        )  # fmt: skip
    document = OrderDocument(
        kind=DocumentKind.CANCEL if is_cancelled else DocumentKind.ORDER,
        source=options.source or "kingdee",
        number=number or "",
        version=version or 0,
        message=text_of(head, "id"),
        issued=wanted(head, "date", place, report),
        parties=_parties(head, place, report),
        currency=_currency(head, place, report),
        lines=lines,
        complete=True,
        notes=_notes(bill),
    )
    return None if report.has_errors else document


def _tell_state(head: Object, place: str, report: Report) -> None:
    state = text_of(head, "documentstatus")
    if state is not None and state != _AUDITED:
        report.warning(
            "not_audited", f"{place}.DocumentStatus",
            "the bill is not audited (C) in Kingdee, so it may still change", state,
        )  # fmt: skip
    if is_set(head, "closestatus"):
        report.warning(
            "order_closed", f"{place}.CloseStatus",
            "the bill was closed in Kingdee: no more of it is wanted than what has left",
        )  # fmt: skip


def _parties(head: Object, place: str, report: Report) -> tuple[Party, ...]:
    code, name = reference(head, "custid")
    told = head.get("custid")
    names = [Name(NameScheme.SUPPLIER, code)] if code else []
    if isinstance(told, int) and not isinstance(told, bool):
        names = [Name(NameScheme.OTHER, f"customer {told}")]
    if not names and name is None:
        report.warning("customer_missing", f"{place}.CustId", "whose order it is, is not said")
        return ()
    buyer = Party(role=PartyRole.SOLD_TO, role_code="CustId", names=tuple(names), name=name)
    receiver, receiver_name = reference(head, "receiveid")
    address = text_of(head, "receiveaddress")
    contact = text_of(head, "linkman")
    if receiver is None and receiver_name is None and address is None and contact is None:
        return (buyer,)
    return (
        buyer,
        Party(
            role=PartyRole.SHIP_TO,
            role_code="ReceiveId",
            names=(Name(NameScheme.SUPPLIER, receiver),) if receiver else (),
            name=", ".join(part for part in (receiver_name, contact) if part) or None,
            street=(address,) if address else (),
            phone=text_of(head, "linkphone"),
        ),
    )


def _currency(head: Object, place: str, report: Report) -> str | None:
    number, _ = reference(head, "settlecurrid")
    told = head.get("settlecurrid")
    code = text_of(named(told), "code") if isinstance(told, dict) else None
    stated = code or number
    if stated is None:
        return None
    known = _CURRENCIES.get(stated, stated)
    if len(known) != _CURRENCY_LETTERS or not (known.isascii() and known.isalpha()):
        report.warning(
            "currency_unknown", f"{place}.SettleCurrId",
            "expected three letters of ISO 4217: ask for FSettleCurrId.FCODE", stated,
        )  # fmt: skip
        return None
    return known.upper()


def _notes(bill: Bill) -> tuple[str, ...]:
    entries = [entry for _, entry in bill.entries or [] if isinstance(entry, dict)]
    told = [text_of(bill.head, "note")]
    for entry in entries:
        note = text_of(entry, "entrynote") or text_of(entry, "note")
        told.append(f"{text_of(entry, 'seq')}: {note}" if note and "seq" in entry else note)
    return tuple(note for note in told[:50] if note)

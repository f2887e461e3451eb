"""Sales orders of YonBIP's OpenAPI (`/yonbip/sd/voucherorder/…`) → orders.

Read are answers of `detail` and of `list` with a row for each line (`isSum: false`), and several
answers in a list. Each tells the order as a whole, and `pubts` says which is newer.
"""

from __future__ import annotations

from connectors.json_documents import Refused, decoded
from connectors.json_fields import Object, Report, object_of, text_of
from connectors.options import ReadOptions
from connectors.problems import Problems
from connectors.texts import MAX_CODE_CHARACTERS
from connectors.wall_times import version_of, wanted
from connectors.yonyou.bodies import Bill, bills_of
from connectors.yonyou.lines import lines_of
from domain.documents import (
    DocumentKind,
    Due,
    Name,
    NameScheme,
    OrderDocument,
    Party,
    PartyRole,
    Reading,
)

_CANCELLED = "OPPOSE"
_FINISHED = "ENDORDER"
_UNAPPROVED = frozenset({"CONFIRMORDER", "APPROVING"})
_CURRENCY_LETTERS = 3
_CURRENCY_KEYS = ("currency_code", "originalCode", "currencyCode", "currency", "originalName")
_CURRENCY_NAMES = {
    "人民币": "CNY", "美元": "USD", "欧元": "EUR", "港币": "HKD", "港元": "HKD", "日元": "JPY",
    "英镑": "GBP",
}  # fmt: skip


def read(content: bytes, options: ReadOptions) -> Reading:
    """The orders of a body.

    Args:
        content: JSON as the OpenAPI gives it.
        options: `source` should be `yonyou:<tenant id>`; a body does not say it.
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
    number = text_of(head, "code")
    report = Report(problems, number or place)
    if number is None:
        report.error("number_missing", f"{place}.code", "the order has no number")
    elif len(number) > MAX_CODE_CHARACTERS:
        report.error(
            "text_too_long", f"{place}.code",
            f"expected {MAX_CODE_CHARACTERS} characters at most", number,
        )  # fmt: skip
    if options.source is None:
        report.warning(
            "sender_missing", place,
            "an order does not say whose tenant it is of: set the channel's source to"
            " yonyou:<tenant id>",
        )  # fmt: skip
    is_cancelled = text_of(head, "nextStatus") == _CANCELLED
    # What stands in a cancelled order is not wanted, so nobody has to hear what is wrong with it.
    lines = () if is_cancelled else lines_of(bill, options, report)
    if not is_cancelled:
        _tell_state(head, place, report)
        if not lines and not report.has_errors:
            if not bill.lines:
                report.error(
                    "lines_missing", f"{place}.orderDetails",
                    "the order has no lines: ask for them with isSum false, or for its detail",
                )  # fmt: skip
            is_cancelled = True
    document = OrderDocument(
        kind=DocumentKind.CANCEL if is_cancelled else DocumentKind.ORDER,
        source=options.source or "yonyou",
        number=number or "",
        version=_version(head, place, report),
        message=text_of(head, "orderId") or text_of(head, "id"),
        issued=wanted(head, "vouchdate", place, report),
        parties=_parties(head, place, report),
        currency=_currency(head, place, report),
        customer_reference=text_of(head, "purchaseNo", limit=MAX_CODE_CHARACTERS),
        due=_due(head, place, report),
        lines=lines,
        complete=True,
        notes=tuple(note for key in ("memo", "remark") if (note := text_of(head, key))),
    )
    return None if report.has_errors else document


def _tell_state(head: Object, place: str, report: Report) -> None:
    state = text_of(head, "nextStatus")
    if state in _UNAPPROVED:
        report.warning(
            "not_audited", f"{place}.nextStatus",
            "the order is not approved in YonBIP, so it may still change", state,
        )  # fmt: skip
    elif state == _FINISHED:
        report.warning(
            "order_closed", f"{place}.nextStatus",
            "the order is finished in YonBIP: nothing more of it is wanted", state,
        )  # fmt: skip


def _version(head: Object, place: str, report: Report) -> int:
    """`pubts`, which rises with every change of the order; else when it was modified."""
    for key in ("pubts", "modifyTime"):
        if (version := version_of(head.get(key))) is not None:
            return version
    report.warning(
        "version_unknown", f"{place}.pubts",
        "expected a time like 2026-11-22 10:00:00; without it nobody can say which of two"
        " readings is newer", head.get("pubts"),
    )  # fmt: skip
    return 0


def _due(head: Object, place: str, report: Report) -> Due | None:
    key = next(
        (key for key in ("hopeReceiveDate", "sendDate", "deliveryDate") if head.get(key)), ""
    )
    return wanted(head, key, place, report)


def _parties(head: Object, place: str, report: Report) -> tuple[Party, ...]:
    code, name = text_of(head, "agentId_code"), text_of(head, "agentId_name")
    identity = text_of(head, "agentId")
    names = [Name(NameScheme.SUPPLIER, code)] if code else []
    names += [Name(NameScheme.OTHER, f"agent {identity}")] if identity else []
    if not names and name is None:
        report.warning("customer_missing", f"{place}.agentId", "whose order it is, is not said")
        return ()
    buyer = Party(role=PartyRole.SOLD_TO, role_code="agentId", names=tuple(names), name=name)
    address = text_of(head, "receiveAddress")
    contact = text_of(head, "receiver") or text_of(head, "receiveContacter")
    if address is None and contact is None:
        return (buyer,)
    phone = text_of(head, "receiveMobile") or text_of(head, "receiveContacterPhone")
    receiver = Party(
        role=PartyRole.SHIP_TO,
        role_code="receiver",
        name=contact,
        street=(address,) if address else (),
        postal_code=text_of(head, "receiveZipCode"),
        phone=phone,
    )
    return (buyer, receiver)


def _currency(head: Object, place: str, report: Report) -> str | None:
    prices = object_of(head, "orderPrices") or {}
    stated = [
        told for holder in (head, prices) for key in _CURRENCY_KEYS
        if (told := text_of(holder, key))
    ]  # fmt: skip
    for told in stated:
        code = _CURRENCY_NAMES.get(told, told)
        if len(code) == _CURRENCY_LETTERS and code.isascii() and code.isalpha():
            return code.upper()
    if stated:
        report.warning(
            "currency_unknown", f"{place}.orderPrices",
            "expected the currency as three letters of ISO 4217", stated[-1],
        )  # fmt: skip
    return None
